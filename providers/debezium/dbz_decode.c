/* SPDX-License-Identifier: MIT
 *
 * dbz_decode - what a record is, told by its members: names of topics can be changed by the
 * connector's settings and by transforms, the members cannot.
 */
#include "providers/debezium/dbz_decode.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/dbz_change.h"
#include "providers/debezium/dbz_special.h"

#define DBZ_DECODE_KEEP (1u << 20) /* memory that stays from record to record */

static void dbz_decode_init(struct dbz_decoder *decoder)
{
    dbz_row_init(&decoder->before);
    dbz_row_init(&decoder->after);
    buf_init(&decoder->place, LIMIT_TEXT_BYTES);
    buf_init(&decoder->text, LIMIT_EVENT_BYTES);
    buf_init(&decoder->sql, LIMIT_CONFIG_BYTES * 4u);
    for (size_t i = 0; i < CDC_COUNT(decoder->documents); i++)
        buf_init(&decoder->documents[i], LIMIT_EVENT_BYTES);
}

wf_status dbz_decoder_new(const struct dbz_decoder_plan *plan, struct dbz_decoder **out,
                          wf_error *err)
{
    struct dbz_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return error_no_memory(err);
    dbz_decode_init(decoder);
    decoder->plan = *plan;
    decoder->topic_prefix = str_dup(plan->topic_prefix);
    decoder->notify_topic = str_dup(plan->notify_topic);
    if (!decoder->topic_prefix || !decoder->notify_topic) {
        dbz_decoder_free(decoder);
        return error_no_memory(err);
    }
    decoder->plan.topic_prefix.ptr = decoder->topic_prefix;
    decoder->plan.notify_topic.ptr = decoder->notify_topic;
    *out = decoder;
    return WF_OK;
}

void dbz_decoder_free(struct dbz_decoder *decoder)
{
    if (!decoder)
        return;
    dbz_topics_release(&decoder->topics);
    dbz_envelope_release(&decoder->envelope);
    dbz_cells_release(&decoder->key);
    dbz_row_release(&decoder->before);
    dbz_row_release(&decoder->after);
    buf_release(&decoder->place);
    buf_release(&decoder->text);
    buf_release(&decoder->sql);
    for (size_t i = 0; i < CDC_COUNT(decoder->documents); i++)
        buf_release(&decoder->documents[i]);
    table_free(decoder->ddl_table);
    free(decoder->topic_prefix);
    free(decoder->notify_topic);
    free(decoder);
}

/* ---- poison --------------------------------------------------------------------------------- */

