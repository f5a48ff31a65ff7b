/* SPDX-License-Identifier: MIT
 *
 * Tests of expressions that stand alone: what they yield, what is refused, what fails.  The
 * everyday examples are those of docs/templates.md, which test_template.c runs.
 */
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "host/lang/template.h"
#include "tests/support/run.h"

#define TEST_LIMIT (16u * 1024u * 1024u)

static struct arena arena;
static struct scope scope;

static void set_up(void)
{
    static const char current[] =
        "{\"s\":\"text\",\"i\":7,\"f\":2.5,\"t\":true,\"n\":null,\"e\":\"\",\"l\":[1,"
        "\"two\",[3]],"
        "\"m\":{\"a\":{\"b\":\"deep\"},\"in\":1},\"first\":\"hidden\",\"steps\":\"shadow\","
        "\"big\":18446744073709551615,\"huge\":1e999}";
    static const char steps[] = "{\"one\":{\"out\":1}}";
    arena_init(&arena, TEST_LIMIT);
    scope = (struct scope){0};
    ck_assert_int_eq(value_parse(&arena, STR(current), "current", &scope.current, NULL),
                     WF_OK);
    ck_assert_int_eq(value_parse(&arena, STR(steps), "steps", &scope.steps, NULL), WF_OK);
}

static void tear_down(void)
{
    arena_release(&arena);
}

/* The result as JSON, or "C: " or "E: " and why it was refused or failed. */
static const char *result_of(const char *text)
{
    static char shown[2048];
    struct expr *e;
    const struct value *v = NULL;
    wf_error err = {0};
    struct buf out;
    char *exact = str_dup(str_from(text)); /* so that ASan sees the end */
    ck_assert_ptr_nonnull(exact);
    wf_status status = expr_compile((wf_str){exact, strlen(exact)}, &e, &err);
    free(exact); /* nothing of the text is borrowed */
    if (status) {
        ck_assert_int_eq(status, WF_CONFIG);
        snprintf(shown, sizeof shown, "C: %s", err.text);
        return shown;
    }
    status = expr_eval(e, &scope, &arena, &v, &err);
    if (status) {
        ck_assert_int_eq(status, WF_FAILED);
        snprintf(shown, sizeof shown, "E: %s", err.text);
    } else {
        buf_init(&out, TEST_LIMIT);
        value_json(&out, v);
        snprintf(shown, sizeof shown, "%s", buf_c(&out));
        buf_release(&out);
    }
    expr_free(e);
    return shown;
}

