/* SPDX-License-Identifier: MIT
 *
 * sqlite_trigger - writing the capture triggers.
 *
 * Only syntax and functions that every SQLite since 3.8 has: the writers' libraries run
 * this, not ours.  Names are never qualified with a schema, so that the triggers also work
 * where the database is attached under another name.
 */
#include "providers/sqlite/sqlite_trigger.h"

#include "providers/sqlite/sqlite_collide.h"
#include "providers/sqlite/sqlite_note.h"
#include "providers/sqlite/sqlite_sql.h"

static const char *const sqlite_trigger_names[SQLITE_TRIGGER_COUNT] = {
    [SQLITE_TRIGGER_BI] = "bi", [SQLITE_TRIGGER_BU] = "bu", [SQLITE_TRIGGER_BD] = "bd",
    [SQLITE_TRIGGER_AI] = "ai", [SQLITE_TRIGGER_AU] = "au", [SQLITE_TRIGGER_AK] = "ak",
    [SQLITE_TRIGGER_AM] = "am", [SQLITE_TRIGGER_AD] = "ad",
};

void sqlite_trigger_put_name(struct buf *sql, int64_t line, enum sqlite_trigger_kind kind)
{
    buf_printf(sql, "_cdc_%lld_%s", (long long)line, sqlite_trigger_names[kind]);
}

static void sqlite_trigger_put_head(struct buf *sql, const struct sqlite_capture_of *table,
                                    enum sqlite_trigger_kind kind, const char *when)
{
    buf_lit(sql, "CREATE TRIGGER ");
    sqlite_trigger_put_name(sql, table->line, kind);
    buf_printf(sql, " %s ON ", when);
    sqlite_sql_put_id(sql, table->schema->table);
}

static void sqlite_trigger_put_bi(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BI, "BEFORE INSERT");
    for (size_t i = 0; i < sqlite_collide_rules(schema); i++) {
        buf_cstr(sql, i ? "\n OR " : "\n WHEN ");
        buf_lit(sql, "EXISTS (SELECT 1 FROM ");
        sqlite_sql_put_id(sql, schema->table);
        buf_lit(sql, " WHERE ");
        sqlite_collide_put(sql, schema, i);
        buf_byte(sql, ')');
    }
    buf_lit(sql, " BEGIN");
    sqlite_note_put(sql, table, false);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_bu(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BU, "BEFORE UPDATE");
    buf_lit(sql, "\n WHEN ");
    sqlite_collide_put_rekeyed(sql, schema);
    buf_lit(sql, " BEGIN");
    if (!table->quiet)
        sqlite_note_put_strike_old(sql, table);
    if (schema->cascaded)
        sqlite_note_put_bookmark(sql, table);
    sqlite_note_put(sql, table, true);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_bd(struct buf *sql, const struct sqlite_capture_of *table)
{
    if (table->quiet)
        return;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BD, "BEFORE DELETE");
    buf_lit(sql, " BEGIN");
    sqlite_note_put_strike_old(sql, table);
    buf_lit(sql, "\n END");
}

/* INSERT INTO _cdc_change(k, ts, rid, <slots>) VALUES (<k>, now, <rowid>, : up to the
 * values. */
static void sqlite_trigger_put_record(struct buf *sql,
                                      const struct sqlite_capture_of *table,
                                      enum sqlite_kind kind, size_t slots)
{
    const struct sqlite_schema *schema = table->schema;
    bool update = kind == SQLITE_KIND_UPDATE || kind == SQLITE_KIND_MOVED;
    buf_printf(sql, "\n INSERT INTO _cdc_change(k, ts, rid, %s", update ? "m, " : "");
    sqlite_sql_put_slots(sql, 0, slots);
    buf_printf(sql, ")\n  VALUES (%lld, julianday('now'), ",
               (long long)(table->version << SQLITE_KIND_BITS | kind));
    if (schema->without_rowid || schema->rowid_column >= 0)
        buf_lit(sql, "NULL");
    else
        sqlite_sql_put_of(sql, schema, kind == SQLITE_KIND_DELETE ? "old." : "new.",
                          schema->rowid_name);
    buf_lit(sql, ", ");
}

static void sqlite_trigger_put_ai(struct buf *sql, const struct sqlite_capture_of *table)
{
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AI, "AFTER INSERT");
    buf_lit(sql, " BEGIN");
    sqlite_note_put_gone(sql, table, true);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_INSERT, table->schema->count);
    sqlite_sql_put_columns(sql, table->schema, "new.");
    buf_lit(sql, ");\n END");
}

/* In SQL `<<` and `|` bind equally, so every term has its parentheses. */
static void sqlite_trigger_put_mask(struct buf *sql, const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->count && i < SQLITE_MASK_COLUMNS; i++) {
        buf_cstr(sql, !i ? "((" : i % 4 ? " | ((" : "\n  | ((");
        sqlite_sql_put_differs(sql, &schema->columns[i]);
        buf_printf(sql, ") << %zu)", i);
    }
}

/* The row stays where it is, and something in it is different. */
static void sqlite_trigger_put_updated(struct buf *sql, const struct sqlite_schema *schema)
{
    if (!schema->without_rowid && schema->rowid_column < 0) {
        sqlite_sql_put_same(sql, schema, "old.", "new.");
        buf_lit(sql, " AND (");
    } else {
        buf_lit(sql, "(");
    }
    sqlite_sql_put_changed(sql, schema);
    buf_byte(sql, ')');
}

