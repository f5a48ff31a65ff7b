/* SPDX-License-Identifier: MIT
 *
 * step - what a step.cdc_* type is, and what all of them need.
 *
 * Each file steps/step_<name>.c ends with one const struct cdc_step; plugin/catalog.c lists
 * them.  A step reads the configuration that execute() is given, with templates resolved,
 * and keeps nothing.
 */
#ifndef STEPS_STEP_H
#define STEPS_STEP_H

#include "plugin/core/description.h"
#include "plugin/core/registry.h"

struct cJSON;
struct monitor;

/* What the plugin context gives to every step. */
struct step_context {
    struct cdc_registry *sources;
    struct monitor *monitor;
    const struct cdc_missing *missing;
};

/* One execution. */
struct step_call {
    const struct step_context *context;
    wf_str name;
    const struct cJSON *config;
    struct settings_memory memory; /* what the inputs point into */
};

struct cdc_step {
    struct cdc_description about;
    /* Writes the output object.  Errors are prefixed with the step's type and name by the
     * caller.  [any] */
    wf_status (*run)(struct step_call *call, struct buf *out, wf_error *err);
};

extern const struct cdc_step step_start;
extern const struct cdc_step step_stop;
extern const struct cdc_step step_status;
extern const struct cdc_step step_snapshot;
extern const struct cdc_step step_schema_history;
extern const struct cdc_step step_backpressure;
extern const struct cdc_step step_monitor;

/* Parses `config`, runs the step, and writes what it made to `output`.  [any] */
wf_status step_execute(const struct cdc_step *step, const struct step_context *context,
                       wf_str name, wf_str config, const wf_sink *output, wf_error *err);

/* ---- for the steps ------------------------------------------------------------------- */

/* Fills `target` from the call's configuration; other members are let pass. */
wf_status step_inputs(struct step_call *call, const struct cdc_option *rows, void *target,
                      wf_error *err);

/* A source that is given back at the end of the scope. */
struct step_source {
    struct cdc_registry *registry;
    struct cdc_source *source;
};
void step_source_release(struct step_source *source);

/* WF_CONFIG `source_id is required`, WF_NOT_FOUND `CDC source "X" not found`. */
wf_status step_source_borrow(const struct step_call *call, wf_str source_id,
                             struct step_source *out, wf_error *err);

/* The list of required inputs that is just "source_id". */
extern const char *const step_source_required[];

#endif
