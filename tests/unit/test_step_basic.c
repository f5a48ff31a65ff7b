/* SPDX-License-Identifier: MIT
 *
 * step.set, step.log, step.conditional, step.json_parse, step.json_response without
 * HTTP, and the mistakes that loading them finds.
 */
#include <check.h>

#include "base/str.h"
#include "host/http_reply.h"
#include "host/pipeline.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

/* Runs a pipeline of one step called "s" and compares its output. */
static void step_gives(const char *step_yaml, const char *event, const char *expected)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml, "pipelines:\n  p:\n    steps:\n      - %s\n", step_yaml);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    ck_assert_str_eq(host_rig_step(rig, "p", event, "s"), expected);
    host_rig_free(rig);
    buf_release(&yaml);
}

static void step_is_refused(const char *step_yaml, const char *expected)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml, "pipelines:\n  p:\n    steps:\n      - %s\n", step_yaml);
    const char *text = host_rig_mistakes(buf_c(&yaml));
    ck_assert_msg(strstr(text, expected), "wanted \"%s\" in:\n%s", expected, text);
    buf_release(&yaml);
}

/* ---- step.set ---- */

START_TEST(set_keeps_the_type_of_what_has_no_template_and_makes_text_of_the_rest)
{
    step_gives(
        "{name: s, type: step.set, config: {values: {n: 12, f: 1.50, b: true, z: null, "
        "l: [1, \"${ a }\"], t: \"${ a }-{{ .b.c }}\"}}}",
        "{\"a\":9007199254740993,\"b\":{\"c\":\"x\"}}",
        "{\"n\":12,\"f\":1.50,\"b\":true,\"z\":null,\"l\":[1,\"9007199254740993\"],"
        "\"t\":\"9007199254740993-x\"}");
}
END_TEST

START_TEST(set_lays_its_values_over_the_current_data)
{
    struct host_rig *rig =
        host_rig_new("pipelines:\n"
                     "  p:\n"
                     "    steps:\n"
                     "      - {name: s, type: step.set, config: {values: "
                     "{a: 2}}}\n"
                     "      - {name: u, type: step.set, config: {values: "
                     "{b: \"${ a }${ steps.s.a }\"}}}\n",
                     NULL);
    ck_assert_str_eq(host_rig_run(rig, "p", "{\"a\":1}"), "{\"a\":2,\"b\":\"22\"}");
    host_rig_free(rig);
}
END_TEST

START_TEST(set_without_values_is_refused)
{
    step_is_refused("{name: s, type: step.set, config: {values: {}}}",
                    "'values' map is required and must not be empty");
    step_is_refused("{name: s, type: step.set, config: {}}", "values");
    step_is_refused("{name: s, type: step.set, config: {values: {a: \"${ 1 + }\"}}}",
                    "values.a");
}
END_TEST

/* ---- step.log ---- */

START_TEST(log_writes_a_line_at_its_level)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct buf yaml;
    struct buf line;
    buf_init(&yaml, 65536);
    buf_init(&line, 65536);
    buf_printf(&yaml,
               "pipelines: {p: {steps: [{name: s, type: step.log, config: {message: "
               "\"got ${ a }\", "
               "level: %s}}]}}",
               levels[_i]);
    buf_printf(&line, "%s got 7 step=s\n", levels[_i]);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    ck_assert_str_eq(host_rig_step(rig, "p", "{\"a\":7}", "s"), "{}");
    ck_assert_ptr_nonnull(strstr(host_rig_log(rig), buf_c(&line)));
    host_rig_free(rig);
    buf_release(&yaml);
    buf_release(&line);
}
END_TEST

START_TEST(log_refuses_other_levels_and_no_message)
{
    step_is_refused("{name: s, type: step.log, config: {message: x, level: loud}}",
                    "log step \"s\": invalid level \"loud\" (expected debug, info, "
                    "warn, or error)");
    step_is_refused("{name: s, type: step.log, config: {}}", "message");
}
END_TEST

