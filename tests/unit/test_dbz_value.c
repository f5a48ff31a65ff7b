/* SPDX-License-Identifier: MIT
 *
 * Records that bring their schema along: values by their semantic types.
 */
#include <check.h>

#include "base/json.h"
#include "providers/debezium/dbz_value.h"
#include "tests/support/dbz_rig.h"
#include "tests/support/run.h"

/* ---- with schemas -------------------------------------------------------------------- */

START_TEST(values_have_the_types_of_the_record_s_schema)
{
    for (int i = 0; i < 3; i++) {
        dbz_rig_decode(
            DBZ_KEY_WITH_SCHEMA("4"),
            DBZ_WITH_SCHEMA(DBZ_PG("null",
                                   "{\"id\":4,\"state\":\"new\",\"n\":\"BBo=\",\"at\":"
                                   "\"2026-11-22T09:00:00.500000Z\"}",
                                   "c")));
        dbz_rig_is("key", "{\"id\":4}");
        dbz_rig_is("after", "{\"id\":4,\"state\":\"new\",\"n\":\"10.50\",\"at\":"
                            "\"2026-11-22 09:00:00.5+00\"}");
        ck_assert_int_eq(dbz_rig.decoded.new_schema.len > 0, i == 0);
    }
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null",
                                        "{\"id\":4,\"state\":\"new\",\"n\":\"BBo=\",\"at\":"
                                        "\"2026-11-22T09:00:00.500000Z\"}",
                                        "c"));
    dbz_rig_is("after", "{\"id\":4,\"state\":\"new\",\"n\":\"BBo=\",\"at\":"
                        "\"2026-11-22T09:00:00.500000Z\"}");
}
END_TEST

START_TEST(a_schema_is_told_as_sql)
{
    dbz_rig_decode(
        DBZ_KEY_WITH_SCHEMA("4"),
        DBZ_WITH_SCHEMA(DBZ_PG(
            "null", "{\"id\":4,\"state\":\"new\",\"n\":\"BBo=\",\"at\":null}", "c")));
    dbz_rig_reads(
        dbz_rig.decoded.new_schema,
        "CREATE TABLE \"public\".\"t\" (\"id\" integer NOT NULL, \"state\" text NOT "
        "NULL, \"n\" numeric(12,2) NOT NULL, \"at\" timestamp with time zone, "
        "PRIMARY KEY (\"id\"))");
}
END_TEST

START_TEST(with_a_schema_defaults_are_no_old_values)
{
    dbz_rig_decode(
        DBZ_KEY_WITH_SCHEMA("4"),
        DBZ_WITH_SCHEMA(DBZ_PG("{\"id\":4,\"state\":\"new\",\"n\":\"AJY=\",\"at\":null}",
                               "null", "d")));
    dbz_rig_is("before", "{\"id\":4}");
    dbz_rig_decode(
        DBZ_KEY_WITH_SCHEMA("4"),
        DBZ_WITH_SCHEMA(DBZ_PG("{\"id\":4,\"state\":\"old\",\"n\":\"AJY=\",\"at\":null}",
                               "null", "d")));
    dbz_rig_is("before", "{\"id\":4,\"state\":\"old\",\"n\":\"1.50\",\"at\":null}");
}
END_TEST

START_TEST(schemas_of_a_topic_may_take_turns)
{
    char value[4096];
    for (int i = 0; i < 60; i++) {
        int scale = i % 6; /* more than are kept */
        snprintf(
            value, sizeof value,
            "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":"
            "[{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\","
            "\"parameters\":{\"scale\":\"%d\"},\"field\":\"n\"}],\"field\":\"after\"}]},"
            "\"payload\":" DBZ_PG("null", "{\"n\":\"MDk=\"}", "c") "}",
            scale);
        dbz_rig_decode(NULL, value);
        static const char *const texts[] = {"{\"n\":\"12345\"}",  "{\"n\":\"1234.5\"}",
                                            "{\"n\":\"123.45\"}", "{\"n\":\"12.345\"}",
                                            "{\"n\":\"1.2345\"}", "{\"n\":\"0.12345\"}"};
        dbz_rig_is("after", texts[scale]);
    }
}
END_TEST

START_TEST(a_key_may_have_columns_called_schema_and_payload)
{
    dbz_rig_decode("{\"schema\":\"a\",\"payload\":\"b\"}",
                   DBZ_PG("null", "{\"schema\":\"a\",\"payload\":\"b\",\"c\":1}", "c"));
    dbz_rig_is("after", "{\"schema\":\"a\",\"payload\":\"b\",\"c\":1}");
}
END_TEST

/* What Debezium wrote for a value, by its schema, and what PostgreSQL's own text of it is
 * through the postgres provider. */
