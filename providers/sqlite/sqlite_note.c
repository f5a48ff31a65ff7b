/* SPDX-License-Identifier: MIT
 *
 * sqlite_note - the statements that the triggers run on _cdc_pending.
 */
#include "providers/sqlite/sqlite_note.h"

#include "providers/sqlite/sqlite_collide.h"
#include "providers/sqlite/sqlite_sql.h"

#define SQLITE_NOTE_KEPT 16 /* notes that survive nested statements */

/* DELETE of what earlier statements noted; INSERT of what this row collides with. */
void sqlite_note_put(struct buf *sql, const struct sqlite_capture_of *table, bool update)
{
    const struct sqlite_schema *schema = table->schema;
    if (table->quiet)
        buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE t = %lld;",
                   (long long)table->line);
    else
        buf_printf(sql,
                   "\n DELETE FROM _cdc_pending WHERE abs(t) = %lld"
                   " AND seq <= (SELECT max(seq) FROM _cdc_pending) - %d;",
                   (long long)table->line, SQLITE_NOTE_KEPT);
    for (size_t i = 0; i < sqlite_collide_rules(schema); i++) {
        buf_lit(sql, "\n INSERT INTO _cdc_pending(t, rid, ");
        sqlite_sql_put_slots(sql, 0, schema->count);
        buf_printf(sql, ")\n  SELECT %lld, ", (long long)table->line);
        if (schema->without_rowid)
            buf_lit(sql, "NULL");
        else
            sqlite_sql_put_of(sql, schema, NULL, schema->rowid_name);
        for (size_t c = 0; c < schema->count; c++) {
            buf_cstr(sql, c % 4 ? ", " : ",\n  ");
            sqlite_sql_put_of(sql, schema, NULL, schema->columns[c].name);
        }
        buf_lit(sql, "\n  FROM ");
        sqlite_sql_put_id(sql, schema->table);
        buf_lit(sql, " WHERE ");
        sqlite_collide_put(sql, schema, i);
        if (update) {
            buf_lit(sql, " AND NOT (");
            sqlite_sql_put_same(sql, schema, NULL, "old.");
            buf_byte(sql, ')');
        }
        if (i > 0 || !table->quiet) { /* noted once, however many rules it breaks */
            buf_printf(sql,
                       " AND NOT EXISTS (SELECT 1 FROM _cdc_pending WHERE t = %lld AND ",
                       (long long)table->line);
            sqlite_sql_put_noted(sql, schema, NULL, true);
            buf_byte(sql, ')');
        }
        buf_byte(sql, ';');
    }
}

/* Records noted rows as DELETEs; `which` chooses among those of the table. */
static void sqlite_note_put_deletes(struct buf *sql, const struct sqlite_capture_of *table,
                                    struct buf *which)
{
    const struct sqlite_schema *schema = table->schema;
    buf_lit(sql, "\n INSERT INTO _cdc_change(k, ts, rid, ");
    sqlite_sql_put_slots(sql, 0, schema->count);
    buf_printf(sql, ")\n  SELECT %lld, julianday('now'), %s",
               (long long)(table->version << SQLITE_KIND_BITS | SQLITE_KIND_DELETE),
               schema->without_rowid || schema->rowid_column >= 0 ? "NULL" : "rid");
    for (size_t i = 0; i < schema->count; i++)
        buf_printf(sql, "%sc%zu", i % 4 ? ", " : ",\n  ", i);
    buf_printf(sql, "\n  FROM _cdc_pending WHERE t = %lld AND %s ORDER BY seq;",
               (long long)table->line, buf_c(which));
    sqlite_sql_carry(sql, which);
}

/* Records the noted rows that are gone, and forgets them.  `taken`: also those whose place
 * the new row has. */
void sqlite_note_put_gone(struct buf *sql, const struct sqlite_capture_of *table,
                          bool taken)
{
    const struct sqlite_schema *schema = table->schema;
    CDC_CLEANUP(buf_release) struct buf gone;
    buf_init(&gone, sql->limit);
    buf_lit(&gone, "(NOT EXISTS (SELECT 1 FROM ");
    sqlite_sql_put_id(&gone, schema->table);
    buf_lit(&gone, " WHERE ");
    sqlite_sql_put_noted(&gone, schema, NULL, false);
    buf_cstr(&gone, taken ? ") OR " : ")");
    if (taken)
        sqlite_sql_put_noted(&gone, schema, "new.", false);
    buf_byte(&gone, ')');
    sqlite_note_put_deletes(sql, table, &gone);
    if (table->quiet) {
        buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE t = %lld;",
                   (long long)table->line);
        return;
    }
    buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE t = %lld AND %s;",
               (long long)table->line, buf_c(&gone));
}

