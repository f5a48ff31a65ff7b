/* SPDX-License-Identifier: MIT
 *
 * ast - making the nodes of a compiled expression, with their depth bounded.
 */
#include "host/lang/ast.h"

#include "base/str.h"

struct ast *ast_new(struct lexer *lex, enum ast_kind kind, size_t at)
{
    if (lex->status)
        return NULL;
    struct ast *n = arena_alloc(lex->arena, sizeof *n);
    if (!n) {
        (void)lexer_no_memory(lex);
        return NULL;
    }
    *n = (struct ast){.kind = (uint8_t)kind, .depth = 1, .go = lex->template, .at = at};
    return n;
}

struct ast *ast_literal(struct lexer *lex, const struct value *v, size_t at)
{
    struct ast *n = v ? ast_new(lex, AST_LITERAL, at) : NULL;
    if (n)
        n->literal = v;
    else
        (void)lexer_no_memory(lex);
    return n;
}

static bool ast_hold(struct lexer *lex, struct ast *parent, const struct ast *child,
                     size_t at)
{
    if (!child)
        return true;
    if (child->depth >= AST_DEPTH) {
        (void)lexer_error(lex, at, "the expression is nested too deeply");
        return false;
    }
    if (parent->depth <= child->depth)
        parent->depth = (uint16_t)(child->depth + 1);
    return true;
}

struct ast *ast_of(struct lexer *lex, enum ast_kind kind, const struct ast *a,
                   const struct ast *b, size_t at)
{
    struct ast *n = ast_new(lex, kind, at);
    if (!n || !ast_hold(lex, n, a, at) || !ast_hold(lex, n, b, at))
        return NULL;
    n->a = a;
    n->b = b;
    return n;
}

struct ast *ast_binary(struct lexer *lex, enum ast_op op, const struct ast *a,
                       const struct ast *b, size_t at)
{
    struct ast *n = ast_of(lex, AST_BINARY, a, b, at);
    if (n)
        n->op = (uint8_t)op;
    return n;
}

struct ast *ast_member(struct lexer *lex, const struct ast *a, wf_str key, size_t at)
{
    struct ast *n = ast_of(lex, AST_MEMBER, a, NULL, at);
    if (n)
        n->key = key;
    return n;
}

bool ast_items_add(struct lexer *lex, struct ast_items *items, const struct ast *item)
{
    if (!item)
        return false;
    if (items->count == items->cap) {
        uint32_t cap = items->cap ? items->cap * 2 : 4;
        const struct ast **grown = arena_alloc(lex->arena, cap * sizeof *grown);
        if (!grown) {
            (void)lexer_no_memory(lex);
            return false;
        }
        if (items->count)
            memcpy(grown, items->items, items->count * sizeof *grown);
        items->items = grown;
        items->cap = cap;
    }
    items->items[items->count++] = item;
    return true;
}

struct ast *ast_of_items(struct lexer *lex, enum ast_kind kind, struct ast_items items,
                         size_t at)
{
    struct ast *n = ast_new(lex, kind, at);
    for (uint32_t i = 0; n && i < items.count; i++)
        if (!ast_hold(lex, n, items.items[i], at))
            return NULL;
    if (n) {
        n->items = items.items;
        n->count = items.count;
    }
    return n;
}

/* "f needs 2 arguments", "f takes at most 2 arguments". */
static void ast_wrong_count(struct lexer *lex, const struct function *f, uint32_t count,
                            size_t at)
{
    unsigned bound = count < f->min_args ? f->min_args : f->max_args;
    const char *how = f->min_args == f->max_args ? "needs"
                      : count < f->min_args      ? "needs at least"
                                                 : "takes at most";
    (void)lexer_error(lex, at, "function '%s' %s %u argument%s, there %s %u", f->name, how,
                      bound, bound == 1 ? "" : "s", count == 1 ? "is" : "are", count);
}

struct ast *ast_call(struct lexer *lex, wf_str name, struct ast_items args, size_t at)
{
    char why[256];
    const struct function *f = functions_find(name);
    if (lex->status)
        return NULL;
    if (!f) {
        (void)lexer_error(lex, at, "function '%.*s' is not supported",
                          (int)(name.len < 40 ? name.len : 40), name.ptr);
        return NULL;
    }
    if (args.count < f->min_args || args.count > f->max_args) {
        ast_wrong_count(lex, f, args.count, at);
        return NULL;
    }
    struct ast *n = ast_of_items(lex, AST_CALL, args, at);
    if (!n)
        return NULL;
    n->function = f;

    bool literal = args.count && args.items[0]->kind == AST_LITERAL;
    if (f->check && literal &&
        !f->check(args.items[0]->literal, args.count, why, sizeof why)) {
        (void)lexer_error(lex, at, "%s: %s", f->name, why);
        return NULL;
    }
    return n;
}
