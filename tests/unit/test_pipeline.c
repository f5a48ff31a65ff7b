/* SPDX-License-Identifier: MIT
 *
 * pipeline, pipeline_step: how steps follow each other, fail, are skipped and jump.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "host/pipeline.h"
#include "host/pipeline_step.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

/* A step that fails with the engine's kind of text, without another system. */
#define FAIL(name) "{name: " name ", type: step.json_parse, config: {source: raw}}"
#define SET(name, key, value)                                                              \
    "{name: " name ", type: step.set, config: {values: {" key ": " value "}}}"

static const struct {
    const char *what, *steps, *more, *event, *result;
} runs[] = {
    {"outputs are laid over the data, flat",
     "[" SET("a", "x", "1") ", " SET("b", "x", "2") "]", "", "{\"x\":0,\"y\":9}",
     "{\"x\":2,\"y\":9}"},
    {"the event stays what it was",
     "[" SET("a", "x", "5") ", " SET("b", "y", "'${ trigger.x }'") "]", "", "{\"x\":1}",
     "{\"x\":5,\"y\":\"1\"}"},
    {"outputs are there by step",
     "[" SET("a", "x", "5") ", " SET("b", "y", "'${ steps.a.x }'") "]", "", "{}",
     "{\"x\":5,\"y\":\"5\"}"},
    {"meta names the pipeline", "[" SET("a", "x", "'${ meta.pipeline }'") "]", "", "{}",
     "{\"x\":\"p\"}"},
    {"an empty event is an empty object", "[" SET("a", "x", "1") "]", "", "", "{\"x\":1}"},
    {"a list is no event", "[" SET("a", "x", "1") "]", "", "[1]",
     "error: pipeline \"p\": the event must be a JSON object"},
    {"skip_if true skips, and nothing is recorded",
     "[{name: a, type: step.set, skip_if: '${ n > 1 }', config: {values: {x: 1}}}]", "",
     "{\"n\":2}", "{\"n\":2}"},
    {"skip_if false runs",
     "[{name: a, type: step.set, skip_if: '${ n > 1 }', config: {values: {x: 1}}}]", "",
     "{\"n\":1}", "{\"n\":1,\"x\":1}"},
    {"if false skips",
     "[{name: a, type: step.set, if: '{{ .n }}', config: {values: {x: 1}}}]", "",
     "{\"n\":0}", "{\"n\":0}"},
    {"if true runs",
     "[{name: a, type: step.set, if: '{{ .n }}', config: {values: {x: 1}}}]", "",
     "{\"n\":7}", "{\"n\":7,\"x\":1}"},
    {"skip_if wins over if",
     "[{name: a, type: step.set, if: 'yes', skip_if: 'yes', config: {values: {x: 1}}}]", "",
     "{}", "{}"},
    {"a guard that fails reads as empty: skip_if runs",
     "[{name: a, type: step.set, skip_if: '${ a.b.c }', config: {values: {x: 1}}}]", "",
     "{}", "{\"x\":1}"},
    {"a guard that fails reads as empty: if skips",
     "[{name: a, type: step.set, if: '${ a.b.c }', config: {values: {x: 1}}}]", "", "{}",
     "{}"},
    {"a boolean is a guard, too",
     "[{name: a, type: step.set, skip_if: true, config: {values: {x: 1}}}]", "", "{}",
     "{}"},
    {"a failing step ends it with the engine's words", "[" FAIL("bad") "]", "",
     "{\"raw\":\"{\"}", NULL},
    {"on_error skip notes it and goes on",
     "[" FAIL("bad") ", " SET(
         "after", "ok",
         "true") ", {name: out, type: step.set, config: "
                 "{values: {_error: '', skipped: '${ steps.bad._skipped }'}}}]",
     "on_error: skip", "{\"raw\":\"{\"}",
     "{\"raw\":\"{\",\"_error\":\"\",\"_skipped\":true,\"ok\":true,\"skipped\":\"true\"}"},
    {"a step's own on_error wins",
     "[{name: bad, type: step.json_parse, on_error: skip, config: {source: raw}}, {name: "
     "out, "
     "type: step.set, config: {values: {_error: ''}}}]",
     "", "{\"raw\":\"{\"}", "{\"raw\":\"{\",\"_error\":\"\",\"_skipped\":true}"},
    {"a jump leaves out what is between",
     "[{name: c, type: step.conditional, config: {field: n, routes: {'1': z}, default: "
     "y}}, " SET("y", "y", "1") ", " SET("z", "z", "1") "]",
     "", "{\"n\":1}", "{\"n\":1,\"matched_value\":\"1\",\"next_step\":\"z\",\"z\":1}"},
    {"stop ends it with success",
     "[{name: r, type: step.json_response, config: {status: 200, body: {}}}, " SET(
         "never", "x", "1") "]",
     "", "{}", "{\"status\":200,\"body\":{}}"},
    {"strict templates make a missing key an error", "[" SET("a", "x", "'{{ .nope }}'") "]",
     "strict_templates: true", "{}", NULL},
    {"integers of 64 bits and decimals go through unchanged", "[" SET("a", "x", "1") "]",
     "", "{\"id\":9223372036854775807,\"price\":12.340}",
     "{\"id\":9223372036854775807,\"price\":12.340,\"x\":1}"},
};

