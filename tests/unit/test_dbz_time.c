/* SPDX-License-Identifier: MIT
 *
 * Dates, times and intervals as PostgreSQL 15 writes them (TimeZone UTC, DateStyle ISO,
 * IntervalStyle iso_8601) for what Debezium 3.5 made of the same values.
 */
#include "providers/debezium/dbz_time.h"

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"

static struct buf out;

static void setup(void)
{
    buf_init(&out, LIMIT_TEXT_BYTES);
    buf_lit(&out, "<");
}

static void teardown(void)
{
    buf_release(&out);
}

static const struct {
    int64_t days;
    const char *text;
} dates[] = {
    {0, "1970-01-01"},
    {-1, "1969-12-31"},
    {20779, "2026-11-22"},
    {11016, "2000-02-29"},
    {11017, "2000-03-01"},
    {-25509, "1900-02-28"},
    {-25508, "1900-03-01"},
    {-141432, "1582-10-10"},
    {-719162, "0001-01-01"},
    {-719163, "0001-12-31 BC"},
    {-735160, "0044-03-15 BC"},
    {3672880, "12026-01-02"},
    {INT32_MAX, "5881580-07-11"},
    {INT32_MIN, "5877642-06-23 BC"},
    {-2147472692, "infinity"},
    {-2147472691, "-infinity"},
};

START_TEST(a_day_is_a_date)
{
    ck_assert(dbz_time_date(&out, dates[_i].days));
    ck_assert_str_eq(buf_c(&out) + 1, dates[_i].text);
}
END_TEST

START_TEST(a_day_that_no_calendar_has_is_refused)
{
    static const int64_t days[] = {INT64_MAX, INT64_MIN, INT64_C(1000000000001)};
    for (size_t i = 0; i < CDC_COUNT(days); i++)
        ck_assert(!dbz_time_date(&out, days[i]));
    ck_assert_str_eq(buf_c(&out), "<");
}
END_TEST

static void the_day_is(int64_t day, int year, int month, int of_month)
{
    char text[32];
    snprintf(text, sizeof text, "<%04d-%02d-%02d%s", year > 0 ? year : 1 - year, month,
             of_month, year > 0 ? "" : " BC");
    out.len = 1;
    dbz_time_date(&out, day);
    ck_assert_str_eq(buf_c(&out), text);
}

/* Each day is the one behind the day before, for a leap cycle on both sides of year 1. */
START_TEST(days_follow_one_another)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = -719528 - 146097; /* year -400 */
    for (int year = -400; year < 400; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 0; month < 12; month++) {
            for (int i = 1; i <= lengths[month] + (leap && month == 1); i++)
                the_day_is(day++, year, month + 1, i);
        }
    }
}
END_TEST

static const struct {
    enum dbz_time_unit unit;
    int64_t time;
    const char *text;
} clocks[] = {
    {DBZ_TIME_US, 36000500000, "10:00:00.5"},
    {DBZ_TIME_MS, 36000123, "10:00:00.123"},
    {DBZ_TIME_NS, 36000000000001, "10:00:00.000000001"},
    {DBZ_TIME_US, 86400000000, "24:00:00"},
    {DBZ_TIME_US, 0, "00:00:00"},
    {DBZ_TIME_US, -1, "-00:00:00.000001"},
    {DBZ_TIME_US, -3020399000000, "-838:59:59"},
    {DBZ_TIME_US, 3020399000000, "838:59:59"},
    {DBZ_TIME_MS, INT64_MIN, "-2562047788015:12:55.808"},
};

START_TEST(a_number_is_a_time_of_day)
{
    dbz_time_of_day(&out, clocks[_i].time, clocks[_i].unit);
    ck_assert_str_eq(buf_c(&out) + 1, clocks[_i].text);
}
END_TEST

