/* SPDX-License-Identifier: MIT
 *
 * sqlite_index - the expressions and the WHERE of a CREATE INDEX statement, as text.
 *
 * SQLite tells which columns an index has, but not its expressions; those stand only in the
 * statement it keeps.  The statement was accepted by SQLite, so this only cuts it: at the commas and
 * the closing parenthesis of the outermost list, minding quotes and comments.
 */
#ifndef PROVIDERS_SQLITE_INDEX_H
#define PROVIDERS_SQLITE_INDEX_H

#include "base/buf.h"

/* Appends part number `part` (from 0), without ASC or DESC, comments left out.  False when the
 * statement has no such part. */
bool sqlite_index_part(wf_str statement, size_t part, struct buf *out);

/* Appends the condition of a partial index; false when there is none. */
bool sqlite_index_where(wf_str statement, struct buf *out);

#endif
