/* SPDX-License-Identifier: MIT
 *
 * pg_scalar - digits are looked at one by one: nothing is taken for a number that JSON
 * would write in another way.
 */
#include "providers/postgres/pg_scalar.h"

#include "base/compiler.h"
#include "base/json.h"

#define PG_SCALAR_DIGITS 20 /* of UINT64_MAX */

static inline bool pg_scalar_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* Digits, at most `most`; false when they are none, too many, or begin with a zero. */
static inline bool pg_scalar_digits(const char *at, size_t len, uint64_t *out)
{
    if (len == 0 || len > PG_SCALAR_DIGITS || (len > 1 && *at == '0'))
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        if (!pg_scalar_is_digit(at[i]))
            return false;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (i == PG_SCALAR_DIGITS - 1 &&
            (number > UINT64_MAX / 10 || number * 10 > UINT64_MAX - digit))
            return false;
        number = number * 10 + digit;
    }
    *out = number;
    return true;
}

bool pg_scalar_int(wf_str text, struct cdc_value *out)
{
    uint64_t number;
    if (text.len && *text.ptr == '-') {
        if (!pg_scalar_digits(text.ptr + 1, text.len - 1, &number) || number == 0 ||
            number > (uint64_t)INT64_MAX + 1)
            return false;
        *out = (struct cdc_value){CDC_VALUE_INT, .integer = -(int64_t)(number - 1) - 1};
        return true;
    }
    if (!pg_scalar_digits(text.ptr, text.len, &number))
        return false;
    if (number <= INT64_MAX)
        *out = (struct cdc_value){CDC_VALUE_INT, .integer = (int64_t)number};
    else
        *out = (struct cdc_value){CDC_VALUE_UINT, .uinteger = number};
    return true;
}

static const char *pg_scalar_skip_digits(const char *at, const char *end)
{
    while (at < end && pg_scalar_is_digit(*at))
        at++;
    return at;
}

/* A number as JSON writes it (RFC 8259 section 6); "NaN" and "Infinity" are none. */
static bool pg_scalar_is_number(wf_str text)
{
    if (!text.len)
        return false;
    const char *at = text.ptr;
    const char *end = at + text.len;
    at += *at == '-';
    const char *from = at;
    at = pg_scalar_skip_digits(at, end);
    if (at == from || (*from == '0' && at - from > 1))
        return false;
    if (at < end && *at == '.') {
        from = ++at;
        at = pg_scalar_skip_digits(at, end);
        if (at == from)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        from = at;
        at = pg_scalar_skip_digits(at, end);
        if (at == from)
            return false;
    }
    return at == end;
}

/* One JSON value of at most `depth` levels.  The server has checked it, but a database
 * without an encoding (SQL_ASCII) may hold strings that are not UTF-8. */
static bool pg_scalar_is_json(wf_str text, unsigned depth)
{
    struct json_reader reader = json_reader_of(text);
    enum json_token token;
    do
        token = json_read(&reader);
    while (token > JSON_BAD && reader.depth <= depth);
    return token == JSON_END;
}

static bool pg_scalar_bool(wf_str text, struct cdc_value *out)
{
    if (text.len != 1 || (*text.ptr != 't' && *text.ptr != 'f'))
        return false;
    *out = (struct cdc_value){CDC_VALUE_BOOL, .integer = *text.ptr == 't'};
    return true;
}

void pg_scalar_read(enum pg_type_kind kind, wf_str text, unsigned depth,
                    struct cdc_value *out)
{
    enum cdc_value_kind verbatim = CDC_VALUE_TEXT;
    if (kind == PG_TYPE_INT) {
        if (pg_scalar_int(text, out))
            return;
    } else if (kind == PG_TYPE_BOOL) {
        if (pg_scalar_bool(text, out))
            return;
    } else if (kind == PG_TYPE_FLOAT) {
        if (pg_scalar_is_number(text))
            verbatim = CDC_VALUE_JSON;
    } else if (kind == PG_TYPE_JSON) {
        if (pg_scalar_is_json(text, depth))
            verbatim = CDC_VALUE_JSON;
    }
    *out = (struct cdc_value){verbatim, .text = text};
}

static const unsigned char pg_scalar_hex[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
}; /* plus one */

bool pg_scalar_bytes(wf_str text, char *out, size_t *out_len)
{
    if (text.len < 2 || text.len % 2 || text.ptr[0] != '\\' || text.ptr[1] != 'x')
        return false;
    const unsigned char *at = (const unsigned char *)text.ptr + 2;
    size_t len = text.len / 2 - 1;
    for (size_t i = 0; i < len; i++, at += 2) {
        unsigned high = pg_scalar_hex[at[0]];
        unsigned low = pg_scalar_hex[at[1]];
        if (!high || !low)
            return false;
        out[i] = (char)(((high - 1) << 4) | (low - 1));
    }
    *out_len = len;
    return true;
}
