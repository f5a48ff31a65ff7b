/* SPDX-License-Identifier: MIT
 *
 * step.cdc_start - makes sure that a source runs.
 *
 *   in   {"source_id":"orders"} and, for a new source, what cdc.source takes
 *   out  {"source_id":"orders","action":"started","state":"running"}
 */
#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/source_config.h"
#include "providers/provider.h"
#include "steps/step.h"

static wf_status step_start_report(struct cdc_source *source, struct buf *out)
{
    struct cdc_status now;
    source_status(source, &now);
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    json_str(&w, "source_id", source->id);
    json_cstr(&w, "action", "started");
    json_cstr(&w, "state", lifecycle_state_text(now.phase));
    json_close(&w, '}');
    return WF_OK;
}

/* It is still registered, so that its status can be seen, but it does nothing any more. */
static bool step_start_has_failed(struct cdc_source *source)
{
    struct cdc_status now;
    source_status(source, &now);
    return now.phase == LIFECYCLE_FAILED;
}

/* A source that was stopped is started again as it was. */
static wf_status step_start_again(struct step_call *call, wf_str source_id, wf_error *err)
{
    wf_error why = {.code = WF_OK};
    wf_status status = registry_restart(call->context->sources, source_id, &why);
    if (status == WF_NOT_FOUND) {
        struct cdc_settings *settings = NULL;
        status = source_config_parse(call->config, call->context->sources->providers,
                                     call->context->missing, &settings, err);
        settings_free(settings);
        if (!status) /* cannot be: there is no provider in the configuration */
            return error_set(err, WF_NOT_FOUND, "%s", why.text);
        wf_error first = err ? *err : why;
        return error_set(err, status, "%s (and no running module: %s)", first.text,
                         why.text);
    }
    if (status)
        error_set(err, status, "connect: %s", why.text);
    return status;
}

static wf_status step_start_new(struct step_call *call, wf_error *err)
{
    struct cdc_settings *settings;
    wf_status status = source_config_parse(call->config, call->context->sources->providers,
                                           call->context->missing, &settings, err);
    if (!status) {
        status = source_config_complete(settings, err);
        if (status)
            settings_free(settings);
    }
    if (status) {
        error_prefix(err, "create provider");
        return status;
    }
    status = registry_start(call->context->sources, settings, STR_EMPTY, err);
    if (status)
        error_prefix(err, "connect");
    return status;
}

static wf_status step_start_run(struct step_call *call, struct buf *out, wf_error *err)
{
    struct cdc_settings top = {.provider = NULL};
    wf_status status = step_inputs(call, settings_top_options, &top, err);
    if (status)
        return status;
    CDC_CLEANUP(step_source_release) struct step_source source = {NULL, NULL};
    status = step_source_borrow(call, top.source_id, &source, err);
    if (!status && step_start_has_failed(source.source))
        status = registry_stop(call->context->sources, top.source_id, false, NULL, err);
    else if (status != WF_NOT_FOUND)
        return status ? status : step_start_report(source.source, out);
    if (status && status != WF_NOT_FOUND)
        return status;
    step_source_release(&source);

    status = top.provider_name.len ? step_start_new(call, err)
                                   : step_start_again(call, top.source_id, err);
    wf_error ignored;
    wf_status found = step_source_borrow(call, top.source_id, &source, &ignored);
    /* WF_STATE and yet registered: somebody else has started it at the same time. */
    if (status && !(status == WF_STATE && !found))
        return status;
    if (found)
        return error_set(err, found, "status: %s", ignored.text);
    return step_start_report(source.source, out);
}

static const struct cdc_output step_start_outputs[] = {
    {"source_id", "string", "The source"},
    {"action", "string", "started"},
    {"state", "string",
     "What the source is doing: running, paused, snapshot, configured or error"},
    {NULL, NULL, NULL},
};

const struct cdc_step step_start = {
    .about =
        {
            .type = "step.cdc_start",
            .label = "CDC Start",
            .summary = "Starts a source, or does nothing when it runs; with only "
                       "source_id, starts "
                       "one again that was stopped",
            .inputs = settings_top_options,
            .required = step_source_required,
            .outputs = step_start_outputs,
            .takes_options = true,
        },
    .run = step_start_run,
};
