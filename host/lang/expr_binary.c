/* SPDX-License-Identifier: MIT
 *
 * expr_binary - comparisons, membership and arithmetic of expressions.
 */
#include <math.h>

#include "base/str.h"
#include "host/lang/expr_eval.h"
#include "host/lang/value_map.h"
#include "host/lang/value_number.h"

static const char *const expr_binary_names[] = {
    [AST_EQ] = "==",
    [AST_NE] = "!=",
    [AST_LT] = "<",
    [AST_LE] = "<=",
    [AST_GT] = ">",
    [AST_GE] = ">=",
    [AST_IN] = "in",
    [AST_CONTAINS] = "contains",
    [AST_STARTS_WITH] = "startsWith",
    [AST_ENDS_WITH] = "endsWith",
    [AST_ADD] = "+",
    [AST_SUB] = "-",
    [AST_MUL] = "*",
    [AST_DIV] = "/",
    [AST_MOD] = "%",
    [AST_POW] = "**",
};

static wf_status expr_binary_refuse(struct expr_eval *e, const struct ast *n,
                                    const struct value *a, const struct value *b)
{
    return expr_eval_error(e, n, "%s %s %s is not possible", functions_kind(a),
                           expr_binary_names[n->op], functions_kind(b));
}

static wf_status expr_binary_order(struct expr_eval *e, const struct ast *n,
                                   const struct value *a, const struct value *b,
                                   const struct value **out)
{
    struct value_number left, right;
    int order;
    if (a->kind == VALUE_STRING && b->kind == VALUE_STRING)
        order = value_map_compare_keys(a->text, b->text);
    else if (value_number_of(a, &left) && value_number_of(b, &right))
        order = value_number_compare(left, right);
    else
        return expr_binary_refuse(e, n, a, b);

    bool holds = n->op == AST_LT   ? order == -1
                 : n->op == AST_LE ? order <= 0
                 : n->op == AST_GT ? order == 1
                                   : order == 0 || order == 1;
    *out = value_of_bool(holds);
    return WF_OK;
}

/* An item of a list, or a key of a map. */
static wf_status expr_binary_in(struct expr_eval *e, const struct ast *n,
                                const struct value *a, const struct value *b,
                                const struct value **out)
{
    bool found = false;
    if (b->kind == VALUE_LIST) {
        for (size_t i = 0; i < b->list.count && !found; i++)
            found = value_equal(a, b->list.items[i]);
    } else if (b->kind == VALUE_MAP && a->kind == VALUE_STRING) {
        found = value_get(b, a->text) != NULL;
    } else if (b->kind != VALUE_NULL && !(b->kind == VALUE_MAP && a->kind == VALUE_NULL)) {
        return expr_binary_refuse(e, n, a, b);
    }
    *out = value_of_bool(found);
    return WF_OK;
}

static wf_status expr_binary_text(struct expr_eval *e, const struct ast *n,
                                  const struct value *a, const struct value *b,
                                  const struct value **out)
{
    if (a->kind == VALUE_NULL || b->kind == VALUE_NULL) {
        *out = &value_false;
        return WF_OK;
    }
    if (a->kind != VALUE_STRING || b->kind != VALUE_STRING)
        return expr_binary_refuse(e, n, a, b);
    bool holds = n->op == AST_CONTAINS      ? str_find(a->text, b->text) >= 0
                 : n->op == AST_STARTS_WITH ? str_starts(a->text, b->text)
                                            : str_ends(a->text, b->text);
    *out = value_of_bool(holds);
    return WF_OK;
}

static wf_status expr_binary_concat(struct expr_eval *e, wf_str a, wf_str b,
                                    const struct value **out)
{
    char *text = a.len <= SIZE_MAX - b.len ? arena_alloc(e->arena, a.len + b.len) : NULL;
    if (!text)
        return expr_eval_no_memory(e);
    if (a.len)
        memcpy(text, a.ptr, a.len);
    if (b.len)
        memcpy(text + a.len, b.ptr, b.len);
    const struct value *v = value_of_text(e->arena, (wf_str){text, a.len + b.len});
    if (!v)
        return expr_eval_no_memory(e);
    *out = v;
    return WF_OK;
}