/* ---- step.conditional ---- */

static const char conditional_by_value[] =
    "pipelines:\n"
    "  p:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.conditional\n"
    "        config: {field: FIELD, routes: {INSERT: one, \"2\": two}, default: other}\n"
    "      - {name: one, type: step.set, config: {values: {went: one}}}\n"
    "      - {name: one_end, type: step.json_response, config: {}}\n"
    "      - {name: two, type: step.set, config: {values: {went: two}}}\n"
    "      - {name: two_end, type: step.json_response, config: {}}\n"
    "      - {name: other, type: step.set, config: {values: {went: other}}}\n";

static void conditional_goes(const char *field, const char *event, const char *expected,
                             const char *output)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    wf_str text = str_from(conditional_by_value);
    size_t at = (size_t)str_find(text, STR("FIELD"));
    buf_str(&yaml, str_slice(text, 0, at));
    buf_cstr(&yaml, field);
    buf_str(&yaml, str_slice(text, at + 5, text.len));
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    ck_assert_ptr_nonnull(strstr(host_rig_run(rig, "p", event), expected));
    ck_assert_str_eq(host_rig_step(rig, "p", event, "s"), output);
    host_rig_free(rig);
    buf_release(&yaml);
}

START_TEST(conditional_goes_where_the_value_leads)
{
    conditional_goes("op", "{\"op\":\"INSERT\"}", "\"went\":\"one\"",
                     "{\"matched_value\":\"INSERT\",\"next_step\":\"one\"}");
    conditional_goes("after.kind", "{\"after\":{\"kind\":2}}", "\"went\":\"two\"",
                     "{\"matched_value\":\"2\",\"next_step\":\"two\"}");
    conditional_goes("\"trigger.my-key\"", "{\"my-key\":\"INSERT\"}", "\"went\":\"one\"",
                     "{\"matched_value\":\"INSERT\",\"next_step\":\"one\"}");
    conditional_goes(
        "\"{{ .op }}\"", "{\"op\":\"x\"}", "\"went\":\"other\"",
        "{\"matched_value\":\"x\",\"used_default\":true,\"next_step\":\"other\"}");
}
END_TEST

START_TEST(conditional_without_a_route_and_a_default_fails)
{
    struct host_rig *rig = host_rig_new(
        "pipelines: {p: {steps: [{name: s, type: step.conditional, config: {field: "
        "op, routes: {a: s}}}]}}",
        NULL);
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "p", "{\"op\":\"b\"}"),
               "conditional step \"s\": value \"b\" not found in routes and no "
               "default configured"));
    host_rig_free(rig);
}
END_TEST

static const struct condition {
    const char *condition;
    const char *event;
    bool yes;
} conditions[] = {
    {"\"${ a > 10 }\"", "{\"a\":11}", true},
    {"\"${ a > 10 }\"", "{\"a\":10}", false},
    {"\"{{ .a }}\"", "{\"a\":\"off\"}", false},
    {"\"{{ .a }}\"", "{\"a\":\"No\"}", false},
    {"\"{{ .a }}\"", "{\"a\":\"0\"}", false},
    {"\"{{ .a }}\"", "{\"a\":\"yes\"}", true},
    {"\"{{ eq .a 3 }}\"", "{\"a\":3}", true},
    {"'{{ .a == \"x\" }}'", "{\"a\":\"x\"}", true},
    {"'{{ .a == \"x.y\" }}'", "{\"a\":\"x.y\"}", true},
    {"'{{ .a.b == \"x\" && .c > 1 }}'", "{\"a\":{\"b\":\"x\"},\"c\":2}", true},
    {"'{{ .a.b == \"x\" && .c > 1 }}'", "{\"a\":{\"b\":\"x\"},\"c\":1}", false},
    {"\"${ nothing }\"", "{}", false},
    {"true", "{}", true},
};

