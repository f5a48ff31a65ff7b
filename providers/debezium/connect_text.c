/* SPDX-License-Identifier: MIT
 *
 * connect_text - see the header.
 */
#include "providers/debezium/connect_text.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/debezium/connect_secrets.h"

#define CONNECT_TEXT_SHOWN 600 /* bytes of a reply in an error */

void connect_text_free(cJSON **json)
{
    cJSON_Delete(*json);
}

wf_status connect_text_parse(wf_str json, const char *what, cJSON **out, wf_error *err)
{
    wf_error why;
    if (json_check(json, what, &why))
        return error_set(err, WF_PROTOCOL, "%s", why.text);
    enum json_token kind = json_kind(str_trim(json));
    if (kind != JSON_OBJECT && kind != JSON_ARRAY)
        return error_set(err, WF_PROTOCOL, "%s is JSON, but neither an object nor a list",
                         what);
    *out = cJSON_ParseWithLength(json.ptr, json.len);
    /* It is JSON.  What cJSON refuses all the same is a NUL or half a character in a
     * string. */
    if (!*out && str_find(json, STR("\\u")) >= 0)
        return error_set(err, WF_PROTOCOL, "%s holds a character that is none", what);
    return *out ? WF_OK : error_no_memory(err);
}

static size_t connect_text_char(wf_str text, size_t at)
{
    size_t end = at + 1;
    while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
        end++;
    return end;
}

void connect_text_put_line(struct buf *out, wf_str text, size_t most)
{
    static const wf_str dots = {"...", 3};
    size_t room = out->limit - out->len;
    size_t left = most < room ? most : room;
    size_t start = out->len, last_fit = out->len;
    bool space = false;
    text = str_trim(text);
    for (size_t at = 0, next; at < text.len; at = next) {
        next = connect_text_char(text, at);
        unsigned char c = (unsigned char)text.ptr[at];
        if (c <= ' ' || c == 0x7f) {
            space = true;
            continue;
        }
        size_t used = out->len - start;
        if (used + space + (next - at) > left) {
            out->len = last_fit;
            buf_str(out, str_slice(dots, 0, left - (last_fit - start)));
            return;
        }
        if (space && used)
            buf_byte(out, ' ');
        space = false;
        buf_str(out, str_slice(text, at, next));
        if (out->len - start + dots.len <= left)
            last_fit = out->len;
    }
}

/* Leaves out <...>, and what stands between <style> or <script> and their ends. */
static void connect_text_put_plain(struct buf *out, wf_str html)
{
    bool tag = false;
    for (size_t i = 0; i < html.len; i++) {
        char c = html.ptr[i];
        if (c == '<')
            tag = true;
        if (!tag)
            buf_byte(out, c);
        else if (c == '>')
            buf_byte(out, ' ');
        if (c == '>')
            tag = false;
    }
}

void connect_text_put_reply(struct buf *out, const struct connect_secrets *secrets,
                            wf_str body)
{
    CDC_CLEANUP(buf_release) struct buf text;
    CDC_CLEANUP(connect_text_free) cJSON *reply = NULL;
    buf_init(&text, body.len + 1);
    const cJSON *message = NULL;
    if (connect_text_parse(body, "reply", &reply, NULL) == WF_OK)
        message = cJSON_GetObjectItemCaseSensitive(reply, "message");
    if (cJSON_IsString(message))
        buf_cstr(&text, message->valuestring);
    else if (str_starts(str_trim(body), STR("<")))
        connect_text_put_plain(&text, body);
    else
        buf_str(&text, body);
    if (text.broken || !text.len)
        return;
    for (size_t i = 0; i < text.len; i++)
        if (!text.data[i])
            text.data[i] = ' ';
    buf_c(&text);
    connect_secrets_hide(secrets, text.data);
    connect_text_put_line(out, str_from(text.data), CONNECT_TEXT_SHOWN);
}