/* `op` as far as it was understood. */
static wf_status dbz_decode_poison(struct dbz_decoder *decoder,
                                   const struct kafka_record *record,
                                   struct dbz_topic *topic, struct dbz_decoded *out,
                                   wf_error *err)
{
    struct cdc_change change = {.op = out->change.op, .ts_us = CDC_NO_TIME};
    wf_status status =
        dbz_topic_table(topic, decoder->plan.topic_prefix, &change.table, err);
    if (status)
        return status == WF_NO_MEMORY ? status : error_no_memory(err);
    dbz_source_place_record(record, &decoder->place, &change);
    if (decoder->place.broken)
        return error_no_memory(err);
    if (record->ts_ms >= 0 && record->ts_ms < INT64_MAX / 1000)
        change.ts_us = record->ts_ms * 1000;
    change.lane = record->lane;
    change.poison = str_from(decoder->why);
    change.content = record->value;
    *out = (struct dbz_decoded){
        .kind = DBZ_CHANGE,
        .change = change,
        .source_ts_us = CDC_NO_TIME,
        .notification.rows = -1,
    };
    return WF_OK;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static bool dbz_decode_has(const struct dbz_envelope *e, enum dbz_envelope_member a,
                           enum dbz_envelope_member b, enum dbz_envelope_member c)
{
    return dbz_envelope_has(e, a) && dbz_envelope_has(e, b) && dbz_envelope_has(e, c);
}

/* The table of a statement that is about one; core asks by it who wants the event. */
static wf_status dbz_decode_ddl_table(struct dbz_decoder *decoder, struct dbz_decoded *out,
                                      wf_error *err)
{
    if (out->ddl_table_count != 1)
        return WF_OK;
    wf_str name = out->ddl_tables[0];
    if (decoder->ddl_table && !str_eq(decoder->ddl_table->name, name)) {
        table_free(decoder->ddl_table);
        decoder->ddl_table = NULL;
    }
    wf_status status = WF_OK;
    if (!decoder->ddl_table)
        status = table_new(name, NULL, 0, NULL, 0, &decoder->ddl_table, err);
    if (status)
        return error_no_memory(err);
    out->change.table = decoder->ddl_table;
    return WF_OK;
}

static wf_status dbz_decode_schema(struct dbz_decoder *decoder,
                                   const struct kafka_record *record,
                                   struct dbz_decoded *out, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    if (dbz_envelope_get(e, DBZ_ENVELOPE_DDL)->kind != JSON_STRING)
        return WF_OK; /* SQL Server and PostgreSQL say no statement */
    out->change.op = CDC_DDL;
    wf_status status = dbz_change_place(decoder, record, out, err);
    if (status)
        return status;
    dbz_special_ddl(e, &decoder->text, out);
    if (decoder->text.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    if (decoder->text.broken)
        return dbz_change_why(decoder, "the schema change is too long");
    if (out->ddl_describes && !out->ddl_table_count)
        return WF_OK; /* SET, USE, DROP ... of a snapshot: it says nothing */
    out->kind = DBZ_SCHEMA;
    out->ddl_position = out->change.position;
    out->change.ddl = out->ddl;
    return dbz_decode_ddl_table(decoder, out, err);
}

static wf_status dbz_decode_notification(struct dbz_decoder *decoder,
                                         struct dbz_decoded *out, wf_error *err)
{
    dbz_special_notification(&decoder->envelope, &decoder->text, &out->notification);
    if (decoder->text.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    if (decoder->text.broken)
        return dbz_change_why(decoder, "the notification is too long");
    out->kind = DBZ_NOTIFICATION;
    return WF_OK;
}

/* A record without "op". */
static wf_status dbz_decode_other(struct dbz_decoder *decoder,
                                  const struct kafka_record *record,
                                  struct dbz_decoded *out, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    uint64_t beat = UINT64_C(1) << DBZ_ENVELOPE_TS_MS;
    uint64_t seen = e->members.seen & ~(UINT64_C(1) << DBZ_ENVELOPE_PAYLOAD);
    if (dbz_decode_has(e, DBZ_ENVELOPE_DDL, DBZ_ENVELOPE_TABLE_CHANGES,
                       DBZ_ENVELOPE_SOURCE))
        /* With a position it is one of the connector's own history. */
        return dbz_envelope_has(e, DBZ_ENVELOPE_POSITION)
                   ? WF_OK
                   : dbz_decode_schema(decoder, record, out, err);
    if (dbz_decode_has(e, DBZ_ENVELOPE_STATUS, DBZ_ENVELOPE_ID, DBZ_ENVELOPE_EVENT_COUNT) &&
        !e->others)
        return WF_OK;
    if (dbz_decode_has(e, DBZ_ENVELOPE_AGGREGATE_TYPE, DBZ_ENVELOPE_TYPE,
                       DBZ_ENVELOPE_ID) &&
        !e->others)
        return dbz_decode_notification(decoder, out, err);
    if (seen == beat && !e->others)
        return WF_OK;
    if (dbz_envelope_has(e, DBZ_ENVELOPE_SPECVERSION))
        return dbz_change_why(decoder,
                              "the record is a CloudEvent, which is not supported: set the "
                              "connector's value.converter to "
                              "org.apache.kafka.connect.json.JsonConverter");
    return dbz_change_why(decoder,
                          "the record is not an envelope of Debezium's ('op' and 'source' "
                          "are missing): a transform such as ExtractNewRecordState has "
                          "flattened it; remove it from the connector's transforms");
}

/* A schema that is not known yet; *out_place: where the record's is, -1: it has none. */
static wf_status dbz_decode_learn(struct dbz_decoder *decoder, struct dbz_topic *topic,
                                  int *out_place, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    *out_place = e->known;
    if (CDC_LIKELY(!e->schema.len))
        return WF_OK;
    return dbz_topic_learn(&decoder->topics, topic, e->schema, out_place, err);
}

/* Topics of the prefix "shop.eu" look like those of "shop". */
static bool dbz_decode_is_strangers(const struct dbz_decoder *decoder)
{
    wf_str prefix = decoder->plan.topic_prefix;
    const struct dbz_cell *name =
        dbz_members_get(&decoder->envelope.source.members, DBZ_SOURCE_NAME);
    if (CDC_LIKELY(name->kind != JSON_STRING || name->text.len <= prefix.len + 2))
        return false;
    wf_str from = dbz_cell_inner(name);
    return prefix.len && str_starts(from, prefix) && from.ptr[prefix.len] == '.';
}

static wf_status dbz_decode_value(struct dbz_decoder *decoder,
                                  const struct kafka_record *record,
                                  struct dbz_topic *topic, struct dbz_decoded *out,
                                  wf_error *err)
{
    struct dbz_envelope *e = &decoder->envelope;
    if (dbz_change_is_framed(record->value))
        return dbz_change_why(decoder,
                              "the record is in the format of a schema registry (Avro, "
                              "Protobuf or JSON Schema), which is not supported: set the "
                              "connector's key.converter and value.converter to "
                              "org.apache.kafka.connect.json.JsonConverter");
    struct json_reader r = json_reader_of(record->value);
    enum dbz_cells_result result = dbz_envelope_read(e, &r, topic->known);
    if (CDC_UNLIKELY(result != DBZ_CELLS_READ))
        return dbz_change_unread(decoder, result, &r, "the record", err);
    enum json_token kind = e->kind;
    if (dbz_envelope_has(e, DBZ_ENVELOPE_PAYLOAD))
        kind = (enum json_token)dbz_envelope_get(e, DBZ_ENVELOPE_PAYLOAD)->kind;
    if (kind == JSON_NULL)
        return WF_OK;
    if (kind != JSON_OBJECT)
        return dbz_change_why(decoder, "the record is JSON, but no object");
    if (CDC_UNLIKELY(dbz_decode_is_strangers(decoder)))
        return WF_OK;
    int place;
    wf_status status = dbz_decode_learn(decoder, topic, &place, err);
    if (status)
        return status;
    if (CDC_LIKELY(dbz_envelope_has(e, DBZ_ENVELOPE_OP) && e->source.members.seen))
        return dbz_change_decode(decoder, record, topic, place, out, err);
    return dbz_decode_other(decoder, record, out, err);
}

/* What one large record took is given back. */
static void dbz_decode_shrink(struct buf *memory)
{
    if (CDC_UNLIKELY(memory->cap > DBZ_DECODE_KEEP))
        buf_release(memory);
}

wf_status dbz_decode(struct dbz_decoder *decoder, const struct kafka_record *record,
                     struct dbz_decoded *out, wf_error *err)
{
    struct dbz_decoded decoded = {
        .kind = DBZ_NOTHING,
        .change = {.op = CDC_OP_NONE, .ts_us = CDC_NO_TIME, .lane = record->lane},
        .source_ts_us = CDC_NO_TIME,
        .notification.rows = -1,
    };
    struct dbz_topic *topic;
    if (!record->value.ptr) {
        *out = decoded;
        return WF_OK;
    }
    dbz_decode_shrink(&decoder->text);
    for (size_t i = 0; i < CDC_COUNT(decoder->documents); i++)
        dbz_decode_shrink(&decoder->documents[i]);
    wf_status status = dbz_topics_get(&decoder->topics, record->topic, &topic, err);
    if (!status)
        status = dbz_decode_value(decoder, record, topic, &decoded, err);
    if (status && status != WF_NO_MEMORY && status != WF_PROTOCOL)
        dbz_change_why(decoder, "the record is too large");
    if (status && status != WF_NO_MEMORY)
        status = dbz_decode_poison(decoder, record, topic, &decoded, err);
    if (!status)
        *out = decoded;
    return status;
}
