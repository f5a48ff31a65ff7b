/* SPDX-License-Identifier: MIT
 *
 * pg_shape - two queries for a table: which it is, and what it is made of.
 *
 * PostgreSQL documentation, "System Catalogs" and "System Views": pg_publication_tables
 * (attnames and rowfilter from 15 on), pg_class, pg_attribute, pg_index.
 */
#include "providers/postgres/pg_shape.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- SQL ----------------------------------------------------------------------------- */

/* Rows of these catalogs change when a table's columns, keys, identity or publication do;
 * statistics change them in place and leave xmin alone. */
#define PG_SHAPE_FACTS(oid)                                                                \
    "concat_ws(';', (SELECT concat_ws(' ', f.relnamespace, f.relname, f.relkind,"          \
    " f.relreplident) FROM pg_class f WHERE f.oid = " oid "),"                             \
    " (SELECT string_agg(concat_ws(' ', f.attnum, f.atttypid, f.attnotnull,"               \
    " f.attgenerated, f.attname), ',' ORDER BY f.attnum) FROM pg_attribute f"              \
    " WHERE f.attrelid = " oid " AND f.attnum > 0 AND NOT f.attisdropped),"                \
    " (SELECT string_agg(concat_ws(' ', f.indexrelid, f.xmin, f.indisprimary,"             \
    " f.indisreplident, f.indisvalid, f.indimmediate), ',' ORDER BY f.indexrelid)"         \
    " FROM pg_index f WHERE f.indrelid = " oid "),"                                        \
    " (SELECT string_agg(concat_ws(' ', f.oid, f.xmin), ',' ORDER BY f.oid)"               \
    " FROM pg_publication_rel f WHERE f.prrelid = " oid "))"

enum pg_shape_found {
    PG_SHAPE_OID,
    PG_SHAPE_QUOTED,
    PG_SHAPE_KIND,
    PG_SHAPE_IDENTITY,
    PG_SHAPE_ROWS,
    PG_SHAPE_BYTES,
    PG_SHAPE_COLUMNS, /* the published ones; NULL: all but generated ones */
    PG_SHAPE_FILTER,
    PG_SHAPE_FACTS_NOW,
};

/* $1 schema.table  $2 a publication  $3 its second part, if that has comment $4.  Of several
 * publications a row must satisfy one.  (Before 14 the server does not know that pg_class.oid
 * is a key.) */
#define PG_SHAPE_TABLE(columns, filter)                                                    \
    "SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind,"    \
    " c.relreplident, CASE WHEN c.relpages > 0 THEN c.reltuples::int8 ELSE -1 END,"        \
    " pg_table_size(c.oid), " columns ", " filter ", " PG_SHAPE_FACTS(                     \
        "c.oid") " FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = "       \
                 "p.schemaname"                                                            \
                 " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"  \
                 " WHERE (p.pubname = $2 OR p.pubname = (SELECT x.pubname FROM "           \
                 "pg_publication x"                                                        \
                 " WHERE x.pubname = $3 AND obj_description(x.oid, 'pg_publication') = "   \
                 "$4))"                                                                    \
                 " AND p.schemaname || '.' || p.tablename = $1"                            \
                 " GROUP BY c.oid, c.relname, c.relkind, c.relreplident, c.relpages,"      \
                 " c.reltuples, n.nspname ORDER BY c.oid LIMIT 1"

static const char pg_shape_table_13[] = PG_SHAPE_TABLE("NULL", "NULL");
static const char pg_shape_table_15[] =
    PG_SHAPE_TABLE("min(p.attnames::text)",
                   "CASE WHEN bool_and(p.rowfilter IS NOT NULL)"
                   " THEN string_agg(DISTINCT '(' || p.rowfilter || ')', ' OR ') END");

enum pg_shape_field {
    PG_SHAPE_NAME,
    PG_SHAPE_NAME_QUOTED,
    PG_SHAPE_TYPE,
    PG_SHAPE_TYPE_NAME,
    PG_SHAPE_PUBLISHED,
    PG_SHAPE_MARKED,  /* part of the replica identity, DEFAULT or an index */
    PG_SHAPE_PRIMARY, /* place in the primary key */
    PG_SHAPE_ORDER,   /* place in the index that is read along */
};

