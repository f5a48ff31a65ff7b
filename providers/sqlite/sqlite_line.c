/* SPDX-License-Identifier: MIT
 *
 * sqlite_line - reading what is installed per table, and writing what has to change.
 */
#include "providers/sqlite/sqlite_line.h"
#include "providers/sqlite/sqlite_sql.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"

#define SQLITE_LINE_PIECE 800 /* bytes of a text in one line of SQL */

static void sqlite_line_release(struct sqlite_line *line)
{
    free(line->name);
    free(line->ddl);
    free(line->on_table);
    for (size_t i = 0; i < SQLITE_TRIGGER_COUNT; i++)
        free(line->triggers[i]);
    sqlite_schema_free(line->schema);
}

void sqlite_line_set_release(struct sqlite_line_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        sqlite_line_release(&set->items[i]);
    for (size_t i = 0; i < set->wish_count; i++) {
        free(set->wishes[i].patterns);
        free(set->wishes[i].text);
    }
    free(set->items);
    free(set->wishes);
    *set = (struct sqlite_line_set){0};
}

static struct sqlite_line *sqlite_line_add(struct sqlite_line_set *set)
{
    struct sqlite_line *grown = realloc(set->items, (set->count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    set->items = grown;
    struct sqlite_line *line = &grown[set->count++];
    *line = (struct sqlite_line){.first_rowid = INT64_MAX};
    return line;
}

static wf_status sqlite_line_add_wish(struct sqlite_line_set *set, wf_str text, bool own,
                                      wf_error *err)
{
    struct sqlite_line_wish *grown =
        realloc(set->wishes, (set->wish_count + 1) * sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    set->wishes = grown;
    struct sqlite_line_wish *wish = &grown[set->wish_count++];
    *wish = (struct sqlite_line_wish){.text = str_dup(text), .own = own};
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    wish->patterns = calloc(lines, sizeof(*wish->patterns));
    if (!wish->text || !wish->patterns)
        return error_no_memory(err);
    wf_str rest = {wish->text, text.len};
    for (wf_str part; str_next(&rest, '\n', &part);) {
        if (part.len)
            wish->patterns[wish->count++] = part;
    }
    return WF_OK;
}

static wf_status sqlite_line_read_wishes(struct sqlite_line_set *set, struct sqlite_db *db,
                                         wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status =
        sqlite_db_prepare(db, "SELECT tables, id = ?1 FROM main._cdc_source", &stmt, err);
    if (status)
        return status;
    status = sqlite_db_bind_str(db, stmt, 1, set->with->source_id, err);
    for (bool row; !status;) {
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            break;
        wf_str tables;
        status = sqlite_db_text(db, stmt, 0, &tables, err);
        if (!status)
            status =
                sqlite_line_add_wish(set, tables, sqlite3_column_int(stmt, 1) != 0, err);
    }
    return status;
}

static wf_status sqlite_line_read_versions(struct sqlite_line_set *set,
                                           struct sqlite_db *db, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status =
        sqlite_db_prepare(db,
                          "SELECT line, id, name, ddl, columns FROM main._cdc_version"
                          " WHERE live ORDER BY id",
                          &stmt, err);
    for (bool row; !status;) {
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            break;
        struct sqlite_line *line = sqlite_line_add(set);
        if (!line)
            return error_no_memory(err);
        line->line = sqlite3_column_int64(stmt, 0);
        line->version = sqlite3_column_int64(stmt, 1);
        wf_str name, ddl;
        status = sqlite_db_text(db, stmt, 2, &name, err);
        if (!status)
            status = sqlite_db_text(db, stmt, 3, &ddl, err);
        if (status)
            break;
        line->name = str_dup(name);
        line->ddl = str_dup(ddl);
        line->columns = (size_t)sqlite3_column_int64(stmt, 4);
        if (!line->name || !line->ddl)
            return error_no_memory(err);
    }
    return status;
}

/* "_cdc_12_au" -> 12, SQLITE_TRIGGER_AU. */
static bool sqlite_line_parse_name(wf_str name, int64_t *out_line,
                                   enum sqlite_trigger_kind *out_kind)
{
    for (int kind = 0; kind < SQLITE_TRIGGER_COUNT; kind++) {
        size_t digits = name.len > 8 ? name.len - 8 : 0;
        if (!str_to_i64(str_slice(name, 5, 5 + digits), out_line))
            return false;
        char memory[48];
        struct buf expected;
        buf_fixed(&expected, memory, sizeof(memory));
        sqlite_trigger_put_name(&expected, *out_line, (enum sqlite_trigger_kind)kind);
        if (str_eq(buf_view(&expected), name)) {
            *out_kind = (enum sqlite_trigger_kind)kind;
            return true;
        }
    }
    return false;
}

static struct sqlite_line *sqlite_line_numbered(struct sqlite_line_set *set, int64_t number)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].line == number)
            return &set->items[i];
    }
    return NULL;
}

