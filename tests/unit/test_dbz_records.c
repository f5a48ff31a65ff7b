/* SPDX-License-Identifier: MIT
 *
 * Records that are no changes, and those that cannot be understood.
 */
#include <check.h>

#include "base/limits.h"
#include "tests/support/dbz_rig.h"
#include "tests/support/run.h"

/* ---- records that are no changes ----------------------------------------------------- */

static const char *const nothings[][2] = {
    {"{\"id\":\"745:27006904\"}",
     "{\"status\":\"BEGIN\",\"id\":\"745:27006904\",\"event_count\":null,"
     "\"data_collections\":null,\"ts_ms\":1795352917379}"},
    {"{\"id\":\"745:27007168\"}",
     "{\"status\":\"END\",\"id\":\"745:27007168\",\"event_count\":1,\"data_collections\":[{"
     "\"data_collection\":\"public.customers\",\"event_count\":1}],\"ts_ms\":1}"},
    {"{\"serverName\":\"pg\"}", "{\"ts_ms\":1795352874838}"},
    {"{\"schema\":{\"type\":\"struct\"},\"payload\":{\"serverName\":\"pg\"}}",
     "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":{\"ts_ms\":17}}"},
    {"{\"id\":1}", NULL},
    {"{\"id\":1}", "null"},
    {"{\"id\":1}", "{\"schema\":null,\"payload\":null}"},
    {NULL,
     "{\"source\":{\"server\":\"ma\"},\"position\":{\"file\":\"b\",\"pos\":1},\"ts_ms\":"
     "1,\"databaseName\":\"inv\",\"ddl\":\"DROP TABLE t\",\"tableChanges\":[]}"},
    {NULL,
     "{\"source\":{\"connector\":\"postgresql\"},\"ts_ms\":1,\"databaseName\":\"inv\","
     "\"ddl\":null,\"tableChanges\":[]}"},
    /* of a connector with another prefix, whose topics begin with ours */
    {"{\"id\":1}",
     "{\"before\":null,\"after\":{\"id\":1},\"source\":{\"connector\":\"postgresql\","
     "\"name\":\"pg.eu\",\"ts_ms\":1,\"schema\":\"public\",\"table\":\"t\"},\"op\":\"c\"}"},
};

START_TEST(metadata_and_heartbeats_are_nothing)
{
    ck_assert_int_eq(dbz_rig_decode(nothings[_i][0], nothings[_i][1]), DBZ_NOTHING);
}
END_TEST

START_TEST(a_schema_change_names_its_tables)
{
    ck_assert_int_eq(
        dbz_rig_on(
            "pg", "{\"databaseName\":\"inv\"}",
            DBZ_DDL("\"false\"", "\"alter table `t`\\nadd c int\"",
                    "[{\"type\":\"ALTER\",\"id\":\"\\\"inv\\\".\\\"o\\\"\\\"d.d\\\"\","
                    "\"table\":{\"columns\":[]}},{\"type\":\"DROP\",\"id\":"
                    "\"\\\"c\\\".\\\"dbo\\\".\\\"x\\\"\",\"table\":null},7,{}]")),
        DBZ_SCHEMA);
    dbz_rig_reads(dbz_rig.decoded.ddl, "alter table `t`\nadd c int");
    dbz_rig_reads(dbz_rig.decoded.ddl_position, "binlog.000002:1804");
    ck_assert_uint_eq(dbz_rig.decoded.ddl_table_count, 2);
    dbz_rig_reads(dbz_rig.decoded.ddl_tables[0], "inv.o\"d.d");
    dbz_rig_reads(dbz_rig.decoded.ddl_tables[1], "dbo.x");
    ck_assert(!dbz_rig.decoded.ddl_describes);
    dbz_rig_is("op", "\"DDL\"");
    dbz_rig_is("ddl", "\"alter table `t`\\nadd c int\"");
    dbz_rig_is("table", "null");
    dbz_rig_on(
        "pg", NULL,
        DBZ_DDL("null", "\"drop table t\"",
                "[{\"type\":\"DROP\",\"id\":\"\\\"inv\\\".\\\"t\\\"\",\"table\":null}]"));
    dbz_rig_is("table", "\"inv.t\"");
    dbz_rig_is("id", "\"dbz:pg:3:100\"");
}
END_TEST

START_TEST(what_a_snapshot_says_of_tables_is_no_event)
{
    dbz_rig_on("pg", NULL,
               DBZ_DDL("\"true\"", "\"CREATE TABLE t (a int)\"",
                       "[{\"type\":\"CREATE\",\"id\":\"\\\"inv\\\".\\\"t\\\"\"}]"));
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_SCHEMA);
    ck_assert(dbz_rig.decoded.ddl_describes);
    dbz_rig_reads(dbz_rig.decoded.ddl_tables[0], "inv.t");
    dbz_rig_on("pg", NULL,
               DBZ_DDL("\"true\"", "\"DROP TABLE IF EXISTS t\"",
                       "[{\"type\":\"DROP\",\"id\":\"\\\"inv\\\".\\\"t\\\"\"}]"));
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_NOTHING);
    dbz_rig_on("pg", NULL, DBZ_DDL("\"true\"", "\"USE inv\"", "[]"));
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_NOTHING);
}
END_TEST

