/* SPDX-License-Identifier: MIT
 *
 * json_write - JSON text into a buf.
 *
 * Strings are scanned, validated and copied in one pass: json_copy() keeps room in the
 * output for everything that is left of the input, so that whole words may be stored before
 * they are looked at.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/str.h"
#include "base/utf8.h"

#define JSON_DOUBLE_BYTES 32

static void json_put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *hit = memchr(from, c, sizeof from - 1);
    if (hit) {
        buf_append(out, (char[]){'\\', to[hit - from]}, 2);
        return;
    }
    buf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

/* Passes well-formed non-ASCII text, which `out` has room for; gives where it stopped. */
static const char *json_copy_utf8(struct buf *out, const char *at, const char *end)
{
    const char *start = at;
    size_t len;
    while (at < end && (unsigned char)*at >= 0x80 &&
           (len = utf8_sequence(at, (size_t)(end - at))) > 0)
        at += len;
    buf_append(out, start, (size_t)(at - start));
    return at;
}

/* Appends `s` escaped, without quotes.  False, with part of it written, when `strict` and
 * `s` is not UTF-8. */
static bool json_copy(struct buf *out, wf_str s, bool strict)
{
    if (s.len == 0)
        return true;
    const char *at = s.ptr;
    const char *end = at + s.len;
    for (;;) {
        size_t left = (size_t)(end - at);
        if (!buf_reserve(out, left))
            return true; /* the buffer is broken and says so itself */
        size_t len = json_scan_copy(out->data + out->len, at, end);
        out->len += len;
        at += len;
        if (at == end)
            return true;
        const char *stop = at;
        if ((unsigned char)*at < 0x80)
            json_put_escape(out, (unsigned char)*stop++);
        else
            stop = json_copy_utf8(out, at, end);
        if (stop == at && strict)
            return false;
        if (stop == at) {
            buf_lit(out, UTF8_REPLACEMENT);
            stop++;
        }
        at = stop;
        if (at == end)
            return true;
    }
}

void json_put_string(struct buf *out, wf_str s)
{
    buf_byte(out, '"');
    json_copy(out, s, false);
    buf_byte(out, '"');
}

void json_put_text(struct buf *out, wf_str s)
{
    size_t start = out->len;
    buf_byte(out, '"');
    if (json_copy(out, s, true)) {
        buf_byte(out, '"');
        return;
    }
    out->len = start;
    buf_lit(out, "{\"base64\":");
    json_put_bytes(out, s);
    buf_byte(out, '}');
}

void json_put_bytes(struct buf *out, wf_str bytes)
{
    buf_byte(out, '"');
    buf_base64(out, bytes.ptr, bytes.len);
    buf_byte(out, '"');
}

/* "1e+06" -> "1e6", "1e-05" -> "1e-5" */
static size_t json_tidy_exponent(char *text, size_t len)
{
    char *e = memchr(text, 'e', len);
    if (!e)
        return len;
    char *end = text + len;
    char *to = e + 1;
    char *from = to;
    if (from < end && *from == '-')
        to = ++from;
    while (from < end && (*from == '+' || *from == '0'))
        from++;
    memmove(to, from, (size_t)(end - from));
    return len - (size_t)(from - to);
}

/* Finite numbers.  The thread's locale is the host's and may write a decimal comma; glibc's
 * "C" locale is a static object, so that newlocale() neither allocates nor fails. */
static size_t json_format_double(char text[JSON_DOUBLE_BYTES], double value, bool single)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(c);
    int most = single ? 9 : 17;
    int digits = single ? 6 : 15;
    if (fabs(value) < (single ? 0x1p-126 : 0x1p-1022))
        digits = 1; /* subnormal: fewer digits may be enough */
    int len = 0;
    for (; digits <= most; digits++) {
        len = snprintf(text, JSON_DOUBLE_BYTES, "%.*g", digits, value);
        double back = single ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (back == value)
            break;
    }
    uselocale(before);
    freelocale(c);
    return json_tidy_exponent(text, (size_t)len);
}

