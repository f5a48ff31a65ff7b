/* SPDX-License-Identifier: MIT
 *
 * store - what survives a restart: opening, positions and subscriptions.  Schema versions,
 * snapshots and dead letters are in store_schema.c, store_snapshot.c and
 * store_dead_letter.c.
 */
#include "plugin/core/store.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/state_dir.h"
#include "plugin/core/store_sql.h"

wf_status store_open(const char *state_dir, struct cdc_store **out, wf_error *err)
{
    wf_status status = state_dir_make(state_dir, err);
    if (status)
        return status;
    struct cdc_store *store = calloc(1, sizeof *store);
    if (!store)
        return error_no_memory(err);
    pthread_mutex_init(&store->lock, NULL);
    status = state_dir_path(state_dir, "state.db", &store->path, err);
    if (!status)
        status = store_sql_open(store, err);
    if (status) {
        store_close(store);
        return status;
    }
    store_changed_by_others(store); /* what is there now is no change */
    *out = store;
    return WF_OK;
}

void store_close(struct cdc_store *store)
{
    if (!store)
        return;
    store_sql_close(store);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

bool store_changed_by_others(struct cdc_store *store)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    if (!store_sql_try(&call, store, STORE_SQL_DATA_VERSION) || !store_sql_row(&call))
        return false;
    int64_t version = store_sql_column_i64(&call, 0);
    bool changed = version != store->data_version;
    store->data_version = version;
    return changed;
}

/* ---- positions ---- */

static wf_status store_position_foreign(struct cdc_store *store, wf_str source_id,
                                        wf_str was, wf_str provider, wf_error *err)
{
    return error_set(err, WF_STATE,
                     "source '%.*s' was read by provider '%.*s' before, and '%.*s' cannot "
                     "go on from there; give it another source_id, or delete its row of "
                     "'position' in '%s'",
                     STR_ARG(source_id), STR_ARG(was), STR_ARG(provider), store->path);
}

wf_status store_position_get(struct cdc_store *store, wf_str source_id, wf_str provider,
                             struct buf *out_position, struct buf *out_identity,
                             wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_POSITION_GET, err);
    if (status)
        return status;
    size_t position_len = out_position->len;
    size_t identity_len = out_identity->len;
    store_sql_text(&call, 1, source_id);
    if (store_sql_row(&call)) {
        wf_str was = store_sql_column(&call, 2);
        if (provider.len && was.len && !str_eq(was, provider))
            return store_position_foreign(store, source_id, was, provider, err);
        buf_str(out_position, store_sql_column(&call, 0));
        buf_str(out_identity, store_sql_column(&call, 1));
    }
    status = store_sql_done(&call, err);
    if (!status)
        status = buf_status(out_position, "stored position", err);
    if (!status)
        status = buf_status(out_identity, "stored identity", err);
    if (status) {
        out_position->len = position_len;
        out_identity->len = identity_len;
    }
    return status;
}

wf_status store_position_put(struct cdc_store *store, wf_str source_id, wf_str provider,
                             wf_str identity, wf_str position, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_POSITION_PUT, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, provider);
    store_sql_text(&call, 3, identity);
    store_sql_blob(&call, 4, position);
    store_sql_now(&call, 5);
    return store_sql_run(&call, err);
}

wf_status store_forget(struct cdc_store *store, wf_str source_id, wf_error *err)
{
    static const enum store_sql statements[] = {
        STORE_SQL_POSITION_FORGET,
        STORE_SQL_SUBSCRIPTION_FORGET,
        STORE_SQL_SNAPSHOT_FORGET,
        STORE_SQL_SCHEMA_FORGET,
    };
    return store_sql_transaction(store, statements, CDC_COUNT(statements), source_id, err);
}

/* ---- subscriptions ---- */

wf_status store_subscription_put(struct cdc_store *store, wf_str source_id, wf_str name,
                                 wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SUBSCRIPTION_PUT, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, name);
    store_sql_now(&call, 3);
    return store_sql_run(&call, err);
}

wf_status store_subscription_drop(struct cdc_store *store, wf_str source_id, wf_str name,
                                  wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SUBSCRIPTION_DROP, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, name);
    return store_sql_run(&call, err);
}

static wf_status store_subscription_collect(struct cdc_store *store, wf_str source_id,
                                            struct buf *records, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SUBSCRIPTION_LIST, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    while (store_sql_row(&call))
        store_sql_pack(records, store_sql_column(&call, 0));
    status = store_sql_done(&call, err);
    return status ? status : buf_status(records, "stored subscriptions", err);
}

wf_status store_subscription_each(struct cdc_store *store, wf_str source_id, void *ctx,
                                  wf_status (*row)(void *ctx, wf_str name, wf_error *err),
                                  wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf records;
    buf_init(&records, LIMIT_OUTPUT_BYTES);
    wf_status status = store_subscription_collect(store, source_id, &records, err);
    wf_str rest = buf_view(&records);
    while (!status && rest.len)
        status = row(ctx, store_sql_unpack(&rest), err);
    return status;
}
