/* SPDX-License-Identifier: MIT
 *
 * monitor - what step.cdc_monitor remembers of the sources, per plugin context: so that two
 * monitor steps on one source do not tell everything twice.
 */
#ifndef STEPS_MONITOR_H
#define STEPS_MONITOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "sdk/wf_plugin.h"
#include "steps/monitor_rules.h"

struct monitor_entry;

struct monitor {
    const wf_host *host;
    pthread_mutex_t lock; /* guards the list and what is in it */
    struct monitor_entry *first;
    _Atomic bool mute; /* it was said that there is no bus */
};

void monitor_init(struct monitor *monitor, const wf_host *host);
void monitor_release(struct monitor *monitor);

/* Decides for the source.  *out_before is what to put back with monitor_undo() when an
 * action fails.  [any] */
wf_status monitor_decide(struct monitor *monitor, wf_str source_id,
                         const struct monitor_look *look, struct monitor_actions *out,
                         struct monitor_state *out_before, wf_error *err);

/* The alert was not sent: the status counts as not told. */
void monitor_undo_alert(struct monitor *monitor, wf_str source_id,
                        enum monitor_status told);
/* The source was not paused (resumed): it will be tried again. */
void monitor_undo_pause(struct monitor *monitor, wf_str source_id,
                        const struct monitor_state *before);

#endif
