/* SPDX-License-Identifier: MIT
 *
 * ast - a compiled expression.  `${ }` and `{{ }}` become the same tree; what Go's
 * templates do differently is a node kind or a flag.  Nodes live in the arena of their
 * template and never change after compilation.
 */
#ifndef HOST_LANG_AST_H
#define HOST_LANG_AST_H

#include "host/lang/functions.h"
#include "host/lang/lexer.h"

#define AST_DEPTH 100   /* of a tree: bounds the recursion of the evaluator */
#define AST_NESTING 400 /* bounds the recursion of the parsers; parentheses leave no node */
#define AST_VARIABLES 32

enum ast_kind {
    AST_LITERAL,
    AST_NAME,     /* a key of Current */
    AST_ROOT,     /* steps, trigger, meta, current: `root` */
    AST_DATA,     /* `.` and `$` of a template: Current with the roots laid over it */
    AST_DOT,      /* `.` inside range and with */
    AST_VARIABLE, /* `slot` */
    AST_MEMBER,   /* a.name */
    AST_INDEX,    /* a[b] */
    AST_CHAIN,    /* where a `?.` inside a stops */
    AST_NOT,
    AST_NEGATE,
    AST_PLUS,
    AST_AND,
    AST_OR,
    AST_COALESCE,
    AST_CONDITION, /* a ? b : c */
    AST_BINARY,    /* `op` */
    AST_LIST,      /* items */
    AST_MAP,       /* items: key, value, key, value ... */
    AST_CALL,      /* function(items) */
    AST_TRUTH_AND, /* Go's and, or: give the deciding value; items */
    AST_TRUTH_OR,
    AST_TRIGGER, /* Go's trigger "a" "b"; items */
    AST_STEP,    /* Go's step "name" "a" "b"; items */
};

enum ast_root { AST_STEPS, AST_TRIGGER_DATA, AST_META, AST_CURRENT };

enum ast_op {
    AST_EQ,
    AST_NE,
    AST_LT,
    AST_LE,
    AST_GT,
    AST_GE,
    AST_IN,
    AST_CONTAINS,
    AST_STARTS_WITH,
    AST_ENDS_WITH,
    AST_ADD,
    AST_SUB,
    AST_MUL,
    AST_DIV,
    AST_MOD,
    AST_POW,
};

struct ast {
    uint8_t kind;
    uint8_t op; /* enum ast_op or enum ast_root */
    bool go; /* MEMBER, NAME, INDEX: as Go's templates do; CALL: called from a template */
    bool optional; /* MEMBER, INDEX: ?. */
    uint16_t depth;
    uint16_t slot;
    uint32_t count; /* of items */
    size_t at;      /* offset in the text */
    const struct function *function;
    union {
        const struct value *literal;
        wf_str name; /* NAME */
        struct {
            const struct ast *a, *b, *c;
            wf_str key; /* MEMBER */
        };
        const struct ast **items;
    };
};

/* The constructors give NULL after an error, which the lexer then holds; they take NULL
 * children, so that a parser tests once. */
struct ast *ast_new(struct lexer *lex, enum ast_kind kind, size_t at);
struct ast *ast_literal(struct lexer *lex, const struct value *v, size_t at);
struct ast *ast_of(struct lexer *lex, enum ast_kind kind, const struct ast *a,
                   const struct ast *b, size_t at);
struct ast *ast_binary(struct lexer *lex, enum ast_op op, const struct ast *a,
                       const struct ast *b, size_t at);
struct ast *ast_member(struct lexer *lex, const struct ast *a, wf_str key, size_t at);

/* Items of a list, a map or a call, while they are being counted. */
struct ast_items {
    const struct ast **items;
    uint32_t count;
    uint32_t cap;
};
bool ast_items_add(struct lexer *lex, struct ast_items *items, const struct ast *item);
struct ast *ast_of_items(struct lexer *lex, enum ast_kind kind, struct ast_items items,
                         size_t at);
/* Checks that the function exists and takes so many arguments. */
struct ast *ast_call(struct lexer *lex, wf_str name, struct ast_items args, size_t at);

#endif
