/* SPDX-License-Identifier: MIT
 *
 * sqlite_rig - see the header.
 */
#include "tests/support/sqlite_rig.h"

#include <check.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_schema.h"
#include "tests/support/temp.h"

#define RIG_TEXT LIMIT_OUTPUT_BYTES

static void sqlite_rig_put_bytes(struct buf *out, const char *prefix, wf_str bytes)
{
    buf_cstr(out, prefix);
    buf_byte(out, '\'');
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (*prefix || c < 0x20 || c > 0x7e || c == '\'' || c == '\\')
            buf_printf(out, *prefix ? "%02x" : "\\%02x", c);
        else
            buf_byte(out, (char)c);
    }
    buf_byte(out, '\'');
}

static void sqlite_rig_put_real(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    buf_printf(out, "r%016" PRIx64, bits);
}

void sqlite_rig_put_value(struct buf *out, const struct cdc_value *value)
{
    double real = 0;
    switch (value->kind) {
    case CDC_VALUE_NULL:
        buf_lit(out, "null");
        break;
    case CDC_VALUE_INT:
        buf_i64(out, value->integer);
        break;
    case CDC_VALUE_TEXT:
        sqlite_rig_put_bytes(out, "", value->text);
        break;
    case CDC_VALUE_BYTES:
        sqlite_rig_put_bytes(out, "x", value->text);
        break;
    case CDC_VALUE_JSON: /* only real numbers are JSON here */
        if (str_is(value->text, "\"Infinity\""))
            real = HUGE_VAL;
        else if (str_is(value->text, "\"-Infinity\""))
            real = -HUGE_VAL;
        else
            ck_assert_msg(str_to_double(value->text, &real), "no number: %.*s",
                          STR_ARG(value->text));
        sqlite_rig_put_real(out, real);
        break;
    default:
        ck_abort_msg("a value of kind %d", (int)value->kind);
    }
}

static void sqlite_rig_put_column(struct buf *out, sqlite3_stmt *stmt, int column)
{
    const char *bytes;
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        buf_i64(out, sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_FLOAT:
        sqlite_rig_put_real(out, sqlite3_column_double(stmt, column));
        break;
    case SQLITE_TEXT:
        bytes = (const char *)sqlite3_column_text(stmt, column);
        sqlite_rig_put_bytes(out, "",
                             (wf_str){bytes, (size_t)sqlite3_column_bytes(stmt, column)});
        break;
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(stmt, column);
        sqlite_rig_put_bytes(out, "x",
                             (wf_str){bytes, (size_t)sqlite3_column_bytes(stmt, column)});
        break;
    default:
        buf_lit(out, "null");
    }
}

static void sqlite_rig_put_row(struct buf *out, const struct cdc_table *table,
                               const struct cdc_value *values)
{
    buf_byte(out, '(');
    bool first = true;
    for (size_t i = 0; i < table->count; i++) {
        if (values[i].kind == CDC_VALUE_ABSENT)
            continue;
        buf_cstr(out, first ? "" : ", ");
        first = false;
        sqlite_rig_put_value(out, &values[i]);
    }
    buf_byte(out, ')');
}

/* What the row is known by: its key, or its identity where the key does not tell. */
static void sqlite_rig_put_id(struct buf *out, const struct cdc_table *table,
                              const struct cdc_value *values, wf_str identity)
{
    bool keyed = table->key_count > 0;
    for (size_t i = 0; i < table->key_count; i++)
        keyed &= values[table->keys[i]].kind != CDC_VALUE_NULL;
    if (!keyed) {
        ck_assert_msg(identity.len, "a row without key and identity");
        buf_byte(out, '#');
        buf_str(out, identity);
        return;
    }
    for (size_t i = 0; i < table->key_count; i++) {
        sqlite_rig_put_value(out, &values[table->keys[i]]);
        buf_byte(out, ' ');
    }
}

static int sqlite_rig_replica(struct sqlite_rig *rig, const char *sql, wf_str table,
                              wf_str id, wf_str row)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_prepare_v2(rig->replica, sql, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_text(stmt, 1, table.ptr, (int)table.len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id.ptr, (int)id.len, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(stmt) > 2)
        sqlite3_bind_text(stmt, 3, row.ptr, (int)row.len, SQLITE_STATIC);
    sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return sqlite3_changes(rig->replica);
}

