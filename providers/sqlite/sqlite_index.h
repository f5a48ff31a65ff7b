/* SPDX-License-Identifier: MIT
 *
 * sqlite_index - the expressions of CREATE INDEX and of generated columns, as text.
 *
 * SQLite tells which columns an index has, but not its expressions; those stand only in the
 * statement it keeps.  The statement was accepted by SQLite, so this only cuts it: at the
 * commas and the closing parenthesis of the outermost list, minding quotes and comments.
 */
#ifndef PROVIDERS_SQLITE_INDEX_H
#define PROVIDERS_SQLITE_INDEX_H

#include "base/buf.h"

/* Appends part number `part` (from 0), without ASC or DESC, comments left out.  False when
 * the statement has no such part. */
bool sqlite_index_part(wf_str statement, size_t part, struct buf *out);

/* Appends the condition of a partial index; false when there is none. */
bool sqlite_index_where(wf_str statement, struct buf *out);

/* Appends the expression of generated column number `column` (from 0) of a CREATE TABLE;
 * false when that column is none. */
bool sqlite_index_generated(wf_str statement, size_t column, struct buf *out);

/* Whether the text names `name`, quoted or not. */
bool sqlite_index_mentions(wf_str text, wf_str name);

#endif
