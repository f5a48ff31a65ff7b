/* SPDX-License-Identifier: MIT
 *
 * bench_sqlite - from a row of a SQLite table to the callback, through the whole core, and
 * what the capture costs whoever writes.
 *
 * The writer is a connection as any program has one.  The rows have six columns: integer
 * key, two texts, a real number, an integer, a NULL.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "base/thread.h"
#include "bench/measure.h"
#include "plugin/core/registry.h"
#include "plugin/core/subscription.h"
#include "providers/sqlite/sqlite.h"

#define BENCH_TABLE                                                                        \
    "PRAGMA journal_mode = WAL;"                                                           \
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL, state TEXT,"      \
    " amount REAL, pieces INTEGER, note TEXT);"
#define BENCH_INSERT                                                                       \
    "INSERT INTO orders(customer, state, amount, pieces, note)"                            \
    " VALUES ('customer number ' || (?1 % 1000), 'shipped', ?1 * 0.25, ?1 % 10, NULL)"
#define BENCH_FILL                                                                         \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld)"       \
    " INSERT INTO orders(customer, state, amount, pieces, note)"                           \
    " SELECT 'customer number ' || (i %% 1000), 'shipped', i * 0.25, i %% 10, NULL FROM n"

static const struct cdc_provider *const bench_providers[] = {&cdc_provider_sqlite, NULL};

/* ---- one source, one subscription ---------------------------------------------------- */

struct bench {
    const char *path;
    struct cdc_registry registry;
    struct cdc_source *source;
    struct cdc_subscription sub;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t enough;
    uint64_t seen;
    uint64_t wanted;  /* `enough` is signalled when so many were seen */
    int64_t *arrived; /* NULL: not noted; else the moment of each of `arrived_room` */
    uint64_t arrived_room;
};

static wf_status bench_fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    struct bench *bench = ctx;
    (void)action;
    (void)event;
    (void)err;
    pthread_mutex_lock(&bench->lock);
    if (bench->arrived && bench->seen < bench->arrived_room)
        bench->arrived[bench->seen] = clock_mono_ns();
    if (++bench->seen == bench->wanted)
        pthread_cond_signal(&bench->enough);
    pthread_mutex_unlock(&bench->lock);
    return WF_OK;
}

static void bench_reset(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    bench->seen = 0;
    pthread_mutex_unlock(&bench->lock);
}

static void bench_wait(struct bench *bench, uint64_t events)
{
    int64_t deadline = clock_mono_ms() + 120000;
    pthread_mutex_lock(&bench->lock);
    bench->wanted = events;
    while (bench->seen < events &&
           thread_cond_wait_until(&bench->enough, &bench->lock, deadline))
        ;
    bool good = bench->seen >= events;
    pthread_mutex_unlock(&bench->lock);
    measure_must(good, "the changes did not arrive within two minutes");
}

static void bench_subscribe(struct bench *bench)
{
    wf_error err;
    bench_reset(bench);
    measure_ok(subscription_start(&bench->sub, &bench->source->flow, &err), &err);
}

static void bench_open(struct bench *bench, const char *path, const char *state_dir)
{
    static const wf_host host = {.size = sizeof host};
    wf_error err;
    memset(bench, 0, sizeof *bench);
    bench->path = path;
    pthread_mutex_init(&bench->lock, NULL);
    thread_cond_init(&bench->enough);
    registry_init(&bench->registry, &host, bench_providers);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_printf(&text,
               "{\"provider\":\"sqlite\",\"source_id\":\"bench\",\"connection\":\"%s\","
               "\"tables\":[\"orders\"],\"options\":{\"state_dir\":\"%s\"}}",
               path, state_dir);
    cJSON *config = cJSON_Parse(buf_c(&text));
    struct cdc_settings *settings;
    measure_ok(settings_parse(config, bench_providers, &settings, &err), &err);
    cJSON_Delete(config);
    measure_ok(registry_start(&bench->registry, settings, STR("bench"), &err), &err);
    measure_ok(registry_borrow(&bench->registry, STR("bench"), &bench->source, &err), &err);
    bench->sub.name = STR("bench");
    bench->sub.filter.ops = FILTER_ALL_OPS;
    bench->sub.policy = (struct subscription_policy){5, 100, 30000, 1, false};
    bench->sub.callback = (wf_callback){bench, bench_fire};
}

static void bench_close(struct bench *bench)
{
    subscription_stop(&bench->sub);
    registry_return(&bench->registry, bench->source);
    registry_release(&bench->registry);
    pthread_cond_destroy(&bench->enough);
    pthread_mutex_destroy(&bench->lock);
}

/* ---- reading ------------------------------------------------------------------------- */

static void bench_fill(const char *path, int64_t rows)
{
    char sql[512];
    snprintf(sql, sizeof sql, BENCH_FILL, (long long)rows);
    measure_sql(path, sql);
}

