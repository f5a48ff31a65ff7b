/* SPDX-License-Identifier: MIT
 *
 * bench_pg - see the header.
 */
#include "bench/postgres/bench_pg.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"

#define BENCH_PG_PATH 128
#define BENCH_PG_WAIT_MS 600000

static char bench_pg_dir[BENCH_PG_PATH];
/* Debian's pg_recvlogical of the PATH is a script that takes 0.1 s to find this one. */
static char bench_pg_recvlogical[3 * BENCH_PG_PATH];
static char bench_pg_conninfo[2 * BENCH_PG_PATH];
static PGconn *bench_pg_conn;
static int bench_pg_runs; /* counted, for names */

/* ---- the server ---------------------------------------------------------------------- */

/* The first line of what the command prints; false when it fails. */
static bool bench_pg_command(const char *const *argv, char *out, size_t size)
{
    int fds[2];
    measure_must(!pipe(fds), "no pipe");
    pid_t pid = measure_spawn(argv, fds[1], STDERR_FILENO);
    close(fds[1]);
    FILE *file = fdopen(fds[0], "r");
    bool good = file && fgets(out, (int)size, file);
    if (file)
        fclose(file);
    good = measure_wait(pid) == 0 && good;
    if (good)
        out[strcspn(out, "\n")] = '\0';
    return good;
}

static void bench_pg_connect(void)
{
    bench_pg_conn = PQconnectdb(bench_pg_conninfo);
    measure_must(PQstatus(bench_pg_conn) == CONNECTION_OK, PQerrorMessage(bench_pg_conn));
}

bool bench_pg_begin(bool tcp)
{
    char owner[16], path[2 * BENCH_PG_PATH];
    const char *const look[] = {PG_SERVER, "bin", NULL};
    if (!bench_pg_command(look, path, sizeof path))
        return false;
    snprintf(bench_pg_recvlogical, sizeof bench_pg_recvlogical, "%s/pg_recvlogical", path);
    if (access(bench_pg_recvlogical, X_OK))
        snprintf(bench_pg_recvlogical, sizeof bench_pg_recvlogical, "pg_recvlogical");
    snprintf(owner, sizeof owner, "%d", getpid());
    /* Nothing of the server's own may come between: no checkpoint, no vacuum. */
    const char *const argv[] = {PG_SERVER,
                                "create",
                                "--owner",
                                owner,
                                "shared_buffers=512MB",
                                "max_wal_size=16GB",
                                "checkpoint_timeout=1h",
                                "autovacuum=off",
                                NULL};
    measure_must(bench_pg_command(argv, bench_pg_dir, sizeof bench_pg_dir),
                 "the server does not start");
    snprintf(path, sizeof path, "%s/connection%s", bench_pg_dir, tcp ? ".tcp" : "");
    FILE *file = fopen(path, "r");
    measure_must(file && fgets(bench_pg_conninfo, (int)sizeof bench_pg_conninfo - 20, file),
                 path);
    fclose(file);
    size_t len = strcspn(bench_pg_conninfo, "\n");
    snprintf(bench_pg_conninfo + len, sizeof bench_pg_conninfo - len, " dbname=postgres");
    bench_pg_connect();
    return true;
}

const char *bench_pg_connection(void)
{
    return bench_pg_conninfo;
}

CDC_PRINTF(1, 0) static PGresult *bench_pg_run(const char *format, va_list args)
{
    char *sql = NULL;
    measure_must(vasprintf(&sql, format, args) >= 0, "out of memory");
    PGresult *result = PQexec(bench_pg_conn, sql);
    ExecStatusType status = PQresultStatus(result);
    measure_must(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK,
                 PQerrorMessage(bench_pg_conn));
    free(sql);
    return result;
}

void bench_pg_sql(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PQclear(bench_pg_run(format, args));
    va_end(args);
}

