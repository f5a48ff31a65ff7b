/* SPDX-License-Identifier: MIT
 *
 * step.cdc_status - what a source is doing now.
 *
 *   in   {"source_id":"orders"}
 *   out  {"source_id":"orders","state":"running","provider":"sqlite","phase":"streaming",
 *         "lag_bytes":0,"lag_seconds":0,"position":"42","tables":["orders"],
 *         "subscriptions":[{"name":"pipeline:copy","filter":"*","delivered":3,...}],
 *         "events_total":3,"last_event":"2026-11-22T10:00:00.000000Z"}
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/lifecycle.h"
#include "steps/step.h"

struct step_status_inputs {
    wf_str source_id;
};

static void step_status_snapshot(struct json_writer *w,
                                 const struct snapshot_progress *progress)
{
    if (!progress->running)
        return;
    json_open(w, "snapshot", '{');
    json_cstr(w, "table", progress->table);
    json_u64(w, "rows", progress->rows);
    json_i64(w, "estimated_rows", progress->estimated_rows);
    json_u64(w, "tables", progress->tables);
    json_u64(w, "tables_done", progress->tables_done);
    json_close(w, '}');
}

/* Unknown is 0, as upstream. */
static int64_t step_status_known(int64_t lag)
{
    return lag > 0 ? lag : 0;
}

static wf_status step_status_report(struct cdc_source *source, struct buf *out,
                                    wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf position;
    CDC_CLEANUP(buf_release) struct buf tables;
    CDC_CLEANUP(buf_release) struct buf subscriptions;
    CDC_CLEANUP(buf_release) struct buf details;
    buf_init(&position, LIMIT_OUTPUT_BYTES);
    buf_init(&tables, LIMIT_OUTPUT_BYTES);
    buf_init(&subscriptions, LIMIT_OUTPUT_BYTES);
    buf_init(&details, LIMIT_OUTPUT_BYTES);
    struct cdc_status now;
    source_status(source, &now);
    source_details(source, &details);
    source_position(source, &position);
    source_tables_json(source, &tables);
    source_subscriptions_json(source, &subscriptions);
    wf_status status = buf_status(&position, "position", err);
    status = status ? status : buf_status(&tables, "tables", err);
    status = status ? status : buf_status(&subscriptions, "subscriptions", err);
    status = status ? status : buf_status(&details, "details", err);
    if (status)
        return status;

    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", source->id);
    json_cstr(&w, "state", lifecycle_state_text(now.phase));
    json_cstr(&w, "provider", now.provider);
    json_cstr(&w, "phase", lifecycle_phase_text(now.phase));
    json_i64(&w, "lag_bytes", step_status_known(now.lag.bytes));
    json_i64(&w, "lag_seconds", step_status_known(now.lag.seconds));
    if (now.lag.headroom_bytes >= 0)
        json_i64(&w, "headroom_bytes", now.lag.headroom_bytes);
    json_str(&w, "position", buf_view(&position));
    json_raw(&w, "tables", buf_view(&tables));
    json_raw(&w, "subscriptions", buf_view(&subscriptions));
    json_u64(&w, "events_total", now.events_total);
    if (now.last_event_us) {
        char text[CLOCK_TEXT];
        json_str(&w, "last_event", (wf_str){text, clock_rfc3339(now.last_event_us, text)});
    }
    if (now.error.text[0])
        json_cstr(&w, "error", now.error.text);
    if (details.len)
        json_raw(&w, "details", buf_view(&details));
    step_status_snapshot(&w, &now.snapshot);
    json_close(&w, '}');
    return WF_OK;
}

static const struct cdc_option step_status_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_status_inputs, source_id),
     .help = "The source to ask about"},
    {.key = NULL},
};

static wf_status step_status_run(struct step_call *call, struct buf *out, wf_error *err)
{
    struct step_status_inputs in = {STR_EMPTY};
    wf_status status = step_inputs(call, step_status_options, &in, err);
    if (status)
        return status;
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, in.source_id, &source, err);
    return status ? status : step_status_report(source.source, out, err);
}

static const struct cdc_output step_status_outputs[] = {
    {"source_id", "string", "The source"},
    {"state", "string", "configured, running, snapshot, paused, error or stopped"},
    {"provider", "string", "The name of its provider"},
    {"phase", "string",
     "The same more closely: connecting, snapshot, streaming, waiting, paused, "
     "reconnecting, failed "
     "or stopped"},
    {"lag_bytes", "int", "What is not confirmed yet, in bytes; 0 when unknown"},
    {"lag_seconds", "int",
     "Age of the oldest change that is not confirmed yet; 0 when unknown"},
    {"headroom_bytes", "int",
     "How much the database may still write before it drops what is not confirmed; left "
     "out "
     "when there is no limit, or it is not known"},
    {"position", "string",
     "The last confirmed place in the stream, in the provider's own form"},
    {"tables", "list", "The tables it was configured with; empty: all"},
    {"subscriptions", "list",
     "One map per trigger: name, filter, delivered, retried, dead_lettered, behind (events "
     "not yet "
     "delivered), error (the last attempt's, while it is being retried)"},
    {"events_total", "int", "Events read for triggers since the source was made"},
    {"last_event", "string", "When the last event was read; left out before the first"},
    {"details", "map", "What the provider tells beyond that, as its page says"},
    {"error", "string", "Why it is reconnecting or failed; left out when all is well"},
    {"snapshot", "map",
     "While one is running: table, rows, estimated_rows (-1: unknown), tables, "
     "tables_done"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_status = {
    .about =
        {
            .type = "step.cdc_status",
            .label = "CDC Status",
            .summary = "Tells what a source is doing",
            .inputs = step_status_options,
            .required = step_source_required,
            .outputs = step_status_outputs,
        },
    .run = step_status_run,
};
