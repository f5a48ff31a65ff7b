/* SPDX-License-Identifier: MIT
 *
 * builtin - the tables by which the host's own modules, steps and triggers are known.
 *
 * A built-in type is one file in host/modules, host/steps or host/triggers that ends with
 * its const table; host/builtin.c lists the tables.  A plugin's types are put behind the
 * same tables by host/plugin_types.c, so the rest of the host does not know the difference.
 *
 * Life of every object: create (checks its configuration; every mistake is reported, with
 * the place of the key) -> [module: init -> start] -> run -> [stop] -> free.  Free takes
 * half-built objects.
 */
#ifndef HOST_BUILTIN_H
#define HOST_BUILTIN_H

#include "host/lang/template.h"
#include "host/lang/value.h"

struct app;      /* host/app.h: the loaded configuration, its modules and pipelines */
struct pipeline; /* host/pipeline.h */
struct node;     /* host/config.h: a place in the YAML: file, line, column */
struct problems; /* host/problems.h: mistakes found so far, each with file, line and key */

/* What a factory gets.  Everything is borrowed and outlives the object. */
struct definition {
    struct app *app;
    wf_str name;                /* module's or step's name; the pipeline's for a trigger */
    const struct value *config; /* a map, never NULL; with _config_dir */
    const struct node *node;    /* where the config stands */
    struct problems *problems;  /* add what is wrong and return NULL */
    const struct plugin_type *origin; /* host/plugin.h; NULL for built-in types */
};

/* One key of a built-in type's configuration. */
struct config_key {
    const char *name; /* NULL ends the list */
    const char *type; /* string number bool duration map list any */
    bool required;
    bool templated; /* `${}` and `{{}}` are evaluated */
    const char *help;
};

struct module_type {
    const char *type;
    const char *summary;
    const struct config_key *keys;
    void *(*create)(const struct definition *def);
    wf_status (*init)(void *self, wf_error *err);  /* may be NULL */
    wf_status (*start)(void *self, wf_error *err); /* may be NULL */
    wf_status (*stop)(void *self, wf_error *err);  /* may be NULL */
    void (*free)(void *self);
    /* Ends a start that runs, or is about to; may be NULL.  Does not block.  [any] */
    void (*cancel)(void *self);
};

/* One run of one pipeline, on one thread. */
struct run {
    struct app *app;
    const struct pipeline *pipeline;
    struct arena *arena;
    struct scope scope;        /* current, steps, trigger, meta as they are now */
    int64_t deadline_ms;       /* clock_mono_ms(); INT64_MAX when there is none */
    struct http_reply *reply;  /* NULL when no HTTP request waits; host/http_reply.h */
    wf_str trigger_json;       /* scope.trigger as the text it came as */
    struct run_memory *memory; /* host/run_memory.h; for the host's own use */
};

struct step_result {
    const struct value *output; /* a map in the run's arena; NULL reads as {} */
    bool stop;                  /* end the pipeline with success */
    wf_str next_step;           /* jump there; empty: the next in the list */
};

struct step_type {
    const char *type;
    const char *summary;
    const struct config_key *keys;
    void *(*create)(const struct definition *def);
    /* [any]: the same object may run in several runs at once. */
    wf_status (*run)(void *self, struct run *run, struct step_result *out, wf_error *err);
    void (*free)(void *self);
};

struct trigger_type {
    const char *type;
    const char *summary;
    const struct config_key *keys;
    /* def->config holds "workflowType": "pipeline:<name>". */
    void *(*create)(const struct definition *def, struct pipeline *pipeline);
    wf_status (*start)(void *self, wf_error *err);
    wf_status (*stop)(void *self, wf_error *err); /* waits for running pipelines */
    void (*free)(void *self);
};

/* Lists end with NULL. */
extern const struct module_type *const builtin_modules[];
extern const struct step_type *const builtin_steps[];
extern const struct trigger_type *const builtin_triggers[];

#endif
