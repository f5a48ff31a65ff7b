/* SPDX-License-Identifier: MIT
 *
 * http_router - method and path to whoever answers.
 *
 * A server (http_server) hands requests to the routers that belong to it; the http
 * trigger adds the routes.  Routes come and go while requests run.  All functions are
 * [any].
 */
#ifndef HOST_MODULES_HTTP_ROUTER_H
#define HOST_MODULES_HTTP_ROUTER_H

#include "host/http_reply.h"
#include "host/lang/value.h"

struct http_router;

/* One request.  Everything is borrowed until the handler returns. */
struct http_request {
    wf_str method;
    wf_str path;  /* as sent, percent-encoded, without the query */
    wf_str query; /* as sent, without '?' */
    wf_str body;
    struct arena *arena;        /* for the handler's use */
    const struct value *params; /* the route's wildcards: a map of strings */
    wf_str pattern;             /* the route's path */
};

/* Fills in the reply; leaving it at status 0 is answered with 204. */
typedef void (*http_handler)(void *ctx, const struct http_request *request,
                             struct http_reply *reply);

enum http_served {
    HTTP_SERVED,       /* the reply is filled in */
    HTTP_NO_ROUTE,     /* nothing has this path */
    HTTP_OTHER_METHOD, /* the path exists with other methods: they are in `allow` */
};

/* The router of an object that app_module() gives for "http.router". */
struct http_router *http_router_of(const void *module);

/* gives; NULL when out of memory.  Nothing may be served any more when it is freed. */
struct http_router *http_router_new(void);
void http_router_free(struct http_router *router);

/* WF_CONFIG for a bad path, WF_STATE when the same method and path are there already.
 * Copies. */
wf_status http_router_add(struct http_router *router, wf_str method, wf_str path,
                          http_handler fn, void *ctx, wf_error *err);
/* Takes out every route with that ctx and waits for those of its calls that are
 * running.  Not from inside such a call. */
void http_router_remove(struct http_router *router, const void *ctx);

/* `allow` gets "GET, POST" of the routes with other methods.  HEAD is served by GET's
 * route. */
enum http_served http_router_serve(struct http_router *router, struct http_request *request,
                                   struct http_reply *reply, struct buf *allow);

#endif
