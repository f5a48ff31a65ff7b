/* SPDX-License-Identifier: MIT
 *
 * Records as Debezium 3.5 wrote them (PostgreSQL 15, MariaDB 10.11; Kafka Connect 4.3), cut
 * to what matters, to events.
 */
#include <check.h>

#include "tests/support/dbz_rig.h"
#include "tests/support/run.h"

/* ---- without schemas ----------------------------------------------------------------- */

START_TEST(an_insert_is_an_event)
{
    ck_assert_int_eq(
        dbz_rig_decode("{\"id\":4}",
                       DBZ_PG("null",
                              "{\"id\":4,\"name\":\"A\\u00fcn\\n\",\"balance\":\"10.50\","
                              "\"n\":12345678901234567890.10,\"ok\":true,\"x\":null,"
                              "\"a\":[1,null],\"o\":{\"k\":1e2}}",
                              "c")),
        DBZ_CHANGE);
    ck_assert_str_eq(
        dbz_rig_event(),
        "{\"id\":\"dbz:745:27006904:1\",\"source_id\":\"s\",\"provider\":\"debezium\","
        "\"table\":\"public.t\",\"op\":\"INSERT\",\"action\":\"INSERT\",\"key\":{\"id\":4},"
        "\"before\":null,\"after\":{\"id\":4,\"name\":\"A\\u00fcn\\n\",\"balance\":"
        "\"10.50\",\"n\":12345678901234567890.10,\"ok\":true,\"x\":null,\"a\":[1,null],"
        "\"o\":{\"k\":1e2}},\"ts\":\"2026-11-22T13:08:37.379373Z\",\"position\":"
        "\"0/19C17B8\",\"txid\":\"745\",\"seq\":1,\"snapshot\":false}");
    ck_assert_uint_eq(dbz_rig.decoded.change.lane, 7);
    ck_assert_int_eq(dbz_rig.decoded.source_ts_us, 1795352917379373);
    dbz_rig_reads(dbz_rig.decoded.new_schema,
                  "CREATE TABLE \"public\".\"t\" (\"id\", \"name\", \"balance\", \"n\", "
                  "\"ok\", \"x\", \"a\", \"o\", PRIMARY KEY (\"id\"))");
}
END_TEST

START_TEST(an_update_has_the_old_row_that_was_sent)
{
    dbz_rig_decode("{\"id\":4}",
                   DBZ_PG("{\"id\":4,\"b\":\"x\"}", "{\"id\":4,\"b\":\"y\"}", "u"));
    dbz_rig_is("op", "\"UPDATE\"");
    dbz_rig_is("before", "{\"id\":4,\"b\":\"x\"}");
    dbz_rig_is("after", "{\"id\":4,\"b\":\"y\"}");
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null", "{\"id\":4,\"b\":\"y\"}", "u"));
    dbz_rig_is("before", "null");
    dbz_rig_decode("{\"id\":4}", DBZ_PG("{\"b\":\"old\"}", "{\"id\":4,\"b\":\"y\"}", "u"));
    dbz_rig_is("before", "{\"b\":\"old\"}");
}
END_TEST

START_TEST(keys_have_the_order_of_the_record_s_key)
{
    dbz_rig_decode("{\"z\":1,\"a\":2}", DBZ_PG("null", "{\"a\":2,\"m\":0,\"z\":1}", "c"));
    dbz_rig_is("key", "{\"z\":1,\"a\":2}");
    dbz_rig_decode(NULL, DBZ_PG("null", "{\"a\":2,\"m\":0,\"z\":1}", "c"));
    dbz_rig_is("key", "null");
    dbz_rig_decode("{\"not\":1}", DBZ_PG("null", "{\"a\":2,\"m\":0,\"z\":1}", "c"));
    dbz_rig_is("key", "null");
    dbz_rig_decode("17", DBZ_PG("null", "{\"a\":2,\"m\":0,\"z\":1}", "c"));
    dbz_rig_is("key", "null");
}
END_TEST

