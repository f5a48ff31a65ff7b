/* SPDX-License-Identifier: MIT
 *
 * function_time - now, in Go's time layouts, and random UUIDs.
 *
 * A layout is a sample of the reference time, Mon Jan 2 15:04:05 2006 UTC; each of its
 * parts is replaced by the present one, everything else is kept.
 */
#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "host/lang/functions.h"

struct function_time_parts {
    struct tm tm;
    int32_t nanoseconds;
};

static const char *const function_time_months[] = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
static const char *const function_time_days[] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

struct function_time_layout {
    const char *name;
    const char *layout;
};

static const struct function_time_layout function_time_layouts[] = {
    {"ANSIC", "Mon Jan _2 15:04:05 2006"},
    {"UnixDate", "Mon Jan _2 15:04:05 MST 2006"},
    {"RubyDate", "Mon Jan 02 15:04:05 -0700 2006"},
    {"RFC822", "02 Jan 06 15:04 MST"},
    {"RFC822Z", "02 Jan 06 15:04 -0700"},
    {"RFC850", "Monday, 02-Jan-06 15:04:05 MST"},
    {"RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"},
    {"RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"},
    {"RFC3339", "2006-01-02T15:04:05Z07:00"},
    {"RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"},
    {"Kitchen", "3:04PM"},
    {"Stamp", "Jan _2 15:04:05"},
    {"StampMilli", "Jan _2 15:04:05.000"},
    {"StampMicro", "Jan _2 15:04:05.000000"},
    {"StampNano", "Jan _2 15:04:05.000000000"},
    {"DateTime", "2006-01-02 15:04:05"},
    {"DateOnly", "2006-01-02"},
    {"TimeOnly", "15:04:05"},
};

enum function_time_field {
    TIME_MONTH_NAME,
    TIME_MONTH_SHORT,
    TIME_DAY_NAME,
    TIME_DAY_SHORT,
    TIME_YEAR,
    TIME_YEAR_SHORT,
    TIME_MONTH_2,
    TIME_MONTH,
    TIME_DAY_OF_YEAR,
    TIME_DAY_2,
    TIME_DAY_SPACE,
    TIME_DAY,
    TIME_HOUR_24,
    TIME_HOUR_12_2,
    TIME_HOUR_12,
    TIME_MINUTE_2,
    TIME_MINUTE,
    TIME_SECOND_2,
    TIME_SECOND,
    TIME_PM,
    TIME_PM_SMALL,
    TIME_ZONE,
    TIME_Z,
    TIME_OFFSET,
    TIME_OFFSET_COLON,
};

/* Longer samples stand before their beginnings. */
static const struct {
    const char *sample;
    enum function_time_field field;
} function_time_samples[] = {
    {"January", TIME_MONTH_NAME},
    {"Jan", TIME_MONTH_SHORT},
    {"Monday", TIME_DAY_NAME},
    {"Mon", TIME_DAY_SHORT},
    {"MST", TIME_ZONE},
    {"2006", TIME_YEAR},
    {"002", TIME_DAY_OF_YEAR},
    {"01", TIME_MONTH_2},
    {"02", TIME_DAY_2},
    {"03", TIME_HOUR_12_2},
    {"04", TIME_MINUTE_2},
    {"05", TIME_SECOND_2},
    {"06", TIME_YEAR_SHORT},
    {"15", TIME_HOUR_24},
    {"1", TIME_MONTH},
    {"_2", TIME_DAY_SPACE},
    {"2", TIME_DAY},
    {"3", TIME_HOUR_12},
    {"4", TIME_MINUTE},
    {"5", TIME_SECOND},
    {"PM", TIME_PM},
    {"pm", TIME_PM_SMALL},
    {"Z07:00", TIME_Z},
    {"Z0700", TIME_Z},
    {"-07:00", TIME_OFFSET_COLON},
    {"-0700", TIME_OFFSET},
};

static void function_time_number(struct buf *out, int number, char fill)
{
    if (number < 10)
        buf_byte(out, fill);
    buf_i64(out, number);
}

/* Day, hour, minute and second in their several widths. */
static void function_time_clock(struct buf *out, enum function_time_field field,
                                const struct tm *tm)
{
    int hour = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
    switch (field) {
    case TIME_HOUR_24:
        function_time_number(out, tm->tm_hour, '0');
        break;
    case TIME_HOUR_12_2:
        function_time_number(out, hour, '0');
        break;
    case TIME_HOUR_12:
        buf_i64(out, hour);
        break;
    case TIME_MINUTE_2:
        function_time_number(out, tm->tm_min, '0');
        break;
    case TIME_MINUTE:
        buf_i64(out, tm->tm_min);
        break;
    case TIME_SECOND_2:
        function_time_number(out, tm->tm_sec, '0');
        break;
    case TIME_SECOND:
        buf_i64(out, tm->tm_sec);
        break;
    case TIME_PM:
        buf_cstr(out, tm->tm_hour < 12 ? "AM" : "PM");
        break;
    case TIME_PM_SMALL:
        buf_cstr(out, tm->tm_hour < 12 ? "am" : "pm");
        break;
    case TIME_ZONE:
        buf_lit(out, "UTC");
        break;
    case TIME_Z:
        buf_byte(out, 'Z');
        break;
    case TIME_OFFSET:
        buf_lit(out, "+0000");
        break;
    default:
        buf_lit(out, "+00:00");
        break;
    }
}

