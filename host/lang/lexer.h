/* SPDX-License-Identifier: MIT
 *
 * lexer - the words of both languages: expressions and the inside of `{{ }}`.
 *
 * The lexer looks one token ahead: `token` is the present one, lexer_next() moves on.  An
 * error is a token too (LEXER_BAD), with its reason in err, so that parsers test in one
 * place.
 */
#ifndef HOST_LANG_LEXER_H
#define HOST_LANG_LEXER_H

#include "host/lang/value.h"

enum lexer_kind {
    LEXER_BAD,
    LEXER_END,      /* of the text */
    LEXER_NAME,     /* after, startsWith, and */
    LEXER_NUMBER,   /* value holds it */
    LEXER_STRING,   /* text is what it stands for */
    LEXER_MARK,     /* an operator or bracket; text */
    LEXER_FIELD,    /* only in templates: .name; text is the name */
    LEXER_VARIABLE, /* only in templates: $name; text is the name, empty for $ */
    LEXER_CLOSE,    /* only in templates: }} */
};

struct lexer_token {
    enum lexer_kind kind;
    bool spaced; /* white space stands before it */
    bool trims;  /* LEXER_CLOSE: was -}} */
    size_t at;   /* offset in the whole text */
    wf_str text;
    const struct value *value;
};

struct lexer {
    struct arena *arena;
    wf_str text;
    size_t at; /* behind the present token */
    bool template;
    unsigned nesting; /* the parser's recursion */
    struct lexer_token token;
    wf_error *err;
    wf_status status; /* why LEXER_BAD */
};

/* Reads the first token behind offset `at`.  Literals go into the arena. */
struct lexer lexer_of(struct arena *a, wf_str text, size_t at, bool template,
                      wf_error *err);
void lexer_next(struct lexer *lex);

bool lexer_is(const struct lexer *lex, const char *mark);      /* LEXER_MARK */
bool lexer_is_name(const struct lexer *lex, const char *name); /* LEXER_NAME */
/* Takes the mark when it is there. */
bool lexer_take(struct lexer *lex, const char *mark);

/* "template: <message> (column N)" as WF_CONFIG; keeps the lexer's own error when the
 * present token is LEXER_BAD. */
wf_status lexer_error(struct lexer *lex, size_t at, const char *format, ...)
    CDC_PRINTF(3, 4);
wf_status lexer_no_memory(struct lexer *lex);
/* What the present token is, for "unexpected ...". */
wf_status lexer_unexpected(struct lexer *lex, const char *expected);

/* 1-based, in characters. */
size_t lexer_column(wf_str text, size_t at);

#endif