/* One of our triggers: name, tbl_name, sql, rowid. */
static wf_status sqlite_line_take_trigger(struct sqlite_line_set *set, struct sqlite_db *db,
                                          sqlite3_stmt *stmt, wf_error *err)
{
    int64_t number;
    enum sqlite_trigger_kind kind;
    struct sqlite_line *line = NULL;
    wf_str text[3];
    for (int i = 0; i < 3; i++) {
        wf_status status = sqlite_db_text(db, stmt, i, &text[i], err);
        if (status)
            return status;
    }
    if (sqlite_line_parse_name(text[0], &number, &kind))
        line = sqlite_line_numbered(set, number);
    if (!line)
        return error_set(
            err, WF_CONFIG,
            "trigger '%.*s' is not of this provider; it needs the names that begin "
            "with _cdc_ for itself",
            STR_ARG(text[0]));
    if (!line->on_table)
        line->on_table = str_dup(text[1]);
    line->triggers[kind] = str_dup(text[2]);
    if (!line->on_table || !line->triggers[kind])
        return error_no_memory(err);
    int64_t rowid = sqlite3_column_int64(stmt, 3);
    if (rowid < line->first_rowid)
        line->first_rowid = rowid;
    return WF_OK;
}

static wf_status sqlite_line_read_triggers(struct sqlite_line_set *set,
                                           struct sqlite_db *db, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        db,
        "SELECT name, tbl_name, sql, rowid FROM main.sqlite_master"
        " WHERE type = 'trigger' AND lower(substr(name, 1, 5)) = '_cdc_' ORDER BY rowid",
        &stmt, err);
    for (bool row; !status;) {
        status = sqlite_db_step(db, stmt, &row, err);
        if (status || !row)
            break;
        status = sqlite_line_take_trigger(set, db, stmt, err);
    }
    return status;
}

wf_status sqlite_line_set_read(struct sqlite_line_set *set, struct sqlite_db *db,
                               const struct sqlite_plan *plan,
                               const struct sqlite_plan_for *with, wf_error *err)
{
    set->with = with;
    set->next_id = 1;
    wf_status status = WF_OK;
    bool found;
    if (plan->installed) {
        status = sqlite_db_ask(db, "SELECT coalesce(max(id), 0) + 1 FROM main._cdc_version",
                               STR_EMPTY, &set->next_id, &found, err);
        if (!status)
            status = sqlite_line_read_wishes(set, db, err);
        if (!status)
            status = sqlite_line_read_versions(set, db, err);
    }
    if (!status && !plan->rubble)
        status = sqlite_line_read_triggers(set, db, err);
    int64_t others = 0;
    if (!status)
        status =
            sqlite_db_ask(db,
                          "SELECT count(*) FROM main.sqlite_master WHERE type = 'trigger'"
                          " AND lower(substr(name, 1, 5)) <> '_cdc_'",
                          STR_EMPTY, &others, &found, err);
    set->quiet = others == 0;
    return status;
}

bool sqlite_line_has_own_wish(const struct sqlite_line_set *set)
{
    for (size_t i = 0; i < set->wish_count; i++) {
        if (set->wishes[i].own)
            return true;
    }
    return false;
}

/* Whether a source as stored wants the table; `others`: one that is not the asking one. */
static bool sqlite_line_stored_wish(const struct sqlite_line_set *set, wf_str full_name,
                                    bool others)
{
    for (size_t i = 0; i < set->wish_count; i++) {
        const struct sqlite_line_wish *wish = &set->wishes[i];
        if (others && wish->own)
            continue;
        if (sqlite_schema_matches(wish->patterns, wish->count, full_name))
            return true;
    }
    return false;
}

static bool sqlite_line_wanted(const struct sqlite_line_set *set, wf_str full_name)
{
    const struct sqlite_plan_for *with = set->with;
    if (!with->leaving &&
        sqlite_schema_matches(with->patterns, with->pattern_count, full_name))
        return true;
    return sqlite_line_stored_wish(set, full_name, true);
}

