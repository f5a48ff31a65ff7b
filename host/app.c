/* SPDX-License-Identifier: MIT
 *
 * app - the whole: loading, starting, stopping, and answering the parts' questions.
 */
#include "host/app.h"

#include <limits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "host/app_parts.h"
#include "host/config_check.h"
#include "host/requires.h"

struct app *app_new(const struct logger *logger, struct plugins *plugins, struct bus *bus)
{
    struct app *app = calloc(1, sizeof(*app));
    if (!app)
        return NULL;
    app->logger = logger;
    app->plugins = plugins;
    app->bus = bus;
    arena_init(&app->arena, LIMIT_ARENA_BYTES);
    pthread_mutex_init(&app->running_lock, NULL);
    thread_cond_init(&app->idle);
    app->activity.last_ms = clock_mono_ms();
    app->run_memory = run_memory_pool_new();
    if (app->run_memory)
        return app;
    app_free(app);
    return NULL;
}

void app_free(struct app *app)
{
    if (!app)
        return;
    app_stop(app, NULL);
    app_pipelines_free(app);
    app_modules_free(app);
    run_memory_pool_free(app->run_memory);
    arena_release(&app->arena);
    pthread_cond_destroy(&app->idle);
    pthread_mutex_destroy(&app->running_lock);
    free(app);
}

/* ---- loading ------------------------------------------------------------------------- */

/* Unknown keys at the top are allowed, as in the engine; those that look mistyped are
 * told. */
static const char *const app_keys[] = {
    "imports",    "modules",  "workflows",    "triggers", "pipelines",
    "platform",   "requires", "plugins",      "sidecars", "infrastructure",
    "engine",     "ci",       "environments", "secrets",  "vars",
    "variables",  "infra",    "secretStores", "services", "mesh",
    "networking", "security", "application",  NULL,
};

static void app_check_workflows(const struct app *app, struct problems *problems)
{
    const struct node *workflows = node_get(app->root, "workflows");
    for (size_t i = 0; workflows && i < workflows->count; i++) {
        const struct node *section = workflows->children[i];
        const struct node *routes = node_get(section, "routes");
        if (workflows->value->kind != VALUE_MAP ||
            !str_is(workflows->value->map.members[i].key, "http"))
            problems_add(problems, section, NULL,
                         "no handler found for this type of workflow; there is http");
        else if (routes && routes->count)
            problems_add(
                problems, routes, NULL,
                "routes are not supported; give a pipeline a trigger of type http");
    }
}

static bool app_set_config_dir(struct app *app, const char *folder)
{
    app->config_dir = arena_str(&app->arena, str_from(folder));
    struct value *text = value_of_text(&app->arena, app->config_dir);
    struct value *map = value_map(&app->arena, 1);
    app->config_dir_map = map;
    return text && map && value_set(&app->arena, map, STR("_config_dir"), text);
}

static bool app_build(struct app *app, const char *config_dir, struct problems *problems)
{
    if (!app_set_config_dir(app, config_dir)) {
        problems_add(problems, app->root, NULL, "out of memory");
        return false;
    }
    config_check_known(app->root, app_keys, problems);
    app_check_workflows(app, problems);
    requires_check(node_get(app->root, "requires"), app->plugins, problems);
    app_modules_load(app, problems);
    app_pipelines_load(app, problems);
    return !problems_count(problems);
}

bool app_load_text(struct app *app, wf_str yaml, const char *file, const char *config_dir,
                   struct problems *problems)
{
    app->root = config_parse(&app->arena, yaml, file, problems);
    return app->root && app_build(app, config_dir, problems);
}

bool app_load(struct app *app, const char *path, struct problems *problems)
{
    app->root = config_load(&app->arena, path, problems);
    if (!app->root)
        return false;
    char *real = realpath(path, NULL);
    if (!real) {
        problems_add(problems, app->root, NULL, "its folder cannot be found");
        return false;
    }
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0';
    bool good = app_build(app, real, problems);
    free(real);
    return good;
}

/* ---- running ------------------------------------------------------------------------- */

wf_status app_start(struct app *app, bool with_triggers, wf_error *err)
{
    pthread_mutex_lock(&app->running_lock);
    app->stopping = false;
    app->activity.last_ms = clock_mono_ms();
    pthread_mutex_unlock(&app->running_lock);
    wf_status status = app_modules_start(app, err);
    if (!status && with_triggers)
        status = app_triggers_start(app, err);
    if (status)
        app_stop(app, NULL);
    return status;
}

