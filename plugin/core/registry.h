/* SPDX-License-Identifier: MIT
 *
 * registry - the sources of one plugin context, by source_id.
 *
 * A source is *registered* from a start to a stop; steps and triggers find only registered
 * ones, as upstream.  The object outlives that while triggers hold it, so that a source
 * that is started again has its triggers back.
 *
 *     borrow -> use -> return        every borrowed source is given back
 *
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <pthread.h>

#include "plugin/core/source.h"

struct cdc_registry {
    pthread_mutex_t lock; /* guards the list and each source's refs, registered, owner */
    struct cdc_source *first;
    const wf_host *host;
    struct logger logger;
    const struct cdc_provider *const *providers; /* ends with NULL */
};

void registry_init(struct cdc_registry *registry, const wf_host *host,
                   const struct cdc_provider *const *providers);
/* Stops and frees every source.  No trigger is started any more. */
void registry_release(struct cdc_registry *registry);

/* WF_NOT_FOUND `CDC source "X" not found`.  [any] */
wf_status registry_borrow(struct cdc_registry *registry, wf_str id, struct cdc_source **out,
                          wf_error *err);
/* As borrow, also for a source that was stopped and is still remembered. */
wf_status registry_borrow_stopped(struct cdc_registry *registry, wf_str id,
                                  struct cdc_source **out, wf_error *err);
void registry_return(struct cdc_registry *registry, struct cdc_source *source);

/* Registers the source of settings->source_id and starts it (takes settings).  WF_STATE
 * `CDC source "X" already registered`.  `owner` (may be empty) is the module's name.
 * Errors of the connection come unwrapped; after them the source is not registered.
 * [any] */
wf_status registry_start(struct cdc_registry *registry, struct cdc_settings *settings,
                         wf_str owner, wf_error *err);
/* The same for a module whose start may be cancelled: WF_CANCELLED when *cancelled before
 * it is registered. */
wf_status registry_start_unless(struct cdc_registry *registry,
                                struct cdc_settings *settings, wf_str owner,
                                const _Atomic bool *cancelled, wf_error *err);
/* After *cancelled was set: what the module has started is asked to stop.  Does not wait.
 * [any] */
void registry_cancel(struct cdc_registry *registry, wf_str id, wf_str owner);
/* Starts a remembered source again with its last settings. */
wf_status registry_restart(struct cdc_registry *registry, wf_str id, wf_error *err);

/* Unregisters and stops.  WF_NOT_FOUND when it is not registered (with cleanup: not
 * remembered). `out_removed` (may be NULL) gets what the cleanup removed, nothing when
 * nothing was left.  [any] */
wf_status registry_stop(struct cdc_registry *registry, wf_str id, bool cleanup,
                        struct buf *out_removed, wf_error *err);
/* What a module does: stops the source it owns; WF_OK when it no longer runs. */
wf_status registry_stop_owned(struct cdc_registry *registry, wf_str id, wf_str owner,
                              wf_error *err);

#endif
