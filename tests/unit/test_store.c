/* SPDX-License-Identifier: MIT
 *
 * The store as core uses it.  What happens when the process dies, the disk is full, the file is
 * damaged or memory is short is in tests/fault/test_store_fault.c.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/store.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define SHOP STR("shop")

static const char *dir;
static struct cdc_store *store;
static wf_error err;

static void must(wf_status status)
{
    ck_assert_msg(status == WF_OK, "%s: %s", error_status_name(status), err.text);
}

static void setup(void)
{
    dir = temp_dir();
    must(store_open(dir, &store, &err));
}

static void teardown(void)
{
    store_close(store);
    store = NULL;
}

static void reopen(void)
{
    teardown();
    must(store_open(dir, &store, &err));
}

/* One number that SQL finds in the file, through a connection of its own. */
static int64_t asked(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "state.db"), &db), SQLITE_OK);
    ck_assert_msg(!sqlite3_prepare_v2(db, sql, -1, &statement, NULL), "%s",
                  sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static void execute(const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "state.db"), &db), SQLITE_OK);
    ck_assert_msg(!sqlite3_exec(db, sql, NULL, NULL, NULL), "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void has_position(wf_str source_id, wf_str position, wf_str identity)
{
    CDC_CLEANUP(buf_release) struct buf got_position;
    CDC_CLEANUP(buf_release) struct buf got_identity;
    buf_init(&got_position, LIMIT_TEXT_BYTES);
    buf_init(&got_identity, LIMIT_TEXT_BYTES);
    must(store_position_get(store, source_id, &got_position, &got_identity, &err));
    ck_assert(str_eq(buf_view(&got_position), position));
    ck_assert(str_eq(buf_view(&got_identity), identity));
}

/* Names one after the other, each followed by a space. */
static wf_status add_name(void *ctx, wf_str name, wf_error *row_err)
{
    (void)row_err;
    buf_str(ctx, name);
    buf_byte(ctx, ' ');
    return WF_OK;
}

static void has_subscriptions(wf_str source_id, const char *names)
{
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&got, LIMIT_TEXT_BYTES);
    must(store_subscription_each(store, source_id, &got, add_name, &err));
    ck_assert_str_eq(buf_c(&got), names);
}

/* ---- the file ---- */

START_TEST(the_folder_and_the_file_are_the_owners_alone_whatever_the_umask)
    {
        static const mode_t masks[] = {0, 022, 077, 0277, 0777};
        mode_t before = umask(masks[_i]);
        const char *path = temp_path(temp_dir(), "state");
        struct cdc_store *other = NULL;
        wf_status status = store_open(path, &other, &err);
        umask(before);
        must(status);
        must(store_position_put(other, SHOP, STR("memory"), STR(""), STR("1"), &err));
        struct stat info;
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_uint_eq(info.st_mode & 07777, 0700);
        static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
        for (size_t i = 0; i < CDC_COUNT(files); i++) {
            ck_assert_int_eq(stat(temp_path(path, files[i]), &info), 0);
            ck_assert_uint_eq(info.st_mode & 07777, 0600);
        }
        store_close(other);
    }
END_TEST

START_TEST(a_missing_parent_folder_is_named)
    {
        const char *path = temp_path(temp_dir(), "no/state");
        struct cdc_store *other = NULL;
        ck_assert_int_eq(store_open(path, &other, &err), WF_CONFIG);
        ck_assert_ptr_null(other);
        ck_assert_ptr_nonnull(strstr(err.text, path));
        ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
    }
END_TEST

START_TEST(a_state_dir_that_is_a_file_is_refused)
    {
        const char *path = temp_path(temp_dir(), "state");
        temp_write(path, "x", 1);
        ck_assert_int_eq(store_open(path, &store, &err), WF_CONFIG);
        ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
    }
END_TEST

START_TEST(an_empty_state_dir_is_refused)
    {
        ck_assert_int_eq(store_open("", &store, &err), WF_CONFIG);
        ck_assert_str_eq(err.text, "state_dir is empty");
    }
