/* SPDX-License-Identifier: MIT
 *
 * What the SQLite provider says about single statements: values, operations, keys, names,
 * order. Random statements are in test_sqlite_replay.c, set-up in test_sqlite_setup.c,
 * ALTER TABLE in test_sqlite_ddl.c, other processes in test_sqlite_process.c.
 */
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

static struct sqlite_rig *rig;

static void setup(void)
{
    rig = sqlite_rig_new();
}

static void teardown(void)
{
    sqlite_rig_free(rig);
}

/* Runs `sql` after the set-up `made`, and compares all changes. */
static void gives(const char *made, const char *sql, const char *events)
{
    sqlite_rig_sql(rig, made);
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, sql);
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), events);
}

START_TEST(every_storage_class_arrives_as_it_is_stored)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
          "INSERT INTO t(v) VALUES (9223372036854775807), (-9223372036854775808), (0.1),"
          " (9e999), (-9e999), (5.0), (NULL), (''), (x''), (x'00ff'), ('a' || char(0) || "
          "'b'),"
          " (CAST(x'ff41' AS TEXT)), ('é');",
          "INSERT main.t -> (1, 9223372036854775807)\n"
          "INSERT main.t -> (2, -9223372036854775808)\n"
          "INSERT main.t -> (3, r3fb999999999999a)\n"
          "INSERT main.t -> (4, r7ff0000000000000)\n"
          "INSERT main.t -> (5, rfff0000000000000)\n"
          "INSERT main.t -> (6, r4014000000000000)\n"
          "INSERT main.t -> (7, null)\n"
          "INSERT main.t -> (8, '')\n"
          "INSERT main.t -> (9, x'')\n"
          "INSERT main.t -> (10, x'00ff')\n"
          "INSERT main.t -> (11, 'a\\00b')\n"
          "INSERT main.t -> (12, '\\ffA')\n"
          "INSERT main.t -> (13, '\\c3\\a9')\n");
}
END_TEST

START_TEST(a_database_in_utf16_gives_utf8)
{
    sqlite_rig_free(rig);
    rig = sqlite_rig_new();
    sqlite_rig_sql(
        rig, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE \"é\"(\"ü\" PRIMARY KEY, b)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig,
                   "INSERT INTO \"é\" VALUES ('ä', x'00'), ('a' || char(0) || 'b', '')");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.é -> ('\\c3\\a4', x'00')\n"
                                             "INSERT main.é -> ('a\\00b', '')\n");
    ck_assert_ptr_nonnull(strstr(buf_c(&rig->schemas), "main.é|CREATE TABLE \"é\""));
}
END_TEST

START_TEST(an_update_tells_the_old_row_and_the_new_one)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 2, 'x')",
          "UPDATE t SET a = 3", "UPDATE main.t (1, 2, 'x') -> (1, 3, 'x')\n");
}
END_TEST

START_TEST(an_update_that_changes_nothing_is_no_change)
{
    gives(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b);"
        "INSERT INTO t VALUES (1, 'x', NULL)",
        "UPDATE t SET a = 'x', b = NULL; UPDATE t SET id = id; UPDATE t SET a = a WHERE 0",
        "");
}
END_TEST

START_TEST(equal_for_sqlite_is_not_the_same)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b);"
          "INSERT INTO t VALUES (1, 'x', 1)",
          "UPDATE t SET a = 'X'; UPDATE t SET b = 1.0; UPDATE t SET b = '1'; UPDATE t SET "
          "b = x'31'",
          "UPDATE main.t (1, 'x', 1) -> (1, 'X', 1)\n"
          "UPDATE main.t (1, 'X', 1) -> (1, 'X', r3ff0000000000000)\n"
          "UPDATE main.t (1, 'X', r3ff0000000000000) -> (1, 'X', '1')\n"
          "UPDATE main.t (1, 'X', '1') -> (1, 'X', x'31')\n");
}
END_TEST

START_TEST(a_changed_key_is_one_update_with_the_old_key)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'x')",
          "UPDATE t SET id = 7", "UPDATE main.t (1, 'x') -> (7, 'x')\n");
}
END_TEST

