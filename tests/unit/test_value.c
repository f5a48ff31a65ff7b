/* SPDX-License-Identifier: MIT
 *
 * Tests of host/lang/value: parsing, printing, maps, paths, equality.
 */
#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "host/lang/value.h"
#include "tests/support/run.h"

#define TEST_LIMIT (16u * 1024u * 1024u)

static struct arena arena;
static struct buf out;

static void set_up(void)
{
    arena_init(&arena, TEST_LIMIT);
    buf_init(&out, TEST_LIMIT);
}

static void tear_down(void)
{
    buf_release(&out);
    arena_release(&arena);
}

static const struct value *parsed(const char *json)
{
    const struct value *v = NULL;
    wf_error err = {0};
    ck_assert_msg(value_parse(&arena, str_from(json), "text", &v, &err) == WF_OK, "%s: %s",
                  json, err.text);
    return v;
}

static const char *json_of(const struct value *v)
{
    buf_clear(&out);
    value_json(&out, v);
    return buf_c(&out);
}

static const char *printed(const struct value *v)
{
    buf_clear(&out);
    value_print(&out, v);
    return buf_c(&out);
}

/* JSON, the same as JSON again (NULL: unchanged), and as the engine prints it. */
static const struct {
    const char *json;
    const char *again;
    const char *printed;
} texts[] = {
    {"null", NULL, ""},
    {"true", NULL, "true"},
    {"0", NULL, "0"},
    {"-0", "0", "0"},
    {"9223372036854775807", NULL, "9223372036854775807"},
    {"-9223372036854775808", NULL, "-9223372036854775808"},
    {"9223372036854775808", NULL, "9223372036854775808"},
    {"123456789012345678901234567890", NULL, "123456789012345678901234567890"},
    {"1.10", NULL, "1.10"},
    {"1E+2", NULL, "1E+2"},
    {"1e999", NULL, "1e999"},
    {"\"\"", NULL, ""},
    {"\"a\\\"b\\n\\u00e4\"", "\"a\\\"b\\nä\"", "a\"b\nä"},
    {"[]", NULL, "[]"},
    {"[1,\"a\",null,[true],{}]", NULL, "[1 a <nil> [true] map[]]"},
    {"{}", NULL, "map[]"},
    {"{\"b\":1,\"a\":{\"z\":null,\"aa\":2,\"a\":[]}}", NULL,
     "map[a:map[a:[] aa:2 z:<nil>] b:1]"},
    {" { \"a\\u0062\" : [ 1 , 2 ] } ", "{\"ab\":[1,2]}", "map[ab:[1 2]]"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}", "map[a:3 b:2]"},
};

START_TEST(json_reads_and_prints_back)
{
    const struct value *v = parsed(texts[_i].json);
    ck_assert_str_eq(json_of(v), texts[_i].again ? texts[_i].again : texts[_i].json);
    ck_assert_str_eq(printed(v), texts[_i].printed);
    ck_assert(value_equal(v, v) ||
              str_is(v->kind == VALUE_NUMBER ? v->text : STR_EMPTY, "NaN"));
}
END_TEST

START_TEST(json_cut_anywhere_is_refused_with_its_name)
{
    static const char whole[] =
        "{\"a\":[1,2.5,{\"b\":\"c\\n\"}],\"d\":null,\"e\":{\"f\":[true,false]}}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *cut = malloc(len ? len : 1); /* so that ASan sees the end */
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, whole, len);
        const struct value *v = &value_true;
        wf_error err = {0};
        ck_assert_int_eq(value_parse(&arena, (wf_str){cut, len}, "event", &v, &err),
                         WF_CONFIG);
        ck_assert_int_eq(strncmp(err.text, "event: ", 7), 0);
        ck_assert_ptr_eq(v, &value_true);
        free(cut);
    }
}
END_TEST

START_TEST(text_behind_the_value_is_refused)
{
    const struct value *v;
    ck_assert_int_eq(value_parse(&arena, STR("{} {}"), "x", &v, NULL), WF_CONFIG);
    ck_assert_int_eq(value_parse(&arena, STR("1 2"), "x", &v, NULL), WF_CONFIG);
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    char deep[4000];
    const struct value *v;
    memset(deep, '[', sizeof deep);
    ck_assert_int_eq(value_parse(&arena, (wf_str){deep, sizeof deep}, "x", &v, NULL),
                     WF_CONFIG);
}
END_TEST

