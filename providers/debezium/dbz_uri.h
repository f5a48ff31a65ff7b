/* SPDX-License-Identifier: MIT
 *
 * dbz_uri - a URI taken apart: scheme://user:password@hosts/path?query (RFC 3986 3).
 *
 * A password that should have been percent-encoded is taken as it stands: the user part
 * ends at the last '@' before the query.  References such as ${file:/path:key} stay whole,
 * wherever they stand.
 */
#ifndef PROVIDERS_DBZ_URI_H
#define PROVIDERS_DBZ_URI_H

#include "base/buf.h"

/* Views into the text, still percent-encoded. */
struct dbz_uri {
    wf_str scheme;
    wf_str user, password;
    wf_str hosts; /* "host:port", also several with commas */
    wf_str path;  /* without its first '/' */
    wf_str query; /* without '?' */
};

/* False when it is not a URI with a host. */
bool dbz_uri_parse(wf_str text, struct dbz_uri *out);

/* "host", "host:port", "[::1]:port": the host without brackets, and its port, which may be
 * empty; false when the port is none. */
bool dbz_uri_host(wf_str host_and_port, wf_str *out_host, wf_str *out_port);

/* Appends what a part stands for; a '%' that begins no escape is itself. */
void dbz_uri_decode(struct buf *out, wf_str part);

/* The next name=value of a query. */
bool dbz_uri_next(wf_str *query, wf_str *out_name, wf_str *out_value);

#endif
