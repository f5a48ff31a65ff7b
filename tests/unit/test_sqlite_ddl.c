/* SPDX-License-Identifier: MIT
 *
 * Tables that change while they are captured: ALTER, CREATE, DROP, by other programs, while
 * the source runs and while it does not.
 */
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

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

/* Opens, and once more so that the schema of the beginning is read and confirmed. */
static void begin(void)
{
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_forget(rig);
}

static void expect(const char *events)
{
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), events);
    sqlite_rig_forget(rig);
}

static void notice_has(const char *part)
{
    ck_assert_msg(strstr(buf_c(&rig->notices), part), "'%s' is not in: %s", part,
                  buf_c(&rig->notices));
}

START_TEST(an_added_column_is_followed)
{
    begin();
    sqlite_rig_sql(rig,
                   "INSERT INTO t VALUES (1, 'x'); ALTER TABLE t ADD COLUMN b DEFAULT 7");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(buf_c(&rig->schemas),
                     "main.t|CREATE TABLE t(id INTEGER PRIMARY KEY, a, b DEFAULT 7)\n");
    expect("INSERT main.t -> (1, 'x')\n"
           "DDL main.t CREATE TABLE t(id INTEGER PRIMARY KEY, a, b DEFAULT 7)\n");
    sqlite_rig_sql(rig,
                   "INSERT INTO t VALUES (2, 'y', 8); UPDATE t SET b = 9 WHERE id = 1");
    expect("INSERT main.t -> (2, 'y', 8)\nUPDATE main.t (1, 'x', 7) -> (1, 'x', 9)\n");
}
END_TEST

START_TEST(values_written_before_the_triggers_knew_the_column_are_read)
{
    static const char *const shapes[] = {
        "CREATE TABLE s(id INTEGER PRIMARY KEY, a)",
        "CREATE TABLE s(id TEXT PRIMARY KEY, a) WITHOUT ROWID",
        "CREATE TABLE s(id, a)",
    };
    bool running = _i % 2;
    sqlite_rig_sql(rig, shapes[_i / 2]);
    sqlite_rig_sql(rig, "INSERT INTO s VALUES (1, 'p'), (2, 'q'), (3, 'r')");
    sqlite_rig_adopt(rig, "s");
    begin();
    if (!running)
        sqlite_rig_close(rig);
    sqlite_rig_sql(rig,
                   "ALTER TABLE s ADD COLUMN b DEFAULT 7; UPDATE s SET b = 8 WHERE a = 'q';"
                   "INSERT INTO s VALUES (4, 's', 9), (5, 'u', 7);"
                   "UPDATE s SET b = NULL, a = 'R' WHERE a = 'r';");
    if (!running)
        sqlite_rig_open(rig);
    /* 7, the default, needs no telling. */
    const char *id = _i / 2 == 1 ? "'" : "";
    CDC_CLEANUP(buf_release) struct buf events;
    buf_init(&events, LIMIT_TEXT_BYTES);
    buf_printf(&events, "INSERT main.s -> (%s4%s, 's')\nINSERT main.s -> (%s5%s, 'u')\n",
               id, id, id, id);
    buf_printf(&events, "UPDATE main.s (%s3%s, 'r') -> (%s3%s, 'R')\nDDL main.s ", id, id,
               id, id);
    buf_printf(&events, "%.*s, b DEFAULT 7)%s\n",
               (int)strlen("CREATE TABLE s(id, a") + (_i / 2 == 0   ? 20
                                                      : _i / 2 == 1 ? 17
                                                                    : 0),
               shapes[_i / 2], _i / 2 == 1 ? " WITHOUT ROWID" : "");
    buf_printf(&events,
               "UPDATE main.s -> (%s2%s, 'q', 8)\nUPDATE main.s -> (%s3%s, 'R', null)\n"
               "UPDATE main.s -> (%s4%s, 's', 9)\n",
               id, id, id, id, id, id);
    expect(buf_c(&events));
}
END_TEST

