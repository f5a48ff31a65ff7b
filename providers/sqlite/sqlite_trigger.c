/* SPDX-License-Identifier: MIT
 *
 * sqlite_trigger - writing the capture triggers.
 *
 * Only syntax and functions that every SQLite since 3.8 has: the writers' libraries run this, not
 * ours.  Names are never qualified with a schema, so that the triggers also work where the database
 * is attached under another name.
 */
#include "providers/sqlite/sqlite_trigger.h"

#include "base/str.h"
#include "providers/sqlite/sqlite_index.h"

#define SQLITE_TRIGGER_KEPT 16 /* noted rows that survive nested statements */

static const char *const sqlite_trigger_names[SQLITE_TRIGGER_COUNT] = {
    [SQLITE_TRIGGER_BI] = "bi", [SQLITE_TRIGGER_BU] = "bu", [SQLITE_TRIGGER_BD] = "bd",
    [SQLITE_TRIGGER_AI] = "ai", [SQLITE_TRIGGER_AU] = "au", [SQLITE_TRIGGER_AM] = "am", [SQLITE_TRIGGER_AD] = "ad",
};

void sqlite_trigger_put_id(struct buf *sql, wf_str name)
{
    buf_sql_quoted(sql, name, '"');
}

void sqlite_trigger_put_name(struct buf *sql, int64_t line, enum sqlite_trigger_kind kind)
{
    buf_printf(sql, "_cdc_%lld_%s", (long long)line, sqlite_trigger_names[kind]);
}

/* Between items of a list: lines stay short enough to be logged. */
static const char *sqlite_trigger_comma(size_t i)
{
    return !i ? "" : i % 4 ? ", " : ",\n  ";
}

void sqlite_trigger_put_slots(struct buf *sql, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%sc%zu", sqlite_trigger_comma(i), from + i);
}

void sqlite_trigger_put_columns(struct buf *sql, const struct sqlite_schema *schema,
                                const char *prefix)
{
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(sql, sqlite_trigger_comma(i));
        buf_cstr(sql, prefix);
        sqlite_trigger_put_id(sql, schema->columns[i].name);
    }
}

/* <prefix>"name", or <table>."name" when prefix is NULL. */
static void sqlite_trigger_put_of(struct buf *sql, const struct sqlite_schema *schema,
                                  const char *prefix, wf_str name)
{
    if (prefix) {
        buf_cstr(sql, prefix);
    } else {
        sqlite_trigger_put_id(sql, schema->table);
        buf_byte(sql, '.');
    }
    sqlite_trigger_put_id(sql, name);
}

static void sqlite_trigger_put_collation(struct buf *sql, const struct sqlite_unique_part *part)
{
    buf_lit(sql, " COLLATE ");
    sqlite_trigger_put_id(sql, part->collation);
}

/* The stored bytes differ: exact comparison, whatever collation the column has. */
static void sqlite_trigger_put_differs(struct buf *sql, const struct sqlite_column *column)
{
    buf_lit(sql, "old.");
    sqlite_trigger_put_id(sql, column->name);
    buf_lit(sql, " COLLATE BINARY IS NOT new.");
    sqlite_trigger_put_id(sql, column->name);
    if (!column->any_type)
        return;
    buf_lit(sql, " OR typeof(old.");
    sqlite_trigger_put_id(sql, column->name);
    buf_lit(sql, ") IS NOT typeof(new.");
    sqlite_trigger_put_id(sql, column->name);
    buf_byte(sql, ')');
}

/* Any column differs.  In groups, because SQLite bounds the depth of an expression. */
static void sqlite_trigger_put_changed(struct buf *sql, const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (i % 32 == 0)
            buf_cstr(sql, i ? ")\n OR (" : "(");
        else
            buf_cstr(sql, i % 4 ? " OR " : "\n  OR ");
        sqlite_trigger_put_differs(sql, &schema->columns[i]);
    }
    buf_byte(sql, ')');
}

static const struct sqlite_unique *sqlite_trigger_primary(const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->unique_count; i++) {
        if (schema->uniques[i].primary)
            return &schema->uniques[i];
    }
    return NULL;
}

