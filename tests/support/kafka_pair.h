/* SPDX-License-Identifier: MIT
 *
 * kafka_pair - two members of one group on librdkafka's mock cluster, looked after by one
 * thread, with a topic "t" whose partitions have five records each.
 */
#ifndef TESTS_KAFKA_PAIR_H
#define TESTS_KAFKA_PAIR_H

#include "tests/support/kafka_mock.h"

#define KAFKA_PAIR_PARTITIONS 4

extern struct kafka_pair {
    struct kafka_mock mock;
    struct kafka_mock_member one, two;
    /* By partition: records given since the last restart of counting. */
    int given[KAFKA_PAIR_PARTITIONS];
    int taken_by_two;
} kafka_pair;

/* Fixture of each test. */
void kafka_pair_begin(void);
void kafka_pair_end(void);

unsigned kafka_pair_partitions_of(struct kafka_mock_member *member);
/* One look at what there is for the member; true: a record was taken. */
bool kafka_pair_look(struct kafka_mock_member *member);
/* Both are served until each has as many partitions as that. */
void kafka_pair_settle(unsigned of_one, unsigned of_two);
void kafka_pair_all_of_it(struct kafka_mock_member *member, int count);
/* On a machine that is busy, a member may miss the mock's second for the next request; its
 * partitions are lost then, and records come twice. */
bool kafka_pair_nothing_happened(void);
void kafka_pair_confirm_all(struct kafka_mock_member *member);
/* How often the member's lanes were lost, all together. */
unsigned kafka_pair_lost(const struct kafka_mock_member *member);

#endif