static void sqlite_rig_mistake(struct sqlite_rig *rig, const char *what, wf_str line)
{
    buf_printf(&rig->mistakes, "%s: %.*s\n", what, STR_ARG(line));
}

static void sqlite_rig_apply(struct sqlite_rig *rig, const struct cdc_change *change,
                             wf_str line)
{
    CDC_CLEANUP(buf_release) struct buf id;
    CDC_CLEANUP(buf_release) struct buf row;
    buf_init(&id, RIG_TEXT);
    buf_init(&row, RIG_TEXT);
    const struct cdc_table *table = change->table;
    if (change->before) {
        wf_str identity =
            change->old_identity.len ? change->old_identity : change->identity;
        sqlite_rig_put_id(&id, table, change->before, identity);
        sqlite_rig_put_row(&row, table, change->before);
        if (sqlite_rig_replica(rig, "DELETE FROM r WHERE t = ?1 AND id = ?2 AND row = ?3",
                               table->name, buf_view(&id), buf_view(&row)) != 1)
            sqlite_rig_mistake(rig, "no such row", line);
    }
    buf_clear(&id);
    buf_clear(&row);
    if (!change->after)
        return;
    sqlite_rig_put_id(&id, table, change->after, change->identity);
    sqlite_rig_put_row(&row, table, change->after);
    bool known = change->op == CDC_INSERT || change->before;
    if (sqlite_rig_replica(rig,
                           known ? "INSERT OR IGNORE INTO r VALUES (?1, ?2, ?3)"
                                 : "INSERT OR REPLACE INTO r VALUES (?1, ?2, ?3)",
                           table->name, buf_view(&id), buf_view(&row)) != 1)
        sqlite_rig_mistake(rig, "row is there already", line);
}

wf_status sqlite_rig_take_raw(void *ctx, struct cdc_table *table,
                              const struct cdc_value *values, wf_str identity,
                              wf_error *err)
{
    struct sqlite_rig *rig = ctx;
    (void)err;
    for (size_t i = 0; i < table->count; i++) {
        buf_printf(&rig->events, "%d:", (int)values[i].kind);
        if (values[i].kind >= CDC_VALUE_JSON)
            buf_str(&rig->events, values[i].text);
        else
            buf_i64(&rig->events, values[i].integer);
        buf_byte(&rig->events, ' ');
    }
    buf_printf(&rig->events, "#%.*s\n", STR_ARG(identity));
    return WF_OK;
}

static wf_status sqlite_rig_emit(void *ctx, const struct cdc_change *change, wf_error *err)
{
    struct sqlite_rig *rig = ctx;
    if (rig->room == 0)
        return CDC_FULL;
    if (rig->room > 0)
        rig->room--;
    rig->count++;
    if (rig->counting)
        return WF_OK;
    if (rig->raw)
        return sqlite_rig_take_raw(rig, change->table, change->after, change->identity,
                                   err);
    CDC_CLEANUP(buf_release) struct buf line;
    buf_init(&line, RIG_TEXT);
    buf_str(&line, change_op_text(change->op));
    if (change->table)
        buf_printf(&line, " %.*s", STR_ARG(change->table->name));
    if (change->before) {
        buf_byte(&line, ' ');
        sqlite_rig_put_row(&line, change->table, change->before);
    }
    if (change->after) {
        buf_lit(&line, " -> ");
        sqlite_rig_put_row(&line, change->table, change->after);
    }
    if (change->op == CDC_DDL && rig->added)
        sqlite_rig_replica(rig,
                           "UPDATE r SET row = substr(row, 1, length(row) - 1) || ?2 || ')'"
                           " WHERE t = ?1",
                           change->table->name, str_from(rig->added), STR_EMPTY);
    if (change->op == CDC_DDL)
        buf_printf(&line, " %.*s", STR_ARG(change->ddl));
    else
        sqlite_rig_apply(rig, change, buf_view(&line));
    ck_assert(change->id.len && change->position.len);
    buf_printf(&rig->ids, "%.*s\n", STR_ARG(change->id));
    buf_str(&rig->events, buf_view(&line));
    buf_byte(&rig->events, '\n');
    return WF_OK;
}

