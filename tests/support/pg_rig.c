/* SPDX-License-Identifier: MIT
 *
 * pg_rig - see the header.
 *
 * Check runs each test in a child of the program.  The server belongs to the program: all
 * that a test may change is in the server's folder, so nothing has to find its way back.
 */
#include "tests/support/pg_rig.h"

#include <check.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

#define PG_RIG_PATH 128
#define PG_RIG_TEXT (64 << 20)
#define PG_RIG_SKIPPED 77
#define PG_RIG_WAIT_MS 10000

struct pg_rig {
    char dir[PG_RIG_PATH];                              /* empty: no server yet */
    char socket[2 * PG_RIG_PATH], tcp[2 * PG_RIG_PATH]; /* without a database */
    char port[16];
    char database[32];
    char connection[3][3 * PG_RIG_PATH];
    PGconn *conn; /* to `database`; NULL: not made yet */
    struct buf answer[2];
    unsigned answers;
};

static struct pg_rig pg_rig;

/* ---- the server ---------------------------------------------------------------------- */

/* Runs pg_server and reads what it prints; gives its exit status, or -1.  Asserts nothing:
 * it is also asked while there is no test. */
static int pg_rig_run(char *out, size_t size, const char *const *arguments)
{
    const char *argv[64] = {SOURCE_DIR "/tests/support/pg_server"};
    size_t count = 1;
    while (*arguments && count < sizeof argv / sizeof *argv - 1)
        argv[count++] = *arguments++;
    int fds[2];
    if (pipe(fds))
        return -1;
    pid_t pid = fork();
    if (!pid) {
        dup2(fds[1], STDOUT_FILENO);
        setenv("BUILD_DIR", BUILD_DIR, 1);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(fds[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(fds[0], out + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    out[len] = '\0';
    close(fds[0]);
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    while (len > 0 && out[len - 1] == '\n')
        out[--len] = '\0';
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void pg_rig_do(const char *command, const char *argument)
{
    char out[PG_RIG_PATH];
    const char *const arguments[] = {command, pg_rig.dir, argument, NULL};
    ck_assert_msg(pg_rig_run(out, sizeof out, arguments) == 0, "pg_server %s failed",
                  command);
}

/* The file's first line. */
static void pg_rig_read(const char *name, char *out, size_t size)
{
    char path[2 * PG_RIG_PATH];
    snprintf(path, sizeof path, "%s/%s", pg_rig.dir, name);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file && fgets(out, (int)size, file), "cannot read '%s': %m", path);
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
}

bool pg_rig_is_possible(void)
{
    char out[PG_RIG_PATH];
    const char *const look[] = {"bin", NULL};
    return !pg_rig_run(out, sizeof out, look);
}

void pg_rig_begin(const char *const *settings)
{
    if (*pg_rig.dir)
        return;
    char owner[16];
    if (!pg_rig_is_possible())
        exit(PG_RIG_SKIPPED);
    snprintf(owner, sizeof owner, "%d", getpid());
    const char *arguments[60] = {"create", "--owner", owner};
    for (size_t i = 3; settings && *settings && i < 59; i++)
        arguments[i] = *settings++;
    ck_assert_msg(pg_rig_run(pg_rig.dir, sizeof pg_rig.dir, arguments) == 0,
                  "no PostgreSQL server could be started");
    pg_rig_read("connection", pg_rig.socket, sizeof pg_rig.socket);
    pg_rig_read("connection.tcp", pg_rig.tcp, sizeof pg_rig.tcp);
    pg_rig_read("port", pg_rig.port, sizeof pg_rig.port);
}

static void pg_rig_hang_up(void)
{
    PQfinish(pg_rig.conn);
    pg_rig.conn = NULL;
}

void pg_rig_stop(const char *mode)
{
    pg_rig_hang_up();
    pg_rig_do("stop", mode);
}

void pg_rig_crash(void)
{
    pg_rig_hang_up();
    pg_rig_do("crash", NULL);
}

void pg_rig_start(void)
{
    pg_rig_do("start", NULL);
}

/* ---- connections --------------------------------------------------------------------- */

static void pg_rig_silent(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static PGconn *pg_rig_connect_to(const char *database)
{
    char text[3 * PG_RIG_PATH];
    snprintf(text, sizeof text, "%s dbname=%s connect_timeout=10", pg_rig.socket, database);
    PGconn *conn = PQconnectdb(text);
    PQsetNoticeProcessor(conn, pg_rig_silent, NULL);
    return conn;
}

PGconn *pg_rig_connect(void)
{
    PGconn *conn = pg_rig_connect_to(pg_rig.database);
    ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
    return conn;
}

static void pg_rig_check(PGconn *conn, const PGresult *result, const char *sql)
{
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s\n%s",
                  PQerrorMessage(conn), sql);
}

void pg_rig_on(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    pg_rig_check(conn, result, sql);
    PQclear(result);
}

/* That the server has ended the connection is seen by the next command only: that one is
 * sent again. */
static PGresult *pg_rig_ask(const char *sql)
{
    if (!pg_rig.conn)
        pg_rig.conn = pg_rig_connect();
    PGresult *result = PQexec(pg_rig.conn, sql);
    if (PQstatus(pg_rig.conn) == CONNECTION_OK)
        return result;
    PQclear(result);
    PQfinish(pg_rig.conn);
    pg_rig.conn = pg_rig_connect();
    return PQexec(pg_rig.conn, sql);
}

void pg_rig_exec(const char *sql)
{
    PGresult *result = pg_rig_ask(sql);
    pg_rig_check(pg_rig.conn, result, sql);
    PQclear(result);
}

void pg_rig_execf(const char *format, ...)
{
    char *sql = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&sql, format, args);
    va_end(args);
    ck_assert_int_ge(len, 0);
    pg_rig_exec(sql);
    free(sql);
}

const char *pg_rig_try(const char *sql)
{
    static char state[8];
    PGresult *result = pg_rig_ask(sql);
    const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(state, sizeof state, "%s", field ? field : "");
    PQclear(result);
    return state;
}

const char *pg_rig_query(const char *sql)
{
    struct buf *out = &pg_rig.answer[pg_rig.answers++ % 2];
    buf_release(out);
    buf_init(out, PG_RIG_TEXT);
    PGresult *result = pg_rig_ask(sql);
    pg_rig_check(pg_rig.conn, result, sql);
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++) {
            buf_cstr(out, column ? "|" : row ? "\n" : "");
            buf_cstr(out, PQgetvalue(result, row, column));
        }
    PQclear(result);
    return buf_c(out);
}

long long pg_rig_number(const char *sql)
{
    int64_t number = 0;
    const char *text = pg_rig_query(sql);
    ck_assert_msg(str_to_i64(str_from(text), &number), "no number: '%s'\n%s", text, sql);
    return number;
}

void pg_rig_wait(const char *sql, const char *expected)
{
    const char *answer = pg_rig_query(sql);
    for (int ms = 0; strcmp(answer, expected) && ms < PG_RIG_WAIT_MS; ms += 10) {
        poll(NULL, 0, 10);
        answer = pg_rig_query(sql);
    }
    ck_assert_msg(!strcmp(answer, expected), "still '%s', not '%s'\n%s", answer, expected,
                  sql);
}

int pg_rig_terminate_walsenders(void)
{
    return (int)pg_rig_number("SELECT count(pg_terminate_backend(pid)) FROM "
                              "pg_stat_activity WHERE backend_type = 'walsender'");
}

/* ---- one test ------------------------------------------------------------------------ */

/* Runs SQL outside the test's database. */
static void pg_rig_outside(const char *sql)
{
    PGconn *conn = pg_rig_connect_to("postgres");
    if (PQstatus(conn) != CONNECTION_OK) {
        PQfinish(conn);
        pg_rig_do("crash", NULL);
        pg_rig_start();
        conn = pg_rig_connect_to("postgres");
    }
    ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
    pg_rig_on(conn, sql);
    PQfinish(conn);
}

/* A test that crashed has not dropped its database; none of its names may come again. */
static void pg_rig_name(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(pg_rig.database, sizeof pg_rig.database, "test_%llx%lx",
             (unsigned long long)now.tv_sec, (unsigned long)now.tv_nsec);
    const char *const to[] = {pg_rig.socket, pg_rig.tcp};
    for (int i = 0; i < 2; i++)
        snprintf(pg_rig.connection[i], sizeof pg_rig.connection[i], "%s dbname=%s", to[i],
                 pg_rig.database);
    snprintf(pg_rig.connection[2], sizeof pg_rig.connection[2],
             "postgresql://postgres@127.0.0.1:%s/%s", pg_rig.port, pg_rig.database);
}

void pg_rig_setup(void)
{
    char sql[80];
    ck_assert_msg(*pg_rig.dir, "pg_rig_begin() comes first");
    pg_rig_name();
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", pg_rig.database);
    pg_rig_outside(sql);
}

/* A slot in use cannot be dropped: whoever uses it is ended, and has gone a moment later.
 */
#define PG_RIG_DROP_SLOTS                                                                  \
    "DO $$ DECLARE name text; BEGIN "                                                      \
    "FOR i IN 1..500 LOOP "                                                                \
    "PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots "                  \
    "WHERE database = '%1$s' AND active; "                                                 \
    "EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots "                              \
    "WHERE database = '%1$s' AND (active OR temporary)); "                                 \
    "PERFORM pg_sleep(0.01); END LOOP; "                                                   \
    "FOR name IN SELECT slot_name FROM pg_replication_slots WHERE database = '%1$s' LOOP " \
    "PERFORM pg_drop_replication_slot(name); END LOOP; END $$"

void pg_rig_teardown(void)
{
    char sql[1024];
    pg_rig_hang_up();
    for (int i = 0; i < 2; i++)
        buf_release(&pg_rig.answer[i]);
    snprintf(sql, sizeof sql, PG_RIG_DROP_SLOTS, pg_rig.database);
    pg_rig_outside(sql);
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", pg_rig.database);
    pg_rig_outside(sql);
}

const char *pg_rig_connection(void)
{
    return pg_rig.connection[0];
}

const char *pg_rig_connection_tcp(void)
{
    return pg_rig.connection[1];
}

const char *pg_rig_connection_uri(void)
{
    return pg_rig.connection[2];
}

const char *pg_rig_database(void)
{
    return pg_rig.database;
}

const char *pg_rig_dir(void)
{
    return pg_rig.dir;
}

int pg_rig_version(void)
{
    return (int)pg_rig_number("SHOW server_version_num");
}