/* The row that `prefix` names is the one that `other` names: by rowid, or by primary key. */
static void sqlite_trigger_put_same(struct buf *sql, const struct sqlite_schema *schema,
                                    const char *prefix, const char *other)
{
    if (!schema->without_rowid) {
        sqlite_trigger_put_of(sql, schema, prefix, schema->rowid_name);
        buf_lit(sql, " = ");
        sqlite_trigger_put_of(sql, schema, other, schema->rowid_name);
        return;
    }
    const struct sqlite_unique *key = sqlite_trigger_primary(schema);
    for (size_t i = 0; key && i < key->count; i++) {
        const struct sqlite_unique_part *part = &key->parts[i];
        wf_str name = schema->columns[part->column].name;
        buf_cstr(sql, i ? " AND " : "");
        sqlite_trigger_put_of(sql, schema, prefix, name);
        sqlite_trigger_put_collation(sql, part);
        buf_lit(sql, " = ");
        sqlite_trigger_put_of(sql, schema, other, name);
    }
}

/* The noted row p is the one that `prefix` names.  `exact`: stored values, not their equals. */
static void sqlite_trigger_put_noted(struct buf *sql, const struct sqlite_schema *schema,
                                     const char *prefix, bool exact)
{
    if (!schema->without_rowid) {
        sqlite_trigger_put_of(sql, schema, prefix, schema->rowid_name);
        buf_lit(sql, " = p.rid");
        return;
    }
    const struct sqlite_unique *key = sqlite_trigger_primary(schema);
    for (size_t i = 0; key && i < key->count; i++) {
        const struct sqlite_unique_part *part = &key->parts[i];
        buf_cstr(sql, i ? " AND " : "");
        sqlite_trigger_put_of(sql, schema, prefix, schema->columns[part->column].name);
        if (exact)
            buf_lit(sql, " COLLATE BINARY");
        else
            sqlite_trigger_put_collation(sql, part);
        buf_printf(sql, " = p.c%d", part->column);
    }
}

/* The next generated column that needs none of those still to come. */
static size_t sqlite_trigger_next_generated(const struct sqlite_schema *schema, const bool *done)
{
    size_t fallback = schema->count;
    for (size_t i = 0; i < schema->count; i++) {
        if (!schema->columns[i].generated || done[i])
            continue;
        fallback = i;
        bool ready = true;
        for (size_t j = 0; j < schema->count && ready; j++) {
            if (j != i && schema->columns[j].generated && !done[j])
                ready = !sqlite_index_mentions(schema->columns[i].expression,
                                               schema->columns[j].name);
        }
        if (ready)
            return i;
    }
    return fallback;
}

/* (SELECT new.a AS a, ...) AS table: the new row as a table of one row.  A BEFORE trigger does not
 * see the generated columns of the new row, so they are computed here, one level of nesting each. */
static void sqlite_trigger_put_new_row(struct buf *sql, const struct sqlite_schema *schema)
{
    bool done[SQLITE_MAX_COLUMNS] = {false};
    CDC_CLEANUP(buf_release) struct buf inner;
    buf_init(&inner, sql->limit);
    size_t stored = 0;
    buf_lit(&inner, "(SELECT ");
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->columns[i].generated)
            continue;
        buf_cstr(&inner, sqlite_trigger_comma(stored++));
        buf_lit(&inner, "new.");
        sqlite_trigger_put_id(&inner, schema->columns[i].name);
        buf_lit(&inner, " AS ");
        sqlite_trigger_put_id(&inner, schema->columns[i].name);
    }
    buf_byte(&inner, ')');
    for (;;) {
        size_t next = sqlite_trigger_next_generated(schema, done);
        if (next == schema->count)
            break;
        done[next] = true;
        CDC_CLEANUP(buf_release) struct buf outer;
        buf_init(&outer, sql->limit);
        buf_lit(&outer, "(SELECT *, (");
        buf_str(&outer, schema->columns[next].expression);
        buf_lit(&outer, ") AS ");
        sqlite_trigger_put_id(&outer, schema->columns[next].name);
        buf_printf(&outer, " FROM %s AS ", buf_c(&inner));
        sqlite_trigger_put_id(&outer, schema->table);
        buf_byte(&outer, ')');
        buf_clear(&inner);
        buf_str(&inner, buf_view(&outer));
    }
    buf_str(sql, buf_view(&inner));
    buf_lit(sql, " AS ");
    sqlite_trigger_put_id(sql, schema->table);
}

