/* SPDX-License-Identifier: MIT
 *
 * pg_shape - a published table as a snapshot reads it: its columns, its key, the order in
 * which it is read.
 *
 * The columns and the key are those that the stream's relation message would have
 * (pg_relation.h), so that events of both look the same.  The order is that of the primary
 * key, else of the replica identity's index, else of any unique index that covers all rows;
 * without one it is the place on disk (ctid).
 */
#ifndef PROVIDERS_PG_SHAPE_H
#define PROVIDERS_PG_SHAPE_H

#include "base/buf.h"
#include "plugin/core/table.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_type.h"

struct pg_shape_column {
    wf_str name;
    wf_str quoted;    /* the same in SQL */
    wf_str type_name; /* in SQL, without a modifier and so without a limit */
    const struct pg_type *type;
    uint32_t type_oid;
    int place; /* in the order of reading; -1: not part of it */
};

struct pg_shape {
    uint32_t oid;
    wf_str quoted;       /* "public"."orders", in SQL */
    wf_str filter;       /* the publication's condition; empty: all rows */
    bool partitioned;    /* read through its root */
    int64_t rows, bytes; /* estimates; rows -1: unknown */
    struct cdc_table *table;
    /* table->count columns that are published; behind them those that are needed only for
     * the order. */
    struct pg_shape_column *columns;
    size_t count;
    uint16_t *order; /* columns; order_count 0: by ctid */
    size_t order_count;
    bool asks;    /* has types that are not built in */
    wf_str facts; /* changes when the table or its publication does (pg_shape_put_facts) */

    PGresult *found, *fields; /* private: what the views point into */
};

/* Where the table is published. */
struct pg_shape_published {
    const char *main;
    const char *second; /* counts only if `mark` is its comment (pg_name_put_mark) */
    const char *mark;
};

/* WF_NOT_FOUND: there is no such table in the publication. */
wf_status pg_shape_read(struct pg_conn *conn, struct pg_types *types,
                        const struct pg_shape_published *published, wf_str name,
                        struct pg_shape *out, wf_error *err);
void pg_shape_release(struct pg_shape *shape);

/* Types are looked at anew, where the server is asked for them. */
wf_status pg_shape_renew_types(struct pg_shape *shape, struct pg_types *types,
                               wf_error *err);

/* Appends an SQL expression that has the value of `facts` as long as all is as it was; the
 * table is that of the shape. */
void pg_shape_put_facts(struct buf *sql, const struct pg_shape *shape);

#endif