START_TEST(a_moved_rowid_of_a_table_without_key_is_an_update)
{
    gives("CREATE TABLE t(a); INSERT INTO t VALUES ('x')", "UPDATE t SET rowid = 7",
          "UPDATE main.t ('x') -> ('x')\n");
    sqlite_rig_adopt(rig, "t");
    buf_clear(&rig->mistakes); /* the row was there before the capture */
    sqlite_rig_sql(rig, "UPDATE t SET oid = 9; DELETE FROM t");
    sqlite_rig_drain(rig);
    sqlite_rig_check(rig, "t");
}
END_TEST

START_TEST(replace_deletes_every_row_in_its_way)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b UNIQUE);"
          "INSERT INTO t VALUES (1, 10, 100), (2, 20, 200), (3, 30, 300)",
          "INSERT OR REPLACE INTO t VALUES (1, 20, 300)",
          "DELETE main.t (2, 20, 200)\n"
          "DELETE main.t (3, 30, 300)\n"
          "DELETE main.t (1, 10, 100)\n"
          "INSERT main.t -> (1, 20, 300)\n");
}
END_TEST

START_TEST(replace_is_the_same_with_recursive_triggers)
{
    sqlite_rig_sql(rig, "PRAGMA recursive_triggers = 1");
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 10)",
          "REPLACE INTO t VALUES (1, 11)",
          "DELETE main.t (1, 10)\nINSERT main.t -> (1, 11)\n");
}
END_TEST

START_TEST(what_a_conflict_left_alone_is_not_reported)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b); INSERT INTO t VALUES (1, "
          "10, 5)",
          "INSERT OR IGNORE INTO t VALUES (1, 11, 6);"
          "INSERT INTO t VALUES (2, 10, 6) ON CONFLICT DO NOTHING;"
          "INSERT INTO t VALUES (3, 10, 7) ON CONFLICT(a) DO UPDATE SET b = excluded.b;"
          "INSERT INTO t VALUES (4, 12, 8);",
          "UPDATE main.t (1, 10, 5) -> (1, 10, 7)\nINSERT main.t -> (4, 12, 8)\n");
}
END_TEST

START_TEST(what_was_rolled_back_is_not_seen)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY)",
          "BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2);"
          "ROLLBACK TO s; COMMIT; BEGIN; INSERT INTO t VALUES (3); ROLLBACK",
          "INSERT main.t -> (1)\n");
}
END_TEST

START_TEST(a_delete_of_all_rows_is_a_delete_of_each)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
          "DELETE FROM t", "DELETE main.t (1)\nDELETE main.t (2)\n");
}
END_TEST

START_TEST(foreign_keys_act_in_sight)
{
    sqlite_rig_sql(rig, "PRAGMA foreign_keys = 1");
    gives("CREATE TABLE p(id INTEGER PRIMARY KEY);"
          "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE"
          " ON UPDATE CASCADE);"
          "INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (10, 1), (20, 2)",
          "UPDATE p SET id = 3 WHERE id = 1; DELETE FROM p WHERE id = 2",
          "UPDATE main.c (10, 1) -> (10, 3)\n"
          "UPDATE main.p (1) -> (3)\n"
          "DELETE main.c (20, 2)\n"
          "DELETE main.p (2)\n");
}
END_TEST

START_TEST(a_row_that_refers_to_itself_changes_in_order)
{
    sqlite_rig_sql(rig, "PRAGMA foreign_keys = 1");
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY, up REFERENCES t ON UPDATE CASCADE);"
          "INSERT INTO t VALUES (1, 1), (2, 1)",
          "UPDATE t SET id = 5 WHERE id = 1",
          "UPDATE main.t (1, 1) -> (5, 1)\n"
          "UPDATE main.t (2, 1) -> (2, 5)\n"
          "UPDATE main.t (5, 1) -> (5, 5)\n");
}
END_TEST

START_TEST(generated_columns_are_values_like_others)
{
    gives(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, v AS (a * 2), s TEXT AS (a) STORED)",
        "INSERT INTO t(a) VALUES (3); UPDATE t SET a = 4; DELETE FROM t",
        "INSERT main.t -> (1, 3, 6, '3')\n"
        "UPDATE main.t (1, 3, 6, '3') -> (1, 4, 8, '4')\n"
        "DELETE main.t (1, 4, 8, '4')\n");
}
END_TEST

