/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/connect_client, against fake_connect.
 */
#include <check.h>
#include <string.h>

#include "base/str.h"
#include "providers/debezium/connect_client.h"
#include "tests/support/connect_rig.h"
#include "tests/support/run.h"

/* ---- the configuration --------------------------------------------------------------- */

START_TEST(put_creates_then_leaves_alone_then_updates)
{
    struct connect_rig rig;
    bool created = false;
    connect_rig_open(&rig);
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_OK);
    ck_assert(created);
    ck_assert_str_eq(fake_connect_heard(rig.fake),
                     "GET /connectors/workflow-shop/config\n"
                     "PUT /connectors/workflow-shop/config\n");
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_OK);
    ck_assert(!created);
    ck_assert_str_eq(fake_connect_heard(rig.fake),
                     "GET /connectors/workflow-shop/config\n");
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, STR("{\"a\":\"2\"}"), &created, &rig.err),
        WF_OK);
    ck_assert(!created);
    ck_assert_str_eq(fake_connect_config(rig.fake, "workflow-shop"),
                     "{\"a\":\"2\",\"name\":\"workflow-shop\"}");
    bool exists = false;
    ck_assert_int_eq(
        connect_config(rig.client, CONNECT_RIG_NAME, &exists, &rig.out, &rig.err), WF_OK);
    ck_assert(exists);
    ck_assert_str_eq(buf_c(&rig.out), "{\"a\":\"2\",\"name\":\"workflow-shop\"}");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_name_is_escaped)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    connect_rig_put(&rig, STR("workflow-a b?c#d&\xc3\xa9;+"), CONNECT_RIG_CONFIG);
    ck_assert_ptr_nonnull(strstr(
        fake_connect_config(rig.fake, "workflow-a b?c#d&\xc3\xa9;+"), "\"a\":\"1\""));
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_refused_configuration_says_why_without_the_password_it_repeats)
{
    struct connect_rig rig;
    bool created;
    connect_rig_open(&rig);
    fake_connect_fault(
        rig.fake,
        (struct fake_fault){.request = "PUT",
                            .times = 1,
                            .status = 400,
                            .text = "{\"error_code\":400,\"message\":\"Connector "
                                    "configuration is invalid:\\nValue hunter2 is bad\"}"});
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_CONFIG);
    connect_rig_says(&rig, "connector 'workflow-shop'");
    connect_rig_says(&rig, "configuration is invalid: Value *** is bad");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(delete_of_what_is_not_there_is_done)
{
    struct connect_rig rig;
    bool existed = true, exists = true;
    connect_rig_open(&rig);
    ck_assert_int_eq(connect_delete(rig.client, CONNECT_RIG_NAME, &existed, &rig.err),
                     WF_OK);
    ck_assert(!existed);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    ck_assert_int_eq(connect_delete(rig.client, CONNECT_RIG_NAME, &existed, &rig.err),
                     WF_OK);
    ck_assert(existed);
    ck_assert_int_eq(
        connect_config(rig.client, CONNECT_RIG_NAME, &exists, &rig.out, &rig.err), WF_OK);
    ck_assert(!exists);
    ck_assert_uint_eq(rig.out.len, 0);
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_delete_that_was_done_although_its_reply_was_lost_is_told_as_done)
{
    struct connect_rig rig;
    bool existed = false;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_fault(
        rig.fake,
        (struct fake_fault){.request = "DELETE", .times = 1, .kind = FAKE_TIMED_OUT});
    ck_assert_int_eq(connect_delete(rig.client, CONNECT_RIG_NAME, &existed, &rig.err),
                     WF_OK);
    ck_assert(existed);
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_404_that_is_not_kafka_connects_is_no_delete)
{
    struct connect_rig rig;
    bool existed = true;
    connect_rig_open(&rig);
    fake_connect_fault(rig.fake, (struct fake_fault){.request = "DELETE",
                                                     .times = 1,
                                                     .status = 404,
                                                     .text = "<html><h1>nginx 404</h1>"});
    ck_assert_int_eq(connect_delete(rig.client, CONNECT_RIG_NAME, &existed, &rig.err),
                     WF_CONFIG);
    connect_rig_says(&rig, "nginx 404");
    connect_rig_says(&rig, "not Kafka Connect's");
    connect_rig_close(&rig);
}
END_TEST

/* ---- what it does -------------------------------------------------------------------- */

START_TEST(a_wish_is_true_when_the_call_returns)
{
    static const enum connect_wish wishes[] = {CONNECT_PAUSE, CONNECT_STOP, CONNECT_RUN};
    static const enum connect_state states[] = {CONNECT_PAUSED, CONNECT_STOPPED,
                                                CONNECT_RUNNING};
    struct connect_rig rig;
    struct connect_status status;
    connect_rig_open(&rig);
    fake_connect_lag(rig.fake, (unsigned)_i);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    for (size_t i = 0; i < CDC_COUNT(wishes); i++) {
        for (int twice = 0; twice < 2; twice++) {
            ck_assert_int_eq(
                connect_wish(rig.client, CONNECT_RIG_NAME, wishes[i], &rig.err), WF_OK);
            ck_assert_int_eq(
                connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err), WF_OK);
            ck_assert_int_eq(status.state, states[i]);
        }
    }
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_wish_whose_reply_was_lost_is_true_all_the_same)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_fault(
        rig.fake,
        (struct fake_fault){.request = "/stop", .times = 1, .kind = FAKE_TIMED_OUT});
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_STOP, &rig.err),
                     WF_OK);
    ck_assert_str_eq(fake_connect_state(rig.fake, "workflow-shop"), "STOPPED");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_wish_that_does_not_come_true_is_told)
{
    struct connect_rig rig;
    connect_rig_open_plan(&rig, (struct connect_plan){.patience_ms = 300});
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_show(rig.fake, "PAUSED", "RUNNING", NULL);
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_PAUSE, &rig.err),
                     WF_UNAVAILABLE);
    connect_rig_says(&rig, "not paused yet");
    fake_connect_show(rig.fake, "RUNNING", "FAILED", "x");
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_STOP, &rig.err),
                     WF_UNAVAILABLE);
    connect_rig_says(&rig, "is failed and not stopped yet");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_task_that_has_failed_does_not_hold_up_a_wish)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_show(rig.fake, "PAUSED", "FAILED", "x");
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_PAUSE, &rig.err),
                     WF_OK);
    fake_connect_show(rig.fake, "RUNNING", "FAILED", "x");
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_RUN, &rig.err),
                     WF_OK);
    fake_connect_show(rig.fake, "FAILED", "FAILED", "x");
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_RUN, &rig.err),
                     WF_OK);
    connect_rig_close(&rig);
}
END_TEST

