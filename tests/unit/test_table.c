/* SPDX-License-Identifier: MIT
 *
 * A table copies what it is given and has its labels ready.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/table.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

static wf_error err;

static const struct cdc_column columns[] = {
    {{"tenant", 6}, true},
    {{"a \"quoted\"\nname", 15}, false},
    {{"", 0}, false},
    {{"id", 2}, true},
};

static struct cdc_table *made(wf_str name, size_t count, const uint16_t *keys,
                              size_t key_count)
{
    struct cdc_table *table = NULL;
    ck_assert_msg(!table_new(name, columns, count, keys, key_count, &table, &err), "%s",
                  err.text);
    return table;
}

START_TEST(everything_is_copied)
{
    char name[] = "public.orders";
    char column_name[] = "id";
    struct cdc_column column = {{column_name, 2}, true};
    struct cdc_table *table = NULL;
    ck_assert_int_eq(table_new((wf_str){name, 13}, &column, 1, NULL, 0, &table, &err),
                     WF_OK);
    memset(name, 'x', sizeof name);
    memset(column_name, 'x', sizeof column_name);
    memset(&column, 0xff, sizeof column);
    ck_assert(str_is(table->name, "public.orders"));
    ck_assert_uint_eq(table->count, 1);
    ck_assert(str_is(table->columns[0].name, "id"));
    ck_assert(table->columns[0].key);
    table_free(table);
}
END_TEST

START_TEST(labels_are_the_names_as_json)
{
    struct cdc_table *table = made(STR("main.\"t\""), 4, NULL, 0);
    static const char *const labels[] = {
        "\"tenant\":", "\"a \\\"quoted\\\"\\nname\":", "\"\":", "\"id\":"};
    for (size_t i = 0; i < CDC_COUNT(labels); i++) {
        ck_assert(str_is(table->labels[i], labels[i]));
        ck_assert(str_eq(table->columns[i].name, columns[i].name));
    }
    ck_assert(str_is(table->label, ",\"table\":\"main.\\\"t\\\"\""));
    ck_assert_uint_eq(table->id, 0);
    table_free(table);
}
END_TEST

START_TEST(without_an_order_the_key_is_the_columns_marked)
{
    struct cdc_table *table = made(STR("t"), 4, NULL, 0);
    ck_assert_uint_eq(table->key_count, 2);
    ck_assert_uint_eq(table->keys[0], 0);
    ck_assert_uint_eq(table->keys[1], 3);
    table_free(table);
}
END_TEST

START_TEST(an_order_of_the_key_is_kept)
{
    const uint16_t keys[] = {3, 0};
    struct cdc_table *table = made(STR("t"), 4, keys, 2);
    ck_assert_uint_eq(table->key_count, 2);
    ck_assert_uint_eq(table->keys[0], 3);
    ck_assert_uint_eq(table->keys[1], 0);
    table_free(table);
}
END_TEST

START_TEST(a_key_outside_the_table_is_refused)
{
    const uint16_t keys[] = {0, 4};
    struct cdc_table *table = NULL;
    ck_assert_int_eq(table_new(STR("t"), columns, 4, keys, 2, &table, &err), WF_PROTOCOL);
    ck_assert_ptr_null(table);
    ck_assert_ptr_nonnull(strstr(err.text, "'t'"));
}
END_TEST

START_TEST(a_table_may_be_empty)
{
    struct cdc_table *table = made(STR_EMPTY, 0, NULL, 0);
    ck_assert_uint_eq(table->name.len, 0);
    ck_assert_uint_eq(table->key_count, 0);
    ck_assert(str_is(table->label, ",\"table\":\"\""));
    table_free(table);
    table_free(NULL);
}
END_TEST

static wf_status many(size_t count, struct cdc_table **out)
{
    struct cdc_column *all = calloc(count, sizeof *all);
    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < count; i++)
        all[i] = (struct cdc_column){STR("column"), true};
    wf_status status = table_new(STR("t"), all, count, NULL, 0, out, &err);
    free(all);
    return status;
}

START_TEST(a_table_has_at_most_the_columns_allowed)
{
    struct cdc_table *table = NULL;
    ck_assert_int_eq(many(LIMIT_COLUMNS + 1, &table), WF_PROTOCOL);
    ck_assert_ptr_null(table);
    ck_assert_int_eq(many(LIMIT_COLUMNS, &table), WF_OK);
    ck_assert_uint_eq(table->key_count, LIMIT_COLUMNS);
    ck_assert_uint_eq(table->keys[LIMIT_COLUMNS - 1], LIMIT_COLUMNS - 1);
    table_free(table);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    for (long n = 0; n < OOM_MOST; n++) {
        struct cdc_table *table = NULL;
        oom_arm(n);
        wf_status status = table_new(STR("t"), columns, 4, NULL, 0, &table, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(table == NULL, hit);
        table_free(table);
        if (!hit)
            return;
    }
    ck_abort_msg("no end");
}
END_TEST

static const struct {
    const char *pattern;
    const char *name;
    bool matches;
} patterns[] = {
    {"public.orders", "public.orders", true},
    {"public.orders", "public.order", false},
    {"public.orders", "public.orders2", false},
    {"public.orders", "Public.orders", false},
    {"orders", "public.orders", true},
    {"orders", "public.my.orders", false},
    {"my.orders", "public.my.orders", false},
    {"orders", "orders", true},
    {"orders", "public.reorders", false},
    {"order?", "public.orders", true},
    {"order?", "public.order", false},
    {"*", "public.orders", true},
    {"*", "orders", true},
    {"public.*", "public.orders", true},
    {"public.*", "private.orders", false},
    {"*.orders", "public.orders", true},
    {"*.orders", "orders", false},
    {"*_log", "public.order_log", true},
    {"p*.o*s", "public.orders", true},
    {"p*.o*x", "public.orders", false},
    {"", "public.orders", false},
    {"", "public.", true},
    {"", "", true},
    {"**", "public.orders", true},
    {"public", "public.orders", false},
    {"[o]rders", "public.orders", false},
};

START_TEST(patterns_match_as_documented)
{
    ck_assert_msg(table_matches(str_from(patterns[_i].pattern),
                                str_from(patterns[_i].name)) == patterns[_i].matches,
                  "'%s' on '%s'", patterns[_i].pattern, patterns[_i].name);
}
END_TEST

START_TEST(a_pattern_of_many_stars_takes_no_time)
{
    char pattern[2000];
    char name[20000];
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = 'b';
    ck_assert(
        !table_matches((wf_str){pattern, sizeof pattern}, (wf_str){name, sizeof name}));
}
END_TEST

START_TEST(a_name_is_listed_by_any_pattern_and_by_none_at_all)
{
    const wf_str list[] = {STR("a.x"), STR("b.*")};
    ck_assert(table_is_listed(NULL, 0, STR("c.z")));
    ck_assert(table_is_listed(list, 2, STR("a.x")));
    ck_assert(table_is_listed(list, 2, STR("b.y")));
    ck_assert(!table_is_listed(list, 2, STR("c.z")));
    ck_assert(!table_is_listed(list, 1, STR("b.y")));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tcase = tcase_create("table");
    tcase_add_test(tcase, everything_is_copied);
    tcase_add_test(tcase, labels_are_the_names_as_json);
    tcase_add_test(tcase, without_an_order_the_key_is_the_columns_marked);
    tcase_add_test(tcase, an_order_of_the_key_is_kept);
    tcase_add_test(tcase, a_key_outside_the_table_is_refused);
    tcase_add_test(tcase, a_table_may_be_empty);
    tcase_add_test(tcase, a_table_has_at_most_the_columns_allowed);
    if (OOM_POSSIBLE)
        tcase_add_test(tcase, every_allocation_may_fail);
    tcase_add_loop_test(tcase, patterns_match_as_documented, 0, (int)CDC_COUNT(patterns));
    tcase_add_test(tcase, a_name_is_listed_by_any_pattern_and_by_none_at_all);
    tcase_add_test(tcase, a_pattern_of_many_stars_takes_no_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
