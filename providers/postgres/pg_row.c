/* SPDX-License-Identifier: MIT
 *
 * pg_row - scalars borrow the text they came as; what has to be made is made one after the
 * other in one buffer, and its addresses are put in when the row ends.
 */
#include "providers/postgres/pg_row.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "providers/postgres/pg_scalar.h"

void pg_row_init(struct pg_row *row)
{
    *row = (struct pg_row){.count = 0};
    pg_text_init(&row->text);
}

void pg_row_release(struct pg_row *row)
{
    free(row->values);
    free(row->made_at);
    pg_text_release(&row->text);
    *row = (struct pg_row){.count = 0};
}

static wf_status pg_row_grow(struct pg_row *row, size_t columns, wf_error *err)
{
    /* A row without columns is a row all the same: not a NULL pointer. */
    struct cdc_value *values = calloc(columns + 1, sizeof *values);
    size_t *made_at = calloc(columns + 1, sizeof *made_at);
    if (!values || !made_at) {
        free(values);
        free(made_at);
        return error_no_memory(err);
    }
    free(row->values);
    free(row->made_at);
    row->values = values;
    row->made_at = made_at;
    row->room = columns;
    return WF_OK;
}

wf_status pg_row_begin(struct pg_row *row, size_t columns, wf_error *err)
{
    if (row->any_made) {
        memset(row->made_at, 0, row->count * sizeof *row->made_at);
        pg_text_clear(&row->text);
        row->any_made = false;
    }
    row->count = 0;
    return columns > row->room || !row->values ? pg_row_grow(row, columns, err) : WF_OK;
}

/* The value is in text.out from `at` on. */
static void pg_row_made(struct pg_row *row, enum cdc_value_kind kind, size_t at)
{
    row->values[row->count] =
        (struct cdc_value){kind, .text = {NULL, row->text.out.len - at}};
    row->made_at[row->count++] = at + 1;
}

static bool pg_row_bytes(struct pg_row *row, wf_str text)
{
    struct buf *out = &row->text.out;
    size_t at = out->len;
    size_t len;
    if (!buf_reserve(out, text.len / 2 + 1) || !pg_scalar_bytes(text, out->data + at, &len))
        return false;
    out->len += len;
    pg_row_made(row, CDC_VALUE_BYTES, at);
    return true;
}

static bool pg_row_parts(struct pg_row *row, const struct pg_type *type, wf_str text)
{
    size_t at = row->text.out.len;
    if (!pg_text_try(&row->text, type, text) || row->text.out.broken)
        return false;
    pg_row_made(row, CDC_VALUE_JSON, at);
    return true;
}

/* What was altered after the row was written does not say what its fields were. */
static bool pg_row_is_older(const struct pg_row *row, const struct pg_type *type)
{
    return type->since && row->xid && (int32_t)(row->xid - type->since) < 0;
}

/* Bytes, and types with parts. */
CDC_NO_INLINE static void pg_row_make(struct pg_row *row, const struct pg_type *type,
                                      wf_str text)
{
    size_t at = row->text.out.len;
    row->any_made = true;
    bool made = type->kind == PG_TYPE_BYTES
                    ? pg_row_bytes(row, text)
                    : !pg_row_is_older(row, type) && pg_row_parts(row, type, text);
    if (made)
        return;
    row->text.out.len = at;
    if (row->text.out.broken == WF_CONFIG) /* its JSON would be larger than any event */
        row->text.out.broken = WF_OK;
    row->values[row->count++] = (struct cdc_value){CDC_VALUE_TEXT, .text = text};
}

void pg_row_text(struct pg_row *row, const struct pg_type *type, wf_str text)
{
    assert(row->count < row->room);
    switch (type->kind) {
    case PG_TYPE_TEXT:
        row->values[row->count++] = (struct cdc_value){CDC_VALUE_TEXT, .text = text};
        return;
    case PG_TYPE_INT:
    case PG_TYPE_FLOAT:
    case PG_TYPE_BOOL:
    case PG_TYPE_JSON:
        pg_scalar_read(type->kind, text, PG_TEXT_DEPTH, &row->values[row->count++]);
        return;
    case PG_TYPE_BYTES:
    case PG_TYPE_ARRAY:
    case PG_TYPE_COMPOSITE:
    case PG_TYPE_RANGE:
    case PG_TYPE_MULTIRANGE:
    case PG_TYPE_VECTOR:
        break;
    }
    pg_row_make(row, type, text);
}

void pg_row_kind(struct pg_row *row, enum cdc_value_kind kind)
{
    assert(row->count < row->room);
    row->values[row->count++] = (struct cdc_value){.kind = kind};
}

void pg_row_copy(struct pg_row *row, const struct cdc_value *value)
{
    assert(row->count < row->room);
    row->values[row->count++] = *value;
}

wf_status pg_row_end(struct pg_row *row, wf_error *err)
{
    if (CDC_LIKELY(!row->any_made))
        return WF_OK;
    if (row->text.out.broken)
        return error_no_memory(err);
    for (size_t i = 0; i < row->count; i++)
        if (row->made_at[i])
            row->values[i].text.ptr = row->text.out.data + row->made_at[i] - 1;
    return WF_OK;
}
