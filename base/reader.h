/* SPDX-License-Identifier: MIT
 *
 * reader - taking numbers and bytes off the front of untrusted input, big-endian unless
 * said.
 *
 * Nothing fails loudly: after a read past the end every read yields zeros and `short_read`
 * stays set, so a decoder is a straight line with one test at its end.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <string.h>

#include "sdk/wf_plugin.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool short_read;
};

static inline struct reader reader_of(const void *data, size_t len)
{
    /* An empty view is {NULL, 0}, and NULL + 0 is undefined. */
    const uint8_t *at = data ? (const uint8_t *)data : (const uint8_t *)"";
    return (struct reader){at, at + (data ? len : 0), false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* The next `len` bytes, borrowed from the input; NULL after a short read. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t len)
{
    if (r->short_read || reader_left(r) < len) {
        r->short_read = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += len;
    return bytes;
}

static inline wf_str reader_str(struct reader *r, size_t len)
{
    const uint8_t *bytes = reader_bytes(r, len);
    return (wf_str){(const char *)bytes, bytes ? len : 0};
}

static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *b = reader_bytes(r, 1);
    return b ? *b : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    const uint8_t *b = reader_bytes(r, 2);
    return b ? (uint16_t)((b[0] << 8) | b[1]) : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    const uint8_t *b = reader_bytes(r, 4);
    if (!b)
        return 0;
    return ((uint32_t)b[0] << 24) | ((uint32_t)b[1] << 16) | ((uint32_t)b[2] << 8) | b[3];
}

static inline uint64_t reader_u64(struct reader *r)
{
    uint64_t high = reader_u32(r);
    return (high << 32) | reader_u32(r);
}

/* The text up to the next NUL, which is taken too; short when there is none. */
wf_str reader_cstr(struct reader *r);

#endif
