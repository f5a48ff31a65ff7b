/* SPDX-License-Identifier: MIT
 *
 * The property the SQLite provider exists for: whatever statements run, a replica built
 * from the changes alone equals the table, and no change is invented.  Random statements
 * against tables of every kind, with every conflict clause, with recursive triggers off and
 * on, with and without triggers of the application's own.  SQLITE_REPLAY_TRANSACTIONS makes
 * it run longer, SQLITE_REPLAY_SEED with other statements.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

struct replay_shape {
    const char *name;
    const char *sql;
    const char *columns[6]; /* that may be written */
    const char *rowid;      /* that may be written; NULL: none */
    const char *conflict;   /* target of ON CONFLICT; "" where any will do */
    bool
        no_update_replace; /* see docs/sqlite.md: the one order that triggers cannot get right */
};

static const struct replay_shape replay_shapes[] = {
    {"integer key and unique column",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b UNIQUE, c TEXT COLLATE NOCASE);",
     {"id", "a", "b", "c"},
     NULL,
     "(b)",
     false},
    {"no key", "CREATE TABLE t(a, b INT, c REAL);", {"a", "b", "c"}, "rowid", "", false},
    {"text key that may be null",
     "CREATE TABLE t(a TEXT PRIMARY KEY, b UNIQUE, c);",
     {"a", "b", "c"},
     "oid",
     "(a)",
     false},
    {"without rowid, composite key with collation and DESC",
     "CREATE TABLE t(a INT, b TEXT COLLATE NOCASE, c UNIQUE, d, PRIMARY KEY(a, b DESC))"
     " WITHOUT ROWID;",
     {"a", "b", "c", "d"},
     NULL,
     "(a, b)",
     false},
    {"expression and partial indexes",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c);"
     "CREATE UNIQUE INDEX e ON t(lower(a) /* , */, \"b\" + 1 DESC);"
     "CREATE UNIQUE INDEX p ON t(b) WHERE c > 3;",
     {"id", "a", "b", "c"},
     NULL,
     "(b) WHERE c > 3",
     false},
    {"generated columns",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT, g AS (a + b) VIRTUAL UNIQUE,"
     " /* ) */ s TEXT AS (g2 || 'x') STORED, g2 AS (coalesce([a], ')')), CHECK (a IS NOT "
     "99));"
     " ALTER TABLE t ADD COLUMN g3 AS (g2);",
     {"id", "a", "b"},
     NULL,
     "(g)",
     false},
    {"conflict clauses of the table itself",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT NOT NULL ON CONFLICT REPLACE DEFAULT 3"
     " UNIQUE ON CONFLICT REPLACE, b UNIQUE ON CONFLICT IGNORE, c);",
     {"id", "a", "b", "c"},
     NULL,
     "",
     false},
    {"two unique columns and a composite one",
     "CREATE TABLE t(a UNIQUE, b UNIQUE, c, d, UNIQUE(c, d));",
     {"a", "b", "c", "d"},
     "_rowid_",
     "(c, d)",
     false},
    {"columns with the names of ours",
     "CREATE TABLE t(seq, rid UNIQUE, t, c0, PRIMARY KEY(c0, t)) WITHOUT ROWID;"
     "CREATE UNIQUE INDEX l ON t(t, seq + 1) WHERE rid > 2;",
     {"seq", "rid", "t", "c0"},
     NULL,
     "(c0, t)",
     false},
    {"cascades into itself and another",
     "CREATE TABLE t(id INTEGER PRIMARY KEY, up INT REFERENCES t(id) ON DELETE CASCADE"
     " ON UPDATE CASCADE, b UNIQUE, CHECK (up IS NOT id));"
     "CREATE TABLE u(id INTEGER PRIMARY KEY, t INT REFERENCES t(id) ON DELETE SET NULL"
     " ON UPDATE CASCADE);",
     {"id", "up", "b"},
     NULL,
     "(b)",
     false},
    {"rows that refer to themselves",
     "CREATE TABLE t(id INT PRIMARY KEY, up INT REFERENCES t(id) ON DELETE CASCADE"
     " ON UPDATE CASCADE, b UNIQUE) WITHOUT ROWID;"
     "CREATE TABLE u(id INTEGER PRIMARY KEY, t INT REFERENCES t(id) ON DELETE SET NULL"
     " ON UPDATE CASCADE);",
     {"id", "up", "b"},
     NULL,
     "(b)",
     true},
};

