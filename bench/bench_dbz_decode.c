/* SPDX-License-Identifier: MIT
 *
 * bench_dbz_decode - what a record of Debezium's costs until its values are there, and
 * until it is an event.
 *
 * The record is an insert of six columns as Debezium 3.5 writes it for PostgreSQL, 664
 * bytes without schemas (of them 60 the transaction); with them, as JsonConverter puts them
 * before it, 3.5 KB.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "bench/measure.h"
#include "plugin/core/render.h"
#include "providers/debezium/dbz_decode.h"

#define BENCH_RECORDS 1000 /* different ones, gone through again and again */
#define BENCH_SECONDS 0.4
#define BENCH_QUICK_SECONDS 0.01

struct bench_records {
    struct buf keys[BENCH_RECORDS];
    struct buf values[BENCH_RECORDS];
    size_t bytes;
};

static const char bench_row_schema[] =
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":false,\"field\":"
    "\"id\"},"
    "{\"type\":\"int32\",\"optional\":true,\"field\":\"n\"},{\"type\":\"string\","
    "\"optional\":"
    "true,\"field\":\"name\"},{\"type\":\"bytes\",\"optional\":true,\"name\":"
    "\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":"
    "\"2\","
    "\"connect.decimal.precision\":\"12\"},\"field\":\"amount\"},{\"type\":\"string\","
    "\"optional\":true,\"name\":\"io.debezium.time.ZonedTimestamp\",\"version\":1,"
    "\"field\":"
    "\"created\"},{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data."
    "Json\","
    "\"version\":1,\"field\":\"attrs\"}],\"optional\":true,\"name\":\"pg.public.rows."
    "Value\","
    "\"field\":\"%s\"},";

static const char bench_source_schema[] =
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":"
    "\"version\"},{\"type\":\"string\",\"optional\":false,\"field\":\"connector\"},{"
    "\"type\":"
    "\"string\",\"optional\":false,\"field\":\"name\"},{\"type\":\"int64\",\"optional\":"
    "false,"
    "\"field\":\"ts_ms\"},{\"type\":\"string\",\"optional\":true,\"name\":"
    "\"io.debezium.data.Enum\",\"version\":1,\"parameters\":{\"allowed\":\"true,first,"
    "first_in_data_collection,last_in_data_collection,last,false,incremental\"},"
    "\"default\":"
    "\"false\",\"field\":\"snapshot\"},{\"type\":\"string\",\"optional\":false,\"field\":"
    "\"db\"},{\"type\":\"string\",\"optional\":true,\"field\":\"sequence\"},{\"type\":"
    "\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":"
    "true,"
    "\"field\":\"ts_ns\"},{\"type\":\"string\",\"optional\":false,\"field\":\"schema\"},"
    "{\"type\":\"string\",\"optional\":false,\"field\":\"table\"},{\"type\":\"int64\","
    "\"optional\":true,\"field\":\"txId\"},{\"type\":\"int64\",\"optional\":true,\"field\":"
    "\"lsn\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"xmin\"},{\"type\":"
    "\"string\","
    "\"optional\":true,\"field\":\"origin\"},{\"type\":\"int64\",\"optional\":true,"
    "\"field\":"
    "\"origin_lsn\"}],\"optional\":false,\"name\":"
    "\"io.debezium.connector.postgresql.Source\",\"version\":1,\"field\":\"source\"},";

