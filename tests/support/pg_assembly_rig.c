/* SPDX-License-Identifier: MIT
 *
 * pg_assembly_rig - writes down all that an assembly says.
 */
#include "tests/support/pg_assembly_rig.h"

#include <check.h>

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/temp.h"

/* ---- a stream ------------------------------------------------------------------------ */

void rig_stream_init(struct rig_stream *stream)
{
    *stream = (struct rig_stream){0};
    buf_init(&stream->bytes, LIMIT_OUTPUT_BYTES);
}

void rig_stream_release(struct rig_stream *stream)
{
    buf_release(&stream->bytes);
}

struct buf *rig_send(struct rig_stream *stream)
{
    ck_assert_uint_lt(stream->count, RIG_MESSAGES);
    return &stream->bytes;
}

void rig_sent(struct rig_stream *stream)
{
    ck_assert_int_eq(stream->bytes.broken, WF_OK);
    stream->ends[stream->count] = stream->bytes.len;
    stream->lsns[stream->count] = stream->count + 1;
    stream->count++;
}

void rig_stream_stop(struct rig_stream *stream)
{
    pgoutput_build_stream_stop(rig_send(stream));
    rig_sent(stream);
}

wf_str rig_stream_at(const struct rig_stream *stream, size_t i)
{
    size_t begin = i ? stream->ends[i - 1] : 0;
    return (wf_str){stream->bytes.data + begin, stream->ends[i] - begin};
}

/* ---- what it says -------------------------------------------------------------------- */

static uint64_t pg_assembly_rig_random(struct pg_assembly_rig *rig)
{
    rig->random ^= rig->random << 13;
    rig->random ^= rig->random >> 7;
    rig->random ^= rig->random << 17;
    return rig->random;
}

static void pg_assembly_rig_value(struct buf *out, const struct cdc_value *value)
{
    switch (value->kind) {
    case CDC_VALUE_NULL:
        buf_lit(out, "null");
        break;
    case CDC_VALUE_UNCHANGED:
        buf_lit(out, "unchanged");
        break;
    case CDC_VALUE_INT:
        buf_i64(out, value->integer);
        break;
    case CDC_VALUE_UINT:
        buf_u64(out, value->uinteger);
        break;
    case CDC_VALUE_BOOL:
        buf_cstr(out, value->integer ? "true" : "false");
        break;
    default:
        buf_byte(out, '\'');
        buf_str(out, value->text);
        buf_byte(out, '\'');
        break;
    }
}

static void pg_assembly_rig_row(struct buf *out, const char *name,
                                const struct cdc_table *table,
                                const struct cdc_value *values)
{
    if (!values)
        return;
    buf_printf(out, " %s(", name);
    bool comma = false;
    for (size_t i = 0; i < table->count; i++) {
        if (values[i].kind == CDC_VALUE_ABSENT)
            continue;
        buf_cstr(out, comma ? " " : "");
        buf_str(out, table->columns[i].name);
        buf_byte(out, '=');
        pg_assembly_rig_value(out, &values[i]);
        comma = true;
    }
    buf_byte(out, ')');
}

static void pg_assembly_rig_bytes(struct buf *out, const char *name, wf_str bytes)
{
    if (!bytes.len)
        return;
    buf_printf(out, " %s=", name);
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] > ' ' && bytes.ptr[i] <= '~')
            buf_byte(out, bytes.ptr[i]);
        else
            buf_printf(out, "\\%02x", (unsigned char)bytes.ptr[i]);
}

