/* SPDX-License-Identifier: MIT
 *
 * dbz_envelope - the parts of a record's JSON, found and checked in one pass, bare or inside
 * {"schema":...,"payload":...}.
 *
 *     change         before, after, source, op, transaction, ts_*; updateDescription
 *     message        the same with message{prefix,content} instead of rows
 *     schema change  source, databaseName, schemaName, ddl, tableChanges
 *     transaction    status, id, event_count, data_collections
 *     notification   id, type, aggregate_type, additional_data, timestamp
 *     heartbeat      ts_ms
 */
#ifndef PROVIDERS_DBZ_ENVELOPE_H
#define PROVIDERS_DBZ_ENVELOPE_H

#include "providers/debezium/dbz_source.h"

#define DBZ_ENVELOPE_MAP(X)                                                                \
    X(BEFORE, "before")                                                                    \
    X(AFTER, "after")                                                                      \
    X(SOURCE, "source")                                                                    \
    X(TRANSACTION, "transaction")                                                          \
    X(OP, "op")                                                                            \
    X(TS_MS, "ts_ms")                                                                      \
    X(TS_US, "ts_us")                                                                      \
    X(TS_NS, "ts_ns")                                                                      \
    X(SCHEMA, "schema")                                                                    \
    X(PAYLOAD, "payload")                                                                  \
    X(MESSAGE, "message")                                                                  \
    X(UPDATE_DESCRIPTION, "updateDescription")                                             \
    X(DATABASE_NAME, "databaseName")                                                       \
    X(SCHEMA_NAME, "schemaName")                                                           \
    X(DDL, "ddl")                                                                          \
    X(TABLE_CHANGES, "tableChanges")                                                       \
    X(POSITION, "position")                                                                \
    X(STATUS, "status")                                                                    \
    X(ID, "id")                                                                            \
    X(EVENT_COUNT, "event_count")                                                          \
    X(DATA_COLLECTIONS, "data_collections")                                                \
    X(TYPE, "type")                                                                        \
    X(AGGREGATE_TYPE, "aggregate_type")                                                    \
    X(ADDITIONAL_DATA, "additional_data")                                                  \
    X(TIMESTAMP, "timestamp")                                                              \
    X(SPECVERSION, "specversion")

enum dbz_envelope_member {
#define X(place, name) DBZ_ENVELOPE_##place,
    DBZ_ENVELOPE_MAP(X)
#undef X
        DBZ_ENVELOPE_COUNT
};

enum { DBZ_TRANSACTION_ID, DBZ_TRANSACTION_ORDER, DBZ_TRANSACTION_COUNT };
enum { DBZ_MESSAGE_PREFIX, DBZ_MESSAGE_CONTENT, DBZ_MESSAGE_COUNT };

/* Texts of schemas that were read before; the one that the next record has is passed. */
#define DBZ_ENVELOPE_KNOWN 4

struct dbz_envelope {
    enum json_token kind;       /* of the whole record */
    struct dbz_members members; /* of the payload, or of the record without one */
    unsigned others;            /* members that are none of these */
    struct dbz_source source;
    struct dbz_members transaction;
    struct dbz_members message;
    struct dbz_cells before;
    struct dbz_cells after;
    wf_str schema; /* its text where it is none of the known; empty: no schema, or known */
    int known;     /* which of the known it was; -1: none */
    struct dbz_guess guesses[5];
};

void dbz_envelope_release(struct dbz_envelope *e);

/* DBZ_CELLS_BAD: json_error() says what is wrong.  All views are into the reader's text. */
enum dbz_cells_result dbz_envelope_read(struct dbz_envelope *e, struct json_reader *r,
                                        const wf_str known[DBZ_ENVELOPE_KNOWN]);

static inline bool dbz_envelope_has(const struct dbz_envelope *e,
                                    enum dbz_envelope_member which)
{
    return dbz_members_has(&e->members, which);
}

static inline const struct dbz_cell *dbz_envelope_get(const struct dbz_envelope *e,
                                                      enum dbz_envelope_member which)
{
    return dbz_members_get(&e->members, which);
}

#endif