END_TEST

START_TEST(closing_nothing_does_nothing)
    {
        store_close(NULL);
        ck_assert_ptr_nonnull(store);
    }
END_TEST

START_TEST(the_file_says_what_it_is_and_keeps_what_was_written_through_a_power_cut)
    {
        ck_assert_int_eq(asked("PRAGMA application_id"), 0x63646373);
        ck_assert_int_eq(asked("PRAGMA user_version"), 1);
        ck_assert_int_eq(
            asked("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
            1);
    }
END_TEST

/* The section of docs/state.md that describes a table; empty when there is none. */
static wf_str section_of(wf_str page, const char *table)
{
    char heading[80];
    snprintf(heading, sizeof heading, "\n### `%s`\n", table);
    ptrdiff_t at = str_find(page, str_from(heading));
    if (at < 0)
        return STR_EMPTY;
    wf_str section = str_slice(page, (size_t)at + strlen(heading), page.len);
    ptrdiff_t end = str_find(section, STR("\n### "));
    return end < 0 ? section : str_slice(section, 0, (size_t)end);
}

START_TEST(the_documentation_names_every_table_and_column)
{
    CDC_CLEANUP(buf_release) struct buf page;
    buf_init(&page, LIMIT_TEXT_BYTES);
    FILE *file = fopen(SOURCE_DIR "/docs/state.md", "r");
    ck_assert_msg(file != NULL, "docs/state.md is not there");
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        buf_append(&page, part, got);
    fclose(file);

    sqlite3 *db;
    sqlite3_stmt *columns;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "state.db"), &db), SQLITE_OK);
    const char *sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
                      " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &columns, NULL), SQLITE_OK);
    int count = 0;
    for (; sqlite3_step(columns) == SQLITE_ROW; count++) {
        const char *table = (const char *)sqlite3_column_text(columns, 0);
        char column[80];
        snprintf(column, sizeof column, "`%s`", sqlite3_column_text(columns, 1));
        ck_assert_msg(str_find(section_of(buf_view(&page), table), str_from(column)) >= 0,
                      "%s of %s is not in docs/state.md", column, table);
    }
    ck_assert_int_gt(count, 30);
    sqlite3_finalize(columns);
    sqlite3_close(db);
}
END_TEST

/* ---- positions ---- */

START_TEST(a_source_without_a_position_has_an_empty_one)
    {
        has_position(SHOP, STR_EMPTY, STR_EMPTY);
    }
END_TEST

START_TEST(a_position_is_any_bytes_and_survives_the_close)
    {
        char bytes[256];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)i;
        wf_str position = {bytes, sizeof bytes};
        must(
            store_position_put(store, SHOP, STR("mysql"), STR("server-7"), position, &err));
        has_position(SHOP, position, STR("server-7"));
        reopen();
        has_position(SHOP, position, STR("server-7"));
    }
END_TEST

START_TEST(a_later_position_replaces_the_earlier_one)
    {
        must(store_position_put(store, SHOP, STR("mysql"), STR("a"), STR("1"), &err));
        must(store_position_put(store, SHOP, STR("postgres"), STR("b"), STR("2"), &err));
        must(store_position_put(store, STR("other"), STR("mysql"), STR("c"), STR("3"),
                                &err));
        has_position(SHOP, STR("2"), STR("b"));
        has_position(STR("other"), STR("3"), STR("c"));
        ck_assert_int_eq(asked("SELECT count(*) FROM position"), 2);
        ck_assert_int_eq(
            asked("SELECT count(*) FROM position WHERE provider = 'postgres' AND"
                  " updated_at LIKE '20__-__-__T__:__:__%Z'"),
            1);
    }
END_TEST

START_TEST(an_empty_position_can_be_stored)
    {
        must(store_position_put(store, SHOP, STR_EMPTY, STR_EMPTY, STR_EMPTY, &err));
        has_position(SHOP, STR_EMPTY, STR_EMPTY);
        ck_assert_int_eq(asked("SELECT count(*) FROM position WHERE length(token) = 0"), 1);
    }
