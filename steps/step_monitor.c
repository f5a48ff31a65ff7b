/* SPDX-License-Identifier: MIT
 *
 * step.cdc_monitor - to be run now and then: tells when a source's lag becomes a worry,
 * pauses it when it becomes critical, resumes it when that has passed.
 *
 *   in   {"source_id":"orders","thresholds":{"lag_bytes":1000},"low_water":0.5}
 *   out  {"source_id":"orders","lag_bytes":1200,"lag_seconds":3,"status":"critical",
 *         "alerts_sent":1,"auto_throttled":true,"resumed":false}
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "plugin/core/lifecycle.h"
#include "steps/monitor.h"
#include "steps/step_thresholds.h"

struct step_monitor_inputs {
    wf_str source_id;
    wf_str thresholds; /* read by step_thresholds_read() */
    wf_str topic;
    double low_water;
    bool auto_throttle;
};

/* One look at one source. */
struct step_monitor_look {
    struct step_call *call;
    const struct step_monitor_inputs *in;
    struct cdc_source *source;
    struct monitor_thresholds thresholds;
    struct monitor_lag lag;
    struct monitor_look look;
    struct monitor_state before;
    bool alerted;
    bool throttled;
    bool resumed;
};

static void step_monitor_alert_text(const struct step_monitor_look *now, struct buf *out)
{
    char ts[CLOCK_TEXT];
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_cstr(&w, "type", "cdc.alert");
    json_str(&w, "source_id", now->source->id);
    json_cstr(&w, "previous_status", monitor_rules_text(now->before.told));
    step_thresholds_put(&w, now->lag, now->look.status);
    step_thresholds_put_limits(&w, now->thresholds);
    json_bool(&w, "auto_throttled", now->throttled);
    json_bool(&w, "resumed", now->resumed);
    json_str(&w, "ts", (wf_str){ts, clock_rfc3339(clock_wall_us(), ts)});
    json_close(&w, '}');
}

static wf_status step_monitor_publish(const struct step_monitor_look *now,
                                      const wf_host *host, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf alert;
    CDC_CLEANUP(buf_release) struct buf metadata;
    buf_init(&alert, LIMIT_TEXT_BYTES);
    buf_init(&metadata, LIMIT_TEXT_BYTES);
    step_monitor_alert_text(now, &alert);
    struct json_writer w = json_writer_of(&metadata);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", now->source->id);
    json_cstr(&w, "status", monitor_rules_text(now->look.status));
    json_close(&w, '}');
    wf_status status = buf_status(&alert, "alert", err);
    if (!status)
        status = buf_status(&metadata, "alert", err);
    if (status)
        return status;
    return host->publish(host->ctx, now->in->topic, buf_view(&alert), buf_view(&metadata),
                         err);
}

/* An alert that cannot be sent does not fail the step: what it found out is still worth
 * knowing. */
static void step_monitor_alert(struct step_monitor_look *now)
{
    struct monitor *monitor = now->call->context->monitor;
    const wf_host *host = monitor->host;
    const struct logger *logger = &now->call->context->sources->logger;
    if (!WF_HAS(host, publish)) {
        if (!atomic_exchange(&monitor->mute, true))
            log_line(logger, LOG_WARN,
                     "alerts are not sent, this host has no message bus source=%.*s",
                     STR_ARG(now->source->id));
        return;
    }
    wf_error err = {.code = WF_OK};
    now->alerted = step_monitor_publish(now, host, &err) == WF_OK;
    if (now->alerted)
        return;
    monitor_undo_alert(monitor, now->source->id, now->before.told);
    log_line(logger, LOG_WARN,
             "alert not sent source=%.*s status=%s was=%s topic=%.*s error=%s",
             STR_ARG(now->source->id), monitor_rules_text(now->look.status),
             monitor_rules_text(now->before.told), STR_ARG(now->in->topic), err.text);
}

static void step_monitor_act(struct step_monitor_look *now,
                             const struct monitor_actions *actions)
{
    struct monitor *monitor = now->call->context->monitor;
    wf_error ignored; /* as upstream: auto_throttled says whether it has worked */
    if (actions->pause)
        now->throttled = source_pause(now->source, true, &ignored) == WF_OK;
    if (actions->resume)
        now->resumed = source_pause(now->source, false, &ignored) == WF_OK;
    if ((actions->pause && !now->throttled) || (actions->resume && !now->resumed))
        monitor_undo_pause(monitor, now->source->id, &now->before);
    if (actions->alert)
        step_monitor_alert(now);
}