/* An index expression over the new row. */
static void sqlite_trigger_put_over_new(struct buf *sql, const struct sqlite_schema *schema,
                                        wf_str text)
{
    buf_lit(sql, "(SELECT ");
    buf_str(sql, text);
    buf_lit(sql, " FROM ");
    sqlite_trigger_put_new_row(sql, schema);
    buf_byte(sql, ')');
}

static void sqlite_trigger_put_part(struct buf *sql, const struct sqlite_schema *schema,
                                    const struct sqlite_unique_part *part)
{
    if (part->column < 0) {
        buf_byte(sql, '(');
        buf_str(sql, part->expression);
        buf_byte(sql, ')');
        sqlite_trigger_put_collation(sql, part);
        buf_lit(sql, " = ");
        sqlite_trigger_put_over_new(sql, schema, part->expression);
        return;
    }
    const struct sqlite_column *column = &schema->columns[part->column];
    sqlite_trigger_put_of(sql, schema, NULL, column->name);
    sqlite_trigger_put_collation(sql, part);
    buf_lit(sql, " = ");
    if (column->generated) { /* without the affinity that a mere column in it would have */
        CDC_CLEANUP(buf_release) struct buf value;
        buf_init(&value, sql->limit);
        buf_printf(&value, "+(%.*s)", STR_ARG(column->expression));
        sqlite_trigger_put_over_new(sql, schema, buf_view(&value));
        return;
    }
    /* REPLACE puts the default where NULL is not allowed, after this trigger has run. */
    bool filled = column->not_null && column->fallback.ptr;
    buf_cstr(sql, filled ? "coalesce(new." : "new.");
    sqlite_trigger_put_id(sql, column->name);
    if (filled) {
        buf_lit(sql, ", (");
        buf_str(sql, column->fallback);
        buf_lit(sql, "))");
    }
}

/* A row of the table collides with the new one in rule `i`; rule unique_count is the rowid. */
static void sqlite_trigger_put_collides(struct buf *sql, const struct sqlite_schema *schema,
                                        size_t i)
{
    if (i == schema->unique_count) {
        sqlite_trigger_put_same(sql, schema, NULL, "new.");
        return;
    }
    const struct sqlite_unique *unique = &schema->uniques[i];
    for (size_t part = 0; part < unique->count; part++) {
        buf_cstr(sql, part ? " AND " : "");
        sqlite_trigger_put_part(sql, schema, &unique->parts[part]);
    }
    if (!unique->where.len)
        return;
    buf_lit(sql, " AND (");
    buf_str(sql, unique->where);
    buf_lit(sql, ") AND ");
    sqlite_trigger_put_over_new(sql, schema, unique->where);
}

static size_t sqlite_trigger_rules(const struct sqlite_schema *schema)
{
    return schema->unique_count + !schema->without_rowid;
}

/* DELETE of what earlier statements noted; INSERT of what this row collides with. */
static void sqlite_trigger_put_notes(struct buf *sql, const struct sqlite_capture_of *table,
                                     bool update)
{
    const struct sqlite_schema *schema = table->schema;
    buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE abs(t) = %lld", (long long)table->line);
    if (!table->quiet)
        buf_printf(sql, " AND seq <= (SELECT max(seq) FROM _cdc_pending) - %d",
                   SQLITE_TRIGGER_KEPT);
    buf_byte(sql, ';');
    for (size_t i = 0; i < sqlite_trigger_rules(schema); i++) {
        buf_lit(sql, "\n INSERT INTO _cdc_pending(t, rid, ");
        sqlite_trigger_put_slots(sql, 0, schema->count);
        buf_printf(sql, ")\n  SELECT %lld, ", (long long)table->line);
        if (schema->without_rowid)
            buf_lit(sql, "NULL");
        else
            sqlite_trigger_put_of(sql, schema, NULL, schema->rowid_name);
        for (size_t c = 0; c < schema->count; c++) {
            buf_cstr(sql, c % 4 ? ", " : ",\n  ");
            sqlite_trigger_put_of(sql, schema, NULL, schema->columns[c].name);
        }
        buf_lit(sql, "\n  FROM ");
        sqlite_trigger_put_id(sql, schema->table);
        buf_lit(sql, " WHERE ");
        sqlite_trigger_put_collides(sql, schema, i);
        if (update) {
            buf_lit(sql, " AND NOT (");
            sqlite_trigger_put_same(sql, schema, NULL, "old.");
            buf_byte(sql, ')');
        }
        buf_printf(sql, " AND NOT EXISTS (SELECT 1 FROM _cdc_pending AS p WHERE p.t = %lld AND ",
                   (long long)table->line);
        sqlite_trigger_put_noted(sql, schema, NULL, true);
        buf_lit(sql, ");");
    }
}

