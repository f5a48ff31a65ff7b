/* SPDX-License-Identifier: MIT
 *
 * module_source - cdc.source over the registry, which owns what is running.
 */
#include "modules/module_source.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/source_config.h"
#include "providers/provider.h"

struct module_source {
    struct cdc_registry *sources;
    const struct cdc_missing *missing;
    char *name;
    cJSON *config;                 /* each start makes settings of its own from it */
    struct cdc_settings *settings; /* for init, and the id */
    bool started;                  /* stop has something to do */
    _Atomic bool cancelled;        /* starts are not wanted, until a stop */
};

static wf_status module_source_prefix(const struct module_source *module, wf_status status,
                                      wf_error *err)
{
    error_prefix(err, "cdc.source \"%s\"", module->name);
    return status;
}

static wf_status module_source_parse(const struct module_source *module,
                                     struct cdc_settings **out, wf_error *err)
{
    wf_status status = source_config_parse(module->config, module->sources->providers,
                                           module->missing, out, err);
    return status ? module_source_prefix(module, status, err) : WF_OK;
}

wf_status module_source_new(struct cdc_registry *sources, const struct cdc_missing *missing,
                            wf_str name, cJSON *config, struct module_source **out,
                            wf_error *err)
{
    struct module_source *module = calloc(1, sizeof *module);
    if (!module) {
        cJSON_Delete(config);
        return error_no_memory(err);
    }
    *module =
        (struct module_source){.sources = sources, .missing = missing, .config = config};
    module->name = str_dup(name);
    wf_status status = module->name ? module_source_parse(module, &module->settings, err)
                                    : error_no_memory(err);
    if (status) {
        module_source_free(module);
        return status;
    }
    *out = module;
    return WF_OK;
}

void module_source_free(struct module_source *module)
{
    if (!module)
        return;
    module_source_stop(module, NULL);
    settings_free(module->settings);
    cJSON_Delete(module->config);
    free(module->name);
    free(module);
}

wf_status module_source_init(struct module_source *module, wf_error *err)
{
    wf_status status = source_config_complete(module->settings, err);
    return status ? module_source_prefix(module, status, err) : WF_OK;
}

static wf_status module_source_end(struct module_source *module, wf_error *err)
{
    if (!module->started)
        return WF_OK;
    wf_status status = registry_stop_owned(module->sources, module->settings->source_id,
                                           str_from(module->name), err);
    if (!status)
        module->started = false;
    return status;
}

wf_status module_source_start(struct module_source *module, wf_error *err)
{
    wf_status status = module_source_init(module, err);
    struct cdc_settings *settings;
    if (!status)
        status = module_source_parse(module, &settings, err);
    if (status)
        return status;
    wf_error why = {.code = WF_OK};
    status = registry_start_unless(module->sources, settings, str_from(module->name),
                                   &module->cancelled, &why);
    module->started |= !status; /* a start that was refused leaves what runs running */
    if (atomic_load(&module->cancelled)) {
        wf_status stopped = module_source_end(module, err);
        return stopped ? stopped
                       : error_set(err, WF_CANCELLED, "cdc.source \"%s\": start cancelled",
                                   module->name);
    }
    if (!status)
        return WF_OK;
    /* Only the conflict is the module's own word; what a connection says comes as it is. */
    bool conflict =
        status == WF_STATE && str_ends(str_from(why.text), STR("already registered"));
    return conflict ? error_set(err, status, "cdc.source \"%s\": register: %s",
                                module->name, why.text)
                    : error_set(err, status, "%s", why.text);
}

wf_status module_source_stop(struct module_source *module, wf_error *err)
{
    wf_status status = module_source_end(module, err);
    atomic_store(&module->cancelled, false);
    return status;
}

void module_source_cancel(struct module_source *module)
{
    atomic_store(&module->cancelled, true);
    registry_cancel(module->sources, module->settings->source_id, str_from(module->name));
}

static const char *const module_source_required[] = {"provider", "source_id", NULL};

const struct cdc_description module_source_about = {
    .type = "cdc.source",
    .label = "CDC Source",
    .summary = "Captures the changes of a database, for triggers that name its source_id",
    .inputs = settings_top_options,
    .required = module_source_required,
    .takes_options = true,
};
