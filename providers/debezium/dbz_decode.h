/* SPDX-License-Identifier: MIT
 *
 * dbz_decode - from a record of Debezium's to a change.  (Debezium 3.5 documentation, "Data
 * change events" of each connector; Kafka's JsonConverter with and without schemas, told
 * apart record by record.)
 *
 *     dbz_envelope   the parts of a record's JSON, found in one pass
 *     dbz_source     its "source" block: position, transaction, time
 *     dbz_schema     an embedded schema, read once for as long as its text stays the same
 *     dbz_row        a row's JSON to values
 *     dbz_value, dbz_time, dbz_decimal      one value by its semantic type
 *
 * Numbers are views of their digits all the way.  No allocation per record once the tables
 * are known.
 */
#ifndef PROVIDERS_DBZ_DECODE_H
#define PROVIDERS_DBZ_DECODE_H

#include "plugin/core/change.h"
#include "providers/debezium/kafka_group.h"

struct dbz_decoder;

enum dbz_kind {
    DBZ_NOTHING,      /* a tombstone, transaction metadata, a heartbeat */
    DBZ_CHANGE,       /* `change`: also one that is poison */
    DBZ_SCHEMA,       /* `ddl` and the tables it is about; `change` is its event: CDC_DDL */
    DBZ_NOTIFICATION, /* `notification` */
};

struct dbz_notification {
    wf_str aggregate; /* "Incremental Snapshot" ... */
    wf_str type;      /* "STARTED" ... */
    wf_str table;     /* the one that is read now, or was done; empty: not said */
    int64_t rows;     /* scanned; -1: not said */
    wf_str status;    /* of a table that was done: "SUCCEEDED", "NO_PRIMARY_KEY" ... */
    wf_str id;
};

struct dbz_decoded {
    enum dbz_kind kind;
    struct cdc_change change;
    bool first_snapshot_row; /* source.snapshot says where a snapshot stands */
    bool last_snapshot_row;
    int64_t source_ts_us; /* when it was committed at the database; CDC_NO_TIME */
    wf_str ddl, ddl_position;
    wf_str ddl_tables[16]; /* "schema.table", the first of them */
    size_t ddl_table_count;
    /* DBZ_SCHEMA: nobody ran `ddl`, a snapshot says by it what its tables are like.  It is
     * for the schema history only; `change` is not to be given on. */
    bool ddl_describes;
    /* A table whose columns are others than in the record before (DBZ_CHANGE), as SQL that
     * would make it; empty: no news.  Only where records have schemas, or the names of
     * columns changed.  Without schemas the columns have no types. */
    wf_str new_schema;
    struct dbz_notification notification;
};

struct dbz_decoder_plan {
    wf_str topic_prefix;
    wf_str notify_topic;
    bool schema_topic; /* the topic named as the prefix carries schema changes */
    /* Whether anybody wants it; rows of others are not decoded (kind DBZ_NOTHING).  NULL:
     * everything. */
    bool (*wanted)(void *ctx, struct cdc_table *table, enum cdc_op op);
    void *ctx;
};

wf_status dbz_decoder_new(const struct dbz_decoder_plan *plan, struct dbz_decoder **out,
                          wf_error *err);
void dbz_decoder_free(struct dbz_decoder *decoder);

/* Views in *out are into the record and the decoder, until the next call.  A record that
 * cannot be understood is WF_OK: DBZ_CHANGE with change.poison (why) and change.content
 * (its bytes), with the table if the topic's name says one.  Only WF_NO_MEMORY fails. */
wf_status dbz_decode(struct dbz_decoder *decoder, const struct kafka_record *record,
                     struct dbz_decoded *out, wf_error *err);

#endif
