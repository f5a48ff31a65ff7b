/* SPDX-License-Identifier: MIT
 *
 * Tests of base/buf.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "tests/support/run.h"

#define LIMIT 1000

START_TEST(appends_grow_the_buffer)
{
    struct buf b;
    buf_init(&b, LIMIT);
    buf_lit(&b, "one");
    buf_byte(&b, ' ');
    buf_cstr(&b, "two");
    buf_cstr(&b, NULL);
    buf_str(&b, STR_EMPTY);
    buf_str(&b, STR(" three"));
    buf_printf(&b, " %d%s", 4, "!");
    ck_assert(str_is(buf_view(&b), "one two three 4!"));
    ck_assert_str_eq(buf_c(&b), "one two three 4!");
    ck_assert_int_eq(buf_status(&b, "text", NULL), WF_OK);
    buf_release(&b);
    ck_assert_ptr_null(b.data);
    buf_release(&b);
}
END_TEST

/* Appends of every size against a limit, also byte by byte. */
START_TEST(a_buffer_holds_its_limit_and_not_a_byte_more)
{
    struct buf b;
    wf_error err;
    size_t step = (size_t)_i;
    char chunk[64];
    memset(chunk, 'x', sizeof chunk);
    buf_init(&b, LIMIT);
    while (b.len + step <= LIMIT)
        buf_append(&b, chunk, step);
    buf_append(&b, chunk, LIMIT - b.len);
    ck_assert_int_eq(buf_status(&b, "event", &err), WF_OK);
    ck_assert_uint_eq(b.len, LIMIT);
    ck_assert_uint_eq(strlen(buf_c(&b)), LIMIT);

    buf_append(&b, chunk, step);
    ck_assert_int_eq(b.broken, WF_CONFIG);
    buf_append(&b, chunk, 0);
    buf_printf(&b, "%d", 1);
    ck_assert_uint_eq(b.len, LIMIT);
    ck_assert_int_eq(buf_status(&b, "event", &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "event: longer than the 1000 bytes allowed");
    ck_assert_str_eq(buf_c(&b), "");
    ck_assert_ptr_null(buf_take(&b));

    buf_clear(&b);
    buf_lit(&b, "again");
    ck_assert_str_eq(buf_c(&b), "again");
    buf_release(&b);
}
END_TEST

START_TEST(sizes_near_the_largest_do_not_wrap)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_byte(&b, 'x');
    ck_assert(!buf_reserve(&b, SIZE_MAX));
    ck_assert_int_eq(b.broken, WF_CONFIG);
    buf_clear(&b);
    buf_byte(&b, 'x');
    buf_base64(&b, "", SIZE_MAX);
    ck_assert_int_eq(b.broken, WF_CONFIG);
    buf_release(&b);
}
END_TEST

START_TEST(no_memory_breaks_the_buffer)
{
    struct buf b;
    wf_error err;
    buf_init(&b, SIZE_MAX);
    ck_assert(!buf_reserve(&b, (size_t)PTRDIFF_MAX - 64));
    ck_assert_int_eq(buf_status(&b, "event", &err), WF_NO_MEMORY);
    ck_assert_str_eq(err.text, "event: out of memory");
    buf_release(&b);
}
END_TEST

START_TEST(a_fixed_buffer_never_leaves_its_memory)
{
    char memory[8] = "#######";
    struct buf b;
    buf_fixed(&b, memory, 4);
    buf_lit(&b, "abc");
    ck_assert_str_eq(buf_c(&b), "abc");
    buf_byte(&b, 'd');
    ck_assert(str_is(buf_view(&b), "abcd"));
    ck_assert_int_eq(b.broken, WF_OK);
    ck_assert_ptr_null(buf_take(&b));
    ck_assert_str_eq(buf_c(&b), "");
    ck_assert_int_eq(b.broken, WF_CONFIG);
    ck_assert_int_eq(memory[4], '#');
    buf_release(&b);
    ck_assert_int_eq(memory[0], 'a');
    buf_byte(&b, 'x');
    ck_assert_int_eq(b.broken, WF_CONFIG);
}
END_TEST

/* Around the size up to which no second pass is needed. */
START_TEST(printf_writes_texts_of_any_length)
{
    char text[600];
    size_t len = 505 + (size_t)_i;
    memset(text, 'y', len);
    text[len] = '\0';
    struct buf b;
    buf_init(&b, len + 2);
    buf_printf(&b, "<%s>", text);
    ck_assert_int_eq(b.broken, WF_OK);
    ck_assert_uint_eq(b.len, len + 2);
    ck_assert_int_eq(b.data[len + 1], '>');
    buf_release(&b);

    buf_init(&b, len + 1);
    buf_printf(&b, "<%s>", text);
    ck_assert_int_eq(b.broken, WF_CONFIG);
    ck_assert_uint_eq(b.len, 0);
    buf_release(&b);

    char memory[640];
    buf_fixed(&b, memory, sizeof memory);
    buf_printf(&b, "<%s>", text);
    ck_assert_uint_eq(b.len, len + 2);
}
END_TEST

