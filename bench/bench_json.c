/* SPDX-License-Identifier: MIT
 *
 * bench_json - what the JSON writer, the JSON reader and the clock's text cost.
 *
 * Each row is the median of five runs of about a fifth of a second; --quick makes the runs
 * so short that only their coming through counts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define BENCH_RUNS 5
#define BENCH_RUN_NS INT64_C(200000000)
#define BENCH_QUICK_RUN_NS INT64_C(1000000)
#define BENCH_BATCH 2000

static const char bench_event[] =
    "{\"id\":\"pg:0/16B374F0:2\",\"source_id\":\"shop\",\"provider\":\"postgres\","
    "\"table\":\"public.orders\",\"op\":\"UPDATE\",\"key\":{\"id\":1042},"
    "\"before\":{\"id\":1042,\"status\":\"new\",\"total\":\"19.90\"},"
    "\"after\":{\"id\":1042,\"status\":\"paid\",\"total\":\"19.90\"},"
    "\"ts\":\"2026-11-22T10:00:00.123456Z\",\"seq\":2,\"snapshot\":false}";

static const char bench_small_event[] =
    "{\"id\":\"pg:0/16B374F0:2\",\"source_id\":\"shop\",\"table\":\"public.orders\","
    "\"op\":\"UPDATE\",\"key\":{\"id\":1042},\"before\":{\"id\":1042,\"status\":\"new\"},"
    "\"after\":{\"id\":1042,\"status\":\"paid\"},\"seq\":2}";

static const char bench_utf8[] = "Gr\xC3\xBC\xC3\x9F"
                                 "e aus K\xC3\xB6ln, "
                                 "\xE6\x9D\xB1\xE4\xBA\xAC ";

/* What one measured function does BENCH_BATCH times; gives the bytes (or calls) it went
 * through. */
typedef size_t (*bench_fn)(wf_str input, struct buf *out);

static int64_t bench_run_ns = BENCH_RUN_NS;
static volatile size_t bench_result; /* keeps the work from being optimised away */

static size_t bench_put_text(wf_str input, struct buf *out)
{
    for (int i = 0; i < BENCH_BATCH; i++) {
        buf_clear(out);
        json_put_text(out, input);
        bench_result += out->len;
    }
    return BENCH_BATCH * input.len;
}

static size_t bench_put_string(wf_str input, struct buf *out)
{
    for (int i = 0; i < BENCH_BATCH; i++) {
        buf_clear(out);
        json_put_string(out, input);
        bench_result += out->len;
    }
    return BENCH_BATCH * input.len;
}

static size_t bench_read(wf_str input, struct buf *out)
{
    (void)out;
    for (int i = 0; i < BENCH_BATCH; i++) {
        struct json_reader r = json_reader_of(input);
        enum json_token token;
        do {
            token = json_read(&r);
            bench_result += r.text.len;
        } while (token > JSON_BAD);
        if (token == JSON_BAD)
            abort();
    }
    return BENCH_BATCH * input.len;
}

static size_t bench_member(wf_str input, struct buf *out)
{
    (void)out;
    wf_str value;
    for (int i = 0; i < BENCH_BATCH; i++)
        bench_result += json_member(input, "seq", &value);
    return BENCH_BATCH * input.len;
}

static size_t bench_rfc3339(wf_str input, struct buf *out)
{
    (void)input;
    (void)out;
    static int64_t now_us = INT64_C(1795341600123456);
    char text[CLOCK_TEXT];
    for (int i = 0; i < BENCH_BATCH; i++) {
        bench_result += clock_rfc3339(now_us, text);
        now_us += 7919 * 1000003LL;
    }
    return BENCH_BATCH;
}

static size_t bench_i64(wf_str input, struct buf *out)
{
    (void)input;
    static uint64_t number = 88172645463325252u;
    buf_clear(out);
    for (int i = 0; i < BENCH_BATCH; i++) {
        number = number * 6364136223846793005u + 1442695040888963407u;
        buf_i64(out, (int64_t)(number >> (number & 63)));
        bench_result += out->len;
    }
    return BENCH_BATCH;
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Units per nanosecond, which is thousand millions of them per second. */
static double bench_median(bench_fn fn, wf_str input)
{
    double rates[BENCH_RUNS];
    struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    for (int run = 0; run < BENCH_RUNS; run++) {
        double done = 0;
        int64_t start_ns = clock_mono_ns();
        int64_t spent_ns = 0;
        for (; spent_ns < bench_run_ns; spent_ns = clock_mono_ns() - start_ns)
            done += (double)fn(input, &out);
        rates[run] = done / (double)spent_ns;
    }
    buf_release(&out);
    qsort(rates, BENCH_RUNS, sizeof rates[0], bench_compare);
    return rates[BENCH_RUNS / 2];
}

static void bench_row(const char *what, bench_fn fn, wf_str input, double scale,
                      const char *unit)
{
    printf("%-44s %10.2f %s\n", what, bench_median(fn, input) * scale, unit);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc > 1 && str_is(str_from(argv[1]), "--quick"))
        bench_run_ns = BENCH_QUICK_RUN_NS;

    char ascii[4096];
    char accents[4096];
    for (size_t i = 0; i < sizeof ascii; i++)
        ascii[i] = "the quick brown fox jumps over 13 lazy dogs; "[i % 45];
    size_t accents_len = 0;
    while (accents_len + sizeof bench_utf8 - 1 <= sizeof accents) {
        memcpy(accents + accents_len, bench_utf8, sizeof bench_utf8 - 1);
        accents_len += sizeof bench_utf8 - 1;
    }
    wf_str text = {ascii, sizeof ascii};
    wf_str mixed = {accents, accents_len};
    wf_str event = {bench_event, sizeof bench_event - 1};
    wf_str small_event = {bench_small_event, sizeof bench_small_event - 1};

    bench_row("put_text, ASCII, 4096 bytes", bench_put_text, text, 1, "GB/s");
    wf_str medium = str_slice(text, 0, 100);
    wf_str brief = str_slice(text, 0, 12);
    bench_row("put_text, ASCII, 100 bytes", bench_put_text, medium, 1, "GB/s");
    bench_row("put_text, ASCII, 12 bytes", bench_put_text, brief, 1, "GB/s");
    bench_row("put_string, ASCII, 4096 bytes", bench_put_string, text, 1, "GB/s");
    bench_row("put_text, accents and kanji", bench_put_text, mixed, 1, "GB/s");
    bench_row("json_read, event of 200 bytes", bench_read, small_event, 1e3, "MB/s");
    bench_row("json_read, event of 330 bytes", bench_read, event, 1e3, "MB/s");
    bench_row("json_member, last of the event", bench_member, event, 1e3, "MB/s");
    bench_row("clock_rfc3339", bench_rfc3339, event, 1e3, "million/s");
    bench_row("buf_i64", bench_i64, event, 1e3, "million/s");
    return EXIT_SUCCESS;
}