START_TEST(a_notification_says_how_far_a_snapshot_is)
{
    ck_assert_int_eq(
        dbz_rig_on(
            "pg-notify", "{\"id\":\"3f05\"}",
            "{\"id\":\"3f05\",\"type\":\"TABLE_SCAN_COMPLETED\",\"aggregate_type\":"
            "\"Incremental Snapshot\",\"additional_data\":{\"connector_name\":\"pg\","
            "\"data_collections\":\"public.a,public.b\",\"scanned_collection\":"
            "\"public.b\",\"total_rows_scanned\":\"17\",\"status\":\"SUCCEEDED\"},"
            "\"timestamp\":1795383667378}"),
        DBZ_NOTIFICATION);
    dbz_rig_reads(dbz_rig.decoded.notification.aggregate, "Incremental Snapshot");
    dbz_rig_reads(dbz_rig.decoded.notification.type, "TABLE_SCAN_COMPLETED");
    dbz_rig_reads(dbz_rig.decoded.notification.table, "public.b");
    dbz_rig_reads(dbz_rig.decoded.notification.status, "SUCCEEDED");
    dbz_rig_reads(dbz_rig.decoded.notification.id, "3f05");
    ck_assert_int_eq(dbz_rig.decoded.notification.rows, 17);
    dbz_rig_on("pg-notify", NULL,
               "{\"id\":\"3f05\",\"type\":\"STARTED\",\"aggregate_type\":\"Initial "
               "Snapshot\",\"additional_data\":null,\"timestamp\":1}");
    dbz_rig_reads(dbz_rig.decoded.notification.table, "");
    ck_assert_int_eq(dbz_rig.decoded.notification.rows, -1);
}
END_TEST

/* ---- poison -------------------------------------------------------------------------- */

