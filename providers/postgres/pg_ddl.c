/* SPDX-License-Identifier: MIT
 *
 * pg_ddl - see the header.
 *
 * PostgreSQL documentation, "Event Triggers" and "Event Trigger Functions":
 * ddl_command_end tells what was made and altered, sql_drop what was dropped.  A dropped
 * column is told by both, unless it went with its type.
 */
#include "providers/postgres/pg_ddl.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_notice.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_published.h"

#define PG_DDL_SCHEMA PG_PUBLISHED_OWN_SCHEMA
/* Of the text below; another one there is replaced. */
#define PG_DDL_VERSION "2"
#define PG_DDL_SINCE 140000 /* pgoutput has logical messages */
#define PG_DDL_MARK "workflow-plugin-cdc ddl " PG_DDL_VERSION

/* Both triggers call the one function.  It runs as whoever made it, so that no right on the
 * schema or on pg_logical_emit_message() is asked of those whose DDL it tells; its
 * search_path is fixed, so that none of them can put functions of theirs under it.  What a
 * message holds is sent as it is, in whatever encoding: so it is made UTF-8 here. */
static const char pg_ddl_make[] =
    "CREATE SCHEMA IF NOT EXISTS " PG_DDL_SCHEMA ";\n"
    "\n"
    "-- The sources that read the messages.\n"
    "CREATE TABLE IF NOT EXISTS " PG_DDL_SCHEMA ".used_by (source text PRIMARY KEY);\n"
    "\n"
    "CREATE OR REPLACE FUNCTION " PG_DDL_SCHEMA ".tell_ddl() RETURNS event_trigger\n"
    "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS "
    "$function$\n"
    "DECLARE\n"
    "    tables json;\n"
    "BEGIN\n"
    "    IF tg_event = 'sql_drop' THEN\n"
    "        SELECT json_agg(json_build_object('table', name)) INTO tables FROM (\n"
    "            SELECT DISTINCT address_names[1] || '.' || address_names[2] AS name\n"
    "              FROM pg_event_trigger_dropped_objects()\n"
    "             WHERE NOT is_temporary AND schema_name <> '" PG_DDL_SCHEMA "'\n"
    "               AND (object_type = 'table'\n"
    "                    OR object_type = 'table column' AND tg_tag <> 'ALTER TABLE')\n"
    "             ORDER BY name) dropped;\n"
    "    ELSE\n"
    "        SELECT json_agg(json_build_object('table', name)) INTO tables FROM (\n"
    "            SELECT DISTINCT n.nspname || '.' || c.relname AS name\n"
    "              FROM pg_event_trigger_ddl_commands() d\n"
    "              JOIN pg_class c ON c.oid = d.objid\n"
    "              JOIN pg_namespace n ON n.oid = c.relnamespace\n"
    "             WHERE d.classid = 'pg_class'::regclass\n"
    "               AND d.object_type IN ('table', 'table column')\n"
    "               AND d.command_tag NOT IN ('COMMENT', 'SECURITY LABEL')\n"
    "               AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'\n"
    "               AND n.nspname <> '" PG_DDL_SCHEMA "'\n"
    "             ORDER BY name) changed;\n"
    "    END IF;\n"
    "    IF tables IS NOT NULL THEN\n"
    "        PERFORM pg_logical_emit_message(true, '" PG_PREFIX_DDL "', convert_to(\n"
    "            json_build_object('tag', tg_tag, 'sql', left(current_query(), 65536),\n"
    "                'objects', tables)::text,\n"
    "            CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII'\n"
    "                ELSE 'UTF8' END));\n"
    "    END IF;\n"
    "EXCEPTION WHEN OTHERS THEN\n"
    "    RAISE WARNING 'workflow-plugin-cdc does not tell %: %', tg_tag, SQLERRM;\n"
    "END\n"
    "$function$;\n"
    "COMMENT ON FUNCTION " PG_DDL_SCHEMA ".tell_ddl() IS '" PG_DDL_MARK "';\n"
    "\n"
    "DROP EVENT TRIGGER IF EXISTS " PG_DDL_SCHEMA "_ddl;\n"
    "CREATE EVENT TRIGGER " PG_DDL_SCHEMA "_ddl ON ddl_command_end\n"
    "    EXECUTE FUNCTION " PG_DDL_SCHEMA ".tell_ddl();\n"
    "DROP EVENT TRIGGER IF EXISTS " PG_DDL_SCHEMA "_drop;\n"
    "CREATE EVENT TRIGGER " PG_DDL_SCHEMA "_drop ON sql_drop\n"
    "    EXECUTE FUNCTION " PG_DDL_SCHEMA ".tell_ddl();\n";