END_TEST

START_TEST(a_position_too_long_for_the_callers_buffer_leaves_both_buffers_alone)
    {
        must(store_position_put(store, SHOP, STR("m"), STR("identity"), STR("position"),
                                &err));
        char small[12] = "before";
        char large[64] = "before";
        struct buf position;
        struct buf identity;
        buf_fixed(&position, _i ? large : small, _i ? sizeof large : sizeof small);
        buf_fixed(&identity, _i ? small : large, _i ? sizeof small : sizeof large);
        position.len = identity.len = strlen("before");
        ck_assert_int_eq(store_position_get(store, SHOP, &position, &identity, &err),
                         WF_CONFIG);
        ck_assert(str_is(buf_view(&position), "before"));
        ck_assert(str_is(buf_view(&identity), "before"));
    }
END_TEST

START_TEST(forgetting_a_source_keeps_its_dead_letters_and_other_sources)
    {
        struct store_snapshot progress = {.run = 1, .table = STR("t"), .after = STR("9")};
        struct store_dead_letter letter = {.subscription = STR("s"), .event = STR("{}")};
        wf_str ids[] = {STR("shop"), STR("other")};
        for (size_t i = 0; i < CDC_COUNT(ids); i++) {
            must(store_position_put(store, ids[i], STR("m"), STR("i"), STR("1"), &err));
            must(store_subscription_put(store, ids[i], STR("s"), &err));
            must(store_schema_add(store, ids[i], STR("t"), STR("ddl"), STR("1"), &err));
            must(store_snapshot_put(store, ids[i], &progress, &err));
            must(store_dead_letter_add(store, ids[i], &letter, &err));
        }
        must(store_forget(store, SHOP, &err));
        has_position(SHOP, STR_EMPTY, STR_EMPTY);
        has_position(STR("other"), STR("1"), STR("i"));
        has_subscriptions(SHOP, "");
        has_subscriptions(STR("other"), "s ");
        static const char *const tables[] = {"position", "subscription", "schema_version",
                                             "snapshot_table"};
        for (size_t i = 0; i < CDC_COUNT(tables); i++) {
            char sql[128];
            snprintf(sql, sizeof sql, "SELECT group_concat(source_id) = 'other' FROM %s",
                     tables[i]);
            ck_assert_int_eq(asked(sql), 1);
        }
        ck_assert_int_eq(asked("SELECT count(*) FROM dead_letter"), 2);
        must(store_forget(store, SHOP, &err));
    }
END_TEST

/* ---- subscriptions ---- */

START_TEST(subscriptions_are_listed_once_each_in_order_of_their_names)
    {
        must(store_subscription_put(store, SHOP, STR("mail"), &err));
        must(store_subscription_put(store, SHOP, STR("audit"), &err));
        must(store_subscription_put(store, SHOP, STR("mail"), &err));
        must(store_subscription_put(store, STR("other"), STR("third"), &err));
        has_subscriptions(SHOP, "audit mail ");
        must(store_subscription_drop(store, SHOP, STR("audit"), &err));
        must(store_subscription_drop(store, SHOP, STR("nobody"), &err));
        has_subscriptions(SHOP, "mail ");
        reopen();
        has_subscriptions(SHOP, "mail ");
    }
END_TEST

static wf_status drop_name(void *ctx, wf_str name, wf_error *row_err)
{
    ++*(int *)ctx;
    return store_subscription_drop(store, SHOP, name, row_err);
}

START_TEST(the_store_may_be_used_while_it_lists)
    {
        int calls = 0;
        must(store_subscription_put(store, SHOP, STR("a"), &err));
        must(store_subscription_put(store, SHOP, STR("b"), &err));
        must(store_subscription_each(store, SHOP, &calls, drop_name, &err));
        ck_assert_int_eq(calls, 2);
        has_subscriptions(SHOP, "");
    }
END_TEST

