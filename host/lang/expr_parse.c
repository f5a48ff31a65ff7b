/* SPDX-License-Identifier: MIT
 *
 * expr_parse - the language between `${` and `}`; its grammar is in expr_parse.h.
 */
#include "host/lang/expr_parse.h"

#include "base/str.h"

struct expr_parse_operator {
    const char *text;
    uint8_t precedence;
    uint8_t kind; /* enum ast_kind; op is for AST_BINARY */
    uint8_t op;
    bool right; /* a ** b ** c is a ** (b ** c) */
    bool word;
};

/* AST_LITERAL marks what expr-lang has and we have not. */
static const struct expr_parse_operator expr_parse_operators[] = {
    {"|", 1, AST_LITERAL, 0, false, false},
    {"||", 10, AST_OR, 0, false, false},
    {"or", 10, AST_OR, 0, false, true},
    {"&&", 15, AST_AND, 0, false, false},
    {"and", 15, AST_AND, 0, false, true},
    {"==", 20, AST_BINARY, AST_EQ, false, false},
    {"!=", 20, AST_BINARY, AST_NE, false, false},
    {"<", 20, AST_BINARY, AST_LT, false, false},
    {"<=", 20, AST_BINARY, AST_LE, false, false},
    {">", 20, AST_BINARY, AST_GT, false, false},
    {">=", 20, AST_BINARY, AST_GE, false, false},
    {"in", 20, AST_BINARY, AST_IN, false, true},
    {"contains", 20, AST_BINARY, AST_CONTAINS, false, true},
    {"startsWith", 20, AST_BINARY, AST_STARTS_WITH, false, true},
    {"endsWith", 20, AST_BINARY, AST_ENDS_WITH, false, true},
    {"matches", 20, AST_LITERAL, 0, false, true},
    {"..", 25, AST_LITERAL, 0, false, false},
    {"+", 30, AST_BINARY, AST_ADD, false, false},
    {"-", 30, AST_BINARY, AST_SUB, false, false},
    {"*", 60, AST_BINARY, AST_MUL, false, false},
    {"/", 60, AST_BINARY, AST_DIV, false, false},
    {"%", 60, AST_BINARY, AST_MOD, false, false},
    {"**", 100, AST_BINARY, AST_POW, true, false},
    {"^", 100, AST_BINARY, AST_POW, true, false},
    {"??", 200, AST_COALESCE, 0, false, false},
    {NULL, 0, 0, 0, false, false},
};

#define EXPR_PARSE_NOT 50
#define EXPR_PARSE_SIGN 90

static bool expr_parse_enter(struct lexer *lex)
{
    if (++lex->nesting <= AST_NESTING)
        return true;
    (void)lexer_error(lex, lex->token.at, "the expression is nested too deeply");
    return false;
}

static bool expr_parse_expect(struct lexer *lex, const char *mark)
{
    char expected[8];
    if (lexer_take(lex, mark))
        return true;
    snprintf(expected, sizeof expected, "'%s'", mark);
    (void)lexer_unexpected(lex, expected);
    return false;
}

/* Expressions up to `close`, which is taken too; a comma may stand before it. */
static bool expr_parse_items(struct lexer *lex, const char *close, struct ast_items *items)
{
    while (!lexer_take(lex, close)) {
        if (!ast_items_add(lex, items, expr_parse(lex)))
            return false;
        if (!lexer_take(lex, ",") && !lexer_is(lex, close)) {
            char expected[16];
            snprintf(expected, sizeof expected, "',' or '%s'", close);
            (void)lexer_unexpected(lex, expected);
            return false;
        }
    }
    return !lex->status;
}

static const struct ast *expr_parse_map(struct lexer *lex, size_t at)
{
    struct ast_items items = {0};
    while (!lexer_take(lex, "}")) {
        struct lexer_token key = lex->token;
        if (key.kind != LEXER_NAME && key.kind != LEXER_STRING) {
            (void)lexer_unexpected(lex, "a key, a name or a string,");
            return NULL;
        }
        struct ast *name = ast_literal(lex, value_of_text(lex->arena, key.text), key.at);
        lexer_next(lex);
        if (!ast_items_add(lex, &items, name) || !expr_parse_expect(lex, ":") ||
            !ast_items_add(lex, &items, expr_parse(lex)))
            return NULL;
        if (!lexer_take(lex, ",") && !lexer_is(lex, "}")) {
            (void)lexer_unexpected(lex, "',' or '}'");
            return NULL;
        }
    }
    return ast_of_items(lex, AST_MAP, items, at);
}

