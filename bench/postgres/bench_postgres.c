/* SPDX-License-Identifier: MIT
 *
 * bench_postgres - from the log of a PostgreSQL server to the callback, beside what the
 * server's own pg_recvlogical takes for the same bytes.
 *
 *     bench_postgres [--quick] [--runs N] [--tcp] [--only PART]
 *
 * PART: peer stream catch-up latency memory snapshot.  Over a Unix socket, or with --tcp
 * over 127.0.0.1.
 *
 * The log is written first; each run has its own copy of one slot, and the two readers take
 * turns.  pg_recvlogical writes pgoutput messages to /dev/null; ours decodes them, renders
 * events, calls back and confirms, in a process of its own that loads the plugin as a host
 * does.  "memory" writes a transaction of ten million rows (about 5 GB of the server's
 * disk) and runs only when asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "bench/measure.h"
#include "bench/postgres/bench_pg.h"

#define BENCH_STREAM ",\"catch_up\":\"off\""
/* A megabyte behind is far behind, so that all but the end is caught up. */
#define BENCH_CATCH_UP ",\"catch_up\":\"auto\",\"catch_up_threshold\":\"1MiB\""

struct bench_load {
    const char *table;
    const char *words;
    long long rows, per_commit;
};

static struct bench_load bench_loads[] = {
    {"batches", "1,000-row transactions", 1000000, 1000},
    {"singles", "single-row transactions", 200000, 1},
};

struct bench_series {
    double rate[MEASURE_MOST_RUNS], cpu[MEASURE_MOST_RUNS], resident[MEASURE_MOST_RUNS];
};

static void bench_note(struct bench_series *series, int run, long long rows,
                       const struct bench_pg_use *use)
{
    series->rate[run] = (double)rows / use->seconds;
    series->cpu[run] = use->cpu_us;
    series->resident[run] = use->resident_mb;
}

static double bench_show(const char *label, struct bench_series *series)
{
    size_t runs = (size_t)measure_runs();
    double rate = measure_median(series->rate, runs);
    measure_row(label, rate, "rows/s");
    measure_row("  processor time", measure_median(series->cpu, runs), "us/row");
    measure_row("  resident at most", measure_median(series->resident, runs), "MB");
    return rate;
}

static void bench_prepare(struct bench_load *load, bool quick)
{
    load->rows /= quick ? 100 : 1;
    bench_pg_table(load->table);
    bench_pg_slot(load->table);
    bench_pg_fill(load->table, load->rows, load->per_commit);
}

static void bench_peer(const struct bench_load *load)
{
    static struct bench_series peer;
    struct bench_pg_use use;
    for (int run = 0; run < measure_runs(); run++) {
        bench_pg_peer(load->table, load->rows, &use);
        bench_note(&peer, run, load->rows, &use);
    }
    measure_section(load->words);
    bench_show("peer: pg_recvlogical to /dev/null", &peer);
}

static void bench_compare(const struct bench_load *load, const char *way,
                          const char *options)
{
    static struct bench_series peer, ours;
    struct bench_pg_use use;
    char text[96];
    for (int run = 0; run < measure_runs(); run++) {
        bench_pg_peer(load->table, load->rows, &use);
        bench_note(&peer, run, load->rows, &use);
        bench_pg_ours(load->table, load->rows, options, &use);
        bench_note(&ours, run, load->rows, &use);
    }
    snprintf(text, sizeof text, "%s, %lld rows in %s", way, load->rows, load->words);
    measure_section(text);
    double theirs = bench_show("peer: pg_recvlogical to /dev/null", &peer);
    double rate = bench_show("log to callback", &ours);
    measure_row("  of the peer's rate", rate / theirs, "times");
}

/* ---- latency ------------------------------------------------------------------------- */

struct bench_writing {
    long long rows;
    int per_commit;
};

static void bench_write(void *ctx)
{
    const struct bench_writing *writing = ctx;
    bench_pg_write("live", writing->rows, 10000, writing->per_commit);
}

static void bench_latency(bool quick)
{
    static double median[MEASURE_MOST_RUNS], p99[MEASURE_MOST_RUNS],
        longest[MEASURE_MOST_RUNS];
    size_t runs = (size_t)measure_runs();
    measure_section("commit to callback at 10,000 rows/s");
    bench_pg_table("live");
    for (int per_commit = 10; per_commit >= 1; per_commit -= 9) {
        struct bench_writing writing = {quick ? 5000 : 100000, per_commit};
        for (size_t run = 0; run < runs; run++) {
            struct bench_pg_use use;
            bench_pg_live("live", writing.rows, bench_write, &writing, &use);
            median[run] = use.median_ms;
            p99[run] = use.p99_ms;
            longest[run] = use.longest_ms;
        }
        measure_row(per_commit > 1 ? "10 rows a transaction, median"
                                   : "one row a transaction, median",
                    measure_median(median, runs), "ms");
        measure_row("  99th percentile", measure_median(p99, runs), "ms");
        measure_row("  longest", measure_median(longest, runs), "ms");
    }
}