static wf_status refuse_name(void *ctx, wf_str name, wf_error *row_err)
{
    ++*(int *)ctx;
    return error_set(row_err, WF_CANCELLED, "enough of '%.*s'", STR_ARG(name));
}

START_TEST(a_row_function_that_fails_ends_the_list)
    {
        int calls = 0;
        must(store_subscription_put(store, SHOP, STR("a"), &err));
        must(store_subscription_put(store, SHOP, STR("b"), &err));
        ck_assert_int_eq(store_subscription_each(store, SHOP, &calls, refuse_name, &err),
                         WF_CANCELLED);
        ck_assert_int_eq(calls, 1);
        ck_assert_str_eq(err.text, "enough of 'a'");
    }
END_TEST

/* ---- schema history ---- */

/* "table version ddl position;" per row; checks that it is JSON and what is counted. */
static void has_schemas(wf_str table, const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf json;
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&json, LIMIT_TEXT_BYTES);
    buf_init(&got, LIMIT_TEXT_BYTES);
    uint64_t count = 99;
    must(store_schema_list(store, SHOP, table, &json, &count, &err));
    must(json_check(buf_view(&json), "list", &err));
    struct json_iter it = json_iter_of(buf_view(&json));
    uint64_t rows = 0;
    for (wf_str row; json_next(&it, NULL, &row); rows++) {
        static const char *const keys[] = {"table", "version", "ddl", "position"};
        wf_str value;
        for (size_t i = 0; i < CDC_COUNT(keys); i++) {
            ck_assert(json_member(row, keys[i], &value));
            buf_str(&got, value);
            buf_byte(&got, i + 1 < CDC_COUNT(keys) ? ' ' : ';');
        }
        ck_assert(json_member(row, "applied_at", &value));
        ck_assert(str_starts(value, STR("\"20")) && str_ends(value, STR("Z\"")));
    }
    ck_assert_str_eq(buf_c(&got), expected);
    ck_assert_uint_eq(count, rows);
}

START_TEST(a_schema_becomes_a_version_only_when_it_differs_from_the_last)
    {
        must(store_schema_add(store, SHOP, STR("t"), STR("one"), STR("1"), &err));
        must(store_schema_add(store, SHOP, STR("t"), STR("one"), STR("2"), &err));
        must(store_schema_add(store, SHOP, STR("t"), STR("two"), STR("3"), &err));
        must(store_schema_add(store, SHOP, STR("u"), STR("\"x\"\n"), STR("4"), &err));
        must(store_schema_add(store, STR("other"), STR("t"), STR("five"), STR("5"), &err));
        must(store_schema_add(store, SHOP, STR("t"), STR("one"), STR("6"), &err));
        has_schemas(STR("t"),
                    "\"t\" 1 \"one\" \"1\";\"t\" 2 \"two\" \"3\";\"t\" 3 \"one\" \"6\";");
        has_schemas(STR_EMPTY, "\"t\" 1 \"one\" \"1\";\"t\" 2 \"two\" \"3\";"
                               "\"u\" 1 \"\\\"x\\\"\\n\" \"4\";\"t\" 3 \"one\" \"6\";");
        has_schemas(STR("none"), "");
    }
END_TEST

START_TEST(a_schema_list_too_long_for_the_buffer_leaves_it_alone)
    {
        must(store_schema_add(store, SHOP, STR("t"), STR("one"), STR("1"), &err));
        char memory[32];
        struct buf json;
        buf_fixed(&json, memory, sizeof memory);
        buf_lit(&json, "before");
        uint64_t count = 99;
        ck_assert_int_eq(store_schema_list(store, SHOP, STR("t"), &json, &count, &err),
                         WF_CONFIG);
        ck_assert(str_is(buf_view(&json), "before"));
        ck_assert_uint_eq(count, 99);
    }
END_TEST

/* ---- snapshots ---- */

