/* SPDX-License-Identifier: MIT
 *
 * json_scan - finding the next byte of a JSON string that is more than itself, sixteen or
 * eight bytes at a time.  Private to base/json_*.c.
 *
 * A byte is *plain* when it is ASCII, no control character, no '"' and no backslash.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

/* -DJSON_SCAN_PORTABLE tests what other processors use. */
#if defined(__SSE2__) && !defined(JSON_SCAN_PORTABLE)
#define JSON_SCAN_SSE2 1
#include <emmintrin.h>
#endif

#define JSON_SCAN_ONES UINT64_C(0x0101010101010101)
#define JSON_SCAN_HIGHS UINT64_C(0x8080808080808080)

static inline bool json_scan_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static inline uint64_t json_scan_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Not zero when a byte of `word` is zero (a borrow may mark bytes above it as well). */
static inline uint64_t json_scan_zeros(uint64_t word)
{
    return (word - JSON_SCAN_ONES) & ~word & JSON_SCAN_HIGHS;
}

/* Whether all eight bytes are plain. */
static inline bool json_scan_word_is_plain(uint64_t word)
{
    uint64_t control = (word - JSON_SCAN_ONES * 0x20) & ~word & JSON_SCAN_HIGHS;
    uint64_t quote = json_scan_zeros(word ^ (JSON_SCAN_ONES * '"'));
    uint64_t backslash = json_scan_zeros(word ^ (JSON_SCAN_ONES * '\\'));
    return !(control | quote | backslash | (word & JSON_SCAN_HIGHS));
}

#ifdef JSON_SCAN_SSE2
/* One bit for each of the sixteen bytes that is not plain. */
static inline unsigned json_scan_mask(__m128i bytes)
{
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    /* Signed: bytes from 0x80 up are negative, so this is control characters and
     * non-ASCII. */
    __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}
#endif

/* The first byte in [at, end) that is not plain, or `end`. */
static inline const char *json_scan_plain(const char *at, const char *end)
{
#ifdef JSON_SCAN_SSE2
    for (; end - at >= 16; at += 16) {
        unsigned mask = json_scan_mask(_mm_loadu_si128((const __m128i *)(const void *)at));
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (end - at >= 8 && json_scan_word_is_plain(json_scan_load(at)))
        at += 8;
    while (at < end && json_scan_is_plain(*at))
        at++;
    return at;
}

/* As json_scan_plain(), and copies what it passes to `out`, which has room for all of [at,
 * end); bytes of `out` behind the copy may be overwritten within that room.  Gives the
 * length. */
static inline size_t json_scan_copy(char *out, const char *at, const char *end)
{
    const char *start = at;
#ifdef JSON_SCAN_SSE2
    for (; end - at >= 16; at += 16, out += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned mask = json_scan_mask(bytes);
        _mm_storeu_si128((__m128i *)(void *)out, bytes);
        if (mask)
            return (size_t)(at - start) + (size_t)__builtin_ctz(mask);
    }
#endif
    for (; end - at >= 8; at += 8, out += 8) {
        uint64_t word = json_scan_load(at);
        if (!json_scan_word_is_plain(word))
            break;
        memcpy(out, &word, sizeof word);
    }
    while (at < end && json_scan_is_plain(*at))
        *out++ = *at++;
    return (size_t)(at - start);
}

/* The first '"' or backslash in [at, end), or `end`; for text whose strings are known to be
 * good. */
static inline const char *json_scan_quote(const char *at, const char *end)
{
#ifdef JSON_SCAN_SSE2
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(quote, backslash));
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word = json_scan_load(at);
        if (json_scan_zeros(word ^ (JSON_SCAN_ONES * '"')) |
            json_scan_zeros(word ^ (JSON_SCAN_ONES * '\\')))
            break;
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

#endif
