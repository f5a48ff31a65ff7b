/* SPDX-License-Identifier: MIT
 *
 * debezium_snapshot - signals and notifications, with the whole provider around it.
 */
#include "tests/support/debezium_stage.h"
#include "tests/support/run.h"

#include "base/str.h"
#include "plugin/core/flow.h"
#include "plugin/core/snapshot.h"
#include "tests/support/store_rig.h"

/* ---- snapshots ----------------------------------------------------------------------- */

static void ask(const wf_str *tables, size_t count)
{
    ck_assert_int_eq(
        cdc_provider_debezium.snapshot_own(rig.state, tables, count, &provider_error),
        WF_OK);
}

static bool snapshot_ended(void)
{
    return debezium_stage.reports && !debezium_stage.report.running;
}

static bool one_table_done(void)
{
    return debezium_stage.report.tables_done == 1;
}

START_TEST(a_snapshot_is_a_signal_and_is_followed_to_its_end)
{
    const wf_str tables[] = {STR("public.items"), STR("b*.x?")};
    debezium_stage_open(NULL);
    ask(tables, 2);
    ck_assert(debezium_stage.report.running);
    debezium_rig_await_signal(0);
    ck_assert_str_eq(debezium_rig.key, DEBEZIUM_RIG_PREFIX);
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "\"type\":\"INCREMENTAL\""));
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "[\"(.*\\\\.)?public\\\\.items\","
                                                     "\"(.*\\\\.)?b.*\\\\.x.\"]"));
    debezium_rig_notify("Incremental Snapshot", "STARTED",
                        debezium_stage_state()->snapshot.id);
    debezium_rig_row("r", "incremental", "public.items", 1);
    debezium_rig_notify("Incremental Snapshot", "TABLE_SCAN_COMPLETED",
                        debezium_stage_state()->snapshot.id);
    debezium_stage_until(one_table_done);
    ck_assert(debezium_stage.report.running);
    debezium_rig_notify("Incremental Snapshot", "COMPLETED",
                        debezium_stage_state()->snapshot.id);
    debezium_stage_until(snapshot_ended);
    provider_rig_read(1);
    ck_assert_int_eq(debezium_stage.ops[0], CDC_READ);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(what_others_asked_for_does_not_end_ours)
{
    const wf_str table = STR("public.items");
    debezium_stage_open(NULL);
    ask(&table, 1);
    debezium_rig_notify("Incremental Snapshot", "COMPLETED", "somebody-else");
    provider_rig_poll(100, 4000);
    provider_rig_poll(100, 200);
    ck_assert(debezium_stage.report.running);
    debezium_rig_notify("Incremental Snapshot", "ABORTED",
                        debezium_stage_state()->snapshot.id);
    debezium_stage_until(snapshot_ended);
    debezium_stage_said("broke off");
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_signal_that_is_not_taken_up_is_sent_once_more_and_then_given_up)
{
    const wf_str table = STR("public.items");
    debezium_stage_open("\"snapshot_type\":\"blocking\"");
    debezium_rig_insert(1);
    provider_rig_read(1); /* so the group has its partitions */
    ask(&table, 1);
    debezium_rig_await_signal(0);
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "\"type\":\"BLOCKING\""));
    debezium_stage_state()->snapshot.heard_ms -= 61000;
    provider_rig_poll(100, 0);
    debezium_rig_await_signal(1);
    debezium_stage_said("it is asked again");
    ck_assert(debezium_stage.report.running);
    debezium_stage_state()->snapshot.heard_ms -= 61000;
    provider_rig_poll(100, 0);
    ck_assert(!debezium_stage.report.running);
    debezium_stage_said("did not take up the snapshot;");
    debezium_stage_tear_down();
}
END_TEST

static enum connect_state seen_by_the_watch(void)
{
    struct debezium_view view;
    debezium_watch_view(debezium_stage_state()->watch, &view);
    return view.connector.state;
}

static bool seen_running(void)
{
    return seen_by_the_watch() == CONNECT_RUNNING;
}