START_TEST(names_may_be_anything)
{
    gives("CREATE TABLE \"a \"\"b\"\" 'c' d\"(\"select\" INTEGER PRIMARY KEY, \"x\"\"y\" "
          "UNIQUE, 'it''s');"
          "CREATE TABLE [rowid](rowid, _rowid_ TEXT);",
          "REPLACE INTO \"a \"\"b\"\" 'c' d\" VALUES (1, 2, 3);"
          "REPLACE INTO \"a \"\"b\"\" 'c' d\" VALUES (1, 2, 4);"
          "INSERT INTO rowid VALUES (5, 'x'); UPDATE rowid SET oid = 3; DELETE FROM rowid",
          "INSERT main.a \"b\" 'c' d -> (1, 2, 3)\n"
          "DELETE main.a \"b\" 'c' d (1, 2, 3)\n"
          "INSERT main.a \"b\" 'c' d -> (1, 2, 4)\n"
          "INSERT main.rowid -> (5, 'x')\n"
          "UPDATE main.rowid (5, 'x') -> (5, 'x')\n"
          "DELETE main.rowid (5, 'x')\n");
}
END_TEST

START_TEST(views_and_virtual_tables_are_left_alone)
{
    gives("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a);"
          "CREATE VIEW v AS SELECT * FROM t; CREATE VIRTUAL TABLE f USING fts5(x);"
          "CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN INSERT INTO t(a) VALUES (new.a); "
          "END",
          "INSERT INTO v(a) VALUES (1); INSERT INTO f VALUES ('words'); ANALYZE",
          "INSERT main.t -> (1, 1)\n");
}
END_TEST

START_TEST(only_configured_tables_are_captured)
{
    sqlite_rig_tables(rig, "Orders main.x*");
    gives("CREATE TABLE orders(id INTEGER PRIMARY KEY); CREATE TABLE xa(a); CREATE TABLE "
          "y(a);",
          "INSERT INTO orders VALUES (1); INSERT INTO y VALUES (1); INSERT INTO xa VALUES "
          "(2)",
          "INSERT main.orders -> (1)\nINSERT main.xa -> (2)\n");
    ck_assert_int_eq(sqlite_rig_number(rig,
                                       "SELECT count(*) FROM sqlite_master WHERE type ="
                                       " 'trigger' AND tbl_name = 'y'"),
                     0);
}
END_TEST

START_TEST(a_writer_sees_its_own_counters)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
    sqlite_rig_open(rig);
    for (int i = 0; i < 5; i++)
        sqlite_rig_sql(rig, "INSERT INTO t(a) VALUES (random())");
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (77, 1)");
    ck_assert_int_eq(sqlite3_last_insert_rowid(rig->writer), 77);
    ck_assert_int_eq(sqlite3_changes(rig->writer), 1);
    sqlite_rig_sql(rig, "REPLACE INTO t VALUES (78, 1)");
    ck_assert_int_eq(sqlite3_last_insert_rowid(rig->writer), 78);
    ck_assert_int_eq(sqlite3_changes(rig->writer), 1);
    sqlite_rig_sql(rig, "UPDATE t SET a = a + 1 WHERE id < 4");
    ck_assert_int_eq(sqlite3_changes(rig->writer), 3);
    ck_assert_int_eq(sqlite_rig_number(rig, "INSERT INTO t(a) VALUES (5) RETURNING id"),
                     79);
}
END_TEST

START_TEST(a_full_log_gets_the_same_change_again)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig,
                   "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                   " INSERT INTO t SELECT i FROM n");
    for (int i = 0; i < 100000 && rig->count < 5000; i++) {
        rig->room = i % 7;
        ck_assert_int_eq(sqlite_rig_poll(rig, 0, i % 3 ? 1000 : 2), WF_OK);
    }
    rig->room = -1;
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->count, 5000);
    sqlite_rig_check(rig, "t");
}
END_TEST

START_TEST(without_a_budget_nothing_is_read)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1), (2), (3)");
    ck_assert_int_eq(sqlite_rig_poll(rig, 0, 0), WF_OK);
    ck_assert_uint_eq(rig->count, 0);
    ck_assert_int_eq(sqlite_rig_poll(rig, 0, 2), WF_OK);
    ck_assert_uint_eq(rig->count, 2);
    ck_assert_int_eq(sqlite_rig_poll(rig, 0, 2), WF_OK);
    ck_assert_uint_eq(rig->count, 3);
}
END_TEST

