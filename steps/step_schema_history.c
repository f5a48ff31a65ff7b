/* SPDX-License-Identifier: MIT
 *
 * step.cdc_schema_history - the versions a table's schema has had.
 *
 *   in   {"source_id":"orders","table":"main.orders"}
 *   out  {"source_id":"orders","table":"main.orders","history":[{"table":"main.orders",
 *         "version":1,"ddl":"CREATE TABLE ...","applied_at":"2026-11-22T10:00:00.000000Z"}],
 *         "count":1}
 */
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "steps/step.h"

struct step_schema_history_inputs {
    wf_str source_id;
    wf_str table;
};

static const struct cdc_option step_schema_history_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_schema_history_inputs, source_id),
     .help = "The source that captures the table"},
    {.key = "table",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_schema_history_inputs, table),
     .help = "The table, as its events name it"},
    {.key = NULL},
};

static wf_status step_schema_history_report(struct cdc_source *source, wf_str table,
                                            struct buf *out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf history;
    buf_init(&history, LIMIT_OUTPUT_BYTES);
    uint64_t count = 0;
    wf_status status = source_schema_history(source, table, &history, &count, err);
    if (!status)
        status = buf_status(&history, "history", err);
    if (status)
        return status;
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", source->id);
    json_str(&w, "table", table);
    json_raw(&w, "history", buf_view(&history));
    json_u64(&w, "count", count);
    json_close(&w, '}');
    return WF_OK;
}

static wf_status step_schema_history_run(struct step_call *call, struct buf *out,
                                         wf_error *err)
{
    struct step_schema_history_inputs in = {STR_EMPTY, STR_EMPTY};
    wf_status status = step_inputs(call, step_schema_history_options, &in, err);
    if (status)
        return status;
    if (in.source_id.len && !in.table.len)
        return error_set(err, WF_CONFIG, "table is required");
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, in.source_id, &source, err);
    return status ? status : step_schema_history_report(source.source, in.table, out, err);
}

static const char *const step_schema_history_required[] = {"source_id", "table", NULL};

static const struct cdc_output step_schema_history_outputs[] = {
    {"source_id", "string", "The source"},
    {"table", "string", "The table"},
    {"history", "list", "The versions, oldest first: table, version, ddl, applied_at"},
    {"count", "int", "How many there are"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_schema_history = {
    .about =
        {
            .type = "step.cdc_schema_history",
            .label = "CDC Schema History",
            .summary = "Lists the versions of a table's schema",
            .inputs = step_schema_history_options,
            .required = step_schema_history_required,
            .outputs = step_schema_history_outputs,
        },
    .run = step_schema_history_run,
};
