/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/connect_status.
 */
#include <check.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/connect_secrets.h"
#include "providers/debezium/connect_status.h"
#include "tests/support/run.h"

#define STATUS(connector, tasks)                                                           \
    "{\"name\":\"x\",\"connector\":{\"state\":\"" connector                                \
    "\",\"worker_id\":\"10.0.0.1:8083\",\"version\":\"3.5.0.Final\"},\"tasks\":[" tasks    \
    "],\"type\":\"source\"}"
#define TASK(state) "{\"id\":0,\"state\":\"" state "\",\"worker_id\":\"10.0.0.2:8083\"}"

static const struct {
    const char *json;
    enum connect_state state;
    unsigned tasks, failed;
} combinations[] = {
    {STATUS("RUNNING", TASK("RUNNING")), CONNECT_RUNNING, 1, 0},
    {STATUS("RUNNING", ""), CONNECT_UNASSIGNED, 0, 0},
    {STATUS("RUNNING", TASK("FAILED")), CONNECT_FAILED, 1, 1},
    {STATUS("RUNNING", TASK("RUNNING") "," TASK("FAILED")), CONNECT_FAILED, 2, 1},
    {STATUS("RUNNING", TASK("UNASSIGNED")), CONNECT_UNASSIGNED, 1, 0},
    {STATUS("RUNNING", TASK("RESTARTING")), CONNECT_RESTARTING, 1, 0},
    {STATUS("RUNNING", TASK("PAUSED")), CONNECT_PAUSED, 1, 0},
    {STATUS("RUNNING", TASK("DANCING")), CONNECT_UNKNOWN, 1, 0},
    {STATUS("PAUSED", TASK("PAUSED")), CONNECT_PAUSED, 1, 0},
    {STATUS("PAUSED", TASK("RUNNING")), CONNECT_PAUSED, 1, 0},
    {STATUS("PAUSED", TASK("FAILED")), CONNECT_FAILED, 1, 1},
    {STATUS("STOPPED", ""), CONNECT_STOPPED, 0, 0},
    {STATUS("FAILED", ""), CONNECT_FAILED, 0, 0},
    {STATUS("FAILED", TASK("RUNNING")), CONNECT_FAILED, 1, 0},
    {STATUS("UNASSIGNED", ""), CONNECT_UNASSIGNED, 0, 0},
    {STATUS("RESTARTING", TASK("RUNNING")), CONNECT_RESTARTING, 1, 0},
};

START_TEST(the_worst_of_connector_and_tasks_is_the_state)
{
    struct connect_status status;
    wf_error err = {0};
    ck_assert_int_eq(
        connect_status_read(str_from(combinations[_i].json), NULL, &status, &err), WF_OK);
    ck_assert_str_eq(connect_state_text(status.state),
                     connect_state_text(combinations[_i].state));
    ck_assert_uint_eq(status.tasks, combinations[_i].tasks);
    ck_assert_uint_eq(status.failed_tasks, combinations[_i].failed);
    ck_assert_str_eq(status.worker, status.tasks ? "10.0.0.2:8083" : "10.0.0.1:8083");
}
END_TEST

#define FAILED(trace)                                                                      \
    "{\"id\":0,\"state\":\"FAILED\",\"worker_id\":\"w\",\"trace\":\"" trace "\"}"

START_TEST(a_trace_gives_its_first_line_and_its_last_cause)
{
    struct connect_status status;
    wf_error err = {0};
    wf_str json = STR(
        STATUS("RUNNING",
               FAILED("org.x.ConnectException: went\\tbad\\n\\tat io.A(A.java:1)\\n"
                      "Caused by: java.lang.Outer: x\\n\\tat b\\n"
                      "Caused by: org.p.PSQLException: FATAL: no pg_hba entry\\n\\tat c")));
    ck_assert_int_eq(connect_status_read(json, NULL, &status, &err), WF_OK);
    ck_assert_str_eq(status.why, "org.x.ConnectException: went bad (caused by "
                                 "org.p.PSQLException: FATAL: no pg_hba entry)");
}
END_TEST

START_TEST(the_connectors_own_trace_comes_first_and_a_running_ones_is_old)
{
    struct connect_status status;
    wf_error err = {0};
    wf_str failed =
        STR("{\"connector\":{\"state\":\"FAILED\",\"trace\":\"mine\"},\"tasks\":[" FAILED(
            "theirs") "]}");
    ck_assert_int_eq(connect_status_read(failed, NULL, &status, &err), WF_OK);
    ck_assert_str_eq(status.why, "mine");
    wf_str restarting =
        STR(STATUS("RUNNING", "{\"id\":0,\"state\":\"RESTARTING\",\"trace\":"
                              "\"old\"}"));
    ck_assert_int_eq(connect_status_read(restarting, NULL, &status, &err), WF_OK);
    ck_assert_str_eq(status.why, "");
}
END_TEST

