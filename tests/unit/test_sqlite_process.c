/* SPDX-License-Identifier: MIT
 *
 * An SQLite database that other processes write to: several at once, killed ones, every
 * journal mode; being woken by them, and being asleep without them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

static struct sqlite_rig *rig;

static const char *const journal_modes[] = {"WAL", "DELETE", "TRUNCATE", "PERSIST"};

static void setup(void)
{
    rig = sqlite_rig_new();
}

static void teardown(void)
{
    sqlite_rig_free(rig);
}

static void use_journal(const char *mode)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_printf(&sql, "PRAGMA journal_mode = %s", mode);
    sqlite_rig_sql(rig, buf_c(&sql));
}

/* ---- several writers ----------------------------------------------------------------- */

#define WRITERS 3
#define TRANSACTIONS 60

/* What one writer runs: a bit of everything on rows that the others want as well. */
static void write_script(FILE *out, int writer, const char *mode)
{
    fprintf(out, "PRAGMA synchronous = OFF;\n"); /* the disk is not what is tested */
    if (strcmp(mode, "WAL"))
        fprintf(out, "PRAGMA journal_mode = %s;\n", mode);
    for (int i = 0; i < TRANSACTIONS; i++) {
        int n = i * 7 + writer * 3;
        fprintf(out, "BEGIN IMMEDIATE;\n");
        fprintf(out, "INSERT OR REPLACE INTO t(id, a, b) VALUES (%d, %d, 'w%d');\n", n % 40,
                i, writer);
        fprintf(out, "UPDATE t SET a = a + 1, b = b || 'x' WHERE id %% 5 = %d;\n", n % 5);
        fprintf(out, "INSERT OR IGNORE INTO u VALUES (%d, 'k%d', %d);\n", n % 30, n % 11,
                i);
        fprintf(out, "DELETE FROM t WHERE id = %d;\n", (n * 3) % 40);
        fprintf(out, i % 9 == 4 ? "ROLLBACK;\n" : "COMMIT;\n");
        if (writer == 0 && i == TRANSACTIONS / 2)
            fprintf(out, "ALTER TABLE t ADD COLUMN added DEFAULT 'd';\n");
        if (writer == 1 && i > TRANSACTIONS / 2 + 5)
            fprintf(out, "UPDATE u SET v = v + 1 WHERE k LIKE 'k1%%';\n");
    }
}

/* Polls until both a reading of the stream is quiet and the writers have ended. */
static void follow(pid_t *writers, int count)
{
    int64_t deadline = clock_mono_ms() + 60000;
    int left = count;
    while (left > 0 && clock_mono_ms() < deadline) {
        ck_assert_msg(!sqlite_rig_poll(rig, 20, 500), "%s", rig->err.text);
        sqlite_rig_confirm(rig);
        for (int i = 0; i < count; i++) {
            int status;
            if (writers[i] > 0 && waitpid(writers[i], &status, WNOHANG) == writers[i]) {
                ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                              "writer %d: %d", i, status);
                writers[i] = 0;
                left--;
            }
        }
    }
    ck_assert_int_eq(left, 0);
    sqlite_rig_drain(rig);
}

static pid_t start_writer(int writer, const char *mode)
{
    char name[32], command[512];
    snprintf(name, sizeof(name), "w%d.sql", writer);
    snprintf(command, sizeof(command), "%s/%s", rig->dir, name);
    FILE *script = fopen(command, "w");
    ck_assert_ptr_nonnull(script);
    write_script(script, writer, mode);
    fclose(script);
    snprintf(command, sizeof(command),
             "exec sqlite3 -bail -cmd '.timeout 30000' '%s' < '%s/%s' > '%s/%s.out' 2>&1",
             rig->path, rig->dir, name, rig->dir, name);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return child;
}

START_TEST(three_writers_at_once_are_followed)
{
    pid_t writers[WRITERS];
    use_journal(journal_modes[_i]);
    sqlite_rig_sql(rig,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT);"
                   "CREATE TABLE u(id INTEGER, k TEXT PRIMARY KEY, v INT) WITHOUT ROWID");
    rig->added = ", 'd'"; /* what the ALTER in the scripts adds */
    sqlite_rig_open(rig);
    for (int i = 0; i < WRITERS; i++)
        writers[i] = start_writer(i, journal_modes[_i]);
    follow(writers, WRITERS);
    ck_assert_uint_gt(rig->count, TRANSACTIONS * WRITERS);
    sqlite_rig_check(rig, "t");
    sqlite_rig_check(rig, "u");
}
END_TEST

