/* SPDX-License-Identifier: MIT
 *
 * sqlite_trigger - the SQL of the capture tables and triggers (docs/sqlite.md has the
 * picture).
 *
 * One row of _cdc_change per change, columns stored natively, so that nothing is encoded,
 * converted or lost, by any program's SQLite and without functions of ours:
 *
 *     seq   1, 2, 3 ... without gaps, in commit order; the last row is never purged, so that no
 *           number comes twice although there is no AUTOINCREMENT (which would cost the writer a
 *           second page per transaction)
 *     k     version * 8 + kind: which columns c0... are, and what happened
 *     ts    julianday('now') of the statement
 *     rid   the rowid, where the table does not show it as a column
 *     m     UPDATE: bit i set: column i changed and its old value is stored; NULL: no old values.
 *           MOVED: the old rowid
 *     c0 .. c(n-1)     the new row; for DELETE the old one
 *     cn .. c(2n-1)    UPDATE: the old values of changed columns.  MOVED: all old values
 *
 * REPLACE deletes rows without firing DELETE triggers (unless the writer has
 * recursive_triggers on). So BEFORE triggers note every row that the new one collides with
 * in _cdc_pending, and the AFTER trigger, which fires only when the row went in, records
 * those that are gone as DELETEs.  What was noted and not deleted (OR IGNORE, upsert) is
 * thus never reported, and a row whose own DELETE or UPDATE trigger fired is struck off.
 *
 * Changes can happen within a change: by the application's triggers, and by the actions of
 * foreign keys, which come before the AFTER triggers.  Where an action may change the very
 * row whose update caused it (a row that refers to itself), the BEFORE trigger remembers
 * the last number, and the AFTER trigger moves its own records before those that came in
 * between.
 */
#ifndef PROVIDERS_SQLITE_TRIGGER_H
#define PROVIDERS_SQLITE_TRIGGER_H

#include "providers/sqlite/sqlite_schema.h"

enum sqlite_kind {
    SQLITE_KIND_MARK = 0, /* means nothing: the first row */
    SQLITE_KIND_INSERT = 1,
    SQLITE_KIND_UPDATE = 2,
    SQLITE_KIND_DELETE = 3,
    SQLITE_KIND_MOVED = 4,  /* UPDATE of a hidden rowid */
    SQLITE_KIND_SCHEMA = 5, /* from here on the table has this version */
    SQLITE_KIND_DROPPED = 6,
};
#define SQLITE_KIND_BITS 3

#define SQLITE_MASK_COLUMNS 62 /* later columns always store their old value */
#define SQLITE_MAX_COLUMNS 990 /* two rows of them fit into SQLite's default of 2000 */
#define SQLITE_CHANGE_FIRST 5  /* result column of c0 in SELECT * FROM _cdc_change */

enum sqlite_trigger_kind {
    SQLITE_TRIGGER_BI,
    SQLITE_TRIGGER_BU,
    SQLITE_TRIGGER_BD,
    SQLITE_TRIGGER_AI,
    SQLITE_TRIGGER_AU,
    SQLITE_TRIGGER_AK, /* an update of a key, apart from the others where that makes them cheaper */
    SQLITE_TRIGGER_AM,
    SQLITE_TRIGGER_AD,
    SQLITE_TRIGGER_COUNT,
};

struct sqlite_capture_of { /* one captured table */
    const struct sqlite_schema *schema;
    int64_t line;    /* number of the table through all its versions: in trigger names */
    int64_t version; /* number of its present columns: in the rows */
    bool quiet;      /* no change of this table can happen within another */
};

/* Appends one CREATE TRIGGER as sqlite_master keeps it (no semicolon); nothing when the
 * table needs no trigger of that kind. */
void sqlite_trigger_put(struct buf *sql, const struct sqlite_capture_of *table,
                        enum sqlite_trigger_kind kind);
void sqlite_trigger_put_name(struct buf *sql, int64_t line, enum sqlite_trigger_kind kind);

#endif
