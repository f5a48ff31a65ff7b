/* SPDX-License-Identifier: MIT
 *
 * render - a change becomes the event a workflow sees.
 *
 * The order of the members is fixed and the ones before the rows are short, so that a
 * reader that looks for "table" or "op" finds them without passing the rows.  Names come
 * ready escaped from struct cdc_table; what is left to do per event is values and times.
 */
#include "plugin/core/render.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* More than all fixed parts of an event together, so that they need one look at the room
 * left. */
#define RENDER_FIXED_BYTES 320

/* ,"op":"INSERT","action":"INSERT","key": */
static const wf_str render_ops[CDC_OP_COUNT + 1] = {
#define X(name)                                                                            \
    [CDC_##name] = {",\"op\":\"" #name "\",\"action\":\"" #name "\",\"key\":",             \
                    sizeof ",\"op\":\"" #name "\",\"action\":\"" #name "\",\"key\":" - 1},
    CDC_OP_MAP(X)
#undef X
        [CDC_OP_NONE] = {",\"op\":null,\"action\":null,\"key\":",
                         sizeof ",\"op\":null,\"action\":null,\"key\":" - 1},
};

/* Which operations have a row before and a row after, whatever a provider sends along. */
#define RENDER_OP(name) (1u << CDC_##name)
#define RENDER_WITH_BEFORE (RENDER_OP(UPDATE) | RENDER_OP(DELETE) | RENDER_OP(OP_NONE))
#define RENDER_WITH_AFTER                                                                  \
    (RENDER_OP(INSERT) | RENDER_OP(UPDATE) | RENDER_OP(READ) | RENDER_OP(OP_NONE))

wf_status render_origin_init(struct render_origin *origin, wf_str source_id,
                             wf_str provider, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf header;
    buf_init(&header, LIMIT_TEXT_BYTES);
    buf_lit(&header, ",\"source_id\":");
    json_put_string(&header, source_id);
    buf_lit(&header, ",\"provider\":");
    json_put_string(&header, provider);
    wf_status status = buf_status(&header, "source_id", err);
    if (status)
        return status;
    size_t len = header.len;
    char *memory = buf_take(&header);
    if (!memory)
        return error_no_memory(err);
    *origin = (struct render_origin){.memory = memory, .header = {memory, len}};
    return WF_OK;
}

void render_origin_release(struct render_origin *origin)
{
    free(origin->memory);
    *origin = (struct render_origin){0};
}

void render_value(struct buf *out, const struct cdc_value *value)
{
    switch (value->kind) {
    case CDC_VALUE_INT:
        buf_i64(out, value->integer);
        return;
    case CDC_VALUE_UINT:
        buf_u64(out, value->uinteger);
        return;
    case CDC_VALUE_BOOL:
        if (value->integer)
            buf_lit(out, "true");
        else
            buf_lit(out, "false");
        return;
    case CDC_VALUE_JSON:
        if (!value->text.len)
            break;
        buf_str(out, value->text);
        return;
    case CDC_VALUE_TEXT:
        json_put_text(out, value->text);
        return;
    case CDC_VALUE_BYTES:
        json_put_bytes(out, value->text);
        return;
    case CDC_VALUE_ABSENT:
    case CDC_VALUE_NULL:
    case CDC_VALUE_UNCHANGED:
        break;
    }
    buf_lit(out, "null");
}

static bool render_is_missing(const struct cdc_value *value)
{
    return value->kind == CDC_VALUE_ABSENT || value->kind == CDC_VALUE_UNCHANGED;
}

bool render_key(struct buf *out, const struct cdc_table *table, const struct cdc_value *row)
{
    if (table->key_count == 0)
        return false;
    for (size_t i = 0; i < table->key_count; i++)
        if (render_is_missing(&row[table->keys[i]]))
            return false;
    buf_byte(out, '{');
    for (size_t i = 0; i < table->key_count; i++) {
        size_t column = table->keys[i];
        if (i)
            buf_byte(out, ',');
        buf_str(out, table->labels[column]);
        render_value(out, &row[column]);
    }
    buf_byte(out, '}');
    return true;
}

/* {"id":1,...} or null; gives how many columns of the row are UNCHANGED. */
static size_t render_row(struct buf *out, const struct cdc_table *table,
                         const struct cdc_value *row)
{
    if (!table || !row) {
        buf_lit(out, "null");
        return 0;
    }
    size_t unchanged = 0;
    char lead = '{';
    for (size_t i = 0; i < table->count; i++) {
        if (CDC_UNLIKELY(render_is_missing(&row[i]))) {
            unchanged += row[i].kind == CDC_VALUE_UNCHANGED;
            continue;
        }
        buf_byte(out, lead);
        lead = ',';
        buf_str(out, table->labels[i]);
        render_value(out, &row[i]);
    }
    if (lead == '{')
        buf_byte(out, '{');
    buf_byte(out, '}');
    return unchanged;
}

/* ,"unchanged":["a","b"] */
static void render_unchanged(struct buf *out, const struct cdc_table *table,
                             const struct cdc_value *row)
{
    buf_lit(out, ",\"unchanged\":");
    char lead = '[';
    for (size_t i = 0; i < table->count; i++) {
        if (row[i].kind != CDC_VALUE_UNCHANGED)
            continue;
        wf_str label = table->labels[i];
        buf_byte(out, lead);
        lead = ',';
        buf_append(out, label.ptr, label.len - 1); /* without its colon */
    }
    buf_byte(out, ']');
}

static void render_text_or_null(struct buf *out, wf_str text)
{
    if (text.len)
        json_put_string(out, text);
    else
        buf_lit(out, "null");
}

/* The row whose key the event has; NULL when there is none. */
static const struct cdc_value *render_key_row(const struct cdc_change *change)
{
    if (!change->table)
        return NULL;
    if (change->op == CDC_DELETE)
        return change->before;
    if (!(RENDER_WITH_AFTER & 1u << change->op))
        return NULL;
    if (change->op == CDC_OP_NONE && !change->after)
        return change->before;
    return change->after;
}

/* Everything up to and with the key; its place in `out` goes to *out_key as an offset, so
 * that it stays right while `out` grows. */
static void render_head(struct buf *out, const struct render_origin *origin,
                        const struct cdc_change *change, size_t *out_key,
                        size_t *out_key_len)
{
    buf_reserve(out, RENDER_FIXED_BYTES < out->limit - out->len ? RENDER_FIXED_BYTES : 0);
    buf_lit(out, "{\"id\":");
    render_text_or_null(out, change->id);
    buf_str(out, origin->header);
    if (change->table)
        buf_str(out, change->table->label);
    else
        buf_lit(out, ",\"table\":null");
    buf_str(out, render_ops[change->op]);

    const struct cdc_value *row = render_key_row(change);
    *out_key = out->len;
    *out_key_len = 0;
    if (row && render_key(out, change->table, row))
        *out_key_len = out->len - *out_key;
    else
        buf_lit(out, "null");
}

/* "ts" to "snapshot"; the object stays open. */
static void render_tail(struct buf *out, const struct cdc_change *change)
{
    if (change->ts_us == CDC_NO_TIME) {
        buf_lit(out, ",\"ts\":null");
    } else {
        char text[CLOCK_TEXT];
        size_t len = clock_rfc3339(change->ts_us, text);
        buf_lit(out, ",\"ts\":\"");
        buf_append(out, text, len);
        buf_byte(out, '"');
    }
    buf_lit(out, ",\"position\":");
    render_text_or_null(out, change->position);
    buf_lit(out, ",\"txid\":");
    render_text_or_null(out, change->txid);
    if (change->seq) {
        buf_lit(out, ",\"seq\":");
        buf_u64(out, change->seq);
    } else {
        buf_lit(out, ",\"seq\":null");
    }
    if (change->op == CDC_READ)
        buf_lit(out, ",\"snapshot\":true");
    else
        buf_lit(out, ",\"snapshot\":false");
}

/* ,"before":{...},"after":{...},"unchanged":[...] */
static void render_rows(struct buf *out, const struct cdc_change *change)
{
    unsigned op = 1u << change->op;
    const struct cdc_value *before = RENDER_WITH_BEFORE & op ? change->before : NULL;
    const struct cdc_value *after = RENDER_WITH_AFTER & op ? change->after : NULL;
    buf_lit(out, ",\"before\":");
    render_row(out, change->table, before);
    buf_lit(out, ",\"after\":");
    if (render_row(out, change->table, after))
        render_unchanged(out, change->table, after);
}

static void render_special(struct buf *out, const struct cdc_change *change)
{
    if (change->op == CDC_DDL) {
        buf_lit(out, ",\"ddl\":");
        json_put_text(out, change->ddl);
    } else if (change->op == CDC_MESSAGE) {
        buf_lit(out, ",\"prefix\":");
        json_put_text(out, change->prefix);
        buf_lit(out, ",\"content\":");
        json_put_text(out, change->content);
    }
}

/* Where the key's JSON is in a raw event, when the provider gave a view into it. */
static wf_str render_raw_key(const struct buf *out, const struct cdc_change *change)
{
    wf_str raw = change->raw;
    wf_str key = change->raw_key;
    uintptr_t start = (uintptr_t)raw.ptr;
    if (!key.len || key.len > raw.len || str_is(key, "null") ||
        (uintptr_t)key.ptr < start || (uintptr_t)key.ptr - start > raw.len - key.len)
        return STR_EMPTY;
    return (wf_str){out->data + out->len - raw.len + ((uintptr_t)key.ptr - start), key.len};
}

void render_event(struct buf *out, const struct render_origin *origin,
                  const struct cdc_change *change, wf_str *out_key)
{
    *out_key = STR_EMPTY;
    if (change->raw.len) {
        buf_str(out, change->raw);
        if (!out->broken)
            *out_key = render_raw_key(out, change);
        return;
    }
    size_t key;
    size_t key_len;
    render_head(out, origin, change, &key, &key_len);
    render_rows(out, change);
    render_tail(out, change);
    render_special(out, change);
    buf_byte(out, '}');
    if (!out->broken && key_len)
        *out_key = (wf_str){out->data + key, key_len};
}

/* The little that is known about a finished event. */
static void render_oversize_raw(struct buf *out, const struct render_origin *origin,
                                const struct cdc_change *change)
{
    buf_lit(out, "{\"id\":");
    render_text_or_null(out, change->id);
    buf_str(out, origin->header);
    buf_lit(out, ",\"table\":");
    render_text_or_null(out, change->raw_table);
    buf_str(out, render_ops[change->op]);
    if (change->raw_key.len)
        buf_str(out, change->raw_key);
    else
        buf_lit(out, "null");
}

void render_oversize(struct buf *out, const struct render_origin *origin,
                     const struct cdc_change *change)
{
    size_t key;
    size_t key_len;
    if (change->raw.len)
        render_oversize_raw(out, origin, change);
    else
        render_head(out, origin, change, &key, &key_len);
    render_tail(out, change);
    if (change->op == CDC_MESSAGE && !change->raw.len) {
        buf_lit(out, ",\"prefix\":");
        json_put_text(out, change->prefix);
    }
    buf_lit(out, ",\"oversize\":true}");
}
