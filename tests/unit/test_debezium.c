/* SPDX-License-Identifier: MIT
 *
 * debezium - what the provider does beyond its contract, with a fake Kafka Connect and
 * librdkafka's mock cluster: starting, records, lag.
 */
#include "tests/support/debezium_stage.h"
#include "tests/support/run.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- the connector ------------------------------------------------------------------- */

START_TEST(an_open_makes_the_connector_and_a_second_one_leaves_it_alone)
{
    debezium_stage_open(NULL);
    ck_assert_str_eq(debezium_stage_connector(), "RUNNING");
    const char *config = fake_connect_config(debezium_rig.connect, DEBEZIUM_RIG_CONNECTOR);
    ck_assert_ptr_nonnull(strstr(config, "\"topic.prefix\":\"" DEBEZIUM_RIG_PREFIX "\""));
    wf_str from = debezium_stage_position();
    provider_rig_close();
    fake_connect_heard(debezium_rig.connect);
    provider_rig_open(from);
    ck_assert_ptr_null(strstr(fake_connect_heard(debezium_rig.connect), "PUT"));
    debezium_stage_tear_down();
}
END_TEST

START_TEST(with_a_position_it_reads_on_while_connect_is_away)
{
    debezium_stage_open("\"start_timeout\":\"1s\"");
    debezium_rig_insert(1);
    provider_rig_read(1);
    wf_str from = debezium_stage_position();
    ck_assert_int_eq(cdc_provider_debezium.confirm(rig.state, from, &provider_error),
                     WF_OK);
    provider_rig_close();
    debezium_stage_connect_goes();
    debezium_rig_insert(2);
    provider_rig_open(from);
    provider_rig_read(2);
    provider_rig_numbers_are(0, 2, 1);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_first_start_waits_for_connect_and_says_so)
{
    debezium_stage_set_up("\"start_timeout\":\"1s\"");
    debezium_stage_connect_goes();
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "503"));
    ck_assert_int_ge(clock_mono_ms() - before, 900);
    provider_rig_close();
    debezium_stage_tear_down();
}
END_TEST

START_TEST(an_open_that_is_not_wanted_any_more_ends)
{
    debezium_stage_set_up(NULL);
    debezium_stage_connect_goes();
    rig.cancelled = true;
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_CANCELLED);
    provider_rig_close();
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_connector_that_goes_on_failing_is_the_end)
{
    wf_status status = WF_OK;
    debezium_stage_open("\"restarts\":0");
    fake_connect_show(
        debezium_rig.connect, "RUNNING", "FAILED",
        "org.apache.kafka.connect.errors.ConnectException: slot is gone\n\tat x");
    /* Anything asked of the watch makes it look at once. */
    cdc_provider_debezium.pause(rig.state, true, &provider_error);
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (!status && clock_mono_ms() < deadline)
        status = cdc_provider_debezium.poll(rig.state, (struct cdc_budget){100, 10},
                                            &provider_error);
    ck_assert_int_eq(status, WF_STATE);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "slot is gone"));
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_converter_with_a_registry_is_refused_before_anything_is_made)
{
    debezium_stage_set_up(
        "\"connector\":{\"value.converter\":\"io.confluent.connect.avro.AvroConverter\"}");
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "Avro"));
    ck_assert_str_eq(debezium_stage_connector(), "");
    provider_rig_close();
    debezium_stage_tear_down();
}
END_TEST

/* ---- records ------------------------------------------------------------------------- */

static bool has_poison(void)
{
    return debezium_stage.poison[0] != '\0';
}

