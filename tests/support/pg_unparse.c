/* SPDX-License-Identifier: MIT
 *
 * pg_unparse - the other direction of providers/postgres/pg_text.
 */
#include "tests/support/pg_unparse.h"

#include <check.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"

#define PG_UNPARSE_TEXT (16u << 20)

static void pg_unparse_string(wf_str json, struct buf *out)
{
    ck_assert_int_eq(json_kind(json), JSON_STRING);
    json_unescape(out, str_slice(json, 1, json.len - 1));
}

static void pg_unparse_bytes(wf_str json, struct buf *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    buf_lit(out, "\\x");
    for (size_t i = 1; i + 1 < json.len && json.ptr[i] != '='; i++) {
        const char *digit = strchr(digits, json.ptr[i]);
        ck_assert_ptr_nonnull(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        buf_printf(out, "%02x", bits >> have & 0xFF);
    }
}

/* `text` between quotes, with what needs it behind backslashes. */
static void pg_unparse_quoted(struct buf *out, wf_str text)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_byte(out, '\\');
        buf_byte(out, text.ptr[i]);
    }
    buf_byte(out, '"');
}

static void pg_unparse_part(const struct pg_type *type, wf_str json, struct buf *out)
{
    struct buf part;
    buf_init(&part, PG_UNPARSE_TEXT);
    pg_unparse(type, json, &part);
    pg_unparse_quoted(out, buf_view(&part));
    buf_release(&part);
}

static void pg_unparse_list(const struct pg_type *type, wf_str json, unsigned dimensions,
                            struct buf *out)
{
    struct json_iter it = json_iter_of(json);
    wf_str item;
    char lead = '{';
    while (json_next(&it, NULL, &item)) {
        buf_byte(out, lead);
        lead = type->delimiter;
        if (dimensions > 1)
            pg_unparse_list(type, item, dimensions - 1, out);
        else if (str_is(item, "null"))
            buf_lit(out, "NULL");
        else
            pg_unparse_part(type->element, item, out);
    }
    if (lead == '{')
        buf_byte(out, '{');
    buf_byte(out, '}');
}

/* How many brackets are the array's own; only where elements have a depth of their own. */
static unsigned pg_unparse_dimensions(const struct pg_type *type, wf_str json)
{
    if (type->element->kind == PG_TYPE_JSON || type->element->kind == PG_TYPE_ARRAY)
        return 1;
    unsigned depth = 0;
    wf_str item = json;
    while (json_kind(item) == JSON_ARRAY) {
        struct json_iter it = json_iter_of(item);
        depth++;
        if (!json_next(&it, NULL, &item))
            break;
        /* A null says nothing about what is beside it. */
        while (str_is(item, "null") && json_next(&it, NULL, &item))
            continue;
    }
    const struct pg_type *element = type->element;
    if (element->kind == PG_TYPE_VECTOR || element->kind == PG_TYPE_MULTIRANGE)
        depth -= depth > 1;
    return depth;
}

static void pg_unparse_array(const struct pg_type *type, wf_str json, struct buf *out)
{
    wf_str values = json;
    wf_str member;
    unsigned dimensions = 0;
    if (json_kind(json) == JSON_OBJECT)
        ck_assert(json_member(json, "values", &values));
    if (json_member(json, "dimensions", &member))
        dimensions = (unsigned)(member.ptr[0] - '0');
    if (json_member(json, "bounds", &member)) {
        struct json_iter it = json_iter_of(member);
        for (wf_str pair; json_next(&it, NULL, &pair); dimensions++) {
            ptrdiff_t comma = str_find(pair, STR(","));
            buf_printf(out, "[%.*s:%.*s]", (int)comma - 1, pair.ptr + 1,
                       (int)(pair.len - (size_t)comma - 2), pair.ptr + comma + 1);
        }
        buf_byte(out, '=');
    }
    pg_unparse_list(type, values,
                    dimensions ? dimensions : pg_unparse_dimensions(type, values), out);
}

static void pg_unparse_composite(const struct pg_type *type, wf_str json, struct buf *out)
{
    struct json_iter it = json_iter_of(json);
    wf_str key, value;
    buf_byte(out, '(');
    for (size_t i = 0; i < type->count; i++) {
        ck_assert(json_next(&it, &key, &value));
        char *name = str_dup(type->fields[i].name);
        ck_assert(json_key_is(key, name));
        free(name);
        if (i)
            buf_byte(out, ',');
        if (!str_is(value, "null"))
            pg_unparse_part(type->fields[i].type, value, out);
    }
    ck_assert(!json_next(&it, &key, &value));
    buf_byte(out, ')');
}

static void pg_unparse_range(const struct pg_type *type, wf_str json, struct buf *out)
{
    wf_str lower, upper, bounds;
    if (json_member(json, "empty", &bounds)) {
        buf_lit(out, "empty");
        return;
    }
    ck_assert(json_member(json, "lower", &lower) && json_member(json, "upper", &upper) &&
              json_member(json, "bounds", &bounds));
    ck_assert_uint_eq(bounds.len, 4);
    buf_byte(out, bounds.ptr[1]);
    if (!str_is(lower, "null"))
        pg_unparse_part(type->element, lower, out);
    buf_byte(out, ',');
    if (!str_is(upper, "null"))
        pg_unparse_part(type->element, upper, out);
    buf_byte(out, bounds.ptr[2]);
}

static void pg_unparse_multirange(const struct pg_type *type, wf_str json, struct buf *out)
{
    struct json_iter it = json_iter_of(json);
    char lead = '{';
    for (wf_str item; json_next(&it, NULL, &item); lead = ',') {
        buf_byte(out, lead);
        pg_unparse_range(type->element, item, out);
    }
    if (lead == '{')
        buf_byte(out, '{');
    buf_byte(out, '}');
}

static void pg_unparse_vector(wf_str json, struct buf *out)
{
    struct json_iter it = json_iter_of(json);
    const char *lead = "";
    for (wf_str item; json_next(&it, NULL, &item); lead = " ") {
        buf_cstr(out, lead);
        buf_str(out, item);
    }
}

void pg_unparse(const struct pg_type *type, wf_str json, struct buf *out)
{
    switch (type->kind) {
    case PG_TYPE_ARRAY:
        pg_unparse_array(type, json, out);
        return;
    case PG_TYPE_COMPOSITE:
        pg_unparse_composite(type, json, out);
        return;
    case PG_TYPE_RANGE:
        pg_unparse_range(type, json, out);
        return;
    case PG_TYPE_MULTIRANGE:
        pg_unparse_multirange(type, json, out);
        return;
    case PG_TYPE_VECTOR:
        pg_unparse_vector(json, out);
        return;
    case PG_TYPE_BYTES:
        pg_unparse_bytes(json, out);
        return;
    case PG_TYPE_JSON:
        buf_str(out, json);
        return;
    case PG_TYPE_TEXT:
        pg_unparse_string(json, out);
        return;
    case PG_TYPE_INT:
    case PG_TYPE_FLOAT:
    case PG_TYPE_BOOL:
        break;
    }
    if (json_kind(json) == JSON_STRING)
        pg_unparse_string(json, out);
    else
        buf_str(out, type->kind == PG_TYPE_BOOL ? str_slice(json, 0, 1) : json);
}
