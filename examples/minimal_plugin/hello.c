/* SPDX-License-Identifier: MIT
 *
 * hello - the smallest plugin: a module that holds a greeting, a step that greets, a
 * trigger that starts a workflow a few times.  sdk/README.md walks through it.
 */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hello_manifest.h"
#include "sdk/wf_plugin.h"

struct wf_plugin {
    const wf_host *host;
    char greeting[64];
};

struct hello_module {
    wf_module table;
};
struct hello_step {
    wf_step table;
    struct wf_plugin *plugin;
};
struct hello_trigger {
    wf_trigger table;
    wf_callback callback; /* copied: it is good as long as the trigger is */
    pthread_t thread;
    atomic_bool started, stopping;
    int count;
};

static wf_status hello_error(wf_error *err, wf_status code, const char *text)
{
    err->code = code;
    snprintf(err->text, sizeof(err->text), "%s", text);
    return code;
}

/* ---- module: reads its configuration, and says what is wrong with it ----------------- */

static wf_status hello_quiet(void *self, wf_error *err)
{
    (void)self, (void)err;
    return WF_OK;
}

WF_EXPORT wf_status new_module_hello(struct wf_plugin *plugin, wf_str name, wf_str config,
                                     const wf_module **out, wf_error *err)
{
    (void)name;
    cJSON *json = cJSON_ParseWithLength(config.ptr, config.len);
    const char *greeting = cJSON_GetStringValue(cJSON_GetObjectItem(json, "greeting"));
    struct hello_module *m = greeting && *greeting ? calloc(1, sizeof(*m)) : NULL;
    if (m) {
        snprintf(plugin->greeting, sizeof(plugin->greeting), "%s", greeting);
        m->table =
            (wf_module){sizeof(wf_module), m, hello_quiet, hello_quiet, hello_quiet, free};
        *out = &m->table;
    }
    cJSON_Delete(json);
    return m ? WF_OK : hello_error(err, WF_CONFIG, "hello: 'greeting' is required");
}

/* ---- step: its configuration comes with every execution, templates resolved ---------- */

static wf_status hello_execute(void *self, const wf_step_input *in, const wf_sink *output,
                               int32_t *out_stop, wf_error *err)
{
    struct hello_step *s = self;
    cJSON *json = cJSON_ParseWithLength(in->config.ptr, in->config.len);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(json, "name"));
    char text[256];
    snprintf(text, sizeof(text), "%s, %s", s->plugin->greeting, name ? name : "nobody");
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "text", text);
    char *printed = cJSON_PrintUnformatted(result);
    *out_stop = 0;
    wf_status status = printed ? output->write(output->ctx, printed, strlen(printed))
                               : hello_error(err, WF_NO_MEMORY, "out of memory");
    free(printed);
    cJSON_Delete(result);
    cJSON_Delete(json);
    return status;
}

WF_EXPORT wf_status new_step_hello(struct wf_plugin *plugin, wf_str name, wf_str config,
                                   const wf_step **out, wf_error *err)
{
    (void)name, (void)config;
    struct hello_step *s = calloc(1, sizeof(*s));
    if (!s)
        return hello_error(err, WF_NO_MEMORY, "out of memory");
    *s = (struct hello_step){{sizeof(wf_step), s, hello_execute, free}, plugin};
    *out = &s->table;
    return WF_OK;
}

/* ---- trigger: a thread that fires; an event that is not accepted is fired again ------ */

static void *hello_thread(void *arg)
{
    struct hello_trigger *t = arg;
    for (int i = 1; i <= t->count && !t->stopping; i++) {
        char event[64];
        wf_error err;
        int len = snprintf(event, sizeof(event), "{\"number\":%d}", i);
        t->callback.fire(t->callback.ctx, (wf_str){"hello", 5},
                         (wf_str){event, (size_t)len}, &err);
    }
    return NULL;
}

static wf_status hello_start(void *self, wf_error *err)
{
    struct hello_trigger *t = self;
    t->stopping = false;
    if (pthread_create(&t->thread, NULL, hello_thread, t))
        return hello_error(err, WF_UNAVAILABLE, "trigger.hello: cannot start a thread");
    t->started = true;
    return WF_OK;
}

static wf_status hello_stop(void *self, wf_error *err)
{
    (void)err;
    struct hello_trigger *t = self;
    t->stopping = true;
    if (t->started && !pthread_equal(t->thread, pthread_self()) &&
        atomic_exchange(&t->started, 0))
        pthread_join(t->thread, NULL);
    return WF_OK;
}

static void hello_destroy(void *self)
{
    hello_stop(self, NULL);
    free(self);
}

WF_EXPORT wf_status new_trigger_hello(struct wf_plugin *plugin, wf_str config,
                                      const wf_callback *callback, const wf_trigger **out,
                                      wf_error *err)
{
    (void)plugin;
    struct hello_trigger *t = calloc(1, sizeof(*t));
    if (!t)
        return hello_error(err, WF_NO_MEMORY, "out of memory");
    cJSON *json = cJSON_ParseWithLength(config.ptr, config.len);
    const cJSON *count = cJSON_GetObjectItem(json, "count");
    t->table = (wf_trigger){sizeof(wf_trigger), t, hello_start, hello_stop, hello_destroy};
    t->callback = *callback;
    t->count = cJSON_IsNumber(count) ? count->valueint : 1;
    cJSON_Delete(json);
    *out = &t->table;
    return WF_OK;
}

/* ---- the plugin itself --------------------------------------------------------------- */

WF_EXPORT wf_str wf_plugin_manifest(void)
{
    return (wf_str){HELLO_MANIFEST, sizeof(HELLO_MANIFEST) - 1};
}

WF_EXPORT wf_status wf_plugin_open(const wf_host *host, struct wf_plugin **out,
                                   wf_error *err)
{
    struct wf_plugin *plugin = calloc(1, sizeof(*plugin));
    if (!plugin)
        return hello_error(err, WF_NO_MEMORY, "out of memory");
    plugin->host = host;
    snprintf(plugin->greeting, sizeof(plugin->greeting), "Hello");
    *out = plugin;
    return WF_OK;
}

WF_EXPORT void wf_plugin_close(struct wf_plugin *plugin)
{
    free(plugin);
}
