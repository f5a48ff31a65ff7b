/* SPDX-License-Identifier: MIT
 *
 * sqlite_note - what the triggers keep in _cdc_pending while a statement runs
 * (sqlite_trigger.h).
 *
 *     t = line     a row that the new one collides with, and that a REPLACE may remove
 *     t = -line    a bookmark: where the stream was before the row `rid` or c0... changed
 *     t = 0        where an AFTER trigger's own records begin
 *
 * A note is true as long as its row lives: every trigger on the row renews it or strikes it
 * off. Statements nest, so the newest counts and the oldest of many are dropped.
 */
#ifndef PROVIDERS_SQLITE_NOTE_H
#define PROVIDERS_SQLITE_NOTE_H

#include "providers/sqlite/sqlite_trigger.h"

/* Notes what the new row collides with.  `update`: but not the old row. */
void sqlite_note_put(struct buf *sql, const struct sqlite_capture_of *table, bool update);

/* Records the noted rows that are gone as DELETEs, and forgets them.  `taken`: also those
 * whose place the new row has. */
void sqlite_note_put_gone(struct buf *sql, const struct sqlite_capture_of *table,
                          bool taken);

/* Strikes off the note of the old row, whose own change is recorded. */
void sqlite_note_put_strike(struct buf *sql, const struct sqlite_capture_of *table);
/* The same, minding changes within changes. */
void sqlite_note_put_strike_old(struct buf *sql, const struct sqlite_capture_of *table);

/* Sets the old row's bookmark; begins and ends the records that belong there. */
void sqlite_note_put_bookmark(struct buf *sql, const struct sqlite_capture_of *table);
void sqlite_note_put_own_begin(struct buf *sql, const struct sqlite_capture_of *table);
void sqlite_note_put_own_end(struct buf *sql, const struct sqlite_capture_of *table);

#endif