START_TEST(a_key_that_changes_comes_as_a_delete_and_an_insert)
{
    dbz_rig_decode("{\"id\":4}", DBZ_PG("{\"id\":4,\"name\":\"\",\"created\":"
                                        "\"1970-01-01T00:00:00.000000Z\"}",
                                        "null", "d"));
    dbz_rig_is("op", "\"DELETE\"");
    dbz_rig_is("key", "{\"id\":4}");
    dbz_rig_is("before", "{\"id\":4}");
    ck_assert_int_eq(dbz_rig_decode("{\"id\":4}", NULL), DBZ_NOTHING);
    dbz_rig_decode(
        "{\"id\":40}",
        "{\"before\":null,\"after\":{\"id\":40,\"name\":\"Ann\",\"created\":null}"
        "," DBZ_PG_SOURCE("t", "\"false\"", "745", "27006904") DBZ_ORDER("2") DBZ_END("c"));
    dbz_rig_is("id", "\"dbz:745:27006904:2\"");
    dbz_rig_is("key", "{\"id\":40}");
}
END_TEST

START_TEST(a_truncate_has_no_rows)
{
    dbz_rig_decode(NULL, DBZ_PG("null", "null", "t"));
    dbz_rig_is("op", "\"TRUNCATE\"");
    dbz_rig_is("table", "\"public.t\"");
    dbz_rig_is("key", "null");
    dbz_rig_reads(dbz_rig.decoded.new_schema, "");
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null", "{\"id\":4,\"b\":\"y\"}", "c"));
    ck_assert(dbz_rig.decoded.new_schema.len > 0);
    dbz_rig_decode(NULL, DBZ_PG("null", "null", "t"));
    dbz_rig_is("op", "\"TRUNCATE\"");
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null", "{\"id\":4,\"b\":\"y\"}", "c"));
    dbz_rig_reads(dbz_rig.decoded.new_schema, "");
}
END_TEST

static const struct {
    const char *flag;
    bool first, last;
} snapshots[] = {
    {"\"true\"", false, false},
    {"\"first\"", true, false},
    {"\"first_in_data_collection\"", false, false},
    {"\"last_in_data_collection\"", false, false},
    {"\"last\"", false, true},
    {"\"incremental\"", false, false},
};

START_TEST(rows_of_a_snapshot_are_read)
{
    char value[1024];
    snprintf(value, sizeof value,
             "{\"before\":null,\"after\":{\"id\":1}," DBZ_PG_SOURCE(
                 "t", "%s", "744", "27006808") ",\"transaction\":null" DBZ_END("r"),
             snapshots[_i].flag);
    dbz_rig_decode("{\"id\":1}", value);
    ck_assert_int_eq(dbz_rig.decoded.first_snapshot_row, snapshots[_i].first);
    ck_assert_int_eq(dbz_rig.decoded.last_snapshot_row, snapshots[_i].last);
    dbz_rig_is("id", "\"dbz:pg.public.t:3:100\"");
    dbz_rig_is("op", "\"READ\"");
    dbz_rig_is("snapshot", "true");
    dbz_rig_is("txid", "null");
    dbz_rig_is("seq", "null");
    dbz_rig_is("ts", "\"2026-11-22T13:08:37.426081Z\"");
    dbz_rig_is("position", "\"0/19C1758\"");
}
END_TEST

START_TEST(where_the_place_is_not_said_the_offset_is_the_id)
{
    dbz_rig_decode("{\"id\":1}", "{\"before\":null,\"after\":{\"id\":1}," DBZ_PG_SOURCE(
                                     "t", "null", "744",
                                     "27006808") ",\"transaction\":null" DBZ_END("c"));
    dbz_rig_is("id", "\"dbz:pg.public.t:3:100\"");
    dbz_rig_is("position", "\"0/19C1758\"");
    dbz_rig_is("txid", "\"744\"");
    dbz_rig_is("seq", "null");
    dbz_rig_decode("{\"id\":1}",
                   "{\"before\":null,\"after\":{\"id\":1}," DBZ_PG_SOURCE(
                       "t", "null", "null", "null") DBZ_ORDER("1") DBZ_END("c"));
    dbz_rig_is("id", "\"dbz:pg.public.t:3:100\"");
    dbz_rig_is("position", "\"pg.public.t/3/100\"");
}
END_TEST

