/* SPDX-License-Identifier: MIT
 *
 * app_pipelines - the `pipelines` map with its inline triggers, and the top-level
 * `triggers`.
 *
 * A trigger's configuration gets "workflowType": "pipeline:<name>".  A trigger that cannot
 * be made is a mistake of the configuration; the engine would only log it and fail at its
 * start.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app_parts.h"
#include "host/config_check.h"
#include "host/types.h"

static const struct value app_pipelines_empty = {.kind = VALUE_MAP};

/* The trigger's configuration with workflowType. */
static const struct value *app_pipelines_config(struct app *app, const struct node *config,
                                                wf_str pipeline)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_lit(&text, "pipeline:");
    buf_str(&text, pipeline);
    wf_str kept = arena_str(&app->arena, buf_view(&text));
    struct value *type = kept.ptr ? value_of_text(&app->arena, kept) : NULL;
    struct value *extra = value_map(&app->arena, 1);
    if (!type || !extra || !value_set(&app->arena, extra, STR("workflowType"), type))
        return NULL;
    return value_merge(&app->arena,
                       config && config->value->kind == VALUE_MAP ? config->value
                                                                  : &app_pipelines_empty,
                       extra);
}

/* `entry` is where the type stands (in `key`, or as its own key when that is NULL). */
static void app_pipelines_trigger(struct app *app, struct definition *def, wf_str type,
                                  const struct node *config, wf_str pipeline_name)
{
    const char *key = node_get(def->node, "type") ? "type" : NULL;
    const struct trigger_type *found = types_trigger(def, type, key);
    if (!found)
        return;
    if (config && config->value->kind != VALUE_MAP && config->value->kind != VALUE_NULL) {
        problems_add(def->problems, config, NULL, "must be a map, not %s",
                     node_kind_name(config));
        return;
    }
    def->name = pipeline_name;
    def->config = app_pipelines_config(app, config, pipeline_name);
    if (config && config->value->kind == VALUE_MAP)
        def->node = config;
    if (!def->config) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return;
    }
    struct pipeline *pipeline = app_pipeline(app, pipeline_name);
    struct app_trigger *trigger = &app->triggers[app->trigger_count];
    *trigger = (struct app_trigger){.type = found, .type_name = type, .pipeline = pipeline};
    if (!config_check_keys(def, found->keys))
        return;
    trigger->self = found->create(def, pipeline);
    app->trigger_count += trigger->self != NULL;
}

/* `trigger: {type, config}` of a pipeline. */
static void app_pipelines_inline(struct app *app, wf_str name, const struct node *pipeline,
                                 struct problems *problems)
{
    const struct node *node = node_get(pipeline, "trigger");
    if (!node || node->value->kind == VALUE_NULL)
        return;
    if (node->value->kind != VALUE_MAP) {
        problems_add(problems, node, NULL, "must be a map {type: ..., config: ...}, not %s",
                     node_kind_name(node));
        return;
    }
    const struct node *type = node_get(node, "type");
    if (!node_text(type).len) {
        problems_add(problems, node, "type",
                     type ? "must be the name of a trigger type"
                          : "is required: the trigger's type");
        return;
    }
    if (str_is(node_text(type), "manual"))
        return; /* started by other means only */
    struct definition def = {.app = app, .node = node, .problems = problems};
    app_pipelines_trigger(app, &def, node_text(type), node_get(node, "config"), name);
}

static void app_pipelines_triggers(struct app *app, const struct node *triggers,
                                   struct problems *problems)
{
    for (size_t i = 0; triggers && i < triggers->count; i++) {
        const struct node *config = triggers->children[i];
        wf_str type = triggers->value->map.members[i].key;
        wf_str workflow = node_text(node_get(config, "workflowType"));
        wf_str prefix = STR("pipeline:");
        struct definition def = {.app = app, .node = config, .problems = problems};
        if (!str_starts(workflow, prefix)) {
            problems_add(problems, config, "workflowType",
                         "must be 'pipeline:<name>' for a trigger outside a pipeline");
            continue;
        }
        wf_str name = str_slice(workflow, prefix.len, workflow.len);
        if (node_find(node_get(app->root, "pipelines"), name))
            app_pipelines_trigger(app, &def, type, config, name);
        else
            problems_add(problems, config, "workflowType", "there is no pipeline '%.*s'",
                         STR_ARG(name));
    }
}