static void sqlite_trigger_put_update_record(struct buf *sql,
                                             const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_UPDATE, 2 * schema->count);
    sqlite_trigger_put_mask(sql, schema);
    buf_lit(sql, ", ");
    sqlite_sql_put_columns(sql, schema, "new.");
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(sql, i % 4 ? ", " : ",\n  ");
        if (i < SQLITE_MASK_COLUMNS) {
            buf_lit(sql, "CASE WHEN ");
            sqlite_sql_put_differs(sql, &schema->columns[i]);
            buf_lit(sql, " THEN ");
        }
        buf_lit(sql, "old.");
        sqlite_sql_put_id(sql, schema->columns[i].name);
        buf_cstr(sql, i < SQLITE_MASK_COLUMNS ? " END" : "");
    }
    buf_lit(sql, ");");
}

static void sqlite_trigger_put_key_update(struct buf *sql,
                                          const struct sqlite_capture_of *table)
{
    buf_lit(sql, " BEGIN");
    sqlite_note_put_own_begin(sql, table);
    sqlite_note_put_strike_old(sql, table);
    sqlite_note_put_gone(sql, table, true);
    sqlite_trigger_put_update_record(sql, table);
    sqlite_note_put_own_end(sql, table);
    buf_lit(sql, "\n END");
}

/* Where changes do not nest, an update that touches no key can neither have removed a row
 * nor make the note of its own row wrong, and costs the writer nothing but its record. */
static bool sqlite_trigger_splits(const struct sqlite_capture_of *table)
{
    return table->quiet && sqlite_collide_plain(table->schema);
}

static void sqlite_trigger_put_au(struct buf *sql, const struct sqlite_capture_of *table)
{
    bool splits = sqlite_trigger_splits(table);
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AU, "AFTER UPDATE");
    buf_lit(sql, "\n WHEN ");
    if (splits) {
        buf_lit(sql, "NOT ");
        sqlite_collide_put_rekeyed(sql, table->schema);
        buf_lit(sql, " AND ");
    }
    sqlite_trigger_put_updated(sql, table->schema);
    if (!splits) {
        sqlite_trigger_put_key_update(sql, table);
        return;
    }
    buf_lit(sql, " BEGIN");
    sqlite_trigger_put_update_record(sql, table);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_ak(struct buf *sql, const struct sqlite_capture_of *table)
{
    if (!sqlite_trigger_splits(table))
        return;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AK, "AFTER UPDATE");
    buf_lit(sql, "\n WHEN ");
    sqlite_collide_put_rekeyed(sql, table->schema);
    buf_lit(sql, " AND ");
    sqlite_trigger_put_updated(sql, table->schema);
    sqlite_trigger_put_key_update(sql, table);
}

static void sqlite_trigger_put_am(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    if (schema->without_rowid || schema->rowid_column >= 0)
        return; /* a moved row is a changed key there */
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AM, "AFTER UPDATE");
    buf_lit(sql, " WHEN NOT (");
    sqlite_sql_put_same(sql, schema, "old.", "new.");
    buf_lit(sql, ") BEGIN");
    sqlite_note_put_own_begin(sql, table);
    sqlite_note_put_strike_old(sql, table);
    sqlite_note_put_gone(sql, table, true);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_MOVED, 2 * schema->count);
    sqlite_sql_put_of(sql, schema, "old.", schema->rowid_name);
    buf_lit(sql, ", ");
    sqlite_sql_put_columns(sql, schema, "new.");
    buf_lit(sql, ", ");
    sqlite_sql_put_columns(sql, schema, "old.");
    buf_lit(sql, ");");
    sqlite_note_put_own_end(sql, table);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_ad(struct buf *sql, const struct sqlite_capture_of *table)
{
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AD, "AFTER DELETE");
    buf_lit(sql, " BEGIN");
    sqlite_note_put_strike(sql, table);
    /* When a REPLACE's cascade takes the very row that is updated, no other trigger
     * fires. */
    if (table->schema->cascaded)
        sqlite_note_put_gone(sql, table, false);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_DELETE, table->schema->count);
    sqlite_sql_put_columns(sql, table->schema, "old.");
    buf_lit(sql, ");");
    /* What a REPLACE deletes goes before the update it makes room for. */
    if (table->schema->cascaded)
        buf_printf(sql,
                   "\n UPDATE _cdc_pending SET last = (SELECT max(seq) FROM _cdc_change)"
                   " WHERE t = %lld;",
                   -(long long)table->line);
    buf_lit(sql, "\n END");
}

void sqlite_trigger_put(struct buf *sql, const struct sqlite_capture_of *table,
                        enum sqlite_trigger_kind kind)
{
    static void (*const put[SQLITE_TRIGGER_COUNT])(struct buf *,
                                                   const struct sqlite_capture_of *) = {
        [SQLITE_TRIGGER_BI] = sqlite_trigger_put_bi,
        [SQLITE_TRIGGER_BU] = sqlite_trigger_put_bu,
        [SQLITE_TRIGGER_BD] = sqlite_trigger_put_bd,
        [SQLITE_TRIGGER_AI] = sqlite_trigger_put_ai,
        [SQLITE_TRIGGER_AU] = sqlite_trigger_put_au,
        [SQLITE_TRIGGER_AK] = sqlite_trigger_put_ak,
        [SQLITE_TRIGGER_AM] = sqlite_trigger_put_am,
        [SQLITE_TRIGGER_AD] = sqlite_trigger_put_ad,
    };
    put[kind](sql, table);
}