/* Numbers of few decimals, as amounts and measurements are: those times a power of ten are
 * whole. What is divided here is exact, so the quotient is what the text reads back as; and
 * of all texts of at most 15 digits only one reads back as `value`, the one that "%.15g"
 * would write. */
static bool json_put_decimal(struct buf *out, double value)
{
    static const uint64_t powers[] = {10, 100, 1000, 10000, 100000, 1000000};
    double magnitude = fabs(value);
    if (!(magnitude >= 1e-3 && magnitude < 1e9))
        return false;
    for (size_t i = 0; i < CDC_COUNT(powers); i++) {
        uint64_t scaled = (uint64_t)(magnitude * (double)powers[i] + 0.5);
        if ((double)scaled / (double)powers[i] != magnitude)
            continue;
        uint64_t fraction = scaled % powers[i];
        char digits[8] = {'.'};
        for (size_t at = i + 1; at > 0; at--, fraction /= 10)
            digits[at] = (char)('0' + fraction % 10);
        if (value < 0)
            buf_byte(out, '-');
        buf_u64(out, scaled / powers[i]);
        buf_append(out, digits, i + 2);
        return true;
    }
    return false;
}

static void json_put_floating(struct buf *out, double value, bool single)
{
    if (isnan(value)) {
        buf_lit(out, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        buf_cstr(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    /* Whole numbers below 10^15 (10^6) need no search: "%g" would write the same digits. */
    double whole_limit = single ? 1e6 : 1e15;
    bool negative_zero = value == 0 && signbit(value);
    if (fabs(value) < whole_limit && value == trunc(value) && !negative_zero) {
        buf_i64(out, (int64_t)value);
        return;
    }
    if (!single && json_put_decimal(out, value))
        return;
    char text[JSON_DOUBLE_BYTES];
    buf_append(out, text, json_format_double(text, value, single));
}

void json_put_double(struct buf *out, double value)
{
    json_put_floating(out, value, false);
}

void json_put_float(struct buf *out, float value)
{
    json_put_floating(out, (double)value, true);
}

struct json_writer json_writer_of(struct buf *out)
{
    return (struct json_writer){.out = out};
}

/* The comma before a value, and its key. */
static void json_lead(struct json_writer *w, const char *key)
{
    if (w->comma)
        buf_byte(w->out, ',');
    w->comma = true;
    if (!key)
        return;
    size_t len = strlen(key);
    if (!buf_reserve(w->out, len + 3))
        return;
    char *at = w->out->data + w->out->len;
    at[0] = '"';
    memcpy(at + 1, key, len);
    at[len + 1] = '"';
    at[len + 2] = ':';
    w->out->len += len + 3;
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
    json_lead(w, key);
    buf_byte(w->out, bracket);
    w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    buf_byte(w->out, bracket);
    w->comma = true;
}

void json_str(struct json_writer *w, const char *key, wf_str value)
{
    json_lead(w, key);
    json_put_string(w->out, value);
}

void json_cstr(struct json_writer *w, const char *key, const char *value)
{
    json_str(w, key, str_from(value));
}

void json_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_lead(w, key);
    buf_i64(w->out, value);
}

void json_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_lead(w, key);
    buf_u64(w->out, value);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
    json_lead(w, key);
    buf_cstr(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key)
{
    json_lead(w, key);
    buf_lit(w->out, "null");
}

void json_raw(struct json_writer *w, const char *key, wf_str json)
{
    json_lead(w, key);
    if (json.len == 0)
        buf_lit(w->out, "null");
    else
        buf_str(w->out, json);
}

void json_member_name(struct json_writer *w, wf_str name)
{
    json_lead(w, NULL);
    json_put_string(w->out, name);
    buf_byte(w->out, ':');
    w->comma = false;
}
