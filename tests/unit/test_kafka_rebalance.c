/* SPDX-License-Identifier: MIT
 *
 * Members that share a group, against librdkafka's mock cluster.
 */
#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/run.h"

#define PARTITIONS 4

static struct kafka_mock mock;
static struct kafka_mock_member one, two;
/* By partition: records given since the last restart of counting. */
static int given[PARTITIONS];
static int taken_by_two;

static void begin(void)
{
    taken_by_two = 0;
    one.notices = two.notices = 0;
    kafka_mock_start(&mock, 1);
    kafka_mock_topic(&mock, "t", PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++)
        kafka_mock_produce(&mock, "t", i, 0, 5);
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

static unsigned partitions_of(struct kafka_mock_member *member)
{
    struct kafka_lag lag;
    kafka_group_lag(member->group, &lag);
    return lag.partitions;
}

/* One look at what there is for the member; true: a record was taken. */
static bool look(struct kafka_mock_member *member)
{
    wf_status status = kafka_group_next(member->group, 20, &member->record, &member->err);
    ck_assert_msg(!status, "%s", member->err.text);
    if (!member->record.number)
        return false;
    kafka_group_took(member->group);
    taken_by_two += member == &two;
    given[member->record.partition]++;
    return true;
}

/* Both are served until each has as many partitions as that. */
static void settle(unsigned of_one, unsigned of_two)
{
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (partitions_of(&one) != of_one || (two.group && partitions_of(&two) != of_two)) {
        ck_assert_msg(clock_mono_ms() < deadline, "%u and %u partitions",
                      partitions_of(&one), two.group ? partitions_of(&two) : 0);
        look(&one);
        if (two.group)
            look(&two);
    }
}

static void all_of_it(struct kafka_mock_member *member, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert(kafka_mock_next(member));
}

/* On a machine that is busy, a member may miss the mock's second for the next request; its
 * partitions are lost then, and records come twice. */
static bool nothing_happened(void)
{
    return !one.notices && !two.notices;
}

static void confirm_all(struct kafka_mock_member *member)
{
    kafka_mock_confirm(member, member->record.number);
}

static void share(const char *properties)
{
    kafka_mock_join(&mock, &one, "t", properties);
    all_of_it(&one, 5 * PARTITIONS);
    confirm_all(&one);
    kafka_mock_join(&mock, &two, "t", properties);
    settle(2, 2);
}

static unsigned lost(const struct kafka_mock_member *member)
{
    unsigned sum = 0;
    for (size_t i = 0; i < CDC_COUNT(member->lost); i++)
        sum += member->lost[i];
    return sum;
}

static const char *const strategies[] = {NULL,
                                         "\"partition.assignment.strategy\":\"range\""};

START_TEST(members_share_and_what_was_confirmed_is_not_given_again)
{
    share(strategies[_i]);
    /* All of the old way, two of the cooperative one. */
    ck_assert_uint_ge(lost(&one), _i ? PARTITIONS : PARTITIONS / 2);
    memset(given, 0, sizeof(given));
    for (int i = 0; i < PARTITIONS; i++)
        kafka_mock_produce(&mock, "t", i, 5, 3);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    for (int i = 0; i < PARTITIONS;) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        look(&one);
        look(&two);
        i += given[i] >= 3;
    }
    /* The mock refuses commits while members join, which a broker does not: there is no
     * other time for it in the old way, and records come again. */
    for (int i = 0; i < PARTITIONS && !_i && nothing_happened(); i++)
        ck_assert_int_eq(given[i], 3);
    kafka_mock_leave(&one);
    kafka_mock_leave(&two);
}
END_TEST

START_TEST(what_a_member_did_not_confirm_goes_to_the_one_who_stays)
{
    uint64_t confirmed = 0;
    share(NULL);
    for (int i = 0; i < PARTITIONS; i++)
        kafka_mock_produce(&mock, "t", i, 5, 3);
    for (int got = 0; got < 6;)
        got += look(&two);
    for (int got = 0; got < 6;)
        got += look(&one);
    confirm_all(&one);
    confirmed = two.record.number - 4;
    kafka_mock_confirm(&two, confirmed);
    memset(given, 0, sizeof(given));
    kafka_mock_leave(&two);
    settle(4, 0);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    for (int got = given[0] + given[1] + given[2] + given[3]; got < 4;) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        got += look(&one);
    }
    for (int i = 0; i < 10; i++)
        look(&one);
    if (nothing_happened())
        ck_assert_int_eq(given[0] + given[1] + given[2] + given[3], 4);
    kafka_mock_leave(&one);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_rebalance");
    TCase *shared = tcase_create("shared");
    tcase_add_checked_fixture(shared, begin, end);
    tcase_set_timeout(shared, 120);
    tcase_add_loop_test(shared, members_share_and_what_was_confirmed_is_not_given_again, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_test(shared, what_a_member_did_not_confirm_goes_to_the_one_who_stays);
    suite_add_tcase(suite, shared);
    return suite;
}
