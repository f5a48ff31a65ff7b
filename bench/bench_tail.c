/* SPDX-License-Identifier: MIT
 *
 * bench_tail - `wfhost tail` on a SQLite database in which changes wait.
 *
 * Measured is the whole process, from exec to exit, with --max.  The peer writes the same
 * rows as JSON, too: sqlite3 -json.
 */
#include "bench/measure.h"

static void bench_drain(int fd)
{
    static char sink[1 << 16];
    while (read(fd, sink, sizeof sink) > 0)
        ;
}

/* Seconds of the program with its stdout in a pipe that is read here. */
static double bench_piped(const char *const *argv)
{
    int fds[2];
    measure_must(!pipe2(fds, 0), "no pipe");
    double begin = measure_seconds();
    pid_t pid = measure_spawn(argv, fds[1], STDERR_FILENO);
    close(fds[1]);
    bench_drain(fds[0]);
    measure_must(!measure_wait(pid), "wfhost tail did not end well");
    close(fds[0]);
    return measure_seconds() - begin;
}

struct bench {
    const char *db;
    char option[256]; /* state_dir=... */
    char max[24];
    char fill[512];
    double rows;
};

static double bench_tail(const struct bench *bench, bool piped)
{
    measure_sql(bench->db, bench->fill);
    const char *const argv[] = {WFHOST,    "tail",     "sqlite",   bench->db,
                                "--table", "orders",   "--option", bench->option,
                                "--max",   bench->max, NULL};
    return piped ? bench_piped(argv) : measure_run(argv, -1);
}

static void bench_prepare(struct bench *bench, long long rows)
{
    bench->db = measure_path("shop.db");
    bench->rows = (double)rows;
    snprintf(bench->option, sizeof bench->option, "state_dir=%s", measure_path("state"));
    snprintf(bench->max, sizeof bench->max, "%lld", rows);
    snprintf(
        bench->fill, sizeof bench->fill,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld)"
        " INSERT INTO orders(customer, state, amount, pieces, note)"
        " SELECT 'customer number ' || (i %% 1000), 'shipped', i * 0.25, i %% 10, NULL "
        "FROM n",
        rows);
    measure_sql(bench->db,
                "PRAGMA journal_mode = WAL;"
                "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL,"
                " state TEXT, amount REAL, pieces INTEGER, note TEXT)");
    const char *const argv[] = {
        WFHOST,     "tail",        "sqlite",           bench->db, "--table", "orders",
        "--option", bench->option, "--exit-when-idle", "300ms",   NULL};
    measure_run(argv, -1);
}

int main(int argc, char **argv)
{
    bool quick = measure_begin("bench_tail", argc, argv);
    struct bench bench;
    bench_prepare(&bench, quick ? 3000 : 300000);
    double null[MEASURE_MOST_RUNS], piped[MEASURE_MOST_RUNS], json[MEASURE_MOST_RUNS];
    size_t runs = (size_t)measure_runs();
    char limit[80];
    snprintf(limit, sizeof limit, "SELECT * FROM orders LIMIT %s", bench.max);
    for (size_t i = 0; i < runs; i++) {
        null[i] = bench.rows / bench_tail(&bench, false);
        piped[i] = bench.rows / bench_tail(&bench, true);
        const char *const shell[] = {"sqlite3", "-readonly", "-json",
                                     bench.db,  limit,       NULL};
        json[i] = bench.rows / measure_run(shell, -1);
    }
    measure_section("wfhost tail, from exec to exit");
    measure_row("changes as lines to /dev/null", measure_median(null, runs), "/s");
    measure_row("changes as lines to a pipe", measure_median(piped, runs), "/s");
    measure_row("peer: rows by sqlite3 -json to /dev/null", measure_median(json, runs),
                "/s");
    return 0;
}