static wf_status pg_assembly_rig_emit(void *ctx, const struct cdc_change *change,
                                      wf_error *err)
{
    struct pg_assembly_rig *rig = ctx;
    (void)err;
    if (pg_assembly_rig_random(rig) % 100 < rig->full) {
        rig->refused++;
        return CDC_FULL;
    }
    struct buf *out = &rig->lines;
    buf_str(out, change->id);
    buf_byte(out, ' ');
    buf_str(out, change_op_text(change->op));
    if (change->table) {
        buf_byte(out, ' ');
        buf_str(out, change->table->name);
        pg_assembly_rig_row(out, "before", change->table, change->before);
        pg_assembly_rig_row(out, "after", change->table, change->after);
    }
    pg_assembly_rig_bytes(out, "identity", change->identity);
    pg_assembly_rig_bytes(out, "old_identity", change->old_identity);
    pg_assembly_rig_bytes(out, "ddl", change->ddl);
    pg_assembly_rig_bytes(out, "prefix", change->prefix);
    pg_assembly_rig_bytes(out, "content", change->content);
    buf_printf(out, " [%.*s %.*s %llu", STR_ARG(change->position), STR_ARG(change->txid),
               (unsigned long long)change->seq);
    if (change->ts_us != CDC_NO_TIME)
        buf_printf(out, " %lld", (long long)(change->ts_us - PGOUTPUT_BUILD_EPOCH_US));
    buf_lit(out, "]\n");
    rig->changes++;
    return WF_OK;
}

static void pg_assembly_rig_commit(void *ctx, wf_str position)
{
    struct pg_assembly_rig *rig = ctx;
    /* Not ck_assert(), which allocates, perhaps while a test counts allocations. */
    if (rig->token_count == RIG_TOKENS || position.len >= PG_POSITION_TEXT)
        abort();
    struct rig_token *token = &rig->tokens[rig->token_count++];
    memcpy(token->text, position.ptr, position.len);
    token->text[position.len] = '\0';
    token->changes = rig->changes;
}

static void pg_assembly_rig_mark(void *ctx, uint64_t mark)
{
    struct pg_assembly_rig *rig = ctx;
    buf_printf(&rig->events, "mark %llX after %zu\n", (unsigned long long)mark,
               rig->changes);
}

static bool pg_assembly_rig_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    struct pg_assembly_rig *rig = ctx;
    (void)table;
    return !(rig->unwanted & (1u << op));
}

static wf_status pg_assembly_rig_schema(void *ctx, wf_str table, wf_str ddl,
                                        wf_str position, wf_error *err)
{
    struct pg_assembly_rig *rig = ctx;
    (void)err;
    buf_printf(&rig->schemas, "%.*s: %.*s @%.*s\n", STR_ARG(table), STR_ARG(ddl),
               STR_ARG(position));
    return WF_OK;
}

static void pg_assembly_rig_notice(void *ctx, enum log_level level, const char *text)
{
    struct pg_assembly_rig *rig = ctx;
    (void)level;
    buf_printf(&rig->events, "notice %s\n", text);
}

static void pg_assembly_rig_committed(void *ctx, uint32_t xid)
{
    struct pg_assembly_rig *rig = ctx;
    buf_printf(&rig->events, "committed %u after %zu\n", (unsigned)xid, rig->changes);
}

static void pg_assembly_rig_schema_changed(void *ctx)
{
    struct pg_assembly_rig *rig = ctx;
    buf_lit(&rig->events, "schema changed\n");
}

static wf_status pg_assembly_rig_ask(void *ctx, uint32_t oid,
                                     wf_status (*use)(void *user,
                                                      const struct pg_type_facts *facts,
                                                      wf_error *err),
                                     void *user, wf_error *err)
{
    (void)ctx, (void)oid, (void)use, (void)user, (void)err;
    return WF_OK; /* there are none */
}

static wf_status pg_assembly_rig_key(void *ctx, uint32_t relation,
                                     void (*use)(void *user, wf_str column), void *user,
                                     wf_error *err)
{
    struct pg_assembly_rig *rig = ctx;
    (void)relation, (void)err;
    wf_str rest = str_from(rig->primary_key);
    for (wf_str column; str_next(&rest, ' ', &column);)
        use(user, column);
    return WF_OK;
}

