/* SPDX-License-Identifier: MIT
 *
 * pgoutput_build - messages as a server would send them, for tests without a server.
 *
 * Each function appends one message, or a part of one.  `xid` 0: outside of a streamed
 * block, where messages do not carry one.  Layout: PostgreSQL documentation, "Logical
 * Replication Message Formats".
 */
#ifndef TESTS_SUPPORT_PGOUTPUT_BUILD_H
#define TESTS_SUPPORT_PGOUTPUT_BUILD_H

#include "base/buf.h"

#define PGOUTPUT_BUILD_EPOCH_US INT64_C(946684800000000) /* 2000-01-01 */

static inline void pgoutput_build_number(struct buf *b, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_byte(b, (char)(value >> (8 * i)));
}

static inline void pgoutput_build_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text) + 1);
}

static inline void pgoutput_build_head(struct buf *b, char kind, uint32_t xid)
{
    buf_byte(b, kind);
    if (xid)
        pgoutput_build_number(b, xid, 4);
}

static inline void pgoutput_build_time(struct buf *b, int64_t unix_us)
{
    pgoutput_build_number(b, (uint64_t)(unix_us - PGOUTPUT_BUILD_EPOCH_US), 8);
}

/* ---- transactions -------------------------------------------------------------------- */

static inline void pgoutput_build_begin(struct buf *b, uint64_t lsn, int64_t ts_us,
                                        uint32_t xid)
{
    buf_byte(b, 'B');
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_time(b, ts_us);
    pgoutput_build_number(b, xid, 4);
}

static inline void pgoutput_build_commit(struct buf *b, uint64_t lsn, uint64_t end,
                                         int64_t ts_us)
{
    buf_lit(b, "C\0");
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_number(b, end, 8);
    pgoutput_build_time(b, ts_us);
}

static inline void pgoutput_build_stream_start(struct buf *b, uint32_t xid, bool first)
{
    buf_byte(b, 'S');
    pgoutput_build_number(b, xid, 4);
    buf_byte(b, first ? 1 : 0);
}

static inline void pgoutput_build_stream_stop(struct buf *b)
{
    buf_byte(b, 'E');
}

static inline void pgoutput_build_stream_commit(struct buf *b, uint32_t xid, uint64_t lsn,
                                                uint64_t end, int64_t ts_us)
{
    buf_byte(b, 'c');
    pgoutput_build_number(b, xid, 4);
    buf_byte(b, 0);
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_number(b, end, 8);
    pgoutput_build_time(b, ts_us);
}

static inline void pgoutput_build_stream_abort(struct buf *b, uint32_t xid, uint32_t subxid)
{
    buf_byte(b, 'A');
    pgoutput_build_number(b, xid, 4);
    pgoutput_build_number(b, subxid, 4);
}

/* `kind`: b P K p. */
static inline void pgoutput_build_prepared(struct buf *b, char kind, uint64_t lsn,
                                           uint64_t end, uint32_t xid, const char *gid)
{
    buf_byte(b, kind);
    if (kind != 'b')
        buf_byte(b, 0);
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_number(b, end, 8);
    pgoutput_build_time(b, PGOUTPUT_BUILD_EPOCH_US + (int64_t)lsn);
    pgoutput_build_number(b, xid, 4);
    pgoutput_build_text(b, gid);
}

static inline void pgoutput_build_rollback_prepared(struct buf *b, uint64_t prepare_end,
                                                    uint64_t end, uint32_t xid,
                                                    const char *gid)
{
    buf_lit(b, "r\0");
    pgoutput_build_number(b, prepare_end, 8);
    pgoutput_build_number(b, end, 8);
    pgoutput_build_time(b, PGOUTPUT_BUILD_EPOCH_US);
    pgoutput_build_time(b, PGOUTPUT_BUILD_EPOCH_US);
    pgoutput_build_number(b, xid, 4);
    pgoutput_build_text(b, gid);
}

/* ---- tables -------------------------------------------------------------------------- */

/* `columns`: "*id:23 name:25 note:1043:14", each name:type[:modifier], a star before those
 * of the replica identity. */
