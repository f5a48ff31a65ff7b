/* SPDX-License-Identifier: MIT
 *
 * http_trigger - the trigger `http`: a request starts the pipeline, which answers it.
 *
 *     trigger: {type: http, config: {path: "/orders/{id}", method: POST}}
 *
 * Data: {"method", "path", the path's wildcards, the query's parameters, "body": the
 * JSON object that was sent}; later ones of the same name win.  The answer is, in this
 * order: what a step wrote (step.json_response), the keys response_status,
 * response_headers and response_body, the key _pipeline_output, else 202.  A failure is
 * 500, or the failed step's `error_status`.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/http_reply.h"
#include "host/modules/http_pattern.h"
#include "host/modules/http_router.h"
#include "host/pipeline.h"

struct http_trigger {
    char method[24];
    wf_str path;
    struct http_router *router;
    struct pipeline *pipeline;
    bool raw_body;
};

/* ---- creating
 * -------------------------------------------------------------------------------- */

static struct http_router *http_trigger_router(const struct definition *def)
{
    /* The engine looks for these names first. */
    static const char *const names[] = {"httpRouter", "api-router", "router"};
    void *module = NULL;
    for (size_t i = 0; i < CDC_COUNT(names) && !module; i++)
        module = app_module(def->app, str_from(names[i]), "http.router");
    if (!module)
        module = app_first_module(def->app, "http.router");
    if (module)
        return http_router_of(module);
    problems_add(def->problems, def->node, NULL,
                 "HTTP router not found: add modules of type http.server and http.router");
    return NULL;
}

static bool http_trigger_check_path(const struct definition *def, wf_str path)
{
    struct http_pattern *pattern;
    wf_error err;
    if (http_pattern_new(path, &pattern, &err)) {
        problems_add(def->problems, def->node, "path", "%s", err.text);
        return false;
    }
    http_pattern_free(pattern);
    return true;
}

static bool http_trigger_method(struct http_trigger *self, const struct definition *def)
{
    wf_str method = config_check_text(def->config, "method", STR_EMPTY);
    if (method.len >= sizeof self->method || !http_reply_is_name(method)) {
        problems_add(def->problems, def->node, "method", "is no HTTP method");
        return false;
    }
    for (size_t i = 0; i < method.len; i++) {
        char c = method.ptr[i];
        self->method[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return true;
}

static bool http_trigger_no_middlewares(const struct definition *def)
{
    const struct value *v = value_get(def->config, STR("middlewares"));
    if (!v || v->kind != VALUE_LIST || v->list.count == 0)
        return true;
    problems_add(def->problems, def->node, "middlewares", "is not supported by this host");
    return false;
}

static void *http_trigger_create(const struct definition *def, struct pipeline *pipeline)
{
    struct http_trigger *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->pipeline = pipeline;
    self->path = config_check_text(def->config, "path", STR_EMPTY);
    self->raw_body = config_check_bool(def->config, "include_raw_body", false);
    bool good = http_trigger_check_path(def, self->path);
    good = http_trigger_method(self, def) && good;
    good = http_trigger_no_middlewares(def) && good;
    self->router = http_trigger_router(def);
    if (good && self->router)
        return self;
    free(self);
    return NULL;
}

/* ---- the data
 * -------------------------------------------------------------------------------- */

static bool http_trigger_put(struct arena *a, struct value *data, wf_str key, wf_str text)
{
    struct value *v = value_of_text(a, text);
    return v && value_set(a, data, key, v);
}

/* "a=1&b=2": of parameters of the same name the first counts. */
static bool http_trigger_put_query(struct arena *a, struct value *data, wf_str query)
{
    struct value *seen = value_map(a, 4);
    for (wf_str rest = query, pair; seen && str_next(&rest, '&', &pair);) {
        ptrdiff_t equals = str_find(pair, STR("="));
        wf_str name = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
        wf_str text = equals < 0 ? STR("") : str_slice(pair, (size_t)equals + 1, pair.len);
        if (pair.len == 0)
            continue;
        name = http_pattern_decode(a, name, true);
        text = http_pattern_decode(a, text, true);
        if (!name.ptr || !text.ptr)
            return false;
        if (value_get(seen, name))
            continue;
        if (!value_set(a, seen, name, &value_true) ||
            !http_trigger_put(a, data, name, text))
            return false;
    }
    return seen != NULL;
}

static bool http_trigger_put_body(const struct http_trigger *self, struct value *data,
                                  const struct http_request *request)
{
    const struct value *body;
    wf_error why;
    if (request->body.len == 0)
        return true;
    if (self->raw_body &&
        !http_trigger_put(request->arena, data, STR("raw_body"), request->body))
        return false;
    wf_status status = value_parse(request->arena, request->body, "body", &body, &why);
    if (status == WF_NO_MEMORY)
        return false;
    /* As in the engine, only an object counts as a body. */
    return status || body->kind != VALUE_MAP ||
           value_set(request->arena, data, STR("body"), body);
}

static wf_status http_trigger_data(const struct http_trigger *self,
                                   const struct http_request *request, struct buf *out,
                                   wf_error *err)
{
    struct arena *a = request->arena;
    struct value *data = value_map(a, 8);
    wf_str path = http_pattern_decode(a, request->path, false);
    if (!data || !path.ptr || !http_trigger_put(a, data, STR("method"), request->method) ||
        !http_trigger_put(a, data, STR("path"), path))
        return error_no_memory(err);
    for (size_t i = 0; i < request->params->map.count; i++) {
        const struct value_member *m = &request->params->map.members[i];
        if (!value_set(a, data, m->key, m->value))
            return error_no_memory(err);
    }
    if (!http_trigger_put_query(a, data, request->query) ||
        !http_trigger_put_body(self, data, request))
        return error_no_memory(err);
    value_json(out, data);
    return buf_status(out, "request", err);
}

/* ---- the answer
 * ------------------------------------------------------------------------------ */

static bool http_trigger_status(const struct value *v, unsigned *out)
{
    int64_t status = 0;
    if (!v)
        return false;
    if (v->kind == VALUE_INT)
        status = v->integer;
    else if (v->kind != VALUE_STRING || !str_to_i64(str_trim(v->text), &status))
        return false;
    if (!http_reply_is_status(status))
        return false;
    *out = (unsigned)status;
    return true;
}

static void http_trigger_header(struct http_reply *reply, wf_str name,
                                const struct value *v, bool replace)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, HTTP_REPLY_HEADER_BYTES);
    value_print(&text, v);
    /* A name or value that cannot be one is left out; the answer is still worth sending. */
    (void)http_reply_header(reply, name, buf_view(&text), replace, NULL);
}

