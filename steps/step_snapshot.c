/* SPDX-License-Identifier: MIT
 *
 * step.cdc_snapshot - asks a running source for the rows that are already there.
 *
 *   in   {"source_id":"orders","tables":["main.orders"]}
 *   out  {"source_id":"orders","action":"snapshot_triggered","tables":["main.orders"]}
 */
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "steps/step.h"

struct step_snapshot_inputs {
    wf_str source_id;
    struct cdc_list tables;
};

static const struct cdc_option step_snapshot_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_snapshot_inputs, source_id),
     .help = "The source to read"},
    {.key = "tables",
     .type = CDC_OPTION_LIST,
     .offset = offsetof(struct step_snapshot_inputs, tables),
     .help =
         "Tables to read, with * and ? as wildcards; none: all that the source captures"},
    {.key = NULL},
};

static wf_status step_snapshot_run(struct step_call *call, struct buf *out, wf_error *err)
{
    struct step_snapshot_inputs in = {.tables = {NULL, 0}};
    wf_status status = step_inputs(call, step_snapshot_options, &in, err);
    if (status)
        return status;
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, in.source_id, &source, err);
    if (!status)
        status = source_snapshot(source.source, in.tables.items, in.tables.count, err);
    if (status)
        return status;
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", in.source_id);
    json_cstr(&w, "action", "snapshot_triggered");
    json_open(&w, "tables", '[');
    for (size_t i = 0; i < in.tables.count; i++)
        json_str(&w, NULL, in.tables.items[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    return WF_OK;
}

static const struct cdc_output step_snapshot_outputs[] = {
    {"source_id", "string", "The source"},
    {"action", "string", "snapshot_triggered"},
    {"tables", "list", "The tables that were asked for; empty: all"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_snapshot = {
    .about =
        {
            .type = "step.cdc_snapshot",
            .label = "CDC Snapshot",
            .summary = "Has the rows that are already there delivered as READ events, "
                       "while changes "
                       "go on",
            .inputs = step_snapshot_options,
            .required = step_source_required,
            .outputs = step_snapshot_outputs,
        },
    .run = step_snapshot_run,
};
