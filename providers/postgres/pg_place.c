/* SPDX-License-Identifier: MIT
 *
 * pg_place - the token is JSON.  A text that is not UTF-8 (SQL_ASCII databases) stands in
 * it as {"hex":"\\x61ff"}.
 */
#include "providers/postgres/pg_place.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_scalar.h"

void pg_place_release(struct pg_place *place)
{
    buf_release(&place->texts);
    free(place->key);
    place->key = NULL;
}

/* ---- writing ------------------------------------------------------------------------- */

static void pg_place_put_text(struct buf *out, wf_str text)
{
    static const char digits[] = "0123456789abcdef";
    if (str_is_utf8(text)) {
        json_put_string(out, text);
        return;
    }
    buf_lit(out, "{\"hex\":\"\\\\x");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        buf_append(out, (const char[]){digits[c >> 4], digits[c & 15]}, 2);
    }
    buf_lit(out, "\"}");
}

void pg_place_put_key(struct buf *out, const struct pg_shape *shape, const wf_str *texts)
{
    for (size_t i = 0; i < shape->order_count; i++) {
        const struct pg_shape_column *column = &shape->columns[shape->order[i]];
        buf_cstr(out, i ? ",[" : "[[");
        json_put_string(out, column->name);
        buf_byte(out, ',');
        json_put_string(out, column->type_name);
        buf_byte(out, ',');
        pg_place_put_text(out, texts[i]);
        buf_byte(out, ']');
    }
    buf_byte(out, ']');
}

void pg_place_put_disk(struct buf *out, const struct pg_place_disk *disk)
{
    buf_printf(out, "{\"leaf\":%u,\"file\":%u,\"page\":%u,\"item\":%u}",
               (unsigned)disk->leaf, (unsigned)disk->file, (unsigned)disk->page,
               (unsigned)disk->item);
}

/* ---- reading ------------------------------------------------------------------------- */

static bool pg_place_number(wf_str object, const char *key, uint64_t most, uint64_t *out)
{
    wf_str value;
    return json_member(object, key, &value) && str_to_u64(value, out) && *out <= most;
}

static bool pg_place_read_disk(wf_str token, struct pg_place_disk *out)
{
    uint64_t leaf, file, page, item;
    if (!pg_place_number(token, "leaf", UINT32_MAX, &leaf) ||
        !pg_place_number(token, "file", UINT32_MAX, &file) ||
        !pg_place_number(token, "page", UINT32_MAX, &page) ||
        !pg_place_number(token, "item", UINT16_MAX, &item))
        return false;
    *out = (struct pg_place_disk){(uint32_t)leaf, (uint32_t)file, (uint32_t)page,
                                  (uint16_t)item};
    return true;
}

static bool pg_place_is_string(wf_str value)
{
    return json_kind(value) == JSON_STRING;
}

static wf_str pg_place_content(wf_str string)
{
    return str_slice(string, 1, string.len - 1);
}

/* Appends what `value` stands for; false when it is no text that SQL can hold. */
static bool pg_place_read_text(struct buf *texts, wf_str value)
{
    size_t from = texts->len;
    wf_str hex;
    if (pg_place_is_string(value)) {
        json_unescape(texts, pg_place_content(value));
    } else {
        if (json_kind(value) != JSON_OBJECT || !json_member(value, "hex", &hex) ||
            !pg_place_is_string(hex))
            return false;
        hex = pg_place_content(hex);
        if (hex.len < 1 || hex.ptr[0] != '\\' || !buf_reserve(texts, hex.len))
            return false;
        size_t len;
        if (!pg_scalar_bytes(str_slice(hex, 1, hex.len), texts->data + from, &len))
            return false;
        texts->len += len;
    }
    return texts->broken ||
           !memchr(texts->data ? texts->data + from : "", '\0', texts->len - from);
}

/* Whether an escaped string spells `name`; `texts` lends its memory. */
static bool pg_place_spells(struct buf *texts, wf_str string, wf_str name)
{
    size_t from = texts->len;
    json_unescape(texts, pg_place_content(string));
    bool same =
        !texts->broken && str_eq(str_slice(buf_view(texts), from, texts->len), name);
    texts->len = from;
    return same;
}

enum pg_place_verdict { PG_PLACE_BAD, PG_PLACE_OTHER, PG_PLACE_GOOD };

