/* SPDX-License-Identifier: MIT
 *
 * measure - see the header.
 */
#include "bench/measure.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define MEASURE_PATHS 256

static const char *measure_name = "bench";
static bool measure_quick;
static int measure_run_count = MEASURE_RUNS;
static char measure_folder[] = "/tmp/bench-XXXXXX";
static bool measure_folder_made;
static pid_t measure_owner;

bool measure_begin(const char *name, int argc, char **argv)
{
    measure_name = name;
    for (int i = 1; i < argc; i++) {
        uint64_t runs;
        if (str_is(str_from(argv[i]), "--quick")) {
            measure_quick = true;
            measure_run_count = 2;
        } else if (str_is(str_from(argv[i]), "--runs") && i + 1 < argc &&
                   str_to_u64(str_from(argv[i + 1]), &runs) && runs > 0 &&
                   runs <= MEASURE_MOST_RUNS) {
            measure_run_count = (int)runs;
            i++;
        } else {
            fprintf(stderr, "usage: %s [--quick] [--runs N]   (1 <= N <= %d)\n", name,
                    MEASURE_MOST_RUNS);
            exit(2);
        }
    }
    printf("%s: medians of %d runs%s\n", name, measure_run_count,
           measure_quick ? ", quick: too short to be compared" : "");
    setvbuf(stdout, NULL, _IOLBF, 0);
    return measure_quick;
}

int measure_runs(void)
{
    return measure_run_count;
}

void measure_must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", measure_name, what);
    exit(1);
}

void measure_ok(wf_status status, const wf_error *err)
{
    measure_must(!status, status ? err->text : "");
}

double measure_seconds(void)
{
    return (double)clock_mono_ns() / 1e9;
}

double measure_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double measure_resident_mb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long long pages, resident = 0;
    if (file && fscanf(file, "%lld %lld", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int measure_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_quantile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, measure_compare);
    size_t at = (size_t)((double)count * share);
    return values[at < count ? at : count - 1];
}

double measure_median(double *values, size_t count)
{
    return measure_quantile(values, count, 0.5);
}

void measure_row(const char *label, double value, const char *unit)
{
    printf("  %-54s %12.*f %s\n", label, value < 1000 ? 2 : 0, value, unit);
}

void measure_section(const char *title)
{
    printf("%s\n", title);
}

/* ---- files --------------------------------------------------------------------------- */

static int measure_remove_one(const char *path, const struct stat *info, int kind,
                              struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void measure_remove(void)
{
    if (getpid() == measure_owner)
        nftw(measure_folder, measure_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *measure_path(const char *name)
{
    static char paths[MEASURE_PATHS][128];
    static size_t count;
    if (!measure_folder_made) {
        measure_must(mkdtemp(measure_folder), "no folder could be made in /tmp");
        measure_folder_made = true;
        measure_owner = getpid();
        atexit(measure_remove);
    }
    measure_must(count < MEASURE_PATHS, "too many paths");
    snprintf(paths[count], sizeof paths[count], "%s/%s", measure_folder, name);
    return paths[count++];
}

static sqlite3 *measure_open(const char *path)
{
    sqlite3 *db;
    measure_must(sqlite3_open(path, &db) == SQLITE_OK, "the database does not open");
    sqlite3_busy_timeout(db, 30000);
    return db;
}

void measure_sql(const char *path, const char *sql)
{
    sqlite3 *db = measure_open(path);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    measure_must(rc == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_close(db);
}

int64_t measure_number(const char *path, const char *sql)
{
    sqlite3 *db = measure_open(path);
    sqlite3_stmt *stmt = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
                sqlite3_step(stmt) == SQLITE_ROW;
    measure_must(good, sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return number;
}

void measure_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool good = file && fputs(text, file) >= 0;
    good = file && fclose(file) == 0 && good;
    measure_must(good, "a file could not be written");
}

/* ---- other processes ----------------------------------------------------------------- */

static void measure_redirect(posix_spawn_file_actions_t *actions, int from, int to)
{
    if (from < 0)
        posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(actions, from, to);
}

pid_t measure_spawn(const char *const *argv, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    measure_redirect(&actions, out, STDOUT_FILENO);
    measure_redirect(&actions, err, STDERR_FILENO);
    pid_t pid;
    int failure = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    measure_must(!failure, "a program could not be started");
    return pid;
}

int measure_wait(pid_t pid)
{
    int status = 0;
    measure_must(waitpid(pid, &status, 0) == pid, "waiting for a program failed");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

double measure_run(const char *const *argv, int out)
{
    double begin = measure_seconds();
    measure_must(!measure_wait(measure_spawn(argv, out, STDERR_FILENO)), argv[0]);
    return measure_seconds() - begin;
}
