/* SPDX-License-Identifier: MIT
 *
 * dbz_schema - the schema that a record brings along ("schema" of Kafka's JsonConverter),
 * read once for as long as its text stays the same.
 *
 *     {"type":"struct","fields":[SCHEMA with "field":name ...],"optional":..,"name":..}
 *     {"type":"array","items":SCHEMA}   {"type":"map","keys":SCHEMA,"values":SCHEMA}
 *     {"type":"int32","optional":..,"name":"io.debezium.time.Date","parameters":{..},
 *      "default":..}
 */
#ifndef PROVIDERS_DBZ_SCHEMA_H
#define PROVIDERS_DBZ_SCHEMA_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

enum dbz_type_kind {
    DBZ_TYPE_VERBATIM, /* its JSON is the event's */
    DBZ_TYPE_FLOAT,
    DBZ_TYPE_DOUBLE,
    DBZ_TYPE_DECIMAL,          /* bytes, and a scale in the schema */
    DBZ_TYPE_DECIMAL_VARIABLE, /* {"scale":..,"value":bytes} */
    DBZ_TYPE_DECIMAL_TEXT,     /* a string: the names of what is no number differ */
    DBZ_TYPE_DECIMAL_DOUBLE,   /* a number, which becomes a string */
    DBZ_TYPE_WHOLE,            /* a Decimal that stands for an unsigned BIGINT */
    DBZ_TYPE_UNSIGNED,         /* the same as an int64 that went below zero */
    DBZ_TYPE_BIT,              /* a boolean that is a column of one bit */
    DBZ_TYPE_DATE,
    DBZ_TYPE_TIME_MS,
    DBZ_TYPE_TIME_US,
    DBZ_TYPE_TIME_NS,
    DBZ_TYPE_TIMESTAMP_MS,
    DBZ_TYPE_TIMESTAMP_US,
    DBZ_TYPE_TIMESTAMP_NS,
    DBZ_TYPE_DURATION_US,
    DBZ_TYPE_DURATION_NS,
    DBZ_TYPE_ZONED_TIME,
    DBZ_TYPE_ZONED_TIMESTAMP,
    DBZ_TYPE_ISO_DATE,
    DBZ_TYPE_ISO_TIME,
    DBZ_TYPE_ISO_TIMESTAMP,
    DBZ_TYPE_INTERVAL,
    DBZ_TYPE_JSON,
    DBZ_TYPE_BITS,
    DBZ_TYPE_ARRAY,
    DBZ_TYPE_MAP,
    DBZ_TYPE_STRUCT,
};

struct dbz_type {
    enum dbz_type_kind kind;
    bool optional;
    int32_t scale;       /* DECIMAL */
    uint32_t bits;       /* BITS: how many; 0: not said */
    wf_str primitive;    /* "int32" ... */
    wf_str default_json; /* empty: none */
    /* Of the column in the database, where the connector says them
     * (column.propagate.source.type). */
    wf_str source_type, source_length, source_scale;
    wf_str precision;               /* DECIMAL */
    const struct dbz_type *element; /* of an array, and the values of a map */
    const struct dbz_field *fields; /* STRUCT, and any other struct */
    size_t count;
};

struct dbz_field {
    wf_str name; /* still escaped */
    struct dbz_type type;
};

struct dbz_schema {
    wf_str text;          /* a copy; empty: there is none */
    struct dbz_type type; /* of the payload; views into `text` */
    void *memory;         /* private */
};

/* `text` is checked JSON.  A type that is not known is VERBATIM, so only memory can
 * fail. */
wf_status dbz_schema_parse(wf_str text, struct dbz_schema *out, wf_error *err);
void dbz_schema_release(struct dbz_schema *schema);

/* The struct of a row: that of the member "after", else "before", else the payload itself
 * (a key).  NULL: there is none. */
const struct dbz_type *dbz_schema_row(const struct dbz_schema *schema);

/* Field `at` if it has that name, else any that has, else NULL. */
const struct dbz_field *dbz_schema_field(const struct dbz_type *type, size_t at,
                                         wf_str name);

#endif