static void function_time_field(struct buf *out, enum function_time_field field,
                                const struct tm *tm)
{
    const char *month = function_time_months[tm->tm_mon];
    const char *day = function_time_days[tm->tm_wday];
    switch (field) {
    case TIME_MONTH_NAME:
        buf_cstr(out, month);
        break;
    case TIME_MONTH_SHORT:
        buf_append(out, month, 3);
        break;
    case TIME_DAY_NAME:
        buf_cstr(out, day);
        break;
    case TIME_DAY_SHORT:
        buf_append(out, day, 3);
        break;
    case TIME_YEAR:
        buf_i64(out, tm->tm_year + 1900);
        break;
    case TIME_YEAR_SHORT:
        function_time_number(out, tm->tm_year % 100, '0');
        break;
    case TIME_MONTH_2:
        function_time_number(out, tm->tm_mon + 1, '0');
        break;
    case TIME_MONTH:
        buf_i64(out, tm->tm_mon + 1);
        break;
    case TIME_DAY_OF_YEAR:
        buf_printf(out, "%03d", tm->tm_yday + 1);
        break;
    case TIME_DAY_2:
        function_time_number(out, tm->tm_mday, '0');
        break;
    case TIME_DAY_SPACE:
        function_time_number(out, tm->tm_mday, ' ');
        break;
    case TIME_DAY:
        buf_i64(out, tm->tm_mday);
        break;
    default:
        function_time_clock(out, field, tm);
        break;
    }
}

/* A fraction, ".000" (all digits) or ".999" (no zeros at the end): how many bytes of the
 * layout. */
static size_t function_time_fraction(struct buf *out, wf_str layout, int32_t nanoseconds)
{
    char digit = layout.len > 1 ? layout.ptr[1] : '\0';
    size_t len = 1;
    if ((layout.ptr[0] != '.' && layout.ptr[0] != ',') || (digit != '0' && digit != '9'))
        return 0;
    while (len < layout.len && layout.ptr[len] == digit)
        len++;
    bool more_digits = len < layout.len && layout.ptr[len] >= '0' && layout.ptr[len] <= '9';
    if (more_digits || len > 10)
        return 0;

    char digits[16];
    snprintf(digits, sizeof digits, "%09d", (int)nanoseconds);
    size_t shown = len - 1;
    while (digit == '9' && shown && digits[shown - 1] == '0')
        shown--;
    if (shown) {
        buf_byte(out, layout.ptr[0]);
        buf_append(out, digits, shown);
    }
    return len;
}

/* The part of the time that the layout begins with: how many bytes of it, 0 when none. */
static size_t function_time_sample(struct buf *out, wf_str layout, const struct tm *tm)
{
    for (size_t i = 0; i < CDC_COUNT(function_time_samples); i++) {
        wf_str sample = str_from(function_time_samples[i].sample);
        if (str_starts(layout, sample)) {
            function_time_field(out, function_time_samples[i].field, tm);
            return sample.len;
        }
    }
    return 0;
}

static void function_time_format(struct buf *out, wf_str layout,
                                 const struct function_time_parts *now)
{
    while (layout.len && !out->broken) {
        size_t len = function_time_fraction(out, layout, now->nanoseconds);
        if (!len)
            len = function_time_sample(out, layout, &now->tm);
        if (!len) {
            buf_byte(out, layout.ptr[0]);
            len = 1;
        }
        layout = str_slice(layout, len, layout.len);
    }
}

wf_status function_time_now(struct function_call *call, const struct value **out)
{
    struct function_time_parts now = {0};
    wf_str layout = STR("RFC3339");
    wf_status status = call->count ? functions_text(call, 0, &layout) : WF_OK;
    if (status)
        return status;
    if (!layout.len)
        layout = STR("RFC3339");
    for (size_t i = 0; i < CDC_COUNT(function_time_layouts); i++)
        if (str_is(layout, function_time_layouts[i].name)) {
            layout = str_from(function_time_layouts[i].layout);
            break;
        }

    int64_t wall_us = clock_wall_us();
    time_t seconds = (time_t)(wall_us / 1000000);
    now.nanoseconds = (int32_t)(wall_us % 1000000 * 1000);
    if (wall_us < 0 || !gmtime_r(&seconds, &now.tm))
        return error_set(call->err, WF_FAILED, "%s: the clock of this machine is wrong",
                         call->function->name);

    /* A part of one character becomes two ("1" in October), or nine for a name. */
    size_t room = layout.len > SIZE_MAX / 16 ? 0 : layout.len * 2 + 32;
    char *memory = room ? arena_alloc(call->arena, room) : NULL;
    if (!memory)
        return functions_no_memory(call);
    struct buf text;
    buf_fixed(&text, memory, room);
    function_time_format(&text, layout, &now);
    if (text.broken)
        return error_set(call->err, WF_FAILED, "%s: the layout is not supported",
                         call->function->name);
    return functions_give_text(call, buf_view(&text), out);
}

wf_status function_time_uuid(struct function_call *call, const struct value **out)
{
    unsigned char bytes[16];
    static const char hex[] = "0123456789abcdef";
    ssize_t got;
    do
        got = getrandom(bytes, sizeof bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof bytes)
        return error_set(call->err, WF_FAILED, "%s: no random bytes", call->function->name);
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); /* version 4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80); /* variant of RFC 9562 */

    char *text = arena_alloc(call->arena, 36);
    if (!text)
        return functions_no_memory(call);
    size_t len = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[len++] = '-';
        text[len++] = hex[bytes[i] >> 4];
        text[len++] = hex[bytes[i] & 15];
    }
    return functions_give_text(call, (wf_str){text, len}, out);
}