static bool seen_paused(void)
{
    return seen_by_the_watch() == CONNECT_PAUSED;
}

START_TEST(a_connector_that_does_not_run_is_asked_once_it_does)
{
    const wf_str table = STR("public.items");
    debezium_stage_set_up(NULL);
    fake_connect_show(debezium_rig.connect, "PAUSED", "PAUSED", NULL);
    provider_rig_open(STR_EMPTY);
    debezium_rig_insert(1);
    provider_rig_read(1);
    const struct cdc_provider *p = &cdc_provider_debezium;
    struct debezium_snapshot *snapshot = &debezium_stage_state()->snapshot;
    ck_assert_int_eq(p->snapshot_own(rig.state, &table, 1, &provider_error), CDC_FULL);
    debezium_stage_said("does not run, and would not hear of it");
    debezium_stage.notices[0] = '\0';
    snapshot->again_ms = 0;
    ck_assert_int_eq(p->snapshot_own(rig.state, &table, 1, &provider_error), CDC_FULL);
    ck_assert_str_eq(debezium_stage.notices, "");
    ck_assert_uint_eq(snapshot->sent, 0);
    fake_connect_show(debezium_rig.connect, NULL, NULL, NULL);
    debezium_stage_until(seen_running);
    snapshot->again_ms = 0;
    ask(&table, 1);
    debezium_rig_await_signal(0);
    /* One that stops before it took the signal up is asked again when it runs. */
    snapshot->heard_ms -= 61000;
    provider_rig_poll(100, 0);
    debezium_rig_await_signal(1);
    fake_connect_show(debezium_rig.connect, "PAUSED", "PAUSED", NULL);
    debezium_stage_until(seen_paused);
    snapshot->heard_ms -= 61000;
    provider_rig_poll(100, 0);
    ck_assert(debezium_stage.report.running);
    fake_connect_show(debezium_rig.connect, NULL, NULL, NULL);
    debezium_stage_until(seen_running);
    snapshot->heard_ms -= 61000;
    provider_rig_poll(100, 0);
    debezium_rig_await_signal(2);
    debezium_stage_tear_down();
}
END_TEST

static const char *const offsets[] = {
    "{\"offsets\":[]}",
    "{\"offsets\":[{\"partition\":{\"server\":\"x\"},\"offset\":null}]}",
    "{\"offsets\":[{\"partition\":{\"server\":\"x\"},\"offset\":{\"snapshot\":\"INITIAL\","
    "\"last_snapshot_record\":false,\"lsn\":1}}]}",
    "{\"offsets\":[{\"partition\":{\"server\":\"x\"},\"offset\":{\"snapshot\":true,"
    "\"snapshot_completed\":false}}]}",
};

START_TEST(the_first_rows_come_by_themselves_and_are_not_asked_for)
{
    debezium_stage_set_up("\"snapshot\":\"initial\"");
    fake_connect_offsets_are(debezium_rig.connect, offsets[_i]);
    provider_rig_open(STR_EMPTY);
    ask(NULL, 0);
    ck_assert(debezium_stage.report.running);
    debezium_rig_row("r", "first", "public.items", 1);
    debezium_rig_row("r", "true", "public.items", 2);
    debezium_rig_row("r", "last", "public.items", 3);
    provider_rig_read(3);
    ck_assert(!debezium_stage.report.running);
    ck_assert_uint_eq(debezium_stage.report.rows, 3);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.sent, 0);
    debezium_stage_tear_down();
}
END_TEST

static const char *const read_before[] = {
    "{\"offsets\":[{\"partition\":{\"server\":\"x\"},\"offset\":{\"lsn\":1}}]}",
    "{\"offsets\":[{\"partition\":{\"server\":\"x\"},\"offset\":{\"snapshot\":\"INITIAL\","
    "\"last_snapshot_record\":true,\"lsn\":1}}]}",
};

