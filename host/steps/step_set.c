/* SPDX-License-Identifier: MIT
 *
 * step.set - puts values into the pipeline's data.
 *
 *     config  {values: {greeting: "hello ${ name }", tries: 3}}
 *     out     {"greeting": "hello Ada", "tries": 3}
 */
#include "base/error.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/problems.h"

struct step_set {
    wf_str name;
    struct template_tree *values;
};

static void step_set_free(void *step)
{
    struct step_set *self = step;
    if (!self)
        return;
    template_tree_free(self->values);
    free(self);
}

static void *step_set_create(const struct definition *def)
{
    const struct value *values = value_get(def->config, STR("values"));
    if (!values || values->kind != VALUE_MAP || values->map.count == 0) {
        problems_add(def->problems, def->node, "values",
                     "set step \"%.*s\": 'values' map is required and must not be empty",
                     STR_ARG(def->name));
        return NULL;
    }
    struct step_set *self = calloc(1, sizeof *self);
    wf_error err;
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    if (template_tree_compile(values, "values", &self->values, &err)) {
        problems_add(def->problems, def->node, "values", "%s", err.text);
        step_set_free(self);
        return NULL;
    }
    return self;
}

static wf_status step_set_run(void *step, struct run *run, struct step_result *out,
                              wf_error *err)
{
    const struct step_set *self = step;
    if (template_tree_eval(self->values, &run->scope, run->arena, &out->output, err))
        return error_prefix(err, "set step \"%.*s\": failed to resolve values",
                            STR_ARG(self->name));
    return WF_OK;
}

static const struct config_key step_set_keys[] = {
    {"values", "map", true, true, "what to set; at least one key"},
    {0},
};

const struct step_type step_set_type = {
    .type = "step.set",
    .summary = "Puts values into the pipeline's data.",
    .keys = step_set_keys,
    .create = step_set_create,
    .run = step_set_run,
    .free = step_set_free,
};
