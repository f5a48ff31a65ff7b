/* SPDX-License-Identifier: MIT
 *
 * bus - messages between the parts of one process: topic -> everyone who subscribed.
 *
 * bus_publish() calls the subscribers of exactly that topic one after the other in the
 * caller's thread and returns when the last has returned; there is no queue.  Who
 * subscribes while a message is on its way gets the next one.  No lock is held during a
 * call, so a subscriber may publish, subscribe, and unsubscribe others or itself.  All
 * functions are [any].
 */
#ifndef HOST_BUS_H
#define HOST_BUS_H

#include "sdk/wf_plugin.h"

#define BUS_DEPTH 32 /* messages that a message leads to, in one thread */

struct bus;

/* gives; NULL when out of memory. */
struct bus *bus_new(void);
/* Nobody may be publishing or subscribing any more. */
void bus_free(struct bus *bus);

/* WF_OK when every subscriber took it, or there is none.  Otherwise all were called
 * nevertheless, and the first refusal comes back with its text.  `metadata` is a JSON
 * object of strings, or empty. */
wf_status bus_publish(struct bus *bus, wf_str topic, wf_str payload, wf_str metadata,
                      wf_error *err);
/* Copies the topic. */
wf_status bus_subscribe(struct bus *bus, wf_str topic, wf_on_message fn, void *fn_ctx,
                        uint64_t *out_subscription, wf_error *err);
/* Returns when no call of the subscriber is running in another thread and none will follow.
 * From inside the subscriber's own call it returns at once: that call is the last.  Unknown
 * numbers are ignored. */
void bus_unsubscribe(struct bus *bus, uint64_t subscription);

#endif