wf_status app_stop(struct app *app, wf_error *err)
{
    pthread_mutex_lock(&app->running_lock);
    app->stopping = true;
    pthread_mutex_unlock(&app->running_lock);
    wf_status status = app_triggers_stop(app, err);
    pthread_mutex_lock(&app->running_lock);
    while (app->running)
        pthread_cond_wait(&app->idle, &app->running_lock);
    pthread_mutex_unlock(&app->running_lock);
    wf_error why;
    wf_status modules = app_modules_stop(app, &why);
    return modules ? error_set(err, modules, "%s", why.text) : status;
}

bool app_run_begin(struct app *app, bool nested)
{
    pthread_mutex_lock(&app->running_lock);
    bool allowed = nested || !app->stopping;
    app->running += allowed;
    app->activity.under_way += allowed && !nested;
    pthread_mutex_unlock(&app->running_lock);
    return allowed;
}

void app_run_end(struct app *app, bool nested, wf_status status)
{
    pthread_mutex_lock(&app->running_lock);
    app->activity.last_ms = clock_mono_ms();
    if (!nested) {
        app->activity.under_way--;
        app->activity.runs++;
        app->activity.failed += status != WF_OK;
    }
    if (!--app->running)
        pthread_cond_broadcast(&app->idle);
    pthread_mutex_unlock(&app->running_lock);
}

/* ---- questions ----------------------------------------------------------------------- */

const struct logger *app_logger(const struct app *app)
{
    return app->logger;
}

struct bus *app_bus(const struct app *app)
{
    return app->bus;
}

wf_str app_config_dir(const struct app *app)
{
    return app->config_dir;
}

struct run_memory_pool *app_run_memory(const struct app *app)
{
    return app->run_memory;
}

struct plugins *app_plugins(const struct app *app)
{
    return app->plugins;
}

struct arena *app_arena(struct app *app)
{
    return &app->arena;
}

const struct value *app_with_config_dir(struct app *app, const struct value *config)
{
    return value_merge(&app->arena, config, app->config_dir_map);
}

struct pipeline *app_pipeline(const struct app *app, wf_str name)
{
    for (size_t i = 0; i < app->pipeline_count; i++)
        if (str_eq(pipeline_name(app->pipelines[i]), name))
            return app->pipelines[i];
    return NULL;
}

void *app_module(const struct app *app, wf_str name, const char *type)
{
    for (size_t i = 0; i < app->module_count; i++)
        if (str_eq(app->modules[i].name, name) && str_is(app->modules[i].type_name, type))
            return app->modules[i].self;
    return NULL;
}

void *app_first_module(const struct app *app, const char *type)
{
    for (size_t i = 0; i < app->module_count; i++)
        if (str_is(app->modules[i].type_name, type) && app->modules[i].self)
            return app->modules[i].self;
    return NULL;
}

static void app_say_no_module(const struct definition *def, const char *key, wf_str name,
                              const char *type)
{
    const struct app *app = def->app;
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    for (size_t i = 0; i < app->module_count; i++)
        if (str_is(app->modules[i].type_name, type))
            buf_printf(&text, "%s%.*s", text.len ? ", " : "",
                       STR_ARG(app->modules[i].name));
    problems_add(def->problems, def->node, key,
                 "there is no module '%.*s' of type %s; of that type there is %s",
                 STR_ARG(name), type, text.len ? buf_c(&text) : "none");
}

void *app_need_module(const struct definition *def, const char *key, const char *type)
{
    const struct app *app = def->app;
    wf_str name = config_check_text(def->config, key, STR_EMPTY);
    for (size_t i = 0; i < app->module_count; i++)
        if (str_eq(app->modules[i].name, name) && str_is(app->modules[i].type_name, type))
            return app->modules[i].self;
    app_say_no_module(def, key, name, type);
    return NULL;
}

int64_t app_last_activity(struct app *app)
{
    pthread_mutex_lock(&app->running_lock);
    int64_t last = app->running ? clock_mono_ms() : app->activity.last_ms;
    pthread_mutex_unlock(&app->running_lock);
    return last;
}

struct app_activity app_activity(struct app *app)
{
    pthread_mutex_lock(&app->running_lock);
    struct app_activity now = app->activity;
    pthread_mutex_unlock(&app->running_lock);
    return now;
}

size_t app_pipeline_count(const struct app *app)
{
    return app->pipeline_count;
}

size_t app_trigger_count(const struct app *app)
{
    return app->trigger_count;
}
