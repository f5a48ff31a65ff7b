/* SPDX-License-Identifier: MIT
 *
 * probe - a plugin for the tests of the bridge: it shows what it was given, and does what its
 * configuration says.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/wf_plugin.h"

#define PROBE_JSON(...) #__VA_ARGS__
/* clang-format off */
static const char probe_manifest[] = PROBE_JSON({
  "name": "workflow-plugin-probe", "version": "1.2.3", "abi": 1,
  "description": "For tests", "author": "nobody", "license": "MIT",
  "modules": [{"type": "probe.module", "label": "Probe", "summary": "Starts and stops",
   "fields": [
    {"name": "mode", "type": "choice", "choices": ["a", "b"], "default": "a", "required": true,
     "help": "What to do"},
    {"name": "limit", "type": "bytes", "default": 7},
    {"name": "names", "type": "list", "items": "string"}]}],
  "steps": [{"type": "step.probe_echo", "summary": "Shows",
             "fields": [{"name": "text", "type": "string", "secret": true}],
             "outputs": [{"name": "config", "type": "any", "help": "it"}]},
            {"type": "step.probe_fail"}, {"type": "step.probe_crash"}, {"type": "step.probe_abort"},
            "step.probe_fire", "step.probe_publish"],
  "triggers": [{"type": "trigger.probe"}]});
/* clang-format on */

struct wf_plugin {
    const wf_host *host;
};

struct probe_step {
    wf_step table;
    wf_plugin *plugin;
};

struct probe_trigger {
    wf_trigger table;
    wf_callback callback;
};

struct probe_module {
    wf_module table;
    wf_plugin *plugin;
    char *config;
    uint64_t subscription;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int cancelled;
};

static struct probe_trigger *probe_last; /* the trigger that step.probe_fire fires */

__attribute__((constructor)) static void probe_noise(void)
{
    if (getenv("PROBE_NOISE"))
        puts("a library says something on stdout");
    fflush(stdout);
}

