/* SPDX-License-Identifier: MIT
 *
 * fuzz_dbz_decode - any records, one after the other, by one decoder.
 *
 *   - a record is nothing, a change, a schema change, a notification, or poison with a
 *     reason; never a failure;
 *   - the event of a change is one JSON object, with an id and a position;
 *   - twice the same record gives the same event.
 *
 * The input is records, each behind a byte 0x1E but the first: a line with the topic, a line
 * with the key ("-": null), and the value.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/debezium/dbz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_SEPARATOR 0x1E

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_event(const struct cdc_change *change, struct buf *out)
{
    static struct render_origin origin;
    wf_str key;
    if (!origin.memory)
        fuzz_must(!render_origin_init(&origin, STR("s"), STR("debezium"), NULL));
    buf_clear(out);
    render_event(out, &origin, change, &key);
    fuzz_must(buf_status(out, "event", NULL) == WF_OK);
    fuzz_must(json_check(buf_view(out), "event", NULL) == WF_OK);
}

static void fuzz_check(const struct dbz_decoded *decoded, struct buf *out)
{
    const struct cdc_change *change = &decoded->change;
    buf_clear(out);
    fuzz_must(decoded->ddl_table_count <= CDC_COUNT(decoded->ddl_tables));
    if (decoded->new_schema.len)
        fuzz_must(decoded->kind == DBZ_CHANGE && change->table);
    if (decoded->kind == DBZ_SCHEMA)
        fuzz_must(change->op == CDC_DDL);
    if (decoded->kind != DBZ_CHANGE && decoded->kind != DBZ_SCHEMA)
        return;
    fuzz_must(change->id.len && change->position.len && change->lane == 1);
    if (change->poison.len)
        buf_str(out, change->poison);
    else
        fuzz_event(change, out);
}

static void fuzz_record(struct dbz_decoder *decoder, wf_str text)
{
    struct kafka_record record = {.offset = 17, .lane = 1, .ts_ms = 1};
    struct buf first;
    struct buf second;
    struct dbz_decoded decoded;
    wf_str rest = text;
    wf_str key;
    if (!str_next(&rest, '\n', &record.topic) || !str_next(&rest, '\n', &key))
        return;
    if (!str_is(key, "-"))
        record.key = key;
    record.value = rest;
    buf_init(&first, LIMIT_OUTPUT_BYTES);
    buf_init(&second, LIMIT_OUTPUT_BYTES);
    fuzz_must(dbz_decode(decoder, &record, &decoded, NULL) == WF_OK);
    fuzz_check(&decoded, &first);
    enum dbz_kind kind = decoded.kind;
    fuzz_must(dbz_decode(decoder, &record, &decoded, NULL) == WF_OK);
    fuzz_check(&decoded, &second);
    fuzz_must(decoded.kind == kind && str_eq(buf_view(&first), buf_view(&second)));
    buf_release(&first);
    buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dbz_decoder_plan plan = {
        .topic_prefix = {"pg", 2}, .notify_topic = {"pg-notify", 9}, .schema_topic = true};
    struct dbz_decoder *decoder;
    wf_str rest = {(const char *)data, size};
    fuzz_must(dbz_decoder_new(&plan, &decoder, NULL) == WF_OK);
    for (wf_str record; size && str_next(&rest, FUZZ_SEPARATOR, &record);)
        fuzz_record(decoder, record);
    dbz_decoder_free(decoder);
    return 0;
}
