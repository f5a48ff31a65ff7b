/* SPDX-License-Identifier: MIT
 *
 * pg_text - which reader for which type, and what they share.
 */
#include "providers/postgres/pg_text.h"

#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_scalar.h"

#define PG_TEXT_KEEP (1u << 20) /* memory that stays from row to row */

void pg_text_init(struct pg_text *text)
{
    *text = (struct pg_text){.level = 0};
    buf_init(&text->out, LIMIT_EVENT_BYTES);
    for (size_t i = 0; i < CDC_COUNT(text->levels); i++)
        buf_init(&text->levels[i], LIMIT_EVENT_BYTES);
}

void pg_text_release(struct pg_text *text)
{
    buf_release(&text->out);
    for (size_t i = 0; i < CDC_COUNT(text->levels); i++)
        buf_release(&text->levels[i]);
}

static void pg_text_clear_one(struct buf *memory)
{
    if (memory->cap > PG_TEXT_KEEP && memory->len < PG_TEXT_KEEP / 4)
        buf_release(memory);
    buf_clear(memory);
}

void pg_text_clear(struct pg_text *text)
{
    pg_text_clear_one(&text->out);
    for (size_t i = 0; i < CDC_COUNT(text->levels); i++)
        pg_text_clear_one(&text->levels[i]);
}

/* ---- shared -------------------------------------------------------------------------- */

/* The first byte in [at, end) that ends or escapes. */
static const char *pg_text_plain_end(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Whether a level's memory is good.  None left is the whole row's failure. */
static bool pg_text_is_whole(struct pg_text *text, const struct buf *own)
{
    if (own->broken == WF_NO_MEMORY)
        text->out.broken = WF_NO_MEMORY;
    return !own->broken;
}

/* From the first escape at scan->at on; what was before it is in `plain`. */
static bool pg_text_unescape(struct pg_text *text, struct pg_text_scan *scan, bool doubled,
                             wf_str plain, wf_str *out)
{
    struct buf *own = &text->levels[text->level];
    buf_clear(own);
    buf_str(own, plain);
    for (;;) {
        const char *from = scan->at;
        scan->at = pg_text_plain_end(from, scan->end);
        buf_append(own, from, (size_t)(scan->at - from));
        if (scan->at == scan->end)
            return false;
        char found = *scan->at++;
        if (found == '"' && !(doubled && pg_text_at(scan, '"')))
            break;
        if (scan->at == scan->end)
            return false;
        buf_byte(own, *scan->at++);
    }
    if (!pg_text_is_whole(text, own))
        return false;
    *out = buf_view(own);
    return true;
}

bool pg_text_quoted(struct pg_text *text, struct pg_text_scan *scan, bool doubled,
                    wf_str *out)
{
    const char *from = ++scan->at;
    scan->at = pg_text_plain_end(from, scan->end);
    wf_str plain = {from, (size_t)(scan->at - from)};
    if (scan->at == scan->end)
        return false;
    bool ends =
        *scan->at == '"' && !(doubled && scan->end - scan->at > 1 && scan->at[1] == '"');
    if (!ends)
        return pg_text_unescape(text, scan, doubled, plain, out);
    scan->at++;
    *out = plain;
    return true;
}

bool pg_text_open(struct pg_text *text, char bracket)
{
    if (text->depth >= PG_TEXT_DEPTH)
        return false;
    text->depth++;
    buf_byte(&text->out, bracket);
    return true;
}

void pg_text_close(struct pg_text *text, char bracket)
{
    text->depth--;
    buf_byte(&text->out, bracket);
}

/* ---- kinds --------------------------------------------------------------------------- */

static bool pg_text_bytes(struct pg_text *text, wf_str value)
{
    struct buf *own = &text->levels[text->level];
    size_t len;
    buf_clear(own);
    buf_reserve(own, value.len / 2 + 1);
    if (!pg_text_is_whole(text, own) || !pg_scalar_bytes(value, own->data, &len))
        return false;
    json_put_bytes(&text->out, (wf_str){own->data, len});
    return true;
}

/* "1 2 3", or nothing (int2vectorout, oidvectorout). */
static bool pg_text_vector(struct pg_text *text, wf_str value)
{
    if (!pg_text_open(text, '['))
        return false;
    wf_str rest = value.len ? value : STR_EMPTY;
    char lead = 0;
    for (wf_str part; str_next(&rest, ' ', &part); lead = ',') {
        struct cdc_value number;
        if (!pg_scalar_int(part, &number))
            return false;
        if (lead)
            buf_byte(&text->out, lead);
        render_value(&text->out, &number);
    }
    pg_text_close(text, ']');
    return true;
}

static bool pg_text_scalar(struct pg_text *text, enum pg_type_kind kind, wf_str value)
{
    struct cdc_value scalar;
    pg_scalar_read(kind, value, PG_TEXT_DEPTH - text->depth, &scalar);
    render_value(&text->out, &scalar);
    return true;
}

static bool pg_text_read(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    switch (type->kind) {
    case PG_TYPE_ARRAY:
        return pg_text_array(text, type, value);
    case PG_TYPE_COMPOSITE:
        return pg_text_composite(text, type, value);
    case PG_TYPE_RANGE:
        return pg_text_range(text, type, value);
    case PG_TYPE_MULTIRANGE:
        return pg_text_multirange(text, type, value);
    case PG_TYPE_VECTOR:
        return pg_text_vector(text, value);
    case PG_TYPE_BYTES:
        return pg_text_bytes(text, value);
    case PG_TYPE_TEXT:
    case PG_TYPE_INT:
    case PG_TYPE_FLOAT:
    case PG_TYPE_BOOL:
    case PG_TYPE_JSON:
        break;
    }
    return pg_text_scalar(text, type->kind, value);
}

bool pg_text_try(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    size_t len = text->out.len;
    unsigned level = text->level;
    unsigned depth = text->depth;
    bool read = pg_text_read(text, type, value.ptr ? value : STR(""));
    text->level = level;
    text->depth = depth;
    if (!read)
        text->out.len = len;
    return read;
}

void pg_text_put(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    if (!pg_text_try(text, type, value))
        json_put_text(&text->out, value);
}