/* The line whose triggers sit on the table; else the one that last had its name and lost
 * them. */
static struct sqlite_line *sqlite_line_of(struct sqlite_line_set *set, wf_str full_name)
{
    wf_str table = str_slice(full_name, 5, full_name.len);
    struct sqlite_line *by_name = NULL;
    for (size_t i = 0; i < set->count; i++) {
        struct sqlite_line *line = &set->items[i];
        if (line->exists)
            continue;
        if (line->on_table && str_eq_nocase(str_from(line->on_table), table))
            return line;
        if (!line->on_table && str_eq_nocase(str_from(line->name), full_name))
            by_name = line;
    }
    return by_name;
}

static wf_status sqlite_line_overtaken(struct sqlite_line *line, struct sqlite_db *db,
                                       wf_error *err)
{
    int64_t newest;
    bool found;
    wf_status status =
        sqlite_db_ask(db,
                      "SELECT max(rowid) FROM main.sqlite_master WHERE type = 'trigger'"
                      " AND tbl_name = ?1 COLLATE NOCASE"
                      " AND lower(substr(name, 1, 5)) <> '_cdc_'",
                      line->schema->table, &newest, &found, err);
    line->overtaken = !status && found && newest > line->first_rowid;
    return status;
}

wf_status sqlite_line_look(struct sqlite_line_set *set, struct sqlite_db *db, wf_str table,
                           wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf full;
    buf_init(&full, LIMIT_TEXT_BYTES);
    buf_lit(&full, "main.");
    buf_str(&full, table);
    wf_status status = buf_status(&full, "table name", err);
    if (status)
        return status;
    bool wanted = sqlite_line_wanted(set, buf_view(&full));
    struct sqlite_line *line = sqlite_line_of(set, buf_view(&full));
    if (!line && !wanted)
        return WF_OK;
    if (!line) {
        line = sqlite_line_add(set);
        if (!line)
            return error_no_memory(err);
        line->fresh = true;
        line->appeared = sqlite_line_stored_wish(set, buf_view(&full), false);
        line->line = line->version = set->next_id++;
    }
    line->exists = true;
    line->wanted = wanted;
    if (!wanted)
        return WF_OK;
    status = sqlite_schema_read(db, table, &line->schema, err);
    if (!status && line->schema->count > SQLITE_MAX_COLUMNS)
        status = error_set(
            err, WF_CONFIG, "table '%.*s' has %zu columns; at most %d can be captured",
            STR_ARG(line->schema->full_name), line->schema->count, SQLITE_MAX_COLUMNS);
    return status ? status : sqlite_line_overtaken(line, db, err);
}

size_t sqlite_line_widest(const struct sqlite_line_set *set)
{
    size_t widest = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct sqlite_schema *schema = set->items[i].schema;
        if (schema && schema->count > widest)
            widest = schema->count;
    }
    return widest;
}

/* Equal but for white space: SQL that a person pasted counts as ours. */
static bool sqlite_line_same_sql(const char *installed, const char *wanted)
{
    for (;; installed++, wanted++) {
        installed += strspn(installed, " \t\r\n");
        wanted += strspn(wanted, " \t\r\n");
        if (*installed != *wanted)
            return false;
        if (!*installed)
            return true;
    }
}

static void sqlite_line_put_drops(const struct sqlite_line *line, struct buf *sql,
                                  struct buf *removed)
{
    for (int kind = 0; kind < SQLITE_TRIGGER_COUNT; kind++) {
        if (!line->triggers[kind])
            continue;
        buf_lit(sql, "DROP TRIGGER ");
        sqlite_trigger_put_name(sql, line->line, (enum sqlite_trigger_kind)kind);
        buf_lit(sql, ";\n");
        if (!removed)
            continue;
        buf_lit(removed, "trigger ");
        sqlite_trigger_put_name(removed, line->line, (enum sqlite_trigger_kind)kind);
        buf_printf(removed, " on main.%s\n", line->on_table);
    }
}

static void sqlite_line_put_end(const struct sqlite_line *line, struct buf *sql)
{
    buf_printf(sql,
               "UPDATE _cdc_version SET live = 0 WHERE line = %lld;\n"
               "DELETE FROM _cdc_pending WHERE abs(t) = %lld;\n"
               "DELETE FROM _cdc_fill WHERE line = %lld;\n",
               (long long)line->line, (long long)line->line, (long long)line->line);
}

