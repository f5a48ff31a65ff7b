/* SPDX-License-Identifier: MIT
 *
 * kafka_group - the calls of a member: open, records, close.  kafka_member.h has the map.
 */
#include "providers/debezium/kafka_group.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/debezium/kafka_config.h"
#include "providers/debezium/kafka_error.h"
#include "providers/debezium/kafka_member.h"

#define KAFKA_CLOSE_MS 3000
#define KAFKA_ARRIVE_MS 6000 /* a broker lets the first member of a group wait for 3 s */
#define KAFKA_ARRIVE_LOOK_MS 50
#define KAFKA_PATIENCE_MS 1000
#define KAFKA_SERVE_EVERY 256 /* records at most between two looks at the events */

/* ---- open ---------------------------------------------------------------------------- */

static wf_status kafka_group_keep(struct kafka_group *group, const struct kafka_plan *plan,
                                  wf_error *err)
{
    group->plan = *plan;
    group->plan.topics = NULL; /* needed by open only */
    group->bootstrap_servers = str_dup(plan->bootstrap_servers);
    group->group_id = str_dup(plan->group_id);
    group->client_id = str_dup(plan->client_id);
    group->properties = str_dup(plan->properties);
    group->first_topic = str_dup(str_from(plan->topic_count ? plan->topics[0] : ""));
    if (!group->bootstrap_servers || !group->group_id || !group->client_id ||
        !group->properties || !group->first_topic)
        return error_no_memory(err);
    group->plan.bootstrap_servers = str_from(group->bootstrap_servers);
    group->plan.group_id = str_from(group->group_id);
    group->plan.client_id = str_from(group->client_id);
    group->plan.properties = str_from(group->properties);
    return WF_OK;
}

/* [any] librdkafka's; it has the queue's lock. */
static void kafka_group_on_event(rd_kafka_t *rk, void *opaque)
{
    struct kafka_group *group = opaque;
    uint64_t one = 1;
    (void)rk;
    atomic_store(&group->stirred, true);
    ssize_t written = write(group->wake_fd, &one, sizeof(one));
    (void)written; /* EAGAIN: it is readable already */
}

static wf_status kafka_group_create(struct kafka_group *group, wf_error *err)
{
    rd_kafka_conf_t *conf;
    char why[400];
    wf_status status = kafka_config_make(&group->plan, KAFKA_CONFIG_MEMBER, &conf, err);
    if (status)
        return status;
    rd_kafka_conf_set_opaque(conf, group);
    rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance_on);
    rd_kafka_conf_set_offset_commit_cb(conf, kafka_commit_on);
    rd_kafka_conf_set_error_cb(conf, kafka_member_on_error);
    rd_kafka_conf_set_log_cb(conf, kafka_member_on_log);
    int64_t third = kafka_config_number(conf, "max.poll.interval.ms", 300000) / 3;
    group->session_ms = kafka_config_number(conf, "session.timeout.ms", 0);
    group->patience_ms = third < KAFKA_PATIENCE_MS ? third : KAFKA_PATIENCE_MS;
    group->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!group->rk) {
        rd_kafka_conf_destroy(conf);
        kafka_config_redact(group->plan.properties, why);
        return error_set(err, WF_CONFIG, "options.kafka: %s", why);
    }
    return WF_OK;
}

static wf_status kafka_group_queues(struct kafka_group *group, wf_error *err)
{
    group->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (group->wake_fd < 0)
        return error_errno(err, WF_UNAVAILABLE, errno, "cannot make an eventfd");
    wf_status status = cancel_open(&group->cancel, err);
    if (status)
        return status;
    (void)rd_kafka_poll_set_consumer(group->rk);
    (void)rd_kafka_set_log_queue(group->rk, NULL);
    group->events = rd_kafka_queue_get_consumer(group->rk);
    if (!group->events)
        return error_set(err, WF_CONFIG, "options.group_id is empty");
    rd_kafka_queue_cb_event_enable(group->events, kafka_group_on_event, group);
    return kafka_buffer_open(&group->buffer, group->rk, group->wake_fd, err);
}

