/* SPDX-License-Identifier: MIT
 *
 * pgoutput - takes the messages of the logical replication protocol apart.
 *
 * Numbers are big-endian, texts end with a NUL, times are microseconds since 2000-01-01
 * UTC.  In brackets: there only between a stream start and a stream stop.
 *
 *     B  lsn:8 time:8 xid:4
 *     C  flags:1 lsn:8 end:8 time:8
 *     O  lsn:8 name
 *     R  [xid:4] oid:4 schema table identity:1 count:2 { flags:1 name type:4 modifier:4 }
 *     Y  [xid:4] oid:4 schema name
 *     I  [xid:4] oid:4 'N' tuple
 *     U  [xid:4] oid:4 { 'K' | 'O' tuple }? 'N' tuple
 *     D  [xid:4] oid:4 'K' | 'O' tuple
 *     T  [xid:4] count:4 flags:1 { oid:4 }
 *     M  [xid:4] flags:1 lsn:8 prefix len:4 content
 *     S  xid:4 first:1                      E  (nothing)
 *     c  xid:4 flags:1 lsn:8 end:8 time:8   A  xid:4 subxid:4 { lsn:8 time:8 }?
 *     b  lsn:8 end:8 time:8 xid:4 gid       P K p  flags:1 and then as b
 *     r  flags:1 lsn:8 end:8 prepare-time:8 time:8 xid:4 gid
 *     tuple: count:2 { 'n' | 'u' | ('t' | 'b') len:4 bytes }
 *
 * PostgreSQL documentation, "Logical Replication Message Formats".
 */
#include "providers/postgres/pgoutput.h"

#include "base/compiler.h"
#include "base/error.h"

#define PGOUTPUT_EPOCH_US INT64_C(946684800000000) /* 2000-01-01 in Unix time */

/* The bytes that are left, and the first thing found wrong with those before. */
struct pgoutput_parser {
    struct reader rest;
    bool in_stream;
    const char *wrong;
    const uint8_t *where;
};

static void pgoutput_wrong(struct pgoutput_parser *p, const char *what)
{
    if (!p->wrong && !p->rest.short_read) {
        p->wrong = what;
        p->where = p->rest.at;
    }
}

static int64_t pgoutput_time(struct pgoutput_parser *p)
{
    int64_t time = (int64_t)reader_u64(&p->rest);
    int64_t unix_time;
    if (__builtin_add_overflow(time, PGOUTPUT_EPOCH_US, &unix_time)) {
        pgoutput_wrong(p, "a time out of range");
        return 0;
    }
    return unix_time;
}

/* Flags that are 0 today: a server that sets one means something we would miss. */
static void pgoutput_no_flags(struct pgoutput_parser *p)
{
    if (reader_u8(&p->rest))
        pgoutput_wrong(p, "flags that have no meaning");
}

static void pgoutput_block_xid(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    if (p->in_stream)
        out->xid = reader_u32(&p->rest);
}

/* ---- rows ---------------------------------------------------------------------------- */

bool pgoutput_next_column(struct reader *rest, struct pgoutput_column *out)
{
    if (reader_left(rest) == 0)
        return false;
    char kind = (char)reader_u8(rest);
    wf_str text = {NULL, 0};
    if (kind == 't' || kind == 'b')
        text = reader_str(rest, reader_u32(rest));
    else if (kind != 'n' && kind != 'u')
        return false;
    if (rest->short_read)
        return false;
    out->kind = kind;
    out->text = text;
    return true;
}

static void pgoutput_tuple(struct pgoutput_parser *p, struct pgoutput_tuple *out)
{
    out->columns = reader_u16(&p->rest);
    const uint8_t *begin = p->rest.at;
    struct pgoutput_column column;
    for (unsigned i = 0; i < out->columns; i++) {
        if (CDC_LIKELY(pgoutput_next_column(&p->rest, &column)))
            continue;
        if (reader_left(&p->rest))
            pgoutput_wrong(p, "a column of a kind that does not exist");
        p->rest.short_read = true;
        return;
    }
    out->raw = (wf_str){(const char *)begin, (size_t)(p->rest.at - begin)};
}

static void pgoutput_insert(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->relation = reader_u32(&p->rest);
    if (reader_u8(&p->rest) != 'N')
        pgoutput_wrong(p, "no new row");
    pgoutput_tuple(p, &out->row);
}

static void pgoutput_old(struct pgoutput_parser *p, struct pgoutput_message *out,
                         uint8_t kind)
{
    out->has_old = true;
    out->old_is_key = kind == 'K';
    pgoutput_tuple(p, &out->old);
}

