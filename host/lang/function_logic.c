/* SPDX-License-Identifier: MIT
 *
 * function_logic - fallbacks and comparisons, as Go's templates and the engine define them.
 */
#include "base/error.h"
#include "base/str.h"
#include "host/lang/functions.h"
#include "host/lang/value_map.h"
#include "host/lang/value_number.h"

static bool function_logic_is_empty(const struct value *v)
{
    return v->kind == VALUE_NULL || (v->kind == VALUE_STRING && v->text.len == 0);
}

wf_status function_logic_default(struct function_call *call, const struct value **out)
{
    *out = function_logic_is_empty(call->args[1]) ? call->args[0] : call->args[1];
    return WF_OK;
}

wf_status function_logic_coalesce(struct function_call *call, const struct value **out)
{
    size_t i = 0;
    while (i < call->count && function_logic_is_empty(call->args[i]))
        i++;
    *out = i < call->count ? call->args[i] : &value_null;
    return WF_OK;
}

wf_status function_logic_not(struct function_call *call, const struct value **out)
{
    *out = value_of_bool(!functions_truth(call->args[0]));
    return WF_OK;
}

static bool function_logic_is_number(const struct value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_NUMBER;
}

/* Go refuses to compare kinds that can never be equal; null is equal to null only. */
static wf_status function_logic_same(struct function_call *call, const struct value *a,
                                     const struct value *b, bool *out)
{
    bool comparable = a->kind == b->kind || a->kind == VALUE_NULL ||
                      b->kind == VALUE_NULL ||
                      (function_logic_is_number(a) && function_logic_is_number(b));
    if (!comparable || a->kind == VALUE_LIST || a->kind == VALUE_MAP ||
        b->kind == VALUE_LIST || b->kind == VALUE_MAP)
        return error_set(call->err, WF_FAILED, "%s: %s cannot be compared with %s",
                         call->function->name, functions_kind(a), functions_kind(b));
    *out = value_equal(a, b);
    return WF_OK;
}

wf_status function_logic_eq(struct function_call *call, const struct value **out)
{
    bool same = false;
    for (size_t i = 1; i < call->count && !same; i++) {
        wf_status status = function_logic_same(call, call->args[0], call->args[i], &same);
        if (status)
            return status;
    }
    *out = value_of_bool(same);
    return WF_OK;
}

wf_status function_logic_ne(struct function_call *call, const struct value **out)
{
    bool same = false;
    wf_status status = function_logic_same(call, call->args[0], call->args[1], &same);
    if (!status)
        *out = value_of_bool(!same);
    return status;
}

/* -1, 0, 1; 2 with a number that is none. */
static wf_status function_logic_order(struct function_call *call, int *out)
{
    const struct value *a = call->args[0];
    const struct value *b = call->args[1];
    struct value_number left, right;
    if (a->kind == VALUE_STRING && b->kind == VALUE_STRING)
        *out = value_map_compare_keys(a->text, b->text);
    else if (value_number_of(a, &left) && value_number_of(b, &right))
        *out = value_number_compare(left, right);
    else
        return error_set(call->err, WF_FAILED, "%s: %s cannot be compared with %s",
                         call->function->name, functions_kind(a), functions_kind(b));
    return WF_OK;
}

wf_status function_logic_lt(struct function_call *call, const struct value **out)
{
    int order;
    wf_status status = function_logic_order(call, &order);
    if (!status)
        *out = value_of_bool(order == -1);
    return status;
}

wf_status function_logic_le(struct function_call *call, const struct value **out)
{
    int order;
    wf_status status = function_logic_order(call, &order);
    if (!status)
        *out = value_of_bool(order <= 0);
    return status;
}

wf_status function_logic_gt(struct function_call *call, const struct value **out)
{
    int order;
    wf_status status = function_logic_order(call, &order);
    if (!status)
        *out = value_of_bool(order == 1);
    return status;
}

wf_status function_logic_ge(struct function_call *call, const struct value **out)
{
    int order;
    wf_status status = function_logic_order(call, &order);
    if (!status)
        *out = value_of_bool(order == 0 || order == 1);
    return status;
}