static inline void pgoutput_build_relation(struct buf *b, uint32_t xid, uint32_t oid,
                                           const char *table, char identity,
                                           const char *columns)
{
    pgoutput_build_head(b, 'R', xid);
    pgoutput_build_number(b, oid, 4);
    pgoutput_build_text(b, "public");
    pgoutput_build_text(b, table);
    buf_byte(b, identity);
    size_t count_at = b->len;
    pgoutput_build_number(b, 0, 2);
    unsigned count = 0;
    for (const char *at = columns; *at; count++) {
        char name[64];
        unsigned type = 0;
        int modifier = -1, len = 0;
        bool key = *at == '*';
        if (sscanf(at + key, "%63[^:]:%u%n:%d%n", name, &type, &len, &modifier, &len) < 2)
            abort();
        buf_byte(b, key ? 1 : 0);
        pgoutput_build_text(b, name);
        pgoutput_build_number(b, type, 4);
        pgoutput_build_number(b, (uint32_t)modifier, 4);
        at += key + len;
        while (*at == ' ')
            at++;
    }
    b->data[count_at] = (char)(count >> 8);
    b->data[count_at + 1] = (char)count;
}

/* `values`: "1|text|%n|%u": columns between bars, %n null, %u not sent. */
static inline void pgoutput_build_tuple(struct buf *b, char kind, const char *values)
{
    buf_byte(b, kind);
    size_t count_at = b->len;
    unsigned count = 0;
    pgoutput_build_number(b, 0, 2);
    for (const char *at = values;; count++) {
        size_t len = strcspn(at, "|");
        if (len == 2 && at[0] == '%') {
            buf_byte(b, at[1]);
        } else {
            buf_byte(b, 't');
            pgoutput_build_number(b, len, 4);
            buf_append(b, at, len);
        }
        at += len;
        if (!*at++)
            break;
    }
    count++;
    b->data[count_at] = (char)(count >> 8);
    b->data[count_at + 1] = (char)count;
}

static inline void pgoutput_build_insert(struct buf *b, uint32_t xid, uint32_t oid,
                                         const char *row)
{
    pgoutput_build_head(b, 'I', xid);
    pgoutput_build_number(b, oid, 4);
    pgoutput_build_tuple(b, 'N', row);
}

/* `old_kind`: K, O, or 0 when there is no old row. */
static inline void pgoutput_build_update(struct buf *b, uint32_t xid, uint32_t oid,
                                         char old_kind, const char *old, const char *row)
{
    pgoutput_build_head(b, 'U', xid);
    pgoutput_build_number(b, oid, 4);
    if (old_kind)
        pgoutput_build_tuple(b, old_kind, old);
    pgoutput_build_tuple(b, 'N', row);
}

static inline void pgoutput_build_delete(struct buf *b, uint32_t xid, uint32_t oid,
                                         char old_kind, const char *old)
{
    pgoutput_build_head(b, 'D', xid);
    pgoutput_build_number(b, oid, 4);
    pgoutput_build_tuple(b, old_kind, old);
}

static inline void pgoutput_build_truncate(struct buf *b, uint32_t xid,
                                           const uint32_t *oids, uint32_t count)
{
    pgoutput_build_head(b, 'T', xid);
    pgoutput_build_number(b, count, 4);
    buf_byte(b, 0);
    for (uint32_t i = 0; i < count; i++)
        pgoutput_build_number(b, oids[i], 4);
}

/* ---- the rest ------------------------------------------------------------------------ */

static inline void pgoutput_build_message(struct buf *b, uint32_t xid, bool transactional,
                                          uint64_t lsn, const char *prefix,
                                          const char *content)
{
    pgoutput_build_head(b, 'M', xid);
    buf_byte(b, transactional ? 1 : 0);
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_text(b, prefix);
    pgoutput_build_number(b, strlen(content), 4);
    buf_cstr(b, content);
}

static inline void pgoutput_build_origin(struct buf *b, uint64_t lsn, const char *name)
{
    buf_byte(b, 'O');
    pgoutput_build_number(b, lsn, 8);
    pgoutput_build_text(b, name);
}

static inline void pgoutput_build_type(struct buf *b, uint32_t xid, uint32_t oid,
                                       const char *name)
{
    pgoutput_build_head(b, 'Y', xid);
    pgoutput_build_number(b, oid, 4);
    pgoutput_build_text(b, "public");
    pgoutput_build_text(b, name);
}

#endif
