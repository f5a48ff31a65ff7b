/* SPDX-License-Identifier: MIT
 *
 * fake_host - as little as a host can be.
 */
#include "tests/support/fake_host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "base/thread.h"

#define FAKE_LIMIT (64u * 1024u * 1024u)
#define FAKE_SETTLE_MS 150

static void fake_fail(const char *what, const char *why)
{
    fprintf(stderr, "fake_host: %s: %s\n", what, why);
    abort();
}

/* ---- the exported functions ---- */

static void fake_symbol(void *handle, const char *name, void *out_function)
{
    void *symbol = dlsym(handle, name);
    if (!symbol)
        fake_fail("no such symbol", name);
    memcpy(out_function, &symbol, sizeof symbol);
}

const struct fake_plugin *fake_plugin(const char *path)
{
    static struct fake_plugin plugin;
    if (plugin.handle)
        return &plugin;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fake_fail(path, dlerror());
    fake_symbol(handle, "wf_plugin_manifest", &plugin.manifest);
    fake_symbol(handle, "wf_plugin_open", &plugin.open);
    fake_symbol(handle, "wf_plugin_close", &plugin.close);
    fake_symbol(handle, "new_module_cdc_source", &plugin.new_module);
    fake_symbol(handle, "new_trigger_cdc", &plugin.new_trigger);
    plugin.handle = handle;
    return &plugin;
}

wf_new_step_fn fake_step_factory(const struct fake_plugin *plugin, const char *step)
{
    char name[80];
    snprintf(name, sizeof name, "new_step_%s", step);
    wf_new_step_fn factory;
    fake_symbol(plugin->handle, name, &factory);
    return factory;
}

void *fake_symbol_or_null(const struct fake_plugin *plugin, const char *name)
{
    return dlsym(plugin->handle, name);
}

/* ---- the bus ---- */

struct fake_subscriber {
    struct fake_subscriber *next;
    uint64_t number;
    char *topic;
    wf_on_message fn;
    void *fn_ctx;
    unsigned calls;
    bool gone;
};

static void fake_log(void *ctx, int32_t level, wf_str line)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct fake_host *host = ctx;
    pthread_mutex_lock(&host->lock);
    buf_printf(&host->log, "%s: %.*s\n", levels[level & 3], STR_ARG(line));
    pthread_mutex_unlock(&host->lock);
}

/* The next subscriber of the topic that is newer than `after`, with a call noted on it. */
static struct fake_subscriber *fake_next(struct fake_host *host, wf_str topic,
                                         uint64_t after)
{
    struct fake_subscriber *found = NULL;
    pthread_mutex_lock(&host->lock);
    for (struct fake_subscriber *s = host->subscribers; s; s = s->next)
        if (!s->gone && s->number > after && str_is(topic, s->topic) &&
            (!found || s->number < found->number))
            found = s;
    if (found)
        found->calls++;
    pthread_mutex_unlock(&host->lock);
    return found;
}

static wf_status fake_publish_fn(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                                 wf_error *err)
{
    struct fake_host *host = ctx;
    if (host->publish_status) {
        snprintf(err->text, sizeof err->text, "the bus is closed");
        return err->code = host->publish_status;
    }
    struct fake_message *message = malloc(sizeof *message);
    pthread_mutex_lock(&host->lock);
    *message = (struct fake_message){host->messages, str_dup(topic), str_dup(payload)};
    host->messages = message;
    pthread_mutex_unlock(&host->lock);
    wf_status status = WF_OK;
    uint64_t after = 0;
    for (struct fake_subscriber *s; !status && (s = fake_next(host, topic, after));) {
        after = s->number;
        status = s->fn(s->fn_ctx, topic, payload, metadata, err);
        pthread_mutex_lock(&host->lock);
        s->calls--;
        pthread_cond_broadcast(&host->calls_ended);
        pthread_mutex_unlock(&host->lock);
    }
    return status;
}

static wf_status fake_subscribe_fn(void *ctx, wf_str topic, wf_on_message fn, void *fn_ctx,
                                   uint64_t *out_subscription, wf_error *err)
{
    (void)err;
    struct fake_host *host = ctx;
    struct fake_subscriber *s = calloc(1, sizeof *s);
    pthread_mutex_lock(&host->lock);
    s->topic = str_dup(topic);
    s->fn = fn;
    s->fn_ctx = fn_ctx;
    s->number = ++host->last_number;
    s->next = host->subscribers;
    host->subscribers = s;
    *out_subscription = s->number;
    pthread_mutex_unlock(&host->lock);
    return WF_OK;
}

static void fake_unsubscribe_fn(void *ctx, uint64_t subscription)
{
    struct fake_host *host = ctx;
    pthread_mutex_lock(&host->lock);
    for (struct fake_subscriber *s = host->subscribers; s; s = s->next) {
        if (s->number != subscription)
            continue;
        s->gone = true;
        while (s->calls)
            pthread_cond_wait(&host->calls_ended, &host->lock);
    }
    pthread_mutex_unlock(&host->lock);
}

