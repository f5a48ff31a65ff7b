/* SPDX-License-Identifier: MIT
 *
 * step.conditional - goes on at another step, by a value or by a condition.
 *
 *     config  {field: op, routes: {INSERT: welcome, DELETE: goodbye}, default: ignore}
 *     out     {"matched_value": "INSERT", "next_step": "welcome"}
 *
 *     config  {if: "${ after.total > 100 }", then: review, else: done}
 *     out     {"condition": true, "next_step": "review"}
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/steps/scope_path.h"

struct step_conditional {
    wf_str name;
    /* By a value: */
    wf_str field_text;
    struct template *field;
    const struct value *routes;
    wf_str fallback;
    /* By a condition, one of the two: */
    struct template *condition;
    struct expr *expression;
    wf_str then_step;
    wf_str else_step;
};

static void step_conditional_free(void *step)
{
    struct step_conditional *self = step;
    if (!self)
        return;
    template_free(self->field);
    template_free(self->condition);
    expr_free(self->expression);
    free(self);
}

/* "a.b" as the template that looks it up; names with characters that a template's dots
 * do not take go through index. */
static void step_conditional_field(wf_str field, struct buf *out)
{
    if (scope_path_is_template(field)) {
        buf_str(out, field);
        return;
    }
    if (str_find(field, STR("-")) < 0) {
        buf_lit(out, "{{.");
        buf_str(out, field);
        buf_lit(out, "}}");
        return;
    }
    buf_lit(out, "{{index .");
    for (wf_str rest = field, part; str_next(&rest, '.', &part);) {
        buf_lit(out, " \"");
        buf_str(out, part);
        buf_lit(out, "\"");
    }
    buf_lit(out, "}}");
}

/* The list of steps that this one stands in, when each of them has a name; else NULL. */
static const struct node *step_conditional_list(const struct node *config)
{
    const struct node *entry = config;
    if (entry && entry->parent && entry->parent->value->kind != VALUE_LIST)
        entry = entry->parent;
    const struct node *list = entry ? entry->parent : NULL;
    if (!list || list->value->kind != VALUE_LIST)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        if (node_text(node_get(list->children[i], "name")).len == 0)
            return NULL;
    return list;
}

/* A step that does not exist would only be noticed when a run goes there. */
static bool step_conditional_exists(const struct definition *def, const char *key,
                                    wf_str step)
{
    const struct node *list = step_conditional_list(def->node);
    bool found = !list || step.len == 0;
    for (size_t i = 0; !found && i < list->count; i++)
        found = str_eq(node_text(node_get(list->children[i], "name")), step);
    if (!found)
        problems_add(def->problems, def->node, key,
                     "there is no step \"%.*s\" in this pipeline", STR_ARG(step));
    return found;
}

static bool step_conditional_by_value(struct step_conditional *self,
                                      const struct definition *def)
{
    wf_error err;
    self->routes = value_get(def->config, STR("routes"));
    self->fallback = config_check_text(def->config, "default", STR_EMPTY);
    if (!self->routes || self->routes->kind != VALUE_MAP || self->routes->map.count == 0) {
        problems_add(
            def->problems, def->node, "routes",
            "conditional step \"%.*s\": 'routes' map is required and must not be empty",
            STR_ARG(def->name));
        return false;
    }
    bool good = step_conditional_exists(def, "default", self->fallback);
    for (size_t i = 0; i < self->routes->map.count; i++) {
        const struct value_member *m = &self->routes->map.members[i];
        if (m->value->kind == VALUE_STRING && m->value->text.len) {
            good = step_conditional_exists(def, "routes", m->value->text) && good;
            continue;
        }
        problems_add(def->problems, def->node, "routes",
                     "conditional step \"%.*s\": route value for \"%.*s\" must be a string",
                     STR_ARG(def->name), STR_ARG(m->key));
        good = false;
    }
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    step_conditional_field(self->field_text, &text);
    if (buf_status(&text, "field", &err) ||
        template_compile(buf_view(&text), &self->field, &err)) {
        problems_add(def->problems, def->node, "field", "%s", err.text);
        good = false;
    }
    return good;
}

