/* SPDX-License-Identifier: MIT
 *
 * db_step - what step.db_query and step.db_exec have in common.
 *
 * A query with templates is cut into texts and templates; what a template gives may only
 * hold letters, digits, '_' and '-', so that no data becomes SQL.
 */
#include "host/steps/db_step.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/config_check.h"
#include "host/steps/scope_path.h"

#define DB_STEP_PARTS 64 /* texts and templates of one dynamic query */
#define DB_STEP_PARAMS 1000

/* A piece of a dynamic query: text, or a template. */
struct db_part {
    wf_str text;
    struct template *dynamic; /* NULL: text */
};

/* One of the three. */
struct db_param {
    const struct value *literal;
    struct expr *whole; /* the text is one `${...}`: its value keeps its type */
    struct template *text;
};

struct db_step {
    wf_str name;
    const char *kind;
    struct storage_sqlite *storage;
    struct buf sql;        /* a static query, placeholders rewritten */
    struct db_part *parts; /* a dynamic one */
    size_t part_count;
    struct db_param *params;
    size_t param_count;
    bool single;
};

void db_step_free(struct db_step *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->part_count; i++)
        template_free(s->parts[i].dynamic);
    for (size_t i = 0; i < s->param_count; i++) {
        expr_free(s->params[i].whole);
        template_free(s->params[i].text);
    }
    free(s->parts);
    free(s->params);
    buf_release(&s->sql);
    free(s);
}

wf_str db_step_name(const struct db_step *step)
{
    return step->name;
}

/* ---- creating
 * -------------------------------------------------------------------------------- */

static bool db_step_find_database(struct db_step *s, const struct definition *def)
{
    const char *key = value_get(def->config, STR("database")) ? "database" : "module";
    if (config_check_text(def->config, key, STR_EMPTY).len == 0) {
        problems_add(def->problems, def->node, "database",
                     "%s step \"%.*s\": 'database' is required", s->kind, STR_ARG(s->name));
        return false;
    }
    s->storage = app_need_module(def, key, "storage.sqlite");
    return s->storage != NULL;
}

/* Where the next template begins and ends; false when there is none. */
static bool db_step_next_template(wf_str text, size_t *out_from, size_t *out_to)
{
    ptrdiff_t braces = str_find(text, STR("{{"));
    ptrdiff_t dollar = str_find(text, STR("${"));
    if (braces < 0 && dollar < 0)
        return false;
    bool first = dollar < 0 || (braces >= 0 && braces < dollar);
    wf_str end = first ? STR("}}") : STR("}");
    *out_from = (size_t)(first ? braces : dollar);
    ptrdiff_t len = str_find(str_slice(text, *out_from, text.len), end);
    *out_to = len < 0 ? text.len : *out_from + (size_t)len + end.len;
    return true;
}

static bool db_step_add_part(struct db_step *s, const struct definition *def, wf_str text,
                             bool dynamic)
{
    wf_error err;
    if (text.len == 0)
        return true;
    if (s->part_count == DB_STEP_PARTS) {
        problems_add(def->problems, def->node, "query", "has more than %d templates",
                     DB_STEP_PARTS / 2);
        return false;
    }
    struct db_part *part = &s->parts[s->part_count];
    part->text = text;
    if (dynamic && template_compile(text, &part->dynamic, &err)) {
        problems_add(def->problems, def->node, "query", "%s", err.text);
        return false;
    }
    s->part_count++;
    return true;
}

static bool db_step_cut(struct db_step *s, const struct definition *def, wf_str query)
{
    s->parts = calloc(DB_STEP_PARTS, sizeof *s->parts);
    if (!s->parts) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return false;
    }
    size_t from;
    size_t to;
    while (db_step_next_template(query, &from, &to)) {
        if (!db_step_add_part(s, def, str_slice(query, 0, from), false) ||
            !db_step_add_part(s, def, str_slice(query, from, to), true))
            return false;
        query = str_slice(query, to, query.len);
    }
    return db_step_add_part(s, def, query, false);
}

static bool db_step_query(struct db_step *s, const struct definition *def)
{
    wf_error err;
    wf_str query = config_check_text(def->config, "query", STR_EMPTY);
    if (!scope_path_is_template(query)) {
        db_statement_placeholders(&s->sql, query);
        if (!buf_status(&s->sql, "query", &err))
            return true;
        problems_add(def->problems, def->node, "query", "%s", err.text);
        return false;
    }
    if (config_check_bool(def->config, "allow_dynamic_sql", false))
        return db_step_cut(s, def, query);
    problems_add(def->problems, def->node, "query",
                 "%s step \"%.*s\": query must not contain template expressions (use "
                 "params instead)",
                 s->kind, STR_ARG(s->name));
    return false;
}

/* What stands in a text that is one `${...}` and nothing else. */
static bool db_step_whole(wf_str text, wf_str *out)
{
    if (!str_starts(text, STR("${")) || str_find(text, STR("}")) != (ptrdiff_t)text.len - 1)
        return false;
    *out = str_slice(text, 2, text.len - 1);
    return true;
}

static wf_status db_step_param(struct db_param *p, const struct value *v, wf_error *err)
{
    wf_str inner;
    if (v->kind != VALUE_STRING || !scope_path_is_template(v->text)) {
        p->literal = v;
        return WF_OK;
    }
    if (db_step_whole(v->text, &inner))
        return expr_compile(inner, &p->whole, err);
    return template_compile(v->text, &p->text, err);
}

