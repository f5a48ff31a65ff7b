/* SPDX-License-Identifier: MIT
 *
 * Installing, sharing and removing the capture of an SQLite database.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"
#include "tests/support/temp.h"

static struct sqlite_rig *rig;

static void setup(void)
{
    rig = sqlite_rig_new();
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
}

static void teardown(void)
{
    sqlite_rig_free(rig);
}

static void fails(wf_status status, wf_status expected, const char *part)
{
    ck_assert_msg(status == expected, "status %d: %s", (int)status, rig->err.text);
    ck_assert_msg(strstr(rig->err.text, part), "'%s' is not in: %s", part, rig->err.text);
}

static void open_fails(wf_status expected, const char *part)
{
    fails(sqlite_rig_try_open(rig), expected, part);
}

static int64_t ours(void)
{
    return sqlite_rig_number(
        rig, "SELECT count(*) FROM sqlite_master WHERE name LIKE"
             " '\\_cdc%' ESCAPE '\\' OR tbl_name LIKE '\\_cdc%' ESCAPE '\\'");
}

START_TEST(a_database_that_is_not_there_is_not_made)
{
    rig->settings.connection = STR("none.db");
    open_fails(WF_CONFIG, "database 'none.db' does not exist");
    ck_assert_int_ne(access(temp_path(rig->dir, "none.db"), F_OK), 0);
    rig->settings.connection = STR("no/such/folder/none.db");
    open_fails(WF_CONFIG, "does not exist");
}
END_TEST

START_TEST(what_is_no_database_is_refused)
{
    char text[4096];
    memset(text, 'x', sizeof(text));
    temp_write(temp_path(rig->dir, "text"), text, sizeof(text));
    rig->settings.connection = STR("text");
    open_fails(WF_CONFIG, "file is not a database");
    rig->settings.connection = str_from(rig->dir);
    open_fails(WF_CONFIG, "is not a file");
    rig->settings.connection = STR(":memory:");
    open_fails(WF_CONFIG, "must be the path of a database");
    ck_assert_int_eq(cdc_provider_sqlite.check(&rig->settings, &rig->err), WF_CONFIG);
    rig->settings.connection = STR_EMPTY;
    open_fails(WF_CONFIG, "must be the path of a database");
}
END_TEST

START_TEST(a_uri_names_the_same_database)
{
    CDC_CLEANUP(buf_release) struct buf uri;
    buf_init(&uri, LIMIT_TEXT_BYTES);
    buf_printf(&uri, "file://%s/sh%%6Fp.db?mode=rw", rig->dir);
    const char *const good[] = {buf_c(&uri), "file:shop.db",
                                "file:shop.db?cache=private#x"};
    for (size_t i = 0; i < CDC_COUNT(good); i++) {
        rig->settings.connection = str_from(good[i]);
        sqlite_rig_open(rig);
        sqlite_rig_close(rig);
    }
    const char *const bad[] = {"file:shop.db?mode=ro",
                               "file:shop.db?immutable=1",
                               "file://host/shop.db",
                               "file:shop%0.db",
                               "file:shop.db%00",
                               "file:?mode=rw",
                               "file:shop.db?nolock=1&x=%zz"};
    for (size_t i = 0; i < CDC_COUNT(bad); i++) {
        rig->settings.connection = str_from(bad[i]);
        open_fails(WF_CONFIG, "connection");
    }
}
END_TEST

START_TEST(a_database_that_cannot_be_written_is_refused)
{
    if (getuid() == 0) {
        /* Nothing is forbidden to root; a header from the future is what makes it
         * read-only. */
        sqlite_rig_sql(rig, "PRAGMA journal_mode = DELETE; PRAGMA wal_checkpoint");
        FILE *file = fopen(rig->path, "r+b");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fseek(file, 18, SEEK_SET), 0);
        fputc(3, file);
        fclose(file);
    } else {
        chmod(rig->path, 0400);
    }
    open_fails(WF_CONFIG, "");
}
END_TEST

