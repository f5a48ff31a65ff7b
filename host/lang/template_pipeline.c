/* SPDX-License-Identifier: MIT
 *
 * template_pipeline - what stands inside `{{ }}`, a part of Go's text/template:
 *
 *     pipeline = command { "|" command }   a result is the next one's last argument
 *     command  = operand | function { operand }
 *     operand  = ( number | string | true | false | nil | "." | "$" | "$name" | ".name"
 *                | function | "(" pipeline ")" ) { ".name" }
 */
#include "base/str.h"
#include "host/lang/template_part.h"

static bool template_pipeline_is_root(wf_str name, enum ast_root *out)
{
    if (str_is(name, "steps"))
        *out = AST_STEPS;
    else if (str_is(name, "trigger"))
        *out = AST_TRIGGER_DATA;
    else if (str_is(name, "meta"))
        *out = AST_META;
    else
        return false;
    return true;
}

/* .name where `.` is all data, and $.name everywhere. */
static const struct ast *template_pipeline_data_member(struct template_parser *p,
                                                       wf_str name, size_t at)
{
    enum ast_root root;
    bool is_root = template_pipeline_is_root(name, &root);
    struct ast *n = ast_new(&p->lex, is_root ? AST_ROOT : AST_NAME, at);
    if (n && is_root)
        n->op = (uint8_t)root;
    else if (n)
        n->name = name;
    return n;
}

/* Takes the .name that follows without a space; false when there is none. */
static bool template_pipeline_take_field(struct lexer *lex, struct lexer_token *field)
{
    *field = lex->token;
    if (field->kind != LEXER_FIELD || field->spaced)
        return false;
    lexer_next(lex);
    return true;
}

static const struct ast *template_pipeline_chain(struct template_parser *p,
                                                 const struct ast *n)
{
    struct lexer_token field;
    while (n && template_pipeline_take_field(&p->lex, &field))
        n = ast_member(&p->lex, n, field.text, field.at);
    return n;
}

bool template_pipeline_variable(struct template_parser *p, wf_str name, size_t at,
                                uint16_t *out)
{
    for (uint16_t i = p->variable_count; i-- > 0;) {
        if (str_eq(p->variables[i], name)) {
            *out = i;
            return true;
        }
    }
    (void)lexer_error(&p->lex, at, "variable '$%.*s' is not defined", STR_ARG(name));
    return false;
}

bool template_pipeline_declare(struct template_parser *p, wf_str name, size_t at,
                               uint16_t *out)
{
    if (p->variable_count == AST_VARIABLES) {
        (void)lexer_error(&p->lex, at, "more than %d variables are not supported",
                          AST_VARIABLES);
        return false;
    }
    *out = p->variable_count;
    p->variables[p->variable_count++] = name;
    return true;
}

static const struct ast *template_pipeline_dollar(struct template_parser *p)
{
    struct lexer_token t = p->lex.token, field;
    lexer_next(&p->lex);
    if (!t.text.len) {
        if (template_pipeline_take_field(&p->lex, &field))
            return template_pipeline_data_member(p, field.text, field.at);
        return ast_new(&p->lex, AST_DATA, t.at);
    }
    uint16_t slot;
    if (!template_pipeline_variable(p, t.text, t.at, &slot))
        return NULL;
    struct ast *n = ast_new(&p->lex, AST_VARIABLE, t.at);
    if (n)
        n->slot = slot;
    return n;
}

static const struct ast *template_pipeline_field(struct template_parser *p)
{
    struct lexer_token t = p->lex.token;
    lexer_next(&p->lex);
    if (!p->dots)
        return template_pipeline_data_member(p, t.text, t.at);
    const struct ast *dot = ast_new(&p->lex, AST_DOT, t.at);
    return dot ? ast_member(&p->lex, dot, t.text, t.at) : NULL;
}

/* A function with its arguments; and, or, step and trigger are nodes of their own. */
static const struct ast *template_pipeline_function(struct template_parser *p,
                                                    struct lexer_token name,
                                                    struct ast_items args)
{
    static const struct {
        const char *name;
        enum ast_kind kind;
        uint32_t least;
    } special[] = {{"and", AST_TRUTH_AND, 1},
                   {"or", AST_TRUTH_OR, 1},
                   {"step", AST_STEP, 1},
                   {"trigger", AST_TRIGGER, 0}};
    for (size_t i = 0; i < CDC_COUNT(special); i++) {
        if (!str_is(name.text, special[i].name))
            continue;
        if (args.count >= special[i].least)
            return ast_of_items(&p->lex, special[i].kind, args, name.at);
        (void)lexer_error(&p->lex, name.at, "function '%s' needs an argument",
                          special[i].name);
        return NULL;
    }
    return ast_call(&p->lex, name.text, args, name.at);
}

