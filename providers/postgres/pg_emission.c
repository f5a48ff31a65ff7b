/* SPDX-License-Identifier: MIT
 *
 * pg_emission - a row goes from here to the log without an allocation.
 */
#include "providers/postgres/pg_emission.h"

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_options.h"

void pg_emission_init(struct pg_emission *emission, const struct pg_assembly_config *config,
                      const struct pg_position *from)
{
    const struct pg_options *options = config->settings->options;
    *emission = (struct pg_emission){.config = config,
                                     .messages = options->messages,
                                     .position = *from,
                                     .time_us = CDC_NO_TIME};
    pg_change_init(&emission->rows);
    buf_init(&emission->text, LIMIT_OUTPUT_BYTES);
    buf_init(&emission->name, LIMIT_TEXT_BYTES);
}

void pg_emission_release(struct pg_emission *emission)
{
    pg_change_release(&emission->rows);
    buf_release(&emission->text);
    buf_release(&emission->name);
    table_free(emission->bare);
    emission->bare = NULL;
}

/* ---- positions ----------------------------------------------------------------------- */

static void pg_emission_tell(struct pg_emission *emission)
{
    const struct cdc_emitter *out = emission->config->out;
    char token[PG_POSITION_TEXT];
    size_t len = pg_position_write(&emission->position, token);
    out->commit(out->ctx, (wf_str){token, len});
}

static void pg_emission_mark(struct pg_emission *emission, uint64_t lsn)
{
    const struct cdc_emitter *out = emission->config->out;
    if (lsn <= emission->marked)
        return;
    emission->marked = lsn;
    out->mark_reached(out->ctx, lsn);
}

static void pg_emission_advance(struct pg_emission *emission, uint64_t lsn)
{
    struct pg_position *position = &emission->position;
    if (lsn <= position->flush)
        return;
    position->flush = lsn;
    if (lsn > position->commit)
        position->commit = position->done = 0;
    pg_emission_tell(emission);
}

bool pg_emission_is_done(const struct pg_emission *emission, uint64_t commit_lsn)
{
    /* Commits come in the order of their records: before a transaction that is done in part
     * all are done. */
    const struct pg_position *position = &emission->position;
    return commit_lsn < position->flush || commit_lsn < position->commit;
}

void pg_emission_passed(struct pg_emission *emission, uint64_t lsn)
{
    if (emission->commit && lsn > emission->commit)
        lsn = emission->commit;
    pg_emission_mark(emission, lsn);
    pg_emission_advance(emission, lsn);
}

void pg_emission_restart(struct pg_emission *emission)
{
    emission->commit = 0;
    emission->part = 0;
}

/* ---- transactions -------------------------------------------------------------------- */

static void pg_emission_texts(struct pg_emission *emission, uint64_t lsn, uint32_t xid)
{
    struct buf id, txid;
    size_t lsn_len = pg_position_lsn_write(lsn, emission->lsn);
    buf_fixed(&txid, emission->txid, sizeof emission->txid);
    buf_u64(&txid, xid);
    buf_fixed(&id, emission->id, sizeof emission->id);
    buf_lit(&id, "pg:");
    buf_append(&id, emission->lsn, lsn_len);
    buf_byte(&id, ':');
    buf_str(&id, buf_view(&txid));
    buf_byte(&id, ':');
    emission->id_len = id.len;
    emission->change = (struct cdc_change){
        .position = {emission->lsn, lsn_len},
        .txid = xid ? buf_view(&txid) : STR_EMPTY,
        .ts_us = CDC_NO_TIME,
    };
}

void pg_emission_begin(struct pg_emission *emission, const struct pgoutput_message *commit)
{
    const struct pg_assembly_config *config = emission->config;
    const struct pg_position *position = &emission->position;
    pg_emission_texts(emission, commit->lsn, commit->xid);
    emission->change.ts_us = emission->time_us = commit->ts_us;
    emission->rows.before.xid = emission->rows.after.xid = commit->xid;
    emission->commit = commit->lsn;
    emission->ordinal = 0;
    emission->part = 0;
    emission->skip = pg_emission_is_done(emission, commit->lsn) ? UINT64_MAX
                     : commit->lsn == position->commit          ? position->done
                                                                : 0;
    pg_emission_mark(emission, commit->lsn);
    if (config->committed)
        config->committed(config->ctx, commit->xid);
}

void pg_emission_end(struct pg_emission *emission, uint64_t end_lsn)
{
    emission->commit = 0;
    pg_emission_advance(emission, end_lsn);
}

