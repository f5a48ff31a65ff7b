/* SPDX-License-Identifier: MIT */
#include "providers/memory/memory_event.h"

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"

static struct memory_event event;
static wf_error err;

static void ck_view(wf_str view, const char *text)
{
    ck_assert_msg(str_is(view, text), "'%.*s' is not '%s'", STR_ARG(view), text);
}

static const struct {
    const char *text;
    const char *table;
    const char *key;
    enum cdc_op op;
} events[] = {
    {"{}", "", "", CDC_OP_NONE},
    {" {\"table\" : \"a.b\" , \"op\":\"INSERT\"} ", "a.b", "", CDC_INSERT},
    {"{\"op\":\"u\",\"table\":\"a\",\"key\":{\"id\":1}}", "a", "{\"id\":1}", CDC_UPDATE},
    {"{\"source\":\"s\",\"action\":\"delete\",\"key\":\"k\"}", "s", "\"k\"", CDC_DELETE},
    {"{\"table\":\"t\",\"source\":\"s\"}", "t", "", CDC_OP_NONE},
    {"{\"table\":\"\",\"source\":\"s\"}", "s", "", CDC_OP_NONE},
    {"{\"table\":7,\"source\":{\"table\":\"x\"}}", "", "", CDC_OP_NONE},
    {"{\"op\":\"c\",\"action\":\"DELETE\"}", "", "", CDC_INSERT},
    {"{\"op\":1,\"action\":\"DELETE\"}", "", "", CDC_DELETE},
    {"{\"op\":\"vacuum\",\"action\":\"DELETE\"}", "", "", CDC_OP_NONE},
    {"{\"key\":null}", "", "", CDC_OP_NONE},
    {"{\"table\":\"first\",\"table\":\"second\"}", "first", "", CDC_OP_NONE},
    {"{\"after\":{\"table\":\"inner\",\"op\":\"INSERT\"}}", "", "", CDC_OP_NONE},
    {"{\"\\u0074able\":\"t\",\"o\\u0070\":\"READ\"}", "t", "", CDC_READ},
    {"{\"tablx\":\"t\",\"sourcf\":\"s\",\"actiom\":\"READ\",\"kex\":1,\"oq\":\"r\"}", "",
     "", CDC_OP_NONE},
    {"{\"table\":\"a\\\"b\"}", "a\\\"b", "", CDC_OP_NONE},
};

START_TEST(what_filters_look_at_is_found)
{
    ck_assert_int_eq(memory_event_scan(str_from(events[_i].text), &event, &err), WF_OK);
    ck_view(event.table, events[_i].table);
    ck_view(event.key, events[_i].key);
    ck_assert_int_eq(event.op, events[_i].op);
}
END_TEST

static const char whole[] =
    "{\"table\":\"t\",\"op\":\"c\",\"after\":{\"a\":[1,-2.5e3,\"\xc3\xa9\","
    "true,null]},\"key\":{\"id\":1}}";

START_TEST(every_prefix_of_an_event_is_refused_and_leaves_the_output_alone)
{
    event.op = CDC_DDL;
    ck_assert_int_eq(memory_event_scan((wf_str){whole, (size_t)_i}, &event, &err),
                     WF_CONFIG);
    ck_assert_int_eq(event.op, CDC_DDL);
    ck_assert_int_eq(strncmp(err.text, "event: ", 7), 0);
}
END_TEST

START_TEST(an_event_that_is_too_large_is_refused_unread)
{
    wf_str huge = {whole, (size_t)LIMIT_EVENT_BYTES + 1};
    ck_assert_int_eq(memory_event_scan(huge, &event, &err), WF_CONFIG);
    ck_assert_str_eq(err.text,
                     "event: it has 1073741825 bytes, at most 1073741824 are possible");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("memory_event");
    TCase *tests = tcase_create("scan");
    tcase_add_loop_test(tests, what_filters_look_at_is_found, 0, (int)CDC_COUNT(events));
    tcase_add_loop_test(tests,
                        every_prefix_of_an_event_is_refused_and_leaves_the_output_alone, 0,
                        (int)sizeof whole - 1);
    tcase_add_test(tests, an_event_that_is_too_large_is_refused_unread);
    suite_add_tcase(suite, tests);
    return suite;
}
