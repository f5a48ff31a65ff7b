/* SPDX-License-Identifier: MIT
 *
 * Tests of base/reader.
 */
#include "base/compiler.h"
#include "base/reader.h"
#include "base/str.h"
#include "tests/support/run.h"

static const uint8_t message[] = {
    0x07, 0x01, 0x02, 0xFF, 0xFE, 0xFD, 0xFC,       /* u8, u16, u32 */
    0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, /* u64 */
    'n',  'a',  'm',  'e',  0,                      /* cstr */
    'a',  'b',  'c',                                /* str */
};

START_TEST(numbers_are_big_endian_and_in_order)
{
    struct reader r = reader_of(message, sizeof message);
    ck_assert_uint_eq(reader_u8(&r), 7);
    ck_assert_uint_eq(reader_u16(&r), 0x0102);
    ck_assert_uint_eq(reader_u32(&r), 0xFFFEFDFC);
    ck_assert_uint_eq(reader_u64(&r), UINT64_C(0x8001020304050607));
    ck_assert(str_is(reader_cstr(&r), "name"));
    ck_assert_uint_eq(reader_left(&r), 3);
    ck_assert(str_is(reader_str(&r, 3), "abc"));
    ck_assert_uint_eq(reader_left(&r), 0);
    ck_assert(!r.short_read);
}
END_TEST

START_TEST(a_message_cut_anywhere_is_a_short_read)
{
    struct reader r = reader_of(message, (size_t)_i);
    reader_u8(&r);
    reader_u16(&r);
    reader_u32(&r);
    reader_u64(&r);
    reader_cstr(&r);
    wf_str last = reader_str(&r, 3);
    ck_assert(r.short_read);
    ck_assert_uint_eq(last.len, 0);
    ck_assert_uint_eq(reader_left(&r), 0);
}
END_TEST

START_TEST(after_a_short_read_everything_reads_as_nothing)
{
    struct reader r = reader_of(message, sizeof message);
    ck_assert_ptr_null(reader_bytes(&r, sizeof message + 1));
    ck_assert_ptr_null(reader_bytes(&r, 0));
    ck_assert_uint_eq(reader_u8(&r), 0);
    ck_assert_uint_eq(reader_u16(&r), 0);
    ck_assert_uint_eq(reader_u32(&r), 0);
    ck_assert_uint_eq(reader_u64(&r), 0);
    ck_assert_uint_eq(reader_cstr(&r).len, 0);
    ck_assert(r.short_read);
}
END_TEST

START_TEST(a_length_as_large_as_memory_does_not_wrap)
{
    struct reader r = reader_of(message, sizeof message);
    reader_u8(&r);
    ck_assert_ptr_null(reader_bytes(&r, SIZE_MAX));
    ck_assert(r.short_read);
}
END_TEST

START_TEST(an_empty_view_can_be_read)
{
    struct reader r = reader_of(NULL, 0);
    ck_assert_uint_eq(reader_left(&r), 0);
    ck_assert_uint_eq(reader_str(&r, 0).len, 0);
    ck_assert(!r.short_read);
    ck_assert_uint_eq(reader_cstr(&r).len, 0);
    ck_assert(r.short_read);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("reader");
    TCase *tcase = tcase_create("reader");
    tcase_add_test(tcase, numbers_are_big_endian_and_in_order);
    tcase_add_loop_test(tcase, a_message_cut_anywhere_is_a_short_read, 0, sizeof message);
    tcase_add_test(tcase, after_a_short_read_everything_reads_as_nothing);
    tcase_add_test(tcase, a_length_as_large_as_memory_does_not_wrap);
    tcase_add_test(tcase, an_empty_view_can_be_read);
    suite_add_tcase(suite, tcase);
    return suite;
}
