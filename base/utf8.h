/* SPDX-License-Identifier: MIT
 *
 * utf8 - one UTF-8 sequence at a time: no surrogates, no overlong forms, at most U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static inline bool utf8_is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed sequence at the front of `left` bytes; 0 when there is none. */
static inline size_t utf8_sequence(const char *text, size_t left)
{
    const unsigned char *b = (const unsigned char *)text;
    if (left == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xC2 || b[0] > 0xF4 || left < 2 || !utf8_is_tail(b[1]))
        return 0;
    if (b[0] < 0xE0)
        return 2;
    if (left < 3 || !utf8_is_tail(b[2]))
        return 0;
    if (b[0] < 0xF0) {
        bool overlong = b[0] == 0xE0 && b[1] < 0xA0;
        bool surrogate = b[0] == 0xED && b[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !utf8_is_tail(b[3]))
        return 0;
    bool overlong = b[0] == 0xF0 && b[1] < 0x90;
    bool too_large = b[0] == 0xF4 && b[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

/* Writes `code` as UTF-8 and gives its length; surrogates and numbers above U+10FFFF are
 * written as U+FFFD. */
static inline size_t utf8_encode(uint32_t code, char out[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        code = 0xFFFD;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The longest length <= `most` at which valid text may be cut without splitting a
 * character. */
static inline size_t utf8_cut(const char *text, size_t len, size_t most)
{
    if (len <= most)
        return len;
    size_t cut = most;
    while (cut > 0 && most - cut < 3 && utf8_is_tail((unsigned char)text[cut]))
        cut--;
    return cut;
}

#endif