static wf_status expr_binary_give(struct expr_eval *e, struct value_number number,
                                  const struct value **out)
{
    const struct value *v = value_number_value(e->arena, number);
    if (!v)
        return expr_eval_no_memory(e);
    *out = v;
    return WF_OK;
}

static wf_status expr_binary_mod(struct expr_eval *e, const struct ast *n,
                                 struct value_number a, struct value_number b,
                                 const struct value **out)
{
    if (!a.exact || !b.exact)
        return expr_eval_error(e, n, "'%%' needs integers");
    if (b.integer == 0)
        return expr_eval_error(e, n, "integer divide by zero");
    /* INT64_MIN % -1 overflows in C. */
    int64_t rest = b.integer == -1 ? 0 : a.integer % b.integer;
    return expr_binary_give(e, (struct value_number){true, rest, (double)rest}, out);
}

/* Whole results stay exact: 2 ** 62, 12 / 4. */
static struct value_number expr_binary_power(struct value_number a, struct value_number b)
{
    struct value_number power = {true, 1, 1.0};
    if (!a.exact || !b.exact || b.integer < 0 || b.integer > 64)
        return (struct value_number){.real = pow(a.real, b.real)};
    for (int64_t i = 0; i < b.integer && power.exact; i++)
        power = value_number_mul(power, a);
    return power.exact ? power : (struct value_number){.real = pow(a.real, b.real)};
}

static struct value_number expr_binary_divide(struct value_number a, struct value_number b)
{
    if (a.exact && b.exact && b.integer > 0 && a.integer % b.integer == 0) {
        int64_t whole = a.integer / b.integer;
        return (struct value_number){true, whole, (double)whole};
    }
    if (b.real == 0) /* as Go's floats; C leaves the division undefined */
        return (struct value_number){.real = a.real == 0 || isnan(a.real) ? (double)NAN
                                             : (a.real > 0) == !signbit(b.real)
                                                 ? (double)INFINITY
                                                 : (double)-INFINITY};
    return (struct value_number){.real = a.real / b.real};
}

static wf_status expr_binary_arithmetic(struct expr_eval *e, const struct ast *n,
                                        const struct value *a, const struct value *b,
                                        const struct value **out)
{
    struct value_number left, right;
    if (n->op == AST_ADD && a->kind == VALUE_STRING && b->kind == VALUE_STRING)
        return expr_binary_concat(e, a->text, b->text, out);
    if (!value_number_of(a, &left) || !value_number_of(b, &right))
        return expr_binary_refuse(e, n, a, b);
    switch (n->op) {
    case AST_ADD:
        return expr_binary_give(e, value_number_add(left, right), out);
    case AST_SUB:
        return expr_binary_give(e, value_number_sub(left, right), out);
    case AST_MUL:
        return expr_binary_give(e, value_number_mul(left, right), out);
    case AST_DIV:
        return expr_binary_give(e, expr_binary_divide(left, right), out);
    case AST_MOD:
        return expr_binary_mod(e, n, left, right, out);
    default:
        return expr_binary_give(e, expr_binary_power(left, right), out);
    }
}

wf_status expr_binary_apply(struct expr_eval *e, const struct ast *n, const struct value *a,
                            const struct value *b, const struct value **out)
{
    switch (n->op) {
    case AST_EQ:
        *out = value_of_bool(value_equal(a, b));
        return WF_OK;
    case AST_NE:
        *out = value_of_bool(!value_equal(a, b));
        return WF_OK;
    case AST_LT:
    case AST_LE:
    case AST_GT:
    case AST_GE:
        return expr_binary_order(e, n, a, b, out);
    case AST_IN:
        return expr_binary_in(e, n, a, b, out);
    case AST_CONTAINS:
    case AST_STARTS_WITH:
    case AST_ENDS_WITH:
        return expr_binary_text(e, n, a, b, out);
    default:
        return expr_binary_arithmetic(e, n, a, b, out);
    }
}
