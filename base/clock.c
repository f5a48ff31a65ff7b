/* SPDX-License-Identifier: MIT
 *
 * clock - time: monotonic for waiting, wall for showing.
 *
 * Dates are computed from day numbers with the civil calendar counted in eras of 400 years
 * that begin on 1 March, so that the leap day is the last of its year.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#define CLOCK_DAY_US INT64_C(86400000000)
#define CLOCK_FIRST_US INT64_C(-377705116800000000) /* -9999-01-01T00:00:00Z */
#define CLOCK_LAST_US INT64_C(253402300799999999)   /*  9999-12-31T23:59:59.999999Z */
#define CLOCK_ERA_DAYS 146097                       /* 400 years */
#define CLOCK_EPOCH_DAY 719468                      /* 1970-01-01, from 0000-03-01 */

static int64_t clock_read_ns(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return clock_read_ns(CLOCK_REALTIME) / 1000;
}

static char *clock_two_digits(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

static char *clock_date(char *out, int64_t days)
{
    days += CLOCK_EPOCH_DAY;
    int64_t era = (days >= 0 ? days : days - (CLOCK_ERA_DAYS - 1)) / CLOCK_ERA_DAYS;
    unsigned day_of_era = (unsigned)(days - era * CLOCK_ERA_DAYS);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * march_month + 2) / 5 + 1;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
    int year = (int)(era * 400) + (int)year_of_era + (month <= 2 ? 1 : 0);

    if (year < 0)
        *out++ = '-';
    unsigned positive = (unsigned)(year < 0 ? -year : year);
    out = clock_two_digits(out, positive / 100);
    out = clock_two_digits(out, positive % 100);
    *out++ = '-';
    out = clock_two_digits(out, month);
    *out++ = '-';
    return clock_two_digits(out, day);
}

size_t clock_rfc3339(int64_t wall_us, char *out)
{
    if (wall_us < CLOCK_FIRST_US)
        wall_us = CLOCK_FIRST_US;
    if (wall_us > CLOCK_LAST_US)
        wall_us = CLOCK_LAST_US;
    int64_t days = wall_us / CLOCK_DAY_US;
    int64_t rest_us = wall_us % CLOCK_DAY_US;
    if (rest_us < 0) {
        days--;
        rest_us += CLOCK_DAY_US;
    }
    unsigned second = (unsigned)(rest_us / 1000000);
    unsigned micros = (unsigned)(rest_us % 1000000);

    char *at = clock_date(out, days);
    *at++ = 'T';
    at = clock_two_digits(at, second / 3600);
    *at++ = ':';
    at = clock_two_digits(at, second / 60 % 60);
    *at++ = ':';
    at = clock_two_digits(at, second % 60);
    *at++ = '.';
    at = clock_two_digits(at, micros / 10000);
    at = clock_two_digits(at, micros / 100 % 100);
    at = clock_two_digits(at, micros % 100);
    *at++ = 'Z';
    return (size_t)(at - out);
}
