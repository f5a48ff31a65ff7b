/* SPDX-License-Identifier: MIT
 *
 * pg_waiting - the transactions of which something is spooled: those that run, and those
 * that are prepared.
 *
 * There are few at a time, so they are lists.
 */
#ifndef PROVIDERS_PG_WAITING_H
#define PROVIDERS_PG_WAITING_H

#include "providers/postgres/pg_spool.h"

struct pg_prepared {
    uint32_t xid;
    bool streamed;    /* it came in blocks */
    uint64_t lsn;     /* of the prepare record */
    uint64_t outcome; /* of the record that committed it; 0: undecided */
};

/* Zeroed memory is an empty one. */
struct pg_waiting {
    uint32_t *running;
    size_t running_count, running_room;
    struct pg_prepared *prepared;
    size_t prepared_count, prepared_room;
};

/* Forgets all of them, in the spool as well. */
void pg_waiting_clear(struct pg_waiting *waiting, struct pg_spool *spool);
void pg_waiting_release(struct pg_waiting *waiting);

bool pg_waiting_runs(const struct pg_waiting *waiting, uint32_t xid);
wf_status pg_waiting_run(struct pg_waiting *waiting, uint32_t xid, wf_error *err);
void pg_waiting_run_no_more(struct pg_waiting *waiting, uint32_t xid);

wf_status pg_waiting_prepare(struct pg_waiting *waiting, uint32_t xid, uint64_t lsn,
                             bool streamed, wf_error *err);
/* The one that is not decided; NULL: there is none.  Good until the next prepare, drop or
 * floor. */
struct pg_prepared *pg_waiting_prepared(const struct pg_waiting *waiting, uint32_t xid);
void pg_waiting_drop(struct pg_waiting *waiting, struct pg_prepared *prepared);

/* `lsn`, but no further than the first prepare record whose transaction is undecided, or
 * was committed at `lsn` or later.  Forgets those that were committed before. */
uint64_t pg_waiting_floor(struct pg_waiting *waiting, uint64_t lsn);

#endif
