/* SPDX-License-Identifier: MIT
 *
 * memory_bus - what a host's workflows tell the memory provider over the bus.
 */
#ifndef MEMORY_BUS_H
#define MEMORY_BUS_H

#include "sdk/wf_plugin.h"

enum memory_topic {
    MEMORY_TOPIC_EVENT,
    MEMORY_TOPIC_LAG,
    MEMORY_TOPIC_SCHEMA,
    MEMORY_TOPICS,
};

struct memory_bus {
    const wf_host *host; /* NULL: not subscribed */
    unsigned count;      /* subscriptions made */
    uint64_t subscriptions[MEMORY_TOPICS];
};

/* Subscribes `state`, a memory provider's, to the topics of the source.  A host without a
 * bus is WF_OK.  After a failure memory_bus_close() is still to be called. */
wf_status memory_bus_open(struct memory_bus *bus, const wf_host *host, wf_str source_id,
                          void *state, wf_error *err);
/* No message comes any more when it returns. */
void memory_bus_close(struct memory_bus *bus);

#endif