START_TEST(a_misspelt_table_is_named)
{
    sqlite_rig_tables(rig, "t orderz");
    open_fails(WF_CONFIG, "no table 'orderz' in database 'shop.db'");
    ck_assert_int_eq(ours(), 0);
    sqlite_rig_tables(rig, "t order*");
    sqlite_rig_open(rig);
}
END_TEST

/* Only a source that was never here is refused: of another one the table may have been dropped. */
START_TEST(a_table_that_is_not_there_any_more_is_a_warning)
{
    sqlite_rig_open(rig);
    sqlite_rig_close(rig);
    sqlite_rig_tables(rig, "t orderz");
    sqlite_rig_open(rig);
    ck_assert_msg(strstr(buf_c(&rig->notices), "no table 'orderz' in database 'shop.db'"),
                  "%s", buf_c(&rig->notices));
    ck_assert_ptr_nonnull(
        strstr(buf_c(&rig->notices), "it is captured when it comes to be"));
}
END_TEST

START_TEST(a_table_of_the_users_own_in_the_way_is_named)
{
    sqlite_rig_sql(rig, "CREATE TABLE _CDC_change(a)");
    open_fails(WF_CONFIG, "table '_cdc_change' that this provider did not make");
    sqlite_rig_sql(rig, "DROP TABLE _cdc_change; CREATE TABLE _cdc_meta(key, value)");
    open_fails(WF_CONFIG, "table '_cdc_meta' that this provider did not make");
    sqlite_rig_sql(rig,
                   "DROP TABLE _cdc_meta; CREATE TRIGGER _cdc_9_ai AFTER INSERT ON t BEGIN"
                   " SELECT 1; END");
    open_fails(WF_CONFIG, "trigger '_cdc_9_ai'");
}
END_TEST

START_TEST(a_newer_capture_is_not_touched)
{
    sqlite_rig_open(rig);
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "UPDATE _cdc_meta SET value = 2 WHERE key = 'format'");
    open_fails(WF_CONFIG, "newer version");
}
END_TEST

START_TEST(opening_again_writes_no_schema)
{
    sqlite_rig_open(rig);
    sqlite_rig_close(rig);
    int64_t before = sqlite_rig_number(rig, "PRAGMA schema_version");
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    ck_assert_int_eq(sqlite_rig_number(rig, "PRAGMA schema_version"), before);
}
END_TEST

START_TEST(cleanup_leaves_nothing_behind)
{
    sqlite_rig_sql(rig, "CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2)");
    sqlite_rig_drain(rig);
    ck_assert_int_gt(ours(), 0);
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &removed, &rig->err), WF_OK);
    ck_assert_int_eq(ours(), 0);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM sqlite_master"), 2);
    ck_assert_ptr_nonnull(strstr(buf_c(&removed), "trigger _cdc_1_ai on main.t\n"));
    ck_assert_ptr_nonnull(strstr(buf_c(&removed), "table _cdc_change\n"));
    buf_clear(&removed);
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &removed, &rig->err), WF_OK);
    ck_assert_uint_eq(removed.len, 0);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (2, 2); UPDATE t SET a = 3; DELETE FROM t");
}
END_TEST

/* A second source on the same database. */
static struct sqlite_rig *other(const char *source_id)
{
    struct sqlite_rig *second = sqlite_rig_new();
    second->settings.source_id = str_from(source_id);
    second->settings.connection = str_from(rig->path);
    return second;
}

