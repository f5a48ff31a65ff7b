/* SPDX-License-Identifier: MIT
 *
 * trigger_cdc - configuration in, subscription out.
 *
 * trigger.control makes start and stop one at a time.  It is not taken by a stop from
 * inside a fire: whoever holds it may be waiting for that very fire to return.
 */
#include "triggers/trigger_cdc.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/subscription.h"

struct trigger_cdc_retry {
    int64_t max_attempts;
    int64_t initial_backoff_ms;
    int64_t max_backoff_ms;
};

struct trigger_cdc_inputs {
    wf_str source_id;
    struct cdc_list tables;
    struct cdc_list actions;
    wf_str retry; /* read through trigger_cdc_retry_rows */
    int32_t on_failure;
    int64_t workers;
    wf_str workflow;
};

struct trigger_cdc {
    struct trigger_cdc *next; /* trigger_list.lock */
    struct trigger_list *list;
    struct cdc_registry *sources;
    struct settings_memory memory; /* what the inputs point into */
    struct trigger_cdc_inputs in;
    struct buf name;
    pthread_mutex_t control;   /* guards source, and start and stop as a whole */
    struct cdc_source *source; /* borrowed while started; NULL: not started */
    struct cdc_subscription subscription;
};

void trigger_list_init(struct trigger_list *list)
{
    pthread_mutex_init(&list->lock, NULL);
    list->first = NULL;
}

void trigger_list_release(struct trigger_list *list)
{
    pthread_mutex_destroy(&list->lock);
}

/* ---- configuration ------------------------------------------------------------------- */

#define TRIGGER_CDC(member) offsetof(struct trigger_cdc_inputs, member)
#define TRIGGER_CDC_RETRY(member) offsetof(struct trigger_cdc_retry, member)

static const struct cdc_option trigger_cdc_options[] = {
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = TRIGGER_CDC(source_id),
     .help = "The source to listen to, by the source_id of a cdc.source or step.cdc_start"},
    {.key = "tables",
     .type = CDC_OPTION_LIST,
     .offset = TRIGGER_CDC(tables),
     .help = "Only changes of these tables, with * and ? as wildcards; none: all"},
    {.key = "actions",
     .type = CDC_OPTION_LIST,
     .choices = "INSERT|UPDATE|DELETE|TRUNCATE|READ|DDL|MESSAGE|c|u|d|t|r|m",
     .any_case = true,
     .offset = TRIGGER_CDC(actions),
     .help = "Only these operations, in any case; READ is a row of a snapshot, none: all"},
    {.key = "retry",
     .type = CDC_OPTION_MAP,
     .offset = TRIGGER_CDC(retry),
     .help = "What happens when the workflow fails"},
    {.key = "on_failure",
     .type = CDC_OPTION_CHOICE,
     .fallback = "dead_letter",
     .choices = "dead_letter|block",
     .offset = TRIGGER_CDC(on_failure),
     .help =
         "When all attempts have failed: put the event away and go on, or try for ever"},
    {.key = "workers",
     .type = CDC_OPTION_INT,
     .fallback = "1",
     .min = 1,
     .max = 64,
     .offset = TRIGGER_CDC(workers),
     .help = "Workflows at the same time; with more than 1 only changes of one key stay in "
             "order"},
    {.key = "workflowType",
     .type = CDC_OPTION_STRING,
     .offset = TRIGGER_CDC(workflow),
     .help = "The workflow that is started; engines add it, and the trigger's place in the "
             "stream is "
             "kept by it"},
    {.key = NULL},
};

static const struct cdc_option trigger_cdc_retry_rows[] = {
    {.key = "max_attempts",
     .type = CDC_OPTION_INT,
     .fallback = "5",
     .min = 1,
     .max = 1000000,
     .offset = TRIGGER_CDC_RETRY(max_attempts),
     .help = "Attempts in all, the first one counted"},
    {.key = "initial_backoff",
     .type = CDC_OPTION_DURATION,
     .fallback = "100ms",
     .min = 1,
     .max = 86400000,
     .offset = TRIGGER_CDC_RETRY(initial_backoff_ms),
     .help = "Pause before the second attempt; it doubles each time"},
    {.key = "max_backoff",
     .type = CDC_OPTION_DURATION,
     .fallback = "30s",
     .min = 1,
     .max = 86400000,
     .offset = TRIGGER_CDC_RETRY(max_backoff_ms),
     .help = "Longest pause between attempts"},
    {.key = NULL},
};

