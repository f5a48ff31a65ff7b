/* SPDX-License-Identifier: MIT
 *
 * pipeline - a named list of steps, and one run of it for one event.
 *
 * A run belongs to the thread that calls pipeline_run(); any number of runs of the same
 * pipeline may be under way.  Its memory (an arena and some buffers) comes from a pool and
 * goes back to it, so that a trigger that fires again and again allocates nothing.
 */
#ifndef HOST_PIPELINE_H
#define HOST_PIPELINE_H

#include "host/builtin.h"
#include "host/config.h"

struct pipeline; /* immutable once made */

/* One event for one pipeline. */
struct pipeline_call {
    wf_str data;              /* the event, a JSON object; empty reads as {} */
    wf_str metadata;          /* a JSON object, laid over meta's own keys; may be empty */
    struct http_reply *reply; /* host/http_reply.h; NULL when no HTTP request waits */
    /* Called once after a successful run, before its memory is used again:
     * run->scope.current is the final state.  May be NULL. */
    void (*finished)(void *ctx, const struct run *run);
    void *ctx;
    int error_status; /* out, on failure: the failed step's `error_status`, or 0 */
};

/* Makes the pipeline of a `pipelines` member; mistakes go to `problems` and it returns
 * NULL. */
struct pipeline *pipeline_new(struct app *app, wf_str name, const struct node *node,
                              struct problems *problems);
void pipeline_free(struct pipeline *p);

/* Runs it to its end.  WF_FAILED with the engine's words when it failed (`workflow
 * execution failed: pipeline "p" execution failed: step "n" failed: ...`); WF_CANCELLED
 * when the host is stopping and the event was not looked at; WF_CONFIG when the event is no
 * JSON object.  [any] */
wf_status pipeline_run(struct pipeline *p, struct pipeline_call *call, wf_error *err);

wf_str pipeline_name(const struct pipeline *p);

#endif