START_TEST(two_sources_get_every_change_each)
{
    struct sqlite_rig *second = other("second");
    sqlite_rig_tables(second, "u");
    sqlite_rig_sql(rig, "CREATE TABLE u(a, b, c, d)");
    sqlite_rig_tables(rig, "t");
    sqlite_rig_open(rig);
    sqlite_rig_open(second);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2); INSERT INTO u VALUES (1, 2, 3, 4)");
    sqlite_rig_drain(rig);
    sqlite_rig_drain(second);
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.t -> (1, 2)\n");
    ck_assert_str_eq(sqlite_rig_events(second), "INSERT main.u -> (1, 2, 3, 4)\n");

    /* The slower one keeps what it has not confirmed. */
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "UPDATE u SET a = 5");
    ck_assert_int_ge(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_change"), 3);
    sqlite_rig_drain(second);
    sqlite_rig_confirm(second);
    sqlite_rig_close(second);
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_change"), 1);

    /* One leaves, the other goes on. */
    sqlite_rig_open(rig);
    sqlite_rig_open(second);
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &removed, &rig->err), WF_OK);
    ck_assert_ptr_nonnull(strstr(buf_c(&removed), "source entry 'shop'\n"));
    ck_assert_ptr_null(strstr(buf_c(&removed), "main.u"));
    ck_assert_ptr_null(strstr(buf_c(&removed), "table"));
    sqlite_rig_forget(second);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (9, 9); DELETE FROM u");
    sqlite_rig_drain(second);
    ck_assert_str_eq(sqlite_rig_events(second), "DELETE main.u (5, 2, 3, 4)\n");
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(second->state, &removed, &rig->err),
                     WF_OK);
    ck_assert_int_eq(ours(), 0);
    sqlite_rig_free(second);
}
END_TEST

START_TEST(the_same_source_id_twice_is_noticed)
{
    struct sqlite_rig *second = other("shop");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2)");
    sqlite_rig_drain(rig);
    sqlite_rig_open(second);
    sqlite_rig_confirm(rig);
    fails(sqlite_rig_poll(rig, 3000, 100), WF_STATE,
          "another process captures database 'shop.db' under the same source_id");
    sqlite_rig_free(second);
}
END_TEST

START_TEST(a_source_that_sleeps_for_long_is_named)
{
    struct sqlite_rig *second = other("sleeper");
    sqlite_rig_open(second);
    sqlite_rig_close(second);
    sqlite_rig_sql(rig,
                   "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000)"
                   " INSERT INTO t(id) SELECT i FROM n;"
                   "UPDATE _cdc_source SET seen = julianday('now') - 3");
    sqlite_rig_open(rig);
    ck_assert_ptr_nonnull(strstr(buf_c(&rig->notices),
                                 "changes are kept for source 'sleeper', "
                                 "which was last seen 3 days ago"));
    sqlite_rig_free(second);
}
END_TEST

START_TEST(more_and_fewer_tables_are_followed)
{
    sqlite_rig_sql(rig, "CREATE TABLE u(a); INSERT INTO u VALUES ('old')");
    sqlite_rig_tables(rig, "t");
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    sqlite_rig_tables(rig, "u");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2); INSERT INTO u VALUES ('new')");
    sqlite_rig_drain(rig);
    /* A table that is only now wanted was there before: its rows are no news. */
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.u -> ('new')\n");
}
END_TEST

