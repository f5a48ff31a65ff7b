/* SPDX-License-Identifier: MIT
 *
 * Rows and what they make of a configuration.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "tests/support/made_up.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

static wf_error err;
static struct settings_memory memory;
static struct made_up_options got;

static void setup(void)
{
    memory = (struct settings_memory){0};
    got = (struct made_up_options){0};
}

static void teardown(void)
{
    settings_memory_release(&memory);
}

static wf_status filled(const char *json)
{
    cJSON *object = cJSON_Parse(json);
    ck_assert_msg(object != NULL, "%s", json);
    struct cdc_option_target target = {made_up_rows, &got};
    wf_status status = option_fill(object, "options.", false, &target, 1, &memory, &err);
    cJSON_Delete(object);
    return status;
}

static void has_list(const char *joined)
{
    char text[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < got.friends.count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "[%.*s]",
                                STR_ARG(got.friends.items[i]));
    ck_assert_str_eq(text, joined);
}

START_TEST(defaults_are_filled_in_as_a_user_would_write_them)
{
    struct cdc_option_target target = {made_up_rows, &got};
    cJSON *empty = cJSON_CreateObject();
    ck_assert_int_eq(
        option_fill(_i ? empty : NULL, "options.", false, &target, 1, &memory, &err),
        WF_OK);
    cJSON_Delete(empty);
    ck_assert(str_is(got.name, "nobody"));
    ck_assert_uint_eq(got.password.len, 0);
    ck_assert(got.wet);
    ck_assert_int_eq(got.legs, 4);
    ck_assert_int_eq(got.any, 0);
    ck_assert(got.ratio == 0.5);
    ck_assert_int_eq(got.pause_ms, 1000);
    ck_assert_int_eq(got.size, 4096);
    ck_assert_int_eq(got.colour, 1);
    has_list("[a][b]");
    ck_assert_uint_eq(got.headers.len, 0);
}
END_TEST

START_TEST(every_type_takes_its_own_kind_of_value)
{
    ck_assert_msg(
        !filled("{\"name\":\"n\",\"password\":\"p\",\"wet\":false,\"legs\":8,"
                "\"any\":-9007199254740992,\"ratio\":-0.25,\"pause\":\"1m\","
                "\"size\":\"1MiB\",\"colour\":\"blue\",\"friends\":[\"x\",\"y, z\"],"
                "\"headers\":{\"a\":[1,null]}}"),
        "%s", err.text);
    ck_assert(str_is(got.name, "n"));
    ck_assert(str_is(got.password, "p"));
    ck_assert(!got.wet);
    ck_assert_int_eq(got.legs, 8);
    ck_assert_int_eq(got.any, INT64_C(-9007199254740992));
    ck_assert(got.ratio == -0.25);
    ck_assert_int_eq(got.pause_ms, 60000);
    ck_assert_int_eq(got.size, 1048576);
    ck_assert_int_eq(got.colour, 2);
    has_list("[x][y, z]");
    ck_assert(str_is(got.headers, "{\"a\":[1,null]}"));
    ck_assert_int_eq(got.headers.ptr[got.headers.len], '\0');
}
END_TEST

/* Values of several options: what `legs`, `pause` ... become, or -1 for an error. */
static const struct {
    const char *json;
    int64_t legs;
    int64_t pause_ms;
    int64_t size;
    int wet;
} spellings[] = {
    {"{\"legs\":\"3\"}", 3, 1000, 4096, 1},
    {"{\"legs\":\" 3 \"}", 3, 1000, 4096, 1},
    {"{\"legs\":3.0}", 3, 1000, 4096, 1},
    {"{\"pause\":2}", 4, 2000, 4096, 1},
    {"{\"pause\":\"1500ms\"}", 4, 1500, 4096, 1},
    {"{\"pause\":\"0\"}", 4, 0, 4096, 1},
    {"{\"pause\":\"0.5s\"}", 4, 500, 4096, 1},
    {"{\"size\":1}", 4, 1000, 1, 1},
    {"{\"size\":\"1kb\"}", 4, 1000, 1000, 1},
    {"{\"size\":\"64 KiB\"}", 4, 1000, 65536, 1},
    {"{\"wet\":\"FALSE\"}", 4, 1000, 4096, 0},
    {"{\"wet\":\"0\"}", 4, 1000, 4096, 0},
    {"{\"wet\":\"1\"}", 4, 1000, 4096, 1},
    {"{\"legs\":null,\"pause\":null,\"size\":null,\"wet\":null}", 4, 1000, 4096, 1},
};