static const struct {
    const char *text;
    const char *result;
} cases[] = {
    /* literals */
    {"1_000", "1000"},
    {".5", "0.5"},
    {"123456789012345678901", "123456789012345678901"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"2e3", "2000"},
    {"\"\\x41\\u00e4\\U0001F600\\n\"", "\"Aä😀\\n\""},
    {"`raw \\n`", "\"raw \\\\n\""},
    {"'a\"b'", "\"a\\\"b\""},
    {"[]", "[]"},
    {"[1, 2, ]", "[1,2]"},
    {"{}", "{}"},
    {"{a: 1, 'b c': {d: []}, a: 2}", "{\"a\":2,\"b c\":{\"d\":[]}}"},
    {"nil", "null"},

    /* names and ways */
    {"first", "\"hidden\""},
    {"first(l)", "1"},
    {"steps.one.out", "1"},
    {"current.steps", "\"shadow\""},
    {"m.in", "1"},
    {"m['a'][\"b\"]", "\"deep\""},
    {"m?.a?.b", "\"deep\""},
    {"n?.a.b.c[0]", "null"},
    {"nope?.['x'].y", "null"},
    {"l[2][-1]", "3"},
    {"m.nope", "null"},
    {"trigger.x", "null"},
    {"meta", "{}"},
    {"steps.nope.x", "null"},
    {"steps.nope?.x.y", "null"},
    {"m[n?.x ?? 'a'].b", "\"deep\""},

    /* operators and how tightly they bind */
    {"1 + 2 * 3 - 4", "3"},
    {"(1 + 2) * 3", "9"},
    {"2 ** 3 ** 2", "512"},
    {"-2 ** 2", "-4"},
    {"2 ^ 10", "1024"},
    {"10 - 2 - 3", "5"},
    {"- - 3", "3"},
    {"+i", "7"},
    {"n ?? 1 + 1", "2"},
    {"n ?? n ?? 3", "3"},
    {"not t == false", "true"},
    {"!t || t && true", "true"},
    {"t or nope.x", "true"},
    {"false and nope.x", "false"},
    {"t ? 1 : nope.x", "1"},
    {"false ? 1 : t ? 2 : 3", "2"},
    {"t ?: 2", "true"},
    {"i > 5 ? 'a' + 'b' : 'c'", "\"ab\""},
    {"1 < 2 == true", "true"},
    {"'b' > 'a'", "true"},
    {"'a' < 'ab'", "true"},
    {"f >= 2.5 and f <= 2.5", "true"},
    {"i == 7.0", "true"},
    {"i == '7'", "false"},
    {"n == nil", "true"},
    {"nope != nil", "false"},
    {"l == [1, 'two', [3]]", "true"},
    {"'a' in m and not ('x' in m)", "true"},
    {"1 in l", "true"},
    {"9 not in l", "true"},
    {"1 in n", "false"},
    {"s contains 'ex' and s not startsWith 'x'", "true"},
    {"n contains 'x'", "false"},
    {"contains('ex', s)", "true"},

    /* numbers at their limits */
    {"9223372036854775807 + 0", "9223372036854775807"},
    {"9223372036854775807 * 2", "1.8446744073709552e19"},
    {"-9223372036854775808 % -1", "0"},
    {"-9223372036854775808 / -1", "9.223372036854776e18"},
    {"-(-9223372036854775808)", "9.223372036854776e18"},
    {"big + 0", "1.8446744073709552e19"},
    {"big == 18446744073709551615", "true"},
    {"big == 18446744073709551616", "false"},
    {"huge > 1", "true"},
    {"1 / 0", "\"Infinity\""},
    {"-1 / 0", "\"-Infinity\""},
    {"0 / 0", "\"NaN\""},
    {"0 / 0 == 0 / 0", "false"},
    {"0 / 0 < 1", "false"},
    {"6 / 4", "1.5"},
    {"2 ** 62", "4611686018427387904"},
    {"2 ** -1", "0.5"},
    {"-7 % 3", "-1"},
    {"7.0 % 2", "1"},
    {"toInt(huge)", "9223372036854775807"},
    {"toInt(-huge)", "-9223372036854775808"},
    {"toInt(0 / 0)", "0"},
    {"div(-9223372036854775808, -1)", "9.223372036854776e18"},
    {"sum([9223372036854775807, 1])", "9.223372036854776e18"},

    /* functions where the table of docs/templates.md says nothing */
    {"coalesce()", "null"},
    {"default(1, 0)", "0"},
    {"split('', 'aä')", "[\"a\",\"ä\"]"},
    {"split(',', '')", "[\"\"]"},
    {"split('', '')", "[]"},
    {"split(',', ',')", "[\"\",\"\"]"},
    {"replace('', '-', 'aä')", "\"-a-ä-\""},
    {"replace('aa', 'b', 'aaa')", "\"ba\""},
    {"join(',', 's')", "\"s\""},
    {"join(',', n)", "\"<nil>\""},
    {"join(',', [1, nil, 'a', [2]])", "\"1,<nil>,a,[2]\""},
    {"title('')", "\"\""},
    {"upper(i)", "\"7\""},
    {"upper(t)", "\"TRUE\""},
    {"first(s)", "null"},
    {"last([])", "null"},
    {"min([])", "null"},
    {"max([1, '3', 2])", "3"},
    {"sum('x')", "0"},
    {"pluck([{a: 1}, 2, {b: 3}], 'a')", "[1,null]"},
    {"unique([{a: 1, b: 1}, {a: 1, b: 2}], 'a')", "[{\"a\":1,\"b\":1}]"},
    {"groupBy([{k: 1, v: 1}, {k: 2}, {k: 1, v: 3}], 'k')",
     "{\"1\":[{\"k\":1,\"v\":1},{\"k\":1,\"v\":3}],\"2\":[{\"k\":2}]}"},
    {"pluck(sortBy([{k: 'b'}, {k: nil}, {k: '10'}, {k: 9}, {k: 'a'}], 'k'), 'k')",
     "[9,\"10\",\"a\",\"b\",null]"},
    {"length(n)", "0"},
    {"len(uuid())", "36"},
    {"len(now('DateOnly'))", "10"},
    {"len(b64(''))", "0"},
    {"json({a: [1, nil, 'x']})", "\"{\\\"a\\\":[1,null,\\\"x\\\"]}\""},

    /* refused */
    {"", "C: template: an expression is missing at the end (column 1)"},
    {"1 +", "C: template: an expression is missing at the end (column 4)"},
    {"1 2",
     "C: template: '2' stands where the end of the expression is expected (column 3)"},
    {"(1", "C: template: ')' is missing at the end (column 3)"},
    {"[1 2]", "C: template: '2' stands where ',' or ']' is expected (column 4)"},
    {"{1: 2}",
     "C: template: '1' stands where a key, a name or a string, is expected (column 2)"},
    {"a.", "C: template: a name after '.' is missing at the end (column 3)"},
    {"a.1",
     "C: template: '.1' stands where the end of the expression is expected (column 2)"},
    {"ä.'x'", "C: template: a string stands where a name after '.' is expected (column 3)"},
    {"'abc", "C: template: the string that begins here does not end (column 1)"},
    {"'abc\\'", "C: template: the string that begins here does not end (column 1)"},
    {"'a\\q'", "C: template: this escape is not supported (column 3)"},
    {"'\\ud800'", "C: template: this escape is not supported (column 2)"},
    {"0x1F", "C: template: number '0x1F' is not supported (column 1)"},
    {"010", "C: template: number '010' is not supported (column 1)"},
    {"1e999", "C: template: number '1e999' is not supported (column 1)"},
    {"1__0", "C: template: number '1__0' is not supported (column 1)"},
    {"1 .. 3", "C: template: operator '..' is not supported (column 3)"},
    {"a | f()", "C: template: operator '|' is not supported (column 3)"},
    {"a matches 'x'", "C: template: operator 'matches' is not supported (column 3)"},
    {"a not matches 'x'", "C: template: operator 'matches' is not supported (column 7)"},
    {"let x = 1; x", "C: template: 'let' is not supported here (column 1)"},
    {"in", "C: template: 'in' is not supported here (column 1)"},
    {"a = 1",
     "C: template: '=' stands where the end of the expression is expected (column 3)"},
    {"l[0:1]", "C: template: a slice, [from:to], is not supported (column 4)"},
    {"filter(l, # > 1)", "C: template: function 'filter' is not supported (column 1)"},
    {"$env", "C: template: character '$' is not supported here (column 1)"},
    {"upper()", "C: template: function 'upper' needs 1 argument, there are 0 (column 1)"},
    {"min()",
     "C: template: function 'min' needs at least 1 argument, there are 0 (column 1)"},
    {"max(1, 2, 3)",
     "C: template: function 'max' takes at most 2 arguments, there are 3 (column 1)"},
    {"coalesce(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)",
     "C: template: function 'coalesce' takes at most 16 arguments, there are 17 (column "
     "1)"},
    {"t ? 1", "C: template: ':' is missing at the end (column 6)"},
    {"printf('%x', 1)", "C: template: printf: the format has a verb other than %s %v %d %q "
                        "%t %%, or a width, which is "
                        "not supported (column 1)"},
    {"printf('%s')",
     "C: template: printf: the format has 1 verb for 0 arguments (column 1)"},
    {"printf(1)", "C: template: printf: the format is a number (column 1)"},

    /* failing */
    {"n.x", "E: template: cannot take 'x' of null (column 2)"},
    {"i.x", "E: template: cannot take 'x' of a number (column 2)"},
    {"(n?.x).y", "E: template: cannot take 'y' of null (column 7)"},
    {"l[3]", "E: template: index out of range: 3 (array length is 3) (column 2)"},
    {"l[-4]", "E: template: index out of range: -4 (array length is 3) (column 2)"},
    {"l['a']", "E: template: cannot take 'a' of a list (column 2)"},
    {"m[1]", "E: template: a map cannot be indexed with a number (column 2)"},
    {"l[9223372036854775807]",
     "E: template: index out of range: 9223372036854775807 (array length is 3) (column 2)"},
    {"s + 1", "E: template: a string + a number is not possible (column 3)"},
    {"n - 1", "E: template: null - a number is not possible (column 3)"},
    {"n < 1", "E: template: null < a number is not possible (column 3)"},
    {"1 in 2", "E: template: a number in a number is not possible (column 3)"},
    {"1 contains 'x'",
     "E: template: a number contains a string is not possible (column 3)"},
    {"5 % 0", "E: template: integer divide by zero (column 3)"},
    {"5 % 2.5", "E: template: '%' needs integers (column 3)"},
    {"-s", "E: template: a sign needs a number, not a string (column 1)"},
    {"!n", "E: template: 'not' needs a boolean, not null (column 2)"},
    {"i && t", "E: template: 'and' needs a boolean, not a number (column 1)"},
    {"false || s", "E: template: 'or' needs a boolean, not a string (column 10)"},
    {"i ? 1 : 2", "E: template: '?' needs a boolean, not a number (column 1)"},
    {"lower(m)", "E: template: lower: argument 1 is a map, a string is needed (column 1)"},
    {"replace('a', 'b', l)",
     "E: template: replace: argument 3 is a list, a string is needed (column 1)"},
    {"len(i)", "E: template: len: a number has no length (column 1)"},
    {"index(l, 5)", "E: template: index: index out of range: 5 (column 1)"},
    {"index(n, 'a')",
     "E: template: index: null cannot be indexed with a string (column 1)"},
    {"eq(s, 1)", "E: template: eq: a string cannot be compared with a number (column 1)"},
    {"lt(n, 1)", "E: template: lt: null cannot be compared with a number (column 1)"},
    {"printf('%d', s)",
     "E: template: printf: %d needs an integer, not a string (column 1)"},
    {"printf(s + '%d')",
     "E: template: printf: the format has 1 verb for 0 arguments (column 1)"},
};

