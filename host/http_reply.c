/* SPDX-License-Identifier: MIT
 *
 * http_reply - the answer to one HTTP request, collected before anything is sent.
 */
#include "host/http_reply.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

void http_reply_init(struct http_reply *reply)
{
    reply->status = 0;
    buf_init(&reply->headers, HTTP_REPLY_HEADER_BYTES);
    buf_init(&reply->body, LIMIT_OUTPUT_BYTES);
}

void http_reply_release(struct http_reply *reply)
{
    buf_release(&reply->headers);
    buf_release(&reply->body);
    reply->status = 0;
}

void http_reply_clear(struct http_reply *reply)
{
    reply->status = 0;
    buf_clear(&reply->headers);
    buf_clear(&reply->body);
}

bool http_reply_is_status(int64_t status)
{
    return status >= 200 && status <= 599;
}

bool http_reply_is_name(wf_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

bool http_reply_is_value(wf_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool http_reply_is_framing(wf_str name)
{
    static const wf_str framing[] = {
        STR("content-length"), STR("transfer-encoding"), STR("connection"),
        STR("keep-alive"),     STR("upgrade"),
    };
    for (size_t i = 0; i < CDC_COUNT(framing); i++)
        if (str_eq_nocase(name, framing[i]))
            return true;
    return false;
}

/* Takes out every header of that name. */
static void http_reply_drop(struct http_reply *reply, wf_str name)
{
    struct buf *h = &reply->headers;
    size_t at = 0;
    while (at < h->len) {
        size_t name_len = strlen(h->data + at);
        size_t entry = name_len + 1 + strlen(h->data + at + name_len + 1) + 1;
        if (!str_eq_nocase((wf_str){h->data + at, name_len}, name)) {
            at += entry;
            continue;
        }
        memmove(h->data + at, h->data + at + entry, h->len - at - entry);
        h->len -= entry;
    }
}

wf_status http_reply_header(struct http_reply *reply, wf_str name, wf_str value,
                            bool replace, wf_error *err)
{
    if (!http_reply_is_name(name))
        return error_set(err, WF_CONFIG, "'%.*s' is no name for an HTTP header",
                         STR_ARG(name));
    if (!http_reply_is_value(value))
        return error_set(err, WF_CONFIG,
                         "the value of HTTP header '%.*s' has control characters",
                         STR_ARG(name));
    if (http_reply_is_framing(name))
        return WF_OK;
    if (replace)
        http_reply_drop(reply, name);
    /* Reserved at once, so that a full buffer never keeps half an entry. */
    if (buf_reserve(&reply->headers, name.len + value.len + 2)) {
        buf_str(&reply->headers, name);
        buf_byte(&reply->headers, '\0');
        buf_str(&reply->headers, value);
        buf_byte(&reply->headers, '\0');
    }
    return buf_status(&reply->headers, "HTTP headers", err);
}

bool http_reply_next(const struct http_reply *reply, size_t *at, const char **out_name,
                     const char **out_value)
{
    if (*at >= reply->headers.len)
        return false;
    *out_name = reply->headers.data + *at;
    *out_value = *out_name + strlen(*out_name) + 1;
    *at = (size_t)(*out_value - reply->headers.data) + strlen(*out_value) + 1;
    return true;
}

void http_reply_error(struct http_reply *reply, unsigned status, const char *text)
{
    http_reply_clear(reply);
    reply->status = status;
    /* Too little memory for a header is no reason not to answer. */
    (void)http_reply_header(reply, STR("Content-Type"), STR("application/json"), true,
                            NULL);
    struct json_writer w = json_writer_of(&reply->body);
    json_open(&w, NULL, '{');
    json_cstr(&w, "error", text);
    json_close(&w, '}');
    buf_byte(&reply->body, '\n');
}