/* The key columns of an index; a slice is counted from 1 on. */
#define PG_SHAPE_KEY(x) "(" x ".indkey::int2[])[0:" x ".indnkeyatts - 1]"

/* $1 the table's oid  $2 the published columns.  An index can be read along when it has all
 * rows, each once, and the order that ORDER BY gives.  Generated columns are published from
 * 18 on; before, some versions list them all the same. */
static const char pg_shape_columns[] = "WITH ident AS (SELECT " PG_SHAPE_KEY(
    "x") " AS key FROM pg_index x"
         " JOIN pg_class c ON c.oid = x.indrelid WHERE x.indrelid = $1::oid AND "
         "x.indisvalid"
         " AND x.indimmediate AND CASE c.relreplident WHEN 'd' THEN x.indisprimary"
         " WHEN 'i' THEN x.indisreplident ELSE false END),"
         " prim AS (SELECT " PG_SHAPE_KEY(
             "x") " AS key FROM pg_index x"
                  " WHERE x.indrelid = $1::oid AND x.indisprimary),"
                  " along AS (SELECT " PG_SHAPE_KEY(
                      "x") " AS key FROM pg_index x"
                           " WHERE x.indrelid = $1::oid AND x.indisunique AND x.indisvalid"
                           " AND x.indpred IS NULL AND x.indexprs IS NULL AND NOT EXISTS ("
                           " SELECT FROM generate_series(0, x.indnkeyatts - 1) i"
                           " LEFT JOIN pg_attribute k ON k.attrelid = x.indrelid AND "
                           "k.attnum = x.indkey[i]"
                           " JOIN pg_opclass o ON o.oid = x.indclass[i]"
                           " WHERE k.attnotnull IS NOT TRUE OR x.indoption[i] <> 0 OR NOT "
                           "o.opcdefault"
                           " OR x.indcollation[i] <> k.attcollation)"
                           " ORDER BY x.indisprimary DESC, x.indisreplident DESC, "
                           "x.indnkeyatts, x.indexrelid"
                           " LIMIT 1)"
                           " SELECT a.attname, quote_ident(a.attname), a.atttypid, "
                           "format_type(a.atttypid, -1),"
                           " coalesce(a.attname = ANY ($2::text::name[]), true) AND "
                           "(a.attgenerated = ''"
                           " OR $2 IS NOT NULL AND "
                           "current_setting('server_version_num')::int >= 180000),"
                           " a.attnum = ANY ((SELECT key FROM ident)::int2[]),"
                           " array_position((SELECT key FROM prim), a.attnum),"
                           " array_position((SELECT key FROM along), a.attnum)"
                           " FROM pg_attribute a"
                           " WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT "
                           "a.attisdropped"
                           " ORDER BY a.attnum";

void pg_shape_put_facts(struct buf *sql, const struct pg_shape *shape)
{
    char oid[16];
    snprintf(oid, sizeof oid, "%u", (unsigned)shape->oid);
    static const char text[] = PG_SHAPE_FACTS("\x01");
    wf_str rest = {text, sizeof text - 1};
    for (wf_str part; str_next(&rest, '\x01', &part);) {
        buf_str(sql, part);
        buf_cstr(sql, rest.ptr ? oid : "");
    }
}

/* ---- reading it ---------------------------------------------------------------------- */

static bool pg_shape_oid(const PGresult *rows, int row, int column, uint32_t *out)
{
    uint64_t oid;
    if (!str_to_u64(pg_conn_cell(rows, row, column), &oid) || oid > UINT32_MAX)
        return false;
    *out = (uint32_t)oid;
    return true;
}

static bool pg_shape_is(const PGresult *rows, int row, int column)
{
    return str_is(pg_conn_cell(rows, row, column), "t");
}

/* A place, from 0 on where SQL has it from 1 on; -1 when there is none. */
static int pg_shape_place(const PGresult *rows, int row, int column)
{
    uint64_t place;
    if (!str_to_u64(pg_conn_cell(rows, row, column), &place) || place > LIMIT_COLUMNS)
        return -1;
    return (int)place - 1;
}