static const struct {
    enum dbz_time_unit unit;
    int64_t time;
    const char *text;
} stamps[] = {
    {DBZ_TIME_US, 1795341600123456, "2026-11-22 10:00:00.123456"},
    {DBZ_TIME_MS, 1795341600120, "2026-11-22 10:00:00.12"},
    {DBZ_TIME_NS, 1795341600123456000, "2026-11-22 10:00:00.123456"},
    {DBZ_TIME_MS, -1, "1969-12-31 23:59:59.999"},
    {DBZ_TIME_US, -1, "1969-12-31 23:59:59.999999"},
    {DBZ_TIME_NS, -1, "1969-12-31 23:59:59.999999999"},
    {DBZ_TIME_US, -63517787999999999, "0044-03-15 10:00:00.000001 BC"},
    {DBZ_TIME_US, -62135683200000000, "0001-12-31 00:00:00 BC"},
    {DBZ_TIME_US, 317336843045000001, "12026-01-02 03:04:05.000001"},
    {DBZ_TIME_US, 9223372036825200000, "infinity"},
    {DBZ_TIME_US, -9223372036832400000, "-infinity"},
    {DBZ_TIME_MS, 9223372036825200, "infinity"},
    {DBZ_TIME_MS, -9223372036832400, "-infinity"},
    {DBZ_TIME_MS, INT64_MAX, "292278994-08-17 07:12:55.807"},
    {DBZ_TIME_MS, INT64_MIN, "292275056-05-16 16:47:04.192 BC"},
    {DBZ_TIME_NS, INT64_MAX, "2262-04-11 23:47:16.854775807"},
    {DBZ_TIME_NS, INT64_MIN, "1677-09-21 00:12:43.145224192"},
};

START_TEST(a_number_is_a_timestamp)
{
    dbz_time_timestamp(&out, stamps[_i].time, stamps[_i].unit);
    ck_assert_str_eq(buf_c(&out) + 1, stamps[_i].text);
}
END_TEST

static const struct {
    enum dbz_time_unit unit;
    int64_t time;
    const char *text;
} lengths[] = {
    {DBZ_TIME_US, 0, "PT0S"},
    {DBZ_TIME_US, -1000000, "PT-1S"},
    {DBZ_TIME_US, 3600000000, "PT1H"},
    {DBZ_TIME_US, 60000000, "PT1M"},
    {DBZ_TIME_US, 1, "PT0.000001S"},
    {DBZ_TIME_US, -500000, "PT-0.5S"},
    {DBZ_TIME_US, 37091106700000, "PT10303H5M6.7S"},
    {DBZ_TIME_NS, 1500000000, "PT1.5S"},
    {DBZ_TIME_US, INT64_MIN, "PT-2562047788H-54.775808S"},
};

START_TEST(a_number_is_a_length_of_time)
{
    dbz_time_duration(&out, lengths[_i].time, lengths[_i].unit);
    ck_assert_str_eq(buf_c(&out) + 1, lengths[_i].text);
}
END_TEST

enum iso { ISO_DATE, ISO_TIME, ISO_TIMESTAMP, ZONED_TIME, ZONED_TIMESTAMP, INTERVAL };

static bool convert(enum iso how, wf_str text)
{
    switch (how) {
    case ISO_DATE:
        return dbz_time_iso_date(&out, text);
    case ISO_TIME:
    case ZONED_TIME:
        return dbz_time_iso_time(&out, text, how == ZONED_TIME);
    case ISO_TIMESTAMP:
    case ZONED_TIMESTAMP:
        return dbz_time_iso_timestamp(&out, text, how == ZONED_TIMESTAMP);
    case INTERVAL:
        break;
    }
    return dbz_time_iso_interval(&out, text);
}

