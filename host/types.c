/* SPDX-License-Identifier: MIT
 *
 * types - looking a type's name up, and saying what there is when it is not there.
 */
#include "host/types.h"

#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/config_check.h"
#include "host/plugin.h"
#include "host/plugin_types.h"

#define TYPES_MAX 512

/* Every name of one kind. */
struct types {
    wf_str names[TYPES_MAX];
    size_t count;
};

static void types_add(struct types *all, wf_str name)
{
    if (all->count < TYPES_MAX)
        all->names[all->count++] = name;
}

static void types_add_builtin(struct types *all, enum plugin_kind kind)
{
    for (size_t i = 0; kind == PLUGIN_MODULE && builtin_modules[i]; i++)
        types_add(all, str_from(builtin_modules[i]->type));
    for (size_t i = 0; kind == PLUGIN_STEP && builtin_steps[i]; i++)
        types_add(all, str_from(builtin_steps[i]->type));
    for (size_t i = 0; kind == PLUGIN_TRIGGER && builtin_triggers[i]; i++)
        types_add(all, str_from(builtin_triggers[i]->type));
}

static void types_add_plugins(struct types *all, enum plugin_kind kind,
                              const struct plugins *plugins)
{
    for (size_t p = 0; plugins && p < plugins_count(plugins); p++) {
        const struct plugin *plugin = plugins_at(plugins, p);
        for (size_t t = 0; t < plugin->type_count; t++)
            if (plugin->types[t].kind == kind)
                types_add(all, plugin->types[t].name);
    }
}

static void types_say_unknown(const struct definition *def, enum plugin_kind kind,
                              wf_str type, const char *key)
{
    static const char *const words[] = {"module", "step", "trigger"};
    struct types all = {.count = 0};
    types_add_builtin(&all, kind);
    types_add_plugins(&all, kind, app_plugins(def->app));

    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    wf_str near = config_check_nearest(type, all.names, all.count);
    if (near.len)
        buf_printf(&text, ", did you mean '%.*s'?", STR_ARG(near));
    else
        buf_lit(&text, "; there are ");
    for (size_t i = 0; i < all.count && !near.len; i++)
        buf_printf(&text, "%s%.*s", i ? ", " : "", STR_ARG(all.names[i]));
    problems_add(def->problems, def->node, key, "unknown %s type '%.*s'%s", words[kind],
                 STR_ARG(type), buf_c(&text));
}

/* The `type` of the entry; empty when it is missing or no string, which has been said. */
static wf_str types_name(const struct definition *def)
{
    const struct node *node = node_get(def->node, "type");
    wf_str type = node_text(node);
    if (!node || node->value->kind == VALUE_NULL)
        problems_add(def->problems, def->node, "type", "is required");
    else if (!type.len)
        problems_add(def->problems, node, NULL, "must be the name of a type, not %s",
                     node_kind_name(node));
    return type;
}

const struct module_type *types_module(struct definition *def)
{
    wf_str type = types_name(def);
    if (!type.len)
        return NULL;
    for (size_t i = 0; builtin_modules[i]; i++)
        if (str_is(type, builtin_modules[i]->type))
            return builtin_modules[i];
    def->origin = plugins_find(app_plugins(def->app), PLUGIN_MODULE, type);
    if (def->origin)
        return &plugin_types_module;
    types_say_unknown(def, PLUGIN_MODULE, type, "type");
    return NULL;
}

const struct step_type *types_step(struct definition *def)
{
    wf_str type = types_name(def);
    if (!type.len)
        return NULL;
    for (size_t i = 0; builtin_steps[i]; i++)
        if (str_is(type, builtin_steps[i]->type))
            return builtin_steps[i];
    def->origin = plugins_find(app_plugins(def->app), PLUGIN_STEP, type);
    if (def->origin)
        return &plugin_types_step;
    types_say_unknown(def, PLUGIN_STEP, type, "type");
    return NULL;
}

const struct trigger_type *types_trigger(struct definition *def, wf_str type,
                                         const char *key)
{
    for (size_t i = 0; builtin_triggers[i]; i++)
        if (str_is(type, builtin_triggers[i]->type))
            return builtin_triggers[i];
    def->origin = plugins_find_trigger(app_plugins(def->app), type);
    if (def->origin)
        return &plugin_types_trigger;
    types_say_unknown(def, PLUGIN_TRIGGER, type, key);
    return NULL;
}