START_TEST(a_secret_in_a_trace_is_hidden_also_where_the_text_is_cut)
{
    struct connect_secrets secrets;
    struct connect_status status;
    struct buf json;
    wf_error err = {0};
    connect_secrets_init(&secrets);
    buf_init(&json, 65536);
    ck_assert_int_eq(connect_secrets_add(&secrets, STR("hunter2secret"), &err), WF_OK);
    buf_lit(&json,
            "{\"connector\":{\"state\":\"RUNNING\"},\"tasks\":[{\"state\":\"FAILED\","
            "\"trace\":\"");
    for (int i = 0; i < _i; i++)
        buf_byte(&json, 'x');
    buf_lit(&json, "hunter2secret is wrong\"}]}");
    ck_assert_int_eq(connect_status_read(buf_view(&json), &secrets, &status, &err), WF_OK);
    ck_assert_ptr_null(strstr(status.why, "hunt"));
    ck_assert_uint_lt(strlen(status.why), sizeof status.why);
    buf_release(&json);
    connect_secrets_release(&secrets);
}
END_TEST

START_TEST(a_long_trace_is_cut_between_characters)
{
    struct connect_status status;
    struct buf json;
    wf_error err = {0};
    buf_init(&json, 65536);
    buf_lit(&json, "{\"connector\":{\"state\":\"FAILED\",\"worker_id\":\"");
    for (int i = 0; i < 300; i++)
        buf_lit(&json, "\xc3\xa9");
    buf_lit(&json, "\",\"trace\":\"");
    for (int i = 0; i < _i; i++)
        buf_byte(&json, 'a');
    for (int i = 0; i < 400; i++)
        buf_lit(&json, "\xe2\x82\xac");
    buf_lit(&json, "\\nCaused by: ");
    for (int i = 0; i < 400; i++)
        buf_lit(&json, "\xc3\xa9");
    buf_lit(&json, "\"},\"tasks\":[]}");
    ck_assert_int_eq(connect_status_read(buf_view(&json), NULL, &status, &err), WF_OK);
    ck_assert(str_is_utf8(str_from(status.why)));
    ck_assert(str_is_utf8(str_from(status.worker)));
    ck_assert_ptr_nonnull(strstr(status.why, "... (caused by "));
    ck_assert(str_ends(str_from(status.why), STR("...)")));
    buf_release(&json);
}
END_TEST

static const char *const no_status[] = {
    "",
    "<html>",
    "null",
    "[]",
    "{}",
    "{\"connector\":{\"state\":\"RUNNING\"}}",
    "{\"tasks\":[]}",
    "{\"connector\":\"RUNNING\",\"tasks\":[]}",
    "{\"connector\":{},\"tasks\":{}}",
    "{\"connector\":{\"state\":\"RUNNING\"},\"tasks\":[]",
    "{\"connector\":{\"state\":\"\\u0000\"},\"tasks\":[]} x",
};

START_TEST(a_reply_that_is_no_status_is_refused)
{
    struct connect_status status = {.tasks = 77};
    wf_error err = {0};
    ck_assert_int_eq(connect_status_read(str_from(no_status[_i]), NULL, &status, &err),
                     WF_PROTOCOL);
    ck_assert_uint_eq(status.tasks, 77);
    ck_assert_uint_gt(strlen(err.text), 10);
}
END_TEST

START_TEST(odd_members_are_unknown_and_no_harm)
{
    struct connect_status status;
    wf_error err = {0};
    wf_str json = STR("{\"connector\":{\"state\":7,\"worker_id\":null,\"trace\":[]},"
                      "\"tasks\":[1,null,{\"state\":\"FAILED\",\"trace\":7},\"x\"]}");
    ck_assert_int_eq(connect_status_read(json, NULL, &status, &err), WF_OK);
    ck_assert_int_eq(status.state, CONNECT_FAILED);
    ck_assert_int_eq(status.connector, CONNECT_UNKNOWN);
    ck_assert_uint_eq(status.tasks, 4);
    ck_assert_str_eq(status.why, "");
}
END_TEST

START_TEST(a_status_cut_anywhere_is_refused)
{
    static const char whole[] = STATUS("RUNNING", FAILED("a\\nCaused by: \\u00e9"));
    struct connect_status status;
    wf_error err = {0};
    ck_assert_int_eq(connect_status_read((wf_str){whole, (size_t)_i}, NULL, &status, &err),
                     (size_t)_i == sizeof whole - 1 ? WF_OK : WF_PROTOCOL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("connect_status");
    TCase *t = tcase_create("connect_status");
    tcase_add_loop_test(t, the_worst_of_connector_and_tasks_is_the_state, 0,
                        CDC_COUNT(combinations));
    tcase_add_test(t, a_trace_gives_its_first_line_and_its_last_cause);
    tcase_add_test(t, the_connectors_own_trace_comes_first_and_a_running_ones_is_old);
    tcase_add_loop_test(t, a_secret_in_a_trace_is_hidden_also_where_the_text_is_cut, 490,
                        515);
    tcase_add_loop_test(t, a_long_trace_is_cut_between_characters, 0, 4);
    tcase_add_loop_test(t, a_reply_that_is_no_status_is_refused, 0, CDC_COUNT(no_status));
    tcase_add_test(t, odd_members_are_unknown_and_no_harm);
    tcase_add_loop_test(t, a_status_cut_anywhere_is_refused, 0,
                        sizeof(STATUS("RUNNING", FAILED("a\\nCaused by: \\u00e9"))));
    suite_add_tcase(s, t);
    return s;
}
