/* SPDX-License-Identifier: MIT
 *
 * dbz_source - the "source" block of a record, and what names a change in it: position,
 * transaction, time.
 */
#ifndef PROVIDERS_DBZ_SOURCE_H
#define PROVIDERS_DBZ_SOURCE_H

#include "plugin/core/change.h"
#include "providers/debezium/dbz_cell.h"
#include "providers/debezium/kafka_group.h"

/* X(place, name): the members that connectors write, in PostgreSQL's order and then the
 * others'. */
#define DBZ_SOURCE_MAP(X)                                                                  \
    X(VERSION, "version")                                                                  \
    X(CONNECTOR, "connector")                                                              \
    X(NAME, "name")                                                                        \
    X(TS_MS, "ts_ms")                                                                      \
    X(SNAPSHOT, "snapshot")                                                                \
    X(DB, "db")                                                                            \
    X(SEQUENCE, "sequence")                                                                \
    X(TS_US, "ts_us")                                                                      \
    X(TS_NS, "ts_ns")                                                                      \
    X(SCHEMA, "schema")                                                                    \
    X(TABLE, "table")                                                                      \
    X(TXID, "txId")                                                                        \
    X(LSN, "lsn")                                                                          \
    X(XMIN, "xmin")                                                                        \
    X(ORIGIN, "origin")                                                                    \
    X(ORIGIN_LSN, "origin_lsn")                                                            \
    X(SERVER_ID, "server_id")                                                              \
    X(GTID, "gtid")                                                                        \
    X(FILE, "file")                                                                        \
    X(POS, "pos")                                                                          \
    X(ROW, "row")                                                                          \
    X(THREAD, "thread")                                                                    \
    X(QUERY, "query")                                                                      \
    X(COLLECTION, "collection")                                                            \
    X(COMMIT_LSN, "commit_lsn")                                                            \
    X(CHANGE_LSN, "change_lsn")                                                            \
    X(EVENT_SERIAL_NO, "event_serial_no")                                                  \
    X(COMMIT_SCN, "commit_scn")                                                            \
    X(SCN, "scn")                                                                          \
    X(LCR_POSITION, "lcr_position")                                                        \
    X(RS_ID, "rs_id")                                                                      \
    X(SSN, "ssn")                                                                          \
    X(ORD, "ord")

enum dbz_source_member {
#define X(place, name) DBZ_SOURCE_##place,
    DBZ_SOURCE_MAP(X)
#undef X
        DBZ_SOURCE_COUNT
};

enum dbz_far { DBZ_FAR_OTHER, DBZ_FAR_POSTGRES, DBZ_FAR_MYSQL, DBZ_FAR_MONGODB };

struct dbz_source {
    enum dbz_far far; /* MariaDB is DBZ_FAR_MYSQL */
    struct dbz_members members;
};

/* After JSON_OBJECT. */
bool dbz_source_read(struct json_reader *r, struct dbz_guess *guess,
                     struct dbz_source *out);

/* "schema" and "table" as this connector has them (MySQL: the database; MongoDB: database
 * and collection).  A first that is no string: the table has a bare name. */
void dbz_source_table(const struct dbz_source *source, const struct dbz_cell **out_first,
                      const struct dbz_cell **out_second);

/* One of a block's ts_us, ts_ns and ts_ms, in microseconds; CDC_NO_TIME. */
int64_t dbz_source_time(const struct dbz_cell *us, const struct dbz_cell *ns,
                        const struct dbz_cell *ms);
int64_t dbz_source_ts(const struct dbz_source *source);

/* Where a record came from. */
struct dbz_origin {
    const struct kafka_record *record;
    const struct dbz_source *source;    /* NULL: there is none */
    const struct dbz_cell *transaction; /* its id; a JSON null: there is none */
    const struct dbz_cell *order;       /* its total_order */
    bool read;                          /* a row of a snapshot */
};

/* Fills in id, position, txid and seq; the texts go to `memory`, from its beginning. */
void dbz_source_place(const struct dbz_origin *origin, struct buf *memory,
                      struct cdc_change *out);
/* The same from topic, partition and offset only. */
void dbz_source_place_record(const struct kafka_record *record, struct buf *memory,
                             struct cdc_change *out);

#endif
