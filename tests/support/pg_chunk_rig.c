/* SPDX-License-Identifier: MIT
 *
 * pg_chunk_rig - see the header.
 */
#include "tests/support/pg_chunk_rig.h"

#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"

struct pg_chunk_rig pg_chunks;

void pg_chunk_rig_open(void)
{
    pg_chunks.reader = calloc(1, pg_snapshot_reader.size);
    ck_assert_ptr_nonnull(pg_chunks.reader);
    wf_status status = pg_snapshot_reader.open(pg_chunks.reader, &pg_chunks.state,
                                               &pg_chunks.settings, &pg_chunks.err);
    ck_assert_msg(!status, "%s", status ? pg_chunks.err.text : "");
}

void pg_chunk_rig_close(void)
{
    if (pg_chunks.reader) {
        pg_snapshot_reader.close(pg_chunks.reader);
        free(pg_chunks.reader);
    }
    pg_chunks.reader = NULL;
}

void pg_chunk_rig_begin(void)
{
    pg_rig_begin(NULL);
}

void pg_chunk_rig_setup(void)
{
    pg_rig_setup();
    memset(&pg_chunks.state, 0, sizeof pg_chunks.state);
    pg_commits_open(&pg_chunks.state.commits);
    pg_chunks.options =
        (struct pg_options){.connect_timeout_ms = 10000, .publication = STR("pub")};
    pg_chunks.settings = (struct cdc_settings){.connection = str_from(pg_rig_connection()),
                                               .source_id = STR("snap"),
                                               .options = &pg_chunks.options};
    pg_chunks.settings.tables.items = pg_chunks.patterns;
    buf_init(&pg_chunks.rows, PG_CHUNK_RIG_TEXT);
    buf_init(&pg_chunks.identities, PG_CHUNK_RIG_TEXT);
    buf_init(&pg_chunks.place, 1u << 20);
    pg_chunks.row_count = 0;
    pg_chunks.full_after = 0;
    pg_chunk_rig_open();
}

void pg_chunk_rig_teardown(void)
{
    pg_chunk_rig_close();
    buf_release(&pg_chunks.rows);
    buf_release(&pg_chunks.identities);
    buf_release(&pg_chunks.place);
    pg_rig_teardown();
}

static wf_status pg_chunk_rig_take(void *ctx, struct cdc_table *table,
                                   const struct cdc_value *values, wf_str identity,
                                   wf_error *err)
{
    (void)err;
    ck_assert_ptr_eq(ctx, &pg_chunks.rows);
    struct cdc_change change = {
        .op = CDC_READ, .table = table, .after = values, .ts_us = CDC_NO_TIME};
    struct render_origin origin = {.header = STR_EMPTY};
    CDC_CLEANUP(buf_release) struct buf event;
    buf_init(&event, PG_CHUNK_RIG_TEXT);
    wf_str key, after;
    render_event(&event, &origin, &change, &key);
    ck_assert(json_member(buf_view(&event), "after", &after));
    buf_str(&pg_chunks.rows, after);
    buf_byte(&pg_chunks.rows, '\n');
    buf_str(&pg_chunks.identities, identity.len ? identity : key);
    buf_byte(&pg_chunks.identities, '\n');
    pg_chunks.row_count++;
    return pg_chunks.full_after && pg_chunks.row_count % pg_chunks.full_after == 0
               ? CDC_FULL
               : WF_OK;
}

wf_status pg_chunk_rig_try(const char *table, const char *where, uint32_t most)
{
    struct cdc_chunk_request request = {
        .table = str_from(table),
        .where = str_from(where),
        .after = buf_view(&pg_chunks.place),
        .max_rows = most,
        .ctx = &pg_chunks.rows,
        .row = pg_chunk_rig_take,
    };
    CDC_CLEANUP(buf_release) struct buf after;
    buf_init(&after, 1u << 20);
    struct cdc_chunk_result result = {&after, false};
    wf_status status =
        pg_snapshot_reader.read_chunk(pg_chunks.reader, &request, &result, &pg_chunks.err);
    if (status)
        return status;
    pg_chunks.done = result.done;
    buf_clear(&pg_chunks.place);
    buf_str(&pg_chunks.place, buf_view(&after));
    return WF_OK;
}

void pg_chunk_rig_chunk(const char *table, uint32_t most)
{
    size_t before = pg_chunks.row_count;
    wf_status status = pg_chunk_rig_try(table, NULL, most);
    ck_assert_msg(!status, "%s", status ? pg_chunks.err.text : "");
    ck_assert_uint_le(pg_chunks.row_count - before, most);
}

void pg_chunk_rig_forget(void)
{
    buf_clear(&pg_chunks.rows);
    buf_clear(&pg_chunks.identities);
    buf_clear(&pg_chunks.place);
    pg_chunks.row_count = 0;
}

/* All chunks of a table. */
void pg_chunk_rig_all(const char *table, uint32_t most)
{
    pg_chunk_rig_forget();
    for (pg_chunks.done = false; !pg_chunks.done;) {
        size_t before = pg_chunks.row_count;
        pg_chunk_rig_chunk(table, most);
        ck_assert(pg_chunks.done || pg_chunks.row_count > before ||
                  str_find(buf_view(&pg_chunks.place), STR("leaf")) > 0);
    }
}

void pg_chunk_rig_expect(const char *expected)
{
    ck_assert_str_eq(buf_c(&pg_chunks.rows), expected);
}

static void *pg_chunk_rig_read(void *arg)
{
    struct pg_chunk_rig_background *b = arg;
    b->status = pg_chunk_rig_try("public.t", NULL, 10);
    atomic_store(&b->ended, true);
    return NULL;
}

void pg_chunk_rig_start(struct pg_chunk_rig_background *b)
{
    *b = (struct pg_chunk_rig_background){.status = WF_OK};
    ck_assert_int_eq(pthread_create(&b->thread, NULL, pg_chunk_rig_read, b), 0);
}

wf_status pg_chunk_rig_join(struct pg_chunk_rig_background *b)
{
    pthread_join(b->thread, NULL);
    return b->status;
}
