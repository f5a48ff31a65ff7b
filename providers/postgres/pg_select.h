/* SPDX-License-Identifier: MIT
 *
 * pg_select - the SQL that reads one chunk.
 */
#ifndef PROVIDERS_PG_SELECT_H
#define PROVIDERS_PG_SELECT_H

#include "providers/postgres/pg_place.h"
#include "providers/postgres/pg_shape.h"

struct pg_select {
    const struct pg_shape *shape;
    const struct pg_place *place;
    wf_str where;     /* of the request */
    wf_str wheres;    /* options.where: a JSON object */
    wf_str leaf;      /* by ctid: the table or partition, in SQL */
    uint32_t to_page; /* by ctid: where the chunk ends, not included */
    uint32_t limit;
};

/* COPY (SELECT ...) TO STDOUT: the shape's columns, and behind them the ctid where that is
 * the order. */
wf_status pg_select_chunk(struct pg_conn *conn, const struct pg_select *what,
                          struct buf *sql, wf_error *err);

#endif
