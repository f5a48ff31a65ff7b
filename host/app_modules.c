/* SPDX-License-Identifier: MIT
 *
 * app_modules - the `modules` list: read, ordered by dependsOn, created, started and
 * stopped.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app_parts.h"
#include "host/config_check.h"
#include "host/config_env.h"
#include "host/plugin_ask.h"
#include "host/types.h"

static struct app_module *app_modules_find(const struct app *app, wf_str name)
{
    for (size_t i = 0; i < app->module_count && name.len; i++)
        if (str_eq(app->modules[i].name, name))
            return &app->modules[i];
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------- */

static const char *const app_modules_keys[] = {
    "name",      "type",      "config",       "dependsOn", "branches",
    "satisfies", "protected", "environments", NULL,
};

static void app_modules_read(struct app *app, const struct node *node,
                             struct problems *problems)
{
    struct app_module *module = &app->modules[app->module_count];
    if (node->value->kind != VALUE_MAP) {
        problems_add(problems, node, NULL,
                     "a module is a map with name, type and config, not %s",
                     node_kind_name(node));
        return;
    }
    config_check_known(node, app_modules_keys, problems);
    *module = (struct app_module){
        .name = node_text(node_get(node, "name")),
        .type_name = node_text(node_get(node, "type")),
        .node = node,
    };
    struct definition def = {.app = app, .node = node, .problems = problems};
    if (!module->name.len)
        problems_add(problems, node, "name", "is required: what the module is called");
    const struct app_module *same = app_modules_find(app, module->name);
    if (same)
        problems_add(problems, node, "name", "module '%.*s' is there already, in line %u",
                     STR_ARG(module->name), same->node->line);
    module->type = types_module(&def);
    module->origin = def.origin;
    app->module_count++;
}

static void app_modules_check_depends(struct app *app, const struct app_module *module,
                                      struct problems *problems)
{
    const struct node *depends = node_get(module->node, "dependsOn");
    if (!depends || depends->value->kind == VALUE_NULL)
        return;
    if (depends->value->kind != VALUE_LIST) {
        problems_add(problems, depends, NULL, "must be a list of modules' names, not %s",
                     node_kind_name(depends));
        return;
    }
    for (size_t i = 0; i < depends->count; i++) {
        wf_str name = node_text(depends->children[i]);
        if (!app_modules_find(app, name))
            problems_add(problems, depends->children[i], NULL, "there is no module '%.*s'",
                         STR_ARG(name));
    }
}

/* ---- order --------------------------------------------------------------------------- */

static bool app_modules_ready(const struct app *app, const struct app_module *module)
{
    const struct node *depends = node_get(module->node, "dependsOn");
    for (size_t i = 0; depends && i < depends->count; i++) {
        const struct app_module *other =
            app_modules_find(app, node_text(depends->children[i]));
        if (other && !other->ordered)
            return false;
    }
    return true;
}

static void app_modules_say_ring(const struct app *app, struct problems *problems)
{
    CDC_CLEANUP(buf_release) struct buf names;
    buf_init(&names, LIMIT_TEXT_BYTES);
    const struct app_module *first = NULL;
    for (size_t i = 0; i < app->module_count; i++) {
        const struct app_module *module = &app->modules[i];
        if (module->ordered)
            continue;
        buf_printf(&names, "%s%.*s", first ? ", " : "", STR_ARG(module->name));
        first = first ? first : module;
    }
    problems_add(problems, first ? first->node : NULL, "dependsOn",
                 "module dependsOn cycle (or dependents of one) among: %s", buf_c(&names));
}

/* Again and again the modules, in the file's order, that only need what is placed. */
static void app_modules_order(struct app *app, struct problems *problems)
{
    for (bool placed = true; placed;) {
        placed = false;
        for (size_t i = 0; i < app->module_count; i++) {
            struct app_module *module = &app->modules[i];
            if (module->ordered || !app_modules_ready(app, module))
                continue;
            module->ordered = placed = true;
            app->order[app->order_count++] = module;
        }
    }
    if (app->order_count < app->module_count)
        app_modules_say_ring(app, problems);
}

/* ---- making -------------------------------------------------------------------------- */

/* The configuration with the environment in it and _config_dir; false when there is
 * none. */
