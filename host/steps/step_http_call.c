/* SPDX-License-Identifier: MIT
 *
 * step.http_call - sends an HTTP request.
 *
 *     config  {url: "https://example.org/hook", method: POST, body: {id: "${ key.id }"}}
 *     out     {"status_code": 200, "status": "200 OK", "headers": {"Content-Type": "..."},
 *              "body": {...} or "text", "elapsed_ms": 12}
 *
 * Neither the URL nor a header is ever put into an error or a log: secrets stand there.
 */
#include <curl/curl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/http_reply.h"
#include "host/steps/http_fetch.h"
#include "host/steps/scope_path.h"

#define STEP_HTTP_CALL_TIMEOUT_MS 30000
#define STEP_HTTP_CALL_SHOWN 600 /* bytes of a refusal's body in the error */

struct step_http_call {
    wf_str name;
    char *method;
    struct template *url;
    struct template_tree *headers; /* NULL: none */
    struct template_tree *body;    /* NULL: none */
    wf_str body_from;
    int64_t timeout_ms;
    bool error_on_status;
    struct http_client *client;
};

static void step_http_call_free(void *step)
{
    struct step_http_call *self = step;
    if (!self)
        return;
    template_free(self->url);
    template_tree_free(self->headers);
    template_tree_free(self->body);
    http_fetch_client_free(self->client);
    free(self->method);
    free(self);
}

static bool step_http_call_refuse(const struct definition *def)
{
    static const char *const refused[] = {"auth", "oauth2", "client"};
    bool good = true;
    for (size_t i = 0; i < CDC_COUNT(refused); i++) {
        if (!value_get(def->config, str_from(refused[i])))
            continue;
        problems_add(
            def->problems, def->node, refused[i],
            "is not supported by this host; put an Authorization header into 'headers'");
        good = false;
    }
    return good;
}

static bool step_http_call_check_headers(const struct definition *def,
                                         const struct value *headers)
{
    bool good = true;
    for (size_t i = 0; i < headers->map.count; i++) {
        const struct value_member *m = &headers->map.members[i];
        bool scalar = m->value->kind != VALUE_MAP && m->value->kind != VALUE_LIST;
        if (http_reply_is_name(m->key) && scalar)
            continue;
        problems_add(def->problems, def->node, "headers",
                     "'%.*s' must be a header's name with a text as its value",
                     STR_ARG(m->key));
        good = false;
    }
    return good;
}

static bool step_http_call_compile(struct step_http_call *self,
                                   const struct definition *def)
{
    wf_error err;
    bool good = true;
    wf_str url = config_check_text(def->config, "url", STR_EMPTY);
    if (template_compile(url, &self->url, &err)) {
        problems_add(def->problems, def->node, "url", "%s", err.text);
        good = false;
    }
    const struct value *headers = value_get(def->config, STR("headers"));
    if (headers && headers->kind == VALUE_MAP) {
        good = step_http_call_check_headers(def, headers) && good;
        if (template_tree_compile(headers, "headers", &self->headers, &err)) {
            problems_add(def->problems, def->node, "headers", "%s", err.text);
            good = false;
        }
    }
    const struct value *body = value_get(def->config, STR("body"));
    if (body && body->kind != VALUE_NULL &&
        template_tree_compile(body, "body", &self->body, &err)) {
        problems_add(def->problems, def->node, "body", "%s", err.text);
        good = false;
    }
    return good;
}

static bool step_http_call_options(struct step_http_call *self,
                                   const struct definition *def)
{
    wf_str method = config_check_text(def->config, "method", STR("GET"));
    self->method = str_dup(method.len ? method : STR("GET"));
    self->client = http_fetch_client_new();
    if (!self->method || !self->client) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return false;
    }
    bool good = true;
    if (!http_reply_is_name(str_from(self->method))) {
        problems_add(def->problems, def->node, "method", "is no HTTP method");
        good = false;
    }
    self->body_from = config_check_text(def->config, "body_from", STR_EMPTY);
    self->error_on_status = config_check_bool(def->config, "error_on_status", true);
    self->timeout_ms =
        config_check_duration_ms(def->config, "timeout", STEP_HTTP_CALL_TIMEOUT_MS);
    if (self->timeout_ms < 1) {
        problems_add(def->problems, def->node, "timeout", "must be longer than 0");
        good = false;
    }
    return good;
}

static void *step_http_call_create(const struct definition *def)
{
    struct step_http_call *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    bool good = step_http_call_refuse(def);
    good = step_http_call_options(self, def) && good;
    good = step_http_call_compile(self, def) && good;
    if (good)
        return self;
    step_http_call_free(self);
    return NULL;
}

/* ---- the request
 * ----------------------------------------------------------------------------- */

/* What is sent; the buffers are released by the caller. */
struct call {
    struct buf url;
    struct buf body;
    struct curl_slist *headers;
    struct http_fetch fetch;
};

