/* SPDX-License-Identifier: MIT
 *
 * http_router - method and path to whoever answers; and the module `http.router`.
 */
#include "host/modules/http_router.h"

#include <pthread.h>

#include "base/error.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/modules/http_pattern.h"
#include "host/modules/http_server.h"

struct route {
    struct route *next;
    char *method;
    struct http_pattern *pattern;
    http_handler fn;
    void *ctx;
    unsigned running;
    bool removed;
};

struct http_router {
    pthread_mutex_t routes_lock;
    pthread_cond_t route_idle; /* some route has no call running */
    struct route *routes;
};

struct http_router *http_router_new(void)
{
    struct http_router *router = calloc(1, sizeof *router);
    if (!router)
        return NULL;
    pthread_mutex_init(&router->routes_lock, NULL);
    pthread_cond_init(&router->route_idle, NULL);
    return router;
}

static void http_router_free_route(struct route *route)
{
    http_pattern_free(route->pattern);
    free(route->method);
    free(route);
}

void http_router_free(struct http_router *router)
{
    if (!router)
        return;
    while (router->routes) {
        struct route *route = router->routes;
        router->routes = route->next;
        http_router_free_route(route);
    }
    pthread_cond_destroy(&router->route_idle);
    pthread_mutex_destroy(&router->routes_lock);
    free(router);
}

static bool http_router_has(const struct http_router *router, const struct route *wanted)
{
    for (const struct route *r = router->routes; r; r = r->next)
        if (!r->removed && str_is(str_from(r->method), wanted->method) &&
            str_eq(http_pattern_text(r->pattern), http_pattern_text(wanted->pattern)))
            return true;
    return false;
}

wf_status http_router_add(struct http_router *router, wf_str method, wf_str path,
                          http_handler fn, void *ctx, wf_error *err)
{
    struct route *route = calloc(1, sizeof *route);
    if (!route)
        return error_no_memory(err);
    route->fn = fn;
    route->ctx = ctx;
    route->method = str_dup(method);
    wf_status status = http_pattern_new(path, &route->pattern, err);
    if (!status && !route->method)
        status = error_no_memory(err);
    if (status) {
        http_router_free_route(route);
        return status;
    }
    pthread_mutex_lock(&router->routes_lock);
    if (http_router_has(router, route)) {
        status = error_set(err, WF_STATE, "%.*s %.*s is another pipeline's route already",
                           STR_ARG(method), STR_ARG(path));
    } else {
        route->next = router->routes;
        router->routes = route;
    }
    pthread_mutex_unlock(&router->routes_lock);
    if (status)
        http_router_free_route(route);
    return status;
}

/* Takes the first idle route of ctx out of the list.  *out_busy: there is one that is
 * not idle. */
static struct route *http_router_unlink(struct http_router *router, const void *ctx,
                                        bool *out_busy)
{
    *out_busy = false;
    for (struct route **at = &router->routes; *at; at = &(*at)->next) {
        struct route *route = *at;
        if (route->ctx != ctx)
            continue;
        route->removed = true;
        if (route->running) {
            *out_busy = true;
            continue;
        }
        *at = route->next;
        return route;
    }
    return NULL;
}

void http_router_remove(struct http_router *router, const void *ctx)
{
    pthread_mutex_lock(&router->routes_lock);
    for (bool busy = true; busy;) {
        struct route *route = http_router_unlink(router, ctx, &busy);
        if (route) {
            http_router_free_route(route);
            busy = true; /* look again */
        } else if (busy) {
            pthread_cond_wait(&router->route_idle, &router->routes_lock);
        }
    }
    pthread_mutex_unlock(&router->routes_lock);
}

static bool http_router_method_fits(const struct route *route, wf_str method)
{
    wf_str own = str_from(route->method);
    return str_eq(own, method) || (str_is(own, "GET") && str_is(method, "HEAD"));
}

static void http_router_allow(struct buf *allow, const char *method)
{
    if (str_find(buf_view(allow), str_from(method)) >= 0)
        return;
    if (allow->len)
        buf_lit(allow, ", ");
    buf_cstr(allow, method);
}

/* The most specific route for the request; `allow` collects methods when there is none. */
static struct route *http_router_find(struct http_router *router,
                                      const struct http_request *request, struct buf *allow)
{
    struct route *best = NULL;
    for (struct route *r = router->routes; r; r = r->next) {
        if (r->removed || !http_pattern_matches(r->pattern, request->path))
            continue;
        if (!http_router_method_fits(r, request->method)) {
            http_router_allow(allow, r->method);
            continue;
        }
        int better = best ? http_pattern_compare(r->pattern, best->pattern) : 1;
        /* HEAD: a route of its own goes before GET's. */
        if (better > 0 || (better == 0 && str_eq(str_from(r->method), request->method)))
            best = r;
    }
    return best;
}

