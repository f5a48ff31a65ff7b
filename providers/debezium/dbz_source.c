/* SPDX-License-Identifier: MIT
 *
 * dbz_source - where a change stands.
 *
 * The id of a change.  Debezium writes a change again when its task fails before the offset
 * was stored, and then the record has another offset; so the id is made of the change's own
 * place where that is unique:
 *
 *     PostgreSQL       dbz:<txId>:<lsn>:<total_order>
 *     MySQL, MariaDB   dbz:<gtid, or file:pos>:<row>:<total_order>
 *     others           dbz:<transaction>:<what they say of log positions>:<total_order>
 *     without a transaction, and rows of snapshots
 *                      dbz:<topic>:<partition>:<offset>
 *
 * An LSN alone is not unique: several rows of one statement may share it (COPY, multi-row
 * INSERT), and so do the two halves of an UPDATE that changed the key.  total_order tells
 * them apart, and only comes with provide.transaction.metadata.  Without it, two rows that
 * share an LSN must not look like one, because a consumer would drop the second: the offset
 * serves then, which is unique although a record that was written twice has two.
 *
 * A restarted task counts total_order on from its stored offset, so a record keeps its
 * number; it may get another one when the list of tables was changed in the middle of a
 * transaction.  Such a repeat has a new id and comes as a change, which is the harmless
 * mistake of the two.
 *
 * A row of a snapshot has no place of its own: each snapshot gives it another id.
 */
#include "providers/debezium/dbz_source.h"

#include "base/str.h"

#define DBZ_SOURCE_US INT64_C(1000000)

static const wf_str dbz_source_member_names[] = {
#define X(place, name) {(name), sizeof(name) - 1},
    DBZ_SOURCE_MAP(X)
#undef X
};
static const struct dbz_names dbz_source_names = {dbz_source_member_names,
                                                  DBZ_SOURCE_COUNT};

_Static_assert(DBZ_SOURCE_COUNT <= DBZ_MEMBERS_MOST, "there is room for all of them");

static enum dbz_far dbz_source_far(wf_str connector)
{
    if (str_eq(connector, STR("postgresql")))
        return DBZ_FAR_POSTGRES;
    if (str_eq(connector, STR("mysql")) || str_eq(connector, STR("mariadb")))
        return DBZ_FAR_MYSQL;
    return str_eq(connector, STR("mongodb")) ? DBZ_FAR_MONGODB : DBZ_FAR_OTHER;
}

static const struct dbz_cell *dbz_source_get(const struct dbz_source *source,
                                             enum dbz_source_member which)
{
    return dbz_members_get(&source->members, which);
}

bool dbz_source_read(struct json_reader *r, struct dbz_guess *guess, struct dbz_source *out)
{
    if (!dbz_members_read(r, &dbz_source_names, guess, &out->members))
        return false;
    out->far = dbz_source_far(dbz_cell_inner(dbz_source_get(out, DBZ_SOURCE_CONNECTOR)));
    return true;
}

void dbz_source_table(const struct dbz_source *source, const struct dbz_cell **out_first,
                      const struct dbz_cell **out_second)
{
    bool collection = source->far == DBZ_FAR_MONGODB;
    const struct dbz_cell *first = dbz_source_get(source, DBZ_SOURCE_SCHEMA);
    if (first->kind != JSON_STRING)
        first = dbz_source_get(source, DBZ_SOURCE_DB);
    *out_first = first;
    *out_second =
        dbz_source_get(source, collection ? DBZ_SOURCE_COLLECTION : DBZ_SOURCE_TABLE);
}

int64_t dbz_source_time(const struct dbz_cell *us, const struct dbz_cell *ns,
                        const struct dbz_cell *ms)
{
    int64_t number;
    if (dbz_cell_i64(us, &number))
        return number;
    if (dbz_cell_i64(ns, &number))
        return number / 1000 - (number % 1000 < 0);
    if (dbz_cell_i64(ms, &number) && number > -INT64_MAX / 1000 &&
        number < INT64_MAX / 1000)
        return number * 1000;
    return CDC_NO_TIME;
}

int64_t dbz_source_ts(const struct dbz_source *source)
{
    return dbz_source_time(dbz_source_get(source, DBZ_SOURCE_TS_US),
                           dbz_source_get(source, DBZ_SOURCE_TS_NS),
                           dbz_source_get(source, DBZ_SOURCE_TS_MS));
}

/* ---- places ---------------------------------------------------------------------------- */

/* X/X, as PostgreSQL writes a pg_lsn. */
static void dbz_source_put_lsn(struct buf *out, uint64_t lsn)
{
    char text[17];
    size_t at = sizeof text;
    for (int half = 0; half < 2; half++) {
        uint32_t part = (uint32_t)(half ? lsn >> 32 : lsn);
        do {
            text[--at] = "0123456789ABCDEF"[part & 15];
            part >>= 4;
        } while (part);
        if (!half)
            text[--at] = '/';
    }
    buf_append(out, text + at, sizeof text - at);
}

/* "<topic><separator><partition><separator><offset>" */
static void dbz_source_put_record(struct buf *out, const struct kafka_record *record,
                                  char separator)
{
    buf_str(out, record->topic);
    buf_byte(out, separator);
    buf_i64(out, record->partition);
    buf_byte(out, separator);
    buf_i64(out, record->offset);
}

