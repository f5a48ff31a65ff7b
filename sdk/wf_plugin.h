/* SPDX-License-Identifier: MIT
 *
 * wf_plugin.h - the whole contract between a workflow host and a plugin.
 *
 * The C counterpart of the engine's Go sdk: ModuleInstance, StepInstance, TriggerInstance,
 * TriggerCallback, MessagePublisher, MessageSubscriber and the plugin manifest.
 *
 * A host dlopens the plugin with RTLD_NOW | RTLD_LOCAL and an absolute path, reads
 * wf_plugin_manifest(), checks that its "abi" is WF_ABI_VERSION, calls wf_plugin_open() and
 * then the factories the manifest's types lead to:
 *
 *     manifest -> open -> ( new_* -> init/start/execute/stop -> destroy )* -> close
 *
 * Three rules hold for every line of this file:
 *
 *   Memory   Neither side frees the other's memory.  Input is a borrowed view (wf_str),
 *            good until the call returns.  Output goes into a wf_sink or a wf_error the
 *            caller owns.
 *   Threads Every function says who may call it: [control] the host, one call at a time per
 *              object [any] any thread, at any time between open and close [delivery] a
 *              thread of the plugin's, one call at a time per callback unless the
 *                          trigger was configured with several workers
 *   Growth   Every table begins with `size`, set by the side that fills it in.  Members are
 *            only ever added at the end; ask WF_HAS() before using one newer than version
 *            1.  A change that breaks this is a new WF_ABI_VERSION.
 *
 * Text is UTF-8; all structured data is JSON text.  A plugin touches no signal disposition,
 * no locale, no working directory, no environment variable and neither stdin nor stdout.
 * After fork() a child must exec: the plugin's threads do not exist there.
 */
#ifndef WF_PLUGIN_H
#define WF_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WF_ABI_VERSION 1

#define WF_EXPORT __attribute__((visibility("default")))

/* True when the other side's table is new enough to have `member` and has filled it in. */
#define WF_HAS(table, member)                                                              \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member) &&  \
     (table)->member)

/* A view of UTF-8 text, not NUL-terminated.  {NULL, 0} is the empty string. */
typedef struct wf_str {
    const char *ptr;
    size_t len;
} wf_str;

/* One row per outcome: the name, the number, the words an operator reads. */
#define WF_STATUS_MAP(X)                                                                   \
    X(OK, 0, "ok")                                                                         \
    X(CONFIG, 1, "the configuration is wrong; retrying will not help")                     \
    X(NOT_FOUND, 2, "no such source, table or type")                                       \
    X(STATE, 3, "not possible in the present state")                                       \
    X(UNSUPPORTED, 4, "this provider cannot do that")                                      \
    X(UNAVAILABLE, 5, "the other system is away; retrying may help")                       \
    X(PROTOCOL, 6, "the other system sent what we do not understand")                      \
    X(NO_MEMORY, 7, "out of memory")                                                       \
    X(CANCELLED, 8, "stopped on request")                                                  \
    X(FAILED, 9, "the workflow failed")

typedef int32_t wf_status; /* WF_OK or one of the rows above */
enum {
#define X(name, code, text) WF_##name = code,
    WF_STATUS_MAP(X)
#undef X
};

/* What went wrong, in words an operator reads; never a secret.  Lives with the caller,
 * usually on its stack, and needs no freeing.  Written only on failure. */
typedef struct wf_error {
    wf_status code;
    char text[1020]; /* NUL-terminated, cut short if need be */
} wf_error;

/* Where a callee puts output of unknown length; the caller owns it.  `write` may be called
 * several times, by the thread and during the call the sink was handed to; it copies
 * `data`.  A status other than WF_OK ends the output and comes back from the callee. */
typedef struct wf_sink {
    void *ctx;
    wf_status (*write)(void *ctx, const char *data, size_t len);
} wf_sink;

/* ---- what the host gives ------------------------------------------------------------- */

/* A message arrived on a topic.  WF_OK acknowledges it; anything else asks the host to
 * report the failure to whoever published.  The views are borrowed.  Called on a thread of
 * the host's, maybe on several at once. */
typedef wf_status (*wf_on_message)(void *ctx, wf_str topic, wf_str payload,
                                   wf_str metadata_json, wf_error *err);

/* The host's services.  The table and its ctx outlive the plugin. */
typedef struct wf_host {
    uint32_t size;
    void *ctx;

    /* Records one line of UTF-8 without a line end; level 0 debug, 1 info, 2 warn, 3 error.
     * Never blocks for long and never calls back into the plugin.  [any] */
    void (*log)(void *ctx, int32_t level, wf_str line);

    /* Sends `payload` (any bytes) to all subscribers of `topic`.  `metadata_json` is an
     * object of strings, or empty.  NULL where the host has no message bus.  Fails with
     * WF_UNAVAILABLE when the bus is gone and with a subscriber's own status when one
     * refused.  [any] */
    wf_status (*publish)(void *ctx, wf_str topic, wf_str payload, wf_str metadata_json,
                         wf_error *err);

    /* Calls fn(fn_ctx, ...) for every later message on exactly `topic`.  Writes a number
     * for unsubscribe().  NULL where the host has no message bus.  [any] */
    wf_status (*subscribe)(void *ctx, wf_str topic, wf_on_message fn, void *fn_ctx,
                           uint64_t *out_subscription, wf_error *err);

    /* Returns when no call of fn is running and none will follow.  Unknown numbers are
     * ignored.  [any] but fn itself */
    void (*unsubscribe)(void *ctx, uint64_t subscription);
} wf_host;

