/* SPDX-License-Identifier: MIT
 *
 * sqlite_plan - comparing what is installed with what is wanted.
 */
#include "providers/sqlite/sqlite_plan.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/provider.h"
#include "providers/sqlite/sqlite_line.h"
#include "providers/sqlite/sqlite_sql.h"
#include "providers/sqlite/sqlite_trigger.h"

static const char *const sqlite_plan_tables[] = {
    "_cdc_meta",   "_cdc_source",  "_cdc_version", "_cdc_column",
    "_cdc_change", "_cdc_pending", "_cdc_fill",
};

static const char sqlite_plan_base[] =
    "CREATE TABLE _cdc_meta(key TEXT PRIMARY KEY, value);\n"
    "CREATE TABLE _cdc_source(id TEXT PRIMARY KEY, session TEXT, confirmed INTEGER NOT "
    "NULL,"
    " tables TEXT NOT NULL, seen);\n"
    "CREATE TABLE _cdc_version(id INTEGER PRIMARY KEY, line INTEGER NOT NULL,"
    " live INTEGER NOT NULL, name TEXT NOT NULL, columns INTEGER NOT NULL,"
    " ddl TEXT NOT NULL);\n"
    "CREATE TABLE _cdc_column(version INTEGER, position INTEGER, name TEXT NOT NULL,"
    " key_rank INTEGER NOT NULL, PRIMARY KEY(version, position)) WITHOUT ROWID;\n"
    "CREATE TABLE _cdc_fill(line INTEGER PRIMARY KEY, version INTEGER NOT NULL, reached,"
    " condition TEXT NOT NULL);\n"
    "INSERT INTO _cdc_meta(key, value) VALUES ('format', 1),"
    " ('uuid', lower(hex(randomblob(16))));\n";

/* The two tables as wide as the captured ones need, and the first change. */
static void sqlite_plan_put_base(struct buf *sql, size_t widest)
{
    buf_cstr(sql, sqlite_plan_base);
    buf_lit(sql, "CREATE TABLE _cdc_change(seq INTEGER PRIMARY KEY, k, ts, rid, m");
    buf_cstr(sql, widest ? ",\n  " : "");
    sqlite_sql_put_slots(sql, 0, 2 * widest);
    buf_lit(sql, ");\nCREATE TABLE _cdc_pending(seq INTEGER PRIMARY KEY, t, rid, last");
    buf_cstr(sql, widest ? ",\n  " : "");
    sqlite_sql_put_slots(sql, 0, widest);
    buf_lit(sql,
            ");\nINSERT INTO _cdc_change(seq, k, ts) VALUES (1, 0, julianday('now'));\n");
}

struct sqlite_plan_names { /* the user's tables */
    char **items;
    size_t count;
};

static void sqlite_plan_names_release(struct sqlite_plan_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct sqlite_plan_names){0};
}

static wf_status sqlite_plan_name_add(void *ctx, wf_str table, wf_error *err)
{
    struct sqlite_plan_names *names = ctx;
    char **grown = realloc(names->items, (names->count + 1) * sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    names->items = grown;
    names->items[names->count] = str_dup(table);
    if (!names->items[names->count])
        return error_no_memory(err);
    names->count++;
    return WF_OK;
}

void sqlite_plan_init(struct sqlite_plan *plan)
{
    *plan = (struct sqlite_plan){0};
    buf_init(&plan->script, LIMIT_OUTPUT_BYTES);
    buf_init(&plan->warnings, LIMIT_TEXT_BYTES);
    buf_init(&plan->removed, LIMIT_OUTPUT_BYTES);
}

void sqlite_plan_release(struct sqlite_plan *plan)
{
    buf_release(&plan->script);
    buf_release(&plan->warnings);
    buf_release(&plan->removed);
}

/* Half of a capture is none: nobody can go on from it, so what is left of it goes. */
static wf_status sqlite_plan_clear(struct sqlite_plan *plan, struct sqlite_db *db,
                                   wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        db,
        "SELECT type, name FROM main.sqlite_master"
        " WHERE lower(substr(name, 1, 5)) = '_cdc_' AND type IN ('trigger', 'table')"
        " ORDER BY type DESC, name",
        &stmt, err);
    for (bool row; !status;) {
        wf_str type, name;
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            break;
        status = sqlite_db_text(db, stmt, 0, &type, err);
        if (!status)
            status = sqlite_db_text(db, stmt, 1, &name, err);
        if (status)
            break;
        buf_printf(&plan->script, "DROP %.*s ", STR_ARG(type));
        sqlite_sql_put_id(&plan->script, name);
        buf_lit(&plan->script, ";\n");
        buf_printf(&plan->removed, "%.*s %.*s\n", STR_ARG(type), STR_ARG(name));
    }
    plan->rubble = true;
    return status;
}