static const char bench_rest_schema[] =
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":"
    "\"id\"},{\"type\":\"int64\",\"optional\":false,\"field\":\"total_order\"},{\"type\":"
    "\"int64\",\"optional\":false,\"field\":\"data_collection_order\"}],\"optional\":true,"
    "\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"},{\"type\":"
    "\"string\","
    "\"optional\":false,\"field\":\"op\"},{\"type\":\"int64\",\"optional\":true,\"field\":"
    "\"ts_ms\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":"
    "\"int64\",\"optional\":true,\"field\":\"ts_ns\"}],\"optional\":false,\"name\":"
    "\"pg.public.rows.Envelope\",\"version\":2},\"payload\":";

static void bench_put_schema(struct buf *out)
{
    buf_lit(out, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
    const char *const names[] = {"before", "after"};
    for (size_t i = 0; i < CDC_COUNT(names); i++) {
        const char *split = strstr(bench_row_schema, "%s");
        buf_append(out, bench_row_schema, (size_t)(split - bench_row_schema));
        buf_cstr(out, names[i]);
        buf_cstr(out, split + 2);
    }
    buf_cstr(out, bench_source_schema);
    buf_cstr(out, bench_rest_schema);
}

static void bench_put_payload(struct buf *out, int i, bool schemas)
{
    buf_printf(
        out,
        "{\"before\":null,\"after\":{\"id\":%d,\"n\":%d,\"name\":\"name of row %019d\","
        "\"amount\":\"%s\",\"created\":\"2026-11-22T13:08:37.%06dZ\",\"attrs\":"
        "\"{\\\"k\\\": %d, \\\"tag\\\": \\\"t%d\\\"}\"},",
        1000000 + i, i * 7, i, schemas ? "AScQ" : "755.36", i * 997, i, i % 10);
    buf_printf(
        out,
        "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":"
        "\"pg\",\"ts_ms\":1795352917379,\"snapshot\":\"false\",\"db\":\"inv\","
        "\"sequence\":\"[null,\\\"%d\\\"]\",\"ts_us\":1795352917379373,\"ts_ns\":"
        "1795352917379373000,\"schema\":\"public\",\"table\":\"rows\",\"txId\":745,"
        "\"lsn\":%d,\"xmin\":null,\"origin\":null,\"origin_lsn\":null},",
        27006904 + i * 88, 27006904 + i * 88);
    buf_printf(
        out,
        "\"transaction\":{\"id\":\"745:%d\",\"total_order\":%d,"
        "\"data_collection_order\":%d},\"op\":\"c\",\"ts_ms\":1795352917426,\"ts_us\":"
        "1795352917426081,\"ts_ns\":1795352917426081118}",
        27006904 + i * 88, i + 1, i + 1);
}

static void bench_make(struct bench_records *records, bool schemas)
{
    records->bytes = 0;
    for (int i = 0; i < BENCH_RECORDS; i++) {
        struct buf *key = &records->keys[i];
        struct buf *value = &records->values[i];
        buf_init(key, LIMIT_TEXT_BYTES);
        buf_init(value, LIMIT_TEXT_BYTES);
        if (schemas) {
            buf_lit(key, "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\","
                         "\"optional\":false,\"field\":\"id\"}],\"optional\":false,"
                         "\"name\":\"pg.public.rows.Key\"},\"payload\":");
            bench_put_schema(value);
        }
        buf_printf(key, "{\"id\":%d}", 1000000 + i);
        bench_put_payload(value, i, schemas);
        if (schemas) {
            buf_byte(key, '}');
            buf_byte(value, '}');
        }
        measure_must(!key->broken && !value->broken, "out of memory");
        records->bytes += value->len;
    }
}

static void bench_release(struct bench_records *records)
{
    for (int i = 0; i < BENCH_RECORDS; i++) {
        buf_release(&records->keys[i]);
        buf_release(&records->values[i]);
    }
}

static bool bench_nobody(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx;
    (void)table;
    (void)op;
    return false;
}

struct bench_work {
    const struct bench_records *records;
    struct dbz_decoder *decoder;
    const struct render_origin *origin; /* NULL: values only */
    struct buf *event;
    bool wanted;
};

/* Once through all records. */
static void bench_pass(const struct bench_work *work)
{
    wf_error err = {0};
    for (int i = 0; i < BENCH_RECORDS; i++) {
        const struct kafka_record record = {
            .topic = STR("pg.public.rows"),
            .offset = i,
            .lane = 1,
            .key = buf_view(&work->records->keys[i]),
            .value = buf_view(&work->records->values[i]),
        };
        struct dbz_decoded decoded;
        measure_ok(dbz_decode(work->decoder, &record, &decoded, &err), &err);
        measure_must(!decoded.change.poison.len, "a record was not understood");
        measure_must((decoded.kind == DBZ_CHANGE) == work->wanted, "no change came out");
        wf_str key;
        buf_clear(work->event);
        if (work->origin)
            render_event(work->event, work->origin, &decoded.change, &key);
    }
}

static void bench_row(const char *label, const struct bench_work *work, double least)
{
    double rates[MEASURE_MOST_RUNS];
    for (int run = 0; run < measure_runs(); run++) {
        double start = measure_cpu_seconds(); /* others may work beside it */
        double spent = 0;
        double passes = 0;
        for (; spent < least; spent = measure_cpu_seconds() - start, passes++)
            bench_pass(work);
        rates[run] = passes * BENCH_RECORDS / spent;
    }
    double rate = measure_median(rates, (size_t)measure_runs());
    char text[80];
    snprintf(text, sizeof text, "%s: time", label);
    measure_row(text, 1e6 / rate, "us/record");
    snprintf(text, sizeof text, "%s: records", label);
    measure_row(text, rate / 1e3, "thousand/s");
    snprintf(text, sizeof text, "%s: bytes", label);
    measure_row(text, rate * (double)work->records->bytes / BENCH_RECORDS / 1e6, "MB/s");
}

static void bench_section(bool schemas, double least)
{
    static struct bench_records records;
    struct render_origin origin;
    struct buf event;
    wf_error err = {0};
    char title[80];
    bench_make(&records, schemas);
    buf_init(&event, LIMIT_EVENT_BYTES);
    measure_ok(render_origin_init(&origin, STR("shop"), STR("debezium"), &err), &err);
    snprintf(title, sizeof title, "%s schemas, %zu bytes", schemas ? "with" : "without",
             records.bytes / BENCH_RECORDS);
    measure_section(title);
    for (int kind = 0; kind < 3; kind++) {
        static const char *const labels[] = {"values", "values and event", "unwanted"};
        const struct dbz_decoder_plan plan = {.topic_prefix = STR("pg"),
                                              .wanted = kind == 2 ? bench_nobody : NULL};
        struct bench_work work = {.records = &records,
                                  .origin = kind == 1 ? &origin : NULL,
                                  .event = &event,
                                  .wanted = kind != 2};
        measure_ok(dbz_decoder_new(&plan, &work.decoder, &err), &err);
        bench_row(labels[kind], &work, least);
        dbz_decoder_free(work.decoder);
    }
    render_origin_release(&origin);
    buf_release(&event);
    bench_release(&records);
}

int main(int argc, char **argv)
{
    double least =
        measure_begin("bench_dbz_decode", argc, argv) ? BENCH_QUICK_SECONDS : BENCH_SECONDS;
    bench_section(false, least);
    bench_section(true, least);
    return EXIT_SUCCESS;
}
