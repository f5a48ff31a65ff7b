/* SPDX-License-Identifier: MIT
 *
 * How a partition goes from one member to another, and comes back; against librdkafka's
 * mock cluster.
 */
#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/kafka_pair.h"
#include "tests/support/run.h"

static struct kafka_pair *const pair = &kafka_pair;

START_TEST(a_partition_is_given_back_when_its_records_are_out_of_hands)
{
    kafka_mock_join(&pair->mock, &pair->one, "t", NULL);
    kafka_pair_all_of_it(&pair->one, 5 * KAFKA_PAIR_PARTITIONS);
    uint64_t last = pair->one.record.number;
    kafka_mock_confirm(&pair->one, 4);
    kafka_mock_join(&pair->mock, &pair->two, "t", NULL);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (!kafka_pair_lost(&pair->one)) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        ck_assert(!kafka_pair_look(&pair->one));
        ck_assert(!kafka_pair_look(&pair->two));
    }
    /* A callback has some of them; nothing is given back meanwhile. */
    for (int i = 0; i < 20; i++) {
        ck_assert(!kafka_pair_look(&pair->one));
        ck_assert(!kafka_pair_look(&pair->two));
    }
    ck_assert_uint_eq(kafka_pair_partitions_of(&pair->two), 0);
    /* What is confirmed now was dropped for the lanes that were lost. */
    kafka_mock_confirm(&pair->one, last);
    kafka_pair_settle(2, 2);
    deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (pair->taken_by_two < 6) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        kafka_pair_look(&pair->two);
    }
    kafka_mock_leave(&pair->one);
    kafka_mock_leave(&pair->two);
    int64_t sum = 0;
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++) {
        int64_t offset = kafka_mock_committed(&pair->mock, "g", "t", i);
        sum += offset > 0 ? offset : 0;
    }
    /* The two that stayed are confirmed whole, of the others the first four at most. */
    if (kafka_pair_nothing_happened()) {
        ck_assert_int_ge(sum, 10);
        ck_assert_int_le(sum, 14);
    }
}
END_TEST

START_TEST(a_partition_is_given_back_after_some_seconds_at_the_latest)
{
    kafka_mock_join(&pair->mock, &pair->one, "t", NULL);
    kafka_pair_all_of_it(&pair->one, 5 * KAFKA_PAIR_PARTITIONS);
    kafka_mock_join(&pair->mock, &pair->two, "t", NULL);
    int64_t since = 0;
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (kafka_pair_partitions_of(&pair->two) < 2) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        ck_assert_int_eq(kafka_group_rest(pair->one.group, 50, &pair->one.err), WF_OK);
        kafka_pair_look(&pair->two);
        if (!since && kafka_pair_lost(&pair->one))
            since = clock_mono_ms();
    }
    ck_assert_int_gt(clock_mono_ms() - since, 2500);
    /* Confirmed too late. */
    kafka_mock_confirm(&pair->one, pair->one.record.number);
    kafka_mock_leave(&pair->one);
    kafka_mock_leave(&pair->two);
    int whole = 0;
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++)
        whole += kafka_mock_committed(&pair->mock, "g", "t", i) == 5;
    if (kafka_pair_nothing_happened())
        ck_assert_int_eq(whole, 2);
}
END_TEST

START_TEST(a_lane_keeps_its_number_when_its_partition_comes_back)
{
    uint32_t lanes[KAFKA_PAIR_PARTITIONS] = {0};
    kafka_mock_join(&pair->mock, &pair->one, "t", NULL);
    for (int i = 0; i < 5 * KAFKA_PAIR_PARTITIONS; i++) {
        ck_assert(kafka_mock_next(&pair->one));
        lanes[pair->one.record.partition] = pair->one.record.lane;
    }
    kafka_pair_confirm_all(&pair->one);
    kafka_mock_join(&pair->mock, &pair->two, "t", NULL);
    kafka_pair_settle(2, 2);
    kafka_mock_leave(&pair->two);
    kafka_pair_settle(4, 0);
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++)
        kafka_mock_produce(&pair->mock, "t", i, 5, 1);
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++) {
        ck_assert(kafka_mock_next(&pair->one));
        ck_assert_uint_eq(pair->one.record.lane, lanes[pair->one.record.partition]);
        if (kafka_pair_nothing_happened())
            ck_assert_int_eq(pair->one.record.offset, 5);
    }
    kafka_mock_leave(&pair->one);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_handover");
    TCase *shared = tcase_create("shared");
    tcase_add_checked_fixture(shared, kafka_pair_begin, kafka_pair_end);
    tcase_set_timeout(shared, 120);
    tcase_add_test(shared, a_partition_is_given_back_when_its_records_are_out_of_hands);
    tcase_add_test(shared, a_partition_is_given_back_after_some_seconds_at_the_latest);
    tcase_add_test(shared, a_lane_keeps_its_number_when_its_partition_comes_back);
    suite_add_tcase(suite, shared);
    return suite;
}