START_TEST(integers_are_written_as_printf_would)
{
    static const int64_t numbers[] = {0,  1,   -1,  9,    10,    99,        100,
                                      -9, -10, -99, 1234, 99999, INT64_MIN, INT64_MAX};
    char expected[32];
    for (size_t i = 0; i < CDC_COUNT(numbers); i++) {
        struct buf b;
        buf_init(&b, LIMIT);
        buf_i64(&b, numbers[i]);
        snprintf(expected, sizeof expected, "%" PRId64, numbers[i]);
        ck_assert_str_eq(buf_c(&b), expected);
        buf_clear(&b);
        buf_u64(&b, (uint64_t)numbers[i]);
        snprintf(expected, sizeof expected, "%" PRIu64, (uint64_t)numbers[i]);
        ck_assert_str_eq(buf_c(&b), expected);
        buf_release(&b);
    }
}
END_TEST

/* Every power of ten and its neighbours. */
START_TEST(every_number_of_digits_is_right)
{
    uint64_t power = 1;
    for (int i = 0; i < _i; i++)
        power *= 10;
    for (uint64_t n = power - 1; n <= power + 1; n++) {
        char expected[32];
        struct buf b;
        buf_init(&b, LIMIT);
        buf_u64(&b, n);
        snprintf(expected, sizeof expected, "%" PRIu64, n);
        ck_assert_str_eq(buf_c(&b), expected);
        buf_release(&b);
    }
}
END_TEST

START_TEST(base64_matches_the_vectors_of_rfc_4648)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfb", "//77"},
    };
    for (size_t i = 0; i < CDC_COUNT(rows); i++) {
        struct buf b;
        buf_init(&b, LIMIT);
        buf_base64(&b, rows[i][0], strlen(rows[i][0]));
        ck_assert_str_eq(buf_c(&b), rows[i][1]);
        buf_release(&b);
    }
}
END_TEST

START_TEST(sql_quotes_are_doubled)
{
    struct buf b;
    buf_init(&b, LIMIT);
    buf_sql_quoted(&b, STR("it's"), '\'');
    buf_byte(&b, ' ');
    buf_sql_quoted(&b, STR("\"\"a"), '"');
    buf_byte(&b, ' ');
    buf_sql_quoted(&b, STR_EMPTY, '"');
    ck_assert_str_eq(buf_c(&b), "'it''s' \"\"\"\"\"a\" \"\"");
    buf_release(&b);
}
END_TEST

START_TEST(taking_the_memory_empties_the_buffer)
{
    struct buf b;
    buf_init(&b, LIMIT);
    char *nothing = buf_take(&b);
    ck_assert_str_eq(nothing, "");
    free(nothing);
    buf_lit(&b, "text");
    char *text = buf_take(&b);
    ck_assert_str_eq(text, "text");
    ck_assert_uint_eq(b.len, 0);
    ck_assert_ptr_null(b.data);
    free(text);
    buf_lit(&b, "more");
    ck_assert_str_eq(buf_c(&b), "more");
    buf_release(&b);
}
END_TEST

START_TEST(a_sink_appends_and_reports_a_full_buffer)
{
    struct buf b;
    buf_init(&b, 5);
    wf_sink sink = buf_sink(&b);
    ck_assert_int_eq(sink.write(sink.ctx, "abc", 3), WF_OK);
    ck_assert_int_eq(sink.write(sink.ctx, NULL, 0), WF_OK);
    ck_assert_int_eq(sink.write(sink.ctx, "def", 3), WF_CONFIG);
    ck_assert(str_is(buf_view(&b), "abc"));
    buf_release(&b);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_test(tcase, appends_grow_the_buffer);
    tcase_add_loop_test(tcase, a_buffer_holds_its_limit_and_not_a_byte_more, 1, 64);
    tcase_add_test(tcase, sizes_near_the_largest_do_not_wrap);
    tcase_add_test(tcase, no_memory_breaks_the_buffer);
    tcase_add_test(tcase, a_fixed_buffer_never_leaves_its_memory);
    tcase_add_loop_test(tcase, printf_writes_texts_of_any_length, 0, 12);
    tcase_add_test(tcase, integers_are_written_as_printf_would);
    tcase_add_loop_test(tcase, every_number_of_digits_is_right, 0, 20);
    tcase_add_test(tcase, base64_matches_the_vectors_of_rfc_4648);
    tcase_add_test(tcase, sql_quotes_are_doubled);
    tcase_add_test(tcase, taking_the_memory_empties_the_buffer);
    tcase_add_test(tcase, a_sink_appends_and_reports_a_full_buffer);
    suite_add_tcase(suite, tcase);
    return suite;
}
