/* SPDX-License-Identifier: MIT
 *
 * pg_name - see the header.
 */
#include "providers/postgres/pg_name.h"

#include "base/str.h"

#define PG_NAME_FIRST "cdc_"
#define PG_NAME_ROOM 55 /* for a name of ours, so that a suffix of 8 still fits */
#define PG_NAME_HASH 9  /* "_" and eight digits */

static bool pg_name_is_slot_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

bool pg_name_is_slot(wf_str name)
{
    bool good = name.len > 0 && name.len < PG_NAME_SIZE;
    for (size_t i = 0; good && i < name.len; i++)
        good = pg_name_is_slot_char(name.ptr[i]);
    return good;
}

static void pg_name_put_hash(struct buf *out, wf_str of)
{
    buf_printf(out, "_%08x", (unsigned)(str_hash(of) & UINT32_MAX));
}

/* Every byte outside of the alphabet is one '_'. */
static bool pg_name_put_slot_chars(struct buf *out, wf_str text, size_t room)
{
    bool whole = text.len <= room;
    for (size_t i = 0; i < text.len && i < room; i++) {
        char c = text.ptr[i];
        if (c >= 'A' && c <= 'Z') {
            whole = false;
            c = (char)(c - 'A' + 'a');
        } else if (!pg_name_is_slot_char(c)) {
            whole = false;
            c = '_';
        }
        buf_byte(out, c);
    }
    return whole;
}

void pg_name_of_source(wf_str source_id, char out[PG_NAME_SIZE])
{
    struct buf name;
    buf_fixed(&name, out, PG_NAME_SIZE - 1);
    buf_lit(&name, PG_NAME_FIRST);
    size_t room = PG_NAME_ROOM - name.len;
    if (!pg_name_put_slot_chars(&name, source_id, room)) {
        size_t most = PG_NAME_ROOM - PG_NAME_HASH;
        name.len = name.len < most ? name.len : most;
        pg_name_put_hash(&name, source_id);
    }
    out[name.len] = '\0';
}

void pg_name_with(wf_str name, const char *suffix, char out[PG_NAME_SIZE])
{
    struct buf whole;
    buf_fixed(&whole, out, PG_NAME_SIZE - 1);
    size_t room = PG_NAME_SIZE - 1 - strlen(suffix);
    size_t len = name.len <= room ? name.len : room - PG_NAME_HASH;
    /* A character of UTF-8 goes on with 10xxxxxx. */
    while (len && len < name.len && ((unsigned char)name.ptr[len] & 0xc0) == 0x80)
        len--;
    buf_append(&whole, name.ptr, len);
    if (len < name.len)
        pg_name_put_hash(&whole, name);
    buf_cstr(&whole, suffix);
    out[whole.len] = '\0';
}

void pg_name_put_mark(struct buf *out, wf_str source_id)
{
    buf_lit(out, "workflow-plugin-cdc source ");
    buf_str(out, source_id);
}
