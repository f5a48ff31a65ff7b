/* SPDX-License-Identifier: MIT
 *
 * pg_commits - the transactions whose commits the stream has delivered of late.
 *
 * One thread adds (the source's, before the transaction's first change is emitted), any
 * number asks (snapshot readers).
 */
#ifndef PROVIDERS_PG_COMMITS_H
#define PROVIDERS_PG_COMMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "sdk/wf_plugin.h"

#define PG_COMMITS_KEPT 16384u
#define PG_COMMITS_RUNNING 4096 /* transactions of one database snapshot */

struct pg_commits {
    _Atomic uint64_t added;
    _Atomic uint64_t seen[PG_COMMITS_KEPT]; /* seconds << 32 | xid */
};

/* A database snapshot: which transactions it does not see. */
struct pg_commits_view {
    uint64_t end;     /* it sees none from here on */
    uint64_t *hidden; /* nor these, which are before; ascending */
    size_t count;
};

static inline void pg_commits_add(struct pg_commits *commits, uint32_t xid)
{
    uint64_t n = atomic_load_explicit(&commits->added, memory_order_relaxed);
    uint64_t seconds = (uint64_t)clock_mono_ms() / 1000;
    atomic_store_explicit(&commits->seen[n % PG_COMMITS_KEPT], seconds << 32 | xid,
                          memory_order_relaxed);
    atomic_store_explicit(&commits->added, n + 1, memory_order_release);
}

/* How many were added; those of now are told apart from later ones by it.  [any] */
static inline uint64_t pg_commits_count(const struct pg_commits *commits)
{
    return atomic_load_explicit(&commits->added, memory_order_acquire);
}

/* Whether one of the first `count` that were added is hidden from the snapshot.  [any] */
bool pg_commits_any(const struct pg_commits *commits, uint64_t count,
                    const struct pg_commits_view *view);

/* pg_snapshot's text, "xmin:xmax:xip,xip" (PostgreSQL documentation, "Transaction ID and
 * Snapshot Information Functions").  WF_PROTOCOL when it is none.  `hidden` has room for
 * PG_COMMITS_RUNNING; view->hidden is it. */
wf_status pg_commits_parse(wf_str text, uint64_t *hidden, struct pg_commits_view *out,
                           wf_error *err);

#endif
