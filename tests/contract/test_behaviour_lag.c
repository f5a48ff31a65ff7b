/* SPDX-License-Identifier: MIT
 *
 * Rows 53 to 63: thresholds, backpressure and monitor, over dlopen.
 */
#include "base/str.h"
#include "tests/support/fake_shop.h"

static void setup(void)
{
    shop_setup();
    fake_running_module(&host, "orders", SHOP);
}

static void set_lag(long long bytes, long long seconds)
{
    char lag[100];
    snprintf(lag, sizeof lag, "{\"lag_bytes\":%lld,\"lag_seconds\":%lld}", bytes, seconds);
    ck_assert_int_eq(fake_publish(&host, "cdc.memory.shop.lag", lag, &err), WF_OK);
}

/* Executes with {"source_id":"shop"<more>}. */
static void run(const char *step, const char *more)
{
    char config[500];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\"%s}", more);
    step_works(step, config);
}

#define MILLION_AND_MINUTE ",\"thresholds\":{\"lag_bytes\":1000000,\"lag_seconds\":60}"

static const struct {
    long long bytes, seconds;
    const char *status;
} levels[] = {
    {0, 0, "healthy"},        {799999, 47, "healthy"},  {800000, 0, "warning"},
    {850000, 0, "warning"},   {0, 48, "warning"},       {999999, 59, "warning"},
    {1000000, 0, "critical"}, {1500000, 0, "critical"}, {0, 90, "critical"},
};

START_TEST(row_53_54_check_is_healthy_warning_or_critical_and_the_lag_is_an_integer)
{
    char bytes[30];
    set_lag(levels[_i].bytes, levels[_i].seconds);
    run("cdc_backpressure", MILLION_AND_MINUTE);
    ck_assert_str_eq(fake_member(&out, "status"), levels[_i].status);
    snprintf(bytes, sizeof bytes, "%lld", levels[_i].bytes);
    ck_assert_str_eq(fake_member(&out, "lag_bytes"), bytes);
    ck_assert_str_eq(fake_member(&out, "thresholds"),
                     "{\"lag_bytes\":1000000,\"lag_seconds\":60}");
}
END_TEST

static const struct {
    const char *config;
    const char *applied;
} thresholds[] = {
    {"", "{\"lag_bytes\":1073741824,\"lag_seconds\":300}"},
    {",\"thresholds\":null", "{\"lag_bytes\":1073741824,\"lag_seconds\":300}"},
    {",\"thresholds\":{\"lag_bytes\":0,\"lag_seconds\":-5}",
     "{\"lag_bytes\":1073741824,\"lag_seconds\":300}"},
    {",\"thresholds\":{\"lag_bytes\":true,\"lag_seconds\":\"soon\"}",
     "{\"lag_bytes\":1073741824,\"lag_seconds\":300}"},
    {",\"thresholds\":{\"lag_bytes\":\"500\",\"lag_seconds\":\"1.5e1\"}",
     "{\"lag_bytes\":500,\"lag_seconds\":15}"},
    {",\"thresholds\":{\"lag_bytes\":\"1MiB\",\"lag_seconds\":\"2m\"}",
     "{\"lag_bytes\":1048576,\"lag_seconds\":120}"},
    {",\"thresholds\":{\"lag_bytes\":1e30,\"lag_seconds\":\"1e999\"}",
     "{\"lag_bytes\":9223372036854775807,\"lag_seconds\":300}"},
};

START_TEST(row_54_thresholds_that_are_no_number_above_zero_keep_the_default)
{
    run("cdc_backpressure", thresholds[_i].config);
    ck_assert_str_eq(fake_member(&out, "thresholds"), thresholds[_i].applied);
}
END_TEST

