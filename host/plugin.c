/* SPDX-License-Identifier: MIT
 *
 * plugin - one shared object: loaded, its manifest read, its factories found.
 */
#include "host/plugin.h"

#include <dlfcn.h>
#include <limits.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/plugin_search.h"

struct plugins {
    struct arena arena; /* manifests */
    struct plugin **items;
    size_t count;
};

/* What the manifest calls the types of a kind, and how their factories' names begin. */
static const struct {
    const char *list;
    const char *prefix;
    const char *factory;
} plugin_kinds[] = {
    [PLUGIN_MODULE] = {"modules", "module.", "new_module_"},
    [PLUGIN_STEP] = {"steps", "step.", "new_step_"},
    [PLUGIN_TRIGGER] = {"triggers", "trigger.", "new_trigger_"},
};

struct plugins *plugins_new(void)
{
    struct plugins *plugins = calloc(1, sizeof(*plugins));
    if (plugins)
        arena_init(&plugins->arena, LIMIT_ARENA_BYTES);
    return plugins;
}

static void plugin_unload(struct plugin *plugin)
{
    if (!plugin)
        return;
    if (plugin->context)
        plugin->close(plugin->context);
    if (plugin->handle)
        dlclose(plugin->handle);
    free(plugin->path);
    free(plugin->types);
    free(plugin);
}

static void plugin_cleanup(struct plugin **plugin)
{
    plugin_unload(*plugin);
}

void plugins_free(struct plugins *plugins)
{
    if (!plugins)
        return;
    for (size_t i = plugins->count; i > 0; i--)
        plugin_unload(plugins->items[i - 1]);
    free(plugins->items);
    arena_release(&plugins->arena);
    free(plugins);
}

void plugin_factory_name(enum plugin_kind kind, wf_str type, struct buf *out)
{
    wf_str prefix = str_from(plugin_kinds[kind].prefix);
    if (str_starts(type, prefix))
        type = str_slice(type, prefix.len, type.len);
    buf_cstr(out, plugin_kinds[kind].factory);
    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        buf_byte(out, kept ? c : '_');
    }
}

/* A function pointer of any type from dlsym(); ISO C has no cast for it. */
static bool plugin_symbol(void *handle, const char *name, void *out_function)
{
    void *symbol = dlsym(handle, name);
    memcpy(out_function, &symbol, sizeof(symbol));
    return symbol;
}

static wf_status plugin_add_type(struct plugin *plugin, enum plugin_kind kind,
                                 const struct value *entry, wf_error *err)
{
    const struct value *name =
        entry->kind == VALUE_MAP ? value_get(entry, STR("type")) : entry;
    if (!name || name->kind != VALUE_STRING || !name->text.len)
        return error_set(err, WF_CONFIG, "manifest: an entry of '%s' has no 'type'",
                         plugin_kinds[kind].list);
    static const struct value no_schema = {.kind = VALUE_MAP};
    struct plugin_type *type = &plugin->types[plugin->type_count];
    *type = (struct plugin_type){.kind = kind, .name = name->text, .plugin = plugin};
    type->schema = entry->kind == VALUE_MAP ? entry : &no_schema;

    CDC_CLEANUP(buf_release) struct buf symbol;
    buf_init(&symbol, LIMIT_TEXT_BYTES);
    plugin_factory_name(kind, type->name, &symbol);
    if (!plugin_symbol(plugin->handle, buf_c(&symbol), &type->new_module))
        return error_set(err, WF_CONFIG,
                         "type '%.*s' is in the manifest, but there is no '%s'",
                         STR_ARG(type->name), buf_c(&symbol));
    plugin->type_count++;
    return WF_OK;
}

static const struct value *plugin_types_of(const struct plugin *plugin,
                                           enum plugin_kind kind)
{
    const struct value *list =
        value_get(plugin->manifest, str_from(plugin_kinds[kind].list));
    return list && list->kind == VALUE_LIST ? list : NULL;
}

static wf_status plugin_add_types(struct plugin *plugin, wf_error *err)
{
    size_t count = 0;
    for (int kind = PLUGIN_MODULE; kind <= PLUGIN_TRIGGER; kind++) {
        const struct value *list = plugin_types_of(plugin, (enum plugin_kind)kind);
        count += list ? list->list.count : 0;
    }
    plugin->types = calloc(count + 1, sizeof(*plugin->types));
    if (!plugin->types)
        return error_no_memory(err);
    for (int kind = PLUGIN_MODULE; kind <= PLUGIN_TRIGGER; kind++) {
        const struct value *list = plugin_types_of(plugin, (enum plugin_kind)kind);
        for (size_t i = 0; list && i < list->list.count; i++) {
            wf_status status =
                plugin_add_type(plugin, (enum plugin_kind)kind, list->list.items[i], err);
            if (status)
                return status;
        }
    }
    return WF_OK;
}

static wf_str plugin_manifest_text(const struct plugin *plugin, const char *key)
{
    const struct value *v = value_get(plugin->manifest, str_from(key));
    return v && v->kind == VALUE_STRING ? v->text : STR_EMPTY;
}

static wf_status plugin_read_manifest(struct plugins *plugins, struct plugin *plugin,
                                      wf_error *err)
{
    wf_status status = value_parse(&plugins->arena, plugin->manifest_text, "manifest",
                                   &plugin->manifest, err);
    if (status)
        return status;
    plugin->name = plugin_manifest_text(plugin, "name");
    plugin->version = plugin_manifest_text(plugin, "version");
    if (!plugin->name.len)
        return error_set(err, WF_CONFIG, "manifest: 'name' is missing");
    const struct value *abi = value_get(plugin->manifest, STR("abi"));
    if (!abi || abi->kind != VALUE_INT)
        return error_set(err, WF_CONFIG, "manifest: 'abi' is missing");
    if (abi->integer != WF_ABI_VERSION)
        return error_set(err, WF_CONFIG, "speaks ABI %lld, this host speaks %d",
                         (long long)abi->integer, WF_ABI_VERSION);
    return plugin_add_types(plugin, err);
}

