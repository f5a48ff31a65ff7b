/* SPDX-License-Identifier: MIT
 *
 * greet - a plugin for tests of the host: a module that holds a greeting, a step that
 * greets, a trigger that fires so many times.
 */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/wf_plugin.h"

/* clang-format off */
#define GREET_JSON(...) #__VA_ARGS__
static const char greet_manifest[] = GREET_JSON({
  "name": "workflow-plugin-greet", "version": "1.0.0", "abi": 1,
  "modules": [{
    "type": "greet", "summary": "Knows how one greets",
    "fields": [{"name": "greeting", "type": "string", "required": true,
                "help": "the word to greet with"}]
  }],
  "steps": [{
    "type": "step.greet", "summary": "Greets somebody",
    "fields": [{"name": "name", "type": "string", "required": true, "help": "who is greeted"}],
    "outputs": [{"name": "text", "type": "string", "help": "the greeting"}]
  }],
  "triggers": [{
    "type": "trigger.greet", "summary": "Starts a workflow so many times, one after the other",
    "fields": [{"name": "count", "type": "int", "default": 1, "help": "how many times"}]
  }]
});
/* clang-format on */

struct wf_plugin {
    char greeting[64];
};

struct greet_step {
    wf_step table;
    const struct wf_plugin *plugin;
};

struct greet_trigger {
    wf_trigger table;
    wf_callback callback;
    pthread_t thread;
    atomic_bool started, stopping;
    int count;
};

static wf_status greet_error(wf_error *err, wf_status code, const char *text)
{
    snprintf(err->text, sizeof err->text, "%s", text);
    return err->code = code;
}

/* ---- module -------------------------------------------------------------------------- */

static wf_status greet_quiet(void *self, wf_error *err)
{
    (void)self, (void)err;
    return WF_OK;
}

WF_EXPORT wf_status new_module_greet(wf_plugin *plugin, wf_str name, wf_str config,
                                     const wf_module **out, wf_error *err)
{
    (void)name;
    cJSON *json = cJSON_ParseWithLength(config.ptr, config.len);
    const char *greeting = cJSON_GetStringValue(cJSON_GetObjectItem(json, "greeting"));
    snprintf(plugin->greeting, sizeof plugin->greeting, "%s", greeting ? greeting : "");
    cJSON_Delete(json);
    if (!plugin->greeting[0])
        return greet_error(err, WF_CONFIG, "greet: 'greeting' is required");
    wf_module *module = malloc(sizeof *module);
    if (!module)
        return greet_error(err, WF_NO_MEMORY, "out of memory");
    /* Nothing here takes long: there is no cancel. */
    *module = (wf_module){.size = offsetof(wf_module, cancel),
                          .self = module,
                          .init = greet_quiet,
                          .start = greet_quiet,
                          .stop = greet_quiet,
                          .destroy = free};
    *out = module;
    return WF_OK;
}

/* ---- step ---------------------------------------------------------------------------- */

static wf_status greet_execute(void *self, const wf_step_input *in, const wf_sink *output,
                               int32_t *out_stop, wf_error *err)
{
    const struct greet_step *s = self;
    cJSON *config = cJSON_ParseWithLength(in->config.ptr, in->config.len);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(config, "name"));
    char text[256];
    snprintf(text, sizeof text, "%s, %s", s->plugin->greeting, name ? name : "nobody");
    cJSON_Delete(config);
    cJSON *answer = cJSON_CreateObject();
    char *json = cJSON_AddStringToObject(answer, "text", text)
                     ? cJSON_PrintUnformatted(answer)
                     : NULL;
    cJSON_Delete(answer);
    *out_stop = 0;
    wf_status status = json ? output->write(output->ctx, json, strlen(json))
                            : greet_error(err, WF_NO_MEMORY, "out of memory");
    free(json);
    return status;
}

WF_EXPORT wf_status new_step_greet(wf_plugin *plugin, wf_str name, wf_str config,
                                   const wf_step **out, wf_error *err)
{
    (void)name, (void)config;
    struct greet_step *s = malloc(sizeof *s);
    if (!s)
        return greet_error(err, WF_NO_MEMORY, "out of memory");
    *s = (struct greet_step){{sizeof s->table, s, greet_execute, free}, plugin};
    *out = &s->table;
    return WF_OK;
}

/* ---- trigger ------------------------------------------------------------------------- */

static void *greet_thread(void *arg)
{
    struct greet_trigger *t = arg;
    for (int i = 1; i <= t->count && !t->stopping; i++) {
        char event[64];
        wf_error err;
        int len = snprintf(event, sizeof event, "{\"number\":%d}", i);
        t->callback.fire(t->callback.ctx, (wf_str){"greet", 5},
                         (wf_str){event, (size_t)len}, &err);
    }
    return NULL;
}

static wf_status greet_start(void *self, wf_error *err)
{
    struct greet_trigger *t = self;
    t->stopping = false;
    if (pthread_create(&t->thread, NULL, greet_thread, t))
        return greet_error(err, WF_UNAVAILABLE, "trigger.greet: cannot start a thread");
    t->started = true;
    return WF_OK;
}

static wf_status greet_stop(void *self, wf_error *err)
{
    (void)err;
    struct greet_trigger *t = self;
    t->stopping = true;
    if (t->started && !pthread_equal(t->thread, pthread_self()) &&
        atomic_exchange(&t->started, false))
        pthread_join(t->thread, NULL);
    return WF_OK;
}

static void greet_destroy(void *self)
{
    greet_stop(self, NULL);
    free(self);
}

WF_EXPORT wf_status new_trigger_greet(wf_plugin *plugin, wf_str config,
                                      const wf_callback *callback, const wf_trigger **out,
                                      wf_error *err)
{
    (void)plugin;
    struct greet_trigger *t = calloc(1, sizeof *t);
    if (!t)
        return greet_error(err, WF_NO_MEMORY, "out of memory");
    cJSON *json = cJSON_ParseWithLength(config.ptr, config.len);
    const cJSON *count = cJSON_GetObjectItem(json, "count");
    t->table = (wf_trigger){sizeof t->table, t, greet_start, greet_stop, greet_destroy};
    t->callback = *callback;
    t->count = cJSON_IsNumber(count) ? count->valueint : 1;
    cJSON_Delete(json);
    *out = &t->table;
    return WF_OK;
}

/* ---- the plugin itself --------------------------------------------------------------- */

WF_EXPORT wf_str wf_plugin_manifest(void)
{
    return (wf_str){greet_manifest, sizeof greet_manifest - 1};
}

WF_EXPORT wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err)
{
    (void)host;
    wf_plugin *plugin = malloc(sizeof *plugin);
    if (!plugin)
        return greet_error(err, WF_NO_MEMORY, "out of memory");
    *plugin = (wf_plugin){"Hello"};
    *out = plugin;
    return WF_OK;
}

WF_EXPORT void wf_plugin_close(wf_plugin *plugin)
{
    free(plugin);
}
