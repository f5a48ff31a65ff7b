/* SPDX-License-Identifier: MIT
 *
 * Members that share a group, against librdkafka's mock cluster.
 */
#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/kafka_pair.h"
#include "tests/support/run.h"

static struct kafka_pair *const pair = &kafka_pair;

static void share(const char *properties)
{
    kafka_mock_join(&pair->mock, &pair->one, "t", properties);
    kafka_pair_all_of_it(&pair->one, 5 * KAFKA_PAIR_PARTITIONS);
    kafka_pair_confirm_all(&pair->one);
    kafka_mock_join(&pair->mock, &pair->two, "t", properties);
    kafka_pair_settle(2, 2);
}

static const char *const strategies[] = {NULL,
                                         "\"partition.assignment.strategy\":\"range\""};

START_TEST(members_share_and_what_was_confirmed_is_not_given_again)
{
    share(strategies[_i]);
    /* All of the old way, two of the cooperative one. */
    ck_assert_uint_ge(kafka_pair_lost(&pair->one),
                      _i ? KAFKA_PAIR_PARTITIONS : KAFKA_PAIR_PARTITIONS / 2);
    memset(pair->given, 0, sizeof(pair->given));
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++)
        kafka_mock_produce(&pair->mock, "t", i, 5, 3);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS;) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        kafka_pair_look(&pair->one);
        kafka_pair_look(&pair->two);
        i += pair->given[i] >= 3;
    }
    /* The mock refuses commits while members join, which a broker does not: there is no
     * other time for it in the old way, and records come again. */
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS && !_i && kafka_pair_nothing_happened(); i++)
        ck_assert_int_eq(pair->given[i], 3);
    kafka_mock_leave(&pair->one);
    kafka_mock_leave(&pair->two);
}
END_TEST

START_TEST(what_a_member_did_not_confirm_goes_to_the_one_who_stays)
{
    uint64_t confirmed = 0;
    share(NULL);
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++)
        kafka_mock_produce(&pair->mock, "t", i, 5, 3);
    for (int got = 0; got < 6;)
        got += kafka_pair_look(&pair->two);
    for (int got = 0; got < 6;)
        got += kafka_pair_look(&pair->one);
    kafka_pair_confirm_all(&pair->one);
    confirmed = pair->two.record.number - 4;
    kafka_mock_confirm(&pair->two, confirmed);
    memset(pair->given, 0, sizeof(pair->given));
    kafka_mock_leave(&pair->two);
    kafka_pair_settle(4, 0);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    for (int got = pair->given[0] + pair->given[1] + pair->given[2] + pair->given[3];
         got < 4;) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        got += kafka_pair_look(&pair->one);
    }
    for (int i = 0; i < 10; i++)
        kafka_pair_look(&pair->one);
    if (kafka_pair_nothing_happened())
        ck_assert_int_eq(pair->given[0] + pair->given[1] + pair->given[2] + pair->given[3],
                         4);
    kafka_mock_leave(&pair->one);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_rebalance");
    TCase *shared = tcase_create("shared");
    tcase_add_checked_fixture(shared, kafka_pair_begin, kafka_pair_end);
    tcase_set_timeout(shared, 120);
    tcase_add_loop_test(shared, members_share_and_what_was_confirmed_is_not_given_again, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_test(shared, what_a_member_did_not_confirm_goes_to_the_one_who_stays);
    suite_add_tcase(suite, shared);
    return suite;
}