static wf_status plugin_load(struct plugins *plugins, const char *path,
                             struct plugin *plugin, wf_error *err)
{
    plugin->path = realpath(path, NULL);
    if (!plugin->path)
        return error_set(err, WF_CONFIG, "no such file");
    plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin->handle) {
        const char *why = dlerror();
        return error_set(err, WF_CONFIG, "%s", why ? why : "cannot be loaded");
    }
    wf_plugin_manifest_fn manifest;
    if (!plugin_symbol(plugin->handle, "wf_plugin_manifest", &manifest))
        return error_set(err, WF_NOT_FOUND, "no plugin: it has no wf_plugin_manifest");
    if (!plugin_symbol(plugin->handle, "wf_plugin_open", &plugin->open) ||
        !plugin_symbol(plugin->handle, "wf_plugin_close", &plugin->close))
        return error_set(err, WF_CONFIG, "has no wf_plugin_open or no wf_plugin_close");
    plugin->manifest_text = manifest();
    return plugin_read_manifest(plugins, plugin, err);
}

/* WF_STATE: a plugin of that name is loaded already. */
static wf_status plugin_check_new(const struct plugins *plugins,
                                  const struct plugin *plugin, wf_error *err)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (str_eq(plugins->items[i]->name, plugin->name))
            return error_set(err, WF_STATE, "plugin '%.*s' is loaded already, from '%s'",
                             STR_ARG(plugin->name), plugins->items[i]->path);
    for (size_t i = 0; i < plugin->type_count; i++) {
        const struct plugin_type *type = &plugin->types[i];
        const struct plugin_type *taken = plugins_find(plugins, type->kind, type->name);
        if (taken)
            return error_set(err, WF_CONFIG, "type '%.*s' is registered already, by '%s'",
                             STR_ARG(type->name), taken->plugin->path);
    }
    return WF_OK;
}

wf_status plugins_add(struct plugins *plugins, const char *path, wf_error *err)
{
    CDC_CLEANUP(plugin_cleanup) struct plugin *plugin = calloc(1, sizeof(*plugin));
    struct plugin **items =
        realloc(plugins->items, (plugins->count + 1) * sizeof(struct plugin *));
    if (items)
        plugins->items = items;
    if (!plugin || !items)
        return error_no_memory(err);
    wf_error why = {.code = WF_OK};
    wf_status status = plugin_load(plugins, path, plugin, &why);
    if (!status)
        status = plugin_check_new(plugins, plugin, &why);
    if (status)
        return error_set(err, status, "plugin '%s': %s", path, why.text);
    plugins->items[plugins->count++] = plugin;
    plugin = NULL;
    return WF_OK;
}

struct plugin_found {
    struct plugins *plugins;
    const struct logger *logger;
};

static void plugin_found(void *ctx, const char *path)
{
    struct plugin_found *found = ctx;
    wf_error err;
    wf_status status = plugins_add(found->plugins, path, &err);
    if (status && status != WF_NOT_FOUND && status != WF_STATE)
        log_line(found->logger, LOG_WARN, "%s", err.text);
}

wf_status plugins_search(struct plugins *plugins, const struct logger *logger,
                         wf_error *err)
{
    struct plugin_found found = {plugins, logger};
    return plugin_search(plugin_found, &found, err);
}

wf_status plugins_open(struct plugins *plugins, const wf_host *host, wf_error *err)
{
    for (size_t i = 0; i < plugins->count; i++) {
        struct plugin *plugin = plugins->items[i];
        if (plugin->context)
            continue;
        wf_status status = plugin->open(host, &plugin->context, err);
        if (status)
            return error_prefix(err, "plugin '%.*s'", STR_ARG(plugin->name));
    }
    return WF_OK;
}

size_t plugins_count(const struct plugins *plugins)
{
    return plugins->count;
}

const struct plugin *plugins_at(const struct plugins *plugins, size_t index)
{
    return plugins->items[index];
}

const struct plugin_type *plugins_find(const struct plugins *plugins, enum plugin_kind kind,
                                       wf_str type)
{
    for (size_t i = 0; plugins && i < plugins->count; i++) {
        const struct plugin *plugin = plugins->items[i];
        for (size_t t = 0; t < plugin->type_count; t++)
            if (plugin->types[t].kind == kind && str_eq(plugin->types[t].name, type))
                return &plugin->types[t];
    }
    return NULL;
}

static bool plugin_is_trigger_of(wf_str name, wf_str type)
{
    static const wf_str word = {"trigger", 7};
    if (name.len != type.len + 1 + word.len)
        return false;
    return (str_starts(name, STR("trigger.")) && str_ends(name, type)) ||
           (str_ends(name, STR(".trigger")) && str_starts(name, type));
}

const struct plugin_type *plugins_find_trigger(const struct plugins *plugins, wf_str type)
{
    const struct plugin_type *exact = plugins_find(plugins, PLUGIN_TRIGGER, type);
    if (exact || !type.len)
        return exact;
    for (size_t i = 0; plugins && i < plugins->count; i++) {
        const struct plugin *plugin = plugins->items[i];
        for (size_t t = 0; t < plugin->type_count; t++)
            if (plugin->types[t].kind == PLUGIN_TRIGGER &&
                plugin_is_trigger_of(plugin->types[t].name, type))
                return &plugin->types[t];
    }
    return NULL;
}