static wf_status add_progress(void *ctx, const struct store_snapshot *p, wf_error *row_err)
{
    (void)row_err;
    buf_printf(ctx, "%llu %.*s [%.*s] [%.*s] %llu/%lld %s;", (unsigned long long)p->run,
               STR_ARG(p->table), STR_ARG(p->where), STR_ARG(p->after),
               (unsigned long long)p->rows, (long long)p->estimated_rows,
               p->done ? "done" : "open");
    return WF_OK;
}

static void has_progress(const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&got, LIMIT_TEXT_BYTES);
    must(store_snapshot_open_tables(store, SHOP, &got, add_progress, &err));
    ck_assert_str_eq(buf_c(&got), expected);
}

static void put_progress(uint64_t run, wf_str table, wf_str after, uint64_t rows, bool done)
{
    struct store_snapshot progress = {
        .run = run,
        .table = table,
        .where = STR("x > 1"),
        .after = after,
        .rows = rows,
        .estimated_rows = -1,
        .done = done,
    };
    must(store_snapshot_put(store, SHOP, &progress, &err));
}

START_TEST(a_run_is_open_until_all_its_tables_are_done)
    {
        uint64_t run = 99;
        must(store_snapshot_last_run(store, SHOP, &run, &err));
        ck_assert_uint_eq(run, 0);
        put_progress(1, STR("b"), STR_EMPTY, 0, false);
        put_progress(1, STR("a"), STR_EMPTY, 0, false);
        has_progress("1 a [x > 1] [] 0/-1 open;1 b [x > 1] [] 0/-1 open;");
        put_progress(1, STR("a"), STR("k7"), 500, false);
        put_progress(1, STR("b"), STR_EMPTY, 0, true);
        reopen();
        has_progress("1 a [x > 1] [k7] 500/-1 open;1 b [x > 1] [] 0/-1 done;");
        put_progress(1, STR("a"), STR("k9"), 700, true);
        has_progress("");
        must(store_snapshot_last_run(store, SHOP, &run, &err));
        ck_assert_uint_eq(run, 1);
    }
END_TEST

START_TEST(open_runs_come_oldest_first_and_finished_ones_go_when_a_later_one_begins)
    {
        put_progress(1, STR("a"), STR("1"), 1, true);
        put_progress(2, STR("b"), STR("1"), 1, false);
        put_progress(3, STR("a"), STR_EMPTY, 0, false);
        has_progress("2 b [x > 1] [1] 1/-1 open;3 a [x > 1] [] 0/-1 open;");
        ck_assert_int_eq(asked("SELECT count(*) FROM snapshot_table WHERE run = 1"), 0);
        uint64_t run = 0;
        must(store_snapshot_last_run(store, SHOP, &run, &err));
        ck_assert_uint_eq(run, 3);
    }
END_TEST

START_TEST(where_a_chunk_ended_is_any_bytes)
    {
        wf_str after = {"\0\xff\0", 3};
        put_progress(1, STR("a"), after, 1, false);
        ck_assert_int_eq(asked("SELECT hex(after) = '00FF00' FROM snapshot_table"), 1);
    }
END_TEST

/* ---- dead letters ---- */

static const struct store_dead_letter example = {
    .subscription = {"mail", 4},
    .event_id = {"pg:1:2", 6},
    .table = {"public.orders", 13},
    .op = {"INSERT", 6},
    .attempts = 5,
    .reason = {"failed", 6},
    .error = {"no route", 8},
    .event = {"{\"id\":\"pg:1:2\"}", 15},
};

START_TEST(a_dead_letter_is_a_row_that_the_host_can_read)
    {
        must(store_dead_letter_add(store, SHOP, &example, &err));
        ck_assert_int_eq(
            asked("SELECT count(*) FROM dead_letter WHERE id = 1 AND source_id = 'shop' AND"
                  " subscription = 'mail' AND event_id = 'pg:1:2' AND table_name = "
                  "'public.orders'"
                  " AND op = 'INSERT' AND attempts = 5 AND reason = 'failed' AND error = "
                  "'no route'"
                  " AND event = CAST('{\"id\":\"pg:1:2\"}' AS BLOB) AND state = 'dead'"
                  " AND created_at LIKE '20__-__-__T__:__:__%Z'"),
            1);
    }
