/* SPDX-License-Identifier: MIT
 *
 * json_slice - finding members and elements in text that has been checked, and what escaped
 * strings stand for.
 *
 * Nothing here checks again.  Text that was never checked gives wrong answers, but every
 * step is bounded by the end of the view.
 */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/str.h"
#include "base/utf8.h"

static const char *json_pass_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* `at` is behind the opening quote; gives the closing one, or `end`. */
static const char *json_close_quote(const char *at, const char *end)
{
    for (;;) {
        at = json_scan_quote(at, end);
        if (at == end || *at == '"')
            return at;
        at = end - at < 2 ? end : at + 2;
    }
}

static const char *json_pass_string(const char *at, const char *end)
{
    at = json_close_quote(at + 1, end);
    return at < end ? at + 1 : end;
}

/* `at` is a bracket; passes everything up to its partner. */
static const char *json_pass_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        switch (*at) {
        case '"':
            at = json_pass_string(at, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return end;
}

static const char *json_pass_value(const char *at, const char *end)
{
    if (at == end)
        return end;
    if (*at == '"')
        return json_pass_string(at, end);
    if (*at == '{' || *at == '[')
        return json_pass_nested(at, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && (unsigned char)*at > ' ')
        at++;
    return at;
}

enum json_token json_kind(wf_str value)
{
    const char *end = value.ptr ? value.ptr + value.len : NULL;
    const char *at = json_pass_space(value.ptr, end);
    if (at == end)
        return JSON_BAD;
    switch (*at) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? JSON_NUMBER : JSON_BAD;
    }
}

struct json_iter json_iter_of(wf_str value)
{
    const char *at = value.ptr ? value.ptr : "";
    const char *end = at + (value.ptr ? value.len : 0);
    at = json_pass_space(at, end);
    if (at == end || (*at != '{' && *at != '['))
        return (struct json_iter){end, end, false};
    return (struct json_iter){at + 1, end, *at == '{'};
}

bool json_next(struct json_iter *it, wf_str *out_key, wf_str *out_value)
{
    const char *end = it->end;
    const char *at = json_pass_space(it->at, end);
    if (at < end && *at == ',')
        at = json_pass_space(at + 1, end);
    wf_str key = {at, 0};
    if (it->object && at < end && *at == '"') {
        const char *close = json_close_quote(at + 1, end);
        key = (wf_str){at + 1, (size_t)(close - at - 1)};
        at = json_pass_space(close < end ? close + 1 : end, end);
        if (at < end && *at == ':')
            at = json_pass_space(at + 1, end);
    }
    const char *value_end = json_pass_value(at, end);
    it->at = value_end;
    if (value_end == at) {
        it->at = end; /* the closing bracket, or text that was never checked */
        return false;
    }
    if (out_key)
        *out_key = key;
    *out_value = (wf_str){at, (size_t)(value_end - at)};
    return true;
}

bool json_member(wf_str object, const char *key, wf_str *out_value)
{
    struct json_iter it = json_iter_of(object);
    wf_str name;
    wf_str value;
    if (!it.object)
        return false;
    while (json_next(&it, &name, &value))
        if (json_key_is(name, key)) {
            *out_value = value;
            return true;
        }
    return false;
}

/* The number of four hexadecimal digits; -1 when they are none. */
static int32_t json_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        char letter = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            code = code * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            code = code * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* Decodes "\uXXXX", or two of them that are a surrogate pair. */
static const char *json_decode_code(const char *at, const char *end, char out[4],
                                    size_t *out_len)
{
    int32_t code = json_hex4(at + 2, end);
    if (code < 0) {
        out[0] = *at;
        *out_len = 1;
        return at + 1;
    }
    at += 6;
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = json_hex4(at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
        }
    }
    *out_len = utf8_encode((uint32_t)code, out);
    return at;
}

/* Decodes the escape at `at`, a backslash, and gives what follows it. */
static const char *json_decode_escape(const char *at, const char *end, char out[4],
                                      size_t *out_len)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    *out_len = 1;
    if (end - at < 2) {
        out[0] = *at;
        return end;
    }
    if (at[1] == 'u')
        return json_decode_code(at, end, out, out_len);
    const char *hit = memchr(from, at[1], sizeof from - 1);
    out[0] = hit ? to[hit - from] : at[1];
    return at + 2;
}

bool json_key_is(wf_str escaped_key, const char *name)
{
    if (escaped_key.len == 0)
        return name[0] == '\0';
    const char *at = escaped_key.ptr;
    const char *end = at + escaped_key.len;
    if (!memchr(at, '\\', escaped_key.len))
        return str_is(escaped_key, name);
    wf_str rest = str_from(name);
    while (at < end) {
        char text[4] = {*at};
        size_t len = 1;
        at = *at == '\\' ? json_decode_escape(at, end, text, &len) : at + 1;
        if (!str_starts(rest, (wf_str){text, len}))
            return false;
        rest = str_slice(rest, len, rest.len);
    }
    return rest.len == 0;
}

void json_unescape(struct buf *out, wf_str escaped)
{
    const char *at = escaped.ptr ? escaped.ptr : "";
    const char *end = at + (escaped.ptr ? escaped.len : 0);
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        if (!escape)
            escape = end;
        buf_append(out, at, (size_t)(escape - at));
        at = escape;
        if (at < end) {
            char text[4];
            size_t len;
            at = json_decode_escape(at, end, text, &len);
            buf_append(out, text, len);
        }
    }
}

bool json_plain_string(wf_str value, wf_str *out)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return false;
    wf_str content = str_slice(value, 1, value.len - 1);
    if (content.len > 0 && memchr(content.ptr, '\\', content.len))
        return false;
    *out = content;
    return true;
}
