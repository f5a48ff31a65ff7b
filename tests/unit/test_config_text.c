/* SPDX-License-Identifier: MIT */
#include "plugin/core/config_text.h"

#include <cjson/cJSON.h>

#include "base/str.h"
#include "tests/support/run.h"

static wf_error err;

static const char *const good[] = {
    "{}",
    " {\"a\":1} ",
    "{\"a\":\"\\ud83d\\ude00\"}",
    "{\"a\":\"\\\\u0000\"}",
    "{\"a\":\"\\\\\\\\ud800\"}",
    "{\"a\":\"\\uD7FF\\uE000\\uFFFF\"}",
    "{\"a\\u0001\":[true,false,null,1e5]}",
};

START_TEST(an_object_is_parsed)
{
    cJSON *config = NULL;
    ck_assert_int_eq(config_text_parse(str_from(good[_i]), &config, &err), WF_OK);
    ck_assert(cJSON_IsObject(config));
    config_text_free(&config);
    ck_assert_ptr_null(config);
}
END_TEST

static const char *const bad[] = {
    "{\"a\":\"\\u0000\"}",        "{\"a\":\"x\\\\\\u0000\"}", "{\"\\u0000\":1}",
    "{\"a\":\"\\ud83d\"}",        "{\"a\":\"\\ud83dx\"}",     "{\"a\":\"\\ud83d\\n\"}",
    "{\"a\":\"\\ud83d\\ud83d\"}", "{\"a\":\"\\ude00\"}",      "{\"a\":\"\\ud83d\\u0041\"}",
};

START_TEST(a_string_that_c_text_cannot_hold_is_refused)
{
    cJSON *config = NULL;
    ck_assert_int_eq(config_text_parse(str_from(bad[_i]), &config, &err), WF_CONFIG);
    ck_assert_int_eq(config_text_check(str_from(bad[_i]), NULL), WF_CONFIG);
    ck_assert_ptr_null(config);
}
END_TEST

static const char whole[] = "{\"a\":\"\\ud83d\\ude00\",\"b\":[{\"c\":1.5}]}";

START_TEST(every_prefix_is_refused)
{
    ck_assert_int_eq(config_text_check((wf_str){whole, (size_t)_i}, &err), WF_CONFIG);
    ck_assert_uint_gt(strlen(err.text), 8);
}
END_TEST

START_TEST(an_empty_view_is_an_empty_object)
{
    cJSON *config = NULL;
    ck_assert_int_eq(config_text_parse(STR_EMPTY, &config, &err), WF_OK);
    ck_assert(cJSON_IsObject(config));
    ck_assert_int_eq(cJSON_GetArraySize(config), 0);
    config_text_free(&config);
    config_text_free(&config);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("config_text");
    TCase *tests = tcase_create("parse");
    tcase_add_loop_test(tests, an_object_is_parsed, 0, (int)CDC_COUNT(good));
    tcase_add_loop_test(tests, a_string_that_c_text_cannot_hold_is_refused, 0,
                        (int)CDC_COUNT(bad));
    tcase_add_loop_test(tests, every_prefix_is_refused, 1, (int)sizeof whole - 1);
    tcase_add_test(tests, an_empty_view_is_an_empty_object);
    suite_add_tcase(suite, tests);
    return suite;
}
