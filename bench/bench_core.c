/* SPDX-License-Identifier: MIT
 *
 * bench_core - the way of one change inside the plugin: memory provider, log, delivery
 * threads, callback.
 *
 * Events of 200 bytes are injected by one thread and counted in the callbacks.  Allocations
 * are counted by standing in front of malloc; resident memory is what the kernel says.
 */
#include <cjson/cJSON.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/registry.h"
#include "plugin/core/subscription.h"
#include "providers/memory/memory.h"

#define BENCH_RUNS 5
#define BENCH_RATE 50000

static const struct cdc_provider *const bench_providers[] = {&cdc_provider_memory, NULL};

/* ---- counting allocations ------------------------------------------------------------ */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
static _Atomic uint64_t bench_allocations;

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&bench_allocations, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&bench_allocations, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&bench_allocations, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}

static double bench_resident_mb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long long pages = 0, resident = 0;
    if (file && fscanf(file, "%lld %lld", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* ---- one source with its subscriptions ----------------------------------------------- */

#define BENCH_SUBSCRIPTIONS 4

struct bench_reader {
    struct cdc_subscription sub;
    _Atomic uint64_t seen;
    int64_t *latencies; /* NULL: not measured */
};

struct bench {
    struct cdc_registry registry;
    struct cdc_source *source;
    struct bench_reader readers[BENCH_SUBSCRIPTIONS];
    int reader_count;
    void *provider;
};

static wf_status bench_fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    struct bench_reader *reader = ctx;
    (void)action;
    (void)err;
    uint64_t seen = atomic_load_explicit(&reader->seen, memory_order_relaxed);
    if (reader->latencies) {
        /* The event begins with {"t":0000000000000000000, the moment of its injection. */
        int64_t sent = 0;
        if (str_to_i64(str_slice(event, 5, 24), &sent))
            reader->latencies[seen] = clock_mono_ns() - sent;
    }
    atomic_store_explicit(&reader->seen, seen + 1, memory_order_release);
    return WF_OK;
}

static wf_status bench_provider_state(void *state, void *arg, wf_error *err)
{
    (void)err;
    *(void **)arg = state;
    return WF_OK;
}

static void bench_must(wf_status status, const wf_error *err)
{
    if (!status)
        return;
    fprintf(stderr, "bench_core: %s\n", err->text);
    exit(1);
}

static void bench_open(struct bench *bench, int subscriptions)
{
    static const wf_host host = {.size = sizeof host};
    wf_error err;
    memset(bench, 0, sizeof *bench);
    registry_init(&bench->registry, &host, bench_providers);
    cJSON *config = cJSON_Parse("{\"provider\":\"memory\",\"source_id\":\"bench\","
                                "\"connection\":\"memory\"}");
    struct cdc_settings *settings;
    bench_must(settings_parse(config, bench_providers, &settings, &err), &err);
    cJSON_Delete(config);
    bench_must(registry_start(&bench->registry, settings, STR("bench"), &err), &err);
    bench_must(registry_borrow(&bench->registry, STR("bench"), &bench->source, &err), &err);
    bench->reader_count = subscriptions;
    for (int i = 0; i < subscriptions; i++) {
        struct bench_reader *reader = &bench->readers[i];
        reader->sub.name = STR("bench");
        reader->sub.filter.ops = FILTER_ALL_OPS;
        reader->sub.policy = (struct subscription_policy){5, 100, 30000, 1, false};
        reader->sub.callback = (wf_callback){reader, bench_fire};
        bench_must(subscription_start(&reader->sub, &bench->source->flow, &err), &err);
    }
    bench_must(source_with_provider(bench->source, &cdc_provider_memory,
                                    bench_provider_state, &bench->provider, &err),
               &err);
}

static void bench_close(struct bench *bench)
{
    for (int i = 0; i < bench->reader_count; i++)
        subscription_stop(&bench->readers[i].sub);
    registry_return(&bench->registry, bench->source);
    registry_release(&bench->registry);
}

static void bench_inject(struct bench *bench, wf_str event)
{
    /* The queue is full at times, as it should be: the other threads have to get on. */
    while (memory_inject(bench->provider, event, NULL) == WF_UNAVAILABLE)
        sched_yield();
}

static void bench_wait(struct bench *bench, uint64_t events)
{
    for (int i = 0; i < bench->reader_count; i++)
        while (atomic_load_explicit(&bench->readers[i].seen, memory_order_acquire) < events)
            sched_yield();
}

/* ---- the rows ------------------------------------------------------------------------ */

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, bench_compare);
    return values[count / 2];
}

