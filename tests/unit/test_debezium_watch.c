/* SPDX-License-Identifier: MIT
 *
 * debezium_watch, debezium_tend, debezium_settle - a connector that is kept running, against
 * a Kafka Connect that does what a real one does only now and then.
 */
#include "providers/debezium/debezium_watch.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/debezium_settle.h"
#include "tests/support/fake_connect.h"
#include "tests/support/run.h"

#define WAIT_MS 60000
#define NAME "workflow-shop"

static struct fake_connect *far_side;
static struct dbz_connector connector;
static struct debezium_watch *watch;
static struct debezium_watch_plan plan;
static wf_error error;
static char notices[8000];

static void put(struct buf *b, const char *text)
{
    buf_init(b, LIMIT_CONFIG_BYTES);
    buf_cstr(b, text);
}

static void setup(void)
{
    far_side = fake_connect_start();
    put(&connector.name, NAME);
    put(&connector.class_name, "io.debezium.connector.postgresql.PostgresConnector");
    put(&connector.topic_prefix, "shop");
    put(&connector.config, "{\"name\":\"" NAME "\",\"connector.class\":"
                           "\"io.debezium.connector.postgresql.PostgresConnector\",\"topic."
                           "prefix\":\"shop\"}");
    plan = (struct debezium_watch_plan){
        .connect = {.urls = str_from(fake_connect_url(far_side)), .timeout_ms = 2000},
        .connector = &connector,
        .times = {.look_ms = 50,
                  .soon_ms = 40,
                  .backoff_ms = 30,
                  .steady_ms = 60000,
                  .birth_ms = 100,
                  .patience_ms = 300},
        .restarts = 3,
    };
    notices[0] = '\0';
    watch = NULL;
}

static void teardown(void)
{
    debezium_watch_stop(watch);
    fake_connect_check(far_side);
    fake_connect_stop(far_side);
    dbz_connector_release(&connector);
}

static void start(void)
{
    wf_status status = debezium_watch_start(&plan, &watch, &error);
    ck_assert_msg(status == WF_OK, "%s", error.text);
}

static struct debezium_view settle(void)
{
    struct debezium_view view;
    ck_assert(debezium_watch_await(watch, WAIT_MS, &view));
    ck_assert_msg(!view.error.code, "%s", view.error.text);
    return view;
}

static void begin(void)
{
    start();
    settle();
}

static const char *heard(void)
{
    static char all[60000];
    snprintf(all, sizeof all, "%s", fake_connect_heard(far_side));
    return all;
}