START_TEST(strings_may_hold_numbers_durations_sizes_and_booleans)
{
    ck_assert_msg(!filled(spellings[_i].json), "%s", err.text);
    ck_assert_int_eq(got.legs, spellings[_i].legs);
    ck_assert_int_eq(got.pause_ms, spellings[_i].pause_ms);
    ck_assert_int_eq(got.size, spellings[_i].size);
    ck_assert_int_eq(got.wet, spellings[_i].wet);
}
END_TEST

static const struct {
    const char *json;
    const char *list;
} lists[] = {
    {"{\"friends\":[]}", ""},
    {"{\"friends\":\"\"}", ""},
    {"{\"friends\":\" , ,\"}", ""},
    {"{\"friends\":\"x\"}", "[x]"},
    {"{\"friends\":\" x ,y y,\"}", "[x][y y]"},
    {"{\"friends\":[\" x \"]}", "[ x ]"},
};

START_TEST(a_list_is_a_list_or_one_string_with_commas)
{
    ck_assert_msg(!filled(lists[_i].json), "%s", err.text);
    has_list(lists[_i].list);
}
END_TEST

static const struct {
    const char *json;
    const char *text;
} wrongs[] = {
    {"{\"name\":1}", "'options.name' must be a string, not a number"},
    {"{\"name\":[]}", "'options.name' must be a string, not a list"},
    {"{\"password\":{\"a\":\"hunter2\"}}",
     "'options.password' must be a string, not a map"},
    {"{\"wet\":\"yes\"}", "'options.wet' must be true or false, not \"yes\""},
    {"{\"wet\":1}", "'options.wet' must be true or false, not a number"},
    {"{\"legs\":\"many\"}", "'options.legs' must be an integer, not \"many\""},
    {"{\"legs\":1.5}", "'options.legs' must be an integer, not a number"},
    {"{\"legs\":\"1.0\"}", "'options.legs' must be an integer, not \"1.0\""},
    {"{\"legs\":\"\"}", "'options.legs' must be an integer, not \"\""},
    {"{\"legs\":true}", "'options.legs' must be an integer, not a boolean"},
    {"{\"legs\":9}", "'options.legs' must be between 0 and 8, not 9"},
    {"{\"legs\":-1}", "'options.legs' must be between 0 and 8, not -1"},
    {"{\"any\":1e300}", "'options.any' must be an integer, not a number"},
    {"{\"any\":9007199254740994}", "'options.any' must be an integer, not a number"},
    {"{\"any\":\"9223372036854775808\"}",
     "'options.any' must be an integer, not \"9223372036854775808\""},
    {"{\"ratio\":2}", "'options.ratio' must be between -1 and 1, not 2"},
    {"{\"ratio\":\"nan\"}", "'options.ratio' must be a finite number, not \"nan\""},
    {"{\"ratio\":\"\"}", "'options.ratio' must be a finite number, not \"\""},
    {"{\"ratio\":[]}", "'options.ratio' must be a finite number, not a list"},
    {"{\"pause\":\"30\"}",
     "'options.pause' must be a duration such as 30s or 500ms, not \"30\""},
    {"{\"pause\":\"2m\"}", "'options.pause' must be between 0 and 60000 ms, not 120000"},
    {"{\"pause\":\"-1s\"}", "'options.pause' must be between 0 and 60000 ms, not -1000"},
    {"{\"pause\":9007199254740992}",
     "'options.pause' must be between 0 and 60000 ms, not 9007199254740992000"},
    {"{\"size\":\"2MiB\"}",
     "'options.size' must be between 1 and 1048576 bytes, not 2097152"},
    {"{\"size\":\"0\"}", "'options.size' must be between 1 and 1048576 bytes, not 0"},
    {"{\"size\":\"10000000TB\"}",
     "'options.size' must be a size such as 16MiB, not \"10000000TB\""},
    {"{\"size\":\"x\"}", "'options.size' must be a size such as 16MiB, not \"x\""},
    {"{\"colour\":\"Red\"}", "'options.colour' must be one of red|green|blue"},
    {"{\"colour\":\"\"}", "'options.colour' must be one of red|green|blue"},
    {"{\"colour\":\"red|green\"}", "'options.colour' must be one of red|green|blue"},
    {"{\"colour\":1}", "'options.colour' must be one of red|green|blue"},
    {"{\"friends\":[\"a\",\"\"]}",
     "'options.friends[1]' must be a string, not an empty one"},
    {"{\"friends\":[\"a\",7]}", "'options.friends[1]' must be a string, not a number"},
    {"{\"friends\":{}}",
     "'options.friends' must be a list of strings, or one string with commas, not a map"},
    {"{\"headers\":\"a=b\"}", "'options.headers' must be a map, not \"a=b\""},
    {"{\"headers\":[]}", "'options.headers' must be a map, not a list"},
    {"{\"legz\":1}", "'options.legz' is not an option; did you mean 'options.legs'"},
    {"{\"color\":\"red\"}",
     "'options.color' is not an option; did you mean 'options.colour'"},
    {"{\"NAME\":\"n\"}", "'options.NAME' is not an option"},
    {"{\"something_else\":1}", "'options.something_else' is not an option"},
};