START_TEST(mariadb_says_its_place_by_gtid_or_by_file)
{
    dbz_rig_decode("{\"id\":3}", DBZ_MARIADB("{\"id\":3,\"a\":\"\"}", "null", "d"));
    dbz_rig_is("id", "\"dbz:0-1-11:4:9\"");
    dbz_rig_is("position", "\"0-1-11\"");
    dbz_rig_is("txid", "\"0-1-11\"");
    dbz_rig_is("seq", "9");
    dbz_rig_is("table", "\"inv.t\"");
    dbz_rig_is("before", "{\"id\":3,\"a\":\"\"}"); /* its old rows are whole */
    dbz_rig_decode(
        "{\"id\":3}",
        "{\"before\":null,\"after\":{\"id\":3},\"source\":{\"connector\":\"mysql\",\"db\":"
        "\"inv\",\"table\":\"t\",\"gtid\":null,\"file\":\"b.1\",\"pos\":7,\"row\":0,"
        "\"ts_ms\":1000},\"transaction\":{\"id\":\"file=b.1,pos=4\",\"total_order\":2},"
        "\"op\":\"c\"}");
    dbz_rig_is("id", "\"dbz:b.1:7:0:2\"");
    dbz_rig_is("position", "\"b.1:7\"");
    dbz_rig_is("txid", "\"file=b.1,pos=4\"");
    dbz_rig_is("ts", "\"1970-01-01T00:00:01.000000Z\"");
}
END_TEST

START_TEST(other_connectors_say_their_place_in_other_words)
{
    dbz_rig_decode(
        "{\"id\":3}",
        "{\"before\":null,\"after\":{\"id\":3},\"source\":{\"connector\":\"sqlserver\","
        "\"db\":\"d\",\"schema\":\"dbo\",\"table\":\"t\",\"change_lsn\":\"00:01:0003\","
        "\"commit_lsn\":\"00:01:0004\",\"event_serial_no\":1,\"ts_ns\":-1},"
        "\"transaction\":{\"id\":\"00:01:0004\",\"total_order\":2},\"op\":\"c\"}");
    dbz_rig_is("id", "\"dbz:00:01:0004:00:01:0004:00:01:0003:1:2\"");
    dbz_rig_is("position", "\"00:01:0004\"");
    dbz_rig_is("table", "\"dbo.t\"");
    dbz_rig_is("ts", "\"1969-12-31T23:59:59.999999Z\"");
    dbz_rig_decode(
        "{\"ID\":3}",
        "{\"before\":null,\"after\":{\"ID\":3},\"source\":{\"connector\":\"oracle\","
        "\"db\":\"PDB\",\"schema\":\"S\",\"table\":\"T\",\"txId\":\"09001a\",\"scn\":"
        "\"2122184\",\"commit_scn\":\"2122185\",\"lcr_position\":null,\"rs_id\":"
        "\"001234.00012345.0124\",\"ssn\":0,\"redo_thread\":1,\"ts_ms\":1000},"
        "\"transaction\":{\"id\":\"09001a\",\"total_order\":2},\"op\":\"c\"}");
    dbz_rig_is("id", "\"dbz:09001a:2122185:2122184:001234.00012345.0124:0:2\"");
    dbz_rig_is("position", "\"2122185\"");
    dbz_rig_is("txid", "\"09001a\"");
    dbz_rig_is("table", "\"S.T\"");
    dbz_rig_decode(
        "{\"ID\":3}",
        "{\"before\":{\"ID\":3,\"A\":\" x\"},\"after\":null,\"source\":{\"connector\":"
        "\"db2\",\"db\":\"SHOP\",\"schema\":\"S\",\"table\":\"T\",\"change_lsn\":"
        "\"00:03\",\"commit_lsn\":\"00:04\",\"ts_ms\":1000},\"transaction\":{\"id\":"
        "\"00:04\",\"total_order\":1},\"op\":\"d\"}");
    dbz_rig_is("id", "\"dbz:00:04:00:04:00:03:1\"");
    dbz_rig_is("position", "\"00:04\"");
    dbz_rig_is("before", "{\"ID\":3,\"A\":\" x\"}"); /* its old rows are whole */
}
END_TEST

