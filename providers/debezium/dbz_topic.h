/* SPDX-License-Identifier: MIT
 *
 * dbz_topic - what is remembered of each topic: its tables, and the schemas that its records
 * brought along.
 */
#ifndef PROVIDERS_DBZ_TOPIC_H
#define PROVIDERS_DBZ_TOPIC_H

#include "providers/debezium/dbz_envelope.h"
#include "providers/debezium/dbz_table.h"

/* A larger schema is read again with each record rather than kept. */
#define DBZ_TOPIC_SCHEMA_BYTES (1u << 20)

struct dbz_topic {
    struct dbz_topic *next;
    uint64_t hash;
    wf_str name;
    struct dbz_tables tables;
    struct dbz_schema schemas[DBZ_ENVELOPE_KNOWN];
    wf_str known[DBZ_ENVELOPE_KNOWN]; /* their texts */
    uint64_t numbers[DBZ_ENVELOPE_KNOWN];
    unsigned oldest;
    struct buf key_schema; /* the text of the last */
    /* The table that the topic's name says, without columns; for records that say none. */
    struct cdc_table *named;
};

struct dbz_topics {
    struct dbz_topic *last;
    struct dbz_topic **slots;
    size_t room; /* a power of two, or 0 */
    size_t count;
    uint64_t numbers; /* given to schemas so far */
};

void dbz_topics_release(struct dbz_topics *topics);
wf_status dbz_topics_get(struct dbz_topics *topics, wf_str name, struct dbz_topic **out,
                         wf_error *err);

/* Reads a schema and keeps it instead of the oldest; *out_place is where. */
wf_status dbz_topic_learn(struct dbz_topics *topics, struct dbz_topic *topic, wf_str text,
                          int *out_place, wf_error *err);

/* `named` from the topic's name behind `prefix` and a dot, NULL when it does not say one:
 * its last two parts. */
wf_status dbz_topic_table(struct dbz_topic *topic, wf_str prefix, struct cdc_table **out,
                          wf_error *err);

#endif