/* ---- one change ---------------------------------------------------------------------- */

static inline bool pg_emission_spend(uint32_t *budget)
{
    if (!*budget)
        return false;
    --*budget;
    return true;
}

static inline bool pg_emission_was_emitted(const struct pg_emission *emission)
{
    return emission->ordinal < emission->skip;
}

/* The change is done: given out, or nobody wanted it. */
static inline wf_status pg_emission_count(struct pg_emission *emission, bool given)
{
    emission->ordinal++;
    if (emission->ordinal > emission->skip) {
        emission->position.commit = emission->commit;
        emission->position.done = emission->ordinal;
        if (given)
            pg_emission_tell(emission);
    }
    return WF_OK;
}

static wf_status pg_emission_give(struct pg_emission *emission, struct cdc_change *change,
                                  wf_error *err)
{
    const struct cdc_emitter *out = emission->config->out;
    struct buf id;
    buf_fixed(&id, emission->id, sizeof emission->id);
    id.len = emission->id_len;
    change->seq = emission->ordinal + 1;
    buf_u64(&id, change->seq);
    change->id = buf_view(&id);
    wf_status status = out->emit(out->ctx, change, err);
    return status ? status : pg_emission_count(emission, true);
}

/* The table's schema goes to the history when its first change does. */
static CDC_NO_INLINE wf_status pg_emission_announce(struct pg_emission *emission,
                                                    struct pg_relation *relation,
                                                    wf_error *err)
{
    const struct cdc_emitter *out = emission->config->out;
    buf_clear(&emission->text);
    pg_relation_sql(relation, &emission->text);
    wf_status status = buf_status(&emission->text, "schema", err);
    if (!status)
        status = out->schema(out->ctx, relation->table->name, buf_view(&emission->text),
                             emission->change.position, err);
    relation->announced = !status;
    return status;
}

/* Whether the change at hand has to be made; if not, it only counts. */
static inline wf_status pg_emission_ask(struct pg_emission *emission,
                                        struct pg_relation *relation, enum cdc_op op,
                                        bool *out_wanted, wf_error *err)
{
    const struct cdc_emitter *out = emission->config->out;
    wf_status status = WF_OK;
    bool wanted = !pg_emission_was_emitted(emission) && relation->listed;
    if (wanted && CDC_UNLIKELY(relation->composed))
        status = pg_relation_renew(emission->config->relations, relation,
                                   emission->rows.after.xid, err);
    if (wanted && !status && CDC_UNLIKELY(!relation->announced))
        status = pg_emission_announce(emission, relation, err);
    *out_wanted = wanted && !status && out->wanted(out->ctx, relation->table, op);
    return status;
}

static wf_status pg_emission_row(struct pg_emission *emission,
                                 const struct pgoutput_message *message, uint32_t *budget,
                                 wf_error *err)
{
    enum cdc_op op = message->kind == PGOUTPUT_INSERT   ? CDC_INSERT
                     : message->kind == PGOUTPUT_UPDATE ? CDC_UPDATE
                                                        : CDC_DELETE;
    struct pg_relation *relation;
    bool wanted;
    wf_status status =
        pg_relation_get(emission->config->relations, message->relation, &relation, err);
    if (status)
        return status;
    if (!pg_emission_spend(budget))
        return CDC_FULL;
    status = pg_emission_ask(emission, relation, op, &wanted, err);
    if (status || !wanted)
        return status ? status : pg_emission_count(emission, false);
    status = pg_change_rows(&emission->rows, relation, message, &emission->change, err);
    return status ? status : pg_emission_give(emission, &emission->change, err);
}

/* ---- TRUNCATE ------------------------------------------------------------------------ */

static wf_status pg_emission_truncate_one(struct pg_emission *emission, uint32_t oid,
                                          uint32_t *budget, wf_error *err)
{
    struct pg_relation *relation;
    bool wanted;
    wf_status status = pg_relation_get(emission->config->relations, oid, &relation, err);
    if (status)
        return status;
    if (!pg_emission_spend(budget))
        return CDC_FULL;
    status = pg_emission_ask(emission, relation, CDC_TRUNCATE, &wanted, err);
    if (status || !wanted)
        return status ? status : pg_emission_count(emission, false);
    struct cdc_change change = {
        .op = CDC_TRUNCATE,
        .table = relation->table,
        .position = emission->change.position,
        .txid = emission->change.txid,
        .ts_us = emission->change.ts_us,
    };
    return pg_emission_give(emission, &change, err);
}