/* The request, for as long as a watch needs. */
static void hears(const char *request)
{
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    while (!strstr(heard(), request)) {
        ck_assert_msg(clock_mono_ms() < deadline, "no %s", request);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static void says(const char *text)
{
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    while (!strstr(notices, text)) {
        enum log_level level;
        char line[DEBEZIUM_NOTICE];
        while (debezium_watch_notice(watch, &level, line)) {
            size_t len = strlen(notices);
            snprintf(notices + len, sizeof notices - len, "%s\n", line);
        }
        ck_assert_msg(clock_mono_ms() < deadline, "not said: %s; but: %s", text, notices);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static struct debezium_view view_with(bool (*is)(const struct debezium_view *view))
{
    struct debezium_view view;
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    for (;;) {
        debezium_watch_view(watch, &view);
        if (is(&view))
            return view;
        ck_assert_msg(clock_mono_ms() < deadline, "state %s: %s",
                      connect_state_text(view.connector.state), view.error.text);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static bool is_failed(const struct debezium_view *view)
{
    return view->error.code != WF_OK;
}

static bool is_away(const struct debezium_view *view)
{
    return view->away;
}

static bool is_there(const struct debezium_view *view)
{
    return !view->away;
}

static bool is_paused(const struct debezium_view *view)
{
    return view->connector.state == CONNECT_PAUSED;
}

static bool is_running(const struct debezium_view *view)
{
    return view->connector.state == CONNECT_RUNNING;
}

/* ---- making it ----------------------------------------------------------------------- */

START_TEST(a_connector_that_is_not_there_is_checked_made_and_awaited)
{
    fake_connect_lag(far_side, 3);
    start();
    struct debezium_view view = settle();
    ck_assert_int_eq(view.connector.state, CONNECT_RUNNING);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "RUNNING");
    const char *all = heard();
    const char *checked = strstr(all, "/config/validate");
    const char *made = strstr(all, "PUT /connectors/" NAME "/config\n");
    ck_assert(checked && made && checked < made);
    says("was made");
}
END_TEST

START_TEST(one_that_has_our_configuration_is_left_alone)
{
    start();
    ck_assert(!settle().found);
    debezium_watch_stop(watch);
    heard();
    start();
    ck_assert(settle().found);
    ck_assert_ptr_null(strstr(heard(), "PUT"));
}
END_TEST

START_TEST(one_that_was_made_without_an_answer_was_not_there_before)
{
    fake_connect_fault(far_side,
                       (struct fake_fault){.request = "PUT /connectors/" NAME "/config",
                                           .times = 1000000,
                                           .kind = FAKE_TIMED_OUT});
    start();
    ck_assert(!settle().found);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "RUNNING");
}
END_TEST

START_TEST(one_with_another_configuration_gets_ours)
{
    begin();
    debezium_watch_stop(watch);
    buf_release(&connector.config);
    put(&connector.config,
        "{\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\","
        "\"topic.prefix\":\"other\"}");
    begin();
    ck_assert_ptr_nonnull(strstr(fake_connect_config(far_side, NAME), "other"));
}
END_TEST

START_TEST(a_configuration_that_connect_refuses_is_a_failure_that_says_why)
{
    fake_connect_validate_says(
        far_side, "{\"name\":\"x\",\"error_count\":1,\"groups\":[],\"configs\":[{\"value\":"
                  "{\"name\":\"database.hostname\",\"value\":null,\"errors\":[\"A value is "
                  "required\"]}}]}");
    struct debezium_view view;
    start();
    ck_assert(debezium_watch_await(watch, WAIT_MS, &view));
    ck_assert_int_eq(view.error.code, WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(view.error.text, "database.hostname"));
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "");
}
END_TEST

START_TEST(a_connect_that_is_away_is_waited_for)
{
    struct debezium_view view;
    fake_connect_fault(
        far_side, (struct fake_fault){
                      .request = "", .times = 1000000, .kind = FAKE_ANSWER, .status = 503});
    start();
    ck_assert(!debezium_watch_await(watch, 600, &view));
    ck_assert(view.away);
    ck_assert_uint_gt(strlen(view.error.text), 0);
    fake_connect_fault(far_side, (struct fake_fault){.request = ""});
    settle();
}
END_TEST

/* ---- keeping it running -------------------------------------------------------------- */

START_TEST(failed_tasks_are_restarted_and_after_too_many_times_it_gives_up)
{
    begin();
    struct debezium_view view;
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    do { /* a restart heals it, for a moment */
        fake_connect_show(far_side, "RUNNING", "FAILED", "java.lang.Oops: disk\n\tat x");
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        debezium_watch_view(watch, &view);
    } while (!view.error.code && clock_mono_ms() < deadline);
    ck_assert_int_eq(view.error.code, WF_STATE);
    ck_assert_uint_eq(view.restarts, 3);
    ck_assert_ptr_nonnull(strstr(view.error.text, "java.lang.Oops: disk"));
    ck_assert_ptr_nonnull(strstr(view.error.text, "also after 3 restarts"));
    unsigned asked = 0;
    for (const char *at = heard(); (at = strstr(at, "onlyFailed=true")); at++)
        asked++;
    ck_assert_uint_eq(asked, 3);
    says("restarted (3 of 3)");
}
END_TEST

START_TEST(without_restarts_the_first_failure_is_the_last)
{
    plan.restarts = 0;
    begin();
    fake_connect_show(far_side, "RUNNING", "FAILED", "java.lang.Oops");
    struct debezium_view view = view_with(is_failed);
    ck_assert_uint_eq(view.restarts, 0);
    ck_assert_ptr_null(strstr(heard(), "restart"));
}
END_TEST

START_TEST(one_that_ran_for_long_has_all_its_restarts_again)
{
    plan.times.steady_ms = 100;
    plan.restarts = 1;
    begin();
    for (uint64_t round = 1; round <= 3; round++) {
        fake_connect_show(far_side, "RUNNING", "FAILED", "java.lang.Oops");
        hears("onlyFailed=true");
        fake_connect_show(far_side, NULL, NULL, NULL);
        view_with(is_running);
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        struct debezium_view view;
        debezium_watch_view(watch, &view);
        ck_assert_msg(!view.error.code, "%s", view.error.text);
        ck_assert_uint_eq(view.restarts, round);
    }
}
END_TEST

START_TEST(a_connector_that_somebody_deleted_is_made_again)
{
    begin();
    struct connect_client *operator;
    bool existed = false;
    struct connect_plan own = plan.connect;
    own.patience_ms = WAIT_MS;
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    ck_assert_int_eq(connect_open(&own, &operator, & error), WF_OK);
    ck_assert_int_eq(connect_delete(operator, STR(NAME), &existed, &error), WF_OK);
    connect_close(operator);
    ck_assert(existed);
    says("was deleted at Kafka Connect");
    hears("PUT /connectors/" NAME "/config\n");
    view_with(is_running);
}
END_TEST

START_TEST(a_connect_that_goes_away_is_told_once_and_told_when_it_is_back)
{
    begin();
    fake_connect_fault(
        far_side, (struct fake_fault){
                      .request = "", .times = 1000000, .kind = FAKE_ANSWER, .status = 503});
    view_with(is_away);
    says("is not watched just now");
    fake_connect_fault(far_side, (struct fake_fault){.request = ""});
    view_with(is_there);
    says("answers again");
    const char *first = strstr(notices, "is not watched just now");
    ck_assert_ptr_null(strstr(first + 1, "is not watched just now"));
}
END_TEST

/* ---- pausing ------------------------------------------------------------------------- */

START_TEST(the_source_pauses_its_connector_and_lets_it_go_on)
{
    begin();
    debezium_watch_pause(watch, true);
    view_with(is_paused);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "PAUSED");
    debezium_watch_pause(watch, false);
    view_with(is_running);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "RUNNING");
}
END_TEST

static void found_paused(void)
{
    begin();
    debezium_watch_pause(watch, true);
    view_with(is_paused);
    debezium_watch_stop(watch);
    heard();
}

START_TEST(one_that_an_operator_paused_is_left_alone_and_said)
{
    found_paused();
    begin();
    says("is paused at Kafka Connect, and not by this source");
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "PAUSED");
    ck_assert_ptr_null(strstr(heard(), "/resume"));
}
END_TEST

