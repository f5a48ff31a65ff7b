/* SPDX-License-Identifier: MIT
 *
 * measure - what the benchmarks share: medians, rows of a table, a folder, other processes.
 *
 * A benchmark that cannot go on ends the process; there is nobody to tell but the person
 * who ran it.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "sdk/wf_plugin.h"

#define MEASURE_RUNS 5

/* Reads --quick and --runs N, names the benchmark in its error texts, prints the heading.
 * Gives whether it is to be quick. */
bool measure_begin(const char *name, int argc, char **argv);
/* Runs per row: MEASURE_RUNS, 2 when quick, or what --runs says; at most
 * MEASURE_MOST_RUNS. */
#define MEASURE_MOST_RUNS 101
int measure_runs(void);

void measure_must(bool good, const char *what);
/* For our own functions: `status` must be WF_OK. */
void measure_ok(wf_status status, const wf_error *err);

double measure_seconds(void);     /* monotonic */
double measure_cpu_seconds(void); /* of this process */
double measure_resident_mb(void);

/* Sorts `values`; the share of them (0.5: median) that the result is not smaller than. */
double measure_quantile(double *values, size_t count, double share);
double measure_median(double *values, size_t count);

void measure_row(const char *label, double value, const char *unit);
void measure_section(const char *title);

/* `dir`/`name` in a folder that is removed at the end; the path belongs to this unit and
 * lives as long as the process. */
const char *measure_path(const char *name);
/* Runs SQL on a database file by a connection of its own. */
void measure_sql(const char *path, const char *sql);
/* The first column of the first row. */
int64_t measure_number(const char *path, const char *sql);
void measure_write_file(const char *path, const char *text);

/* Starts argv[0] with stdout and stderr on these descriptors (-1: /dev/null). */
pid_t measure_spawn(const char *const *argv, int out, int err);
/* Waits; gives the exit status (128 + signal). */
int measure_wait(pid_t pid);
/* Both, with stdout to `out`, which must end with status 0; gives its seconds. */
double measure_run(const char *const *argv, int out);

#endif
