/* SPDX-License-Identifier: MIT
 *
 * entry - the exported functions: arguments checked, the configuration parsed, and the
 * tables of sdk/wf_plugin.h in front of what modules/, steps/ and triggers/ make.
 *
 * Whatever a host hands over, the answer is a status; nothing here ends the process.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "manifest_json.h"
#include "plugin/context.h"
#include "plugin/core/config_text.h"

WF_EXPORT wf_str wf_plugin_manifest(void);
WF_EXPORT wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err);
WF_EXPORT void wf_plugin_close(wf_plugin *plugin);

wf_str wf_plugin_manifest(void)
{
    return (wf_str){manifest_json, manifest_json_len};
}

wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err)
{
    if (!host || !out)
        return error_set(err, WF_CONFIG, "wf_plugin_open: an argument is NULL");
    if (host->size < offsetof(wf_host, ctx) + sizeof host->ctx)
        return error_set(err, WF_CONFIG,
                         "wf_plugin_open: the host's table has %u bytes, that is "
                         "less than any version of it",
                         host->size);
    return context_new(host, out, err);
}

void wf_plugin_close(wf_plugin *plugin)
{
    context_free(plugin);
}

/* ---- what all factories check -------------------------------------------------------- */

#define ENTRY_NAME_BYTES 1024

static wf_status entry_check(const wf_plugin *plugin, wf_str name, const void *out,
                             wf_error *err)
{
    if (!plugin || !out)
        return error_set(err, WF_CONFIG, "an argument is NULL");
    if (name.len > ENTRY_NAME_BYTES)
        return error_set(err, WF_CONFIG, "the name has %zu bytes, at most %d are possible",
                         name.len, ENTRY_NAME_BYTES);
    if (!str_is_utf8(name))
        return error_set(err, WF_CONFIG, "the name is not UTF-8");
    return WF_OK;
}

/* ---- modules ------------------------------------------------------------------------- */

struct entry_module {
    struct context_object object;
    wf_module table;
    struct module_source *module;
};

static void entry_module_end(struct context_object *object)
{
    struct entry_module *self = CDC_CONTAINER(object, struct entry_module, object);
    context_remove(object);
    module_source_free(self->module);
    free(self);
}

static wf_status entry_module_init(void *self, wf_error *err)
{
    return module_source_init(((struct entry_module *)self)->module, err);
}

static wf_status entry_module_start(void *self, wf_error *err)
{
    return module_source_start(((struct entry_module *)self)->module, err);
}

static wf_status entry_module_stop(void *self, wf_error *err)
{
    return module_source_stop(((struct entry_module *)self)->module, err);
}

static void entry_module_cancel(void *self)
{
    module_source_cancel(((struct entry_module *)self)->module);
}

static void entry_module_destroy(void *self)
{
    if (self)
        entry_module_end(&((struct entry_module *)self)->object);
}

WF_EXPORT wf_status new_module_cdc_source(wf_plugin *plugin, wf_str name, wf_str config,
                                          const wf_module **out, wf_error *err);

wf_status new_module_cdc_source(wf_plugin *plugin, wf_str name, wf_str config,
                                const wf_module **out, wf_error *err)
{
    wf_status status = entry_check(plugin, name, out, err);
    if (status) {
        error_prefix(err, "cdc.source");
        return status;
    }
    cJSON *parsed = NULL;
    status = config_text_parse(config, &parsed, err);
    if (status) {
        error_prefix(err, "cdc.source \"%.*s\"", STR_ARG(name));
        return status;
    }
    struct entry_module *self = calloc(1, sizeof *self);
    if (!self) {
        cJSON_Delete(parsed);
        return error_no_memory(err);
    }
    status = module_source_new(&plugin->sources, catalog_missing, name, parsed,
                               &self->module, err);
    if (status) {
        free(self);
        return status;
    }
    self->table = (wf_module){sizeof self->table, self,
                              entry_module_init,  entry_module_start,
                              entry_module_stop,  entry_module_destroy,
                              entry_module_cancel};
    self->object.end = entry_module_end;
    context_add(plugin, &self->object);
    *out = &self->table;
    return WF_OK;
}

/* ---- steps --------------------------------------------------------------------------- */

struct entry_step {
    struct context_object object;
    wf_step table;
    const struct cdc_step *step;
    char *name;
};

static void entry_step_end(struct context_object *object)
{
    struct entry_step *self = CDC_CONTAINER(object, struct entry_step, object);
    context_remove(object);
    free(self->name);
    free(self);
}

static void entry_step_destroy(void *self)
{
    if (self)
        entry_step_end(&((struct entry_step *)self)->object);
}