START_TEST(one_that_this_source_left_paused_is_resumed)
{
    found_paused();
    plan.resume_paused = true;
    begin();
    view_with(is_running);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "RUNNING");
}
END_TEST

START_TEST(a_foreign_one_is_looked_at_and_never_touched)
{
    plan.foreign = true;
    begin();
    hears("GET /connectors/" NAME "/status");
    hears("GET /connectors/" NAME "/status");
    ck_assert_str_eq(fake_connect_state(far_side, NAME), "");
}
END_TEST

/* ---- the last deed ------------------------------------------------------------------- */

static const struct {
    enum debezium_deed deed;
    const char *state;
    const char *removed;
} deeds[] = {
    {DEBEZIUM_DELETE, "", "connector " NAME "\n"},
    {DEBEZIUM_PAUSE, "PAUSED", ""},
    {DEBEZIUM_STOP, "STOPPED", ""},
    {DEBEZIUM_REMOVE, "", "connector " NAME "\n"},
};

START_TEST(a_deed_is_done_and_is_the_last)
{
    struct buf removed;
    const struct debezium_watch_wait wait = {.timeout_ms = WAIT_MS};
    begin();
    buf_init(&removed, LIMIT_TEXT_BYTES);
    wf_status status = debezium_watch_do(watch, deeds[_i].deed, &wait, &removed, &error);
    ck_assert_msg(status == WF_OK, "%s", error.text);
    ck_assert_str_eq(fake_connect_state(far_side, NAME), deeds[_i].state);
    ck_assert_int_eq(strncmp(buf_c(&removed), deeds[_i].removed, strlen(deeds[_i].removed)),
                     0);
    heard();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    ck_assert_str_eq(heard(), "");
    buf_release(&removed);
}
END_TEST

START_TEST(a_second_removal_finds_nothing)
{
    struct buf removed;
    const struct debezium_watch_wait wait = {.timeout_ms = WAIT_MS};
    plan.idle = true;
    start();
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(debezium_watch_do(watch, DEBEZIUM_REMOVE, &wait, &removed, &error),
                     WF_OK);
    ck_assert_uint_eq(removed.len, 0);
    buf_release(&removed);
}
END_TEST