START_TEST(manual_setup_prints_what_to_run_and_then_accepts_it)
{
    sqlite_rig_sql(rig,
                   "CREATE TABLE \"x y\"(a PRIMARY KEY, \"b \"\" c\" TEXT DEFAULT 'it''s',"
                   " c AS (a || ';\n'))");
    sqlite_rig_sql(rig,
                   "CREATE UNIQUE INDEX i ON \"x y\"(lower(\"b \"\" c\")) WHERE a > 3");
    CDC_CLEANUP(buf_release) struct buf wide;
    buf_init(&wide, LIMIT_TEXT_BYTES);
    buf_lit(&wide, "CREATE TABLE w(a PRIMARY KEY");
    for (int i = 0; i < 200; i++)
        buf_printf(&wide, ", \"a column's name \xE2\x9C\x89 %d\"", i);
    buf_lit(&wide, ")");
    sqlite_rig_sql(rig, buf_c(&wide));
    rig->options.setup = SQLITE_SETUP_MANUAL;
    open_fails(WF_CONFIG,
               "capture of database 'shop.db' is not installed, and setup is manual");
    ck_assert_int_eq(ours(), 0);
    char *sql = strdup(strstr(buf_c(&rig->notices), "BEGIN IMMEDIATE;"));
    ck_assert_ptr_nonnull(sql);
    for (char *line = sql, *end; (end = strchr(line, '\n')); line = end + 1)
        ck_assert_int_lt(end - line, 2000);
    ck_assert_int_eq(sqlite_rig_shell(rig, sql), 0);
    free(sql);
    ck_assert_int_eq(sqlite_rig_number(rig,
                                       "SELECT count(*) FROM _cdc_version, sqlite_schema"
                                       " WHERE ddl = sql AND tbl_name = 'w'"),
                     1);
    sqlite_rig_forget(rig);
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO \"x y\"(a) VALUES (5)");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig),
                     "INSERT main.x y -> (5, 'it\\27s', '5;\\0a')\n");

    /* A changed schema is said, not acted upon. */
    sqlite_rig_forget(rig);
    sqlite_rig_sql(rig, "ALTER TABLE t ADD COLUMN z DEFAULT 4");
    sqlite_rig_drain(rig);
    ck_assert_ptr_nonnull(
        strstr(buf_c(&rig->notices), "the schema changed and setup is manual"));
    ck_assert_ptr_nonnull(strstr(buf_c(&rig->notices), "CREATE TRIGGER _cdc_1_ai"));
    sqlite_rig_close(rig);
    open_fails(WF_CONFIG, "is out of date, and setup is manual");
}
END_TEST

START_TEST(ids_never_come_twice)
{
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    sqlite_rig_open(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    char *first = strdup(buf_c(&rig->ids));
    sqlite_rig_close(rig);
    buf_clear(&rig->ids);
    sqlite_rig_replica_clear(rig);
    sqlite_rig_open(rig); /* nothing was confirmed: the same change, the same id */
    sqlite_rig_drain(rig);
    ck_assert_str_eq(buf_c(&rig->ids), first);
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &removed, &rig->err), WF_OK);
    sqlite_rig_close(rig);
    buf_clear(&rig->identity);
    buf_clear(&rig->confirmed);
    buf_clear(&rig->ids);
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "DELETE FROM t; INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    ck_assert_ptr_null(strstr(buf_c(&rig->ids), first));
    free(first);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_setup");
    TCase *install = tcase_create("install");
    tcase_add_checked_fixture(install, setup, teardown);
    tcase_add_test(install, a_database_that_is_not_there_is_not_made);
    tcase_add_test(install, what_is_no_database_is_refused);
    tcase_add_test(install, a_uri_names_the_same_database);
    tcase_add_test(install, a_database_that_cannot_be_written_is_refused);
    tcase_add_test(install, a_misspelt_table_is_named);
    tcase_add_test(install, a_table_that_is_not_there_any_more_is_a_warning);
    tcase_add_test(install, a_table_of_the_users_own_in_the_way_is_named);
    tcase_add_test(install, a_newer_capture_is_not_touched);
    tcase_add_test(install, opening_again_writes_no_schema);
    tcase_add_test(install, cleanup_leaves_nothing_behind);
    tcase_add_test(install, two_sources_get_every_change_each);
    tcase_add_test(install, the_same_source_id_twice_is_noticed);
    tcase_add_test(install, a_source_that_sleeps_for_long_is_named);
    tcase_add_test(install, more_and_fewer_tables_are_followed);
    tcase_add_test(install, manual_setup_prints_what_to_run_and_then_accepts_it);
    tcase_add_test(install, ids_never_come_twice);
    suite_add_tcase(suite, install);
    return suite;
}
