/* SPDX-License-Identifier: MIT
 *
 * http_pattern - the paths of routes, as the engine's router (Go's http.ServeMux) reads
 * them.
 *
 *     /orders            exactly this path
 *     /orders/{id}       one segment, not empty, any text
 *     /files/{rest...}   everything that follows, maybe nothing; only at the end
 *     /orders/           every path that begins so
 *     /orders/{$}        exactly "/orders/"
 *
 * Where several patterns match, the more specific one wins: read from the left, a
 * literal before a wildcard before "everything that follows".
 */
#ifndef HOST_MODULES_HTTP_PATTERN_H
#define HOST_MODULES_HTTP_PATTERN_H

#include "host/lang/value.h"

#define HTTP_PATTERN_SEGMENTS 64

struct http_pattern;

/* WF_CONFIG says what is wrong with `path`.  Copies; gives, end it with
 * http_pattern_free(). */
wf_status http_pattern_new(wf_str path, struct http_pattern **out, wf_error *err);
void http_pattern_free(struct http_pattern *p);
wf_str http_pattern_text(const struct http_pattern *p);

/* `path` as it was sent, still percent-encoded, beginning with '/'. */
bool http_pattern_matches(const struct http_pattern *p, wf_str path);
/* Adds what the wildcards stand for, decoded, to `params` (a map).  Only for a path that
 * matches. False: out of memory. */
bool http_pattern_params(const struct http_pattern *p, wf_str path, struct arena *a,
                         struct value *params);
/* Greater than 0 when `p` is more specific than `q`; 0 when they match the same paths. */
int http_pattern_compare(const struct http_pattern *p, const struct http_pattern *q);

/* `text` with "%41" decoded, and with `plus` also "+" as a space (queries); what is no
 * valid escape stays as it is.  A view with ptr NULL: out of memory. */
wf_str http_pattern_decode(struct arena *a, wf_str text, bool plus);

#endif