static wf_status trigger_cdc_actions(const struct trigger_cdc_inputs *in, uint32_t *out_ops,
                                     wf_error *err)
{
    uint32_t ops = 0;
    for (size_t i = 0; i < in->actions.count; i++) {
        enum cdc_op op = change_op_parse(in->actions.items[i]);
        if (op == CDC_OP_NONE)
            return error_set(
                err, WF_CONFIG,
                "'actions' holds \"%.*s\" (valid: INSERT, UPDATE, DELETE, TRUNCATE, "
                "READ, DDL, MESSAGE, or c, u, d, r, t)",
                STR_ARG(str_slice(in->actions.items[i], 0, 80)));
        ops |= 1u << op;
    }
    *out_ops = in->actions.count ? ops : FILTER_ALL_OPS;
    return WF_OK;
}

static wf_status trigger_cdc_policy(struct trigger_cdc *trigger, const cJSON *config,
                                    wf_error *err)
{
    struct trigger_cdc_retry retry = {.max_attempts = 0};
    const struct cdc_option_target target = {trigger_cdc_retry_rows, &retry};
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(config, "retry");
    wf_status status = option_fill(cJSON_IsObject(map) ? map : NULL, "retry.", false,
                                   &target, 1, &trigger->memory, err);
    if (status)
        return status;
    bool crossed = retry.max_backoff_ms < retry.initial_backoff_ms;
    trigger->subscription.policy = (struct subscription_policy){
        .max_attempts = retry.max_attempts,
        .initial_backoff_ms = crossed ? retry.max_backoff_ms : retry.initial_backoff_ms,
        .max_backoff_ms = retry.max_backoff_ms,
        .workers = trigger->in.workers,
        .block = trigger->in.on_failure == 1,
    };
    return WF_OK;
}

static wf_status trigger_cdc_configure(struct trigger_cdc *trigger, const cJSON *config,
                                       wf_error *err)
{
    struct cdc_option_target target = {trigger_cdc_options, &trigger->in};
    wf_status status = option_fill(config, "", true, &target, 1, &trigger->memory, err);
    if (!status && !trigger->in.source_id.len)
        status = error_set(err, WF_CONFIG, "source_id is required");
    if (!status)
        status = trigger_cdc_actions(&trigger->in, &trigger->subscription.filter.ops, err);
    if (!status)
        status = trigger_cdc_policy(trigger, config, err);
    trigger->subscription.filter.tables = trigger->in.tables;
    return status;
}

/* ---- its name ------------------------------------------------------------------------ */

/* With trigger_list.lock. */
static bool trigger_cdc_is_taken(const struct trigger_cdc *trigger, wf_str name)
{
    for (const struct trigger_cdc *other = trigger->list->first; other; other = other->next)
        if (str_eq(other->in.source_id, trigger->in.source_id) &&
            str_eq(buf_view(&other->name), name))
            return true;
    return false;
}

/* The workflow's name, else the filter's text; "#2" behind it when another trigger of
 * the source has it already.  Joins the list. */
static wf_status trigger_cdc_join(struct trigger_cdc *trigger, wf_error *err)
{
    if (trigger->in.workflow.len)
        buf_str(&trigger->name, trigger->in.workflow);
    else
        filter_text(&trigger->subscription.filter, &trigger->name);
    size_t len = trigger->name.len;
    pthread_mutex_lock(&trigger->list->lock);
    for (unsigned i = 2; trigger_cdc_is_taken(trigger, buf_view(&trigger->name)); i++) {
        trigger->name.len = len;
        buf_printf(&trigger->name, "#%u", i);
        if (trigger->name.broken)
            break;
    }
    wf_status status = buf_status(&trigger->name, "the trigger's name", err);
    if (!status) {
        trigger->subscription.name = buf_view(&trigger->name);
        trigger->next = trigger->list->first;
        trigger->list->first = trigger;
    }
    pthread_mutex_unlock(&trigger->list->lock);
    return status;
}

