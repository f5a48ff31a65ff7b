/* SPDX-License-Identifier: MIT
 *
 * Installing, sharing and removing the capture of an SQLite database, and the failures that have a
 * name.
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

static void poll_fails(wf_status expected, const char *part)
{
    fails(sqlite_rig_poll(rig, 0, 100), expected, part);
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
        /* Nothing is forbidden to root; a header from the future is what makes it read-only. */
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

START_TEST(a_removed_database_is_named)
{
    sqlite_rig_open(rig);
    unlink(rig->path);
    poll_fails(WF_STATE, "database 'shop.db' was removed");
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    CDC_CLEANUP(buf_release) struct buf data;
    buf_init(&data, LIMIT_OUTPUT_BYTES);
    FILE *file = fopen(from, "rb");
    ck_assert_ptr_nonnull(file);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_byte(&data, (char)c);
    fclose(file);
    temp_write(to, data.data, data.len);
}

START_TEST(a_replaced_database_is_named)
{
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "PRAGMA wal_checkpoint(TRUNCATE)");
    const char *copy = temp_path(rig->dir, "copy.db");
    copy_file(rig->path, copy);
    ck_assert_int_eq(rename(copy, rig->path), 0);
    poll_fails(WF_STATE, "database 'shop.db' was replaced by another file");
}
END_TEST

/* An older state through SQLite's own backup: same file, same uuid. */
static void go_back(const char *saved)
{
    sqlite3 *from = NULL;
    ck_assert_int_eq(sqlite3_open(saved, &from), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(rig->writer, "main", from, "main");
    ck_assert_ptr_nonnull(backup);
    ck_assert_int_eq(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(from);
}

static void save(const char *path)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_printf(&sql, "VACUUM INTO '%s'", path);
    sqlite_rig_sql(rig, buf_c(&sql));
}

START_TEST(a_database_put_back_from_a_copy_is_named)
{
    const char *saved = temp_path(rig->dir, "saved.db");
    bool running = _i == 0;
    bool overtaken = _i == 2;
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    save(saved);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (2, 2), (3, 3)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    if (!running)
        sqlite_rig_close(rig);
    go_back(saved);
    if (overtaken) /* the numbers come again, for other changes */
        sqlite_rig_sql(rig, "INSERT INTO t VALUES (4, 4), (5, 5), (6, 6)");
    if (running)
        poll_fails(WF_STATE, "went back in time");
    else
        open_fails(WF_STATE, "went back in time");
}
END_TEST

START_TEST(a_position_that_was_purged_is_named)
{
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    CDC_CLEANUP(buf_release) struct buf old;
    buf_init(&old, LIMIT_TEXT_BYTES);
    buf_str(&old, buf_view(&rig->confirmed));
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (2, 1), (3, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    buf_clear(&rig->confirmed);
    buf_str(&rig->confirmed, buf_view(&old));
    open_fails(WF_STATE, "are no longer kept");
}
END_TEST

START_TEST(capture_removed_by_someone_is_named)
{
    static const struct {
        const char *sql;
        const char *part;
    } harms[] = {
        {"DROP TABLE _cdc_change", "table '_cdc_change' was removed"},
        {"DROP TABLE _cdc_version", "table '_cdc_version' was removed"},
        {"DELETE FROM _cdc_change", "went back in time"},
        {"DELETE FROM _cdc_change WHERE seq = (SELECT max(seq) FROM _cdc_change)",
         "went back in time"},
        {"UPDATE _cdc_change SET k = 800003 WHERE seq = (SELECT max(seq) FROM _cdc_change)",
         "does not describe"},
        {"UPDATE _cdc_change SET k = k | 7 WHERE seq = (SELECT max(seq) FROM _cdc_change)",
         "unknown kind"},
        {"UPDATE _cdc_meta SET value = 'x' WHERE key = 'uuid'; ALTER TABLE t ADD COLUMN n",
         "did not make"},
        {"UPDATE _cdc_meta SET value = lower(hex(randomblob(16))) WHERE key = 'uuid';"
         "ALTER TABLE t ADD COLUMN n",
         "capture tables were removed"},
    };
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    if (strstr(harms[_i].sql, "k =")) {
        sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
        sqlite_rig_sql(rig, harms[_i].sql);
    } else {
        sqlite_rig_sql(rig, harms[_i].sql);
        (void)sqlite_rig_try(rig, "INSERT INTO t VALUES (1, 1)");
    }
    wf_status status = sqlite_rig_poll(rig, 0, 100);
    ck_assert_msg(status == WF_STATE || status == WF_CONFIG || status == WF_PROTOCOL,
                  "status %d: %s", (int)status, rig->err.text);
    ck_assert_msg(strstr(rig->err.text, harms[_i].part), "%s", rig->err.text);
}
END_TEST

START_TEST(versions_that_make_no_sense_are_named)
{
    static const char *const harms[] = {
        "DELETE FROM _cdc_column",
        "INSERT INTO _cdc_column VALUES (1, 9, 'x', 0)",
        "UPDATE _cdc_version SET columns = -1",
        "UPDATE _cdc_version SET columns = 5000",
        "UPDATE _cdc_column SET key_rank = 70000",
        "UPDATE _cdc_column SET key_rank = -1",
        "UPDATE _cdc_version SET id = 1 << 40",
    };
    sqlite_rig_open(rig);
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, harms[_i]);
    open_fails(WF_STATE, "does not describe");
}
END_TEST

START_TEST(a_place_from_another_capture_is_refused)
{
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &removed, &rig->err), WF_OK);
    sqlite_rig_close(rig);
    open_fails(WF_STATE, "the capture tables were removed from database 'shop.db'");

    struct sqlite_rig *second = other("second");
    sqlite_rig_open(second);
    open_fails(WF_STATE, "is not the one that was captured before");
    buf_clear(&rig->identity);
    open_fails(WF_STATE, "");
    buf_clear(&rig->confirmed);
    buf_str(&rig->confirmed, STR("nonsense"));
    open_fails(WF_STATE, "position 'nonsense' is not one of this provider");
    buf_clear(&rig->confirmed);
    sqlite_rig_open(rig);
    sqlite_rig_free(second);
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

