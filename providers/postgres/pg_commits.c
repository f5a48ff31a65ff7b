/* SPDX-License-Identifier: MIT
 *
 * pg_commits - see the header.
 *
 * The stream gives the low 32 bits of a transaction's number.  Whether such a number is
 * among the hidden ones is a matter of being equal; a mistake there would need a
 * transaction that runs just 2^32 numbers after one that is remembered, and ends with it.
 * Whether it is behind the snapshot's end is a matter of distance, so only what was
 * delivered in the last hours counts there: in that time numbers do not come round.  What
 * was sieved has its whole number.
 */
#include "providers/postgres/pg_commits.h"

#include "base/error.h"
#include "base/str.h"

#define PG_COMMITS_AHEAD (UINT32_C(1) << 30) /* numbers that may be out and not done */
#define PG_COMMITS_AGE_S (6 * 3600)

void pg_commits_open(struct pg_commits *commits)
{
    pthread_mutex_init(&commits->lock, NULL);
}

void pg_commits_close(struct pg_commits *commits)
{
    pthread_mutex_destroy(&commits->lock);
}

static bool pg_commits_is_hidden(const struct pg_commits_view *view, uint32_t xid)
{
    for (size_t i = 0; i < view->count; i++)
        if ((uint32_t)view->hidden[i] == xid)
            return true;
    return false;
}

/* Whether the snapshot does not show what was added as `seen`. */
static bool pg_commits_lacks(const struct pg_commits_view *view, uint64_t seen,
                             uint64_t now_s)
{
    uint32_t xid = (uint32_t)seen;
    bool recent = now_s <= (seen >> 32) + PG_COMMITS_AGE_S;
    return (recent && xid - (uint32_t)view->end < PG_COMMITS_AHEAD) ||
           (view->count && pg_commits_is_hidden(view, xid));
}

static bool pg_commits_lacks_held(const struct pg_commits_view *view, uint64_t xid)
{
    return xid >= view->end || pg_commits_is_hidden(view, (uint32_t)xid);
}

/* ---- sieving ------------------------------------------------------------------------- */

/* The whole number of a transaction that `view` lacks. */
static uint64_t pg_commits_whole(const struct pg_commits_view *view, uint32_t xid)
{
    uint64_t end = view->end;
    uint32_t ahead = xid - (uint32_t)end;
    return ahead < PG_COMMITS_AHEAD ? end + ahead : end - (uint32_t)((uint32_t)end - xid);
}

static void pg_commits_hold(struct pg_commits *commits, uint64_t xid)
{
    if (commits->held_count < CDC_COUNT(commits->held))
        commits->held[commits->held_count++] = xid;
    else if (commits->blind <= xid)
        commits->blind = xid + 1;
}

static void pg_commits_sieve_held(struct pg_commits *commits,
                                  const struct pg_commits_view *view)
{
    size_t kept = 0;
    for (size_t i = 0; i < commits->held_count; i++)
        if (pg_commits_lacks_held(view, commits->held[i]))
            commits->held[kept++] = commits->held[i];
    commits->held_count = kept;
}

void pg_commits_sieve(struct pg_commits *commits, const struct pg_commits_view *view)
{
    uint64_t added = atomic_load_explicit(&commits->added, memory_order_relaxed);
    uint64_t now_s = (uint64_t)clock_mono_ms() / 1000;
    pthread_mutex_lock(&commits->lock);
    pg_commits_sieve_held(commits, view);
    if (added - commits->sieved > PG_COMMITS_KEPT) {
        /* So many came behind them that later numbers than theirs are done. */
        if (commits->blind < view->end)
            commits->blind = view->end;
        commits->sieved = added - PG_COMMITS_KEPT;
    }
    for (uint64_t i = commits->sieved; i < added; i++) {
        uint64_t seen =
            atomic_load_explicit(&commits->seen[i % PG_COMMITS_KEPT], memory_order_relaxed);
        if (pg_commits_lacks(view, seen, now_s))
            pg_commits_hold(commits, pg_commits_whole(view, (uint32_t)seen));
    }
    commits->sieved = added;
    pthread_mutex_unlock(&commits->lock);
}

/* ---- asking -------------------------------------------------------------------------- */

/* What is sieved already: gives how many those are. */
static uint64_t pg_commits_any_sieved(struct pg_commits *commits,
                                      const struct pg_commits_view *view, bool *out)
{
    pthread_mutex_lock(&commits->lock);
    *out = view->end < commits->blind || (view->count && view->hidden[0] < commits->blind);
    for (size_t i = 0; i < commits->held_count && !*out; i++)
        *out = pg_commits_lacks_held(view, commits->held[i]);
    uint64_t sieved = commits->sieved;
    pthread_mutex_unlock(&commits->lock);
    return sieved;
}

bool pg_commits_any(struct pg_commits *commits, uint64_t count,
                    const struct pg_commits_view *view)
{
    bool any = false;
    uint64_t sieved = pg_commits_any_sieved(commits, view, &any);
    uint64_t added = pg_commits_count(commits);
    uint64_t oldest = added < PG_COMMITS_KEPT ? 0 : added - PG_COMMITS_KEPT;
    uint64_t now_s = (uint64_t)clock_mono_ms() / 1000;
    /* What is overwritten and not sieved: the next sieve knows more. */
    any |= sieved < oldest && sieved < count;
    oldest = sieved > oldest ? sieved : oldest;
    for (uint64_t i = count < added ? count : added; i > oldest && !any; i--) {
        uint64_t seen = atomic_load_explicit(&commits->seen[(i - 1) % PG_COMMITS_KEPT],
                                             memory_order_relaxed);
        any = pg_commits_lacks(view, seen, now_s);
    }
    return any;
}

static wf_status pg_commits_bad(wf_str text, wf_error *err)
{
    return error_set(err, WF_PROTOCOL, "'%.*s' is no snapshot of a PostgreSQL database",
                     (int)(text.len < 100 ? text.len : 100), text.ptr ? text.ptr : "");
}

wf_status pg_commits_parse(wf_str text, uint64_t *hidden, struct pg_commits_view *out,
                           wf_error *err)
{
    wf_str rest = text;
    wf_str part;
    uint64_t begin, end;
    if (!str_next(&rest, ':', &part) || !str_to_u64(part, &begin) ||
        !str_next(&rest, ':', &part) || !str_to_u64(part, &end) || begin > end || !rest.ptr)
        return pg_commits_bad(text, err);
    size_t count = 0;
    if (!rest.len)
        rest = STR_EMPTY; /* an empty view would be one empty part */
    while (str_next(&rest, ',', &part)) {
        if (count == PG_COMMITS_RUNNING)
            return error_set(err, WF_UNAVAILABLE,
                             "more than %d transactions run at the server",
                             PG_COMMITS_RUNNING);
        if (!str_to_u64(part, &hidden[count]) || hidden[count] < begin ||
            hidden[count] >= end || (count && hidden[count] <= hidden[count - 1]))
            return pg_commits_bad(text, err);
        count++;
    }
    *out = (struct pg_commits_view){end, hidden, count};
    return WF_OK;
}