static void pgoutput_update(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->relation = reader_u32(&p->rest);
    uint8_t kind = reader_u8(&p->rest);
    if (kind == 'K' || kind == 'O') {
        pgoutput_old(p, out, kind);
        kind = reader_u8(&p->rest);
    }
    if (kind != 'N')
        pgoutput_wrong(p, "no new row");
    pgoutput_tuple(p, &out->row);
}

static void pgoutput_delete(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->relation = reader_u32(&p->rest);
    uint8_t kind = reader_u8(&p->rest);
    if (kind != 'K' && kind != 'O')
        pgoutput_wrong(p, "no old row");
    pgoutput_old(p, out, kind);
}

static void pgoutput_truncate(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->count = reader_u32(&p->rest);
    out->flags = reader_u8(&p->rest);
    if (out->flags & ~3u)
        pgoutput_wrong(p, "flags that have no meaning");
    /* Not count * 4: a size_t may have 32 bits. */
    if (reader_left(&p->rest) / 4 < out->count)
        p->rest.short_read = true;
    else
        out->relations = reader_str(&p->rest, (size_t)out->count * 4);
}

/* ---- what rows are of ---------------------------------------------------------------- */

bool pgoutput_next_field(struct reader *rest, struct pgoutput_field *out)
{
    if (reader_left(rest) == 0)
        return false;
    struct pgoutput_field field = {0};
    field.key = reader_u8(rest) & 1;
    field.name = reader_cstr(rest);
    field.type = reader_u32(rest);
    field.modifier = (int32_t)reader_u32(rest);
    if (rest->short_read)
        return false;
    *out = field;
    return true;
}

static void pgoutput_relation(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->relation = reader_u32(&p->rest);
    out->schema = reader_cstr(&p->rest);
    out->table = reader_cstr(&p->rest);
    out->replica_identity = (char)reader_u8(&p->rest);
    if (!out->replica_identity || !strchr("dnfi", out->replica_identity))
        pgoutput_wrong(p, "a replica identity that does not exist");
    out->count = reader_u16(&p->rest);
    const uint8_t *begin = p->rest.at;
    struct pgoutput_field field;
    for (uint32_t i = 0; i < out->count; i++)
        if (!pgoutput_next_field(&p->rest, &field)) {
            p->rest.short_read = true;
            return;
        }
    out->content = (wf_str){(const char *)begin, (size_t)(p->rest.at - begin)};
}

static void pgoutput_type(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->relation = reader_u32(&p->rest);
    out->schema = reader_cstr(&p->rest);
    out->table = reader_cstr(&p->rest);
}

static void pgoutput_origin(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    out->lsn = reader_u64(&p->rest);
    out->name = reader_cstr(&p->rest);
}

static void pgoutput_logical(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    pgoutput_block_xid(p, out);
    out->flags = reader_u8(&p->rest);
    if (out->flags & ~1u)
        pgoutput_wrong(p, "flags that have no meaning");
    out->lsn = reader_u64(&p->rest);
    out->name = reader_cstr(&p->rest);
    out->content = reader_str(&p->rest, reader_u32(&p->rest));
}

/* ---- transactions -------------------------------------------------------------------- */

static void pgoutput_begin(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    out->lsn = reader_u64(&p->rest);
    out->ts_us = pgoutput_time(p);
    out->xid = reader_u32(&p->rest);
}

static void pgoutput_commit(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    if (out->kind == PGOUTPUT_STREAM_COMMIT)
        out->xid = reader_u32(&p->rest);
    pgoutput_no_flags(p);
    out->lsn = reader_u64(&p->rest);
    out->end_lsn = reader_u64(&p->rest);
    out->ts_us = pgoutput_time(p);
}

static void pgoutput_stream_start(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    out->xid = reader_u32(&p->rest);
    out->first_segment = reader_u8(&p->rest) != 0;
}

static void pgoutput_stream_stop(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    (void)p;
    (void)out;
}

static void pgoutput_stream_abort(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    out->xid = reader_u32(&p->rest);
    out->subxid = reader_u32(&p->rest);
    if (reader_left(&p->rest)) {
        out->lsn = reader_u64(&p->rest);
        out->ts_us = pgoutput_time(p);
    }
}

