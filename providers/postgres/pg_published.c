/* SPDX-License-Identifier: MIT
 *
 * pg_published - see the header.
 *
 * PostgreSQL documentation, "Logical Replication", section "Publication" (replica
 * identity), and the system catalogs pg_publication, pg_publication_rel, pg_class and
 * pg_index; those columns are the same from 13 to 18.
 *
 * Patterns go to the server as LIKE patterns that let through what the configuration lets
 * through and, where `?` stands for a byte, a little more; table_matches() has the last
 * word.
 */
#include "providers/postgres/pg_published.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/table.h"
#include "providers/postgres/pg_name.h"

enum pg_published_column {
    PG_PUBLISHED_MAIN,
    PG_PUBLISHED_MAIN_OURS,
    PG_PUBLISHED_INSERT,
    PG_PUBLISHED_INSERT_OURS,
    PG_PUBLISHED_STANDBY,
    PG_PUBLISHED_MAY_CREATE,
    PG_PUBLISHED_INSERTS,
    PG_PUBLISHED_UPDATES,
    PG_PUBLISHED_DELETES,
    PG_PUBLISHED_TRUNCATES,
    PG_PUBLISHED_VIA_ROOT,
    PG_PUBLISHED_NAME, /* NULL: no table */
    PG_PUBLISHED_QUOTED,
    PG_PUBLISHED_OWNER,
    PG_PUBLISHED_OURS,
    PG_PUBLISHED_PARTITIONED,
    PG_PUBLISHED_WANTED,
    PG_PUBLISHED_IDENTITY,
    PG_PUBLISHED_IN_MAIN,
    PG_PUBLISHED_IN_INSERT,
    PG_PUBLISHED_COLUMNS,
};

/* The statement's parameters. */
#define PG_PUBLISHED_PARAMS 7 /* $1 main  $2 insert  $3 our mark  $7 all tables */
/* $4 patterns of schema.table  $5 of the bare name  $6 names without wildcards */

static const char pg_published_head[] =
    "WITH head AS MATERIALIZED (SELECT m.oid AS main,"
    " coalesce(obj_description(m.oid, 'pg_publication') = $3, false) AS main_ours,"
    " i.oid AS insert,"
    " coalesce(obj_description(i.oid, 'pg_publication') = $3, false) AS insert_ours,"
    " pg_is_in_recovery() AS standby,"
    " has_database_privilege(current_database(), 'CREATE') AS may_create,"
    " m.pubinsert, m.pubupdate, m.pubdelete, m.pubtruncate, m.pubviaroot"
    " FROM (SELECT 1) one"
    " LEFT JOIN pg_publication m ON m.pubname = $1"
    " LEFT JOIN pg_publication i ON i.pubname = $2), ";

/* Whether UPDATE and DELETE of `c` are possible once they are published.  A deferrable key
 * does not count. */
#define PG_PUBLISHED_HAS_IDENTITY                                                          \
    "CASE c.relreplident WHEN 'f' THEN true"                                               \
    " WHEN 'd' THEN EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid"               \
    " AND x.indisprimary AND x.indimmediate AND x.indisvalid)"                             \
    " WHEN 'i' THEN EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid"               \
    " AND x.indisreplident AND x.indimmediate AND x.indisvalid)"                           \
    " ELSE false END"

/* Rows are in the partitions, so it is they who need an identity: `mute` are the tables
 * above a partition without one.  (A partition that is added later without one goes
 * unnoticed until the next look.) */
static const char pg_published_mute[] =
    "mute AS MATERIALIZED (SELECT DISTINCT a.relid::oid AS oid FROM pg_class c"
    " CROSS JOIN LATERAL pg_partition_ancestors(c.oid) a(relid)"
    " WHERE c.relispartition AND c.relkind = 'r' AND c.relpersistence = 'p'"
    " AND NOT (" PG_PUBLISHED_HAS_IDENTITY ")), ";

/* Of a publication that is ours: exactly what was put into it. */
static const char pg_published_held_ours[] =
    "held AS MATERIALIZED (SELECT p.prrelid AS oid, bool_or(p.prpubid = h.main) AS main,"
    " bool_or(p.prpubid = h.insert) AS insert FROM pg_publication_rel p JOIN head h"
    " ON p.prpubid = h.main OR p.prpubid = h.insert GROUP BY p.prrelid), ";

/* Of another one: what it comes to, however it was said (all tables, schemas), and the
 * tables above published partitions. */
static const char pg_published_held_adopted[] =
    "leaf AS MATERIALIZED (SELECT c.oid FROM pg_publication_tables p"
    " JOIN pg_namespace n ON n.nspname = p.schemaname"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename"
    " WHERE p.pubname = $1), "
    "held AS MATERIALIZED (SELECT oid, true AS main, false AS insert FROM ("
    "SELECT oid FROM leaf UNION SELECT a.relid::oid FROM leaf"
    " CROSS JOIN LATERAL pg_partition_ancestors(leaf.oid) a(relid)) every), ";