START_TEST(an_expression_yields_or_says_why_not)
{
    ck_assert_msg(strcmp(result_of(cases[_i].text), cases[_i].result) == 0,
                  "%s\n  gives  %s\n  not    %s", cases[_i].text, result_of(cases[_i].text),
                  cases[_i].result);
}
END_TEST

/* Whatever is left of an expression cut anywhere compiles or is refused, and never reads
 * on. */
START_TEST(an_expression_cut_anywhere_is_handled)
{
    size_t len = strlen(cases[_i].text);
    for (size_t cut = 0; cut < len; cut++) {
        char *text = str_dup((wf_str){cases[_i].text, cut});
        ck_assert_ptr_nonnull(text);
        ck_assert_ptr_nonnull(result_of(text));
        free(text);
    }
}
END_TEST

/* `count` times `open`, then `middle`, then `count` times `close`. */
static const char *nested(const char *open, const char *middle, const char *close,
                          int count)
{
    struct buf text;
    buf_init(&text, TEST_LIMIT);
    for (int i = 0; i < count; i++)
        buf_cstr(&text, open);
    buf_cstr(&text, middle);
    for (int i = 0; i < count; i++)
        buf_cstr(&text, close);
    const char *result = result_of(buf_c(&text));
    buf_release(&text);
    return result;
}

