/* SPDX-License-Identifier: MIT
 *
 * config_scalar - plain scalars: null, booleans, integers in four bases with `_` between
 * digits, numbers that keep their digits; all else, timestamps and `.inf` too, is a string.
 */
#include "host/config_scalar.h"

#include "base/str.h"

#define CONFIG_SCALAR_DIGITS 400 /* a longer number is a string */

static bool config_scalar_is_one_of(wf_str text, const char *const *words)
{
    for (; *words; words++)
        if (str_is(text, *words))
            return true;
    return false;
}

static int config_scalar_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Digits of a base other than ten.  False: not that, or more than 64 bits. */
static bool config_scalar_in_base(wf_str digits, int base, bool negative, int64_t *out)
{
    uint64_t number = 0;
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (!digits.len)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = config_scalar_digit(digits.ptr[i]);
        if (digit >= base || number > (most - (uint64_t)digit) / (uint64_t)base)
            return false;
        number = number * (uint64_t)base + (uint64_t)digit;
    }
    *out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static bool config_scalar_prefixed(wf_str digits, bool negative, int64_t *out)
{
    static const struct {
        const char *prefix;
        int base;
    } bases[] = {{"0x", 16}, {"0X", 16}, {"0o", 8}, {"0O", 8},
                 {"0b", 2},  {"0B", 2},  {"0", 8}};
    for (size_t i = 0; i < CDC_COUNT(bases); i++) {
        wf_str prefix = str_from(bases[i].prefix);
        if (digits.len > prefix.len && str_starts(digits, prefix))
            return config_scalar_in_base(str_slice(digits, prefix.len, digits.len),
                                         bases[i].base, negative, out);
    }
    return false;
}

static size_t config_scalar_run(wf_str text, size_t from)
{
    size_t at = from;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at - from;
}

/* [digits][.[digits]][e[+-]digits], written into `out` as JSON spells it. */
static bool config_scalar_decimal(wf_str text, bool negative, struct buf *out)
{
    size_t whole = config_scalar_run(text, 0);
    bool point = whole < text.len && text.ptr[whole] == '.';
    size_t fraction = point ? config_scalar_run(text, whole + 1) : 0;
    size_t at = whole + point + fraction;
    if (!whole && !fraction)
        return false;

    size_t zeros = 0;
    while (zeros + 1 < whole && text.ptr[zeros] == '0')
        zeros++;
    if (negative)
        buf_byte(out, '-');
    buf_append(out, whole ? text.ptr + zeros : "0", whole ? whole - zeros : 1);
    if (point) {
        buf_byte(out, '.');
        buf_append(out, fraction ? text.ptr + whole + 1 : "0", fraction ? fraction : 1);
    }
    if (at == text.len)
        return true;
    if (text.ptr[at] != 'e' && text.ptr[at] != 'E')
        return false;
    size_t sign = at + 1 < text.len && (text.ptr[at + 1] == '+' || text.ptr[at + 1] == '-');
    size_t digits = config_scalar_run(text, at + 1 + sign);
    buf_append(out, text.ptr + at, 1 + sign + digits);
    return digits && at + 1 + sign + digits == text.len;
}

/* NULL: not a number, or out of memory (*out_is tells). */
static const struct value *config_scalar_number(struct arena *a, wf_str text, bool *out_is)
{
    char bare[CONFIG_SCALAR_DIGITS], json[CONFIG_SCALAR_DIGITS + 8];
    *out_is = false;
    if (!text.len || text.len > sizeof(bare) || !strchr("+-.0123456789", text.ptr[0]))
        return NULL;
    bool sign = text.ptr[0] == '-' || text.ptr[0] == '+';
    bool negative = text.ptr[0] == '-';
    wf_str digits = {bare, 0};
    for (size_t i = sign; i < text.len; i++)
        if (text.ptr[i] != '_')
            bare[digits.len++] = text.ptr[i];
    if (!digits.len)
        return NULL;

    int64_t integer;
    if (config_scalar_prefixed(digits, negative, &integer)) {
        *out_is = true;
        return value_of_int(a, integer);
    }
    struct buf number;
    buf_fixed(&number, json, sizeof(json));
    if (!config_scalar_decimal(digits, negative, &number) || number.broken)
        return NULL;
    *out_is = true;
    wf_str kept = arena_str(a, buf_view(&number));
    return kept.ptr ? value_of_number(a, kept) : NULL;
}

const struct value *config_scalar_resolve(struct arena *a, wf_str text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (config_scalar_is_one_of(text, nulls))
        return &value_null;
    if (config_scalar_is_one_of(text, trues))
        return &value_true;
    if (config_scalar_is_one_of(text, falses))
        return &value_false;

    bool is_number;
    const struct value *number = config_scalar_number(a, text, &is_number);
    if (is_number)
        return number;
    wf_str kept = arena_str(a, text);
    return kept.ptr ? value_of_text(a, kept) : NULL;
}
