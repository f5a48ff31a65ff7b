/* SPDX-License-Identifier: MIT
 *
 * pg_spool - the changes of transactions that are not committed yet.
 *
 * A server that streams large transactions while they run (protocol 2 and later) sends
 * blocks of several of them in turn, and rolls some of it back later.  They wait here: in
 * memory up to a bound for all together, then in a file per transaction.  The files have no
 * name (O_TMPFILE, or unlinked at once), so a crash leaves nothing behind; the server sends
 * all of it again.
 */
#ifndef PROVIDERS_PG_SPOOL_H
#define PROVIDERS_PG_SPOOL_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

struct pg_spool;

struct pg_spool_figures {
    uint64_t transactions;
    uint64_t memory_bytes;  /* taken, of `memory` */
    uint64_t file_bytes;    /* now */
    uint64_t spilled_bytes; /* ever */
};

/* `dir`: where files go, made (for its owner alone) when first needed; copied.  `memory`
 * bounds what all transactions together hold in memory; at least 256 KiB.  Beside it there
 * are 256 KiB for reading and some 10 bytes per subtransaction rolled back.  gives, end
 * it with pg_spool_free(). */
wf_status pg_spool_new(const char *dir, size_t memory, struct pg_spool **out,
                       wf_error *err);
void pg_spool_free(struct pg_spool *spool);

/* Appends one message of (sub)transaction `subxid` of `xid`.  WF_UNAVAILABLE: disk full and
 * the like; what was spooled before is whole. */
wf_status pg_spool_append(struct pg_spool *spool, uint32_t xid, uint32_t subxid,
                          uint64_t lsn, wf_str bytes, wf_error *err);

/* `subxid` was rolled back: what it spooled is passed over when reading.  Equal to `xid`:
 * forget all.  A transaction that spooled nothing is let pass. */
wf_status pg_spool_abort(struct pg_spool *spool, uint32_t xid, uint32_t subxid,
                         wf_error *err);

bool pg_spool_has(const struct pg_spool *spool, uint32_t xid);

/* From the beginning of `xid`, without what was rolled back.  Appending meanwhile, to this
 * transaction or another, disturbs nothing. */
wf_status pg_spool_rewind(struct pg_spool *spool, uint32_t xid, wf_error *err);
/* The next message; *out_end: there was none.  `out_bytes` is good until the next call of
 * any function but _has and _figures.  WF_UNAVAILABLE: the file cannot be read. */
wf_status pg_spool_next(struct pg_spool *spool, uint32_t xid, uint64_t *out_lsn,
                        wf_str *out_bytes, bool *out_end, wf_error *err);
void pg_spool_forget(struct pg_spool *spool, uint32_t xid);

void pg_spool_figures(const struct pg_spool *spool, struct pg_spool_figures *out);

#endif
