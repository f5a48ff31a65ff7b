/* SPDX-License-Identifier: MIT
 *
 * dbz_name - see the header.
 */
#include "providers/debezium/dbz_name.h"

#include "base/str.h"

#define DBZ_NAME_HASH 9 /* "_" and eight digits */
#define DBZ_NAME_SLOT_MOST 63

static bool dbz_name_is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool dbz_name_is_topic(char c)
{
    return dbz_name_is_lower(c) || (c >= 'A' && c <= 'Z') || c == '-';
}

/* Jetty refuses a path with one of these, however it is escaped. */
static bool dbz_name_is_path(char c)
{
    return (unsigned char)c >= ' ' && c != 0x7f && c != '/' && c != '\\' && c != '%';
}

static char dbz_name_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Appends source_id with the characters that are good, at most `most` bytes. */
static void dbz_name_put(struct buf *out, wf_str source_id, size_t most,
                         bool (*is_good)(char), bool lower)
{
    bool same = source_id.len <= most && str_is_utf8(source_id);
    for (size_t i = 0; i < source_id.len; i++)
        same = same && is_good(source_id.ptr[i]);
    size_t room = same ? most : most - DBZ_NAME_HASH;
    for (size_t i = 0; i < source_id.len && i < room; i++) {
        char c = lower ? dbz_name_lower(source_id.ptr[i]) : source_id.ptr[i];
        /* Of what is not kept whole, no part of a character beyond ASCII stays. */
        buf_byte(out, is_good(c) && (same || (unsigned char)c < 0x80) ? c : '_');
    }
    if (!same)
        buf_printf(out, "_%08x", (unsigned)(str_hash(source_id) & UINT32_MAX));
}

void dbz_name_connector(struct buf *out, wf_str source_id)
{
    /* Spaces at the ends would be trimmed away. */
    wf_str trimmed = str_trim(source_id);
    buf_lit(out, "workflow-");
    if (trimmed.len == source_id.len) {
        dbz_name_put(out, source_id, 255, dbz_name_is_path, false);
        return;
    }
    dbz_name_put(out, trimmed, 240, dbz_name_is_path, false);
    buf_printf(out, "_%08x", (unsigned)(str_hash(source_id) & UINT32_MAX));
}

void dbz_name_topic_prefix(struct buf *out, wf_str source_id)
{
    dbz_name_put(out, source_id, DBZ_NAME_PREFIX_MOST, dbz_name_is_topic, false);
}

void dbz_name_slot(struct buf *out, const char *start, wf_str source_id)
{
    size_t len = strlen(start);
    buf_append(out, start, len);
    dbz_name_put(out, source_id, DBZ_NAME_SLOT_MOST - len, dbz_name_is_lower, true);
}

/* A server's own id is a small number as a rule; these begin at 2^30, and still fit where
 * somebody keeps them in 31 bits. */
uint32_t dbz_name_server_id(wf_str source_id)
{
    uint64_t hash = str_hash(source_id);
    hash ^= hash >> 32;
    return (uint32_t)(hash & 0x3fffffff) | 0x40000000;
}

bool dbz_name_is_topic_prefix(wf_str name)
{
    bool dots = true;
    for (size_t i = 0; i < name.len; i++) {
        if (!dbz_name_is_topic(name.ptr[i]) && name.ptr[i] != '.')
            return false;
        dots = dots && name.ptr[i] == '.';
    }
    return !dots && name.len <= DBZ_NAME_PREFIX_MOST;
}