START_TEST(conditional_goes_where_the_condition_leads)
{
    const struct condition *c = &conditions[_i];
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml,
               "pipelines:\n"
               "  p:\n"
               "    steps:\n"
               "      - {name: s, type: step.conditional, config: {if: %s, then: b, "
               "else: c}}\n"
               "      - {name: b, type: step.set, config: {values: {b: 1}}}\n"
               "      - {name: c, type: step.set, config: {values: {c: 1}}}\n",
               c->condition);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    ck_assert_str_eq(host_rig_step(rig, "p", c->event, "s"),
                     c->yes ? "{\"condition\":true,\"next_step\":\"b\"}"
                            : "{\"condition\":false,\"next_step\":\"c\"}");
    ck_assert_str_eq(host_rig_step(rig, "p", c->event, "b"), c->yes ? "{\"b\":1}" : "null");
    host_rig_free(rig);
    buf_release(&yaml);
}
END_TEST

START_TEST(conditional_without_else_goes_on)
{
    step_gives("{name: s, type: step.conditional, config: {if: \"${ a }\", then: s}}",
               "{\"a\":false}", "{\"condition\":false}");
}
END_TEST

START_TEST(conditional_mistakes_are_named)
{
    step_is_refused("{name: s, type: step.conditional, config: {}}",
                    "conditional step \"s\": 'field' is required");
    step_is_refused("{name: s, type: step.conditional, config: {field: a}}",
                    "'routes' map is required and must not be empty");
    step_is_refused("{name: s, type: step.conditional, config: {field: a, routes: {b: 1}}}",
                    "route value for \"b\" must be a string");
    step_is_refused(
        "{name: s, type: step.conditional, config: {field: a, routes: {b: gone}}}",
        "there is no step \"gone\"");
    step_is_refused("{name: s, type: step.conditional, config: {if: \"${ a }\"}}",
                    "'then'");
    step_is_refused(
        "{name: s, type: step.conditional, config: {if: \"${ a +* }\", then: s}}",
        "config.if");
    step_is_refused("{name: s, type: step.conditional, config: {field: a, if: b, then: s}}",
                    "mutually exclusive");
}
END_TEST

/* ---- step.json_parse ---- */

START_TEST(json_parse_reads_text_and_lets_the_rest_pass)
{
    step_gives("{name: s, type: step.json_parse, config: {source: a.b, target: t}}",
               "{\"a\":{\"b\":\"{\\\"id\\\":12345678901234567890}\"}}",
               "{\"t\":{\"id\":12345678901234567890}}");
    step_gives("{name: s, type: step.json_parse, config: {source: a}}", "{\"a\":[1]}",
               "{\"value\":[1]}");
}
END_TEST

START_TEST(json_parse_says_what_it_cannot_read)
{
    struct host_rig *rig = host_rig_new("pipelines: {p: {steps: [{name: s, type: "
                                        "step.json_parse, config: {source: a}}]}}",
                                        NULL);
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "p", "{}"),
               "json_parse step \"s\": source \"a\" not found or resolved to nil"));
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "p", "{\"a\":\"{\"}"),
               "json_parse step \"s\": failed to parse JSON from \"a\": "));
    host_rig_free(rig);
}
END_TEST

/* ---- step.json_response ---- */

START_TEST(json_response_without_a_request_puts_its_body_into_the_output)
{
    step_gives("{name: s, type: step.json_response, config: {status: 201, body: {id: "
               "\"${ a }\", "
               "raw: {_from: b}, json: \"${ json(b) }\", none: {_from: gone}}}}",
               "{\"a\":1,\"b\":{\"c\":[1,2]}}",
               "{\"status\":201,\"body\":{\"id\":\"1\",\"raw\":{\"c\":[1,2]},"
               "\"json\":{\"c\":[1,2]},\"none\":null}}");
    step_gives("{name: s, type: step.json_response, config: {body_from: \".\", "
               "status_from: code}}",
               "{\"code\":\"404\"}", "{\"status\":404,\"body\":{\"code\":\"404\"}}");
    step_gives("{name: s, type: step.json_response, config: {status_from: code}}",
               "{\"code\":99}", "{\"status\":200}");
}
END_TEST