START_TEST(a_restart_goes_on_after_what_was_confirmed)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (2)");
    sqlite_rig_drain(rig);
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (3)");
    sqlite_rig_forget(rig);
    sqlite_rig_replica_clear(rig);
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig),
                     "INSERT main.t -> (2)\nINSERT main.t -> (3)\n");
}
END_TEST

START_TEST(confirmed_changes_are_purged)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    rig->counting = true;
    sqlite_rig_sql(rig,
                   "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
                   " INSERT INTO t SELECT i FROM n");
    sqlite_rig_drain(rig);
    ck_assert_int_ge(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_change"), 25000);
    sqlite_rig_confirm(rig);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sqlite_rig_poll(rig, 0, 100), WF_OK);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_change"), 1);
    /* Numbers go on although the table is as good as empty. */
    int64_t last = sqlite_rig_number(rig, "SELECT max(seq) FROM _cdc_change");
    sqlite_rig_sql(rig, "DELETE FROM t WHERE id = 1");
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT max(seq) FROM _cdc_change"), last + 1);
}
END_TEST

START_TEST(what_is_confirmed_shortly_before_the_end_is_stored)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1), (2), (3)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_change"), 1);
}
END_TEST

START_TEST(lag_counts_what_is_not_confirmed)
{
    struct cdc_lag lag;
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    ck_assert_int_eq(cdc_provider_sqlite.lag(rig->state, &lag, &rig->err), WF_OK);
    ck_assert_int_eq(lag.bytes, 0);
    ck_assert_int_eq(lag.seconds, 0);
    sqlite_rig_sql(rig,
                   "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
                   " INSERT INTO t SELECT i, printf('%0100d', i) FROM n;"
                   "UPDATE _cdc_change SET ts = julianday('now') - 1");
    sqlite_rig_close(rig);
    sqlite_rig_open(rig); /* the test changed the times; a new place is right for them */
    sqlite_rig_sql(rig, "UPDATE t SET a = 'x' || a");
    sqlite_rig_drain(rig);
    ck_assert_int_eq(cdc_provider_sqlite.lag(rig->state, &lag, &rig->err), WF_OK);
    ck_assert_int_ge(lag.bytes, 500 * 200);
    ck_assert_int_lt(lag.bytes, 500 * 400);
    sqlite_rig_confirm(rig);
    ck_assert_int_eq(cdc_provider_sqlite.lag(rig->state, &lag, &rig->err), WF_OK);
    ck_assert_int_eq(lag.bytes, 0);
}
END_TEST

START_TEST(lag_has_the_age_of_the_oldest)
{
    struct cdc_lag lag;
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig,
                   "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"
                   "UPDATE _cdc_change SET ts = ts - 1 WHERE seq = (SELECT max(seq) - 1"
                   " FROM _cdc_change)");
    ck_assert_int_eq(cdc_provider_sqlite.lag(rig->state, &lag, &rig->err), WF_OK);
    ck_assert_int_ge(lag.seconds, 86399);
    ck_assert_int_le(lag.seconds, 86410);
}
END_TEST

START_TEST(a_wide_table_keeps_every_old_value)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_CONFIG_BYTES);
    buf_lit(&sql, "CREATE TABLE t(id INTEGER PRIMARY KEY");
    for (int i = 1; i < 990; i++)
        buf_printf(&sql, ", \"column %d\"", i);
    buf_lit(&sql, "); INSERT INTO t(id, \"column 989\") VALUES (1, 'last')");
    sqlite_rig_sql(rig, buf_c(&sql));
    sqlite_rig_adopt(rig, "t");
    sqlite_rig_open(rig);
    sqlite_rig_sql(
        rig, "UPDATE t SET \"column 61\" = 1, \"column 62\" = 2, \"column 500\" = 3;"
             "UPDATE t SET \"column 61\" = NULL, \"column 989\" = 4, \"column 1\" = 0");
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->count, 2);
    sqlite_rig_check(rig, "t");
}
END_TEST

