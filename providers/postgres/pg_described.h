/* SPDX-License-Identifier: MIT
 *
 * pg_described - which description of a table holds, now and in a replay.
 *
 * The server takes what it has described as known: outside of blocks for good, inside of a
 * block for that transaction, and once that is committed for good as well.  A spooled
 * transaction must be read under the descriptions it was made under, and what comes after
 * it under the newest that was sent, although ALTER PUBLICATION changes the columns of a
 * table that a running transaction holds.  So descriptions are numbered as they arrive and
 * spooled under their number; a prepared transaction that came without one is given the one
 * in force; and a replay that had to go back to an older one puts the newest back at its
 * end.
 */
#ifndef PROVIDERS_PG_DESCRIBED_H
#define PROVIDERS_PG_DESCRIBED_H

#include "providers/postgres/pg_relation.h"

struct pg_assembly_config;
struct pg_described_newer;

/* Zeroed memory with `config` set is ready. */
struct pg_described {
    const struct pg_assembly_config *config;
    uint64_t arrivals;                /* relation messages */
    struct pg_described_newer *newer; /* to be put back */
};

/* A relation message that holds from now on; it has a number of its own. */
wf_status pg_described_learn(struct pg_described *described,
                             const struct pgoutput_message *message, uint64_t arrival,
                             struct pg_relation **out, wf_error *err);

/* One that was spooled. */
wf_status pg_described_replay(struct pg_described *described,
                              const struct pgoutput_message *message, uint64_t arrival,
                              wf_error *err);
/* The replay is over. */
wf_status pg_described_put_back(struct pg_described *described, wf_error *err);

/* Forgets what was to be put back: the server will describe every table anew. */
void pg_described_drop(struct pg_described *described);

#endif
