/* SPDX-License-Identifier: MIT
 *
 * step - from text to text: the frame around every step's run().
 */
#include "steps/step.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/config_text.h"

const char *const step_source_required[] = {"source_id", NULL};

static wf_status step_run(const struct cdc_step *step, struct step_call *call,
                          struct buf *out, wf_error *err)
{
    wf_status status = step->run(call, out, err);
    return status ? status : buf_status(out, "output", err);
}

wf_status step_execute(const struct cdc_step *step, const struct step_context *context,
                       wf_str name, wf_str config, const wf_sink *output, wf_error *err)
{
    CDC_CLEANUP(config_text_free) cJSON *parsed = NULL;
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    wf_status status = config_text_parse(config, &parsed, err);
    if (!status) {
        struct step_call call = {.context = context, .name = name, .config = parsed};
        status = step_run(step, &call, &out, err);
        settings_memory_release(&call.memory);
    }
    if (status) {
        error_prefix(err, "%s \"%.*s\"", step->about.type, STR_ARG(name));
        return status;
    }
    return output->write(output->ctx, out.data, out.len);
}

wf_status step_inputs(struct step_call *call, const struct cdc_option *rows, void *target,
                      wf_error *err)
{
    const struct cdc_option_target targets[] = {{rows, target}};
    return option_fill(call->config, "", true, targets, 1, &call->memory, err);
}

void step_source_release(struct step_source *source)
{
    if (source->source)
        registry_return(source->registry, source->source);
    source->source = NULL;
}

wf_status step_source_borrow(const struct step_call *call, wf_str source_id,
                             struct step_source *out, wf_error *err)
{
    if (!source_id.len)
        return error_set(err, WF_CONFIG, "source_id is required");
    out->registry = call->context->sources;
    return registry_borrow(out->registry, source_id, &out->source, err);
}
