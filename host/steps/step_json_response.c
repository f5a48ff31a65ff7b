/* SPDX-License-Identifier: MIT
 *
 * step.json_response - answers the HTTP request with JSON and ends the pipeline.
 *
 *     config  {status: 201,
 *              body: {id: "${ steps.add.last_id }", order: {_from: steps.get.row}}}
 *     out     {"status": 201}; without an HTTP request {"status": 201, "body": {...}}
 *
 * In `body` a map {_from: path} stands for the value at that path, and a string that is
 * itself a JSON object or list becomes that.
 */
#include "base/error.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/http_reply.h"
#include "host/steps/scope_path.h"

struct step_json_response {
    wf_str name;
    int64_t status;
    wf_str status_from;
    wf_str body_from;
    struct template_tree *headers; /* NULL: none */
    struct template_tree *body;    /* NULL: none */
};

static void step_json_response_free(void *step)
{
    struct step_json_response *self = step;
    if (!self)
        return;
    template_tree_free(self->headers);
    template_tree_free(self->body);
    free(self);
}

static bool step_json_response_check_headers(const struct definition *def,
                                             const struct value *headers)
{
    bool good = true;
    for (size_t i = 0; headers && i < headers->map.count; i++) {
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

static bool step_json_response_compile(struct template_tree **out,
                                       const struct definition *def, const char *key)
{
    const struct value *v = value_get(def->config, str_from(key));
    wf_error err;
    if (!v || v->kind == VALUE_NULL || !template_tree_compile(v, key, out, &err))
        return true;
    problems_add(def->problems, def->node, key, "%s", err.text);
    return false;
}

static void *step_json_response_create(const struct definition *def)
{
    struct step_json_response *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->status = config_check_int(def->config, "status", 200);
    self->status_from = config_check_text(def->config, "status_from", STR_EMPTY);
    self->body_from = config_check_text(def->config, "body_from", STR_EMPTY);
    bool good = true;
    if (!http_reply_is_status(self->status)) {
        problems_add(def->problems, def->node, "status", "must be from 200 to 599");
        good = false;
    }
    const struct value *headers = value_get(def->config, STR("headers"));
    if (headers && headers->kind == VALUE_MAP)
        good = step_json_response_check_headers(def, headers) && good;
    good = step_json_response_compile(&self->headers, def, "headers") && good;
    good = step_json_response_compile(&self->body, def, "body") && good;
    if (good)
        return self;
    step_json_response_free(self);
    return NULL;
}

/* ---- the body
 * -------------------------------------------------------------------------------- */

static const struct value *step_json_response_embed(struct run *run, const struct value *v);

static const struct value *step_json_response_text(struct run *run, const struct value *v)
{
    wf_str text = str_trim(v->text);
    const struct value *parsed;
    bool likely = text.len >= 2 && (text.ptr[0] == '{' || text.ptr[0] == '[');
    return likely && !value_parse(run->arena, text, "body", &parsed, NULL) ? parsed : v;
}

static const struct value *step_json_response_map(struct run *run, const struct value *v)
{
    const struct value *from = value_get(v, STR("_from"));
    if (v->map.count == 1 && from && from->kind == VALUE_STRING) {
        const struct value *found = scope_path_find(&run->scope, from->text);
        return found ? found : &value_null;
    }
    struct value *out = value_map(run->arena, v->map.count);
    for (size_t i = 0; out && i < v->map.count; i++) {
        const struct value *item = step_json_response_embed(run, v->map.members[i].value);
        if (!item || !value_set(run->arena, out, v->map.members[i].key, item))
            return NULL;
    }
    return out;
}

static const struct value *step_json_response_list(struct run *run, const struct value *v)
{
    if (v->list.count == 0)
        return v;
    const struct value **items = arena_alloc(run->arena, v->list.count * sizeof(*items));
    for (size_t i = 0; items && i < v->list.count; i++) {
        items[i] = step_json_response_embed(run, v->list.items[i]);
        if (!items[i])
            return NULL;
    }
    return items ? value_list(run->arena, items, v->list.count) : NULL;
}

/* The value with every {_from: path} and every string that is JSON replaced; NULL: out
 * of memory. As deep as the configuration, which the loader bounds. */
static const struct value *step_json_response_embed(struct run *run, const struct value *v)
{
    switch (v->kind) {
    case VALUE_STRING:
        return step_json_response_text(run, v);
    case VALUE_MAP:
        return step_json_response_map(run, v);
    case VALUE_LIST:
        return step_json_response_list(run, v);
    default:
        return v;
    }
}

/* *out stays NULL when there is no body. */
static wf_status step_json_response_body(const struct step_json_response *self,
                                         struct run *run, const struct value **out,
                                         wf_error *err)
{
    if (self->body_from.len) {
        *out = scope_path_find(&run->scope, self->body_from);
        return WF_OK;
    }
    if (!self->body)
        return WF_OK;
    const struct value *body;
    if (template_tree_eval(self->body, &run->scope, run->arena, &body, err))
        return error_prefix(err, "json_response step \"%.*s\": failed to resolve body",
                            STR_ARG(self->name));
    *out = step_json_response_embed(run, body);
    return *out ? WF_OK : error_no_memory(err);
}

/* ---- running
 * --------------------------------------------------------------------------------- */

static int64_t step_json_response_status(const struct step_json_response *self,
                                         const struct run *run)
{
    const struct value *v =
        self->status_from.len ? scope_path_find(&run->scope, self->status_from) : NULL;
    int64_t status = 0;
    if (v && v->kind == VALUE_INT)
        status = v->integer;
    else if (v && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER))
        (void)str_to_i64(str_trim(v->text), &status);
    return http_reply_is_status(status) ? status : self->status;
}

static wf_status step_json_response_headers(const struct step_json_response *self,
                                            struct run *run, wf_error *err)
{
    (void)http_reply_header(run->reply, STR("Content-Type"), STR("application/json"), true,
                            NULL);
    const struct value *headers = NULL;
    if (self->headers &&
        template_tree_eval(self->headers, &run->scope, run->arena, &headers, err))
        return error_prefix(err, "json_response step \"%.*s\": failed to resolve headers",
                            STR_ARG(self->name));
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, HTTP_REPLY_HEADER_BYTES);
    for (size_t i = 0; headers && i < headers->map.count; i++) {
        buf_clear(&text);
        value_print(&text, headers->map.members[i].value);
        if (http_reply_header(run->reply, headers->map.members[i].key, buf_view(&text),
                              true, err))
            return error_prefix(err, "json_response step \"%.*s\"", STR_ARG(self->name));
    }
    return WF_OK;
}