START_TEST(a_long_read_of_an_added_column_goes_on_beside_the_stream)
{
    sqlite_rig_sql(rig,
                   "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
                   " INSERT INTO t SELECT i, i FROM n");
    begin();
    sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "ALTER TABLE t ADD COLUMN b; UPDATE t SET b = id");
    sqlite_rig_open(rig);
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(sqlite_rig_poll(rig, 0, 5000), WF_OK);
        sqlite_rig_sql(rig, "UPDATE t SET a = a + 1, id = id + 30000 WHERE id % 7777 = 5");
        if (i == 1) { /* in the middle of it, and after a kill */
            sqlite_rig_confirm(rig);
            sqlite_rig_close(rig);
            sqlite_rig_open(rig);
        }
        if (i == 2)
            sqlite_rig_sql(rig, "ALTER TABLE t RENAME COLUMN b TO c");
    }
    sqlite_rig_drain(rig);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM _cdc_fill"), 0);
    /* Moved rows leave their old key behind in a replica that never saw their INSERT. */
    buf_clear(&rig->mistakes);
    sqlite_rig_sql(rig, "DELETE FROM t WHERE id > 25000");
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->mistakes.len, 0);
    ck_assert_uint_ge(rig->count, 25000);
}
END_TEST

START_TEST(a_renamed_column_has_its_new_name)
{
    sqlite_rig_sql(rig, "CREATE UNIQUE INDEX i ON t(lower(a))");
    begin();
    sqlite_rig_sql(rig, "ALTER TABLE t RENAME COLUMN a TO \"new name\";"
                        "REPLACE INTO t VALUES (1, 'x'); REPLACE INTO t VALUES (2, 'X')");
    expect("INSERT main.t -> (1, 'x')\nDELETE main.t (1, 'x')\nINSERT main.t -> (2, 'X')\n"
           "DDL main.t CREATE TABLE t(id INTEGER PRIMARY KEY, \"new name\")\n");
    sqlite_rig_sql(rig, "REPLACE INTO t VALUES (3, 'x')");
    expect("DELETE main.t (2, 'X')\nINSERT main.t -> (3, 'x')\n");
}
END_TEST

START_TEST(a_renamed_table_is_followed)
{
    begin();
    sqlite_rig_sql(rig,
                   "ALTER TABLE t RENAME TO \"t 2\"; REPLACE INTO \"t 2\" VALUES (1, 'x');"
                   "REPLACE INTO \"t 2\" VALUES (1, 'y')");
    /* Until the provider has seen it, changes bear the old name. */
    expect("INSERT main.t -> (1, 'x')\nDELETE main.t (1, 'x')\nINSERT main.t -> (1, 'y')\n"
           "DDL main.t 2 CREATE TABLE \"t 2\"(id INTEGER PRIMARY KEY, a)\n");
    sqlite_rig_sql(rig, "DELETE FROM \"t 2\"");
    expect("DELETE main.t 2 (1, 'y')\n");
}
END_TEST

START_TEST(a_rename_that_leaves_the_triggers_behind_is_mended)
{
    begin();
    sqlite_rig_sql(rig, "PRAGMA legacy_alter_table = 1; ALTER TABLE t RENAME TO t2");
    ck_assert_int_ne(sqlite_rig_try(rig, "INSERT INTO t2 VALUES (1, 'x')"), SQLITE_OK);
    expect("DDL main.t2 CREATE TABLE \"t2\"(id INTEGER PRIMARY KEY, a)\n");
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM t2"), 0);
    sqlite_rig_sql(rig, "REPLACE INTO t2 VALUES (1, 'x')");
    expect("INSERT main.t2 -> (1, 'x')\n");
}
END_TEST

START_TEST(a_table_renamed_out_of_the_configuration_is_let_go)
{
    sqlite_rig_tables(rig, "t");
    begin();
    sqlite_rig_sql(rig, "ALTER TABLE t RENAME TO u");
    expect("");
    ck_assert_int_eq(
        sqlite_rig_number(rig, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"),
        0);
    sqlite_rig_sql(rig, "INSERT INTO u VALUES (1, 2); ALTER TABLE u RENAME TO t");
    /* It comes as a new table does, with the rows it has. */
    expect("DDL main.t CREATE TABLE \"t\"(id INTEGER PRIMARY KEY, a)\nINSERT main.t -> (1, "
           "2)\n");
}
END_TEST

START_TEST(a_dropped_table_is_told)
{
    begin();
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2); DROP TABLE t");
    expect("INSERT main.t -> (1, 2)\nDDL main.t DROP TABLE \"t\"\n");
    sqlite_rig_sql(rig, "CREATE TABLE t(x); INSERT INTO t VALUES (5)");
    expect("DDL main.t CREATE TABLE t(x)\nINSERT main.t -> (5)\n");
}
END_TEST

