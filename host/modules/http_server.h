/* SPDX-License-Identifier: MIT
 *
 * http_server - the module `http.server`: one listening address.
 *
 * One libmicrohttpd thread does all input and output; whole requests go to a bounded set
 * of worker threads, which run the pipelines, so that a slow pipeline keeps no other
 * connection waiting.
 */
#ifndef HOST_MODULES_HTTP_SERVER_H
#define HOST_MODULES_HTTP_SERVER_H

#include "host/modules/http_router.h"

struct http_server;

/* Requests are offered to the router from now on.  The router must stay until detached.
 * [control] */
wf_status http_server_attach(struct http_server *server, struct http_router *router,
                             wf_error *err);
/* Returns when no request is in the router any more.  Unknown routers are ignored.
 * [control] */
void http_server_detach(struct http_server *server, const struct http_router *router);

#endif
