/* SPDX-License-Identifier: MIT
 *
 * step.json_parse - reads a JSON text that stands in the pipeline's data.
 *
 *     config  {source: "steps.fetch.row.payload", target: order}
 *     out     {"order": {...}}
 */
#include "base/error.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/steps/scope_path.h"

struct step_json_parse {
    wf_str name;
    wf_str source;
    wf_str target;
};

static void *step_json_parse_create(const struct definition *def)
{
    struct step_json_parse *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->source = config_check_text(def->config, "source", STR_EMPTY);
    self->target = config_check_text(def->config, "target", STR_EMPTY);
    if (self->target.len == 0)
        self->target = STR("value");
    return self;
}

static wf_status step_json_parse_run(void *step, struct run *run, struct step_result *out,
                                     wf_error *err)
{
    const struct step_json_parse *self = step;
    const struct value *raw = scope_path_find(&run->scope, self->source);
    if (!raw || raw->kind == VALUE_NULL)
        return error_set(
            err, WF_FAILED,
            "json_parse step \"%.*s\": source \"%.*s\" not found or resolved to nil",
            STR_ARG(self->name), STR_ARG(self->source));
    /* What is no text was parsed before, and passes. */
    const struct value *parsed = raw;
    if (raw->kind == VALUE_STRING &&
        value_parse(run->arena, raw->text, "JSON", &parsed, err)) {
        (void)error_prefix(err,
                           "json_parse step \"%.*s\": failed to parse JSON from \"%.*s\"",
                           STR_ARG(self->name), STR_ARG(self->source));
        return WF_FAILED;
    }
    struct value *output = value_map(run->arena, 1);
    if (!output || !value_set(run->arena, output, self->target, parsed))
        return error_no_memory(err);
    out->output = output;
    return WF_OK;
}

static void step_json_parse_free(void *step)
{
    free(step);
}

static const struct config_key step_json_parse_keys[] = {
    {"source", "string", true, false, "path to the text: 'key', 'steps.name.key', 'a.b'"},
    {"target", "string", false, false, "the output's key (value)"},
    {0},
};

const struct step_type step_json_parse_type = {
    .type = "step.json_parse",
    .summary = "Reads a JSON text that stands in the pipeline's data.",
    .keys = step_json_parse_keys,
    .create = step_json_parse_create,
    .run = step_json_parse_run,
    .free = step_json_parse_free,
};
