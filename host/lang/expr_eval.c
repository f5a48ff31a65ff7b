/* SPDX-License-Identifier: MIT
 *
 * expr_eval - what a compiled expression yields in a scope.
 *
 * Recursion is bounded by AST_DEPTH, which the parser has checked.
 */
#include "host/lang/expr_eval.h"

#include <stdarg.h>

#include "base/error.h"
#include "base/str.h"
#include "host/lang/value_number.h"

/* The outputs of a step that did not run: a map without members, but null to `?.` and
 * `??`, as the engine's nil map. */
static const struct value expr_eval_no_step = {.kind = VALUE_MAP};

wf_status expr_eval_error(struct expr_eval *e, const struct ast *n, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set(e->err, WF_FAILED, "template: %s (column %zu)", message,
                     lexer_column(e->text, n->at));
}

wf_status expr_eval_no_memory(struct expr_eval *e)
{
    return error_set(e->err, WF_NO_MEMORY, "template: out of memory");
}

static wf_status expr_eval_give(struct expr_eval *e, const struct value *v,
                                const struct value **out)
{
    if (!v)
        return expr_eval_no_memory(e);
    *out = v;
    return WF_OK;
}

static bool expr_eval_is_null(const struct value *v)
{
    return v->kind == VALUE_NULL || v == &expr_eval_no_step;
}

static const struct value *expr_eval_root(const struct expr_eval *e, const struct ast *n)
{
    static const struct value empty = {.kind = VALUE_MAP};
    const struct scope *s = e->scope;
    const struct value *v = n->op == AST_STEPS          ? s->steps
                            : n->op == AST_TRIGGER_DATA ? s->trigger
                            : n->op == AST_META         ? s->meta
                                                        : s->current;
    return v ? v : &empty;
}

static wf_status expr_eval_missing(struct expr_eval *e, const struct ast *n, wf_str key,
                                   const struct value **out)
{
    if (n->go && e->scope->strict)
        return expr_eval_error(e, n, "map has no entry for key \"%.*s\"", STR_ARG(key));
    bool step = n->kind != AST_NAME && n->a->kind == AST_ROOT && n->a->op == AST_STEPS;
    *out = step ? &expr_eval_no_step : &value_null;
    return WF_OK;
}

static wf_status expr_eval_name(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    const struct value *v = value_get(e->scope->current, n->name);
    if (CDC_UNLIKELY(!v))
        return expr_eval_missing(e, n, n->name, out);
    *out = v;
    return WF_OK;
}

/* Everything a template's `.` shows. */
static wf_status expr_eval_data(struct expr_eval *e, const struct value **out)
{
    static const struct {
        const char *name;
        struct ast root;
    } roots[] = {{"steps", {.op = AST_STEPS}},
                 {"trigger", {.op = AST_TRIGGER_DATA}},
                 {"meta", {.op = AST_META}}};
    struct value *data = value_merge(e->arena, e->scope->current, NULL);
    for (size_t i = 0; data && i < CDC_COUNT(roots); i++)
        if (!value_set(e->arena, data, str_from(roots[i].name),
                       expr_eval_root(e, &roots[i].root)))
            data = NULL;
    return expr_eval_give(e, data, out);
}

static wf_status expr_eval_member_of_nothing(struct expr_eval *e, const struct ast *n,
                                             const struct value *object, wf_str key,
                                             const struct value **out)
{
    if (n->optional && expr_eval_is_null(object)) {
        e->stopped = true;
        *out = &value_null;
        return WF_OK;
    }
    if (!n->go)
        return expr_eval_error(e, n, "cannot take '%.*s' of %s", STR_ARG(key),
                               functions_kind(object));
    if (object->kind == VALUE_NULL)
        return expr_eval_error(e, n, "nil pointer evaluating interface {}.%.*s",
                               STR_ARG(key));
    return expr_eval_error(e, n, "can't evaluate field %.*s in %s", STR_ARG(key),
                           functions_kind(object));
}

static wf_status expr_eval_take(struct expr_eval *e, const struct ast *n,
                                const struct value *object, wf_str key,
                                const struct value **out)
{
    if (object->kind != VALUE_MAP || (n->optional && object == &expr_eval_no_step))
        return expr_eval_member_of_nothing(e, n, object, key, out);
    const struct value *v = value_get(object, key);
    if (CDC_UNLIKELY(!v))
        return expr_eval_missing(e, n, key, out);
    *out = v;
    return WF_OK;
}

static wf_status expr_eval_member(struct expr_eval *e, const struct ast *n,
                                  const struct value **out)
{
    const struct value *object;
    wf_status status = expr_eval_node(e, n->a, &object);
    if (status)
        return status;
    if (e->stopped) {
        *out = &value_null;
        return WF_OK;
    }
    return expr_eval_take(e, n, object, n->key, out);
}

