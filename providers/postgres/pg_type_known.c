/* SPDX-License-Identifier: MIT
 *
 * pg_type_known - every built-in scalar that is no plain text, the usual ones that are, and
 * their arrays.  Other built-in types (ranges, reg*, tsquery ...) are rare enough to ask
 * for.
 */
#include "providers/postgres/pg_type_known.h"

#include "base/compiler.h"
#include "base/str.h"

/* X(oid, oid of its array, kind, levels, name) */
#define PG_TYPE_KNOWN_MAP(X)                                                               \
    X(16, 1000, BOOL, 0, "boolean")                                                        \
    X(17, 1001, BYTES, 0, "bytea")                                                         \
    X(18, 1002, TEXT, 0, "\"char\"")                                                       \
    X(19, 1003, TEXT, 0, "name")                                                           \
    X(20, 1016, INT, 0, "bigint")                                                          \
    X(21, 1005, INT, 0, "smallint")                                                        \
    X(22, 1006, VECTOR, 1, "int2vector")                                                   \
    X(23, 1007, INT, 0, "integer")                                                         \
    X(25, 1009, TEXT, 0, "text")                                                           \
    X(26, 1028, INT, 0, "oid")                                                             \
    X(28, 1011, INT, 0, "xid")                                                             \
    X(29, 1012, INT, 0, "cid")                                                             \
    X(30, 1013, VECTOR, 1, "oidvector")                                                    \
    X(114, 199, JSON, 0, "json")                                                           \
    X(142, 143, TEXT, 0, "xml")                                                            \
    X(600, 1017, TEXT, 0, "point")                                                         \
    X(700, 1021, FLOAT, 0, "real")                                                         \
    X(701, 1022, FLOAT, 0, "double precision")                                             \
    X(790, 791, TEXT, 0, "money")                                                          \
    X(869, 1041, TEXT, 0, "inet")                                                          \
    X(1042, 1014, TEXT, 0, "character")                                                    \
    X(1043, 1015, TEXT, 0, "character varying")                                            \
    X(1082, 1182, TEXT, 0, "date")                                                         \
    X(1083, 1183, TEXT, 0, "time without time zone")                                       \
    X(1114, 1115, TEXT, 0, "timestamp without time zone")                                  \
    X(1184, 1185, TEXT, 0, "timestamp with time zone")                                     \
    X(1186, 1187, TEXT, 0, "interval")                                                     \
    X(1266, 1270, TEXT, 0, "time with time zone")                                          \
    X(1560, 1561, TEXT, 0, "bit")                                                          \
    X(1562, 1563, TEXT, 0, "bit varying")                                                  \
    X(1700, 1231, TEXT, 0, "numeric")                                                      \
    X(2950, 2951, TEXT, 0, "uuid")                                                         \
    X(3614, 3643, TEXT, 0, "tsvector")                                                     \
    X(3802, 3807, JSON, 0, "jsonb")                                                        \
    X(5069, 271, INT, 0, "xid8")

enum {
#define X(own, array, what, nested, text) PG_TYPE_KNOWN_AT_##own,
    PG_TYPE_KNOWN_MAP(X)
#undef X
};

static const struct pg_type pg_type_known_own[] = {
#define X(own, array, what, nested, text)                                                  \
    {.oid = (own),                                                                         \
     .kind = PG_TYPE_##what,                                                               \
     .levels = (nested),                                                                   \
     .name = {(text), sizeof(text) - 1}},
    PG_TYPE_KNOWN_MAP(X)
#undef X
};

static const struct pg_type pg_type_known_arrays[] = {
#define X(own, array, what, nested, text)                                                  \
    {.oid = (array),                                                                       \
     .kind = PG_TYPE_ARRAY,                                                                \
     .levels = (nested) + 1,                                                               \
     .delimiter = ',',                                                                     \
     .element = &pg_type_known_own[PG_TYPE_KNOWN_AT_##own],                                \
     .name = {text "[]", sizeof(text "[]") - 1}},
    PG_TYPE_KNOWN_MAP(X)
#undef X
};

const struct pg_type pg_type_known_text = {.kind = PG_TYPE_TEXT};

const struct pg_type *pg_type_known_find(uint32_t oid)
{
    for (size_t i = 0; i < CDC_COUNT(pg_type_known_own); i++) {
        if (pg_type_known_own[i].oid == oid)
            return &pg_type_known_own[i];
        if (pg_type_known_arrays[i].oid == oid)
            return &pg_type_known_arrays[i];
    }
    return NULL;
}
