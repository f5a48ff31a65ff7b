/* SPDX-License-Identifier: MIT
 *
 * str - views of text (wf_str): comparing, cutting, converting.
 */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define STR_NUMBER_BYTES 512  /* the longest text read as a double */
#define STR_DISTANCE_BYTES 96 /* the longest names that are compared edit by edit */

wf_str str_from(const char *c_string)
{
    return c_string ? (wf_str){c_string, strlen(c_string)} : STR_EMPTY;
}

bool str_eq(wf_str a, wf_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_is(wf_str a, const char *c_string)
{
    return str_eq(a, str_from(c_string));
}

static char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_eq_nocase(wf_str a, wf_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i]))
            return false;
    return true;
}

bool str_starts(wf_str s, wf_str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends(wf_str s, wf_str suffix)
{
    return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, s.len), suffix);
}

ptrdiff_t str_find(wf_str s, wf_str part)
{
    if (part.len == 0)
        return 0;
    if (part.len > s.len)
        return -1;
    const char *hit = memmem(s.ptr, s.len, part.ptr, part.len);
    return hit ? hit - s.ptr : -1;
}

wf_str str_slice(wf_str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from >= to)
        return (wf_str){s.ptr, 0};
    return (wf_str){s.ptr + from, to - from};
}

static bool str_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

