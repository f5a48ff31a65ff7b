/* SPDX-License-Identifier: MIT
 *
 * kafka_mock - librdkafka's mock cluster, and members of groups that write down what they
 * are told.
 *
 * A member that goes without a word is waited for until its session ends, ten seconds when
 * the test does not say otherwise (kafka_mock_clock.h); a group nobody of which is missing
 * is there at once.  A partition keeps some 5 MB; then its oldest records go.
 */
#ifndef TESTS_KAFKA_MOCK_H
#define TESTS_KAFKA_MOCK_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "providers/debezium/kafka_group.h"

/* Requests by their numbers in Kafka's protocol. */
enum {
    KAFKA_MOCK_PRODUCE = 0,
    KAFKA_MOCK_FETCH = 1,
    KAFKA_MOCK_COMMIT = 8,
    KAFKA_MOCK_COMMITTED = 9,
    KAFKA_MOCK_COORDINATOR = 10,
    KAFKA_MOCK_JOIN = 11,
    KAFKA_MOCK_HEARTBEAT = 12,
    KAFKA_MOCK_SYNC = 14,
};

/* How long anything is waited for that should come: on a machine that is busy, ten times as
 * long as on one that is not. */
#define KAFKA_MOCK_PATIENCE_MS 60000

/* A secret of the tests: no notice may show it. */
#define KAFKA_MOCK_SECRET "hunter2secret"

struct kafka_mock {
    rd_kafka_t *rk; /* the cluster lives in a producer, which produces as well */
    rd_kafka_mock_cluster_t *cluster;
    const char *servers;
};

void kafka_mock_start(struct kafka_mock *mock, int brokers);
void kafka_mock_stop(struct kafka_mock *mock);
void kafka_mock_topic(struct kafka_mock *mock, const char *topic, int partitions);
/* `count` records "<key>-<n>", n from `first`; waits until they are there. */
void kafka_mock_produce(struct kafka_mock *mock, const char *topic, int partition,
                        int first, int count);
/* One record; NULL is null. */
void kafka_mock_record(struct kafka_mock *mock, const char *topic, const char *key,
                       const char *value);
/* So many bytes that the partition forgets what was in it. */
void kafka_mock_overflow(struct kafka_mock *mock, const char *topic, int partition);
/* The group's offset; -1: none. */
int64_t kafka_mock_committed(struct kafka_mock *mock, const char *group, const char *topic,
                             int partition);

/* A member of group "g". */
struct kafka_mock_member {
    struct kafka_group *group;
    struct kafka_record record; /* the last one */
    char value[64];             /* of it, also when it is gone */
    unsigned lost[16];          /* by lane: how often it was lost */
    unsigned records_lost;
    wf_status records_lost_says;
    unsigned notices; /* told on level WARN or above */
    char notice[700]; /* the last one */
    unsigned infos;   /* told on level INFO */
    char info[700];
    unsigned hidden; /* lines of any level with a secret that is not shown */
    wf_error err;
};

/* `properties` is the inside of a JSON object, or NULL. */
void kafka_mock_join(struct kafka_mock *mock, struct kafka_mock_member *member,
                     const char *topic, const char *properties);
wf_status kafka_mock_try_join(const char *servers, struct kafka_mock_member *member,
                              const char *topic, const char *properties);
void kafka_mock_leave(struct kafka_mock_member *member);

/* The next record within KAFKA_MOCK_PATIENCE_MS, taken; false: there was none. */
bool kafka_mock_next(struct kafka_mock_member *member);
/* There is none within that time. */
void kafka_mock_quiet(struct kafka_mock_member *member, int ms);
/* Takes `count` records of one partition, whose values are "<topic>-<n>", n from first. */
void kafka_mock_expect(struct kafka_mock_member *member, const char *topic, int first,
                       int count);
void kafka_mock_confirm(struct kafka_mock_member *member, uint64_t number);

#endif