/* What an application might have; made before the capture, so that ours fire first. */
static const char *const replay_app_triggers =
    "CREATE TABLE log(n INTEGER PRIMARY KEY, what);"
    "CREATE TRIGGER app_i AFTER INSERT ON t BEGIN INSERT INTO log(what) VALUES ('i'); END;"
    "CREATE TRIGGER app_b BEFORE INSERT ON t BEGIN DELETE FROM log WHERE n % 7 = 3; END;"
    "CREATE TRIGGER app_d AFTER DELETE ON t BEGIN"
    " INSERT OR REPLACE INTO log(n, what) VALUES (old.rowid % 5, 'd'); END;"
    "CREATE TRIGGER app_full BEFORE INSERT ON t WHEN (SELECT count(*) FROM t) > 9 BEGIN"
    " DELETE FROM t WHERE rowid = (SELECT min(rowid) FROM t); END;"
    "CREATE TRIGGER app_more AFTER INSERT ON t WHEN new.rowid % 3 = 1 BEGIN"
    " INSERT OR REPLACE INTO t(rowid) VALUES (new.rowid + 1); END;"
    "CREATE TRIGGER app_move AFTER UPDATE ON t WHEN new.rowid % 4 = 2 BEGIN"
    " UPDATE t SET rowid = rowid + 7 WHERE rowid = new.rowid; END";

static uint64_t replay_state;

static uint32_t replay_random(uint32_t below)
{
    replay_state = replay_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(replay_state >> 33) % below;
}

static void replay_value(struct buf *sql)
{
    static const char *const values[] = {
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "NULL",
        "1.0",
        "2.5",
        "'a'",
        "'A'",
        "'b'",
        "'1'",
        "x'61'",
        "9223372036854775807",
        "9e99",
        "-9e999",
        "''",
        "x''",
        "'é'",
        "-1",
        "-9007199254740993",
        "'a' || char(0) || 'b'",
    };
    size_t most = replay_random(4) ? 8 : CDC_COUNT(values);
    buf_cstr(sql, values[replay_random((uint32_t)most)]);
}

static size_t replay_columns(const struct replay_shape *shape)
{
    size_t count = 0;
    while (count < CDC_COUNT(shape->columns) && shape->columns[count])
        count++;
    return count;
}

static const char *replay_conflict_word(void)
{
    static const char *const words[] = {
        "", "", "OR REPLACE ", "OR REPLACE ", "OR IGNORE ", "OR FAIL ", "OR ABORT "};
    return words[replay_random(CDC_COUNT(words))];
}

static void replay_insert(const struct replay_shape *shape, struct buf *sql)
{
    size_t columns = replay_columns(shape);
    bool rowid = shape->rowid && replay_random(3) == 0;
    bool upsert = replay_random(4) == 0;
    buf_printf(sql, "INSERT %sINTO t(%s", upsert ? "" : replay_conflict_word(),
               rowid ? shape->rowid : "");
    for (size_t i = 0; i < columns; i++)
        buf_printf(sql, i || rowid ? ", %s" : "%s", shape->columns[i]);
    buf_lit(sql, ") VALUES ");
    for (uint32_t row = replay_random(3) + 1; row; row--) {
        buf_byte(sql, '(');
        if (rowid)
            buf_printf(sql, "%d", (int)replay_random(8) - 1);
        for (size_t i = 0; i < columns; i++) {
            buf_cstr(sql, i || rowid ? ", " : "");
            replay_value(sql);
        }
        buf_cstr(sql, row > 1 ? "), " : ")");
    }
    if (!upsert)
        return;
    buf_printf(sql, " ON CONFLICT %s", shape->conflict);
    if (!*shape->conflict || replay_random(2)) {
        buf_lit(sql, " DO NOTHING");
        return;
    }
    const char *column = shape->columns[replay_random((uint32_t)columns)];
    buf_printf(sql, " DO UPDATE SET %s = %s.%s", column,
               replay_random(2) ? "excluded" : "t", column);
}

static void replay_where(const struct replay_shape *shape, struct buf *sql)
{
    if (replay_random(5) == 0)
        return;
    static const char *const operators[] = {"=", "<", ">", "IS", "IS NOT"};
    buf_printf(sql, " WHERE %s %s ",
               shape->columns[replay_random((uint32_t)replay_columns(shape))],
               operators[replay_random(CDC_COUNT(operators))]);
    replay_value(sql);
}

