/* SPDX-License-Identifier: MIT
 *
 * Every allocation of the decoder fails once: it says so, nothing is lost, and the next try
 * gives the same event.
 */
#include <check.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/debezium/dbz_decode.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#if OOM_POSSIBLE

#define SOURCE                                                                             \
    "\"source\":{\"connector\":\"postgresql\",\"ts_us\":1,\"db\":\"inv\",\"schema\":"      \
    "\"public\","                                                                          \
    "\"table\":\"t\",\"txId\":7,\"lsn\":8}"
#define SCHEMA                                                                             \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[{\"type\":"         \
    "\"int32\","                                                                           \
    "\"field\":\"id\"},{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data."      \
    "Decimal\",\"parameters\":{\"scale\":\"2\"},\"field\":\"n\"},{\"type\":\"array\","     \
    "\"items\":{\"type\":\"string\",\"name\":\"io.debezium.data.Json\"},\"field\":\"j\"}]" \
    ","                                                                                    \
    "\"field\":\"after\"}]}"

static const struct {
    const char *key, *value;
} records[] = {
    {"{\"id\":1}",
     "{\"before\":{\"id\":1,\"b\":\"x\"},\"after\":{\"id\":1,\"b\":\"y\"}," SOURCE
     ",\"op\":\"u\"}"},
    {"{\"schema\":{\"type\":\"struct\"},\"payload\":{\"id\":1}}",
     "{\"schema\":" SCHEMA ",\"payload\":{\"before\":null,\"after\":{\"id\":1,\"n\":"
     "\"XODppWAV/sWq36MorjmBFQ==\",\"j\":[\"{\\\"a\\\": 1}\"]}," SOURCE ",\"op\":\"c\"}}"},
    {NULL, "{\"op\":\"m\"," SOURCE ",\"message\":{\"prefix\":\"p\",\"content\":\"/wA=\"}}"},
    {NULL,
     "{" SOURCE ",\"ddl\":\"alter table t\",\"tableChanges\":[{\"id\":\"\\\"public\\\"."
     "\\\"t\\\"\"}]}"},
    {"{\"id\":\"7\"}", "{\"before\":null,\"after\":\"{\\\"_id\\\": "
                       "7}\",\"source\":{\"connector\":\"mongodb\","
                       "\"db\":\"d\",\"collection\":\"c\"},\"op\":\"c\"}"},
    {NULL, "not JSON"},
};

static void event_of(const struct dbz_decoded *decoded, struct buf *out)
{
    struct render_origin origin;
    wf_str key;
    ck_assert_int_eq(render_origin_init(&origin, STR("s"), STR("debezium"), NULL), WF_OK);
    buf_clear(out);
    render_event(out, &origin, &decoded->change, &key);
    buf_str(out, decoded->change.poison);
    render_origin_release(&origin);
}

static wf_status decode(struct dbz_decoder *decoder, int which, struct dbz_decoded *out,
                        wf_error *err)
{
    const struct kafka_record record = {
        .topic = STR("pg.public.t"),
        .offset = 17,
        .lane = 1,
        .key = str_from(records[which].key),
        .value = str_from(records[which].value),
    };
    return dbz_decode(decoder, &record, out, err);
}

/* _i: the record. */
START_TEST(a_record_is_decoded_once_there_is_memory_again)
{
    const struct dbz_decoder_plan plan = {.topic_prefix = STR("pg")};
    struct buf expected;
    struct buf got;
    buf_init(&expected, LIMIT_TEXT_BYTES);
    buf_init(&got, LIMIT_TEXT_BYTES);
    long n = 0;
    for (; n < OOM_MOST; n++) {
        struct dbz_decoder *decoder;
        struct dbz_decoded decoded;
        wf_error err = {0};
        ck_assert_int_eq(dbz_decoder_new(&plan, &decoder, &err), WF_OK);
        oom_arm(n);
        wf_status status = decode(decoder, _i, &decoded, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(decode(decoder, _i, &decoded, &err), WF_OK);
        event_of(&decoded, &got);
        if (!expected.len)
            buf_str(&expected, buf_view(&got));
        ck_assert_str_eq(buf_c(&got), buf_c(&expected));
        dbz_decoder_free(decoder);
        if (!hit)
            break;
    }
    ck_assert_int_gt(n, 2);
    buf_release(&expected);
    buf_release(&got);
}
END_TEST

START_TEST(a_decoder_is_made_or_not)
{
    const struct dbz_decoder_plan plan = {.topic_prefix = STR("pg")};
    for (long n = 0; n < OOM_MOST; n++) {
        struct dbz_decoder *decoder = NULL;
        oom_arm(n);
        wf_status status = dbz_decoder_new(&plan, &decoder, NULL);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(decoder != NULL, !hit);
        dbz_decoder_free(decoder);
        if (!hit)
            return;
    }
    ck_abort_msg("there is no end");
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_oom");
    TCase *tc = tcase_create("dbz_oom");
#if OOM_POSSIBLE
    tcase_add_loop_test(tc, a_record_is_decoded_once_there_is_memory_again, 0,
                        CDC_COUNT(records));
    tcase_add_test(tc, a_decoder_is_made_or_not);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
