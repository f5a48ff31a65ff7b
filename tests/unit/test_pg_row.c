/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_row, pg_text and pg_scalar: the text of PostgreSQL's output functions, what
 * it becomes, and text that no server would write.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_row.h"
#include "providers/postgres/pg_scalar.h"
#include "providers/postgres/pg_type_known.h"
#include "tests/support/run.h"

/* Types that a server would be asked for. */
#define KNOWN(oid) pg_type_known_find(oid)
static struct pg_type box_array, int_range, text_range, int_multirange, point_pair, nested,
    nothing, nested_array, range_array, odd_array;
static struct pg_type_field point_pair_fields[2], nested_fields[5];

static void set_up(void)
{
    box_array = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 1, .delimiter = ';', .element = KNOWN(25)};
    int_range = (struct pg_type){.kind = PG_TYPE_RANGE, .levels = 1, .element = KNOWN(23)};
    text_range = (struct pg_type){.kind = PG_TYPE_RANGE, .levels = 1, .element = KNOWN(25)};
    int_multirange =
        (struct pg_type){.kind = PG_TYPE_MULTIRANGE, .levels = 2, .element = &int_range};
    range_array = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 2, .delimiter = ',', .element = &text_range};
    point_pair_fields[0] = (struct pg_type_field){STR("x"), STR("\"x\":"), KNOWN(23)};
    point_pair_fields[1] = (struct pg_type_field){STR("y\""), STR("\"y\\\"\":"), KNOWN(25)};
    point_pair = (struct pg_type){
        .kind = PG_TYPE_COMPOSITE, .levels = 1, .fields = point_pair_fields, .count = 2};
    nested_fields[0] = (struct pg_type_field){STR("a"), STR("\"a\":"), KNOWN(1007)};
    nested_fields[1] = (struct pg_type_field){STR("p"), STR("\"p\":"), &point_pair};
    nested_fields[2] = (struct pg_type_field){STR("j"), STR("\"j\":"), KNOWN(3802)};
    nested_fields[3] = (struct pg_type_field){STR("b"), STR("\"b\":"), KNOWN(17)};
    nested_fields[4] = (struct pg_type_field){STR("r"), STR("\"r\":"), &text_range};
    nested = (struct pg_type){
        .kind = PG_TYPE_COMPOSITE, .levels = 2, .fields = nested_fields, .count = 5};
    nested_array = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 3, .delimiter = ',', .element = &nested};
    nothing = (struct pg_type){.kind = PG_TYPE_COMPOSITE, .levels = 1};
    odd_array = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 2, .delimiter = '|', .element = &point_pair};
}

/* The type by number: an oid, or one of the above. */
enum {
    BOX_ARRAY = 100000,
    INT_RANGE,
    TEXT_RANGE,
    INT_MULTIRANGE,
    RANGE_ARRAY,
    PAIR,
    NESTED,
    NESTED_ARRAY,
    NOTHING,
    ODD_ARRAY
};

static const struct pg_type *type_of(int number)
{
    const struct pg_type *const own[] = {
        &box_array,  &int_range, &text_range,   &int_multirange, &range_array,
        &point_pair, &nested,    &nested_array, &nothing,        &odd_array};
    if (number >= BOX_ARRAY)
        return own[number - BOX_ARRAY];
    const struct pg_type *known = KNOWN((uint32_t)number);
    ck_assert_msg(known, "type %d", number);
    return known;
}