static const struct ast *expr_parse_call(struct lexer *lex, wf_str name, size_t at)
{
    struct ast_items args = {0};
    /* Before the arguments: those of filter() and the like have a syntax of their own. */
    if (!functions_find(name)) {
        (void)lexer_error(lex, at, "function '%.*s' is not supported",
                          (int)(name.len < 40 ? name.len : 40), name.ptr);
        return NULL;
    }
    return expr_parse_items(lex, ")", &args) ? ast_call(lex, name, args, at) : NULL;
}

static const struct expr_parse_operator *expr_parse_find(const struct lexer *lex)
{
    bool word = lex->token.kind == LEXER_NAME;
    if (!word && lex->token.kind != LEXER_MARK)
        return NULL;
    for (const struct expr_parse_operator *o = expr_parse_operators; o->text; o++)
        if (o->word == word && str_is(lex->token.text, o->text))
            return o;
    return NULL;
}

static const struct ast *expr_parse_identifier(struct lexer *lex, wf_str name, size_t at)
{
    static const struct {
        const char *name;
        enum ast_root root;
    } roots[] = {{"steps", AST_STEPS},
                 {"trigger", AST_TRIGGER_DATA},
                 {"body", AST_TRIGGER_DATA},
                 {"meta", AST_META},
                 {"current", AST_CURRENT}};
    for (size_t i = 0; i < CDC_COUNT(roots); i++) {
        if (!str_is(name, roots[i].name))
            continue;
        struct ast *root = ast_new(lex, AST_ROOT, at);
        if (root)
            root->op = (uint8_t)roots[i].root;
        return root;
    }
    struct ast *n = ast_new(lex, AST_NAME, at);
    if (n)
        n->name = name;
    return n;
}

static const struct ast *expr_parse_name(struct lexer *lex)
{
    struct lexer_token t = lex->token;
    bool operator_word = expr_parse_find(lex) != NULL;
    lexer_next(lex);
    if (lexer_take(lex, "("))
        return expr_parse_call(lex, t.text, t.at);
    if (operator_word || str_is(t.text, "let")) {
        (void)lexer_error(lex, t.at, "'%.*s' is not supported here", STR_ARG(t.text));
        return NULL;
    }
    if (str_is(t.text, "true") || str_is(t.text, "false"))
        return ast_literal(lex, value_of_bool(str_is(t.text, "true")), t.at);
    if (str_is(t.text, "nil"))
        return ast_literal(lex, &value_null, t.at);
    return expr_parse_identifier(lex, t.text, t.at);
}

static const struct ast *expr_parse_primary(struct lexer *lex)
{
    struct lexer_token t = lex->token;
    switch (t.kind) {
    case LEXER_NUMBER:
        lexer_next(lex);
        return ast_literal(lex, t.value, t.at);
    case LEXER_STRING:
        lexer_next(lex);
        return ast_literal(lex, value_of_text(lex->arena, t.text), t.at);
    case LEXER_NAME:
        return expr_parse_name(lex);
    default:
        break;
    }
    if (lexer_take(lex, "(")) {
        const struct ast *inner = expr_parse(lex);
        return inner && expr_parse_expect(lex, ")") ? inner : NULL;
    }
    if (lexer_take(lex, "[")) {
        struct ast_items items = {0};
        return expr_parse_items(lex, "]", &items) ? ast_of_items(lex, AST_LIST, items, t.at)
                                                  : NULL;
    }
    if (lexer_take(lex, "{"))
        return expr_parse_map(lex, t.at);
    (void)lexer_unexpected(lex, "an expression");
    return NULL;
}

/* One of .name, ?.name, [index], ?.[index] behind `a`; the token at `at` is taken
 * already. */
static struct ast *expr_parse_step(struct lexer *lex, const struct ast *a, bool bracket,
                                   size_t at)
{
    if (bracket || lexer_take(lex, "[")) {
        const struct ast *index = expr_parse(lex);
        if (!index)
            return NULL;
        if (lexer_is(lex, ":")) {
            (void)lexer_error(lex, lex->token.at, "a slice, [from:to], is not supported");
            return NULL;
        }
        return expr_parse_expect(lex, "]") ? ast_of(lex, AST_INDEX, a, index, at) : NULL;
    }
    wf_str key = lex->token.text;
    if (lex->token.kind != LEXER_NAME) {
        (void)lexer_unexpected(lex, "a name after '.'");
        return NULL;
    }
    lexer_next(lex);
    return ast_member(lex, a, key, at);
}

