/* SPDX-License-Identifier: MIT
 *
 * dbz_change - from an envelope to a change.
 *
 * What PostgreSQL sends of an old row.  With the default replica identity it is the key, and
 * Debezium fills the other columns of "before" with null, their default, or the zero of
 * their type ("", 0, false, 1970-01-01 ...), which nobody may take for the row.  Where the
 * record has a schema all of these are known, and a "before" of nothing else gives its key
 * only.  Without one the defaults are not, but an UPDATE tells: its "before" is null unless
 * the whole old row was sent.
 */
#include "providers/debezium/dbz_change.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/dbz_document.h"
#include "providers/debezium/dbz_special.h"

wf_status dbz_change_why(struct dbz_decoder *decoder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoder->why, sizeof decoder->why, format, arguments);
    va_end(arguments);
    return WF_PROTOCOL;
}

wf_status dbz_change_unread(struct dbz_decoder *decoder, enum dbz_cells_result result,
                            const struct json_reader *reader, const char *what,
                            wf_error *err)
{
    switch (result) {
    case DBZ_CELLS_READ:
        return WF_OK;
    case DBZ_CELLS_NO_MEMORY:
        return error_no_memory(err);
    case DBZ_CELLS_TOO_MANY:
        return dbz_change_why(decoder, "%s has more than %d columns", what, LIMIT_COLUMNS);
    case DBZ_CELLS_BAD:
        break;
    }
    return dbz_change_why(decoder,
                          "%s is not JSON: %s at byte %zu; the connector needs "
                          "org.apache.kafka.connect.json.JsonConverter as its "
                          "key.converter and value.converter",
                          what, reader->why ? reader->why : "it ends too late",
                          (size_t)(reader->at - reader->start));
}

bool dbz_change_is_framed(wf_str bytes)
{
    return bytes.len >= 5 && bytes.ptr[0] == '\0';
}

/* ---- the key ------------------------------------------------------------------------------- */

/* "payload" behind the schema that the reader stands before. */
static enum dbz_cells_result dbz_change_key_payload(struct dbz_decoder *decoder,
                                                    struct json_reader *r,
                                                    struct buf *known)
{
    struct dbz_cell cell = {.kind = JSON_NULL};
    if (!json_pass(r, buf_view(known)) && !dbz_cell_read(r, &cell))
        return DBZ_CELLS_BAD;
    if (cell.kind == JSON_OBJECT) {
        buf_clear(known);
        buf_str(known, cell.text);
        wf_status broken = known->broken;
        if (broken)
            buf_clear(known); /* too long: it is looked at again with each key */
        if (broken == WF_NO_MEMORY)
            return DBZ_CELLS_NO_MEMORY;
    }
    if (json_read(r) != JSON_KEY || !str_is(r->text, "payload"))
        return DBZ_CELLS_BAD;
    enum dbz_cells_result result = dbz_cells_read(r, &decoder->key);
    if (result == DBZ_CELLS_READ && json_read(r) != JSON_OBJECT_END)
        return DBZ_CELLS_BAD;
    return result;
}

static enum dbz_cells_result dbz_change_key_read(struct dbz_decoder *decoder,
                                                 struct json_reader *r,
                                                 struct dbz_topic *topic)
{
    struct dbz_cells *key = &decoder->key;
    struct json_reader start = *r;
    enum json_token token = json_read(r);
    if (token == JSON_OBJECT) {
        token = json_read(r);
        if (CDC_LIKELY(token != JSON_KEY || !str_is(r->text, "schema")))
            return dbz_cells_members(r, token, key);
        enum dbz_cells_result result =
            dbz_change_key_payload(decoder, r, &topic->key_schema);
        if (result != DBZ_CELLS_BAD)
            return result;
    }
    *r = start; /* a scalar, or a key whose columns are called so */
    return dbz_cells_read(r, key);
}