static bool db_step_params(struct db_step *s, const struct definition *def)
{
    const char *key = value_get(def->config, STR("params")) ? "params" : "args";
    const struct value *list = value_get(def->config, str_from(key));
    if (!list || list->kind == VALUE_NULL)
        return true;
    if (list->kind != VALUE_LIST || list->list.count > DB_STEP_PARAMS) {
        problems_add(def->problems, def->node, key, "must be a list of at most %d values",
                     DB_STEP_PARAMS);
        return false;
    }
    s->params = calloc(list->list.count + 1, sizeof *s->params);
    if (!s->params) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return false;
    }
    bool good = true;
    for (; s->param_count < list->list.count; s->param_count++) {
        wf_error err;
        if (!db_step_param(&s->params[s->param_count], list->list.items[s->param_count],
                           &err))
            continue;
        problems_add(def->problems, def->node, key, "%s", err.text);
        good = false;
    }
    return good;
}

struct db_step *db_step_new(const struct definition *def, const char *kind)
{
    struct db_step *s = calloc(1, sizeof *s);
    if (!s) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    s->name = def->name;
    s->kind = kind;
    buf_init(&s->sql, LIMIT_CONFIG_BYTES);
    wf_str mode = config_check_text(def->config, "mode", STR("list"));
    s->single = str_is(mode, "single");
    bool good = true;
    if (mode.len && !s->single && !str_is(mode, "list")) {
        problems_add(def->problems, def->node, "mode",
                     "%s step \"%.*s\": mode must be 'list' or 'single', got \"%.*s\"",
                     kind, STR_ARG(s->name), STR_ARG(mode));
        good = false;
    }
    if (value_get(def->config, STR("tenantKey"))) {
        problems_add(def->problems, def->node, "tenantKey",
                     "is not supported by this host");
        good = false;
    }
    good = db_step_find_database(s, def) && good;
    good = db_step_query(s, def) && good;
    good = db_step_params(s, def) && good;
    if (good)
        return s;
    db_step_free(s);
    return NULL;
}

/* ---- running
 * --------------------------------------------------------------------------------- */

static bool db_step_is_harmless(wf_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '_' && c != '-')
            return false;
    }
    /* Two hyphens would begin a comment. */
    return text.len > 0 && str_find(text, STR("--")) < 0;
}

static wf_status db_step_dynamic_sql(const struct db_step *s, struct run *run,
                                     struct buf *out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf whole;
    buf_init(&whole, LIMIT_CONFIG_BYTES);
    for (size_t i = 0; i < s->part_count; i++) {
        const struct db_part *part = &s->parts[i];
        wf_str text = part->text;
        if (part->dynamic) {
            wf_status status =
                template_eval(part->dynamic, &run->scope, run->arena, &text, err);
            if (status)
                return error_prefix(err, "failed to resolve query");
            if (!db_step_is_harmless(text))
                return error_set(
                    err, WF_FAILED,
                    "dynamic SQL: the value of '%.*s' may only hold letters, digits, "
                    "'_' and '-'",
                    STR_ARG(part->text));
        }
        buf_str(&whole, text);
    }
    db_statement_placeholders(out, buf_view(&whole));
    wf_status status = buf_status(&whole, "query", err);
    return status ? status : buf_status(out, "query", err);
}

static wf_status db_step_values(const struct db_step *s, struct run *run,
                                const struct value **out, wf_error *err)
{
    for (size_t i = 0; i < s->param_count; i++) {
        const struct db_param *p = &s->params[i];
        wf_str text;
        wf_status status = WF_OK;
        out[i] = p->literal;
        if (p->whole)
            status = expr_eval(p->whole, &run->scope, run->arena, &out[i], err);
        else if (p->text)
            status = template_eval(p->text, &run->scope, run->arena, &text, err);
        if (!status && p->text) {
            out[i] = value_of_text(run->arena, text);
            if (!out[i])
                return error_no_memory(err);
        }
        if (status)
            return error_prefix(err, "failed to resolve param %zu", i);
    }
    return WF_OK;
}

wf_status db_step_run(const struct db_step *s, struct run *run, struct db_statement *d,
                      wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf dynamic;
    buf_init(&dynamic, LIMIT_CONFIG_BYTES);
    const struct value **params =
        arena_alloc(run->arena, (s->param_count + 1) * sizeof(*params));
    if (!params)
        return error_no_memory(err);
    wf_status status = db_step_values(s, run, params, err);
    if (!status && s->part_count)
        status = db_step_dynamic_sql(s, run, &dynamic, err);
    if (status)
        return status;
    d->sql = s->part_count ? buf_view(&dynamic) : buf_view(&s->sql);
    d->params = params;
    d->param_count = s->param_count;
    d->first_row_only = s->single;
    d->arena = run->arena;

    struct sqlite_connection *connection;
    status = storage_sqlite_borrow(s->storage, run->deadline_ms, &connection, err);
    if (status)
        return status;
    status = db_statement_run(connection, d, err);
    storage_sqlite_return(connection);
    return status;
}

wf_status db_step_put_rows(const struct db_step *s, struct arena *a,
                           const struct db_statement *d, struct value *output,
                           wf_error *err)
{
    const struct value *what;
    const struct value *how_many;
    if (s->single) {
        what = d->row_count ? d->rows[0] : value_map(a, 0);
        how_many = value_of_bool(d->row_count > 0);
    } else {
        what = value_list(a, d->rows, d->row_count);
        how_many = value_of_int(a, (int64_t)d->row_count);
    }
    if (!what || !how_many ||
        !value_set(a, output, s->single ? STR("row") : STR("rows"), what) ||
        !value_set(a, output, s->single ? STR("found") : STR("count"), how_many))
        return error_no_memory(err);
    return WF_OK;
}
