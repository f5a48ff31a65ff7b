/* SPDX-License-Identifier: MIT
 *
 * dbz_time - the proleptic Gregorian calendar, as java.time and PostgreSQL have it.
 *
 * Infinity.  PostgreSQL's driver stands infinite dates and timestamps in with numbers, which
 * Debezium passes on (documentation of the PostgreSQL connector, "Temporal values"); no
 * database has these dates.  As nanoseconds they overflowed and cannot be known.
 */
#include "providers/debezium/dbz_time.h"

#include "base/str.h"

#define DBZ_TIME_DAY_SECONDS INT64_C(86400)
/* Dates of an int32_t and more; beyond, the arithmetic would not hold. */
#define DBZ_TIME_MOST_DAYS INT64_C(1000000000000)

#define DBZ_TIME_INFINITE_DATE INT64_C(-2147472692)
#define DBZ_TIME_MINUS_INFINITE_DATE INT64_C(-2147472691)
#define DBZ_TIME_INFINITE_MS INT64_C(9223372036825200)
#define DBZ_TIME_MINUS_INFINITE_MS INT64_C(-9223372036832400)

static const int64_t dbz_time_per_second[] = {1000, 1000000, 1000000000};
static const int dbz_time_digits[] = {3, 6, 9};

/* Downwards, whatever the sign. */
static int64_t dbz_time_divide(int64_t number, int64_t by, int64_t *out_rest)
{
    int64_t rest = number % by;
    int64_t whole = number / by;
    if (rest < 0) {
        rest += by;
        whole--;
    }
    *out_rest = rest;
    return whole;
}

/* At least `width` digits. */
static void dbz_time_number(struct buf *out, int64_t number, int width)
{
    char text[20];
    size_t at = sizeof text;
    for (; number > 0 || width > 0; number /= 10, width--)
        text[--at] = (char)('0' + number % 10);
    buf_append(out, text + at, sizeof text - at);
}

/* ".5"; nothing when it is none. */
static void dbz_time_fraction(struct buf *out, int64_t part, enum dbz_time_unit unit)
{
    if (!part)
        return;
    char text[9];
    int digits = dbz_time_digits[unit];
    for (int i = digits; i > 0; i--, part /= 10)
        text[i - 1] = (char)('0' + part % 10);
    while (text[digits - 1] == '0')
        digits--;
    buf_byte(out, '.');
    buf_append(out, text, (size_t)digits);
}

static const char *dbz_time_era(int64_t year)
{
    return year > 0 ? "" : " BC";
}

/* Year 0 is 1 BC.  The era stands at the very end, behind a time. */
static void dbz_time_civil(struct buf *out, int64_t year, int month, int day)
{
    dbz_time_number(out, year > 0 ? year : 1 - year, 4);
    buf_byte(out, '-');
    dbz_time_number(out, month, 2);
    buf_byte(out, '-');
    dbz_time_number(out, day, 2);
}

/* The date of a day since 1970-01-01; gives its year.  Counted in eras of 400 years that
 * begin on the first of March, so that the leap day is a year's last. */
static int64_t dbz_time_day(struct buf *out, int64_t days)
{
    int64_t of_era;
    int64_t era = dbz_time_divide(days + 719468, 146097, &of_era);
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    int day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    int64_t year = year_of_era + era * 400 + (month <= 2);
    dbz_time_civil(out, year, month, day);
    return year;
}

bool dbz_time_date(struct buf *out, int64_t days)
{
    if (days == DBZ_TIME_INFINITE_DATE) {
        buf_lit(out, "infinity");
        return true;
    }
    if (days == DBZ_TIME_MINUS_INFINITE_DATE) {
        buf_lit(out, "-infinity");
        return true;
    }
    if (days > DBZ_TIME_MOST_DAYS || days < -DBZ_TIME_MOST_DAYS)
        return false;
    buf_cstr(out, dbz_time_era(dbz_time_day(out, days)));
    return true;
}

static void dbz_time_clock(struct buf *out, int64_t seconds)
{
    dbz_time_number(out, seconds / 3600, 2);
    buf_byte(out, ':');
    dbz_time_number(out, seconds / 60 % 60, 2);
    buf_byte(out, ':');
    dbz_time_number(out, seconds % 60, 2);
}

/* Seconds and the part of one, of a length without its sign. */
static int64_t dbz_time_split(int64_t time, enum dbz_time_unit unit, int64_t *out_part)
{
    uint64_t length = time < 0 ? 0 - (uint64_t)time : (uint64_t)time;
    uint64_t second = (uint64_t)dbz_time_per_second[unit];
    *out_part = (int64_t)(length % second);
    return (int64_t)(length / second);
}

void dbz_time_of_day(struct buf *out, int64_t time, enum dbz_time_unit unit)
{
    int64_t part;
    int64_t seconds = dbz_time_split(time, unit, &part);
    if (time < 0)
        buf_byte(out, '-');
    dbz_time_clock(out, seconds);
    dbz_time_fraction(out, part, unit);
}