/* Whether our tables are there, and that they are ours. */
static wf_status sqlite_plan_find(struct sqlite_plan *plan, struct sqlite_db *db,
                                  const struct sqlite_plan_for *with, wf_error *err)
{
    size_t there = 0;
    const char *present = NULL;
    const char *missing = NULL;
    for (size_t i = 0; i < CDC_COUNT(sqlite_plan_tables); i++) {
        int64_t one;
        bool found;
        wf_status status = sqlite_db_ask(
            db, "SELECT 1 FROM main.sqlite_master WHERE name = ?1 COLLATE NOCASE",
            str_from(sqlite_plan_tables[i]), &one, &found, err);
        if (status)
            return status;
        there += found;
        *(found ? &present : &missing) = sqlite_plan_tables[i];
    }
    if (!there)
        return WF_OK;

    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    int rc =
        sqlite3_prepare_v2(db->handle,
                           "SELECT (SELECT value FROM main._cdc_meta WHERE key = 'format'),"
                           " (SELECT value FROM main._cdc_meta WHERE key = 'uuid')",
                           -1, &stmt, NULL);
    bool ours = !rc && sqlite3_step(stmt) == SQLITE_ROW &&
                sqlite3_column_type(stmt, 0) == SQLITE_INTEGER &&
                sqlite_db_column_str(stmt, 1).len == sizeof(plan->uuid) - 1;
    if (!ours && rc && rc != SQLITE_ERROR)
        return sqlite_db_fail(db, rc, "read the capture tables", err);
    if (!ours)
        return error_set(
            err, WF_CONFIG,
            "database '%s' has a table '%s' that this provider did not make; it "
            "needs the names that begin with _cdc_ for itself",
            db->shown, present);
    if (sqlite3_column_int64(stmt, 0) > SQLITE_CAPTURE_FORMAT)
        return error_set(err, WF_CONFIG,
                         "database '%s' is captured by a newer version of this provider",
                         db->shown);
    if (missing && (with->fresh || with->leaving))
        return sqlite_plan_clear(plan, db, err);
    if (missing)
        return error_set(
            err, WF_STATE,
            "table '%s' was removed from database '%s': changes are lost; " CDC_BEGIN_ANEW,
            missing, db->shown);
    memcpy(plan->uuid, sqlite_db_column_str(stmt, 1).ptr, sizeof(plan->uuid) - 1);
    plan->installed = true;
    return WF_OK;
}

static void sqlite_plan_put_text(struct buf *sql, wf_str text)
{
    buf_sql_quoted(sql, text, '\'');
}

