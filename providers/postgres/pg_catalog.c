/* SPDX-License-Identifier: MIT
 *
 * pg_catalog - one query per type, one per key.
 *
 * PostgreSQL documentation, "System Catalogs": pg_type, pg_range, pg_attribute, pg_index.
 * A composite type comes as one row per field, everything else as one row without a field.
 * (A transaction so long ago that it is frozen has an age that says so.)
 */
#include "providers/postgres/pg_catalog.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_conn.h"

enum pg_catalog_type_column {
    PG_CATALOG_KIND,
    PG_CATALOG_IS_ARRAY,
    PG_CATALOG_DELIMITER,
    PG_CATALOG_ELEMENT,
    PG_CATALOG_BASE,
    PG_CATALOG_NAME,
    PG_CATALOG_FIELD_NAME,
    PG_CATALOG_FIELD_TYPE,
    PG_CATALOG_SINCE,
    PG_CATALOG_SHOWN,
    PG_CATALOG_TYPE_COLUMNS,
};

/* Multiranges came with 14; before, the column they are found by is not there. */
#define PG_CATALOG_MULTIRANGE                                                              \
    "WHEN 'm' THEN (SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid) "

#define PG_CATALOG_TYPE(multirange)                                                        \
    "SELECT t.typtype, t.typoutput = 'pg_catalog.array_out'::regproc,"                     \
    " coalesce(e.typdelim, ','),"                                                          \
    " CASE t.typtype"                                                                      \
    " WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = "              \
    "t.oid) " multirange "ELSE t.typelem END,"                                             \
    " t.typbasetype, format_type(t.oid, NULL), a.attname, a.atttypid,"                     \
    " CASE t.typtype WHEN 'c' THEN (SELECT x.xmin FROM pg_attribute x"                     \
    " WHERE x.attrelid = t.typrelid AND age(x.xmin) BETWEEN 0 AND 2147483646"              \
    " ORDER BY age(x.xmin) LIMIT 1) END,"                                                  \
    " pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296"                 \
    " FROM pg_type t"                                                                      \
    " LEFT JOIN pg_type e ON e.oid = t.typelem"                                            \
    " LEFT JOIN pg_attribute a ON t.typtype = 'c' AND a.attrelid = t.typrelid"             \
    " AND a.attnum > 0 AND NOT a.attisdropped"                                             \
    " WHERE t.oid = $1::oid ORDER BY a.attnum"

static const char pg_catalog_type_13[] = PG_CATALOG_TYPE("");
static const char pg_catalog_type_14[] = PG_CATALOG_TYPE(PG_CATALOG_MULTIRANGE);

static const char pg_catalog_key[] =
    "SELECT a.attname FROM pg_index i"
    " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)"
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
    " WHERE i.indrelid = $1::oid AND i.indisprimary AND k.place <= i.indnkeyatts"
    " ORDER BY k.place";

/* The fields of a composite, while they are handed on. */
struct pg_catalog_fields {
    wf_str *names;
    uint32_t *types;
};

static void pg_catalog_free_fields(struct pg_catalog_fields *fields)
{
    free(fields->names);
    free(fields->types);
}

static bool pg_catalog_oid(const PGresult *rows, int row, int column, uint32_t *out)
{
    uint64_t oid;
    if (!str_to_u64(pg_conn_cell(rows, row, column), &oid) || oid > UINT32_MAX)
        return false;
    *out = (uint32_t)oid;
    return true;
}

static char pg_catalog_char(const PGresult *rows, int row, int column)
{
    wf_str cell = pg_conn_cell(rows, row, column);
    return cell.len == 1 ? cell.ptr[0] : '\0';
}

/* A composite without fields comes as one row without one as well. */
static wf_status pg_catalog_read_fields(const PGresult *rows,
                                        struct pg_catalog_fields *fields, size_t *out_count,
                                        wf_error *err)
{
    int count = PQntuples(rows);
    if (PQgetisnull(rows, 0, PG_CATALOG_FIELD_NAME))
        return WF_OK;
    fields->names = calloc((size_t)count, sizeof(*fields->names));
    fields->types = calloc((size_t)count, sizeof(*fields->types));
    if (!fields->names || !fields->types)
        return error_no_memory(err);
    for (int i = 0; i < count; i++) {
        fields->names[i] = pg_conn_cell(rows, i, PG_CATALOG_FIELD_NAME);
        if (!pg_catalog_oid(rows, i, PG_CATALOG_FIELD_TYPE, &fields->types[i]))
            return error_set(
                err, WF_PROTOCOL,
                "cannot read a type's fields: the server gave no type for one");
    }
    *out_count = (size_t)count;
    return WF_OK;
}

