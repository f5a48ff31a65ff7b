/* SPDX-License-Identifier: MIT
 *
 * source_status - what a source tells about itself; any thread may ask.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/source.h"
#include "plugin/core/store.h"
#include "plugin/core/subscription.h"

#define STATUS_LAG_WAIT_MS 250

/* The source thread asks the provider at its next turn, which comes at once. */
static void source_status_lag(struct cdc_source *source, struct cdc_lag *out)
{
    pthread_mutex_lock(&source->lock);
    bool open = lifecycle_is_open(&source->life) && !source->draining;
    uint64_t number = open ? ++source->lag_asked : 0;
    pthread_mutex_unlock(&source->lock);
    *out = CDC_LAG_UNKNOWN;
    if (!open)
        return;
    source_wake(source);
    int64_t deadline = clock_mono_ms() + STATUS_LAG_WAIT_MS;
    pthread_mutex_lock(&source->lock);
    while (source->lag_answered < number &&
           thread_cond_wait_until(&source->changed, &source->lock, deadline))
        ;
    *out = source->lag;
    pthread_mutex_unlock(&source->lock);
}

void source_status(struct cdc_source *source, struct cdc_status *out)
{
    source_status_lag(source, &out->lag);
    pthread_mutex_lock(&source->lock);
    out->phase = source->life.phase;
    out->provider = source->settings        ? source->settings->provider->name
                    : source->next_settings ? source->next_settings->provider->name
                                            : "";
    out->error = source->error;
    pthread_mutex_unlock(&source->lock);
    out->last_event_us = atomic_load(&source->last_event_us);
    out->events_total = atomic_load(&source->events_total);
    snapshot_progress(source->snapshot, &out->snapshot);
}

void source_position(struct cdc_source *source, struct buf *out)
{
    pthread_mutex_lock(&source->lock);
    buf_str(out, buf_view(&source->position));
    pthread_mutex_unlock(&source->lock);
}

void source_removed(struct cdc_source *source, struct buf *out)
{
    pthread_mutex_lock(&source->lock);
    buf_str(out, buf_view(&source->removed));
    pthread_mutex_unlock(&source->lock);
}

void source_details(struct cdc_source *source, struct buf *out)
{
    pthread_mutex_lock(&source->lock);
    buf_str(out, buf_view(&source->details));
    pthread_mutex_unlock(&source->lock);
}

void source_tables_json(struct cdc_source *source, struct buf *out)
{
    struct json_writer json = json_writer_of(out);
    json_open(&json, NULL, '[');
    pthread_mutex_lock(&source->lock);
    const struct cdc_settings *settings = source->settings;
    for (size_t i = 0; settings && i < settings->tables.count; i++)
        json_str(&json, NULL, settings->tables.items[i]);
    pthread_mutex_unlock(&source->lock);
    json_close(&json, ']');
}

static void source_status_subscription(struct json_writer *json, struct cdc_flow *flow,
                                       struct cdc_subscription *sub)
{
    CDC_CLEANUP(buf_release) struct buf filter;
    buf_init(&filter, LIMIT_CONFIG_BYTES);
    filter_text(&sub->filter, &filter);
    uint64_t written = atomic_load(&flow->ring.count);
    uint64_t passed = atomic_load(&sub->passed);
    json_open(json, NULL, '{');
    json_str(json, "name", sub->name);
    json_str(json, "filter", buf_view(&filter));
    json_u64(json, "delivered", atomic_load(&sub->delivered));
    json_u64(json, "retried", atomic_load(&sub->retried));
    json_u64(json, "dead_lettered", atomic_load(&sub->dead_lettered));
    json_u64(json, "behind", written > passed ? written - passed : 0);
    if (sub->error[0])
        json_cstr(json, "error", sub->error);
    json_close(json, '}');
}

void source_subscriptions_json(struct cdc_source *source, struct buf *out)
{
    struct cdc_flow *flow = &source->flow;
    struct json_writer json = json_writer_of(out);
    json_open(&json, NULL, '[');
    pthread_mutex_lock(&flow->lock);
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        source_status_subscription(&json, flow, sub);
    pthread_mutex_unlock(&flow->lock);
    json_close(&json, ']');
}

/* Provider that keeps its own versions: asked under provider_lock. */
struct source_history {
    const struct cdc_provider *provider;
    wf_str table;
    struct buf *out;
};

static wf_status source_status_own_history(void *state, void *arg, wf_error *err)
{
    const struct source_history *ask = arg;
    return ask->provider->schema_history(state, ask->table, ask->out, err);
}

static uint64_t source_status_count(wf_str list)
{
    uint64_t count = 0;
    struct json_iter it = json_iter_of(list);
    for (wf_str key, value; json_next(&it, &key, &value);)
        count++;
    return count;
}

wf_status source_schema_history(struct cdc_source *source, wf_str table,
                                struct buf *out_json, uint64_t *out_count, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    const struct cdc_provider *provider =
        source->settings ? source->settings->provider : NULL;
    pthread_mutex_unlock(&source->lock);
    if (provider && provider->schema_history) {
        struct source_history ask = {provider, table, out_json};
        size_t at = out_json->len;
        wf_status status =
            source_with_provider(source, provider, source_status_own_history, &ask, err);
        if (!status)
            *out_count =
                source_status_count(str_slice(buf_view(out_json), at, out_json->len));
        return status;
    }
    struct cdc_store *store;
    wf_status status = source_store(source, &store, err);
    return status ? status
                  : store_schema_list(store, source->id, table, out_json, out_count, err);
}