static void sqlite_trigger_put_head(struct buf *sql, const struct sqlite_capture_of *table,
                                    enum sqlite_trigger_kind kind, const char *when)
{
    buf_lit(sql, "CREATE TRIGGER ");
    sqlite_trigger_put_name(sql, table->line, kind);
    buf_printf(sql, " %s ON ", when);
    sqlite_trigger_put_id(sql, table->schema->table);
}

static void sqlite_trigger_put_bi(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BI, "BEFORE INSERT");
    for (size_t i = 0; i < sqlite_trigger_rules(schema); i++) {
        buf_cstr(sql, i ? "\n OR " : "\n WHEN ");
        buf_lit(sql, "EXISTS (SELECT 1 FROM ");
        sqlite_trigger_put_id(sql, schema->table);
        buf_lit(sql, " WHERE ");
        sqlite_trigger_put_collides(sql, schema, i);
        buf_byte(sql, ')');
    }
    buf_lit(sql, " BEGIN");
    sqlite_trigger_put_notes(sql, table, false);
    buf_lit(sql, "\n END");
}

/* Whether all rules are of plain columns, so that comparing those tells if one can be broken. */
static bool sqlite_trigger_plain(const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->unique_count; i++) {
        if (schema->uniques[i].where.len)
            return false;
        for (size_t part = 0; part < schema->uniques[i].count; part++) {
            int column = schema->uniques[i].parts[part].column;
            if (column < 0 || schema->columns[column].generated)
                return false;
        }
    }
    return true;
}

/* The update may break a uniqueness rule, or move what a foreign key refers to. */
static void sqlite_trigger_put_rekeyed(struct buf *sql, const struct sqlite_schema *schema)
{
    if (!sqlite_trigger_plain(schema)) {
        buf_byte(sql, '1');
        return;
    }
    const char *before = "(";
    if (!schema->without_rowid) {
        buf_lit(sql, "(NOT (");
        sqlite_trigger_put_same(sql, schema, "old.", "new.");
        buf_byte(sql, ')');
        before = " OR ";
    }
    for (size_t i = 0; i < schema->unique_count; i++) {
        const struct sqlite_unique *unique = &schema->uniques[i];
        for (size_t part = 0; part < unique->count; part++, before = " OR ") {
            buf_cstr(sql, before);
            sqlite_trigger_put_differs(sql, &schema->columns[unique->parts[part].column]);
        }
    }
    buf_byte(sql, ')');
}

/* Records noted rows as DELETEs; `which` chooses among those of the table. */
static void sqlite_trigger_put_noted_deletes(struct buf *sql,
                                             const struct sqlite_capture_of *table,
                                             struct buf *which)
{
    const struct sqlite_schema *schema = table->schema;
    buf_lit(sql, "\n INSERT INTO _cdc_change(k, ts, rid, ");
    sqlite_trigger_put_slots(sql, 0, schema->count);
    buf_printf(sql, ")\n  SELECT %lld, julianday('now'), %s",
               (long long)(table->version << SQLITE_KIND_BITS | SQLITE_KIND_DELETE),
               schema->without_rowid || schema->rowid_column >= 0 ? "NULL" : "p.rid");
    for (size_t i = 0; i < schema->count; i++)
        buf_printf(sql, "%sp.c%zu", i % 4 ? ", " : ",\n  ", i);
    buf_printf(sql, "\n  FROM _cdc_pending AS p WHERE p.t = %lld AND %s ORDER BY p.seq;",
               (long long)table->line, buf_c(which));
}