START_TEST(a_message_has_its_bytes)
{
    dbz_rig_on("pg.message", "{\"prefix\":\"hello\"}",
               "{\"op\":\"m\",\"ts_ms\":1795352917967," DBZ_PG_SOURCE("", "\"false\"",
                                                                      "751", "27010544")
                   DBZ_ORDER("1") ",\"message\":{\"prefix\":\"he\\\"llo\",\"content\":"
                                  "\"cGF5bG9hZA==\"}}");
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_CHANGE);
    dbz_rig_is("op", "\"MESSAGE\"");
    dbz_rig_is("table", "null");
    dbz_rig_is("prefix", "\"he\\\"llo\"");
    dbz_rig_is("content", "\"payload\"");
    dbz_rig_on(
        "pg.message", NULL,
        "{\"op\":\"m\"," DBZ_PG_SOURCE(
            "", "null", "null",
            "27010544") ",\"transaction\":null,\"message\":{\"prefix\":\"p\",\"content\":"
                        "\"/wA=\"}}");
    dbz_rig_is("content", "{\"base64\":\"/wA=\"}");
    dbz_rig_is("id", "\"dbz:pg.message:3:100\"");
    dbz_rig_on("pg.message", NULL,
               "{\"op\":\"m\"," DBZ_PG_SOURCE(
                   "", "null", "null",
                   "27010544") ",\"message\":{\"prefix\":\"p\",\"content\":\"ff00\\n\"}}");
    ck_assert(dbz_rig.decoded.change.poison.len);
}
END_TEST

START_TEST(heartbeats_of_sources_are_no_messages)
{
    dbz_rig_on(
        "pg.message", NULL,
        "{\"op\":\"m\"," DBZ_PG_SOURCE(
            "", "null", "7",
            "27010544") ",\"message\":"
                        "{\"prefix\":\"workflow-plugin-cdc.heartbeat\",\"content\":\"\"}}");
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_NOTHING);
}
END_TEST

/* Each as the value of a column of its type. */
static const char *const unavailable[] = {
    "\"__debezium_unavailable_value\"",
    "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"",
    "\"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565\"",
    "[\"__debezium_unavailable_value\"]",
    "[\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"]",
    ("[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,"
     "118,97,108,117,101]"),
    "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]",
    "{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}",
    "\"{\\\"__debezium_unavailable_value\\\":\\\"__debezium_unavailable_value\\\"}\"",
};

START_TEST(a_value_that_was_not_sent_is_unchanged)
{
    char value[2048];
    snprintf(value, sizeof value, DBZ_PG("null", "{\"id\":4,\"big\":%s,\"n\":1}", "u"),
             unavailable[_i]);
    dbz_rig_decode("{\"id\":4}", value);
    dbz_rig_is("after", "{\"id\":4,\"n\":1}");
    dbz_rig_is("unchanged", "[\"big\"]");
}
END_TEST

START_TEST(what_only_looks_like_the_placeholder_is_a_value)
{
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null",
                                        "{\"id\":4,\"a\":\"__debezium_unavailable_value \","
                                        "\"b\":[\"__debezium_unavailable_value\",\"x\"]}",
                                        "u"));
    dbz_rig_is("unchanged", "(none)");
}
END_TEST

/* ---- old rows of PostgreSQL ---------------------------------------------------------- */

START_TEST(a_delete_without_schemas_gives_the_key_once_an_update_has_told)
{
    const char *deleted = DBZ_PG("{\"id\":4,\"state\":\"new\"}", "null", "d");
    const char *updated = DBZ_PG("null", "{\"id\":4,\"state\":\"x\"}", "u");
    const char *whole =
        DBZ_PG("{\"id\":4,\"state\":\"x\"}", "{\"id\":4,\"state\":\"y\"}", "u");
    dbz_rig_decode("{\"id\":4}", deleted);
    dbz_rig_is("before",
               "{\"id\":4,\"state\":\"new\"}"); /* a default or a value: not known */
    dbz_rig_decode("{\"id\":4}", updated);
    dbz_rig_decode("{\"id\":4}", deleted);
    dbz_rig_is("before", "{\"id\":4}");
    dbz_rig_decode("{\"id\":4}", whole);
    dbz_rig_decode("{\"id\":4}", deleted);
    dbz_rig_is("before", "{\"id\":4,\"state\":\"new\"}");
}
END_TEST

START_TEST(without_a_key_an_old_row_is_whole)
{
    dbz_rig_decode(NULL, DBZ_PG("{\"a\":0,\"b\":\"\"}", "null", "d"));
    dbz_rig_is("before", "{\"a\":0,\"b\":\"\"}");
}
END_TEST

