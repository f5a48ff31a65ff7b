/* SPDX-License-Identifier: MIT
 *
 * context - made of the host's table, ended from the newest object to the oldest source.
 */
#include "plugin/context.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"

wf_status context_new(const wf_host *host, struct wf_plugin **out, wf_error *err)
{
    struct wf_plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin)
        return error_no_memory(err);
    /* A host older than this plugin has a shorter table, a newer one a longer. */
    size_t size = host->size < sizeof plugin->host ? host->size : sizeof plugin->host;
    memcpy(&plugin->host, host, size);
    plugin->host.size = (uint32_t)size;
    registry_init(&plugin->sources, &plugin->host, catalog_providers);
    monitor_init(&plugin->monitor, &plugin->host);
    trigger_list_init(&plugin->triggers);
    plugin->steps =
        (struct step_context){&plugin->sources, &plugin->monitor, catalog_missing};
    pthread_mutex_init(&plugin->objects_lock, NULL);
    *out = plugin;
    return WF_OK;
}

static bool context_is_inside(struct wf_plugin *plugin)
{
    bool inside = false;
    pthread_mutex_lock(&plugin->objects_lock);
    for (const struct context_object *o = plugin->objects; o && !inside; o = o->next)
        inside = o->is_inside && o->is_inside(o);
    pthread_mutex_unlock(&plugin->objects_lock);
    return inside;
}

void context_free(struct wf_plugin *plugin)
{
    if (!plugin)
        return;
    if (context_is_inside(plugin)) {
        log_line(&plugin->sources.logger, LOG_ERROR,
                 "wf_plugin_close does nothing when it is called from inside a trigger's "
                 "callback");
        return;
    }
    while (plugin->objects)
        plugin->objects->end(plugin->objects);
    registry_release(&plugin->sources);
    monitor_release(&plugin->monitor);
    trigger_list_release(&plugin->triggers);
    pthread_mutex_destroy(&plugin->objects_lock);
    free(plugin);
}

void context_add(struct wf_plugin *plugin, struct context_object *object)
{
    object->plugin = plugin;
    object->previous = NULL;
    pthread_mutex_lock(&plugin->objects_lock);
    object->next = plugin->objects;
    if (object->next)
        object->next->previous = object;
    plugin->objects = object;
    pthread_mutex_unlock(&plugin->objects_lock);
}

void context_remove(struct context_object *object)
{
    struct wf_plugin *plugin = object->plugin;
    pthread_mutex_lock(&plugin->objects_lock);
    if (object->next)
        object->next->previous = object->previous;
    if (object->previous)
        object->previous->next = object->next;
    else
        plugin->objects = object->next;
    pthread_mutex_unlock(&plugin->objects_lock);
}
