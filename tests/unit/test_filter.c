/* SPDX-License-Identifier: MIT
 *
 * test_filter - which tables and operations pass, and how a filter is shown.
 */
#include <check.h>

#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/filter.h"
#include "tests/support/run.h"

#define BIT(op) (1u << CDC_##op)

static wf_str patterns[] = {{"public.orders", 13}, {"items", 5}, {"log.*", 5}};
static const struct cdc_filter everything = {.ops = FILTER_ALL_OPS};
static const struct cdc_filter some = {.tables = {patterns, CDC_COUNT(patterns)},
                                       .ops = BIT(INSERT) | BIT(DELETE)};

START_TEST(without_patterns_every_table_passes_and_events_without_one)
{
    ck_assert_uint_eq(filter_ops(&everything, STR("a.b")), FILTER_ALL_OPS);
    ck_assert_uint_eq(filter_ops(&everything, STR_EMPTY), FILTER_ALL_OPS);
    for (int op = 0; op <= CDC_OP_NONE; op++)
        ck_assert(filter_wants_event(&everything, STR("{}"), (enum cdc_op)op));
}
END_TEST

START_TEST(patterns_choose_tables)
{
    static const struct {
        const char *table;
        bool passes;
    } rows[] = {
        {"public.orders", true},
        {"other.orders", false},
        {"public.items", true},
        {"x.items", true},
        {"items", true},
        {"log.a", true},
        {"log.", true},
        {"log", false},
        {"public.orders2", false},
        {"", false},
    };
    for (size_t i = 0; i < CDC_COUNT(rows); i++)
        ck_assert_msg((filter_ops(&some, str_from(rows[i].table)) != 0) == rows[i].passes,
                      "%s", rows[i].table);
    ck_assert_uint_eq(filter_ops(&some, STR("log.a")), BIT(INSERT) | BIT(DELETE));
}
END_TEST

START_TEST(the_table_of_a_finished_event_is_read_from_it)
{
    static const struct {
        const char *event;
        const char *table;
    } rows[] = {
        {"{\"table\":\"a.b\",\"source\":\"c\"}", "a.b"},
        {"{\"source\":\"c\"}", "c"},
        {"{\"table\":7,\"source\":\"c\"}", "c"},
        {"{\"table\":null}", ""},
        {"{}", ""},
        {"{\"x\":{\"table\":\"no\"}}", ""},
        {"{\"table\":\"\"}", ""},
    };
    for (size_t i = 0; i < CDC_COUNT(rows); i++)
        ck_assert_msg(str_is(filter_event_table(str_from(rows[i].event)), rows[i].table),
                      "%s", rows[i].event);
    ck_assert(filter_wants_event(&some, STR("{\"table\":\"log.x\"}"), CDC_INSERT));
    ck_assert(!filter_wants_event(&some, STR("{\"table\":\"log.x\"}"), CDC_UPDATE));
    ck_assert(!filter_wants_event(&some, STR("{\"table\":\"x\"}"), CDC_INSERT));
}
END_TEST

START_TEST(a_filter_is_shown_as_it_was_configured)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    filter_text(&everything, &text);
    ck_assert_str_eq(buf_c(&text), "*");
    buf_clear(&text);
    filter_text(&some, &text);
    ck_assert_str_eq(buf_c(&text), "public.orders,items,log.* [INSERT,DELETE]");
    buf_clear(&text);
    filter_text(&(struct cdc_filter){.ops = BIT(READ)}, &text);
    ck_assert_str_eq(buf_c(&text), "* [READ]");
    buf_release(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("filter");
    TCase *tc = tcase_create("filter");
    tcase_add_test(tc, without_patterns_every_table_passes_and_events_without_one);
    tcase_add_test(tc, patterns_choose_tables);
    tcase_add_test(tc, the_table_of_a_finished_event_is_read_from_it);
    tcase_add_test(tc, a_filter_is_shown_as_it_was_configured);
    suite_add_tcase(suite, tc);
    return suite;
}