static void bench_read_one(int64_t rows, int run, double rates[3], double *cpu)
{
    char name[32];
    snprintf(name, sizeof name, "read%d.db", run);
    const char *path = measure_path(name);
    snprintf(name, sizeof name, "read%d.state", run);
    measure_sql(path, BENCH_TABLE);
    struct bench bench;
    /* Without a subscription the source installs its triggers and then waits. */
    bench_open(&bench, path, measure_path(name));
    bench_fill(path, rows);
    double begin = measure_seconds(), cpu_begin = measure_cpu_seconds();
    bench_subscribe(&bench);
    bench_wait(&bench, (uint64_t)rows);
    double seconds = measure_seconds() - begin;
    *cpu = (measure_cpu_seconds() - cpu_begin) / (double)rows * 1e6;
    rates[0] = (double)rows / seconds;
    bench_close(&bench);
    /* The peer: the same changes read by SQLite's own program, all columns, as text. */
    const char *const changes[] = {"sqlite3", "-readonly", path,
                                   "SELECT * FROM orders ORDER BY id", NULL};
    rates[1] = (double)rows / measure_run(changes, -1);
    const char *const json[] = {
        "sqlite3", "-readonly", "-json", path, "SELECT * FROM orders ORDER BY id", NULL};
    rates[2] = (double)rows / measure_run(json, -1);
    measure_must(!remove(path), "a database could not be removed");
}

static void bench_read(int64_t rows)
{
    double rate[3][MEASURE_MOST_RUNS], cpu[MEASURE_MOST_RUNS];
    int runs = measure_runs();
    for (int run = 0; run < runs; run++) {
        double rates[3];
        bench_read_one(rows, run, rates, &cpu[run]);
        for (int i = 0; i < 3; i++)
            rate[i][run] = rates[i];
    }
    measure_section("from the change table to the callback");
    measure_row("changes delivered", measure_median(rate[0], (size_t)runs), "/s");
    measure_row("  processor time, all threads", measure_median(cpu, (size_t)runs),
                "us each");
    measure_row("  peer: sqlite3 'SELECT *' of the same rows",
                measure_median(rate[1], (size_t)runs), "/s");
    measure_row("  peer: sqlite3 -json 'SELECT *'", measure_median(rate[2], (size_t)runs),
                "/s");
}

/* ---- writing ------------------------------------------------------------------------- */

struct bench_writer {
    sqlite3 *db;
    sqlite3_stmt *begin, *insert, *commit;
};

static sqlite3_stmt *bench_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    measure_must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK,
                 sqlite3_errmsg(db));
    return stmt;
}

