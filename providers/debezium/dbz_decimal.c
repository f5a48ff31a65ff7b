/* SPDX-License-Identifier: MIT
 *
 * dbz_decimal - long division, nine digits at a time, where a number is larger than a
 * machine word.
 */
#include "providers/debezium/dbz_decimal.h"

#include "base/str.h"

static int dbz_decimal_sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '/')
        return c == '+' ? 62 : 63;
    return -1;
}

/* Four characters, the last `padding` of which are '='. */
static bool dbz_decimal_quantum(const char *at, size_t padding, char out[3])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int sextet = i + padding < 4 ? dbz_decimal_sextet(at[i]) : 0;
        if (sextet < 0)
            return false;
        bits = bits << 6 | (uint32_t)sextet;
    }
    out[0] = (char)(bits >> 16);
    out[1] = (char)(bits >> 8);
    out[2] = (char)bits;
    return true;
}

bool dbz_decimal_base64(struct buf *out, wf_str text)
{
    if (text.len % 4 || (text.len && !buf_reserve(out, text.len / 4 * 3)))
        return false;
    size_t padding = 0;
    while (text.len && padding < 2 && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    size_t len = out->len;
    for (size_t at = 0; at < text.len; at += 4) {
        bool last = at + 4 == text.len;
        if (!dbz_decimal_quantum(text.ptr + at, last ? padding : 0, out->data + len))
            return false;
        len += last ? 3 - padding : 3;
    }
    out->len = len;
    return true;
}

/* ---- decimals ---------------------------------------------------------------------------- */

#define DBZ_DECIMAL_GROUP 9
#define DBZ_DECIMAL_GROUP_SIZE UINT32_C(1000000000)

/* What is left of room for digits, written from its end. */
struct dbz_decimal_digits {
    char *start;
    char *at;
    char *end;
};

static void dbz_decimal_word(struct dbz_decimal_digits *digits, uint64_t number)
{
    for (; number; number /= 10)
        *--digits->at = (char)('0' + number % 10);
}

/* The magnitude of two's complement, in words of 32 bits, the highest first. */
static void dbz_decimal_words(wf_str bytes, uint32_t *words, size_t count)
{
    bool negative = (signed char)bytes.ptr[0] < 0;
    uint64_t carry = negative;
    size_t left = bytes.len;
    for (size_t i = count; i > 0; i--) {
        uint32_t word = 0;
        for (unsigned shift = 0; shift < 32; shift += 8) {
            unsigned char byte = negative ? 0xFF : 0;
            if (left)
                byte = (unsigned char)bytes.ptr[--left];
            word |= (uint32_t)byte << shift;
        }
        carry += negative ? ~word : word;
        words[i - 1] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Divides by 10^9 until nothing is left. */
static void dbz_decimal_divide(struct dbz_decimal_digits *digits, uint32_t *words,
                               size_t count)
{
    size_t first = 0;
    while (first < count && !words[first])
        first++;
    while (first < count) {
        uint64_t rest = 0;
        for (size_t i = first; i < count; i++) {
            rest = rest << 32 | words[i];
            words[i] = (uint32_t)(rest / DBZ_DECIMAL_GROUP_SIZE);
            rest %= DBZ_DECIMAL_GROUP_SIZE;
        }
        while (first < count && !words[first])
            first++;
        for (int i = 0; i < DBZ_DECIMAL_GROUP; i++, rest /= 10)
            *--digits->at = (char)('0' + rest % 10);
    }
    while (digits->at < digits->end && *digits->at == '0')
        digits->at++;
}

static uint64_t dbz_decimal_small(wf_str bytes)
{
    uint64_t number = (signed char)bytes.ptr[0] < 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (unsigned char)bytes.ptr[i];
    return (signed char)bytes.ptr[0] < 0 ? 0 - number : number;
}

/* Digits of the number without sign and point; none for zero.  `scratch` holds the words
 * and behind them the digits. */
static bool dbz_decimal_magnitude(wf_str bytes, struct buf *scratch,
                                  struct dbz_decimal_digits *digits)
{
    size_t count = (bytes.len + 3) / 4;
    size_t room = bytes.len * 5 / 2 + 2 * DBZ_DECIMAL_GROUP + 4;
    buf_clear(scratch);
    if (!buf_reserve(scratch, count * sizeof(uint32_t) + room))
        return false;
    uint32_t *words = (uint32_t *)(void *)scratch->data; /* malloc()'s alignment */
    digits->start = scratch->data + count * sizeof(uint32_t);
    digits->end = digits->start + room;
    digits->at = digits->end;
    if (bytes.len <= sizeof(uint64_t)) {
        dbz_decimal_word(digits, dbz_decimal_small(bytes));
        return true;
    }
    dbz_decimal_words(bytes, words, count);
    dbz_decimal_divide(digits, words, count);
    return true;
}

static void dbz_decimal_zeros(struct buf *out, size_t count)
{
    if (buf_reserve(out, count)) {
        memset(out->data + out->len, '0', count);
        out->len += count;
    }
}

/* `digits` with `scale` of them behind the point. */
static void dbz_decimal_point(struct buf *out, wf_str digits, int64_t scale)
{
    if (scale <= 0) {
        if (!digits.len)
            buf_byte(out, '0');
        buf_str(out, digits);
        dbz_decimal_zeros(out, digits.len ? (size_t)-scale : 0);
        return;
    }
    size_t behind = (size_t)scale;
    size_t whole = digits.len > behind ? digits.len - behind : 0;
    if (whole)
        buf_append(out, digits.ptr, whole);
    else
        buf_byte(out, '0');
    buf_byte(out, '.');
    dbz_decimal_zeros(out, behind - (digits.len - whole));
    buf_append(out, digits.ptr + whole, digits.len - whole);
}

bool dbz_decimal_put(struct buf *out, wf_str bytes, int64_t scale, struct buf *scratch)
{
    struct dbz_decimal_digits digits;
    if (!bytes.len || bytes.len > DBZ_DECIMAL_BYTES || scale > DBZ_DECIMAL_SCALE ||
        scale < -DBZ_DECIMAL_SCALE || !dbz_decimal_magnitude(bytes, scratch, &digits))
        return false;
    if ((signed char)bytes.ptr[0] < 0)
        buf_byte(out, '-');
    dbz_decimal_point(out, (wf_str){digits.at, (size_t)(digits.end - digits.at)}, scale);
    return true;
}

/* ---- floating point ---------------------------------------------------------------------- */

#define DBZ_DECIMAL_FLOAT_DIGITS 40

struct dbz_decimal_float {
    char digits[DBZ_DECIMAL_FLOAT_DIGITS];
    int count;        /* without zeros at either end */
    int64_t exponent; /* of the first digit: d.ddd times 10 to it */
    bool negative;
};

/* Takes a checked JSON number apart. */
static bool dbz_decimal_take_apart(wf_str number, struct dbz_decimal_float *out)
{
    const char *at = number.ptr;
    const char *end = at + number.len;
    int64_t point = 0; /* digits before the point, zeros at the front not counted */
    bool behind = false;
    *out = (struct dbz_decimal_float){.negative = *at == '-'};
    for (at += out->negative; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            behind = true;
            continue;
        }
        if (out->count == DBZ_DECIMAL_FLOAT_DIGITS)
            return false;
        bool counts = out->count || *at != '0';
        if (counts)
            out->digits[out->count++] = *at;
        point += behind ? -(int64_t)!counts : (int64_t)counts;
    }
    int64_t exponent = 0;
    if (at < end) {
        at++;
        at += *at == '+';
        if (!str_to_i64((wf_str){at, (size_t)(end - at)}, &exponent) || exponent > 100000 ||
            exponent < -100000)
            return false;
    }
    while (out->count && out->digits[out->count - 1] == '0')
        out->count--;
    out->exponent = exponent + point - 1;
    return true;
}

static void dbz_decimal_scientific(struct buf *out, const struct dbz_decimal_float *number)
{
    buf_byte(out, number->digits[0]);
    if (number->count > 1) {
        buf_byte(out, '.');
        buf_append(out, number->digits + 1, (size_t)number->count - 1);
    }
    int64_t exponent = number->exponent;
    buf_cstr(out, exponent < 0 ? "e-" : "e+");
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10)
        buf_byte(out, '0');
    buf_i64(out, exponent);
}

bool dbz_decimal_float(struct buf *out, wf_str number, bool is_double)
{
    struct dbz_decimal_float parts;
    if (!number.len || !dbz_decimal_take_apart(number, &parts))
        return false;
    if (parts.negative)
        buf_byte(out, '-');
    if (!parts.count) {
        buf_byte(out, '0');
        return true;
    }
    /* float8out and float4out: exponents from DBL_DIG or FLT_DIG on are written as such. */
    if (parts.exponent < -4 || parts.exponent >= (is_double ? 15 : 6)) {
        dbz_decimal_scientific(out, &parts);
        return true;
    }
    wf_str digits = {parts.digits, (size_t)parts.count};
    dbz_decimal_point(out, digits, parts.count - 1 - parts.exponent);
    return true;
}

bool dbz_decimal_plain(struct buf *out, wf_str number)
{
    struct dbz_decimal_float parts;
    if (!number.len || !dbz_decimal_take_apart(number, &parts) ||
        parts.exponent > DBZ_DECIMAL_SCALE || parts.exponent < -DBZ_DECIMAL_SCALE)
        return false;
    if (parts.negative && parts.count)
        buf_byte(out, '-');
    wf_str digits = {parts.digits, (size_t)parts.count};
    dbz_decimal_point(out, digits, parts.count ? parts.count - 1 - parts.exponent : 0);
    return true;
}
