/* SPDX-License-Identifier: MIT
 *
 * kafka_pair - see the header.
 */
#include "tests/support/kafka_pair.h"

#include <check.h>

#include "base/clock.h"

struct kafka_pair kafka_pair;

void kafka_pair_begin(void)
{
    kafka_pair.taken_by_two = 0;
    kafka_pair.one.notices = kafka_pair.two.notices = 0;
    kafka_mock_start(&kafka_pair.mock, 1);
    kafka_mock_topic(&kafka_pair.mock, "t", KAFKA_PAIR_PARTITIONS);
    for (int i = 0; i < KAFKA_PAIR_PARTITIONS; i++)
        kafka_mock_produce(&kafka_pair.mock, "t", i, 0, 5);
}

void kafka_pair_end(void)
{
    kafka_mock_stop(&kafka_pair.mock);
}

unsigned kafka_pair_partitions_of(struct kafka_mock_member *member)
{
    struct kafka_lag lag;
    kafka_group_lag(member->group, &lag);
    return lag.partitions;
}

bool kafka_pair_look(struct kafka_mock_member *member)
{
    wf_status status = kafka_group_next(member->group, 20, &member->record, &member->err);
    ck_assert_msg(!status, "%s", member->err.text);
    if (!member->record.number)
        return false;
    kafka_group_took(member->group);
    kafka_pair.taken_by_two += member == &kafka_pair.two;
    kafka_pair.given[member->record.partition]++;
    return true;
}

void kafka_pair_settle(unsigned of_one, unsigned of_two)
{
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (kafka_pair_partitions_of(&kafka_pair.one) != of_one ||
           (kafka_pair.two.group && kafka_pair_partitions_of(&kafka_pair.two) != of_two)) {
        ck_assert_msg(clock_mono_ms() < deadline, "%u and %u partitions",
                      kafka_pair_partitions_of(&kafka_pair.one),
                      kafka_pair.two.group ? kafka_pair_partitions_of(&kafka_pair.two) : 0);
        kafka_pair_look(&kafka_pair.one);
        if (kafka_pair.two.group)
            kafka_pair_look(&kafka_pair.two);
    }
}

void kafka_pair_all_of_it(struct kafka_mock_member *member, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert(kafka_mock_next(member));
}

bool kafka_pair_nothing_happened(void)
{
    return !kafka_pair.one.notices && !kafka_pair.two.notices;
}

void kafka_pair_confirm_all(struct kafka_mock_member *member)
{
    kafka_mock_confirm(member, member->record.number);
}

unsigned kafka_pair_lost(const struct kafka_mock_member *member)
{
    unsigned sum = 0;
    for (size_t i = 0; i < CDC_COUNT(member->lost); i++)
        sum += member->lost[i];
    return sum;
}
