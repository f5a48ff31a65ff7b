/* SPDX-License-Identifier: MIT
 *
 * bench_wfhost - from a change to the end of a pipeline of step.set and step.log, with
 * everything that `wfhost run` is made of: the plugin by its shared object, the bus, the
 * YAML, the log.
 *
 * It is put together here and not started as a program, so that the end of the last run is
 * known exactly.  The peer is the pipeline alone, run from a loop with no plugin and no
 * other thread.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "bench/measure.h"
#include "host/app.h"
#include "host/host_log.h"
#include "host/pipeline.h"
#include "host/plugin.h"
#include "host/plugin_host.h"
#include "host/problems.h"

#define BENCH_PIPELINE                                                                     \
    "pipelines:\n"                                                                         \
    "  on_change:\n"                                                                       \
    "    trigger: { type: cdc, config: { source_id: bench } }\n"                           \
    "    steps:\n"                                                                         \
    "      - name: sentence\n"                                                             \
    "        type: step.set\n"                                                             \
    "        config: { values: { text: 'order ${ key.id } is ${ after.state }' } }\n"      \
    "      - name: say\n"                                                                  \
    "        type: step.log\n"                                                             \
    "        config: { message: '${ text }' }\n"

static const char bench_memory_yaml[] = "modules:\n"
                                        "  - name: source\n"
                                        "    type: cdc.source\n"
                                        "    config: { provider: memory, source_id: bench, "
                                        "connection: memory }\n" BENCH_PIPELINE;

static const char bench_sqlite_yaml[] =
    "modules:\n"
    "  - name: source\n"
    "    type: cdc.source\n"
    "    config: { provider: sqlite, source_id: bench, connection: shop.db, tables: "
    "[orders] }\n" BENCH_PIPELINE;

static const char bench_event[] =
    "{\"id\":\"mem:0000001\",\"source_id\":\"bench\",\"provider\":\"memory\","
    "\"table\":\"public.orders\",\"op\":\"UPDATE\",\"key\":{\"id\":42},\"before\":null,"
    "\"after\":{\"id\":42,\"state\":\"shipped\",\"amount\":\"19.90\"},\"snapshot\":false}";

/* ---- a host -------------------------------------------------------------------------- */

struct bench {
    struct host_log *log;
    struct logger logger; /* counts what step.log writes, and hands it on */
    struct bus *bus;
    struct plugins *plugins;
    struct plugin_host host;
    struct problems *problems;
    struct app *app;
    _Atomic uint64_t lines;
    uint64_t wanted;
    pthread_mutex_t lock;
    pthread_cond_t enough;
};

static void bench_line(void *ctx, int32_t level, wf_str line)
{
    struct bench *bench = ctx;
    const struct logger *log = host_log_logger(bench->log);
    log->write(log->ctx, level, line);
    if (!str_starts(line, STR("order ")))
        return;
    if (atomic_fetch_add(&bench->lines, 1) + 1 < bench->wanted)
        return;
    pthread_mutex_lock(&bench->lock);
    pthread_cond_signal(&bench->enough);
    pthread_mutex_unlock(&bench->lock);
}

static void bench_open(struct bench *bench, const char *log_path, const char *yaml,
                       const char *dir)
{
    wf_error err;
    memset(bench, 0, sizeof *bench);
    pthread_mutex_init(&bench->lock, NULL);
    thread_cond_init(&bench->enough);
    int fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    measure_must(fd >= 0, "the log could not be opened");
    bench->log = host_log_open(fd, false, LOG_INFO, &err);
    bench->bus = bus_new();
    bench->plugins = plugins_new();
    bench->problems = problems_new();
    measure_must(bench->log && bench->bus && bench->plugins && bench->problems,
                 "out of memory");
    bench->logger = (struct logger){bench, bench_line};
    measure_ok(plugins_add(bench->plugins, PLUGIN_SO, &err), &err);
    plugin_host_init(&bench->host, &bench->logger, bench->bus);
    measure_ok(plugins_open(bench->plugins, &bench->host.table, &err), &err);
    bench->app = app_new(&bench->logger, bench->plugins, bench->bus);
    measure_must(bench->app, "out of memory");
    bool good =
        app_load_text(bench->app, str_from(yaml), "bench.yaml", dir, bench->problems);
    measure_must(good, "the configuration has mistakes");
}

static void bench_close(struct bench *bench)
{
    app_free(bench->app);
    problems_free(bench->problems);
    plugins_free(bench->plugins);
    bus_free(bench->bus);
    host_log_close(bench->log);
    pthread_cond_destroy(&bench->enough);
    pthread_mutex_destroy(&bench->lock);
}

static void bench_start(struct bench *bench, uint64_t wanted)
{
    wf_error err;
    bench->wanted = wanted;
    measure_ok(app_start(bench->app, true, &err), &err);
}

static void bench_wait(struct bench *bench)
{
    int64_t deadline = clock_mono_ms() + 120000;
    pthread_mutex_lock(&bench->lock);
    while (atomic_load(&bench->lines) < bench->wanted &&
           thread_cond_wait_until(&bench->enough, &bench->lock, deadline))
        ;
    pthread_mutex_unlock(&bench->lock);
    measure_must(atomic_load(&bench->lines) >= bench->wanted,
                 "the events did not arrive within two minutes");
}

