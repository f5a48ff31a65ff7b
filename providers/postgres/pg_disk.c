/* SPDX-License-Identifier: MIT
 *
 * pg_disk - PostgreSQL documentation, "System Columns" (ctid) and "Database Object Size
 * Functions".  From version 14 on the server finds a range of ctids without reading the
 * rest of the table.
 */
#include "providers/postgres/pg_disk.h"

#include "base/error.h"
#include "base/str.h"

enum pg_disk_column {
    PG_DISK_OID,
    PG_DISK_QUOTED,
    PG_DISK_FILE,
    PG_DISK_PAGES,
    PG_DISK_CHUNK, /* pages that hold $3 rows; 100 a page where nobody has counted */
};

/* $1 the table  $2 the first partition that is not done  $3 rows */
static const char pg_disk_leaves[] =
    "SELECT c.oid, c.oid::regclass, coalesce(pg_relation_filenode(c.oid), 0),"
    " pg_relation_size(c.oid) / current_setting('block_size')::int8,"
    " least(1000000000, greatest(1, $3::float8 / CASE WHEN c.relpages > 0"
    " AND c.reltuples > 0 THEN c.reltuples / c.relpages ELSE 100 END))::int8"
    " FROM pg_class c WHERE c.relkind = 'r' AND c.oid >= $2::oid AND (c.oid = $1::oid"
    " OR c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf))"
    " ORDER BY c.oid LIMIT 2";

static bool pg_disk_number(const PGresult *rows, int row, int column, uint32_t *out)
{
    uint64_t number;
    if (!str_to_u64(pg_conn_cell(rows, row, column), &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static wf_status pg_disk_ask(struct pg_conn *conn, const struct pg_shape *shape,
                             const struct pg_place *place, uint32_t count, PGresult **out,
                             wf_error *err)
{
    char table[16], leaf[16], rows[16];
    snprintf(table, sizeof table, "%u", (unsigned)shape->oid);
    snprintf(leaf, sizeof leaf, "%u", place->resumed ? (unsigned)place->disk.leaf : 0u);
    snprintf(rows, sizeof rows, "%u", (unsigned)count);
    const char *params[] = {table, leaf, rows};
    return pg_conn_query(conn, "look at a table's size", pg_disk_leaves, params, 3, out,
                         err);
}

static bool pg_disk_read(const PGresult *rows, struct pg_place *place, struct pg_disk *out)
{
    struct pg_place_disk first = {0};
    uint32_t chunk;
    wf_str name = pg_conn_cell(rows, 0, PG_DISK_QUOTED);
    if (!pg_disk_number(rows, 0, PG_DISK_OID, &first.leaf) ||
        !pg_disk_number(rows, 0, PG_DISK_FILE, &first.file) ||
        !pg_disk_number(rows, 0, PG_DISK_PAGES, &out->pages) ||
        !pg_disk_number(rows, 0, PG_DISK_CHUNK, &chunk) || name.len >= sizeof out->name)
        return false;
    if (PQntuples(rows) > 1 && (!pg_disk_number(rows, 1, PG_DISK_OID, &out->next.leaf) ||
                                !pg_disk_number(rows, 1, PG_DISK_FILE, &out->next.file)))
        return false;
    memcpy(out->name, name.ptr ? name.ptr : "", name.len);
    bool same =
        place->resumed && place->disk.leaf == first.leaf && place->disk.file == first.file;
    if (!same)
        place->disk = first;
    uint32_t page = place->disk.page;
    out->to_page =
        page < out->pages && out->pages - page > chunk ? page + chunk : out->pages;
    return true;
}

wf_status pg_disk_find(struct pg_conn *conn, const struct pg_shape *shape,
                       struct pg_place *place, uint32_t rows, struct pg_disk *out,
                       wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *leaves = NULL;
    wf_status status = pg_disk_ask(conn, shape, place, rows, &leaves, err);
    if (status)
        return status;
    *out = (struct pg_disk){.pages = 0};
    if (!PQntuples(leaves)) /* the last partitions are gone */
        return WF_OK;
    if (!pg_disk_read(leaves, place, out))
        return error_set(err, WF_PROTOCOL,
                         "the server gave no size of table '%.*s' that makes sense",
                         STR_ARG(shape->table->name));
    return WF_OK;
}

wf_str pg_disk_name(const struct pg_disk *disk)
{
    return str_from(disk->name);
}

bool pg_disk_is_empty(const struct pg_disk *disk, const struct pg_place *place)
{
    return place->disk.page >= disk->to_page;
}

bool pg_disk_next(const struct pg_disk *disk, const struct pg_place *place,
                  struct buf *after)
{
    struct pg_place_disk next = place->disk;
    if (disk->to_page < disk->pages) {
        next.page = disk->to_page;
        next.item = 0;
    } else {
        next = disk->next;
    }
    if (!next.leaf)
        return false;
    buf_clear(after);
    pg_place_put_disk(after, &next);
    return true;
}