START_TEST(rows_that_the_connector_has_read_before_are_asked_for)
{
    debezium_stage_set_up("\"snapshot\":\"initial\"");
    fake_connect_offsets_are(debezium_rig.connect, read_before[_i]);
    provider_rig_open(STR_EMPTY);
    ask(NULL, 0);
    debezium_rig_await_signal(0);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.sent, 1);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_later_start_has_to_ask_for_all_rows)
{
    debezium_stage_open("\"snapshot\":\"always\"");
    debezium_rig_insert(1);
    provider_rig_read(1);
    wf_str from = debezium_stage_position();
    provider_rig_close();
    provider_rig_open(from);
    ask(NULL, 0);
    debezium_rig_await_signal(0);
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "\"data-collections\":[\".*\"]"));
    debezium_stage_tear_down();
}
END_TEST

/* ---- further hosts ------------------------------------------------------------------- */

static const struct {
    const char *options;
    bool committed;      /* the first host had delivered something */
    const char *changed; /* the further one has another database */
    unsigned sent;
} further[] = {
    {"\"snapshot\":\"initial\"", true, NULL, 0},
    {"\"snapshot\":\"when_needed\"", true, NULL, 0},
    {"\"snapshot\":\"initial\"", false, NULL, 1},
    {"\"snapshot\":\"initial\"", true, "postgres://cdc:geheim@db.example/other", 1},
    {"\"snapshot\":\"always\"", true, NULL, 1},
};

START_TEST(a_further_host_asks_only_for_rows_that_the_group_has_not_had)
{
    debezium_stage_set_up(further[_i].options);
    struct dbz_options *options = rig.settings->options;
    fake_connect_offsets_are(debezium_rig.connect, read_before[0]);
    debezium_rig_insert(1);
    provider_rig_open(STR_EMPTY);
    provider_rig_read(1);
    if (further[_i].committed)
        ck_assert_int_eq(cdc_provider_debezium.confirm(rig.state, buf_view(&rig.position),
                                                       &provider_error),
                         WF_OK);
    provider_rig_close();
    if (further[_i].changed)
        options->database = str_from(further[_i].changed);
    provider_rig_open(STR_EMPTY);
    ask(NULL, 0);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.sent, further[_i].sent);
    ck_assert_uint_eq(debezium_stage.report.running, further[_i].sent);
    if (!further[_i].sent)
        debezium_stage_said("no snapshot at this start");
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_user_who_asks_a_further_host_is_heard)
{
    const wf_str all = STR("*");
    debezium_stage_open("\"snapshot\":\"initial\"");
    debezium_stage_state()->joined = true;
    ask(&all, 1); /* the one of the start, as core has kept it */
    ck_assert_uint_eq(debezium_stage_state()->snapshot.sent, 0);
    ask(NULL, 0);
    debezium_rig_await_signal(0);
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "\"data-collections\":[\".*\"]"));
    debezium_stage_tear_down();
}
END_TEST

/* ---- Kafka does not take the signal --------------------------------------------------- */

static struct cdc_flow flow;
static struct snapshot *core; /* what the source has between us and the disk */

static void on_line(void *ctx, int32_t level, wf_str line)
{
    (void)ctx, (void)level, (void)line;
}

