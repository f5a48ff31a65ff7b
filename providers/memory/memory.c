/* SPDX-License-Identifier: MIT
 *
 * memory - the provider: a queue on one side, emit on the other.
 */
#include "providers/memory/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/memory/memory_bus.h"
#include "providers/memory/memory_queue.h"
#include "providers/memory/memory_schema.h"

struct memory {
    bool ready; /* what follows is initialised */
    wf_str source_id;
    const struct cdc_emitter *out;
    struct memory_queue queue;
    struct memory_schema schema;
    struct memory_bus bus;
    _Atomic int64_t lag_bytes;
    _Atomic int64_t lag_seconds;
};

/* ---- what is handed in --------------------------------------------------------------- */

static wf_status memory_full(const struct memory *memory, wf_error *err)
{
    return error_set(err, WF_UNAVAILABLE,
                     "memory CDC provider: event buffer full for source \"%.*s\"",
                     STR_ARG(memory->source_id));
}

static wf_status memory_put(struct memory *memory, wf_str event, bool own, wf_error *err)
{
    if (CDC_UNLIKELY(!own && memory_queue_is_full(&memory->queue)))
        return memory_full(memory, err);
    struct memory_event scanned;
    wf_status status = memory_event_scan(event, &scanned, err);
    if (CDC_UNLIKELY(status)) {
        error_prefix(err, "memory CDC provider");
        return status;
    }
    status = memory_queue_put(&memory->queue, event, &scanned, own, err);
    return CDC_LIKELY(status != WF_UNAVAILABLE) ? status : memory_full(memory, err);
}

wf_status memory_inject(void *state, wf_str event, wf_error *err)
{
    return memory_put(state, event, false, err);
}

void memory_set_lag(void *state, int64_t lag_bytes, int64_t lag_seconds)
{
    struct memory *memory = state;
    atomic_store(&memory->lag_bytes, lag_bytes);
    atomic_store(&memory->lag_seconds, lag_seconds);
}

wf_status memory_add_schema_version(void *state,
                                    const struct memory_schema_version *version,
                                    wf_error *err)
{
    struct memory *memory = state;
    return memory_schema_add(&memory->schema, version, err);
}

/* ---- what the source asks for -------------------------------------------------------- */

static wf_status memory_open(void *state, const struct cdc_open *with, wf_error *err)
{
    struct memory *memory = state;
    memory->source_id = with->settings->source_id;
    memory->out = with->out;
    memory_queue_init(&memory->queue, (size_t)with->settings->core.buffer_bytes);
    memory_schema_init(&memory->schema);
    memory->ready = true;
    return memory_bus_open(&memory->bus, with->host, memory->source_id, memory, err);
}

static wf_status memory_emit(struct memory *memory, uint32_t most, wf_error *err)
{
    struct memory_queue *queue = &memory->queue;
    const struct memory_batch *batch = queue->out;
    struct cdc_change change = {.ts_us = CDC_NO_TIME};
    uint32_t end = batch->count - queue->next < most ? batch->count : queue->next + most;
    while (queue->next < end) {
        const struct memory_record *record = &batch->records[queue->next];
        const char *text = batch->text.data + record->at;
        change.op = record->op;
        change.raw = (wf_str){text, record->len};
        change.raw_table = (wf_str){text + record->table_at, record->table_len};
        change.raw_key = (wf_str){text + record->key_at, record->key_len};
        wf_status status = memory->out->emit(memory->out->ctx, &change, err);
        if (CDC_UNLIKELY(status))
            return status == CDC_FULL ? WF_OK : status;
        queue->next++;
    }
    return WF_OK;
}

static wf_status memory_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct memory *memory = state;
    if (!budget.max_changes) {
        memory_queue_rest(&memory->queue, budget.timeout_ms);
        return WF_OK;
    }
    if (!memory_queue_fill(&memory->queue, budget.timeout_ms))
        return WF_OK;
    return memory_emit(memory, budget.max_changes, err);
}

static wf_status memory_confirm(void *state, wf_str position, wf_error *err)
{
    (void)state;
    (void)position;
    (void)err;
    return WF_OK;
}

static void memory_interrupt(void *state)
{
    struct memory *memory = state;
    memory_queue_interrupt(&memory->queue);
}

static void memory_close(void *state)
{
    struct memory *memory = state;
    if (!memory->ready)
        return;
    memory_bus_close(&memory->bus);
    memory_queue_release(&memory->queue);
    memory_schema_release(&memory->schema);
    memory->ready = false;
}

static wf_status memory_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    (void)err;
    struct memory *memory = state;
    *out = (struct cdc_lag){atomic_load(&memory->lag_bytes),
                            atomic_load(&memory->lag_seconds), -1};
    return WF_OK;
}

static wf_status memory_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    /* Nothing is ever installed anywhere. */
    (void)state;
    (void)out_removed;
    (void)err;
    return WF_OK;
}

/* There are no rows to read: says that a snapshot was asked for, as upstream. */
static wf_status memory_snapshot(void *state, const wf_str *tables, size_t count,
                                 wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf event;
    buf_init(&event, LIMIT_CONFIG_BYTES);
    struct json_writer w = json_writer_of(&event);
    json_open(&w, NULL, '{');
    json_cstr(&w, "type", "snapshot_started");
    json_open(&w, "tables", '[');
    for (size_t i = 0; i < count; i++)
        json_str(&w, NULL, tables[i]);
    json_close(&w, ']');
    char ts[CLOCK_TEXT];
    json_str(&w, "ts", (wf_str){ts, clock_rfc3339(clock_wall_us(), ts)});
    json_close(&w, '}');
    wf_status status = buf_status(&event, "event", err);
    return status ? status : memory_put(state, buf_view(&event), true, err);
}

static wf_status memory_schema_history(void *state, wf_str table, struct buf *out_json_list,
                                       wf_error *err)
{
    struct memory *memory = state;
    return memory_schema_list(&memory->schema, table, out_json_list, err);
}

static const struct cdc_option memory_options[] = {
    {.key = NULL},
};

const struct cdc_provider cdc_provider_memory = {
    .name = "memory",
    .summary = "Events handed in by workflows and tests; nothing outside is needed",
    .options = memory_options,
    .state_size = sizeof(struct memory),
    .lossy = true,
    .open = memory_open,
    .poll = memory_poll,
    .confirm = memory_confirm,
    .interrupt = memory_interrupt,
    .close = memory_close,
    .lag = memory_lag,
    .cleanup = memory_cleanup,
    .snapshot_own = memory_snapshot,
    .schema_history = memory_schema_history,
};
