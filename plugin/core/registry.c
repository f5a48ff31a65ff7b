/* SPDX-License-Identifier: MIT
 *
 * registry - a list of sources; there are a handful, so it is searched from the front.
 */
#include "plugin/core/registry.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

void registry_init(struct cdc_registry *registry, const wf_host *host,
                   const struct cdc_provider *const *providers)
{
    *registry = (struct cdc_registry){.host = host, .providers = providers};
    if (WF_HAS(host, log))
        registry->logger = (struct logger){host->ctx, host->log};
    pthread_mutex_init(&registry->lock, NULL);
}

void registry_release(struct cdc_registry *registry)
{
    while (registry->first) {
        struct cdc_source *source = registry->first;
        registry->first = source->next;
        source_stop(source, false, NULL, NULL);
        source_free(source);
    }
    pthread_mutex_destroy(&registry->lock);
}

/* With registry.lock. */
static struct cdc_source *registry_find(struct cdc_registry *registry, wf_str id)
{
    struct cdc_source *source = registry->first;
    while (source && !str_eq(source->id, id))
        source = source->next;
    return source;
}

static wf_status registry_not_found(wf_str id, wf_error *err)
{
    return error_set(err, WF_NOT_FOUND, "CDC source \"%.*s\" not found", STR_ARG(id));
}

static wf_status registry_take(struct cdc_registry *registry, wf_str id, bool stopped_too,
                               struct cdc_source **out, wf_error *err)
{
    pthread_mutex_lock(&registry->lock);
    struct cdc_source *source = registry_find(registry, id);
    bool found = source && (source->registered || stopped_too);
    if (found) {
        source->refs++;
        *out = source;
    }
    pthread_mutex_unlock(&registry->lock);
    return found ? WF_OK : registry_not_found(id, err);
}

wf_status registry_borrow(struct cdc_registry *registry, wf_str id, struct cdc_source **out,
                          wf_error *err)
{
    return registry_take(registry, id, false, out, err);
}

wf_status registry_borrow_stopped(struct cdc_registry *registry, wf_str id,
                                  struct cdc_source **out, wf_error *err)
{
    return registry_take(registry, id, true, out, err);
}

void registry_return(struct cdc_registry *registry, struct cdc_source *source)
{
    if (!source)
        return;
    pthread_mutex_lock(&registry->lock);
    source->refs--;
    pthread_mutex_unlock(&registry->lock);
}

/* The source of that id, made if need be, registered for this caller; WF_STATE when it already is.
 * A source that was once made is kept until the plugin is closed: its triggers, or a start that
 * names only its id, may come back to it. */
static wf_status registry_reserve(struct cdc_registry *registry, wf_str id, bool make, wf_str owner,
                                  struct cdc_source **out, wf_error *err)
{
    wf_status status = WF_OK;
    pthread_mutex_lock(&registry->lock);
    struct cdc_source *source = registry_find(registry, id);
    if (!source && !make)
        status = registry_not_found(id, err);
    else if (!source) {
        status = source_new(id, registry->host, &registry->logger, &source, err);
        if (!status) {
            source->next = registry->first;
            registry->first = source;
        }
    } else if (source->registered)
        status = error_set(err, WF_STATE, "CDC source \"%.*s\" already registered", STR_ARG(id));
    if (!status && owner.len && (!source->owner || !str_is(owner, source->owner))) {
        free(source->owner);
        source->owner = str_dup(owner);
        status = source->owner ? WF_OK : error_no_memory(err);
    }
    if (!status) {
        source->registered = true;
        source->refs++;
        *out = source;
    }
    pthread_mutex_unlock(&registry->lock);
    return status;
}

static void registry_unregister(struct cdc_registry *registry, struct cdc_source *source)
{
    pthread_mutex_lock(&registry->lock);
    source->registered = false;
    pthread_mutex_unlock(&registry->lock);
}

/* After a failed start: unregisters, and forgets a source that never ran and that nobody else
 * holds, so that failing starts of many ids leave nothing behind. */
static void registry_give_up(struct cdc_registry *registry, struct cdc_source *source)
{
    pthread_mutex_lock(&registry->lock);
    source->registered = false;
    source->refs--;
    bool forget = !source->refs && !source->worked;
    for (struct cdc_source **at = &registry->first; forget && *at; at = &(*at)->next)
        if (*at == source) {
            *at = source->next;
            break;
        }
    pthread_mutex_unlock(&registry->lock);
    if (forget)
        source_free(source);
}

static wf_status registry_run(struct cdc_registry *registry, struct cdc_source *source,
                              struct cdc_settings *settings, wf_error *err)
{
    wf_status status = source_start(source, settings, err);
    if (status) {
        registry_give_up(registry, source);
        return status;
    }
    pthread_mutex_lock(&registry->lock);
    source->worked = true;
    source->refs--;
    pthread_mutex_unlock(&registry->lock);
    return WF_OK;
}

wf_status registry_start(struct cdc_registry *registry, struct cdc_settings *settings, wf_str owner,
                         wf_error *err)
{
    struct cdc_source *source;
    wf_status status = registry_reserve(registry, settings->source_id, true, owner, &source, err);
    if (status) {
        settings_free(settings);
        return status;
    }
    return registry_run(registry, source, settings, err);
}

wf_status registry_restart(struct cdc_registry *registry, wf_str id, wf_error *err)
{
    struct cdc_source *source;
    wf_status status = registry_reserve(registry, id, false, STR_EMPTY, &source, err);
    return status ? status : registry_run(registry, source, NULL, err);
}

wf_status registry_stop(struct cdc_registry *registry, wf_str id, bool cleanup,
                        struct buf *out_removed, wf_error *err)
{
    struct cdc_source *source;
    wf_status status = registry_take(registry, id, cleanup, &source, err);
    if (status)
        return status;
    registry_unregister(registry, source);
    status = source_stop(source, cleanup, NULL, err);
    if (!status && out_removed)
        source_removed(source, out_removed);
    registry_return(registry, source);
    return status;
}

wf_status registry_stop_owned(struct cdc_registry *registry, wf_str id, wf_str owner, wf_error *err)
{
    struct cdc_source *source;
    if (registry_take(registry, id, true, &source, err))
        return WF_OK; /* it was never started */
    pthread_mutex_lock(&registry->lock);
    bool own = source->owner && str_is(owner, source->owner);
    if (own)
        source->registered = false;
    pthread_mutex_unlock(&registry->lock);
    wf_status status = own ? source_stop(source, false, NULL, err) : WF_OK;
    registry_return(registry, source);
    return status;
}
