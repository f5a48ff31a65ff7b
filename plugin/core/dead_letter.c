/* SPDX-License-Identifier: MIT
 *
 * dead_letter - from a record to a row of the store, and from the store to the callback.
 */
#include "plugin/core/dead_letter.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/str.h"
#include "plugin/core/flow.h"
#include "plugin/core/store.h"

void dead_letter_put_reason(struct buf *out, wf_str reason)
{
    reason = str_slice(reason, 0, UINT16_MAX);
    buf_byte(out, (char)(reason.len >> 8));
    buf_byte(out, (char)(reason.len & 0xff));
    buf_str(out, reason);
}

wf_str dead_letter_split(wf_str text, wf_str *out_reason)
{
    struct reader r = reader_of(text.ptr, text.len);
    *out_reason = reader_str(&r, reader_u16(&r));
    return reader_str(&r, reader_left(&r));
}

static wf_str dead_letter_string(wf_str event, const char *key)
{
    wf_str value;
    if (json_member(event, key, &value) && json_kind(value) == JSON_STRING)
        return str_slice(value, 1, value.len - 1);
    return STR_EMPTY;
}

wf_status dead_letter_write(struct cdc_subscription *sub, const struct ring_record *record,
                            int64_t attempts, const char *error, wf_error *err)
{
    struct cdc_flow *flow = sub->flow;
    struct store_dead_letter letter = {
        .subscription = sub->name,
        .op = change_op_text((enum cdc_op)record->meta.op),
        .attempts = attempts,
        .reason = STR("failed"),
        .error = str_from(error),
        .event = ring_text(record),
    };
    if (record->meta.flags & RING_DEAD) {
        bool large = record->meta.flags & RING_OVERSIZE;
        letter.reason = large ? STR("oversize") : STR("undecodable");
        letter.event = dead_letter_split(ring_text(record), &letter.error);
    }
    if (!(record->meta.flags & RING_DEAD) || (record->meta.flags & RING_OVERSIZE)) {
        letter.event_id = dead_letter_string(letter.event, "id");
        letter.table = filter_event_table(letter.event);
    } else if (record->meta.table_id != RING_NO_TABLE) {
        letter.table = catalogue_name(&flow->tables, record->meta.table_id);
    }
    struct cdc_store *store;
    wf_status status = flow->owner.store(flow->owner.ctx, &store, err);
    return status ? status
                  : store_dead_letter_add(store, flow->owner.source_id, &letter, err);
}

/* The letters that wait are still there, and are looked for again with the next replay. */
static bool dead_letter_trouble(const struct cdc_subscription *sub, const wf_error *err)
{
    log_line(sub->flow->owner.logger, LOG_ERROR,
             "dead letters not replayed, state not read or stored source=%.*s "
             "subscription=%.*s error=%s",
             STR_ARG(sub->flow->owner.source_id), STR_ARG(sub->name), err->text);
    return false;
}

/* One letter; false when there is none, or it is better to stop now. */
static bool dead_letter_replay_one(struct cdc_subscription *sub, struct cdc_store *store,
                                   struct buf *memory)
{
    struct cdc_flow *flow = sub->flow;
    struct store_dead_letter letter;
    bool found = false;
    wf_error err = {.code = WF_OK};
    wf_error trouble;
    buf_clear(memory);
    if (store_dead_letter_next_replay(store, flow->owner.source_id, sub->name, memory,
                                      &letter, &found, &trouble))
        return dead_letter_trouble(sub, &trouble);
    if (!found)
        return false;
    wf_status fired = str_is(letter.reason, "undecodable")
                          ? error_set(&err, WF_UNSUPPORTED, "the bytes are not an event")
                          : subscription_fire(sub, letter.event, &err);
    if (fired == WF_CANCELLED)
        return false;
    log_line(flow->owner.logger, fired ? LOG_WARN : LOG_INFO,
             "dead letter replayed source=%.*s subscription=%.*s event=%.*s result=%s",
             STR_ARG(flow->owner.source_id), STR_ARG(sub->name), STR_ARG(letter.event_id),
             fired ? err.text : "ok");
    wf_status status =
        fired ? store_dead_letter_failed(store, letter.id, str_from(err.text), &trouble)
              : store_dead_letter_drop(store, letter.id, &trouble);
    return !status || dead_letter_trouble(sub, &trouble);
}

void dead_letter_replay(struct cdc_subscription *sub)
{
    struct cdc_flow *flow = sub->flow;
    struct cdc_store *store;
    wf_error err;
    if (flow->owner.store(flow->owner.ctx, &store, &err)) {
        dead_letter_trouble(sub, &err);
        return;
    }
    CDC_CLEANUP(buf_release) struct buf memory;
    buf_init(&memory, LIMIT_EVENT_BYTES);
    while (!atomic_load(&sub->must_rest) && dead_letter_replay_one(sub, store, &memory))
        ;
}
