/* SPDX-License-Identifier: MIT
 *
 * registry - a list of sources; there are a handful, so it is searched from the front.
 */
#include "plugin/core/registry.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/store.h"

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
    struct cdc_store *store = NULL;
    pthread_mutex_lock(&registry->lock);
    /* There may be many that are stopped, and each would keep its files open. */
    if (!--source->refs && !source->registered)
        store = source_take_store(source);
    pthread_mutex_unlock(&registry->lock);
    store_close(store);
}

/* With registry.lock: registered and asked to start are one step, as unregistered and asked
 * to stop are, so that nobody can come between them. */
static wf_status registry_ask_start(struct cdc_source *source,
                                    struct cdc_settings *settings, wf_str owner,
                                    uint64_t *out_run, wf_error *err)
{
    char *own = NULL;
    if (owner.len && !(own = str_dup(owner))) {
        settings_free(settings);
        return error_no_memory(err);
    }
    wf_status status = source_ask_start(source, settings, out_run, err);
    if (status) {
        free(own);
        return status;
    }
    if (own) {
        free(source->owner);
        source->owner = own;
    }
    source->registered = true;
    return WF_OK;
}

/* The source of that id, made when there are settings for it.  With registry.lock.  A
 * source that has worked once is kept until the plugin is closed: its triggers, or a start
 * that names only its id, may come back to it. */
static wf_status registry_find_or_make(struct cdc_registry *registry, wf_str id, bool make,
                                       struct cdc_source **out, wf_error *err)
{
    struct cdc_source *source = registry_find(registry, id);
    if (source && source->registered)
        return error_set(err, WF_STATE, "CDC source \"%.*s\" already registered",
                         STR_ARG(id));
    if (!source && !make)
        return registry_not_found(id, err);
    if (!source) {
        wf_status status = source_new(id, registry->host, &registry->logger, &source, err);
        if (status)
            return status;
        source->next = registry->first;
        registry->first = source;
    }
    *out = source;
    return WF_OK;
}

/* Takes a source off the list that never worked and that nobody holds, so that failing
 * starts of many ids leave nothing behind; gives it (source_free).  With registry.lock. */
static struct cdc_source *registry_forget(struct cdc_registry *registry,
                                          struct cdc_source *source)
{
    if (source->refs || source->worked || source->registered)
        return NULL;
    struct cdc_source **at = &registry->first;
    while (*at != source)
        at = &(*at)->next;
    *at = source->next;
    return source;
}

/* settings NULL: those of the last run; cancelled NULL: by nobody. */
static wf_status registry_run(struct cdc_registry *registry, wf_str id,
                              struct cdc_settings *settings, wf_str owner,
                              const _Atomic bool *cancelled, wf_error *err)
{
    struct cdc_source *source = NULL;
    struct cdc_source *useless = NULL;
    uint64_t run = 0;
    pthread_mutex_lock(&registry->lock);
    /* With the lock: who cancels takes it after that, and finds what was registered. */
    wf_status status = WF_OK;
    if (cancelled && atomic_load(cancelled))
        status = error_set(err, WF_CANCELLED, "stopped before it was started");
    else
        status = registry_find_or_make(registry, id, settings != NULL, &source, err);
    if (status)
        settings_free(settings);
    else if (!(status = registry_ask_start(source, settings, owner, &run, err)))
        source->refs++;
    else
        useless = registry_forget(registry, source);
    pthread_mutex_unlock(&registry->lock);
    if (!status) {
        status = source_await_start(source, run, err);
        pthread_mutex_lock(&registry->lock);
        if (status && source_is_run(source, run))
            source->registered = false;
        source->worked |= !status;
        source->refs--;
        useless = registry_forget(registry, source);
        pthread_mutex_unlock(&registry->lock);
    }
    source_free(useless);
    return status;
}

wf_status registry_start(struct cdc_registry *registry, struct cdc_settings *settings,
                         wf_str owner, wf_error *err)
{
    return registry_run(registry, settings->source_id, settings, owner, NULL, err);
}

wf_status registry_start_unless(struct cdc_registry *registry,
                                struct cdc_settings *settings, wf_str owner,
                                const _Atomic bool *cancelled, wf_error *err)
{
    return registry_run(registry, settings->source_id, settings, owner, cancelled, err);
}

wf_status registry_restart(struct cdc_registry *registry, wf_str id, wf_error *err)
{
    return registry_run(registry, id, NULL, STR_EMPTY, NULL, err);
}

/* With registry.lock: asks the source to stop and borrows it for the wait. */
static uint64_t registry_ask_stop(struct cdc_source *source, bool cleanup)
{
    source->registered = false;
    source->refs++;
    return source_ask_stop(source, cleanup);
}

wf_status registry_stop(struct cdc_registry *registry, wf_str id, bool cleanup,
                        struct buf *out_removed, wf_error *err)
{
    pthread_mutex_lock(&registry->lock);
    struct cdc_source *source = registry_find(registry, id);
    bool found = source && (source->registered || cleanup);
    uint64_t run = found ? registry_ask_stop(source, cleanup) : 0;
    pthread_mutex_unlock(&registry->lock);
    if (!found)
        return registry_not_found(id, err);
    wf_status status = source_await_stop(source, run, cleanup, NULL, err);
    if (!status && out_removed)
        source_removed(source, out_removed);
    registry_return(registry, source);
    return status;
}

/* Asks the source to stop and borrows it; NULL: the owner has none. */
static struct cdc_source *registry_ask_owned(struct cdc_registry *registry, wf_str id,
                                             wf_str owner, uint64_t *out_run)
{
    pthread_mutex_lock(&registry->lock);
    struct cdc_source *source = registry_find(registry, id);
    if (source && !(source->owner && str_is(owner, source->owner)))
        source = NULL;
    if (source)
        *out_run = registry_ask_stop(source, false);
    pthread_mutex_unlock(&registry->lock);
    return source;
}

void registry_cancel(struct cdc_registry *registry, wf_str id, wf_str owner)
{
    uint64_t run;
    struct cdc_source *source = registry_ask_owned(registry, id, owner, &run);
    if (source)
        source_wake(source);
    registry_return(registry, source);
}

wf_status registry_stop_owned(struct cdc_registry *registry, wf_str id, wf_str owner,
                              wf_error *err)
{
    uint64_t run;
    struct cdc_source *source = registry_ask_owned(registry, id, owner, &run);
    if (!source)
        return WF_OK; /* it was never started, or is somebody else's */
    wf_status status = source_await_stop(source, run, false, NULL, err);
    registry_return(registry, source);
    return status;
}
