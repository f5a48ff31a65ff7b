/* SPDX-License-Identifier: MIT
 *
 * abi - sdk/wf_plugin.h as Go can call it: function pointers behind functions, output into
 * memory that grows, numbers instead of pointers where Go keeps the object.
 */
#ifndef BRIDGE_ABI_H
#define BRIDGE_ABI_H

#include <stdint.h>

#include "sdk/wf_plugin.h"

/* A loaded shared object, and what every one exports. */
struct abi_library {
    void *handle;
    wf_plugin_manifest_fn manifest;
    wf_plugin_open_fn open;
    wf_plugin_close_fn close;
};

/* Loads `path`.  NULL, or what is wrong with it, which is good until the next call. */
const char *abi_load(const char *path, struct abi_library *out);
void *abi_find(const struct abi_library *library, const char *symbol);
wf_str abi_manifest(const struct abi_library *library);

/* `host` is the number that the host's functions get back. */
wf_status abi_open(const struct abi_library *library, uintptr_t host, wf_plugin **out,
                   wf_error *err);
void abi_close(const struct abi_library *library, wf_plugin *plugin);

/* What a factory is called with. */
struct abi_new {
    void *factory;
    wf_plugin *plugin;
    wf_str name;
    wf_str config;
    uintptr_t callback; /* the number that abi_fire gets back */
};

wf_status abi_new_module(const struct abi_new *args, const wf_module **out, wf_error *err);
wf_status abi_new_step(const struct abi_new *args, const wf_step **out, wf_error *err);
wf_status abi_new_trigger(const struct abi_new *args, const wf_trigger **out,
                          wf_error *err);

wf_status abi_module_init(const wf_module *module, wf_error *err);
wf_status abi_module_start(const wf_module *module, wf_error *err);
wf_status abi_module_stop(const wf_module *module, wf_error *err);
void abi_module_cancel(const wf_module *module);
void abi_module_destroy(const wf_module *module);

wf_status abi_trigger_start(const wf_trigger *trigger, wf_error *err);
wf_status abi_trigger_stop(const wf_trigger *trigger, wf_error *err);
void abi_trigger_destroy(const wf_trigger *trigger);

/* The text that a step has written.  free() it, also after a failure. */
struct abi_output {
    char *data;
    size_t len;
    size_t size;
    int32_t stop;
};

wf_status abi_step_execute(const wf_step *step, const wf_step_input *in,
                           struct abi_output *out, wf_error *err);
void abi_step_destroy(const wf_step *step);

/* A message for a subscriber of the plugin's. */
struct abi_message {
    wf_on_message fn;
    void *fn_ctx;
    wf_str topic;
    wf_str payload;
    wf_str metadata;
};

wf_status abi_deliver(const struct abi_message *message, wf_error *err);

#endif
