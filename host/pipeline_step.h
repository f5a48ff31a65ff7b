/* SPDX-License-Identifier: MIT
 *
 * pipeline_step - a list of steps as a pipeline has one, and a step that holds steps
 * (step.foreach).
 *
 * Each entry is {name, type, config, on_error, timeout, skip_if, if, error_status}.
 */
#ifndef HOST_PIPELINE_STEP_H
#define HOST_PIPELINE_STEP_H

#include "host/builtin.h"
#include "host/config.h"

enum on_error { ON_ERROR_STOP, ON_ERROR_SKIP, ON_ERROR_COMPENSATE };

struct pipeline_step {
    wf_str name;
    const struct step_type *type;
    void *self;
    const struct node *node; /* the whole entry */
    enum on_error on_error;
    bool own_on_error;        /* the entry has an on_error of its own */
    int64_t timeout_ms;       /* 0: none */
    int error_status;         /* 0: none; for an HTTP reply when this step fails */
    struct template *skip_if; /* NULL: none */
    struct template *only_if; /* `if`; NULL: none */
};

struct pipeline_steps {
    struct pipeline_step *items;
    size_t count;
    enum on_error on_error; /* for steps without one of their own */
};

/* Makes the steps of `list`: a list of steps, or one step as a map.  `owner` gives app and
 * problems; owner->name is the pipeline's or the outer step's name.  Inside a step
 * (`nested`) the name may be left out; it is then made from owner->name.  Mistakes go to
 * owner->problems; false when there was one.  `out` can be released in any case. */
bool pipeline_steps_create(const struct definition *owner, const struct node *list,
                           bool nested, struct pipeline_steps *out);
void pipeline_steps_release(struct pipeline_steps *steps);

/* Runs them in order on run->scope, which it moves on: guards, jumps, deadline and on_error
 * as in a pipeline (compensate acts as stop here).  On failure the text is `step "n"
 * failed: ...` and *out_failed (may be NULL) the step's place in the list.  *out_stopped: a
 * step ended the pipeline.  [any] */
wf_status pipeline_steps_run(const struct pipeline_steps *steps, struct run *run,
                             bool *out_stopped, size_t *out_failed, wf_error *err);

/* Lays `output` (NULL reads as {}) over run->scope.current and notes it under
 * steps.<name>. */
wf_status pipeline_step_record(struct run *run, wf_str name, const struct value *output,
                               wf_error *err);

/* What skip_if, if and step.conditional call false: "", "false", "0", spaces around
 * ignored. */
bool pipeline_step_truthy(wf_str text);

/* `on_error` and `timeout` of a pipeline or step; false and 0 when there is none.  Mistakes
 * go to `problems`. */
bool pipeline_step_on_error(const struct node *owner, struct problems *problems,
                            enum on_error *out);
int64_t pipeline_step_timeout(const struct node *owner, struct problems *problems);
/* What happens when the step at `at` fails: its own on_error, or the list's. */
enum on_error pipeline_step_policy(const struct pipeline_steps *steps, size_t at);

#endif
