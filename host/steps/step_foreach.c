/* SPDX-License-Identifier: MIT
 *
 * step.foreach - runs steps once for every item of a list.
 *
 *     config  {collection: steps.fetch.rows, item_var: row, steps: [...]}
 *     out     {"results": [{...}, ...], "count": 2}
 *
 * Each item begins with the data as it was before the step, with `item`, `index` and
 * `foreach` added; its result is what its steps gave.  Items are worked on one after the
 * other.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/pipeline_step.h"
#include "host/steps/scope_path.h"

struct step_foreach {
    wf_str name;
    wf_str collection;
    wf_str item_key;
    wf_str index_key;
    bool collect_errors;
    struct pipeline_steps steps;
};

/* One run of the step. */
struct foreach_pass {
    struct run *run;
    size_t index;
    size_t errors;
};

static void step_foreach_free(void *step)
{
    struct step_foreach *self = step;
    if (!self)
        return;
    pipeline_steps_release(&self->steps);
    free(self);
}

static bool step_foreach_steps(struct step_foreach *self, const struct definition *def)
{
    const struct node *one = node_get(def->node, "step");
    const struct node *many = node_get(def->node, "steps");
    if (one && many) {
        problems_add(def->problems, def->node, "steps",
                     "foreach step \"%.*s\": 'step' and 'steps' are mutually exclusive",
                     STR_ARG(def->name));
        return false;
    }
    const struct node *list = one ? one : many;
    return !list || pipeline_steps_create(def, list, true, &self->steps);
}

static bool step_foreach_options(struct step_foreach *self, const struct definition *def)
{
    bool good = true;
    wf_str strategy = config_check_text(def->config, "error_strategy", STR("fail_fast"));
    self->collect_errors = str_is(strategy, "collect_errors");
    if (strategy.len && !self->collect_errors && !str_is(strategy, "fail_fast")) {
        problems_add(def->problems, def->node, "error_strategy",
                     "must be 'fail_fast' or 'collect_errors'");
        good = false;
    }
    if (scope_path_is_template(self->collection)) {
        problems_add(def->problems, def->node, "collection",
                     "is a key or a path such as 'steps.fetch.rows', not a template");
        good = false;
    }
    if (config_check_int(def->config, "concurrency", 0) > 1)
        problems_warn(def->problems, def->node, "concurrency",
                      "is not supported by this host: items run one after the other");
    return good;
}

static void *step_foreach_create(const struct definition *def)
{
    struct step_foreach *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->collection = config_check_text(def->config, "collection", STR_EMPTY);
    self->item_key = config_check_text(def->config, "item_var", STR_EMPTY);
    if (self->item_key.len == 0)
        self->item_key = config_check_text(def->config, "item_key", STR_EMPTY);
    if (self->item_key.len == 0)
        self->item_key = STR("item");
    self->index_key = config_check_text(def->config, "index_key", STR_EMPTY);
    if (self->index_key.len == 0)
        self->index_key = STR("index");
    bool good = step_foreach_options(self, def);
    good = step_foreach_steps(self, def) && good;
    if (good)
        return self;
    step_foreach_free(self);
    return NULL;
}

static wf_status step_foreach_collection(const struct step_foreach *self,
                                         const struct run *run, const struct value **out,
                                         wf_error *err)
{
    const struct value *v = value_get(run->scope.current, self->collection);
    if (!v)
        v = value_get(run->scope.trigger, self->collection);
    if (!v && str_starts(self->collection, STR("trigger.")))
        v = value_path(run->scope.trigger,
                       str_slice(self->collection, 8, self->collection.len));
    if (!v)
        v = scope_path_find(&run->scope, self->collection);
    if (!v)
        return error_set(err, WF_FAILED,
                         "foreach step \"%.*s\": collection \"%.*s\" not found in context",
                         STR_ARG(self->name), STR_ARG(self->collection));
    if (v->kind != VALUE_LIST && v->kind != VALUE_NULL)
        return error_set(err, WF_FAILED, "foreach step \"%.*s\": expected a slice, got %s",
                         STR_ARG(self->name), node_value_kind(v));
    *out = v;
    return WF_OK;
}

/* The data that one item's steps begin with; NULL: out of memory. */
static const struct value *step_foreach_scope(const struct step_foreach *self,
                                              struct run *run, const struct value *item,
                                              size_t index)
{
    struct arena *a = run->arena;
    const struct value *before = run->scope.current;
    struct value *add = value_map(a, 3);
    struct value *number = value_of_int(a, (int64_t)index);
    if (!add || !number || !value_set(a, add, self->item_key, item) ||
        !value_set(a, add, self->index_key, number))
        return NULL;
    bool taken = str_is(self->item_key, "foreach") || str_is(self->index_key, "foreach") ||
                 value_get(before, STR("foreach"));
    if (!taken) {
        struct value *own = value_map(a, 2);
        if (!own || !value_set(a, own, STR("index"), number) ||
            !value_set(a, own, self->item_key, item) ||
            !value_set(a, add, STR("foreach"), own))
            return NULL;
    }
    return value_merge(a, before, add);
}

/* What the steps gave, laid over one another.  A step that did not run has what it had
 * before. */
