/* SPDX-License-Identifier: MIT
 *
 * bench_start - how long from exec to the first effect of a change that waits, and how
 * large the plugin is.
 *
 * The effect is the line that step.log writes, read here from a pipe.
 */
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "bench/measure.h"

#define BENCH_YAML                                                                         \
    "modules:\n"                                                                           \
    "  - name: source\n"                                                                   \
    "    type: cdc.source\n"                                                               \
    "    config: { provider: sqlite, source_id: bench, connection: shop.db, tables: "      \
    "[orders] }\n"                                                                         \
    "pipelines:\n"                                                                         \
    "  on_change:\n"                                                                       \
    "    trigger: { type: cdc, config: { source_id: bench } }\n"                           \
    "    steps:\n"                                                                         \
    "      - name: say\n"                                                                  \
    "        type: step.log\n"                                                             \
    "        config: { level: warn, message: 'seen order ${ key.id }' }\n"

/* Reads until the text comes; a host that ends without it is a failure. */
static void bench_until(int fd, const char *text)
{
    char log[16384];
    size_t len = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        measure_must(poll(&ready, 1, 30000) == 1, "wfhost said nothing for half a minute");
        ssize_t got = len < sizeof log - 1 ? read(fd, log + len, sizeof log - 1 - len) : 0;
        if (got <= 0)
            fprintf(stderr, "%.*s", (int)len, log);
        measure_must(got > 0, "wfhost ended, or wrote much, without the line waited for");
        len += (size_t)got;
        log[len] = '\0';
        if (strstr(log, text))
            return;
    }
}

/* Seconds to the line, and to the end after SIGTERM. */
static void bench_run(const char *yaml, double *to_event, double *to_end)
{
    const char *const argv[] = {WFHOST, "run", yaml, NULL};
    int fds[2];
    measure_must(!pipe2(fds, 0), "no pipe");
    double begin = measure_seconds();
    pid_t pid = measure_spawn(argv, -1, fds[1]);
    close(fds[1]);
    bench_until(fds[0], "seen order");
    double seen = measure_seconds();
    kill(pid, SIGTERM);
    char rest[4096];
    while (read(fds[0], rest, sizeof rest) > 0)
        ;
    measure_must(!measure_wait(pid), "wfhost did not end well");
    *to_event = (seen - begin) * 1e3;
    *to_end = (measure_seconds() - seen) * 1e3;
    close(fds[0]);
}

/* The first run installs the capture; later changes wait for the next run. */
static void bench_prepare(const char *db, const char *yaml)
{
    measure_write_file(yaml, BENCH_YAML);
    measure_sql(db, "PRAGMA journal_mode = WAL;"
                    "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT)");
    const char *const argv[] = {WFHOST, "run", yaml, "--exit-when-idle", "300ms", NULL};
    measure_must(!measure_wait(measure_spawn(argv, -1, -1)), "wfhost did not end well");
}

static void bench_size(void)
{
    const char *stripped = measure_path("stripped.so");
    const char *const strip[] = {"strip", "-o", stripped, PLUGIN_SO, NULL};
    struct stat info;
    measure_run(strip, -1);
    measure_must(!stat(stripped, &info), "the stripped plugin is not there");
    measure_row("workflow-plugin-cdc.so, stripped", (double)info.st_size / 1e3, "kB");
}

int main(int argc, char **argv)
{
    measure_begin("bench_start", argc, argv);
    const char *db = measure_path("shop.db"), *yaml = measure_path("bench.yaml");
    bench_prepare(db, yaml);
    double event[MEASURE_MOST_RUNS], end[MEASURE_MOST_RUNS], select[MEASURE_MOST_RUNS],
        inspect[MEASURE_MOST_RUNS];
    size_t runs = (size_t)measure_runs();
    for (size_t i = 0; i < runs; i++) {
        measure_sql(db, "INSERT INTO orders(state) VALUES ('new')");
        bench_run(yaml, &event[i], &end[i]);
        const char *const shell[] = {"sqlite3", "-readonly", db,
                                     "SELECT count(*) FROM orders", NULL};
        select[i] = measure_run(shell, -1) * 1e3;
        const char *const look[] = {WFHOST, "inspect", NULL};
        inspect[i] = measure_run(look, -1) * 1e3;
    }
    measure_section("one change waits in a SQLite database");
    measure_row("exec of wfhost run to the workflow's line, median",
                measure_median(event, runs), "ms");
    measure_row("  longest", event[runs - 1], "ms");
    measure_row("SIGTERM to the end of the process", measure_median(end, runs), "ms");
    measure_row("peer: a whole wfhost inspect", measure_median(inspect, runs), "ms");
    measure_row("peer: a whole sqlite3 'SELECT count(*)'", measure_median(select, runs),
                "ms");
    bench_size();
    return 0;
}
