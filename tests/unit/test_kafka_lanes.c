/* SPDX-License-Identifier: MIT
 *
 * Partitions and their numbers.
 */
#include "providers/debezium/kafka_lanes.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "plugin/core/change.h"
#include "tests/support/run.h"

static struct kafka_lanes lanes;
static wf_error err;

START_TEST(a_partition_keeps_its_number)
{
    char topic[32];
    struct kafka_lane *lane;
    ck_assert_ptr_null(kafka_lanes_find(&lanes, "t", 0));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            (void)snprintf(topic, sizeof(topic), "p.s.table_%d", i / 10);
            ck_assert_int_eq(kafka_lanes_get(&lanes, topic, i % 10, &lane, &err), WF_OK);
            ck_assert_uint_eq(lane->id, (unsigned)i + 1);
            ck_assert_str_eq(lane->topic, topic);
            ck_assert_uint_eq(lane->topic_len, strlen(topic));
            ck_assert_int_eq(lane->partition, i % 10);
            ck_assert_int_eq(lane->state, KAFKA_LANE_AWAY);
            ck_assert_ptr_eq(kafka_lanes_find(&lanes, topic, i % 10), lane);
        }
    ck_assert_uint_eq(lanes.count, 1000);
    ck_assert_ptr_null(kafka_lanes_find(&lanes, "p.s.table_1", 10));
    ck_assert_ptr_null(kafka_lanes_find(&lanes, "p.s.table_", 1));
    kafka_lanes_release(&lanes);
    ck_assert_ptr_null(kafka_lanes_find(&lanes, "p.s.table_1", 1));
}
END_TEST

START_TEST(there_is_an_end_to_them)
{
    struct kafka_lane *lane;
    for (int i = 0; i < LIMIT_LANES; i++) {
        ck_assert_int_eq(kafka_lanes_get(&lanes, "t", i, &lane, &err), WF_OK);
        lane->state = KAFKA_LANE_OURS;
    }
    ck_assert_int_eq(kafka_lanes_get(&lanes, "t", LIMIT_LANES, &lane, &err), WF_CONFIG);
    ck_assert_int_eq(kafka_lanes_get(&lanes, "t", 7, &lane, &err), WF_OK);
    ck_assert_uint_eq(lane->id, 8);
    kafka_lanes_release(&lanes);
}
END_TEST

START_TEST(when_all_numbers_are_given_those_who_are_away_give_theirs)
{
    char topic[32];
    struct kafka_lane *lane;
    for (int i = 0; i < LIMIT_LANES; i++) {
        ck_assert_int_eq(kafka_lanes_get(&lanes, "t", i, &lane, &err), WF_OK);
        lane->number = 77;
        lane->state = i % 1000 == 3 ? KAFKA_LANE_AWAY : KAFKA_LANE_OURS;
    }
    for (int i = 0; i < 3; i++) {
        (void)snprintf(topic, sizeof(topic), "later_%d", i);
        ck_assert_int_eq(kafka_lanes_get(&lanes, topic, 5, &lane, &err), WF_OK);
        ck_assert_uint_eq(lane->id, (unsigned)i * 1000 + 4);
        ck_assert_str_eq(lane->topic, topic);
        ck_assert_uint_eq(lane->number, 0);
        ck_assert_ptr_eq(kafka_lanes_find(&lanes, topic, 5), lane);
        ck_assert_ptr_null(kafka_lanes_find(&lanes, "t", i * 1000 + 3));
    }
    for (int i = 0; i < LIMIT_LANES; i++) {
        lane = kafka_lanes_find(&lanes, "t", i);
        if (i < 3000 && i % 1000 == 3)
            ck_assert_ptr_null(lane);
        else
            ck_assert_uint_eq(lane->id, (unsigned)i + 1);
    }
    ck_assert_uint_eq(lanes.count, LIMIT_LANES);
    kafka_lanes_release(&lanes);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_lanes");
    TCase *table = tcase_create("table");
    tcase_add_test(table, a_partition_keeps_its_number);
    tcase_add_test(table, there_is_an_end_to_them);
    tcase_add_test(table, when_all_numbers_are_given_those_who_are_away_give_theirs);
    suite_add_tcase(suite, table);
    return suite;
}
