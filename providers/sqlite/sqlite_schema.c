/* SPDX-License-Identifier: MIT
 *
 * sqlite_schema - reading a table's shape from SQLite's own pragmas.
 */
#include "providers/sqlite/sqlite_schema.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_index.h"

/* Memory that lives as long as the schema; NULL when there is none. */
static void *sqlite_schema_keep(struct sqlite_schema *schema, size_t size)
{
    void **grown = realloc(schema->owned, (schema->owned_count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    schema->owned = grown;
    void *block = calloc(1, size ? size : 1);
    if (block)
        schema->owned[schema->owned_count++] = block;
    return block;
}

static bool sqlite_schema_copy(struct sqlite_schema *schema, wf_str text, wf_str *out)
{
    char *copy = sqlite_schema_keep(schema, text.len + 1);
    if (!copy)
        return false;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    *out = (wf_str){copy, text.len};
    return true;
}

static bool sqlite_schema_has(wf_str text, const char *upper_part)
{
    size_t len = strlen(upper_part);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (str_eq_nocase(str_slice(text, i, i + len), (wf_str){upper_part, len}))
            return true;
    }
    return false;
}

/* SQLite's rules of column affinity (datatype3.html, 3.1): everything but BLOB affinity
 * turns 1.0 and 1 into the same stored value. */
static bool sqlite_schema_any_type(wf_str type, bool strict)
{
    if (strict)
        return str_eq_nocase(type, STR("ANY"));
    if (sqlite_schema_has(type, "INT") || sqlite_schema_has(type, "CHAR") ||
        sqlite_schema_has(type, "CLOB") || sqlite_schema_has(type, "TEXT"))
        return false;
    return !type.len || sqlite_schema_has(type, "BLOB");
}

static wf_status sqlite_schema_query(struct sqlite_db *db, const char *sql,
                                     wf_str parameter, sqlite3_stmt **out, wf_error *err)
{
    wf_status status = sqlite_db_prepare(db, sql, out, err);
    return status ? status : sqlite_db_bind_str(db, *out, 1, parameter, err);
}

static wf_status sqlite_schema_texts(struct sqlite_db *db, sqlite3_stmt *stmt,
                                     wf_str *out_name, wf_str *out_ddl, wf_str *out_type,
                                     wf_error *err)
{
    if (sqlite3_column_type(stmt, 4) == SQLITE_NULL)
        return error_no_memory(err);
    wf_status status = sqlite_db_text(db, stmt, 0, out_name, err);
    if (!status)
        status = sqlite_db_text(db, stmt, 3, out_ddl, err);
    return status ? status : sqlite_db_text(db, stmt, 4, out_type, err);
}

/* WITHOUT ROWID, STRICT, and the statement that made it. */
static wf_status sqlite_schema_read_table(struct sqlite_db *db,
                                          struct sqlite_schema *schema, wf_str table,
                                          bool *out_strict, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_schema_query(
        db,
        "SELECT m.name, l.wr, l.strict, m.sql, l.type FROM main.sqlite_master AS m"
        " LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = m.name"
        " WHERE m.type = 'table' AND m.name = ?1 COLLATE NOCASE",
        table, &stmt, err);
    bool row = false;
    if (!status)
        status = sqlite_db_step(db, stmt, &row, err);
    if (status)
        return status;
    wf_str name, ddl, type = STR_EMPTY;
    if (row) /* a table without a type: the list's own query had no memory, and says nothing */
        status = sqlite_schema_texts(db, stmt, &name, &ddl, &type, err);
    if (status)
        return status;
    if (!str_is(type, "table"))
        return error_set(err, WF_NOT_FOUND, "no table '%.*s' in database '%s'",
                         STR_ARG(table), db->shown);

    CDC_CLEANUP(buf_release) struct buf full;
    buf_init(&full, LIMIT_TEXT_BYTES);
    buf_lit(&full, "main.");
    buf_str(&full, name);
    status = buf_status(&full, "table name", err);
    if (status)
        return status;
    if (!sqlite_schema_copy(schema, buf_view(&full), &schema->full_name) ||
        !sqlite_schema_copy(schema, ddl, &schema->ddl))
        return error_no_memory(err);
    schema->table = str_slice(schema->full_name, 5, schema->full_name.len);
    schema->without_rowid = sqlite3_column_int(stmt, 1) != 0;
    *out_strict = sqlite3_column_int(stmt, 2) != 0;
    return WF_OK;
}

static bool sqlite_schema_read_expression(struct sqlite_schema *schema,
                                          struct sqlite_column *column)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    sqlite_index_generated(schema->ddl, schema->count, &text);
    return !text.broken && sqlite_schema_copy(schema, buf_view(&text), &column->expression);
}