/* ---- life ---------------------------------------------------------------------------- */

void pg_assembly_rig_open(struct pg_assembly_rig *rig, const char *from)
{
    struct pg_position position;
    wf_error err;
    ck_assert(pg_position_parse(str_from(from), &position));
    rig->settings.options = &rig->options;
    rig->catalog =
        (struct pg_catalog){{rig, pg_assembly_rig_ask}, pg_assembly_rig_key, rig};
    rig->out = (struct cdc_emitter){.ctx = rig,
                                    .emit = pg_assembly_rig_emit,
                                    .commit = pg_assembly_rig_commit,
                                    .mark_reached = pg_assembly_rig_mark,
                                    .wanted = pg_assembly_rig_wanted,
                                    .schema = pg_assembly_rig_schema,
                                    .notice = pg_assembly_rig_notice};
    rig->random = rig->random ? rig->random : 1;
    buf_init(&rig->lines, LIMIT_OUTPUT_BYTES);
    buf_init(&rig->schemas, LIMIT_OUTPUT_BYTES);
    buf_init(&rig->events, LIMIT_OUTPUT_BYTES);
    ck_assert_int_eq(pg_relation_list_new(&rig->catalog, &rig->relations, &err), WF_OK);
    ck_assert_int_eq(pg_spool_new(temp_dir(), 0, &rig->spool, &err), WF_OK);
    struct pg_assembly_config config = {.out = &rig->out,
                                        .settings = &rig->settings,
                                        .relations = rig->relations,
                                        .spool = rig->spool,
                                        .committed = pg_assembly_rig_committed,
                                        .schema_changed = pg_assembly_rig_schema_changed,
                                        .ctx = rig};
    ck_assert_int_eq(pg_assembly_new(&config, &position, &rig->assembly, &err), WF_OK);
}

void pg_assembly_rig_close(struct pg_assembly_rig *rig)
{
    pg_assembly_free(rig->assembly);
    pg_spool_free(rig->spool);
    pg_relation_list_free(rig->relations);
    buf_release(&rig->lines);
    buf_release(&rig->schemas);
    buf_release(&rig->events);
}

/* ---- feeding ------------------------------------------------------------------------- */

wf_status pg_assembly_rig_feed(struct pg_assembly_rig *rig, wf_str bytes, wf_error *err)
{
    for (int attempt = 0; attempt < 100000; attempt++) {
        uint32_t budget = rig->budget ? rig->budget : 1000000;
        wf_status status = pg_assembly_take(rig->assembly, bytes, 0, &budget, err);
        if (status != CDC_FULL)
            return status;
        ck_assert(rig->full || rig->budget);
    }
    ck_abort_msg("a message is never done");
}

void pg_assembly_rig_feed_all(struct pg_assembly_rig *rig, const struct rig_stream *stream,
                              size_t first)
{
    for (size_t i = first; i < stream->count; i++) {
        wf_error err = {0};
        /* A copy of its own size, so that a sanitizer sees a read behind its end. */
        wf_str bytes = rig_stream_at(stream, i);
        char *copy = malloc(bytes.len);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes.ptr, bytes.len);
        wf_status status = pg_assembly_rig_feed(rig, (wf_str){copy, bytes.len}, &err);
        free(copy);
        ck_assert_msg(status == WF_OK, "message %zu ('%c'): %s", i, bytes.ptr[0], err.text);
    }
}

const char *pg_assembly_rig_lines(struct pg_assembly_rig *rig)
{
    return buf_c(&rig->lines);
}

const char *pg_assembly_rig_lines_from(const char *lines, size_t changes)
{
    for (; changes; changes--)
        lines = strchr(lines, '\n') + 1;
    return lines;
}

const char *pg_assembly_rig_last_token(const struct pg_assembly_rig *rig)
{
    return rig->token_count ? rig->tokens[rig->token_count - 1].text : "";
}
