/* SPDX-License-Identifier: MIT
 *
 * plugin_types - modules, steps and triggers of plugins, for the rest of the host.
 */
#include "host/plugin_types.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/pipeline.h"
#include "host/plugin.h"
#include "host/plugin_ask.h"
#include "host/run_memory.h"

static void *plugin_types_no_memory(const struct definition *def)
{
    problems_add(def->problems, def->node, NULL, "out of memory");
    return NULL;
}

/* ---- modules ------------------------------------------------------------------------- */

static wf_status plugin_types_make_module(const struct plugin_ask *ask, wf_str config,
                                          const void **out, wf_error *err)
{
    const struct plugin_type *type = ask->def->origin;
    const wf_module *module = NULL;
    wf_status status =
        type->new_module(type->plugin->context, ask->def->name, config, &module, err);
    *out = module;
    return status;
}

static wf_status plugin_types_check_module(const void *made, wf_error *err)
{
    const wf_module *module = made;
    return WF_HAS(module, init) ? module->init(module->self, err) : WF_OK;
}

static void plugin_types_unmake_module(const void *made)
{
    const wf_module *module = made;
    if (module)
        module->destroy(module->self);
}

static void *plugin_types_new_module(const struct definition *def)
{
    const struct plugin_ask ask = {
        .def = def,
        .make = plugin_types_make_module,
        .check = plugin_types_check_module,
        .unmake = plugin_types_unmake_module,
    };
    CDC_CLEANUP(buf_release) struct buf config;
    return (void *)plugin_ask(&ask, &config);
}

static wf_status plugin_types_init_module(void *self, wf_error *err)
{
    return plugin_types_check_module(self, err);
}

static wf_status plugin_types_start_module(void *self, wf_error *err)
{
    const wf_module *module = self;
    return WF_HAS(module, start) ? module->start(module->self, err) : WF_OK;
}

static wf_status plugin_types_stop_module(void *self, wf_error *err)
{
    const wf_module *module = self;
    return WF_HAS(module, stop) ? module->stop(module->self, err) : WF_OK;
}

static void plugin_types_cancel_module(void *self)
{
    const wf_module *module = self;
    if (WF_HAS(module, cancel))
        module->cancel(module->self);
}

static void plugin_types_free_module(void *self)
{
    plugin_types_unmake_module(self);
}

/* ---- steps --------------------------------------------------------------------------- */

struct plugin_types_step {
    const wf_step *step;
    struct template_tree *config; /* NULL when no string in it has a template */
    char *fixed;                  /* the configuration as JSON, then */
    size_t fixed_len;
};

static void plugin_types_free_step(void *self)
{
    struct plugin_types_step *s = self;
    if (!s)
        return;
    if (s->step)
        s->step->destroy(s->step->self);
    template_tree_free(s->config);
    free(s->fixed);
    free(s);
}

static wf_status plugin_types_make_step(const struct plugin_ask *ask, wf_str config,
                                        const void **out, wf_error *err)
{
    const struct plugin_type *type = ask->def->origin;
    const wf_step *step = NULL;
    wf_status status =
        type->new_step(type->plugin->context, ask->def->name, config, &step, err);
    *out = step;
    return status;
}

static void plugin_types_unmake_step(const void *made)
{
    const wf_step *step = made;
    step->destroy(step->self);
}

/* The configuration for every run. */
static wf_status plugin_types_fill_step(struct plugin_types_step *s,
                                        const struct definition *def, struct buf *config,
                                        wf_error *err)
{
    wf_str json = buf_view(config);
    if (str_find(json, STR("${")) >= 0 || str_find(json, STR("{{")) >= 0)
        return template_tree_compile(def->config, "config", &s->config, err);
    s->fixed_len = json.len;
    s->fixed = buf_take(config);
    return s->fixed ? WF_OK : error_no_memory(err);
}

static void *plugin_types_new_step(const struct definition *def)
{
    const struct plugin_ask ask = {
        .def = def,
        .templated = true,
        .make = plugin_types_make_step,
        .unmake = plugin_types_unmake_step,
    };
    struct plugin_types_step *s = calloc(1, sizeof(*s));
    if (!s)
        return plugin_types_no_memory(def);
    CDC_CLEANUP(buf_release) struct buf config;
    s->step = plugin_ask(&ask, &config);
    wf_error err = {.code = WF_OK};
    wf_status status = s->step ? plugin_types_fill_step(s, def, &config, &err) : WF_CONFIG;
    if (!status)
        return s;
    if (s->step)
        problems_add(def->problems, def->node, NULL, "%s", err.text);
    plugin_types_free_step(s);
    return NULL;
}

static wf_str plugin_types_json(struct buf *out, const struct value *v)
{
    buf_clear(out);
    if (v)
        value_json(out, v);
    return buf_view(out);
}