static void http_router_call(struct route *route, struct http_request *request,
                             struct http_reply *reply)
{
    struct value *params = value_map(request->arena, 4);
    if (!params ||
        !http_pattern_params(route->pattern, request->path, request->arena, params)) {
        http_reply_error(reply, 500, "out of memory");
        return;
    }
    request->params = params;
    request->pattern = http_pattern_text(route->pattern);
    route->fn(route->ctx, request, reply);
    if (!reply->status)
        reply->status = 204;
}

enum http_served http_router_serve(struct http_router *router, struct http_request *request,
                                   struct http_reply *reply, struct buf *allow)
{
    pthread_mutex_lock(&router->routes_lock);
    size_t allowed_before = allow->len;
    struct route *route = http_router_find(router, request, allow);
    if (route)
        route->running++;
    pthread_mutex_unlock(&router->routes_lock);
    if (!route)
        return allow->len > allowed_before ? HTTP_OTHER_METHOD : HTTP_NO_ROUTE;

    http_router_call(route, request, reply);

    pthread_mutex_lock(&router->routes_lock);
    if (--route->running == 0)
        pthread_cond_broadcast(&router->route_idle);
    pthread_mutex_unlock(&router->routes_lock);
    return HTTP_SERVED;
}

/* ---- the module
 * ---------------------------------------------------------------------------- */

struct http_router_module {
    struct definition def;
    struct http_router *router;
    struct http_server *servers[8];
    size_t count;
};

struct http_router *http_router_of(const void *module)
{
    const struct http_router_module *self = module;
    return self->router;
}

static const struct node *http_router_root(const struct node *node)
{
    while (node && node->parent)
        node = node->parent;
    return node;
}

static void http_router_belongs_to(struct http_router_module *self, wf_str name)
{
    struct http_server *server = app_module(self->def.app, name, "http.server");
    for (size_t i = 0; i < self->count; i++)
        if (self->servers[i] == server)
            return;
    if (server && self->count < CDC_COUNT(self->servers))
        self->servers[self->count++] = server;
}

/* Finds the servers that the router belongs to: those it dependsOn, the one that
 * `workflows.http` names for it; else the file's first. */
static void http_router_find_servers(struct http_router_module *self)
{
    self->count = 0;
    const struct node *entry = self->def.node;
    if (entry && !node_get(entry, "dependsOn"))
        entry = entry->parent;
    const struct node *depends = node_get(entry, "dependsOn");
    for (size_t i = 0; depends && i < depends->count; i++)
        http_router_belongs_to(self, node_text(depends->children[i]));

    const struct node *root = http_router_root(self->def.node);
    const struct node *http = node_get(node_get(root, "workflows"), "http");
    if (str_eq(node_text(node_get(http, "router")), self->def.name))
        http_router_belongs_to(self, node_text(node_get(http, "server")));

    struct http_server *first = app_first_module(self->def.app, "http.server");
    if (self->count == 0 && first)
        self->servers[self->count++] = first;
}

static bool http_router_file_has_server(const struct node *any)
{
    const struct node *modules = node_get(http_router_root(any), "modules");
    for (size_t i = 0; modules && i < modules->count; i++)
        if (str_is(node_text(node_get(modules->children[i], "type")), "http.server"))
            return true;
    return false;
}

static void *http_router_create(const struct definition *def)
{
    struct http_router_module *self = calloc(1, sizeof *self);
    struct http_router *router = http_router_new();
    if (!self || !router) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        http_router_free(router);
        free(self);
        return NULL;
    }
    self->def = *def;
    self->router = router;
    if (!http_router_file_has_server(def->node))
        problems_warn(
            def->problems, def->node, NULL,
            "there is no module of type http.server, so nothing reaches this router");
    return self;
}

static wf_status http_router_start(void *module, wf_error *err)
{
    struct http_router_module *self = module;
    http_router_find_servers(self);
    for (size_t i = 0; i < self->count; i++) {
        wf_status status = http_server_attach(self->servers[i], self->router, err);
        if (status)
            return status;
    }
    return WF_OK;
}

static wf_status http_router_stop(void *module, wf_error *err)
{
    struct http_router_module *self = module;
    (void)err;
    for (size_t i = 0; i < self->count; i++)
        http_server_detach(self->servers[i], self->router);
    return WF_OK;
}

static void http_router_destroy(void *module)
{
    struct http_router_module *self = module;
    if (!self)
        return;
    http_router_free(self->router);
    free(self);
}

static const struct config_key http_router_keys[] = {
    {0},
};

const struct module_type http_router_type = {
    .type = "http.router",
    .summary = "Leads HTTP requests to the pipelines whose http trigger has their path.",
    .keys = http_router_keys,
    .create = http_router_create,
    .start = http_router_start,
    .stop = http_router_stop,
    .free = http_router_destroy,
};
