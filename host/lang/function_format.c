/* SPDX-License-Identifier: MIT
 *
 * function_format - print, and printf with the verbs %s %v %d %q %t %% and no width.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "host/lang/arena_text.h"
#include "host/lang/functions.h"

static void function_format_value(struct arena_text *t, const struct value *v)
{
    if (v->kind == VALUE_NULL)
        arena_text_str(t, STR("<nil>"));
    else
        arena_text_value(t, v);
}

/* As Go's Sprint: a space between two operands when neither is a string. */
wf_status function_format_print(struct function_call *call, const struct value **out)
{
    struct arena_text t = arena_text_of(call->arena, 64);
    for (size_t i = 0; i < call->count; i++) {
        if (i && call->args[i - 1]->kind != VALUE_STRING &&
            call->args[i]->kind != VALUE_STRING)
            arena_text_byte(&t, ' ');
        function_format_value(&t, call->args[i]);
    }
    wf_str text;
    if (!arena_text_end(&t, &text))
        return functions_no_memory(call);
    return functions_give_text(call, text, out);
}

/* The next verb of *rest, with the plain text before it; 0 at the end, '?' for an
 * unknown one. */
static char function_format_next(wf_str *rest, wf_str *before)
{
    ptrdiff_t at = str_find(*rest, STR("%"));
    if (at < 0) {
        *before = *rest;
        *rest = STR("");
        return 0;
    }
    *before = str_slice(*rest, 0, (size_t)at);
    char verb = (size_t)at + 1 < rest->len ? rest->ptr[at + 1] : '\0';
    *rest = str_slice(*rest, (size_t)at + 2, rest->len);
    return verb && strchr("svdqt%", verb) ? verb : '?';
}

/* Whether the format has known verbs only, and one for each of `args` arguments. */
static bool function_format_is_good(wf_str format, size_t args, char *why, size_t why_size)
{
    wf_str before;
    size_t verbs = 0;
    for (char verb; (verb = function_format_next(&format, &before));) {
        if (verb == '?') {
            snprintf(why, why_size,
                     "the format has a verb other than %%s %%v %%d %%q %%t %%%%, "
                     "or a width, which is not supported");
            return false;
        }
        verbs += verb != '%';
    }
    if (verbs == args)
        return true;
    snprintf(why, why_size, "the format has %zu verb%s for %zu argument%s", verbs,
             verbs == 1 ? "" : "s", args, args == 1 ? "" : "s");
    return false;
}

bool function_format_check(const struct value *first, size_t args, char *why,
                           size_t why_size)
{
    if (first->kind == VALUE_STRING)
        return function_format_is_good(first->text, args - 1, why, why_size);
    snprintf(why, why_size, "the format is %s", functions_kind(first));
    return false;
}

static wf_status function_format_verb(struct function_call *call, char verb,
                                      const struct value *v, struct arena_text *t)
{
    const char *needs = NULL;
    if (verb == 'd' && v->kind != VALUE_INT)
        needs = "%d needs an integer";
    else if (verb == 't' && v->kind != VALUE_BOOL)
        needs = "%t needs a boolean";
    else if (verb == 'q' && v->kind != VALUE_STRING)
        needs = "%q needs a string";
    if (needs)
        return error_set(call->err, WF_FAILED, "%s: %s, not %s", call->function->name,
                         needs, functions_kind(v));
    if (verb == 'q')
        arena_text_json(t, v);
    else
        function_format_value(t, v);
    return WF_OK;
}

wf_status function_format_printf(struct function_call *call, const struct value **out)
{
    char why[160];
    wf_str format, before, text;
    wf_status status = functions_text(call, 0, &format);
    if (status)
        return status;
    if (!function_format_is_good(format, call->count - 1, why, sizeof why))
        return error_set(call->err, WF_FAILED, "%s: %s", call->function->name, why);

    struct arena_text t = arena_text_of(call->arena, format.len + 32);
    size_t next = 1;
    for (;;) {
        char verb = function_format_next(&format, &before);
        arena_text_str(&t, before);
        if (!verb)
            break;
        if (verb == '%')
            arena_text_byte(&t, '%');
        else if ((status = function_format_verb(call, verb, call->args[next++], &t)))
            return status;
    }
    if (!arena_text_end(&t, &text))
        return functions_no_memory(call);
    return functions_give_text(call, text, out);
}