/* A part of a place and ':'; false when the connector does not say it. */
static bool dbz_source_put_part(struct buf *out, const struct dbz_cell *part)
{
    size_t len = out->len;
    dbz_cell_put(out, part);
    if (out->len == len)
        return false;
    buf_byte(out, ':');
    return true;
}

static bool dbz_source_put_mysql(struct buf *out, const struct dbz_source *source)
{
    if (!dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_GTID)) &&
        (!dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_FILE)) ||
         !dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_POS))))
        return false;
    return dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_ROW));
}

static const enum dbz_source_member dbz_source_log_positions[] = {
    DBZ_SOURCE_COMMIT_LSN, DBZ_SOURCE_CHANGE_LSN, DBZ_SOURCE_EVENT_SERIAL_NO,
    DBZ_SOURCE_COMMIT_SCN, DBZ_SOURCE_SCN,        DBZ_SOURCE_LCR_POSITION,
    DBZ_SOURCE_RS_ID,      DBZ_SOURCE_SSN,        DBZ_SOURCE_LSN,
    DBZ_SOURCE_ORD,
};

static bool dbz_source_put_other(struct buf *out, const struct dbz_origin *origin)
{
    if (!dbz_source_put_part(out, origin->transaction))
        return false;
    bool said = false;
    for (size_t i = 0; i < CDC_COUNT(dbz_source_log_positions); i++)
        said |= dbz_source_put_part(
            out, dbz_source_get(origin->source, dbz_source_log_positions[i]));
    return said;
}

/* Everything but the order; false: this connector did not say enough. */
static bool dbz_source_put_own(struct buf *out, const struct dbz_origin *origin)
{
    const struct dbz_source *source = origin->source;
    switch (source->far) {
    case DBZ_FAR_POSTGRES:
        return dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_TXID)) &&
               dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_LSN));
    case DBZ_FAR_MYSQL:
        return dbz_source_put_mysql(out, source);
    case DBZ_FAR_MONGODB:
    case DBZ_FAR_OTHER:
        break;
    }
    return dbz_source_put_other(out, origin);
}

static void dbz_source_put_id(struct buf *out, const struct dbz_origin *origin,
                              uint64_t order)
{
    buf_lit(out, "dbz:");
    size_t from = out->len;
    if (order && origin->source && !origin->read && dbz_source_put_own(out, origin)) {
        buf_u64(out, order);
    } else {
        out->len = from;
        dbz_source_put_record(out, origin->record, ':');
    }
}

static void dbz_source_put_position(struct buf *out, const struct dbz_origin *origin)
{
    const struct dbz_source *source = origin->source;
    size_t start = out->len;
    int64_t lsn;
    if (source && source->far == DBZ_FAR_POSTGRES &&
        dbz_cell_i64(dbz_source_get(source, DBZ_SOURCE_LSN), &lsn) && lsn > 0) {
        dbz_source_put_lsn(out, (uint64_t)lsn);
    } else if (source && source->far == DBZ_FAR_MYSQL) {
        dbz_cell_put(out, dbz_source_get(source, DBZ_SOURCE_GTID));
        if (out->len == start &&
            dbz_source_put_part(out, dbz_source_get(source, DBZ_SOURCE_FILE)))
            dbz_cell_put(out, dbz_source_get(source, DBZ_SOURCE_POS));
    } else if (source) {
        for (size_t i = 0; i < CDC_COUNT(dbz_source_log_positions) && out->len == start;
             i++)
            dbz_cell_put(out, dbz_source_get(source, dbz_source_log_positions[i]));
    }
    if (out->len == start)
        dbz_source_put_record(out, origin->record, '/');
}

static void dbz_source_put_txid(struct buf *out, const struct dbz_origin *origin)
{
    size_t start = out->len;
    if (origin->read)
        return; /* it belongs to none */
    if (origin->source) {
        dbz_cell_put(out, dbz_source_get(origin->source, DBZ_SOURCE_TXID));
        if (out->len == start)
            dbz_cell_put(out, dbz_source_get(origin->source, DBZ_SOURCE_GTID));
    }
    if (out->len == start)
        dbz_cell_put(out, origin->transaction);
}

void dbz_source_place(const struct dbz_origin *origin, struct buf *memory,
                      struct cdc_change *out)
{
    int64_t order;
    out->seq = dbz_cell_i64(origin->order, &order) && order > 0 ? (uint64_t)order : 0;
    buf_clear(memory);
    dbz_source_put_id(memory, origin, out->seq);
    size_t id = memory->len;
    dbz_source_put_position(memory, origin);
    size_t position = memory->len;
    dbz_source_put_txid(memory, origin);
    out->id = (wf_str){memory->data, id};
    out->position = (wf_str){memory->data + id, position - id};
    out->txid = (wf_str){memory->data + position, memory->len - position};
}

void dbz_source_place_record(const struct kafka_record *record, struct buf *memory,
                             struct cdc_change *out)
{
    buf_clear(memory);
    buf_lit(memory, "dbz:");
    dbz_source_put_record(memory, record, ':');
    size_t id = memory->len;
    dbz_source_put_record(memory, record, '/');
    out->id = (wf_str){memory->data, id};
    out->position = (wf_str){memory->data + id, memory->len - id};
    out->txid = STR_EMPTY;
    out->seq = 0;
}
