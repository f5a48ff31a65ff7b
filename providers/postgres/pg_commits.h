/* SPDX-License-Identifier: MIT
 *
 * pg_commits - the transactions whose commits the stream has delivered of late.
 *
 * One thread adds (the source's, before the transaction's first change is emitted), any
 * number asks (snapshot readers).
 *
 * There is room for so many.  Before they are overwritten, and every now and then, they are
 * sieved: those that a database snapshot of now shows are visible for good, and only the
 * others are kept, however many commits come behind them.  (With synchronous replication a
 * transaction that was delivered may wait for its standby for hours, while others, which do
 * not wait, commit by the thousand.)
 */
#ifndef PROVIDERS_PG_COMMITS_H
#define PROVIDERS_PG_COMMITS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "sdk/wf_plugin.h"

#define PG_COMMITS_KEPT 16384u
#define PG_COMMITS_RUNNING 4096 /* transactions of one database snapshot */

/* So many that were not sieved are worth it. */
#define PG_COMMITS_SIEVE (PG_COMMITS_KEPT / 2)

struct pg_commits {
    _Atomic uint64_t added;
    _Atomic uint64_t seen[PG_COMMITS_KEPT]; /* seconds << 32 | xid */

    /* What the adding thread sieves, and all read. */
    pthread_mutex_t lock;
    uint64_t sieved; /* this many of those added */
    uint64_t blind;  /* some are not remembered: their numbers are below this one */
    size_t held_count;
    uint64_t held[PG_COMMITS_RUNNING]; /* sieved, and not visible then */
};

/* A database snapshot: which transactions it does not see. */
struct pg_commits_view {
    uint64_t end;     /* it sees none from here on */
    uint64_t *hidden; /* nor these, which are before; ascending */
    size_t count;
};

/* `commits` is zeroed memory. */
void pg_commits_open(struct pg_commits *commits);
void pg_commits_close(struct pg_commits *commits);

static inline void pg_commits_add(struct pg_commits *commits, uint32_t xid)
{
    uint64_t n = atomic_load_explicit(&commits->added, memory_order_relaxed);
    uint64_t seconds = (uint64_t)clock_mono_ms() / 1000;
    atomic_store_explicit(&commits->seen[n % PG_COMMITS_KEPT], seconds << 32 | xid,
                          memory_order_relaxed);
    atomic_store_explicit(&commits->added, n + 1, memory_order_release);
}

/* How many are not sieved. */
static inline uint64_t pg_commits_unsieved(const struct pg_commits *commits)
{
    return atomic_load_explicit(&commits->added, memory_order_relaxed) - commits->sieved;
}

/* `view` was taken after the last one was added.  [the adding thread] */
void pg_commits_sieve(struct pg_commits *commits, const struct pg_commits_view *view);

/* How many were added; those of now are told apart from later ones by it.  [any] */
static inline uint64_t pg_commits_count(const struct pg_commits *commits)
{
    return atomic_load_explicit(&commits->added, memory_order_acquire);
}

/* Whether one of the first `count` that were added is hidden from the snapshot, or may be:
 * of those that were overwritten unsieved nothing is known but that a sieve came later.
 * [any] */
bool pg_commits_any(struct pg_commits *commits, uint64_t count,
                    const struct pg_commits_view *view);

/* pg_snapshot's text, "xmin:xmax:xip,xip" (PostgreSQL documentation, "Transaction ID and
 * Snapshot Information Functions").  WF_PROTOCOL when it is none.  `hidden` has room for
 * PG_COMMITS_RUNNING; view->hidden is it. */
wf_status pg_commits_parse(wf_str text, uint64_t *hidden, struct pg_commits_view *out,
                           wf_error *err);

#endif