static void pgoutput_prepared(struct pgoutput_parser *p, struct pgoutput_message *out)
{
    if (out->kind != PGOUTPUT_BEGIN_PREPARE)
        pgoutput_no_flags(p);
    out->lsn = reader_u64(&p->rest);
    out->end_lsn = reader_u64(&p->rest);
    out->ts_us = pgoutput_time(p);
    if (out->kind == PGOUTPUT_ROLLBACK_PREPARED)
        out->ts_us = pgoutput_time(p); /* the first was the prepare's */
    out->xid = reader_u32(&p->rest);
    out->name = reader_cstr(&p->rest);
}

/* ---- which is which ------------------------------------------------------------------ */

struct pgoutput_form {
    void (*parse)(struct pgoutput_parser *p, struct pgoutput_message *out);
    bool in_block; /* may stand between a stream start and a stream stop */
    bool outside;  /* may stand elsewhere */
};

static const struct pgoutput_form pgoutput_forms[256] = {
    [PGOUTPUT_BEGIN] = {pgoutput_begin, false, true},
    [PGOUTPUT_COMMIT] = {pgoutput_commit, false, true},
    [PGOUTPUT_ORIGIN] = {pgoutput_origin, true, true},
    [PGOUTPUT_RELATION] = {pgoutput_relation, true, true},
    [PGOUTPUT_TYPE] = {pgoutput_type, true, true},
    [PGOUTPUT_INSERT] = {pgoutput_insert, true, true},
    [PGOUTPUT_UPDATE] = {pgoutput_update, true, true},
    [PGOUTPUT_DELETE] = {pgoutput_delete, true, true},
    [PGOUTPUT_TRUNCATE] = {pgoutput_truncate, true, true},
    [PGOUTPUT_MESSAGE] = {pgoutput_logical, true, true},
    [PGOUTPUT_STREAM_START] = {pgoutput_stream_start, false, true},
    [PGOUTPUT_STREAM_STOP] = {pgoutput_stream_stop, true, false},
    [PGOUTPUT_STREAM_COMMIT] = {pgoutput_commit, false, true},
    [PGOUTPUT_STREAM_ABORT] = {pgoutput_stream_abort, false, true},
    [PGOUTPUT_BEGIN_PREPARE] = {pgoutput_prepared, false, true},
    [PGOUTPUT_PREPARE] = {pgoutput_prepared, false, true},
    [PGOUTPUT_COMMIT_PREPARED] = {pgoutput_prepared, false, true},
    [PGOUTPUT_ROLLBACK_PREPARED] = {pgoutput_prepared, false, true},
    [PGOUTPUT_STREAM_PREPARE] = {pgoutput_prepared, false, true},
};

static wf_status pgoutput_unknown(uint8_t kind, bool in_stream, wf_error *err)
{
    if (!pgoutput_forms[kind].parse)
        return error_set(err, WF_PROTOCOL,
                         "the server sent a logical replication message of a kind that is "
                         "not known (byte 0x%02X)",
                         kind);
    return error_set(err, WF_PROTOCOL,
                     "the server sent the logical replication message '%c' %s a block of a "
                     "running transaction",
                     kind, in_stream ? "inside" : "outside");
}

wf_status pgoutput_parse(wf_str bytes, bool in_stream, struct pgoutput_message *out,
                         wf_error *err)
{
    struct pgoutput_parser p = {.rest = reader_of(bytes.ptr, bytes.len),
                                .in_stream = in_stream};
    if (!bytes.len)
        return error_set(err, WF_PROTOCOL,
                         "the server sent an empty logical replication message");
    uint8_t kind = reader_u8(&p.rest);
    const struct pgoutput_form *form = &pgoutput_forms[kind];
    if (CDC_UNLIKELY(in_stream ? !form->in_block : !form->outside))
        return pgoutput_unknown(kind, in_stream, err);

    struct pgoutput_message message = {.kind = (enum pgoutput_kind)kind};
    form->parse(&p, &message);
    if (reader_left(&p.rest))
        pgoutput_wrong(&p, "bytes behind its end");
    if (CDC_UNLIKELY(p.wrong != NULL))
        return error_set(err, WF_PROTOCOL,
                         "the server sent a logical replication message '%c' of %zu bytes "
                         "with %s, before byte %zu",
                         kind, bytes.len, p.wrong,
                         (size_t)(p.where - (const uint8_t *)bytes.ptr));
    if (CDC_UNLIKELY(p.rest.short_read))
        return error_set(err, WF_PROTOCOL,
                         "the server sent a logical replication message '%c' that is cut "
                         "short after %zu bytes",
                         kind, bytes.len);
    *out = message;
    return WF_OK;
}