/* TriggerCallback.  Starts the workflow a trigger belongs to and returns when it has ended.
 * WF_OK: the event may be forgotten.  WF_CANCELLED: the host is stopping, give it again
 * later.  WF_UNSUPPORTED: this host can never take this event; giving it again is no use.
 * Anything else: it failed, with the reason in `err`, and is given again by the trigger's
 * retry rules.  The plugin holds no lock meanwhile, so the workflow may run steps
 * of this plugin, also on the very source the event came from.  [delivery] */
typedef struct wf_callback {
    void *ctx;
    wf_status (*fire)(void *ctx, wf_str action, wf_str event_json, wf_error *err);
} wf_callback;

/* ---- what the plugin makes ----------------------------------------------------------- */

/* ModuleInstance. */
typedef struct wf_module {
    uint32_t size;
    void *self;
    /* Checks what can be checked without the other system.  WF_CONFIG names the key.
     * [control] */
    wf_status (*init)(void *self, wf_error *err);
    /* Connects and begins work on threads of the plugin's.  [control] */
    wf_status (*start)(void *self, wf_error *err);
    /* Ends that work and waits for it.  Idempotent.  [control] */
    wf_status (*stop)(void *self, wf_error *err);
    /* Stops first if need be, then frees the module and this table.  [control] */
    void (*destroy)(void *self);
    /* Optional; newer than version 1's first tables.  The start is not wanted any more: the
     * one that runs, or else the next one before a stop, soon returns WF_CANCELLED, with
     * nothing left running.  Neither blocks nor fails.  [any] while the module is there */
    void (*cancel)(void *self);
} wf_module;

/* What a step works on, all JSON objects; an empty view reads as {}.  `config` is the
 * step's own with templates already resolved. */
typedef struct wf_step_input {
    uint32_t size;
    wf_str config;
    wf_str trigger_data;
    wf_str step_outputs; /* {"step name": {output}} */
    wf_str current;
    wf_str metadata;
} wf_step_input;

/* StepInstance. */
typedef struct wf_step {
    uint32_t size;
    void *self;
    /* Runs once.  Writes one JSON object to `output`; *out_stop != 0 ends the pipeline with
     * success.  On failure nothing useful was written.  [any], also at the same time */
    wf_status (*execute)(void *self, const wf_step_input *in, const wf_sink *output,
                         int32_t *out_stop, wf_error *err);
    /* No execute may be running.  Frees the step and this table.  [control] */
    void (*destroy)(void *self);
} wf_step;

/* TriggerInstance. */
typedef struct wf_trigger {
    uint32_t size;
    void *self;
    /* Begins to fire.  May be called again after stop.  [control] */
    wf_status (*start)(void *self, wf_error *err);
    /* Returns once no fire is running and none will follow; called from inside a fire it
     * returns at once and takes effect when that fire has returned.  Idempotent.
     * [control] */
    wf_status (*stop)(void *self, wf_error *err);
    /* Stops first if need be, then frees the trigger and this table.  Not from inside a
     * fire.  [control] */
    void (*destroy)(void *self);
} wf_trigger;

/* ---- what the plugin exports --------------------------------------------------------- */

typedef struct wf_plugin wf_plugin; /* one per open, opaque */

/* The manifest as JSON, byte for byte the plugin's plugin.manifest.json.  Valid for ever,
 * also before open.  Exported as wf_plugin_manifest.  [any] */
typedef wf_str (*wf_plugin_manifest_fn)(void);

/* Makes a plugin context.  `host` must outlive it.  Several hosts in one process may each
 * open the plugin; they share nothing.  *out is untouched on failure.  Exported as
 * wf_plugin_open.  [control] */
typedef wf_status (*wf_plugin_open_fn)(const wf_host *host, wf_plugin **out, wf_error *err);

/* Stops what still runs and joins every thread; after it the plugin runs no code.  Objects
 * made by factories and not yet destroyed are gone with it: do not call them again.  Not
 * from inside a fire.  NULL is ignored.  Exported as wf_plugin_close.  [control] */
typedef void (*wf_plugin_close_fn)(wf_plugin *plugin);

/*
 * Factories are exported as new_<kind>_<type>: the type as the manifest spells it, without
 * the kind's own prefix, every character but [a-z0-9] written '_'.
 *
 *     cdc.source -> new_module_cdc_source   step.cdc_start -> new_step_cdc_start
 *     trigger.cdc -> new_trigger_cdc
 *
 * `config` is a JSON object, or empty; unknown keys at its top are ignored (hosts add some,
 * such as "_config_dir", the absolute folder of the configuration file, and "workflowType",
 * the workflow a trigger starts).  Everything is copied, the callback too.  *out is
 * untouched on failure; its destroy() ends it.  [control]
 */
typedef wf_status (*wf_new_module_fn)(wf_plugin *plugin, wf_str name, wf_str config,
                                      const wf_module **out, wf_error *err);
typedef wf_status (*wf_new_step_fn)(wf_plugin *plugin, wf_str name, wf_str config,
                                    const wf_step **out, wf_error *err);
typedef wf_status (*wf_new_trigger_fn)(wf_plugin *plugin, wf_str config,
                                       const wf_callback *callback, const wf_trigger **out,
                                       wf_error *err);

#ifdef __cplusplus
}
#endif
#endif