static void refuse_signals(size_t count)
{
    while (count--)
        rd_kafka_mock_push_request_errors(debezium_rig.kafka.cluster, KAFKA_MOCK_PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
}

static void attach(void)
{
    static const struct logger logger = {NULL, on_line};
    const struct snapshot_deps deps = {.flow = &flow,
                                       .store = store_rig_store,
                                       .settings = rig.settings,
                                       .provider_state = rig.state};
    flow.owner.source_id = STR("s");
    flow.owner.logger = &logger;
    store_rig_must(snapshot_new(&core, &provider_error), &provider_error);
    store_rig_must(snapshot_attach(core, &deps, &provider_error), &provider_error);
}

static void step(void)
{
    store_rig_must(snapshot_step(core, &provider_error), &provider_error);
}

/* The process ends, and begins again with what is on the disk. */
static void crash(void)
{
    wf_str from = debezium_stage_position();
    snapshot_free(core);
    provider_rig_close();
    store_rig_reopen();
    provider_rig_open(from);
    attach();
}

START_TEST(a_snapshot_that_was_promised_outlives_a_crash_before_its_signal_was_sent)
{
    static wf_str table = {"public.items", 12};
    const struct cdc_list lost = {&table, 1};
    store_rig_setup();
    debezium_stage_open("\"on_records_lost\":\"resnapshot\"");
    debezium_stage_arrive();
    attach();
    store_rig_must(
        snapshot_request(core, store_rig_store, STR("s"), &lost, &provider_error),
        &provider_error);
    refuse_signals(1);
    step();
    debezium_stage_said("could not be asked for yet");
    ck_assert(snapshot_active(core));
    ck_assert(!debezium_stage.report.running);
    crash();
    debezium_stage_arrive();
    ck_assert(snapshot_active(core));
    step();
    ck_assert(!snapshot_active(core));
    ck_assert(debezium_stage.report.running);
    debezium_rig_await_signal(0);
    ck_assert_ptr_nonnull(strstr(debezium_rig.value, "public\\\\.items"));
    crash();
    ck_assert(!snapshot_active(core));
    snapshot_free(core);
    debezium_stage_tear_down();
    store_rig_teardown();
}
END_TEST

START_TEST(until_kafka_takes_a_signal_the_stream_goes_on_and_it_is_told_once)
{
    const wf_str table = STR("public.items");
    debezium_stage_open(NULL);
    refuse_signals(2);
    const struct cdc_provider *p = &cdc_provider_debezium;
    ck_assert_int_eq(p->snapshot_own(rig.state, &table, 1, &provider_error), CDC_FULL);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.asks, 1);
    debezium_stage.notices[0] = '\0';
    ck_assert_int_eq(p->snapshot_own(rig.state, &table, 1, &provider_error), CDC_FULL);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.asks, 1);
    debezium_stage_state()->snapshot.again_ms = 0;
    ck_assert_int_eq(p->snapshot_own(rig.state, &table, 1, &provider_error), CDC_FULL);
    ck_assert_uint_eq(debezium_stage_state()->snapshot.asks, 2);
    ck_assert_str_eq(debezium_stage.notices, "");
    debezium_rig_insert(1);
    provider_rig_read(1);
    debezium_stage_state()->snapshot.again_ms = 0;
    ask(&table, 1);
    debezium_rig_await_signal(0);
    debezium_stage_tear_down();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debezium_snapshot");
    TCase *tests = tcase_create("with fakes");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_snapshot_is_a_signal_and_is_followed_to_its_end);
    tcase_add_test(tests, what_others_asked_for_does_not_end_ours);
    tcase_add_test(tests,
                   a_signal_that_is_not_taken_up_is_sent_once_more_and_then_given_up);
    tcase_add_test(tests, a_connector_that_does_not_run_is_asked_once_it_does);
    tcase_add_loop_test(tests, the_first_rows_come_by_themselves_and_are_not_asked_for, 0,
                        (int)CDC_COUNT(offsets));
    tcase_add_loop_test(tests, rows_that_the_connector_has_read_before_are_asked_for, 0,
                        (int)CDC_COUNT(read_before));
    tcase_add_test(tests, a_later_start_has_to_ask_for_all_rows);
    tcase_add_loop_test(tests, a_further_host_asks_only_for_rows_that_the_group_has_not_had,
                        0, (int)CDC_COUNT(further));
    tcase_add_test(tests, a_user_who_asks_a_further_host_is_heard);
    tcase_add_test(
        tests, a_snapshot_that_was_promised_outlives_a_crash_before_its_signal_was_sent);
    tcase_add_test(tests,
                   until_kafka_takes_a_signal_the_stream_goes_on_and_it_is_told_once);
    suite_add_tcase(suite, tests);
    return suite;
}