static void step_http_call_release(struct call *c)
{
    buf_release(&c->url);
    buf_release(&c->body);
    curl_slist_free_all(c->headers);
    http_fetch_release(&c->fetch);
}

static wf_status step_http_call_add_header(struct call *c, wf_str name, wf_str value,
                                           wf_error *err)
{
    if (!http_reply_is_value(value))
        return error_set(err, WF_FAILED,
                         "header '%.*s' has control characters in its value",
                         STR_ARG(name));
    CDC_CLEANUP(buf_release) struct buf line;
    buf_init(&line, LIMIT_TEXT_BYTES);
    buf_str(&line, name);
    /* curl drops "Name:" and sends "Name;" as a header without a value. */
    buf_cstr(&line, value.len ? ": " : ";");
    buf_str(&line, value);
    wf_status status = buf_status(&line, "header", err);
    if (status)
        return status;
    struct curl_slist *longer = curl_slist_append(c->headers, buf_c(&line));
    if (!longer)
        return error_no_memory(err);
    c->headers = longer;
    return WF_OK;
}

static wf_status step_http_call_headers(const struct step_http_call *self,
                                        const struct run *run, struct call *c,
                                        wf_error *err)
{
    const struct value *headers = NULL;
    if (self->headers &&
        template_tree_eval(self->headers, &run->scope, run->arena, &headers, err))
        return error_prefix(err, "failed to resolve headers");
    bool typed = !c->fetch.has_body;
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    for (size_t i = 0; headers && i < headers->map.count; i++) {
        const struct value_member *m = &headers->map.members[i];
        buf_clear(&text);
        value_print(&text, m->value);
        wf_status status = buf_status(&text, "header", err);
        if (!status)
            status = step_http_call_add_header(c, m->key, buf_view(&text), err);
        if (status)
            return status;
        typed = typed || str_eq_nocase(m->key, STR("content-type"));
    }
    wf_status status = WF_OK;
    if (!typed)
        status =
            step_http_call_add_header(c, STR("Content-Type"), STR("application/json"), err);
    /* curl would wait a second for "100 Continue" before it sends a large body. */
    struct curl_slist *longer = status ? NULL : curl_slist_append(c->headers, "Expect:");
    if (longer)
        c->headers = longer;
    return status;
}

static wf_status step_http_call_body(const struct step_http_call *self,
                                     const struct run *run, struct call *c, wf_error *err)
{
    const struct value *body = NULL;
    bool bare = strcmp(self->method, "GET") == 0 || strcmp(self->method, "HEAD") == 0;
    if (self->body_from.len) {
        body = scope_path_find(&run->scope, self->body_from);
        if (!body)
            return error_set(err, WF_FAILED, "body_from \"%.*s\" not found",
                             STR_ARG(self->body_from));
    } else if (self->body) {
        if (template_tree_eval(self->body, &run->scope, run->arena, &body, err))
            return error_prefix(err, "failed to resolve body");
    } else if (bare) {
        return WF_OK;
    } else {
        body = run->scope.current;
    }
    /* A text is sent as it is, so that a body that is no JSON can be sent too. */
    if (body && body->kind == VALUE_STRING)
        buf_str(&c->body, body->text);
    else if (body)
        value_json(&c->body, body);
    else
        buf_lit(&c->body, "{}");
    c->fetch.has_body = true;
    c->fetch.body = buf_view(&c->body);
    return buf_status(&c->body, "body", err);
}

static wf_status step_http_call_prepare(const struct step_http_call *self,
                                        const struct run *run, struct call *c,
                                        wf_error *err)
{
    wf_str url;
    if (template_eval(self->url, &run->scope, run->arena, &url, err))
        return error_prefix(err, "failed to resolve url");
    if (memchr(url.ptr ? url.ptr : "", '\0', url.len))
        return error_set(err, WF_FAILED, "the url has a NUL in it");
    buf_str(&c->url, url);
    c->fetch.url = buf_c(&c->url);
    wf_status status = buf_status(&c->url, "url", err);
    if (!status)
        status = step_http_call_body(self, run, c, err);
    if (!status)
        status = step_http_call_headers(self, run, c, err);
    c->fetch.method = self->method;
    c->fetch.headers = c->headers;
    return status;
}

/* ---- the reply
 * ------------------------------------------------------------------------------- */

/* A header that comes several times becomes a list. */
static bool step_http_call_put_header(struct arena *a, struct value *map, wf_str name,
                                      wf_str text)
{
    wf_str key = arena_str(a, name);
    struct value *v = value_of_text(a, arena_str(a, text));
    const struct value *before = value_get(map, name);
    if (!v || (name.len && !key.ptr))
        return false;
    if (!before)
        return value_set(a, map, key, v);
    size_t had = before->kind == VALUE_LIST ? before->list.count : 1;
    const struct value **items = arena_alloc(a, (had + 1) * sizeof(*items));
    if (!items)
        return false;
    for (size_t i = 0; i < had; i++)
        items[i] = before->kind == VALUE_LIST ? before->list.items[i] : before;
    items[had] = v;
    struct value *list = value_list(a, items, had + 1);
    return list && value_set(a, map, key, list);
}

