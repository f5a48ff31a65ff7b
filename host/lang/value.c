/* SPDX-License-Identifier: MIT
 *
 * value - making, walking, copying and comparing values.  Maps are in value_map.c, JSON
 * comes in through value_parse.c and goes out through value_print.c.
 */
#include "host/lang/value.h"

#include <math.h>

#include "base/json.h"
#include "base/str.h"
#include "host/lang/value_map.h"
#include "host/lang/value_number.h"

const struct value value_null = {.kind = VALUE_NULL};
const struct value value_true = {.kind = VALUE_BOOL, .boolean = true};
const struct value value_false = {.kind = VALUE_BOOL, .boolean = false};

struct value *value_of_text(struct arena *a, wf_str text)
{
    struct value *v = arena_alloc(a, sizeof *v);
    if (v)
        *v = (struct value){.kind = VALUE_STRING, .text = text};
    return v;
}

struct value *value_of_int(struct arena *a, int64_t integer)
{
    struct value *v = arena_alloc(a, sizeof *v);
    if (v)
        *v = (struct value){.kind = VALUE_INT, .integer = integer};
    return v;
}

struct value *value_of_number(struct arena *a, wf_str digits)
{
    int64_t integer;
    if (str_to_i64(digits, &integer))
        return value_of_int(a, integer);
    struct value *v = arena_alloc(a, sizeof *v);
    if (v)
        *v = (struct value){.kind = VALUE_NUMBER, .text = digits};
    return v;
}

struct value *value_of_double(struct arena *a, double number)
{
    char memory[64];
    struct buf digits;
    if (number >= -0x1p63 && number < 0x1p63 && number == trunc(number))
        return value_of_int(a, (int64_t)number);

    buf_fixed(&digits, memory, sizeof memory);
    if (isnan(number))
        buf_lit(&digits, "NaN");
    else if (isinf(number))
        buf_cstr(&digits, number > 0 ? "+Inf" : "-Inf");
    else
        json_put_double(&digits, number);

    wf_str text = arena_str(a, buf_view(&digits));
    struct value *v = text.ptr ? arena_alloc(a, sizeof *v) : NULL;
    if (v)
        *v = (struct value){.kind = VALUE_NUMBER, .text = text};
    return v;
}

struct value *value_list(struct arena *a, const struct value **items, size_t count)
{
    struct value *v = arena_alloc(a, sizeof *v);
    if (v)
        *v = (struct value){.kind = VALUE_LIST, .list = {.items = items, .count = count}};
    return v;
}

const struct value *value_path(const struct value *root, wf_str dotted)
{
    const struct value *at = root;
    wf_str part;
    while (at && str_next(&dotted, '.', &part)) {
        uint64_t index;
        if (at->kind == VALUE_LIST)
            at = str_to_u64(part, &index) && index < at->list.count ? at->list.items[index]
                                                                    : NULL;
        else
            at = value_get(at, part);
    }
    return at;
}

/* A number of plain digits that is kept as text is no int64. */
static bool value_is_large_integer(const struct value *v)
{
    if (v->kind != VALUE_NUMBER)
        return false;
    for (size_t i = 0; i < v->text.len; i++) {
        char c = v->text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(i == 0 && c == '-'))
            return false;
    }
    return true;
}

/* Large integers differ in digits that a double does not hold. */
static bool value_equal_numbers(const struct value *a, const struct value *b)
{
    bool a_large = value_is_large_integer(a);
    bool b_large = value_is_large_integer(b);
    if (a_large && b_large)
        return str_eq(a->text, b->text);
    if ((a_large && b->kind == VALUE_INT) || (b_large && a->kind == VALUE_INT))
        return false;

    struct value_number left, right;
    return value_number_of(a, &left) && value_number_of(b, &right) &&
           value_number_compare(left, right) == 0;
}

static bool value_equal_deep(const struct value *a, const struct value *b, int depth);

static bool value_equal_lists(const struct value *a, const struct value *b, int depth)
{
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (!value_equal_deep(a->list.items[i], b->list.items[i], depth + 1))
            return false;
    return true;
}

static bool value_equal_maps(const struct value *a, const struct value *b, int depth)
{
    if (a->map.count != b->map.count)
        return false;
    for (size_t i = 0; i < a->map.count; i++) {
        const struct value *other = value_get(b, a->map.members[i].key);
        if (!other || !value_equal_deep(a->map.members[i].value, other, depth + 1))
            return false;
    }
    return true;
}

static bool value_equal_deep(const struct value *a, const struct value *b, int depth)
{
    if (depth > VALUE_DEPTH)
        return false;
    bool a_number = a->kind == VALUE_INT || a->kind == VALUE_NUMBER;
    bool b_number = b->kind == VALUE_INT || b->kind == VALUE_NUMBER;
    if (a_number && b_number)
        return value_equal_numbers(a, b);
    if (a->kind != b->kind)
        return false;

    switch (a->kind) {
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_STRING:
        return str_eq(a->text, b->text);
    case VALUE_LIST:
        return value_equal_lists(a, b, depth);
    case VALUE_MAP:
        return value_equal_maps(a, b, depth);
    default:
        return true;
    }
}

bool value_equal(const struct value *a, const struct value *b)
{
    return value_equal_deep(a, b, 0);
}

bool value_to_double(const struct value *v, double *out)
{
    struct value_number number;
    if (!v)
        return false;
    bool known = v->kind == VALUE_STRING ? value_number_of_text(v->text, &number)
                                         : value_number_of(v, &number);
    if (known)
        *out = number.real;
    return known;
}
