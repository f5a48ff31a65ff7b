/* SPDX-License-Identifier: MIT
 *
 * debezium_rig - what the debezium provider works with, without Java: a fake Kafka Connect,
 * librdkafka's mock cluster, and records as a connector writes them.
 */
#ifndef TESTS_SUPPORT_DEBEZIUM_RIG_H
#define TESTS_SUPPORT_DEBEZIUM_RIG_H

#include "tests/support/fake_connect.h"
#include "tests/support/kafka_mock.h"

#define DEBEZIUM_RIG_PREFIX "contract"
#define DEBEZIUM_RIG_TOPIC DEBEZIUM_RIG_PREFIX ".public.items"
#define DEBEZIUM_RIG_CONNECTOR "workflow-contract"

struct debezium_rig {
    struct fake_connect *connect;
    struct kafka_mock kafka;
    int64_t lsn;
    char key[200], value[2000]; /* of the last signal */
};

/* One for the test that runs. */
extern struct debezium_rig debezium_rig;

void debezium_rig_start(void);
void debezium_rig_stop(void);

/* A configuration; `more` is the inside of a JSON object that is put in front of the other
 * options, NULL: nothing. */
void debezium_rig_config(const char *source_type, const char *more, struct buf *out);

/* A row of public.items as an INSERT, or with another op and mark of a snapshot. */
void debezium_rig_insert(int64_t n);
void debezium_rig_row(const char *op, const char *snapshot, const char *table, int64_t n);
/* What a connector notifies of a snapshot. */
void debezium_rig_notify(const char *aggregate, const char *type, const char *id);
/* Waits for that one of the signals that ask for a snapshot, from 0, and keeps it. */
void debezium_rig_await_signal(int number);

#endif
