/* SPDX-License-Identifier: MIT
 *
 * pg_type - what is known about a type, by its oid.
 *
 * The common built-in types are known from the start (pg_type_known); everything else
 * (enums, domains, composites, ranges, extensions' types, arrays of them) is asked from the
 * server's catalog when first met and kept until forgotten.  The catalog is the present one
 * while the stream may be in the past: pg_row never trusts it further than the text it
 * parses (a composite with another number of fields stays text).
 */
#ifndef PROVIDERS_PG_TYPE_H
#define PROVIDERS_PG_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "sdk/wf_plugin.h"

#define PG_TYPE_LEVELS 16 /* of types in types; deeper is PG_TYPE_TEXT */

enum pg_type_kind {
    PG_TYPE_TEXT,  /* its text form is a string: text, numeric, uuid, dates, geometry ... */
    PG_TYPE_INT,   /* int2 int4 int8 oid xid cid xid8: exact number */
    PG_TYPE_FLOAT, /* float4 float8: a number, NaN and the infinities a string */
    PG_TYPE_BOOL,
    PG_TYPE_BYTES, /* bytea in hex form */
    PG_TYPE_JSON,  /* json jsonb: verbatim */
    PG_TYPE_ARRAY,
    PG_TYPE_COMPOSITE,
    PG_TYPE_RANGE,
    PG_TYPE_MULTIRANGE,
    PG_TYPE_VECTOR, /* int2vector oidvector: numbers between spaces */
};

struct pg_type_field {
    wf_str name;
    wf_str label; /* "name": escaped, with quotes and colon */
    const struct pg_type *type;
};

struct pg_type {
    uint32_t oid;
    enum pg_type_kind kind;
    uint8_t levels;                /* of types in it: 0 for a scalar, 1 for its array */
    char delimiter;                /* ARRAY: ',' or, for box[], ';' */
    const struct pg_type *element; /* ARRAY, RANGE, MULTIRANGE (the range) */
    const struct pg_type_field *fields; /* COMPOSITE */
    size_t count;
    bool composed;  /* it is a composite, or made of some */
    uint32_t since; /* the newest transaction that altered one of them; 0: long ago */
    wf_str name;    /* as format_type(oid, NULL) gives it; empty when nobody knows it */
};

/* One row of the catalog, as the server was asked for it:
 *
 *     SELECT t.typtype, t.typoutput = 'pg_catalog.array_out'::regproc, e.typdelim,
 *            CASE t.typtype WHEN 'r' THEN (SELECT rngsubtype FROM pg_range
 *                                           WHERE rngtypid = t.oid)
 *                           WHEN 'm' THEN (SELECT rngtypid FROM pg_range
 *                                           WHERE rngmultitypid = t.oid)   from 14 on
 *                           ELSE t.typelem END,
 *            t.typbasetype, format_type(t.oid, NULL), t.typrelid
 *       FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.oid = $1
 *
 * and for a composite, typtype 'c':
 *
 *     SELECT attname, atttypid FROM pg_attribute
 *      WHERE attrelid = $typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
 */
struct pg_type_facts {
    char kind;        /* typtype: b c d e m p r */
    bool is_array;    /* its output function is array_out */
    char delimiter;   /* of the element */
    uint32_t element; /* of an array, range (subtype) or multirange (its range) */
    uint32_t base;    /* of a domain */
    wf_str name;
    const wf_str *field_names; /* composite */
    const uint32_t *field_types;
    size_t count;
    uint32_t since; /* composite: the newest transaction that altered it; 0: long ago */
    uint32_t shown; /* what transactions before this one altered is in this answer */
};

struct pg_types;

/* Asks the server for one type.  `use` is called once if the type exists, and does not ask
 * for another.  Called on the thread that owns the pg_types. */
struct pg_type_source {
    void *ctx;
    wf_status (*ask)(void *ctx, uint32_t oid,
                     wf_status (*use)(void *user, const struct pg_type_facts *facts,
                                      wf_error *err),
                     void *user, wf_error *err);
};

/* Borrows `source` until it is freed.  gives, end it with pg_type_list_free(). */
wf_status pg_type_list_new(const struct pg_type_source *source, struct pg_types **out,
                           wf_error *err);
void pg_type_list_free(struct pg_types *types);

/* Never NULL on WF_OK: a type that no longer exists, that recurses, or that is nested too
 * deeply is PG_TYPE_TEXT.  Lives until pg_type_list_free(): what was given out before a
 * forget stays valid. */
wf_status pg_type_get(struct pg_types *types, uint32_t oid, const struct pg_type **out,
                      wf_error *err);

/* Types were changed at the server: asks anew when next needed.  A type that turns out to
 * be as it was keeps its struct, so that forgetting often does not grow. */
void pg_type_forget(struct pg_types *types);

/* What transactions before this one altered is in all that was given since the last
 * forget; 0: nothing was asked. */
uint32_t pg_type_shown(const struct pg_types *types);

#endif
