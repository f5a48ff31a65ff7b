/* SPDX-License-Identifier: MIT
 *
 * bench_pg_engine - PostgreSQL's log to the callback, ours beside Debezium Engine, which
 * does the same within a Java process: reads the slot, makes JSON of each change, hands it
 * over.
 *
 *     bench_pg_engine [--quick] [--runs N] [--heap MB]
 *
 * scripts/peer-kafka engine gets it; $ENGINE_HOME names another folder of its jars.  One log
 * of a million rows in transactions of 1,000; each run has its own copy of one slot; all
 * readers come over TCP, and they take turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "bench/measure.h"
#include "bench/postgres/bench_pg.h"

#define ENGINE_TABLE "batches"

struct engine_series {
    double rate[MEASURE_MOST_RUNS], warm[MEASURE_MOST_RUNS], cpu[MEASURE_MOST_RUNS],
        resident[MEASURE_MOST_RUNS];
};

struct engine_figures {
    double rate, warm, cpu, resident;
};

/* What a run of Debezium Engine needs. */
struct engine_peer {
    char class_path[512], heap[32];
    long long rows;
    int runs;
};

/* Compiles the Java program; false, after saying why, when something is not there. */
static bool engine_begin(struct engine_peer *peer, const char *heap_mb)
{
    const char *home = getenv("ENGINE_HOME");
    char jars[300], complete[300];
    snprintf(complete, sizeof complete, "%s/complete", home ? home : ENGINE_HOME);
    if (access(complete, R_OK)) {
        printf("  left out: Debezium Engine was not got; scripts/peer-kafka engine gets "
               "it\n");
        return false;
    }
    const char *classes = measure_path("classes");
    snprintf(jars, sizeof jars, "%s/*", home ? home : ENGINE_HOME);
    snprintf(peer->class_path, sizeof peer->class_path, "%s:%s", classes, jars);
    snprintf(peer->heap, sizeof peer->heap, "-Xmx%sm", heap_mb);
    const char *const argv[] = {"javac", "-cp", jars, "-d", classes, ENGINE_SOURCE, NULL};
    measure_run(argv, -1);
    return true;
}

static void engine_drop_slot(const char *slot)
{
    bench_pg_sql("DO $$ BEGIN FOR i IN 1 .. 1000 LOOP PERFORM pg_drop_replication_slot("
                 "slot_name) FROM pg_replication_slots WHERE slot_name = '%s' AND NOT "
                 "active; EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE "
                 "slot_name = '%s'); PERFORM pg_sleep(0.01); END LOOP; END $$",
                 slot, slot);
}

/* One run of the peer; gives the seconds from its first event to its last. */
static double engine_run(struct engine_peer *peer, struct bench_pg_use *out)
{
    char slot[32], port[16], rows[24];
    snprintf(slot, sizeof slot, "engine%d", ++peer->runs);
    snprintf(port, sizeof port, "%lld",
             bench_pg_number("SELECT current_setting('port')::int"));
    snprintf(rows, sizeof rows, "%lld", peer->rows);
    bench_pg_sql("SELECT pg_copy_logical_replication_slot('" ENGINE_TABLE "_slot', '%s')",
                 slot);
    const char *const argv[] = {
        "java",         peer->heap,
        "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",          peer->class_path,
        "BenchEngine",  port,
        "postgres",     slot,
        ENGINE_TABLE,   "public." ENGINE_TABLE,
        rows,           NULL};
    int fds[2];
    measure_must(!pipe(fds), "no pipe");
    double begin = measure_seconds(), warm = 0, cpu_ns = 0, resident_kb = 0, bytes = 0;
    pid_t pid = measure_spawn(argv, fds[1], STDERR_FILENO);
    close(fds[1]);
    FILE *from = fdopen(fds[0], "r");
    bool said =
        from && fscanf(from, "%lf %lf %lf %lf", &warm, &cpu_ns, &resident_kb, &bytes) == 4;
    out->seconds = measure_seconds() - begin;
    if (from)
        fclose(from);
    measure_must(!measure_wait(pid) && said && bytes > 0, "Debezium Engine did not read");
    out->cpu_us = cpu_ns / 1e3 / (double)peer->rows;
    out->resident_mb = resident_kb / 1024;
    engine_drop_slot(slot);
    return warm;
}

