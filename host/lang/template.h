/* SPDX-License-Identifier: MIT
 *
 * template - the strings of a step's configuration: `${ expression }` and `{{ template }}`.
 *
 * A text is compiled once, when the configuration is loaded, and evaluated for every run.
 * Compile refuses, with the column, everything that it does not support, so that no
 * pipeline meets it while running.  What is supported: docs/templates.md.
 */
#ifndef HOST_LANG_TEMPLATE_H
#define HOST_LANG_TEMPLATE_H

#include "host/lang/value.h"

/* What names mean during one evaluation.  Every member may be NULL (reads as an empty
 * map). */
struct scope {
    const struct value *current; /* its keys are names of their own */
    const struct value *steps;
    const struct value *trigger; /* also `body` in expressions */
    const struct value *meta;
    bool strict; /* a missing key is an error */
};

struct template; /* a compiled text; immutable, shared between threads */

/* Texts without `${` or `{{` compile too (template_is_static() is then true).  gives,
 * end it with template_free(). */
wf_status template_compile(wf_str text, struct template **out, wf_error *err);
void template_free(struct template *t);
bool template_is_static(const struct template *t);

/* The text, as a string value in the arena (static texts: the text itself). */
wf_status template_eval(const struct template *t, const struct scope *scope,
                        struct arena *a, wf_str *out, wf_error *err);

/* A configuration value (string, map, list ...) with every string in it compiled.
 * `config` must outlive it.  `where` names the place for errors ("config.message"). */
struct template_tree;
wf_status template_tree_compile(const struct value *config, const char *where,
                                struct template_tree **out, wf_error *err);
void template_tree_free(struct template_tree *t);
/* The value with every string evaluated; parts without templates are shared, not copied. */
wf_status template_tree_eval(const struct template_tree *t, const struct scope *scope,
                             struct arena *a, const struct value **out, wf_error *err);

/* An expression as between `${` and `}`; for `if`, `skip_if` and step.conditional. */
struct expr;
wf_status expr_compile(wf_str text, struct expr **out, wf_error *err);
void expr_free(struct expr *e);
wf_status expr_eval(const struct expr *e, const struct scope *scope, struct arena *a,
                    const struct value **out, wf_error *err);

#endif
