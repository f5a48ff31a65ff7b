/* SPDX-License-Identifier: MIT
 *
 * dbz_pattern - see the header.
 */
#include "providers/debezium/dbz_pattern.h"

#include "base/str.h"

/* A comma would end the expression in Debezium's lists, a space at an end be trimmed:
 * written in hexadecimal they are safe. */
static void dbz_pattern_put_char(struct buf *out, char c)
{
    unsigned char byte = (unsigned char)c;
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 (c >= '0' && c <= '9') || c == '_' || byte >= 0x80;
    if (plain)
        buf_byte(out, c);
    else if (c == '.')
        buf_lit(out, "\\.");
    else
        buf_printf(out, "\\x%02x", byte);
}

void dbz_pattern_put(struct buf *out, wf_str pattern)
{
    if (str_find(pattern, STR(".")) < 0 && !str_is(pattern, "*"))
        buf_lit(out, "(.*\\.)?");
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.ptr[i] == '*')
            buf_lit(out, ".*");
        else if (pattern.ptr[i] == '?')
            buf_byte(out, '.');
        else
            dbz_pattern_put_char(out, pattern.ptr[i]);
    }
}

void dbz_pattern_put_name(struct buf *out, wf_str name)
{
    for (size_t i = 0; i < name.len; i++)
        dbz_pattern_put_char(out, name.ptr[i]);
}