START_TEST(neither_a_deed_nor_the_stop_waits_for_a_connect_that_is_silent)
{
    struct buf removed;
    const struct debezium_watch_wait wait = {.timeout_ms = 300};
    plan.connect.timeout_ms = 60000;
    plan.times.patience_ms = 60000;
    begin();
    fake_connect_fault(
        far_side,
        (struct fake_fault){.request = "", .times = 1000000, .kind = FAKE_SILENCE});
    hears("/status");
    buf_init(&removed, LIMIT_TEXT_BYTES);
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(debezium_watch_do(watch, DEBEZIUM_DELETE, &wait, &removed, &error),
                     WF_UNAVAILABLE);
    debezium_watch_stop(watch);
    watch = NULL;
    ck_assert_int_lt(clock_mono_ms() - before, 3000);
    buf_release(&removed);
}
END_TEST

START_TEST(a_wait_that_nobody_wants_any_more_ends)
{
    struct buf removed;
    static const _Atomic bool cancelled = true;
    const struct debezium_watch_wait wait = {.timeout_ms = 60000, .cancelled = &cancelled};
    begin();
    fake_connect_fault(
        far_side,
        (struct fake_fault){.request = "", .times = 1000000, .kind = FAKE_SILENCE});
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(debezium_watch_do(watch, DEBEZIUM_DELETE, &wait, &removed, &error),
                     WF_CANCELLED);
    buf_release(&removed);
}
END_TEST

/* ---- the same configuration ---------------------------------------------------------- */

static const struct {
    const char *ours, *theirs;
    bool same;
} pairs[] = {
    {"{}", "{}", true},
    {"{\"a\":\"1\"}", "{\"a\":\"1\",\"name\":\"x\"}", true},
    {"{\"a\":1,\"b\":true}", "{\"b\":\"true\",\"a\":\"1\"}", true},
    {"{\"name\":\"y\",\"a\":\"1\"}", "{\"a\":\"1\",\"name\":\"x\"}", true},
    {"{\"a\":\"\\u0041\\/\"}", "{\"a\":\"A/\"}", true},
    {"{\"a\":\"1\"}", "{\"a\":\"2\"}", false},
    {"{\"a\":\"1\"}", "{\"a\":\"1\",\"b\":\"1\"}", false},
    {"{\"a\":\"1\",\"b\":\"1\"}", "{\"a\":\"1\"}", false},
    {"{\"a\":\"1\",\"b\":\"1\"}", "{\"a\":\"1\",\"c\":\"1\"}", false},
};

START_TEST(configurations_are_the_same_when_connect_reads_them_the_same)
{
    ck_assert_int_eq(
        debezium_settle_same(str_from(pairs[_i].ours), str_from(pairs[_i].theirs)),
        pairs[_i].same);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debezium_watch");
    TCase *tests = tcase_create("against a fake Kafka Connect");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_connector_that_is_not_there_is_checked_made_and_awaited);
    tcase_add_test(tests, one_that_has_our_configuration_is_left_alone);
    tcase_add_test(tests, one_that_was_made_without_an_answer_was_not_there_before);
    tcase_add_test(tests, one_with_another_configuration_gets_ours);
    tcase_add_test(tests, a_configuration_that_connect_refuses_is_a_failure_that_says_why);
    tcase_add_test(tests, a_connect_that_is_away_is_waited_for);
    tcase_add_test(tests, failed_tasks_are_restarted_and_after_too_many_times_it_gives_up);
    tcase_add_test(tests, without_restarts_the_first_failure_is_the_last);
    tcase_add_test(tests, one_that_ran_for_long_has_all_its_restarts_again);
    tcase_add_test(tests, a_connector_that_somebody_deleted_is_made_again);
    tcase_add_test(tests, a_connect_that_goes_away_is_told_once_and_told_when_it_is_back);
    tcase_add_test(tests, the_source_pauses_its_connector_and_lets_it_go_on);
    tcase_add_test(tests, one_that_an_operator_paused_is_left_alone_and_said);
    tcase_add_test(tests, one_that_this_source_left_paused_is_resumed);
    tcase_add_test(tests, a_foreign_one_is_looked_at_and_never_touched);
    tcase_add_loop_test(tests, a_deed_is_done_and_is_the_last, 0, (int)CDC_COUNT(deeds));
    tcase_add_test(tests, a_second_removal_finds_nothing);
    tcase_add_test(tests, neither_a_deed_nor_the_stop_waits_for_a_connect_that_is_silent);
    tcase_add_test(tests, a_wait_that_nobody_wants_any_more_ends);
    suite_add_tcase(suite, tests);
    TCase *same = tcase_create("the same configuration");
    tcase_add_loop_test(same, configurations_are_the_same_when_connect_reads_them_the_same,
                        0, (int)CDC_COUNT(pairs));
    suite_add_tcase(suite, same);
    return suite;
}
