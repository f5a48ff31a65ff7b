/* SPDX-License-Identifier: MIT
 *
 * expr_eval - what a compiled expression yields in a scope.
 */
#ifndef HOST_LANG_EXPR_EVAL_H
#define HOST_LANG_EXPR_EVAL_H

#include "host/lang/ast.h"
#include "host/lang/template.h"

/* One evaluation; it lives on the stack of the thread that evaluates. */
struct expr_eval {
    const struct scope *scope;
    struct arena *arena;
    wf_str text; /* that the nodes were compiled from, for columns */
    wf_error *err;
    const struct value *dot;        /* inside range and with */
    const struct value **variables; /* AST_VARIABLES; NULL where there are none */
    uint32_t rounds;                /* of range, in all */
    bool stopped;                   /* a ?. found null: the rest of its chain is null */
};

wf_status expr_eval_node(struct expr_eval *e, const struct ast *n,
                         const struct value **out);

/* "template: <message> (column N)" as WF_FAILED. */
wf_status expr_eval_error(struct expr_eval *e, const struct ast *n, const char *format, ...)
    CDC_PRINTF(3, 4);
wf_status expr_eval_no_memory(struct expr_eval *e);

/* expr_binary.c: a node of kind AST_BINARY, its operands evaluated. */
wf_status expr_binary_apply(struct expr_eval *e, const struct ast *n, const struct value *a,
                            const struct value *b, const struct value **out);

#endif
