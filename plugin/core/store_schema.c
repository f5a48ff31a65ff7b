/* SPDX-License-Identifier: MIT
 *
 * store_schema - the versions a table's schema had.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/core/store.h"
#include "plugin/core/store_sql.h"

static wf_status store_schema_put(struct cdc_store *store, wf_str source_id, wf_str table,
                                  wf_str ddl, wf_str position, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SCHEMA_ADD, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, table);
    store_sql_text(&call, 3, ddl);
    store_sql_text(&call, 4, position);
    store_sql_now(&call, 5);
    return store_sql_run(&call, err);
}

/* Where jobs make and drop tables all day the history would grow for ever. */
static wf_status store_schema_trim(struct cdc_store *store, wf_str source_id, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SCHEMA_TRIM, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_i64(&call, 2, LIMIT_SCHEMAS);
    return store_sql_run(&call, err);
}

wf_status store_schema_add(struct cdc_store *store, wf_str source_id, wf_str table,
                           wf_str ddl, wf_str position, wf_error *err)
{
    wf_status status = store_schema_put(store, source_id, table, ddl, position, err);
    return status ? status : store_schema_trim(store, source_id, err);
}

static void store_schema_row(struct store_call *call, struct json_writer *json)
{
    json_open(json, NULL, '{');
    json_str(json, "table", store_sql_column(call, 0));
    json_i64(json, "version", store_sql_column_i64(call, 1));
    json_str(json, "ddl", store_sql_column(call, 2));
    json_str(json, "position", store_sql_column(call, 3));
    json_str(json, "applied_at", store_sql_column(call, 4));
    json_close(json, '}');
}

wf_status store_schema_list(struct cdc_store *store, wf_str source_id, wf_str table,
                            struct buf *out_json, uint64_t *out_count, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_SCHEMA_LIST, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, table);
    size_t before = out_json->len;
    uint64_t count = 0;
    struct json_writer json = json_writer_of(out_json);
    json_open(&json, NULL, '[');
    for (; store_sql_row(&call); count++)
        store_schema_row(&call, &json);
    json_close(&json, ']');
    status = store_sql_done(&call, err);
    if (!status)
        status = buf_status(out_json, "schema history", err);
    if (status)
        out_json->len = before;
    else
        *out_count = count;
    return status;
}
