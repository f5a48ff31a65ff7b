/* SPDX-License-Identifier: MIT
 *
 * Captured SQLite databases that are removed, replaced, put back, tampered with or locked:
 * failures that have a name.
 */
#include <poll.h>
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
    poll(NULL, 0, 2); /* a change is told from another of its number by the millisecond */
    if (overtaken)    /* the numbers come again, for other changes */
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

START_TEST(what_is_left_of_a_capture_is_cleared_away_by_a_new_beginning)
{
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "DROP TABLE _cdc_fill; DROP TABLE _cdc_change");
    ck_assert_int_ne(sqlite_rig_try(rig, "INSERT INTO t VALUES (2, 2)"), SQLITE_OK);
    open_fails(WF_STATE, "was removed from database 'shop.db'");
    /* What core does before it opens a source only to clean up. */
    buf_clear(&rig->confirmed);
    buf_clear(&rig->identity);
    sqlite_rig_forget(rig);
    sqlite_rig_open(rig);
    /* A connection that has just failed in a trigger keeps its old schema until it
     * reads. */
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM t"), 1);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (2, 2)");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.t -> (2, 2)\n");
    ck_assert_int_eq(cdc_provider_sqlite.cleanup(rig->state, &rig->notices, &rig->err),
                     WF_OK);
    ck_assert_int_eq(ours(), 0);
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

/* A second source on the same database. */
static struct sqlite_rig *other(const char *source_id)
{
    struct sqlite_rig *second = sqlite_rig_new();
    second->settings.source_id = str_from(source_id);
    second->settings.connection = str_from(rig->path);
    return second;
}

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
    Suite *suite = suite_create("sqlite_failures");
    TCase *failures = tcase_create("failures");
    tcase_add_checked_fixture(failures, setup, teardown);
    tcase_add_test(failures, a_removed_database_is_named);
    tcase_add_test(failures, a_replaced_database_is_named);
    tcase_add_loop_test(failures, a_database_put_back_from_a_copy_is_named, 0, 3);
    tcase_add_test(failures, a_position_that_was_purged_is_named);
    tcase_add_loop_test(failures, capture_removed_by_someone_is_named, 0, 8);
    tcase_add_test(failures, what_is_left_of_a_capture_is_cleared_away_by_a_new_beginning);
    tcase_add_loop_test(failures, versions_that_make_no_sense_are_named, 0, 7);
    tcase_add_test(failures, a_place_from_another_capture_is_refused);
    tcase_add_test(failures, a_lock_held_for_too_long_is_unavailable);
    tcase_add_test(failures, a_lock_does_not_keep_the_stream_from_being_read);
    suite_add_tcase(suite, failures);
    return suite;
}