static const struct {
    const char *open, *middle, *close;
} nestings[] = {
    {"(", "1", ")"},   {"[", "1", "]"},      {"!", "t", ""},     {"-", "1", ""},
    {"{a:", "1", "}"}, {"upper(", "s", ")"}, {"", "m", ".a"},    {"", "l", "[0]"},
    {"1+", "1", ""},   {"2**", "1", ""},     {"t?1:", "1", ""},  {"t?", "1", ":1"},
    {"n??", "1", ""},  {"l[", "0", "]"},     {"m?.a.", "b", ""},
};

START_TEST(nesting_without_end_is_refused)
{
    const char *result =
        nested(nestings[_i].open, nestings[_i].middle, nestings[_i].close, 100000);
    ck_assert_msg(strncmp(result,
                          "C: template: the expression is nested too deeply (column ",
                          57) == 0,
                  "%s", result);
}
END_TEST

START_TEST(nesting_that_people_write_is_allowed)
{
    ck_assert_str_eq(nested("(", "1", ")", 40), "1");
    ck_assert_str_eq(nested("1+", "1", "", 90), "91");
    ck_assert_str_eq(nested("t?1:", "1", "", 40), "1");
}
END_TEST

/* Every size of arena up to one that is enough. */
START_TEST(evaluating_without_memory_is_an_error)
{
    struct expr *e;
    const struct value *v;
    wf_error err = {0};
    bool enough = false;
    static const char text[] = "json({a: split(',', 'x,y'), b: pluck(sortBy([{k: 2}, "
                               "{k: 1}], 'k'), 'k')}) + upper(s) + "
                               "toString(i * 2.5) + join('-', unique(flatten([[1], [2, "
                               "1]]))) + now() + uuid() + "
                               "replace('t', 'tt', s) + printf('%s %d %q', s, i, s) + "
                               "b64(s) + urlEncode(s) + title(s) + "
                               "json(groupBy([{k: 1}], 'k'))";
    ck_assert_int_eq(expr_compile(STR(text), &e, &err), WF_OK);
    for (size_t limit = 0; !enough; limit += 16) {
        struct arena small;
        ck_assert_uint_lt(limit, 64 * 1024);
        arena_init(&small, limit);
        wf_status status = expr_eval(e, &scope, &small, &v, &err);
        enough = status == WF_OK;
        if (!enough)
            ck_assert_msg(status == WF_NO_MEMORY, "%s", err.text);
        arena_release(&small);
    }
    expr_free(e);
}
END_TEST

