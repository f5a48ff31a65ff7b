/* SPDX-License-Identifier: MIT
 *
 * kafka_ledger - which records were given and are not confirmed yet: runs of consecutive
 * numbers that are consecutive offsets of one lane.
 *
 * Memory is bounded: when there are too many runs (partitions that alternate record by
 * record, offsets with gaps), some are dropped.  That is always safe, for a dropped run only
 * means that its lane's offset moves on later, with the next run of that lane.
 */
#ifndef PROVIDERS_KAFKA_LEDGER_H
#define PROVIDERS_KAFKA_LEDGER_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* More than this many only when nearly each is of another lane. */
#define KAFKA_LEDGER_RUNS 16384u

struct kafka_run {
    uint64_t number; /* of its first record */
    int64_t offset;  /* the same */
    uint32_t count;
    uint32_t lane; /* 0: forgotten */
};

struct kafka_ledger {
    struct kafka_run *runs; /* a ring */
    size_t cap;             /* a power of two */
    size_t head, len;
};

wf_status kafka_ledger_init(struct kafka_ledger *ledger, wf_error *err);
void kafka_ledger_release(struct kafka_ledger *ledger);

/* Numbers grow. */
void kafka_ledger_add(struct kafka_ledger *ledger, uint64_t number, uint32_t lane,
                      int64_t offset);

struct kafka_confirmed {
    uint32_t lane;
    int64_t next;    /* the offset behind its last confirmed record */
    uint64_t number; /* of that record */
};

/* Takes off what is confirmed up to `number`, one run's part after the other; false: no
 * more. */
bool kafka_ledger_confirm(struct kafka_ledger *ledger, uint64_t number,
                          struct kafka_confirmed *out);

/* What was given of the lane does not count any more. */
void kafka_ledger_forget(struct kafka_ledger *ledger, uint32_t lane);

#endif