static const char pg_ddl_unmake[] =
    "DROP EVENT TRIGGER IF EXISTS " PG_DDL_SCHEMA "_ddl;\n"
    "DROP EVENT TRIGGER IF EXISTS " PG_DDL_SCHEMA "_drop;\n"
    "DROP FUNCTION IF EXISTS " PG_DDL_SCHEMA ".tell_ddl();\n"
    "DROP TABLE IF EXISTS " PG_DDL_SCHEMA ".used_by;\n"
    "DROP SCHEMA IF EXISTS " PG_DDL_SCHEMA ";\n";

/* Two sources that begin or end at once do it in turn. */
static const char pg_ddl_in_turn[] =
    "SELECT pg_advisory_xact_lock(hashtext('" PG_DDL_SCHEMA "')); ";

void pg_ddl_sql(struct buf *out)
{
    buf_lit(out, pg_ddl_make);
}

void pg_ddl_sql_drop(struct buf *out)
{
    buf_lit(out, pg_ddl_unmake);
}

/* ---- what is there ------------------------------------------------------------------- */

struct pg_ddl_facts {
    bool complete; /* both triggers fire, and the function is of this version */
    bool notes;    /* the table is there and the role may write it */
    bool standby;
    bool droppable; /* everything is there, and the role may drop it */
};

/* By the catalogs: to_regclass() and the like want a right on the schema. */
static const char pg_ddl_look[] =
    "WITH own AS (SELECT n.oid, n.nspowner FROM pg_namespace n"
    " WHERE n.nspname = '" PG_DDL_SCHEMA "'),"
    " event AS (SELECT e.* FROM pg_event_trigger e"
    " WHERE e.evtname IN ('" PG_DDL_SCHEMA "_ddl', '" PG_DDL_SCHEMA "_drop')) "
    "SELECT"
    " (SELECT count(*) FROM own JOIN pg_proc p ON p.pronamespace = own.oid"
    " AND p.proname = 'tell_ddl' AND obj_description(p.oid, 'pg_proc') = '" PG_DDL_MARK "'"
    " JOIN event ON event.evtfoid = p.oid AND event.evtenabled IN ('O', 'A')) = 2,"
    " (SELECT has_schema_privilege(own.oid, 'USAGE')"
    " AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    " AND has_table_privilege(c.oid, 'DELETE')"
    " FROM own JOIN pg_class c ON c.relnamespace = own.oid AND c.relname = 'used_by'),"
    " pg_is_in_recovery(),"
    " (SELECT pg_has_role(own.nspowner, 'USAGE') FROM own)"
    " AND NOT EXISTS (SELECT FROM event WHERE NOT pg_has_role(event.evtowner, 'USAGE'))";

static wf_status pg_ddl_read(struct pg_conn *control, struct pg_ddl_facts *out,
                             wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    wf_status status = pg_conn_query(control, "look for the DDL trigger", pg_ddl_look, NULL,
                                     0, &rows, err);
    if (status)
        return status;
    *out = (struct pg_ddl_facts){
        .complete = str_is(pg_conn_cell(rows, 0, 0), "t"),
        .notes = str_is(pg_conn_cell(rows, 0, 1), "t"),
        .standby = str_is(pg_conn_cell(rows, 0, 2), "t"),
        .droppable = str_is(pg_conn_cell(rows, 0, 3), "t"),
    };
    return WF_OK;
}

/* ---- making -------------------------------------------------------------------------- */

static wf_status pg_ddl_install(struct pg_conn *control, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SET LOCAL lock_timeout = '10s'; ");
    buf_lit(&sql, pg_ddl_in_turn);
    pg_ddl_sql(&sql);
    wf_status status = buf_status(&sql, "SQL", err);
    return status ? status
                  : pg_conn_query(control, "make the DDL trigger", buf_c(&sql), NULL, 0,
                                  NULL, err);
}

/* Only when it is not noted yet: a source that starts writes nothing then.  The lock keeps
 * a source that ends from taking the trigger for unused. */
static wf_status pg_ddl_note(struct pg_conn *control, wf_str source, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SET LOCAL lock_timeout = '10s'; ");
    buf_lit(&sql, pg_ddl_in_turn);
    buf_lit(&sql, "INSERT INTO " PG_DDL_SCHEMA ".used_by SELECT ");
    buf_sql_quoted(&sql, source, '\'');
    buf_lit(&sql,
            " WHERE NOT EXISTS (SELECT FROM " PG_DDL_SCHEMA ".used_by WHERE source = ");
    buf_sql_quoted(&sql, source, '\'');
    buf_lit(&sql, ")");
    wf_status status = buf_status(&sql, "SQL", err);
    return status ? status
                  : pg_conn_query(control, "note the source at the DDL trigger",
                                  buf_c(&sql), NULL, 0, NULL, err);
}

