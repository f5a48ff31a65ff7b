/* SPDX-License-Identifier: MIT
 *
 * pg_position - written once per change, so without printf.
 */
#include "providers/postgres/pg_position.h"

#include "base/str.h"

static size_t pg_position_hex(uint32_t value, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 1;
    while (len < 8 && value >> (4 * len))
        len++;
    for (size_t i = 0; i < len; i++)
        out[i] = digits[value >> (4 * (len - 1 - i)) & 15];
    return len;
}

size_t pg_position_lsn_write(uint64_t lsn, char out[PG_LSN_TEXT])
{
    size_t len = pg_position_hex((uint32_t)(lsn >> 32), out);
    out[len++] = '/';
    len += pg_position_hex((uint32_t)lsn, out + len);
    out[len] = '\0';
    return len;
}

static bool pg_position_unhex(wf_str text, uint32_t *out)
{
    uint32_t value = 0;
    if (!text.len || text.len > 8)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                                                : 16;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

bool pg_position_lsn_parse(wf_str text, uint64_t *out)
{
    ptrdiff_t slash = str_find(text, STR("/"));
    uint32_t high, low;
    if (slash < 0 || !pg_position_unhex(str_slice(text, 0, (size_t)slash), &high) ||
        !pg_position_unhex(str_slice(text, (size_t)slash + 1, text.len), &low))
        return false;
    *out = (uint64_t)high << 32 | low;
    return true;
}

static size_t pg_position_decimal(uint64_t value, char *out)
{
    char digits[20];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

size_t pg_position_write(const struct pg_position *position, char out[PG_POSITION_TEXT])
{
    size_t len = pg_position_lsn_write(position->flush, out);
    if (position->commit) {
        out[len++] = '+';
        len += pg_position_lsn_write(position->commit, out + len);
        out[len++] = ':';
        len += pg_position_decimal(position->done, out + len);
    }
    out[len] = '\0';
    return len;
}

bool pg_position_parse(wf_str token, struct pg_position *out)
{
    struct pg_position position = {0};
    ptrdiff_t plus = str_find(token, STR("+"));
    wf_str flush = plus < 0 ? token : str_slice(token, 0, (size_t)plus);
    if (!pg_position_lsn_parse(flush, &position.flush))
        return false;
    if (plus >= 0) {
        wf_str rest = str_slice(token, (size_t)plus + 1, token.len);
        ptrdiff_t colon = str_find(rest, STR(":"));
        if (colon < 0 ||
            !pg_position_lsn_parse(str_slice(rest, 0, (size_t)colon), &position.commit) ||
            !position.commit ||
            !str_to_u64(str_slice(rest, (size_t)colon + 1, rest.len), &position.done))
            return false;
    }
    *out = position;
    return true;
}