/* ---- killed writers ------------------------------------------------------------------ */

START_TEST(a_writer_killed_in_a_transaction_leaves_no_trace)
{
    use_journal(journal_modes[_i]);
    sqlite_rig_sql(
        rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)");
    sqlite_rig_adopt(rig, "t");
    sqlite_rig_open(rig);
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        sqlite3 *db = NULL;
        /* A small cache spills: changed pages are in the file when the process dies. */
        sqlite3_open(rig->path, &db);
        sqlite3_exec(db,
                     "PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE t SET a = 2;"
                     "WITH n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                     " INSERT INTO t SELECT i, zeroblob(200) FROM n",
                     NULL, NULL, NULL);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    sqlite_rig_drain(rig); /* rolls the hot journal back */
    ck_assert_uint_eq(rig->count, 0);
    sqlite_rig_sql(rig, "UPDATE t SET a = 3");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), "UPDATE main.t (1, 1) -> (1, 3)\n");
    sqlite_rig_check(rig, "t");
}
END_TEST

START_TEST(a_source_killed_at_any_moment_loses_nothing)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    sqlite_rig_close(rig);
    for (int round = 0; round < 8; round++) {
        sqlite_rig_sql(
            rig, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                 " INSERT OR REPLACE INTO t SELECT i, random() FROM n;"
                 "DELETE FROM t WHERE id % 3 = 0");
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) { /* reads and purges what it read, until it is killed */
            rig->counting = true;
            if (sqlite_rig_try_open(rig))
                _exit(1);
            for (;;) {
                if (sqlite_rig_poll(rig, 5, 100))
                    _exit(2);
            }
        }
        struct timespec pause_time = {0, (round * 3 + 1) * 1000000};
        nanosleep(&pause_time, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        sqlite_rig_open(rig);
        sqlite_rig_drain(rig);
        sqlite_rig_confirm(rig);
        sqlite_rig_close(rig);
        sqlite_rig_check(rig, "t");
        sqlite_rig_forget(rig);
    }
}
END_TEST

/* ---- being woken --------------------------------------------------------------------- */

#define COMMITS 41

static int compare_i64(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Commits one row each few milliseconds, and says when. */
static void commit_now_and_then(int out)
{
    sqlite3 *db = NULL;
    sqlite3_open(rig->path, &db);
    sqlite3_busy_timeout(db, 10000);
    for (int i = 0; i < COMMITS; i++) {
        struct timespec pause_time = {0, (15 + i % 7) * 1000000};
        nanosleep(&pause_time, NULL);
        if (sqlite3_exec(db, "INSERT INTO t(a) VALUES (1)", NULL, NULL, NULL))
            _exit(1);
        int64_t now = clock_mono_ns();
        if (write(out, &now, sizeof(now)) != sizeof(now))
            _exit(1);
    }
    sqlite3_close(db);
    _exit(0);
}

START_TEST(a_commit_of_another_process_wakes_a_poll)
{
    int64_t latency_us[COMMITS];
    int times[2];
    use_journal(journal_modes[_i]);
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    ck_assert_int_eq(pipe(times), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        commit_now_and_then(times[1]);
    for (int i = 0; i < COMMITS; i++) {
        while (rig->count < (uint64_t)i + 1)
            ck_assert_int_eq(sqlite_rig_poll(rig, 5000, 100), WF_OK);
        int64_t seen = clock_mono_ns();
        int64_t committed;
        ck_assert_int_eq(read(times[0], &committed, sizeof(committed)), sizeof(committed));
        latency_us[i] = (seen - committed) / 1000;
    }
    waitpid(child, NULL, 0);
    close(times[0]);
    close(times[1]);
    qsort(latency_us, COMMITS, sizeof(latency_us[0]), compare_i64);
    printf("commit to change, %s: median %lld us, worst %lld us\n", journal_modes[_i],
           (long long)latency_us[COMMITS / 2], (long long)latency_us[COMMITS - 1]);
    ck_assert_int_lt(latency_us[COMMITS / 2], 20000);
}
END_TEST

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

START_TEST(an_idle_database_costs_nothing)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1, 1)");
    sqlite_rig_drain(rig);
    sqlite_rig_confirm(rig);
    ck_assert_int_eq(sqlite_rig_poll(rig, 2500, 100), WF_OK); /* the purge, and its echo */
    int64_t before = cpu_us();
    int64_t begun = clock_mono_ms();
    ck_assert_int_eq(sqlite_rig_poll(rig, 1000, 100), WF_OK);
    ck_assert_int_eq(sqlite_rig_poll(rig, 1000, 100), WF_OK);
    ck_assert_int_ge(clock_mono_ms() - begun, 1990);
    printf("idle: %lld us of processor time in 2 s\n", (long long)(cpu_us() - before));
    ck_assert_int_lt(cpu_us() - before, 10000); /* 0.5 % */
}
END_TEST

