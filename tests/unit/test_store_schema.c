/* SPDX-License-Identifier: MIT
 *
 * The versions of a schema.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/store_rig.h"

#define SHOP STR("shop")

static wf_error err;

static void must(wf_status status)
{
    store_rig_must(status, &err);
}

/* "table version ddl position;" per row; checks that it is JSON and what is counted. */
static void has_schemas(wf_str table, const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf json;
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&json, LIMIT_TEXT_BYTES);
    buf_init(&got, LIMIT_TEXT_BYTES);
    uint64_t count = 99;
    must(store_schema_list(store_rig_store, SHOP, table, &json, &count, &err));
    must(json_check(buf_view(&json), "list", &err));
    struct json_iter it = json_iter_of(buf_view(&json));
    uint64_t rows = 0;
    for (wf_str row; json_next(&it, NULL, &row); rows++) {
        static const char *const keys[] = {"table", "version", "ddl", "position"};
        wf_str value;
        for (size_t i = 0; i < CDC_COUNT(keys); i++) {
            ck_assert(json_member(row, keys[i], &value));
            buf_str(&got, value);
            buf_byte(&got, i + 1 < CDC_COUNT(keys) ? ' ' : ';');
        }
        ck_assert(json_member(row, "applied_at", &value));
        ck_assert(str_starts(value, STR("\"20")) && str_ends(value, STR("Z\"")));
    }
    ck_assert_str_eq(buf_c(&got), expected);
    ck_assert_uint_eq(count, rows);
}

START_TEST(a_schema_becomes_a_version_only_when_it_differs_from_the_last)
{
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("one"), STR("1"), &err));
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("one"), STR("2"), &err));
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("two"), STR("3"), &err));
    must(store_schema_add(store_rig_store, SHOP, STR("u"), STR("\"x\"\n"), STR("4"), &err));
    must(store_schema_add(store_rig_store, STR("other"), STR("t"), STR("five"), STR("5"),
                          &err));
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("one"), STR("6"), &err));
    has_schemas(STR("t"),
                "\"t\" 1 \"one\" \"1\";\"t\" 2 \"two\" \"3\";\"t\" 3 \"one\" \"6\";");
    has_schemas(STR_EMPTY, "\"t\" 1 \"one\" \"1\";\"t\" 2 \"two\" \"3\";"
                           "\"u\" 1 \"\\\"x\\\"\\n\" \"4\";\"t\" 3 \"one\" \"6\";");
    has_schemas(STR("none"), "");
}
END_TEST

START_TEST(a_schema_list_too_long_for_the_buffer_leaves_it_alone)
{
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("one"), STR("1"), &err));
    char memory[32];
    struct buf json;
    buf_fixed(&json, memory, sizeof memory);
    buf_lit(&json, "before");
    uint64_t count = 99;
    ck_assert_int_eq(
        store_schema_list(store_rig_store, SHOP, STR("t"), &json, &count, &err), WF_CONFIG);
    ck_assert(str_is(buf_view(&json), "before"));
    ck_assert_uint_eq(count, 99);
}
END_TEST

START_TEST(a_history_keeps_its_newest_versions)
{
    must(store_schema_add(store_rig_store, SHOP, STR("t"), STR("one"), STR("1"), &err));
    must(store_schema_add(store_rig_store, STR("other"), STR("t"), STR("x"), STR("2"),
                          &err));
    must(store_schema_add(store_rig_store, SHOP, STR("u"), STR("two"), STR("3"), &err));
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE schema_version SET id = %d WHERE table_name = 'u'",
             LIMIT_SCHEMAS);
    store_rig_execute(sql);
    must(store_schema_add(store_rig_store, SHOP, STR("u"), STR("three"), STR("4"), &err));
    has_schemas(STR_EMPTY, "\"u\" 1 \"two\" \"3\";\"u\" 2 \"three\" \"4\";");
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM schema_version"
                                      " WHERE source_id = 'other'"),
                     1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store_schema");
    TCase *tcase = tcase_create("store_schema");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, store_rig_setup, store_rig_teardown);
    tcase_add_test(tcase, a_schema_becomes_a_version_only_when_it_differs_from_the_last);
    tcase_add_test(tcase, a_history_keeps_its_newest_versions);
    tcase_add_test(tcase, a_schema_list_too_long_for_the_buffer_leaves_it_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}
