/* SPDX-License-Identifier: MIT
 *
 * change - one row, one operation, any database, as a provider hands it to core.
 *
 * Everything in a cdc_change is a borrowed view, good until emit() returns.  core/render.c
 * turns it into the event a workflow sees (docs/events.md).
 */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

struct cdc_table; /* core/table.h */

/* The operations, in the words of the event; bit 1 << op in masks. */
#define CDC_OP_MAP(X)                                                                      \
    X(INSERT)                                                                              \
    X(UPDATE)                                                                              \
    X(DELETE)                                                                              \
    X(TRUNCATE)                                                                            \
    X(READ)                                                                                \
    X(DDL)                                                                                 \
    X(MESSAGE)
enum cdc_op {
#define X(name) CDC_##name,
    CDC_OP_MAP(X)
#undef X
        CDC_OP_COUNT,
    CDC_OP_NONE = CDC_OP_COUNT, /* an injected event that says nothing about it */
};

enum cdc_value_kind {
    CDC_VALUE_ABSENT, /* the source does not give this column here: it is left out */
    CDC_VALUE_NULL,
    CDC_VALUE_UNCHANGED, /* not sent because it did not change: named in "unchanged" */
    CDC_VALUE_INT,       /* integer */
    CDC_VALUE_UINT,      /* uinteger */
    CDC_VALUE_BOOL,      /* integer != 0 */
    CDC_VALUE_JSON,  /* text: one JSON value, checked by the provider, written verbatim */
    CDC_VALUE_TEXT,  /* text: becomes a string; {"base64":...} when it is not UTF-8 */
    CDC_VALUE_BYTES, /* text: becomes a base64 string */
};

struct cdc_value {
    enum cdc_value_kind kind;
    union {
        int64_t integer;
        uint64_t uinteger;
        wf_str text;
    };
};

#define CDC_NO_TIME INT64_MIN
#define LIMIT_LANES 65535

struct cdc_change {
    enum cdc_op op;
    struct cdc_table *table; /* NULL: the change belongs to no table (MESSAGE, some DDL) */

    wf_str id; /* stable: the same change has the same id after a reconnect or a crash */
    wf_str position; /* for people and logs: an LSN, a GTID; empty: null */
    wf_str txid;     /* empty: null */
    uint64_t seq;    /* ordinal within the transaction, from 1; 0: null */
    int64_t ts_us;   /* commit time, microseconds since 1970 UTC; CDC_NO_TIME: null */

    /* Which of the stream's lanes it came on, where lanes can be taken away (partitions of
     * a consumer group): from 1 to LIMIT_LANES.  0: none. */
    uint32_t lane;

    /* Rows, table->count values each; NULL reads as null. */
    const struct cdc_value *before;
    const struct cdc_value *after;

    /* What tells this row from every other row of the table where it has no key (a rowid).
     * Empty: the rendered key serves.  Never seen by the user.  `old_identity`: before an
     * UPDATE that moved the row. */
    wf_str identity;
    wf_str old_identity;

    wf_str ddl;     /* DDL: the statement */
    wf_str prefix;  /* MESSAGE: its prefix */
    wf_str content; /* MESSAGE: its content, any bytes */

    /* A finished event (memory): checked JSON object, passed on as it is.  op, raw_table
     * and raw_key (its "key" value, may be empty) are for filters only. */
    wf_str raw;
    wf_str raw_table;
    wf_str raw_key;

    /* Not empty: this change could not be understood; it goes to the dead letters of those
     * who want its table and op, or might (no table, CDC_OP_NONE), with this reason and
     * `content` as the bytes that came. */
    wf_str poison;
};

/* "INSERT" ...; "" for CDC_OP_NONE. */
wf_str change_op_text(enum cdc_op op);

/* Any case of the names above, and c u d r t (Debezium's); CDC_OP_NONE for others. */
enum cdc_op change_op_parse(wf_str text);

#endif