static void trigger_cdc_leave(struct trigger_cdc *trigger)
{
    pthread_mutex_lock(&trigger->list->lock);
    for (struct trigger_cdc **at = &trigger->list->first; *at; at = &(*at)->next)
        if (*at == trigger) {
            *at = trigger->next;
            break;
        }
    pthread_mutex_unlock(&trigger->list->lock);
}

/* ---- life ---------------------------------------------------------------------------- */

wf_status trigger_cdc_new(struct cdc_registry *sources, struct trigger_list *list,
                          const cJSON *config, const wf_callback *callback,
                          struct trigger_cdc **out, wf_error *err)
{
    struct trigger_cdc *trigger = calloc(1, sizeof *trigger);
    if (!trigger)
        return error_no_memory(err);
    trigger->sources = sources;
    trigger->list = list;
    trigger->subscription.callback = *callback;
    buf_init(&trigger->name, LIMIT_CONFIG_BYTES);
    pthread_mutex_init(&trigger->control, NULL);
    wf_status status = trigger_cdc_configure(trigger, config, err);
    if (!status)
        status = trigger_cdc_join(trigger, err);
    if (status) {
        error_prefix(err, "trigger.cdc");
        trigger_cdc_free(trigger);
        return status;
    }
    *out = trigger;
    return WF_OK;
}

void trigger_cdc_free(struct trigger_cdc *trigger)
{
    if (!trigger)
        return;
    trigger_cdc_stop(trigger, NULL);
    trigger_cdc_leave(trigger);
    pthread_mutex_destroy(&trigger->control);
    settings_memory_release(&trigger->memory);
    buf_release(&trigger->name);
    free(trigger);
}

bool trigger_cdc_is_inside(const struct trigger_cdc *trigger)
{
    return subscription_is_inside(&trigger->subscription);
}

/* With trigger.control: joins the thread, and lets go of the source. */
static void trigger_cdc_end(struct trigger_cdc *trigger)
{
    if (!trigger->source)
        return;
    subscription_stop(&trigger->subscription);
    registry_return(trigger->sources, trigger->source);
    trigger->source = NULL;
}

static wf_status trigger_cdc_begin(struct trigger_cdc *trigger, wf_error *err)
{
    struct cdc_source *source;
    wf_status status =
        registry_borrow(trigger->sources, trigger->in.source_id, &source, err);
    if (status)
        return status;
    status = subscription_start(&trigger->subscription, &source->flow, err);
    if (status)
        registry_return(trigger->sources, source);
    else
        trigger->source = source;
    return status;
}

wf_status trigger_cdc_start(struct trigger_cdc *trigger, wf_error *err)
{
    wf_status status;
    if (trigger_cdc_is_inside(trigger)) {
        /* After a stop its thread has to end before another one can begin, and it is
         * this one. */
        bool stopping = subscription_is_stopping(&trigger->subscription);
        status = error_set(err, WF_STATE,
                           stopping ? "cannot be started again from inside its own workflow"
                                    : "already started");
    } else {
        pthread_mutex_lock(&trigger->control);
        if (trigger->source && subscription_is_stopping(&trigger->subscription))
            trigger_cdc_end(trigger);
        status = trigger->source ? error_set(err, WF_STATE, "already started")
                                 : trigger_cdc_begin(trigger, err);
        pthread_mutex_unlock(&trigger->control);
    }
    if (status)
        error_prefix(err, "trigger.cdc \"%.*s\"", STR_ARG(trigger->in.source_id));
    return status;
}

wf_status trigger_cdc_stop(struct trigger_cdc *trigger, wf_error *err)
{
    (void)err;
    if (trigger_cdc_is_inside(trigger)) {
        subscription_stop(&trigger->subscription);
        return WF_OK;
    }
    pthread_mutex_lock(&trigger->control);
    trigger_cdc_end(trigger);
    pthread_mutex_unlock(&trigger->control);
    return WF_OK;
}

static const struct cdc_nested trigger_cdc_nested[] = {
    {"retry", trigger_cdc_retry_rows},
    {NULL, NULL},
};

static const char *const trigger_cdc_required[] = {"source_id", NULL};

const struct cdc_description trigger_cdc_about = {
    .type = "trigger.cdc",
    .label = "CDC Trigger",
    .summary =
        "Starts a workflow for each change of a source; the event is the workflow's input",
    .inputs = trigger_cdc_options,
    .nested = trigger_cdc_nested,
    .required = trigger_cdc_required,
};