/* The value alone in a row, rendered.  The text has an end that ASan sees. */
static enum cdc_value_kind render(const struct pg_type *type, wf_str text, struct buf *out)
{
    char *exact = malloc(text.len + !text.len);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text.ptr, text.len);
    struct pg_row row;
    pg_row_init(&row);
    wf_error err;
    ck_assert_int_eq(pg_row_begin(&row, 1, &err), WF_OK);
    pg_row_text(&row, type, (wf_str){exact, text.len});
    ck_assert_int_eq(pg_row_end(&row, &err), WF_OK);
    ck_assert_uint_eq(row.count, 1);
    buf_clear(out);
    render_value(out, &row.values[0]);
    ck_assert_int_eq(buf_status(out, "test", &err), WF_OK);
    ck_assert_int_eq(json_check(buf_view(out), "value", &err), WF_OK);
    ck_assert_uint_eq(row.text.level, 0);
    ck_assert_uint_eq(row.text.depth, 0);
    enum cdc_value_kind kind = row.values[0].kind;
    pg_row_release(&row);
    free(exact);
    return kind;
}

struct text_case {
    int type;
    const char *text;
    const char *json;
};

/* Values with one reading: nothing that is shorter reads the same. */
static const struct text_case whole_cases[] = {
    {1007, "{}", "[]"},
    {1007, "{1,NULL,-3}", "[1,null,-3]"},
    {1007, "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
    {1007, "{{{{{{1}}}}}}", "[[[[[[1]]]]]]"},
    {1007, "[2:4]={7,8,9}", "{\"bounds\":[[2,4]],\"values\":[7,8,9]}"},
    {1007, "[-1:0][5:5]={{1},{2}}", "{\"bounds\":[[-1,0],[5,5]],\"values\":[[1],[2]]}"},
    {1009, "{a,\"b c\",\"\",\"NULL\",NULL,\"q\\\"\\\\\",\"{},\"}",
     "[\"a\",\"b c\",\"\",\"NULL\",null,\"q\\\"\\\\\",\"{},\"]"},
    {1009, "{\"line\nend\",\xC3\xA9}", "[\"line\\nend\",\"\xC3\xA9\"]"},
    {1009, "{\xFF}", "[{\"base64\":\"/w==\"}]"},
    {1000, "{t,f,NULL}", "[true,false,null]"},
    {1022, "{1.5,NaN,-Infinity,1e+20,-0}", "[1.5,\"NaN\",\"-Infinity\",1e+20,-0]"},
    {1231, "{1.50,NaN,12345678901234567890.123}",
     "[\"1.50\",\"NaN\",\"12345678901234567890.123\"]"},
    {1001, "{\"\\\\x00ff\",\"\\\\x\",NULL}", "[\"AP8=\",\"\",null]"},
    {3807, "{\"{\\\"a\\\": [1, \\\"\\\\\\\\\\\"]}\",1,null,\"null\"}",
     "[{\"a\": [1, \"\\\\\"]},1,null,null]"},
    {3807, "{{1,\"[2]\"},{\"{}\",NULL}}",
     "{\"dimensions\":2,\"values\":[[1,[2]],[{},null]]}"},
    {3807, "[0:0]={\"[1]\"}", "{\"bounds\":[[0,0]],\"values\":[[1]]}"},
    {1006, "{\"1 2\",\"\",NULL}", "[[1,2],[],null]"},
    {1016, "{9223372036854775807,-9223372036854775808}",
     "[9223372036854775807,-9223372036854775808]"},
    {BOX_ARRAY, "{(1,1),(0,0);(2,2),(0,0)}", "[\"(1,1),(0,0)\",\"(2,2),(0,0)\"]"},
    {ODD_ARRAY, "{(1,a)|\"(2,\\\"b|\\\")\"}",
     "[{\"x\":1,\"y\\\"\":\"a\"},{\"x\":2,\"y\\\"\":\"b|\"}]"},
    {PAIR, "(1,abc)", "{\"x\":1,\"y\\\"\":\"abc\"}"},
    {PAIR, "(,)", "{\"x\":null,\"y\\\"\":null}"},
    {PAIR, "(1,\"\")", "{\"x\":1,\"y\\\"\":\"\"}"},
    {PAIR, "(1,\"a\"\"b\\\\c, (d)\")", "{\"x\":1,\"y\\\"\":\"a\\\"b\\\\c, (d)\"}"},
    {NOTHING, "()", "{}"},
    {NESTED,
     "(\"{1,2}\",\"(3,\"\"x y\"\")\",\"{\"\"k\"\": \"\"v\"\"}\",\"\\\\x616263\",\"[a,\"\"b "
     "c\"\"]\")",
     "{\"a\":[1,2],\"p\":{\"x\":3,\"y\\\"\":\"x y\"},\"j\":{\"k\": \"v\"},\"b\":\"YWJj\","
     "\"r\":{\"lower\":\"a\",\"upper\":\"b c\",\"bounds\":\"[]\"}}"},
    {NESTED_ARRAY, "{\"(,,,,)\",\"({1},\\\"(3,\\\"\\\"x y\\\"\\\")\\\",,,empty)\"}",
     "[{\"a\":null,\"p\":null,\"j\":null,\"b\":null,\"r\":null},"
     "{\"a\":[1],\"p\":{\"x\":3,\"y\\\"\":\"x y\"},\"j\":null,\"b\":null,"
     "\"r\":{\"empty\":true}}]"},
    {INT_RANGE, "[1,10)", "{\"lower\":1,\"upper\":10,\"bounds\":\"[)\"}"},
    {INT_RANGE, "(,)", "{\"lower\":null,\"upper\":null,\"bounds\":\"()\"}"},
    {INT_RANGE, "empty", "{\"empty\":true}"},
    {TEXT_RANGE, "[\"\",\"a \"\"b\"\" \\\\ ,])\"]",
     "{\"lower\":\"\",\"upper\":\"a \\\"b\\\" \\\\ ,])\",\"bounds\":\"[]\"}"},
    {RANGE_ARRAY, "{\"[a,b)\",empty,NULL,\"(,\\\"x y\\\"]\"}",
     "[{\"lower\":\"a\",\"upper\":\"b\",\"bounds\":\"[)\"},{\"empty\":true},null,"
     "{\"lower\":null,\"upper\":\"x y\",\"bounds\":\"(]\"}]"},
    {INT_MULTIRANGE, "{}", "[]"},
    {INT_MULTIRANGE, "{[1,3),[5,)}",
     "[{\"lower\":1,\"upper\":3,\"bounds\":\"[)\"},"
     "{\"lower\":5,\"upper\":null,\"bounds\":\"[)\"}]"},
};

/* Scalars, and what is no value of its type. */
static const struct text_case other_cases[] = {
    {16, "t", "true"},
    {16, "f", "false"},
    {16, "true", "\"true\""},
    {16, "", "\"\""},
    {17, "\\x", "\"\""},
    {17, "\\x00FF", "\"\\\\x00FF\""},
    {17, "\\xff00", "\"/wA=\""},
    {17, "\\xff0", "\"\\\\xff0\""},
    {17, "abc\\000", "\"abc\\\\000\""},
    {18, "\\200", "\"\\\\200\""},
    {20, "9223372036854775807", "9223372036854775807"},
    {20, "-9223372036854775808", "-9223372036854775808"},
    {20, "9223372036854775808", "9223372036854775808"},
    {20, "-9223372036854775809", "\"-9223372036854775809\""},
    {5069, "18446744073709551615", "18446744073709551615"},
    {5069, "18446744073709551616", "\"18446744073709551616\""},
    {5069, "99999999999999999999", "\"99999999999999999999\""},
    {5069, "184467440737095516150", "\"184467440737095516150\""},
    {21, "-0", "\"-0\""},
    {21, "007", "\"007\""},
    {21, "-", "\"-\""},
    {21, "+1", "\"+1\""},
    {21, " 1", "\" 1\""},
    {21, "1a", "\"1a\""},
    {21, "", "\"\""},
    {26, "4294967295", "4294967295"},
    {22, "1 -2 3", "[1,-2,3]"},
    {22, "", "[]"},
    {22, "1  2", "\"1  2\""},
    {22, "1 ", "\"1 \""},
    {30, "1 x", "\"1 x\""},
    {700, "3.4028235e+38", "3.4028235e+38"},
    {701, "NaN", "\"NaN\""},
    {701, "Infinity", "\"Infinity\""},
    {701, "1.", "\"1.\""},
    {701, ".5", "\".5\""},
    {701, "01", "\"01\""},
    {701, "1e", "\"1e\""},
    {701, "1e+", "\"1e+\""},
    {701, "-", "\"-\""},
    {701, "", "\"\""},
    {701, "0x10", "\"0x10\""},
    {114, " {\"a\" : 1e999 }\n", " {\"a\" : 1e999 }\n"},
    {114, "{\"a\":\"\xFF\"}", "{\"base64\":\"eyJhIjoi/yJ9\"}"},
    {114, "{\"a\":1} 2", "\"{\\\"a\\\":1} 2\""},
    {114, "", "\"\""},
    {3802, "123456789012345678901234567890.0001", "123456789012345678901234567890.0001"},
    {1700, "NaN", "\"NaN\""},
    {1184, "0044-03-15 00:00:00+00 BC", "\"0044-03-15 00:00:00+00 BC\""},
    {1114, "-infinity", "\"-infinity\""},
    {1007, "", "\"\""},
    {1007, "{", "\"{\""},
    {1007, "{1", "\"{1\""},
    {1007, "{1}}", "\"{1}}\""},
    {1007, "{1},{2}", "\"{1},{2}\""},
    {1007, "{1},", "\"{1},\""},
    {1007, "1", "\"1\""},
    {1007, "}", "\"}\""},
    {1007, "{,}", "\"{,}\""},
    {1007, "{{}}", "\"{{}}\""},
    {1007, "{{1},2}", "\"{{1},2}\""},
    {1007, "{1,{2}}", "\"{1,{2}}\""},
    {1007, "{{1}{2}}", "\"{{1}{2}}\""},
    {1007, "{{{{{{{1}}}}}}}", "\"{{{{{{{1}}}}}}}\""},
    {1007, "[1:2]{1,2}", "\"[1:2]{1,2}\""},
    {1007, "[1:2]", "\"[1:2]\""},
    {1007, "[1:a]={1}", "\"[1:a]={1}\""},
    {1007, "[1]={1}", "\"[1]={1}\""},
    {1007, "[1:1][1:1]={1}", "\"[1:1][1:1]={1}\""},
    {1007, "[1:1]={}", "\"[1:1]={}\""},
    {3807, "{{1,{2}}}", "\"{{1,{2}}}\""},
    {3807, "{{{{{{{1}}}}}}}", "\"{{{{{{{1}}}}}}}\""},
    {1007, "{1\\,2}", "\"{1\\\\,2}\""},
    {1007, "{\"1\\", "\"{\\\"1\\\\\""},
    {1007, "{\"1\"2}", "\"{\\\"1\\\"2}\""},
    {1007, "{x,1.5}", "[\"x\",\"1.5\"]"},
    {PAIR, "(1)", "\"(1)\""},
    {PAIR, "(1,2,3)", "\"(1,2,3)\""},
    {PAIR, "(1,2))", "\"(1,2))\""},
    {PAIR, "1,2", "\"1,2\""},
    {PAIR, "(1,\"2\"x)", "\"(1,\\\"2\\\"x)\""},
    {PAIR, "(x,2)", "{\"x\":\"x\",\"y\\\"\":\"2\"}"},
    {NOTHING, "(1)", "\"(1)\""},
    {INT_RANGE, "[1,2", "\"[1,2\""},
    {INT_RANGE, "[1;2]", "\"[1;2]\""},
    {INT_RANGE, "[1,2]]", "\"[1,2]]\""},
    {INT_RANGE, "EMPTY", "\"EMPTY\""},
    {INT_RANGE, "[a,2]", "{\"lower\":\"a\",\"upper\":2,\"bounds\":\"[]\"}"},
    {INT_MULTIRANGE, "{[1,2),}", "\"{[1,2),}\""},
    {INT_MULTIRANGE, "{[1,2)[3,4)}", "\"{[1,2)[3,4)}\""},
    {INT_MULTIRANGE, "{empty}", "\"{empty}\""},
};

static void check_case(const struct text_case *one)
{
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    render(type_of(one->type), str_from(one->text), &out);
    ck_assert_msg(str_is(buf_view(&out), one->json),
                  "type %d, text %s\n  gives %s\n  not   %s", one->type, one->text,
                  buf_c(&out), one->json);
}

START_TEST(text_of_several_parts_becomes_json)
{
    check_case(&whole_cases[_i]);
}
END_TEST

START_TEST(scalars_and_text_of_no_type_keep_every_byte)
{
    check_case(&other_cases[_i]);
}
END_TEST

START_TEST(text_cut_short_anywhere_is_a_string)
{
    const struct text_case *one = &whole_cases[_i];
    CDC_CLEANUP(buf_release) struct buf out;
    CDC_CLEANUP(buf_release) struct buf expected;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    buf_init(&expected, LIMIT_CONFIG_BYTES);
    for (size_t len = 0; one->text[len]; len++) {
        wf_str cut = {one->text, len};
        ck_assert_int_eq(render(type_of(one->type), cut, &out), CDC_VALUE_TEXT);
        buf_clear(&expected);
        json_put_text(&expected, cut);
        ck_assert(str_eq(buf_view(&out), buf_view(&expected)));
    }
}
END_TEST

START_TEST(any_byte_anywhere_is_a_value_all_the_same)
{
    const struct text_case *one = &whole_cases[_i];
    static const char bytes[] = "{}()[]\",;\\=:0N \xFF";
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    char text[256];
    size_t len = strlen(one->text);
    ck_assert_uint_lt(len, sizeof text);
    for (size_t at = 0; at < len; at++) {
        memcpy(text, one->text, len);
        for (size_t i = 0; i < sizeof bytes; i++) { /* with the NUL */
            text[at] = bytes[i];
            render(type_of(one->type), (wf_str){text, len}, &out);
        }
    }
}
END_TEST

START_TEST(scalars_borrow_their_text)
{
    static const int types[] = {25, 701, 3802};
    struct pg_row row;
    pg_row_init(&row);
    for (size_t i = 0; i < CDC_COUNT(types); i++) {
        wf_str text = STR("1.25");
        ck_assert_int_eq(pg_row_begin(&row, 1, NULL), WF_OK);
        pg_row_text(&row, type_of(types[i]), text);
        ck_assert_int_eq(pg_row_end(&row, NULL), WF_OK);
        ck_assert_ptr_eq(row.values[0].text.ptr, text.ptr);
    }
    ck_assert_uint_eq(row.text.out.cap, 0);
    pg_row_release(&row);
}
END_TEST

START_TEST(a_row_keeps_many_made_values_apart)
{
    struct pg_row row;
    struct pg_row other;
    pg_row_init(&row);
    pg_row_init(&other);
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    for (size_t columns = 3; columns < 400; columns *= 3) {
        ck_assert_int_eq(pg_row_begin(&row, columns + 2, NULL), WF_OK);
        for (size_t i = 0; i < columns; i++) {
            if (i % 3 == 0)
                pg_row_text(&row, type_of(17), STR("\\x616263"));
            else if (i % 3 == 1)
                pg_row_text(&row, type_of(1007), STR("{1,2,3,4,5,6,7,8,9}"));
            else
                pg_row_text(&row, type_of(25), STR("text"));
        }
        pg_row_kind(&row, CDC_VALUE_UNCHANGED);
        pg_row_kind(&row, CDC_VALUE_NULL);
        ck_assert_int_eq(pg_row_end(&row, NULL), WF_OK);
        ck_assert_int_eq(pg_row_begin(&other, columns, NULL), WF_OK);
        for (size_t i = 0; i < columns; i++)
            pg_row_copy(&other, &row.values[i]);
        ck_assert_int_eq(pg_row_end(&other, NULL), WF_OK);
        for (size_t i = 0; i < columns; i++) {
            buf_clear(&out);
            render_value(&out, &other.values[i]);
            ck_assert_str_eq(buf_c(&out), i % 3 == 0   ? "\"YWJj\""
                                          : i % 3 == 1 ? "[1,2,3,4,5,6,7,8,9]"
                                                       : "\"text\"");
        }
        ck_assert_int_eq(row.values[columns].kind, CDC_VALUE_UNCHANGED);
        ck_assert_int_eq(row.values[columns + 1].kind, CDC_VALUE_NULL);
    }
    pg_row_release(&row);
    pg_row_release(&other);
}
END_TEST

START_TEST(json_nested_deeper_than_an_event_may_be_is_a_string)
{
    CDC_CLEANUP(buf_release) struct buf text;
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    buf_init(&out, LIMIT_CONFIG_BYTES);
    for (size_t depth = PG_TEXT_DEPTH - 1; depth <= PG_TEXT_DEPTH + 1; depth++) {
        buf_clear(&text);
        for (size_t i = 0; i < 2 * depth; i++)
            buf_byte(&text, i < depth ? '[' : ']');
        enum cdc_value_kind kind = render(type_of(114), buf_view(&text), &out);
        ck_assert_int_eq(kind, depth <= PG_TEXT_DEPTH ? CDC_VALUE_JSON : CDC_VALUE_TEXT);
        buf_lit(&text, "}}");
        memmove(text.data + 1, text.data, text.len - 2);
        text.data[0] = '{';
        ck_assert_int_eq(render(type_of(199), buf_view(&text), &out), CDC_VALUE_JSON);
        ck_assert_int_eq(out.data[1], depth < PG_TEXT_DEPTH ? '[' : '"');
    }
}
END_TEST

START_TEST(memory_of_one_large_value_is_given_back)
{
    struct pg_row row;
    pg_row_init(&row);
    size_t len = 8u << 20;
    char *text = malloc(len);
    ck_assert_ptr_nonnull(text);
    memset(text, '0', len);
    memcpy(text, "\\x", 2);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pg_row_begin(&row, 1, NULL), WF_OK);
        pg_row_text(&row, type_of(17), i ? STR("\\x00") : (wf_str){text, len});
        ck_assert_int_eq(pg_row_end(&row, NULL), WF_OK);
    }
    ck_assert_uint_lt(row.text.out.cap, 1u << 20);
    pg_row_release(&row);
    free(text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_row");
    TCase *tc = tcase_create("pg_row");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_loop_test(tc, text_of_several_parts_becomes_json, 0,
                        (int)CDC_COUNT(whole_cases));
    tcase_add_loop_test(tc, scalars_and_text_of_no_type_keep_every_byte, 0,
                        (int)CDC_COUNT(other_cases));
    tcase_add_loop_test(tc, text_cut_short_anywhere_is_a_string, 0,
                        (int)CDC_COUNT(whole_cases));
    tcase_add_loop_test(tc, any_byte_anywhere_is_a_value_all_the_same, 0,
                        (int)CDC_COUNT(whole_cases));
    tcase_add_test(tc, scalars_borrow_their_text);
    tcase_add_test(tc, a_row_keeps_many_made_values_apart);
    tcase_add_test(tc, json_nested_deeper_than_an_event_may_be_is_a_string);
    tcase_add_test(tc, memory_of_one_large_value_is_given_back);
    suite_add_tcase(suite, tc);
    return suite;
}