static void engine_note(struct engine_series *series, int run, long long rows,
                        const struct bench_pg_use *use)
{
    series->rate[run] = (double)rows / use->seconds;
    series->warm[run] = series->rate[run];
    series->cpu[run] = use->cpu_us;
    series->resident[run] = use->resident_mb;
}

static struct engine_figures engine_show(const char *label, struct engine_series *series)
{
    size_t runs = (size_t)measure_runs();
    struct engine_figures f = {
        .rate = measure_median(series->rate, runs),
        .warm = measure_median(series->warm, runs),
        .cpu = measure_median(series->cpu, runs),
        .resident = measure_median(series->resident, runs),
    };
    measure_row(label, f.rate, "rows/s");
    if (f.warm != f.rate)
        measure_row("  from its first event on", f.warm, "rows/s");
    measure_row("  processor time", f.cpu, "us/row");
    measure_row("  resident at most", f.resident, "MB");
    return f;
}

static void engine_ratios(const struct engine_figures *ours,
                          const struct engine_figures *theirs)
{
    measure_row("  of Debezium's rate", ours->rate / theirs->rate, "times");
    measure_row("  of that from its first event on", ours->rate / theirs->warm, "times");
    measure_row("  of its processor time", ours->cpu / theirs->cpu, "times");
    measure_row("  its memory is", theirs->resident / ours->resident, "times ours");
}

static void engine_compare(struct engine_peer *peer)
{
    static struct engine_series engine, receive, stream, catch_up;
    struct bench_pg_use use;
    for (int run = 0; run < measure_runs(); run++) {
        double warm = engine_run(peer, &use);
        engine_note(&engine, run, peer->rows, &use);
        engine.warm[run] = (double)peer->rows / warm;
        bench_pg_peer(ENGINE_TABLE, peer->rows, &use);
        engine_note(&receive, run, peer->rows, &use);
        bench_pg_ours(ENGINE_TABLE, peer->rows, ",\"catch_up\":\"off\"", &use);
        engine_note(&stream, run, peer->rows, &use);
        bench_pg_ours(ENGINE_TABLE, peer->rows,
                      ",\"catch_up\":\"auto\",\"catch_up_threshold\":\"1MiB\"", &use);
        engine_note(&catch_up, run, peer->rows, &use);
    }
    measure_section("log to JSON in a callback, 1,000-row transactions, over TCP");
    struct engine_figures theirs = engine_show("peer: Debezium Engine", &engine);
    engine_show("peer: pg_recvlogical to /dev/null", &receive);
    struct engine_figures ours = engine_show("streaming", &stream);
    engine_ratios(&ours, &theirs);
    ours = engine_show("catching up", &catch_up);
    engine_ratios(&ours, &theirs);
}

/* Takes "--heap MB" away from the arguments. */
static const char *engine_heap(int *argc, char **argv)
{
    const char *heap = "512";
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (str_is(str_from(argv[i]), "--heap") && i + 1 < *argc)
            heap = argv[++i];
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return heap;
}

int main(int argc, char **argv)
{
    const char *heap = engine_heap(&argc, argv);
    bool quick = measure_begin("bench_pg_engine", argc, argv);
    struct engine_peer peer = {.rows = quick ? 20000 : 1000000};
    if (!engine_begin(&peer, heap))
        return 77;
    if (!bench_pg_begin(true)) /* the engine knows no socket but TCP's */
        return 77;
    printf("  %s\n", bench_pg_text("SELECT version()"));
    bench_pg_table(ENGINE_TABLE);
    bench_pg_slot(ENGINE_TABLE);
    bench_pg_fill(ENGINE_TABLE, peer.rows, 1000);
    /* Whoever reads to the end must find one behind it. */
    bench_pg_sql("SELECT pg_logical_emit_message(true, 'bench', 'end')");
    engine_compare(&peer);
    return 0;
}