static const struct value *step_http_call_reply_headers(struct arena *a,
                                                        const struct buf *headers)
{
    struct value *map = value_map(a, 8);
    for (size_t at = 0; map && at < headers->len;) {
        wf_str name = str_from(headers->data + at);
        wf_str text = str_from(headers->data + at + name.len + 1);
        at += name.len + text.len + 2;
        if (!step_http_call_put_header(a, map, name, text))
            return NULL;
    }
    return map;
}

static const struct value *step_http_call_reply_body(struct arena *a,
                                                     const struct buf *body)
{
    wf_str text = arena_str(a, buf_view(body));
    const struct value *parsed;
    if (body->len && !text.ptr)
        return NULL;
    wf_error why;
    wf_status status = value_parse(a, text, "body", &parsed, &why);
    if (status == WF_NO_MEMORY)
        return NULL;
    return status ? value_of_text(a, text) : parsed;
}

static wf_status step_http_call_output(struct arena *a, const struct http_fetch *f,
                                       int64_t elapsed_ms, struct step_result *out,
                                       wf_error *err)
{
    struct value *output = value_map(a, 5);
    const struct value *code = value_of_int(a, f->status_code);
    const struct value *line = value_of_text(a, arena_str(a, buf_view(&f->status_line)));
    const struct value *headers = step_http_call_reply_headers(a, &f->headers_out);
    const struct value *body = step_http_call_reply_body(a, &f->body_out);
    const struct value *elapsed = value_of_int(a, elapsed_ms);
    if (!output || !code || !line || !headers || !body || !elapsed ||
        !value_set(a, output, STR("status_code"), code) ||
        !value_set(a, output, STR("status"), line) ||
        !value_set(a, output, STR("headers"), headers) ||
        !value_set(a, output, STR("body"), body) ||
        !value_set(a, output, STR("elapsed_ms"), elapsed))
        return error_no_memory(err);
    out->output = output;
    return WF_OK;
}

static wf_status step_http_call_send(const struct step_http_call *self, struct run *run,
                                     struct call *c, struct step_result *out, wf_error *err)
{
    wf_status status = step_http_call_prepare(self, run, c, err);
    if (status)
        return status;
    int64_t began = clock_mono_ms();
    int64_t left = run->deadline_ms == INT64_MAX ? INT64_MAX : run->deadline_ms - began;
    if (left <= 0)
        return error_set(err, WF_CANCELLED, "request failed: context deadline exceeded");
    c->fetch.timeout_ms = left < self->timeout_ms ? left : self->timeout_ms;
    if (http_fetch_run(self->client, &c->fetch, err))
        return error_prefix(err, "request failed");
    if (c->fetch.status_code >= 400 && self->error_on_status) {
        wf_str body = buf_view(&c->fetch.body_out);
        int shown = body.len > STEP_HTTP_CALL_SHOWN ? STEP_HTTP_CALL_SHOWN : (int)body.len;
        return error_set(err, WF_FAILED, "HTTP %ld: %.*s", c->fetch.status_code, shown,
                         body.ptr ? body.ptr : "");
    }
    return step_http_call_output(run->arena, &c->fetch, clock_mono_ms() - began, out, err);
}

static wf_status step_http_call_run(void *step, struct run *run, struct step_result *out,
                                    wf_error *err)
{
    const struct step_http_call *self = step;
    CDC_CLEANUP(step_http_call_release) struct call c = {0};
    buf_init(&c.url, LIMIT_TEXT_BYTES);
    buf_init(&c.body, LIMIT_OUTPUT_BYTES);
    http_fetch_init(&c.fetch);
    if (step_http_call_send(self, run, &c, out, err))
        return error_prefix(err, "http_call step \"%.*s\"", STR_ARG(self->name));
    return WF_OK;
}

static const struct config_key step_http_call_keys[] = {
    {"url", "string", true, true, "where to; http or https"},
    {"method", "string", false, false, "the method (GET)"},
    {"headers", "map", false, true, "request headers: name to text"},
    {"body", "any", false, true, "sent as JSON; a text as it is"},
    {"body_from", "string", false, false,
     "path to what to send: '.', 'key', 'steps.name.key'"},
    {"timeout", "duration", false, false, "for the whole request (30s)"},
    {"error_on_status", "bool", false, false, "400 and above fail the step (true)"},
    {0},
};

const struct step_type step_http_call_type = {
    .type = "step.http_call",
    .summary = "Sends an HTTP request.",
    .keys = step_http_call_keys,
    .create = step_http_call_create,
    .run = step_http_call_run,
    .free = step_http_call_free,
};