static wf_status pg_ddl_refused(enum pg_ddl mode, const struct cdc_emitter *out,
                                const char *why, wf_error *err)
{
    if (mode != PG_DDL_REQUIRED) {
        pg_notice_tell(out, LOG_INFO,
                       "DDL statements are not told, only what they change in the rows "
                       "that follow: %s; ddl: off silences this, and 'wfhost inspect "
                       "--setup postgres' prints the SQL for an administrator",
                       why);
        return WF_OK;
    }
    return error_set(err, WF_CONFIG,
                     "'options.ddl' is required, and there is no DDL trigger in the "
                     "database: %s; have an administrator run what 'wfhost inspect --setup "
                     "postgres' prints, or set ddl: auto",
                     why);
}

/* The trigger's messages would be written, and come nowhere. */
static wf_status pg_ddl_impossible(const struct pg_conn *control, enum pg_ddl mode,
                                   const struct cdc_emitter *out, wf_error *err)
{
    if (mode == PG_DDL_REQUIRED)
        return error_set(err, WF_CONFIG,
                         "'options.ddl' needs PostgreSQL 14 or later for required, the "
                         "server is %d.%d, whose change streams have no messages",
                         control->version / 10000, control->version % 10000);
    pg_notice_tell(out, LOG_INFO,
                   "DDL statements are not told, only what they change in the rows that "
                   "follow: that needs PostgreSQL 14 or later; ddl: off silences this");
    return WF_OK;
}

/* Refusals are an answer; a broken connection, a lock that others hold or a stop are not. */
static bool pg_ddl_is_refusal(const struct pg_conn *control, wf_status status)
{
    return PQstatus(control->handle) == CONNECTION_OK && status != WF_UNAVAILABLE &&
           status != WF_CANCELLED && status != WF_NO_MEMORY;
}

wf_status pg_ddl_settle(struct pg_conn *control, const struct cdc_settings *settings,
                        const struct cdc_emitter *out, wf_error *err)
{
    const struct pg_options *options = settings->options;
    if (options->ddl == PG_DDL_OFF)
        return WF_OK;
    if (control->version < PG_DDL_SINCE)
        return pg_ddl_impossible(control, (enum pg_ddl)options->ddl, out, err);
    wf_error why = {0};
    struct pg_ddl_facts facts;
    wf_status status = pg_ddl_read(control, &facts, err);
    if (status)
        return status;
    if (!facts.complete && facts.standby)
        return pg_ddl_refused((enum pg_ddl)options->ddl, out,
                              "the server is a standby, where none can be made", err);
    if (!facts.complete) {
        status = pg_ddl_install(control, &why);
        if (status && pg_ddl_is_refusal(control, status))
            return pg_ddl_refused((enum pg_ddl)options->ddl, out, why.text, err);
        if (status)
            return error_set(err, status, "%s", why.text);
        facts.notes = true;
    }
    /* One that an administrator made, or another role, serves without a note as well. */
    return facts.notes && !facts.standby ? pg_ddl_note(control, settings->source_id, err)
                                         : WF_OK;
}

/* ---- dropping ------------------------------------------------------------------------ */

/* In one transaction, so that no source comes in between looking and dropping. */
static wf_status pg_ddl_leave(struct pg_conn *control, wf_str source, bool may_drop,
                              bool *out_dropped, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SET LOCAL lock_timeout = '10s'; ");
    buf_lit(&sql, pg_ddl_in_turn);
    buf_lit(&sql, "DELETE FROM " PG_DDL_SCHEMA ".used_by WHERE source = ");
    buf_sql_quoted(&sql, source, '\'');
    buf_lit(&sql, "; ");
    if (may_drop) {
        buf_lit(&sql, "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM " PG_DDL_SCHEMA
                      ".used_by) THEN ");
        pg_ddl_sql_drop(&sql);
        buf_lit(&sql, "END IF; END $do$; ");
    }
    buf_lit(&sql, "SELECT to_regclass('" PG_DDL_SCHEMA ".used_by') IS NULL");
    wf_status status = buf_status(&sql, "SQL", err);
    if (status)
        return status;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    status =
        pg_conn_query(control, "drop the DDL trigger", buf_c(&sql), NULL, 0, &rows, err);
    if (!status)
        *out_dropped = str_is(pg_conn_cell(rows, 0, 0), "t");
    return status;
}

wf_status pg_ddl_drop(struct pg_conn *control, const struct cdc_settings *settings,
                      bool *out_dropped, wf_error *err)
{
    struct pg_ddl_facts facts;
    wf_status status = pg_ddl_read(control, &facts, err);
    if (status)
        return status;
    if (facts.notes && !facts.standby)
        return pg_ddl_leave(control, settings->source_id, facts.droppable, out_dropped,
                            err);
    *out_dropped = false;
    return WF_OK;
}