START_TEST(a_record_that_makes_no_sense_is_dead_and_the_next_one_comes)
{
    debezium_stage_open(NULL);
    kafka_mock_record(&debezium_rig.kafka, DEBEZIUM_RIG_TOPIC, "{\"n\":1}", "{\"op\":");
    debezium_rig_insert(2);
    debezium_stage_until(has_poison);
    provider_rig_read(2);
    ck_assert_ptr_nonnull(strstr(debezium_stage.poison, DEBEZIUM_RIG_TOPIC));
    ck_assert_ptr_nonnull(strstr(debezium_stage.content, "{\"op\":"));
    ck_assert_int_eq(rig.events[1].n, 2);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(tables_that_were_not_asked_for_are_left_out)
{
    debezium_stage_set_up(NULL);
    static wf_str wanted[] = {{"public.items", 12}};
    rig.settings->tables = (struct cdc_list){wanted, 1};
    kafka_mock_topic(&debezium_rig.kafka, DEBEZIUM_RIG_PREFIX ".public.others", 1);
    provider_rig_open(STR_EMPTY);
    for (int n = 1; n <= 3; n++) {
        debezium_rig_row("c", "false", "public.others", 10 + n);
        debezium_rig_insert(n);
    }
    provider_rig_read(3);
    provider_rig_poll(100, 200);
    provider_rig_numbers_are(0, 3, 1);
    rig.settings->tables = (struct cdc_list){NULL, 0};
    debezium_stage_tear_down();
}
END_TEST

#define CHANGED(snapshot, table, ddl)                                                      \
    "{\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"mariadb\",\"name\":"         \
    "\"contract\",\"ts_ms\":1795353016144,\"snapshot\":\"" snapshot                        \
    "\",\"db\":\"inv\",\"sequence\":null,\"ts_us\":1795353016144254,\"table\":\"" table    \
    "\",\"server_id\":1,\"gtid\":null,\"file\":\"binlog.000002\",\"pos\":1804,\"row\":0,"  \
    "\"thread\":null,\"query\":null},\"ts_ms\":1795353016153,\"databaseName\":\"inv\","    \
    "\"schemaName\":null,\"ddl\":\"" ddl                                                   \
    "\",\"tableChanges\":[{\"type\":\"ALTER\",\"id\":\"\\\"inv\\\".\\\"" table             \
    "\\\"\",\"table\":{\"defaultCharsetName\":\"utf8mb4\",\"primaryKeyColumnNames\":["     \
    "\"n\"],"                                                                              \
    "\"columns\":[{\"name\":\"n\",\"jdbcType\":4,\"typeName\":\"INT\",\"position\":1}]}}]" \
    "}"

static bool has_ddl(void)
{
    return debezium_stage.ddl[0] != '\0';
}

START_TEST(statements_are_events_and_history_for_the_tables_that_were_asked_for)
{
    static const char topic[] = DEBEZIUM_RIG_PREFIX;
    debezium_stage_set_up_as("mariadb", NULL);
    kafka_mock_topic(&debezium_rig.kafka, topic, 1);
    static wf_str wanted[] = {{"inv.items", 9}};
    rig.settings->tables = (struct cdc_list){wanted, 1};
    provider_rig_open(STR_EMPTY);
    kafka_mock_record(&debezium_rig.kafka, topic, "{\"databaseName\":\"inv\"}",
                      CHANGED("true", "items", "CREATE TABLE items (n int)"));
    kafka_mock_record(&debezium_rig.kafka, topic, "{\"databaseName\":\"inv\"}",
                      CHANGED("false", "others", "alter table others add b int"));
    kafka_mock_record(&debezium_rig.kafka, topic, "{\"databaseName\":\"inv\"}",
                      CHANGED("false", "items", "alter table items add c int"));
    debezium_stage_until(has_ddl);
    ck_assert_str_eq(debezium_stage.ddl, "alter table items add c int");
    ck_assert_uint_eq(rig.count, 1);
    ck_assert_int_eq(debezium_stage.ops[0], CDC_DDL);
    ck_assert_str_eq(debezium_stage.schema, "inv.items: CREATE TABLE items (n int)\n"
                                            "inv.items: alter table items add c int\n");
    rig.settings->tables = (struct cdc_list){NULL, 0};
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_connector_of_somebody_else_is_read_from_and_never_touched)
{
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    provider_rig_close();
    struct dbz_options *options = rig.settings->options;
    options->database = STR_EMPTY;
    options->topic_prefix = STR_EMPTY;
    rig.count = 0;
    fake_connect_heard(debezium_rig.connect);
    provider_rig_open(STR_EMPTY);
    provider_rig_read(1);
    struct buf lines;
    buf_init(&lines, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(cdc_provider_debezium.leave(rig.state, &lines, &provider_error),
                     WF_OK);
    ck_assert_int_eq(cdc_provider_debezium.cleanup(rig.state, &lines, &provider_error),
                     WF_OK);
    ck_assert_uint_eq(lines.len, 0);
    const char *heard = fake_connect_heard(debezium_rig.connect);
    ck_assert_ptr_null(strstr(heard, "PUT"));
    ck_assert_ptr_null(strstr(heard, "DELETE"));
    ck_assert_str_eq(debezium_stage_connector(), "RUNNING");
    buf_release(&lines);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(tombstones_move_the_position_and_are_no_events)
{
    debezium_stage_open(NULL);
    kafka_mock_record(&debezium_rig.kafka, DEBEZIUM_RIG_TOPIC, "{\"n\":1}", NULL);
    debezium_rig_insert(2);
    provider_rig_read(1);
    struct debezium_place place;
    ck_assert(debezium_place_parse(buf_view(&rig.position), &place));
    ck_assert_uint_eq(place.number, 2);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_change_has_the_lane_of_its_partition_and_a_lost_lane_is_retracted)
{
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    ck_assert_uint_gt(debezium_stage.lane, 0);
    buf_clear(&rig.position);
    debezium_feed_lane_lost(rig.state, debezium_stage.lane);
    ck_assert_uint_eq(rig.retracted, 1);
    ck_assert_uint_gt(rig.position.len, 0);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(what_is_in_the_log_is_retracted_by_a_close_that_is_no_stop)
{
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    provider_rig_close();
    ck_assert_uint_ge(rig.retracted, 1);
    size_t before = rig.retracted;
    provider_rig_open(STR_EMPTY);
    provider_rig_read(2);
    rig.cancelled = true;
    provider_rig_close();
    ck_assert_uint_eq(rig.retracted, before);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(records_that_kafka_deleted_are_a_failure_with_a_cure)
{
    debezium_stage_open(NULL);
    wf_error err;
    ck_assert_int_eq(
        debezium_feed_records_lost(rig.state, STR(DEBEZIUM_RIG_TOPIC), 3, &err), WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "options.on_records_lost"));
    ck_assert_int_eq(
        debezium_feed_records_lost(
            rig.state, STR("__debezium-heartbeat." DEBEZIUM_RIG_PREFIX), 0, &err),
        WF_OK);
    ck_assert_uint_eq(debezium_stage.wanted_snapshots, 0);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(or_they_are_read_again)
{
    wf_error err;
    debezium_stage_open("\"on_records_lost\":\"resnapshot\"");
    ck_assert_int_eq(
        debezium_feed_records_lost(rig.state, STR(DEBEZIUM_RIG_TOPIC), 3, &err), WF_OK);
    ck_assert_uint_eq(debezium_stage.wanted_snapshots, 1);
    ck_assert_str_eq(debezium_stage.wanted_table, "public.items");
    debezium_stage_tear_down();
}
END_TEST

START_TEST(what_is_lost_and_cannot_be_read_again_is_a_failure)
{
    wf_error err;
    debezium_stage_open("\"on_records_lost\":\"resnapshot\"");
    buf_clear(&debezium_stage_state()->connector.signal_topic);
    ck_assert_int_eq(
        debezium_feed_records_lost(rig.state, STR(DEBEZIUM_RIG_TOPIC), 3, &err), WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be read again: options.connector"));
    ck_assert_uint_eq(debezium_stage.wanted_snapshots, 0);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(positions_of_others_are_passed_over_or_refused)
{
    debezium_stage_open(NULL);
    const struct cdc_provider *p = &cdc_provider_debezium;
    ck_assert_int_eq(p->confirm(rig.state, STR("0000000000000000:9"), &provider_error),
                     WF_OK);
    ck_assert_int_eq(p->confirm(rig.state, STR("0/16B3748"), &provider_error), WF_STATE);
    struct debezium_place place = debezium_stage_state()->place;
    char token[DEBEZIUM_PLACE_TEXT];
    place.number = 1000;
    size_t len = debezium_place_write(&place, token);
    ck_assert_int_eq(p->confirm(rig.state, (wf_str){token, len}, &provider_error),
                     WF_STATE);
    debezium_stage_tear_down();
}
END_TEST

/* ---- lag ----------------------------------------------------------------------------- */

START_TEST(the_lag_is_the_age_of_what_is_not_confirmed)
{
    struct cdc_lag lag;
    const struct cdc_provider *p = &cdc_provider_debezium;
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    provider_rig_poll(10, 100);
    debezium_stage_state()->ages[0].time_us -= 60 * INT64_C(1000000);
    ck_assert_int_eq(p->lag(rig.state, &lag, &provider_error), WF_OK);
    ck_assert_int_eq(lag.bytes, -1);
    ck_assert_int_ge(lag.seconds, 60);
    ck_assert_int_le(lag.seconds, 80);
    ck_assert_int_eq(p->confirm(rig.state, buf_view(&rig.position), &provider_error),
                     WF_OK);
    ck_assert_int_eq(p->lag(rig.state, &lag, &provider_error), WF_OK);
    ck_assert_int_eq(lag.seconds, 0);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(details_say_how_the_connector_and_the_group_are)
{
    struct buf json;
    wf_str part, value;
    buf_init(&json, LIMIT_CONFIG_BYTES);
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    ck_assert_int_eq(cdc_provider_debezium.details(rig.state, &json, &provider_error),
                     WF_OK);
    ck_assert_int_eq(json_check(buf_view(&json), "details", &provider_error), WF_OK);
    ck_assert(json_member(buf_view(&json), "connector", &part));
    ck_assert(json_member(part, "state", &value) && str_is(value, "\"running\""));
    ck_assert(json_member(part, "name", &value) &&
              str_is(value, "\"" DEBEZIUM_RIG_CONNECTOR "\""));
    ck_assert(json_member(buf_view(&json), "kafka", &part));
    ck_assert(json_member(part, "positions", &value) &&
              json_member(value, DEBEZIUM_RIG_TOPIC "/0", &value));
    ck_assert_ptr_null(strstr(buf_c(&json), "geheim"));
    buf_release(&json);
    debezium_stage_tear_down();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debezium");
    TCase *tests = tcase_create("with fakes");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, an_open_makes_the_connector_and_a_second_one_leaves_it_alone);
    tcase_add_test(tests, with_a_position_it_reads_on_while_connect_is_away);
    tcase_add_test(tests, a_first_start_waits_for_connect_and_says_so);
    tcase_add_test(tests, an_open_that_is_not_wanted_any_more_ends);
    tcase_add_test(tests, a_connector_that_goes_on_failing_is_the_end);
    tcase_add_test(tests, a_converter_with_a_registry_is_refused_before_anything_is_made);
    tcase_add_test(tests, a_record_that_makes_no_sense_is_dead_and_the_next_one_comes);
    tcase_add_test(tests, tables_that_were_not_asked_for_are_left_out);
    tcase_add_test(tests,
                   statements_are_events_and_history_for_the_tables_that_were_asked_for);
    tcase_add_test(tests, a_connector_of_somebody_else_is_read_from_and_never_touched);
    tcase_add_test(tests, tombstones_move_the_position_and_are_no_events);
    tcase_add_test(tests,
                   a_change_has_the_lane_of_its_partition_and_a_lost_lane_is_retracted);
    tcase_add_test(tests, what_is_in_the_log_is_retracted_by_a_close_that_is_no_stop);
    tcase_add_test(tests, records_that_kafka_deleted_are_a_failure_with_a_cure);
    tcase_add_test(tests, or_they_are_read_again);
    tcase_add_test(tests, what_is_lost_and_cannot_be_read_again_is_a_failure);
    tcase_add_test(tests, positions_of_others_are_passed_over_or_refused);
    tcase_add_test(tests, the_lag_is_the_age_of_what_is_not_confirmed);
    tcase_add_test(tests, details_say_how_the_connector_and_the_group_are);
    suite_add_tcase(suite, tests);
    return suite;
}