static const struct {
    const char *schema, *value, *expected;
} values[] = {
    {"\"type\":\"double\"", "1.0E-10", "1e-10"},
    {"\"type\":\"float\"", "1.6777216E7", "1.6777216e+07"},
    {"\"type\":\"double\"", "\"NaN\"", "\"NaN\""},
    {"\"type\":\"int64\"", "9223372036854775807", "9223372036854775807"},
    {"\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"", "-735160",
     "\"0044-03-15 BC\""},
    {"\"type\":\"int32\",\"name\":\"io.debezium.time.Time\"", "36000123",
     "\"10:00:00.123\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTime\"", "36000500000",
     "\"10:00:00.5\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.NanoTime\"", "36000500000000",
     "\"10:00:00.5\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.Timestamp\"", "-1",
     "\"1969-12-31 23:59:59.999\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTimestamp\"", "-1",
     "\"1969-12-31 23:59:59.999999\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.NanoTimestamp\"", "-1000",
     "\"1969-12-31 23:59:59.999999\""},
    {"\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Date\"", "20779",
     "\"2026-11-22\""},
    {"\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Time\"", "36000500",
     "\"10:00:00.5\""},
    {"\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\"",
     "1795341600123", "\"2026-11-22 10:00:00.123\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTime\"", "\"08:00:00.25Z\"",
     "\"08:00:00.25+00\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTimestamp\"", "\"infinity\"",
     "\"infinity\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.IsoDate\"", "\"2026-11-22Z\"",
     "\"2026-11-22\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.IsoTime\"", "\"10:00:00.5Z\"",
     "\"10:00:00.5\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.IsoTimestamp\"",
     "\"2026-11-22T10:00:00.12Z\"", "\"2026-11-22 10:00:00.12\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.time.Interval\"", "\"P0Y0M0DT0H0M-1S\"",
     "\"PT-1S\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.MicroDuration\"", "-1000000",
     "\"PT-1S\""},
    {"\"type\":\"int64\",\"name\":\"io.debezium.time.NanoDuration\"", "1500000000",
     "\"PT1.5S\""},
    {"\"type\":\"int32\",\"name\":\"io.debezium.time.Year\"", "2026", "2026"},
    {"\"type\":\"struct\",\"name\":\"io.debezium.data.VariableScaleDecimal\",\"fields\":[{"
     "\"type\":\"int32\",\"field\":\"scale\"},{\"type\":\"bytes\",\"field\":\"value\"}]",
     "{\"scale\":20,\"value\":\"/w==\"}", "\"-0.00000000000000000001\""},
    {"\"type\":\"string\",\"parameters\":{\"__debezium.source.column.type\":\"NUMERIC\"}",
     "\"NAN\"", "\"NaN\""},
    {"\"type\":\"string\",\"parameters\":{\"__debezium.source.column.type\":\"NUMERIC\"}",
     "\"NEGATIVE_INFINITY\"", "\"-Infinity\""},
    {"\"type\":\"string\",\"parameters\":{\"__debezium.source.column.type\":\"NUMERIC\"}",
     "\"19.90\"", "\"19.90\""},
    {"\"type\":\"string\"", "\"NAN\"", "\"NAN\""},
    {"\"type\":\"double\",\"parameters\":{\"__debezium.source.column.type\":\"DECIMAL\"}",
     "-12345.67", "\"-12345.67\""},
    {"\"type\":\"int64\",\"parameters\":{\"__debezium.source.column.type\":\"BIGINT "
     "UNSIGNED\"}",
     "-1", "18446744073709551615"},
    {"\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":"
     "{"
     "\"scale\":\"0\",\"__debezium.source.column.type\":\"BIGINT UNSIGNED\"}",
     "\"AP//////////\"", "18446744073709551615"},
    {"\"type\":\"boolean\",\"parameters\":{\"__debezium.source.column.type\":\"BIT\"}",
     "true", "\"1\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.data.Json\"",
     "\"{\\\"a\\\": [1, 2.50], \\\"u\\\": \\\"\\u00fc\\\"}\"",
     "{\"a\": [1, 2.50], \"u\": \"\xc3\xbc\"}"},
    {"\"type\":\"string\",\"name\":\"io.debezium.data.Json\"", "\"17\"", "17"},
    {"\"type\":\"string\",\"name\":\"io.debezium.data.Json\"", "\"{broken\"",
     "\"{broken\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.data.Json\"", "\"\"", "\"\""},
    {"\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":"
     "\"10\"}",
     "\"qgI=\"", "\"1010101010\""},
    {"\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":"
     "\"12\"}",
     "\"BQ==\"", "\"00000101\""},
    {"\"type\":\"bytes\"", "\"AP8Q\"", "\"AP8Q\""},
    {"\"type\":\"string\",\"name\":\"io.debezium.data.Uuid\"", "\"a0ee\"", "\"a0ee\""},
    {"\"type\":\"array\",\"items\":{\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"}",
     "[20779,null,-1]", "[\"2026-11-22\",null,\"1969-12-31\"]"},
    {"\"type\":\"array\",\"items\":{\"type\":\"bytes\",\"name\":"
     "\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"2\"}}",
     "[\"AJY=\",\"AOE=\"]", "[\"1.50\",\"2.25\"]"},
    {"\"type\":\"array\",\"items\":{\"type\":\"string\"},\"parameters\":{"
     "\"__debezium.source.column.type\":\"_NUMERIC\"}",
     "[\"NAN\",\"1.0\"]", "[\"NaN\",\"1.0\"]"},
    {"\"type\":\"array\",\"items\":{\"type\":\"string\",\"name\":\"io.debezium.data."
     "Json\"}",
     "[\"{\\\"a\\\": 1}\"]", "[{\"a\": 1}]"},
    {"\"type\":\"array\",\"items\":{\"type\":\"float\"}", "[1.5,\"NaN\",2.0]",
     "[1.5,\"NaN\",2]"},
    {"\"type\":\"array\",\"items\":{\"type\":\"int32\"}", "[]", "[]"},
    {"\"type\":\"map\",\"keys\":{\"type\":\"string\"},\"values\":{\"type\":\"int32\","
     "\"name\":"
     "\"io.debezium.time.Date\"}",
     "{\"a\":0,\"b\\\"\":null}", "{\"a\":\"1970-01-01\",\"b\\\"\":null}"},
    {"\"type\":\"map\",\"keys\":{\"type\":\"int32\"},\"values\":{\"type\":\"int32\","
     "\"name\":"
     "\"io.debezium.time.Date\"}",
     "[[1,0]]", "[[1,0]]"},
    {"\"type\":\"struct\",\"name\":\"io.debezium.data.geometry.Point\",\"fields\":[{"
     "\"type\":"
     "\"double\",\"field\":\"x\"},{\"type\":\"double\",\"field\":\"y\"},{\"type\":"
     "\"bytes\","
     "\"field\":\"wkb\"},{\"type\":\"int32\",\"field\":\"srid\"}]",
     "{\"x\":1.5,\"y\":2.0,\"wkb\":\"AQ==\",\"srid\":null}",
     "{\"x\":1.5,\"y\":2,\"wkb\":\"AQ==\",\"srid\":null}"},
    /* what does not read as its type is written as it came */
    {"\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"", "\"text\"", "\"text\""},
    {"\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"", "1.5", "1.5"},
    {"\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\"", "\"!!\"",
     "\"!!\""},
    {"\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\"", "19.90",
     "19.90"},
    {"\"type\":\"array\",\"items\":{\"type\":\"float\"}", "{\"a\":1.0}", "{\"a\":1.0}"},
    {"\"type\":\"unheard\",\"name\":\"of\"", "[1]", "[1]"},
    {"\"type\":7,\"name\":[],\"parameters\":[],\"fields\":{}", "[1]", "[1]"},
};

