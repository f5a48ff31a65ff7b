/* SPDX-License-Identifier: MIT
 *
 * Tests of base/str.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tests/support/run.h"

START_TEST(views_are_compared_by_content)
{
    ck_assert(str_eq(STR("abc"), STR("abc")));
    ck_assert(!str_eq(STR("abc"), STR("abd")));
    ck_assert(!str_eq(STR("abc"), STR("ab")));
    ck_assert(str_eq(STR_EMPTY, STR("")));
    ck_assert(str_is(STR("abc"), "abc"));
    ck_assert(!str_is(STR("abc"), "abcd"));
    ck_assert(str_is(STR_EMPTY, NULL));
    ck_assert(str_eq_nocase(STR("PostGres"), STR("pOSTgRES")));
    ck_assert(!str_eq_nocase(STR("a[b"), STR("a{b")));
    ck_assert(!str_eq_nocase(STR("ab"), STR("abc")));
}
END_TEST

START_TEST(views_are_cut_and_searched)
{
    wf_str s = STR("public.orders");
    ck_assert(str_starts(s, STR("public")));
    ck_assert(str_starts(s, STR_EMPTY));
    ck_assert(!str_starts(STR("pub"), STR("public")));
    ck_assert(str_ends(s, STR(".orders")));
    ck_assert(!str_ends(STR("s"), STR("orders")));
    ck_assert_int_eq(str_find(s, STR(".")), 6);
    ck_assert_int_eq(str_find(s, STR("orders")), 7);
    ck_assert_int_eq(str_find(s, STR("orderss")), -1);
    ck_assert_int_eq(str_find(s, STR_EMPTY), 0);
    ck_assert_int_eq(str_find(STR_EMPTY, STR("a")), -1);
    ck_assert(str_is(str_slice(s, 7, 100), "orders"));
    ck_assert(str_is(str_slice(s, 5, 5), ""));
    ck_assert(str_is(str_slice(s, 9, 3), ""));
    ck_assert(str_is(str_slice(STR_EMPTY, 0, 4), ""));
    ck_assert(str_is(str_trim(STR(" \t\r\n a b \n")), "a b"));
    ck_assert(str_is(str_trim(STR(" \t ")), ""));
    ck_assert(str_is(str_trim(STR_EMPTY), ""));
}
END_TEST

static const struct {
    const char *text;
    size_t count;
    const char *parts[4];
} list_rows[] = {
    {"a,b,c", 3, {"a", "b", "c"}}, {"a", 1, {"a"}},         {"a,", 2, {"a", ""}},
    {",a", 2, {"", "a"}},          {",,", 3, {"", "", ""}}, {"", 1, {""}},
};

START_TEST(a_list_is_taken_apart_at_its_separators)
{
    wf_str rest = str_from(list_rows[_i].text);
    wf_str part;
    for (size_t i = 0; i < list_rows[_i].count; i++) {
        ck_assert(str_next(&rest, ',', &part));
        ck_assert(str_is(part, list_rows[_i].parts[i]));
    }
    ck_assert(!str_next(&rest, ',', &part));
    ck_assert(!str_next(&rest, ',', &part));
}
END_TEST

START_TEST(an_empty_view_has_no_parts)
{
    wf_str rest = STR_EMPTY;
    wf_str part;
    ck_assert(!str_next(&rest, ',', &part));
}
END_TEST

static const struct {
    const char *pattern;
    const char *text;
    bool matches;
} glob_rows[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "public.orders", true},
    {"public.*", "public.orders", true},
    {"public.*", "publicXorders", false},
    {"*.orders", "public.orders", true},
    {"*.order", "public.orders", false},
    {"p*.o*s", "public.orders", true},
    {"a?c", "abc", true},
    {"a?c", "ac", false},
    {"?", "", false},
    {"**a**", "xxaxx", true},
    {"*ab*ab", "abab", true},
    {"*ab*ab", "abxab", true},
    {"*aab", "aaaab", true},
    {"a*b*c", "aXbXbXc", true},
    {"a*b*c", "aXbXbX", false},
    {"abc", "abc", true},
    {"abc", "abcd", false},
    {"a[b]", "a[b]", true},
};

START_TEST(a_glob_matches_runs_and_single_characters)
{
    wf_str pattern = str_from(glob_rows[_i].pattern);
    wf_str text = str_from(glob_rows[_i].text);
    ck_assert_int_eq(str_glob(pattern, text), glob_rows[_i].matches);
}
END_TEST

START_TEST(many_stars_do_not_take_for_ever)
{
    char text[4096];
    memset(text, 'a', sizeof text);
    ck_assert(!str_glob(STR("*a*a*a*a*a*a*a*a*a*a*b"), (wf_str){text, sizeof text}));
}
END_TEST

START_TEST(integers_are_read_whole_and_in_range)
{
    int64_t i = 42;
    uint64_t u = 42;
    ck_assert(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    ck_assert(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    ck_assert(str_to_i64(STR("+5"), &i) && i == 5);
    ck_assert(str_to_i64(STR("-0"), &i) && i == 0);
    ck_assert(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    ck_assert(str_to_u64(STR("007"), &u) && u == 7);

    static const char *const bad[] = {
        "",
        "-",
        "+",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "1e3",
        "--1",
        "+-1",
        "1a",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999",
    };
    for (size_t n = 0; n < CDC_COUNT(bad); n++) {
        i = 42;
        ck_assert_msg(!str_to_i64(str_from(bad[n]), &i), "%s", bad[n]);
        ck_assert_int_eq(i, 42);
    }
    u = 42;
    ck_assert(!str_to_u64(STR("18446744073709551616"), &u));
    ck_assert(!str_to_u64(STR("-1"), &u));
    ck_assert(!str_to_u64(STR("+1"), &u));
    ck_assert_uint_eq(u, 42);
}
END_TEST

START_TEST(a_double_is_decimal_and_finite_in_any_locale)
{
    /* Where the locale is not installed the loop below still holds. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    double d = 42;
    ck_assert(str_to_double(STR("1.5"), &d) && d == 1.5);
    ck_assert(str_to_double(STR("-.5e-1"), &d) && d == -0.05);
    ck_assert(str_to_double(STR("5."), &d) && d == 5);
    ck_assert(str_to_double(STR("1e308"), &d) && d == 1e308);
    static const char *const bad[] = {"",    ".",  "1,5", " 1", "1 ",    "inf",   "nan",
                                      "0x1", "1e", "1e+", "e5", "1.2.3", "1e999", "--1"};
    d = 42;
    for (size_t n = 0; n < CDC_COUNT(bad); n++)
        ck_assert_msg(!str_to_double(str_from(bad[n]), &d), "%s", bad[n]);
    ck_assert(d == 42);
}
END_TEST

static const struct {
    const char *text;
    int64_t ms;
} duration_rows[] = {
    {"0", 0},          {"30s", 30000}, {"1m30s", 90000},  {"500ms", 500},
    {"1.5h", 5400000}, {"-2s", -2000}, {"+2s", 2000},     {"1ns", 1},
    {"999us", 1},      {"1500us", 1},  {"1\xC2\xB5s", 1}, {"2000\xCE\xBCs", 2},
    {".5s", 500},      {"1.s", 1000},  {"0s", 0},         {"1h2m3s4ms", 3723004},
    {"0.1s", 100},     {"0.001s", 1},  {"24h", 86400000}, {"2562047h", 9223369200000},
};

START_TEST(a_duration_is_read_as_go_writes_it)
{
    int64_t ms = 42;
    ck_assert_msg(str_to_duration_ms(str_from(duration_rows[_i].text), &ms), "%s",
                  duration_rows[_i].text);
    ck_assert_int_eq(ms, duration_rows[_i].ms);
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "5",
                                      "s",
                                      ".s",
                                      "1d",
                                      "1 s",
                                      "1s ",
                                      " 1s",
                                      "1s5",
                                      "1..5s",
                                      "--1s",
                                      "1e3s",
                                      "00",
                                      "2562048h",
                                      "99999999999999999999s",
                                      "2562047h2562047h"};
    int64_t ms = 42;
    for (size_t n = 0; n < CDC_COUNT(bad); n++)
        ck_assert_msg(!str_to_duration_ms(str_from(bad[n]), &ms), "%s", bad[n]);
    ck_assert(!str_to_duration_ms(STR_EMPTY, &ms));
    ck_assert_int_eq(ms, 42);
}
END_TEST

START_TEST(sizes_take_decimal_and_binary_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"4096", 4096},       {"0", 0},
        {"64KiB", 65536},     {"16MiB", 16777216},
        {"1GB", 1000000000},  {"10mb", 10000000},
        {"1gib", 1073741824}, {"7 kB", 7000},
        {"12b", 12},          {"1TB", 1000000000000},
    };
    for (size_t n = 0; n < CDC_COUNT(rows); n++) {
        uint64_t bytes = 42;
        ck_assert_msg(str_to_bytes(str_from(rows[n].text), &bytes), "%s", rows[n].text);
        ck_assert_uint_eq(bytes, rows[n].bytes);
    }
    static const char *const bad[] = {"",    "MiB", "1.5MiB",        "-1",
                                      "1XB", "1M1", "99999999999TiB"};
    uint64_t bytes = 42;
    for (size_t n = 0; n < CDC_COUNT(bad); n++)
        ck_assert_msg(!str_to_bytes(str_from(bad[n]), &bytes), "%s", bad[n]);
    ck_assert_uint_eq(bytes, 42);
}
END_TEST

START_TEST(names_hash_apart_and_copies_end_with_a_nul)
{
    ck_assert_uint_eq(str_hash(STR("orders")), str_hash(str_slice(STR("xorders"), 1, 7)));
    ck_assert_uint_ne(str_hash(STR("orders")), str_hash(STR("orderz")));
    ck_assert_uint_ne(str_hash(STR("ab")), str_hash(STR("ba")));
    char *copy = str_dup(str_slice(STR("orders"), 0, 3));
    ck_assert_str_eq(copy, "ord");
    free(copy);
    copy = str_dup(STR_EMPTY);
    ck_assert_str_eq(copy, "");
    free(copy);
}
END_TEST

static const struct {
    const char *bytes;
    bool good;
} utf8_rows[] = {
    {"", true},
    {"plain ASCII that is longer than one word", true},
    {"\xC2\x80", true},
    {"\xDF\xBF", true},
    {"\xE0\xA0\x80", true},
    {"\xED\x9F\xBF", true},
    {"\xEE\x80\x80", true},
    {"\xEF\xBF\xBF", true},
    {"\xF0\x90\x80\x80", true},
    {"\xF4\x8F\xBF\xBF", true},
    {"12345678\xC3\xA4", true},
    {"\x80", false},
    {"\xC0\xAF", false},
    {"\xC1\xBF", false},
    {"\xC2", false},
    {"\xC2 ", false},
    {"\xE0\x9F\xBF", false},
    {"\xE1\x80", false},
    {"\xED\xA0\x80", false},
    {"\xED\xBF\xBF", false},
    {"\xF0\x8F\xBF\xBF", false},
    {"\xF0\x90\x80", false},
    {"\xF4\x90\x80\x80", false},
    {"\xF5\x80\x80\x80", false},
    {"\xFF", false},
    {"12345678\xC3", false},
    {"1234567\xE2\x82", false},
};

START_TEST(utf8_is_told_from_what_only_looks_like_it)
{
    ck_assert_int_eq(str_is_utf8(str_from(utf8_rows[_i].bytes)), utf8_rows[_i].good);
}
END_TEST

START_TEST(the_distance_of_names_counts_edits)
{
    ck_assert_uint_eq(str_distance(STR("tables"), STR("tables"), 2), 0);
    ck_assert_uint_eq(str_distance(STR("tabels"), STR("tables"), 2), 2);
    ck_assert_uint_eq(str_distance(STR("table"), STR("tables"), 2), 1);
    ck_assert_uint_eq(str_distance(STR("saturday"), STR("sunday"), 9), 3);
    ck_assert_uint_eq(str_distance(STR_EMPTY, STR("abc"), 9), 3);
    ck_assert_uint_eq(str_distance(STR("saturday"), STR("sunday"), 2), 3);
    ck_assert_uint_eq(str_distance(STR("a"), STR("abcdefgh"), 2), 3);
    char text[300];
    memset(text, 'a', sizeof text);
    ck_assert_uint_eq(str_distance((wf_str){text, 300}, (wf_str){text, 300}, 2), 0);
    ck_assert_uint_eq(str_distance((wf_str){text, 300}, (wf_str){text, 299}, 2), 3);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("str");
    TCase *tcase = tcase_create("str");
    tcase_add_test(tcase, views_are_compared_by_content);
    tcase_add_test(tcase, views_are_cut_and_searched);
    tcase_add_loop_test(tcase, a_list_is_taken_apart_at_its_separators, 0,
                        CDC_COUNT(list_rows));
    tcase_add_test(tcase, an_empty_view_has_no_parts);
    tcase_add_loop_test(tcase, a_glob_matches_runs_and_single_characters, 0,
                        CDC_COUNT(glob_rows));
    tcase_add_test(tcase, many_stars_do_not_take_for_ever);
    tcase_add_test(tcase, integers_are_read_whole_and_in_range);
    tcase_add_test(tcase, a_double_is_decimal_and_finite_in_any_locale);
    tcase_add_loop_test(tcase, a_duration_is_read_as_go_writes_it, 0,
                        CDC_COUNT(duration_rows));
    tcase_add_test(tcase, what_is_no_duration_is_refused);
    tcase_add_test(tcase, sizes_take_decimal_and_binary_units);
    tcase_add_test(tcase, names_hash_apart_and_copies_end_with_a_nul);
    tcase_add_loop_test(tcase, utf8_is_told_from_what_only_looks_like_it, 0,
                        CDC_COUNT(utf8_rows));
    tcase_add_test(tcase, the_distance_of_names_counts_edits);
    suite_add_tcase(suite, tcase);
    return suite;
}
