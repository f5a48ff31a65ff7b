/* SPDX-License-Identifier: MIT
 *
 * pg_moves - see the header.
 */
#include "providers/postgres/pg_moves.h"

#include "base/limits.h"
#include "base/str.h"

#define PG_MOVES_BATCH 500
/* Somebody else's ALTER TABLE may hold a lock for hours, and a synchronous standby may be away
 * as long; what does not reach it is done again after a failover.  (Less than two seconds
 * would not do: an autovacuum that is in the way is ended after deadlock_timeout.) */
#define PG_MOVES_HURRY                                                                     \
    "SET LOCAL lock_timeout = '2s'; SET LOCAL synchronous_commit = local; "

enum pg_moves_kind {
    PG_MOVES_ADD_MAIN,
    PG_MOVES_ADD_INSERT,
    PG_MOVES_DROP_MAIN,
    PG_MOVES_DROP_INSERT,
    PG_MOVES_COUNT,
};

static bool pg_moves_is_due(const struct pg_published_table *table, enum pg_moves_kind move)
{
    bool main = table->wanted && table->identity;
    bool insert = table->wanted && !table->identity;
    switch (move) {
    case PG_MOVES_ADD_MAIN:
        return main && !table->in_main && table->ours;
    case PG_MOVES_ADD_INSERT:
        return insert && !table->in_insert && table->ours;
    case PG_MOVES_DROP_MAIN:
        return table->in_main && !main;
    case PG_MOVES_DROP_INSERT:
        return table->in_insert && !insert;
    case PG_MOVES_COUNT:
        break;
    }
    return false;
}

struct pg_moves_batch {
    struct buf sql;
    struct buf names; /* of tables that were in neither part, one per line */
    size_t count;
};

static void pg_moves_release(struct pg_moves_batch *batch)
{
    buf_release(&batch->sql);
    buf_release(&batch->names);
}

/* ONLY: without it the tables that inherit from this one come along, wanted or not. */
static void pg_moves_put(struct pg_moves_batch *batch, const char *name, bool add,
                         const struct pg_published_table *table)
{
    if (!batch->count++) {
        buf_lit(&batch->sql, PG_MOVES_HURRY "ALTER PUBLICATION ");
        buf_sql_quoted(&batch->sql, str_from(name), '"');
        buf_cstr(&batch->sql, add ? " ADD TABLE ONLY " : " DROP TABLE ONLY ");
    } else {
        buf_lit(&batch->sql, ", ONLY ");
    }
    buf_str(&batch->sql, table->quoted);
    bool line = str_find(table->name, STR("\n")) < 0;
    if (add && line && !table->in_main && !table->in_insert) {
        buf_str(&batch->names, table->name);
        buf_byte(&batch->names, '\n');
    }
}

/* What is done is told to the caller, whatever becomes of the rest. */
static wf_status pg_moves_flush(struct pg_moves_batch *batch, struct pg_conn *control,
                                struct buf *added, wf_error *err)
{
    if (!batch->count)
        return WF_OK;
    wf_status status = buf_status(&batch->names, "list of tables", err);
    if (!status)
        status = buf_status(&batch->sql, "SQL", err);
    if (!status)
        status = pg_conn_query(control, "bring the publication in step", buf_c(&batch->sql),
                               NULL, 0, NULL, err);
    if (!status) {
        buf_str(added, buf_view(&batch->names));
        status = buf_status(added, "list of tables", err);
    }
    buf_clear(&batch->sql);
    buf_clear(&batch->names);
    batch->count = 0;
    return status;
}

static wf_status pg_moves_one_kind(const char *const parts[2],
                                   const struct pg_published *published,
                                   enum pg_moves_kind move, struct pg_conn *control,
                                   struct buf *added, wf_error *err)
{
    bool main = move == PG_MOVES_ADD_MAIN || move == PG_MOVES_DROP_MAIN;
    bool add = move == PG_MOVES_ADD_MAIN || move == PG_MOVES_ADD_INSERT;
    CDC_CLEANUP(pg_moves_release) struct pg_moves_batch batch = {0};
    buf_init(&batch.sql, LIMIT_CONFIG_BYTES);
    buf_init(&batch.names, LIMIT_CONFIG_BYTES);
    struct pg_published_table table;
    wf_status status = WF_OK;
    for (int at = 0; !status && pg_published_next(published, &at, &table);) {
        if (!pg_moves_is_due(&table, move))
            continue;
        pg_moves_put(&batch, parts[main ? 0 : 1], add, &table);
        if (batch.count == PG_MOVES_BATCH)
            status = pg_moves_flush(&batch, control, added, err);
    }
    return status ? status : pg_moves_flush(&batch, control, added, err);
}

wf_status pg_moves_run(const struct pg_published *published, const char *main,
                       const char *insert, struct pg_conn *control, struct buf *added,
                       wf_error *err)
{
    const char *const parts[] = {main, insert};
    wf_status status = WF_OK;
    for (int kind = 0; kind < PG_MOVES_COUNT && !status; kind++)
        status = pg_moves_one_kind(parts, published, (enum pg_moves_kind)kind, control,
                                   added, err);
    return status;
}
