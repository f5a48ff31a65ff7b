/* SPDX-License-Identifier: MIT
 *
 * pg_assembly - from messages to committed changes.
 *
 * Fed with pgoutput's messages in the order of the stream, whichever connection they came
 * over, it emits the changes of committed transactions in commit order, each under an id of
 * (commit LSN, xid, ordinal), and says after each change which position covers it.  What
 * was delivered before (`from`) is skipped.  Blocks of running transactions wait in
 * pg_spool until their commit; prepared ones until COMMIT PREPARED.
 *
 * The ordinal counts every change and message of the transaction that the server sent,
 * wanted or not, so it is the same when the transaction comes again, streamed or not
 * (pg_emission has the particulars).  After each change that somebody wanted, and at each
 * transaction's end, the position is told through commit().
 *
 * A prepared transaction is sent once, when it is prepared: a server that was told to
 * forget what lies before its commit never sends its content again.  So what the server is
 * told goes through pg_assembly_flushable(), and a slot with two_phase must be read from
 * the place that it confirmed, not from the position.
 */
#ifndef PROVIDERS_PG_ASSEMBLY_H
#define PROVIDERS_PG_ASSEMBLY_H

#include "providers/postgres/pg_position.h"
#include "providers/postgres/pg_relation.h"
#include "providers/postgres/pg_spool.h"
#include "providers/provider.h"

/* Logical messages of our own; content is a JSON object or empty. */
#define PG_PREFIX "workflow-plugin-cdc"
#define PG_PREFIX_DDL PG_PREFIX ".ddl"             /* see pg_emission.h */
#define PG_PREFIX_HEARTBEAT PG_PREFIX ".heartbeat" /* moves the stream on */

struct pg_assembly_config {
    const struct cdc_emitter *out;
    const struct cdc_settings *settings; /* with a struct pg_options */
    struct pg_relations *relations;
    struct pg_spool *spool;
    /* Optional: a transaction's commit was seen.  [source] */
    void (*committed)(void *ctx, uint32_t xid);
    /* Optional: a DDL message or a changed relation came: catalog facts may be stale. */
    void (*schema_changed)(void *ctx);
    void *ctx;
};

struct pg_assembly;

/* Begins after `from`.  gives, end it with pg_assembly_free(). */
wf_status pg_assembly_new(const struct pg_assembly_config *config,
                          const struct pg_position *from, struct pg_assembly **out,
                          wf_error *err);
void pg_assembly_free(struct pg_assembly *assembly);

/* Takes in one message; `lsn` is for errors.  *budget goes down by one per change that was
 * looked at, also those that are spooled.  CDC_FULL: there was no room in the log, or the
 * budget was 0 before the end of the message; it is not done, give the same message again
 * (some of it may have been emitted; that is remembered).  WF_OK: done.  Another failure:
 * the assembly is only good for pg_assembly_restart() and pg_assembly_free(). */
wf_status pg_assembly_take(struct pg_assembly *assembly, wf_str bytes, uint64_t lsn,
                           uint32_t *budget, wf_error *err);

/* The server has sent everything that was committed before `lsn` (a keepalive's walEnd, a
 * slice's end). */
void pg_assembly_passed(struct pg_assembly *assembly, uint64_t lsn);

/* Another connection begins to feed, from an LSN at or before the position: blocks and
 * half-read transactions are dropped, what was emitted is skipped when it comes again. */
void pg_assembly_restart(struct pg_assembly *assembly);

/* The highest LSN that `position` allows to tell the server: not past a prepared
 * transaction whose outcome is not known, or not in `position` yet; nor past what this feed
 * has sent, because what was prepared there comes again.  So 0 until something has come. */
uint64_t pg_assembly_flushable(struct pg_assembly *assembly,
                               const struct pg_position *position);

/* Everything up to here was emitted. */
struct pg_position pg_assembly_position(const struct pg_assembly *assembly);

/* Inside a transaction, or a block of one. */
bool pg_assembly_midway(const struct pg_assembly *assembly);

/* The commit time of the last transaction seen; CDC_NO_TIME: none yet. */
int64_t pg_assembly_time_us(const struct pg_assembly *assembly);

#endif