static const struct {
    const char *key, *value, *why;
} poisons[] = {
    {NULL, "", "is not JSON"},
    {NULL, "Struct{after=Struct{id=1}}", "this is no value at byte 0"},
    {NULL, "{\"op\":\"c\"", "is not JSON"},
    {NULL, "{\"op\":\"c\"} x", "more text follows"},
    {NULL, "\"text\"", "JSON, but no object"},
    {NULL, "[1]", "JSON, but no object"},
    {NULL, "{\"schema\":{\"type\":\"string\"},\"payload\":\"x\"}", "JSON, but no object"},
    {NULL, "{\"id\":1,\"name\":\"x\"}", "ExtractNewRecordState"},
    {NULL, "{}", "ExtractNewRecordState"},
    {NULL, "{\"op\":\"c\",\"after\":{}}", "ExtractNewRecordState"},
    {NULL, "{\"id\":\"name\",\"source\":\"/debezium\",\"specversion\":\"1.0\",\"data\":{}}",
     "CloudEvent"},
    {NULL, DBZ_PG("null", "{\"id\":1}", "x"), "'op' is not one of"},
    {NULL, DBZ_PG("null", "{\"id\":1}", "cc"), "'op' is not one of"},
    {NULL, DBZ_PG("null", "null", "c"), "no 'after'"},
    {NULL, DBZ_PG("null", "null", "u"), "no 'after'"},
    {NULL, DBZ_PG("null", "null", "r"), "no 'after'"},
    {NULL, DBZ_PG("null", "[1]", "c"), "is no object"},
    {NULL, DBZ_PG("7", "{\"id\":1}", "u"), "is no object"},
    {NULL, DBZ_PG("null", "\"{}\"", "c"), "is no object"},
    {NULL, DBZ_PG("null", "null", "d"), "neither 'before' nor a key"},
    {"{\"id\":", DBZ_PG("null", "{\"id\":1}", "c"), "the record's key is not JSON"},
    {"Struct{id=1}", DBZ_PG("null", "{\"id\":1}", "c"), "key.converter"},
    {NULL, DBZ_PG("null", "{\"id\":1,\"id\":2}", "c"), "the column 'id' twice"},
    {NULL, DBZ_PG("null", "{\"id\":1,\"\\u0069d\":2}", "c"), "the column 'id' twice"},
    {NULL,
     "{\"after\":{\"id\":1},\"source\":{\"connector\":\"postgresql\",\"schema\":\"public\"}"
     ","
     "\"op\":\"c\"}",
     "names no table"},
};

START_TEST(a_record_that_cannot_be_understood_is_poison)
{
    dbz_rig_decode(poisons[_i].key, poisons[_i].value);
    dbz_rig_is_poison(poisons[_i].why);
    dbz_rig_reads(dbz_rig.decoded.change.content, poisons[_i].value);
    dbz_rig_decode("{\"id\":4}",
                   DBZ_PG("null", "{\"id\":4}", "c")); /* the next one is not */
    dbz_rig_is("after", "{\"id\":4}");
}
END_TEST

START_TEST(a_schema_registry_is_named)
{
    const struct kafka_record record = {
        .topic = STR("pg.public.t"),
        .partition = 3,
        .offset = 100,
        .lane = 7,
        .value = {"\0\0\0\0\7\2", 6},
    };
    ck_assert_int_eq(dbz_decode(dbz_rig.decoder, &record, &dbz_rig.decoded, NULL), WF_OK);
    dbz_rig_is_poison("schema registry");
    struct kafka_record key = record;
    wf_str framed = key.value;
    key.key = framed;
    key.value = STR(DBZ_PG("null", "{\"id\":4}", "c"));
    ck_assert_int_eq(dbz_decode(dbz_rig.decoder, &key, &dbz_rig.decoded, NULL), WF_OK);
    dbz_rig_is_poison("key is in the format of a schema registry");
    ck_assert_int_eq(dbz_rig.decoded.change.op, CDC_INSERT);
}
END_TEST

START_TEST(what_is_too_deep_or_too_wide_is_poison)
{
    struct buf value;
    buf_init(&value, LIMIT_CONFIG_BYTES);
    buf_lit(&value, "{\"after\":{\"id\":");
    for (int i = 0; i < 200; i++)
        buf_byte(&value, '[');
    dbz_rig_decode(NULL, buf_c(&value));
    dbz_rig_is_poison("nested too deeply");
    buf_clear(&value);
    buf_lit(&value, "{\"after\":{");
    for (int i = 0; i <= LIMIT_COLUMNS; i++)
        buf_printf(&value, "%s\"c%d\":1", i ? "," : "", i);
    buf_lit(&value, "}}");
    dbz_rig_decode(NULL, buf_c(&value));
    dbz_rig_is_poison("more than 4096 columns");
    buf_release(&value);
}
END_TEST