START_TEST(what_is_wrong_is_named)
{
    ck_assert_int_eq(filled(wrongs[_i].json), WF_CONFIG);
    ck_assert_str_eq(err.text, wrongs[_i].text);
}
END_TEST

START_TEST(an_infinite_number_is_refused)
{
    static const struct cdc_option rows[] = {
        {.key = "free", .type = CDC_OPTION_NUMBER, .offset = MADE_UP(ratio)},
        {.key = NULL},
    };
    struct cdc_option_target target = {rows, &got};
    cJSON *object = cJSON_Parse(_i ? "{\"free\":-1e999}" : "{\"free\":1e999}");
    ck_assert_ptr_nonnull(object);
    ck_assert_int_eq(option_fill(object, "", false, &target, 1, &memory, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "'free' must be a finite number, not a number");
    cJSON_Delete(object);
}
END_TEST

START_TEST(a_wrong_secret_is_not_shown)
{
    static const struct cdc_option rows[] = {
        {.key = "pin", .type = CDC_OPTION_INT, .offset = MADE_UP(any), .secret = true},
        {.key = NULL},
    };
    struct cdc_option_target target = {rows, &got};
    cJSON *object = cJSON_Parse("{\"pin\":\"hunter2\"}");
    ck_assert_int_eq(option_fill(object, "", false, &target, 1, &memory, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "'pin' must be an integer, not a string");
    cJSON_Delete(object);
}
END_TEST

START_TEST(a_required_option_is_asked_for)
{
    static const struct cdc_option rows[] = {
        {.key = "url", .type = CDC_OPTION_STRING, .required = true, .help = "Where it is"},
        {.key = NULL},
    };
    wf_str url;
    struct cdc_option_target target = {rows, &url};
    ck_assert_int_eq(option_fill(NULL, "config.", false, &target, 1, &memory, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text, "'config.url' is required: Where it is");
    cJSON *object = cJSON_Parse("{\"url\":null}");
    ck_assert_int_eq(option_fill(object, "", false, &target, 1, &memory, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "'url' must be a string, not null");
    cJSON_Delete(object);
    object = cJSON_Parse("{\"url\":\"\"}");
    ck_assert_int_eq(option_fill(object, "", false, &target, 1, &memory, &err), WF_OK);
    cJSON_Delete(object);
}
END_TEST

START_TEST(an_open_object_may_hold_more)
{
    struct cdc_option_target target = {made_up_rows, &got};
    cJSON *object = cJSON_Parse("{\"other\":1,\"legs\":2,\"Legs\":3}");
    ck_assert_int_eq(option_fill(object, "", true, &target, 1, &memory, &err), WF_OK);
    ck_assert_int_eq(got.legs, 2);
    cJSON_Delete(object);
}
END_TEST

START_TEST(what_was_filled_in_outlives_the_json)
{
    ck_assert_int_eq(filled("{\"name\":\"kept\",\"friends\":[\"kept too\"]}"), WF_OK);
    ck_assert(str_is(got.name, "kept"));
    has_list("[kept too]");
}
END_TEST

START_TEST(each_type_has_its_word)
{
    static const char *const words[] = {
        [CDC_OPTION_STRING] = "string",     [CDC_OPTION_BOOL] = "bool",
        [CDC_OPTION_INT] = "int",           [CDC_OPTION_NUMBER] = "number",
        [CDC_OPTION_DURATION] = "duration", [CDC_OPTION_BYTES] = "bytes",
        [CDC_OPTION_CHOICE] = "choice",     [CDC_OPTION_LIST] = "list",
        [CDC_OPTION_MAP] = "map",           [CDC_OPTION_STRING_OR_MAP] = "any",
    };
    ck_assert_str_eq(option_type_text((enum cdc_option_type)_i), words[_i]);
}
END_TEST

START_TEST(a_string_or_a_map_is_either)
{
    static const struct cdc_option rows[] = {
        {.key = "what", .type = CDC_OPTION_STRING_OR_MAP}, {.key = NULL}};
    static const struct {
        const char *json, *text;
        wf_status status;
    } cases[] = {
        {"{\"what\":\"a string\"}", "a string", WF_OK},
        {"{\"what\":{\"a\":1}}", "{\"a\":1}", WF_OK},
        {"{}", "", WF_OK},
        {"{\"what\":[1]}", "", WF_CONFIG},
        {"{\"what\":7}", "", WF_CONFIG},
    };
    wf_str text = STR_EMPTY;
    cJSON *object = cJSON_Parse(cases[_i].json);
    struct cdc_option_target target = {rows, &text};
    ck_assert_int_eq(option_fill(object, "", false, &target, 1, &memory, &err),
                     cases[_i].status);
    ck_assert(str_is(text, cases[_i].text));
    if (cases[_i].status)
        ck_assert_ptr_nonnull(strstr(err.text, "must be a string or a map"));
    cJSON_Delete(object);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    cJSON *object =
        cJSON_Parse("{\"name\":\"n\",\"friends\":[\"a\",\"b\"],\"headers\":{\"a\":1}}");
    struct cdc_option_target target = {made_up_rows, &got};
    for (long n = 0; n < OOM_MOST; n++) {
        oom_arm(n);
        wf_status status = option_fill(object, "", false, &target, 1, &memory, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        settings_memory_release(&memory);
        if (!hit) {
            cJSON_Delete(object);
            return;
        }
    }
    ck_abort_msg("no end");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("option");
    TCase *tcase = tcase_create("option");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, defaults_are_filled_in_as_a_user_would_write_them, 0, 2);
    tcase_add_test(tcase, every_type_takes_its_own_kind_of_value);
    tcase_add_loop_test(tcase, strings_may_hold_numbers_durations_sizes_and_booleans, 0,
                        (int)CDC_COUNT(spellings));
    tcase_add_loop_test(tcase, a_list_is_a_list_or_one_string_with_commas, 0,
                        (int)CDC_COUNT(lists));
    tcase_add_loop_test(tcase, what_is_wrong_is_named, 0, (int)CDC_COUNT(wrongs));
    tcase_add_loop_test(tcase, an_infinite_number_is_refused, 0, 2);
    tcase_add_test(tcase, a_wrong_secret_is_not_shown);
    tcase_add_test(tcase, a_required_option_is_asked_for);
    tcase_add_test(tcase, an_open_object_may_hold_more);
    tcase_add_test(tcase, what_was_filled_in_outlives_the_json);
    tcase_add_loop_test(tcase, each_type_has_its_word, 0, CDC_OPTION_STRING_OR_MAP + 1);
    tcase_add_loop_test(tcase, a_string_or_a_map_is_either, 0, 5);
    if (OOM_POSSIBLE)
        tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