static void sqlite_line_put_mark(struct buf *sql, int64_t version, enum sqlite_kind kind,
                                 bool quietly)
{
    buf_printf(sql,
               "INSERT INTO _cdc_change(k, ts, m) VALUES (%lld, julianday('now'), %d);\n",
               (long long)(version << SQLITE_KIND_BITS | kind), quietly);
}

/* In pieces: with `setup: manual` each line of the script goes into one of the log. */
static void sqlite_line_put_text(struct buf *sql, wf_str text)
{
    size_t cut = utf8_cut(text.ptr, text.len, SQLITE_LINE_PIECE);
    buf_sql_quoted(sql, str_slice(text, 0, cut), '\'');
    while (cut && cut < text.len) {
        text = str_slice(text, cut, text.len);
        cut = utf8_cut(text.ptr, text.len, SQLITE_LINE_PIECE);
        buf_lit(sql, "\n || ");
        buf_sql_quoted(sql, str_slice(text, 0, cut), '\'');
    }
}

/* The new version's rows, and a mark in the stream for the place where it begins. */
static void sqlite_line_put_version(const struct sqlite_line *line, struct buf *sql)
{
    const struct sqlite_schema *schema = line->schema;
    buf_printf(sql, "UPDATE _cdc_version SET live = 0 WHERE line = %lld;\n",
               (long long)line->line);
    buf_printf(sql,
               "INSERT INTO _cdc_version(id, line, live, columns, name, ddl)\n"
               " VALUES (%lld, %lld, 1, %zu, ",
               (long long)line->version, (long long)line->line, schema->count);
    buf_sql_quoted(sql, schema->full_name, '\'');
    buf_lit(sql, ",\n ");
    sqlite_line_put_text(sql, schema->ddl);
    buf_lit(sql, ");\n");
    for (size_t i = 0; i < schema->count; i++) {
        buf_printf(sql,
                   "INSERT INTO _cdc_column(version, position, key_rank, name)"
                   " VALUES (%lld, %zu, %d, ",
                   (long long)line->version, i, schema->columns[i].key_rank);
        buf_sql_quoted(sql, schema->columns[i].name, '\'');
        buf_lit(sql, ");\n");
    }
    sqlite_line_put_mark(sql, line->version, SQLITE_KIND_SCHEMA,
                         line->fresh && !line->appeared);
}

void sqlite_line_put_existing(struct buf *sql, const struct sqlite_schema *schema,
                              int64_t version, enum sqlite_kind kind)
{
    buf_lit(sql, "INSERT INTO _cdc_change(k, ts, rid, ");
    sqlite_sql_put_slots(sql, 0, schema->count);
    buf_printf(sql, ")\n SELECT %lld, julianday('now'), ",
               (long long)(version << SQLITE_KIND_BITS | kind));
    if (schema->without_rowid || schema->rowid_column >= 0)
        buf_lit(sql, "NULL");
    else
        sqlite_sql_put_id(sql, schema->rowid_name);
    buf_lit(sql, ", ");
    sqlite_sql_put_columns(sql, schema, "");
    buf_lit(sql, "\n FROM ");
    sqlite_sql_put_id(sql, schema->table);
}

/* Added columns with another value than their default: written before our triggers knew
 * them. */
static bool sqlite_line_put_condition(const struct sqlite_line *line, struct buf *condition)
{
    for (size_t i = line->columns; i < line->schema->count; i++) {
        const struct sqlite_column *column = &line->schema->columns[i];
        if (column->generated)
            continue;
        buf_cstr(condition, condition->len ? " OR " : "");
        sqlite_sql_put_id(condition, column->name);
        buf_lit(condition, " IS NOT (");
        buf_str(condition, column->fallback.ptr ? column->fallback : STR("NULL"));
        buf_byte(condition, ')');
    }
    return condition->len > 0;
}

