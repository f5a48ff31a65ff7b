/* SPDX-License-Identifier: MIT
 *
 * memory - a stream whose changes are handed in: for tests, examples, and hosts whose
 * workflows make events of their own.
 *
 * An event is a JSON object of any shape; it reaches the callbacks byte for byte.  Filters
 * look at its "table" (or "source") and "op" (or "action").  Nothing survives the process,
 * and events that nobody wants when they come are dropped, as upstream.
 *
 * In a running host events come from the bus: the topics cdc.memory.<source_id> (an event),
 * cdc.memory.<source_id>.lag ({"lag_bytes":0,"lag_seconds":0}) and
 * cdc.memory.<source_id>.schema ({"table","version","ddl","applied_at"}).  Tests and
 * benchmarks call the functions below, with the state that source_with_provider()
 * gives.  All of them [any] between open and close.
 */
#ifndef PROVIDERS_MEMORY_H
#define PROVIDERS_MEMORY_H

#include "providers/provider.h"

extern const struct cdc_provider cdc_provider_memory;

/* Copies the event into the queue.  WF_CONFIG when it is no JSON object; WF_UNAVAILABLE
 * `memory CDC provider: event buffer full for source "X"`. */
wf_status memory_inject(void *state, wf_str event, wf_error *err);

/* What the source's lag is from now on. */
void memory_set_lag(void *state, int64_t lag_bytes, int64_t lag_seconds);

struct memory_schema_version {
    wf_str table;
    int64_t version;
    wf_str ddl;
    wf_str applied_at; /* as it shall be shown */
};

/* Copies a version into the schema history. */
wf_status memory_add_schema_version(void *state,
                                    const struct memory_schema_version *version,
                                    wf_error *err);

#endif