void fake_host_init(struct fake_host *host, const char *path, size_t size)
{
    memset(host, 0, sizeof *host);
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->calls_ended, NULL);
    buf_init(&host->log, FAKE_LIMIT);
    host->api = fake_plugin(path);
    host->table = (wf_host){
        .size = (uint32_t)(size ? size : sizeof host->table),
        .ctx = host,
        .log = fake_log,
        .publish = fake_publish_fn,
        .subscribe = fake_subscribe_fn,
        .unsubscribe = fake_unsubscribe_fn,
    };
    wf_error err;
    if (host->api->open(&host->table, &host->plugin, &err))
        fake_fail("wf_plugin_open", err.text);
}

void fake_host_close(struct fake_host *host)
{
    if (host->plugin)
        host->api->close(host->plugin);
    host->plugin = NULL;
}

void fake_host_release(struct fake_host *host)
{
    fake_host_close(host);
    for (struct fake_subscriber *s = host->subscribers, *next; s; s = next) {
        next = s->next;
        if (!s->gone)
            fake_fail("still subscribed after close", s->topic);
        free(s->topic);
        free(s);
    }
    for (struct fake_message *m = host->messages, *next; m; m = next) {
        next = m->next;
        free(m->topic);
        free(m->payload);
        free(m);
    }
    buf_release(&host->log);
    pthread_cond_destroy(&host->calls_ended);
    pthread_mutex_destroy(&host->lock);
}

wf_status fake_publish(struct fake_host *host, const char *topic, const char *payload,
                       wf_error *err)
{
    return fake_publish_fn(host, str_from(topic), str_from(payload), STR_EMPTY, err);
}

wf_status fake_inject(struct fake_host *host, const char *source_id, const char *event)
{
    char topic[256];
    wf_error err;
    snprintf(topic, sizeof topic, "cdc.memory.%s", source_id);
    return fake_publish(host, topic, event, &err);
}

unsigned fake_messages(struct fake_host *host, const char *topic, struct buf *out)
{
    unsigned count = 0;
    pthread_mutex_lock(&host->lock);
    for (struct fake_message *m = host->messages; m; m = m->next) {
        if (strcmp(m->topic, topic) != 0)
            continue;
        if (out && !count) {
            buf_clear(out);
            buf_cstr(out, m->payload);
        }
        count++;
    }
    pthread_mutex_unlock(&host->lock);
    return count;
}

bool fake_logged(struct fake_host *host, const char *words)
{
    pthread_mutex_lock(&host->lock);
    bool found = str_find(buf_view(&host->log), str_from(words)) >= 0;
    pthread_mutex_unlock(&host->lock);
    return found;
}

/* ---- steps ---- */

wf_status fake_step(struct fake_host *host, const char *step, const char *config,
                    struct buf *out, wf_error *err)
{
    const wf_step *made = NULL;
    wf_status status =
        fake_step_factory(host->api, step)(host->plugin, STR("N"), STR("{}"), &made, err);
    if (status)
        fake_fail(step, err->text);
    buf_clear(out);
    wf_sink sink = buf_sink(out);
    wf_step_input in = {.size = sizeof in, .config = str_from(config)};
    int32_t stop = 7;
    status = made->execute(made->self, &in, &sink, &stop, err);
    if (!status && stop != 0)
        fake_fail(step, "it wants to end the pipeline");
    made->destroy(made->self);
    return status;
}

const char *fake_member(const struct buf *json, const char *path)
{
    static _Thread_local char text[4096];
    wf_str value = buf_view(json);
    wf_str rest = str_from(path);
    for (wf_str part; str_next(&rest, '.', &part);) {
        char name[80];
        int64_t index;
        snprintf(name, sizeof name, "%.*s", STR_ARG(part));
        if (json_kind(value) == JSON_ARRAY && str_to_i64(part, &index)) {
            struct json_iter it = json_iter_of(value);
            wf_str key;
            do
                if (!json_next(&it, &key, &value))
                    return "(none)";
            while (index--);
        } else if (!json_member(value, name, &value)) {
            return "(none)";
        }
    }
    if (json_kind(value) == JSON_STRING)
        value = str_slice(value, 1, value.len - 1);
    snprintf(text, sizeof text, "%.*s", STR_ARG(value));
    return text;
}

/* ---- modules and triggers ---- */

const wf_module *fake_module(struct fake_host *host, const char *name, const char *config,
                             wf_error *err)
{
    const wf_module *module = NULL;
    host->api->new_module(host->plugin, str_from(name), str_from(config), &module, err);
    return module;
}

const wf_module *fake_running_module(struct fake_host *host, const char *name,
                                     const char *config)
{
    wf_error err;
    const wf_module *module = fake_module(host, name, config, &err);
    if (!module || module->init(module->self, &err) || module->start(module->self, &err))
        fake_fail(name, err.text);
    return module;
}