START_TEST(a_delete_without_an_old_row_has_its_key)
{
    dbz_rig_decode("{\"id\":4}", DBZ_PG("null", "{\"id\":4,\"state\":\"x\"}", "c"));
    dbz_rig_decode("{\"id\":5}", DBZ_MARIADB("null", "null", "d"));
    dbz_rig_is("key", "{\"id\":5}");
    dbz_rig_is("before", "{\"id\":5}");
    dbz_rig_decode("{\"id\":5}", DBZ_PG("null", "null", "d"));
    dbz_rig_is("before", "{\"id\":5}");
}
END_TEST

/* ---- tables -------------------------------------------------------------------------- */

START_TEST(columns_that_change_make_another_table)
{
    dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
    ck_assert(dbz_rig.decoded.new_schema.len);
    dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
    ck_assert(!dbz_rig.decoded.new_schema.len);
    dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2,\"c\\\"\":3}", "c"));
    dbz_rig_is("after", "{\"id\":1,\"b\":2,\"c\\\"\":3}");
    dbz_rig_reads(dbz_rig.decoded.new_schema,
                  "CREATE TABLE \"public\".\"t\" (\"id\", \"b\", "
                  "\"c\"\"\", PRIMARY KEY (\"id\"))");
    dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
    dbz_rig_is("after", "{\"id\":1,\"b\":2}");
    ck_assert(dbz_rig.decoded.new_schema.len);
    dbz_rig_decode("{\"b\":2}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
    dbz_rig_is("key", "{\"b\":2}");
    ck_assert(dbz_rig.decoded.new_schema.len);
}
END_TEST

START_TEST(any_number_of_shapes_and_tables_is_told_apart)
{
    char value[2048];
    for (int i = 0; i < 200; i++) {
        snprintf(value, sizeof value, DBZ_PG("null", "{\"id\":%d,\"c%d\":2}", "c"), i,
                 i % 20);
        dbz_rig_decode("{\"id\":1}", value);
        snprintf(value, sizeof value, "{\"id\":%d,\"c%d\":2}", i, i % 20);
        dbz_rig_is("after", value);
    }
    for (int i = 0; i < 5000; i++) { /* a transform sends all tables to one topic */
        snprintf(
            value, sizeof value,
            "{\"before\":null,\"after\":{\"id\":1},\"source\":{\"connector\":\"mysql\","
            "\"db\":\"d\",\"table\":\"t%d\"},\"op\":\"c\"}",
            i);
        dbz_rig_decode("{\"id\":1}", value);
        snprintf(value, sizeof value, "d.t%d", i);
        dbz_rig_reads(dbz_rig.decoded.change.table->name, value);
    }
}
END_TEST

START_TEST(topics_do_not_share_their_tables)
{
    char topic[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            snprintf(topic, sizeof topic, "pg.public.t%d", i);
            dbz_rig_on(topic, "{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
            ck_assert_int_eq(dbz_rig.decoded.new_schema.len > 0, round == 0);
        }
    }
}
END_TEST

START_TEST(what_nobody_wants_is_not_decoded)
{
    dbz_rig.wanted_ops = 1u << CDC_DELETE;
    ck_assert_int_eq(
        dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c")),
        DBZ_NOTHING);
    ck_assert_uint_eq(dbz_rig.asked, 1);
    ck_assert_int_eq(dbz_rig.decoded.source_ts_us, 1795352917379373);
    dbz_rig.wanted_ops = ~0u;
    dbz_rig_decode("{\"id\":1}", DBZ_PG("null", "{\"id\":1,\"b\":2}", "c"));
    ck_assert(dbz_rig.decoded.new_schema.len); /* it is still news */
}
END_TEST

/* ---- MongoDB ------------------------------------------------------------------------- */