/* False: no memory. */
static bool sqlite_schema_add_column(struct sqlite_schema *schema, sqlite3_stmt *stmt,
                                     bool strict)
{
    struct sqlite_column *column = &schema->columns[schema->count];
    int hidden = sqlite3_column_int(stmt, 5);
    *column = (struct sqlite_column){
        .not_null = sqlite3_column_int(stmt, 2) != 0,
        .generated = hidden == 2 || hidden == 3,
        .any_type = sqlite_schema_any_type(sqlite_db_column_str(stmt, 1), strict),
        .key_rank = sqlite3_column_int(stmt, 4),
    };
    if (column->generated && !sqlite_schema_read_expression(schema, column))
        return false;
    wf_str fallback = sqlite_db_column_str(stmt, 3);
    if (fallback.ptr && !sqlite_schema_copy(schema, fallback, &column->fallback))
        return false;
    schema->count++;
    wf_str name = sqlite_db_column_str(stmt, 0);
    return name.ptr && sqlite_schema_copy(schema, name, &column->name);
}

static wf_status sqlite_schema_read_columns(struct sqlite_db *db,
                                            struct sqlite_schema *schema, bool strict,
                                            wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    schema->columns = sqlite_schema_keep(schema, LIMIT_COLUMNS * sizeof(*schema->columns));
    if (!schema->columns)
        return error_no_memory(err);
    wf_status status =
        sqlite_schema_query(db,
                            "SELECT name, type, \"notnull\", dflt_value, pk, hidden"
                            " FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
                            schema->table, &stmt, err);
    if (status)
        return status;
    for (bool row;;) {
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            return status;
        if (schema->count == LIMIT_COLUMNS)
            return error_set(err, WF_CONFIG, "table '%.*s' has too many columns",
                             STR_ARG(schema->full_name));
        if (!sqlite_schema_add_column(schema, stmt, strict))
            return error_no_memory(err);
    }
}

static bool sqlite_schema_column_named(const struct sqlite_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (str_eq_nocase(schema->columns[i].name, str_from(name)))
            return true;
    }
    return false;
}

/* A column that is an alias of the rowid is the whole primary key and has no index of its
 * own; "INTEGER PRIMARY KEY DESC" is the documented exception and has one. */
static wf_status sqlite_schema_find_rowid(struct sqlite_db *db,
                                          struct sqlite_schema *schema, wf_error *err)
{
    schema->rowid_column = -1;
    if (schema->without_rowid)
        return WF_OK;
    int64_t indexed;
    bool found;
    wf_status status =
        sqlite_db_ask(db, "SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk'",
                      schema->table, &indexed, &found, err);
    if (status)
        return status;
    for (size_t i = 0; i < schema->count && !found; i++) {
        if (schema->columns[i].key_rank) {
            schema->rowid_column = (int)i;
            schema->rowid_name = schema->columns[i].name;
            return WF_OK;
        }
    }
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < CDC_COUNT(names); i++) {
        if (!sqlite_schema_column_named(schema, names[i])) {
            schema->rowid_name = str_from(names[i]);
            return WF_OK;
        }
    }
    return error_set(
        err, WF_CONFIG,
        "table '%.*s' cannot be captured: its columns rowid, _rowid_ and oid hide "
        "its rowid; leave it out of 'tables'",
        STR_ARG(schema->full_name));
}

static wf_status sqlite_schema_read_part(struct sqlite_schema *schema, sqlite3_stmt *stmt,
                                         wf_str statement, struct sqlite_unique *unique,
                                         wf_error *err)
{
    struct sqlite_unique_part *part = &unique->parts[unique->count];
    part->column = sqlite3_column_int(stmt, 0);
    part->descending = sqlite3_column_int(stmt, 2) != 0;
    wf_str collation = sqlite_db_column_str(stmt, 1);
    if (!collation.ptr || !sqlite_schema_copy(schema, collation, &part->collation))
        return error_no_memory(err);
    if (part->column < 0) {
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        bool found = sqlite_index_part(statement, unique->count, &text);
        wf_status status = buf_status(&text, "index expression", err);
        if (status)
            return status;
        if (!found || !text.len)
            return error_set(err, WF_PROTOCOL, "an index of table '%.*s' makes no sense",
                             STR_ARG(schema->full_name));
        part->column = -1;
        if (!sqlite_schema_copy(schema, buf_view(&text), &part->expression))
            return error_no_memory(err);
    }
    unique->count++;
    return WF_OK;
}