static wf_status kafka_group_subscribe(struct kafka_group *group,
                                       const struct kafka_plan *plan, wf_error *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new((int)plan->topic_count);
    for (size_t i = 0; i < plan->topic_count; i++)
        rd_kafka_topic_partition_list_add(topics, plan->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(group->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (!code)
        return WF_OK;
    return error_set(err, WF_CONFIG, "the topics (%zu) cannot be subscribed to: %s",
                     plan->topic_count, rd_kafka_err2str(code));
}

wf_status kafka_group_open(const struct kafka_plan *plan, struct kafka_group **out,
                           wf_error *err)
{
    struct kafka_group *group = calloc(1, sizeof(*group));
    if (!group)
        return error_no_memory(err);
    group->wake_fd = -1;
    wf_status status = kafka_group_keep(group, plan, err);
    if (!status)
        status = kafka_ledger_init(&group->ledger, err);
    if (!status)
        status = kafka_group_create(group, err);
    if (!status)
        status = kafka_group_queues(group, err);
    if (!status)
        status = kafka_group_subscribe(group, plan, err);
    if (status) {
        kafka_group_close(group);
        return status;
    }
    *out = group;
    return WF_OK;
}

/* ---- close ----------------------------------------------------------------------------- */

/* kafka_member.h says why this must not be destroyed: there is an assignor, and it has no
 * state yet. */
static bool kafka_group_is_midway(struct kafka_group *group)
{
    const char *protocol = group->assigned ? NULL : rd_kafka_rebalance_protocol(group->rk);
    return protocol && strcmp(protocol, "NONE") != 0;
}

static void kafka_group_arrive(struct kafka_group *group)
{
    wf_error ignored;
    int64_t deadline = clock_mono_ms() + KAFKA_ARRIVE_MS;
    while (kafka_group_is_midway(group) && clock_mono_ms() < deadline) {
        (void)cancel_take(&group->cancel);
        kafka_member_wait(group, clock_mono_ms() + KAFKA_ARRIVE_LOOK_MS);
        kafka_member_serve(group, &ignored);
    }
    /* From here on an answer to a request to join is not heard any more: a member that was
     * not midway does not become so. */
    if (!group->assigned)
        (void)rd_kafka_unsubscribe(group->rk);
}

static void kafka_group_hear(rd_kafka_queue_t *queue)
{
    for (rd_kafka_message_t *message; (message = rd_kafka_consume_queue(queue, 0)) != NULL;)
        rd_kafka_message_destroy(message);
}

static bool kafka_group_left(struct kafka_group *group, rd_kafka_queue_t *queue)
{
    kafka_group_hear(queue);
    kafka_rebalance_serve(group, clock_mono_ms());
    return rd_kafka_consumer_closed(group->rk);
}

/* What is confirmed is committed, the partitions are given back, the group is left; all of
 * that as long as there is a coordinator to tell it. */
static void kafka_group_leave(struct kafka_group *group)
{
    static const uint64_t one = 1;
    int64_t deadline = clock_mono_ms() + KAFKA_CLOSE_MS;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(group->rk);
    rd_kafka_queue_io_event_enable(queue, group->wake_fd, &one, sizeof(one));
    (void)cancel_take(&group->cancel);
    kafka_commit_store(group);
    kafka_group_hear(group->events);
    kafka_rebalance_end(group);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(group->rk, queue);
    while (!error && !kafka_group_left(group, queue)) {
        group->overdue = clock_mono_ms() >= deadline;
        if (group->overdue)
            break;
        kafka_member_wait(group, deadline);
    }
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    rd_kafka_queue_destroy(queue);
}

/* The code of that function's library stays, whatever becomes of the rest. */
static void kafka_group_pin(uintptr_t function)
{
    Dl_info where;
    if (dladdr((void *)function, &where) && where.dli_fname)
        (void)dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void *kafka_group_destroy(void *rk)
{
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* A member that has not left the group in time waits for a commit, and its destruction with
 * it (kafka_member.h); it calls nobody any more. */
static void kafka_group_destroy_later(rd_kafka_t *rk)
{
    pthread_t thread;
    wf_error ignored;
    kafka_group_pin((uintptr_t)rd_kafka_new);
    kafka_group_pin((uintptr_t)kafka_group_destroy);
    if (thread_start(&thread, "kafka-end", kafka_group_destroy, rk, &ignored))
        (void)kafka_group_destroy(rk);
    else
        (void)pthread_detach(thread);
}

static void kafka_group_end(struct kafka_group *group)
{
    /* The assignment may have come after all, on the way out.  If not, the member cannot be
     * destroyed: it has left the group and calls nobody any more, and some threads that
     * rest, and their memory, are less than the process. */
    if (group->midway && !group->assigned)
        kafka_group_pin((uintptr_t)rd_kafka_new);
    else if (group->overdue && !rd_kafka_consumer_closed(group->rk))
        kafka_group_destroy_later(group->rk);
    else
        (void)kafka_group_destroy(group->rk);
}

void kafka_group_quit(struct kafka_group *group)
{
    if (group->quit)
        return;
    group->closing = group->quit = true;
    if (group->held)
        rd_kafka_message_destroy(group->held);
    group->held = NULL;
    if (!group->buffer.records) /* it was never opened */
        return;
    kafka_group_arrive(group);
    group->midway = kafka_group_is_midway(group);
    kafka_group_leave(group);
}

void kafka_group_close(struct kafka_group *group)
{
    if (!group)
        return;
    kafka_group_quit(group);
    kafka_rebalance_release(group);
    kafka_buffer_close(&group->buffer);
    if (group->events) {
        rd_kafka_queue_cb_event_enable(group->events, NULL, NULL);
        rd_kafka_queue_destroy(group->events);
    }
    if (group->rk)
        kafka_group_end(group);
    cancel_close(&group->cancel);
    if (group->wake_fd >= 0)
        close(group->wake_fd);
    kafka_lanes_release(&group->lanes);
    kafka_ledger_release(&group->ledger);
    free(group->bootstrap_servers);
    free(group->group_id);
    free(group->client_id);
    free(group->properties);
    free(group->first_topic);
    free(group);
}

/* ---- records ------------------------------------------------------------------------- */

static void kafka_group_let_go(struct kafka_group *group)
{
    if (!group->held || !group->took)
        return;
    rd_kafka_message_destroy(group->held);
    group->held = NULL;
}

/* Whether there is a record to be given. */
static bool kafka_group_fetch(struct kafka_group *group)
{
    while (!group->held) {
        rd_kafka_message_t *message =
            kafka_buffer_take(&group->buffer, group->rk, &group->lanes);
        if (!message)
            return false;
        /* Runs of records of one partition are long. */
        struct kafka_lane *lane = group->held_lane;
        if (CDC_UNLIKELY(message->rkt != group->held_topic || !lane ||
                         message->partition != lane->partition)) {
            lane = message->rkt
                       ? kafka_lanes_find(&group->lanes, rd_kafka_topic_name(message->rkt),
                                          message->partition)
                       : NULL;
            group->held_topic = message->rkt;
            group->held_lane = lane;
        }
        if (CDC_UNLIKELY(message->err)) {
            kafka_member_trouble(group, message);
            group->unserved = KAFKA_SERVE_EVERY;
        } else if (CDC_LIKELY(lane && lane->state == KAFKA_LANE_OURS &&
                              message->offset >= lane->next)) {
            lane->next = message->offset + 1;
            group->held = message;
            group->took = false;
            return true;
        }
        /* Of a partition that is not ours any more, or fetched a second time after a
         * rebalance: librdkafka goes back a little then. */
        rd_kafka_message_destroy(message);
        if (group->unserved++ >= KAFKA_SERVE_EVERY)
            return false;
    }
    return true;
}

static void kafka_group_give(struct kafka_group *group, struct kafka_record *out)
{
    rd_kafka_message_t *message = group->held;
    const struct kafka_lane *lane = group->held_lane;
    rd_kafka_timestamp_type_t kind;
    int64_t ts_ms = rd_kafka_message_timestamp(message, &kind);
    *out = (struct kafka_record){
        .topic = {lane->topic, lane->topic_len},
        .partition = lane->partition,
        .offset = message->offset,
        .lane = lane->id,
        .number = group->number + 1,
        .ts_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : ts_ms,
        .key = {message->key, message->key ? message->key_len : 0},
        .value = {message->payload, message->payload ? message->len : 0},
    };
}

wf_status kafka_group_next(struct kafka_group *group, int timeout_ms,
                           struct kafka_record *out, wf_error *err)
{
    int64_t deadline = -1;
    wf_status status = WF_OK;
    kafka_group_let_go(group);
    for (;;) {
        if (atomic_load_explicit(&group->stirred, memory_order_acquire) ||
            ++group->unserved >= KAFKA_SERVE_EVERY)
            status = kafka_member_serve(group, err);
        if (status)
            return status;
        if (kafka_group_fetch(group)) {
            kafka_group_give(group, out);
            return WF_OK;
        }
        /* Nothing is there: time for whatever is due, and to wait. */
        status = kafka_member_serve(group, err);
        if (status)
            return status;
        int64_t now = clock_mono_ms();
        if (deadline < 0)
            deadline = now + timeout_ms;
        if (cancel_take(&group->cancel) || now >= deadline) {
            *out = (struct kafka_record){0};
            return WF_OK;
        }
        kafka_member_wait(group, deadline);
    }
}

void kafka_group_took(struct kafka_group *group)
{
    if (!group->held || group->took)
        return;
    group->took = true;
    group->number++;
    group->held_lane->number = group->number;
    kafka_ledger_add(&group->ledger, group->number, group->held_lane->id,
                     group->held->offset);
}

wf_status kafka_group_rest(struct kafka_group *group, int timeout_ms, wf_error *err)
{
    kafka_group_let_go(group);
    int64_t deadline = clock_mono_ms() + timeout_ms;
    for (;;) {
        wf_status status = kafka_member_serve(group, err);
        if (status)
            return status;
        if (cancel_take(&group->cancel) || clock_mono_ms() >= deadline)
            return WF_OK;
        kafka_member_wait(group, deadline);
    }
}

wf_status kafka_group_confirm(struct kafka_group *group, uint64_t number, wf_error *err)
{
    if (number > group->number)
        return error_set(err, WF_STATE, "record %llu is confirmed, but %llu was the last",
                         (unsigned long long)number, (unsigned long long)group->number);
    for (struct kafka_confirmed part;
         kafka_ledger_confirm(&group->ledger, number, &part);) {
        struct kafka_lane *lane = group->lanes.list[part.lane - 1];
        /* What was given of a lane before it was lost may have been dropped on the way. */
        if (lane->state == KAFKA_LANE_LEAVING && number >= lane->left_at)
            continue;
        lane->confirmed = part.next;
        group->commit.wanted = true;
    }
    if (number > group->confirmed)
        group->confirmed = number;
    /* A partition that is to be given back may wait for just that. */
    if (group->rebalance.pending == KAFKA_PENDING_REVOKE)
        group->unserved = KAFKA_SERVE_EVERY;
    return WF_OK;
}

void kafka_group_interrupt(struct kafka_group *group)
{
    cancel_raise(&group->cancel);
}