const char *bench_pg_text(const char *format, ...)
{
    static char text[256];
    va_list args;
    va_start(args, format);
    PGresult *result = bench_pg_run(format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return text;
}

long long bench_pg_number(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PGresult *result = bench_pg_run(format, args);
    va_end(args);
    long long number = -1;
    bool good = PQntuples(result) && sscanf(PQgetvalue(result, 0, 0), "%lld", &number) == 1;
    measure_must(good, "no number came");
    PQclear(result);
    return number;
}

/* ---- tables, slots ------------------------------------------------------------------- */

void bench_pg_table(const char *table)
{
    bench_pg_sql("CREATE TABLE %1$s (id bigint PRIMARY KEY, n int NOT NULL, name text,"
                 " amount numeric(12,2), at timestamptz, doc jsonb);"
                 "CREATE PUBLICATION %1$s FOR TABLE %1$s",
                 table);
}

void bench_pg_slot(const char *table)
{
    bench_pg_sql("SELECT pg_create_logical_replication_slot('%s_slot', 'pgoutput')", table);
}

void bench_pg_fill(const char *table, long long rows, long long per_commit)
{
    bench_pg_sql(
        "DO $$ DECLARE first bigint; BEGIN SELECT coalesce(max(id), 0) INTO first FROM %s;"
        " FOR i IN 0 .. %lld LOOP"
        " INSERT INTO %s SELECT g, g %% 1000, md5(g::text), (g %% 100000) / 100.0, now(),"
        " jsonb_build_object('a', g, 'b', 'word') FROM generate_series(first + i * %lld + "
        "1,"
        " first + (i + 1) * %lld) g; COMMIT; END LOOP; END $$",
        table, rows / per_commit - 1, table, per_commit, per_commit);
}

/* A slot of a run's own, that begins where the one of the table began. */
static const char *bench_pg_copy_slot(const char *table)
{
    static char slot[64];
    snprintf(slot, sizeof slot, "%s_run%d", table, ++bench_pg_runs);
    bench_pg_sql("SELECT pg_copy_logical_replication_slot('%s_slot', '%s')", table, slot);
    return slot;
}

/* Its walsender may take a moment to notice that nobody listens any more. */
static void bench_pg_drop_slot(const char *slot)
{
    for (int i = 0; i < 500; i++) {
        if (!bench_pg_number("SELECT count(*) FROM pg_replication_slots WHERE slot_name = "
                             "'%s' AND active",
                             slot))
            break;
        poll(NULL, 0, 10);
    }
    bench_pg_sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                 "WHERE slot_name = '%s'",
                 slot);
}

/* ---- the peer ------------------------------------------------------------------------ */

void bench_pg_peer(const char *table, long long rows, struct bench_pg_use *out)
{
    char names[80], end[64];
    const char *slot = bench_pg_copy_slot(table);
    snprintf(names, sizeof names, "publication_names=%s", table);
    snprintf(end, sizeof end, "%s", bench_pg_text("SELECT pg_current_wal_insert_lsn()"));
    /* A commit behind the end, so that pg_recvlogical sees that it has passed it. */
    bench_pg_sql("SELECT pg_logical_emit_message(true, 'bench', 'end');"
                 "SELECT pg_switch_wal()");
    const char *const argv[] = {
        bench_pg_recvlogical, "-d", bench_pg_conninfo, "--slot", slot,  "--start",  "-f",
        "/dev/null",          "-o", "proto_version=1", "-o",     names, "--endpos", end,
        "--no-loop",          NULL};
    struct rusage use;
    int status = 0;
    double begin = measure_seconds();
    pid_t pid = measure_spawn(argv, -1, STDERR_FILENO);
    measure_must(wait4(pid, &status, 0, &use) == pid && !status,
                 "pg_recvlogical did not end well");
    out->seconds = measure_seconds() - begin;
    out->cpu_us = ((double)use.ru_utime.tv_sec * 1e6 + (double)use.ru_utime.tv_usec +
                   (double)use.ru_stime.tv_sec * 1e6 + (double)use.ru_stime.tv_usec) /
                  (double)rows;
    out->resident_mb = (double)use.ru_maxrss / 1024;
    bench_pg_drop_slot(slot);
}

double bench_pg_copy_seconds(const char *table)
{
    char sql[80];
    snprintf(sql, sizeof sql, "COPY %s TO STDOUT", table);
    const char *const argv[] = {"psql", "-Xq", "-d", bench_pg_conninfo, "-c", sql, NULL};
    return measure_run(argv, -1);
}

/* ---- ours ---------------------------------------------------------------------------- */

struct bench_pg_reader {
    pid_t pid;
    int in;
    FILE *out;
    double begin;
};

static void bench_pg_reader_start(struct bench_pg_reader *r, const char *config,
                                  long long rows, bool latency)
{
    char count[24];
    int to[2], from[2];
    snprintf(count, sizeof count, "%lld", rows);
    const char *const argv[] = {PG_READER, config, count, latency ? "latency" : NULL, NULL};
    measure_must(!pipe2(to, 0) && !pipe2(from, 0), "no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, to[i]);
        posix_spawn_file_actions_addclose(&actions, from[i]);
    }
    r->begin = measure_seconds();
    measure_must(
        !posix_spawn(&r->pid, PG_READER, &actions, NULL, (char *const *)argv, environ),
        "the reader does not start");
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    r->in = to[1];
    r->out = fdopen(from[0], "r");
    measure_must(r->out, "out of memory");
    setvbuf(r->out, NULL, _IONBF, 0);
}

