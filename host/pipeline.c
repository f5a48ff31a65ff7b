/* SPDX-License-Identifier: MIT
 *
 * pipeline - made from its entry in `pipelines`, run once per event.
 */
#include "host/pipeline.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "host/app.h"
#include "host/config_check.h"
#include "host/pipeline_step.h"
#include "host/run_memory.h"

#define PIPELINE_DEPTH 32 /* pipelines that start each other, in one thread */

struct pipeline {
    struct app *app;
    wf_str name;
    struct value name_value;
    struct pipeline_steps steps;
    struct pipeline_steps compensation; /* in reverse order already */
    int64_t timeout_ms;                 /* 0: none */
    bool strict;
};

/* Runs this thread is inside of. */
static _Thread_local unsigned pipeline_depth;

/* ---- making -------------------------------------------------------------------------- */

static const char *const pipeline_keys[] = {
    "trigger",          "steps",   "on_error",    "timeout", "compensation",
    "strict_templates", "outputs", "description", "name",    NULL,
};

static bool pipeline_strict(const struct node *node, struct problems *problems)
{
    const struct node *strict = node_get(node, "strict_templates");
    if (!strict || strict->value->kind == VALUE_NULL)
        return false;
    if (strict->value->kind != VALUE_BOOL) {
        problems_add(problems, strict, NULL, "must be true or false, not %s",
                     node_kind_name(strict));
        return false;
    }
    return strict->value->boolean;
}

static void pipeline_reverse(struct pipeline_steps *steps)
{
    for (size_t i = 0; i < steps->count / 2; i++) {
        struct pipeline_step swap = steps->items[i];
        steps->items[i] = steps->items[steps->count - 1 - i];
        steps->items[steps->count - 1 - i] = swap;
    }
}

static void pipeline_fill(struct pipeline *p, const struct node *node,
                          struct problems *problems)
{
    const struct definition owner = {
        .app = p->app, .name = p->name, .node = node, .problems = problems};
    config_check_known(node, pipeline_keys, problems);
    p->timeout_ms = pipeline_step_timeout(node, problems);
    p->strict = pipeline_strict(node, problems);
    const struct node *steps = node_get(node, "steps");
    if (!steps || steps->value->kind == VALUE_NULL)
        problems_add(problems, node, "steps", "is required: a list of steps");
    else if (steps->value->kind == VALUE_MAP)
        problems_add(problems, steps, NULL, "must be a list of steps, not a map");
    else
        pipeline_steps_create(&owner, steps, false, &p->steps);
    pipeline_step_on_error(node, problems, &p->steps.on_error);
    const struct node *compensation = node_get(node, "compensation");
    if (compensation && compensation->value->kind != VALUE_NULL)
        pipeline_steps_create(&owner, compensation, false, &p->compensation);
    pipeline_reverse(&p->compensation);
}

struct pipeline *pipeline_new(struct app *app, wf_str name, const struct node *node,
                              struct problems *problems)
{
    if (node->value->kind != VALUE_MAP) {
        problems_add(problems, node, NULL,
                     "a pipeline is a map with trigger and steps, not %s",
                     node_kind_name(node));
        return NULL;
    }
    struct pipeline *p = calloc(1, sizeof(*p));
    if (!p) {
        problems_add(problems, node, NULL, "out of memory");
        return NULL;
    }
    *p = (struct pipeline){.app = app, .name = name};
    p->name_value = (struct value){.kind = VALUE_STRING, .text = name};
    size_t before = problems_count(problems);
    pipeline_fill(p, node, problems);
    if (problems_count(problems) == before)
        return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    pipeline_steps_release(&p->steps);
    pipeline_steps_release(&p->compensation);
    free(p);
}

wf_str pipeline_name(const struct pipeline *p)
{
    return p->name;
}

/* ---- running ------------------------------------------------------------------------- */

static wf_status pipeline_parse(struct run *run, wf_str json, const char *what,
                                const struct value **out, wf_error *err)
{
    static const struct value empty = {.kind = VALUE_MAP};
    *out = &empty;
    if (!json.len)
        return WF_OK;
    const struct value *parsed;
    wf_status status = value_parse(run->arena, json, what, &parsed, err);
    if (status)
        return status;
    if (parsed->kind != VALUE_MAP)
        return error_set(err, WF_CONFIG, "%s must be a JSON object", what);
    *out = parsed;
    return WF_OK;
}