static void bench_event(char *out, size_t size)
{
    snprintf(
        out, size,
        "{\"t\":1000000000000000000,\"id\":\"mem:0000001\",\"source_id\":\"bench\","
        "\"table\":\"public.orders\",\"op\":\"UPDATE\",\"key\":{\"id\":42},\"before\":null,"
        "\"after\":{\"id\":42,\"status\":\"shipped\",\"total\":\"19.90\"},\"snapshot\":0}");
}

static void bench_throughput(int subscriptions, uint64_t events, const char *label)
{
    double rates[BENCH_RUNS];
    double allocations[BENCH_RUNS];
    char event[256];
    bench_event(event, sizeof event);
    for (int run = 0; run < BENCH_RUNS; run++) {
        struct bench bench;
        bench_open(&bench, subscriptions);
        for (int i = 0; i < 100000; i++)
            bench_inject(&bench, str_from(event));
        bench_wait(&bench, 100000);
        uint64_t before = atomic_load(&bench_allocations);
        int64_t begin = clock_mono_ns();
        for (uint64_t i = 0; i < events; i++)
            bench_inject(&bench, str_from(event));
        bench_wait(&bench, 100000 + events);
        double seconds = (double)(clock_mono_ns() - begin) / 1e9;
        rates[run] = (double)events * subscriptions / seconds;
        allocations[run] = (double)(atomic_load(&bench_allocations) - before);
        bench_close(&bench);
    }
    printf("%-44s %12.0f /s\n", label, bench_median(rates, BENCH_RUNS));
    printf("%-44s %12.0f\n", "  allocations meanwhile",
           bench_median(allocations, BENCH_RUNS));
}

static int bench_compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void bench_latency(uint64_t events)
{
    struct bench bench;
    bench_open(&bench, 1);
    int64_t *latencies = calloc(events, sizeof *latencies);
    if (!latencies)
        exit(1);
    bench.readers[0].latencies = latencies;
    char event[256];
    bench_event(event, sizeof event);
    int64_t begin = clock_mono_ns();
    for (uint64_t i = 0; i < events; i++) {
        int64_t due = begin + (int64_t)(i * UINT64_C(1000000000) / BENCH_RATE);
        int64_t now;
        while ((now = clock_mono_ns()) < due) {
            struct timespec nap = {0, due - now};
            clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
        }
        char stamp[24];
        snprintf(stamp, sizeof stamp, "%019lld", (long long)now);
        memcpy(event + 5, stamp, 19);
        event[5] = stamp[0] == '0' ? '1' : stamp[0]; /* no JSON number begins with 0 */
        bench_inject(&bench, str_from(event));
    }
    bench_wait(&bench, events);
    for (uint64_t i = 0; i < events; i++)
        latencies[i] += INT64_C(1000000000000000000); /* the 1 of the stamp */
    qsort(latencies, events, sizeof *latencies, bench_compare_i64);
    printf("%-44s %12.1f us\n", "inject to callback at 50,000/s, median",
           (double)latencies[events / 2] / 1e3);
    printf("%-44s %12.1f us\n", "inject to callback at 50,000/s, p99",
           (double)latencies[events * 99 / 100] / 1e3);
    free(latencies);
    bench_close(&bench);
}

static void bench_memory(uint64_t first, uint64_t second)
{
    struct bench bench;
    bench_open(&bench, 1);
    char event[256];
    bench_event(event, sizeof event);
    for (uint64_t i = 0; i < first; i++)
        bench_inject(&bench, str_from(event));
    bench_wait(&bench, first);
    double one = bench_resident_mb();
    for (uint64_t i = first; i < second; i++)
        bench_inject(&bench, str_from(event));
    bench_wait(&bench, second);
    printf("%-44s %12.1f MB\n", "resident after 1 million events", one);
    printf("%-44s %12.1f MB\n", "resident after 10 million events", bench_resident_mb());
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && str_is(str_from(argv[1]), "--quick");
    uint64_t scale = quick ? 100 : 1;
    bench_memory(1000000 / scale, 10000000 / scale);
    bench_throughput(1, 3000000 / scale, "one subscription, events");
    bench_throughput(4, 2000000 / scale, "four subscriptions, deliveries");
    bench_latency(quick ? 5000 : 250000);
    return 0;
}
