/* SPDX-License-Identifier: MIT
 *
 * sqlite_cursor - the place after a chunk's last row, as text that survives a restart.
 *
 *     cursor  = kind ";" value*            the key of the last row
 *     kind    = "k"                        the key of a WITHOUT ROWID table, or a visible rowid
 *             | "h" schema_version         a hidden rowid, good while the schema is that version:
 *                                          VACUUM renumbers such rows, and counts it up
 *     value   = "i" decimal ";"            integer
 *             | "r" 16 hex digits ";"      real: the bits of the double
 *             | "t" hex ";" | "b" hex ";"  text, blob
 *
 * It comes back from a file, so it is decoded as bytes from outside.
 */
#ifndef PROVIDERS_SQLITE_CURSOR_H
#define PROVIDERS_SQLITE_CURSOR_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"

#define SQLITE_CURSOR_NO_SCHEMA (-1)
#define SQLITE_CURSOR_BYTES (64u * 1024u * 1024u)

/* Begins a cursor; schema_version SQLITE_CURSOR_NO_SCHEMA for kind "k". */
void sqlite_cursor_begin(struct buf *out, int64_t schema_version);
/* Appends a result column. */
void sqlite_cursor_put(struct buf *out, sqlite3_stmt *stmt, int column);

/* Checks the whole text and binds its values to parameters 1 ... of `stmt` (NULL: only
 * checks). WF_STATE unless it is a cursor of exactly `count` values. */
wf_status sqlite_cursor_bind(wf_str cursor, size_t count, sqlite3_stmt *stmt,
                             int64_t *out_schema_version, wf_error *err);

#endif
