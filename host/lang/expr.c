/* SPDX-License-Identifier: MIT
 *
 * expr - expressions that stand alone, as conditions do.
 */
#include <stdlib.h>

#include "base/error.h"
#include "host/lang/expr_eval.h"
#include "host/lang/expr_parse.h"
#include "host/lang/template_part.h"

struct expr {
    struct arena arena;
    wf_str text;
    const struct ast *node;
};

static wf_status expr_build(struct expr *e, wf_str text, wf_error *err)
{
    e->text = arena_str(&e->arena, text);
    if (!e->text.ptr)
        return error_no_memory(err);
    struct lexer lex = lexer_of(&e->arena, e->text, 0, false, err);
    e->node = expr_parse(&lex);
    if (e->node && lex.token.kind != LEXER_END)
        (void)lexer_unexpected(&lex, "the end of the expression");
    return lex.status;
}

wf_status expr_compile(wf_str text, struct expr **out, wf_error *err)
{
    struct expr *e = calloc(1, sizeof *e);
    if (!e)
        return error_no_memory(err);
    arena_init(&e->arena, TEMPLATE_ARENA_BYTES);
    wf_status status = expr_build(e, text, err);
    if (status) {
        expr_free(e);
        return status;
    }
    *out = e;
    return WF_OK;
}

void expr_free(struct expr *e)
{
    if (e)
        arena_release(&e->arena);
    free(e);
}

wf_status expr_eval(const struct expr *e, const struct scope *scope, struct arena *a,
                    const struct value **out, wf_error *err)
{
    struct expr_eval eval = {.scope = scope, .arena = a, .text = e->text, .err = err};
    const struct value *v;
    wf_status status = expr_eval_node(&eval, e->node, &v);
    if (!status)
        *out = v;
    return status;
}
