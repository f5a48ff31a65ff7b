/* SPDX-License-Identifier: MIT
 *
 * dbz_table - one block of memory holds a table's names as the records spell them.
 */
#include "providers/debezium/dbz_table.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- comparing ----------------------------------------------------------------------------- */

static inline bool dbz_table_same(wf_str a, wf_str b)
{
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool dbz_table_is(const struct dbz_table *table, const struct dbz_shape *shape)
{
    return dbz_table_same(table->second, shape->second) &&
           dbz_table_same(table->first, shape->first);
}

static bool dbz_table_has(const wf_str *names, size_t count, const struct dbz_cells *cells)
{
    if (count != cells->count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!dbz_table_same(names[i], cells->at[i].name))
            return false;
    return true;
}

static bool dbz_table_fits(const struct dbz_table *table, const struct dbz_shape *shape)
{
    if (shape->row && !dbz_table_has(table->names, table->count, shape->row))
        return false;
    if (shape->any_key)
        return true;
    if (!shape->key)
        return table->key_count == 0;
    return dbz_table_has(table->keys, table->key_count, shape->key);
}

/* ---- making -------------------------------------------------------------------------------- */

static void dbz_table_free(struct dbz_table *table)
{
    if (!table)
        return;
    table_free(table->table);
    free(table->names);
    free(table->keys);
    free(table->types);
    free(table->memory);
    free(table);
}

void dbz_tables_release(struct dbz_tables *tables)
{
    while (tables->first) {
        struct dbz_table *table = tables->first;
        tables->first = table->next;
        dbz_table_free(table);
    }
    tables->count = 0;
}

static wf_str dbz_table_copy(char **at, wf_str text)
{
    char *start = *at;
    if (text.len)
        memcpy(start, text.ptr, text.len);
    *at += text.len;
    return (wf_str){start, text.len};
}

static size_t dbz_table_names_len(const struct dbz_cells *cells)
{
    size_t len = 0;
    for (size_t i = 0; cells && i < cells->count; i++)
        len += cells->at[i].name.len;
    return len;
}

static void dbz_table_copy_names(char **at, const struct dbz_cells *cells, wf_str *out)
{
    for (size_t i = 0; cells && i < cells->count; i++)
        out[i] = dbz_table_copy(at, cells->at[i].name);
}

/* Everything but the cdc_table. */
static struct dbz_table *dbz_table_copy_shape(const struct dbz_shape *shape,
                                              const struct dbz_cells *row)
{
    struct dbz_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    size_t len = shape->first.len + shape->second.len + dbz_table_names_len(row) +
                 dbz_table_names_len(shape->key);
    table->count = row ? row->count : 0;
    table->key_count = shape->key ? shape->key->count : 0;
    table->memory = malloc(len + 1);
    table->names = calloc(table->count + 1, sizeof *table->names);
    table->keys = calloc(table->key_count + 1, sizeof *table->keys);
    if (!table->memory || !table->names || !table->keys) {
        dbz_table_free(table);
        return NULL;
    }
    char *at = table->memory;
    table->first = dbz_table_copy(&at, shape->first);
    table->second = dbz_table_copy(&at, shape->second);
    dbz_table_copy_names(&at, row, table->names);
    dbz_table_copy_names(&at, shape->key, table->keys);
    return table;
}

/* Columns of the key, in its order; none where it names one that the row does not have. */
static size_t dbz_table_keys(const struct dbz_table *table, uint16_t *out)
{
    for (size_t i = 0; i < table->key_count; i++) {
        size_t column = 0;
        while (column < table->count &&
               !dbz_table_same(table->names[column], table->keys[i]))
            column++;
        if (column == table->count)
            return 0;
        out[i] = (uint16_t)column;
    }
    return table->key_count;
}

static int dbz_table_compare(const void *a, const void *b)
{
    const struct cdc_column *x = a;
    const struct cdc_column *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = len ? memcmp(x->name.ptr, y->name.ptr, len) : 0;
    return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* An event with a member twice would be read differently by each reader. */
static wf_status dbz_table_check_names(const struct cdc_column *columns, size_t count,
                                       struct cdc_column *sorted, wf_error *err)
{
    if (!count)
        return WF_OK;
    memcpy(sorted, columns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, dbz_table_compare);
    for (size_t i = 1; i < count; i++)
        if (dbz_table_compare(&sorted[i - 1], &sorted[i]) == 0)
            return error_set(err, WF_PROTOCOL, "the row has the column '%.*s' twice",
                             STR_ARG(sorted[i].name));
    return WF_OK;
}

struct dbz_table_texts {
    struct buf text; /* "schema.table" and then each column's name, unescaped */
    struct cdc_column *columns;
    struct cdc_column *sorted;
    uint16_t *keys;
};

static void dbz_table_texts_release(struct dbz_table_texts *texts)
{
    buf_release(&texts->text);
    free(texts->columns);
    free(texts->sorted);
    free(texts->keys);
}

/* Names grow in one buffer, so that they are views only when it is done. */
static wf_status dbz_table_spell(struct dbz_table *table, struct dbz_table_texts *texts,
                                 wf_str *out_name, wf_error *err)
{
    struct buf *text = &texts->text;
    if (table->first.len) {
        json_unescape(text, table->first);
        table->first_len = text->len;
        buf_byte(text, '.');
    }
    json_unescape(text, table->second);
    size_t name_len = text->len;
    for (size_t i = 0; i < table->count; i++) {
        size_t from = text->len;
        json_unescape(text, table->names[i]);
        texts->columns[i].name.len = text->len - from;
    }
    wf_status status = buf_status(text, "names of a table", err);
    if (status)
        return status == WF_NO_MEMORY ? status : WF_PROTOCOL;
    const char *at = text->data ? text->data : "";
    *out_name = (wf_str){at, name_len};
    at += name_len;
    for (size_t i = 0; i < table->count; i++) {
        texts->columns[i].name.ptr = at;
        at += texts->columns[i].name.len;
    }
    return WF_OK;
}

static wf_status dbz_table_make(struct dbz_table *table, wf_error *err)
{
    CDC_CLEANUP(dbz_table_texts_release) struct dbz_table_texts texts = {0};
    buf_init(&texts.text, LIMIT_CONFIG_BYTES * 4u);
    texts.columns = calloc(table->count + 1, sizeof *texts.columns);
    texts.sorted = calloc(table->count + 1, sizeof *texts.sorted);
    texts.keys = calloc(table->key_count + 1, sizeof *texts.keys);
    if (!texts.columns || !texts.sorted || !texts.keys)
        return error_no_memory(err);
    wf_str name;
    wf_status status = dbz_table_spell(table, &texts, &name, err);
    if (!status)
        status = dbz_table_check_names(texts.columns, table->count, texts.sorted, err);
    if (status)
        return status;
    size_t key_count = dbz_table_keys(table, texts.keys);
    for (size_t i = 0; i < key_count; i++)
        texts.columns[texts.keys[i]].key = true;
    return table_new(name, texts.columns, table->count, texts.keys, key_count,
                     &table->table, err);
}

/* ---- finding ------------------------------------------------------------------------------- */

static void dbz_table_to_front(struct dbz_tables *tables, struct dbz_table **link)
{
    struct dbz_table *table = *link;
    *link = table->next;
    table->next = tables->first;
    tables->first = table;
}

/* The oldest go: shapes of the one at the front beyond the few that are kept, and all
 * beyond what a topic may have. */
static void dbz_table_evict(struct dbz_tables *tables)
{
    const struct dbz_table *front = tables->first;
    size_t shapes = 0;
    struct dbz_table **link = &tables->first;
    for (size_t i = 0; *link; i++) {
        struct dbz_table *table = *link;
        shapes += dbz_table_same(table->second, front->second) &&
                  dbz_table_same(table->first, front->first);
        if (shapes <= DBZ_TABLE_SHAPES && i < DBZ_TABLE_MOST) {
            link = &table->next;
            continue;
        }
        *link = table->next;
        dbz_table_free(table);
        tables->count--;
        shapes = DBZ_TABLE_SHAPES;
    }
}

static wf_status dbz_table_add(struct dbz_tables *tables, const struct dbz_shape *shape,
                               const struct dbz_table *before, wf_error *err)
{
    struct dbz_table *table =
        dbz_table_copy_shape(shape, shape->row ? shape->row : shape->key);
    if (!table)
        return error_no_memory(err);
    wf_status status = dbz_table_make(table, err);
    if (status) {
        dbz_table_free(table);
        return status;
    }
    table->whole = shape->row != NULL;
    if (before)
        table->identity = before->identity;
    table->next = tables->first;
    tables->first = table;
    tables->count++;
    dbz_table_evict(tables);
    return WF_OK;
}

wf_status dbz_table_get(struct dbz_tables *tables, const struct dbz_shape *shape,
                        struct dbz_table **out, bool *out_changed, wf_error *err)
{
    struct dbz_table *current = NULL; /* what this table was the last time */
    struct dbz_table **link = &tables->first;
    for (; *link; link = &(*link)->next) {
        if (!dbz_table_is(*link, shape))
            continue;
        if (!current)
            current = *link;
        if (dbz_table_fits(*link, shape))
            break;
    }
    bool found = *link != NULL;
    bool changed = !found || *link != current;
    if (found && link != &tables->first) {
        (*link)->identity = current->identity;
        dbz_table_to_front(tables, link);
    }
    if (!found) {
        wf_status status = dbz_table_add(tables, shape, current, err);
        if (status)
            return status;
    }
    *out = tables->first;
    *out_changed = changed;
    return WF_OK;
}

/* ---- SQL ------------------------------------------------------------------------------------ */

struct dbz_table_sql_name {
    const char *primitive;
    const char *sql;
};

static const struct dbz_table_sql_name dbz_table_sql_primitives[] = {
    {"int8", "smallint"},   {"int16", "smallint"}, {"int32", "integer"},
    {"int64", "bigint"},    {"float", "real"},     {"double", "double precision"},
    {"boolean", "boolean"}, {"bytes", "bytea"},    {"string", "text"},
    {"struct", "json"},     {"map", "json"},
};

static const char *dbz_table_sql_kind(enum dbz_type_kind kind)
{
    switch (kind) {
    case DBZ_TYPE_DECIMAL_VARIABLE:
        return "numeric";
    case DBZ_TYPE_DATE:
    case DBZ_TYPE_ISO_DATE:
        return "date";
    case DBZ_TYPE_TIME_MS:
    case DBZ_TYPE_TIME_US:
    case DBZ_TYPE_TIME_NS:
    case DBZ_TYPE_ISO_TIME:
        return "time";
    case DBZ_TYPE_TIMESTAMP_MS:
    case DBZ_TYPE_TIMESTAMP_US:
    case DBZ_TYPE_TIMESTAMP_NS:
    case DBZ_TYPE_ISO_TIMESTAMP:
        return "timestamp";
    case DBZ_TYPE_ZONED_TIME:
        return "time with time zone";
    case DBZ_TYPE_ZONED_TIMESTAMP:
        return "timestamp with time zone";
    case DBZ_TYPE_DURATION_US:
    case DBZ_TYPE_DURATION_NS:
    case DBZ_TYPE_INTERVAL:
        return "interval";
    case DBZ_TYPE_JSON:
        return "json";
    default:
        return NULL;
    }
}

/* As the connector says it: "NUMERIC", with length and scale where they belong to it. */
static void dbz_table_sql_source(const struct dbz_type *type, struct buf *out)
{
    wf_str name = type->source_type;
    bool array = str_starts(name, STR("_"));
    if (array)
        name = str_slice(name, 1, name.len);
    json_unescape(out, name);
    bool decimal = str_is(name, "NUMERIC") || str_is(name, "DECIMAL");
    bool length = decimal || str_is(name, "VARCHAR") || str_is(name, "CHAR") ||
                  str_is(name, "BPCHAR") || str_is(name, "BIT") || str_is(name, "VARBIT") ||
                  str_is(name, "BINARY") || str_is(name, "VARBINARY");
    uint64_t number;
    /* 131089 is PostgreSQL's numeric without a precision, 2147483647 a text without end. */
    if (length && str_to_u64(type->source_length, &number) && number && number < 131089) {
        buf_printf(out, "(%.*s", STR_ARG(type->source_length));
        if (decimal && type->source_scale.len)
            buf_printf(out, ",%.*s", STR_ARG(type->source_scale));
        buf_byte(out, ')');
    }
    if (array)
        buf_lit(out, "[]");
}

static void dbz_table_sql_type(const struct dbz_type *type, struct buf *out)
{
    if (type->source_type.len) {
        dbz_table_sql_source(type, out);
        return;
    }
    if (str_is(type->primitive, "array") && type->element) {
        dbz_table_sql_type(type->element, out);
        buf_lit(out, "[]");
        return;
    }
    const char *name = dbz_table_sql_kind(type->kind);
    if (type->kind == DBZ_TYPE_DECIMAL) {
        buf_lit(out, "numeric");
        if (type->precision.len)
            buf_printf(out, "(%.*s,%d)", STR_ARG(type->precision), (int)type->scale);
        return;
    }
    if (type->kind == DBZ_TYPE_BITS) {
        buf_lit(out, "bit varying");
        if (type->bits && type->bits < INT32_MAX)
            buf_printf(out, "(%u)", (unsigned)type->bits);
        return;
    }
    for (size_t i = 0; !name && i < CDC_COUNT(dbz_table_sql_primitives); i++)
        if (str_is(type->primitive, dbz_table_sql_primitives[i].primitive))
            name = dbz_table_sql_primitives[i].sql;
    buf_cstr(out, name ? name : "text");
}

static void dbz_table_sql_column(const struct dbz_table *table, size_t at, struct buf *out)
{
    const struct dbz_type *type = table->types ? table->types[at] : NULL;
    buf_sql_quoted(out, table->table->columns[at].name, '"');
    if (!type)
        return;
    buf_byte(out, ' ');
    dbz_table_sql_type(type, out);
    if (!type->optional)
        buf_lit(out, " NOT NULL");
}

/* Without schemas columns have names only. */
void dbz_table_sql(const struct dbz_table *table, struct buf *out)
{
    const struct cdc_table *columns = table->table;
    wf_str name = columns->name;
    buf_lit(out, "CREATE TABLE ");
    if (table->first_len) {
        buf_sql_quoted(out, str_slice(name, 0, table->first_len), '"');
        buf_byte(out, '.');
        name = str_slice(name, table->first_len + 1, name.len);
    }
    buf_sql_quoted(out, name, '"');
    buf_lit(out, " (");
    for (size_t i = 0; i < columns->count; i++) {
        if (i)
            buf_lit(out, ", ");
        dbz_table_sql_column(table, i, out);
    }
    for (size_t i = 0; i < columns->key_count; i++) {
        buf_cstr(out, i ? ", " : ", PRIMARY KEY (");
        buf_sql_quoted(out, columns->columns[columns->keys[i]].name, '"');
    }
    buf_cstr(out, columns->key_count ? "))" : ")");
}

bool dbz_table_is_row(const struct dbz_table *table, const struct dbz_cells *cells)
{
    return dbz_table_has(table->names, table->count, cells);
}

/* ---- types ---------------------------------------------------------------------------------- */

void dbz_table_no_types(struct dbz_table *table)
{
    if (CDC_LIKELY(!table->types))
        return;
    free(table->types);
    table->types = NULL;
    table->types_of = 0;
}

wf_status dbz_table_types(struct dbz_table *table, const struct dbz_type *row,
                          uint64_t number, bool *out_changed, wf_error *err)
{
    if (CDC_LIKELY(table->types_of == number))
        return WF_OK;
    if (!table->types)
        table->types = calloc(table->count + 1, sizeof(const struct dbz_type *));
    if (!table->types)
        return error_no_memory(err);
    for (size_t i = 0; i < table->count; i++) {
        const struct dbz_field *field =
            row ? dbz_schema_field(row, i, table->names[i]) : NULL;
        table->types[i] = field ? &field->type : NULL;
    }
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_CONFIG_BYTES * 4u);
    dbz_table_sql(table, &sql);
    if (sql.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    uint64_t hash = str_hash(buf_view(&sql));
    *out_changed |= hash != table->sql_hash;
    table->sql_hash = hash;
    table->types_of = number;
    return WF_OK;
}