static wf_status expr_eval_item(struct expr_eval *e, const struct ast *n,
                                const struct value *list, int64_t index,
                                const struct value **out)
{
    int64_t count = (int64_t)list->list.count;
    int64_t at = index < 0 ? index + count : index;
    if (at < 0 || at >= count)
        return expr_eval_error(e, n, "index out of range: %lld (array length is %lld)",
                               (long long)index, (long long)count);
    *out = list->list.items[at];
    return WF_OK;
}

static wf_status expr_eval_index(struct expr_eval *e, const struct ast *n,
                                 const struct value **out)
{
    const struct value *object, *index;
    wf_status status = expr_eval_node(e, n->a, &object);
    if (status)
        return status;
    if (e->stopped || (n->optional && expr_eval_is_null(object))) {
        e->stopped = true;
        *out = &value_null;
        return WF_OK;
    }
    /* A `?.` inside the brackets has a chain of its own. */
    status = expr_eval_node(e, n->b, &index);
    if (status)
        return status;
    if (index->kind == VALUE_STRING)
        return expr_eval_take(e, n, object, index->text, out);
    if (object->kind == VALUE_LIST && index->kind == VALUE_INT)
        return expr_eval_item(e, n, object, index->integer, out);
    return expr_eval_error(e, n, "%s cannot be indexed with %s", functions_kind(object),
                           functions_kind(index));
}

static wf_status expr_eval_chain(struct expr_eval *e, const struct ast *n,
                                 const struct value **out)
{
    wf_status status = expr_eval_node(e, n->a, out);
    e->stopped = false;
    return status;
}

static wf_status expr_eval_boolean(struct expr_eval *e, const struct ast *operand,
                                   const char *what, bool *out)
{
    const struct value *v;
    wf_status status = expr_eval_node(e, operand, &v);
    if (status)
        return status;
    if (v->kind != VALUE_BOOL)
        return expr_eval_error(e, operand, "%s needs a boolean, not %s", what,
                               functions_kind(v));
    *out = v->boolean;
    return WF_OK;
}

static wf_status expr_eval_not(struct expr_eval *e, const struct ast *n,
                               const struct value **out)
{
    bool holds;
    wf_status status = expr_eval_boolean(e, n->a, "'not'", &holds);
    if (!status)
        *out = value_of_bool(!holds);
    return status;
}

static wf_status expr_eval_and_or(struct expr_eval *e, const struct ast *n,
                                  const struct value **out)
{
    const char *what = n->kind == AST_AND ? "'and'" : "'or'";
    bool holds;
    wf_status status = expr_eval_boolean(e, n->a, what, &holds);
    if (!status && holds == (n->kind == AST_AND))
        status = expr_eval_boolean(e, n->b, what, &holds);
    if (!status)
        *out = value_of_bool(holds);
    return status;
}

static wf_status expr_eval_condition(struct expr_eval *e, const struct ast *n,
                                     const struct value **out)
{
    bool holds;
    wf_status status = expr_eval_boolean(e, n->a, "'?'", &holds);
    return status ? status : expr_eval_node(e, holds ? n->b : n->c, out);
}

static wf_status expr_eval_sign(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    const struct value *v;
    struct value_number number, zero = {.exact = true};
    wf_status status = expr_eval_node(e, n->a, &v);
    if (status)
        return status;
    if (!value_number_of(v, &number))
        return expr_eval_error(e, n, "a sign needs a number, not %s", functions_kind(v));
    if (n->kind == AST_NEGATE)
        number = value_number_sub(zero, number);
    return expr_eval_give(e, value_number_value(e->arena, number), out);
}

static wf_status expr_eval_coalesce(struct expr_eval *e, const struct ast *n,
                                    const struct value **out)
{
    const struct value *v;
    wf_status status = expr_eval_node(e, n->a, &v);
    if (status)
        return status;
    if (expr_eval_is_null(v))
        return expr_eval_node(e, n->b, out);
    *out = v;
    return WF_OK;
}

static wf_status expr_eval_binary(struct expr_eval *e, const struct ast *n,
                                  const struct value **out)
{
    const struct value *a, *b;
    wf_status status = expr_eval_node(e, n->a, &a);
    if (!status)
        status = expr_eval_node(e, n->b, &b);
    return status ? status : expr_binary_apply(e, n, a, b, out);
}

static wf_status expr_eval_list(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    const struct value **items = arena_alloc(e->arena, n->count * sizeof *items);
    if (!items)
        return expr_eval_no_memory(e);
    for (uint32_t i = 0; i < n->count; i++) {
        wf_status status = expr_eval_node(e, n->items[i], &items[i]);
        if (status)
            return status;
    }
    return expr_eval_give(e, value_list(e->arena, items, n->count), out);
}

