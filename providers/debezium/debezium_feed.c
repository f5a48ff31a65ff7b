/* SPDX-License-Identifier: MIT
 *
 * debezium_feed - see the header.
 *
 * One record is in hand at a time.  The group gives it again until it was taken, so a
 * change that finds no room in the log is simply decoded anew.
 */
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/debezium.h"

/* ---- whose table --------------------------------------------------------------------- */

static bool debezium_feed_ask_listed(const struct debezium_state *s, wf_str name)
{
    const struct cdc_list *tables = &s->settings->tables;
    wf_str signals = buf_view(&s->connector.signal_table);
    bool is_signal = signals.len && (str_eq(name, signals) || table_matches(signals, name));
    return !is_signal && table_is_listed(tables->items, tables->count, name);
}

/* The connector's own list says the same, but for tables of a connector that is shared. */
static bool debezium_feed_is_listed(struct debezium_state *s, wf_str name)
{
    if (!s->settings->tables.count && !s->connector.signal_table.len)
        return true;
    struct debezium_listed *seen = &s->listed[str_hash(name) % DEBEZIUM_LISTED];
    if (CDC_LIKELY(str_eq(name, (wf_str){seen->name, seen->len})) && name.len)
        return seen->listed;
    bool listed = debezium_feed_ask_listed(s, name);
    if (name.len <= sizeof seen->name) {
        memcpy(seen->name, name.ptr, name.len);
        seen->len = name.len;
        seen->listed = listed;
    }
    return listed;
}

static bool debezium_feed_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    struct debezium_state *s = ctx;
    return s->out->wanted(s->out->ctx, table, op) &&
           (!table || debezium_feed_is_listed(s, table->name));
}

wf_status debezium_feed_open(struct debezium_state *s, wf_error *err)
{
    const struct dbz_decoder_plan plan = {
        .topic_prefix = buf_view(&s->connector.topic_prefix),
        .notify_topic = buf_view(&s->connector.notify_topic),
        .schema_topic = s->connector.schema_topic,
        .wanted = debezium_feed_wanted,
        .ctx = s,
    };
    return dbz_decoder_new(&plan, &s->decoder, err);
}

/* ---- what the group tells ------------------------------------------------------------ */

void debezium_feed_lane_lost(void *ctx, uint32_t lane)
{
    struct debezium_state *s = ctx;
    if (s->closing)
        return;
    s->out->retract(s->out->ctx, lane);
    debezium_commit(s);
}

/* "schema.table" of a topic; empty: it holds no rows. */
static wf_str debezium_feed_table_of(const struct debezium_state *s, wf_str topic)
{
    wf_str prefix = buf_view(&s->connector.topic_prefix);
    bool data = str_starts(topic, prefix) && topic.len > prefix.len + 1 &&
                topic.ptr[prefix.len] == '.' &&
                !str_eq(topic, buf_view(&s->connector.notify_topic)) &&
                !str_eq(topic, buf_view(&s->connector.signal_topic));
    wf_str table = data ? str_slice(topic, prefix.len + 1, topic.len) : STR_EMPTY;
    return str_find(table, STR(".")) > 0 ? table : STR_EMPTY;
}

wf_status debezium_feed_records_lost(void *ctx, wf_str topic, int32_t partition,
                                     wf_error *err)
{
    struct debezium_state *s = ctx;
    wf_str table = debezium_feed_table_of(s, topic);
    if (!table.len)
        return WF_OK;
    bool again = s->options->on_records_lost == DBZ_LOST_RESNAPSHOT ||
                 s->settings->core.snapshot == CDC_SNAPSHOT_WHEN_NEEDED;
    const char *obstacle = again ? debezium_snapshot_obstacle(s) : NULL;
    if (obstacle)
        return error_set(err, WF_STATE,
                         "Kafka has deleted records of topic '%.*s' partition %d before "
                         "they were read, and the table cannot be read again: %s",
                         STR_ARG(topic), (int)partition, obstacle);
    if (again) {
        debezium_tell(s, LOG_WARN,
                      "Kafka has deleted records of topic '%.*s' partition %d before they "
                      "were read: table '%.*s' is read again",
                      STR_ARG(topic), (int)partition, STR_ARG(table));
        return s->out->want_snapshot(s->out->ctx, &table, 1, err);
    }
    return error_set(err, WF_STATE,
                     "Kafka has deleted records of topic '%.*s' partition %d before they "
                     "were read (its retention is shorter than this source was away): "
                     "changes are missing; set options.on_records_lost to resnapshot, "
                     "which reads the table again",
                     STR_ARG(topic), (int)partition);
}

