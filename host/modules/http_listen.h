/* SPDX-License-Identifier: MIT
 *
 * http_listen - a listening socket for an address as the engine writes it: ":8080",
 * "127.0.0.1:0", "localhost:8080", "[::1]:8080".
 */
#ifndef HOST_MODULES_HTTP_LISTEN_H
#define HOST_MODULES_HTTP_LISTEN_H

#include "base/buf.h"

/* WF_CONFIG when it is no such address. */
wf_status http_listen_check(wf_str address, wf_error *err);
/* A non-blocking socket that listens; the caller closes it.  WF_UNAVAILABLE says why
 * not. */
wf_status http_listen_open(wf_str address, int *out_fd, wf_error *err);
/* Appends "127.0.0.1:8080"; nothing when that cannot be told. */
void http_listen_name(int fd, struct buf *out);

#endif