static const struct value *step_foreach_result(const struct step_foreach *self,
                                               struct run *run,
                                               const struct value *steps_before)
{
    const struct value *result = value_map(run->arena, 4);
    for (size_t i = 0; result && i < self->steps.count; i++) {
        wf_str name = self->steps.items[i].name;
        const struct value *output = value_get(run->scope.steps, name);
        if (output && output->kind == VALUE_MAP && output != value_get(steps_before, name))
            result = value_merge(run->arena, result, output);
    }
    return result;
}

/* `step "x" failed: why` as the engine says it here: `sub-step "x": why`. */
static wf_status step_foreach_failed(const struct step_foreach *self, size_t index,
                                     size_t failed, wf_error *err)
{
    if (failed >= self->steps.count)
        return error_prefix(err, "foreach step \"%.*s\": iteration %zu",
                            STR_ARG(self->name), index);
    wf_str name = self->steps.items[failed].name;
    wf_error why = *err;
    char lead[256];
    snprintf(lead, sizeof lead, "step \"%.*s\" failed: ", STR_ARG(name));
    bool led = str_starts(str_from(why.text), str_from(lead));
    return error_set(
        err, why.code, "foreach step \"%.*s\": iteration %zu, sub-step \"%.*s\" failed: %s",
        STR_ARG(self->name), index, STR_ARG(name), why.text + (led ? strlen(lead) : 0));
}

static const struct value *step_foreach_error(struct run *run, size_t index,
                                              const wf_error *why)
{
    struct value *out = value_map(run->arena, 2);
    struct value *text =
        value_of_text(run->arena, arena_str(run->arena, str_from(why->text)));
    struct value *number = value_of_int(run->arena, (int64_t)index);
    if (!out || !text || !number || !value_set(run->arena, out, STR("_error"), text) ||
        !value_set(run->arena, out, STR("_index"), number))
        return NULL;
    return out;
}

/* One item: its result, or with collect_errors its error.  The run's scope is as before
 * afterwards. */
static wf_status step_foreach_item(const struct step_foreach *self,
                                   struct foreach_pass *pass, const struct value *item,
                                   const struct value **out, wf_error *err)
{
    struct run *run = pass->run;
    struct scope before = run->scope;
    bool stopped = false;
    size_t failed = SIZE_MAX;
    const struct value *current = step_foreach_scope(self, run, item, pass->index);
    if (!current)
        return error_no_memory(err);
    run->scope.current = current;
    wf_error why;
    wf_status status = pipeline_steps_run(&self->steps, run, &stopped, &failed, &why);
    if (!status)
        *out = step_foreach_result(self, run, before.steps);
    run->scope = before;
    if (!status)
        return *out ? WF_OK : error_no_memory(err);

    status = step_foreach_failed(self, pass->index, failed, &why);
    bool over = status == WF_NO_MEMORY || status == WF_CANCELLED ||
                clock_mono_ms() >= run->deadline_ms;
    if (over || !self->collect_errors) {
        if (err)
            *err = why;
        return status;
    }
    pass->errors++;
    *out = step_foreach_error(run, pass->index, &why);
    return *out ? WF_OK : error_no_memory(err);
}

static wf_status step_foreach_output(struct run *run, const struct value **items,
                                     size_t count, size_t errors, struct step_result *out,
                                     wf_error *err)
{
    struct arena *a = run->arena;
    struct value *output = value_map(a, 3);
    struct value *results = value_list(a, items, count);
    struct value *number = value_of_int(a, (int64_t)count);
    struct value *failed = value_of_int(a, (int64_t)errors);
    if (!output || !results || !number || !failed ||
        !value_set(a, output, STR("results"), results) ||
        !value_set(a, output, STR("count"), number) ||
        (errors && !value_set(a, output, STR("error_count"), failed)))
        return error_no_memory(err);
    out->output = output;
    return WF_OK;
}

static wf_status step_foreach_run(void *step, struct run *run, struct step_result *out,
                                  wf_error *err)
{
    const struct step_foreach *self = step;
    const struct value *list = NULL;
    wf_status status = step_foreach_collection(self, run, &list, err);
    if (status)
        return status;
    size_t count = list && list->kind == VALUE_LIST ? list->list.count : 0;
    const struct value **results = NULL;
    if (count) {
        results = arena_alloc(run->arena, count * sizeof(*results));
        if (!results)
            return error_no_memory(err);
    }
    struct foreach_pass pass = {.run = run};
    for (; pass.index < count; pass.index++) {
        const struct value **result = &results[pass.index];
        status = step_foreach_item(self, &pass, list->list.items[pass.index], result, err);
        if (status)
            return status;
    }
    return step_foreach_output(run, results, count, pass.errors, out, err);
}

static const struct config_key step_foreach_keys[] = {
    {"collection", "string", true, false, "a key or path: 'items', 'steps.fetch.rows'"},
    {"item_var", "string", false, false, "the item's name (item)"},
    {"item_key", "string", false, false, "the same, older name"},
    {"index_key", "string", false, false, "the index's name (index)"},
    {"step", "map", false, false, "one step {type, name, ...}"},
    {"steps", "list", false, false, "several steps; instead of 'step'"},
    {"concurrency", "number", false, false, "accepted; items run one after the other"},
    {"error_strategy", "string", false, false, "fail_fast (default) or collect_errors"},
    {0},
};

const struct step_type step_foreach_type = {
    .type = "step.foreach",
    .summary = "Runs steps once for every item of a list.",
    .keys = step_foreach_keys,
    .create = step_foreach_create,
    .run = step_foreach_run,
    .free = step_foreach_free,
};
