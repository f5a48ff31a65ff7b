/* SPDX-License-Identifier: MIT
 *
 * lexer - the words of both languages: expressions and the inside of `{{ }}`.
 */
#include "host/lang/lexer.h"

#include <stdarg.h>

#include "base/error.h"
#include "base/str.h"
#include "host/lang/literal.h"

size_t lexer_column(wf_str text, size_t at)
{
    size_t column = 1;
    for (size_t i = 0; i < at && i < text.len; i++)
        column += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return column;
}

wf_status lexer_error(struct lexer *lex, size_t at, const char *format, ...)
{
    char message[512];
    va_list args;
    if (lex->status)
        return lex->status;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    lex->status = error_set(lex->err, WF_CONFIG, "template: %s (column %zu)", message,
                            lexer_column(lex->text, at));
    lex->token.kind = LEXER_BAD;
    return lex->status;
}

wf_status lexer_no_memory(struct lexer *lex)
{
    if (!lex->status)
        lex->status = error_set(lex->err, WF_NO_MEMORY, "template: out of memory");
    lex->token.kind = LEXER_BAD;
    return lex->status;
}

wf_status lexer_unexpected(struct lexer *lex, const char *expected)
{
    const struct lexer_token *t = &lex->token;
    switch (t->kind) {
    case LEXER_END:
        return lexer_error(lex, t->at, "%s is missing at the end", expected);
    case LEXER_STRING:
        return lexer_error(lex, t->at, "a string stands where %s is expected", expected);
    case LEXER_CLOSE:
        return lexer_error(lex, t->at, "'}}' stands where %s is expected", expected);
    default:
        return lexer_error(lex, t->at, "'%s%.*s' stands where %s is expected",
                           t->kind == LEXER_FIELD      ? "."
                           : t->kind == LEXER_VARIABLE ? "$"
                                                       : "",
                           (int)(t->text.len < 40 ? t->text.len : 40), t->text.ptr,
                           expected);
    }
}

static bool lexer_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool lexer_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters beyond ASCII are allowed in names, as in both of the engine's languages. */
static bool lexer_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static char lexer_peek(const struct lexer *lex, size_t ahead)
{
    return ahead < lex->text.len - lex->at ? lex->text.ptr[lex->at + ahead] : '\0';
}

static bool lexer_has(const struct lexer *lex, const char *mark)
{
    return str_starts(str_slice(lex->text, lex->at, lex->text.len), str_from(mark));
}

static void lexer_finish(struct lexer *lex, enum lexer_kind kind, size_t from, size_t len)
{
    lex->token.kind = kind;
    lex->token.text = str_slice(lex->text, from, from + len);
    lex->at = from + len;
}

/* A template's names may hold hyphens, `.steps.my-step.f`: the engine rewrites those to
 * index. */
static void lexer_name(struct lexer *lex, enum lexer_kind kind, size_t from, bool hyphens)
{
    size_t at = from;
    wf_str text = lex->text;
    while (at < text.len) {
        char c = text.ptr[at];
        bool hyphen = hyphens && c == '-' && at + 1 < text.len && at > from &&
                      (lexer_is_letter(text.ptr[at + 1]) ||
                       lexer_is_digit(text.ptr[at + 1]) || text.ptr[at + 1] == '-');
        bool dollar = !lex->template && c == '$' && at > from;
        if (!lexer_is_letter(c) && !lexer_is_digit(c) && !hyphen && !dollar)
            break;
        at++;
    }
    lexer_finish(lex, kind, from, at - from);
}

static void lexer_number(struct lexer *lex, size_t from)
{
    size_t at = from;
    wf_str text = lex->text;
    while (at < text.len) {
        char c = text.ptr[at];
        bool sign = (c == '+' || c == '-') &&
                    (at == from || text.ptr[at - 1] == 'e' || text.ptr[at - 1] == 'E');
        if (!lexer_is_digit(c) && !lexer_is_letter(c) && c != '.' && !sign)
            break;
        at++;
    }
    wf_str digits = str_slice(text, from, at);
    wf_status status = literal_number(lex->arena, digits, &lex->token.value);
    lexer_finish(lex, LEXER_NUMBER, from, at - from);
    if (status == WF_NO_MEMORY)
        (void)lexer_no_memory(lex);
    else if (status)
        (void)lexer_error(lex, from, "number '%.*s' is not supported",
                          (int)(digits.len < 40 ? digits.len : 40), digits.ptr);
}

