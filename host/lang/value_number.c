/* SPDX-License-Identifier: MIT
 *
 * value_number - arithmetic: exact on integers, a double when they overflow or are none.
 */
#include "host/lang/value_number.h"

#include <math.h>

#include "base/str.h"

static struct value_number value_number_of_int(int64_t integer)
{
    return (struct value_number){true, integer, (double)integer};
}

static struct value_number value_number_of_real(double real)
{
    return (struct value_number){false, 0, real};
}

bool value_number_of_text(wf_str text, struct value_number *out)
{
    int64_t integer;
    double real;
    if (str_to_i64(text, &integer))
        *out = value_number_of_int(integer);
    else if (str_to_double(text, &real))
        *out = value_number_of_real(real);
    else if (str_is(text, "+Inf"))
        *out = value_number_of_real((double)INFINITY);
    else if (str_is(text, "-Inf"))
        *out = value_number_of_real((double)-INFINITY);
    else if (str_is(text, "NaN"))
        *out = value_number_of_real((double)NAN);
    else
        return false;
    return true;
}

bool value_number_of(const struct value *v, struct value_number *out)
{
    if (v->kind == VALUE_INT) {
        *out = value_number_of_int(v->integer);
        return true;
    }
    if (v->kind != VALUE_NUMBER)
        return false;
    /* A JSON number that is beyond the range of a double, 1e999, is infinite here. */
    if (!value_number_of_text(v->text, out))
        *out = value_number_of_real(
            v->text.len && v->text.ptr[0] == '-' ? (double)-INFINITY : (double)INFINITY);
    return true;
}

struct value *value_number_value(struct arena *a, struct value_number n)
{
    return n.exact ? value_of_int(a, n.integer) : value_of_double(a, n.real);
}

struct value_number value_number_add(struct value_number a, struct value_number b)
{
    int64_t sum;
    if (a.exact && b.exact && !__builtin_add_overflow(a.integer, b.integer, &sum))
        return value_number_of_int(sum);
    return value_number_of_real(a.real + b.real);
}

struct value_number value_number_sub(struct value_number a, struct value_number b)
{
    int64_t difference;
    if (a.exact && b.exact && !__builtin_sub_overflow(a.integer, b.integer, &difference))
        return value_number_of_int(difference);
    return value_number_of_real(a.real - b.real);
}

struct value_number value_number_mul(struct value_number a, struct value_number b)
{
    int64_t product;
    if (a.exact && b.exact && !__builtin_mul_overflow(a.integer, b.integer, &product))
        return value_number_of_int(product);
    return value_number_of_real(a.real * b.real);
}

int value_number_compare(struct value_number a, struct value_number b)
{
    if (a.exact && b.exact)
        return (a.integer > b.integer) - (a.integer < b.integer);
    if (isnan(a.real) || isnan(b.real))
        return 2;
    return (a.real > b.real) - (a.real < b.real);
}

int64_t value_number_clamp(struct value_number n)
{
    if (n.exact)
        return n.integer;
    if (isnan(n.real))
        return 0;
    if (n.real >= 0x1p63)
        return INT64_MAX;
    if (n.real < -0x1p63)
        return INT64_MIN;
    return (int64_t)n.real;
}
