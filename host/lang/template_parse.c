/* SPDX-License-Identifier: MIT
 *
 * template_parse - a text into its parts: plain text, `${ expression }` and `{{ action }}`.
 *
 *     action = pipeline | "$name :=" pipeline | "$name =" pipeline | comment
 *            | "if" pipeline | "with" pipeline | "range" [ "$key, $value :=" ] pipeline
 *            | "else" | "else if" pipeline | "end"
 */
#include "base/str.h"
#include "host/lang/expr_parse.h"
#include "host/lang/template_part.h"

/* How a list of parts ended. */
enum template_parse_stop {
    TEMPLATE_PARSE_END_OF_TEXT,
    TEMPLATE_PARSE_ELSE,
    TEMPLATE_PARSE_END
};

struct template_parse_list {
    const struct template_part *first;
    struct template_part *last;
};

static struct template_part *template_parse_add(struct template_parser *p,
                                                struct template_parse_list *list,
                                                enum template_part_kind kind)
{
    struct template_part *part = p->lex.status ? NULL : arena_alloc(p->arena, sizeof *part);
    if (!part) {
        (void)lexer_no_memory(&p->lex);
        return NULL;
    }
    *part = (struct template_part){
        .kind = kind, .slot = TEMPLATE_NO_SLOT, .key_slot = TEMPLATE_NO_SLOT};
    if (list->last)
        list->last->next = part;
    else
        list->first = part;
    list->last = part;
    return part;
}

static bool template_parse_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool template_parse_has(const struct template_parser *p, size_t at, const char *mark)
{
    return str_starts(str_slice(p->text, at, p->text.len), str_from(mark));
}

/* Plain text from p->at to `to`, its white space cut where trim markers ask for it. */
static bool template_parse_text(struct template_parser *p, struct template_parse_list *list,
                                size_t to, bool trim_end)
{
    wf_str text = str_slice(p->text, p->at, to);
    while (p->trim && text.len && template_parse_space(text.ptr[0]))
        text = str_slice(text, 1, text.len);
    while (trim_end && text.len && template_parse_space(text.ptr[text.len - 1]))
        text.len--;
    p->at = to;
    p->trim = false;
    if (!text.len)
        return true;
    struct template_part *part = template_parse_add(p, list, TEMPLATE_TEXT);
    if (part) {
        part->text = text;
        p->expected += text.len;
    }
    return part != NULL;
}

/* The action's lexer stands on `}}`, or something is wrong. */
static bool template_parse_close(struct template_parser *p)
{
    if (p->lex.token.kind != LEXER_CLOSE) {
        (void)lexer_unexpected(&p->lex, "'}}'");
        return false;
    }
    p->at = p->lex.at;
    p->trim = p->lex.token.trims;
    return true;
}

static bool template_parse_expr(struct template_parser *p, struct template_parse_list *list)
{
    p->lex = lexer_of(p->arena, p->text, p->at + 2, false, p->lex.err);
    const struct ast *n = expr_parse(&p->lex);
    if (!n)
        return false;
    if (!lexer_is(&p->lex, "}")) {
        (void)lexer_unexpected(&p->lex, "'}'");
        return false;
    }
    p->at = p->lex.at;
    p->expected += 24;
    struct template_part *part = template_parse_add(p, list, TEMPLATE_EXPR);
    if (part)
        part->node = n;
    return part != NULL;
}

/* A comment is alone in its action: p->at is behind it then. */
static bool template_parse_comment(struct template_parser *p, size_t at,
                                   bool *out_is_comment)
{
    *out_is_comment = template_parse_has(p, at, "/*");
    if (!*out_is_comment)
        return true;
    ptrdiff_t end = str_find(str_slice(p->text, at + 2, p->text.len), STR("*/"));
    size_t after = end < 0 ? p->text.len : at + 2 + (size_t)end + 2;
    size_t close = after;
    while (close < p->text.len && template_parse_space(p->text.ptr[close]))
        close++;
    if (close > after && template_parse_has(p, close, "-}}")) {
        p->at = close + 3;
        p->trim = true;
    } else if (close == after && template_parse_has(p, close, "}}")) {
        p->at = close + 2;
    } else {
        (void)lexer_error(&p->lex, at, "a comment must end with '*/}}'");
        return false;
    }
    return true;
}