/* The step's view of the run, rendered into the run's buffers. */
static wf_status plugin_types_input(const struct plugin_types_step *s, struct run *run,
                                    wf_step_input *in, wf_error *err)
{
    struct run_memory *memory = run->memory;
    in->size = sizeof(*in);
    in->config = (wf_str){s->fixed, s->fixed_len};
    if (s->config) {
        const struct value *config;
        wf_status status =
            template_tree_eval(s->config, &run->scope, run->arena, &config, err);
        if (status)
            return status;
        in->config = plugin_types_json(&memory->config, config);
    }
    in->trigger_data = run->trigger_json;
    in->step_outputs = plugin_types_json(&memory->outputs, run->scope.steps);
    in->current = plugin_types_json(&memory->current, run->scope.current);
    in->metadata = plugin_types_json(&memory->metadata, run->scope.meta);
    if (memory->config.broken || memory->outputs.broken || memory->current.broken ||
        memory->metadata.broken)
        return error_set(err, WF_FAILED,
                         "what the run holds is too large for a plugin's step");
    return WF_OK;
}

static wf_status plugin_types_output(struct run *run, const struct value **out,
                                     wf_error *err)
{
    wf_str text = buf_view(&run->memory->result);
    if (!text.len) {
        *out = NULL;
        return WF_OK;
    }
    wf_str kept = arena_str(run->arena, text);
    if (!kept.ptr)
        return error_no_memory(err);
    const struct value *output;
    wf_status status = value_parse(run->arena, kept, "the step's output", &output, err);
    if (status)
        return status;
    if (output->kind != VALUE_MAP && output->kind != VALUE_NULL)
        return error_set(err, WF_FAILED, "the step's output is %s, not a map",
                         node_value_kind(output));
    *out = output->kind == VALUE_MAP ? output : NULL;
    return WF_OK;
}

static wf_status plugin_types_run_step(void *self, struct run *run, struct step_result *out,
                                       wf_error *err)
{
    const struct plugin_types_step *s = self;
    wf_step_input in;
    wf_status status = plugin_types_input(s, run, &in, err);
    if (status)
        return status;
    struct buf *result = &run->memory->result;
    buf_clear(result);
    const wf_sink sink = buf_sink(result);
    int32_t stop = 0;
    status = s->step->execute(s->step->self, &in, &sink, &stop, err);
    if (!status)
        status = buf_status(result, "the step's output", err);
    if (!status)
        status = plugin_types_output(run, &out->output, err);
    out->stop = !status && stop;
    return status;
}

/* ---- triggers ------------------------------------------------------------------------ */

struct plugin_types_trigger {
    const wf_trigger *trigger;
    struct pipeline *pipeline;
};

/* The action is in the event; the engine drops it here, too. */
static wf_status plugin_types_fire(void *ctx, wf_str action, wf_str event_json,
                                   wf_error *err)
{
    (void)action;
    const struct plugin_types_trigger *t = ctx;
    struct pipeline_call call = {.data = event_json};
    return pipeline_run(t->pipeline, &call, err);
}

static void plugin_types_free_trigger(void *self)
{
    struct plugin_types_trigger *t = self;
    if (!t)
        return;
    if (t->trigger)
        t->trigger->destroy(t->trigger->self);
    free(t);
}

static wf_status plugin_types_make_trigger(const struct plugin_ask *ask, wf_str config,
                                           const void **out, wf_error *err)
{
    const struct plugin_type *type = ask->def->origin;
    const wf_callback callback = {ask->ctx, plugin_types_fire};
    const wf_trigger *trigger = NULL;
    wf_status status =
        type->new_trigger(type->plugin->context, config, &callback, &trigger, err);
    *out = trigger;
    return status;
}

static void plugin_types_unmake_trigger(const void *made)
{
    const wf_trigger *trigger = made;
    trigger->destroy(trigger->self);
}

static void *plugin_types_new_trigger(const struct definition *def,
                                      struct pipeline *pipeline)
{
    struct plugin_types_trigger *t = calloc(1, sizeof(*t));
    if (!t)
        return plugin_types_no_memory(def);
    t->pipeline = pipeline;
    const struct plugin_ask ask = {
        .def = def,
        .ctx = t,
        .make = plugin_types_make_trigger,
        .unmake = plugin_types_unmake_trigger,
    };
    CDC_CLEANUP(buf_release) struct buf config;
    t->trigger = plugin_ask(&ask, &config);
    if (t->trigger)
        return t;
    plugin_types_free_trigger(t);
    return NULL;
}

static wf_status plugin_types_start_trigger(void *self, wf_error *err)
{
    const struct plugin_types_trigger *t = self;
    return t->trigger->start(t->trigger->self, err);
}

static wf_status plugin_types_stop_trigger(void *self, wf_error *err)
{
    const struct plugin_types_trigger *t = self;
    return t->trigger->stop(t->trigger->self, err);
}

const struct module_type plugin_types_module = {
    .create = plugin_types_new_module,
    .init = plugin_types_init_module,
    .start = plugin_types_start_module,
    .stop = plugin_types_stop_module,
    .free = plugin_types_free_module,
    .cancel = plugin_types_cancel_module,
};

const struct step_type plugin_types_step = {
    .create = plugin_types_new_step,
    .run = plugin_types_run_step,
    .free = plugin_types_free_step,
};

const struct trigger_type plugin_types_trigger = {
    .create = plugin_types_new_trigger,
    .start = plugin_types_start_trigger,
    .stop = plugin_types_stop_trigger,
    .free = plugin_types_free_trigger,
};