static wf_status pg_shape_bad(wf_str name, wf_error *err)
{
    return error_set(err, WF_PROTOCOL,
                     "the server's description of table '%.*s' makes no sense",
                     STR_ARG(name));
}

static wf_status pg_shape_find(struct pg_conn *conn,
                               const struct pg_shape_published *published, wf_str name,
                               struct pg_shape *out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_str(&text, name);
    const char *params[] = {buf_c(&text), published->main, published->second,
                            published->mark};
    wf_status status = buf_status(&text, "table name", err);
    if (!status)
        status =
            pg_conn_query(conn, "look at a table",
                          conn->version >= 150000 ? pg_shape_table_15 : pg_shape_table_13,
                          params, CDC_COUNT(params), &out->found, err);
    if (status)
        return status;
    if (!PQntuples(out->found))
        return error_set(err, WF_NOT_FOUND, "table '%.*s' is not in publication '%s'",
                         STR_ARG(name), published->main);
    if (!pg_shape_oid(out->found, 0, PG_SHAPE_OID, &out->oid) ||
        !str_to_i64(pg_conn_cell(out->found, 0, PG_SHAPE_ROWS), &out->rows) ||
        !str_to_i64(pg_conn_cell(out->found, 0, PG_SHAPE_BYTES), &out->bytes))
        return pg_shape_bad(name, err);
    out->quoted = pg_conn_cell(out->found, 0, PG_SHAPE_QUOTED);
    out->partitioned = str_is(pg_conn_cell(out->found, 0, PG_SHAPE_KIND), "p");
    out->filter = pg_conn_cell(out->found, 0, PG_SHAPE_FILTER);
    out->facts = pg_conn_cell(out->found, 0, PG_SHAPE_FACTS_NOW);
    return WF_OK;
}

static wf_status pg_shape_fields(struct pg_conn *conn, struct pg_shape *out, wf_error *err)
{
    const char *params[] = {
        PQgetvalue(out->found, 0, PG_SHAPE_OID),
        PQgetisnull(out->found, 0, PG_SHAPE_COLUMNS)
            ? NULL
            : PQgetvalue(out->found, 0, PG_SHAPE_COLUMNS),
    };
    return pg_conn_query(conn, "look at a table's columns", pg_shape_columns, params, 2,
                         &out->fields, err);
}

/* Columns that are published (or, in a second round, that are not) go behind the others. */
static wf_status pg_shape_take_columns(struct pg_shape *out, bool published, wf_str name,
                                       wf_error *err)
{
    const PGresult *rows = out->fields;
    for (int i = 0; i < PQntuples(rows); i++) {
        int place = pg_shape_place(rows, i, PG_SHAPE_ORDER);
        if (pg_shape_is(rows, i, PG_SHAPE_PUBLISHED) != published ||
            (!published && place < 0))
            continue;
        struct pg_shape_column *column = &out->columns[out->count];
        if (!pg_shape_oid(rows, i, PG_SHAPE_TYPE, &column->type_oid))
            return pg_shape_bad(name, err);
        column->name = pg_conn_cell(rows, i, PG_SHAPE_NAME);
        column->quoted = pg_conn_cell(rows, i, PG_SHAPE_NAME_QUOTED);
        column->type_name = pg_conn_cell(rows, i, PG_SHAPE_TYPE_NAME);
        column->place = place;
        if (place >= 0)
            out->order_count++;
        out->count++;
    }
    return WF_OK;
}

static bool pg_shape_take_order(struct pg_shape *out)
{
    size_t found = 0;
    for (size_t i = 0; i < out->count; i++) {
        int place = out->columns[i].place;
        if (place < 0)
            continue;
        if ((size_t)place >= out->order_count)
            return false;
        out->order[place] = (uint16_t)i;
        found++;
    }
    return found == out->order_count;
}