static struct host_rig *rig_of(int i)
{
    CDC_CLEANUP(buf_release) struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml, "pipelines:\n  p:\n    steps: %s\n    %s\n", runs[i].steps,
               runs[i].more);
    return host_rig_new(buf_c(&yaml), NULL);
}

START_TEST(a_run_ends_as_the_engine_ends_it)
{
    struct host_rig *rig = rig_of(_i);
    const char *result = host_rig_run(rig, "p", runs[_i].event);
    if (runs[_i].result)
        ck_assert_msg(!strcmp(result, runs[_i].result), "%s:\n  %s\nnot\n  %s",
                      runs[_i].what, result, runs[_i].result);
    else
        ck_assert_msg(
            str_starts(str_from(result),
                       STR("error: workflow execution failed: pipeline \"p\" execution "
                           "failed: step \"")),
            "%s: %s", runs[_i].what, result);
    /* Memory that is used again holds nothing of the run before. */
    char *first = str_dup(str_from(result));
    ck_assert_str_eq(host_rig_run(rig, "p", runs[_i].event), first);
    free(first);
    host_rig_free(rig);
}
END_TEST

START_TEST(compensation_runs_in_reverse_and_is_told)
{
    struct host_rig *rig = host_rig_new(
        "pipelines:\n  p:\n    on_error: compensate\n    steps: [" FAIL(
            "bad") "]\n"
                   "    compensation:\n"
                   "      - {name: first, type: step.log, config: {message: undo 1}}\n"
                   "      - {name: second, type: step.log, config: {message: undo "
                   "2}}\n",
        NULL);
    const char *result = host_rig_run(rig, "p", "{\"raw\":\"{\"}");
    ck_assert_msg(str_ends(str_from(result), STR(" (compensation executed)")), "%s",
                  result);
    const char *one = strstr(host_rig_log(rig), "undo 2");
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(strstr(one, "undo 1"));
    host_rig_free(rig);
}
END_TEST

START_TEST(a_compensation_that_fails_is_told_and_the_others_run)
{
    struct host_rig *rig = host_rig_new(
        "pipelines:\n  p:\n    on_error: compensate\n    steps: [" FAIL(
            "bad") "]\n"
                   "    compensation:\n"
                   "      - {name: first, type: step.log, config: {message: undone}}\n"
                   "      - " FAIL("undo") "\n",
        NULL);
    const char *result = host_rig_run(rig, "p", "{\"raw\":\"{\"}");
    ck_assert_ptr_nonnull(
        strstr(result, " (compensation also failed: step \"undo\" failed: "));
    ck_assert_ptr_nonnull(strstr(host_rig_log(rig), "undone"));
    host_rig_free(rig);
}
END_TEST

START_TEST(a_timeout_ends_a_loop_of_jumps)
{
    struct host_rig *rig =
        host_rig_new("pipelines:\n  p:\n    timeout: 30ms\n    steps:\n"
                     "      - {name: again, type: step.conditional, config: {field: n, "
                     "routes: {'1': again}}}\n",
                     NULL);
    int64_t began = clock_mono_ms();
    ck_assert_str_eq(host_rig_run(rig, "p", "{\"n\":1}"),
                     "error: workflow execution failed: pipeline \"p\" execution failed: "
                     "pipeline \"p\" cancelled: context deadline exceeded");
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    host_rig_free(rig);
}
END_TEST

