/* SPDX-License-Identifier: MIT
 *
 * sqlite_collide - the rows that a new row collides with, rule by rule: the rowid, the
 * primary key, every UNIQUE constraint and index, also of expressions and partial ones.
 *
 * For BEFORE triggers, where `new` has no generated columns yet and where NULL has not yet
 * become the default of a NOT NULL column.
 */
#ifndef PROVIDERS_SQLITE_COLLIDE_H
#define PROVIDERS_SQLITE_COLLIDE_H

#include "providers/sqlite/sqlite_trigger.h"

/* How many rules the table has. */
size_t sqlite_collide_rules(const struct sqlite_schema *schema);

/* A condition on the table's rows: it collides with the new one in rule `i`. */
void sqlite_collide_put(struct buf *sql, const struct sqlite_schema *schema, size_t i);

/* All rules are of plain columns, so that comparing those tells whether one can be
 * broken. */
bool sqlite_collide_plain(const struct sqlite_schema *schema);

/* A condition on old and new: the update may break a rule, or move what a foreign key
 * refers to. */
void sqlite_collide_put_rekeyed(struct buf *sql, const struct sqlite_schema *schema);

#endif