static wf_status entry_step_execute(void *self, const wf_step_input *in,
                                    const wf_sink *output, int32_t *out_stop, wf_error *err)
{
    const struct entry_step *step = self;
    wf_str name = str_from(step->name);
    bool has_config = in && in->size >= offsetof(wf_step_input, config) + sizeof in->config;
    if (!output || !output->write)
        return error_set(err, WF_CONFIG, "%s \"%s\": there is no output to write to",
                         step->step->about.type, step->name);
    wf_status status = step_execute(step->step, &step->object.plugin->steps, name,
                                    has_config ? in->config : STR_EMPTY, output, err);
    if (!status && out_stop)
        *out_stop = 0;
    return status;
}

/* A configuration may hold templates, so it is looked at when the step is executed; here
 * only whether it is one. */
static wf_status entry_new_step(const struct cdc_step *step, wf_plugin *plugin, wf_str name,
                                wf_str config, const wf_step **out, wf_error *err)
{
    wf_status status = entry_check(plugin, name, out, err);
    if (!status)
        status = config_text_check(config, err);
    if (status) {
        error_prefix(err, "%s", step->about.type);
        return status;
    }
    struct entry_step *self = calloc(1, sizeof *self);
    char *copy = str_dup(name);
    if (!self || !copy) {
        free(self);
        free(copy);
        return error_no_memory(err);
    }
    self->step = step;
    self->name = copy;
    self->table =
        (wf_step){sizeof self->table, self, entry_step_execute, entry_step_destroy};
    self->object.end = entry_step_end;
    context_add(plugin, &self->object);
    *out = &self->table;
    return WF_OK;
}

#define ENTRY_STEPS(X)                                                                     \
    X(start)                                                                               \
    X(stop)                                                                                \
    X(status)                                                                              \
    X(snapshot)                                                                            \
    X(schema_history)                                                                      \
    X(backpressure)                                                                        \
    X(monitor)

#define X(kind)                                                                            \
    WF_EXPORT wf_status new_step_cdc_##kind(wf_plugin *plugin, wf_str name, wf_str config, \
                                            const wf_step **out, wf_error *err);           \
    wf_status new_step_cdc_##kind(wf_plugin *plugin, wf_str name, wf_str config,           \
                                  const wf_step **out, wf_error *err)                      \
    {                                                                                      \
        return entry_new_step(&step_##kind, plugin, name, config, out, err);               \
    }
ENTRY_STEPS(X)
#undef X

/* ---- triggers ------------------------------------------------------------------------ */

struct entry_trigger {
    struct context_object object;
    wf_trigger table;
    struct trigger_cdc *trigger;
};

static bool entry_trigger_is_inside(const struct context_object *object)
{
    const struct entry_trigger *self = CDC_CONTAINER(object, struct entry_trigger, object);
    return trigger_cdc_is_inside(self->trigger);
}

static void entry_trigger_end(struct context_object *object)
{
    struct entry_trigger *self = CDC_CONTAINER(object, struct entry_trigger, object);
    /* While its callbacks may run it is in the list, for context_free() to find them. */
    trigger_cdc_stop(self->trigger, NULL);
    context_remove(object);
    trigger_cdc_free(self->trigger);
    free(self);
}

static wf_status entry_trigger_start(void *self, wf_error *err)
{
    return trigger_cdc_start(((struct entry_trigger *)self)->trigger, err);
}

static wf_status entry_trigger_stop(void *self, wf_error *err)
{
    return trigger_cdc_stop(((struct entry_trigger *)self)->trigger, err);
}

static void entry_trigger_destroy(void *self)
{
    struct entry_trigger *trigger = self;
    if (!trigger)
        return;
    /* Against the contract, but no reason for harm: it ends with the plugin. */
    if (trigger_cdc_is_inside(trigger->trigger))
        trigger_cdc_stop(trigger->trigger, NULL);
    else
        entry_trigger_end(&trigger->object);
}

WF_EXPORT wf_status new_trigger_cdc(wf_plugin *plugin, wf_str config,
                                    const wf_callback *callback, const wf_trigger **out,
                                    wf_error *err);

wf_status new_trigger_cdc(wf_plugin *plugin, wf_str config, const wf_callback *callback,
                          const wf_trigger **out, wf_error *err)
{
    wf_status status = entry_check(plugin, STR_EMPTY, out, err);
    if (!status && (!callback || !callback->fire))
        status = error_set(err, WF_CONFIG, "there is no callback");
    CDC_CLEANUP(config_text_free) cJSON *parsed = NULL;
    if (!status)
        status = config_text_parse(config, &parsed, err);
    if (status) {
        error_prefix(err, "trigger.cdc");
        return status;
    }
    struct entry_trigger *self = calloc(1, sizeof *self);
    if (!self)
        return error_no_memory(err);
    status = trigger_cdc_new(&plugin->sources, &plugin->triggers, parsed, callback,
                             &self->trigger, err);
    if (status) {
        free(self);
        return status;
    }
    self->table = (wf_trigger){sizeof self->table, self, entry_trigger_start,
                               entry_trigger_stop, entry_trigger_destroy};
    self->object.end = entry_trigger_end;
    self->object.is_inside = entry_trigger_is_inside;
    context_add(plugin, &self->object);
    *out = &self->table;
    return WF_OK;
}
