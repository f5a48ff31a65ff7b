/* SPDX-License-Identifier: MIT
 *
 * value_print - values as JSON, and as the engine prints them into a string (Go's %v).
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "host/lang/value_map.h"

#define VALUE_PRINT_FEW 32

/* Nothing that parses is so deep; growing the buffer would not help, so it is not
 * WF_CONFIG. */
static void value_print_too_deep(struct buf *out)
{
    if (!out->broken)
        out->broken = WF_NO_MEMORY;
}

/* "+Inf" and "NaN" come from arithmetic; JSON has no such numbers. */
static void value_print_json_number(struct buf *out, wf_str digits)
{
    if (str_is(digits, "+Inf"))
        buf_lit(out, "\"Infinity\"");
    else if (str_is(digits, "-Inf"))
        buf_lit(out, "\"-Infinity\"");
    else if (str_is(digits, "NaN"))
        buf_lit(out, "\"NaN\"");
    else
        buf_str(out, digits);
}

static void value_print_json(struct buf *out, const struct value *v, int depth);

static void value_print_json_members(struct buf *out, const struct value *v, int depth)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < v->map.count && !out->broken; i++) {
        if (i)
            buf_byte(out, ',');
        json_put_string(out, v->map.members[i].key);
        buf_byte(out, ':');
        value_print_json(out, v->map.members[i].value, depth + 1);
    }
    buf_byte(out, '}');
}

static void value_print_json_items(struct buf *out, const struct value *v, int depth)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < v->list.count && !out->broken; i++) {
        if (i)
            buf_byte(out, ',');
        value_print_json(out, v->list.items[i], depth + 1);
    }
    buf_byte(out, ']');
}

static void value_print_json(struct buf *out, const struct value *v, int depth)
{
    if (depth > VALUE_DEPTH) {
        value_print_too_deep(out);
        return;
    }
    switch (v->kind) {
    case VALUE_NULL:
        buf_lit(out, "null");
        break;
    case VALUE_BOOL:
        buf_cstr(out, v->boolean ? "true" : "false");
        break;
    case VALUE_INT:
        buf_i64(out, v->integer);
        break;
    case VALUE_NUMBER:
        value_print_json_number(out, v->text);
        break;
    case VALUE_STRING:
        json_put_string(out, v->text);
        break;
    case VALUE_LIST:
        value_print_json_items(out, v, depth);
        break;
    case VALUE_MAP:
        value_print_json_members(out, v, depth);
        break;
    }
}

void value_json(struct buf *out, const struct value *v)
{
    value_print_json(out, v, 0);
}

static int value_print_order(const void *a, const void *b)
{
    const struct value_member *const *left = a;
    const struct value_member *const *right = b;
    return value_map_compare_keys((*left)->key, (*right)->key);
}

static void value_print_go(struct buf *out, const struct value *v, int depth);

static void value_print_go_sorted(struct buf *out, const struct value_member **order,
                                  size_t count, int depth)
{
    qsort(order, count, sizeof *order, value_print_order);
    buf_lit(out, "map[");
    for (size_t i = 0; i < count && !out->broken; i++) {
        if (i)
            buf_byte(out, ' ');
        buf_str(out, order[i]->key);
        buf_byte(out, ':');
        value_print_go(out, order[i]->value, depth + 1);
    }
    buf_byte(out, ']');
}

static void value_print_go_map(struct buf *out, const struct value *v, int depth)
{
    const struct value_member *few[VALUE_PRINT_FEW];
    const struct value_member **order = few;
    size_t count = v->map.count;
    if (count > VALUE_PRINT_FEW) {
        order = malloc(count * sizeof *order);
        if (!order) {
            out->broken = WF_NO_MEMORY;
            return;
        }
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &v->map.members[i];
    value_print_go_sorted(out, order, count, depth);
    if (order != few)
        free(order);
}

static void value_print_go_list(struct buf *out, const struct value *v, int depth)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < v->list.count && !out->broken; i++) {
        if (i)
            buf_byte(out, ' ');
        value_print_go(out, v->list.items[i], depth + 1);
    }
    buf_byte(out, ']');
}

static void value_print_go(struct buf *out, const struct value *v, int depth)
{
    if (depth > VALUE_DEPTH) {
        value_print_too_deep(out);
        return;
    }
    switch (v->kind) {
    case VALUE_NULL:
        buf_lit(out, "<nil>");
        break;
    case VALUE_BOOL:
        buf_cstr(out, v->boolean ? "true" : "false");
        break;
    case VALUE_INT:
        buf_i64(out, v->integer);
        break;
    case VALUE_NUMBER:
    case VALUE_STRING:
        buf_str(out, v->text);
        break;
    case VALUE_LIST:
        value_print_go_list(out, v, depth);
        break;
    case VALUE_MAP:
        value_print_go_map(out, v, depth);
        break;
    }
}

void value_print(struct buf *out, const struct value *v)
{
    if (v->kind != VALUE_NULL)
        value_print_go(out, v, 0);
}
