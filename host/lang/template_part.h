/* SPDX-License-Identifier: MIT
 *
 * template_part - a compiled text: what stands between, in and around `${ }` and `{{ }}`.
 */
#ifndef HOST_LANG_TEMPLATE_PART_H
#define HOST_LANG_TEMPLATE_PART_H

#include "host/lang/ast.h"
#include "host/lang/template.h"

#define TEMPLATE_BLOCKS 40       /* nested if, range, with */
#define TEMPLATE_ROUNDS 1000000u /* of range in one evaluation */
#define TEMPLATE_ARENA_BYTES                                                               \
    (256u * 1024u * 1024u) /* of one compiled text or configuration */
#define TEMPLATE_NO_SLOT UINT16_MAX

enum template_part_kind {
    TEMPLATE_TEXT,
    TEMPLATE_EXPR,   /* ${ node } */
    TEMPLATE_ACTION, /* {{ node }} */
    TEMPLATE_SET,    /* {{ $slot := node }} */
    TEMPLATE_IF,
    TEMPLATE_WITH,
    TEMPLATE_RANGE,
};

struct template_part {
    enum template_part_kind kind;
    uint16_t slot; /* SET, IF, WITH, RANGE: the variable that gets the value, or NO_SLOT */
    uint16_t key_slot; /* RANGE: the variable that gets the key */
    wf_str text;
    const struct ast *node;
    const struct template_part *body;
    const struct template_part *otherwise;
    const struct template_part *next;
};

struct template
{
    struct arena arena; /* empty when the template belongs to a tree */
    wf_str text;
    const struct template_part *parts;
    size_t expected; /* bytes of output, a guess */
    bool is_static;
};

/* Compiles into the arena; `text` must live as long as the result. */
wf_status template_parse(struct arena *a, wf_str text, struct template *out, wf_error *err);

/* ---- between template_parse.c and template_pipeline.c
 * ------------------------------------- */

struct template_parser {
    struct lexer lex; /* of the action being read */
    struct arena *arena;
    wf_str text;
    size_t at;       /* of the text being read */
    bool trim;       /* the last action ended with -}} */
    size_t stop_at;  /* of the last else or end */
    unsigned blocks; /* open ones */
    unsigned dots;   /* open blocks that gave `.` a new meaning */
    wf_str variables[AST_VARIABLES];
    uint16_t variable_count;
    size_t expected;
};

/* command { "|" command }; NULL after an error, which the lexer holds. */
const struct ast *template_pipeline(struct template_parser *p);
/* Finds the variable; false after an error. */
bool template_pipeline_variable(struct template_parser *p, wf_str name, size_t at,
                                uint16_t *out);
/* `$name :=` or `$name =` when it stands there; *out is then its slot, else NO_SLOT.  A
 * declared variable counts from template_pipeline_declare() on. */
struct template_declaration {
    wf_str key;   /* of `$key, $value :=`; ptr NULL when there is none */
    wf_str value; /* ptr NULL when there is no variable */
    bool assigns; /* `=` */
    size_t at;
};
bool template_pipeline_declaration(struct template_parser *p, bool pair,
                                   struct template_declaration *out);
bool template_pipeline_declare(struct template_parser *p, wf_str name, size_t at,
                               uint16_t *out);

#endif
