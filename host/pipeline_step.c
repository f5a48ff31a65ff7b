/* SPDX-License-Identifier: MIT
 *
 * pipeline_step - steps made from YAML, and run one after the other.
 */
#include "host/pipeline_step.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/config_check.h"
#include "host/pipeline.h"
#include "host/types.h"

static const struct value pipeline_step_empty = {.kind = VALUE_MAP};

/* ---- making -------------------------------------------------------------------------- */

static const char *const pipeline_step_keys[] = {
    "name",    "type", "config",       "on_error", "timeout",
    "skip_if", "if",   "error_status", "input",    NULL,
};

/* A guard; scalars other than strings (`skip_if: false`) are read as their text. */
static struct template *pipeline_step_guard(const struct definition *def, const char *key)
{
    const struct node *node = node_get(def->node, key);
    if (!node || node->value->kind == VALUE_NULL)
        return NULL;
    if (node->value->kind == VALUE_LIST || node->value->kind == VALUE_MAP) {
        problems_add(def->problems, node, NULL, "must be a string, not %s",
                     node_kind_name(node));
        return NULL;
    }
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    value_print(&text, node->value);
    wf_str kept = arena_str(app_arena(def->app), buf_view(&text));
    struct template *guard = NULL;
    wf_error err;
    if (template_compile(kept, &guard, &err))
        problems_add(def->problems, node, NULL, "%s", err.text);
    return guard;
}

bool pipeline_step_on_error(const struct node *owner, struct problems *problems,
                            enum on_error *out)
{
    const struct node *node = node_get(owner, "on_error");
    wf_str word = node_text(node);
    if (!node || node->value->kind == VALUE_NULL)
        return false;
    if (str_is(word, "skip"))
        *out = ON_ERROR_SKIP;
    else if (str_is(word, "compensate"))
        *out = ON_ERROR_COMPENSATE;
    else
        *out = ON_ERROR_STOP;
    if (*out == ON_ERROR_STOP && !str_is(word, "stop"))
        problems_warn(problems, node, NULL,
                      "acts as 'stop'; there are stop, skip, compensate");
    return true;
}

int64_t pipeline_step_timeout(const struct node *owner, struct problems *problems)
{
    const struct node *node = node_get(owner, "timeout");
    int64_t ms = 0;
    if (!node || node->value->kind == VALUE_NULL)
        return 0;
    if (!str_to_duration_ms(node_text(node), &ms) || ms < 0) {
        problems_add(problems, node, NULL, "must be a duration such as '30s' or '500ms'");
        return 0;
    }
    return ms;
}

static int pipeline_step_error_status(const struct definition *def)
{
    const struct node *node = node_get(def->node, "error_status");
    if (!node || node->value->kind == VALUE_NULL)
        return 0;
    int64_t status = node->value->kind == VALUE_INT ? node->value->integer : 0;
    if (status < 400 || status > 599) {
        problems_add(def->problems, node, NULL, "must be an HTTP status from 400 to 599");
        return 0;
    }
    return (int)status;
}

static bool pipeline_step_name(const struct definition *owner, const struct node *node,
                               bool nested, struct pipeline_step *step)
{
    const struct node *name = node_get(node, "name");
    step->name = node_text(name);
    if (step->name.len)
        return true;
    if (name && name->value->kind != VALUE_STRING && name->value->kind != VALUE_NULL) {
        problems_add(owner->problems, name, NULL, "must be a string, not %s",
                     node_kind_name(name));
        return false;
    }
    if (!nested) {
        problems_add(owner->problems, node, "name", "is required: what the step is called");
        return false;
    }
    CDC_CLEANUP(buf_release) struct buf made;
    buf_init(&made, LIMIT_TEXT_BYTES);
    buf_str(&made, owner->name);
    buf_printf(&made, "_%zu",
               node->parent && node->parent->value->kind == VALUE_LIST ? node->index
                                                                       : (size_t)0);
    step->name = arena_str(app_arena(owner->app), buf_view(&made));
    return step->name.ptr;
}

/* The step's configuration with _config_dir; its place is the step when it has none.  A
 * step inside a step may have its keys beside name and type instead, as the engine writes
 * them. */
static bool pipeline_step_config(const struct node *node, bool nested,
                                 struct definition *def)
{
    const struct node *config = node_get(node, "config");
    def->node = config && config->value->kind == VALUE_MAP ? config : node;
    def->config = config ? config->value : nested ? node->value : &pipeline_step_empty;
    if (def->config->kind == VALUE_NULL)
        def->config = &pipeline_step_empty;
    if (def->config->kind != VALUE_MAP) {
        problems_add(def->problems, config, NULL, "must be a map, not %s",
                     node_kind_name(config));
        return false;
    }
    def->config = app_with_config_dir(def->app, def->config);
    if (!def->config)
        problems_add(def->problems, node, NULL, "out of memory");
    return def->config;
}

