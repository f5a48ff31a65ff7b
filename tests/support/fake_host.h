/* SPDX-License-Identifier: MIT
 *
 * fake_host - a host that is nobody's: the plugin loaded with dlopen, a table of its own
 * with a bus, callbacks that remember what they were given.
 *
 * What cannot go on ends the program with a text; what is being tested comes back.
 */
#ifndef TESTS_SUPPORT_FAKE_HOST_H
#define TESTS_SUPPORT_FAKE_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"

#define FAKE_WAIT_MS 20000 /* how long anything is waited for that should come */

/* ---- the exported functions ---- */

struct fake_plugin {
    void *handle;
    wf_plugin_manifest_fn manifest;
    wf_plugin_open_fn open;
    wf_plugin_close_fn close;
    wf_new_module_fn new_module;
    wf_new_trigger_fn new_trigger;
};

/* Loads it once; the same table comes back for the same path. */
const struct fake_plugin *fake_plugin(const char *path);
/* The factory of "cdc_status"... */
wf_new_step_fn fake_step_factory(const struct fake_plugin *plugin, const char *step);

/* Whatever else it exports under that name. */
void *fake_symbol_or_null(const struct fake_plugin *plugin, const char *name);

/* ---- a host ---- */

struct fake_message {
    struct fake_message *next;
    char *topic;
    char *payload;
};

struct fake_host {
    wf_host table;
    const struct fake_plugin *api;
    wf_plugin *plugin;
    pthread_mutex_t lock; /* guards the lists */
    struct fake_subscriber *subscribers;
    struct fake_message *messages; /* what was published, the newest first */
    uint64_t last_number;
    pthread_cond_t calls_ended;
    wf_status publish_status; /* what publish() answers instead, when not WF_OK */
    struct buf log;           /* all lines */
};

/* Makes the table and opens the plugin.  `size` 0: the whole table. */
void fake_host_init(struct fake_host *host, const char *path, size_t size);
/* Closes the plugin first when it is still open. */
void fake_host_release(struct fake_host *host);
void fake_host_close(struct fake_host *host);

wf_status fake_publish(struct fake_host *host, const char *topic, const char *payload,
                       wf_error *err);
/* Into the memory provider's topic of the source. */
wf_status fake_inject(struct fake_host *host, const char *source_id, const char *event);
/* Messages on a topic so far; the newest is copied into out (may be NULL). */
unsigned fake_messages(struct fake_host *host, const char *topic, struct buf *out);
bool fake_logged(struct fake_host *host, const char *words);

/* ---- steps, as text in and text out ---- */

/* Makes a step called "N", executes it, destroys it.  `out` is emptied first. */
wf_status fake_step(struct fake_host *host, const char *step, const char *config,
                    struct buf *out, wf_error *err);
/* The text of a member ("a.b.0" goes into maps and lists), without quotes; "(none)" when
 * it is not there.  Good until the next call on this thread. */
const char *fake_member(const struct buf *json, const char *path);

/* ---- modules and triggers ---- */

const wf_module *fake_module(struct fake_host *host, const char *name, const char *config,
                             wf_error *err);
/* Made, initialised and started; ends the program when that fails. */
const wf_module *fake_running_module(struct fake_host *host, const char *name,
                                     const char *config);

struct fake_callback {
    wf_callback callback;
    pthread_mutex_t lock; /* guards the members below */
    pthread_cond_t fired;
    unsigned count;
    unsigned running, most_running;
    struct buf events; /* one per line */
    struct buf actions;
    /* What it does, after it took note; NULL: WF_OK. */
    wf_status (*hook)(void *ctx, wf_str event, wf_error *err);
    void *hook_ctx;
};

void fake_callback_init(struct fake_callback *callback);
void fake_callback_release(struct fake_callback *callback);
/* Waits until it was called `count` times; false when that takes too long. */
bool fake_callback_wait(struct fake_callback *callback, unsigned count);
/* Waits a moment in which nothing should come, and gives the number of calls. */
unsigned fake_callback_settled(struct fake_callback *callback);
/* Line number `index` from 0. */
const char *fake_callback_event(struct fake_callback *callback, unsigned index);

const wf_trigger *fake_trigger(struct fake_host *host, const char *config,
                               struct fake_callback *callback, wf_error *err);
const wf_trigger *fake_running_trigger(struct fake_host *host, const char *config,
                                       struct fake_callback *callback);

/* A gate: closed at first; whoever passes waits until it is opened. */
struct fake_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned waiting;
};
void fake_gate_init(struct fake_gate *gate);
void fake_gate_release(struct fake_gate *gate);
void fake_gate_open(struct fake_gate *gate);
void fake_gate_pass(struct fake_gate *gate);
/* Waits until somebody waits at it. */
bool fake_gate_wait(struct fake_gate *gate);

/* The plugin's threads in this process, by their names; sanitizers have threads of their
 * own. */
unsigned fake_threads(void);
/* Waits until there are `count`: a thread that was joined may be listed a moment longer. */
bool fake_threads_are(unsigned count);

#endif
