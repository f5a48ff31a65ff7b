/* SPDX-License-Identifier: MIT
 *
 * sqlite_sql - the small pieces of SQL that the statements of this provider are made of.
 *
 * A `prefix` is "new.", "old.", or NULL for the table's own name.
 */
#ifndef PROVIDERS_SQLITE_SQL_H
#define PROVIDERS_SQLITE_SQL_H

#include "providers/sqlite/sqlite_schema.h"

/* A quoted identifier. */
void sqlite_sql_put_id(struct buf *sql, wf_str name);

/* Breaks `to` when `from`, which went into it, is broken. */
void sqlite_sql_carry(struct buf *to, const struct buf *from);

/* What stands before item `i` of a list: lines stay short enough to be logged. */
const char *sqlite_sql_comma(size_t i);

/* "c<from>, ..., c<from + count - 1>". */
void sqlite_sql_put_slots(struct buf *sql, size_t from, size_t count);

/* The table's columns, each after `prefix`, comma-separated. */
void sqlite_sql_put_columns(struct buf *sql, const struct sqlite_schema *schema,
                            const char *prefix);

void sqlite_sql_put_of(struct buf *sql, const struct sqlite_schema *schema,
                       const char *prefix, wf_str name);
void sqlite_sql_put_collation(struct buf *sql, const struct sqlite_unique_part *part);

/* The stored bytes of old and new differ: exact, whatever collation the column has. */
void sqlite_sql_put_differs(struct buf *sql, const struct sqlite_column *column);
void sqlite_sql_put_changed(struct buf *sql, const struct sqlite_schema *schema);

/* The primary key of a WITHOUT ROWID table; NULL: the table has a rowid. */
const struct sqlite_unique *sqlite_sql_primary(const struct sqlite_schema *schema);

/* The row that `prefix` names is the one that `other` names: by rowid, or by primary
 * key. */
void sqlite_sql_put_same(struct buf *sql, const struct sqlite_schema *schema,
                         const char *prefix, const char *other);

/* The row of _cdc_pending is the one that `prefix` names.  `exact`: stored values, not what
 * the key's collation takes for the same. */
void sqlite_sql_put_noted(struct buf *sql, const struct sqlite_schema *schema,
                          const char *prefix, bool exact);

#endif