/* ---- memory, snapshot ---------------------------------------------------------------- */

static void bench_memory(bool quick)
{
    long long rows = quick ? 100000 : 10000000;
    struct bench_pg_use use;
    bench_pg_table("huge");
    bench_pg_slot("huge");
    bench_pg_fill("huge", rows, rows);
    char text[64];
    snprintf(text, sizeof text, "one transaction of %lld rows", rows);
    measure_section(text);
    bench_pg_peer("huge", rows, &use);
    measure_row("peer: pg_recvlogical to /dev/null", (double)rows / use.seconds, "rows/s");
    bench_pg_ours("huge", rows, BENCH_STREAM, &use);
    measure_row("log to callback", (double)rows / use.seconds, "rows/s");
    measure_row("  processor time", use.cpu_us, "us/row");
    measure_row("  resident at most", use.resident_mb, "MB");
    bench_pg_sql("DROP PUBLICATION huge; DROP TABLE huge");
}

static double bench_snapshot_of(const char *label, const char *publication,
                                const char *tables, long long rows)
{
    static struct bench_series ours;
    for (int run = 0; run < measure_runs(); run++) {
        struct bench_pg_use use;
        bench_pg_snapshot(publication, tables, rows, &use);
        bench_note(&ours, run, rows, &use);
    }
    return bench_show(label, &ours);
}

/* As many tables as there are readers, so that all of them are busy. */
static void bench_four_tables(const char *like)
{
    for (int i = 1; i <= 4; i++) {
        bench_pg_sql("CREATE TABLE four%d (LIKE %s INCLUDING ALL)", i, like);
        bench_pg_sql("INSERT INTO four%d SELECT * FROM %s", i, like);
        bench_pg_sql("ANALYZE four%d", i);
    }
    bench_pg_sql("CREATE PUBLICATION four FOR TABLE four1, four2, four3, four4");
}

static void bench_snapshot(void)
{
    static double copy[MEASURE_MOST_RUNS];
    size_t runs = (size_t)measure_runs();
    const struct bench_load *load = &bench_loads[0];
    for (size_t run = 0; run < runs; run++)
        copy[run] = (double)load->rows / bench_pg_copy_seconds(load->table);
    measure_section("a snapshot");
    double theirs = measure_median(copy, runs);
    measure_row("peer: COPY TO STDOUT by psql to /dev/null", theirs, "rows/s");
    double rate =
        bench_snapshot_of("table to callback", load->table, load->table, load->rows);
    measure_row("  of the peer's rate", rate / theirs, "times");
    bench_four_tables(load->table);
    bench_snapshot_of("four such tables at once", "four", "four*", 4 * load->rows);
    bench_pg_sql("DROP PUBLICATION four; DROP TABLE four1, four2, four3, four4");
}

/* ---- what is to be measured ---------------------------------------------------------- */

/* Takes "--only X" and "--tcp" away from the arguments. */
static wf_str bench_only(int *argc, char **argv, bool *out_tcp)
{
    wf_str only = STR_EMPTY;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (str_is(str_from(argv[i]), "--only") && i + 1 < *argc)
            only = str_from(argv[++i]);
        else if (str_is(str_from(argv[i]), "--tcp"))
            *out_tcp = true;
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return only;
}

static bool bench_asked(wf_str only, const char *name)
{
    wf_str part = str_from(name);
    return only.len ? str_is(only, name) : !str_is(part, "memory") && !str_is(part, "peer");
}

static bool bench_reads_log(wf_str only)
{
    return bench_asked(only, "peer") || bench_asked(only, "stream") ||
           bench_asked(only, "catch-up");
}

int main(int argc, char **argv)
{
    bool tcp = false;
    wf_str only = bench_only(&argc, argv, &tcp);
    bool quick = measure_begin("bench_postgres", argc, argv);
    if (!bench_pg_begin(tcp))
        return 77;
    printf("  %s\n", bench_pg_text("SELECT version()"));
    /* The log of one load lies behind that of the other: a reader of the first would have to
     * pass the second to know that it is at the end. */
    for (size_t i = 0; i < CDC_COUNT(bench_loads); i++) {
        if (!bench_reads_log(only) && (i > 0 || !bench_asked(only, "snapshot")))
            continue;
        bench_prepare(&bench_loads[i], quick);
        if (bench_asked(only, "peer"))
            bench_peer(&bench_loads[i]);
        if (bench_asked(only, "stream"))
            bench_compare(&bench_loads[i], "streaming", BENCH_STREAM);
        if (bench_asked(only, "catch-up"))
            bench_compare(&bench_loads[i], "catching up", BENCH_CATCH_UP);
    }
    if (bench_asked(only, "snapshot"))
        bench_snapshot();
    if (bench_asked(only, "latency"))
        bench_latency(quick);
    if (bench_asked(only, "memory"))
        bench_memory(quick);
    return 0;
}