static void step_monitor_report(const struct step_monitor_look *now, struct buf *out)
{
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", now->source->id);
    step_thresholds_put(&w, now->lag, now->look.status);
    json_i64(&w, "alerts_sent", now->alerted);
    json_bool(&w, "auto_throttled", now->throttled);
    json_bool(&w, "resumed", now->resumed);
    json_close(&w, '}');
}

#define STEP_MONITOR(member) offsetof(struct step_monitor_inputs, member)

static const struct cdc_option step_monitor_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = STEP_MONITOR(source_id),
     .help = "The source to watch"},
    {.key = "thresholds",
     .type = CDC_OPTION_MAP,
     .offset = STEP_MONITOR(thresholds),
     .help = "When the lag is critical"},
    {.key = "topic",
     .type = CDC_OPTION_STRING,
     .fallback = "cdc.alerts",
     .offset = STEP_MONITOR(topic),
     .help = "Where alerts are published, each time the status changes"},
    {.key = "low_water",
     .type = CDC_OPTION_NUMBER,
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .offset = STEP_MONITOR(low_water),
     .help = "A source that the monitor has paused is resumed below this part of the "
             "thresholds"},
    {.key = "auto_throttle",
     .type = CDC_OPTION_BOOL,
     .fallback = "true",
     .offset = STEP_MONITOR(auto_throttle),
     .help = "Pause the source when its lag becomes critical"},
    {.key = NULL},
};

/* Critical without looking at the headroom. */
static bool step_monitor_lags(const struct step_monitor_look *now)
{
    struct monitor_thresholds thresholds = now->thresholds;
    thresholds.headroom = 0;
    return monitor_rules_evaluate(now->lag, thresholds) == MONITOR_CRITICAL;
}

static wf_status step_monitor_run(struct step_call *call, struct buf *out, wf_error *err)
{
    struct step_monitor_inputs in = {.low_water = 0};
    wf_status status = step_inputs(call, step_monitor_options, &in, err);
    if (status)
        return status;
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, in.source_id, &source, err);
    if (status)
        return status;
    struct cdc_status state;
    source_status(source.source, &state);
    struct step_monitor_look now = {
        .call = call,
        .in = &in,
        .source = source.source,
        .thresholds = step_thresholds_read(call),
        .lag = step_thresholds_lag(&state),
    };
    now.look = (struct monitor_look){
        .status = monitor_rules_evaluate(now.lag, now.thresholds),
        .low = monitor_rules_is_low(now.lag, now.thresholds, in.low_water),
        .paused = state.phase == LIFECYCLE_PAUSED,
        /* Pausing heals a lag, and makes a lack of room worse. */
        .auto_throttle = in.auto_throttle && step_monitor_lags(&now),
    };
    struct monitor_actions actions;
    status = monitor_decide(call->context->monitor, now.source->id, &now.look, &actions,
                            &now.before, err);
    if (status)
        return status;
    step_monitor_act(&now, &actions);
    step_monitor_report(&now, out);
    return WF_OK;
}

static const struct cdc_output step_monitor_outputs[] = {
    {"source_id", "string", "The source"},
    {"lag_bytes", "int", "What is not confirmed yet, in bytes"},
    {"lag_seconds", "int", "Age of the oldest change that is not confirmed yet"},
    {"headroom_bytes", "int",
     "How much the database may still write before it drops what is not confirmed; left "
     "out "
     "when there is no limit"},
    {"status", "string", "healthy, warning or critical"},
    {"alerts_sent", "int", "1 when this call has published an alert, else 0"},
    {"auto_throttled", "bool", "This call has paused the source"},
    {"resumed", "bool", "This call has ended the monitor's own pause"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_monitor = {
    .about =
        {
            .type = "step.cdc_monitor",
            .label = "CDC Monitor",
            .summary =
                "Watches a source's lag: alerts when its status changes, pauses when it is "
                "critical, resumes when that has passed",
            .inputs = step_monitor_options,
            .nested = step_thresholds_nested,
            .required = step_source_required,
            .outputs = step_monitor_outputs,
        },
    .run = step_monitor_run,
};