wf_str str_trim(wf_str s)
{
    while (s.len > 0 && str_is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && str_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_next(wf_str *rest, char separator, wf_str *out_part)
{
    if (!rest->ptr)
        return false;
    const char *hit = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!hit) {
        *out_part = *rest;
        *rest = STR_EMPTY;
        return true;
    }
    size_t len = (size_t)(hit - rest->ptr);
    *out_part = (wf_str){rest->ptr, len};
    *rest = (wf_str){hit + 1, rest->len - len - 1};
    return true;
}

bool str_glob(wf_str pattern, wf_str text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* the last '*' seen, and where its run ends for now */
    size_t run_end = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            run_end = t;
        } else if (p < pattern.len &&
                   (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++run_end;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool str_to_u64(wf_str s, uint64_t *out)
{
    if (s.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(wf_str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    bool sign = negative || (s.len > 0 && s.ptr[0] == '+');
    uint64_t value;
    if (!str_to_u64(sign ? str_slice(s, 1, s.len) : s, &value))
        return false;
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* strtod() would take spaces, hexadecimal, "inf" and "nan" as well. */
static bool str_is_decimal(wf_str s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
    size_t digits = 0;
    for (; i < s.len && str_is_digit(s.ptr[i]); i++)
        digits++;
    if (i < s.len && s.ptr[i] == '.')
        for (i++; i < s.len && str_is_digit(s.ptr[i]); i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
            i++;
        if (i == s.len)
            return false;
        while (i < s.len && str_is_digit(s.ptr[i]))
            i++;
    }
    return i == s.len;
}

bool str_to_double(wf_str s, double *out)
{
    char text[STR_NUMBER_BYTES];
    if (s.len >= sizeof text || !str_is_decimal(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    /* A host may have set a locale with a decimal comma.  glibc's "C" locale is static. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c)
        return false;
    double value = strtod_l(text, NULL, c);
    freelocale(c);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

struct str_unit {
    const char *name;
    uint64_t size;
};

static uint64_t str_unit_size(const struct str_unit *units, wf_str name)
{
    for (; units->name; units++)
        if (str_eq_nocase(str_from(units->name), name))
            return units->size;
    return 0;
}

static size_t str_digits(wf_str s)
{
    size_t n = 0;
    while (n < s.len && str_is_digit(s.ptr[n]))
        n++;
    return n;
}

/* Takes "1.5h" off the front of *rest and adds it to *total. */
static bool str_duration_part(wf_str *rest, uint64_t *total)
{
    static const struct str_unit units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xC2\xB5s", 1000}, /* the micro sign and the Greek letter, as Go has them */
        {"\xCE\xBCs", 1000},
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", 60000000000},
        {"h", 3600000000000},
        {NULL, 0},
    };
    wf_str s = *rest;
    size_t whole_len = str_digits(s);
    wf_str whole = str_slice(s, 0, whole_len);
    wf_str fraction = STR_EMPTY;
    size_t at = whole_len;
    if (at < s.len && s.ptr[at] == '.') {
        size_t fraction_len = str_digits(str_slice(s, at + 1, s.len));
        fraction = str_slice(s, at + 1, at + 1 + fraction_len);
        at += 1 + fraction_len;
    }
    size_t unit_end = at;
    while (unit_end < s.len && s.ptr[unit_end] != '.' && !str_is_digit(s.ptr[unit_end]))
        unit_end++;
    uint64_t unit = str_unit_size(units, str_slice(s, at, unit_end));
    uint64_t value = 0;
    if (!unit || whole.len + fraction.len == 0)
        return false;
    if (whole.len && !str_to_u64(whole, &value))
        return false;
    if (__builtin_mul_overflow(value, unit, &value))
        return false;
    uint64_t decimals = 0; /* twelve digits of an hour are finer than a nanosecond */
    double scale = 1;
    for (size_t i = 0; i < fraction.len && i < 12; i++, scale *= 10)
        decimals = decimals * 10 + (uint64_t)(fraction.ptr[i] - '0');
    value += (uint64_t)((double)decimals * ((double)unit / scale));
    *rest = str_slice(s, unit_end, s.len);
    return !__builtin_add_overflow(*total, value, total) && *total <= INT64_MAX;
}

bool str_to_duration_ms(wf_str s, int64_t *out_ms)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (negative || (s.len > 0 && s.ptr[0] == '+'))
        s = str_slice(s, 1, s.len);
    uint64_t ns = 0;
    if (s.len == 0)
        return false;
    if (!str_is(s, "0"))
        while (s.len > 0)
            if (!str_duration_part(&s, &ns))
                return false;
    int64_t ms = ns > 0 && ns < 1000000 ? 1 : (int64_t)(ns / 1000000);
    *out_ms = negative ? -ms : ms;
    return true;
}

bool str_to_bytes(wf_str s, uint64_t *out_bytes)
{
    static const struct str_unit units[] = {
        {"", 1},
        {"B", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
        {NULL, 0},
    };
    size_t digits = str_digits(s);
    uint64_t unit = str_unit_size(units, str_trim(str_slice(s, digits, s.len)));
    uint64_t value;
    if (!unit || !str_to_u64(str_slice(s, 0, digits), &value) ||
        __builtin_mul_overflow(value, unit, &value))
        return false;
    *out_bytes = value;
    return true;
}

uint64_t str_hash(wf_str s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    /* FNV leaves the low bits, which tables are indexed by, a little alike. */
    return hash ^ (hash >> 32);
}

char *str_dup(wf_str s)
{
    char *copy = s.len < SIZE_MAX ? malloc(s.len + 1) : NULL;
    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

/* Eight ASCII characters begin here. */
static bool str_ascii_word(const char *at, size_t left)
{
    uint64_t word;
    if (left < sizeof word)
        return false;
    memcpy(&word, at, sizeof word);
    return !(word & UINT64_C(0x8080808080808080));
}

bool str_is_utf8(wf_str s)
{
    size_t i = 0;
    while (i < s.len) {
        if (str_ascii_word(s.ptr + i, s.len - i)) {
            i += sizeof(uint64_t);
            continue;
        }
        size_t len = utf8_sequence(s.ptr + i, s.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

unsigned str_distance(wf_str a, wf_str b, unsigned most)
{
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (apart > most || a.len > STR_DISTANCE_BYTES || b.len > STR_DISTANCE_BYTES)
        return str_eq(a, b) ? 0 : most + 1;
    /* One row of the usual table: row[j] is the distance of a's first i and b's first j
     * bytes. */
    unsigned row[STR_DISTANCE_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < a.len; i++) {
        unsigned diagonal = row[0];
        unsigned least = row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.len; j++) {
            unsigned change = diagonal + (a.ptr[i] != b.ptr[j]);
            unsigned insert = row[j] + 1;
            diagonal = row[j + 1];
            unsigned cost = diagonal + 1 < insert ? diagonal + 1 : insert;
            row[j + 1] = change < cost ? change : cost;
            least = row[j + 1] < least ? row[j + 1] : least;
        }
        if (least > most)
            return most + 1;
    }
    return row[b.len] <= most ? row[b.len] : most + 1;
}
