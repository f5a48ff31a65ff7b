/* SPDX-License-Identifier: MIT
 *
 * config_text - checked by base/json, which is strict, and then made a tree by cJSON, which
 * is not.
 */
#include "plugin/core/config_text.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* The code unit of "\uXXXX" at `at`, whose digits were checked before. */
static unsigned config_text_unit(const char *at)
{
    unsigned unit = 0;
    for (int i = 2; i < 6; i++) {
        unsigned c = (unsigned char)at[i];
        unit = unit * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

static bool config_text_is_low(const char *at, const char *end)
{
    return end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
           config_text_unit(at) >> 10 == 0xDC00 >> 10;
}

/* What is wrong with the escapes of a checked string, or NULL. */
static const char *config_text_escapes(wf_str escaped)
{
    const char *end = escaped.ptr + escaped.len;
    for (const char *at = escaped.ptr; at < end; at++) {
        if (*at != '\\')
            continue;
        if (at[1] != 'u') {
            at++;
            continue;
        }
        unsigned unit = config_text_unit(at);
        if (unit == 0)
            return "a string holds a NUL";
        if (unit >> 11 == 0xD800 >> 11) {
            if (unit >= 0xDC00 || !config_text_is_low(at + 6, end))
                return "a string holds half a surrogate pair";
            at += 6;
        }
        at += 5;
    }
    return NULL;
}

wf_status config_text_check(wf_str text, wf_error *err)
{
    if (!text.ptr || !text.len)
        return WF_OK;
    if (text.len > LIMIT_CONFIG_BYTES)
        return error_set(err, WF_CONFIG,
                         "config: it has %zu bytes, at most %u are possible", text.len,
                         LIMIT_CONFIG_BYTES);
    struct json_reader r = json_reader_of(text);
    enum json_token token = json_read(&r);
    if (token != JSON_OBJECT && token != JSON_BAD)
        return error_set(err, WF_CONFIG, "config: it must be a JSON object");
    while (token > JSON_BAD) {
        bool string = token == JSON_KEY || token == JSON_STRING;
        const char *wrong = string && r.escaped ? config_text_escapes(r.text) : NULL;
        if (wrong)
            return error_set(err, WF_CONFIG, "config: %s before byte %zu", wrong,
                             (size_t)(r.at - r.start));
        token = json_read(&r);
    }
    return token == JSON_BAD ? json_error(&r, "config", err) : WF_OK;
}

wf_status config_text_parse(wf_str text, cJSON **out, wf_error *err)
{
    wf_status status = config_text_check(text, err);
    if (status)
        return status;
    bool empty = !text.ptr || !text.len;
    cJSON *config =
        empty ? cJSON_CreateObject() : cJSON_ParseWithLength(text.ptr, text.len);
    /* What was checked can only fail for want of memory. */
    if (!config)
        return error_no_memory(err);
    *out = config;
    return WF_OK;
}

void config_text_free(cJSON **config)
{
    cJSON_Delete(*config);
    *config = NULL;
}