static void pipeline_step_create(const struct definition *owner, const struct node *node,
                                 bool nested, struct pipeline_step *step)
{
    if (node->value->kind != VALUE_MAP) {
        problems_add(owner->problems, node, NULL,
                     "a step is a map with name, type and config, not %s",
                     node_kind_name(node));
        return;
    }
    struct definition def = {.app = owner->app, .node = node, .problems = owner->problems};
    config_check_known(node, pipeline_step_keys, owner->problems);
    step->node = node;
    step->own_on_error = pipeline_step_on_error(node, owner->problems, &step->on_error);
    step->timeout_ms = pipeline_step_timeout(node, owner->problems);
    step->error_status = pipeline_step_error_status(&def);
    step->skip_if = pipeline_step_guard(&def, "skip_if");
    step->only_if = pipeline_step_guard(&def, "if");
    bool named = pipeline_step_name(owner, node, nested, step);
    def.name = step->name;
    step->type = types_step(&def);
    if (!named || !step->type || !pipeline_step_config(node, nested, &def))
        return;
    if (config_check_keys(&def, step->type->keys))
        step->self = step->type->create(&def);
}

static void pipeline_step_check_names(const struct pipeline_steps *steps,
                                      struct problems *problems)
{
    for (size_t i = 1; i < steps->count; i++) {
        const struct pipeline_step *step = &steps->items[i];
        for (size_t other = 0; other < i && step->name.len; other++) {
            if (!str_eq(step->name, steps->items[other].name))
                continue;
            problems_add(problems, step->node, "name",
                         "step '%.*s' is there already, in line %u", STR_ARG(step->name),
                         steps->items[other].node->line);
            break;
        }
    }
}

bool pipeline_steps_create(const struct definition *owner, const struct node *list,
                           bool nested, struct pipeline_steps *out)
{
    *out = (struct pipeline_steps){.items = NULL};
    size_t before = problems_count(owner->problems);
    bool single = list->value->kind == VALUE_MAP;
    if (!single && list->value->kind != VALUE_LIST) {
        problems_add(owner->problems, list, NULL, "must be a list of steps, not %s",
                     node_kind_name(list));
        return false;
    }
    size_t count = single ? 1 : list->count;
    out->items = calloc(count + 1, sizeof(*out->items));
    if (!out->items) {
        problems_add(owner->problems, list, NULL, "out of memory");
        return false;
    }
    out->count = count;
    for (size_t i = 0; i < count; i++)
        pipeline_step_create(owner, single ? list : list->children[i], nested,
                             &out->items[i]);
    pipeline_step_check_names(out, owner->problems);
    return problems_count(owner->problems) == before;
}

void pipeline_steps_release(struct pipeline_steps *steps)
{
    for (size_t i = steps->count; i > 0; i--) {
        struct pipeline_step *step = &steps->items[i - 1];
        if (step->self)
            step->type->free(step->self);
        template_free(step->skip_if);
        template_free(step->only_if);
    }
    free(steps->items);
    *steps = (struct pipeline_steps){.items = NULL};
}

/* ---- running ------------------------------------------------------------------------- */

bool pipeline_step_truthy(wf_str text)
{
    text = str_trim(text);
    return text.len && !str_is(text, "false") && !str_is(text, "0");
}

/* Whether guards let the step run.  A guard that cannot be evaluated reads as "". */
static bool pipeline_step_wanted(const struct pipeline_step *step, struct run *run)
{
    wf_str text;
    if (step->skip_if &&
        !template_eval(step->skip_if, &run->scope, run->arena, &text, NULL) &&
        pipeline_step_truthy(text))
        return false;
    if (!step->only_if)
        return true;
    return !template_eval(step->only_if, &run->scope, run->arena, &text, NULL) &&
           pipeline_step_truthy(text);
}

wf_status pipeline_step_record(struct run *run, wf_str name, const struct value *output,
                               wf_error *err)
{
    if (!output)
        output = &pipeline_step_empty;
    if (output->map.count) {
        run->scope.current = value_merge(run->arena, run->scope.current, output);
        if (!run->scope.current)
            return error_no_memory(err);
    }
    const struct value_member member = {name, output};
    const struct value one = {
        .kind = VALUE_MAP,
        .map = {(struct value_member *)&member, 1, 1},
    };
    run->scope.steps = value_merge(run->arena, run->scope.steps, &one);
    return run->scope.steps ? WF_OK : error_no_memory(err);
}