static void bench_pg_reader_line(struct bench_pg_reader *r, char *line, int size)
{
    struct pollfd ready = {.fd = fileno(r->out), .events = POLLIN};
    bool good = poll(&ready, 1, BENCH_PG_WAIT_MS) == 1 && fgets(line, size, r->out);
    if (!good)
        kill(r->pid, SIGKILL);
    measure_must(good, "the reader ended, or took too long");
}

static void bench_pg_reader_end(struct bench_pg_reader *r, long long rows,
                                struct bench_pg_use *out)
{
    char line[256];
    long long end_ns, cpu_ns, resident_kb, us[3];
    bench_pg_reader_line(r, line, (int)sizeof line);
    measure_must(sscanf(line, "%lld %lld %lld %lld %lld %lld", &end_ns, &cpu_ns,
                        &resident_kb, &us[0], &us[1], &us[2]) == 6,
                 "the reader did not say what it took");
    close(r->in);
    measure_must(!measure_wait(r->pid), "the reader did not end well");
    fclose(r->out);
    out->seconds = (double)end_ns / 1e9 - r->begin;
    out->cpu_us = (double)cpu_ns / 1e3 / (double)rows;
    out->resident_mb = (double)resident_kb / 1024;
    out->median_ms = (double)us[0] / 1e3;
    out->p99_ms = (double)us[1] / 1e3;
    out->longest_ms = (double)us[2] / 1e3;
}

/* A configuration with a state folder of its own; the text is the caller's to free. */
static char *bench_pg_config(const char *publication, const char *tables, const char *slot,
                             const char *options)
{
    char name[64], *config = NULL;
    snprintf(name, sizeof name, "state%d", ++bench_pg_runs);
    int len = asprintf(
        &config,
        "{\"provider\":\"postgres\",\"source_id\":\"bench\",\"connection\":\"%s\","
        "\"tables\":[\"public.%s\"],\"options\":{\"state_dir\":\"%s\",\"slot\":\"%s\","
        "\"publication\":\"%s\",\"ddl\":\"off\"%s}}",
        bench_pg_conninfo, tables, measure_path(name), slot, publication, options);
    measure_must(len >= 0, "out of memory");
    return config;
}

void bench_pg_ours(const char *table, long long rows, const char *options,
                   struct bench_pg_use *out)
{
    char line[16];
    struct bench_pg_reader reader;
    const char *slot = bench_pg_copy_slot(table);
    char *config = bench_pg_config(table, table, slot, options);
    bench_pg_reader_start(&reader, config, rows, false);
    bench_pg_reader_line(&reader, line, (int)sizeof line);
    bench_pg_reader_end(&reader, rows, out);
    free(config);
    bench_pg_drop_slot(slot);
}

void bench_pg_snapshot(const char *publication, const char *tables, long long rows,
                       struct bench_pg_use *out)
{
    char slot[64], line[16];
    struct bench_pg_reader reader;
    snprintf(slot, sizeof slot, "snapshot%d", ++bench_pg_runs);
    char *config = bench_pg_config(publication, tables, slot, ",\"snapshot\":\"initial\"");
    bench_pg_reader_start(&reader, config, rows, false);
    bench_pg_reader_line(&reader, line, (int)sizeof line);
    bench_pg_reader_end(&reader, rows, out);
    free(config);
    bench_pg_drop_slot(slot);
}

static bool bench_pg_streams(const char *slot)
{
    return bench_pg_number("SELECT count(*) FROM pg_stat_replication r JOIN "
                           "pg_replication_slots s ON s.active_pid = r.pid WHERE "
                           "s.slot_name = '%s' AND r.state = 'streaming'",
                           slot) > 0;
}

void bench_pg_live(const char *table, long long rows, void (*write)(void *ctx), void *ctx,
                   struct bench_pg_use *out)
{
    char slot[64], line[16];
    struct bench_pg_reader reader;
    snprintf(slot, sizeof slot, "live%d", ++bench_pg_runs);
    char *config = bench_pg_config(table, table, slot, "");
    bench_pg_reader_start(&reader, config, rows, true);
    bench_pg_reader_line(&reader, line, (int)sizeof line);
    for (int i = 0; !bench_pg_streams(slot); i++) {
        measure_must(i < 1000, "the reader does not begin to stream");
        poll(NULL, 0, 10);
    }
    write(ctx);
    bench_pg_reader_end(&reader, rows, out);
    free(config);
    bench_pg_drop_slot(slot);
}
