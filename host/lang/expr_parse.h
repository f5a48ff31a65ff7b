/* SPDX-License-Identifier: MIT
 *
 * expr_parse - the language between `${` and `}`, a part of expr-lang:
 *
 *     expression = binary [ "?" expression ":" expression ]
 *     binary     = unary { operator unary }      as tightly as expr_parse.c's table says
 *     unary      = ( "!" | "not" | "-" | "+" ) binary | postfix
 *     postfix    = primary { "." name | "?." name | [ "?." ] "[" expression "]" }
 *     primary    = number | string | true | false | nil | name | name "(" list ")"
 *                | "(" expression ")" | "[" list "]" | "{" key ":" expression "," ... "}"
 */
#ifndef HOST_LANG_EXPR_PARSE_H
#define HOST_LANG_EXPR_PARSE_H

#include "host/lang/ast.h"

/* Stops in front of the first token that does not belong to the expression.  NULL after
 * an error, which the lexer holds. */
const struct ast *expr_parse(struct lexer *lex);

#endif