static wf_status expr_eval_map(struct expr_eval *e, const struct ast *n,
                               const struct value **out)
{
    struct value *map = value_map(e->arena, n->count / 2);
    if (!map)
        return expr_eval_no_memory(e);
    for (uint32_t i = 0; i < n->count; i += 2) {
        const struct value *v;
        wf_status status = expr_eval_node(e, n->items[i + 1], &v);
        if (status)
            return status;
        if (!value_set(e->arena, map, n->items[i]->literal->text, v))
            return expr_eval_no_memory(e);
    }
    *out = map;
    return WF_OK;
}

static wf_status expr_eval_call(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    const struct value *args[FUNCTIONS_ARGS];
    struct function_call call = {.function = n->function,
                                 .args = args,
                                 .count = n->count,
                                 .go = n->go,
                                 .arena = e->arena,
                                 .err = e->err};
    for (uint32_t i = 0; i < n->count; i++) {
        wf_status status = expr_eval_node(e, n->items[i], &args[i]);
        if (status)
            return status;
    }
    wf_status status = n->function->run(&call, out);
    if (status && e->err) {
        wf_error inner = *e->err;
        return error_set(e->err, status, "template: %s (column %zu)", inner.text,
                         lexer_column(e->text, n->at));
    }
    return status;
}

/* Go's and, or: the first value that decides, else the last. */
static wf_status expr_eval_truth(struct expr_eval *e, const struct ast *n,
                                 const struct value **out)
{
    bool decides = n->kind == AST_TRUTH_OR;
    const struct value *v = &value_null;
    for (uint32_t i = 0; i < n->count; i++) {
        wf_status status = expr_eval_node(e, n->items[i], &v);
        if (status)
            return status;
        if (functions_truth(v) == decides)
            break;
    }
    *out = v;
    return WF_OK;
}

/* step "name" "a" "b" and trigger "a" "b": whatever is missing on the way is null. */
static wf_status expr_eval_walk(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    bool step = n->kind == AST_STEP;
    const char *what = step ? "step" : "trigger";
    const struct value *v = step ? e->scope->steps : e->scope->trigger;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct value *key;
        wf_status status = expr_eval_node(e, n->items[i], &key);
        if (status)
            return status;
        if (key->kind != VALUE_STRING)
            return expr_eval_error(e, n, "%s: argument %u is %s, a string is needed", what,
                                   i + 1, functions_kind(key));
        v = value_get(v, key->text);
        if (v || !e->scope->strict)
            continue;
        if (step && i == 0)
            return expr_eval_error(e, n, "step \"%.*s\" not found in pipeline context",
                                   STR_ARG(key->text));
        return expr_eval_error(e, n, "%s: key \"%.*s\" not found", what,
                               STR_ARG(key->text));
    }
    *out = v ? v : &value_null;
    return WF_OK;
}

static wf_status expr_eval_rare(struct expr_eval *e, const struct ast *n,
                                const struct value **out)
{
    switch (n->kind) {
    case AST_NOT:
        return expr_eval_not(e, n, out);
    case AST_NEGATE:
    case AST_PLUS:
        return expr_eval_sign(e, n, out);
    case AST_AND:
    case AST_OR:
        return expr_eval_and_or(e, n, out);
    case AST_COALESCE:
        return expr_eval_coalesce(e, n, out);
    case AST_CONDITION:
        return expr_eval_condition(e, n, out);
    case AST_LIST:
        return expr_eval_list(e, n, out);
    case AST_MAP:
        return expr_eval_map(e, n, out);
    case AST_TRUTH_AND:
    case AST_TRUTH_OR:
        return expr_eval_truth(e, n, out);
    case AST_STEP:
    case AST_TRIGGER:
        return expr_eval_walk(e, n, out);
    default: /* AST_DATA */
        return expr_eval_data(e, out);
    }
}

wf_status expr_eval_node(struct expr_eval *e, const struct ast *n, const struct value **out)
{
    switch (n->kind) {
    case AST_LITERAL:
        *out = n->literal;
        return WF_OK;
    case AST_NAME:
        return expr_eval_name(e, n, out);
    case AST_ROOT:
        *out = expr_eval_root(e, n);
        return WF_OK;
    case AST_DOT:
        *out = e->dot;
        return WF_OK;
    case AST_VARIABLE:
        *out = e->variables[n->slot];
        return WF_OK;
    case AST_MEMBER:
        return expr_eval_member(e, n, out);
    case AST_INDEX:
        return expr_eval_index(e, n, out);
    case AST_CHAIN:
        return expr_eval_chain(e, n, out);
    case AST_BINARY:
        return expr_eval_binary(e, n, out);
    case AST_CALL:
        return expr_eval_call(e, n, out);
    default:
        return expr_eval_rare(e, n, out);
    }
}