static void lexer_string(struct lexer *lex, char quote)
{
    size_t from = lex->at;
    size_t at = from + 1;
    bool escapes = quote != '`';
    while (at < lex->text.len && lex->text.ptr[at] != quote)
        at += escapes && lex->text.ptr[at] == '\\' ? 2 : 1;
    if (at >= lex->text.len) {
        lex->at = lex->text.len;
        (void)lexer_error(lex, from, "the string that begins here does not end");
        return;
    }

    wf_str inner = str_slice(lex->text, from + 1, at);
    size_t bad = 0;
    lexer_finish(lex, LEXER_STRING, from, at + 1 - from);
    lex->token.text = inner;
    if (lex->template && str_find(inner, STR("${")) >= 0) {
        (void)lexer_error(lex, from, "'${' inside '{{ }}' is not supported");
    } else if (escapes) {
        wf_status status = literal_unescape(lex->arena, inner, &lex->token.text, &bad);
        if (status == WF_NO_MEMORY)
            (void)lexer_no_memory(lex);
        else if (status)
            (void)lexer_error(lex, from + 1 + bad, "this escape is not supported");
    }
}

/* Longer marks stand before their beginnings. */
static const char *const lexer_marks_expr[] = {
    "?.", "??", "==", "!=", "<=", ">=", "&&", "||", "**", "..", "::", "+", "-",
    "*",  "/",  "%",  "^",  "<",  ">",  "!",  "?",  ":",  "(",  ")",  "[", "]",
    "{",  "}",  ",",  ".",  "|",  ";",  "#",  "=",  "&",  "@",  "~",  NULL};
static const char *const lexer_marks_template[] = {":=", "|", "(", ")",
                                                   "=",  ",", ".", NULL};

static void lexer_mark(struct lexer *lex)
{
    const char *const *marks = lex->template ? lexer_marks_template : lexer_marks_expr;
    for (; *marks; marks++) {
        if (lexer_has(lex, *marks)) {
            lexer_finish(lex, LEXER_MARK, lex->at, strlen(*marks));
            return;
        }
    }
    lexer_finish(lex, LEXER_MARK, lex->at, 1);
    (void)lexer_error(lex, lex->token.at, "character '%c' is not supported here",
                      lexer_peek(lex, 0) ? lex->token.text.ptr[0] : '?');
}

static void lexer_next_in_template(struct lexer *lex)
{
    char c = lexer_peek(lex, 0);
    size_t from = lex->at;
    if (lex->token.spaced && lexer_has(lex, "-}}")) {
        lexer_finish(lex, LEXER_CLOSE, from, 3);
        lex->token.trims = true;
    } else if (lexer_has(lex, "}}")) {
        lexer_finish(lex, LEXER_CLOSE, from, 2);
    } else if (lexer_has(lex, "${")) {
        (void)lexer_error(lex, from, "'${' inside '{{ }}' is not supported");
    } else if (c == '.' && lexer_is_letter(lexer_peek(lex, 1))) {
        lexer_name(lex, LEXER_FIELD, from + 1, true);
    } else if (c == '$') {
        lexer_name(lex, LEXER_VARIABLE, from + 1, false);
    } else if (c == '\'') {
        (void)lexer_error(lex, from, "'...' is not supported in '{{ }}', write \"...\"");
    } else if ((c == '-' || c == '+') && lexer_is_digit(lexer_peek(lex, 1))) {
        lexer_number(lex, from);
    } else {
        lexer_mark(lex);
    }
}

void lexer_next(struct lexer *lex)
{
    if (lex->status)
        return;
    size_t before = lex->at;
    while (lex->at < lex->text.len && lexer_is_space(lex->text.ptr[lex->at]))
        lex->at++;
    lex->token = (struct lexer_token){.at = lex->at, .spaced = lex->at > before};
    if (lex->at == lex->text.len) {
        lex->token.kind = LEXER_END;
        return;
    }

    char c = lexer_peek(lex, 0);
    if (lexer_is_letter(c))
        lexer_name(lex, LEXER_NAME, lex->at, false);
    else if (lexer_is_digit(c) || (c == '.' && lexer_is_digit(lexer_peek(lex, 1))))
        lexer_number(lex, lex->at);
    else if (c == '"' || c == '`' || (c == '\'' && !lex->template))
        lexer_string(lex, c);
    else if (lex->template)
        lexer_next_in_template(lex);
    else
        lexer_mark(lex);
}

struct lexer lexer_of(struct arena *a, wf_str text, size_t at, bool template, wf_error *err)
{
    struct lexer lex = {
        .arena = a, .text = text, .at = at, .template = template, .err = err};
    lexer_next(&lex);
    return lex;
}

bool lexer_is(const struct lexer *lex, const char *mark)
{
    return lex->token.kind == LEXER_MARK && str_is(lex->token.text, mark);
}

bool lexer_is_name(const struct lexer *lex, const char *name)
{
    return lex->token.kind == LEXER_NAME && str_is(lex->token.text, name);
}

bool lexer_take(struct lexer *lex, const char *mark)
{
    if (!lexer_is(lex, mark))
        return false;
    lexer_next(lex);
    return true;
}
