/* SPDX-License-Identifier: MIT
 *
 * Numbers that come as bytes, and as Java's floating-point texts.
 */
#include "providers/debezium/dbz_decimal.h"

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"

static struct buf out;
static struct buf bytes;
static struct buf scratch;

static void setup(void)
{
    buf_init(&out, LIMIT_CONFIG_BYTES);
    buf_init(&bytes, LIMIT_CONFIG_BYTES);
    buf_init(&scratch, LIMIT_CONFIG_BYTES);
}

static void teardown(void)
{
    buf_release(&out);
    buf_release(&bytes);
    buf_release(&scratch);
}

static const struct {
    const char *base64;
    int64_t scale;
    const char *text;
} decimals[] = {
    {"AA==", 0, "0"},
    {"AA==", 2, "0.00"},
    {"AA==", -2, "0"},
    {"BBo=", 2, "10.50"},
    {"+Do=", 2, "-19.90"},
    {"/w==", 2, "-0.01"},
    {"/w==", 20, "-0.00000000000000000001"},
    {"gA==", 0, "-128"},
    {"AIA=", 0, "128"},
    {"f/////////8=", 0, "9223372036854775807"},
    {"gAAAAAAAAAA=", 0, "-9223372036854775808"},
    {"AP//////////", 0, "18446744073709551615"},
    {"/wAAAAAAAAAA", 0, "-18446744073709551616"},
    {"SztMqFqGxHoJiiI//////w==", 0, "99999999999999999999999999999999999999"},
    {"XODppWAV/sWq36MorjmBFQ==", 9, "123456789012345678901234567890.123456789"},
    {"DJ8snNBGdO3qQAAAAA==", 0, "1000000000000000000000000000000"},
    {"Eu7C6zhpr2TfYAAAAA==", 30, "1.500000000000000000000000000000"},
    {"ZA==", -3, "100000"},
    {"//////////////////////8=", 0, "-1"},
};

START_TEST(bytes_are_a_decimal)
{
    ck_assert(dbz_decimal_base64(&bytes, str_from(decimals[_i].base64)));
    ck_assert(dbz_decimal_put(&out, buf_view(&bytes), decimals[_i].scale, &scratch));
    ck_assert_str_eq(buf_c(&out), decimals[_i].text);
}
END_TEST

/* 2^n and -2^n by doubling decimal digits, against the division of the bytes. */
START_TEST(powers_of_two_of_any_size_are_exact)
{
    static unsigned char digits[700];
    size_t count = 1;
    digits[0] = 1;
    for (int power = 0; power < 2000; power++) {
        unsigned char number[256] = {0};
        size_t len = (size_t)power / 8 + 2;
        number[len - 1 - (size_t)power / 8] = (unsigned char)(1u << (power % 8));
        buf_clear(&out);
        ck_assert(dbz_decimal_put(&out, (wf_str){(char *)number, len}, 0, &scratch));
        ck_assert_uint_eq(out.len, count);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(out.data[i] - '0', digits[count - 1 - i]);
        for (size_t i = 0, carry = 1; i < len; i++) { /* its two's complement */
            size_t at = len - 1 - i;
            carry += (unsigned char)~number[at];
            number[at] = (unsigned char)carry;
            carry >>= 8;
        }
        buf_clear(&out);
        ck_assert(dbz_decimal_put(&out, (wf_str){(char *)number, len}, 0, &scratch));
        ck_assert_uint_eq(out.len, count + 1);
        ck_assert_int_eq(out.data[0], '-');
        unsigned carry = 0;
        for (size_t i = 0; i < count || carry; i++) {
            unsigned twice = (i < count ? digits[i] : 0u) * 2 + carry;
            digits[i] = (unsigned char)(twice % 10);
            carry = twice / 10;
            count = i < count ? count : i + 1;
        }
    }
}
END_TEST