static wf_status pg_emission_truncate(struct pg_emission *emission,
                                      const struct pgoutput_message *message,
                                      uint32_t *budget, wf_error *err)
{
    struct reader oids = reader_of(message->relations.ptr, message->relations.len);
    for (uint32_t i = 0; i < message->count; i++) {
        uint32_t oid = reader_u32(&oids);
        if (i < emission->part)
            continue;
        wf_status status = pg_emission_truncate_one(emission, oid, budget, err);
        if (status)
            return status;
        emission->part++;
    }
    emission->part = 0;
    return WF_OK;
}

/* ---- DDL ----------------------------------------------------------------------------- */

/* The table of that name as it is known, or one of which nothing but the name is. */
static wf_status pg_emission_table(struct pg_emission *emission, wf_str name,
                                   struct cdc_table **out, wf_error *err)
{
    struct pg_relation *relation = pg_relation_named(emission->config->relations, name);
    if (relation) {
        *out = relation->table;
        return WF_OK;
    }
    if (!emission->bare || !str_eq(emission->bare->name, name)) {
        struct cdc_table *bare;
        wf_status status = table_new(name, NULL, 0, NULL, 0, &bare, err);
        if (status)
            return status;
        table_free(emission->bare);
        emission->bare = bare;
    }
    *out = emission->bare;
    return WF_OK;
}

/* `name` empty: the statement is about no table. */
static wf_status pg_emission_ddl_one(struct pg_emission *emission, wf_str sql, wf_str name,
                                     uint32_t *budget, wf_error *err)
{
    const struct cdc_emitter *out = emission->config->out;
    if (!pg_emission_spend(budget))
        return CDC_FULL;
    struct cdc_change change = {
        .op = CDC_DDL,
        .position = emission->change.position,
        .txid = emission->change.txid,
        .ts_us = emission->change.ts_us,
        .ddl = sql,
    };
    const struct cdc_list *tables = &emission->config->settings->tables;
    if (pg_emission_was_emitted(emission) ||
        (name.len && !table_is_listed(tables->items, tables->count, name)))
        return pg_emission_count(emission, false);
    wf_status status = WF_OK;
    if (name.len) {
        status = pg_emission_table(emission, name, &change.table, err);
        if (!status)
            status = out->schema(out->ctx, name, sql, change.position, err);
    }
    if (status)
        return status;
    return out->wanted(out->ctx, change.table, CDC_DDL)
               ? pg_emission_give(emission, &change, err)
               : pg_emission_count(emission, false);
}

/* An object is "schema.table" or {"table":"schema.table"}. */
static wf_status pg_emission_object_name(struct pg_emission *emission, wf_str object,
                                         wf_error *err)
{
    buf_clear(&emission->name);
    if (json_kind(object) == JSON_OBJECT && !json_member(object, "table", &object))
        return WF_OK;
    if (json_kind(object) == JSON_STRING)
        json_unescape(&emission->name, str_slice(object, 1, object.len - 1));
    return buf_status(&emission->name, "name of an object", err);
}

static wf_status pg_emission_ddl_all(struct pg_emission *emission, wf_str objects,
                                     uint32_t *budget, wf_error *err)
{
    wf_str sql = buf_view(&emission->text);
    struct json_iter it = json_iter_of(objects);
    uint32_t count = 0;
    for (wf_str object; json_next(&it, NULL, &object); count++) {
        if (count < emission->part)
            continue;
        wf_status status = pg_emission_object_name(emission, object, err);
        if (!status)
            status =
                pg_emission_ddl_one(emission, sql, buf_view(&emission->name), budget, err);
        if (status)
            return status;
        emission->part++;
    }
    return count ? WF_OK : pg_emission_ddl_one(emission, sql, STR_EMPTY, budget, err);
}

/* Anybody may write a message with our prefix: what is no statement is told, and let
 * pass. */
static bool pg_emission_ddl_read(struct pg_emission *emission, wf_str content,
                                 wf_str *out_objects)
{
    const struct cdc_emitter *out = emission->config->out;
    wf_str sql, objects;
    buf_clear(&emission->text);
    if (json_check(content, "message", NULL) == WF_OK &&
        json_member(content, "sql", &sql) && json_kind(sql) == JSON_STRING) {
        json_unescape(&emission->text, str_slice(sql, 1, sql.len - 1));
        bool list =
            json_member(content, "objects", &objects) && json_kind(objects) == JSON_ARRAY;
        *out_objects = list ? objects : STR("[]");
        return true;
    }
    if (!pg_emission_was_emitted(emission) && !emission->part)
        out->notice(out->ctx, LOG_WARN,
                    "a logical message with prefix '" PG_PREFIX_DDL
                    "' holds no statement, and is let pass");
    return false;
}