END_TEST

static bool next_replay(struct buf *memory, struct store_dead_letter *out)
{
    bool found = false;
    must(
        store_dead_letter_next_replay(store, SHOP, STR("mail"), memory, out, &found, &err));
    return found;
}

START_TEST(letters_set_to_replay_come_back_oldest_first)
    {
        CDC_CLEANUP(buf_release) struct buf memory;
        buf_init(&memory, LIMIT_TEXT_BYTES);
        struct store_dead_letter letter = {0};
        struct store_dead_letter other = example;
        other.subscription = STR("audit");
        must(store_dead_letter_add(store, SHOP, &other, &err));
        for (int i = 0; i < 3; i++)
            must(store_dead_letter_add(store, SHOP, &example, &err));
        ck_assert(!next_replay(&memory, &letter));

        execute("UPDATE dead_letter SET state = 'replay' WHERE id <> 2");
        buf_lit(&memory, "kept");
        ck_assert(next_replay(&memory, &letter));
        ck_assert_int_eq(letter.id, 3);
        ck_assert_int_eq(letter.attempts, 5);
        ck_assert(str_eq(letter.subscription, example.subscription));
        ck_assert(str_eq(letter.event_id, example.event_id));
        ck_assert(str_eq(letter.table, example.table));
        ck_assert(str_eq(letter.op, example.op));
        ck_assert(str_eq(letter.reason, example.reason));
        ck_assert(str_eq(letter.error, example.error));
        ck_assert(str_eq(letter.event, example.event));
        ck_assert(str_starts(buf_view(&memory), STR("kept")));

        must(store_dead_letter_drop(store, 3, &err));
        ck_assert(next_replay(&memory, &letter));
        ck_assert_int_eq(letter.id, 4);
        must(store_dead_letter_failed(store, 4, STR("still no route"), &err));
        ck_assert(!next_replay(&memory, &letter));
        ck_assert_int_eq(
            asked("SELECT count(*) FROM dead_letter WHERE id = 4 AND state = 'dead' AND"
                  " attempts = 6 AND error = 'still no route'"),
            1);
    }
END_TEST

START_TEST(a_letter_of_empty_texts_comes_back_empty)
    {
        CDC_CLEANUP(buf_release) struct buf memory;
        buf_init(&memory, LIMIT_TEXT_BYTES);
        struct store_dead_letter letter = {0};
        letter.subscription = STR("mail");
        must(store_dead_letter_add(store, SHOP, &letter, &err));
        execute("UPDATE dead_letter SET state = 'replay'");
        ck_assert(next_replay(&memory, &letter));
        ck_assert_uint_eq(letter.event.len, 0);
        ck_assert_uint_eq(letter.error.len, 0);
    }
END_TEST

START_TEST(a_letter_larger_than_the_buffer_is_an_error_and_stays)
    {
        char memory[20];
        struct buf small;
        buf_fixed(&small, memory, sizeof memory);
        struct store_dead_letter letter = {.id = 77};
        bool found = false;
        must(store_dead_letter_add(store, SHOP, &example, &err));
        execute("UPDATE dead_letter SET state = 'replay'");
        ck_assert_int_eq(store_dead_letter_next_replay(store, SHOP, STR("mail"), &small,
                                                       &letter, &found, &err),
                         WF_CONFIG);
        ck_assert_int_eq(letter.id, 77);
        ck_assert(!found);
        ck_assert_int_eq(asked("SELECT count(*) FROM dead_letter"), 1);
    }
END_TEST

START_TEST(a_letters_number_is_never_used_again)
    {
        must(store_dead_letter_add(store, SHOP, &example, &err));
        must(store_dead_letter_drop(store, 1, &err));
        must(store_dead_letter_drop(store, 1, &err));
        must(store_dead_letter_failed(store, 1, STR("gone"), &err));
        must(store_dead_letter_add(store, SHOP, &example, &err));
        ck_assert_int_eq(asked("SELECT id FROM dead_letter"), 2);
    }