/* What stands inside a lone "{{ ... }}" or "${ ... }"; false for everything else. */
static bool step_conditional_inner(wf_str text, wf_str *out)
{
    text = str_trim(text);
    if (str_starts(text, STR("{{")) && str_ends(text, STR("}}")) && text.len >= 4)
        *out = str_trim(str_slice(text, 2, text.len - 2));
    else if (str_starts(text, STR("${")) && str_ends(text, STR("}")) && text.len >= 3)
        *out = str_trim(str_slice(text, 2, text.len - 1));
    else
        return false;
    return !scope_path_is_template(*out) && str_find(*out, STR("}")) < 0;
}

static bool step_conditional_letter(wf_str text, size_t dot)
{
    char c = dot + 1 < text.len ? text.ptr[dot + 1] : '\0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* `.a == "x"` with the dots before names taken away: what an expression calls `a`. */
static void step_conditional_undot(wf_str text, struct buf *out)
{
    char quote = '\0';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char before = i ? text.ptr[i - 1] : ' ';
        if (quote)
            quote = c == quote && before != '\\' ? '\0' : quote;
        else if (c == '"' || c == '\'' || c == '`')
            quote = c;
        else if (c == '.' && strchr(" \t(!&|=<>+-*/,[", before) &&
                 step_conditional_letter(text, i))
            continue;
        buf_byte(out, c);
    }
}

/* The engine reads `{{ .a == "x" }}`, which is no template, as an expression. */
static bool step_conditional_expression(struct step_conditional *self, wf_str text)
{
    wf_str inner;
    wf_error ignored;
    if (!step_conditional_inner(text, &inner))
        return false;
    CDC_CLEANUP(buf_release) struct buf plain;
    buf_init(&plain, LIMIT_TEXT_BYTES);
    step_conditional_undot(inner, &plain);
    return !plain.broken && !expr_compile(buf_view(&plain), &self->expression, &ignored);
}

static bool step_conditional_by_condition(struct step_conditional *self,
                                          const struct definition *def, wf_str text)
{
    wf_error err;
    self->then_step = config_check_text(def->config, "then", STR_EMPTY);
    self->else_step = config_check_text(def->config, "else", STR_EMPTY);
    bool good = step_conditional_exists(def, "then", self->then_step) &&
                step_conditional_exists(def, "else", self->else_step);
    if (self->then_step.len == 0) {
        problems_add(def->problems, def->node, "then",
                     "conditional step \"%.*s\": 'then' is required when 'if' is set",
                     STR_ARG(def->name));
        good = false;
    }
    if (template_compile(text, &self->condition, &err) &&
        !step_conditional_expression(self, text)) {
        problems_add(def->problems, def->node, "if", "%s", err.text);
        good = false;
    }
    return good;
}

static void *step_conditional_create(const struct definition *def)
{
    struct step_conditional *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->field_text = config_check_text(def->config, "field", STR_EMPTY);
    const struct value *condition = value_get(def->config, STR("if"));
    bool good = false;
    if (self->field_text.len && condition)
        problems_add(def->problems, def->node, "if",
                     "conditional step \"%.*s\": 'field' and 'if' are mutually exclusive",
                     STR_ARG(def->name));
    else if (condition && condition->kind == VALUE_STRING)
        good = step_conditional_by_condition(self, def, condition->text);
    else if (condition && condition->kind == VALUE_BOOL)
        good = step_conditional_by_condition(
            self, def, condition->boolean ? STR("true") : STR("false"));
    else if (condition)
        problems_add(def->problems, def->node, "if", "must be a template or an expression");
    else if (self->field_text.len == 0)
        problems_add(def->problems, def->node, "field",
                     "conditional step \"%.*s\": 'field' is required", STR_ARG(def->name));
    else
        good = step_conditional_by_value(self, def);
    if (good)
        return self;
    step_conditional_free(self);
    return NULL;
}

static wf_status step_conditional_go(struct run *run, struct value *output, wf_str next,
                                     struct step_result *out, wf_error *err)
{
    struct value *name = value_of_text(run->arena, next);
    if (!name || (next.len && !value_set(run->arena, output, STR("next_step"), name)))
        return error_no_memory(err);
    out->output = output;
    out->next_step = next;
    return WF_OK;
}

