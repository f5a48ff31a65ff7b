/* SPDX-License-Identifier: MIT
 *
 * db_step - what step.db_query and step.db_exec have in common: database, query,
 * parameters.
 */
#ifndef HOST_STEPS_DB_STEP_H
#define HOST_STEPS_DB_STEP_H

#include "host/builtin.h"
#include "host/steps/db_statement.h"

/* The keys both have. */
#define DB_STEP_KEYS                                                                       \
    {"database", "string", false, false, "name of a storage.sqlite module; required"},     \
        {"module", "string", false, false, "the same, another name for it"},               \
        {"query", "string", true, false, "the SQL text; placeholders `?`, `?N` or `$N`"},  \
        {"params", "list", false, true, "the placeholders' values"},                       \
        {"args", "list", false, true, "the same, another name for it"},                    \
        {"mode", "string", false, false, "list (default) or single: only the first row"},  \
    {                                                                                      \
        "allow_dynamic_sql", "bool", false, false,                                         \
            "templates in the query; their values may only be letters, digits, '_' and "   \
            "'-' (false)"                                                                  \
    }

struct db_step;

/* `kind` is "db_query" or "db_exec" and stands in all texts.  NULL: mistakes are in
 * def->problems. */
struct db_step *db_step_new(const struct definition *def, const char *kind);
void db_step_free(struct db_step *step);

/* Runs the query; d->want_rows is the caller's choice, the rest is filled in.  Errors
 * are not yet prefixed with the step. */
wf_status db_step_run(const struct db_step *step, struct run *run, struct db_statement *d,
                      wf_error *err);

/* Adds {rows, count} or, with `mode: single`, {row, found}. */
wf_status db_step_put_rows(const struct db_step *step, struct arena *a,
                           const struct db_statement *d, struct value *output,
                           wf_error *err);

wf_str db_step_name(const struct db_step *step);

#endif