START_TEST(documents_are_rows)
{
    const char *key = "{\"id\":\"{\\\"$oid\\\": \\\"abc\\\"}\"}";
    dbz_rig_decode(key,
                   DBZ_MONGODB("\"before\":null,\"after\":\"{\\\"_id\\\": {\\\"$oid\\\": "
                               "\\\"abc\\\"},\\\"n\\\": {\\\"$numberLong\\\": \\\"7\\\"},"
                               "\\\"t\\\":\\\"\\\\u00fc\\\\\\\"\\\"}\"",
                               "c"));
    dbz_rig_is("table", "\"shop.orders\"");
    dbz_rig_is("key", "{\"_id\":{\"$oid\": \"abc\"}}");
    dbz_rig_is("after", "{\"_id\":{\"$oid\": \"abc\"},\"n\":{\"$numberLong\": \"7\"},"
                        "\"t\":\"\\u00fc\\\"\"}");
    dbz_rig_is("position", "\"2\"");
    ck_assert(!dbz_rig.decoded.new_schema.len);
    dbz_rig_decode(key, DBZ_MONGODB("\"before\":null,\"after\":null", "d"));
    dbz_rig_is("op", "\"DELETE\"");
    dbz_rig_is("before", "{\"_id\":{\"$oid\": \"abc\"}}");
    dbz_rig_decode(
        key, DBZ_MONGODB("\"before\":null,\"after\":null,\"updateDescription\":{"
                         "\"removedFields\":null,\"updatedFields\":\"{\\\"n\\\": 8}\","
                         "\"truncatedArrays\":null}",
                         "u"));
    dbz_rig_is("after", "{\"n\":8,\"_id\":{\"$oid\": \"abc\"}}");
    dbz_rig_is("key", "{\"_id\":{\"$oid\": \"abc\"}}");
    /* with capture.mode=change_streams_update_full_with_pre_image */
    dbz_rig_decode(key, DBZ_MONGODB("\"before\":\"{\\\"_id\\\":{\\\"$oid\\\":\\\"abc\\\"},"
                                    "\\\"n\\\":7}\",\"after\":null",
                                    "d"));
    dbz_rig_is("before", "{\"_id\":{\"$oid\":\"abc\"},\"n\":7}");
    dbz_rig_decode("{\"id\":\"abc\"}",
                   DBZ_MONGODB("\"after\":\"{\\\"_id\\\":\\\"abc\\\"}\"", "c"));
    dbz_rig_is("key", "{\"_id\":\"abc\"}");
    dbz_rig_decode(key, DBZ_MONGODB("\"after\":\"[1]\"", "c"));
    dbz_rig_is_poison("a document of MongoDB's is no JSON object");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_decode");
    TCase *tc = tcase_create("dbz_decode");
    tcase_add_checked_fixture(tc, dbz_rig_setup, dbz_rig_teardown);
    tcase_add_test(tc, an_insert_is_an_event);
    tcase_add_test(tc, an_update_has_the_old_row_that_was_sent);
    tcase_add_test(tc, keys_have_the_order_of_the_record_s_key);
    tcase_add_test(tc, a_key_that_changes_comes_as_a_delete_and_an_insert);
    tcase_add_test(tc, a_truncate_has_no_rows);
    tcase_add_loop_test(tc, rows_of_a_snapshot_are_read, 0, CDC_COUNT(snapshots));
    tcase_add_test(tc, where_the_place_is_not_said_the_offset_is_the_id);
    tcase_add_test(tc, mariadb_says_its_place_by_gtid_or_by_file);
    tcase_add_test(tc, other_connectors_say_their_place_in_other_words);
    tcase_add_test(tc, a_message_has_its_bytes);
    tcase_add_test(tc, heartbeats_of_sources_are_no_messages);
    tcase_add_loop_test(tc, a_value_that_was_not_sent_is_unchanged, 0,
                        CDC_COUNT(unavailable));
    tcase_add_test(tc, what_only_looks_like_the_placeholder_is_a_value);
    tcase_add_test(tc, a_delete_without_schemas_gives_the_key_once_an_update_has_told);
    tcase_add_test(tc, without_a_key_an_old_row_is_whole);
    tcase_add_test(tc, a_delete_without_an_old_row_has_its_key);
    tcase_add_test(tc, columns_that_change_make_another_table);
    tcase_add_test(tc, any_number_of_shapes_and_tables_is_told_apart);
    tcase_add_test(tc, topics_do_not_share_their_tables);
    tcase_add_test(tc, what_nobody_wants_is_not_decoded);
    tcase_add_test(tc, documents_are_rows);
    suite_add_tcase(suite, tc);
    return suite;
}