START_TEST(json_response_ends_the_pipeline_and_fills_in_the_reply)
{
    struct host_rig *rig = host_rig_new(
        "pipelines:\n"
        "  p:\n"
        "    steps:\n"
        "      - name: s\n"
        "        type: step.json_response\n"
        "        config: {status: 418, headers: {X-Id: \"${ a }\"}, body: {ok: true}}\n"
        "      - {name: never, type: step.conditional, config: {field: x, routes: {y: "
        "s}}}\n",
        NULL);
    struct http_reply reply;
    http_reply_init(&reply);
    struct pipeline_call call = {.data = STR("{\"a\":5}"), .reply = &reply};
    wf_error err;
    struct pipeline *p = app_pipeline(host_rig_app(rig), STR("p"));
    ck_assert_int_eq(pipeline_run(p, &call, &err), WF_OK);
    ck_assert_uint_eq(reply.status, 418);
    ck_assert_str_eq(buf_c(&reply.body), "{\"ok\":true}\n");
    const char *name;
    const char *value;
    size_t at = 0;
    ck_assert(http_reply_next(&reply, &at, &name, &value));
    ck_assert_str_eq(name, "Content-Type");
    ck_assert_str_eq(value, "application/json");
    ck_assert(http_reply_next(&reply, &at, &name, &value));
    ck_assert_str_eq(name, "X-Id");
    ck_assert_str_eq(value, "5");
    ck_assert(!http_reply_next(&reply, &at, &name, &value));

    /* A header that would begin a new line is refused, and nothing is answered. */
    http_reply_clear(&reply);
    call.data = STR("{\"a\":\"x\\r\\nSet-Cookie: y\"}");
    ck_assert_int_ne(pipeline_run(p, &call, &err), WF_OK);
    ck_assert_uint_eq(reply.status, 0);
    http_reply_release(&reply);
    host_rig_free(rig);
}
END_TEST

START_TEST(json_response_mistakes_are_named)
{
    step_is_refused("{name: s, type: step.json_response, config: {status: 99}}",
                    "must be from 200 to 599");
    step_is_refused("{name: s, type: step.json_response, config: {headers: {\"a b\": c}}}",
                    "'a b' must be a header's name");
    step_is_refused(
        "{name: s, type: step.json_response, config: {body: {a: \"{{ if }}\"}}}", "body");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("step_basic");
    TCase *t = tcase_create("steps");
    tcase_add_test(t,
                   set_keeps_the_type_of_what_has_no_template_and_makes_text_of_the_rest);
    tcase_add_test(t, set_lays_its_values_over_the_current_data);
    tcase_add_test(t, set_without_values_is_refused);
    tcase_add_loop_test(t, log_writes_a_line_at_its_level, 0, 4);
    tcase_add_test(t, log_refuses_other_levels_and_no_message);
    tcase_add_test(t, conditional_goes_where_the_value_leads);
    tcase_add_test(t, conditional_without_a_route_and_a_default_fails);
    tcase_add_loop_test(t, conditional_goes_where_the_condition_leads, 0,
                        (int)CDC_COUNT(conditions));
    tcase_add_test(t, conditional_without_else_goes_on);
    tcase_add_test(t, conditional_mistakes_are_named);
    tcase_add_test(t, json_parse_reads_text_and_lets_the_rest_pass);
    tcase_add_test(t, json_parse_says_what_it_cannot_read);
    tcase_add_test(t, json_response_without_a_request_puts_its_body_into_the_output);
    tcase_add_test(t, json_response_ends_the_pipeline_and_fills_in_the_reply);
    tcase_add_test(t, json_response_mistakes_are_named);
    suite_add_tcase(suite, t);
    return suite;
}