END_TEST

START_TEST(a_change_by_another_connection_is_noticed_once)
    {
        ck_assert(!store_changed_by_others(store));
        must(store_dead_letter_add(store, SHOP, &example, &err));
        ck_assert(!store_changed_by_others(store));
        execute("UPDATE dead_letter SET state = 'replay'");
        ck_assert(store_changed_by_others(store));
        ck_assert(!store_changed_by_others(store));
    }
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define PUTS 50

static void *put_many(void *arg)
{
    wf_str id = {arg, 1};
    wf_error mine;
    for (int i = 0; i < PUTS; i++) {
        struct store_dead_letter letter = example;
        if (store_position_put(store, id, STR("m"), STR("i"), STR("p"), &mine) ||
            store_dead_letter_add(store, id, &letter, &mine) ||
            store_forget(store, id, &mine))
            return arg;
        store_changed_by_others(store);
    }
    return NULL;
}

START_TEST(threads_may_share_a_store)
    {
        static char ids[THREADS] = "abcd";
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many, &ids[i]), 0);
        for (size_t i = 0; i < THREADS; i++) {
            void *failed = NULL;
            pthread_join(threads[i], &failed);
            ck_assert_ptr_null(failed);
        }
        ck_assert_int_eq(asked("SELECT count(*) FROM dead_letter"), THREADS * PUTS);
    }
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(
        tcase, the_folder_and_the_file_are_the_owners_alone_whatever_the_umask, 0, 5);
    tcase_add_test(tcase, a_missing_parent_folder_is_named);
    tcase_add_test(tcase, a_state_dir_that_is_a_file_is_refused);
    tcase_add_test(tcase, an_empty_state_dir_is_refused);
    tcase_add_test(tcase, closing_nothing_does_nothing);
    tcase_add_test(tcase,
                   the_file_says_what_it_is_and_keeps_what_was_written_through_a_power_cut);
    tcase_add_test(tcase, the_documentation_names_every_table_and_column);
    tcase_add_test(tcase, a_source_without_a_position_has_an_empty_one);
    tcase_add_test(tcase, a_position_is_any_bytes_and_survives_the_close);
    tcase_add_test(tcase, a_later_position_replaces_the_earlier_one);
    tcase_add_test(tcase, an_empty_position_can_be_stored);
    tcase_add_loop_test(
        tcase, a_position_too_long_for_the_callers_buffer_leaves_both_buffers_alone, 0, 2);
    tcase_add_test(tcase, forgetting_a_source_keeps_its_dead_letters_and_other_sources);
    tcase_add_test(tcase, subscriptions_are_listed_once_each_in_order_of_their_names);
    tcase_add_test(tcase, the_store_may_be_used_while_it_lists);
    tcase_add_test(tcase, a_row_function_that_fails_ends_the_list);
    tcase_add_test(tcase, a_schema_becomes_a_version_only_when_it_differs_from_the_last);
    tcase_add_test(tcase, a_schema_list_too_long_for_the_buffer_leaves_it_alone);
    tcase_add_test(tcase, a_run_is_open_until_all_its_tables_are_done);
    tcase_add_test(
        tcase, open_runs_come_oldest_first_and_finished_ones_go_when_a_later_one_begins);
    tcase_add_test(tcase, where_a_chunk_ended_is_any_bytes);
    tcase_add_test(tcase, a_dead_letter_is_a_row_that_the_host_can_read);
    tcase_add_test(tcase, letters_set_to_replay_come_back_oldest_first);
    tcase_add_test(tcase, a_letter_of_empty_texts_comes_back_empty);
    tcase_add_test(tcase, a_letter_larger_than_the_buffer_is_an_error_and_stays);
    tcase_add_test(tcase, a_letters_number_is_never_used_again);
    tcase_add_test(tcase, a_change_by_another_connection_is_noticed_once);
    tcase_add_test(tcase, threads_may_share_a_store);
    suite_add_tcase(suite, tcase);
    return suite;
}
