/* SPDX-License-Identifier: MIT
 *
 * event_trigger - the trigger `event`: a message on the bus starts the pipeline.
 *
 *     trigger: {type: event, config: {topic: orders.created, event: order}}
 *
 * The data is the message, a JSON object, and the message's own text as
 * `originalMessage`.  With `event` only messages whose "type" (or "eventType") is that
 * start it.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/pipeline.h"

struct event_trigger {
    wf_str topic;
    wf_str event; /* empty: all */
    struct bus *bus;
    struct pipeline *pipeline;
    uint64_t subscription; /* 0: not started */
    bool started;
};

static void *event_trigger_create(const struct definition *def, struct pipeline *pipeline)
{
    struct event_trigger *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->topic = config_check_text(def->config, "topic", STR_EMPTY);
    self->event = config_check_text(def->config, "event", STR_EMPTY);
    self->bus = app_bus(def->app);
    self->pipeline = pipeline;
    return self;
}

/* Whether the message, checked JSON, is of the event that is waited for. */
static bool event_trigger_wanted(const struct event_trigger *self, wf_str message)
{
    if (self->event.len == 0)
        return true;
    char memory[512];
    struct buf name;
    buf_fixed(&name, memory, sizeof memory);
    wf_str value;
    const char *const keys[] = {"type", "eventType"};
    for (size_t i = 0; i < CDC_COUNT(keys) && name.len == 0; i++) {
        buf_clear(&name);
        if (json_member(message, keys[i], &value) && json_kind(value) == JSON_STRING)
            json_unescape(&name, str_slice(value, 1, value.len - 1));
    }
    return !name.broken && str_eq(buf_view(&name), self->event);
}

/* The message with "originalMessage" added; its own key of that name goes. */
static void event_trigger_data(wf_str message, struct buf *out)
{
    struct json_writer w = json_writer_of(out);
    json_open(&w, NULL, '{');
    wf_str key;
    wf_str value;
    struct json_iter it = json_iter_of(message);
    while (json_next(&it, &key, &value)) {
        if (json_key_is(key, "originalMessage"))
            continue;
        buf_cstr(out, w.comma ? ",\"" : "\"");
        buf_str(out, key);
        buf_lit(out, "\":");
        buf_str(out, value);
        w.comma = true;
    }
    json_str(&w, "originalMessage", message);
    json_close(&w, '}');
}

static wf_status event_trigger_on_message(void *ctx, wf_str topic, wf_str payload,
                                          wf_str metadata_json, wf_error *err)
{
    const struct event_trigger *self = ctx;
    (void)topic;
    (void)metadata_json;
    if (json_check(payload, "message", err))
        return error_prefix(err, "failed to parse message");
    payload = str_trim(payload);
    if (json_kind(payload) != JSON_OBJECT)
        return error_set(err, WF_CONFIG, "failed to parse message: it is no JSON object");
    if (!event_trigger_wanted(self, payload))
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf data;
    buf_init(&data, LIMIT_OUTPUT_BYTES);
    event_trigger_data(payload, &data);
    wf_status status = buf_status(&data, "message", err);
    if (status)
        return status;
    struct pipeline_call call = {.data = buf_view(&data)};
    return pipeline_run(self->pipeline, &call, err);
}

static wf_status event_trigger_start(void *trigger, wf_error *err)
{
    struct event_trigger *self = trigger;
    if (self->started)
        return WF_OK;
    if (bus_subscribe(self->bus, self->topic, event_trigger_on_message, self,
                      &self->subscription, err))
        return error_prefix(err, "failed to subscribe to topic '%.*s'",
                            STR_ARG(self->topic));
    self->started = true;
    return WF_OK;
}

static wf_status event_trigger_stop(void *trigger, wf_error *err)
{
    struct event_trigger *self = trigger;
    (void)err;
    if (self->started)
        bus_unsubscribe(self->bus, self->subscription);
    self->started = false;
    return WF_OK;
}

static void event_trigger_free(void *trigger)
{
    if (trigger)
        (void)event_trigger_stop(trigger, NULL);
    free(trigger);
}

static const struct config_key event_trigger_keys[] = {
    {"topic", "string", true, false, "the topic to listen to"},
    {"event", "string", false, false,
     "only messages whose \"type\" or \"eventType\" is this"},
    {0},
};

const struct trigger_type event_trigger_type = {
    .type = "event",
    .summary = "A message on a topic starts the pipeline.",
    .keys = event_trigger_keys,
    .create = event_trigger_create,
    .start = event_trigger_start,
    .stop = event_trigger_stop,
    .free = event_trigger_free,
};