static const struct {
    enum iso how;
    const char *iso;
    const char *text; /* NULL: it is none */
} texts[] = {
    {ISO_DATE, "2026-11-22Z", "2026-11-22"},
    {ISO_DATE, "2026-11-22", "2026-11-22"},
    {ISO_DATE, "-0043-03-15Z", "0044-03-15 BC"},
    {ISO_DATE, "0000-12-31Z", "0001-12-31 BC"},
    {ISO_DATE, "+12026-01-02Z", "12026-01-02"},
    {ISO_DATE, "-5877611-06-21Z", "infinity"},
    {ISO_DATE, "-5877611-06-22Z", "-infinity"},
    {ISO_DATE, "2026-13-22Z", NULL},
    {ISO_DATE, "2026-00-22Z", NULL},
    {ISO_DATE, "2026-11-32Z", NULL},
    {ISO_DATE, "2026-11-22+02:00", NULL},
    {ISO_DATE, "2026-11-22ZZ", NULL},
    {ISO_DATE, "26-11-22", NULL},
    {ISO_DATE, "", NULL},
    {ISO_TIME, "10:00:00.5Z", "10:00:00.5"},
    {ISO_TIME, "10:00Z", "10:00:00"},
    {ISO_TIME, "00:00:00Z", "00:00:00"},
    {ISO_TIME, "25:00:00Z", NULL},
    {ISO_TIME, "10:60:00Z", NULL},
    {ISO_TIME, "10:00:00.Z", NULL},
    {ISO_TIME, "10", NULL},
    {ISO_TIMESTAMP, "2026-11-22T10:00:00.123456Z", "2026-11-22 10:00:00.123456"},
    {ISO_TIMESTAMP, "2026-11-22T10:00:00", "2026-11-22 10:00:00"},
    {ISO_TIMESTAMP, "-0043-03-15T10:00:00.000001Z", "0044-03-15 10:00:00.000001 BC"},
    {ISO_TIMESTAMP, "+294247-01-10T04:00:25.2Z", "infinity"},
    {ISO_TIMESTAMP, "-290308-12-21T19:59:27.6Z", "-infinity"},
    {ISO_TIMESTAMP, "2026-11-22 10:00:00", NULL},
    {ZONED_TIME, "08:00:00.25Z", "08:00:00.25+00"},
    {ZONED_TIME, "10:00:00-07:30", "10:00:00-07:30"},
    {ZONED_TIME, "10:00:00+02:00", "10:00:00+02"},
    {ZONED_TIME, "10:00:00", NULL},
    {ZONED_TIMESTAMP, "2026-11-22T09:00:00.500000Z", "2026-11-22 09:00:00.5+00"},
    {ZONED_TIMESTAMP, "2026-11-22T09:00:00.000000Z", "2026-11-22 09:00:00+00"},
    {ZONED_TIMESTAMP, "-0043-03-15T10:00:00.000000Z", "0044-03-15 10:00:00+00 BC"},
    {ZONED_TIMESTAMP, "2026-11-22T09:00:00+05:30", "2026-11-22 09:00:00+05:30"},
    {ZONED_TIMESTAMP, "2026-11-22T09:00:00+05:30:10", "2026-11-22 09:00:00+05:30:10"},
    {ZONED_TIMESTAMP, "2026-11-22T09:00:00+00:00:10", "2026-11-22 09:00:00+00:00:10"},
    {ZONED_TIMESTAMP, "infinity", NULL},
    {INTERVAL, "P1Y2M3DT4H5M6.7S", "P1Y2M3DT4H5M6.7S"},
    {INTERVAL, "P-1Y-2M3DT-4H-5M-6.000007S", "P-1Y-2M3DT-4H-5M-6.000007S"},
    {INTERVAL, "P0Y0M0DT0H0M0S", "PT0S"},
    {INTERVAL, "P0Y0M0DT0H0M-1S", "PT-1S"},
    {INTERVAL, "P0Y0M5DT0H0M0.0S", "P5D"},
    {INTERVAL, "P0Y0M0DT0H0M0.500000S", "PT0.5S"},
    {INTERVAL, "P178000000Y0M0DT0H0M0S", "P178000000Y"},
    {INTERVAL, "P1H", NULL},
    {INTERVAL, "PT1Y", NULL},
    {INTERVAL, "1 day", NULL},
    {INTERVAL, "P1", NULL},
    {INTERVAL, "", NULL},
};

START_TEST(iso_8601_is_read)
{
    bool read = convert(texts[_i].how, str_from(texts[_i].iso));
    ck_assert_int_eq(read, texts[_i].text != NULL);
    ck_assert_str_eq(buf_c(&out) + 1, read ? texts[_i].text : "");
}
END_TEST

/* What is cut stays inside its bounds, and leaves nothing behind when it is refused. */
START_TEST(iso_8601_may_be_cut_anywhere)
{
    size_t whole = strlen(texts[_i].iso);
    for (int how = ISO_DATE; how <= INTERVAL; how++) {
        for (size_t len = 0; len <= whole; len++) {
            char *copy = str_dup((wf_str){texts[_i].iso, len});
            out.len = 1;
            bool read = convert((enum iso)how, (wf_str){copy, len});
            ck_assert(read || out.len == 1);
            free(copy);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dbz_time");
    TCase *tc = tcase_create("dbz_time");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_day_is_a_date, 0, CDC_COUNT(dates));
    tcase_add_test(tc, a_day_that_no_calendar_has_is_refused);
    tcase_add_test(tc, days_follow_one_another);
    tcase_add_loop_test(tc, a_number_is_a_time_of_day, 0, CDC_COUNT(clocks));
    tcase_add_loop_test(tc, a_number_is_a_timestamp, 0, CDC_COUNT(stamps));
    tcase_add_loop_test(tc, a_number_is_a_length_of_time, 0, CDC_COUNT(lengths));
    tcase_add_loop_test(tc, iso_8601_is_read, 0, CDC_COUNT(texts));
    tcase_add_loop_test(tc, iso_8601_may_be_cut_anywhere, 0, CDC_COUNT(texts));
    suite_add_tcase(suite, tc);
    return suite;
}
