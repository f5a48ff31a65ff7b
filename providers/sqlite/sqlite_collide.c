/* SPDX-License-Identifier: MIT
 *
 * sqlite_collide - the SQL that finds the rows which a new row collides with.
 */
#include "providers/sqlite/sqlite_collide.h"

#include "base/str.h"
#include "providers/sqlite/sqlite_index.h"
#include "providers/sqlite/sqlite_sql.h"

/* The next generated column that needs none of those still to come. */
static size_t sqlite_collide_next_generated(const struct sqlite_schema *schema,
                                            const bool *done)
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

/* (SELECT new.a AS a, ...) AS table: the new row as a table of one row.  A BEFORE trigger
 * does not see the generated columns of the new row, so they are computed here, one level
 * of nesting each. */
static void sqlite_collide_put_new_row(struct buf *sql, const struct sqlite_schema *schema)
{
    bool done[SQLITE_MAX_COLUMNS] = {false};
    CDC_CLEANUP(buf_release) struct buf inner;
    buf_init(&inner, sql->limit);
    size_t stored = 0;
    buf_lit(&inner, "(SELECT ");
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->columns[i].generated)
            continue;
        buf_cstr(&inner, sqlite_sql_comma(stored++));
        buf_lit(&inner, "new.");
        sqlite_sql_put_id(&inner, schema->columns[i].name);
        buf_lit(&inner, " AS ");
        sqlite_sql_put_id(&inner, schema->columns[i].name);
    }
    buf_byte(&inner, ')');
    for (;;) {
        size_t next = sqlite_collide_next_generated(schema, done);
        if (next == schema->count)
            break;
        done[next] = true;
        CDC_CLEANUP(buf_release) struct buf outer;
        buf_init(&outer, sql->limit);
        buf_lit(&outer, "(SELECT *, (");
        buf_str(&outer, schema->columns[next].expression);
        buf_lit(&outer, ") AS ");
        sqlite_sql_put_id(&outer, schema->columns[next].name);
        buf_printf(&outer, " FROM %s AS ", buf_c(&inner));
        sqlite_sql_put_id(&outer, schema->table);
        buf_byte(&outer, ')');
        sqlite_sql_carry(&outer, &inner);
        buf_clear(&inner);
        buf_str(&inner, buf_view(&outer));
        sqlite_sql_carry(&inner, &outer);
    }
    buf_str(sql, buf_view(&inner));
    sqlite_sql_carry(sql, &inner);
    buf_lit(sql, " AS ");
    sqlite_sql_put_id(sql, schema->table);
}

/* An index expression over the new row. */
static void sqlite_collide_put_over_new(struct buf *sql, const struct sqlite_schema *schema,
                                        wf_str text)
{
    buf_lit(sql, "(SELECT ");
    buf_str(sql, text);
    buf_lit(sql, " FROM ");
    sqlite_collide_put_new_row(sql, schema);
    buf_byte(sql, ')');
}

static void sqlite_collide_put_part(struct buf *sql, const struct sqlite_schema *schema,
                                    const struct sqlite_unique_part *part)
{
    if (part->column < 0) {
        buf_byte(sql, '(');
        buf_str(sql, part->expression);
        buf_byte(sql, ')');
        sqlite_sql_put_collation(sql, part);
        buf_lit(sql, " = ");
        sqlite_collide_put_over_new(sql, schema, part->expression);
        return;
    }
    const struct sqlite_column *column = &schema->columns[part->column];
    sqlite_sql_put_of(sql, schema, NULL, column->name);
    sqlite_sql_put_collation(sql, part);
    buf_lit(sql, " = ");
    if (column->generated) { /* without the affinity that a mere column in it would have */
        CDC_CLEANUP(buf_release) struct buf value;
        buf_init(&value, sql->limit);
        buf_printf(&value, "+(%.*s)", STR_ARG(column->expression));
        sqlite_collide_put_over_new(sql, schema, buf_view(&value));
        sqlite_sql_carry(sql, &value);
        return;
    }
    /* REPLACE puts the default where NULL is not allowed, after this trigger has run. */
    bool filled = column->not_null && column->fallback.ptr;
    buf_cstr(sql, filled ? "coalesce(new." : "new.");
    sqlite_sql_put_id(sql, column->name);
    if (filled) {
        buf_lit(sql, ", (");
        buf_str(sql, column->fallback);
        buf_lit(sql, "))");
    }
}

/* A row of the table collides with the new one in rule `i`; rule unique_count is the
 * rowid. */
void sqlite_collide_put(struct buf *sql, const struct sqlite_schema *schema, size_t i)
{
    if (i == schema->unique_count) {
        sqlite_sql_put_same(sql, schema, NULL, "new.");
        return;
    }
    const struct sqlite_unique *unique = &schema->uniques[i];
    for (size_t part = 0; part < unique->count; part++) {
        buf_cstr(sql, part ? " AND " : "");
        sqlite_collide_put_part(sql, schema, &unique->parts[part]);
    }
    if (!unique->where.len)
        return;
    buf_lit(sql, " AND (");
    buf_str(sql, unique->where);
    buf_lit(sql, ") AND ");
    sqlite_collide_put_over_new(sql, schema, unique->where);
}

size_t sqlite_collide_rules(const struct sqlite_schema *schema)
{
    return schema->unique_count + !schema->without_rowid;
}

/* Whether all rules are of plain columns, so that comparing those tells if one can be
 * broken. */
bool sqlite_collide_plain(const struct sqlite_schema *schema)
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
void sqlite_collide_put_rekeyed(struct buf *sql, const struct sqlite_schema *schema)
{
    if (!sqlite_collide_plain(schema)) {
        buf_byte(sql, '1');
        return;
    }
    const char *before = "(";
    if (!schema->without_rowid) {
        buf_lit(sql, "(NOT (");
        sqlite_sql_put_same(sql, schema, "old.", "new.");
        buf_byte(sql, ')');
        before = " OR ";
    }
    for (size_t i = 0; i < schema->unique_count; i++) {
        const struct sqlite_unique *unique = &schema->uniques[i];
        for (size_t part = 0; part < unique->count; part++, before = " OR ") {
            buf_cstr(sql, before);
            sqlite_sql_put_differs(sql, &schema->columns[unique->parts[part].column]);
        }
    }
    buf_byte(sql, ')');
}