static bool template_parse_list(struct template_parser *p, struct template_parse_list *list,
                                enum template_parse_stop *out_stop);

/* The lexer stands behind `if`, `with` or `range`. */
static bool template_parse_header(struct template_parser *p, struct template_part *part)
{
    struct template_declaration declared;
    bool range = part->kind == TEMPLATE_RANGE;
    if (!template_pipeline_declaration(p, range, &declared))
        return false;
    if (declared.assigns) {
        (void)lexer_error(&p->lex, declared.at, "'=' is not supported here, write ':='");
        return false;
    }
    part->node = template_pipeline(p);
    if (!part->node || !template_parse_close(p))
        return false;
    if (declared.key.ptr &&
        !template_pipeline_declare(p, declared.key, declared.at, &part->key_slot))
        return false;
    return !declared.value.ptr ||
           template_pipeline_declare(p, declared.value, declared.at, &part->slot);
}

static bool template_parse_block(struct template_parser *p,
                                 struct template_parse_list *list,
                                 enum template_part_kind kind);

/* What follows {{ else }}; the lexer stands behind the word. */
static bool template_parse_else(struct template_parser *p, struct template_part *part)
{
    struct template_parse_list otherwise = {0};
    enum template_parse_stop stop;
    if (lexer_is_name(&p->lex, "if") && part->kind == TEMPLATE_IF) {
        lexer_next(&p->lex);
        if (!template_parse_block(p, &otherwise, TEMPLATE_IF))
            return false;
        part->otherwise = otherwise.first;
        return true;
    }
    if (!template_parse_close(p) || !template_parse_list(p, &otherwise, &stop))
        return false;
    part->otherwise = otherwise.first;
    if (stop == TEMPLATE_PARSE_END)
        return template_parse_close(p);
    if (stop == TEMPLATE_PARSE_ELSE)
        (void)lexer_error(&p->lex, p->stop_at, "a second '{{ else }}'");
    else
        (void)lexer_error(&p->lex, p->text.len, "'{{ end }}' is missing at the end");
    return false;
}

/* From behind `if`, `with` or `range` to behind the `end`. */
static bool template_parse_block(struct template_parser *p,
                                 struct template_parse_list *list,
                                 enum template_part_kind kind)
{
    size_t at = p->lex.token.at;
    uint16_t variables = p->variable_count;
    struct template_parse_list body = {0};
    enum template_parse_stop stop;
    if (++p->blocks > TEMPLATE_BLOCKS) {
        (void)lexer_error(&p->lex, at, "blocks are nested too deeply");
        return false;
    }
    struct template_part *part = template_parse_add(p, list, kind);
    if (!part || !template_parse_header(p, part))
        return false;

    bool new_dot = kind != TEMPLATE_IF;
    p->dots += new_dot;
    bool good = template_parse_list(p, &body, &stop);
    p->dots -= new_dot;
    if (!good)
        return false;
    part->body = body.first;
    if (stop == TEMPLATE_PARSE_ELSE)
        good = template_parse_else(p, part);
    else if (stop == TEMPLATE_PARSE_END)
        good = template_parse_close(p);
    else
        good = !lexer_error(&p->lex, at, "'{{ end }}' is missing");
    p->variable_count = variables;
    p->blocks--;
    return good;
}

static bool template_parse_value(struct template_parser *p,
                                 struct template_parse_list *list)
{
    struct template_declaration declared;
    if (!template_pipeline_declaration(p, false, &declared))
        return false;
    const struct ast *n = template_pipeline(p);
    if (!n || !template_parse_close(p))
        return false;
    struct template_part *part =
        template_parse_add(p, list, declared.value.ptr ? TEMPLATE_SET : TEMPLATE_ACTION);
    if (!part)
        return false;
    part->node = n;
    p->expected += 24;
    if (!declared.value.ptr)
        return true;
    return declared.assigns
               ? template_pipeline_variable(p, declared.value, declared.at, &part->slot)
               : template_pipeline_declare(p, declared.value, declared.at, &part->slot);
}

