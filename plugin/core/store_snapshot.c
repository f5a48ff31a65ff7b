/* SPDX-License-Identifier: MIT
 *
 * store_snapshot - how far the snapshots of a source have come.
 */
#include "base/error.h"
#include "base/limits.h"
#include "plugin/core/store.h"
#include "plugin/core/store_sql.h"

/* The numbers of a record; the texts follow, packed. */
struct store_snapshot_numbers {
    uint64_t run;
    uint64_t rows;
    int64_t estimated_rows;
    int64_t done;
};

#define STORE_SNAPSHOT_ASKED 2 /* in `done`: a pattern of a run that has not begun */

wf_status store_snapshot_last_run(struct cdc_store *store, wf_str source_id,
                                  uint64_t *out_run, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_LAST_RUN, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    uint64_t run = 0;
    if (store_sql_row(&call))
        run = (uint64_t)store_sql_column_i64(&call, 0);
    status = store_sql_done(&call, err);
    if (!status)
        *out_run = run;
    return status;
}

/* Finished runs are of no use once a later one begins. */
static wf_status store_snapshot_prune(struct cdc_store *store, wf_str source_id,
                                      uint64_t run, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_PRUNE, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_i64(&call, 2, (int64_t)run);
    return store_sql_run(&call, err);
}

static wf_status store_snapshot_write(struct cdc_store *store, wf_str source_id,
                                      const struct store_snapshot *progress, int64_t done,
                                      wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_PUT, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_i64(&call, 2, (int64_t)progress->run);
    store_sql_text(&call, 3, progress->table);
    store_sql_text(&call, 4, progress->where);
    store_sql_blob(&call, 5, progress->after);
    store_sql_i64(&call, 6, (int64_t)progress->rows);
    store_sql_i64(&call, 7, progress->estimated_rows);
    store_sql_i64(&call, 8, done);
    store_sql_now(&call, 9);
    return store_sql_run(&call, err);
}

wf_status store_snapshot_put(struct cdc_store *store, wf_str source_id,
                             const struct store_snapshot *progress, wf_error *err)
{
    bool begins = !progress->rows && !progress->after.len && !progress->done;
    wf_status status = WF_OK;
    if (begins)
        status = store_snapshot_prune(store, source_id, progress->run, err);
    return status ? status
                  : store_snapshot_write(store, source_id, progress, progress->done, err);
}

wf_status store_snapshot_ask(struct cdc_store *store, wf_str source_id,
                             const wf_str *patterns, size_t count, uint64_t *out_run,
                             wf_error *err)
{
    struct store_snapshot ask = {.run = 0};
    wf_status status = store_snapshot_last_run(store, source_id, &ask.run, err);
    ask.run++;
    for (size_t i = 0; !status && i < count; i++) {
        ask.table = patterns[i];
        status = store_snapshot_write(store, source_id, &ask, STORE_SNAPSHOT_ASKED, err);
    }
    if (!status)
        *out_run = ask.run;
    return status;
}

wf_status store_snapshot_begun(struct cdc_store *store, wf_str source_id, uint64_t run,
                               wf_str pattern, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_ASK_DONE, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_i64(&call, 2, (int64_t)run);
    store_sql_text(&call, 3, pattern);
    return store_sql_run(&call, err);
}

static wf_status store_snapshot_collect_asks(struct cdc_store *store, wf_str source_id,
                                             struct buf *records, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_ASKS, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    while (store_sql_row(&call)) {
        uint64_t run = (uint64_t)store_sql_column_i64(&call, 0);
        store_sql_pack(records, (wf_str){(const char *)&run, sizeof run});
        store_sql_pack(records, store_sql_column(&call, 1));
    }
    status = store_sql_done(&call, err);
    return status ? status : buf_status(records, "stored snapshot requests", err);
}

wf_status store_snapshot_asks(struct cdc_store *store, wf_str source_id, void *ctx,
                              wf_status (*row)(void *ctx, uint64_t run, wf_str pattern,
                                               wf_error *err),
                              wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf records;
    buf_init(&records, LIMIT_OUTPUT_BYTES);
    wf_status status = store_snapshot_collect_asks(store, source_id, &records, err);
    wf_str rest = buf_view(&records);
    while (!status && rest.len) {
        uint64_t run;
        memcpy(&run, store_sql_unpack(&rest).ptr, sizeof run);
        status = row(ctx, run, store_sql_unpack(&rest), err);
    }
    return status;
}

static wf_status store_snapshot_collect(struct cdc_store *store, wf_str source_id,
                                        struct buf *records, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SNAPSHOT_OPEN, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    while (store_sql_row(&call)) {
        struct store_snapshot_numbers numbers = {
            .run = (uint64_t)store_sql_column_i64(&call, 0),
            .rows = (uint64_t)store_sql_column_i64(&call, 4),
            .estimated_rows = store_sql_column_i64(&call, 5),
            .done = store_sql_column_i64(&call, 6),
        };
        store_sql_pack(records, (wf_str){(const char *)&numbers, sizeof numbers});
        store_sql_pack(records, store_sql_column(&call, 1));
        store_sql_pack(records, store_sql_column(&call, 2));
        store_sql_pack(records, store_sql_column(&call, 3));
    }
    status = store_sql_done(&call, err);
    return status ? status : buf_status(records, "stored snapshot progress", err);
}

wf_status store_snapshot_open_tables(struct cdc_store *store, wf_str source_id, void *ctx,
                                     wf_status (*row)(void *ctx,
                                                      const struct store_snapshot *progress,
                                                      wf_error *err),
                                     wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf records;
    buf_init(&records, LIMIT_OUTPUT_BYTES);
    wf_status status = store_snapshot_collect(store, source_id, &records, err);
    wf_str rest = buf_view(&records);
    while (!status && rest.len) {
        struct store_snapshot_numbers numbers;
        memcpy(&numbers, store_sql_unpack(&rest).ptr, sizeof numbers);
        struct store_snapshot progress = {
            .run = numbers.run,
            .rows = numbers.rows,
            .estimated_rows = numbers.estimated_rows,
            .done = numbers.done != 0,
        };
        progress.table = store_sql_unpack(&rest);
        progress.where = store_sql_unpack(&rest);
        progress.after = store_sql_unpack(&rest);
        status = row(ctx, &progress, err);
    }
    return status;
}