static wf_status pg_catalog_use_type(const PGresult *rows,
                                     wf_status (*use)(void *user,
                                                      const struct pg_type_facts *facts,
                                                      wf_error *err),
                                     void *user, wf_error *err)
{
    struct pg_type_facts facts = {
        .kind = pg_catalog_char(rows, 0, PG_CATALOG_KIND),
        .is_array = str_is(pg_conn_cell(rows, 0, PG_CATALOG_IS_ARRAY), "t"),
        .delimiter = pg_catalog_char(rows, 0, PG_CATALOG_DELIMITER),
        .name = pg_conn_cell(rows, 0, PG_CATALOG_NAME),
    };
    /* Null: not altered for long. */
    (void)pg_catalog_oid(rows, 0, PG_CATALOG_SINCE, &facts.since);
    (void)pg_catalog_oid(rows, 0, PG_CATALOG_SHOWN, &facts.shown);
    /* Null is the subtype of a range that is just being dropped; as 0 it reads as none. */
    if (!PQgetisnull(rows, 0, PG_CATALOG_ELEMENT) &&
        !pg_catalog_oid(rows, 0, PG_CATALOG_ELEMENT, &facts.element))
        return error_set(err, WF_PROTOCOL, "cannot read type '%.*s': no element",
                         STR_ARG(facts.name));
    if (!pg_catalog_oid(rows, 0, PG_CATALOG_BASE, &facts.base) || !facts.kind)
        return error_set(err, WF_PROTOCOL, "cannot read type '%.*s': no kind or base",
                         STR_ARG(facts.name));
    CDC_CLEANUP(pg_catalog_free_fields) struct pg_catalog_fields fields = {NULL, NULL};
    wf_status status = pg_catalog_read_fields(rows, &fields, &facts.count, err);
    if (status)
        return status;
    facts.field_names = fields.names;
    facts.field_types = fields.types;
    return use(user, &facts, err);
}

static wf_status pg_catalog_ask(void *ctx, uint32_t oid,
                                wf_status (*use)(void *user,
                                                 const struct pg_type_facts *facts,
                                                 wf_error *err),
                                void *user, wf_error *err)
{
    struct pg_conn *conn = ctx;
    char number[16];
    snprintf(number, sizeof(number), "%u", (unsigned)oid);
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    wf_status status =
        pg_conn_query(conn, "ask for a type",
                      conn->version >= 140000 ? pg_catalog_type_14 : pg_catalog_type_13,
                      (const char *const[]){number}, 1, &rows, err);
    if (status || !PQntuples(rows))
        return status;
    if (PQnfields(rows) != PG_CATALOG_TYPE_COLUMNS)
        return error_set(err, WF_PROTOCOL, "cannot ask for a type: odd number of columns");
    return pg_catalog_use_type(rows, use, user, err);
}

static wf_status pg_catalog_primary_key(void *ctx, uint32_t relation,
                                        void (*use)(void *user, wf_str column), void *user,
                                        wf_error *err)
{
    char number[16];
    snprintf(number, sizeof(number), "%u", (unsigned)relation);
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    wf_status status = pg_conn_query(ctx, "ask for a primary key", pg_catalog_key,
                                     (const char *const[]){number}, 1, &rows, err);
    for (int i = 0; !status && i < PQntuples(rows); i++)
        use(user, pg_conn_cell(rows, i, 0));
    return status;
}

void pg_catalog_of(struct pg_conn *conn, struct pg_catalog *out)
{
    *out = (struct pg_catalog){
        .types = {.ctx = conn, .ask = pg_catalog_ask},
        .primary_key = pg_catalog_primary_key,
        .ctx = conn,
    };
}