/* pipeline, started_at, and what the trigger says beyond. */
static wf_status pipeline_meta(const struct pipeline *p, struct run *run, wf_str more,
                               wf_error *err)
{
    char now[CLOCK_TEXT];
    struct value *meta = value_map(run->arena, 2);
    wf_str time = arena_str(run->arena, (wf_str){now, clock_rfc3339(clock_wall_us(), now)});
    struct value *started = value_of_text(run->arena, time);
    if (!meta || !started ||
        !value_set(run->arena, meta, STR("pipeline"), &p->name_value) ||
        !value_set(run->arena, meta, STR("started_at"), started))
        return error_no_memory(err);
    run->scope.meta = meta;
    if (!more.len)
        return WF_OK;
    const struct value *extra;
    wf_status status = pipeline_parse(run, more, "the metadata", &extra, err);
    if (status)
        return status;
    run->scope.meta = value_merge(run->arena, meta, extra);
    return run->scope.meta ? WF_OK : error_no_memory(err);
}

static wf_status pipeline_prepare(const struct pipeline *p,
                                  const struct pipeline_call *call, struct run *run,
                                  wf_error *err)
{
    static const struct value empty = {.kind = VALUE_MAP};
    run->trigger_json = call->data.len ? call->data : STR("{}");
    wf_status status =
        pipeline_parse(run, call->data, "the event", &run->scope.trigger, err);
    if (!status)
        status = pipeline_meta(p, run, call->metadata, err);
    run->scope.current = run->scope.trigger;
    run->scope.steps = &empty;
    run->scope.strict = p->strict;
    run->deadline_ms = p->timeout_ms ? clock_mono_ms() + p->timeout_ms : INT64_MAX;
    return status;
}

/* Every step of the compensation, whatever becomes of the others; the first failure is
 * told. */
static void pipeline_compensate(const struct pipeline *p, struct run *run, wf_error *err)
{
    wf_error first = {.code = WF_OK};
    run->deadline_ms = INT64_MAX; /* the timeout may be why we are here */
    for (size_t i = 0; i < p->compensation.count; i++) {
        const struct pipeline_steps one = {&p->compensation.items[i], 1, ON_ERROR_STOP};
        bool stopped;
        wf_error failed = {.code = WF_OK};
        if (pipeline_steps_run(&one, run, &stopped, NULL, &failed) && !first.code)
            first = failed;
    }
    wf_error why = *err;
    if (first.code)
        error_set(err, why.code, "%s (compensation also failed: %s)", why.text, first.text);
    else
        error_set(err, why.code, "%s (compensation executed)", why.text);
}

static wf_status pipeline_execute(const struct pipeline *p, struct pipeline_call *call,
                                  struct run *run, wf_error *err)
{
    bool stopped;
    size_t failed = 0;
    wf_status status = pipeline_prepare(p, call, run, err);
    if (status)
        return error_prefix(err, "pipeline \"%.*s\"", STR_ARG(p->name));
    status = pipeline_steps_run(&p->steps, run, &stopped, &failed, err);
    if (!status) {
        if (call->finished)
            call->finished(call->ctx, run);
        return WF_OK;
    }
    call->error_status = p->steps.items[failed].error_status;
    if (pipeline_step_policy(&p->steps, failed) == ON_ERROR_COMPENSATE)
        pipeline_compensate(p, run, err);
    /* To a trigger, WF_CANCELLED means that the host is stopping; a step cannot say
     * that. */
    err->code = WF_FAILED;
    return error_prefix(err,
                        "workflow execution failed: pipeline \"%.*s\" execution failed",
                        STR_ARG(p->name));
}

static wf_status pipeline_run_in(struct pipeline *p, struct pipeline_call *call,
                                 wf_error *err)
{
    struct run_memory *memory = run_memory_get(app_run_memory(p->app));
    if (!memory)
        return error_no_memory(err);
    struct run run = {
        .app = p->app,
        .pipeline = p,
        .arena = &memory->arena,
        .reply = call->reply,
        .memory = memory,
    };
    pipeline_depth++;
    wf_status status = pipeline_execute(p, call, &run, err);
    pipeline_depth--;
    run_memory_put(app_run_memory(p->app), memory);
    return status;
}

wf_status pipeline_run(struct pipeline *p, struct pipeline_call *call, wf_error *err)
{
    wf_error own;
    if (!err)
        err = &own;
    call->error_status = 0;
    if (pipeline_depth >= PIPELINE_DEPTH)
        return error_set(err, WF_FAILED, "%d pipelines started each other", PIPELINE_DEPTH);
    bool nested = pipeline_depth > 0;
    if (!app_run_begin(p->app, nested))
        return error_set(err, WF_CANCELLED, "the host is stopping");
    wf_status status = pipeline_run_in(p, call, err);
    if (status)
        log_line(app_logger(p->app), LOG_WARN, "%s", err->text);
    app_run_end(p->app, nested, status);
    return status;
}