/* The source's own row: made, brought up to date, or removed. */
static wf_status sqlite_plan_source(struct sqlite_plan *plan, struct sqlite_db *db,
                                    const struct sqlite_plan_for *with, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf wanted;
    CDC_CLEANUP(buf_release) struct buf stored;
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    buf_init(&wanted, LIMIT_OUTPUT_BYTES);
    buf_init(&stored, LIMIT_OUTPUT_BYTES);
    for (size_t i = 0; i < with->pattern_count; i++) {
        buf_str(&wanted, with->patterns[i]);
        buf_byte(&wanted, '\n');
    }
    bool found = false;
    if (plan->installed) {
        wf_status status = sqlite_db_prepare(
            db, "SELECT tables FROM main._cdc_source WHERE id = ?1", &stmt, err);
        if (status)
            return status;
        status = sqlite_db_bind_str(db, stmt, 1, with->source_id, err);
        if (!status)
            status = sqlite_db_step(db, stmt, &found, err);
        if (status)
            return status;
        wf_str tables = STR_EMPTY;
        if (found)
            status = sqlite_db_text(db, stmt, 0, &tables, err);
        if (status)
            return status;
        buf_str(&stored, tables);
        sqlite_sql_carry(&plan->script, &stored);
    }
    struct buf *sql = &plan->script;
    if (found && with->leaving) {
        buf_lit(sql, "DELETE FROM _cdc_source WHERE id = ");
        buf_printf(&plan->removed, "source entry '%.*s'\n", STR_ARG(with->source_id));
    } else if (found && !str_eq(buf_view(&stored), buf_view(&wanted))) {
        buf_lit(sql, "UPDATE _cdc_source SET tables = ");
        sqlite_plan_put_text(sql, buf_view(&wanted));
        buf_lit(sql, " WHERE id = ");
    } else if (!found && !with->leaving) {
        buf_lit(sql, "INSERT INTO _cdc_source(confirmed, tables, seen, id)\n"
                     " SELECT max(seq), ");
        sqlite_plan_put_text(sql, buf_view(&wanted));
        buf_lit(sql, ", julianday('now'), ");
        sqlite_plan_put_text(sql, with->source_id);
        buf_lit(sql, " FROM _cdc_change;\n");
        return buf_status(&wanted, "table list", err);
    } else {
        return buf_status(&wanted, "table list", err);
    }
    sqlite_plan_put_text(sql, with->source_id);
    buf_lit(sql, ";\n");
    return buf_status(&wanted, "table list", err);
}

/* Change rows must be as wide as two rows of the widest table. */
static wf_status sqlite_plan_widen(struct sqlite_plan *plan, struct sqlite_db *db,
                                   size_t widest, wf_error *err)
{
    static const struct {
        const char *name;
        int64_t fixed;
        size_t rows;
    } tables[] = {{"_cdc_change", SQLITE_CHANGE_FIRST, 2}, {"_cdc_pending", 4, 1}};
    if (!plan->installed) {
        sqlite_plan_put_base(&plan->script, widest);
        return WF_OK;
    }
    for (size_t t = 0; t < CDC_COUNT(tables); t++) {
        int64_t have = 0;
        bool found;
        wf_status status =
            sqlite_db_ask(db, "SELECT count(*) FROM pragma_table_info(?1, 'main')",
                          str_from(tables[t].name), &have, &found, err);
        if (status)
            return status;
        if (have < tables[t].fixed)
            return error_set(err, WF_STATE, "table '%s' of database '%s' was tampered with",
                             tables[t].name, db->shown);
        for (size_t i = (size_t)(have - tables[t].fixed); i < tables[t].rows * widest; i++)
            buf_printf(&plan->script, "ALTER TABLE %s ADD COLUMN c%zu;\n", tables[t].name,
                       i);
    }
    return WF_OK;
}