static bool app_modules_config(struct app *app, const struct app_module *module,
                               struct definition *def)
{
    static const struct value empty = {.kind = VALUE_MAP};
    const struct node *config = node_get(module->node, "config");
    if (config && config->value->kind != VALUE_MAP && config->value->kind != VALUE_NULL) {
        problems_add(def->problems, config, NULL, "must be a map, not %s",
                     node_kind_name(config));
        return false;
    }
    bool given = config && config->value->kind == VALUE_MAP;
    def->node = given ? config : module->node;
    def->config = given ? config_env_expand(&app->arena, config, def->problems) : &empty;
    if (def->config)
        def->config = app_with_config_dir(app, def->config);
    if (!def->config)
        problems_add(def->problems, def->node, NULL, "out of memory or too large");
    return def->config;
}

static void app_modules_create(struct app *app, struct app_module *module,
                               struct problems *problems)
{
    struct definition def = {
        .app = app, .name = module->name, .problems = problems, .origin = module->origin};
    if (!module->type || !module->name.len || !app_modules_config(app, module, &def))
        return;
    if (config_check_keys(&def, module->type->keys))
        module->self = module->type->create(&def);
    if (!module->self || !module->type->init)
        return;
    wf_error err = {.code = WF_OK};
    if (module->type->init(module->self, &err))
        plugin_ask_refused(&def, &err);
}

void app_modules_load(struct app *app, struct problems *problems)
{
    const struct node *list = node_get(app->root, "modules");
    if (!list || list->value->kind == VALUE_NULL)
        return;
    if (list->value->kind != VALUE_LIST) {
        problems_add(problems, list, NULL, "must be a list of {name, type, config}, not %s",
                     node_kind_name(list));
        return;
    }
    app->modules = calloc(list->count + 1, sizeof(*app->modules));
    app->order = calloc(list->count + 1, sizeof(struct app_module *));
    if (!app->modules || !app->order) {
        problems_add(problems, list, NULL, "out of memory");
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        app_modules_read(app, list->children[i], problems);
    for (size_t i = 0; i < app->module_count; i++)
        app_modules_check_depends(app, &app->modules[i], problems);
    app_modules_order(app, problems);
    for (size_t i = 0; i < app->order_count; i++)
        app_modules_create(app, app->order[i], problems);
}

/* ---- running ------------------------------------------------------------------------- */

/* Says which module is being started, for app_cancel(); false when none is to be. */
static bool app_modules_starting(struct app *app, struct app_module *module)
{
    pthread_mutex_lock(&app->running_lock);
    bool go_on = !app->cancelled;
    app->starting = go_on ? module : NULL;
    pthread_mutex_unlock(&app->running_lock);
    return go_on;
}

wf_status app_modules_start(struct app *app, wf_error *err)
{
    wf_status status = WF_OK;
    for (size_t i = 0; i < app->order_count && !status; i++) {
        struct app_module *module = app->order[i];
        if (!app_modules_starting(app, module))
            return error_set(err, WF_CANCELLED, "stopped while it was being started");
        if (module->type->start)
            status = module->type->start(module->self, err);
        if (status)
            error_prefix(err, "module '%.*s'", STR_ARG(module->name));
        module->started = !status;
    }
    app_modules_starting(app, NULL);
    return status;
}

void app_cancel(void *ctx)
{
    struct app *app = ctx;
    pthread_mutex_lock(&app->running_lock);
    app->cancelled = true;
    const struct app_module *module = app->starting;
    /* With the lock, so that the module is not stopped or freed meanwhile. */
    if (module && module->type->cancel)
        module->type->cancel(module->self);
    pthread_mutex_unlock(&app->running_lock);
}

wf_status app_modules_stop(struct app *app, wf_error *err)
{
    wf_status last = WF_OK;
    for (size_t i = app->order_count; i > 0; i--) {
        struct app_module *module = app->order[i - 1];
        wf_error why = {.code = WF_OK};
        if (!module->started)
            continue;
        module->started = false;
        if (!module->type->stop || !module->type->stop(module->self, &why))
            continue;
        log_line(app->logger, LOG_ERROR, "module '%.*s' did not stop: %s",
                 STR_ARG(module->name), why.text);
        last = error_set(err, why.code ? why.code : WF_FAILED, "module '%.*s': %s",
                         STR_ARG(module->name), why.text);
    }
    return last;
}

void app_modules_free(struct app *app)
{
    for (size_t i = app->order_count; i > 0; i--) {
        struct app_module *module = app->order[i - 1];
        if (module->self)
            module->type->free(module->self);
    }
    free(app->order);
    free(app->modules);
    app->order = NULL;
    app->modules = NULL;
    app->order_count = app->module_count = 0;
}