START_TEST(a_lock_held_for_too_long_is_unavailable)
{
    rig->options.busy_timeout_ms = 60;
    sqlite_rig_sql(rig, "BEGIN IMMEDIATE");
    int64_t begun = clock_mono_ms();
    open_fails(WF_UNAVAILABLE, "database is locked");
    ck_assert_int_ge(clock_mono_ms() - begun, 50);
    ck_assert_int_le(clock_mono_ms() - begun, 2000);
    rig->options.busy_timeout_ms = 60000;
    atomic_store(&rig->cancelled, true);
    open_fails(WF_CANCELLED, "");
    sqlite_rig_sql(rig, "COMMIT");
}
END_TEST

START_TEST(a_lock_does_not_keep_the_stream_from_being_read)
{
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_sql(rig, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig); /* cannot be stored yet, and is not waited for */
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.t -> (1, 1)\n");
    sqlite_rig_sql(rig, "COMMIT");
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->count, 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_setup");
    TCase *install = tcase_create("install");
    TCase *failures = tcase_create("failures");
    tcase_add_checked_fixture(install, setup, teardown);
    tcase_add_checked_fixture(failures, setup, teardown);
    tcase_add_test(install, a_database_that_is_not_there_is_not_made);
    tcase_add_test(install, what_is_no_database_is_refused);
    tcase_add_test(install, a_uri_names_the_same_database);
    tcase_add_test(install, a_database_that_cannot_be_written_is_refused);
    tcase_add_test(install, a_misspelt_table_is_named);
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
    tcase_add_test(failures, a_removed_database_is_named);
    tcase_add_test(failures, a_replaced_database_is_named);
    tcase_add_loop_test(failures, a_database_put_back_from_a_copy_is_named, 0, 3);
    tcase_add_test(failures, a_position_that_was_purged_is_named);
    tcase_add_loop_test(failures, capture_removed_by_someone_is_named, 0, 8);
    tcase_add_loop_test(failures, versions_that_make_no_sense_are_named, 0, 7);
    tcase_add_test(failures, a_place_from_another_capture_is_refused);
    tcase_add_test(failures, a_lock_held_for_too_long_is_unavailable);
    tcase_add_test(failures, a_lock_does_not_keep_the_stream_from_being_read);
    suite_add_tcase(suite, install);
    suite_add_tcase(suite, failures);
    return suite;
}