START_TEST(errors_need_no_place_to_go)
{
    struct expr *e;
    const struct value *v = &value_true;
    ck_assert_int_eq(expr_compile(STR("1 +"), &e, NULL), WF_CONFIG);
    ck_assert_int_eq(expr_compile(STR("upper(n)"), &e, NULL), WF_OK);
    ck_assert_int_eq(expr_eval(e, &scope, &arena, &v, NULL), WF_FAILED);
    ck_assert_ptr_eq(v, &value_true);
    expr_free(e);
    expr_free(NULL);
}
END_TEST

START_TEST(uuids_are_random_and_of_version_4)
{
    char first[64], second[64];
    snprintf(first, sizeof first, "%s", result_of("uuid()"));
    snprintf(second, sizeof second, "%s", result_of("uuidv4()"));
    ck_assert_str_ne(first, second);
    ck_assert_int_eq(first[15], '4');
    ck_assert_ptr_nonnull(strchr("89ab", first[20]));
}
END_TEST

/* Go's layouts and what strftime() calls the same. */
static const struct {
    const char *layout;
    const char *format;
} layouts[] = {
    {"", "%Y-%m-%dT%H:%M:%SZ"},
    {"RFC3339", "%Y-%m-%dT%H:%M:%SZ"},
    {"ANSIC", "%a %b %e %H:%M:%S %Y"},
    {"UnixDate", "%a %b %e %H:%M:%S UTC %Y"},
    {"RubyDate", "%a %b %d %H:%M:%S +0000 %Y"},
    {"RFC822", "%d %b %y %H:%M UTC"},
    {"RFC822Z", "%d %b %y %H:%M +0000"},
    {"RFC850", "%A, %d-%b-%y %H:%M:%S UTC"},
    {"RFC1123", "%a, %d %b %Y %H:%M:%S UTC"},
    {"RFC1123Z", "%a, %d %b %Y %H:%M:%S +0000"},
    {"Stamp", "%b %e %H:%M:%S"},
    {"DateTime", "%Y-%m-%d %H:%M:%S"},
    {"DateOnly", "%Y-%m-%d"},
    {"TimeOnly", "%H:%M:%S"},
    {"January 02, 002 03 PM -07:00", "%B %d, %j %I %p +00:00"},
    {"Zz.,:%x", "Zz.,:%%x"},
};