/* Ordinary and partitioned tables.  Partitions come with their root, unless one is named. */
static const char pg_published_tables[] =
    "t AS (SELECT n.nspname::text || '.' || c.relname::text AS name,"
    " format('%I.%I', n.nspname, c.relname) AS quoted,"
    " pg_get_userbyid(c.relowner) AS owner,"
    " pg_has_role(c.relowner, 'USAGE') AS ours,"
    " c.relkind = 'p' AS partitioned,"
    " c.relpersistence = 'p' AND c.oid >= 16384"
    " AND left(n.nspname::text, 3) <> 'pg_' AND n.nspname <> 'information_schema'"
    " AND n.nspname <> '" PG_PUBLISHED_OWN_SCHEMA "'"
    " AND (n.nspname::text || '.' || c.relname::text LIKE ANY ($4::text[])"
    " OR c.relname::text LIKE ANY ($5::text[]))"
    " AND (NOT c.relispartition OR c.relname::text = ANY ($6::text[])"
    " OR n.nspname::text || '.' || c.relname::text = ANY ($6::text[])) AS wanted,"
    " CASE WHEN c.relkind = 'p' THEN c.oid NOT IN (SELECT oid FROM mute)"
    " AND (c.relhassubclass OR " PG_PUBLISHED_HAS_IDENTITY ")"
    " ELSE " PG_PUBLISHED_HAS_IDENTITY " END AS identity,"
    " coalesce(held.main, false) AS in_main, coalesce(held.insert, false) AS in_insert"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN held ON held.oid = c.oid"
    " WHERE c.relkind IN ('r', 'p')) "
    "SELECT h.main IS NOT NULL, h.main_ours, h.insert IS NOT NULL, h.insert_ours,"
    " h.standby, h.may_create, h.pubinsert, h.pubupdate, h.pubdelete, h.pubtruncate,"
    " h.pubviaroot, t.name, t.quoted, t.owner, t.ours, t.partitioned, t.wanted,"
    " t.identity, t.in_main, t.in_insert FROM head h LEFT JOIN t ON ";

static const char pg_published_which_ours[] =
    "(t.wanted OR t.in_main OR t.in_insert) AND ($7::bool OR NOT"
    " (t.in_main = (t.wanted AND t.identity)"
    " AND t.in_insert = (t.wanted AND NOT t.identity)))";
static const char pg_published_which_adopted[] =
    "t.wanted AND ($7::bool OR NOT t.in_main OR NOT t.identity)";
/* Without a choice in the configuration the publication is the choice. */
static const char pg_published_which_all_of_it[] =
    "t.wanted AND t.in_main AND ($7::bool OR NOT t.identity)";

bool pg_published_is_exact(wf_str pattern)
{
    return str_find(pattern, STR("*")) < 0 && str_find(pattern, STR("?")) < 0;
}

/* One element of an array in text form: quoted, with backslashes. */
static void pg_published_put_element(struct buf *out, wf_str text)
{
    buf_byte(out, out->len > 1 ? ',' : ' ');
    buf_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_byte(out, '\\');
        buf_byte(out, text.ptr[i]);
    }
    buf_byte(out, '"');
}

/* `?` is one byte, which LIKE cannot say: '%' lets through more. */
static void pg_published_put_like(struct buf *out, wf_str pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];
        if (c == '\\' || c == '%' || c == '_')
            buf_byte(out, '\\');
        buf_byte(out, c == '*' || c == '?' ? '%' : c);
    }
}

struct pg_published_patterns {
    struct buf full, bare, exact;
};

static void pg_published_release(struct pg_published_patterns *patterns)
{
    buf_release(&patterns->full);
    buf_release(&patterns->bare);
    buf_release(&patterns->exact);
}

static void pg_published_put_pattern(struct pg_published_patterns *patterns, wf_str pattern)
{
    CDC_CLEANUP(buf_release) struct buf like;
    buf_init(&like, LIMIT_CONFIG_BYTES);
    pg_published_put_like(&like, pattern);
    if (like.broken)
        patterns->full.broken = like.broken;
    pg_published_put_element(&patterns->full, buf_view(&like));
    if (str_find(pattern, STR(".")) < 0)
        pg_published_put_element(&patterns->bare, buf_view(&like));
    if (pg_published_is_exact(pattern))
        pg_published_put_element(&patterns->exact, pattern);
}

static wf_status pg_published_make_patterns(const struct cdc_list *tables,
                                            struct pg_published_patterns *patterns,
                                            wf_error *err)
{
    struct buf *all[] = {&patterns->full, &patterns->bare, &patterns->exact};
    for (size_t i = 0; i < CDC_COUNT(all); i++) {
        buf_init(all[i], 2 * LIMIT_CONFIG_BYTES);
        buf_byte(all[i], '{');
    }
    for (size_t i = 0; i < tables->count; i++)
        pg_published_put_pattern(patterns, tables->items[i]);
    if (!tables->count)
        pg_published_put_pattern(patterns, STR("*"));
    wf_status status = WF_OK;
    for (size_t i = 0; i < CDC_COUNT(all) && !status; i++) {
        buf_byte(all[i], '}');
        status = buf_status(all[i], "list of tables", err);
    }
    return status;
}

