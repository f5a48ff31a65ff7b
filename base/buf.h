/* SPDX-License-Identifier: MIT
 *
 * buf - a growing byte buffer with a limit.
 *
 * buf_init(&b, LIMIT_x) gives an empty buffer that may grow to the limit; the limit is
 * named in base/limits.h.  buf_fixed(&b, memory, size) writes into memory of the caller's
 * and never allocates.  An append that does not fit makes the buffer *broken*: later
 * appends do nothing, and buf_status() tells once, at the end.  buf_release() takes an
 * empty, broken or released buffer.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t limit;
    wf_status broken; /* WF_OK, WF_NO_MEMORY, or WF_CONFIG when the limit is passed */
    bool fixed;       /* data belongs to the caller */
};

void buf_init(struct buf *b, size_t limit);
void buf_fixed(struct buf *b, void *memory, size_t size);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, mends a broken buffer */

/* Makes room for `more` bytes.  False: the buffer is broken now. */
bool buf_reserve_slow(struct buf *b, size_t more);
static inline bool buf_reserve(struct buf *b, size_t more)
{
    return CDC_LIKELY(b->cap - b->len >= more && !b->broken) || buf_reserve_slow(b, more);
}

static inline void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len && buf_reserve(b, len)) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
}

static inline void buf_str(struct buf *b, wf_str s)
{
    buf_append(b, s.ptr, s.len);
}

static inline void buf_byte(struct buf *b, char c)
{
    if (buf_reserve(b, 1))
        b->data[b->len++] = c;
}

#define buf_lit(b, literal) buf_append((b), (literal), sizeof(literal) - 1)

void buf_cstr(struct buf *b, const char *c_string);
void buf_printf(struct buf *b, const char *format, ...) CDC_PRINTF(2, 3);
void buf_i64(struct buf *b, int64_t value);
void buf_u64(struct buf *b, uint64_t value);
/* Standard base64 with padding (RFC 4648 section 4). */
void buf_base64(struct buf *b, const void *data, size_t len);
/* `value` between `quote`s, quotes inside doubled: SQL identifiers (") and literals ('). */
void buf_sql_quoted(struct buf *b, wf_str value, char quote);

static inline wf_str buf_view(const struct buf *b)
{
    return (wf_str){b->data, b->len};
}

/* WF_OK, or the reason the buffer broke, with `what` named in the text ("event", "SQL"). */
wf_status buf_status(const struct buf *b, const char *what, wf_error *err);

/* Ends with a NUL (not counted) and gives the memory (free()); the buffer is empty
 * afterwards.  NULL when the buffer is broken, fixed, or no memory is left for the NUL. */
char *buf_take(struct buf *b);

/* A NUL after the content, not counted; "" when broken.  Good until the next append. */
const char *buf_c(struct buf *b);

/* A sink that appends to the buffer; the buffer must outlive it. */
wf_sink buf_sink(struct buf *b);

#endif
