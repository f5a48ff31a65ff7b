/* SPDX-License-Identifier: MIT
 *
 * pg_emission - the changes of one committed transaction after the other, numbered, without
 * those that were emitted before.
 *
 *     ( begin -> take* -> end | alone | passed )*       restart at any time
 *
 * Each change has an ordinal, from 1: one for every row, every logical message, every table
 * of a TRUNCATE and every object of a DDL message.  What nobody wants is counted as well.
 *
 * A DDL message is a transactional one with the prefix PG_PREFIX_DDL and
 *
 *     {"tag":"ALTER TABLE","sql":"ALTER TABLE ...","objects":["schema.table",...]}
 *
 * where names are not quoted, an object may be {"table":"schema.table"} as well, and no
 * objects mean that the statement is about no table.  Anybody can write one.
 *
 * A logical message outside of transactions has no ordinal; its id is "pg:<LSN>:0:0".
 * Nothing else begins at its LSN, so the position behind it is that LSN plus one.
 */
#ifndef PROVIDERS_PG_EMISSION_H
#define PROVIDERS_PG_EMISSION_H

#include "providers/postgres/pg_change.h"
#include "providers/postgres/pg_position.h"
#include "providers/provider.h"

struct pg_assembly_config;

#define PG_EMISSION_ID 64 /* "pg:FFFFFFFF/FFFFFFFF:<xid>:<ordinal>" */

struct pg_emission {
    const struct pg_assembly_config *config;
    wf_str messages;             /* pattern of prefixes; empty: none */
    struct pg_position position; /* everything up to here was emitted */
    uint64_t marked;             /* told through mark_reached() */
    int64_t time_us;             /* of the last commit seen */

    uint64_t commit;  /* of the transaction begun; 0: none */
    uint64_t skip;    /* ordinals up to this one were emitted before */
    uint64_t ordinal; /* of the last change that is done */
    uint32_t part;    /* done tables or objects of the message that comes next */

    struct cdc_change change; /* what all changes of the transaction have in common */
    char id[PG_EMISSION_ID];
    size_t id_len; /* without the ordinal */
    char lsn[PG_LSN_TEXT];
    char txid[12];

    struct pg_change rows;
    struct buf text;        /* of DDL, as SQL that is made */
    struct buf name;        /* of an object of DDL */
    struct cdc_table *bare; /* a table that no relation message described */
};

/* Borrows `config`.  End it with pg_emission_release(), also after a failure. */
void pg_emission_init(struct pg_emission *emission, const struct pg_assembly_config *config,
                      const struct pg_position *from);
void pg_emission_release(struct pg_emission *emission);

/* `commit` as in the message: B, c or K, or one like it. */
void pg_emission_begin(struct pg_emission *emission, const struct pgoutput_message *commit);

/* I U D T M of the transaction.  CDC_FULL, also when *budget is 0: not done, give the same
 * message again. */
wf_status pg_emission_take(struct pg_emission *emission,
                           const struct pgoutput_message *message, uint32_t *budget,
                           wf_error *err);

void pg_emission_end(struct pg_emission *emission, uint64_t end_lsn);

/* A logical message outside of transactions. */
wf_status pg_emission_alone(struct pg_emission *emission,
                            const struct pgoutput_message *message, uint32_t *budget,
                            wf_error *err);

/* Every transaction with a commit before `lsn` was given. */
void pg_emission_passed(struct pg_emission *emission, uint64_t lsn);

/* Forgets the transaction begun; what was emitted of it is skipped when it comes again. */
void pg_emission_restart(struct pg_emission *emission);

/* Whether a transaction with its commit record here was emitted wholly. */
bool pg_emission_is_done(const struct pg_emission *emission, uint64_t commit_lsn);

#endif