/* The old row's own change is recorded: its note must not become a DELETE as well. */
void sqlite_note_put_strike(struct buf *sql, const struct sqlite_capture_of *table)
{
    buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE t = %lld AND ",
               (long long)table->line);
    sqlite_sql_put_noted(sql, table->schema, "old.", true);
    buf_byte(sql, ';');
}

/* The same where changes happen within changes.  There it is done before the change as
 * well: until its AFTER trigger runs, a row that moves or goes looks like one that a
 * REPLACE removed.  And a note with other values is of a row that a REPLACE did remove, and
 * whose place the old row took. */
void sqlite_note_put_strike_old(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    if (table->quiet) {
        sqlite_note_put_strike(sql, table);
        return;
    }
    CDC_CLEANUP(buf_release) struct buf other;
    buf_init(&other, sql->limit);
    sqlite_sql_put_noted(&other, schema, "old.", true);
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(&other, !i ? " AND ((" : i % 32 == 0 ? ")\n  OR (" : " OR ");
        buf_lit(&other, "old.");
        sqlite_sql_put_id(&other, schema->columns[i].name);
        buf_printf(&other, " COLLATE BINARY IS NOT c%zu", i);
    }
    buf_lit(&other, "))");
    sqlite_note_put_deletes(sql, table, &other);
    sqlite_note_put_strike(sql, table);
}

/* A column of the old row's newest bookmark, which is this statement's if its BEFORE
 * trigger ran. */
static void sqlite_note_put_bookmark_of(struct buf *sql,
                                        const struct sqlite_capture_of *table,
                                        const char *column)
{
    buf_lit(sql, "(CASE WHEN ");
    sqlite_collide_put_rekeyed(sql, table->schema);
    buf_printf(sql, " THEN (SELECT %s FROM _cdc_pending WHERE t = %lld AND ", column,
               -(long long)table->line);
    sqlite_sql_put_noted(sql, table->schema, "old.", true);
    buf_lit(sql, " ORDER BY seq DESC LIMIT 1) END)");
}

/* Where the stream was before the row changed. */
void sqlite_note_put_bookmark(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    buf_lit(sql, "\n INSERT INTO _cdc_pending(t, last");
    if (!schema->without_rowid)
        buf_lit(sql, ", rid");
    for (size_t i = 0; schema->without_rowid && key && i < key->count; i++)
        buf_printf(sql, ", c%d", key->parts[i].column);
    buf_printf(sql, ") SELECT %lld, max(seq)", -(long long)table->line);
    if (!schema->without_rowid) {
        buf_lit(sql, ", ");
        sqlite_sql_put_of(sql, schema, "old.", schema->rowid_name);
    }
    for (size_t i = 0; schema->without_rowid && key && i < key->count; i++) {
        buf_lit(sql, ", ");
        sqlite_sql_put_of(sql, schema, "old.", schema->columns[key->parts[i].column].name);
    }
    buf_lit(sql, " FROM _cdc_change;");
}

/* Remembers, in the note of table 0, where the AFTER trigger's own records begin. */
void sqlite_note_put_own_begin(struct buf *sql, const struct sqlite_capture_of *table)
{
    if (table->schema->cascaded)
        buf_lit(
            sql,
            "\n DELETE FROM _cdc_pending WHERE t = 0;"
            "\n INSERT INTO _cdc_pending(t, last) SELECT 0, max(seq) FROM _cdc_change;");
}

/* Moves them to the bookmark.  Numbers stay unique at every step: those between go
 * negative. */
void sqlite_note_put_own_end(struct buf *sql, const struct sqlite_capture_of *table)
{
    static const char begin[] = "(SELECT last FROM _cdc_pending WHERE t = 0)";
    CDC_CLEANUP(buf_release) struct buf mark;
    buf_init(&mark, sql->limit);
    if (!table->schema->cascaded)
        return;
    sqlite_note_put_bookmark_of(&mark, table, "last");
    buf_printf(
        sql,
        "\n UPDATE _cdc_change SET seq = -(seq + (SELECT max(seq) FROM _cdc_change) - %s)"
        "\n  WHERE seq > %s AND seq <= %s;",
        begin, buf_c(&mark), begin);
    buf_printf(sql,
               "\n UPDATE _cdc_change SET seq = seq - %s + %s"
               "\n  WHERE seq > %s AND %s < %s;",
               begin, buf_c(&mark), begin, buf_c(&mark), begin);
    buf_lit(sql, "\n UPDATE _cdc_change SET seq = -seq WHERE seq < 0;"
                 "\n DELETE FROM _cdc_pending WHERE t = 0 OR seq = ");
    sqlite_note_put_bookmark_of(sql, table, "seq");
    buf_byte(sql, ';');
    sqlite_sql_carry(sql, &mark);
}