/* What the record's key names; a key that is no object names nothing. */
static wf_status dbz_change_key(struct dbz_decoder *decoder,
                                const struct kafka_record *record, struct dbz_topic *topic,
                                wf_error *err)
{
    struct dbz_cells *key = &decoder->key;
    dbz_cells_clear(key);
    decoder->has_key = false;
    if (!record->key.ptr)
        return WF_OK;
    if (dbz_change_is_framed(record->key))
        return dbz_change_why(decoder, "the record's key is in the format of a schema "
                                       "registry, which is not supported: set the "
                                       "connector's key.converter to "
                                       "org.apache.kafka.connect.json.JsonConverter");
    struct json_reader r = json_reader_of(record->key);
    enum dbz_cells_result result = dbz_change_key_read(decoder, &r, topic);
    if (result == DBZ_CELLS_READ && json_read(&r) != JSON_END)
        result = DBZ_CELLS_BAD;
    if (result == DBZ_CELLS_READ && decoder->envelope.source.far == DBZ_FAR_MONGODB)
        result = dbz_document_key(key, &decoder->documents[0]);
    decoder->has_key = result == DBZ_CELLS_READ && key->kind == JSON_OBJECT && key->count;
    return dbz_change_unread(decoder, result, &r, "the record's key", err);
}

/* ---- where and when ------------------------------------------------------------------------ */

static void dbz_change_snapshot(const struct dbz_envelope *e, struct dbz_decoded *out)
{
    wf_str where = dbz_cell_inner(dbz_members_get(&e->source.members, DBZ_SOURCE_SNAPSHOT));
    out->first_snapshot_row = str_is(where, "first");
    out->last_snapshot_row = str_is(where, "last");
}

