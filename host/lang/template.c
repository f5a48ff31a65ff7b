/* SPDX-License-Identifier: MIT
 *
 * template - the strings of a step's configuration, compiled and evaluated one by one.
 */
#include "host/lang/template.h"

#include <stdlib.h>

#include "base/error.h"
#include "host/lang/template_eval.h"

wf_status template_compile(wf_str text, struct template **out, wf_error *err)
{
    struct arena arena;
    struct template parsed = {0};
    struct template *t = malloc(sizeof *t);
    if (!t)
        return error_no_memory(err);
    arena_init(&arena, TEMPLATE_ARENA_BYTES);

    wf_str copy = arena_str(&arena, text);
    wf_status status =
        copy.ptr ? template_parse(&arena, copy, &parsed, err) : error_no_memory(err);
    if (status) {
        arena_release(&arena);
        free(t);
        return status;
    }
    *t = parsed;
    t->arena = arena;
    *out = t;
    return WF_OK;
}

void template_free(struct template *t)
{
    if (t)
        arena_release(&t->arena);
    free(t);
}

bool template_is_static(const struct template *t)
{
    return t->is_static;
}

wf_status template_eval(const struct template *t, const struct scope *scope,
                        struct arena *a, wf_str *out, wf_error *err)
{
    if (t->is_static) {
        *out = t->text;
        return WF_OK;
    }
    return template_eval_parts(t, scope, a, out, err);
}