static bool template_parse_action(struct template_parser *p,
                                  struct template_parse_list *list)
{
    static const char *const refused[] = {"define", "template", "block", "break",
                                          "continue"};
    struct lexer *lex = &p->lex;
    for (size_t i = 0; i < CDC_COUNT(refused); i++) {
        if (lexer_is_name(lex, refused[i])) {
            (void)lexer_error(lex, lex->token.at, "'%s' is not supported", refused[i]);
            return false;
        }
    }
    enum template_part_kind kind = lexer_is_name(lex, "if")      ? TEMPLATE_IF
                                   : lexer_is_name(lex, "with")  ? TEMPLATE_WITH
                                   : lexer_is_name(lex, "range") ? TEMPLATE_RANGE
                                                                 : TEMPLATE_ACTION;
    if (kind == TEMPLATE_ACTION)
        return template_parse_value(p, list);
    lexer_next(lex);
    return template_parse_block(p, list, kind);
}

/* At `{{`.  *out_stop is set when it is an else or an end; the lexer then stands behind
 * the word. */
static bool template_parse_braces(struct template_parser *p,
                                  struct template_parse_list *list,
                                  enum template_parse_stop *out_stop)
{
    bool comment;
    size_t at = p->at + 2;
    bool trims = template_parse_has(p, at, "-") && at + 1 < p->text.len &&
                 template_parse_space(p->text.ptr[at + 1]);
    if (trims)
        at++;
    size_t first = at;
    while (first < p->text.len && template_parse_space(p->text.ptr[first]))
        first++;
    if (!template_parse_comment(p, trims ? first : at, &comment) || comment)
        return !p->lex.status;

    p->lex = lexer_of(p->arena, p->text, at, true, p->lex.err);
    bool is_else = lexer_is_name(&p->lex, "else");
    if (!is_else && !lexer_is_name(&p->lex, "end"))
        return template_parse_action(p, list);
    if (!p->blocks) {
        (void)lexer_error(&p->lex, p->lex.token.at,
                          "'%s' without an 'if', 'range' or 'with'",
                          is_else ? "else" : "end");
        return false;
    }
    p->stop_at = p->lex.token.at;
    *out_stop = is_else ? TEMPLATE_PARSE_ELSE : TEMPLATE_PARSE_END;
    lexer_next(&p->lex);
    return !p->lex.status;
}

/* Offset of the next `${` that holds something, or `{{`, or the end. */
static size_t template_parse_find(const struct template_parser *p)
{
    size_t at = p->at;
    for (; at + 1 < p->text.len; at++) {
        char c = p->text.ptr[at], next = p->text.ptr[at + 1];
        if (c == '{' && next == '{')
            return at;
        bool holds = at + 2 < p->text.len && p->text.ptr[at + 2] == '}';
        if (c == '$' && next == '{' && !holds)
            return at;
    }
    return p->text.len;
}

static bool template_parse_list(struct template_parser *p, struct template_parse_list *list,
                                enum template_parse_stop *out_stop)
{
    enum template_parse_stop stop = TEMPLATE_PARSE_END_OF_TEXT;
    while (stop == TEMPLATE_PARSE_END_OF_TEXT) {
        size_t next = template_parse_find(p);
        bool action = template_parse_has(p, next, "{{");
        bool trims = action && template_parse_has(p, next + 2, "-") &&
                     next + 3 < p->text.len && template_parse_space(p->text.ptr[next + 3]);
        if (!template_parse_text(p, list, next, trims))
            return false;
        if (next == p->text.len)
            break;
        bool good =
            action ? template_parse_braces(p, list, &stop) : template_parse_expr(p, list);
        if (!good)
            return false;
    }
    *out_stop = stop;
    return true;
}

wf_status template_parse(struct arena *a, wf_str text, struct template *out, wf_error *err)
{
    struct template_parser p = {
        .arena = a, .text = text, .lex = {.arena = a, .text = text, .err = err}};
    struct template_parse_list list = {0};
    enum template_parse_stop stop;
    bool is_static = template_parse_find(&p) == text.len;
    if (!is_static && !template_parse_list(&p, &list, &stop))
        return p.lex.status;
    *out = (struct template){
        .text = text, .parts = list.first, .expected = p.expected, .is_static = is_static};
    return WF_OK;
}