static void sqlite_line_put_fill(const struct sqlite_line *line, struct buf *sql)
{
    CDC_CLEANUP(buf_release) struct buf condition;
    buf_init(&condition, sql->limit);
    bool added = line->on_table && sqlite_line_put_condition(line, &condition);
    /* Columns may have new names now: what is still to be read is read whatever it
     * holds. */
    buf_printf(sql,
               "UPDATE _cdc_fill SET condition = '1', reached = NULL WHERE line = %lld;\n",
               (long long)line->line);
    if (added && line->schema->without_rowid) {
        sqlite_line_put_existing(sql, line->schema, line->version, SQLITE_KIND_UPDATE);
        buf_printf(sql, "\n WHERE %s;\n", buf_c(&condition));
    } else if (added) {
        buf_printf(sql,
                   "INSERT OR IGNORE INTO _cdc_fill(line, version, condition)"
                   " VALUES (%lld, 0, ",
                   (long long)line->line);
        buf_sql_quoted(sql, buf_view(&condition), '\'');
        buf_lit(sql, ");\n");
    }
    sqlite_sql_carry(sql, &condition);
    buf_printf(sql, "UPDATE _cdc_fill SET version = %lld WHERE line = %lld;\n",
               (long long)line->version, (long long)line->line);
}

static void sqlite_line_put_triggers(const struct sqlite_line *line, struct buf *sql,
                                     const struct sqlite_capture_of *table)
{
    sqlite_line_put_drops(line, sql, NULL);
    buf_printf(sql, "DELETE FROM _cdc_pending WHERE abs(t) = %lld;\n",
               (long long)line->line);
    for (int kind = 0; kind < SQLITE_TRIGGER_COUNT; kind++) {
        size_t before = sql->len;
        sqlite_trigger_put(sql, table, (enum sqlite_trigger_kind)kind);
        if (sql->len != before)
            buf_lit(sql, ";\n");
    }
}

/* Whether every trigger is there with the right text; *out_missing: one is not there at
 * all. Breaks `script` when memory is too short to tell. */
static bool sqlite_line_up_to_date(const struct sqlite_line *line,
                                   const struct sqlite_capture_of *table,
                                   struct buf *script, bool *out_missing)
{
    bool same = true;
    for (int kind = 0; kind < SQLITE_TRIGGER_COUNT; kind++) {
        CDC_CLEANUP(buf_release) struct buf sql;
        buf_init(&sql, LIMIT_OUTPUT_BYTES);
        sqlite_trigger_put(&sql, table, (enum sqlite_trigger_kind)kind);
        const char *installed = line->triggers[kind];
        if (sql.len && !installed)
            *out_missing = true;
        if (!sqlite_line_same_sql(installed ? installed : "", buf_c(&sql)))
            same = false;
        sqlite_sql_carry(script, &sql);
    }
    return same;
}

static void sqlite_line_put_wanted(struct sqlite_line_set *set, struct sqlite_line *line,
                                   struct sqlite_plan *plan)
{
    const struct sqlite_schema *schema = line->schema;
    struct buf *sql = &plan->script;
    bool renewed = line->fresh || !str_is(schema->full_name, line->name) ||
                   !str_is(schema->ddl, line->ddl);
    struct sqlite_capture_of table = {schema, line->line, line->version,
                                      set->quiet && !schema->cascaded};
    bool missing = false;
    bool same = sqlite_line_up_to_date(line, &table, sql, &missing);
    if (same && !renewed && !line->overtaken)
        return;
    if (!line->fresh && missing && (!line->on_table || !renewed))
        buf_printf(
            &plan->warnings,
            "table '%.*s' was made anew or lost its triggers: changes made to it since "
            "then were not captured; step.cdc_snapshot reads what is there\n",
            STR_ARG(schema->full_name));
    if (renewed) {
        if (!line->fresh)
            line->version = set->next_id++;
        table.version = line->version;
        sqlite_line_put_version(line, sql);
        if (!line->fresh)
            sqlite_line_put_fill(line, sql);
    }
    sqlite_line_put_triggers(line, sql, &table);
    if (line->appeared) {
        sqlite_line_put_existing(sql, schema, line->version, SQLITE_KIND_INSERT);
        buf_lit(sql, ";\n");
    }
}

wf_status sqlite_line_write(struct sqlite_line_set *set, struct sqlite_plan *plan, bool all,
                            wf_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct sqlite_line *line = &set->items[i];
        if (line->exists && line->wanted && !all) {
            sqlite_line_put_wanted(set, line, plan);
            continue;
        }
        sqlite_line_put_drops(line, &plan->script, &plan->removed);
        sqlite_line_put_end(line, &plan->script);
        if (!line->exists && !all)
            sqlite_line_put_mark(&plan->script, line->version, SQLITE_KIND_DROPPED, false);
    }
    return buf_status(&plan->script, "SQL", err);
}
