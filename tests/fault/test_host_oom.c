/* SPDX-License-Identifier: MIT
 *
 * The host when the n-th allocation fails, for every n: loading, validating, a run, the
 * bus, the log.  Nothing crashes or leaks its way on; what cannot be done is said.
 */
#include "tests/support/oom.h"

#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "host/app.h"
#include "host/bus.h"
#include "host/pipeline.h"
#include "host/plugin.h"
#include "host/problems.h"
#include "tests/support/run.h"

#if OOM_POSSIBLE

static void drop_line(void *ctx, int32_t level, wf_str line)
{
    (void)ctx, (void)level, (void)line;
}

static const struct logger logger = {NULL, drop_line};

static const char yaml[] =
    "modules:\n"
    "  - {name: bus, type: messaging.broker}\n"
    "  - {name: b, type: messaging.broker, dependsOn: [bus], config: {maxQueueSize: "
    "'${WF_TEST_SIZE}'}}\n"
    "pipelines:\n"
    "  p:\n"
    "    trigger: {type: event, config: {topic: t}}\n"
    "    timeout: 5s\n"
    "    steps:\n"
    "      - {name: a, type: step.set, skip_if: '{{ .no }}', config: {values: {n: '${ x + "
    "1 }'}}}\n"
    "      - {name: b, type: step.log, on_error: skip, config: {message: 'n is ${ n }'}}\n"
    "      - {name: c, type: step.conditional, config: {field: n, routes: {'2': d}, "
    "default: d}}\n"
    "      - {name: d, type: step.set, config: {values: {list: [1, '${ x }'], m: {k: "
    "v}}}}\n"
    "    compensation: [{name: u, type: step.log, config: {message: undo}}]\n";

static const char wrong[] = "modules: [{name: 1}, {type: x}]\n"
                            "pipelines: {p: {steps: [{name: '${'}]}, q: []}\n"
                            "pipeline: &a [*a]\n";

/* Nothing of Check's in here: it allocates, too. */
static bool load(const char *text, struct buf *said)
{
    struct problems *problems = problems_new();
    struct bus *bus = bus_new();
    struct app *app = bus ? app_new(&logger, NULL, bus) : NULL;
    bool good =
        problems && app && app_load_text(app, str_from(text), "t.yaml", "/x", problems);
    bool told = !problems || !app || good == !problems_count(problems);
    if (problems)
        problems_print(problems, said);
    app_free(app);
    bus_free(bus);
    problems_free(problems);
    return good && told;
}

START_TEST(a_configuration_is_loaded_whole_or_refused)
{
    bool ended = false;
    for (long n = 0; n < OOM_MOST && !ended; n++) {
        char memory[16384];
        struct buf said;
        buf_fixed(&said, memory, sizeof(memory));
        oom_arm(n);
        bool good = load(yaml, &said);
        ended = !oom_disarm();
        ck_assert_msg(!ended || good, "%.*s", STR_ARG(buf_view(&said)));
    }
    ck_assert(ended);
}
END_TEST

START_TEST(a_wrong_configuration_is_never_taken_for_right)
{
    bool ended = false;
    for (long n = 0; n < OOM_MOST && !ended; n++) {
        char memory[16384];
        struct buf said;
        buf_fixed(&said, memory, sizeof(memory));
        oom_arm(n);
        bool good = load(wrong, &said);
        ended = !oom_disarm();
        ck_assert(!good);
    }
    ck_assert(ended);
}
END_TEST

START_TEST(a_run_ends_well_or_with_an_error_and_the_next_one_is_sound)
{
    struct problems *problems = problems_new();
    struct bus *bus = bus_new();
    struct app *app = app_new(&logger, NULL, bus);
    bool loaded = app_load_text(app, str_from(yaml), "t.yaml", "/x", problems);
    ck_assert(loaded);
    wf_error err;
    ck_assert_int_eq(app_start(app, true, &err), WF_OK);
    bool ended = false;
    for (long n = 0; n < OOM_MOST && !ended; n++) {
        err = (wf_error){.code = WF_OK};
        oom_arm(n);
        wf_status status = bus_publish(bus, STR("t"), STR("{\"x\":1}"), STR_EMPTY, &err);
        ended = !oom_disarm();
        ck_assert_msg(!status == !err.code, "%d %s", status, err.text);
        ck_assert_msg(!ended || !status, "%s", err.text);
    }
    ck_assert(ended);
    ck_assert_int_eq(app_stop(app, NULL), WF_OK);
    app_free(app);
    bus_free(bus);
    problems_free(problems);
}
END_TEST

START_TEST(a_run_after_the_first_needs_no_memory_at_all)
{
    struct problems *problems = problems_new();
    struct bus *bus = bus_new();
    struct app *app = app_new(&logger, NULL, bus);
    bool loaded = app_load_text(app, str_from(yaml), "t.yaml", "/x", problems);
    ck_assert(loaded);
    struct pipeline *p = app_pipeline(app, STR("p"));
    for (int i = 0; i < 10; i++) {
        struct pipeline_call call = {.data = STR("{\"x\":1,\"y\":[1.5,\"z\"]}")};
        oom_arm(i ? 0 : OOM_MOST);
        wf_status status = pipeline_run(p, &call, NULL);
        bool asked = oom_disarm();
        ck_assert_msg(!asked && !status, "run %d", i);
    }
    app_free(app);
    bus_free(bus);
    problems_free(problems);
}
END_TEST

START_TEST(a_plugin_is_loaded_or_refused)
{
    bool ended = false;
    for (long n = 0; n < OOM_MOST && !ended; n++) {
        wf_error err = {.code = WF_OK};
        oom_arm(n);
        struct plugins *plugins = plugins_new();
        wf_status status = WF_NO_MEMORY;
        if (plugins)
            status =
                plugins_add(plugins, BUILD_DIR "/examples/workflow-plugin-hello.so", &err);
        plugins_free(plugins);
        ended = !oom_disarm();
        ck_assert_msg(!ended || !status, "%s", err.text);
    }
    ck_assert(ended);
}
END_TEST

#endif

Suite *test_suite(void)
{
    setenv("WF_TEST_SIZE", "7", 1);
    Suite *suite = suite_create("host_oom");
    TCase *tcase = tcase_create("host_oom");
#if OOM_POSSIBLE
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_configuration_is_loaded_whole_or_refused);
    tcase_add_test(tcase, a_wrong_configuration_is_never_taken_for_right);
    tcase_add_test(tcase, a_run_ends_well_or_with_an_error_and_the_next_one_is_sound);
    tcase_add_test(tcase, a_run_after_the_first_needs_no_memory_at_all);
    tcase_add_test(tcase, a_plugin_is_loaded_or_refused);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