/* ["name","type",text] */
static enum pg_place_verdict pg_place_read_part(struct pg_place *out, wf_str part,
                                                const struct pg_shape_column *column)
{
    struct json_iter it = json_iter_of(part);
    wf_str name, type, text, more;
    if (json_kind(part) != JSON_ARRAY || !json_next(&it, NULL, &name) ||
        !json_next(&it, NULL, &type) || !json_next(&it, NULL, &text) ||
        json_next(&it, NULL, &more) || !pg_place_is_string(name) ||
        !pg_place_is_string(type))
        return PG_PLACE_BAD;
    if (!pg_place_read_text(&out->texts, text))
        return PG_PLACE_BAD;
    bool same = column && pg_place_spells(&out->texts, name, column->name) &&
                pg_place_spells(&out->texts, type, column->type_name);
    return same ? PG_PLACE_GOOD : PG_PLACE_OTHER;
}

static enum pg_place_verdict pg_place_read_key(wf_str token, const struct pg_shape *shape,
                                               struct pg_place *out)
{
    struct json_iter it = json_iter_of(token);
    enum pg_place_verdict verdict = PG_PLACE_GOOD;
    size_t count = 0;
    for (wf_str part; json_next(&it, NULL, &part); count++) {
        bool known = count < shape->order_count;
        size_t from = out->texts.len;
        enum pg_place_verdict one = pg_place_read_part(
            out, part, known ? &shape->columns[shape->order[count]] : NULL);
        if (one == PG_PLACE_BAD)
            return one;
        if (one == PG_PLACE_OTHER)
            verdict = one;
        if (known) /* a length for now: the texts may move */
            out->key[count].len = out->texts.len - from;
    }
    if (!count)
        return PG_PLACE_BAD;
    return count == shape->order_count ? verdict : PG_PLACE_OTHER;
}

static wf_status pg_place_judge(wf_str token, const struct pg_shape *shape,
                                struct pg_place *out, enum pg_place_verdict *verdict,
                                wf_error *err)
{
    *verdict = PG_PLACE_BAD;
    if (json_check(token, "place", NULL))
        return WF_OK;
    if (json_kind(token) == JSON_OBJECT) {
        bool good = pg_place_read_disk(token, &out->disk);
        *verdict = !good                ? PG_PLACE_BAD
                   : shape->order_count ? PG_PLACE_OTHER
                                        : PG_PLACE_GOOD;
        return WF_OK;
    }
    if (json_kind(token) != JSON_ARRAY)
        return WF_OK;
    out->key = calloc(shape->order_count + 1, sizeof *out->key);
    if (!out->key)
        return error_no_memory(err);
    *verdict = pg_place_read_key(token, shape, out);
    return buf_status(&out->texts, "place in a snapshot", err);
}

wf_status pg_place_parse(wf_str token, const struct pg_shape *shape, struct pg_place *out,
                         wf_error *err)
{
    enum pg_place_verdict verdict;
    buf_init(&out->texts, LIMIT_CONFIG_BYTES);
    if (!token.len)
        return WF_OK;
    wf_status status = pg_place_judge(token, shape, out, &verdict, err);
    if (status)
        return status;
    if (verdict == PG_PLACE_BAD)
        return error_set(err, WF_STATE,
                         "the stored place in table '%.*s' makes no sense; ask for the "
                         "snapshot again",
                         STR_ARG(shape->table->name));
    out->resumed = verdict == PG_PLACE_GOOD;
    const char *at = out->texts.data ? out->texts.data : "";
    for (size_t i = 0; out->key && i < shape->order_count; i++) {
        out->key[i].ptr = at;
        at += out->key[i].len;
    }
    return WF_OK;
}

bool pg_place_parse_tid(wf_str text, uint32_t *out_page, uint16_t *out_item)
{
    uint64_t page, item;
    ptrdiff_t comma = str_find(text, STR(","));
    if (comma < 1 || text.ptr[0] != '(' || text.ptr[text.len - 1] != ')' ||
        !str_to_u64(str_slice(text, 1, (size_t)comma), &page) || page > UINT32_MAX ||
        !str_to_u64(str_slice(text, (size_t)comma + 1, text.len - 1), &item) ||
        item > UINT16_MAX)
        return false;
    *out_page = (uint32_t)page;
    *out_item = (uint16_t)item;
    return true;
}