static void replay_update(const struct replay_shape *shape, struct buf *sql)
{
    const char *word = replay_conflict_word();
    if (shape->no_update_replace && strstr(word, "REPLACE"))
        word = "";
    buf_printf(sql, "UPDATE %st SET ", word);
    for (uint32_t i = replay_random(2) + 1; i; i--) {
        const char *column = shape->columns[replay_random((uint32_t)replay_columns(shape))];
        if (shape->rowid && replay_random(6) == 0)
            column = shape->rowid;
        buf_printf(sql, "%s = ", column);
        if (replay_random(3) == 0)
            buf_printf(sql, replay_random(2) ? "%s + 1" : "%s - 1", column);
        else
            replay_value(sql);
        buf_cstr(sql, i > 1 ? ", " : "");
    }
    replay_where(shape, sql);
}

static void replay_statement(const struct replay_shape *shape, struct buf *sql)
{
    uint32_t dice = replay_random(20);
    buf_clear(sql);
    if (dice < 10) {
        replay_insert(shape, sql);
    } else if (dice < 16) {
        replay_update(shape, sql);
    } else if (dice < 18) {
        buf_lit(sql, "DELETE FROM t");
        replay_where(shape, sql);
    } else if (dice == 18 && strstr(shape->sql, "TABLE u")) {
        buf_printf(sql, "INSERT OR REPLACE INTO u VALUES (%u, %u)", replay_random(6),
                   replay_random(6));
    } else {
        static const char *const words[] = {"SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"};
        buf_cstr(sql, words[replay_random(CDC_COUNT(words))]);
    }
}

static void replay_run(const struct replay_shape *shape, uint64_t seed, bool recursive,
                       bool app_triggers, int transactions)
{
    struct sqlite_rig *rig = sqlite_rig_new();
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    replay_state = seed * 7919 + 13;
    sqlite_rig_sql(rig, shape->sql);
    bool other = strstr(shape->sql, "TABLE u") != NULL;
    if (app_triggers && !strstr(shape->sql, "WITHOUT"))
        sqlite_rig_sql(rig, replay_app_triggers);
    else
        app_triggers = false;
    sqlite_rig_sql(rig, "PRAGMA foreign_keys = 1");
    sqlite_rig_sql(rig, recursive ? "PRAGMA recursive_triggers = 1" : "SELECT 1");
    sqlite_rig_open(rig);
    for (int transaction = 0; transaction < transactions; transaction++) {
        sqlite_rig_forget(rig);
        sqlite_rig_sql(rig, "BEGIN");
        for (uint32_t i = replay_random(5) + 1; i; i--) {
            replay_statement(shape, &sql);
            (void)sqlite_rig_try(rig,
                                 buf_c(&sql)); /* many break a rule, and that is meant */
            buf_printf(&rig->events, "  -- %s\n", buf_c(&sql));
        }
        (void)sqlite_rig_try(rig, replay_random(8) ? "COMMIT" : "ROLLBACK");
        sqlite_rig_drain(rig);
        sqlite_rig_check(rig, "t");
        if (other)
            sqlite_rig_check(rig, "u");
        if (app_triggers)
            sqlite_rig_check(rig, "log");
        if (replay_random(50) == 0)
            sqlite_rig_confirm(rig);
    }
    sqlite_rig_free(rig);
}

#define REPLAY_SEEDS 3 /* per shape; the last one with triggers of the application */

START_TEST(the_changes_rebuild_the_table)
{
    size_t shape = (size_t)_i / REPLAY_SEEDS;
    int transactions = 100;
    const char *more = getenv("SQLITE_REPLAY_TRANSACTIONS");
    const char *other = getenv("SQLITE_REPLAY_SEED");
    int64_t asked, seed = 0;
    if (more && str_to_i64(str_from(more), &asked))
        transactions = (int)asked;
    if (other)
        str_to_i64(str_from(other), &seed);
    replay_run(&replay_shapes[shape], (uint64_t)(seed * 1000 + _i), _i % 2,
               _i % REPLAY_SEEDS == 2, transactions);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_replay");
    TCase *tcase = tcase_create("random statements");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, the_changes_rebuild_the_table, 0,
                        (int)CDC_COUNT(replay_shapes) * REPLAY_SEEDS);
    suite_add_tcase(suite, tcase);
    return suite;
}
