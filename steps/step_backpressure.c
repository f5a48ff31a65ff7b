/* SPDX-License-Identifier: MIT
 *
 * step.cdc_backpressure - compares a source's lag with thresholds, or pauses and resumes
 * it.
 *
 *   in   {"source_id":"orders","action":"check","thresholds":{"lag_bytes":1000}}
 *   out  {"source_id":"orders","lag_bytes":0,"lag_seconds":0,"status":"healthy",
 *         "thresholds":{"lag_bytes":1000,"lag_seconds":300}}
 *   in   {"source_id":"orders","action":"throttle"}
 *   out  {"source_id":"orders","action":"throttled","previous_state":"running"}
 */
#include "base/error.h"
#include "base/str.h"
#include "plugin/core/lifecycle.h"
#include "steps/step_thresholds.h"

struct step_backpressure_inputs {
    wf_str source_id;
    wf_str action;
    wf_str thresholds; /* read by step_thresholds_read() */
};

static const struct cdc_option step_backpressure_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = offsetof(struct step_backpressure_inputs, source_id),
     .help = "The source"},
    {.key = "action",
     .type = CDC_OPTION_STRING,
     .fallback = "check",
     .choices = "check|throttle|resume",
     .offset = offsetof(struct step_backpressure_inputs, action),
     .help = "Throttle: read nothing more, but keep the connection"},
    {.key = "thresholds",
     .type = CDC_OPTION_MAP,
     .offset = offsetof(struct step_backpressure_inputs, thresholds),
     .help = "For check: when the lag is critical"},
    {.key = NULL},
};

static wf_status step_backpressure_check(struct step_call *call, struct cdc_source *source,
                                         struct buf *out)
{
    struct monitor_thresholds thresholds = step_thresholds_read(call);
    struct cdc_status now;
    source_status(source, &now);
    struct monitor_lag lag = step_thresholds_lag(&now);
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", source->id);
    step_thresholds_put(&w, lag, monitor_rules_evaluate(lag, thresholds));
    step_thresholds_put_limits(&w, thresholds);
    json_close(&w, '}');
    return WF_OK;
}

static wf_status step_backpressure_pause(struct cdc_source *source, bool pause,
                                         struct buf *out, wf_error *err)
{
    struct cdc_status before;
    if (pause)
        source_status(source, &before);
    wf_status status = source_pause(source, pause, err);
    if (status) {
        error_prefix(err, pause ? "throttle" : "resume");
        return status;
    }
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", source->id);
    json_cstr(&w, "action", pause ? "throttled" : "resumed");
    if (pause)
        json_cstr(&w, "previous_state", lifecycle_state_text(before.phase));
    json_close(&w, '}');
    return WF_OK;
}

static wf_status step_backpressure_run(struct step_call *call, struct buf *out,
                                       wf_error *err)
{
    struct step_backpressure_inputs in = {.action = STR_EMPTY};
    wf_status status = step_inputs(call, step_backpressure_options, &in, err);
    if (status)
        return status;
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, in.source_id, &source, err);
    if (status)
        return status;
    if (!in.action.len || str_is(in.action, "check"))
        return step_backpressure_check(call, source.source, out);
    if (str_is(in.action, "throttle") || str_is(in.action, "resume"))
        return step_backpressure_pause(source.source, str_is(in.action, "throttle"), out,
                                       err);
    return error_set(err, WF_CONFIG,
                     "unknown action \"%.*s\" (valid: check, throttle, resume)",
                     STR_ARG(in.action));
}

static const struct cdc_output step_backpressure_outputs[] = {
    {"source_id", "string", "The source"},
    {"lag_bytes", "int", "check: what is not confirmed yet, in bytes"},
    {"lag_seconds", "int", "check: age of the oldest change that is not confirmed yet"},
    {"status", "string", "check: healthy, warning or critical"},
    {"thresholds", "map", "check: lag_bytes and lag_seconds as they were applied"},
    {"action", "string", "throttle and resume: throttled, resumed"},
    {"previous_state", "string", "throttle: the state before, as in step.cdc_status"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_backpressure = {
    .about =
        {
            .type = "step.cdc_backpressure",
            .label = "CDC Backpressure",
            .summary =
                "Compares a source's lag with thresholds, or pauses and resumes the source",
            .inputs = step_backpressure_options,
            .nested = step_thresholds_nested,
            .required = step_source_required,
            .outputs = step_backpressure_outputs,
        },
    .run = step_backpressure_run,
};
