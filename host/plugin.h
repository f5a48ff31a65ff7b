/* SPDX-License-Identifier: MIT
 *
 * plugin - finding and loading plugins of the ABI in sdk/wf_plugin.h.
 *
 *     plugins_new -> plugins_add / plugins_search -> plugins_open -> ... -> plugins_free
 *
 * The host knows nothing of a plugin but its manifest: its types, and for every type the
 * fields of its configuration (sdk/README.md has the manifest's form).  A type's factory is
 * found by its name. All functions are [control]; what they give is immutable and lives
 * until plugins_free().
 */
#ifndef HOST_PLUGIN_H
#define HOST_PLUGIN_H

#include "base/log.h"
#include "host/lang/value.h"

enum plugin_kind { PLUGIN_MODULE, PLUGIN_STEP, PLUGIN_TRIGGER };

struct plugin {
    char *path;
    void *handle;
    wf_str manifest_text;
    const struct value *manifest;
    wf_str name, version;
    wf_plugin_open_fn open;
    wf_plugin_close_fn close;
    wf_plugin *context; /* NULL before plugins_open() */
    struct plugin_type *types;
    size_t type_count;
};

struct plugin_type {
    enum plugin_kind kind;
    wf_str name;                /* "cdc.source" */
    const struct value *schema; /* its entry in the manifest, a map */
    const struct plugin *plugin;
    union { /* by kind */
        wf_new_module_fn new_module;
        wf_new_step_fn new_step;
        wf_new_trigger_fn new_trigger;
    };
};

struct plugins;

/* gives; NULL when out of memory. */
struct plugins *plugins_new(void);
/* Closes and unloads.  No object of a plugin's may be left.  NULL is ignored. */
void plugins_free(struct plugins *plugins);

/* Loads one file.  WF_CONFIG: it is no plugin, of another ABI, or has a type that is
 * taken. */
wf_status plugins_add(struct plugins *plugins, const char *path, wf_error *err);
/* Loads what there is: workflow-plugin-*.so beside the executable, every plugin in
 * ../lib/workflow-plugins from there, every plugin in the folders of WF_PLUGIN_PATH.  Files
 * that are no plugins are passed over; a plugin of a name that is loaded already, too.
 * What could not be loaded is a warning. */
wf_status plugins_search(struct plugins *plugins, const struct logger *logger,
                         wf_error *err);
/* Makes every plugin's context.  `host` outlives the plugins. */
wf_status plugins_open(struct plugins *plugins, const wf_host *host, wf_error *err);

size_t plugins_count(const struct plugins *plugins);
const struct plugin *plugins_at(const struct plugins *plugins, size_t index);
/* NULL when no plugin has it. */
const struct plugin_type *plugins_find(const struct plugins *plugins, enum plugin_kind kind,
                                       wf_str type);
/* As the engine resolves an inline trigger: T, "trigger.T" or "T.trigger". */
const struct plugin_type *plugins_find_trigger(const struct plugins *plugins, wf_str type);

/* The name of the factory of a type, as sdk/wf_plugin.h derives it. */
void plugin_factory_name(enum plugin_kind kind, wf_str type, struct buf *out);

#endif