/* Every size of arena up to one that is enough: out of memory is told as such. */
START_TEST(parsing_without_memory_is_an_error)
{
    static const char json[] =
        "{\"a\":[1,2.5,\"x\\n\"],\"b\":{\"c\":null,\"d\":\"\\u00e4\"}}";
    bool enough = false;
    for (size_t limit = 0; !enough; limit += 16) {
        struct arena small;
        const struct value *v = NULL;
        wf_error err = {0};
        ck_assert_uint_lt(limit, 4096);
        arena_init(&small, limit);
        wf_status status = value_parse(&small, STR(json), "x", &v, &err);
        enough = status == WF_OK;
        if (!enough)
            ck_assert_int_eq(status, WF_NO_MEMORY);
        arena_release(&small);
    }
}
END_TEST

/* Sizes on both sides of where the index begins. */
START_TEST(a_map_finds_every_key_and_keeps_the_order)
{
    static const size_t counts[] = {0, 1, 5, 15, 16, 17, 18, 32, 33, 100, 5000};
    size_t count = counts[_i];
    struct value *map = value_map(&arena, _i % 2 ? count : 0);
    ck_assert_ptr_nonnull(map);
    for (size_t i = 0; i < count; i++) {
        char key[32];
        int len = snprintf(key, sizeof key, "key%zu", i * 7919);
        wf_str name = arena_str(&arena, (wf_str){key, (size_t)len});
        ck_assert(value_set(&arena, map, name, value_of_int(&arena, (int64_t)i)));
        ck_assert(value_set(&arena, map, name, value_of_int(&arena, (int64_t)i + 1)));
    }
    ck_assert_uint_eq(map->map.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct value *v = value_get(map, map->map.members[i].key);
        ck_assert_ptr_nonnull(v);
        ck_assert_int_eq(v->integer, (int64_t)i + 1);
    }
    ck_assert_ptr_null(value_get(map, STR("key")));
    ck_assert_ptr_null(value_get(map, STR("")));

    const struct value *again = parsed(json_of(map));
    ck_assert(value_equal(map, again));
}
END_TEST

START_TEST(a_merge_lays_one_map_over_the_other)
{
    const struct value *base = parsed("{\"a\":1,\"b\":2}");
    const struct value *over = parsed("{\"b\":3,\"c\":null}");
    ck_assert_str_eq(json_of(value_merge(&arena, base, over)),
                     "{\"a\":1,\"b\":3,\"c\":null}");
    ck_assert_str_eq(json_of(base), "{\"a\":1,\"b\":2}");
    ck_assert_str_eq(json_of(value_merge(&arena, NULL, over)), "{\"b\":3,\"c\":null}");
    ck_assert_str_eq(json_of(value_merge(&arena, base, NULL)), "{\"a\":1,\"b\":2}");
}
END_TEST

START_TEST(a_path_goes_through_maps_and_lists)
{
    const struct value *v = parsed("{\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"\":1}");
    ck_assert_str_eq(printed(value_path(v, STR("a.b.1.c"))), "x");
    ck_assert_str_eq(printed(value_path(v, STR("a.b.0"))), "10");
    static const char *const missing[] = {
        "a.c",     "a.b.2", "a.b.-1", "a.b.x",
        "a.b.0.c", "b",     "a..b",   "a.b.99999999999999999999"};
    for (size_t i = 0; i < CDC_COUNT(missing); i++)
        ck_assert_ptr_null(value_path(v, str_from(missing[i])));
    ck_assert_ptr_null(value_path(NULL, STR("a")));
    ck_assert_ptr_null(value_get(NULL, STR("a")));
    ck_assert_ptr_null(value_get(&value_true, STR("a")));
}
END_TEST

static const struct {
    const char *a;
    const char *b;
    bool equal;
} pairs[] = {
    {"1", "1.0", true},
    {"100", "1e2", true},
    {"1", "\"1\"", false},
    {"0.1", "0.10", true},
    {"9223372036854775807", "9223372036854775808", false},
    {"18446744073709551615", "18446744073709551614", false},
    {"18446744073709551615", "18446744073709551615", true},
    {"null", "false", false},
    {"null", "null", true},
    {"\"a\"", "\"a\"", true},
    {"[1,[2]]", "[1.0,[2]]", true},
    {"[1]", "[1,2]", false},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
    {"{\"a\":1}", "{\"b\":1}", false},
    {"{}", "[]", false},
};