static const struct node *app_pipelines_map(struct app *app, const char *key,
                                            const char *form, struct problems *problems)
{
    const struct node *map = node_get(app->root, key);
    if (!map || map->value->kind == VALUE_NULL)
        return NULL;
    if (map->value->kind == VALUE_MAP)
        return map;
    problems_add(problems, map, NULL, "must be a map %s, not %s", form,
                 node_kind_name(map));
    return NULL;
}

/* All pipelines first: a trigger may be created for any of them. */
static void app_pipelines_create(struct app *app, const struct node *pipelines,
                                 struct problems *problems)
{
    for (size_t i = 0; i < pipelines->count; i++) {
        struct pipeline *pipeline = pipeline_new(app, pipelines->value->map.members[i].key,
                                                 pipelines->children[i], problems);
        if (pipeline)
            app->pipelines[app->pipeline_count++] = pipeline;
    }
    for (size_t i = 0; i < pipelines->count; i++)
        if (pipelines->children[i]->value->kind == VALUE_MAP)
            app_pipelines_inline(app, pipelines->value->map.members[i].key,
                                 pipelines->children[i], problems);
}

void app_pipelines_load(struct app *app, struct problems *problems)
{
    const struct node *pipelines =
        app_pipelines_map(app, "pipelines", "name -> pipeline", problems);
    const struct node *triggers =
        app_pipelines_map(app, "triggers", "type -> configuration", problems);
    size_t pipeline_room = pipelines ? pipelines->count : 0;
    size_t trigger_room = pipeline_room + (triggers ? triggers->count : 0);
    app->pipelines = calloc(pipeline_room + 1, sizeof(struct pipeline *));
    app->triggers = calloc(trigger_room + 1, sizeof(*app->triggers));
    if (!app->pipelines || !app->triggers) {
        problems_add(problems, app->root, "pipelines", "out of memory");
        return;
    }
    if (pipelines)
        app_pipelines_create(app, pipelines, problems);
    app_pipelines_triggers(app, triggers, problems);
}

wf_status app_triggers_start(struct app *app, wf_error *err)
{
    for (size_t i = 0; i < app->trigger_count; i++) {
        struct app_trigger *trigger = &app->triggers[i];
        wf_status status = trigger->type->start(trigger->self, err);
        if (status)
            return error_prefix(err, "trigger '%.*s' of pipeline '%.*s'",
                                STR_ARG(trigger->type_name),
                                STR_ARG(pipeline_name(trigger->pipeline)));
        trigger->started = true;
    }
    return WF_OK;
}

wf_status app_triggers_stop(struct app *app, wf_error *err)
{
    wf_status last = WF_OK;
    for (size_t i = app->trigger_count; i > 0; i--) {
        struct app_trigger *trigger = &app->triggers[i - 1];
        wf_error why = {.code = WF_OK};
        if (!trigger->started)
            continue;
        trigger->started = false;
        if (!trigger->type->stop(trigger->self, &why))
            continue;
        log_line(app->logger, LOG_ERROR, "trigger '%.*s' did not stop: %s",
                 STR_ARG(trigger->type_name), why.text);
        last = error_set(err, why.code ? why.code : WF_FAILED, "trigger '%.*s': %s",
                         STR_ARG(trigger->type_name), why.text);
    }
    return last;
}

void app_pipelines_free(struct app *app)
{
    for (size_t i = app->trigger_count; i > 0; i--)
        app->triggers[i - 1].type->free(app->triggers[i - 1].self);
    for (size_t i = app->pipeline_count; i > 0; i--)
        pipeline_free(app->pipelines[i - 1]);
    free(app->triggers);
    free(app->pipelines);
    app->triggers = NULL;
    app->pipelines = NULL;
    app->trigger_count = app->pipeline_count = 0;
}
