/* SPDX-License-Identifier: MIT
 *
 * functions - the table of all functions, and what they share.
 */
#include "host/lang/functions.h"

#include "base/error.h"
#include "base/str.h"
#include "host/lang/value_number.h"

wf_status functions_no_memory(struct function_call *call)
{
    return error_set(call->err, WF_NO_MEMORY, "%s: out of memory", call->function->name);
}

wf_status functions_give(struct function_call *call, const struct value *v,
                         const struct value **out)
{
    if (!v)
        return functions_no_memory(call);
    *out = v;
    return WF_OK;
}

wf_status functions_give_text(struct function_call *call, wf_str text,
                              const struct value **out)
{
    return functions_give(call, value_of_text(call->arena, text), out);
}

const char *functions_kind(const struct value *v)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null",       [VALUE_BOOL] = "a boolean",  [VALUE_INT] = "a number",
        [VALUE_NUMBER] = "a number", [VALUE_STRING] = "a string", [VALUE_LIST] = "a list",
        [VALUE_MAP] = "a map",
    };
    return names[v->kind];
}

bool functions_truth(const struct value *v)
{
    struct value_number n;
    switch (v->kind) {
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return v->boolean;
    case VALUE_INT:
        return v->integer != 0;
    case VALUE_NUMBER:
        return !value_number_of(v, &n) || n.real != 0;
    case VALUE_STRING:
        return v->text.len > 0;
    case VALUE_LIST:
        return v->list.count > 0;
    default:
        return v->map.count > 0;
    }
}

wf_status functions_text(struct function_call *call, size_t i, wf_str *out)
{
    const struct value *v = call->args[i];
    char digits[24];
    struct buf number;
    wf_str text;
    switch (v->kind) {
    case VALUE_STRING:
    case VALUE_NUMBER:
        *out = v->text;
        return WF_OK;
    case VALUE_BOOL:
        *out = v->boolean ? STR("true") : STR("false");
        return WF_OK;
    case VALUE_INT:
        buf_fixed(&number, digits, sizeof digits);
        buf_i64(&number, v->integer);
        text = arena_str(call->arena, buf_view(&number));
        if (!text.ptr)
            return functions_no_memory(call);
        *out = text;
        return WF_OK;
    default:
        return error_set(call->err, WF_FAILED, "%s: argument %zu is %s, a string is needed",
                         call->function->name, i + 1, functions_kind(v));
    }
}

#define MANY FUNCTIONS_ARGS

static const struct function functions_table[] = {
    {"add", 2, 2, function_math_add, NULL},
    {"b64", 1, 1, function_text_b64, NULL},
    {"coalesce", 0, MANY, function_logic_coalesce, NULL},
    {"contains", 2, 2, function_text_contains, NULL},
    {"default", 2, 2, function_logic_default, NULL},
    {"div", 2, 2, function_math_div, NULL},
    {"eq", 2, MANY, function_logic_eq, NULL},
    {"first", 1, 1, function_list_first, NULL},
    {"flatten", 1, 1, function_list_flatten, NULL},
    {"ge", 2, 2, function_logic_ge, NULL},
    {"groupBy", 2, 2, function_list_group_by, NULL},
    {"gt", 2, 2, function_logic_gt, NULL},
    {"hasPrefix", 2, 2, function_text_has_prefix, NULL},
    {"hasSuffix", 2, 2, function_text_has_suffix, NULL},
    {"index", 1, MANY, function_list_index, NULL},
    {"join", 2, 2, function_text_join, NULL},
    {"json", 1, 1, function_text_json, NULL},
    {"last", 1, 1, function_list_last, NULL},
    {"le", 2, 2, function_logic_le, NULL},
    {"len", 1, 1, function_list_len, NULL},
    {"length", 1, 1, function_list_length, NULL},
    {"lower", 1, 1, function_text_lower, NULL},
    {"lt", 2, 2, function_logic_lt, NULL},
    {"max", 1, 2, function_math_max, NULL},
    {"min", 1, 2, function_math_min, NULL},
    {"mul", 2, 2, function_math_mul, NULL},
    {"ne", 2, 2, function_logic_ne, NULL},
    {"not", 1, 1, function_logic_not, NULL},
    {"now", 0, 1, function_time_now, NULL},
    {"pluck", 2, 2, function_list_pluck, NULL},
    {"print", 0, MANY, function_format_print, NULL},
    {"printf", 1, MANY, function_format_printf, function_format_check},
    {"replace", 3, 3, function_text_replace, NULL},
    {"sortBy", 2, 2, function_list_sort_by, NULL},
    {"split", 2, 2, function_text_split, NULL},
    {"sub", 2, 2, function_math_sub, NULL},
    {"sum", 1, 2, function_math_sum, NULL},
    {"title", 1, 1, function_text_title, NULL},
    {"toFloat", 1, 1, function_math_to_float, NULL},
    {"toInt", 1, 1, function_math_to_int, NULL},
    {"toString", 1, 1, function_text_to_string, NULL},
    {"trimPrefix", 2, 2, function_text_trim_prefix, NULL},
    {"trimSpace", 1, 1, function_text_trim_space, NULL},
    {"trimSuffix", 2, 2, function_text_trim_suffix, NULL},
    {"unique", 1, 2, function_list_unique, NULL},
    {"upper", 1, 1, function_text_upper, NULL},
    {"urlEncode", 1, 1, function_text_url_encode, NULL},
    {"uuid", 0, 0, function_time_uuid, NULL},
    {"uuidv4", 0, 0, function_time_uuid, NULL},
};

const struct function *functions_find(wf_str name)
{
    for (size_t i = 0; i < CDC_COUNT(functions_table); i++)
        if (str_is(name, functions_table[i].name))
            return &functions_table[i];
    return NULL;
}