START_TEST(decimals_beyond_all_bounds_are_refused)
{
    ck_assert(!dbz_decimal_put(&out, STR(""), 0, &scratch));
    ck_assert(!dbz_decimal_put(&out, STR("\x01"), DBZ_DECIMAL_SCALE + 1, &scratch));
    ck_assert(!dbz_decimal_put(&out, STR("\x01"), INT64_MIN, &scratch));
    ck_assert(!dbz_decimal_put(&out, STR("\x01"), INT64_MAX, &scratch));
    static char large[DBZ_DECIMAL_BYTES + 1] = {1};
    ck_assert(!dbz_decimal_put(&out, (wf_str){large, sizeof large}, 0, &scratch));
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

static const char *const no_base64[] = {"A",    "AA",   "AAA",  "A===",  "AA=A",
                                        "====", "A A=", "AA-_", "\"AAA", "AAAAA==="};

START_TEST(what_is_no_base64_is_refused)
{
    buf_lit(&out, "x");
    ck_assert(!dbz_decimal_base64(&out, str_from(no_base64[_i])));
    ck_assert_str_eq(buf_c(&out), "x");
}
END_TEST

START_TEST(base64_of_every_length_is_what_it_was)
{
    for (size_t len = 0; len < 100; len++) {
        char text[100];
        struct buf encoded;
        buf_init(&encoded, LIMIT_TEXT_BYTES);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(i * 37 + len);
        buf_base64(&encoded, text, len);
        buf_clear(&out);
        ck_assert(dbz_decimal_base64(&out, buf_view(&encoded)));
        ck_assert_uint_eq(out.len, len);
        ck_assert(!len || memcmp(out.data, text, len) == 0);
        buf_release(&encoded);
    }
}
END_TEST

static const struct {
    const char *java;
    const char *as_real;
    const char *as_double;
    const char *plain;
} floats[] = {
    {"0.0", "0", "0", "0"},
    {"-0.0", "-0", "-0", "0"},
    {"1.5", "1.5", "1.5", "1.5"},
    {"-19.9", "-19.9", "-19.9", "-19.9"},
    {"100.0", "100", "100", "100"},
    {"100000.0", "100000", "100000", "100000"},
    {"1000000.0", "1e+06", "1000000", "1000000"},
    {"1.6777216E7", "1.6777216e+07", "16777216", "16777216"},
    {"1.0E-10", "1e-10", "1e-10", "0.0000000001"},
    {"1.0E-4", "0.0001", "0.0001", "0.0001"},
    {"1.25E-5", "1.25e-05", "1.25e-05", "0.0000125"},
    {"1.0E15", "1e+15", "1e+15", "1000000000000000"},
    {"1.0E14", "1e+14", "100000000000000", "100000000000000"},
    {"1.2345678901234568E17", "1.2345678901234568e+17", "1.2345678901234568e+17",
     "123456789012345680"},
    {"1.7976931348623157E308", "1.7976931348623157e+308", "1.7976931348623157e+308", NULL},
    {"5", "5", "5", "5"},
    {"0.001", "0.001", "0.001", "0.001"},
    {"12e+2", "1200", "1200", "1200"},
    {"4.9E-324", "4.9e-324", "4.9e-324", NULL},
};

START_TEST(floating_point_is_written_as_postgresql_does)
{
    wf_str number = str_from(floats[_i].java);
    ck_assert(dbz_decimal_float(&out, number, false));
    ck_assert_str_eq(buf_c(&out), floats[_i].as_real);
    buf_clear(&out);
    ck_assert(dbz_decimal_float(&out, number, true));
    ck_assert_str_eq(buf_c(&out), floats[_i].as_double);
    buf_clear(&out);
    ck_assert(dbz_decimal_plain(&out, number));
    if (floats[_i].plain)
        ck_assert_str_eq(buf_c(&out), floats[_i].plain);
}
END_TEST

START_TEST(floating_point_without_measure_is_refused)
{
    static const char *const wild[] = {"1e999999999999999999999", "1e200000", "1e-200000",
                                       "1234567890123456789012345678901234567890.1", ""};
    for (size_t i = 0; i < CDC_COUNT(wild); i++) {
        ck_assert(!dbz_decimal_float(&out, str_from(wild[i]), true));
        ck_assert(!dbz_decimal_plain(&out, str_from(wild[i])));
    }
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_decimal");
    TCase *tc = tcase_create("dbz_decimal");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, bytes_are_a_decimal, 0, CDC_COUNT(decimals));
    tcase_add_test(tc, powers_of_two_of_any_size_are_exact);
    tcase_add_test(tc, decimals_beyond_all_bounds_are_refused);
    tcase_add_loop_test(tc, what_is_no_base64_is_refused, 0, CDC_COUNT(no_base64));
    tcase_add_test(tc, base64_of_every_length_is_what_it_was);
    tcase_add_loop_test(tc, floating_point_is_written_as_postgresql_does, 0,
                        CDC_COUNT(floats));
    tcase_add_test(tc, floating_point_without_measure_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
