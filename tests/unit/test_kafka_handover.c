/* SPDX-License-Identifier: MIT
 *
 * How a partition goes from one member to another, and comes back; against librdkafka's
 * mock cluster.
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

static unsigned lost(const struct kafka_mock_member *member)
{
    unsigned sum = 0;
    for (size_t i = 0; i < CDC_COUNT(member->lost); i++)
        sum += member->lost[i];
    return sum;
}

START_TEST(a_partition_is_given_back_when_its_records_are_out_of_hands)
{
    kafka_mock_join(&mock, &one, "t", NULL);
    all_of_it(&one, 5 * PARTITIONS);
    uint64_t last = one.record.number;
    kafka_mock_confirm(&one, 4);
    kafka_mock_join(&mock, &two, "t", NULL);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (!lost(&one)) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        ck_assert(!look(&one));
        ck_assert(!look(&two));
    }
    /* A callback has some of them; nothing is given back meanwhile. */
    for (int i = 0; i < 20; i++) {
        ck_assert(!look(&one));
        ck_assert(!look(&two));
    }
    ck_assert_uint_eq(partitions_of(&two), 0);
    /* What is confirmed now was dropped for the lanes that were lost. */
    kafka_mock_confirm(&one, last);
    settle(2, 2);
    deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (taken_by_two < 6) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        look(&two);
    }
    kafka_mock_leave(&one);
    kafka_mock_leave(&two);
    int64_t sum = 0;
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t offset = kafka_mock_committed(&mock, "g", "t", i);
        sum += offset > 0 ? offset : 0;
    }
    /* The two that stayed are confirmed whole, of the others the first four at most. */
    if (nothing_happened()) {
        ck_assert_int_ge(sum, 10);
        ck_assert_int_le(sum, 14);
    }
}
END_TEST

START_TEST(a_partition_is_given_back_after_some_seconds_at_the_latest)
{
    kafka_mock_join(&mock, &one, "t", NULL);
    all_of_it(&one, 5 * PARTITIONS);
    kafka_mock_join(&mock, &two, "t", NULL);
    int64_t since = 0;
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (partitions_of(&two) < 2) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        ck_assert_int_eq(kafka_group_rest(one.group, 50, &one.err), WF_OK);
        look(&two);
        if (!since && lost(&one))
            since = clock_mono_ms();
    }
    ck_assert_int_gt(clock_mono_ms() - since, 2500);
    /* Confirmed too late. */
    kafka_mock_confirm(&one, one.record.number);
    kafka_mock_leave(&one);
    kafka_mock_leave(&two);
    int whole = 0;
    for (int i = 0; i < PARTITIONS; i++)
        whole += kafka_mock_committed(&mock, "g", "t", i) == 5;
    if (nothing_happened())
        ck_assert_int_eq(whole, 2);
}
END_TEST

START_TEST(a_lane_keeps_its_number_when_its_partition_comes_back)
{
    uint32_t lanes[PARTITIONS] = {0};
    kafka_mock_join(&mock, &one, "t", NULL);
    for (int i = 0; i < 5 * PARTITIONS; i++) {
        ck_assert(kafka_mock_next(&one));
        lanes[one.record.partition] = one.record.lane;
    }
    confirm_all(&one);
    kafka_mock_join(&mock, &two, "t", NULL);
    settle(2, 2);
    kafka_mock_leave(&two);
    settle(4, 0);
    for (int i = 0; i < PARTITIONS; i++)
        kafka_mock_produce(&mock, "t", i, 5, 1);
    for (int i = 0; i < PARTITIONS; i++) {
        ck_assert(kafka_mock_next(&one));
        ck_assert_uint_eq(one.record.lane, lanes[one.record.partition]);
        if (nothing_happened())
            ck_assert_int_eq(one.record.offset, 5);
    }
    kafka_mock_leave(&one);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_handover");
    TCase *shared = tcase_create("shared");
    tcase_add_checked_fixture(shared, begin, end);
    tcase_set_timeout(shared, 120);
    tcase_add_test(shared, a_partition_is_given_back_when_its_records_are_out_of_hands);
    tcase_add_test(shared, a_partition_is_given_back_after_some_seconds_at_the_latest);
    tcase_add_test(shared, a_lane_keeps_its_number_when_its_partition_comes_back);
    suite_add_tcase(suite, shared);
    return suite;
}