START_TEST(the_status_of_a_failed_step_reaches_the_caller)
{
    struct host_rig *rig = host_rig_new("pipelines:\n  p:\n    steps: [{name: bad, "
                                        "type: step.json_parse, error_status: 422, "
                                        "config: {source: raw}}]\n",
                                        NULL);
    struct pipeline_call call = {.data = STR("{\"raw\":\"{\"}")};
    struct pipeline *p = app_pipeline(host_rig_app(rig), STR("p"));
    ck_assert_int_eq(pipeline_run(p, &call, NULL), WF_FAILED);
    ck_assert_int_eq(call.error_status, 422);
    call.data = STR("{\"raw\":\"{}\"}");
    ck_assert_int_eq(pipeline_run(p, &call, NULL), WF_OK);
    ck_assert_int_eq(call.error_status, 0);
    host_rig_free(rig);
}
END_TEST

START_TEST(the_triggers_metadata_is_laid_over_meta)
{
    struct host_rig *rig =
        host_rig_new("pipelines:\n  p:\n    steps: [" SET(
                         "a", "x", "'${ meta.from } ${ meta.pipeline }'") "]\n",
                     NULL);
    struct pipeline_call call = {.metadata = STR("{\"from\":\"bus\"}")};
    ck_assert_int_eq(pipeline_run(app_pipeline(host_rig_app(rig), STR("p")), &call, NULL),
                     WF_OK);
    call.metadata = STR("[]");
    ck_assert_int_eq(pipeline_run(app_pipeline(host_rig_app(rig), STR("p")), &call, NULL),
                     WF_CONFIG);
    host_rig_free(rig);
}
END_TEST

START_TEST(every_prefix_of_an_event_is_refused)
{
    static const char event[] = "{\"a\":[1,2.5,\"x\\u00e9\",null,{\"b\":true}]}";
    struct host_rig *rig =
        host_rig_new("pipelines:\n  p:\n    steps: [" SET("a", "x", "1") "]\n", NULL);
    for (size_t len = 1; len < sizeof(event) - 1; len++) {
        char *copy = str_dup((wf_str){event, len});
        ck_assert_msg(!strncmp(host_rig_run(rig, "p", copy), "error: ", 7), "%s", copy);
        free(copy);
    }
    ck_assert_int_ne(strncmp(host_rig_run(rig, "p", event), "error: ", 7), 0);
    host_rig_free(rig);
}
END_TEST

START_TEST(what_is_false_is_what_the_engine_calls_so)
{
    static const char *const falsy[] = {"", "  ", "false", " false ", "0", "\t0\n"};
    static const char *const truthy[] = {"true", "no", "<no value>", "00", "False", "x"};
    for (size_t i = 0; i < CDC_COUNT(falsy); i++)
        ck_assert(!pipeline_step_truthy(str_from(falsy[i])));
    for (size_t i = 0; i < CDC_COUNT(truthy); i++)
        ck_assert(pipeline_step_truthy(str_from(truthy[i])));
}
END_TEST

static void *many_runs(void *arg)
{
    struct pipeline *p = arg;
    for (int i = 0; i < 500; i++) {
        char event[64];
        int len = snprintf(event, sizeof(event), "{\"n\":%d}", i);
        struct pipeline_call call = {.data = {event, (size_t)len}};
        if (pipeline_run(p, &call, NULL))
            return p;
    }
    return NULL;
}

START_TEST(runs_in_many_threads_do_not_meet)
{
    struct host_rig *rig = host_rig_new(
        "pipelines:\n  p:\n    steps: [" SET(
            "a", "x", "'${ n }'") ", {name: c, type: step.conditional, config: {if: "
                                  "'${ toString(n) == x or true }', then: d}}"
                                  ", " SET("d", "y", "'${ steps.a.x }'") "]\n",
        NULL);
    pthread_t threads[4];
    struct pipeline *p = app_pipeline(host_rig_app(rig), STR("p"));
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, many_runs, p), 0);
    for (size_t i = 0; i < CDC_COUNT(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    host_rig_free(rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tcase = tcase_create("pipeline");
    tcase_add_loop_test(tcase, a_run_ends_as_the_engine_ends_it, 0, (int)CDC_COUNT(runs));
    tcase_add_test(tcase, compensation_runs_in_reverse_and_is_told);
    tcase_add_test(tcase, a_compensation_that_fails_is_told_and_the_others_run);
    tcase_add_test(tcase, a_timeout_ends_a_loop_of_jumps);
    tcase_add_test(tcase, the_status_of_a_failed_step_reaches_the_caller);
    tcase_add_test(tcase, the_triggers_metadata_is_laid_over_meta);
    tcase_add_test(tcase, every_prefix_of_an_event_is_refused);
    tcase_add_test(tcase, what_is_false_is_what_the_engine_calls_so);
    tcase_add_test(tcase, runs_in_many_threads_do_not_meet);
    suite_add_tcase(suite, tcase);
    return suite;
}