/* The key as pg_relation has it.  Gives the number of its columns. */
static size_t pg_shape_key(const struct pg_shape *shape, struct cdc_column *columns,
                           uint16_t *keys, size_t published)
{
    const PGresult *rows = shape->fields;
    wf_str identity = pg_conn_cell(shape->found, 0, PG_SHAPE_IDENTITY);
    bool marked = str_is(identity, "d") || str_is(identity, "i");
    size_t count = 0;
    size_t wanted = 0;
    uint16_t at = 0;
    for (int i = 0; i < PQntuples(rows); i++) {
        bool known = pg_shape_is(rows, i, PG_SHAPE_PUBLISHED);
        int place = pg_shape_place(rows, i, PG_SHAPE_PRIMARY);
        bool part = marked ? known && pg_shape_is(rows, i, PG_SHAPE_MARKED) : place >= 0;
        wanted += part;
        if (part && known && (marked || (size_t)place < published)) {
            keys[marked ? count : (size_t)place] = at;
            columns[at].key = true;
            count++;
        }
        at += known;
    }
    for (size_t i = 0; count != wanted && i < published; i++)
        columns[i].key = false; /* part of the primary key is not published */
    return count == wanted ? count : 0;
}

static wf_status pg_shape_make_table(struct pg_shape *out, wf_str name, wf_error *err)
{
    size_t published = out->count;
    struct cdc_column *columns = calloc(published + 1, sizeof *columns);
    uint16_t *keys = calloc(published + 1, sizeof *keys);
    wf_status status = columns && keys ? WF_OK : error_no_memory(err);
    for (size_t i = 0; !status && i < published; i++)
        columns[i].name = out->columns[i].name;
    if (!status) {
        size_t count = pg_shape_key(out, columns, keys, published);
        status = table_new(name, columns, published, keys, count, &out->table, err);
    }
    free(columns);
    free(keys);
    return status;
}

static wf_status pg_shape_get_types(struct pg_shape *shape, struct pg_types *types,
                                    wf_error *err)
{
    wf_status status = WF_OK;
    for (size_t i = 0; !status && i < shape->count; i++)
        status =
            pg_type_get(types, shape->columns[i].type_oid, &shape->columns[i].type, err);
    return status;
}

wf_status pg_shape_renew_types(struct pg_shape *shape, struct pg_types *types,
                               wf_error *err)
{
    if (!shape->asks)
        return WF_OK;
    pg_type_forget(types);
    return pg_shape_get_types(shape, types, err);
}

static wf_status pg_shape_fill(struct pg_shape *out, struct pg_types *types, wf_str name,
                               wf_error *err)
{
    size_t most = (size_t)PQntuples(out->fields);
    out->columns = calloc(most + 1, sizeof *out->columns);
    out->order = calloc(most + 1, sizeof *out->order);
    if (!out->columns || !out->order)
        return error_no_memory(err);
    wf_status status = pg_shape_take_columns(out, true, name, err);
    if (!status)
        status = pg_shape_make_table(out, name, err);
    if (!status)
        status = pg_shape_take_columns(out, false, name, err);
    if (!status && !pg_shape_take_order(out))
        status = pg_shape_bad(name, err);
    for (size_t i = 0; !status && i < out->count; i++)
        out->asks |= out->columns[i].type_oid >= 16384; /* FirstNormalObjectId */
    pg_type_forget(types);
    return status ? status : pg_shape_get_types(out, types, err);
}

wf_status pg_shape_read(struct pg_conn *conn, struct pg_types *types,
                        const struct pg_shape_published *published, wf_str name,
                        struct pg_shape *out, wf_error *err)
{
    struct pg_shape shape = {.oid = 0};
    wf_status status = pg_shape_find(conn, published, name, &shape, err);
    if (!status)
        status = pg_shape_fields(conn, &shape, err);
    if (!status)
        status = pg_shape_fill(&shape, types, name, err);
    if (status)
        pg_shape_release(&shape);
    else
        *out = shape;
    return status;
}

void pg_shape_release(struct pg_shape *shape)
{
    table_free(shape->table);
    free(shape->columns);
    free(shape->order);
    PQclear(shape->found);
    PQclear(shape->fields);
    *shape = (struct pg_shape){.oid = 0};
}
