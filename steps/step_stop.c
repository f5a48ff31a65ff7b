/* SPDX-License-Identifier: MIT
 *
 * step.cdc_stop - stops a source, and on request takes away what the provider installed.
 *
 *   in   {"source_id":"orders","cleanup":true}
 *   out  {"source_id":"orders","action":"stopped","removed":["trigger cdc_orders_insert"]}
 */
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "steps/step.h"

struct step_stop_inputs {
    wf_str source_id;
    bool cleanup;
};

/* The cleanup is still to come: callbacks run, and the source waits for them. */
static bool step_stop_is_pending(const struct step_call *call, wf_str source_id)
{
    CDC_CLEANUP(step_source_release)
    struct step_source source = {call->context->sources, NULL};
    if (registry_borrow_stopped(source.registry, source_id, &source.source, NULL))
        return false;
    pthread_mutex_lock(&source.source->lock);
    bool pending = source.source->cleanup_wanted;
    pthread_mutex_unlock(&source.source->lock);
    return pending;
}

static void step_stop_report(struct step_call *call, const struct step_stop_inputs *in,
                             wf_str removed, struct buf *out)
{
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", in->source_id);
    json_cstr(&w, "action", "stopped");
    if (in->cleanup || removed.len) {
        bool any = false;
        json_open(&w, in->cleanup ? "removed" : "kept", '[');
        for (wf_str line; str_next(&removed, '\n', &line);) {
            if (!line.len)
                continue;
            json_str(&w, NULL, line);
            any = true;
        }
        json_close(&w, ']');
        if (!any && in->cleanup)
            json_cstr(&w, "message",
                      step_stop_is_pending(call, in->source_id)
                          ? "the cleanup follows when the running workflows have ended"
                          : "nothing is left to remove");
    }
    json_close(&w, '}');
}

static const struct cdc_option step_stop_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_stop_inputs, source_id),
     .help = "The source to stop"},
    {.key = "cleanup",
     .type = CDC_OPTION_BOOL,
     .fallback = "false",
     .offset = offsetof(struct step_stop_inputs, cleanup),
     .help = "Also remove what the provider installed at the database, and forget the "
             "position; "
             "without it a later start goes on where this one ended"},
    {.key = NULL},
};

static wf_status step_stop_run(struct step_call *call, struct buf *out, wf_error *err)
{
    struct step_stop_inputs in = {.cleanup = false};
    wf_status status = step_inputs(call, step_stop_options, &in, err);
    if (status)
        return status;
    if (!in.source_id.len)
        return error_set(err, WF_CONFIG, "source_id is required");
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_OUTPUT_BYTES);
    status = registry_stop(call->context->sources, in.source_id, in.cleanup, &removed, err);
    if (!status)
        status = buf_status(&removed, "removed", err);
    if (status == WF_NOT_FOUND)
        return status;
    if (status) {
        error_prefix(err, "disconnect");
        return status;
    }
    step_stop_report(call, &in, buf_view(&removed), out);
    return WF_OK;
}

static const struct cdc_output step_stop_outputs[] = {
    {"source_id", "string", "The source"},
    {"action", "string", "stopped"},
    {"removed", "list", "With cleanup: what was removed, one text each"},
    {"kept", "list",
     "Without cleanup: what stays at the database and costs something there, one text "
     "each"},
    {"message", "string", "With cleanup, when nothing was removed: why"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_stop = {
    .about =
        {
            .type = "step.cdc_stop",
            .label = "CDC Stop",
            .summary = "Stops a source",
            .inputs = step_stop_options,
            .required = step_source_required,
            .outputs = step_stop_outputs,
        },
    .run = step_stop_run,
};
