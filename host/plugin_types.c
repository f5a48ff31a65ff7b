/* SPDX-License-Identifier: MIT
 *
 * plugin_types - modules, steps and triggers of plugins, for the rest of the host.
 */
#include "host/plugin_types.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/config_check.h"
#include "host/pipeline.h"
#include "host/plugin.h"
#include "host/plugin_schema.h"
#include "host/run_memory.h"

/* The key a plugin's text is about: the first quoted word that is a key of the
 * configuration, or of a map in it ('slot' or 'options.slot'). */
static const struct node *plugin_types_place(const struct definition *def, const char *text)
{
    wf_str rest = str_from(text);
    wf_str before, word;
    while (str_next(&rest, '\'', &before) && str_next(&rest, '\'', &word)) {
        const struct node *at = node_deepest(def->node, word);
        if (word.len && at != def->node)
            return at;
        for (size_t i = 0; i < def->node->count; i++)
            if (word.len && (at = node_find(def->node->children[i], word)))
                return at;
    }
    return def->node;
}

static void plugin_types_refused(const struct definition *def, const wf_error *err)
{
    problems_add(def->problems, plugin_types_place(def, err->text), NULL, "%s", err->text);
}

/* The configuration as JSON, for the factory; an empty view with a problem added on
 * failure. */
static bool plugin_types_config(const struct definition *def, bool templated,
                                struct buf *out)
{
    buf_init(out, LIMIT_CONFIG_BYTES);
    if (!plugin_schema_check(def->origin->schema, def, templated))
        return false;
    value_json(out, def->config);
    wf_error err;
    if (!buf_status(out, "config", &err))
        return true;
    problems_add(def->problems, def->node, NULL, "%s", err.text);
    return false;
}

static void *plugin_types_no_memory(const struct definition *def)
{
    problems_add(def->problems, def->node, NULL, "out of memory");
    return NULL;
}

/* ---- modules ------------------------------------------------------------------------- */

static void *plugin_types_new_module(const struct definition *def)
{
    CDC_CLEANUP(buf_release) struct buf config;
    if (!plugin_types_config(def, false, &config))
        return NULL;
    const struct plugin_type *type = def->origin;
    const wf_module *module = NULL;
    wf_error err = {.code = WF_OK};
    if (type->new_module(type->plugin->context, def->name, buf_view(&config), &module,
                         &err)) {
        plugin_types_refused(def, &err);
        return NULL;
    }
    return (void *)module;
}

static wf_status plugin_types_init_module(void *self, wf_error *err)
{
    const wf_module *module = self;
    return WF_HAS(module, init) ? module->init(module->self, err) : WF_OK;
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

static void plugin_types_free_module(void *self)
{
    const wf_module *module = self;
    if (module)
        module->destroy(module->self);
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

static wf_status plugin_types_fill_step(struct plugin_types_step *s,
                                        const struct definition *def, struct buf *config,
                                        wf_error *err)
{
    const struct plugin_type *type = def->origin;
    wf_str json = buf_view(config);
    wf_status status =
        type->new_step(type->plugin->context, def->name, json, &s->step, err);
    if (status)
        return status;
    if (str_find(json, STR("${")) >= 0 || str_find(json, STR("{{")) >= 0)
        return template_tree_compile(def->config, "config", &s->config, err);
    s->fixed_len = json.len;
    s->fixed = buf_take(config);
    return s->fixed ? WF_OK : error_no_memory(err);
}

static void *plugin_types_new_step(const struct definition *def)
{
    CDC_CLEANUP(buf_release) struct buf config;
    if (!plugin_types_config(def, true, &config))
        return NULL;
    if (def->node->value->kind == VALUE_MAP &&
        !config_check_templates(def->node, def->problems))
        return NULL;
    struct plugin_types_step *s = calloc(1, sizeof(*s));
    if (!s)
        return plugin_types_no_memory(def);
    wf_error err = {.code = WF_OK};
    if (plugin_types_fill_step(s, def, &config, &err)) {
        plugin_types_refused(def, &err);
        plugin_types_free_step(s);
        return NULL;
    }
    return s;
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

static void *plugin_types_new_trigger(const struct definition *def,
                                      struct pipeline *pipeline)
{
    CDC_CLEANUP(buf_release) struct buf config;
    if (!plugin_types_config(def, false, &config))
        return NULL;
    struct plugin_types_trigger *t = calloc(1, sizeof(*t));
    if (!t)
        return plugin_types_no_memory(def);
    t->pipeline = pipeline;
    const struct plugin_type *type = def->origin;
    const wf_callback callback = {t, plugin_types_fire};
    wf_error err = {.code = WF_OK};
    if (type->new_trigger(type->plugin->context, buf_view(&config), &callback, &t->trigger,
                          &err)) {
        plugin_types_refused(def, &err);
        plugin_types_free_trigger(t);
        return NULL;
    }
    return t;
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