static char *probe_copy(wf_str text)
{
    char *copy = malloc(text.len + 1);
    if (!copy)
        abort();
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static int probe_says(wf_str text, const char *word)
{
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static void probe_log(wf_plugin *plugin, const char *line)
{
    plugin->host->log(plugin->host->ctx, 1, (wf_str){line, strlen(line)});
}

static wf_status probe_error(wf_error *err, wf_status code, const char *text)
{
    snprintf(err->text, sizeof err->text, "%s", text);
    return err->code = code;
}

static wf_status probe_write(const wf_sink *to, const char *text)
{
    return to->write(to->ctx, text, strlen(text));
}

/* The text as JSON; the tests use nothing that wants more. */
static void probe_write_string(const wf_sink *to, const char *text)
{
    probe_write(to, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            probe_write(to, "\\");
        to->write(to->ctx, text, 1);
    }
    probe_write(to, "\"");
}

/* ---- steps --------------------------------------------------------------------------- */

static wf_status probe_echo(void *self, const wf_step_input *in, const wf_sink *to,
                            int32_t *out_stop, wf_error *err)
{
    (void)self, (void)err;
    const struct {
        const char *name;
        wf_str text;
    } members[] = {
        {"{\"config\":", in->config},        {",\"trigger\":", in->trigger_data},
        {",\"outputs\":", in->step_outputs}, {",\"current\":", in->current},
        {",\"metadata\":", in->metadata},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        probe_write(to, members[i].name);
        to->write(to->ctx, members[i].text.ptr, members[i].text.len);
    }
    *out_stop = probe_says(in->config, "stop");
    return probe_write(to, "}");
}

static wf_status probe_fail(void *self, const wf_step_input *in, const wf_sink *to,
                            int32_t *out_stop, wf_error *err)
{
    (void)self, (void)to, (void)out_stop;
    if (probe_says(in->config, "silent"))
        return probe_error(err, WF_FAILED, "");
    if (probe_says(in->config, "broken"))
        return probe_error(err, WF_FAILED, "no \xff text");
    return probe_error(err, WF_FAILED, "step.probe_fail \"f\": it is \xc3\xa4 'no'");
}

static wf_status probe_crash(void *self, const wf_step_input *in, const wf_sink *to,
                             int32_t *out_stop, wf_error *err)
{
    (void)self, (void)in, (void)to, (void)err;
    const volatile int *nowhere = (const volatile int *)8;
    *out_stop = *nowhere;
    return WF_OK;
}

static wf_status probe_abort(void *self, const wf_step_input *in, const wf_sink *to,
                             int32_t *out_stop, wf_error *err)
{
    (void)self, (void)in, (void)to, (void)out_stop, (void)err;
    abort();
}

struct probe_firing {
    wf_str event;
    wf_status status;
    wf_error err;
};

static void *probe_thread(void *arg)
{
    struct probe_firing *f = arg;
    const wf_callback *callback = &probe_last->callback;
    f->status = callback->fire(callback->ctx, (wf_str){"act", 3}, f->event, &f->err);
    return NULL;
}

/* Fires the configuration as the event, on a thread of the plugin's own. */
static wf_status probe_fire(void *self, const wf_step_input *in, const wf_sink *to,
                            int32_t *out_stop, wf_error *err)
{
    (void)self, (void)out_stop;
    struct probe_firing f = {.event = in->config};
    pthread_t thread;
    if (!probe_last || pthread_create(&thread, NULL, probe_thread, &f))
        return probe_error(err, WF_STATE, "no trigger or no thread");
    pthread_join(thread, NULL);
    char number[64];
    snprintf(number, sizeof number, "{\"status\":%d,\"code\":%d,\"text\":", (int)f.status,
             (int)f.err.code);
    probe_write(to, number);
    probe_write_string(to, f.err.text);
    return probe_write(to, "}");
}

static wf_status probe_publish(void *self, const wf_step_input *in, const wf_sink *to,
                               int32_t *out_stop, wf_error *err)
{
    (void)to, (void)out_stop;
    const struct probe_step *step = self;
    const wf_host *host = step->plugin->host;
    static const char metadata[] = "{\"a\":\"b\"}";
    return host->publish(host->ctx, (wf_str){"t", 1}, in->config,
                         (wf_str){metadata, sizeof metadata - 1}, err);
}

static wf_status probe_new_step(wf_plugin *plugin, wf_str name, wf_str config,
                                const struct probe_step *like, const wf_step **out,
                                wf_error *err)
{
    if (!name.len || probe_says(config, "refuse me"))
        return probe_error(err, WF_CONFIG, "refused");
    struct probe_step *made = malloc(sizeof *made);
    if (!made)
        return probe_error(err, WF_NO_MEMORY, "out of memory");
    *made = *like;
    made->table.self = made;
    made->plugin = plugin;
    *out = &made->table;
    return WF_OK;
}

#define PROBE_STEP(type)                                                                   \
    WF_EXPORT wf_status new_step_probe_##type(wf_plugin *plugin, wf_str name,              \
                                              wf_str config, const wf_step **out,          \
                                              wf_error *err);                              \
    wf_status new_step_probe_##type(wf_plugin *plugin, wf_str name, wf_str config,         \
                                    const wf_step **out, wf_error *err)                    \
    {                                                                                      \
        static const struct probe_step like = {                                            \
            .table = {sizeof(wf_step), NULL, probe_##type, free}};                         \
        return probe_new_step(plugin, name, config, &like, out, err);                      \
    }
PROBE_STEP(echo)
PROBE_STEP(fail)
PROBE_STEP(crash)
PROBE_STEP(abort)
PROBE_STEP(fire)
PROBE_STEP(publish)

/* ---- the module ---------------------------------------------------------------------- */

static wf_status probe_init(void *self, wf_error *err)
{
    const struct probe_module *m = self;
    if (strstr(m->config, "bad init"))
        return probe_error(err, WF_CONFIG, "'mode' is wrong");
    return WF_OK;
}

static wf_status probe_message(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                               wf_error *err)
{
    struct probe_module *m = ctx;
    char line[256];
    snprintf(line, sizeof line, "got %.*s %.*s %.*s", (int)topic.len, topic.ptr,
             (int)payload.len, payload.ptr, (int)metadata.len, metadata.ptr);
    probe_log(m->plugin, line);
    return strstr(line, "refuse") ? probe_error(err, WF_FAILED, "not this one") : WF_OK;
}

static wf_status probe_start(void *self, wf_error *err)
{
    struct probe_module *m = self;
    const wf_host *host = m->plugin->host;
    probe_log(m->plugin, "starts\nhere");
    if (strstr(m->config, "listen"))
        return host->subscribe(host->ctx, (wf_str){"t", 1}, probe_message, m,
                               &m->subscription, err);
    if (!strstr(m->config, "wait"))
        return WF_OK;
    pthread_mutex_lock(&m->lock);
    while (!m->cancelled)
        pthread_cond_wait(&m->changed, &m->lock);
    m->cancelled = 0;
    pthread_mutex_unlock(&m->lock);
    return probe_error(err, WF_CANCELLED, "the start was given up");
}

static wf_status probe_stop(void *self, wf_error *err)
{
    struct probe_module *m = self;
    (void)err;
    probe_log(m->plugin, "module stops");
    m->plugin->host->unsubscribe(m->plugin->host->ctx, m->subscription);
    return WF_OK;
}

static void probe_cancel(void *self)
{
    struct probe_module *m = self;
    pthread_mutex_lock(&m->lock);
    m->cancelled = 1;
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static void probe_destroy(void *self)
{
    struct probe_module *m = self;
    probe_log(m->plugin, "module is destroyed");
    free(m->config);
    free(m);
}

WF_EXPORT wf_status new_module_probe_module(wf_plugin *plugin, wf_str name, wf_str config,
                                            const wf_module **out, wf_error *err);
wf_status new_module_probe_module(wf_plugin *plugin, wf_str name, wf_str config,
                                  const wf_module **out, wf_error *err)
{
    struct probe_module *m = calloc(1, sizeof *m);
    if (!m || !name.len)
        return probe_error(err, WF_NO_MEMORY, "out of memory");
    m->table =
        (wf_module){sizeof m->table, m,           probe_init, probe_start, probe_stop,
                    probe_destroy,   probe_cancel};
    m->plugin = plugin;
    m->config = probe_copy(config);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    *out = &m->table;
    return WF_OK;
}

/* ---- the trigger --------------------------------------------------------------------- */

static wf_status probe_trigger_nothing(void *self, wf_error *err)
{
    (void)self, (void)err;
    return WF_OK;
}

WF_EXPORT wf_status new_trigger_probe(wf_plugin *plugin, wf_str config,
                                      const wf_callback *callback, const wf_trigger **out,
                                      wf_error *err);
wf_status new_trigger_probe(wf_plugin *plugin, wf_str config, const wf_callback *callback,
                            const wf_trigger **out, wf_error *err)
{
    (void)plugin, (void)config;
    struct probe_trigger *t = calloc(1, sizeof *t);
    if (!t)
        return probe_error(err, WF_NO_MEMORY, "out of memory");
    t->table = (wf_trigger){sizeof t->table, t, probe_trigger_nothing,
                            probe_trigger_nothing, free};
    t->callback = *callback;
    *out = &t->table;
    probe_last = t;
    return WF_OK;
}

/* ---- the plugin ---------------------------------------------------------------------- */

WF_EXPORT wf_str wf_plugin_manifest(void);
WF_EXPORT wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err);
WF_EXPORT void wf_plugin_close(wf_plugin *plugin);

wf_str wf_plugin_manifest(void)
{
    return (wf_str){probe_manifest, sizeof probe_manifest - 1};
}

wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err)
{
    wf_plugin *plugin = malloc(sizeof *plugin);
    if (!plugin)
        return probe_error(err, WF_NO_MEMORY, "out of memory");
    plugin->host = host;
    *out = plugin;
    return WF_OK;
}

void wf_plugin_close(wf_plugin *plugin)
{
    probe_log(plugin, "plugin closes");
    free(plugin);
}