/* ---- the rows ------------------------------------------------------------------------ */

struct bench_result {
    double rate[MEASURE_MOST_RUNS];
    double cpu[MEASURE_MOST_RUNS]; /* us per event */
};

static void bench_show(const char *label, struct bench_result *result)
{
    size_t runs = (size_t)measure_runs();
    measure_row(label, measure_median(result->rate, runs), "/s");
    measure_row("  processor time, all threads", measure_median(result->cpu, runs),
                "us each");
}

static void bench_publish(struct bench *bench, uint64_t events)
{
    wf_error err;
    for (uint64_t i = 0; i < events; i++) {
        wf_status status;
        /* The queue is full at times, as it should be. */
        while ((status = bus_publish(bench->bus, STR("cdc.memory.bench"), STR(bench_event),
                                     STR_EMPTY, &err)) == WF_UNAVAILABLE)
            sched_yield();
        measure_ok(status, &err);
    }
}

static void bench_from_bus(const char *log_path, uint64_t events, const char *label)
{
    struct bench_result result;
    for (int run = 0; run < measure_runs(); run++) {
        struct bench bench;
        bench_open(&bench, log_path, bench_memory_yaml, "/tmp");
        bench_start(&bench, events);
        double begin = measure_seconds(), cpu = measure_cpu_seconds();
        bench_publish(&bench, events);
        bench_wait(&bench);
        result.rate[run] = (double)events / (measure_seconds() - begin);
        result.cpu[run] = (measure_cpu_seconds() - cpu) / (double)events * 1e6;
        bench_close(&bench);
    }
    bench_show(label, &result);
}

static void bench_from_sqlite(const char *log_path, uint64_t changes, const char *dir,
                              const char *db, const char *label)
{
    struct bench_result result;
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %llu)"
        " INSERT INTO orders(customer, state, amount, pieces, note)"
        " SELECT 'customer number ' || (i %% 1000), 'shipped', i * 0.25, i %% 10, NULL "
        "FROM n",
        (unsigned long long)changes);
    for (int run = 0; run < measure_runs(); run++) {
        measure_sql(db, sql);
        struct bench bench;
        bench_open(&bench, log_path, bench_sqlite_yaml, dir);
        double begin = measure_seconds(), cpu = measure_cpu_seconds();
        bench_start(&bench, changes);
        bench_wait(&bench);
        result.rate[run] = (double)changes / (measure_seconds() - begin);
        result.cpu[run] = (measure_cpu_seconds() - cpu) / (double)changes * 1e6;
        bench_close(&bench);
    }
    bench_show(label, &result);
}

static void bench_pipeline_alone(uint64_t events)
{
    struct bench_result result;
    struct bench bench;
    wf_error err;
    bench_open(&bench, "/dev/null", bench_memory_yaml, "/tmp");
    bench_start(&bench, UINT64_MAX);
    struct pipeline *pipeline = app_pipeline(bench.app, STR("on_change"));
    for (int run = 0; run < measure_runs(); run++) {
        double begin = measure_seconds(), cpu = measure_cpu_seconds();
        for (uint64_t i = 0; i < events; i++) {
            struct pipeline_call call = {.data = STR(bench_event)};
            measure_ok(pipeline_run(pipeline, &call, &err), &err);
        }
        result.rate[run] = (double)events / (measure_seconds() - begin);
        result.cpu[run] = (measure_cpu_seconds() - cpu) / (double)events * 1e6;
    }
    bench_close(&bench);
    bench_show("peer: the pipeline alone, log to /dev/null", &result);
}

/* Installs the capture and remembers the trigger's place; from then on changes wait for
 * it. */
static void bench_prepare(const char *dir, const char *db)
{
    struct bench bench;
    measure_must(!mkdir(dir, 0700), "a folder could not be made");
    measure_sql(db, "PRAGMA journal_mode = WAL;"
                    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL,"
                    " state TEXT, amount REAL, pieces INTEGER, note TEXT)");
    bench_open(&bench, "/dev/null", bench_sqlite_yaml, dir);
    bench_start(&bench, 1);
    measure_sql(db, "INSERT INTO orders(customer) VALUES ('first')");
    bench_wait(&bench);
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    bool quick = measure_begin("bench_wfhost", argc, argv);
    uint64_t scale = quick ? 100 : 1;
    const char *dir = measure_path("shop"), *db = measure_path("shop/shop.db");
    const char *log_path = measure_path("bench.log");
    bench_prepare(dir, db);
    measure_section("change -> pipeline of step.set and step.log, one subscription");
    bench_from_bus("/dev/null", 1000000 / scale,
                   "memory provider over the bus, log to /dev/null");
    bench_from_bus(log_path, 1000000 / scale,
                   "memory provider over the bus, log to a file");
    bench_from_sqlite("/dev/null", 300000 / scale, dir, db,
                      "sqlite, 300,000 changes waiting, log to /dev/null");
    bench_from_sqlite(log_path, 300000 / scale, dir, db,
                      "sqlite, 300,000 changes waiting, log to a file");
    bench_pipeline_alone(1000000 / scale);
    measure_row("resident memory", measure_resident_mb(), "MB");
    return 0;
}