START_TEST(a_table_is_told_by_the_topic_only_where_it_names_one)
{
    dbz_rig_on("pg.message", NULL, "x");
    ck_assert_ptr_null(dbz_rig.decoded.change.table);
    dbz_rig_on("other.public.t", NULL, "x");
    ck_assert_ptr_null(dbz_rig.decoded.change.table);
    dbz_rig_on("pgx.public.t", NULL, "x");
    ck_assert_ptr_null(dbz_rig.decoded.change.table);
    dbz_rig_on("pg.db.dbo.t", NULL, "x");
    dbz_rig_reads(dbz_rig.decoded.change.table->name, "dbo.t");
}
END_TEST

/* ---- cut records --------------------------------------------------------------------- */

static const char *const whole[] = {
    DBZ_PG("{\"id\":4,\"b\":\"x\\u00fc\"}", "{\"id\":4,\"b\":[1,{\"c\":-1.5e3}]}", "u"),
    DBZ_WITH_SCHEMA(DBZ_PG(
        "null", "{\"id\":4,\"state\":\"new\",\"n\":\"BBo=\",\"at\":\"2026-11-22T09Z\"}",
        "c")),
    DBZ_MARIADB("{\"id\":3}", "null", "d"),
    DBZ_DDL("\"false\"", "\"alter table t\"",
            "[{\"type\":\"ALTER\",\"id\":\"\\\"inv\\\".\\\"t\\\"\"}]"),
    DBZ_MONGODB("\"after\":\"{\\\"_id\\\":1}\"", "c"),
    ("{\"id\":\"3f05\",\"type\":\"STARTED\",\"aggregate_type\":\"Initial Snapshot\","
     "\"additional_data\":{\"data_collections\":\"public.a\"},\"timestamp\":1}"),
};

START_TEST(a_record_that_is_cut_anywhere_is_poison)
{
    size_t len = strlen(whole[_i]);
    for (size_t cut = 0; cut < len; cut++) {
        char *text = str_dup((wf_str){whole[_i], cut});
        dbz_rig_decode(DBZ_KEY_WITH_SCHEMA("4"), text);
        ck_assert(dbz_rig.decoded.change.poison.len);
        dbz_rig_decode(text, whole[0]); /* the same as a key; a number may be one */
        free(text);
    }
    dbz_rig_decode(DBZ_KEY_WITH_SCHEMA("4"), whole[_i]);
    ck_assert(dbz_rig.decoded.kind != DBZ_NOTHING && !dbz_rig.decoded.change.poison.len);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_records");
    TCase *tc = tcase_create("dbz_records");
    tcase_add_checked_fixture(tc, dbz_rig_setup, dbz_rig_teardown);
    tcase_add_loop_test(tc, metadata_and_heartbeats_are_nothing, 0, CDC_COUNT(nothings));
    tcase_add_test(tc, a_schema_change_names_its_tables);
    tcase_add_test(tc, what_a_snapshot_says_of_tables_is_no_event);
    tcase_add_test(tc, a_notification_says_how_far_a_snapshot_is);
    tcase_add_loop_test(tc, a_record_that_cannot_be_understood_is_poison, 0,
                        CDC_COUNT(poisons));
    tcase_add_test(tc, a_schema_registry_is_named);
    tcase_add_test(tc, what_is_too_deep_or_too_wide_is_poison);
    tcase_add_test(tc, a_table_is_told_by_the_topic_only_where_it_names_one);
    tcase_add_loop_test(tc, a_record_that_is_cut_anywhere_is_poison, 0, CDC_COUNT(whole));
    suite_add_tcase(suite, tc);
    return suite;
}