static bool dbz_time_infinite(struct buf *out, int64_t time, enum dbz_time_unit unit)
{
    int64_t factor = unit == DBZ_TIME_US ? 1000 : 1;
    if (unit == DBZ_TIME_NS)
        return false;
    if (time == DBZ_TIME_INFINITE_MS * factor)
        buf_lit(out, "infinity");
    else if (time == DBZ_TIME_MINUS_INFINITE_MS * factor)
        buf_lit(out, "-infinity");
    else
        return false;
    return true;
}

void dbz_time_timestamp(struct buf *out, int64_t time, enum dbz_time_unit unit)
{
    if (dbz_time_infinite(out, time, unit))
        return;
    int64_t part;
    int64_t of_day;
    int64_t seconds = dbz_time_divide(time, dbz_time_per_second[unit], &part);
    int64_t days = dbz_time_divide(seconds, DBZ_TIME_DAY_SECONDS, &of_day);
    int64_t year = dbz_time_day(out, days);
    buf_byte(out, ' ');
    dbz_time_clock(out, of_day);
    dbz_time_fraction(out, part, unit);
    buf_cstr(out, dbz_time_era(year));
}

static void dbz_time_duration_part(struct buf *out, bool negative, int64_t number,
                                   char letter)
{
    if (!number)
        return;
    if (negative)
        buf_byte(out, '-');
    buf_i64(out, number);
    buf_byte(out, letter);
}

void dbz_time_duration(struct buf *out, int64_t time, enum dbz_time_unit unit)
{
    int64_t part;
    int64_t seconds = dbz_time_split(time, unit, &part);
    buf_lit(out, "PT");
    dbz_time_duration_part(out, time < 0, seconds / 3600, 'H');
    dbz_time_duration_part(out, time < 0, seconds / 60 % 60, 'M');
    if (!time || seconds % 60 || part) {
        if (time < 0)
            buf_byte(out, '-');
        buf_i64(out, seconds % 60);
        dbz_time_fraction(out, part, unit);
        buf_byte(out, 'S');
    }
}

/* ---- ISO 8601 ---------------------------------------------------------------------------- */

struct dbz_time_scan {
    const char *at;
    const char *end;
};

static struct dbz_time_scan dbz_time_scan_of(wf_str text)
{
    const char *at = text.ptr ? text.ptr : "";
    return (struct dbz_time_scan){at, at + (text.ptr ? text.len : 0)};
}

static bool dbz_time_take(struct dbz_time_scan *scan, char c)
{
    bool there = scan->at < scan->end && *scan->at == c;
    scan->at += there;
    return there;
}

/* `least` to `most` digits. */
static bool dbz_time_digits_of(struct dbz_time_scan *scan, int least, int most,
                               int64_t *out)
{
    const char *from = scan->at;
    int64_t number = 0;
    while (scan->at < scan->end && scan->at - from < most &&
           (unsigned char)(*scan->at - '0') <= 9)
        number = number * 10 + (*scan->at++ - '0');
    *out = number;
    return scan->at - from >= least;
}

