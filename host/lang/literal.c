/* SPDX-License-Identifier: MIT
 *
 * literal - what the text of a number or a string stands for.
 */
#include "host/lang/literal.h"

#include "base/str.h"
#include "base/utf8.h"

/* 010 is eight in Go; nobody should have to know. */
static bool literal_is_octal(wf_str digits)
{
    size_t at = str_starts(digits, STR("-")) ? 1 : 0;
    return digits.len > at + 1 && digits.ptr[at] == '0' && digits.ptr[at + 1] >= '0' &&
           digits.ptr[at + 1] <= '9';
}

static bool literal_is_whole(wf_str digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (strchr(".eE", digits.ptr[i]))
            return false;
    return true;
}

static const struct value *literal_kept(struct arena *a, wf_str digits)
{
    wf_str copy = arena_str(a, digits);
    return copy.ptr ? value_of_number(a, copy) : NULL;
}

wf_status literal_number(struct arena *a, wf_str digits, const struct value **out)
{
    char plain[64];
    size_t len = 0;
    double real;
    int64_t integer;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        bool between = i > 0 && i + 1 < digits.len && digits.ptr[i - 1] != '_';
        if (c == '_' && between)
            continue;
        bool allowed = (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' ||
                       c == '+' || c == '-';
        if (!allowed || len == sizeof plain)
            return WF_CONFIG;
        plain[len++] = c;
    }

    wf_str text = {plain, len};
    if (len && plain[0] == '+')
        text = str_slice(text, 1, len);
    if (literal_is_octal(text))
        return WF_CONFIG;
    const struct value *v;
    if (str_to_i64(text, &integer))
        v = value_of_int(a, integer);
    else if (!str_to_double(text, &real))
        return WF_CONFIG;
    else if (literal_is_whole(text)) /* more digits than a double holds */
        v = literal_kept(a, text);
    else
        v = value_of_double(a, real);
    if (!v)
        return WF_NO_MEMORY;
    *out = v;
    return WF_OK;
}

/* `count` hexadecimal digits of a character that UTF-8 can hold. */
static bool literal_hex(wf_str s, size_t at, size_t count, uint32_t *out)
{
    uint32_t rune = 0;
    if (s.len - at < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = s.ptr[at + i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        rune = rune << 4 | digit;
    }
    *out = rune;
    return rune <= 0x10FFFF && !(rune >= 0xD800 && rune <= 0xDFFF);
}

/* The escape behind the backslash at `at`: writes 1 to 4 bytes, gives how many
 * characters it took, 0 when it is unknown.  \x gives a byte, \u and \U a character. */
static size_t literal_escape(wf_str s, size_t at, char *out, size_t *out_len)
{
    static const char letters[] = "abfnrtv\\'\"`";
    static const char bytes[] = "\a\b\f\n\r\t\v\\'\"`";
    if (at >= s.len)
        return 0;
    char c = s.ptr[at];
    const char *letter = c ? strchr(letters, c) : NULL;
    uint32_t rune;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (letter) {
        out[0] = bytes[letter - letters];
        *out_len = 1;
        return 1;
    }
    if (!digits || !literal_hex(s, at + 1, digits, &rune))
        return 0;
    if (digits == 2) {
        out[0] = (char)rune;
        *out_len = 1;
    } else {
        *out_len = utf8_encode(rune, out);
    }
    return 1 + digits;
}

wf_status literal_unescape(struct arena *a, wf_str inner, wf_str *out, size_t *out_bad)
{
    if (str_find(inner, STR("\\")) < 0) {
        *out = inner;
        return WF_OK;
    }
    char *plain =
        arena_alloc(a, inner.len); /* an escape is longer than what it stands for */
    if (!plain)
        return WF_NO_MEMORY;

    size_t len = 0;
    for (size_t at = 0; at < inner.len;) {
        if (inner.ptr[at] != '\\') {
            plain[len++] = inner.ptr[at++];
            continue;
        }
        char bytes[4];
        size_t count = 0;
        size_t taken = literal_escape(inner, at + 1, bytes, &count);
        if (!taken) {
            *out_bad = at;
            return WF_CONFIG;
        }
        memcpy(plain + len, bytes, count);
        len += count;
        at += 1 + taken;
    }
    *out = (wf_str){plain, len};
    return WF_OK;
}
