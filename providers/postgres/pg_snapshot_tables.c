/* SPDX-License-Identifier: MIT
 *
 * pg_snapshot_tables - what the publication comes to, and about how many rows that is.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/table.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_publication.h"
#include "providers/postgres/pg_published.h"
#include "providers/postgres/pg_snapshot.h"

/* $1 $2 the publication and its second part, which is not there or not ours ($3) beside one
 * that was adopted.  A table that was never looked at by VACUUM or
 * ANALYZE has no estimate, and a partitioned one that of its partitions together.  (OFFSET 0:
 * each is looked up by its oid; a scan of pg_class per table takes minutes with many.) */
static const char pg_snapshot_tables_sql[] =
    "SELECT DISTINCT p.schemaname || '.' || p.tablename, p.schemaname,"
    " (SELECT CASE WHEN bool_and(l.relpages > 0 OR pg_relation_size(l.oid) = 0)"
    " THEN coalesce(sum(greatest(l.reltuples, 0))::int8, -1) ELSE -1 END"
    " FROM (SELECT c.oid AS leaf WHERE c.relkind = 'r' UNION ALL SELECT relid FROM"
    " pg_partition_tree(c.oid::regclass) WHERE isleaf AND c.relkind = 'p') leaves"
    " CROSS JOIN LATERAL (SELECT x.oid, x.relpages, x.reltuples FROM pg_class x"
    " WHERE x.oid = leaf AND x.relkind = 'r' OFFSET 0) l)"
    " FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"
    " WHERE p.pubname = $1 OR p.pubname = (SELECT x.pubname FROM pg_publication x"
    " WHERE x.pubname = $2 AND obj_description(x.oid, 'pg_publication') = $3) ORDER BY 1";

static wf_status pg_snapshot_tables_ask(struct pg_conn *control,
                                        const struct cdc_settings *settings,
                                        const char *publication, PGresult **out,
                                        wf_error *err)
{
    struct pg_publication names;
    CDC_CLEANUP(buf_release) struct buf mark;
    buf_init(&mark, LIMIT_TEXT_BYTES);
    pg_name_put_mark(&mark, settings->source_id);
    const char *params[] = {publication, names.insert, buf_c(&mark)};
    wf_status status = pg_publication_name(settings, &names, err);
    if (!status)
        status = buf_status(&mark, "mark", err);
    return status
               ? status
               : pg_conn_query(control, "look at the tables of the publication",
                               pg_snapshot_tables_sql, params, CDC_COUNT(params), out, err);
}

wf_status pg_snapshot_tables(struct pg_conn *control, const struct cdc_settings *settings,
                             const char *publication, void *ctx,
                             wf_status (*row)(void *ctx, wf_str table, int64_t rows,
                                              wf_error *err),
                             wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *tables = NULL;
    wf_status status = pg_snapshot_tables_ask(control, settings, publication, &tables, err);
    for (int i = 0; !status && i < PQntuples(tables); i++) {
        wf_str name = pg_conn_cell(tables, i, 0);
        int64_t rows = -1;
        if (!table_is_listed(settings->tables.items, settings->tables.count, name) ||
            str_is(pg_conn_cell(tables, i, 1), PG_PUBLISHED_OWN_SCHEMA))
            continue;
        str_to_i64(pg_conn_cell(tables, i, 2), &rows);
        status = row(ctx, name, rows, err);
    }
    return status;
}
