/* SPDX-License-Identifier: MIT
 *
 * abi - the calls into a plugin, and the tables that it calls back through.
 */
#include "abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* ---- the shared object --------------------------------------------------------------- */

/* A function pointer of any type; ISO C has no cast for it. */
static int abi_symbol(void *handle, const char *name, void *out_function)
{
    void *symbol = dlsym(handle, name);
    memcpy(out_function, &symbol, sizeof symbol);
    return symbol != NULL;
}

const char *abi_load(const char *path, struct abi_library *out)
{
    out->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!out->handle) {
        const char *why = dlerror();
        return why ? why : "cannot be loaded";
    }
    if (!abi_symbol(out->handle, "wf_plugin_manifest", &out->manifest))
        return "no plugin: it has no wf_plugin_manifest";
    if (!abi_symbol(out->handle, "wf_plugin_open", &out->open) ||
        !abi_symbol(out->handle, "wf_plugin_close", &out->close))
        return "has no wf_plugin_open or no wf_plugin_close";
    return NULL;
}

void *abi_find(const struct abi_library *library, const char *symbol)
{
    return dlsym(library->handle, symbol);
}

wf_str abi_manifest(const struct abi_library *library)
{
    return library->manifest();
}

/* ---- the host ------------------------------------------------------------------------ */

static void abi_host_log(void *ctx, int32_t level, wf_str line)
{
    bridgeLog((uintptr_t)ctx, level, line);
}

static wf_status abi_host_publish(void *ctx, wf_str topic, wf_str payload,
                                  wf_str metadata_json, wf_error *err)
{
    return bridgePublish((uintptr_t)ctx, topic, payload, metadata_json, err);
}

static wf_status abi_host_subscribe(void *ctx, wf_str topic, wf_on_message fn, void *fn_ctx,
                                    uint64_t *out_subscription, wf_error *err)
{
    return bridgeSubscribe((uintptr_t)ctx, topic, fn, fn_ctx, out_subscription, err);
}

static void abi_host_unsubscribe(void *ctx, uint64_t subscription)
{
    bridgeUnsubscribe((uintptr_t)ctx, subscription);
}

wf_status abi_open(const struct abi_library *library, uintptr_t host, wf_plugin **out,
                   wf_error *err)
{
    wf_host *table = malloc(sizeof *table); /* outlives the plugin: it is never freed */
    if (!table) {
        snprintf(err->text, sizeof err->text, "out of memory");
        return WF_NO_MEMORY;
    }
    *table = (wf_host){
        .size = sizeof *table,
        .ctx = (void *)host,
        .log = abi_host_log,
        .publish = abi_host_publish,
        .subscribe = abi_host_subscribe,
        .unsubscribe = abi_host_unsubscribe,
    };
    return library->open(table, out, err);
}

void abi_close(const struct abi_library *library, wf_plugin *plugin)
{
    library->close(plugin);
}

wf_status abi_deliver(const struct abi_message *message, wf_error *err)
{
    return message->fn(message->fn_ctx, message->topic, message->payload, message->metadata,
                       err);
}

/* ---- factories ----------------------------------------------------------------------- */

wf_status abi_new_module(const struct abi_new *args, const wf_module **out, wf_error *err)
{
    wf_new_module_fn factory;
    memcpy(&factory, &args->factory, sizeof factory);
    return factory(args->plugin, args->name, args->config, out, err);
}

wf_status abi_new_step(const struct abi_new *args, const wf_step **out, wf_error *err)
{
    wf_new_step_fn factory;
    memcpy(&factory, &args->factory, sizeof factory);
    return factory(args->plugin, args->name, args->config, out, err);
}

static wf_status abi_fire(void *ctx, wf_str action, wf_str event_json, wf_error *err)
{
    return bridgeFire((uintptr_t)ctx, action, event_json, err);
}

wf_status abi_new_trigger(const struct abi_new *args, const wf_trigger **out, wf_error *err)
{
    wf_new_trigger_fn factory;
    memcpy(&factory, &args->factory, sizeof factory);
    const wf_callback callback = {(void *)args->callback, abi_fire};
    return factory(args->plugin, args->config, &callback, out, err);
}

/* ---- modules and triggers ------------------------------------------------------------ */

wf_status abi_module_init(const wf_module *module, wf_error *err)
{
    return WF_HAS(module, init) ? module->init(module->self, err) : WF_OK;
}

wf_status abi_module_start(const wf_module *module, wf_error *err)
{
    return WF_HAS(module, start) ? module->start(module->self, err) : WF_OK;
}

wf_status abi_module_stop(const wf_module *module, wf_error *err)
{
    return WF_HAS(module, stop) ? module->stop(module->self, err) : WF_OK;
}

void abi_module_cancel(const wf_module *module)
{
    if (WF_HAS(module, cancel))
        module->cancel(module->self);
}

void abi_module_destroy(const wf_module *module)
{
    module->destroy(module->self);
}

wf_status abi_trigger_start(const wf_trigger *trigger, wf_error *err)
{
    return trigger->start(trigger->self, err);
}

wf_status abi_trigger_stop(const wf_trigger *trigger, wf_error *err)
{
    return trigger->stop(trigger->self, err);
}

void abi_trigger_destroy(const wf_trigger *trigger)
{
    trigger->destroy(trigger->self);
}

/* ---- steps --------------------------------------------------------------------------- */

#define ABI_OUTPUT_BYTES (256u * 1024u * 1024u)

static wf_status abi_output_write(void *ctx, const char *data, size_t len)
{
    struct abi_output *out = ctx;
    if (len > ABI_OUTPUT_BYTES - out->len)
        return WF_NO_MEMORY;
    size_t size = out->size ? out->size : 1024;
    while (size < out->len + len)
        size *= 2;
    if (size != out->size) {
        char *grown = realloc(out->data, size);
        if (!grown)
            return WF_NO_MEMORY;
        out->data = grown;
        out->size = size;
    }
    if (len)
        memcpy(out->data + out->len, data, len);
    out->len += len;
    return WF_OK;
}

wf_status abi_step_execute(const wf_step *step, const wf_step_input *in,
                           struct abi_output *out, wf_error *err)
{
    const wf_sink sink = {out, abi_output_write};
    return step->execute(step->self, in, &sink, &out->stop, err);
}

void abi_step_destroy(const wf_step *step)
{
    step->destroy(step->self);
}