/* Records the noted rows that are gone, and forgets them. */
static void sqlite_trigger_put_gone(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    CDC_CLEANUP(buf_release) struct buf gone;
    buf_init(&gone, sql->limit);
    buf_lit(&gone, "(NOT EXISTS (SELECT 1 FROM ");
    sqlite_trigger_put_id(&gone, schema->table);
    buf_lit(&gone, " WHERE ");
    sqlite_trigger_put_noted(&gone, schema, NULL, false);
    buf_lit(&gone, ") OR ");
    sqlite_trigger_put_noted(&gone, schema, "new.", false);
    buf_byte(&gone, ')');
    sqlite_trigger_put_noted_deletes(sql, table, &gone);
    if (table->quiet) {
        buf_printf(sql, "\n DELETE FROM _cdc_pending WHERE t = %lld;", (long long)table->line);
        return;
    }
    buf_printf(sql,
               "\n DELETE FROM _cdc_pending WHERE seq IN"
               " (SELECT p.seq FROM _cdc_pending AS p WHERE p.t = %lld AND %s);",
               (long long)table->line, buf_c(&gone));
}

/* The old row's own change is recorded: its note must not become a DELETE as well. */
static void sqlite_trigger_put_strike(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    CDC_CLEANUP(buf_release) struct buf which;
    buf_init(&which, sql->limit);
    sqlite_trigger_put_noted(&which, schema, "old.", true);
    buf_printf(sql,
               "\n DELETE FROM _cdc_pending WHERE seq IN"
               " (SELECT p.seq FROM _cdc_pending AS p WHERE p.t = %lld AND %s);",
               (long long)table->line, buf_c(&which));
}

/* The same where changes happen within changes.  There it is done before the change as well: until
 * its AFTER trigger runs, a row that moves or goes looks like one that a REPLACE removed.  And a
 * note with other values is of a row that a REPLACE did remove, and whose place the old row took. */
static void sqlite_trigger_put_strike_old(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    if (table->quiet) {
        sqlite_trigger_put_strike(sql, table);
        return;
    }
    CDC_CLEANUP(buf_release) struct buf other;
    buf_init(&other, sql->limit);
    sqlite_trigger_put_noted(&other, schema, "old.", true);
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(&other, !i ? " AND ((" : i % 32 == 0 ? ")\n  OR (" : " OR ");
        buf_lit(&other, "old.");
        sqlite_trigger_put_id(&other, schema->columns[i].name);
        buf_printf(&other, " COLLATE BINARY IS NOT p.c%zu", i);
    }
    buf_lit(&other, "))");
    sqlite_trigger_put_noted_deletes(sql, table, &other);
    sqlite_trigger_put_strike(sql, table);
}

/* A column of the old row's newest bookmark, which is this statement's if its BEFORE trigger ran. */
static void sqlite_trigger_put_bookmark_of(struct buf *sql, const struct sqlite_capture_of *table,
                                           const char *column)
{
    buf_lit(sql, "(CASE WHEN ");
    sqlite_trigger_put_rekeyed(sql, table->schema);
    buf_printf(sql, " THEN (SELECT p.%s FROM _cdc_pending AS p WHERE p.t = %lld AND ", column,
               -(long long)table->line);
    sqlite_trigger_put_noted(sql, table->schema, "old.", true);
    buf_lit(sql, " ORDER BY p.seq DESC LIMIT 1) END)");
}

/* Where the stream was before the row changed. */
static void sqlite_trigger_put_bookmark(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    const struct sqlite_unique *key = sqlite_trigger_primary(schema);
    buf_lit(sql, "\n INSERT INTO _cdc_pending(t, last");
    if (!schema->without_rowid)
        buf_lit(sql, ", rid");
    for (size_t i = 0; schema->without_rowid && key && i < key->count; i++)
        buf_printf(sql, ", c%d", key->parts[i].column);
    buf_printf(sql, ") SELECT %lld, max(seq)", -(long long)table->line);
    if (!schema->without_rowid) {
        buf_lit(sql, ", ");
        sqlite_trigger_put_of(sql, schema, "old.", schema->rowid_name);
    }
    for (size_t i = 0; schema->without_rowid && key && i < key->count; i++) {
        buf_lit(sql, ", ");
        sqlite_trigger_put_of(sql, schema, "old.", schema->columns[key->parts[i].column].name);
    }
    buf_lit(sql, " FROM _cdc_change;");
}