START_TEST(a_new_table_comes_with_the_rows_it_got_meanwhile)
{
    bool running = _i;
    begin();
    if (!running)
        sqlite_rig_close(rig);
    sqlite_rig_sql(rig, "CREATE TABLE n(a PRIMARY KEY, b) WITHOUT ROWID;"
                        "INSERT INTO n VALUES (1, 2), (3, 4)");
    if (!running)
        sqlite_rig_open(rig);
    expect("DDL main.n CREATE TABLE n(a PRIMARY KEY, b) WITHOUT ROWID\n"
           "INSERT main.n -> (1, 2)\nINSERT main.n -> (3, 4)\n");
    sqlite_rig_sql(rig, "UPDATE n SET b = 5 WHERE a = 3");
    expect("UPDATE main.n (3, 4) -> (3, 5)\n");
}
END_TEST

START_TEST(a_table_made_anew_is_captured_again_and_says_so)
{
    begin();
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x'); BEGIN;"
                        "CREATE TABLE new_t(id INTEGER PRIMARY KEY, a TEXT NOT NULL);"
                        "INSERT INTO new_t SELECT * FROM t; DROP TABLE t;"
                        "ALTER TABLE new_t RENAME TO t; COMMIT");
    sqlite_rig_drain(rig);
    notice_has("table 'main.t' was made anew or lost its triggers");
    expect("INSERT main.t -> (1, 'x')\n"
           "DDL main.t CREATE TABLE \"t\"(id INTEGER PRIMARY KEY, a TEXT NOT NULL)\n");
    sqlite_rig_sql(rig, "UPDATE t SET a = 'y'");
    expect("UPDATE main.t (1, 'x') -> (1, 'y')\n");
}
END_TEST

START_TEST(lost_triggers_are_made_again_and_it_is_said)
{
    begin();
    sqlite_rig_sql(rig, "DROP TRIGGER _cdc_1_au");
    sqlite_rig_drain(rig);
    notice_has("table 'main.t' was made anew or lost its triggers");
    sqlite_rig_forget(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x'); UPDATE t SET a = 'y'");
    expect("INSERT main.t -> (1, 'x')\nUPDATE main.t (1, 'x') -> (1, 'y')\n");
}
END_TEST

START_TEST(a_dropped_column_is_refused_by_sqlite_until_the_triggers_are_gone)
{
    begin();
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x')");
    ck_assert_int_ne(sqlite_rig_try(rig, "ALTER TABLE t DROP COLUMN a"), SQLITE_OK);
    ck_assert_ptr_nonnull(strstr(sqlite3_errmsg(rig->writer), "_cdc_1_"));
    /* What the documentation says to do instead. */
    sqlite_rig_sql(rig, "BEGIN; DROP TRIGGER _cdc_1_bi; DROP TRIGGER _cdc_1_bu;"
                        "DROP TRIGGER _cdc_1_ai; DROP TRIGGER _cdc_1_au; DROP TRIGGER "
                        "_cdc_1_ak; DROP TRIGGER _cdc_1_ad;"
                        "ALTER TABLE t DROP COLUMN a; COMMIT");
    expect(
        "INSERT main.t -> (1, 'x')\nDDL main.t CREATE TABLE t(id INTEGER PRIMARY KEY)\n");
    sqlite_rig_sql(rig, "DELETE FROM t");
    expect("DELETE main.t (1)\n");
}
END_TEST

START_TEST(a_new_uniqueness_rule_is_minded)
{
    begin();
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x'); CREATE UNIQUE INDEX i ON t(a)");
    expect("INSERT main.t -> (1, 'x')\n");
    sqlite_rig_sql(rig, "REPLACE INTO t VALUES (2, 'x')");
    expect("DELETE main.t (1, 'x')\nINSERT main.t -> (2, 'x')\n");
    sqlite_rig_sql(rig, "DROP INDEX i; REPLACE INTO t VALUES (3, 'x')");
    expect("INSERT main.t -> (3, 'x')\n");
}
END_TEST

START_TEST(triggers_of_the_application_fire_after_ours)
{
    begin();
    sqlite_rig_sql(rig, "CREATE TRIGGER app AFTER INSERT ON t BEGIN"
                        " UPDATE t SET a = 'stamped' WHERE id = new.id; END");
    expect("");
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x')");
    expect("INSERT main.t -> (1, 'x')\nUPDATE main.t (1, 'x') -> (1, 'stamped')\n");
}
END_TEST

START_TEST(other_changes_of_the_schema_leave_the_triggers_alone)
{
    begin();
    sqlite_rig_sql(rig,
                   "CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT a FROM t; ANALYZE");
    int64_t before = sqlite_rig_number(rig, "PRAGMA schema_version");
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x')");
    expect("INSERT main.t -> (1, 'x')\n");
    ck_assert_int_eq(sqlite_rig_number(rig, "PRAGMA schema_version"), before);
}
END_TEST

START_TEST(vacuum_changes_nothing)
{
    sqlite_rig_sql(rig, "CREATE TABLE n(a); INSERT INTO n VALUES (1), (2), (3)");
    begin();
    sqlite_rig_sql(rig, "DELETE FROM n WHERE a = 1; INSERT INTO t VALUES (1, 'x'); VACUUM;"
                        "UPDATE n SET a = 5 WHERE a = 2");
    expect("DELETE main.n (1)\nINSERT main.t -> (1, 'x')\nUPDATE main.n (2) -> (5)\n");
}
END_TEST

START_TEST(a_wider_table_widens_the_change_rows)
{
    begin();
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 'x');"
                        "CREATE TABLE w(a, b, c, d, e, f, g, h, i);"
                        "INSERT INTO t VALUES (2, 'y')");
    expect("INSERT main.t -> (1, 'x')\nINSERT main.t -> (2, 'y')\n"
           "DDL main.w CREATE TABLE w(a, b, c, d, e, f, g, h, i)\n");
    sqlite_rig_sql(rig,
                   "INSERT INTO w VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9); UPDATE w SET i = 10;"
                   "UPDATE t SET a = 'z' WHERE id = 2");
    expect("INSERT main.w -> (1, 2, 3, 4, 5, 6, 7, 8, 9)\n"
           "UPDATE main.w (1, 2, 3, 4, 5, 6, 7, 8, 9) -> (1, 2, 3, 4, 5, 6, 7, 8, 10)\n"
           "UPDATE main.t (2, 'y') -> (2, 'z')\n");
}
END_TEST

