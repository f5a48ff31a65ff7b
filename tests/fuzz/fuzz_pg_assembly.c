/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a sequence of pgoutput messages: len:2 bytes, each.  A length with its top
 * bit set is a keepalive or, when it is all ones, a new connection.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/reader.h"
#include "base/str.h"
#include "plugin/core/settings.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned fuzz_sum; /* so that every byte is looked at */

static void fuzz_look(wf_str text)
{
    for (size_t i = 0; i < text.len; i++)
        fuzz_sum += (unsigned char)text.ptr[i];
}

static void fuzz_row(const struct cdc_table *table, const struct cdc_value *values)
{
    for (size_t i = 0; values && i < table->count; i++)
        if (values[i].kind >= CDC_VALUE_JSON)
            fuzz_look(values[i].text);
}

static wf_status fuzz_emit(void *ctx, const struct cdc_change *change, wf_error *err)
{
    unsigned *turn = ctx;
    (void)err;
    if (++*turn % 3 == 0)
        return CDC_FULL;
    fuzz_look(change->id);
    fuzz_look(change->identity);
    fuzz_look(change->old_identity);
    fuzz_look(change->ddl);
    fuzz_look(change->content);
    if (change->table) {
        fuzz_look(change->table->name);
        fuzz_row(change->table, change->before);
        fuzz_row(change->table, change->after);
    }
    return WF_OK;
}

static void fuzz_commit(void *ctx, wf_str position)
{
    struct pg_position parsed;
    (void)ctx;
    if (!pg_position_parse(position, &parsed))
        abort();
}

static void fuzz_mark(void *ctx, uint64_t mark)
{
    (void)ctx, (void)mark;
}

static bool fuzz_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx, (void)table, (void)op;
    return true;
}

static wf_status fuzz_schema(void *ctx, wf_str table, wf_str ddl, wf_str position,
                             wf_error *err)
{
    (void)ctx, (void)err;
    fuzz_look(table);
    fuzz_look(ddl);
    fuzz_look(position);
    return WF_OK;
}

static void fuzz_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

static wf_status fuzz_ask(void *ctx, uint32_t oid,
                          wf_status (*use)(void *user, const struct pg_type_facts *facts,
                                           wf_error *err),
                          void *user, wf_error *err)
{
    const struct pg_type_facts facts = {.kind = 'e', .name = STR("public.mood")};
    (void)ctx;
    return oid % 2 ? use(user, &facts, err) : WF_OK;
}

static wf_status fuzz_key(void *ctx, uint32_t relation,
                          void (*use)(void *user, wf_str column), void *user, wf_error *err)
{
    (void)ctx, (void)relation, (void)err;
    use(user, STR("id"));
    return WF_OK;
}

static wf_status fuzz_message(struct pg_assembly *assembly, wf_str bytes)
{
    wf_error err;
    wf_status status = CDC_FULL;
    for (int i = 0; i < 100000 && status == CDC_FULL; i++) {
        uint32_t budget = 2;
        status = pg_assembly_take(assembly, bytes, 1, &budget, &err);
    }
    if (status == CDC_FULL)
        abort(); /* it is never done */
    return status;
}

static void fuzz_feed(struct pg_assembly *assembly, struct reader *rest)
{
    while (reader_left(rest)) {
        uint16_t len = reader_u16(rest);
        if (len == UINT16_MAX) {
            pg_assembly_restart(assembly);
        } else if (len & 0x8000) {
            const struct pg_position position = pg_assembly_position(assembly);
            pg_assembly_passed(assembly, len & 0x7FFF);
            if (pg_assembly_flushable(assembly, &position) > position.flush)
                abort();
        } else if (fuzz_message(assembly, reader_str(rest, len)) != WF_OK) {
            pg_assembly_restart(assembly);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned turn = 0;
    struct pg_options options = {.messages = STR("a*")};
    struct cdc_settings settings = {.options = &options};
    const struct pg_catalog catalog = {{NULL, fuzz_ask}, fuzz_key, NULL};
    const struct cdc_emitter out = {.ctx = &turn,
                                    .emit = fuzz_emit,
                                    .commit = fuzz_commit,
                                    .mark_reached = fuzz_mark,
                                    .wanted = fuzz_wanted,
                                    .schema = fuzz_schema,
                                    .notice = fuzz_notice};
    const struct pg_position from = {.flush = 0x80, .commit = 0x100, .done = 1};
    struct pg_relations *relations = NULL;
    struct pg_spool *spool = NULL;
    struct pg_assembly *assembly = NULL;
    wf_error err;
    if (pg_relation_list_new(&catalog, &relations, &err) ||
        pg_spool_new("/nonexistent", 0, &spool, &err))
        abort();
    const struct pg_assembly_config config = {
        .out = &out, .settings = &settings, .relations = relations, .spool = spool};
    if (pg_assembly_new(&config, &from, &assembly, &err))
        abort();
    struct reader rest = reader_of(data, size);
    fuzz_feed(assembly, &rest);
    pg_assembly_free(assembly);
    pg_spool_free(spool);
    pg_relation_list_free(relations);
    return 0;
}
