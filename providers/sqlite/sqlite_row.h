/* SPDX-License-Identifier: MIT
 *
 * sqlite_row - values and change rows, from SQLite to core.
 *
 * One function turns a result column into a value, for the stream and for snapshots, so
 * both give the same bytes.  The stored value decides, not the declared type: integers are
 * exact numbers, reals the shortest number that reads back the same (infinities are
 * strings), text is text with whatever bytes it has, blobs are bytes.
 */
#ifndef PROVIDERS_SQLITE_ROW_H
#define PROVIDERS_SQLITE_ROW_H

#include "plugin/core/change.h"
#include "providers/sqlite/sqlite_db.h"
#include "providers/sqlite/sqlite_trigger.h"

/* Memory for one row at a time. */
struct sqlite_row {
    struct cdc_value *values; /* twice `columns` */
    size_t columns;
    struct buf numbers; /* text of real numbers; never moves within a row */
    bool utf8;          /* the database's encoding */
    bool no_memory;     /* a value could not be converted */
    char identity[24];
    char old_identity[24];
};

wf_status sqlite_row_init(struct sqlite_row *row, struct sqlite_db *db, wf_error *err);
void sqlite_row_release(struct sqlite_row *row);

/* Room for a table of so many columns; forgets the row before. */
wf_status sqlite_row_begin(struct sqlite_row *row, size_t columns, wf_error *err);

/* Borrows from `stmt` until its next step, and from `row` until the next begin. */
void sqlite_row_value(struct sqlite_row *row, sqlite3_stmt *stmt, int column,
                      struct cdc_value *out);

/* A row without a key, or with NULL in it, is known by its rowid: its text, else empty. */
wf_str sqlite_row_identity(const struct cdc_table *table, const struct cdc_value *values,
                           sqlite3_stmt *stmt, int rowid_column, char out[24]);

/* The present row of SELECT * FROM _cdc_change: fills op, before, after and the identities.
 * WF_PROTOCOL when it cannot be one that our triggers wrote. */
wf_status sqlite_row_read(struct sqlite_row *row, sqlite3_stmt *stmt,
                          struct cdc_table *table, enum sqlite_kind kind,
                          struct cdc_change *out, wf_error *err);

/* INSERT for SQLITE_KIND_INSERT and so on; CDC_OP_NONE for kinds that are no row. */
enum cdc_op sqlite_row_op(enum sqlite_kind kind);

#endif