static wf_status pg_published_make_sql(const struct pg_published_query *query,
                                       struct buf *sql, wf_error *err)
{
    bool all_of_it = query->adopted && !query->settings->tables.count;
    buf_lit(sql, pg_published_head);
    buf_lit(sql, pg_published_mute);
    buf_cstr(sql, query->adopted ? pg_published_held_adopted : pg_published_held_ours);
    buf_lit(sql, pg_published_tables);
    buf_cstr(sql, all_of_it        ? pg_published_which_all_of_it
                  : query->adopted ? pg_published_which_adopted
                                   : pg_published_which_ours);
    buf_lit(sql, " ORDER BY t.name");
    return buf_status(sql, "SQL", err);
}

static bool pg_published_flag(const PGresult *rows, int row, int column)
{
    return str_is(pg_conn_cell(rows, row, column), "t");
}

static void pg_published_take(PGresult *rows, const struct cdc_settings *settings,
                              struct pg_published *out)
{
    *out = (struct pg_published){
        .main = pg_published_flag(rows, 0, PG_PUBLISHED_MAIN),
        .main_ours = pg_published_flag(rows, 0, PG_PUBLISHED_MAIN_OURS),
        .insert = pg_published_flag(rows, 0, PG_PUBLISHED_INSERT),
        .insert_ours = pg_published_flag(rows, 0, PG_PUBLISHED_INSERT_OURS),
        .standby = pg_published_flag(rows, 0, PG_PUBLISHED_STANDBY),
        .may_create = pg_published_flag(rows, 0, PG_PUBLISHED_MAY_CREATE),
        .inserts = pg_published_flag(rows, 0, PG_PUBLISHED_INSERTS),
        .updates = pg_published_flag(rows, 0, PG_PUBLISHED_UPDATES),
        .deletes = pg_published_flag(rows, 0, PG_PUBLISHED_DELETES),
        .truncates = pg_published_flag(rows, 0, PG_PUBLISHED_TRUNCATES),
        .via_root = pg_published_flag(rows, 0, PG_PUBLISHED_VIA_ROOT),
        .settings = settings,
        .rows = rows,
    };
}

wf_status pg_published_read(struct pg_conn *control, const struct pg_published_query *query,
                            struct pg_published *out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf mark;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&mark, LIMIT_TEXT_BYTES);
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_name_put_mark(&mark, query->settings->source_id);
    CDC_CLEANUP(pg_published_release)
    struct pg_published_patterns patterns = {0};
    wf_status status = pg_published_make_patterns(&query->settings->tables, &patterns, err);
    if (!status)
        status = pg_published_make_sql(query, &sql, err);
    if (!status)
        status = buf_status(&mark, "comment", err);
    if (status)
        return status;
    const char *const params[PG_PUBLISHED_PARAMS] = {
        query->main,           query->insert,         buf_c(&mark),
        buf_c(&patterns.full), buf_c(&patterns.bare), buf_c(&patterns.exact),
        query->all ? "t" : "f"};
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    status = pg_conn_query(control, "look at the publication", buf_c(&sql), params,
                           PG_PUBLISHED_PARAMS, &rows, err);
    if (status)
        return status;
    if (!PQntuples(rows) || PQnfields(rows) != PG_PUBLISHED_COLUMNS)
        return error_set(err, WF_PROTOCOL,
                         "cannot look at the publication: odd answer of the server");
    pg_published_take(rows, query->settings, out);
    rows = NULL;
    return WF_OK;
}

void pg_published_clear(struct pg_published *published)
{
    PQclear(published->rows);
    published->rows = NULL;
}

bool pg_published_next(const struct pg_published *published, int *at,
                       struct pg_published_table *out)
{
    const PGresult *rows = published->rows;
    int row = *at;
    if (row >= PQntuples(rows) || PQgetisnull(rows, row, PG_PUBLISHED_NAME))
        return false;
    const struct cdc_list *tables = &published->settings->tables;
    wf_str name = pg_conn_cell(rows, row, PG_PUBLISHED_NAME);
    *out = (struct pg_published_table){
        .name = name,
        .quoted = pg_conn_cell(rows, row, PG_PUBLISHED_QUOTED),
        .owner = pg_conn_cell(rows, row, PG_PUBLISHED_OWNER),
        .wanted = pg_published_flag(rows, row, PG_PUBLISHED_WANTED) &&
                  table_is_listed(tables->items, tables->count, name),
        .ours = pg_published_flag(rows, row, PG_PUBLISHED_OURS),
        .identity = pg_published_flag(rows, row, PG_PUBLISHED_IDENTITY),
        .partitioned = pg_published_flag(rows, row, PG_PUBLISHED_PARTITIONED),
        .in_main = pg_published_flag(rows, row, PG_PUBLISHED_IN_MAIN),
        .in_insert = pg_published_flag(rows, row, PG_PUBLISHED_IN_INSERT),
    };
    *at = row + 1;
    return true;
}
