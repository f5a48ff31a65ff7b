/* SPDX-License-Identifier: MIT
 *
 * memory_bus - three topics, three small readers.
 */
#include "providers/memory/memory_bus.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/memory/memory.h"

static wf_status memory_bus_on_event(void *state, wf_str topic, wf_str payload,
                                     wf_str metadata, wf_error *err)
{
    (void)topic;
    (void)metadata;
    return memory_inject(state, payload, err);
}

static wf_status memory_bus_object(wf_str payload, const char *what, wf_error *err)
{
    if (payload.len > LIMIT_CONFIG_BYTES)
        return error_set(err, WF_CONFIG, "%s: it has %zu bytes, at most %u are possible",
                         what, payload.len, LIMIT_CONFIG_BYTES);
    wf_status status = json_check(payload, what, err);
    if (!status && json_kind(str_trim(payload)) != JSON_OBJECT)
        status = error_set(err, WF_CONFIG, "%s: it is no JSON object", what);
    return status;
}

/* A member that is a whole number, also as a string; 0 when it is not there. */
static wf_status memory_bus_integer(wf_str object, const char *key, int64_t *out,
                                    wf_error *err)
{
    wf_str value;
    *out = 0;
    if (!json_member(object, key, &value) || json_kind(value) == JSON_NULL)
        return WF_OK;
    wf_str text = value;
    if (json_kind(value) == JSON_STRING && !json_plain_string(value, &text))
        text = STR_EMPTY;
    if (str_to_i64(text, out))
        return WF_OK;
    return error_set(err, WF_CONFIG, "'%s' must be an integer", key);
}

static wf_status memory_bus_on_lag(void *state, wf_str topic, wf_str payload,
                                   wf_str metadata, wf_error *err)
{
    (void)topic;
    (void)metadata;
    payload = str_trim(payload);
    int64_t bytes, seconds;
    wf_status status = memory_bus_object(payload, "lag", err);
    if (!status)
        status = memory_bus_integer(payload, "lag_bytes", &bytes, err);
    if (!status)
        status = memory_bus_integer(payload, "lag_seconds", &seconds, err);
    if (status)
        return status;
    if (bytes < 0 || seconds < 0)
        return error_set(err, WF_CONFIG, "a lag cannot be negative");
    memory_set_lag(state, bytes, seconds);
    return WF_OK;
}

/* A string member's content, appended to `memory`; empty when it is not there. */
static wf_status memory_bus_string(wf_str object, const char *key, struct buf *memory,
                                   wf_error *err)
{
    wf_str value;
    if (!json_member(object, key, &value) || json_kind(value) == JSON_NULL)
        return WF_OK;
    if (json_kind(value) != JSON_STRING)
        return error_set(err, WF_CONFIG, "'%s' must be a string", key);
    json_unescape(memory, str_slice(value, 1, value.len - 1));
    return buf_status(memory, key, err);
}

static wf_status memory_bus_on_schema(void *state, wf_str topic, wf_str payload,
                                      wf_str metadata, wf_error *err)
{
    (void)topic;
    (void)metadata;
    static const char *const keys[] = {"table", "ddl", "applied_at"};
    CDC_CLEANUP(buf_release) struct buf memory;
    buf_init(&memory, LIMIT_CONFIG_BYTES);
    payload = str_trim(payload);
    struct memory_schema_version version = {.version = 0};
    size_t ends[CDC_COUNT(keys)] = {0};
    wf_status status = memory_bus_object(payload, "schema version", err);
    if (!status)
        status = memory_bus_integer(payload, "version", &version.version, err);
    for (size_t i = 0; !status && i < CDC_COUNT(keys); i++) {
        status = memory_bus_string(payload, keys[i], &memory, err);
        ends[i] = memory.len;
    }
    if (status)
        return status;
    wf_str all = buf_view(&memory);
    version.table = str_slice(all, 0, ends[0]);
    version.ddl = str_slice(all, ends[0], ends[1]);
    version.applied_at = str_slice(all, ends[1], ends[2]);
    if (!version.table.len)
        return error_set(err, WF_CONFIG, "'table' is required");
    return memory_add_schema_version(state, &version, err);
}

/* What follows cdc.memory.<source_id>, and who reads it. */
static const struct {
    const char *suffix;
    wf_on_message fn;
} memory_bus_topics[] = {
    [MEMORY_TOPIC_EVENT] = {"", memory_bus_on_event},
    [MEMORY_TOPIC_LAG] = {".lag", memory_bus_on_lag},
    [MEMORY_TOPIC_SCHEMA] = {".schema", memory_bus_on_schema},
};

wf_status memory_bus_open(struct memory_bus *bus, const wf_host *host, wf_str source_id,
                          void *state, wf_error *err)
{
    if (!host || !WF_HAS(host, subscribe) || !WF_HAS(host, unsubscribe))
        return WF_OK;
    bus->host = host;
    CDC_CLEANUP(buf_release) struct buf topic;
    buf_init(&topic, LIMIT_TEXT_BYTES);
    for (int i = 0; i < MEMORY_TOPICS; i++) {
        buf_clear(&topic);
        buf_lit(&topic, "cdc.memory.");
        buf_str(&topic, source_id);
        buf_cstr(&topic, memory_bus_topics[i].suffix);
        wf_status status = buf_status(&topic, "topic", err);
        if (!status)
            status = host->subscribe(host->ctx, buf_view(&topic), memory_bus_topics[i].fn,
                                     state, &bus->subscriptions[i], err);
        if (status)
            return status;
        bus->count++;
    }
    return WF_OK;
}

void memory_bus_close(struct memory_bus *bus)
{
    while (bus->count) {
        bus->count--;
        bus->host->unsubscribe(bus->host->ctx, bus->subscriptions[bus->count]);
    }
}