wf_status dbz_change_place(struct dbz_decoder *decoder, const struct kafka_record *record,
                           struct dbz_decoded *out, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    struct cdc_change *change = &out->change;
    bool read = change->op == CDC_READ;
    const struct dbz_origin origin = {
        .record = record,
        .source = &e->source,
        .transaction = dbz_members_get(&e->transaction, DBZ_TRANSACTION_ID),
        .order = dbz_members_get(&e->transaction, DBZ_TRANSACTION_ORDER),
        .read = read,
    };
    dbz_source_place(&origin, &decoder->place, change);
    if (decoder->place.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    if (decoder->place.broken)
        return dbz_change_why(decoder, "the record's source.gtid, source.file or "
                                       "transaction.id is too long");
    int64_t written = dbz_source_time(dbz_envelope_get(e, DBZ_ENVELOPE_TS_US),
                                      dbz_envelope_get(e, DBZ_ENVELOPE_TS_NS),
                                      dbz_envelope_get(e, DBZ_ENVELOPE_TS_MS));
    if (written == CDC_NO_TIME && record->ts_ms >= 0 && record->ts_ms < INT64_MAX / 1000)
        written = record->ts_ms * 1000;
    out->source_ts_us = dbz_source_ts(&e->source);
    change->ts_us = read || out->source_ts_us == CDC_NO_TIME ? written : out->source_ts_us;
    return WF_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Strings of MongoDB's become rows. */
static wf_status dbz_change_document(struct dbz_decoder *decoder, struct dbz_cells *row,
                                     const struct dbz_cell *string, struct buf *memory,
                                     wf_error *err)
{
    enum dbz_cells_result result = dbz_document_read(string, memory, row);
    if (result == DBZ_CELLS_BAD)
        return dbz_change_why(decoder,
                              "a document of MongoDB's is no JSON object, or nested too "
                              "deeply");
    return dbz_change_unread(decoder, result, NULL, "a document", err);
}

/* An update without the document it made (capture.mode change_streams, or a document that
 * was gone by the time it was looked up): the fields that changed, and the id. */
static wf_status dbz_change_document_fields(struct dbz_decoder *decoder, wf_error *err)
{
    struct dbz_envelope *e = &decoder->envelope;
    const struct dbz_cell *said = dbz_envelope_get(e, DBZ_ENVELOPE_UPDATE_DESCRIPTION);
    struct dbz_cell fields = {.kind = JSON_NULL};
    if (said->kind == JSON_OBJECT && json_member(said->text, "updatedFields", &fields.text))
        fields.kind = (uint8_t)json_kind(fields.text);
    if (fields.kind != JSON_STRING)
        return WF_OK;
    fields.escaped = memchr(fields.text.ptr, '\\', fields.text.len) != NULL;
    wf_status status =
        dbz_change_document(decoder, &e->after, &fields, &decoder->documents[2], err);
    if (status || !decoder->has_key)
        return status;
    for (size_t i = 0; i < e->after.count; i++)
        if (str_is(e->after.at[i].name, "_id"))
            return WF_OK;
    return dbz_change_unread(decoder, dbz_cells_add(&e->after, &decoder->key.at[0]), NULL,
                             "a document", err);
}

static wf_status dbz_change_documents(struct dbz_decoder *decoder, enum cdc_op op,
                                      wf_error *err)
{
    struct dbz_envelope *e = &decoder->envelope;
    wf_status status = WF_OK;
    if (e->before.kind == JSON_STRING)
        status = dbz_change_document(decoder, &e->before, &e->before.other,
                                     &decoder->documents[1], err);
    if (!status && e->after.kind == JSON_STRING)
        status = dbz_change_document(decoder, &e->after, &e->after.other,
                                     &decoder->documents[2], err);
    if (!status && op == CDC_UPDATE && e->after.kind != JSON_OBJECT)
        status = dbz_change_document_fields(decoder, err);
    return status;
}

/* A row, null, or nothing. */
static bool dbz_change_is_row(const struct dbz_cells *row)
{
    return row->kind == JSON_OBJECT || row->kind == JSON_NULL || row->kind == JSON_END;
}

static wf_status dbz_change_check_rows(struct dbz_decoder *decoder, enum cdc_op op)
{
    const struct dbz_envelope *e = &decoder->envelope;
    if (!dbz_change_is_row(&e->before) || !dbz_change_is_row(&e->after))
        return dbz_change_why(decoder, "the record's 'before' or 'after' is no object");
    bool needed = op == CDC_INSERT || op == CDC_READ || op == CDC_UPDATE;
    if (needed && e->after.kind != JSON_OBJECT)
        return dbz_change_why(decoder, "the record has no 'after', which its 'op' needs");
    if (op == CDC_DELETE && e->before.kind != JSON_OBJECT && !decoder->has_key)
        return dbz_change_why(decoder, "the record of a DELETE has neither 'before' nor a "
                                       "key");
    return WF_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static wf_status dbz_change_table(struct dbz_decoder *decoder, struct dbz_topic *topic,
                                  int place, enum cdc_op op, struct dbz_table **out,
                                  wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    const struct dbz_cell *first;
    const struct dbz_cell *second;
    dbz_source_table(&e->source, &first, &second);
    if (second->kind != JSON_STRING || second->text.len == 2)
        return dbz_change_why(decoder, "the record's 'source' names no table");
    const struct dbz_cells *row = op == CDC_DELETE ? &e->before : &e->after;
    bool has_row = op != CDC_TRUNCATE && row->kind == JSON_OBJECT;
    const struct dbz_shape shape = {
        .first = dbz_cell_inner(first),
        .second = dbz_cell_inner(second),
        .row = has_row ? row : NULL,
        .key = decoder->has_key ? &decoder->key : NULL,
        .any_key = op == CDC_TRUNCATE,
    };
    wf_error why = {0};
    bool changed;
    wf_status status = dbz_table_get(&topic->tables, &shape, out, &changed, &why);
    if (!status && place >= 0)
        status = dbz_table_types(*out, dbz_schema_row(&topic->schemas[place]),
                                 topic->numbers[place], &changed, &why);
    else if (!status)
        dbz_table_no_types(*out);
    if (status == WF_NO_MEMORY)
        return error_no_memory(err);
    if (status)
        return dbz_change_why(decoder, "%s", why.text);
    (*out)->news |= changed;
    return WF_OK;
}

/* Columns that are others than before, once anybody wants to know; documents have none that
 * would hold for the next one. */
static wf_status dbz_change_news(struct dbz_decoder *decoder, struct dbz_table *table,
                                 struct dbz_decoded *out, wf_error *err)
{
    if (CDC_LIKELY(!table->news) || !table->whole ||
        decoder->envelope.source.far == DBZ_FAR_MONGODB)
        return WF_OK;
    struct buf *sql = &decoder->sql;
    buf_clear(sql);
    dbz_table_sql(table, sql);
    if (sql->broken == WF_NO_MEMORY)
        return error_no_memory(err);
    table->news = false;
    if (!sql->broken)
        out->new_schema = buf_view(sql);
    return WF_OK;
}

/* ---- rows of a change ------------------------------------------------------------------------ */

/* The old row; `before` stays NULL where none was sent. */
static wf_status dbz_change_before(struct dbz_decoder *decoder, struct dbz_table *table,
                                   struct cdc_change *change, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    bool postgres = e->source.far == DBZ_FAR_POSTGRES;
    bool update = change->op == CDC_UPDATE;
    if (e->before.kind != JSON_OBJECT) {
        if (update && postgres)
            table->identity = DBZ_IDENTITY_KEY;
        if (update)
            return WF_OK;
        wf_status status = dbz_row_some(&decoder->before, table, &decoder->key, err);
        change->before = decoder->before.values;
        return status;
    }
    bool same = dbz_table_is_row(table, &e->before);
    wf_status status = same ? dbz_row_full(&decoder->before, table, &e->before, err)
                            : dbz_row_some(&decoder->before, table, &e->before, err);
    if (status)
        return status;
    change->before = decoder->before.values;
    if (!postgres || !same || !table->table->key_count)
        return WF_OK;
    bool filler = dbz_row_is_filler(table, &e->before);
    if (update && !filler)
        table->identity = DBZ_IDENTITY_FULL;
    bool unsure = !update && !table->types && table->identity == DBZ_IDENTITY_KEY;
    if (filler || unsure)
        dbz_row_key_only(&decoder->before, table);
    return WF_OK;
}

static wf_status dbz_change_rows(struct dbz_decoder *decoder, struct dbz_table *table,
                                 struct cdc_change *change, wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    wf_status status = WF_OK;
    if (change->op == CDC_UPDATE || change->op == CDC_DELETE)
        status = dbz_change_before(decoder, table, change, err);
    if (status || change->op == CDC_DELETE || change->op == CDC_TRUNCATE)
        return status;
    status = dbz_row_full(&decoder->after, table, &e->after, err);
    change->after = decoder->after.values;
    return status;
}

static wf_status dbz_change_of_table(struct dbz_decoder *decoder,
                                     const struct kafka_record *record,
                                     struct dbz_topic *topic, int place,
                                     struct dbz_decoded *out, wf_error *err)
{
    struct cdc_change *change = &out->change;
    struct dbz_table *table;
    wf_status status = dbz_change_key(decoder, record, topic, err);
    if (!status && decoder->envelope.source.far == DBZ_FAR_MONGODB)
        status = dbz_change_documents(decoder, change->op, err);
    if (!status && change->op != CDC_TRUNCATE)
        status = dbz_change_check_rows(decoder, change->op);
    if (!status)
        status = dbz_change_table(decoder, topic, place, change->op, &table, err);
    if (status)
        return status;
    change->table = table->table;
    const struct dbz_decoder_plan *plan = &decoder->plan;
    if (plan->wanted && !plan->wanted(plan->ctx, table->table, change->op))
        return WF_OK;
    out->kind = DBZ_CHANGE;
    status = dbz_change_news(decoder, table, out, err);
    return status ? status : dbz_change_rows(decoder, table, change, err);
}

static wf_status dbz_change_message(struct dbz_decoder *decoder, struct dbz_decoded *out,
                                    wf_error *err)
{
    const struct dbz_decoder_plan *plan = &decoder->plan;
    wf_str prefix =
        dbz_cell_inner(dbz_members_get(&decoder->envelope.message, DBZ_MESSAGE_PREFIX));
    /* Heartbeats, of which the connector gives us none unless its lists of prefixes are
     * others than ours. */
    if (str_starts(prefix, STR("workflow-plugin-cdc.")) ||
        (plan->wanted && !plan->wanted(plan->ctx, NULL, CDC_MESSAGE)))
        return WF_OK;
    bool read = dbz_special_message(&decoder->envelope, &decoder->text, &out->change);
    if (decoder->text.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    if (!read || decoder->text.broken)
        return dbz_change_why(decoder, "the content of a message is no base64: the "
                                       "connector needs binary.handling.mode=base64");
    out->kind = DBZ_CHANGE;
    return WF_OK;
}

wf_status dbz_change_decode(struct dbz_decoder *decoder, const struct kafka_record *record,
                            struct dbz_topic *topic, int place, struct dbz_decoded *out,
                            wf_error *err)
{
    const struct dbz_envelope *e = &decoder->envelope;
    wf_str op = dbz_cell_inner(dbz_envelope_get(e, DBZ_ENVELOPE_OP));
    out->change.op = op.len == 1 ? change_op_parse(op) : CDC_OP_NONE;
    if (out->change.op == CDC_OP_NONE)
        return dbz_change_why(decoder,
                              "the record's 'op' is not one of c, u, d, r, t and m");
    wf_status status = dbz_change_place(decoder, record, out, err);
    if (status)
        return status;
    dbz_change_snapshot(e, out);
    if (out->change.op == CDC_MESSAGE)
        return dbz_change_message(decoder, out, err);
    return dbz_change_of_table(decoder, record, topic, place, out, err);
}
