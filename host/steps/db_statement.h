/* SPDX-License-Identifier: MIT
 *
 * db_statement - running SQL text on a connection, values in, values out.
 *
 * In: integers exact, other numbers as a double when that loses nothing and as their
 * digits otherwise, true/false as 1/0, lists and maps as JSON text.  Out: integers
 * exact, reals as the shortest number that reads back the same (infinities as text),
 * blobs as base64.
 */
#ifndef HOST_STEPS_DB_STATEMENT_H
#define HOST_STEPS_DB_STATEMENT_H

#include "host/lang/value.h"
#include "host/modules/storage_sqlite.h"

struct db_statement {
    wf_str sql; /* one statement or several; parameters `?` and `?N` */
    const struct value *const *params;
    size_t param_count;
    bool first_row_only;
    bool want_rows;
    struct arena *arena;
    /* out: */
    const struct value **rows; /* maps, of the last statement that gives rows */
    size_t row_count;
    int64_t affected_rows;
    int64_t last_id;
};

/* WF_CANCELLED when the connection's deadline ended it; WF_UNAVAILABLE when the database
 * is busy. */
wf_status db_statement_run(struct sqlite_connection *connection, struct db_statement *d,
                           wf_error *err);

/* Appends `sql` with PostgreSQL's `$N` written `?N`, outside of quotes and comments. */
void db_statement_placeholders(struct buf *out, wf_str sql);

#endif