START_TEST(a_second_source_sees_what_the_first_renewed)
{
    struct sqlite_rig *second = sqlite_rig_new();
    second->settings.source_id = STR("second");
    second->settings.connection = str_from(rig->path);
    begin();
    sqlite_rig_open(second);
    sqlite_rig_drain(second);
    sqlite_rig_sql(rig, "ALTER TABLE t ADD COLUMN b");
    sqlite_rig_drain(rig);
    int64_t before = sqlite_rig_number(rig, "PRAGMA schema_version");
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 2, 3)");
    sqlite_rig_drain(second);
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(second), sqlite_rig_events(rig));
    ck_assert_int_eq(sqlite_rig_number(rig, "PRAGMA schema_version"), before);
    sqlite_rig_free(second);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_ddl");
    TCase *tcase = tcase_create("schema");
    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_added_column_is_followed);
    tcase_add_loop_test(tcase, values_written_before_the_triggers_knew_the_column_are_read,
                        0, 6);
    tcase_add_test(tcase, a_long_read_of_an_added_column_goes_on_beside_the_stream);
    tcase_add_test(tcase, a_renamed_column_has_its_new_name);
    tcase_add_test(tcase, a_renamed_table_is_followed);
    tcase_add_test(tcase, a_rename_that_leaves_the_triggers_behind_is_mended);
    tcase_add_test(tcase, a_table_renamed_out_of_the_configuration_is_let_go);
    tcase_add_test(tcase, a_dropped_table_is_told);
    tcase_add_loop_test(tcase, a_new_table_comes_with_the_rows_it_got_meanwhile, 0, 2);
    tcase_add_test(tcase, a_table_made_anew_is_captured_again_and_says_so);
    tcase_add_test(tcase, lost_triggers_are_made_again_and_it_is_said);
    tcase_add_test(tcase,
                   a_dropped_column_is_refused_by_sqlite_until_the_triggers_are_gone);
    tcase_add_test(tcase, a_new_uniqueness_rule_is_minded);
    tcase_add_test(tcase, triggers_of_the_application_fire_after_ours);
    tcase_add_test(tcase, other_changes_of_the_schema_leave_the_triggers_alone);
    tcase_add_test(tcase, vacuum_changes_nothing);
    tcase_add_test(tcase, a_wider_table_widens_the_change_rows);
    tcase_add_test(tcase, a_second_source_sees_what_the_first_renewed);
    suite_add_tcase(suite, tcase);
    return suite;
}
