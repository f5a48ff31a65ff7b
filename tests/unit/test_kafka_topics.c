/* SPDX-License-Identifier: MIT
 *
 * Topics that begin late, appear late, or have forgotten what was in them; against
 * librdkafka's mock cluster.
 */
#include <check.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/run.h"

static struct kafka_mock mock;
static struct kafka_mock_member member;

static void begin(void)
{
    kafka_mock_start(&mock, 1);
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

static const char *const strategies[] = {NULL,
                                         "\"partition.assignment.strategy\":\"range\""};

START_TEST(records_that_are_gone_are_told_of)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 4);
    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    kafka_mock_expect(&member, "t", 0, 4);
    kafka_mock_confirm(&member, 2);
    kafka_mock_leave(&member);
    kafka_mock_overflow(&mock, "t", 0);

    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    member.records_lost_says = WF_STATE;
    struct kafka_record record;
    ck_assert_int_eq(kafka_group_next(member.group, 10000, &record, &member.err), WF_STATE);
    ck_assert_str_eq(member.err.text, "records are lost");
    ck_assert_uint_eq(member.records_lost, 1);
    kafka_mock_leave(&member);

    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    ck_assert(kafka_mock_next(&member));
    ck_assert_uint_eq(member.records_lost, 1);
    ck_assert_int_gt(member.record.offset, 2);
    int64_t offset = member.record.offset;
    ck_assert(kafka_mock_next(&member));
    ck_assert_int_eq(member.record.offset, offset + 1);
    ck_assert_uint_eq(member.record.lane, 1);
    ck_assert_uint_eq(member.lost[1], 0);
    /* It is not told of again. */
    kafka_mock_leave(&member);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), offset);
}
END_TEST

START_TEST(a_new_group_begins_where_the_topic_begins_now)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 4);
    kafka_mock_overflow(&mock, "t", 0);
    kafka_mock_join(&mock, &member, "t", NULL);
    ck_assert(kafka_mock_next(&member));
    ck_assert_int_gt(member.record.offset, 3);
    ck_assert_uint_eq(member.records_lost, 0);
    kafka_mock_leave(&member);
}
END_TEST

/* The group had no offset, but this member has begun to read: what goes then is lost. */
START_TEST(records_that_go_after_a_first_start_are_told_of_as_well)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 4);
    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    kafka_mock_expect(&member, "t", 0, 4);
    kafka_mock_overflow(&mock, "t", 0);
    rd_kafka_mock_push_request_errors(mock.cluster, KAFKA_MOCK_FETCH, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    struct kafka_record record;
    member.records_lost_says = WF_STATE;
    wf_status status = WF_OK;
    for (int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
         !status && clock_mono_ms() < deadline;) {
        status = kafka_group_next(member.group, 1000, &record, &member.err);
        if (!status && record.number)
            kafka_group_took(member.group);
    }
    ck_assert_int_eq(status, WF_STATE);
    ck_assert_uint_eq(member.records_lost, 1);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(a_pattern_takes_in_topics_that_come_later)
{
    kafka_mock_topic(&mock, "s.one", 1);
    kafka_mock_topic(&mock, "other", 1);
    kafka_mock_produce(&mock, "s.one", 0, 0, 1);
    kafka_mock_join(&mock, &member, "^s[.]", "\"topic.metadata.refresh.interval.ms\":500");
    kafka_mock_expect(&member, "s.one", 0, 1);
    kafka_mock_produce(&mock, "s.two", 0, 0, 1);
    kafka_mock_produce(&mock, "other", 0, 0, 1);
    kafka_mock_expect(&member, "s.two", 0, 1);
    kafka_mock_quiet(&member, 300);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(a_topic_that_is_not_there_yet_is_told_of_once)
{
    kafka_mock_join(&mock, &member, "^s[.]", "\"topic.metadata.refresh.interval.ms\":100");
    for (int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
         !member.infos && clock_mono_ms() < deadline;)
        kafka_mock_quiet(&member, 50);
    ck_assert_str_eq(
        member.info,
        "Kafka has no topic '^s[.]' yet; it is looked for, and read from its beginning");
    kafka_mock_quiet(&member, 500);
    kafka_mock_produce(&mock, "s.one", 0, 0, 1);
    kafka_mock_expect(&member, "s.one", 0, 1);
    ck_assert_uint_eq(member.infos, 1);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(details_name_partitions_with_their_offsets)
{
    CDC_CLEANUP(buf_release) struct buf json;
    buf_init(&json, 4096);
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 3);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 3);
    kafka_group_details(member.group, &json);
    ck_assert_str_eq(buf_c(&json), "{\"t/0\":{\"committed\":null,\"end\":3}}");
    kafka_mock_confirm(&member, 2);
    kafka_mock_quiet(&member, 600);
    buf_clear(&json);
    kafka_group_details(member.group, &json);
    ck_assert_str_eq(buf_c(&json), "{\"t/0\":{\"committed\":2,\"end\":3}}");
    buf_clear(&json);
    ck_assert_int_eq(kafka_group_cluster(member.group, 5000, &json, &member.err), WF_OK);
    ck_assert_uint_gt(json.len, 0);
    kafka_mock_leave(&member);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_topics");
    TCase *topics = tcase_create("topics");
    tcase_add_checked_fixture(topics, begin, end);
    tcase_set_timeout(topics, 120);
    tcase_add_loop_test(topics, records_that_are_gone_are_told_of, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_test(topics, a_new_group_begins_where_the_topic_begins_now);
    tcase_add_loop_test(topics, records_that_go_after_a_first_start_are_told_of_as_well, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_test(topics, a_pattern_takes_in_topics_that_come_later);
    tcase_add_test(topics, a_topic_that_is_not_there_yet_is_told_of_once);
    tcase_add_test(topics, details_name_partitions_with_their_offsets);
    suite_add_tcase(suite, topics);
    return suite;
}