static void utc_text(const char *format, char *out, size_t size)
{
    struct tm tm;
    time_t now = time(NULL);
    ck_assert_ptr_nonnull(gmtime_r(&now, &tm));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    strftime(out, size, format, &tm);
#pragma GCC diagnostic pop
}

START_TEST(now_follows_gos_layouts)
{
    char text[128], before[128], after[128], expected[140];
    const char *result;
    snprintf(text, sizeof text, "now('%s')", layouts[_i].layout);
    do { /* once more when a second ended in between */
        utc_text(layouts[_i].format, before, sizeof before);
        result = result_of(text);
        utc_text(layouts[_i].format, after, sizeof after);
    } while (strcmp(before, after) != 0);
    snprintf(expected, sizeof expected, "\"%s\"", before);
    ck_assert_str_eq(result, expected);
}
END_TEST

/* The hour cannot be known before it is over, so shapes are compared: 9 stands for
 * digits. */
START_TEST(now_shows_parts_without_zeros_and_fractions)
{
    char shape[64] = "";
    size_t len = 0;
    bool digits = false;
    for (const char *c = result_of("now('3:4:5 1 2 pm|.000000|.999999999')"); *c; c++) {
        bool digit = *c >= '0' && *c <= '9';
        ck_assert_uint_lt(len, sizeof shape - 1);
        if (!digit || !digits)
            shape[len++] = digit ? '9' : *c;
        digits = digit;
    }
    ck_assert(strcmp(shape, "\"9:9:9 9 9 am|.9|.9\"") == 0 ||
              strcmp(shape, "\"9:9:9 9 9 pm|.9|.9\"") == 0);
    ck_assert_str_eq(result_of("len(now('.000000'))"), "7");
    ck_assert_str_eq(result_of("now('.0001') startsWith '.'"), "true");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("expr");
    TCase *tests = tcase_create("expr");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, an_expression_yields_or_says_why_not, 0, CDC_COUNT(cases));
    tcase_add_loop_test(tests, an_expression_cut_anywhere_is_handled, 0, CDC_COUNT(cases));
    tcase_add_loop_test(tests, nesting_without_end_is_refused, 0, CDC_COUNT(nestings));
    tcase_add_test(tests, nesting_that_people_write_is_allowed);
    tcase_add_test(tests, evaluating_without_memory_is_an_error);
    tcase_add_test(tests, errors_need_no_place_to_go);
    tcase_add_loop_test(tests, now_follows_gos_layouts, 0, CDC_COUNT(layouts));
    tcase_add_test(tests, now_shows_parts_without_zeros_and_fractions);
    tcase_add_test(tests, uuids_are_random_and_of_version_4);
    suite_add_tcase(suite, tests);
    return suite;
}
