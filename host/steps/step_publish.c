/* SPDX-License-Identifier: MIT
 *
 * step.publish - sends a message to a topic of the host's bus.
 *
 *     config  {topic: "orders.${ op }", payload: {id: "${ key.id }"}}
 *     out     {"published": true, "topic": "orders.INSERT"}
 *
 * The subscribers (event triggers, plugins) run before the step ends; what they refuse
 * fails it.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"

struct step_publish {
    wf_str name;
    struct bus *bus; /* NULL: the broker that was named does not exist */
    struct template *topic;
    struct template_tree *payload; /* NULL: the current data */
};

static void step_publish_free(void *step)
{
    struct step_publish *self = step;
    if (!self)
        return;
    template_free(self->topic);
    template_tree_free(self->payload);
    free(self);
}

static bool step_publish_compile(struct step_publish *self, const struct definition *def)
{
    wf_error err;
    wf_str topic = config_check_text(def->config, "topic", STR_EMPTY);
    if (template_compile(topic, &self->topic, &err)) {
        problems_add(def->problems, def->node, "topic", "%s", err.text);
        return false;
    }
    const struct value *payload = value_get(def->config, STR("payload"));
    if (!payload || payload->kind == VALUE_NULL)
        return true;
    if (payload->kind != VALUE_MAP) {
        problems_add(def->problems, def->node, "payload", "must be a map");
        return false;
    }
    if (template_tree_compile(payload, "payload", &self->payload, &err)) {
        problems_add(def->problems, def->node, "payload", "%s", err.text);
        return false;
    }
    return true;
}

static void *step_publish_create(const struct definition *def)
{
    struct step_publish *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->bus = app_bus(def->app);
    wf_str broker = config_check_text(def->config, "broker", STR_EMPTY);
    if (broker.len && !app_module(def->app, broker, "messaging.broker")) {
        problems_warn(def->problems, def->node, "broker",
                      "there is no messaging.broker '%.*s', so nothing will be published",
                      STR_ARG(broker));
        self->bus = NULL;
    }
    if (step_publish_compile(self, def))
        return self;
    step_publish_free(self);
    return NULL;
}

static wf_status step_publish_output(struct run *run, const char *key, wf_str text,
                                     struct step_result *out, wf_error *err)
{
    struct value *output = value_map(run->arena, 2);
    struct value *v = value_of_text(run->arena, text);
    const struct value *published = value_of_bool(str_is(str_from(key), "topic"));
    if (!output || !v || !value_set(run->arena, output, STR("published"), published) ||
        !value_set(run->arena, output, str_from(key), v))
        return error_no_memory(err);
    out->output = output;
    return WF_OK;
}

static wf_status step_publish_run(void *step, struct run *run, struct step_result *out,
                                  wf_error *err)
{
    const struct step_publish *self = step;
    wf_str topic;
    if (template_eval(self->topic, &run->scope, run->arena, &topic, err))
        return error_prefix(err, "publish step \"%.*s\": failed to resolve topic",
                            STR_ARG(self->name));
    const struct value *payload = run->scope.current;
    if (self->payload &&
        template_tree_eval(self->payload, &run->scope, run->arena, &payload, err))
        return error_prefix(err, "publish step \"%.*s\": failed to resolve payload",
                            STR_ARG(self->name));
    if (!self->bus)
        return step_publish_output(run, "reason", STR("broker not found"), out, err);

    CDC_CLEANUP(buf_release) struct buf json;
    buf_init(&json, LIMIT_OUTPUT_BYTES);
    if (payload)
        value_json(&json, payload);
    else
        buf_lit(&json, "{}");
    if (buf_status(&json, "payload", err))
        return error_prefix(err, "publish step \"%.*s\": failed to marshal payload",
                            STR_ARG(self->name));
    if (bus_publish(self->bus, topic, buf_view(&json), STR_EMPTY, err))
        return error_prefix(err, "publish step \"%.*s\": failed to publish via broker",
                            STR_ARG(self->name));
    return step_publish_output(run, "topic", topic, out, err);
}

static const struct config_key step_publish_keys[] = {
    {"topic", "string", true, true, "the topic"},
    {"payload", "map", false, true, "the message (the current data), sent as JSON"},
    {"broker", "string", false, false,
     "name of a messaging.broker module (the host's bus)"},
    {0},
};

const struct step_type step_publish_type = {
    .type = "step.publish",
    .summary = "Sends a message to a topic.",
    .keys = step_publish_keys,
    .create = step_publish_create,
    .run = step_publish_run,
    .free = step_publish_free,
};