static void http_trigger_headers(struct http_reply *reply, const struct value *headers)
{
    if (!headers || headers->kind != VALUE_MAP)
        return;
    for (size_t i = 0; i < headers->map.count; i++) {
        const struct value_member *m = &headers->map.members[i];
        if (m->value->kind != VALUE_LIST)
            http_trigger_header(reply, m->key, m->value, true);
        for (size_t k = 0; m->value->kind == VALUE_LIST && k < m->value->list.count; k++)
            http_trigger_header(reply, m->key, m->value->list.items[k], false);
    }
}

static void http_trigger_json(struct http_reply *reply, unsigned status,
                              const struct value *body)
{
    reply->status = status;
    (void)http_reply_header(reply, STR("Content-Type"), STR("application/json"), true,
                            NULL);
    value_json(&reply->body, body);
    buf_byte(&reply->body, '\n');
}

/* After a run that succeeded; nothing to do when a step has answered. */
static void http_trigger_finished(void *ctx, const struct run *run)
{
    struct http_reply *reply = ctx;
    const struct value *current = run->scope.current;
    if (reply->status)
        return;
    if (http_trigger_status(value_get(current, STR("response_status")), &reply->status)) {
        http_trigger_headers(reply, value_get(current, STR("response_headers")));
        const struct value *body = value_get(current, STR("response_body"));
        if (body && body->kind == VALUE_STRING)
            buf_str(&reply->body, body->text);
        return;
    }
    const struct value *output = value_get(current, STR("_pipeline_output"));
    if (output && output->kind != VALUE_NULL) {
        http_trigger_json(reply, 200, output);
        return;
    }
    reply->status = 202;
    (void)http_reply_header(reply, STR("Content-Type"), STR("application/json"), true,
                            NULL);
    buf_lit(&reply->body, "{\"status\": \"workflow triggered\"}");
}

static void http_trigger_failed(struct http_reply *reply, wf_status status,
                                int error_status, const wf_error *why)
{
    if (http_reply_is_status(error_status)) {
        http_reply_error(reply, (unsigned)error_status, why->text);
    } else if (status == WF_CANCELLED) {
        http_reply_error(reply, 503, why->text);
    } else {
        http_reply_clear(reply);
        reply->status = 500;
        (void)http_reply_header(reply, STR("Content-Type"),
                                STR("text/plain; charset=utf-8"), true, NULL);
        (void)http_reply_header(reply, STR("X-Content-Type-Options"), STR("nosniff"), true,
                                NULL);
        buf_printf(&reply->body, "Error triggering workflow: %s\n", why->text);
    }
}

static void http_trigger_on_request(void *ctx, const struct http_request *request,
                                    struct http_reply *reply)
{
    const struct http_trigger *self = ctx;
    CDC_CLEANUP(buf_release) struct buf data;
    buf_init(&data, LIMIT_OUTPUT_BYTES);
    wf_error err;
    struct pipeline_call call = {
        .reply = reply, .finished = http_trigger_finished, .ctx = reply};
    wf_status status = http_trigger_data(self, request, &data, &err);
    call.data = buf_view(&data);
    if (!status)
        status = pipeline_run(self->pipeline, &call, &err);
    if (status)
        http_trigger_failed(reply, status, call.error_status, &err);
}

/* ---- the table
 * ------------------------------------------------------------------------------- */

static wf_status http_trigger_start(void *trigger, wf_error *err)
{
    struct http_trigger *self = trigger;
    return http_router_add(self->router, str_from(self->method), self->path,
                           http_trigger_on_request, self, err);
}

static wf_status http_trigger_stop(void *trigger, wf_error *err)
{
    struct http_trigger *self = trigger;
    (void)err;
    http_router_remove(self->router, self);
    return WF_OK;
}

static void http_trigger_free(void *trigger)
{
    if (trigger)
        (void)http_trigger_stop(trigger, NULL);
    free(trigger);
}

static const struct config_key http_trigger_keys[] = {
    {"path", "string", true, false, "'/orders/{id}'; see docs for wildcards"},
    {"method", "string", true, false, "GET, POST, ..."},
    {"include_raw_body", "bool", false, false, "the body's text as `raw_body` (false)"},
    {"middlewares", "list", false, false, "not supported by this host; must be empty"},
    {0},
};

const struct trigger_type http_trigger_type = {
    .type = "http",
    .summary = "An HTTP request starts the pipeline, which answers it.",
    .keys = http_trigger_keys,
    .create = http_trigger_create,
    .start = http_trigger_start,
    .stop = http_trigger_stop,
    .free = http_trigger_free,
};