/* A table named without wildcards is to be there: a typing mistake is not silence. */
static wf_status sqlite_plan_check_patterns(struct sqlite_db *db,
                                            const struct sqlite_plan_for *with,
                                            const struct sqlite_plan_names *names,
                                            wf_error *err)
{
    for (size_t i = 0; i < with->pattern_count; i++) {
        wf_str pattern = with->patterns[i];
        if (memchr(pattern.ptr, '*', pattern.len) || memchr(pattern.ptr, '?', pattern.len))
            continue;
        bool met = false;
        for (size_t n = 0; n < names->count && !met; n++) {
            CDC_CLEANUP(buf_release) struct buf full;
            buf_init(&full, LIMIT_TEXT_BYTES);
            buf_printf(&full, "main.%s", names->items[n]);
            met = sqlite_schema_matches(&pattern, 1, buf_view(&full));
        }
        if (!met)
            return error_set(
                err, WF_CONFIG,
                "no table '%.*s' in database '%s' (views and virtual tables cannot "
                "be captured)",
                STR_ARG(pattern), db->shown);
    }
    return WF_OK;
}

/* Takes away all that was ever installed, in an order that leaves nothing behind. */
static void sqlite_plan_drop_all(struct sqlite_plan *plan)
{
    for (size_t i = 0; i < CDC_COUNT(sqlite_plan_tables); i++) {
        buf_printf(&plan->script, "DROP TABLE %s;\n", sqlite_plan_tables[i]);
        buf_printf(&plan->removed, "table %s\n", sqlite_plan_tables[i]);
    }
}

/* Nobody is left who wants anything. */
static wf_status sqlite_plan_is_last(const struct sqlite_plan *plan, struct sqlite_db *db,
                                     const struct sqlite_plan_for *with, bool *out,
                                     wf_error *err)
{
    int64_t others;
    bool found;
    *out = false;
    if (!with->leaving || !plan->installed)
        return WF_OK;
    wf_status status =
        sqlite_db_ask(db, "SELECT count(*) FROM main._cdc_source WHERE id <> ?1",
                      with->source_id, &others, &found, err);
    *out = !status && others == 0;
    return status;
}

static wf_status sqlite_plan_lines(struct sqlite_plan *plan, struct sqlite_db *db,
                                   const struct sqlite_plan_for *with, bool last,
                                   wf_error *err)
{
    CDC_CLEANUP(sqlite_plan_names_release) struct sqlite_plan_names names = {0};
    CDC_CLEANUP(sqlite_line_set_release) struct sqlite_line_set lines = {0};
    wf_status status = sqlite_schema_list(db, &names, sqlite_plan_name_add, err);
    if (!status)
        status = sqlite_line_set_read(&lines, db, plan, with, err);
    if (!status && with->opening) {
        status = sqlite_plan_check_patterns(db, with, &names, err);
        /* To a source that was here before, a table may have been lost: it goes on. */
        if (status == WF_CONFIG && (!with->fresh || sqlite_line_has_own_wish(&lines))) {
            buf_printf(&plan->warnings, "%s; it is captured when it comes to be\n",
                       err->text);
            status = WF_OK;
        }
    }
    for (size_t i = 0; i < names.count && !status; i++)
        status = sqlite_line_look(&lines, db, str_from(names.items[i]), err);
    if (status)
        return status;
    if (!last)
        status = sqlite_plan_widen(plan, db, sqlite_line_widest(&lines), err);
    if (!status)
        status = sqlite_line_write(&lines, plan, last, err);
    return status;
}

wf_status sqlite_plan_make(struct sqlite_plan *plan, struct sqlite_db *db,
                           const struct sqlite_plan_for *with, wf_error *err)
{
    bool last = false;
    wf_status status = sqlite_plan_find(plan, db, with, err);
    if (status || (with->leaving && !plan->installed))
        return status;
    status = sqlite_plan_is_last(plan, db, with, &last, err);
    if (status)
        return status;
    /* Tables before the source: a source begins behind the rows that installing wrote. */
    status = sqlite_plan_lines(plan, db, with, last, err);
    if (!status)
        status = sqlite_plan_source(plan, db, with, err);
    if (!status && last)
        sqlite_plan_drop_all(plan);
    if (!status)
        status = buf_status(&plan->script, "SQL", err);
    if (!status)
        status = buf_status(&plan->removed, "list", err);
    return status;
}