static wf_status pg_emission_ddl(struct pg_emission *emission,
                                 const struct pgoutput_message *message, uint32_t *budget,
                                 wf_error *err)
{
    const struct pg_assembly_config *config = emission->config;
    wf_str objects;
    if (!*budget)
        return CDC_FULL;
    if (!pg_emission_ddl_read(emission, message->content, &objects)) {
        pg_emission_spend(budget);
        return pg_emission_count(emission, false);
    }
    wf_status status = buf_status(&emission->text, "statement", err);
    if (!status)
        status = pg_emission_ddl_all(emission, objects, budget, err);
    if (status)
        return status;
    emission->part = 0;
    pg_relation_doubt(config->relations);
    if (config->schema_changed)
        config->schema_changed(config->ctx);
    return WF_OK;
}

/* ---- logical messages ---------------------------------------------------------------- */

static bool pg_emission_is_ours(wf_str prefix)
{
    return str_is(prefix, PG_PREFIX) || str_starts(prefix, STR(PG_PREFIX "."));
}

static bool pg_emission_wants_message(const struct pg_emission *emission, wf_str prefix)
{
    const struct cdc_emitter *out = emission->config->out;
    return emission->messages.len && !pg_emission_is_ours(prefix) &&
           str_glob(emission->messages, prefix) && out->wanted(out->ctx, NULL, CDC_MESSAGE);
}

static wf_status pg_emission_message(struct pg_emission *emission,
                                     const struct pgoutput_message *message,
                                     uint32_t *budget, wf_error *err)
{
    if (str_is(message->name, PG_PREFIX_DDL))
        return pg_emission_ddl(emission, message, budget, err);
    if (!pg_emission_spend(budget))
        return CDC_FULL;
    if (pg_emission_was_emitted(emission) ||
        !pg_emission_wants_message(emission, message->name))
        return pg_emission_count(emission, false);
    struct cdc_change change = {
        .op = CDC_MESSAGE,
        .position = emission->change.position,
        .txid = emission->change.txid,
        .ts_us = emission->change.ts_us,
        .prefix = message->name,
        .content = message->content,
    };
    return pg_emission_give(emission, &change, err);
}

/* Its LSN is where its record ends, and the record of the next commit may begin. */
static bool pg_emission_alone_is_done(const struct pg_emission *emission, uint64_t lsn)
{
    const struct pg_position *position = &emission->position;
    return lsn <= position->flush || (!emission->commit && lsn <= position->commit);
}

wf_status pg_emission_alone(struct pg_emission *emission,
                            const struct pgoutput_message *message, uint32_t *budget,
                            wf_error *err)
{
    const struct cdc_emitter *out = emission->config->out;
    if (pg_emission_alone_is_done(emission, message->lsn))
        return WF_OK;
    if (!pg_emission_spend(budget))
        return CDC_FULL;
    pg_emission_mark(emission, message->lsn);
    if (pg_emission_wants_message(emission, message->name)) {
        char lsn[PG_LSN_TEXT], id[PG_EMISSION_ID];
        struct buf text;
        buf_fixed(&text, id, sizeof id);
        size_t lsn_len = pg_position_lsn_write(message->lsn, lsn);
        buf_lit(&text, "pg:");
        buf_append(&text, lsn, lsn_len);
        buf_lit(&text, ":0:0");
        struct cdc_change change = {
            .op = CDC_MESSAGE,
            .id = buf_view(&text),
            .position = {lsn, lsn_len},
            .ts_us = CDC_NO_TIME,
            .prefix = message->name,
            .content = message->content,
        };
        wf_status status = out->emit(out->ctx, &change, err);
        if (status)
            return status;
    }
    pg_emission_passed(emission, message->lsn);
    return WF_OK;
}

wf_status pg_emission_take(struct pg_emission *emission,
                           const struct pgoutput_message *message, uint32_t *budget,
                           wf_error *err)
{
    switch (message->kind) {
    case PGOUTPUT_TRUNCATE:
        return pg_emission_truncate(emission, message, budget, err);
    case PGOUTPUT_MESSAGE:
        return pg_emission_message(emission, message, budget, err);
    default:
        return pg_emission_row(emission, message, budget, err);
    }
}
