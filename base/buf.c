/* SPDX-License-Identifier: MIT
 *
 * buf - a growing byte buffer with a limit.
 *
 * Memory of our own is always one byte larger than `cap`, so that a NUL finds room even in
 * a buffer that has reached its limit.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

#define BUF_FIRST_BYTES 256 /* the first allocation, so that short texts need only one */
#define BUF_PRINTF_BYTES 512

static const char buf_base64_digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "abcdefghijklmnopqrstuvwxyz0123456789+/";

static const char buf_two_digits[200] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

void buf_fixed(struct buf *b, void *memory, size_t size)
{
    *b = (struct buf){.data = memory, .cap = size, .limit = size, .fixed = true};
}

void buf_release(struct buf *b)
{
    if (!b->fixed)
        free(b->data);
    *b = (struct buf){.limit = b->fixed ? 0 : b->limit};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->broken = WF_OK;
}

CDC_NO_INLINE bool buf_reserve_slow(struct buf *b, size_t more)
{
    if (b->broken)
        return false;
    if (b->cap - b->len >= more)
        return true;
    if (b->limit - b->len < more) {
        b->broken = WF_CONFIG;
        return false;
    }
    size_t cap = b->cap < BUF_FIRST_BYTES / 2 ? BUF_FIRST_BYTES / 2 : b->cap;
    cap = cap > b->limit / 2 ? b->limit : cap * 2;
    if (cap < b->len + more)
        cap = b->len + more;
    char *data = realloc(b->data, cap + 1);
    if (!data) {
        b->broken = WF_NO_MEMORY;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_cstr(struct buf *b, const char *c_string)
{
    if (c_string)
        buf_append(b, c_string, strlen(c_string));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    char small[BUF_PRINTF_BYTES];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (used < 0) {
        if (!b->broken)
            b->broken = WF_NO_MEMORY;
        return;
    }
    size_t len = (size_t)used;
    if (len < sizeof small) {
        buf_append(b, small, len);
        return;
    }
    /* A fixed buffer has no hidden byte for the NUL that vsnprintf() writes. */
    if (!buf_reserve(b, b->fixed ? len + 1 : len))
        return;
    va_start(args, format);
    vsnprintf(b->data + b->len, len + 1, format, args);
    va_end(args);
    b->len += len;
}

/* Writes the digits so that they end before `end`; gives where they begin. */
static char *buf_digits(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, buf_two_digits + (value % 100) * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, buf_two_digits + value * 2, 2);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

void buf_i64(struct buf *b, int64_t value)
{
    char text[20];
    char *end = text + sizeof text;
    /* Negated as unsigned: INT64_MIN has no positive twin. */
    char *at = buf_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--at = '-';
    buf_append(b, at, (size_t)(end - at));
}

void buf_u64(struct buf *b, uint64_t value)
{
    char text[20];
    char *end = text + sizeof text;
    char *at = buf_digits(end, value);
    buf_append(b, at, (size_t)(end - at));
}

void buf_base64(struct buf *b, const void *data, size_t len)
{
    const unsigned char *in = data;
    if (len == 0)
        return;
    if (len > SIZE_MAX / 4 * 3 - 4) {
        if (!b->broken)
            b->broken = WF_CONFIG;
        return;
    }
    if (!buf_reserve(b, (len + 2) / 3 * 4))
        return;
    char *out = b->data + b->len;
    for (; len >= 3; len -= 3, in += 3, out += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = buf_base64_digits[bits >> 18];
        out[1] = buf_base64_digits[(bits >> 12) & 63];
        out[2] = buf_base64_digits[(bits >> 6) & 63];
        out[3] = buf_base64_digits[bits & 63];
    }
    if (len > 0) {
        uint32_t bits = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0);
        out[0] = buf_base64_digits[bits >> 18];
        out[1] = buf_base64_digits[(bits >> 12) & 63];
        out[2] = len > 1 ? buf_base64_digits[(bits >> 6) & 63] : '=';
        out[3] = '=';
        out += 4;
    }
    b->len = (size_t)(out - b->data);
}

void buf_sql_quoted(struct buf *b, wf_str value, char quote)
{
    buf_byte(b, quote);
    while (value.len > 0) {
        const char *hit = memchr(value.ptr, quote, value.len);
        size_t run = hit ? (size_t)(hit - value.ptr) + 1 : value.len;
        buf_append(b, value.ptr, run);
        if (hit)
            buf_byte(b, quote);
        value.ptr += run;
        value.len -= run;
    }
    buf_byte(b, quote);
}

wf_status buf_status(const struct buf *b, const char *what, wf_error *err)
{
    switch (b->broken) {
    case WF_OK:
        return WF_OK;
    case WF_CONFIG:
        return error_set(err, WF_CONFIG, "%s: longer than the %zu bytes allowed", what,
                         b->limit);
    default:
        return error_set(err, b->broken, "%s: %s", what, error_status_text(b->broken));
    }
}

char *buf_take(struct buf *b)
{
    if (b->broken || b->fixed)
        return NULL;
    char *data = b->data ? b->data : malloc(1);
    if (!data)
        return NULL;
    data[b->len] = '\0';
    *b = (struct buf){.limit = b->limit};
    return data;
}

const char *buf_c(struct buf *b)
{
    if (b->broken || !b->data)
        return "";
    if (b->fixed && b->len == b->cap) {
        b->broken = WF_CONFIG;
        return "";
    }
    b->data[b->len] = '\0';
    return b->data;
}

static wf_status buf_write(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    buf_append(b, data, len);
    return b->broken;
}

wf_sink buf_sink(struct buf *b)
{
    return (wf_sink){.ctx = b, .write = buf_write};
}
