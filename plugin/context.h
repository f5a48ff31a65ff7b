/* SPDX-License-Identifier: MIT
 *
 * context - what one wf_plugin_open() makes: the registry of sources, and every object the
 * host has made and not yet destroyed.
 *
 * Nothing is shared between contexts, and there is nothing beside them: two hosts in one
 * process do not meet.
 */
#ifndef PLUGIN_CONTEXT_H
#define PLUGIN_CONTEXT_H

#include "plugin/catalog.h"
#include "steps/monitor.h"

/* An object of the host's; plugin/entry.c has the tables that lead to it. */
struct context_object {
    struct context_object *next, *previous; /* wf_plugin.objects_lock */
    struct wf_plugin *plugin;
    /* Stops it and frees it, this header too.  [control] */
    void (*end)(struct context_object *object);
    /* Whether this thread runs a callback of it; NULL: it has none.  [any] */
    bool (*is_inside)(const struct context_object *object);
};

struct wf_plugin {
    wf_host host; /* a copy; what an older host's table lacks is NULL */
    struct cdc_registry sources;
    struct monitor monitor;
    struct trigger_list triggers;
    struct step_context steps;
    pthread_mutex_t objects_lock;   /* guards the list */
    struct context_object *objects; /* the newest first */
};

wf_status context_new(const wf_host *host, struct wf_plugin **out, wf_error *err);
/* Ends every object, the newest first, and then every source.  Inside a callback of its
 * own it does nothing: it would wait for itself. */
void context_free(struct wf_plugin *plugin);

void context_add(struct wf_plugin *plugin, struct context_object *object);
void context_remove(struct context_object *object);

#endif