/* One row of the index list: name, origin, partial, sql. */
static wf_status sqlite_schema_read_index(struct sqlite_db *db,
                                          struct sqlite_schema *schema, sqlite3_stmt *list,
                                          wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    struct sqlite_unique *unique = &schema->uniques[schema->unique_count++];
    wf_str name, origin, statement;
    wf_status status = sqlite_db_text(db, list, 0, &name, err);
    if (!status)
        status = sqlite_db_text(db, list, 1, &origin, err);
    if (!status)
        status = sqlite_db_text(db, list, 3, &statement, err);
    if (status)
        return status;
    unique->primary = schema->without_rowid && str_is(origin, "pk");
    unique->parts =
        sqlite_schema_keep(schema, (schema->count + 64) * sizeof(*unique->parts));
    if (!unique->parts)
        return error_no_memory(err);
    if (sqlite3_column_int(list, 2)) {
        CDC_CLEANUP(buf_release) struct buf where;
        buf_init(&where, LIMIT_TEXT_BYTES);
        sqlite_index_where(statement, &where);
        status = buf_status(&where, "index condition", err);
        if (status)
            return status;
        if (!sqlite_schema_copy(schema, buf_view(&where), &unique->where))
            return error_no_memory(err);
    }
    status =
        sqlite_schema_query(db,
                            "SELECT cid, coll, \"desc\" FROM pragma_index_xinfo(?1, 'main')"
                            " WHERE key ORDER BY seqno",
                            name, &stmt, err);
    for (bool row = false; !status;) {
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            break;
        if (unique->count == schema->count + 64)
            return error_set(err, WF_CONFIG, "an index of table '%.*s' has too many parts",
                             STR_ARG(schema->full_name));
        status = sqlite_schema_read_part(schema, stmt, statement, unique, err);
    }
    return status;
}

static wf_status sqlite_schema_read_uniques(struct sqlite_db *db,
                                            struct sqlite_schema *schema, wf_error *err)
{
    int64_t count;
    bool found;
    wf_status status = sqlite_db_ask(
        db, "SELECT count(*) FROM pragma_index_list(?1, 'main') WHERE \"unique\"",
        schema->table, &count, &found, err);
    if (status)
        return status;
    schema->uniques = sqlite_schema_keep(schema, (size_t)count * sizeof(*schema->uniques));
    if (!schema->uniques)
        return error_no_memory(err);

    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *list = NULL;
    /* Ordered by name: the trigger text must come out the same each time. */
    status = sqlite_schema_query(
        db,
        "SELECT i.name, i.origin, i.partial, coalesce(m.sql, '')"
        " FROM pragma_index_list(?1, 'main') AS i"
        " LEFT JOIN main.sqlite_master AS m ON m.type = 'index' AND m.name = i.name"
        " WHERE i.\"unique\" ORDER BY i.origin <> 'pk', i.name",
        schema->table, &list, err);
    for (bool row = false; !status;) {
        status = sqlite_db_step(db, list, &row, err);
        if (status || !row || schema->unique_count == (size_t)count)
            break;
        status = sqlite_schema_read_index(db, schema, list, err);
    }
    return status;
}

static wf_status sqlite_schema_find_cascades(struct sqlite_db *db,
                                             struct sqlite_schema *schema, wf_error *err)
{
    int64_t actions = 0;
    bool found;
    wf_status status =
        sqlite_db_ask(db,
                      "SELECT count(*) FROM pragma_foreign_key_list(?1, 'main')"
                      " WHERE on_update NOT IN ('NO ACTION', 'RESTRICT')"
                      " OR on_delete NOT IN ('NO ACTION', 'RESTRICT')",
                      schema->table, &actions, &found, err);
    schema->cascaded = actions > 0;
    return status;
}