/* on_error: skip. */
static wf_status pipeline_step_record_error(struct run *run,
                                            const struct pipeline_step *step,
                                            const char *text, wf_error *err)
{
    struct value *output = value_map(run->arena, 2);
    wf_str kept = arena_str(run->arena, str_from(text));
    struct value *error = value_of_text(run->arena, kept);
    if (!output || !error || !value_set(run->arena, output, STR("_error"), error) ||
        !value_set(run->arena, output, STR("_skipped"), &value_true))
        return error_no_memory(err);
    return pipeline_step_record(run, step->name, output, err);
}

static wf_status pipeline_step_run(const struct pipeline_step *step, struct run *run,
                                   struct step_result *out, wf_error *err)
{
    int64_t outer_deadline = run->deadline_ms;
    if (step->timeout_ms) {
        int64_t own = clock_mono_ms() + step->timeout_ms;
        if (own < run->deadline_ms)
            run->deadline_ms = own;
    }
    err->text[0] = '\0';
    wf_status status = step->type->run(step->self, run, out, err);
    if (!status && step->timeout_ms && clock_mono_ms() > run->deadline_ms)
        status = error_set(err, WF_FAILED, "context deadline exceeded");
    /* Its own limit is the step's failure, which may be skipped; the pipeline's may not. */
    if (status == WF_CANCELLED && run->deadline_ms < outer_deadline &&
        clock_mono_ms() >= run->deadline_ms)
        status = err->code = WF_FAILED;
    run->deadline_ms = outer_deadline;
    if (!status)
        return pipeline_step_record(run, step->name, out->output, err);
    if (!err->text[0])
        error_set(err, status, "%s", error_status_text(status));
    return status;
}

enum on_error pipeline_step_policy(const struct pipeline_steps *steps, size_t at)
{
    const struct pipeline_step *step = &steps->items[at];
    return step->own_on_error ? step->on_error : steps->on_error;
}

static wf_status pipeline_step_failed(const struct pipeline_steps *steps, size_t at,
                                      struct run *run, wf_status status, wf_error *err)
{
    const struct pipeline_step *step = &steps->items[at];
    if (pipeline_step_policy(steps, at) == ON_ERROR_SKIP && status != WF_CANCELLED) {
        wf_error skipped = *err;
        status = pipeline_step_record_error(run, step, skipped.text, err);
    }
    if (status)
        error_prefix(err, "step \"%.*s\" failed", STR_ARG(step->name));
    return status;
}

/* Where to go on: the named step, or the next. */
static bool pipeline_step_next(const struct pipeline_steps *steps, wf_str name, size_t *at)
{
    if (!name.len) {
        (*at)++;
        return true;
    }
    for (size_t i = 0; i < steps->count; i++) {
        if (str_eq(steps->items[i].name, name)) {
            *at = i;
            return true;
        }
    }
    return false;
}

wf_status pipeline_steps_run(const struct pipeline_steps *steps, struct run *run,
                             bool *out_stopped, size_t *out_failed, wf_error *err)
{
    wf_error own;
    if (!err)
        err = &own;
    *out_stopped = false;
    for (size_t at = 0; at < steps->count;) {
        const struct pipeline_step *step = &steps->items[at];
        if (out_failed)
            *out_failed = at;
        if (run->deadline_ms != INT64_MAX && clock_mono_ms() > run->deadline_ms)
            return error_set(err, WF_FAILED,
                             "pipeline \"%.*s\" cancelled: context deadline "
                             "exceeded",
                             STR_ARG(pipeline_name(run->pipeline)));
        if (!pipeline_step_wanted(step, run)) {
            at++;
            continue;
        }
        struct step_result result = {.output = NULL};
        wf_status status = pipeline_step_run(step, run, &result, err);
        if (status) {
            result = (struct step_result){.output = NULL};
            status = pipeline_step_failed(steps, at, run, status, err);
        }
        if (status)
            return status;
        if (result.stop) {
            *out_stopped = true;
            return WF_OK;
        }
        if (!pipeline_step_next(steps, result.next_step, &at))
            return error_set(err, WF_FAILED,
                             "step \"%.*s\" routed to unknown step \"%.*s\"",
                             STR_ARG(step->name), STR_ARG(result.next_step));
    }
    return WF_OK;
}