static void sqlite_rig_commit(void *ctx, wf_str position)
{
    struct sqlite_rig *rig = ctx;
    buf_clear(&rig->position);
    buf_str(&rig->position, position);
}

static void sqlite_rig_mark_reached(void *ctx, uint64_t mark)
{
    struct sqlite_rig *rig = ctx;
    if (!rig->counting)
        ck_assert_uint_ge(mark, rig->mark);
    rig->mark = mark;
}

static bool sqlite_rig_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx;
    (void)table;
    (void)op;
    return true;
}

static wf_status sqlite_rig_schema(void *ctx, wf_str table, wf_str ddl, wf_str position,
                                   wf_error *err)
{
    struct sqlite_rig *rig = ctx;
    (void)position;
    (void)err;
    buf_printf(&rig->schemas, "%.*s|%.*s\n", STR_ARG(table), STR_ARG(ddl));
    return WF_OK;
}

static void sqlite_rig_notice(void *ctx, enum log_level level, const char *text)
{
    struct sqlite_rig *rig = ctx;
    (void)level;
    buf_printf(&rig->notices, "%s\n", text);
}

struct sqlite_rig *sqlite_rig_new(void)
{
    struct sqlite_rig *rig = calloc(1, sizeof(*rig));
    ck_assert_ptr_nonnull(rig);
    rig->dir = temp_dir();
    rig->path = temp_path(rig->dir, "shop.db");
    rig->room = -1;
    struct buf *buffers[] = {&rig->identity, &rig->position, &rig->confirmed, &rig->events,
                             &rig->notices,  &rig->schemas,  &rig->mistakes,  &rig->ids};
    for (size_t i = 0; i < CDC_COUNT(buffers); i++)
        buf_init(buffers[i], RIG_TEXT);
    rig->emitter = (struct cdc_emitter){
        .ctx = rig,
        .emit = sqlite_rig_emit,
        .commit = sqlite_rig_commit,
        .mark_reached = sqlite_rig_mark_reached,
        .wanted = sqlite_rig_wanted,
        .schema = sqlite_rig_schema,
        .notice = sqlite_rig_notice,
    };
    rig->options = (struct sqlite_options){SQLITE_SETUP_AUTO, 10000};
    rig->settings = (struct cdc_settings){
        .provider_name = STR("sqlite"),
        .source_id = STR("shop"),
        .connection = str_from("shop.db"),
        .config_dir = str_from(rig->dir),
        .tables.items = rig->patterns,
        .provider = &cdc_provider_sqlite,
        .options = &rig->options,
    };
    ck_assert_int_eq(sqlite3_open(rig->path, &rig->writer), SQLITE_OK);
    sqlite3_busy_timeout(rig->writer, 10000);
    sqlite_rig_sql(rig, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    ck_assert_int_eq(sqlite3_open(":memory:", &rig->replica), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(rig->replica,
                                  "CREATE TABLE r(t, id, row, PRIMARY KEY(t, id))", NULL,
                                  NULL, NULL),
                     SQLITE_OK);
    return rig;
}

void sqlite_rig_free(struct sqlite_rig *rig)
{
    sqlite_rig_close(rig);
    sqlite3_close_v2(rig->writer);
    sqlite3_close_v2(rig->replica);
    struct buf *buffers[] = {&rig->identity, &rig->position, &rig->confirmed, &rig->events,
                             &rig->notices,  &rig->schemas,  &rig->mistakes,  &rig->ids};
    for (size_t i = 0; i < CDC_COUNT(buffers); i++)
        buf_release(buffers[i]);
    free(rig);
}

int sqlite_rig_try(struct sqlite_rig *rig, const char *sql)
{
    return sqlite3_exec(rig->writer, sql, NULL, NULL, NULL);
}

void sqlite_rig_sql(struct sqlite_rig *rig, const char *sql)
{
    ck_assert_msg(sqlite_rig_try(rig, sql) == SQLITE_OK, "%s: %s",
                  sqlite3_errmsg(rig->writer), sql);
}

int64_t sqlite_rig_number(struct sqlite_rig *rig, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_msg(sqlite3_prepare_v2(rig->writer, sql, -1, &stmt, NULL) == SQLITE_OK,
                  "%s: %s", sqlite3_errmsg(rig->writer), sql);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

FILE *sqlite_rig_shell_begin(struct sqlite_rig *rig, const char *database)
{
    CDC_CLEANUP(buf_release) struct buf command;
    buf_init(&command, LIMIT_TEXT_BYTES);
    buf_printf(&command,
               "exec sqlite3 -bail -cmd '.timeout 10000' '%s' >'%s/shell.out' 2>&1",
               database, rig->dir);
    FILE *shell = popen(buf_c(&command), "w");
    ck_assert_ptr_nonnull(shell);
    return shell;
}

static int sqlite_rig_shell_end(FILE *shell)
{
    int status = pclose(shell);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int sqlite_rig_shell(struct sqlite_rig *rig, const char *input)
{
    FILE *shell = sqlite_rig_shell_begin(rig, rig->path);
    fputs(input, shell);
    return sqlite_rig_shell_end(shell);
}

int sqlite_rig_shell_on(struct sqlite_rig *rig, const char *database, const char *input)
{
    FILE *shell = sqlite_rig_shell_begin(rig, database);
    const char *mark = strstr(input, "%s");
    ck_assert_ptr_nonnull(mark);
    fprintf(shell, "%.*s%s%s", (int)(mark - input), input, rig->path, mark + 2);
    return sqlite_rig_shell_end(shell);
}

void sqlite_rig_tables(struct sqlite_rig *rig, const char *list)
{
    rig->settings.tables.count = 0;
    wf_str rest = str_from(list);
    for (wf_str part; str_next(&rest, ' ', &part);)
        rig->patterns[rig->settings.tables.count++] = part;
}

wf_status sqlite_rig_try_open(struct sqlite_rig *rig)
{
    ck_assert_ptr_null(rig->state);
    rig->state = calloc(1, cdc_provider_sqlite.state_size);
    ck_assert_ptr_nonnull(rig->state);
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&identity, LIMIT_TEXT_BYTES);
    struct cdc_open with = {
        .settings = &rig->settings,
        .from = buf_view(&rig->confirmed),
        .identity = buf_view(&rig->identity),
        .out = &rig->emitter,
        .cancelled = &rig->cancelled,
        .out_identity = &identity,
    };
    rig->mark = 0;
    wf_status status = cdc_provider_sqlite.open(rig->state, &with, &rig->err);
    if (status) {
        cdc_provider_sqlite.close(rig->state);
        free(rig->state);
        rig->state = NULL;
        return status;
    }
    buf_clear(&rig->identity);
    buf_str(&rig->identity, buf_view(&identity));
    return WF_OK;
}

void sqlite_rig_open(struct sqlite_rig *rig)
{
    wf_status status = sqlite_rig_try_open(rig);
    ck_assert_msg(!status, "open: %d %s", (int)status, rig->err.text);
}

void sqlite_rig_close(struct sqlite_rig *rig)
{
    if (!rig->state)
        return;
    cdc_provider_sqlite.close(rig->state);
    free(rig->state);
    rig->state = NULL;
}

wf_status sqlite_rig_poll(struct sqlite_rig *rig, int timeout_ms, uint32_t max_changes)
{
    struct cdc_budget budget = {timeout_ms, max_changes};
    return cdc_provider_sqlite.poll(rig->state, budget, &rig->err);
}

void sqlite_rig_drain(struct sqlite_rig *rig)
{
    for (uint64_t before = UINT64_MAX; before != rig->count;) {
        before = rig->count;
        wf_status status = sqlite_rig_poll(rig, 0, 100000);
        ck_assert_msg(!status, "poll: %d %s", (int)status, rig->err.text);
    }
}

void sqlite_rig_confirm(struct sqlite_rig *rig)
{
    if (!rig->position.len)
        return;
    wf_status status =
        cdc_provider_sqlite.confirm(rig->state, buf_view(&rig->position), &rig->err);
    ck_assert_msg(!status, "confirm: %d %s", (int)status, rig->err.text);
    buf_clear(&rig->confirmed);
    buf_str(&rig->confirmed, buf_view(&rig->position));
}

/* The same two texts from the table itself, by other means than the provider's. */
static void sqlite_rig_each_row(struct sqlite_rig *rig, const char *table, const char *sql,
                                const char *what)
{
    char shown[] = "test";
    struct sqlite_db db = {.handle = rig->writer, .shown = shown};
    struct cancel cancel = {0};
    db.cancel = &cancel;
    struct sqlite_schema *schema = NULL;
    wf_status status = sqlite_schema_read(&db, str_from(table), &schema, &rig->err);
    ck_assert_msg(!status, "%s", rig->err.text);
    CDC_CLEANUP(buf_release) struct buf select;
    buf_init(&select, LIMIT_TEXT_BYTES);
    buf_lit(&select, "SELECT * , ");
    if (schema->rowid_name.len)
        buf_sql_quoted(&select, schema->rowid_name, '"');
    else
        buf_lit(&select, "NULL");
    buf_lit(&select, " FROM main.");
    buf_sql_quoted(&select, str_from(table), '"');
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_prepare_v2(rig->writer, buf_c(&select), -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        CDC_CLEANUP(buf_release) struct buf id;
        CDC_CLEANUP(buf_release) struct buf row;
        buf_init(&id, RIG_TEXT);
        buf_init(&row, RIG_TEXT);
        bool keyed = false;
        buf_byte(&row, '(');
        for (int i = 0; i < (int)schema->count; i++) {
            buf_cstr(&row, i ? ", " : "");
            sqlite_rig_put_column(&row, stmt, i);
        }
        buf_byte(&row, ')');
        bool null = false;
        for (int rank = 1; rank <= (int)schema->count; rank++) {
            for (int i = 0; i < (int)schema->count; i++) {
                if (schema->columns[i].key_rank != rank)
                    continue;
                keyed = true;
                null |= sqlite3_column_type(stmt, i) == SQLITE_NULL;
                sqlite_rig_put_column(&id, stmt, i);
                buf_byte(&id, ' ');
            }
        }
        if (!keyed || null) {
            buf_clear(&id);
            buf_printf(&id, "#%lld",
                       (long long)sqlite3_column_int64(stmt, (int)schema->count));
        }
        if (sqlite_rig_replica(rig, sql, schema->full_name, buf_view(&id),
                               buf_view(&row)) != 1)
            sqlite_rig_mistake(rig, what, buf_view(&row));
    }
    sqlite3_finalize(stmt);
    sqlite_schema_free(schema);
}

void sqlite_rig_adopt(struct sqlite_rig *rig, const char *table)
{
    sqlite_rig_each_row(rig, table, "INSERT OR REPLACE INTO r VALUES (?1, ?2, ?3)",
                        "adopt");
}

void sqlite_rig_check(struct sqlite_rig *rig, const char *table)
{
    sqlite3_exec(rig->replica, "BEGIN", NULL, NULL, NULL);
    sqlite_rig_each_row(rig, table, "DELETE FROM r WHERE t = ?1 AND id = ?2 AND row = ?3",
                        "the replica misses");
    sqlite3_stmt *stmt = NULL;
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    buf_printf(&name, "main.%s", table);
    sqlite3_prepare_v2(rig->replica, "SELECT row FROM r WHERE t = ?1", -1, &stmt, NULL);
    sqlite3_bind_text(stmt, 1, name.data, (int)name.len, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        sqlite_rig_mistake(rig, "the replica has besides",
                           str_from((const char *)sqlite3_column_text(stmt, 0)));
    sqlite3_finalize(stmt);
    sqlite3_exec(rig->replica, "ROLLBACK", NULL, NULL, NULL);
    ck_assert_msg(rig->mistakes.len == 0, "%.1500s\nevents:\n%.5000s",
                  buf_c(&rig->mistakes), buf_c(&rig->events));
}

void sqlite_rig_replica_clear(struct sqlite_rig *rig)
{
    sqlite3_exec(rig->replica, "DELETE FROM r", NULL, NULL, NULL);
}

const char *sqlite_rig_events(struct sqlite_rig *rig)
{
    return buf_c(&rig->events);
}

void sqlite_rig_forget(struct sqlite_rig *rig)
{
    buf_clear(&rig->events);
    buf_clear(&rig->notices);
    buf_clear(&rig->schemas);
}
