/* SPDX-License-Identifier: MIT
 *
 * dbz_row - almost every value is a view of the record.
 */
#include "providers/debezium/dbz_row.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

void dbz_row_init(struct dbz_row *row)
{
    *row = (struct dbz_row){.room = 0};
    dbz_value_init(&row->memory);
}

void dbz_row_release(struct dbz_row *row)
{
    free(row->values);
    free(row->moved.at);
    dbz_value_release(&row->memory);
    *row = (struct dbz_row){.room = 0};
}

static wf_status dbz_row_begin(struct dbz_row *row, size_t count, wf_error *err)
{
    if (CDC_UNLIKELY(row->room < count || !row->values)) {
        size_t room = row->room < 16 ? 16 : row->room * 2;
        room = room < count ? count : room;
        struct cdc_value *values = realloc(row->values, room * sizeof *values);
        if (!values)
            return error_no_memory(err);
        row->values = values;
        uint32_t *at = realloc(row->moved.at, room * sizeof *at);
        if (!at)
            return error_no_memory(err);
        row->moved.at = at;
        row->room = room;
    }
    if (CDC_UNLIKELY(row->memory.out.cap || row->memory.out.broken))
        dbz_value_clear(&row->memory);
    row->moved.count = 0;
    return WF_OK;
}

/* Offsets become views. */
static wf_status dbz_row_end(struct dbz_row *row, wf_error *err)
{
    struct buf *out = &row->memory.out;
    if (CDC_UNLIKELY(out->broken))
        return buf_status(out, "the values of a row", err);
    for (size_t i = 0; i < row->moved.count; i++) {
        wf_str *text = &row->values[row->moved.at[i]].text;
        text->ptr = out->data + (uintptr_t)text->ptr;
    }
    return WF_OK;
}

static void dbz_row_convert(struct dbz_row *row, const struct dbz_type *type,
                            const struct dbz_cell *cell, size_t column)
{
    size_t from = row->memory.out.len;
    if (!dbz_value_convert(&row->memory, type, cell))
        return;
    row->values[column].text =
        (wf_str){(const char *)(uintptr_t)from, row->memory.out.len - from};
    row->moved.at[row->moved.count++] = (uint32_t)column;
}

static inline void dbz_row_value(struct dbz_row *row, const struct dbz_type *type,
                                 const struct dbz_cell *cell, size_t column)
{
    struct cdc_value *value = &row->values[column];
    if (cell->kind == JSON_NULL) {
        value->kind = CDC_VALUE_NULL;
        return;
    }
    if (CDC_UNLIKELY(dbz_value_is_unavailable(cell))) {
        value->kind = CDC_VALUE_UNCHANGED;
        return;
    }
    *value = (struct cdc_value){CDC_VALUE_JSON, .text = cell->text};
    if (type && type->kind != DBZ_TYPE_VERBATIM)
        dbz_row_convert(row, type, cell, column);
}

wf_status dbz_row_full(struct dbz_row *row, const struct dbz_table *table,
                       const struct dbz_cells *cells, wf_error *err)
{
    wf_status status = dbz_row_begin(row, table->count, err);
    if (status)
        return status;
    for (size_t i = 0; i < table->count; i++)
        dbz_row_value(row, table->types ? table->types[i] : NULL, &cells->at[i], i);
    return dbz_row_end(row, err);
}

/* The column of that name; table->count when it has none. */
static size_t dbz_row_column(const struct dbz_table *table, size_t guess, wf_str name)
{
    if (guess < table->count && str_eq(table->names[guess], name))
        return guess;
    size_t column = 0;
    while (column < table->count && !str_eq(table->names[column], name))
        column++;
    return column;
}

wf_status dbz_row_some(struct dbz_row *row, const struct dbz_table *table,
                       const struct dbz_cells *cells, wf_error *err)
{
    wf_status status = dbz_row_begin(row, table->count, err);
    if (status)
        return status;
    for (size_t i = 0; i < table->count; i++)
        row->values[i].kind = CDC_VALUE_ABSENT;
    for (size_t i = 0; i < cells->count; i++) {
        size_t column = dbz_row_column(table, i, cells->at[i].name);
        /* A member that came twice counts once. */
        if (column < table->count && row->values[column].kind == CDC_VALUE_ABSENT)
            dbz_row_value(row, table->types ? table->types[column] : NULL, &cells->at[i],
                          column);
    }
    return dbz_row_end(row, err);
}

void dbz_row_key_only(struct dbz_row *row, const struct dbz_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (!table->table->columns[i].key)
            row->values[i].kind = CDC_VALUE_ABSENT;
}

/* ---- fillers --------------------------------------------------------------------------------- */

/* As the connector's schema builders make them, in every mode. */
static const char *const dbz_row_zeros[] = {
    "\"\"",
    "\"{}\"",
    "[]",
    "{}",
    "\"AA==\"",
    "{\"scale\":0,\"value\":\"AA==\"}",
    "\"1970-01-01Z\"",
    "\"00:00:00Z\"",
    "\"1970-01-01T00:00:00Z\"",
    "\"1970-01-01T00:00:00.000000Z\"",
    "\"P0Y0M0DT0H0M0S\"",
    "\"00000000-0000-0000-0000-000000000000\"",
    "{\"x\":0.0,\"y\":0.0,\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null}",
};

/* "0", "0.00": a number, or a decimal that is a string. */
static bool dbz_row_is_zero_number(wf_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '0' && text.ptr[i] != '.')
            return false;
    return text.len > 0;
}

static bool dbz_row_is_zero(const struct dbz_cell *cell)
{
    if (cell->kind == JSON_NULL || cell->kind == JSON_FALSE)
        return true;
    if (cell->kind == JSON_NUMBER)
        return dbz_row_is_zero_number(cell->text);
    if (cell->kind == JSON_STRING && dbz_row_is_zero_number(dbz_cell_inner(cell)))
        return true;
    for (size_t i = 0; i < CDC_COUNT(dbz_row_zeros); i++)
        if (str_is(cell->text, dbz_row_zeros[i]))
            return true;
    return false;
}

bool dbz_row_is_filler(const struct dbz_table *table, const struct dbz_cells *cells)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->table->columns[i].key || dbz_row_is_zero(&cells->at[i]))
            continue;
        const struct dbz_type *type = table->types ? table->types[i] : NULL;
        if (!type || !type->default_json.len ||
            !str_eq(type->default_json, cells->at[i].text))
            return false;
    }
    return true;
}