static void sqlite_schema_judge_key(struct sqlite_schema *schema)
{
    bool any = false;
    for (size_t i = 0; i < schema->count; i++) {
        const struct sqlite_column *column = &schema->columns[i];
        any |= column->key_rank != 0;
        if (column->key_rank && !column->not_null)
            schema->key_nullable = true;
    }
    if (schema->without_rowid || schema->rowid_column >= 0)
        schema->key_nullable = false;
    if (!any)
        schema->key_nullable = true;
}

wf_status sqlite_schema_read(struct sqlite_db *db, wf_str table, struct sqlite_schema **out,
                             wf_error *err)
{
    CDC_CLEANUP(sqlite_schema_freep)
    struct sqlite_schema *schema = calloc(1, sizeof(*schema));
    if (!schema)
        return error_no_memory(err);
    bool strict = false;
    wf_status status = sqlite_schema_read_table(db, schema, table, &strict, err);
    if (!status)
        status = sqlite_schema_read_columns(db, schema, strict, err);
    if (!status && !schema->count)
        status = error_no_memory(err); /* no table is without columns */
    if (!status)
        status = sqlite_schema_find_rowid(db, schema, err);
    if (!status)
        status = sqlite_schema_read_uniques(db, schema, err);
    if (!status)
        status = sqlite_schema_find_cascades(db, schema, err);
    if (status)
        return status;
    sqlite_schema_judge_key(schema);
    *out = schema;
    schema = NULL;
    return WF_OK;
}

void sqlite_schema_free(struct sqlite_schema *schema)
{
    if (!schema)
        return;
    for (size_t i = 0; i < schema->owned_count; i++)
        free(schema->owned[i]);
    free(schema->owned);
    free(schema);
}

void sqlite_schema_freep(struct sqlite_schema **schema)
{
    sqlite_schema_free(*schema);
    *schema = NULL;
}

wf_status sqlite_schema_table(const struct sqlite_schema *schema, struct cdc_table **out,
                              wf_error *err)
{
    struct cdc_column *columns = calloc(schema->count + 1, sizeof(*columns));
    uint16_t *keys = calloc(schema->count + 1, sizeof(*keys));
    size_t key_count = 0;
    wf_status status = columns && keys ? WF_OK : error_no_memory(err);
    for (size_t i = 0; i < schema->count && !status; i++) {
        int rank = schema->columns[i].key_rank;
        columns[i] = (struct cdc_column){schema->columns[i].name, rank > 0};
        if (rank > 0 && (size_t)rank <= schema->count) {
            keys[rank - 1] = (uint16_t)i;
            key_count++;
        }
    }
    if (!status)
        status =
            table_new(schema->full_name, columns, schema->count, keys, key_count, out, err);
    free(columns);
    free(keys);
    return status;
}

wf_status sqlite_schema_list(struct sqlite_db *db, void *ctx,
                             wf_status (*row)(void *ctx, wf_str table, wf_error *err),
                             wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        db,
        "SELECT m.name, l.type FROM main.sqlite_master AS m"
        " LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = m.name"
        " WHERE m.type = 'table' AND lower(substr(m.name, 1, 5)) <> '_cdc_'"
        " AND lower(substr(m.name, 1, 7)) <> 'sqlite_' ORDER BY m.rowid",
        &stmt, err);
    for (bool has = false; !status;) {
        status = sqlite_db_step(db, stmt, &has, err);
        if (status || !has)
            break;
        wf_str name, type;
        status = sqlite_db_text(db, stmt, 0, &name, err);
        if (!status && sqlite3_column_type(stmt, 1) == SQLITE_NULL)
            status = error_no_memory(err); /* see sqlite_schema_read_table() */
        if (!status)
            status = sqlite_db_text(db, stmt, 1, &type, err);
        if (!status && str_is(type, "table"))
            status = row(ctx, name, err);
    }
    return status;
}

static void sqlite_schema_lower(struct buf *out, wf_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        buf_byte(out, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
    }
}

bool sqlite_schema_matches(const wf_str *patterns, size_t count, wf_str full_name)
{
    if (!count)
        return true;
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    sqlite_schema_lower(&name, full_name);
    bool matches = false;
    for (size_t i = 0; i < count && !matches; i++) {
        CDC_CLEANUP(buf_release) struct buf pattern;
        buf_init(&pattern, LIMIT_TEXT_BYTES);
        sqlite_schema_lower(&pattern, patterns[i]);
        matches = table_matches(patterns[i], full_name) ||
                  table_matches(buf_view(&pattern), buf_view(&name));
    }
    return matches;
}
