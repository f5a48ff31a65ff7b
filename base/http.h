/* SPDX-License-Identifier: MIT
 *
 * http - requests to a server that is not trusted, over libcurl: one at a time, with time
 * limits, and to be interrupted at once.
 *
 * One thread at a time.  Redirects are not followed (a caller that expects one follows it
 * itself), no environment variable but the usual proxy ones is looked at, only http and
 * https are spoken.
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include "base/buf.h"
#include "base/cancel.h"

struct http;

/* How the server is reached; views, copied by http_open().  Empty: not given. */
struct http_options {
    wf_str user, password; /* basic authentication */
    wf_str token;          /* "Authorization: Bearer ..." */
    wf_str ca_file;        /* PEM; else the system's */
    wf_str cert_file, key_file;
    int64_t timeout_ms;     /* of a whole request; 0: 30 s */
    size_t max_reply_bytes; /* of a body; more is WF_PROTOCOL; 0: 16 MiB */
    /* Opened by cancel_open().  Raised: the request that runs ends with WF_CANCELLED.  It
     * is not lowered here.  NULL: none. */
    struct cancel *cancel;
};

struct http_response {
    int status; /* 100 .. 599 */
    struct buf body;
    struct buf location; /* of a redirect; else empty */
};

wf_status http_open(const struct http_options *options, struct http **out, wf_error *err);
void http_close(struct http *http); /* NULL is ignored */

/* From now on a whole request may take so long; 0: what http_open() was told. */
void http_set_timeout(struct http *http, int64_t timeout_ms);

void http_response_init(struct http_response *reply);
void http_response_release(struct http_response *reply);

/* Sends one request; a body that is not empty goes as JSON.  Any status is WF_OK: what it
 * means is the caller's.  WF_UNAVAILABLE: not reached, cut, out of time; WF_CONFIG: the URL
 * or the TLS set-up is wrong; WF_PROTOCOL: the reply is too large, or is not HTTP.  Errors
 * name the URL without its secrets. */
wf_status http_call(struct http *http, const char *method, wf_str url, wf_str body,
                    struct http_response *out, wf_error *err);

/* Appends `text` as one path segment or query value: percent-encoded (RFC 3986 2.3). */
void http_put_escaped(struct buf *out, wf_str text);

#endif