static void *interrupt_soon(void *arg)
{
    (void)arg;
    struct timespec pause_time = {0, 100000000};
    nanosleep(&pause_time, NULL);
    cdc_provider_sqlite.interrupt(rig->state);
    return NULL;
}

START_TEST(an_interrupt_ends_a_poll)
{
    pthread_t thread;
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    for (uint32_t budget = 0; budget < 2; budget++) {
        int64_t begun = clock_mono_ms();
        ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
        ck_assert_int_eq(sqlite_rig_poll(rig, 20000, budget), WF_OK);
        pthread_join(thread, NULL);
        ck_assert_int_lt(clock_mono_ms() - begun, 5000);
    }
    /* Also one that waits for a lock: the renewal after an ALTER. */
    sqlite_rig_sql(
        rig, "ALTER TABLE t ADD COLUMN b; BEGIN IMMEDIATE; INSERT INTO t(a) VALUES (1)");
    int64_t begun = clock_mono_ms();
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
    ck_assert_int_eq(sqlite_rig_poll(rig, 20000, 10), WF_OK);
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_mono_ms() - begun, 5000);
    sqlite_rig_sql(rig, "COMMIT");
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->count, 2);
}
END_TEST

START_TEST(a_poll_without_budget_is_not_woken_by_writers)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    FILE *shell = sqlite_rig_shell_begin(rig, rig->path);
    fputs("INSERT INTO t VALUES (1, 1);\n", shell);
    fflush(shell);
    int64_t begun = clock_mono_ms();
    ck_assert_int_eq(sqlite_rig_poll(rig, 300, 0), WF_OK);
    ck_assert_int_ge(clock_mono_ms() - begun, 290);
    ck_assert_int_eq(pclose(shell), 0);
    ck_assert_uint_eq(rig->count, 0);
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->count, 1);
}
END_TEST

START_TEST(checkpoints_are_not_held_up)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    sqlite_rig_open(rig);
    for (int i = 0; i < 20; i++) {
        sqlite_rig_sql(rig,
                       "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
                       " INSERT OR REPLACE INTO t SELECT i, zeroblob(500) FROM n");
        sqlite_rig_drain(rig);
        /* busy = 0: nobody held an old snapshot. */
        ck_assert_int_eq(sqlite_rig_number(rig, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_process");
    TCase *writers = tcase_create("writers");
    TCase *waking = tcase_create("waking");
    tcase_set_timeout(writers, 70);
    tcase_set_timeout(waking, 40);
    tcase_add_checked_fixture(writers, setup, teardown);
    tcase_add_checked_fixture(waking, setup, teardown);
    tcase_add_loop_test(writers, three_writers_at_once_are_followed, 0, 2);
    tcase_add_loop_test(writers, a_writer_killed_in_a_transaction_leaves_no_trace, 0, 4);
    tcase_add_test(writers, a_source_killed_at_any_moment_loses_nothing);
    tcase_add_test(writers, checkpoints_are_not_held_up);
    tcase_add_loop_test(waking, a_commit_of_another_process_wakes_a_poll, 0, 4);
    tcase_add_test(waking, an_idle_database_costs_nothing);
    tcase_add_test(waking, an_interrupt_ends_a_poll);
    tcase_add_test(waking, a_poll_without_budget_is_not_woken_by_writers);
    suite_add_tcase(suite, writers);
    suite_add_tcase(suite, waking);
    return suite;
}