static wf_status step_json_response_write(const struct step_json_response *self,
                                          struct run *run, int64_t status,
                                          const struct value *body, wf_error *err)
{
    http_reply_clear(run->reply);
    wf_status result = step_json_response_headers(self, run, err);
    if (!result && body) {
        value_json(&run->reply->body, body);
        buf_byte(&run->reply->body, '\n');
        result = buf_status(&run->reply->body, "response", err);
    }
    if (result)
        http_reply_clear(run->reply);
    else
        run->reply->status = (unsigned)status;
    return result;
}

static wf_status step_json_response_run(void *step, struct run *run,
                                        struct step_result *out, wf_error *err)
{
    const struct step_json_response *self = step;
    const struct value *body = NULL;
    wf_status status = step_json_response_body(self, run, &body, err);
    if (status)
        return status;
    int64_t code = step_json_response_status(self, run);
    struct value *output = value_map(run->arena, 2);
    struct value *number = value_of_int(run->arena, code);
    if (!output || !number || !value_set(run->arena, output, STR("status"), number))
        return error_no_memory(err);
    if (!run->reply && body && !value_set(run->arena, output, STR("body"), body))
        return error_no_memory(err);
    if (run->reply) {
        status = step_json_response_write(self, run, code, body, err);
        if (status)
            return status;
    }
    out->output = output;
    out->stop = true;
    return WF_OK;
}

static const struct config_key step_json_response_keys[] = {
    {"status", "number", false, false, "the HTTP status (200)"},
    {"status_from", "string", false, false,
     "path to the status; goes before 'status' if valid"},
    {"headers", "map", false, true, "more headers: name to text"},
    {"body", "any", false, true, "what to send; {_from: path} stands for a value"},
    {"body_from", "string", false, false,
     "path to what to send: '.', 'key', 'steps.name.key'"},
    {0},
};

const struct step_type step_json_response_type = {
    .type = "step.json_response",
    .summary = "Answers the HTTP request with JSON and ends the pipeline.",
    .keys = step_json_response_keys,
    .create = step_json_response_create,
    .run = step_json_response_run,
    .free = step_json_response_free,
};
