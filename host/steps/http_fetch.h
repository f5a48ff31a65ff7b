/* SPDX-License-Identifier: MIT
 *
 * http_fetch - one HTTP request over libcurl, with a bounded reply.
 *
 * A client keeps idle connections of one step, so that a step that calls the same server
 * again does not connect again.  All functions are [any].
 */
#ifndef HOST_STEPS_HTTP_FETCH_H
#define HOST_STEPS_HTTP_FETCH_H

#include "base/buf.h"

#define HTTP_FETCH_HEADER_BYTES (256u * 1024u)

struct http_client;

struct http_fetch {
    const char *url;
    const char *method;
    struct curl_slist *headers; /* "Name: value"; the caller's */
    bool has_body;
    wf_str body;
    int64_t timeout_ms; /* greater than 0 */
    /* out: */
    long status_code;
    struct buf status_line; /* "200 OK" */
    struct buf
        headers_out; /* "Name NUL value NUL" after one another, names as "Content-Type" */
    struct buf body_out;
};

/* gives; NULL when out of memory. */
struct http_client *http_fetch_client_new(void);
void http_fetch_client_free(struct http_client *client);

void http_fetch_init(struct http_fetch *f);
/* Frees what came back. */
void http_fetch_release(struct http_fetch *f);
/* WF_UNAVAILABLE: no reply, and why; WF_CONFIG: the URL is none; WF_FAILED: the reply is
 * too large. */
wf_status http_fetch_run(struct http_client *client, struct http_fetch *f, wf_error *err);

#endif