/* Remembers, in the note of table 0, where the AFTER trigger's own records begin. */
static void sqlite_trigger_put_own_begin(struct buf *sql, const struct sqlite_capture_of *table)
{
    if (table->schema->cascaded)
        buf_lit(sql, "\n DELETE FROM _cdc_pending WHERE t = 0;"
                     "\n INSERT INTO _cdc_pending(t, last) SELECT 0, max(seq) FROM _cdc_change;");
}

/* Moves them to the bookmark.  Numbers stay unique at every step: those between go negative. */
static void sqlite_trigger_put_own_end(struct buf *sql, const struct sqlite_capture_of *table)
{
    static const char begin[] = "(SELECT last FROM _cdc_pending WHERE t = 0)";
    CDC_CLEANUP(buf_release) struct buf mark;
    buf_init(&mark, sql->limit);
    if (!table->schema->cascaded)
        return;
    sqlite_trigger_put_bookmark_of(&mark, table, "last");
    buf_printf(sql,
               "\n UPDATE _cdc_change SET seq = -(seq + (SELECT max(seq) FROM _cdc_change) - %s)"
               "\n  WHERE seq > %s AND seq <= %s;",
               begin, buf_c(&mark), begin);
    buf_printf(sql,
               "\n UPDATE _cdc_change SET seq = seq - %s + %s"
               "\n  WHERE seq > %s AND %s < %s;",
               begin, buf_c(&mark), begin, buf_c(&mark), begin);
    buf_lit(sql, "\n UPDATE _cdc_change SET seq = -seq WHERE seq < 0;"
                 "\n DELETE FROM _cdc_pending WHERE t = 0 OR seq = ");
    sqlite_trigger_put_bookmark_of(sql, table, "seq");
    buf_byte(sql, ';');
}

static void sqlite_trigger_put_bu(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BU, "BEFORE UPDATE");
    buf_lit(sql, "\n WHEN ");
    sqlite_trigger_put_rekeyed(sql, schema);
    buf_lit(sql, " BEGIN");
    if (!table->quiet)
        sqlite_trigger_put_strike_old(sql, table);
    if (schema->cascaded)
        sqlite_trigger_put_bookmark(sql, table);
    sqlite_trigger_put_notes(sql, table, true);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_bd(struct buf *sql, const struct sqlite_capture_of *table)
{
    if (table->quiet)
        return;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_BD, "BEFORE DELETE");
    buf_lit(sql, " BEGIN");
    sqlite_trigger_put_strike_old(sql, table);
    buf_lit(sql, "\n END");
}

/* INSERT INTO _cdc_change(k, ts, rid, <slots>) VALUES (<k>, now, <rowid>, : up to the values. */
static void sqlite_trigger_put_record(struct buf *sql, const struct sqlite_capture_of *table,
                                      enum sqlite_kind kind, size_t slots)
{
    const struct sqlite_schema *schema = table->schema;
    bool update = kind == SQLITE_KIND_UPDATE || kind == SQLITE_KIND_MOVED;
    buf_printf(sql, "\n INSERT INTO _cdc_change(k, ts, rid, %s", update ? "m, " : "");
    sqlite_trigger_put_slots(sql, 0, slots);
    buf_printf(sql, ")\n  VALUES (%lld, julianday('now'), ",
               (long long)(table->version << SQLITE_KIND_BITS | kind));
    if (schema->without_rowid || schema->rowid_column >= 0)
        buf_lit(sql, "NULL");
    else
        sqlite_trigger_put_of(sql, schema, kind == SQLITE_KIND_DELETE ? "old." : "new.",
                              schema->rowid_name);
    buf_lit(sql, ", ");
}

static void sqlite_trigger_put_ai(struct buf *sql, const struct sqlite_capture_of *table)
{
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AI, "AFTER INSERT");
    buf_lit(sql, " BEGIN");
    sqlite_trigger_put_gone(sql, table);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_INSERT, table->schema->count);
    sqlite_trigger_put_columns(sql, table->schema, "new.");
    buf_lit(sql, ");\n END");
}