START_TEST(a_table_that_is_too_wide_is_refused)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_CONFIG_BYTES);
    buf_lit(&sql, "CREATE TABLE t(id");
    for (int i = 1; i < 991; i++)
        buf_printf(&sql, ", c%d", i);
    buf_lit(&sql, ")");
    sqlite_rig_sql(rig, buf_c(&sql));
    ck_assert_int_eq(sqlite_rig_try_open(rig), WF_CONFIG);
    ck_assert_str_eq(rig->err.text,
                     "table 'main.t' has 991 columns; at most 990 can be captured");
}
END_TEST

START_TEST(a_mark_is_reached_also_when_nothing_happens)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1)");
    uint64_t mark = (uint64_t)sqlite_rig_number(rig, "SELECT max(seq) FROM _cdc_change");
    ck_assert_uint_lt(rig->mark, mark);
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->mark, mark);
    rig->mark = 0;
    ck_assert_int_eq(sqlite_rig_poll(rig, 0, 10), WF_OK);
    ck_assert_uint_eq(rig->mark, mark);
}
END_TEST

START_TEST(an_attached_database_is_captured_as_well)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
    sqlite_rig_open(rig);
    ck_assert_int_eq(sqlite_rig_shell_on(rig, ":memory:",
                                         "ATTACH '%s' AS shop; CREATE TABLE t(x);"
                                         "INSERT INTO shop.t VALUES (1, 2);"
                                         "REPLACE INTO shop.t VALUES (3, 2);"),
                     0);
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig),
                     "INSERT main.t -> (1, 2)\nDELETE main.t (1, 2)\n"
                     "INSERT main.t -> (3, 2)\n");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, every_storage_class_arrives_as_it_is_stored);
    tcase_add_test(tcase, a_database_in_utf16_gives_utf8);
    tcase_add_test(tcase, an_update_tells_the_old_row_and_the_new_one);
    tcase_add_test(tcase, an_update_that_changes_nothing_is_no_change);
    tcase_add_test(tcase, equal_for_sqlite_is_not_the_same);
    tcase_add_test(tcase, a_changed_key_is_one_update_with_the_old_key);
    tcase_add_test(tcase, a_moved_rowid_of_a_table_without_key_is_an_update);
    tcase_add_test(tcase, replace_deletes_every_row_in_its_way);
    tcase_add_test(tcase, replace_is_the_same_with_recursive_triggers);
    tcase_add_test(tcase, what_a_conflict_left_alone_is_not_reported);
    tcase_add_test(tcase, what_was_rolled_back_is_not_seen);
    tcase_add_test(tcase, a_delete_of_all_rows_is_a_delete_of_each);
    tcase_add_test(tcase, foreign_keys_act_in_sight);
    tcase_add_test(tcase, a_row_that_refers_to_itself_changes_in_order);
    tcase_add_test(tcase, generated_columns_are_values_like_others);
    tcase_add_test(tcase, names_may_be_anything);
    tcase_add_test(tcase, views_and_virtual_tables_are_left_alone);
    tcase_add_test(tcase, only_configured_tables_are_captured);
    tcase_add_test(tcase, a_writer_sees_its_own_counters);
    tcase_add_test(tcase, a_wide_table_keeps_every_old_value);
    tcase_add_test(tcase, a_table_that_is_too_wide_is_refused);
    tcase_add_test(tcase, an_attached_database_is_captured_as_well);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite");
    TCase *statements = tcase_create("statements");
    TCase *stream = tcase_create("stream");
    tcase_add_checked_fixture(statements, setup, teardown);
    tcase_add_checked_fixture(stream, setup, teardown);
    add_tests(statements);
    tcase_add_test(stream, a_full_log_gets_the_same_change_again);
    tcase_add_test(stream, without_a_budget_nothing_is_read);
    tcase_add_test(stream, a_restart_goes_on_after_what_was_confirmed);
    tcase_add_test(stream, confirmed_changes_are_purged);
    tcase_add_test(stream, what_is_confirmed_shortly_before_the_end_is_stored);
    tcase_add_test(stream, lag_counts_what_is_not_confirmed);
    tcase_add_test(stream, lag_has_the_age_of_the_oldest);
    tcase_add_test(stream, a_mark_is_reached_also_when_nothing_happens);
    suite_add_tcase(suite, statements);
    suite_add_tcase(suite, stream);
    return suite;
}
