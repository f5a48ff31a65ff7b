/* SPDX-License-Identifier: MIT
 *
 * Tests of base/json: the reader and the slicer.  The writer has test_json_write.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "tests/support/run.h"

#define LIMIT 65536

static const char *const good[] = {
    "0",
    "-0",
    "12",
    "-1.5",
    "1e5",
    "1E+05",
    "1.25e-300",
    "123456789012345678901234567890",
    "true",
    "false",
    "null",
    "\"\"",
    "\"text\"",
    " \t\r\n[] \n",
    "{}",
    "[1]",
    "[[],{}]",
    "{\"a\":1}",
    "{ \"a\" : [ 1 , 2 ] , \"b\" : { } }",
    "{\"a\":1,\"a\":2}",
    "{\"\":0}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"",
    "\"\\uD83D\"",
    "\"\\u0000\"",
    "\"\x7f\"",
    "\"gr\xC3\xBC\xC3\x9F\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xEF\xBF\xBF\"",
    "[1,\"a\",null,true,false,{\"k\":[]}]",
    "\"0123456789abcdef0123456789abcdef\"",
};

START_TEST(json_is_accepted)
{
    wf_error err;
    ck_assert_msg(json_check(str_from(good[_i]), "text", &err) == WF_OK, "%s", good[_i]);
}
END_TEST

/* A value that is cut anywhere is none, but for numbers and surrounding space. */
START_TEST(json_cut_anywhere_is_refused_or_a_shorter_number)
{
    wf_str text = str_trim(str_from(good[_i]));
    for (size_t len = 0; len < text.len; len++) {
        char *copy = str_dup(str_slice(text, 0, len)); /* so that ASan sees the end */
        struct json_reader r = json_reader_of((wf_str){copy, len});
        enum json_token t;
        bool number = false;
        while ((t = json_read(&r)) > JSON_BAD)
            number = t == JSON_NUMBER;
        ck_assert_msg(t == JSON_BAD || number, "%s", copy);
        ck_assert_int_eq(json_read(&r), t);
        free(copy);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} bad[] = {
    {"", "the text ends too early at byte 0"},
    {"  ", "the text ends too early at byte 2"},
    {"01", "a number begins with a zero at byte 0"},
    {"-01", "a number begins with a zero at byte 1"},
    {"-", "a number has no digits at byte 1"},
    {"-a", "a number has no digits at byte 1"},
    {"1.", "a number has no digits after its point at byte 2"},
    {"1.e5", "a number has no digits after its point at byte 2"},
    {"1e", "a number has no digits in its exponent at byte 2"},
    {"1e+", "a number has no digits in its exponent at byte 3"},
    {".5", "this is no value at byte 0"},
    {"+1", "this is no value at byte 0"},
    {"0x10", "more text follows the value at byte 1"},
    {"1 2", "more text follows the value at byte 2"},
    {"1}", "more text follows the value at byte 1"},
    {"[]]", "more text follows the value at byte 2"},
    {"NaN", "this is no value at byte 0"},
    {"nan", "this is no value at byte 0"},
    {"Infinity", "this is no value at byte 0"},
    {"-Infinity", "a number has no digits at byte 1"},
    {"True", "this is no value at byte 0"},
    {"nul", "this is no value at byte 0"},
    {"nullx", "more text follows the value at byte 4"},
    {"'a'", "this is no value at byte 0"},
    {"[", "the text ends too early at byte 1"},
    {"[1", "the text ends too early at byte 2"},
    {"[1,", "the text ends too early at byte 3"},
    {"[1,]", "this is no value at byte 3"},
    {"[,1]", "this is no value at byte 1"},
    {"[1 2]", "a ',' or ']' is missing at byte 3"},
    {"[1}", "a ',' or ']' is missing at byte 2"},
    {"[1:2]", "a ',' or ']' is missing at byte 2"},
    {"{", "the text ends too early at byte 1"},
    {"{]", "a key in quotes is missing at byte 1"},
    {"{a:1}", "a key in quotes is missing at byte 1"},
    {"{1:1}", "a key in quotes is missing at byte 1"},
    {"{,}", "a key in quotes is missing at byte 1"},
    {"{\"a\"}", "a ':' is missing at byte 4"},
    {"{\"a\" 1}", "a ':' is missing at byte 5"},
    {"{\"a\"", "the text ends too early at byte 4"},
    {"{\"a\":", "the text ends too early at byte 5"},
    {"{\"a\":}", "this is no value at byte 5"},
    {"{\"a\":1", "the text ends too early at byte 6"},
    {"{\"a\":1,}", "a key in quotes is missing at byte 7"},
    {"{\"a\":1]", "a ',' or '}' is missing at byte 6"},
    {"{\"a\":1 \"b\":2}", "a ',' or '}' is missing at byte 7"},
    {"{\"a\"::1}", "this is no value at byte 5"},
    {"[1]/**/", "more text follows the value at byte 3"},
    {"\"", "a string is not closed at byte 1"},
    {"\"abc", "a string is not closed at byte 4"},
    {"\"\\\"", "a string is not closed at byte 3"},
    {"\"\\", "an escape is wrong at byte 1"},
    {"\"\\a\"", "an escape is wrong at byte 1"},
    {"\"\\x41\"", "an escape is wrong at byte 1"},
    {"\"\\'\"", "an escape is wrong at byte 1"},
    {"\"\\u12\"", "an escape is wrong at byte 1"},
    {"\"\\u12G4\"", "an escape is wrong at byte 1"},
    {"\"a\nb\"", "a control character stands in a string at byte 2"},
    {"\"a\tb\"", "a control character stands in a string at byte 2"},
    {"\"\x1f\"", "a control character stands in a string at byte 1"},
    {"\"\x80\"", "a string is not UTF-8 at byte 1"},
    {"\"\xC0\x80\"", "a string is not UTF-8 at byte 1"},
    {"\"\xED\xA0\x80\"", "a string is not UTF-8 at byte 1"},
    {"\"\xF4\x90\x80\x80\"", "a string is not UTF-8 at byte 1"},
    {"\"\xC3\xA4\xE2\x82\"", "a string is not UTF-8 at byte 3"},
    {"\xEF\xBB\xBF[]", "this is no value at byte 0"},
    {"[1,\x0b"
     "2]",
     "this is no value at byte 3"},
    {"\xC2\xA0"
     "1",
     "this is no value at byte 0"},
};

START_TEST(what_is_not_json_is_refused_with_its_place)
{
    wf_error err;
    char expected[128];
    snprintf(expected, sizeof expected, "event: %s", bad[_i].why);
    ck_assert_msg(json_check(str_from(bad[_i].text), "event", &err) == WF_CONFIG, "%s",
                  bad[_i].text);
    ck_assert_str_eq(err.text, expected);
}
END_TEST

START_TEST(a_nul_byte_is_no_space_and_no_end)
{
    ck_assert_int_eq(json_check((wf_str){"1\0", 2}, "text", NULL), WF_CONFIG);
    ck_assert_int_eq(json_check((wf_str){"\"a\0b\"", 5}, "text", NULL), WF_CONFIG);
    ck_assert_int_eq(json_check(STR_EMPTY, "text", NULL), WF_CONFIG);
}
END_TEST

/* Each byte value at each offset of a string, past several words. */
START_TEST(every_byte_at_every_offset_is_judged_right)
{
    char text[52];
    memset(text, 'x', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    for (size_t at = 1; at < sizeof text - 1; at++) {
        text[at] = (char)_i;
        bool fine = _i >= 0x20 && _i < 0x80 && _i != '"' && _i != '\\';
        wf_status status = json_check((wf_str){text, sizeof text}, "text", NULL);
        ck_assert_int_eq(status, fine ? WF_OK : WF_CONFIG);
        text[at] = 'x';
    }
}
END_TEST

START_TEST(nesting_is_accepted_to_the_limit_and_not_beyond)
{
    size_t depth = LIMIT_JSON_DEPTH + (size_t)_i;
    struct buf b;
    buf_init(&b, LIMIT);
    for (size_t i = 0; i < depth; i++)
        buf_cstr(&b, i % 2 ? "{\"k\":" : "[");
    buf_lit(&b, "1");
    for (size_t i = depth; i > 0; i--)
        buf_byte(&b, (i - 1) % 2 ? '}' : ']');
    wf_error err;
    wf_status status = json_check(buf_view(&b), "text", &err);
    ck_assert_int_eq(status, _i <= 0 ? WF_OK : WF_CONFIG);
    if (_i > 0)
        ck_assert(str_starts(str_from(err.text), STR("text: it is nested too deeply")));
    buf_release(&b);
}
END_TEST

START_TEST(the_tokens_come_in_order)
{
    static const struct {
        enum json_token token;
        const char *text;
        bool escaped;
    } tokens[] = {
        {JSON_OBJECT, "{", false},     {JSON_KEY, "a", false},
        {JSON_ARRAY, "[", false},      {JSON_NUMBER, "-1.5e3", false},
        {JSON_STRING, "x\\n", true},   {JSON_TRUE, "true", false},
        {JSON_ARRAY_END, "]", false},  {JSON_KEY, "b\\u0020", true},
        {JSON_OBJECT, "{", false},     {JSON_OBJECT_END, "}", false},
        {JSON_KEY, "c", false},        {JSON_NULL, "null", false},
        {JSON_KEY, "", false},         {JSON_FALSE, "false", false},
        {JSON_OBJECT_END, "}", false},
    };
    struct json_reader r = json_reader_of(
        STR("{\"a\":[-1.5e3,\"x\\n\", true ],\"b\\u0020\" : {},\"c\":null,\"\":false}"));
    for (size_t i = 0; i < CDC_COUNT(tokens); i++) {
        enum json_token t = json_read(&r);
        ck_assert_int_eq(t, tokens[i].token);
        ck_assert(str_is(r.text, tokens[i].text));
        if (t == JSON_KEY || t == JSON_STRING)
            ck_assert_int_eq(r.escaped, tokens[i].escaped);
    }
    ck_assert_uint_eq(r.depth, 0);
    ck_assert_int_eq(json_read(&r), JSON_END);
    ck_assert_int_eq(json_read(&r), JSON_END);
}
END_TEST

static const struct {
    const char *value;
    enum json_token kind;
} values[] = {
    {"1", JSON_NUMBER},
    {"\"a\\\"]}\"", JSON_STRING},
    {"null", JSON_NULL},
    {"true", JSON_TRUE},
    {"[[1],{\"x\":[\"}\"]}]", JSON_ARRAY},
    {"false", JSON_FALSE},
    {"{}", JSON_OBJECT},
    {"[]", JSON_ARRAY},
    {"-2.5e-3", JSON_NUMBER},
    {"\"\"", JSON_STRING},
    {"{\"a\":{\"a\":{}}}", JSON_OBJECT},
};

START_TEST(a_value_is_skipped_whole)
{
    char text[128];
    wf_str out = STR_EMPTY;
    snprintf(text, sizeof text, "{\"k\" : %s ,\"l\":2}", values[_i].value);
    struct json_reader r = json_reader_of(str_from(text));
    ck_assert_int_eq(json_read(&r), JSON_OBJECT);
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert_int_eq(json_skip(&r, &out), values[_i].kind);
    ck_assert(str_is(out, values[_i].value));
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert(str_is(r.text, "l"));
    ck_assert_int_eq(json_skip(&r, NULL), JSON_NUMBER);
    ck_assert_int_eq(json_read(&r), JSON_OBJECT_END);
    ck_assert_int_eq(json_read(&r), JSON_END);

    r = json_reader_of(str_from(values[_i].value));
    ck_assert_int_eq(json_skip(&r, &out), values[_i].kind);
    ck_assert(str_is(out, values[_i].value));
    ck_assert_int_eq(json_read(&r), JSON_END);
    ck_assert_int_eq(json_kind(str_from(values[_i].value)), values[_i].kind);
}
END_TEST

START_TEST(an_open_array_is_skipped_and_a_bad_one_is_refused)
{
    wf_str out = STR("untouched");
    struct json_reader r = json_reader_of(STR("[0,[1,[2]],3]"));
    json_read(&r);
    json_read(&r);
    ck_assert_int_eq(json_skip(&r, &out), JSON_BAD); /* behind a value there is nothing */
    ck_assert(str_is(out, "untouched"));
    r = json_reader_of(STR("[0,[1,[2]],3]"));
    json_read(&r);
    json_read(&r);
    ck_assert_int_eq(json_read(&r), JSON_ARRAY);
    ck_assert_int_eq(json_skip(&r, &out), JSON_ARRAY);
    ck_assert(str_is(out, "[1,[2]]"));
    ck_assert_int_eq(json_read(&r), JSON_NUMBER);
    r = json_reader_of(STR("[1,[2,}"));
    json_read(&r);
    ck_assert_int_eq(json_skip(&r, &out), JSON_BAD);
    ck_assert(str_is(out, "[1,[2]]"));
    wf_error err;
    ck_assert_int_eq(json_error(&r, "row", &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "row: this is no value at byte 6");
}
END_TEST

START_TEST(a_value_that_is_known_is_passed_by)
{
    wf_str known = STR("{\"a\":[1]}");
    struct json_reader r = json_reader_of(STR("{\"k\": {\"a\":[1]} ,\"l\":{\"a\":[2]}}"));
    ck_assert(!json_pass(&r, known)); /* there is no key before it */
    json_read(&r);
    ck_assert(!json_pass(&r, known));
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert(!json_pass(&r, STR("")));
    ck_assert(json_pass(&r, known));
    ck_assert(!json_pass(&r, known));
    ck_assert_int_eq(json_read(&r), JSON_KEY);
    ck_assert(str_is(r.text, "l"));
    ck_assert(!json_pass(&r, known));
    ck_assert_int_eq(json_read(&r), JSON_OBJECT); /* another is read as ever */
    ck_assert_int_eq(json_skip(&r, NULL), JSON_OBJECT);
    ck_assert_int_eq(json_read(&r), JSON_OBJECT_END);
    ck_assert_int_eq(json_read(&r), JSON_END);
    r = json_reader_of(STR("{\"k\":{\"a\":[1]"));
    json_read(&r);
    json_read(&r);
    ck_assert(!json_pass(&r, known)); /* cut */
}
END_TEST

START_TEST(members_are_found_by_name)
{
    wf_str text = STR(" {\"a\" : 1, \"b\\\"c\":\"x,}\" ,\"n\\u00e4\":[1,{\"a\":2}],\"a\":3,"
                      "\"\":null,\"\\ud83d\\ude00\":{\"z\":true}} ");
    wf_str value = STR_EMPTY;
    ck_assert_int_eq(json_check(text, "text", NULL), WF_OK);
    ck_assert(json_member(text, "a", &value) && str_is(value, "1"));
    ck_assert(json_member(text, "b\"c", &value) && str_is(value, "\"x,}\""));
    ck_assert(json_member(text, "n\xC3\xA4", &value) && str_is(value, "[1,{\"a\":2}]"));
    ck_assert(json_member(text, "", &value) && str_is(value, "null"));
    ck_assert(json_member(text, "\xF0\x9F\x98\x80", &value));
    ck_assert(str_is(value, "{\"z\":true}"));
    ck_assert(json_member(value, "z", &value) && str_is(value, "true"));
    ck_assert(!json_member(text, "z", &value));
    ck_assert(!json_member(text, "b", &value));
    ck_assert(!json_member(STR("[\"a\",1]"), "a", &value));
    ck_assert(!json_member(STR("1"), "a", &value));
    ck_assert(!json_member(STR_EMPTY, "a", &value));
    ck_assert(str_is(value, "true"));
}
END_TEST

START_TEST(elements_come_in_order_without_keys)
{
    static const char *const elements[] = {"1", "\"]\"", "[2,[3]]", "{\"k\":4}", "null"};
    struct json_iter it = json_iter_of(STR("[ 1,\"]\" ,[2,[3]], {\"k\":4},null ]"));
    wf_str key;
    wf_str value;
    for (size_t i = 0; i < CDC_COUNT(elements); i++) {
        ck_assert(json_next(&it, &key, &value));
        ck_assert_uint_eq(key.len, 0);
        ck_assert(str_is(value, elements[i]));
    }
    ck_assert(!json_next(&it, &key, &value));
    ck_assert(!json_next(&it, &key, &value));
    it = json_iter_of(STR("{}"));
    ck_assert(!json_next(&it, NULL, &value));
    it = json_iter_of(STR_EMPTY);
    ck_assert(!json_next(&it, NULL, &value));
}
END_TEST

/* Text that nobody checked: no step may leave the view.  ASan watches the copy's end. */
START_TEST(slicing_unchecked_text_stays_inside_it)
{
    wf_str whole = STR("{\"a\\u00e4\\\"\":[1,\"\\\\\",{\"b\":null}],"
                       "\"c\":\"\\ud83d\\ude00\"}");
    for (size_t len = 0; len <= whole.len; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, whole.ptr, len);
        wf_str text = {copy, len};
        struct json_iter it = json_iter_of(text);
        struct buf b;
        wf_str key;
        wf_str value;
        buf_init(&b, LIMIT);
        size_t rounds = 0;
        for (; json_next(&it, &key, &value) && rounds <= len; rounds++) {
            ck_assert(value.ptr >= copy);
            ck_assert(value.ptr + value.len <= copy + len);
            ck_assert(key.ptr + key.len <= copy + len);
            json_unescape(&b, key);
            json_unescape(&b, value);
            json_plain_string(value, &value);
        }
        ck_assert_uint_le(rounds, len);
        json_key_is(text, "a\xC3\xA4");
        json_member(text, "c", &value);
        ck_assert_int_eq(b.broken, WF_OK);
        buf_release(&b);
        free(copy);
    }
}
END_TEST

static const struct {
    const char *escaped;
    const char *plain;
} escapes[] = {
    {"", ""},
    {"plain", "plain"},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    {"\\u0041\\u00e4\\u20AC", "A\xC3\xA4\xE2\x82\xAC"},
    {"a\\uD83D\\uDE00b", "a\xF0\x9F\x98\x80"
                         "b"},
    {"\\uD83D", "\xEF\xBF\xBD"},
    {"\\uDE00x", "\xEF\xBF\xBDx"},
    {"\\uD83D\\uD83D\\uDE00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
    {"\\uD83D\\u0041", "\xEF\xBF\xBD"
                       "A"},
    {"\\uD83D\\n", "\xEF\xBF\xBD\n"},
    {"\\u0001", "\x01"},
};

START_TEST(escapes_stand_for_what_rfc_8259_says)
{
    struct buf b;
    wf_str escaped = str_from(escapes[_i].escaped);
    buf_init(&b, LIMIT);
    json_unescape(&b, escaped);
    ck_assert_str_eq(buf_c(&b), escapes[_i].plain);
    ck_assert(json_key_is(escaped, escapes[_i].plain));
    ck_assert(!json_key_is(escaped, "other"));
    ck_assert(!json_key_is(str_slice(escaped, 0, 0), "x"));
    buf_lit(&b, "x");
    ck_assert(!json_key_is(escaped, buf_c(&b)));
    buf_release(&b);
}
END_TEST

START_TEST(only_a_string_without_escapes_is_plain)
{
    wf_str out = STR_EMPTY;
    ck_assert(json_plain_string(STR("\"abc\""), &out) && str_is(out, "abc"));
    ck_assert(json_plain_string(STR("\"\""), &out) && str_is(out, ""));
    out = STR("untouched");
    ck_assert(!json_plain_string(STR("\"a\\n\""), &out));
    ck_assert(!json_plain_string(STR("12"), &out));
    ck_assert(!json_plain_string(STR("\""), &out));
    ck_assert(!json_plain_string(STR_EMPTY, &out));
    ck_assert(str_is(out, "untouched"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("reading");
    tcase_add_loop_test(tcase, json_is_accepted, 0, CDC_COUNT(good));
    tcase_add_loop_test(tcase, json_cut_anywhere_is_refused_or_a_shorter_number, 0,
                        CDC_COUNT(good));
    tcase_add_loop_test(tcase, what_is_not_json_is_refused_with_its_place, 0,
                        CDC_COUNT(bad));
    tcase_add_test(tcase, a_nul_byte_is_no_space_and_no_end);
    tcase_add_loop_test(tcase, every_byte_at_every_offset_is_judged_right, 0, 256);
    tcase_add_loop_test(tcase, nesting_is_accepted_to_the_limit_and_not_beyond, -2, 4);
    tcase_add_test(tcase, the_tokens_come_in_order);
    tcase_add_loop_test(tcase, a_value_is_skipped_whole, 0, CDC_COUNT(values));
    tcase_add_test(tcase, an_open_array_is_skipped_and_a_bad_one_is_refused);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("slicing");
    tcase_add_test(tcase, a_value_that_is_known_is_passed_by);
    tcase_add_test(tcase, members_are_found_by_name);
    tcase_add_test(tcase, elements_come_in_order_without_keys);
    tcase_add_test(tcase, slicing_unchecked_text_stays_inside_it);
    tcase_add_loop_test(tcase, escapes_stand_for_what_rfc_8259_says, 0, CDC_COUNT(escapes));
    tcase_add_test(tcase, only_a_string_without_escapes_is_plain);
    suite_add_tcase(suite, tcase);
    return suite;
}
