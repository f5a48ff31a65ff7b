/* SPDX-License-Identifier: MIT
 *
 * bench_render - what it costs to make an event of a change, and to store a position.
 *
 * Each row is the median of five runs of about a fifth of a second (--quick: of a moment).
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "plugin/core/store.h"

#define BENCH_RUNS 5
#define BENCH_BATCH 1000
#define BENCH_COLUMNS 8

static int64_t bench_run_ns = INT64_C(200000000);
static volatile size_t bench_result; /* keeps the work from being optimised away */

struct bench_subject {
    struct render_origin origin;
    struct cdc_change change;
    struct cdc_store *store;
};

/* What one measured function does; gives how many events, bytes or calls that was. */
typedef size_t (*bench_fn)(struct bench_subject *subject, struct buf *out);

static void bench_must(wf_status status, const wf_error *err)
{
    if (!status)
        return;
    fprintf(stderr, "bench_render: %s\n", err->text);
    exit(EXIT_FAILURE);
}

static size_t bench_render_bytes(struct bench_subject *subject, struct buf *out)
{
    size_t bytes = 0;
    for (int i = 0; i < BENCH_BATCH; i++) {
        wf_str key;
        buf_clear(out);
        render_event(out, &subject->origin, &subject->change, &key);
        subject->change.seq++;
        subject->change.ts_us += 137;
        bytes += out->len;
        bench_result += key.len;
    }
    return bytes;
}

static size_t bench_events(struct bench_subject *subject, struct buf *out)
{
    bench_render_bytes(subject, out);
    return BENCH_BATCH;
}

static size_t bench_position(struct bench_subject *subject, struct buf *out)
{
    wf_error err;
    buf_clear(out);
    buf_lit(out, "0/16B374F0");
    buf_u64(out, subject->change.seq++);
    bench_must(store_position_put(subject->store, STR("shop"), STR("postgres"),
                                  STR("7315236436583246859"), buf_view(out), &err),
               &err);
    return 1;
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Units per second. */
static double bench_median(bench_fn fn, struct bench_subject *subject)
{
    double rates[BENCH_RUNS];
    struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    for (int run = 0; run < BENCH_RUNS; run++) {
        double done = 0;
        int64_t start_ns = clock_mono_ns();
        int64_t spent_ns = 0;
        for (; spent_ns < bench_run_ns; spent_ns = clock_mono_ns() - start_ns)
            done += (double)fn(subject, &out);
        rates[run] = done * 1e9 / (double)spent_ns;
    }
    buf_release(&out);
    qsort(rates, BENCH_RUNS, sizeof rates[0], bench_compare);
    return rates[BENCH_RUNS / 2];
}

static void bench_row(const char *what, bench_fn fn, struct bench_subject *subject,
                      double scale, const char *unit)
{
    printf("%-44s %10.2f %s\n", what, bench_median(fn, subject) * scale, unit);
    fflush(stdout);
}

static const struct cdc_column bench_columns[BENCH_COLUMNS] = {
    {{"id", 2}, true},           {{"customer_id", 11}, false}, {{"status", 6}, false},
    {{"email", 5}, false},       {{"paid", 4}, false},         {{"created_at", 10}, false},
    {{"updated_at", 10}, false}, {{"total", 5}, false},
};

static const struct cdc_value bench_row_values[BENCH_COLUMNS] = {
    {CDC_VALUE_INT, {.integer = 1042}},
    {CDC_VALUE_INT, {.integer = 77310042}},
    {CDC_VALUE_TEXT, {.text = {"waiting for delivery", 20}}},
    {CDC_VALUE_TEXT, {.text = {"someone@example.test", 20}}},
    {CDC_VALUE_BOOL, {.integer = 1}},
    {CDC_VALUE_TEXT, {.text = {"2026-11-22T10:00:00.123456Z", 27}}},
    {CDC_VALUE_TEXT, {.text = {"2026-11-22T10:00:01.000017Z", 27}}},
    {CDC_VALUE_JSON, {.text = {"\"19.90\"", 7}}},
};

static struct cdc_table *bench_table(const struct cdc_column *columns, size_t count)
{
    struct cdc_table *table;
    wf_error err;
    bench_must(table_new(STR("public.orders"), columns, count, NULL, 0, &table, &err),
               &err);
    return table;
}

static void bench_rows(struct bench_subject *subject)
{
    struct cdc_table *table = bench_table(bench_columns, BENCH_COLUMNS);
    subject->change = (struct cdc_change){
        .op = CDC_INSERT,
        .table = table,
        .id = STR("pg:0/16B374F0:2"),
        .position = STR("0/16B374F0"),
        .txid = STR("750"),
        .seq = 1,
        .ts_us = INT64_C(1795341600123456),
        .after = bench_row_values,
    };
    bench_row("INSERT, eight columns", bench_events, subject, 1e-6, "million events/s");
    bench_row("INSERT, eight columns", bench_render_bytes, subject, 1e-9, "GB/s");
    subject->change.op = CDC_UPDATE;
    subject->change.before = bench_row_values;
    bench_row("UPDATE, eight columns before and after", bench_events, subject, 1e-6,
              "million events/s");
    table_free(table);
}

static void bench_text(struct bench_subject *subject, const char *what, const char *words,
                       size_t len)
{
    char *text = malloc(len);
    if (!text)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < len; i++)
        text[i] = words[i % strlen(words)];
    struct cdc_column column = {STR("body"), false};
    struct cdc_value value = {CDC_VALUE_TEXT, {.text = {text, len}}};
    struct cdc_table *table = bench_table(&column, 1);
    subject->change.op = CDC_INSERT;
    subject->change.table = table;
    subject->change.after = &value;
    bench_row(what, bench_render_bytes, subject, 1e-9, "GB/s");
    table_free(table);
    free(text);
}

static int bench_remove(const char *path, const struct stat *info, int kind,
                        struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void bench_store(struct bench_subject *subject)
{
    char dir[] = "/tmp/cdc-bench-XXXXXX";
    wf_error err;
    if (!mkdtemp(dir))
        exit(EXIT_FAILURE);
    bench_must(store_open(dir, &subject->store, &err), &err);
    bench_row("store_position_put, each synced to disk", bench_position, subject, 1,
              "calls/s");
    store_close(subject->store);
    nftw(dir, bench_remove, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    if (argc > 1 && str_is(str_from(argv[1]), "--quick"))
        bench_run_ns = 2000000;
    struct bench_subject subject = {0};
    wf_error err;
    bench_must(render_origin_init(&subject.origin, STR("shop"), STR("postgres"), &err),
               &err);
    bench_rows(&subject);
    bench_text(&subject, "text column of 64 KiB, ASCII",
               "the quick brown fox jumps over 13 lazy dogs; ", 65536);
    bench_text(&subject, "text column of 64 KiB, accents",
               "Gr\xC3\xBC\xC3\x9F"
               "e aus K\xC3\xB6ln, \xE6\x9D\xB1\xE4\xBA\xAC ",
               65520);
    bench_text(&subject, "text column of 64 KiB, JSON with escapes",
               "{\"name\": \"value\", \"other\": [1, 2, 3]}\n", 65536);
    render_origin_release(&subject.origin);
    bench_store(&subject);
    return EXIT_SUCCESS;
}
