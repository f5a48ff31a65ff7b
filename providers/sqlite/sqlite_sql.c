/* SPDX-License-Identifier: MIT
 *
 * sqlite_sql - the small pieces of SQL that the statements of this provider are made of.
 */
#include "providers/sqlite/sqlite_sql.h"

void sqlite_sql_put_id(struct buf *sql, wf_str name)
{
    buf_sql_quoted(sql, name, '"');
}

void sqlite_sql_carry(struct buf *to, const struct buf *from)
{
    if (from->broken && !to->broken)
        to->broken = from->broken;
}

/* Between items of a list: lines stay short enough to be logged. */
const char *sqlite_sql_comma(size_t i)
{
    return !i ? "" : i % 4 ? ", " : ",\n  ";
}

void sqlite_sql_put_slots(struct buf *sql, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%sc%zu", sqlite_sql_comma(i), from + i);
}

void sqlite_sql_put_columns(struct buf *sql, const struct sqlite_schema *schema,
                            const char *prefix)
{
    for (size_t i = 0; i < schema->count; i++) {
        buf_cstr(sql, sqlite_sql_comma(i));
        buf_cstr(sql, prefix);
        sqlite_sql_put_id(sql, schema->columns[i].name);
    }
}

/* <prefix>"name", or <table>."name" when prefix is NULL. */
void sqlite_sql_put_of(struct buf *sql, const struct sqlite_schema *schema,
                       const char *prefix, wf_str name)
{
    if (prefix) {
        buf_cstr(sql, prefix);
    } else {
        sqlite_sql_put_id(sql, schema->table);
        buf_byte(sql, '.');
    }
    sqlite_sql_put_id(sql, name);
}

void sqlite_sql_put_collation(struct buf *sql, const struct sqlite_unique_part *part)
{
    buf_lit(sql, " COLLATE ");
    sqlite_sql_put_id(sql, part->collation);
}

/* The stored bytes differ: exact comparison, whatever collation the column has. */
void sqlite_sql_put_differs(struct buf *sql, const struct sqlite_column *column)
{
    buf_lit(sql, "old.");
    sqlite_sql_put_id(sql, column->name);
    buf_lit(sql, " COLLATE BINARY IS NOT new.");
    sqlite_sql_put_id(sql, column->name);
    if (!column->any_type)
        return;
    buf_lit(sql, " OR typeof(old.");
    sqlite_sql_put_id(sql, column->name);
    buf_lit(sql, ") IS NOT typeof(new.");
    sqlite_sql_put_id(sql, column->name);
    buf_byte(sql, ')');
}

/* Any column differs.  In groups, because SQLite bounds the depth of an expression. */
void sqlite_sql_put_changed(struct buf *sql, const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (i % 32 == 0)
            buf_cstr(sql, i ? ")\n OR (" : "(");
        else
            buf_cstr(sql, i % 4 ? " OR " : "\n  OR ");
        sqlite_sql_put_differs(sql, &schema->columns[i]);
    }
    buf_byte(sql, ')');
}

const struct sqlite_unique *sqlite_sql_primary(const struct sqlite_schema *schema)
{
    for (size_t i = 0; i < schema->unique_count; i++) {
        if (schema->uniques[i].primary)
            return &schema->uniques[i];
    }
    return NULL;
}

/* The row that `prefix` names is the one that `other` names: by rowid, or by primary
 * key. */
void sqlite_sql_put_same(struct buf *sql, const struct sqlite_schema *schema,
                         const char *prefix, const char *other)
{
    if (!schema->without_rowid) {
        sqlite_sql_put_of(sql, schema, prefix, schema->rowid_name);
        buf_lit(sql, " = ");
        sqlite_sql_put_of(sql, schema, other, schema->rowid_name);
        return;
    }
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    for (size_t i = 0; key && i < key->count; i++) {
        const struct sqlite_unique_part *part = &key->parts[i];
        wf_str name = schema->columns[part->column].name;
        buf_cstr(sql, i ? " AND " : "");
        sqlite_sql_put_of(sql, schema, prefix, name);
        sqlite_sql_put_collation(sql, part);
        buf_lit(sql, " = ");
        sqlite_sql_put_of(sql, schema, other, name);
    }
}

/* The row of _cdc_pending is the one that `prefix` names.  `exact`: stored values, not
 * their equals. */
void sqlite_sql_put_noted(struct buf *sql, const struct sqlite_schema *schema,
                          const char *prefix, bool exact)
{
    if (!schema->without_rowid) {
        sqlite_sql_put_of(sql, schema, prefix, schema->rowid_name);
        buf_lit(sql, " = _cdc_pending.rid");
        return;
    }
    const struct sqlite_unique *key = sqlite_sql_primary(schema);
    for (size_t i = 0; key && i < key->count; i++) {
        const struct sqlite_unique_part *part = &key->parts[i];
        buf_cstr(sql, i ? " AND " : "");
        sqlite_sql_put_of(sql, schema, prefix, schema->columns[part->column].name);
        if (exact)
            buf_lit(sql, " COLLATE BINARY");
        else
            sqlite_sql_put_collation(sql, part);
        buf_printf(sql, " = _cdc_pending.c%d", part->column);
    }
}
