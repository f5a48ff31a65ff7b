/* SPDX-License-Identifier: MIT
 *
 * bus - topics and subscribers, and who of them is being called.
 *
 * `subscribers_lock` guards the list, every count in a subscriber, and nothing else.  A
 * publisher pins the subscribers it found (pins), lets go of the lock, and calls them one
 * after the other.  Each call under way is noted on the publishing thread's own stack
 * (bus_current), so that bus_unsubscribe() can tell its own thread's calls from those it
 * must wait for.
 */
#include "host/bus.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

#define BUS_AT_ONCE 16 /* subscribers pinned without an allocation */

struct bus_subscriber {
    struct bus_subscriber *next;
    uint64_t number;
    char *topic;
    size_t topic_len;
    wf_on_message fn;
    void *fn_ctx;
    unsigned pins;  /* publishers that hold the pointer */
    unsigned calls; /* calls of fn under way */
    bool gone;      /* unsubscribed: no call begins any more */
};

struct bus {
    pthread_mutex_t subscribers_lock;
    pthread_cond_t call_ended;
    struct bus_subscriber *subscribers; /* in order of subscription */
    uint64_t last_number;
};

/* A call this thread is inside of; the innermost first. */
struct bus_call {
    const struct bus_call *outer;
    const struct bus_subscriber *subscriber;
    unsigned depth;
};

static _Thread_local const struct bus_call *bus_current;

struct bus *bus_new(void)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return NULL;
    pthread_mutex_init(&bus->subscribers_lock, NULL);
    pthread_cond_init(&bus->call_ended, NULL);
    return bus;
}

static void bus_subscriber_free(struct bus_subscriber *s)
{
    free(s->topic);
    free(s);
}

void bus_free(struct bus *bus)
{
    if (!bus)
        return;
    for (struct bus_subscriber *s = bus->subscribers, *next; s; s = next) {
        next = s->next;
        bus_subscriber_free(s);
    }
    pthread_cond_destroy(&bus->call_ended);
    pthread_mutex_destroy(&bus->subscribers_lock);
    free(bus);
}

wf_status bus_subscribe(struct bus *bus, wf_str topic, wf_on_message fn, void *fn_ctx,
                        uint64_t *out_subscription, wf_error *err)
{
    if (!topic.len)
        return error_set(err, WF_CONFIG, "a topic to subscribe to must have a name");
    struct bus_subscriber *s = calloc(1, sizeof(*s));
    char *name = s ? str_dup(topic) : NULL;
    if (!name) {
        free(s);
        return error_no_memory(err);
    }
    s->topic = name;
    s->topic_len = topic.len;
    s->fn = fn;
    s->fn_ctx = fn_ctx;

    pthread_mutex_lock(&bus->subscribers_lock);
    struct bus_subscriber **last = &bus->subscribers;
    while (*last)
        last = &(*last)->next;
    *last = s;
    s->number = ++bus->last_number;
    *out_subscription = s->number;
    pthread_mutex_unlock(&bus->subscribers_lock);
    return WF_OK;
}

/* Takes it out of the list once nobody holds it.  Under subscribers_lock. */
static void bus_unpin(struct bus *bus, struct bus_subscriber *s)
{
    if (--s->pins || !s->gone)
        return;
    struct bus_subscriber **link = &bus->subscribers;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    bus_subscriber_free(s);
}

/* Calls of `s` further up on this thread's own stack. */
static unsigned bus_own_calls(const struct bus_subscriber *s)
{
    unsigned count = 0;
    for (const struct bus_call *call = bus_current; call; call = call->outer)
        count += call->subscriber == s;
    return count;
}

void bus_unsubscribe(struct bus *bus, uint64_t subscription)
{
    pthread_mutex_lock(&bus->subscribers_lock);
    struct bus_subscriber *s = bus->subscribers;
    while (s && s->number != subscription)
        s = s->next;
    if (s) {
        unsigned own = bus_own_calls(s);
        s->gone = true;
        s->pins++;
        while (!own && s->calls)
            pthread_cond_wait(&bus->call_ended, &bus->subscribers_lock);
        bus_unpin(bus, s);
    }
    pthread_mutex_unlock(&bus->subscribers_lock);
}

static wf_status bus_call(struct bus *bus, struct bus_subscriber *s, const wf_str *message,
                          wf_error *err)
{
    wf_status status = WF_OK;
    pthread_mutex_lock(&bus->subscribers_lock);
    if (!s->gone) {
        s->calls++;
        pthread_mutex_unlock(&bus->subscribers_lock);

        struct bus_call call = {bus_current, s, bus_current ? bus_current->depth + 1 : 1};
        bus_current = &call;
        status = s->fn(s->fn_ctx, message[0], message[1], message[2], err);
        bus_current = call.outer;

        pthread_mutex_lock(&bus->subscribers_lock);
        s->calls--;
        pthread_cond_broadcast(&bus->call_ended);
    }
    bus_unpin(bus, s);
    pthread_mutex_unlock(&bus->subscribers_lock);
    return status;
}

static bool bus_wants(const struct bus_subscriber *s, wf_str topic)
{
    return !s->gone && str_eq((wf_str){s->topic, s->topic_len}, topic);
}

/* Pins the subscribers of `topic`; `found` has room for `room`.  Gives how many there
 * are. */
static size_t bus_find(struct bus *bus, wf_str topic, struct bus_subscriber **found,
                       size_t room)
{
    size_t count = 0;
    pthread_mutex_lock(&bus->subscribers_lock);
    for (struct bus_subscriber *s = bus->subscribers; s; s = s->next)
        count += bus_wants(s, topic);
    size_t at = 0;
    for (struct bus_subscriber *s = bus->subscribers; s && count <= room; s = s->next) {
        if (bus_wants(s, topic)) {
            s->pins++;
            found[at++] = s;
        }
    }
    pthread_mutex_unlock(&bus->subscribers_lock);
    return count;
}

static wf_status bus_deliver(struct bus *bus, struct bus_subscriber **found, size_t count,
                             const wf_str *message, wf_error *err)
{
    wf_status first = WF_OK;
    for (size_t i = 0; i < count; i++) {
        wf_error refused = {.code = WF_OK};
        wf_status status = bus_call(bus, found[i], message, &refused);
        if (status && !first)
            first = error_set(err, status, "%s",
                              refused.text[0] ? refused.text : error_status_text(status));
    }
    return first;
}

wf_status bus_publish(struct bus *bus, wf_str topic, wf_str payload, wf_str metadata,
                      wf_error *err)
{
    if (bus_current && bus_current->depth >= BUS_DEPTH)
        return error_set(err, WF_FAILED,
                         "topic '%.*s': a message led to %d others, one inside the other",
                         STR_ARG(topic), BUS_DEPTH);
    const wf_str message[3] = {topic, payload, metadata};
    struct bus_subscriber *few[BUS_AT_ONCE];
    size_t count = bus_find(bus, topic, few, BUS_AT_ONCE);
    if (count <= BUS_AT_ONCE)
        return bus_deliver(bus, few, count, message, err);

    for (;;) {
        size_t room = count;
        struct bus_subscriber **many = malloc(room * sizeof(struct bus_subscriber *));
        if (!many)
            return error_no_memory(err);
        count = bus_find(bus, topic, many, room);
        wf_status status = WF_OK;
        if (count <= room)
            status = bus_deliver(bus, many, count, message, err);
        free(many);
        if (count <= room)
            return status;
    }
}