START_TEST(row_55_an_unknown_action_is_an_error_that_names_the_valid_ones)
{
    ck_assert_int_eq(fake_step(&host, "cdc_backpressure",
                               "{\"source_id\":\"shop\",\"action\":\"explode\"}", &out,
                               &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text,
                     "step.cdc_backpressure \"N\": unknown action \"explode\" (valid: "
                     "check, throttle, resume)");
}
END_TEST

START_TEST(row_55_the_source_is_looked_up_before_the_action)
{
    ck_assert_int_eq(fake_step(&host, "cdc_backpressure",
                               "{\"source_id\":\"x\",\"action\":\"explode\"}", &out, &err),
                     WF_NOT_FOUND);
}
END_TEST

START_TEST(row_60_a_critical_lag_pauses_the_source_and_sends_an_alert)
{
    struct buf alert;
    buf_init(&alert, 1u << 16);
    set_lag(5, 400);
    run("cdc_monitor", "");
    ck_assert_str_eq(buf_c(&out),
                     "{\"source_id\":\"shop\",\"lag_bytes\":5,\"lag_seconds\":400,"
                     "\"status\":\"critical\",\"alerts_sent\":1,\"auto_throttled\":true,"
                     "\"resumed\":false}");
    ck_assert_uint_eq(fake_messages(&host, "cdc.alerts", &alert), 1);
    ck_assert_str_eq(fake_member(&alert, "source_id"), "shop");
    ck_assert_str_eq(fake_member(&alert, "status"), "critical");
    ck_assert_str_eq(fake_member(&alert, "previous_status"), "healthy");
    ck_assert_str_eq(fake_member(&alert, "lag_seconds"), "400");
    ck_assert_str_eq(fake_member(&alert, "auto_throttled"), "true");
    run("cdc_status", "");
    ck_assert_str_eq(fake_member(&out, "state"), "paused");
    buf_release(&alert);
}
END_TEST

START_TEST(row_61_a_healthy_source_is_left_alone)
{
    run("cdc_monitor", "");
    ck_assert_str_eq(buf_c(&out),
                     "{\"source_id\":\"shop\",\"lag_bytes\":0,\"lag_seconds\":0,"
                     "\"status\":\"healthy\",\"alerts_sent\":0,"
                     "\"auto_throttled\":false,\"resumed\":false}");
    ck_assert_uint_eq(fake_messages(&host, "cdc.alerts", NULL), 0);
}
END_TEST

/* Upstream refuses this, because its memory provider cannot be paused.  Here every
 * provider can. */
START_TEST(row_62_superseded_throttle_and_resume_work_on_the_memory_provider_too)
{
    fake_running_trigger(&host, "{\"source_id\":\"shop\"}", &callback);
    run("cdc_backpressure", ",\"action\":\"throttle\"");
    ck_assert_str_eq(buf_c(&out), "{\"source_id\":\"shop\",\"action\":\"throttled\","
                                  "\"previous_state\":\"running\"}");
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert_uint_eq(fake_callback_settled(&callback), 0);
    run("cdc_backpressure", ",\"action\":\"throttle\"");
    ck_assert_str_eq(fake_member(&out, "previous_state"), "paused");
    run("cdc_backpressure", ",\"action\":\"resume\"");
    ck_assert_str_eq(buf_c(&out), "{\"source_id\":\"shop\",\"action\":\"resumed\"}");
    ck_assert(fake_callback_wait(&callback, 1));
}
END_TEST

START_TEST(row_63_the_status_has_lag_bytes_and_lag_seconds)
{
    set_lag(1234, 5);
    run("cdc_status", "");
    ck_assert_str_eq(fake_member(&out, "lag_bytes"), "1234");
    ck_assert_str_eq(fake_member(&out, "lag_seconds"), "5");
}
END_TEST

/* ---- beyond upstream ---- */

static void monitor_says(const char *status, const char *alerts, const char *throttled,
                         const char *resumed)
{
    run("cdc_monitor", MILLION_AND_MINUTE);
    ck_assert_str_eq(fake_member(&out, "status"), status);
    ck_assert_str_eq(fake_member(&out, "alerts_sent"), alerts);
    ck_assert_str_eq(fake_member(&out, "auto_throttled"), throttled);
    ck_assert_str_eq(fake_member(&out, "resumed"), resumed);
}

START_TEST(
    a_monitor_alerts_once_per_change_pauses_once_and_resumes_below_the_low_water_mark)
{
    set_lag(900000, 0);
    monitor_says("warning", "1", "false", "false");
    monitor_says("warning", "0", "false", "false");
    set_lag(2000000, 0);
    monitor_says("critical", "1", "true", "false");
    monitor_says("critical", "0", "false", "false");
    set_lag(700000, 0); /* healthy, and yet above half of the threshold */
    monitor_says("healthy", "1", "false", "false");
    run("cdc_status", "");
    ck_assert_str_eq(fake_member(&out, "state"), "paused");
    set_lag(400000, 0);
    monitor_says("healthy", "0", "false", "true");
    run("cdc_status", "");
    ck_assert_str_eq(fake_member(&out, "state"), "running");
    monitor_says("healthy", "0", "false", "false");
    ck_assert_uint_eq(fake_messages(&host, "cdc.alerts", NULL), 3);
}
END_TEST

START_TEST(a_monitor_leaves_a_pause_of_somebody_else_alone)
{
    run("cdc_backpressure", ",\"action\":\"throttle\"");
    set_lag(2000000, 0);
    monitor_says("critical", "1", "false", "false");
    set_lag(0, 0);
    monitor_says("healthy", "1", "false", "false");
    run("cdc_status", "");
    ck_assert_str_eq(fake_member(&out, "state"), "paused");
}
END_TEST

START_TEST(a_monitor_may_publish_elsewhere_and_be_told_not_to_pause)
{
    set_lag(5000000, 0);
    run("cdc_monitor", MILLION_AND_MINUTE ",\"topic\":\"ops\",\"auto_throttle\":\"false\"");
    ck_assert_str_eq(fake_member(&out, "alerts_sent"), "1");
    ck_assert_str_eq(fake_member(&out, "auto_throttled"), "false");
    ck_assert_uint_eq(fake_messages(&host, "ops", NULL), 1);
    ck_assert_uint_eq(fake_messages(&host, "cdc.alerts", NULL), 0);
}
END_TEST

START_TEST(an_alert_that_could_not_be_sent_is_sent_the_next_time)
{
    set_lag(900000, 0);
    host.publish_status = WF_UNAVAILABLE;
    monitor_says("warning", "0", "false", "false");
    host.publish_status = WF_OK;
    monitor_says("warning", "1", "false", "false");
    ck_assert(fake_logged(&host, "alert not sent source=shop status=warning was=healthy "
                                 "topic=cdc.alerts error=the bus is "
                                 "closed"));
}
END_TEST

START_TEST(a_low_water_mark_outside_of_0_to_1_is_an_error)
{
    ck_assert_int_eq(fake_step(&host, "cdc_monitor",
                               "{\"source_id\":\"shop\",\"low_water\":\"50\"}", &out, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text,
                     "step.cdc_monitor \"N\": 'low_water' must be between 0 and 1, not 50");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("behaviour: lag");
    TCase *tests = tcase_create("backpressure and monitor");
    tcase_add_checked_fixture(tests, setup, shop_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(
        tests, row_53_54_check_is_healthy_warning_or_critical_and_the_lag_is_an_integer, 0,
        (int)CDC_COUNT(levels));
    tcase_add_loop_test(tests,
                        row_54_thresholds_that_are_no_number_above_zero_keep_the_default, 0,
                        (int)CDC_COUNT(thresholds));
    tcase_add_test(tests, row_55_an_unknown_action_is_an_error_that_names_the_valid_ones);
    tcase_add_test(tests, row_55_the_source_is_looked_up_before_the_action);
    tcase_add_test(tests, row_60_a_critical_lag_pauses_the_source_and_sends_an_alert);
    tcase_add_test(tests, row_61_a_healthy_source_is_left_alone);
    tcase_add_test(tests,
                   row_62_superseded_throttle_and_resume_work_on_the_memory_provider_too);
    tcase_add_test(tests, row_63_the_status_has_lag_bytes_and_lag_seconds);
    tcase_add_test(
        tests,
        a_monitor_alerts_once_per_change_pauses_once_and_resumes_below_the_low_water_mark);
    tcase_add_test(tests, a_monitor_leaves_a_pause_of_somebody_else_alone);
    tcase_add_test(tests, a_monitor_may_publish_elsewhere_and_be_told_not_to_pause);
    tcase_add_test(tests, an_alert_that_could_not_be_sent_is_sent_the_next_time);
    tcase_add_test(tests, a_low_water_mark_outside_of_0_to_1_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}
