/* SPDX-License-Identifier: MIT
 *
 * pg_row - the text of PostgreSQL's output functions becomes values, for the stream and for
 * snapshots alike, so that both give the same bytes.
 *
 * The session settings that the text relies on are in pg_conn (DateStyle ISO, IntervalStyle
 * iso_8601, TimeZone UTC, bytea_output hex, extra_float_digits 3).  pg_text.h and
 * docs/postgres.md say what each type becomes.  Text that does not parse as its type says
 * is never an error: it is given as a string, byte for byte.
 *
 * The identity of a row in a table without a key is its columns as they came: 'n', or 't',
 * the text's length (4 bytes, big-endian) and the text, for each column.
 */
#ifndef PROVIDERS_PG_ROW_H
#define PROVIDERS_PG_ROW_H

#include "plugin/core/change.h"
#include "providers/postgres/pg_text.h"
#include "providers/postgres/pg_type.h"

/* Memory for one row at a time; used again for the next. */
struct pg_row {
    struct cdc_value *values;
    size_t room;
    size_t count;
    struct pg_text text; /* what was made of text: arrays, composites, bytes ... */
    size_t *made_at;     /* per value: where in text.out, plus one; 0: borrowed */
    bool any_made;
    uint32_t xid; /* who wrote it; 0: nobody that a type may have been altered behind */
};

void pg_row_init(struct pg_row *row);
void pg_row_release(struct pg_row *row);

/* Forgets the row before; room for `columns` values. */
wf_status pg_row_begin(struct pg_row *row, size_t columns, wf_error *err);

/* The next value.  `text` is borrowed until the next begin. */
void pg_row_text(struct pg_row *row, const struct pg_type *type, wf_str text);
void pg_row_kind(struct pg_row *row,
                 enum cdc_value_kind kind); /* NULL, UNCHANGED, ABSENT */
/* A value taken over from another row, which must outlive this one. */
void pg_row_copy(struct pg_row *row, const struct cdc_value *value);

/* row->values is complete now.  WF_NO_MEMORY when something could not be made. */
wf_status pg_row_end(struct pg_row *row, wf_error *err);

#endif
