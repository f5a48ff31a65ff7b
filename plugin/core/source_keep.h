/* SPDX-License-Identifier: MIT
 *
 * source_keep - what a source keeps on its own disk: its lock file, its place in the
 * stream, the names of its subscriptions, how far its snapshots have come.
 *
 * The disk may be full for a while.  The stream goes on then, the error is in the status,
 * and nothing is confirmed: these functions answer WF_OK and try again.  All calls [source]
 * but source_keep_write().
 */
#ifndef CORE_SOURCE_KEEP_H
#define CORE_SOURCE_KEEP_H

#include "plugin/core/source.h"

/* A run begins: an empty log, the lock, the store, the position to go on after.  A lossy
 * source keeps nothing and needs none of them but the log. */
wf_status source_keep_open(struct cdc_source *source, wf_error *err);

/* Takes the lock unless it has it, without waiting.  A lossy source has none. */
wf_status source_keep_hold(struct cdc_source *source, wf_error *err);

/* Stores the names of the subscriptions when they are others than before: they are claims
 * after a restart. */
wf_status source_keep_names(struct cdc_source *source, wf_error *err);

/* Confirms what everyone has had: once nothing has come for a few milliseconds, else now
 * and then.  It is written by the scribe meanwhile, and told to the far side by a later
 * call; `at_once` waits for that and tells. */
wf_status source_keep_confirm(struct cdc_source *source, bool at_once, wf_error *err);

/* After how many milliseconds it is to be called again for that if nothing comes; 0: it was
 * not for the time that anything was left. */
int source_keep_wait_ms(const struct cdc_source *source);

/* What the scribe does for it.  [scribe] */
wf_status source_keep_write(void *source, wf_error *err);

/* Every check_ms: the lock, claims whose time is over, and dead letters to be replayed. */
wf_status source_keep_look_around(struct cdc_source *source, wf_error *err);

#endif