/* ---- a record ------------------------------------------------------------------------ */

static wf_status debezium_feed_ddl(struct debezium_state *s, struct dbz_decoded *record,
                                   wf_error *err)
{
    wf_status status = WF_OK;
    bool any = !record->ddl_table_count;
    for (size_t i = 0; i < record->ddl_table_count && !status; i++) {
        wf_str table = record->ddl_tables[i];
        if (!debezium_feed_is_listed(s, table))
            continue;
        any = true;
        status = s->out->schema(s->out->ctx, table, record->ddl, record->ddl_position, err);
    }
    if (status || !any || record->ddl_describes)
        return status;
    return s->out->wanted(s->out->ctx, record->change.table, CDC_DDL)
               ? s->out->emit(s->out->ctx, &record->change, err)
               : WF_OK;
}

static wf_status debezium_feed_change(struct debezium_state *s, struct dbz_decoded *record,
                                      wf_error *err)
{
    const struct cdc_change *change = &record->change;
    wf_status status = WF_OK;
    bool news = record->new_schema.len && change->table && !s->connector.schema_topic;
    if (CDC_UNLIKELY(news))
        status = s->out->schema(s->out->ctx, change->table->name, record->new_schema,
                                change->position, err);
    return status ? status : s->out->emit(s->out->ctx, change, err);
}

static wf_status debezium_feed_give(struct debezium_state *s, struct dbz_decoded *record,
                                    wf_error *err)
{
    switch (record->kind) {
    case DBZ_CHANGE:
        return debezium_feed_change(s, record, err);
    case DBZ_SCHEMA:
        return debezium_feed_ddl(s, record, err);
    case DBZ_NOTHING:
    case DBZ_NOTIFICATION:
        break;
    }
    return WF_OK;
}

static void debezium_feed_taken(struct debezium_state *s, const struct kafka_record *from,
                                const struct dbz_decoded *record)
{
    int64_t ts_us = record->source_ts_us;
    kafka_group_took(s->group);
    s->place.number = from->number;
    s->lanes = from->lane > s->lanes ? from->lane : s->lanes;
    if (record->kind == DBZ_NOTIFICATION)
        debezium_snapshot_heard(s, record);
    else if (CDC_UNLIKELY(record->change.op == CDC_READ || record->first_snapshot_row ||
                          record->last_snapshot_row))
        debezium_snapshot_row(s, record);
    if (ts_us == CDC_NO_TIME && from->ts_ms >= 0)
        ts_us = from->ts_ms * 1000;
    debezium_lag_note(s, ts_us);
    debezium_commit(s);
}

wf_status debezium_feed(struct debezium_state *s, struct cdc_budget budget, wf_error *err)
{
    int timeout_ms = budget.timeout_ms;
    for (uint32_t left = budget.max_changes; left; left--) {
        struct kafka_record from;
        struct dbz_decoded record;
        wf_status status = kafka_group_next(s->group, timeout_ms, &from, err);
        if (status)
            return status;
        s->empty = !from.number;
        if (s->empty)
            return WF_OK;
        status = dbz_decode(s->decoder, &from, &record, err);
        record.change.lane = from.lane;
        if (!status)
            status = debezium_feed_give(s, &record, err);
        if (status)
            return status == CDC_FULL ? WF_OK : status;
        debezium_feed_taken(s, &from, &record);
        /* A record may take long: one of many numbers, each of a hundred thousand digits. */
        if (CDC_UNLIKELY(atomic_load(s->unwanted)))
            return WF_OK;
        timeout_ms = 0;
    }
    return WF_OK;
}