START_TEST(a_value_is_written_by_its_semantic_type)
{
    char value[4096];
    snprintf(value, sizeof value,
             "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":"
             "[{%s,\"optional\":true,\"field\":\"v\"}],\"field\":\"after\"}]},"
             "\"payload\":" DBZ_PG("null", "{\"v\":%s}", "c") "}",
             values[_i].schema, values[_i].value);
    dbz_rig_decode(NULL, value);
    wf_str after = dbz_rig_member("after");
    wf_str found;
    ck_assert(json_member(after, "v", &found));
    dbz_rig_reads(found, values[_i].expected);
}
END_TEST

/* Each of the longest numbers takes a second. */
START_TEST(decimals_of_a_row_have_a_bound_on_their_work)
{
    const struct dbz_type type = {.kind = DBZ_TYPE_DECIMAL, .scale = 2};
    const struct dbz_cell cell = {.text = STR("\"BBo=\""), .kind = JSON_STRING};
    struct dbz_value_memory memory;
    dbz_value_init(&memory);
    ck_assert(dbz_value_convert(&memory, &type, &cell));
    dbz_rig_reads(buf_view(&memory.out), "\"10.50\"");
    ck_assert_uint_eq(memory.work, 4);
    memory.work = UINT64_C(1) << 60;
    ck_assert(!dbz_value_convert(&memory, &type, &cell));
    dbz_rig_reads(buf_view(&memory.out), "\"10.50\"");
    dbz_value_clear(&memory);
    ck_assert(dbz_value_convert(&memory, &type, &cell));
    dbz_value_release(&memory);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_value");
    TCase *tc = tcase_create("dbz_value");
    tcase_add_checked_fixture(tc, dbz_rig_setup, dbz_rig_teardown);
    tcase_add_test(tc, values_have_the_types_of_the_record_s_schema);
    tcase_add_test(tc, a_schema_is_told_as_sql);
    tcase_add_test(tc, with_a_schema_defaults_are_no_old_values);
    tcase_add_test(tc, schemas_of_a_topic_may_take_turns);
    tcase_add_test(tc, a_key_may_have_columns_called_schema_and_payload);
    tcase_add_loop_test(tc, a_value_is_written_by_its_semantic_type, 0, CDC_COUNT(values));
    tcase_add_test(tc, decimals_of_a_row_have_a_bound_on_their_work);
    suite_add_tcase(suite, tc);
    return suite;
}
