/* SPDX-License-Identifier: MIT
 *
 * Tests of base/clock.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/run.h"

#define SECOND_US INT64_C(1000000)

static const struct {
    int64_t us;
    const char *text;
} rows[] = {
    {0, "1970-01-01T00:00:00.000000Z"},
    {1, "1970-01-01T00:00:00.000001Z"},
    {-1, "1969-12-31T23:59:59.999999Z"},
    {1795341600123456, "2026-11-22T10:00:00.123456Z"},
    {1795341600120000, "2026-11-22T10:00:00.120000Z"},
    {951782400000000, "2000-02-29T00:00:00.000000Z"},
    {951868799999999, "2000-02-29T23:59:59.999999Z"},
    {951868800000000, "2000-03-01T00:00:00.000000Z"},
    {-2203891200000000, "1900-03-01T00:00:00.000000Z"},
    {-2203891200000001, "1900-02-28T23:59:59.999999Z"},
    {4107542400000000, "2100-03-01T00:00:00.000000Z"},
    {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
    {-62167219200000000, "0000-01-01T00:00:00.000000Z"},
    {-62167219200000001, "-0001-12-31T23:59:59.999999Z"},
    {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    {253402300800000000, "9999-12-31T23:59:59.999999Z"},
    {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
    {-377705116800000000, "-9999-01-01T00:00:00.000000Z"},
    {-377705116800000001, "-9999-01-01T00:00:00.000000Z"},
    {INT64_MIN, "-9999-01-01T00:00:00.000000Z"},
};

START_TEST(a_moment_has_its_rfc_3339_text)
{
    char text[CLOCK_TEXT];
    size_t len = clock_rfc3339(rows[_i].us, text);
    ck_assert_uint_le(len, CLOCK_TEXT);
    ck_assert_msg(str_is((wf_str){text, len}, rows[_i].text), "%.*s is not %s", (int)len,
                  text, rows[_i].text);
}
END_TEST

/* A day's step that is no whole number of days, over twelve thousand years, against
 * libc. */
START_TEST(every_date_agrees_with_libc)
{
    int64_t step_us = (86400 * 3 + 3607) * SECOND_US;
    int64_t end_us = 253402300800 * SECOND_US;
    for (int64_t us = -62167219200 * SECOND_US; us < end_us; us += step_us) {
        time_t seconds = (time_t)(us / SECOND_US);
        struct tm tm;
        char expected[64];
        char text[CLOCK_TEXT];
        ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
        int len = snprintf(expected, sizeof expected,
                           "%04d-%02d-%02dT%02d:%02d:%02d.000000Z", tm.tm_year + 1900,
                           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        size_t got = clock_rfc3339(us, text);
        if (got != (size_t)len || memcmp(text, expected, got) != 0)
            ck_abort_msg("%.*s is not %s", (int)got, text, expected);
    }
}
END_TEST

START_TEST(texts_of_times_are_in_the_order_of_the_times)
{
    static const int64_t around[] = {0, 951782400000000, 1795341600000000};
    char before[CLOCK_TEXT + 1], after[CLOCK_TEXT + 1];
    int64_t from = around[_i] - 2 * SECOND_US;
    before[clock_rfc3339(from, before)] = '\0';
    for (int64_t us = from + 500; us < from + 4 * SECOND_US; us += 500) {
        after[clock_rfc3339(us, after)] = '\0';
        if (strcmp(before, after) >= 0)
            ck_abort_msg("%s does not sort before %s", before, after);
        memcpy(before, after, sizeof before);
    }
}
END_TEST

START_TEST(the_clocks_agree_and_go_forward)
{
    int64_t before_ns = clock_mono_ns();
    int64_t before_ms = clock_mono_ms();
    int64_t wall_us = clock_wall_us();
    int64_t wall_s = (int64_t)time(NULL);
    ck_assert_int_ge(clock_mono_ns(), before_ns);
    ck_assert_int_ge(clock_mono_ms(), before_ms);
    ck_assert_int_ge(before_ms, before_ns / 1000000);
    ck_assert_int_le(wall_us / SECOND_US - 1, wall_s);
    ck_assert_int_le(wall_s, wall_us / SECOND_US + 60);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_moment_has_its_rfc_3339_text, 0, CDC_COUNT(rows));
    tcase_add_test(tcase, every_date_agrees_with_libc);
    tcase_add_loop_test(tcase, texts_of_times_are_in_the_order_of_the_times, 0, 3);
    tcase_add_test(tcase, the_clocks_agree_and_go_forward);
    suite_add_tcase(suite, tcase);
    return suite;
}
