/* SPDX-License-Identifier: MIT
 *
 * pg_commits - see the header.
 *
 * The stream gives the low 32 bits of a transaction's number.  Whether such a number is
 * among the hidden ones is a matter of being equal; a mistake there would need a
 * transaction that runs just 2^32 numbers after one that is remembered, and ends with it.
 * Whether it is behind the snapshot's end is a matter of distance, so only what was
 * delivered in the last hours counts there: in that time numbers do not come round.  (One
 * that waits for a synchronous standby longer than that, while nobody else commits either,
 * is not looked for.)
 */
#include "providers/postgres/pg_commits.h"

#include "base/error.h"
#include "base/str.h"

#define PG_COMMITS_AHEAD (UINT32_C(1) << 30) /* numbers that may be out and not done */
#define PG_COMMITS_AGE_S (6 * 3600)

static bool pg_commits_is_hidden(const struct pg_commits_view *view, uint32_t xid)
{
    for (size_t i = 0; i < view->count; i++)
        if ((uint32_t)view->hidden[i] == xid)
            return true;
    return false;
}

bool pg_commits_any(const struct pg_commits *commits, uint64_t count,
                    const struct pg_commits_view *view)
{
    uint64_t added = pg_commits_count(commits);
    uint64_t oldest = added < PG_COMMITS_KEPT ? 0 : added - PG_COMMITS_KEPT;
    uint64_t now = (uint64_t)clock_mono_ms() / 1000;
    for (uint64_t i = count < added ? count : added; i > oldest; i--) {
        uint64_t seen = atomic_load_explicit(&commits->seen[(i - 1) % PG_COMMITS_KEPT],
                                             memory_order_relaxed);
        uint32_t xid = (uint32_t)seen;
        bool recent = now <= (seen >> 32) + PG_COMMITS_AGE_S;
        if (recent && xid - (uint32_t)view->end < PG_COMMITS_AHEAD)
            return true;
        if (view->count && pg_commits_is_hidden(view, xid))
            return true;
    }
    return false;
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
