/* SPDX-License-Identifier: MIT
 *
 * monitor - a list of sources that were looked at; as long as the list of sources.
 */
#include "steps/monitor.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

struct monitor_entry {
    struct monitor_entry *next;
    struct monitor_state state;
    wf_str source_id;
    char memory[];
};

void monitor_init(struct monitor *monitor, const wf_host *host)
{
    *monitor = (struct monitor){.host = host};
    pthread_mutex_init(&monitor->lock, NULL);
}

void monitor_release(struct monitor *monitor)
{
    while (monitor->first) {
        struct monitor_entry *entry = monitor->first;
        monitor->first = entry->next;
        free(entry);
    }
    pthread_mutex_destroy(&monitor->lock);
}

/* With the lock. */
static struct monitor_entry *monitor_find(struct monitor *monitor, wf_str source_id)
{
    struct monitor_entry *entry = monitor->first;
    while (entry && !str_eq(entry->source_id, source_id))
        entry = entry->next;
    return entry;
}

static struct monitor_entry *monitor_add(struct monitor *monitor, wf_str source_id)
{
    struct monitor_entry *entry = calloc(1, sizeof *entry + source_id.len);
    if (!entry)
        return NULL;
    memcpy(entry->memory, source_id.ptr, source_id.len);
    entry->source_id = (wf_str){entry->memory, source_id.len};
    entry->next = monitor->first;
    monitor->first = entry;
    return entry;
}

wf_status monitor_decide(struct monitor *monitor, wf_str source_id,
                         const struct monitor_look *look, struct monitor_actions *out,
                         struct monitor_state *out_before, wf_error *err)
{
    pthread_mutex_lock(&monitor->lock);
    struct monitor_entry *entry = monitor_find(monitor, source_id);
    if (!entry)
        entry = monitor_add(monitor, source_id);
    if (entry) {
        *out_before = entry->state;
        *out = monitor_rules_decide(&entry->state, look);
    }
    pthread_mutex_unlock(&monitor->lock);
    return entry ? WF_OK : error_no_memory(err);
}

void monitor_undo_alert(struct monitor *monitor, wf_str source_id, enum monitor_status told)
{
    pthread_mutex_lock(&monitor->lock);
    struct monitor_entry *entry = monitor_find(monitor, source_id);
    if (entry)
        entry->state.told = told;
    pthread_mutex_unlock(&monitor->lock);
}

void monitor_undo_pause(struct monitor *monitor, wf_str source_id,
                        const struct monitor_state *before)
{
    pthread_mutex_lock(&monitor->lock);
    struct monitor_entry *entry = monitor_find(monitor, source_id);
    if (entry) {
        entry->state.handled = before->handled;
        entry->state.throttled = before->throttled;
    }
    pthread_mutex_unlock(&monitor->lock);
}
