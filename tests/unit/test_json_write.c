/* SPDX-License-Identifier: MIT
 *
 * Tests of base/json: the writer.
 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "tests/support/run.h"

#define LIMIT 65536

static struct buf out;

static void begin(void)
{
    buf_init(&out, LIMIT);
}

static void end(void)
{
    buf_release(&out);
}

static const struct {
    wf_str text;
    const char *string; /* as json_put_string() writes it */
    const char *value;  /* as json_put_text() does; NULL: the same */
} strings[] = {
    {{NULL, 0}, "\"\"", NULL},
    {{"plain", 5}, "\"plain\"", NULL},
    {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\"", NULL},
    {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\"", NULL},
    {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\"", NULL},
    {{"gr\xC3\xBC\xC3\x9F"
      "e \xF0\x9F\x98\x80",
      12},
     "\"gr\xC3\xBC\xC3\x9F"
     "e \xF0\x9F\x98\x80\"",
     NULL},
    {{"\xFF", 1}, "\"\xEF\xBF\xBD\"", "{\"base64\":\"/w==\"}"},
    {{"a\xC3", 2}, "\"a\xEF\xBF\xBD\"", "{\"base64\":\"YcM=\"}"},
    {{"\xE2\x82x", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBDx\"", "{\"base64\":\"4oJ4\"}"},
    {{"\xC3\xA4\n\xED\xA0\x80", 6},
     "\"\xC3\xA4\\n\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"",
     "{\"base64\":\"w6QK7aCA\"}"},
};

START_TEST(a_string_is_quoted_and_escaped)
{
    json_put_string(&out, strings[_i].text);
    ck_assert_str_eq(buf_c(&out), strings[_i].string);
    ck_assert_int_eq(json_check(buf_view(&out), "text", NULL), WF_OK);
    buf_clear(&out);
    buf_lit(&out, "[");
    json_put_text(&out, strings[_i].text);
    const char *value = strings[_i].value;
    ck_assert_str_eq(buf_c(&out) + 1, value ? value : strings[_i].string);
}
END_TEST

/* Each byte value at each offset, and read back. */
START_TEST(every_byte_at_every_offset_survives)
{
    char text[50];
    struct buf back;
    buf_init(&back, LIMIT);
    memset(text, 'x', sizeof text);
    for (size_t at = 0; at < sizeof text; at++) {
        wf_str value;
        text[at] = (char)_i;
        buf_clear(&out);
        json_put_text(&out, (wf_str){text, sizeof text});
        ck_assert_int_eq(json_check(buf_view(&out), "text", NULL), WF_OK);
        buf_clear(&back);
        if (_i >= 0x80) {
            ck_assert(json_member(buf_view(&out), "base64", &value));
            buf_base64(&back, text, sizeof text);
            ck_assert(str_eq(str_slice(value, 1, value.len - 1), buf_view(&back)));
        } else {
            json_unescape(&back, str_slice(buf_view(&out), 1, out.len - 1));
            ck_assert(str_eq(buf_view(&back), (wf_str){text, sizeof text}));
        }
        text[at] = 'x';
    }
    buf_release(&back);
}
END_TEST

/* A fixed buffer of every size around the result's: never a byte outside, and full when it
 * fits. */
START_TEST(a_string_fits_exactly_or_breaks_the_buffer)
{
    wf_str text = STR("0123456789abcdef\n\"0123456789abcdef\xC3\xA4 tail\x01");
    json_put_string(&out, text);
    size_t need = out.len;
    for (size_t size = 0; size < need + 3; size++) {
        char *memory = malloc(size ? size : 1);
        struct buf fixed;
        buf_fixed(&fixed, memory, size);
        json_put_string(&fixed, text);
        ck_assert_int_eq(fixed.broken, size < need ? WF_CONFIG : WF_OK);
        if (size >= need)
            ck_assert(str_eq(buf_view(&fixed), buf_view(&out)));
        buf_fixed(&fixed, memory, size);
        json_put_text(&fixed, text);
        ck_assert_int_eq(fixed.broken, size < need ? WF_CONFIG : WF_OK);
        free(memory);
    }
}
END_TEST

START_TEST(bytes_are_written_as_base64)
{
    json_put_bytes(&out, STR("foob"));
    json_put_bytes(&out, STR_EMPTY);
    ck_assert_str_eq(buf_c(&out), "\"Zm9vYg==\"\"\"");
}
END_TEST

START_TEST(doubles_take_few_digits_and_no_locale)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-42, "-42"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {0.1 + 0.2, "0.30000000000000004"},
        {19.9, "19.9"},
        {-1234.000001, "-1234.000001"},
        {0.001, "0.001"},
        {0.0009, "0.0009"},
        {0.0010000001, "0.0010000001"},
        {999999999.123456, "999999999.123456"},
        {1000000000.5, "1000000000.5"},
        {2.0000000000000004, "2.0000000000000004"},
        {1e15, "1e15"},
        {1e22, "1e22"},
        {-1e-7, "-1e-7"},
        {123456789012345, "123456789012345"},
        {9007199254740993.0, "9007199254740992"},
        {DBL_MAX, "1.7976931348623157e308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {0x1p-1074, "5e-324"},
        {NAN, "\"NaN\""},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
    };
    /* Decimal commas, where the locale is installed. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < CDC_COUNT(rows); i++) {
        buf_clear(&out);
        json_put_double(&out, rows[i].value);
        ck_assert_str_eq(buf_c(&out), rows[i].text);
        ck_assert_int_eq(json_check(buf_view(&out), "number", NULL), WF_OK);
    }
}
END_TEST

START_TEST(floats_take_the_digits_of_a_float)
{
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {0.1f, "0.1"}, {16777216.0f, "16777216"}, {3.14159274f, "3.1415927"},
        {-5, "-5"},    {FLT_MAX, "3.4028235e38"}, {0x1p-149f, "1e-45"},
        {-0.0f, "-0"}, {1e10f, "1e10"},           {INFINITY, "\"Infinity\""},
    };
    for (size_t i = 0; i < CDC_COUNT(rows); i++) {
        buf_clear(&out);
        json_put_float(&out, rows[i].value);
        ck_assert_str_eq(buf_c(&out), rows[i].text);
    }
}
END_TEST

START_TEST(any_double_reads_back_as_itself)
{
    uint64_t bits = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 20000; i++) {
        double value;
        double back;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        buf_clear(&out);
        json_put_double(&out, value);
        ck_assert(str_to_double(buf_view(&out), &back));
        ck_assert_int_eq(memcmp(&value, &back, sizeof value), 0);
        ck_assert_int_eq(json_check(buf_view(&out), "number", NULL), WF_OK);
    }
}
END_TEST

START_TEST(the_writer_sets_the_commas)
{
    struct json_writer w = json_writer_of(&out);
    json_open(&w, NULL, '{');
    json_str(&w, "str", STR("a\"b"));
    json_cstr(&w, "cstr", "c");
    json_cstr(&w, "none", NULL);
    json_i64(&w, "i", INT64_MIN);
    json_u64(&w, "u", UINT64_MAX);
    json_open(&w, "list", '[');
    json_bool(&w, NULL, true);
    json_bool(&w, NULL, false);
    json_null(&w, NULL);
    json_open(&w, NULL, '[');
    json_close(&w, ']');
    json_open(&w, NULL, '{');
    json_close(&w, '}');
    json_close(&w, ']');
    json_raw(&w, "raw", STR("[1]"));
    json_raw(&w, "empty", STR_EMPTY);
    json_member_name(&w, STR("na\"me\n"));
    json_i64(&w, NULL, 1);
    json_member_name(&w, STR_EMPTY);
    json_open(&w, NULL, '{');
    json_member_name(&w, STR("x"));
    json_null(&w, NULL);
    json_close(&w, '}');
    json_close(&w, '}');
    static const char expected[] =
        "{\"str\":\"a\\\"b\",\"cstr\":\"c\",\"none\":\"\",\"i\":-9223372036854775808,"
        "\"u\":18446744073709551615,\"list\":[true,false,null,[],{}],\"raw\":[1],"
        "\"empty\":null,\"na\\\"me\\n\":1,\"\":{\"x\":null}}";
    ck_assert_str_eq(buf_c(&out), expected);
    ck_assert_int_eq(json_check(buf_view(&out), "text", NULL), WF_OK);
}
END_TEST

START_TEST(a_full_buffer_ends_the_writing_quietly)
{
    char memory[64];
    struct buf fixed;
    buf_fixed(&fixed, memory, (size_t)_i);
    struct json_writer w = json_writer_of(&fixed);
    json_open(&w, NULL, '{');
    json_str(&w, "key", STR("value"));
    json_member_name(&w, STR("name"));
    json_u64(&w, NULL, 123456);
    json_close(&w, '}');
    ck_assert_int_eq(buf_status(&fixed, "text", NULL), _i < 29 ? WF_CONFIG : WF_OK);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tcase = tcase_create("json_write");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, a_string_is_quoted_and_escaped, 0, CDC_COUNT(strings));
    tcase_add_loop_test(tcase, every_byte_at_every_offset_survives, 0, 256);
    tcase_add_test(tcase, a_string_fits_exactly_or_breaks_the_buffer);
    tcase_add_test(tcase, bytes_are_written_as_base64);
    tcase_add_test(tcase, doubles_take_few_digits_and_no_locale);
    tcase_add_test(tcase, floats_take_the_digits_of_a_float);
    tcase_add_test(tcase, any_double_reads_back_as_itself);
    tcase_add_test(tcase, the_writer_sets_the_commas);
    tcase_add_loop_test(tcase, a_full_buffer_ends_the_writing_quietly, 0, 40);
    suite_add_tcase(suite, tcase);
    return suite;
}