static struct bench_writer bench_writer_open(const char *path)
{
    struct bench_writer w = {NULL, NULL, NULL, NULL};
    measure_must(sqlite3_open(path, &w.db) == SQLITE_OK, "the database does not open");
    sqlite3_busy_timeout(w.db, 30000);
    sqlite3_exec(w.db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    w.begin = bench_prepare(w.db, "BEGIN IMMEDIATE");
    w.insert = bench_prepare(w.db, BENCH_INSERT);
    w.commit = bench_prepare(w.db, "COMMIT");
    return w;
}

static void bench_writer_close(struct bench_writer *w)
{
    sqlite3_finalize(w->begin);
    sqlite3_finalize(w->insert);
    sqlite3_finalize(w->commit);
    sqlite3_close(w->db);
}

static void bench_step(struct bench_writer *w, sqlite3_stmt *stmt)
{
    measure_must(sqlite3_step(stmt) == SQLITE_DONE, sqlite3_errmsg(w->db));
    sqlite3_reset(stmt);
}

/* Inserts per second. */
static double bench_insert(struct bench_writer *w, int64_t rows, int64_t per_commit)
{
    double begin = measure_seconds();
    for (int64_t i = 0; i < rows; i++) {
        if (per_commit > 1 && i % per_commit == 0)
            bench_step(w, w->begin);
        sqlite3_bind_int64(w->insert, 1, i);
        bench_step(w, w->insert);
        if (per_commit > 1 && (i + 1) % per_commit == 0)
            bench_step(w, w->commit);
    }
    return (double)rows / (measure_seconds() - begin);
}

struct bench_capture {
    struct bench_writer plain, captured, read;
    struct bench waiting, running;
};

static void bench_cost(struct bench_capture *c, int64_t rows, int64_t per_commit)
{
    double plain[MEASURE_MOST_RUNS], captured[MEASURE_MOST_RUNS], read[MEASURE_MOST_RUNS];
    int runs = measure_runs();
    for (int run = 0; run < runs; run++) {
        plain[run] = bench_insert(&c->plain, rows, per_commit);
        captured[run] = bench_insert(&c->captured, rows, per_commit);
        bench_reset(&c->running);
        read[run] = bench_insert(&c->read, rows, per_commit);
        bench_wait(&c->running, (uint64_t)rows);
    }
    char label[64];
    snprintf(label, sizeof label, "%lld a transaction: without capture",
             (long long)per_commit);
    measure_row(label, measure_median(plain, (size_t)runs), "/s");
    measure_row("  with capture", measure_median(captured, (size_t)runs), "/s");
    measure_row("  with capture, and the source reading meanwhile",
                measure_median(read, (size_t)runs), "/s");
}

static void bench_write(int64_t scale)
{
    struct bench_capture c;
    const char *plain = measure_path("plain.db"), *captured = measure_path("captured.db"),
               *read = measure_path("running.db");
    measure_sql(plain, BENCH_TABLE);
    measure_sql(captured, BENCH_TABLE);
    measure_sql(read, BENCH_TABLE);
    bench_open(&c.waiting, captured, measure_path("captured.state"));
    bench_open(&c.running, read, measure_path("running.state"));
    bench_subscribe(&c.running);
    c.plain = bench_writer_open(plain);
    c.captured = bench_writer_open(captured);
    c.read = bench_writer_open(read);
    measure_section("inserts, WAL, synchronous=NORMAL");
    bench_cost(&c, 10000 / scale, 1);
    bench_cost(&c, 100000 / scale, 100);
    bench_cost(&c, scale > 1 ? 10000 : 200000, 10000);
    bench_writer_close(&c.plain);
    bench_writer_close(&c.captured);
    bench_writer_close(&c.read);
    bench_close(&c.waiting);
    bench_close(&c.running);
}

/* ---- waiting ------------------------------------------------------------------------- */

#define BENCH_COMMITS_PER_S 100

static void bench_latency(struct bench *bench, uint64_t commits)
{
    struct bench_writer w = bench_writer_open(bench->path);
    int64_t *committed = calloc(commits, sizeof *committed);
    int64_t *arrived = calloc(commits, sizeof *arrived);
    double *latencies = calloc(commits, sizeof *latencies);
    measure_must(committed && arrived && latencies, "out of memory");
    bench_reset(bench);
    bench->arrived_room = commits;
    bench->arrived = arrived;
    int64_t begin = clock_mono_ns();
    for (uint64_t i = 0; i < commits; i++) {
        int64_t due = begin + (int64_t)(i * UINT64_C(1000000000) / BENCH_COMMITS_PER_S);
        struct timespec until = {due / 1000000000, due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        sqlite3_bind_int64(w.insert, 1, (int64_t)i);
        bench_step(&w, w.insert);
        committed[i] = clock_mono_ns();
    }
    bench_wait(bench, commits);
    for (uint64_t i = 0; i < commits; i++)
        latencies[i] = (double)(arrived[i] - committed[i]) / 1e6;
    bench->arrived = NULL;
    measure_row("end of commit to callback, median", measure_median(latencies, commits),
                "ms");
    measure_row("  99th percentile", measure_quantile(latencies, commits, 0.99), "ms");
    measure_row("  longest", latencies[commits - 1], "ms");
    free(committed);
    free(arrived);
    free(latencies);
    bench_writer_close(&w);
}

static void bench_idle(int seconds)
{
    struct timespec nap = {seconds, 0};
    double cpu = measure_cpu_seconds();
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    measure_row("processor while nothing happens",
                (measure_cpu_seconds() - cpu) / seconds * 100, "%");
}

static void bench_quiet(bool quick)
{
    const char *path = measure_path("quiet.db");
    measure_sql(path, BENCH_TABLE);
    struct bench bench;
    bench_open(&bench, path, measure_path("quiet.state"));
    bench_subscribe(&bench);
    measure_section("100 commits a second, and none");
    bench_latency(&bench, quick ? 50 : 1000);
    struct timespec settle = {quick ? 1 : 3, 0}; /* the last purge */
    clock_nanosleep(CLOCK_MONOTONIC, 0, &settle, NULL);
    bench_idle(quick ? 1 : 5);
    bench_close(&bench);
}

/* First of all, so that nothing else is in memory: what the plugin needs for a large
 * backlog. */
static void bench_memory(int64_t rows)
{
    const char *path = measure_path("memory.db");
    measure_sql(path, BENCH_TABLE);
    struct bench bench;
    bench_open(&bench, path, measure_path("memory.state"));
    measure_section("resident memory of this process");
    measure_row("source started, nothing read", measure_resident_mb(), "MB");
    bench_fill(path, rows);
    double before = measure_resident_mb();
    bench_subscribe(&bench);
    bench_wait(&bench, (uint64_t)rows);
    measure_row("before a backlog is read (holds SQLite's cache of the writer)", before,
                "MB");
    measure_row("after it", measure_resident_mb(), "MB");
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    bool quick = measure_begin("bench_sqlite", argc, argv);
    int64_t scale = quick ? 100 : 1;
    bench_memory(1000000 / scale);
    bench_read(300000 / scale);
    bench_write(scale);
    bench_quiet(quick);
    return 0;
}
