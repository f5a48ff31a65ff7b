/* SPDX-License-Identifier: MIT
 *
 * bench_pg_reader - the process that bench_postgres measures: the plugin as a host loads
 * it, one source, one trigger whose callback counts.
 *
 *     bench_pg_reader CONFIG EVENTS [latency]
 *
 * CONFIG is the source's configuration as JSON, its source_id "bench".  Prints "ready" when
 * the source was started, and after the last of EVENTS one line:
 *
 *     monotonic_ns cpu_ns resident_kb median_us p99_us longest_us
 *
 * With `latency` the last three are the age of the events at the callback, by the commit
 * time that each carries; the server's clock is this machine's.  The process ends when its
 * stdin does, so that whoever measures may look at the far side before.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "sdk/wf_plugin.h"

struct reader {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t enough;
    uint64_t wanted, seen;
    int64_t *ages_us; /* NULL: not asked for */
    int64_t end_ns, cpu_ns;
};

static _Noreturn void reader_die(const char *what, const wf_error *err)
{
    fprintf(stderr, "bench_pg_reader: %s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

static void reader_log(void *ctx, int32_t level, wf_str line)
{
    (void)ctx;
    if (level >= 2 || getenv("BENCH_VERBOSE"))
        fprintf(stderr, "bench_pg_reader: %.*s\n", STR_ARG(line));
}

static int64_t reader_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The event's "ts", 2026-11-22T10:00:00.123456Z, as microseconds since 1970. */
static int64_t reader_ts_us(wf_str event)
{
    static const char key[] = "\"ts\":\"";
    const char *at = memmem(event.ptr, event.len, key, sizeof key - 1);
    struct tm tm = {0};
    char text[32] = "";
    if (!at || (size_t)(event.ptr + event.len - at) < sizeof text + sizeof key)
        reader_die("an event has no time", NULL);
    memcpy(text, at + sizeof key - 1, sizeof text - 1);
    char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t us = 0;
    if (rest && *rest == '.')
        for (int i = 1; i <= 6; i++)
            us = us * 10 + (rest[i] >= '0' && rest[i] <= '9' ? rest[i] - '0' : 0);
    return (int64_t)timegm(&tm) * 1000000 + us;
}

static int64_t reader_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static wf_status reader_fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    struct reader *reader = ctx;
    (void)action;
    (void)err;
    pthread_mutex_lock(&reader->lock);
    if (reader->ages_us && reader->seen < reader->wanted)
        reader->ages_us[reader->seen] = reader_now_us() - reader_ts_us(event);
    if (++reader->seen == reader->wanted) {
        reader->end_ns = clock_mono_ns();
        reader->cpu_ns = reader_cpu_ns();
        pthread_cond_signal(&reader->enough);
    }
    pthread_mutex_unlock(&reader->lock);
    return WF_OK;
}

static int reader_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void reader_print(struct reader *reader)
{
    long long quantile[3] = {0};
    if (reader->ages_us) {
        qsort(reader->ages_us, reader->wanted, sizeof *reader->ages_us, reader_compare);
        quantile[0] = reader->ages_us[reader->wanted / 2];
        quantile[1] = reader->ages_us[reader->wanted * 99 / 100];
        quantile[2] = reader->ages_us[reader->wanted - 1];
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%lld %lld %ld %lld %lld %lld\n", (long long)reader->end_ns,
           (long long)reader->cpu_ns, use.ru_maxrss, quantile[0], quantile[1], quantile[2]);
    fflush(stdout);
}

static void reader_symbol(void *library, const char *name, void *out, size_t size)
{
    void *symbol = dlsym(library, name);
    if (!symbol)
        reader_die(name, NULL);
    memcpy(out, &symbol, size);
}
#define READER_SYMBOL(library, name, out) reader_symbol(library, name, &(out), sizeof(out))

static void reader_run(struct reader *reader, void *library, wf_str config)
{
    static const wf_host host = {.size = sizeof host, .log = reader_log};
    wf_plugin_open_fn open_plugin;
    wf_plugin_close_fn close_plugin;
    wf_new_module_fn new_module;
    wf_new_trigger_fn new_trigger;
    READER_SYMBOL(library, "wf_plugin_open", open_plugin);
    READER_SYMBOL(library, "wf_plugin_close", close_plugin);
    READER_SYMBOL(library, "new_module_cdc_source", new_module);
    READER_SYMBOL(library, "new_trigger_cdc", new_trigger);
    wf_error err = {0};
    wf_plugin *plugin = NULL;
    const wf_module *module = NULL;
    const wf_trigger *trigger = NULL;
    const wf_callback callback = {reader, reader_fire};
    if (open_plugin(&host, &plugin, &err) ||
        new_module(plugin, STR("bench"), config, &module, &err) ||
        new_trigger(plugin, STR("{\"source_id\":\"bench\"}"), &callback, &trigger, &err) ||
        module->init(module->self, &err) || module->start(module->self, &err) ||
        trigger->start(trigger->self, &err))
        reader_die("the source does not start", &err);
    puts("ready");
    fflush(stdout);
    pthread_mutex_lock(&reader->lock);
    while (reader->seen < reader->wanted)
        pthread_cond_wait(&reader->enough, &reader->lock);
    pthread_mutex_unlock(&reader->lock);
    reader_print(reader);
    char end;
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    if (trigger->stop(trigger->self, &err) || module->stop(module->self, &err))
        reader_die("the source does not stop", &err);
    trigger->destroy(trigger->self);
    module->destroy(module->self);
    close_plugin(plugin);
}

int main(int argc, char **argv)
{
    struct reader reader = {0};
    if (argc < 3 || !str_to_u64(str_from(argv[2]), &reader.wanted) || !reader.wanted) {
        fprintf(stderr, "usage: bench_pg_reader CONFIG EVENTS [latency]\n");
        return 2;
    }
    pthread_mutex_init(&reader.lock, NULL);
    thread_cond_init(&reader.enough);
    if (argc > 3 && !(reader.ages_us = calloc(reader.wanted, sizeof *reader.ages_us)))
        reader_die("out of memory", NULL);
    void *library = dlopen(PLUGIN_SO, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        reader_die(dlerror(), NULL);
    reader_run(&reader, library, str_from(argv[1]));
    free(reader.ages_us);
    return 0;
}