static wf_status step_conditional_run_value(const struct step_conditional *self,
                                            struct run *run, struct step_result *out,
                                            wf_error *err)
{
    wf_str text;
    if (template_eval(self->field, &run->scope, run->arena, &text, err))
        return error_prefix(err,
                            "conditional step \"%.*s\": failed to resolve field \"%.*s\"",
                            STR_ARG(self->name), STR_ARG(self->field_text));
    const struct value *route = value_get(self->routes, text);
    if (!route && self->fallback.len == 0)
        return error_set(
            err, WF_FAILED,
            "conditional step \"%.*s\": value \"%.*s\" not found in routes and no "
            "default configured",
            STR_ARG(self->name), text.len > 200 ? 200 : (int)text.len, text.ptr);

    struct value *output = value_map(run->arena, 3);
    struct value *matched = value_of_text(run->arena, text);
    if (!output || !matched ||
        !value_set(run->arena, output, STR("matched_value"), matched))
        return error_no_memory(err);
    if (!route && !value_set(run->arena, output, STR("used_default"), &value_true))
        return error_no_memory(err);
    return step_conditional_go(run, output, route ? route->text : self->fallback, out, err);
}

static bool step_conditional_truthy(wf_str text)
{
    static const char *const falsy[] = {"", "0", "false", "no", "n", "off", "<nil>"};
    text = str_trim(text);
    for (size_t i = 0; i < CDC_COUNT(falsy); i++)
        if (str_eq_nocase(text, str_from(falsy[i])))
            return false;
    return true;
}

static wf_status step_conditional_text(const struct step_conditional *self, struct run *run,
                                       struct buf *out, wf_error *err)
{
    if (self->condition) {
        wf_str text;
        wf_status status =
            template_eval(self->condition, &run->scope, run->arena, &text, err);
        if (!status)
            buf_str(out, text);
        return status;
    }
    const struct value *v;
    wf_status status = expr_eval(self->expression, &run->scope, run->arena, &v, err);
    if (!status)
        value_print(out, v);
    return status;
}

static wf_status step_conditional_run_condition(const struct step_conditional *self,
                                                struct run *run, struct step_result *out,
                                                wf_error *err)
{
    /* Only a short text can be false; a longer one breaks the buffer and is true. */
    char memory[64];
    struct buf text;
    buf_fixed(&text, memory, sizeof memory);
    if (step_conditional_text(self, run, &text, err))
        return error_prefix(err, "conditional step \"%.*s\": failed to resolve 'if'",
                            STR_ARG(self->name));
    bool yes = text.broken || step_conditional_truthy(buf_view(&text));
    struct value *output = value_map(run->arena, 2);
    if (!output || !value_set(run->arena, output, STR("condition"), value_of_bool(yes)))
        return error_no_memory(err);
    return step_conditional_go(run, output, yes ? self->then_step : self->else_step, out,
                               err);
}

static wf_status step_conditional_run(void *step, struct run *run, struct step_result *out,
                                      wf_error *err)
{
    const struct step_conditional *self = step;
    return self->field ? step_conditional_run_value(self, run, out, err)
                       : step_conditional_run_condition(self, run, out, err);
}

/* `if` is no template for the host's check: `{{ .a == "x" }}` is none, and is accepted
 * here. */
static const struct config_key step_conditional_keys[] = {
    {"field", "string", false, true, "what to look at: a dotted path or a template"},
    {"routes", "map", false, false, "value to step name"},
    {"default", "string", false, false,
     "the step when no route fits; without it that fails"},
    {"if", "any", false, false, "a condition: a template or an expression"},
    {"then", "string", false, false, "the step when the condition is true"},
    {"else", "string", false, false, "the step when it is not (the next one)"},
    {0},
};

const struct step_type step_conditional_type = {
    .type = "step.conditional",
    .summary = "Goes on at another step, by a value or by a condition.",
    .keys = step_conditional_keys,
    .create = step_conditional_create,
    .run = step_conditional_run,
    .free = step_conditional_free,
};
