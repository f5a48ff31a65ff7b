/* SPDX-License-Identifier: MIT
 *
 * step_thresholds - read as leniently as upstream does.
 */
#include "steps/step_thresholds.h"

#include <cjson/cJSON.h>

#include "base/str.h"

static const struct cdc_option step_thresholds_rows[] = {
    {.key = "lag_bytes",
     .type = CDC_OPTION_BYTES,
     .fallback = "1073741824",
     .help = "Critical from here on; a warning from 0.8 of it"},
    {.key = "lag_seconds",
     .type = CDC_OPTION_DURATION,
     .fallback = "300",
     .help = "Critical from here on, in seconds; a warning from 0.8 of it"},
    {.key = "headroom_bytes",
     .type = CDC_OPTION_BYTES,
     .fallback = "0",
     .help = "Critical below this much that the database may still write before it drops "
             "what is not confirmed; 0: not looked at"},
    {.key = NULL},
};

const struct cdc_nested step_thresholds_nested[] = {
    {"thresholds", step_thresholds_rows},
    {NULL, NULL},
};

static int64_t step_thresholds_of_double(double number, int64_t fallback)
{
    if (!(number >= 1))
        return fallback;
    return number < 9.0e18 ? (int64_t)number : INT64_MAX;
}

static int64_t step_thresholds_value(const cJSON *value, bool size, int64_t fallback)
{
    if (cJSON_IsNumber(value))
        return step_thresholds_of_double(value->valuedouble, fallback);
    if (!cJSON_IsString(value))
        return fallback;
    wf_str text = str_trim(str_from(value->valuestring));
    double number;
    uint64_t bytes;
    int64_t ms;
    if (str_to_double(text, &number))
        return step_thresholds_of_double(number, fallback);
    if (size && str_to_bytes(text, &bytes) && bytes <= INT64_MAX && bytes > 0)
        return (int64_t)bytes;
    if (!size && str_to_duration_ms(text, &ms) && ms >= 1000)
        return ms / 1000;
    return fallback;
}

struct monitor_thresholds step_thresholds_read(const struct step_call *call)
{
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(call->config, "thresholds");
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(map, "lag_bytes");
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(map, "lag_seconds");
    const cJSON *headroom = cJSON_GetObjectItemCaseSensitive(map, "headroom_bytes");
    return (struct monitor_thresholds){
        step_thresholds_value(bytes, true, MONITOR_RULES_LAG_BYTES),
        step_thresholds_value(seconds, false, MONITOR_RULES_LAG_SECONDS),
        step_thresholds_value(headroom, true, 0),
    };
}

struct monitor_lag step_thresholds_lag(const struct cdc_status *status)
{
    return (struct monitor_lag){
        status->lag.bytes > 0 ? status->lag.bytes : 0,
        status->lag.seconds > 0 ? status->lag.seconds : 0,
        status->lag.headroom_bytes,
    };
}

void step_thresholds_put(struct json_writer *w, struct monitor_lag lag,
                         enum monitor_status status)
{
    json_i64(w, "lag_bytes", lag.bytes);
    json_i64(w, "lag_seconds", lag.seconds);
    if (lag.headroom >= 0)
        json_i64(w, "headroom_bytes", lag.headroom);
    json_cstr(w, "status", monitor_rules_text(status));
}

void step_thresholds_put_limits(struct json_writer *w, struct monitor_thresholds thresholds)
{
    json_open(w, "thresholds", '{');
    json_i64(w, "lag_bytes", thresholds.bytes);
    json_i64(w, "lag_seconds", thresholds.seconds);
    if (thresholds.headroom)
        json_i64(w, "headroom_bytes", thresholds.headroom);
    json_close(w, '}');
}
