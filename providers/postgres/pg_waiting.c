/* SPDX-License-Identifier: MIT
 *
 * pg_waiting - two lists without an order.
 */
#include "providers/postgres/pg_waiting.h"

#include <stdlib.h>

#include "base/error.h"

#define PG_WAITING_FIRST 16u

void pg_waiting_clear(struct pg_waiting *waiting, struct pg_spool *spool)
{
    for (size_t i = 0; i < waiting->running_count; i++)
        pg_spool_forget(spool, waiting->running[i]);
    for (size_t i = 0; i < waiting->prepared_count; i++)
        pg_spool_forget(spool, waiting->prepared[i].xid);
    waiting->running_count = waiting->prepared_count = 0;
}

void pg_waiting_release(struct pg_waiting *waiting)
{
    free(waiting->running);
    free(waiting->prepared);
    *waiting = (struct pg_waiting){0};
}

/* ---- running ------------------------------------------------------------------------- */

static size_t pg_waiting_find(const struct pg_waiting *waiting, uint32_t xid)
{
    size_t i = 0;
    while (i < waiting->running_count && waiting->running[i] != xid)
        i++;
    return i;
}

bool pg_waiting_runs(const struct pg_waiting *waiting, uint32_t xid)
{
    return pg_waiting_find(waiting, xid) < waiting->running_count;
}

wf_status pg_waiting_run(struct pg_waiting *waiting, uint32_t xid, wf_error *err)
{
    if (waiting->running_count == waiting->running_room) {
        size_t room = waiting->running_room ? waiting->running_room * 2 : PG_WAITING_FIRST;
        uint32_t *running = realloc(waiting->running, room * sizeof *running);
        if (!running)
            return error_no_memory(err);
        waiting->running = running;
        waiting->running_room = room;
    }
    waiting->running[waiting->running_count++] = xid;
    return WF_OK;
}

void pg_waiting_run_no_more(struct pg_waiting *waiting, uint32_t xid)
{
    size_t i = pg_waiting_find(waiting, xid);
    if (i < waiting->running_count)
        waiting->running[i] = waiting->running[--waiting->running_count];
}

/* ---- prepared ------------------------------------------------------------------------ */

wf_status pg_waiting_prepare(struct pg_waiting *waiting, uint32_t xid, uint64_t lsn,
                             bool streamed, wf_error *err)
{
    if (waiting->prepared_count == waiting->prepared_room) {
        size_t room =
            waiting->prepared_room ? waiting->prepared_room * 2 : PG_WAITING_FIRST;
        struct pg_prepared *prepared = realloc(waiting->prepared, room * sizeof *prepared);
        if (!prepared)
            return error_no_memory(err);
        waiting->prepared = prepared;
        waiting->prepared_room = room;
    }
    waiting->prepared[waiting->prepared_count++] =
        (struct pg_prepared){xid, streamed, lsn, 0};
    return WF_OK;
}

struct pg_prepared *pg_waiting_prepared(const struct pg_waiting *waiting, uint32_t xid)
{
    for (size_t i = 0; i < waiting->prepared_count; i++)
        if (waiting->prepared[i].xid == xid && !waiting->prepared[i].outcome)
            return &waiting->prepared[i];
    return NULL;
}

void pg_waiting_drop(struct pg_waiting *waiting, struct pg_prepared *prepared)
{
    *prepared = waiting->prepared[--waiting->prepared_count];
}

uint64_t pg_waiting_floor(struct pg_waiting *waiting, uint64_t lsn)
{
    uint64_t floor = lsn;
    size_t kept = 0;
    for (size_t i = 0; i < waiting->prepared_count; i++) {
        struct pg_prepared prepared = waiting->prepared[i];
        if (prepared.outcome && prepared.outcome < lsn)
            continue;
        floor = prepared.lsn < floor ? prepared.lsn : floor;
        waiting->prepared[kept++] = prepared;
    }
    waiting->prepared_count = kept;
    return floor;
}