START_TEST(without_a_connector_wishes_restarts_and_offsets_are_not_found)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    for (enum connect_wish wish = CONNECT_RUN; wish <= CONNECT_STOP; wish++)
        ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, wish, &rig.err),
                         WF_NOT_FOUND);
    ck_assert_int_eq(connect_restart_failed(rig.client, CONNECT_RIG_NAME, &rig.err),
                     WF_NOT_FOUND);
    connect_rig_says(&rig, "Unknown connector: workflow-shop");
    ck_assert_int_eq(connect_offsets(rig.client, CONNECT_RIG_NAME, &rig.out, &rig.err),
                     WF_NOT_FOUND);
    ck_assert_uint_eq(rig.out.len, 0);
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_connect_that_cannot_stop_says_that_it_is_old)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_fault(
        rig.fake, (struct fake_fault){.request = "/stop",
                                      .times = 1,
                                      .status = 404,
                                      .text = "{\"error_code\":404,\"message\":\"HTTP 404 "
                                              "Not Found\"}"});
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_STOP, &rig.err),
                     WF_CONFIG);
    connect_rig_says(&rig, "older than 3.5");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(failed_tasks_are_restarted_and_their_trace_is_read_without_secrets)
{
    struct connect_rig rig;
    struct connect_status status;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_show(rig.fake, "RUNNING", "FAILED", "login with hunter2 failed\n\tat x");
    ck_assert_int_eq(connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err),
                     WF_OK);
    ck_assert_int_eq(status.state, CONNECT_FAILED);
    ck_assert_uint_eq(status.failed_tasks, 1);
    ck_assert_str_eq(status.why, "login with *** failed");
    ck_assert_int_eq(connect_restart_failed(rig.client, CONNECT_RIG_NAME, &rig.err), WF_OK);
    ck_assert_int_eq(connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err),
                     WF_OK);
    ck_assert_int_eq(status.state, CONNECT_RUNNING);
    connect_rig_close(&rig);
}
END_TEST

START_TEST(offsets_keep_every_digit)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    ck_assert_int_eq(connect_offsets(rig.client, CONNECT_RIG_NAME, &rig.out, &rig.err),
                     WF_OK);
    ck_assert_str_eq(buf_c(&rig.out), "[{\"partition\":{\"server\":\"shop\"},"
                                      "\"offset\":{\"lsn\":9223372036854775807}}]");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(offsets_are_forgotten_of_a_connector_that_is_stopped)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    ck_assert_int_eq(connect_offsets_forget(rig.client, CONNECT_RIG_NAME, &rig.err),
                     WF_NOT_FOUND);
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    ck_assert_int_eq(connect_offsets_forget(rig.client, CONNECT_RIG_NAME, &rig.err),
                     WF_CONFIG);
    connect_rig_says(&rig, "must be in the STOPPED state");
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_STOP, &rig.err),
                     WF_OK);
    ck_assert_int_eq(connect_offsets_forget(rig.client, CONNECT_RIG_NAME, &rig.err), WF_OK);
    fake_connect_fault(
        rig.fake,
        (struct fake_fault){.request = "DELETE", .times = 1, .status = 405, .text = ""});
    ck_assert_int_eq(connect_offsets_forget(rig.client, CONNECT_RIG_NAME, &rig.err),
                     WF_UNSUPPORTED);
    connect_rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("connect_client");
    TCase *t = tcase_create("connect_client");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, put_creates_then_leaves_alone_then_updates);
    tcase_add_test(t, a_name_is_escaped);
    tcase_add_test(t, a_refused_configuration_says_why_without_the_password_it_repeats);
    tcase_add_test(t, delete_of_what_is_not_there_is_done);
    tcase_add_test(t, a_delete_that_was_done_although_its_reply_was_lost_is_told_as_done);
    tcase_add_test(t, a_404_that_is_not_kafka_connects_is_no_delete);
    tcase_add_loop_test(t, a_wish_is_true_when_the_call_returns, 0, 3);
    tcase_add_test(t, a_wish_whose_reply_was_lost_is_true_all_the_same);
    tcase_add_test(t, a_wish_that_does_not_come_true_is_told);
    tcase_add_test(t, a_task_that_has_failed_does_not_hold_up_a_wish);
    tcase_add_test(t, without_a_connector_wishes_restarts_and_offsets_are_not_found);
    tcase_add_test(t, a_connect_that_cannot_stop_says_that_it_is_old);
    tcase_add_test(t, failed_tasks_are_restarted_and_their_trace_is_read_without_secrets);
    tcase_add_test(t, offsets_keep_every_digit);
    tcase_add_test(t, offsets_are_forgotten_of_a_connector_that_is_stopped);
    suite_add_tcase(s, t);
    return s;
}