/* In SQL `<<` and `|` bind equally, so every term has its parentheses. */
static void sqlite_trigger_put_mask(struct buf *sql, const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->count && i < SQLITE_MASK_COLUMNS; i++) {
        buf_cstr(sql, !i ? "((" : i % 4 ? " | ((" : "\n  | ((");
        sqlite_trigger_put_differs(sql, &schema->columns[i]);
        buf_printf(sql, ") << %zu)", i);
    }
}

static void sqlite_trigger_put_au(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AU, "AFTER UPDATE");
    buf_lit(sql, " WHEN ");
    if (!schema->without_rowid && schema->rowid_column < 0) {
        sqlite_trigger_put_same(sql, schema, "old.", "new.");
        buf_lit(sql, " AND (");
    } else {
        buf_lit(sql, "(");
    }
    sqlite_trigger_put_changed(sql, schema);
    buf_lit(sql, ") BEGIN");
    sqlite_trigger_put_own_begin(sql, table);
    sqlite_trigger_put_strike_old(sql, table);
    sqlite_trigger_put_gone(sql, table);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_UPDATE, 2 * schema->count);
    sqlite_trigger_put_mask(sql, schema);
    buf_lit(sql, ", ");
    sqlite_trigger_put_columns(sql, schema, "new.");
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(sql, i % 4 ? ", " : ",\n  ");
        if (i < SQLITE_MASK_COLUMNS) {
            buf_lit(sql, "CASE WHEN ");
            sqlite_trigger_put_differs(sql, &schema->columns[i]);
            buf_lit(sql, " THEN ");
        }
        buf_lit(sql, "old.");
        sqlite_trigger_put_id(sql, schema->columns[i].name);
        buf_cstr(sql, i < SQLITE_MASK_COLUMNS ? " END" : "");
    }
    buf_lit(sql, ");");
    sqlite_trigger_put_own_end(sql, table);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_am(struct buf *sql, const struct sqlite_capture_of *table)
{
    const struct sqlite_schema *schema = table->schema;
    if (schema->without_rowid || schema->rowid_column >= 0)
        return; /* a moved row is a changed key there */
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AM, "AFTER UPDATE");
    buf_lit(sql, " WHEN NOT (");
    sqlite_trigger_put_same(sql, schema, "old.", "new.");
    buf_lit(sql, ") BEGIN");
    sqlite_trigger_put_own_begin(sql, table);
    sqlite_trigger_put_strike_old(sql, table);
    sqlite_trigger_put_gone(sql, table);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_MOVED, 2 * schema->count);
    sqlite_trigger_put_of(sql, schema, "old.", schema->rowid_name);
    buf_lit(sql, ", ");
    sqlite_trigger_put_columns(sql, schema, "new.");
    buf_lit(sql, ", ");
    sqlite_trigger_put_columns(sql, schema, "old.");
    buf_lit(sql, ");");
    sqlite_trigger_put_own_end(sql, table);
    buf_lit(sql, "\n END");
}

static void sqlite_trigger_put_ad(struct buf *sql, const struct sqlite_capture_of *table)
{
    sqlite_trigger_put_head(sql, table, SQLITE_TRIGGER_AD, "AFTER DELETE");
    buf_lit(sql, " BEGIN");
    sqlite_trigger_put_strike(sql, table);
    sqlite_trigger_put_record(sql, table, SQLITE_KIND_DELETE, table->schema->count);
    sqlite_trigger_put_columns(sql, table->schema, "old.");
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
        [SQLITE_TRIGGER_BI] = sqlite_trigger_put_bi, [SQLITE_TRIGGER_BU] = sqlite_trigger_put_bu,
        [SQLITE_TRIGGER_BD] = sqlite_trigger_put_bd, [SQLITE_TRIGGER_AI] = sqlite_trigger_put_ai, [SQLITE_TRIGGER_AU] = sqlite_trigger_put_au,
        [SQLITE_TRIGGER_AM] = sqlite_trigger_put_am, [SQLITE_TRIGGER_AD] = sqlite_trigger_put_ad,
    };
    put[kind](sql, table);
}