static const struct ast *expr_parse_postfix(struct lexer *lex)
{
    const struct ast *n = expr_parse_primary(lex);
    bool chain = false;
    size_t from = lex->token.at;
    while (n) {
        size_t at = lex->token.at;
        bool optional = lexer_take(lex, "?.");
        bool bracket = !optional && lexer_take(lex, "[");
        if (!optional && !bracket && !lexer_take(lex, "."))
            break;
        struct ast *step = expr_parse_step(lex, n, bracket, at);
        if (step)
            step->optional = optional;
        chain |= optional;
        n = step;
    }
    return n && chain ? ast_of(lex, AST_CHAIN, n, NULL, from) : n;
}

static const struct ast *expr_parse_binary(struct lexer *lex, unsigned least);

static const struct ast *expr_parse_unary(struct lexer *lex)
{
    size_t at = lex->token.at;
    const struct ast *n;
    if (lexer_take(lex, "!")) {
        n = expr_parse_binary(lex, EXPR_PARSE_NOT);
        n = n ? ast_of(lex, AST_NOT, n, NULL, at) : NULL;
    } else if (lexer_is_name(lex, "not")) {
        lexer_next(lex);
        n = expr_parse_binary(lex, EXPR_PARSE_NOT);
        n = n ? ast_of(lex, AST_NOT, n, NULL, at) : NULL;
    } else if (lexer_take(lex, "-")) {
        n = expr_parse_binary(lex, EXPR_PARSE_SIGN);
        n = n ? ast_of(lex, AST_NEGATE, n, NULL, at) : NULL;
    } else if (lexer_take(lex, "+")) {
        n = expr_parse_binary(lex, EXPR_PARSE_SIGN);
        n = n ? ast_of(lex, AST_PLUS, n, NULL, at) : NULL;
    } else {
        n = expr_parse_postfix(lex);
    }
    return n;
}

/* The operator at the present token, which is taken; `a not in b` negates.  NULL: none
 * that binds as tightly as `least`. */
static const struct expr_parse_operator *expr_parse_take(struct lexer *lex, unsigned least,
                                                         bool *negate)
{
    struct lexer before = *lex;
    *negate = lexer_is_name(lex, "not");
    if (*negate)
        lexer_next(lex);
    const struct expr_parse_operator *o = expr_parse_find(lex);
    bool negatable = o && o->word && o->precedence == 20;
    if (!o || o->precedence < least || (*negate && !negatable)) {
        *lex = before;
        return NULL;
    }
    if (o->kind == AST_LITERAL) {
        (void)lexer_error(lex, lex->token.at, "operator '%s' is not supported", o->text);
        return NULL;
    }
    lexer_next(lex);
    return o;
}

/* `left` and all operators behind it that bind as tightly as `least`. */
static const struct ast *expr_parse_operations(struct lexer *lex, const struct ast *left,
                                               unsigned least)
{
    while (left) {
        size_t at = lex->token.at;
        bool negate;
        const struct expr_parse_operator *o = expr_parse_take(lex, least, &negate);
        if (!o)
            return lex->status ? NULL : left;
        const struct ast *right =
            expr_parse_binary(lex, o->right ? o->precedence : o->precedence + 1u);
        if (!right)
            return NULL;
        if (o->kind == AST_BINARY)
            left = ast_binary(lex, (enum ast_op)o->op, left, right, at);
        else
            left = ast_of(lex, (enum ast_kind)o->kind, left, right, at);
        if (left && negate)
            left = ast_of(lex, AST_NOT, left, NULL, at);
    }
    return NULL;
}

/* Every recursion of this parser comes through here or through expr_parse(). */
static const struct ast *expr_parse_binary(struct lexer *lex, unsigned least)
{
    if (!expr_parse_enter(lex))
        return NULL;
    const struct ast *n = expr_parse_operations(lex, expr_parse_unary(lex), least);
    lex->nesting--;
    return n;
}

static const struct ast *expr_parse_condition(struct lexer *lex,
                                              const struct ast *condition, size_t at)
{
    const struct ast *yes = condition; /* a ?: b */
    if (!lexer_is(lex, ":"))
        yes = expr_parse(lex);
    if (!yes || !expr_parse_expect(lex, ":"))
        return NULL;
    const struct ast *no = expr_parse(lex);
    const struct ast *deepest = no && no->depth > yes->depth ? no : yes;
    struct ast *n = no ? ast_of(lex, AST_CONDITION, condition, deepest, at) : NULL;
    if (n) {
        n->b = yes;
        n->c = no;
    }
    return n;
}

const struct ast *expr_parse(struct lexer *lex)
{
    if (!expr_parse_enter(lex))
        return NULL;
    const struct ast *n = expr_parse_binary(lex, 0);
    size_t at = lex->token.at;
    if (n && lexer_take(lex, "?"))
        n = expr_parse_condition(lex, n, at);
    lex->nesting--;
    return lex->status ? NULL : n;
}