static wf_status fake_fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    struct fake_callback *callback = ctx;
    pthread_mutex_lock(&callback->lock);
    callback->count++;
    callback->running++;
    if (callback->running > callback->most_running)
        callback->most_running = callback->running;
    buf_str(&callback->events, event);
    buf_byte(&callback->events, '\n');
    buf_str(&callback->actions, action);
    buf_byte(&callback->actions, '\n');
    pthread_cond_broadcast(&callback->fired);
    pthread_mutex_unlock(&callback->lock);
    wf_status status =
        callback->hook ? callback->hook(callback->hook_ctx, event, err) : WF_OK;
    pthread_mutex_lock(&callback->lock);
    callback->running--;
    pthread_mutex_unlock(&callback->lock);
    return status;
}

void fake_callback_init(struct fake_callback *callback)
{
    memset(callback, 0, sizeof *callback);
    callback->callback = (wf_callback){callback, fake_fire};
    pthread_mutex_init(&callback->lock, NULL);
    thread_cond_init(&callback->fired);
    buf_init(&callback->events, FAKE_LIMIT);
    buf_init(&callback->actions, FAKE_LIMIT);
}

void fake_callback_release(struct fake_callback *callback)
{
    buf_release(&callback->events);
    buf_release(&callback->actions);
    pthread_cond_destroy(&callback->fired);
    pthread_mutex_destroy(&callback->lock);
}

static bool fake_callback_until(struct fake_callback *callback, unsigned count, int wait_ms)
{
    int64_t deadline = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&callback->lock);
    while (callback->count < count &&
           thread_cond_wait_until(&callback->fired, &callback->lock, deadline))
        ;
    bool reached = callback->count >= count;
    pthread_mutex_unlock(&callback->lock);
    return reached;
}

bool fake_callback_wait(struct fake_callback *callback, unsigned count)
{
    return fake_callback_until(callback, count, FAKE_WAIT_MS);
}

unsigned fake_callback_settled(struct fake_callback *callback)
{
    fake_callback_until(callback, UINT32_MAX, FAKE_SETTLE_MS);
    pthread_mutex_lock(&callback->lock);
    unsigned count = callback->count;
    pthread_mutex_unlock(&callback->lock);
    return count;
}

const char *fake_callback_event(struct fake_callback *callback, unsigned index)
{
    static _Thread_local char text[4096];
    snprintf(text, sizeof text, "(none)");
    pthread_mutex_lock(&callback->lock);
    wf_str rest = buf_view(&callback->events);
    for (wf_str line; str_next(&rest, '\n', &line) && rest.ptr; index--)
        if (!index) {
            snprintf(text, sizeof text, "%.*s", STR_ARG(line));
            break;
        }
    pthread_mutex_unlock(&callback->lock);
    return text;
}

const wf_trigger *fake_trigger(struct fake_host *host, const char *config,
                               struct fake_callback *callback, wf_error *err)
{
    const wf_trigger *trigger = NULL;
    host->api->new_trigger(host->plugin, str_from(config), &callback->callback, &trigger,
                           err);
    return trigger;
}

const wf_trigger *fake_running_trigger(struct fake_host *host, const char *config,
                                       struct fake_callback *callback)
{
    wf_error err;
    const wf_trigger *trigger = fake_trigger(host, config, callback, &err);
    if (!trigger || trigger->start(trigger->self, &err))
        fake_fail("trigger", err.text);
    return trigger;
}

/* ---- gates and threads ---- */

void fake_gate_init(struct fake_gate *gate)
{
    memset(gate, 0, sizeof *gate);
    pthread_mutex_init(&gate->lock, NULL);
    thread_cond_init(&gate->changed);
}

void fake_gate_release(struct fake_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

void fake_gate_open(struct fake_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void fake_gate_pass(struct fake_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
}

bool fake_gate_wait(struct fake_gate *gate)
{
    int64_t deadline = clock_mono_ms() + FAKE_WAIT_MS;
    pthread_mutex_lock(&gate->lock);
    while (!gate->waiting && thread_cond_wait_until(&gate->changed, &gate->lock, deadline))
        ;
    bool waiting = gate->waiting > 0;
    pthread_mutex_unlock(&gate->lock);
    return waiting;
}

static bool fake_is_ours(const char *task)
{
    char path[300];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(name, sizeof name, file);
    if (file)
        fclose(file);
    return read && str_starts(str_from(name), STR("cdc-"));
}

unsigned fake_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        fake_fail("opendir", "/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.' && fake_is_ours(entry->d_name);
    closedir(tasks);
    return count;
}

bool fake_threads_are(unsigned count)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    for (int i = 0; i < 200 && fake_threads() != count; i++)
        nanosleep(&moment, NULL);
    return fake_threads() == count;
}