/* [+-]YYYY-MM-DD, of any year. */
static bool dbz_time_read_date(struct buf *out, struct dbz_time_scan *scan,
                               int64_t *out_year)
{
    bool negative = dbz_time_take(scan, '-');
    if (!negative)
        dbz_time_take(scan, '+');
    int64_t year;
    int64_t month;
    int64_t day;
    if (!dbz_time_digits_of(scan, 4, 10, &year) || !dbz_time_take(scan, '-') ||
        !dbz_time_digits_of(scan, 2, 2, &month) || !dbz_time_take(scan, '-') ||
        !dbz_time_digits_of(scan, 2, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return false;
    *out_year = negative ? -year : year;
    dbz_time_civil(out, *out_year, (int)month, (int)day);
    return true;
}

/* Digits behind the point, without zeros at their end. */
static bool dbz_time_copy_fraction(struct buf *out, struct dbz_time_scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && (unsigned char)(*scan->at - '0') <= 9)
        scan->at++;
    const char *end = scan->at;
    while (end > from && end[-1] == '0')
        end--;
    if (end > from) {
        buf_byte(out, '.');
        buf_append(out, from, (size_t)(end - from));
    }
    return scan->at > from;
}

/* HH:MM[:SS[.fraction]] */
static bool dbz_time_read_clock(struct buf *out, struct dbz_time_scan *scan)
{
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    if (!dbz_time_digits_of(scan, 2, 2, &hour) || !dbz_time_take(scan, ':') ||
        !dbz_time_digits_of(scan, 2, 2, &minute))
        return false;
    if (dbz_time_take(scan, ':') && !dbz_time_digits_of(scan, 2, 2, &second))
        return false;
    if (hour > 24 || minute > 59 || second > 60)
        return false;
    dbz_time_clock(out, hour * 3600 + minute * 60);
    out->len -= out->broken ? 0 : 2;
    dbz_time_number(out, second, 2);
    return !dbz_time_take(scan, '.') || dbz_time_copy_fraction(out, scan);
}

/* Z, +HH, +HH:MM or +HH:MM:SS; as PostgreSQL, without minutes that are none. */
static bool dbz_time_read_zone(struct buf *out, struct dbz_time_scan *scan, bool zone)
{
    char sign = dbz_time_take(scan, '-') ? '-' : '+';
    int64_t parts[3] = {0, 0, 0};
    if (sign == '+' && !dbz_time_take(scan, '+')) {
        if (!dbz_time_take(scan, 'Z'))
            return !zone;
    } else {
        for (int i = 0; i < 3 && (i == 0 || dbz_time_take(scan, ':')); i++)
            if (!dbz_time_digits_of(scan, 2, 2, &parts[i]))
                return false;
    }
    if (!zone)
        return !parts[0] && !parts[1] && !parts[2];
    buf_byte(out, sign);
    dbz_time_number(out, parts[0], 2);
    for (int i = 1; i < 3 && (parts[i] || (i == 1 && parts[2])); i++) {
        buf_byte(out, ':');
        dbz_time_number(out, parts[i], 2);
    }
    return true;
}

/* Takes back what was appended when the text was none. */
static bool dbz_time_ends(struct buf *out, size_t len, const struct dbz_time_scan *scan,
                          bool good)
{
    if (good && scan->at == scan->end)
        return true;
    if (out->len > len)
        out->len = len;
    return false;
}

/* Texts that stand for infinity. */
static bool dbz_time_iso_infinite(struct buf *out, wf_str text)
{
    if (str_is(text, "-5877611-06-21Z") || str_is(text, "+294247-01-10T04:00:25.2Z"))
        buf_lit(out, "infinity");
    else if (str_is(text, "-5877611-06-22Z") || str_is(text, "-290308-12-21T19:59:27.6Z"))
        buf_lit(out, "-infinity");
    else
        return false;
    return true;
}

bool dbz_time_iso_date(struct buf *out, wf_str text)
{
    struct dbz_time_scan scan = dbz_time_scan_of(text);
    size_t len = out->len;
    int64_t year = 1;
    if (dbz_time_iso_infinite(out, text))
        return true;
    bool good =
        dbz_time_read_date(out, &scan, &year) && dbz_time_read_zone(out, &scan, false);
    buf_cstr(out, dbz_time_era(year));
    return dbz_time_ends(out, len, &scan, good);
}

bool dbz_time_iso_time(struct buf *out, wf_str text, bool zone)
{
    struct dbz_time_scan scan = dbz_time_scan_of(text);
    size_t len = out->len;
    bool good = dbz_time_read_clock(out, &scan) && dbz_time_read_zone(out, &scan, zone);
    return dbz_time_ends(out, len, &scan, good);
}

bool dbz_time_iso_timestamp(struct buf *out, wf_str text, bool zone)
{
    struct dbz_time_scan scan = dbz_time_scan_of(text);
    size_t len = out->len;
    int64_t year = 1;
    if (dbz_time_iso_infinite(out, text))
        return true;
    bool good = dbz_time_read_date(out, &scan, &year) && dbz_time_take(&scan, 'T');
    buf_byte(out, ' ');
    good = good && dbz_time_read_clock(out, &scan) && dbz_time_read_zone(out, &scan, zone);
    buf_cstr(out, dbz_time_era(year));
    return dbz_time_ends(out, len, &scan, good);
}

/* [-]digits[.digits] and a letter; `*time`: a T was written already. */
static bool dbz_time_read_part(struct buf *out, struct dbz_time_scan *scan, bool behind_t,
                               bool *time)
{
    const char *from = scan->at;
    int64_t number;
    dbz_time_take(scan, '-');
    if (!dbz_time_digits_of(scan, 1, 18, &number))
        return false;
    const char *whole = scan->at;
    const char *end = whole;
    if (dbz_time_take(scan, '.')) {
        if (!dbz_time_digits_of(scan, 1, 9, &(int64_t){0}))
            return false;
        end = scan->at;
        while (end > whole && end[-1] == '0')
            end--;
        end -= end == whole + 1;
    }
    const char *letters = behind_t ? "HMS" : "YMWD";
    if (scan->at == scan->end || !memchr(letters, *scan->at, strlen(letters)))
        return false;
    char letter = *scan->at++;
    if (!number && end == whole)
        return true;
    if (behind_t && !*time)
        buf_byte(out, 'T');
    *time = behind_t;
    buf_append(out, from, (size_t)(end - from));
    buf_byte(out, letter);
    return true;
}

bool dbz_time_iso_interval(struct buf *out, wf_str text)
{
    struct dbz_time_scan scan = dbz_time_scan_of(text);
    size_t len = out->len;
    bool good = dbz_time_take(&scan, 'P');
    bool behind_t = false;
    bool time = false;
    buf_byte(out, 'P');
    while (good && scan.at < scan.end) {
        if (!behind_t && dbz_time_take(&scan, 'T'))
            behind_t = true;
        good = dbz_time_read_part(out, &scan, behind_t, &time);
    }
    if (good && out->len == len + 1)
        buf_lit(out, "T0S");
    return dbz_time_ends(out, len, &scan, good);
}
