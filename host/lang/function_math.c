/* SPDX-License-Identifier: MIT
 *
 * function_math - arithmetic on values.  As in the engine, what is no number counts as 0
 * and a string counts as the number it spells; integers stay exact.
 */
#include "base/error.h"
#include "base/str.h"
#include "host/lang/functions.h"
#include "host/lang/value_number.h"

static struct value_number function_math_number(const struct value *v)
{
    struct value_number n = {.exact = true};
    if (v->kind == VALUE_STRING)
        (void)value_number_of_text(v->text, &n);
    else
        (void)value_number_of(v, &n);
    return n;
}

wf_status function_math_add(struct function_call *call, const struct value **out)
{
    struct value_number n = value_number_add(function_math_number(call->args[0]),
                                             function_math_number(call->args[1]));
    return functions_give(call, value_number_value(call->arena, n), out);
}

wf_status function_math_sub(struct function_call *call, const struct value **out)
{
    struct value_number n = value_number_sub(function_math_number(call->args[0]),
                                             function_math_number(call->args[1]));
    return functions_give(call, value_number_value(call->arena, n), out);
}

wf_status function_math_mul(struct function_call *call, const struct value **out)
{
    struct value_number n = value_number_mul(function_math_number(call->args[0]),
                                             function_math_number(call->args[1]));
    return functions_give(call, value_number_value(call->arena, n), out);
}

wf_status function_math_div(struct function_call *call, const struct value **out)
{
    struct value_number a = function_math_number(call->args[0]);
    struct value_number b = function_math_number(call->args[1]);
    bool whole =
        a.exact && b.exact && b.integer && b.integer != -1 && a.integer % b.integer == 0;
    const struct value *v;
    if (b.real == 0)
        v = value_of_int(call->arena, 0);
    else if (whole)
        v = value_of_int(call->arena, a.integer / b.integer);
    else
        v = value_of_double(call->arena, a.real / b.real);
    return functions_give(call, v, out);
}

wf_status function_math_to_int(struct function_call *call, const struct value **out)
{
    int64_t integer = value_number_clamp(function_math_number(call->args[0]));
    return functions_give(call, value_of_int(call->arena, integer), out);
}

wf_status function_math_to_float(struct function_call *call, const struct value **out)
{
    struct value_number n = function_math_number(call->args[0]);
    return functions_give(call, value_number_value(call->arena, n), out);
}

/* The second argument, when there is one, names the member to compute with. */
static wf_status function_math_key(struct function_call *call, wf_str *memory,
                                   const wf_str **out)
{
    *out = NULL;
    if (call->count < 2)
        return WF_OK;
    wf_status status = functions_text(call, 1, memory);
    if (!status)
        *out = memory;
    return status;
}

wf_status function_math_sum(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    struct value_number sum = {.exact = true};
    wf_str memory;
    const wf_str *key;
    wf_status status = function_math_key(call, &memory, &key);
    if (status)
        return status;
    for (size_t i = 0; list->kind == VALUE_LIST && i < list->list.count; i++) {
        const struct value *v = function_list_field(list->list.items[i], key);
        sum = value_number_add(sum, function_math_number(v));
    }
    return functions_give(call, value_number_value(call->arena, sum), out);
}

static wf_status function_math_extreme(struct function_call *call, int wanted,
                                       const struct value **out)
{
    const struct value *list = call->args[0];
    wf_str memory;
    const wf_str *key;
    wf_status status = function_math_key(call, &memory, &key);
    if (status)
        return status;
    if (list->kind != VALUE_LIST || list->list.count == 0) {
        *out = &value_null;
        return WF_OK;
    }
    struct value_number best =
        function_math_number(function_list_field(list->list.items[0], key));
    for (size_t i = 1; i < list->list.count; i++) {
        const struct value *v = function_list_field(list->list.items[i], key);
        struct value_number n = function_math_number(v);
        if (value_number_compare(n, best) == wanted)
            best = n;
    }
    return functions_give(call, value_number_value(call->arena, best), out);
}

wf_status function_math_min(struct function_call *call, const struct value **out)
{
    return function_math_extreme(call, -1, out);
}

wf_status function_math_max(struct function_call *call, const struct value **out)
{
    return function_math_extreme(call, 1, out);
}