/* true, false, nil; NULL for other names. */
static const struct value *template_pipeline_constant(wf_str name)
{
    if (str_is(name, "true") || str_is(name, "false"))
        return value_of_bool(str_is(name, "true"));
    return str_is(name, "nil") ? &value_null : NULL;
}

static const struct ast *template_pipeline_parentheses(struct template_parser *p)
{
    if (++p->lex.nesting > AST_NESTING) {
        (void)lexer_error(&p->lex, p->lex.token.at, "the expression is nested too deeply");
        return NULL;
    }
    lexer_next(&p->lex);
    const struct ast *inner = template_pipeline(p);
    p->lex.nesting--;
    if (inner && !lexer_take(&p->lex, ")")) {
        (void)lexer_unexpected(&p->lex, "')'");
        return NULL;
    }
    return inner;
}

static const struct ast *template_pipeline_operand(struct template_parser *p)
{
    struct lexer *lex = &p->lex;
    struct lexer_token t = lex->token;
    const struct value *constant;
    switch (t.kind) {
    case LEXER_NUMBER:
        lexer_next(lex);
        return ast_literal(lex, t.value, t.at);
    case LEXER_STRING:
        lexer_next(lex);
        return ast_literal(lex, value_of_text(lex->arena, t.text), t.at);
    case LEXER_FIELD:
        return template_pipeline_chain(p, template_pipeline_field(p));
    case LEXER_VARIABLE:
        return template_pipeline_chain(p, template_pipeline_dollar(p));
    case LEXER_NAME:
        lexer_next(lex);
        constant = template_pipeline_constant(t.text);
        return constant ? ast_literal(lex, constant, t.at)
                        : template_pipeline_function(p, t, (struct ast_items){0});
    default:
        break;
    }
    if (lexer_is(lex, "("))
        return template_pipeline_chain(p, template_pipeline_parentheses(p));
    if (lexer_take(lex, "."))
        return ast_new(lex, p->dots ? AST_DOT : AST_DATA, t.at);
    (void)lexer_unexpected(lex, "a value");
    return NULL;
}

static bool template_pipeline_command_ends(const struct lexer *lex)
{
    return lex->token.kind == LEXER_CLOSE || lex->token.kind == LEXER_END ||
           lexer_is(lex, "|") || lexer_is(lex, ")") || lex->status;
}

/* `piped` is the result of the command before, or NULL. */
static const struct ast *template_pipeline_command(struct template_parser *p,
                                                   const struct ast *piped)
{
    struct lexer *lex = &p->lex;
    struct lexer_token first = lex->token;
    struct ast_items args = {0};
    bool calls = first.kind == LEXER_NAME && !template_pipeline_constant(first.text);
    if (!calls) {
        const struct ast *value = template_pipeline_operand(p);
        if (value && (piped || !template_pipeline_command_ends(lex))) {
            (void)lexer_error(lex, piped ? first.at : lex->token.at,
                              "only a function can have arguments");
            return NULL;
        }
        return value;
    }
    lexer_next(lex);
    while (!template_pipeline_command_ends(lex)) {
        if (!lex->token.spaced && !lexer_is(lex, "(")) {
            (void)lexer_unexpected(lex, "a space");
            return NULL;
        }
        if (!ast_items_add(lex, &args, template_pipeline_operand(p)))
            return NULL;
    }
    if (piped && !ast_items_add(lex, &args, piped))
        return NULL;
    return template_pipeline_function(p, first, args);
}

const struct ast *template_pipeline(struct template_parser *p)
{
    const struct ast *n = template_pipeline_command(p, NULL);
    while (n && lexer_take(&p->lex, "|"))
        n = template_pipeline_command(p, n);
    return p->lex.status ? NULL : n;
}

/* Looks ahead and goes back when it is no declaration. */
bool template_pipeline_declaration(struct template_parser *p, bool pair,
                                   struct template_declaration *out)
{
    struct lexer before = p->lex;
    struct lexer_token first = p->lex.token;
    *out = (struct template_declaration){.at = first.at};
    if (first.kind != LEXER_VARIABLE || !first.text.len)
        return true;
    lexer_next(&p->lex);
    if (pair && lexer_take(&p->lex, ",")) {
        struct lexer_token second = p->lex.token;
        if (second.kind != LEXER_VARIABLE || !second.text.len) {
            (void)lexer_unexpected(&p->lex, "a variable");
            return false;
        }
        lexer_next(&p->lex);
        out->key = first.text;
        first = second;
    }
    if (lexer_take(&p->lex, ":=")) {
        out->value = first.text;
    } else if (!pair && lexer_take(&p->lex, "=")) {
        out->value = first.text;
        out->assigns = true;
    } else if (out->key.ptr) {
        (void)lexer_unexpected(&p->lex, "':='");
    } else {
        p->lex = before;
    }
    return !p->lex.status;
}