START_TEST(values_are_equal_by_content)
{
    const struct value *a = parsed(pairs[_i].a), *b = parsed(pairs[_i].b);
    ck_assert_int_eq(value_equal(a, b), pairs[_i].equal);
    ck_assert_int_eq(value_equal(b, a), pairs[_i].equal);
}
END_TEST

START_TEST(doubles_that_are_whole_become_integers)
{
    static const struct {
        double number;
        const char *json;
        const char *printed;
    } doubles[] = {
        {3.0, "3", "3"},
        {-0.0, "0", "0"},
        {0.1, "0.1", "0.1"},
        {1e15, "1000000000000000", "1000000000000000"},
        {-0x1p63, "-9223372036854775808", "-9223372036854775808"},
        {(double)INFINITY, "\"Infinity\"", "+Inf"},
        {(double)-INFINITY, "\"-Infinity\"", "-Inf"},
        {(double)NAN, "\"NaN\"", "NaN"},
    };
    for (size_t i = 0; i < CDC_COUNT(doubles); i++) {
        const struct value *v = value_of_double(&arena, doubles[i].number);
        ck_assert_str_eq(json_of(v), doubles[i].json);
        ck_assert_str_eq(printed(v), doubles[i].printed);
    }
}
END_TEST

START_TEST(numbers_and_texts_of_numbers_are_doubles)
{
    double d = 0;
    ck_assert(value_to_double(parsed("\"2.5\""), &d) && d == 2.5);
    ck_assert(value_to_double(parsed("7"), &d) && d == 7);
    ck_assert(value_to_double(parsed("1e999"), &d) && isinf(d));
    ck_assert(!value_to_double(parsed("\"x\""), &d));
    ck_assert(!value_to_double(&value_null, &d));
    ck_assert(!value_to_double(NULL, &d));
}
END_TEST

START_TEST(invalid_utf8_is_replaced_in_json_and_kept_in_print)
{
    const struct value *v = value_of_text(&arena, STR("a\xFFz"));
    ck_assert_str_eq(json_of(v), "\"a\xEF\xBF\xBDz\"");
    ck_assert_str_eq(printed(v), "a\xFFz");
}
END_TEST

START_TEST(a_value_nested_beyond_all_bounds_breaks_the_buffer)
{
    const struct value *v = &value_true;
    for (int i = 0; i < 5000; i++) {
        const struct value **item = arena_alloc(&arena, sizeof *item);
        ck_assert_ptr_nonnull(item);
        *item = v;
        v = value_list(&arena, item, 1);
        ck_assert_ptr_nonnull(v);
    }
    buf_clear(&out);
    value_json(&out, v);
    ck_assert_int_ne(out.broken, WF_OK);
    buf_clear(&out);
    value_print(&out, v);
    ck_assert_int_ne(out.broken, WF_OK);
    ck_assert(!value_equal(v, v));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("value");
    TCase *tests = tcase_create("value");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, json_reads_and_prints_back, 0, CDC_COUNT(texts));
    tcase_add_test(tests, json_cut_anywhere_is_refused_with_its_name);
    tcase_add_test(tests, text_behind_the_value_is_refused);
    tcase_add_test(tests, nesting_has_a_limit);
    tcase_add_test(tests, parsing_without_memory_is_an_error);
    tcase_add_loop_test(tests, a_map_finds_every_key_and_keeps_the_order, 0, 11);
    tcase_add_test(tests, a_merge_lays_one_map_over_the_other);
    tcase_add_test(tests, a_path_goes_through_maps_and_lists);
    tcase_add_loop_test(tests, values_are_equal_by_content, 0, CDC_COUNT(pairs));
    tcase_add_test(tests, doubles_that_are_whole_become_integers);
    tcase_add_test(tests, numbers_and_texts_of_numbers_are_doubles);
    tcase_add_test(tests, invalid_utf8_is_replaced_in_json_and_kept_in_print);
    tcase_add_test(tests, a_value_nested_beyond_all_bounds_breaks_the_buffer);
    suite_add_tcase(suite, tests);
    return suite;
}
