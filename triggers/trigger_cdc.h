/* SPDX-License-Identifier: MIT
 *
 * trigger_cdc - trigger.cdc: a subscription on a source, from a start to a stop.
 *
 * It refers to its source by name and stays with it while the source is stopped and started
 * again.
 */
#ifndef TRIGGERS_TRIGGER_CDC_H
#define TRIGGERS_TRIGGER_CDC_H

#include <pthread.h>

#include "plugin/core/description.h"
#include "plugin/core/registry.h"

struct cJSON;
struct trigger_cdc;

extern const struct cdc_description trigger_cdc_about;

/* All triggers of a plugin context: no two on one source may have the same name. */
struct trigger_list {
    pthread_mutex_t lock; /* guards the list */
    struct trigger_cdc *first;
};
void trigger_list_init(struct trigger_list *list);
void trigger_list_release(struct trigger_list *list); /* it is empty */

/* WF_CONFIG `trigger.cdc: source_id is required` and what else is wrong.  Copies the
 * callback.  [control] */
wf_status trigger_cdc_new(struct cdc_registry *sources, struct trigger_list *list,
                          const struct cJSON *config, const wf_callback *callback,
                          struct trigger_cdc **out, wf_error *err);
/* Stops first if need be.  Not from inside its own fire.  NULL is ignored.  [control] */
void trigger_cdc_free(struct trigger_cdc *trigger);

/* WF_STATE `trigger.cdc "X": already started`, WF_NOT_FOUND `trigger.cdc "X": CDC source
 * "X" not found`; after a failure it can be started again.  [control] */
wf_status trigger_cdc_start(struct trigger_cdc *trigger, wf_error *err);

/* Idempotent.  From inside a fire it takes effect when that has returned.  [control] */
wf_status trigger_cdc_stop(struct trigger_cdc *trigger, wf_error *err);

/* This thread runs a callback of the trigger's.  [any] */
bool trigger_cdc_is_inside(const struct trigger_cdc *trigger);

#endif
