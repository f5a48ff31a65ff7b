/* SPDX-License-Identifier: MIT
 *
 * kafka_rebalance - partitions come and go.
 *
 * librdkafka tells what it wants and waits until it is called back.  That is done outside
 * of its callback, when it may be done: partitions are given back once no workflow holds a
 * record of them any more, or KAFKA_LEAVE_MS have passed; and taken once their committed
 * offsets are known.
 *
 * Meanwhile librdkafka sends heartbeats, but fetches nothing of any partition.
 */
#include "providers/debezium/kafka_member.h"

#include "base/clock.h"
#include "base/str.h"
#include "providers/debezium/kafka_error.h"

#define KAFKA_LEAVE_MS 3000 /* for what callbacks hold */
#define KAFKA_HAND_MS 2000  /* for committing what they held */
#define KAFKA_HAND_AGAIN_MS 100
#define KAFKA_ASK_MS 1000 /* for one attempt to learn offsets */
#define KAFKA_ASK_AGAIN_MS 500
#define KAFKA_ASK_LONGEST_MS 30000

static bool kafka_rebalance_cooperative(const struct kafka_group *group)
{
    const char *protocol = rd_kafka_rebalance_protocol(group->rk);
    return protocol && !strcmp(protocol, "COOPERATIVE");
}

static void kafka_rebalance_clear(struct kafka_group *group)
{
    if (group->rebalance.partitions)
        rd_kafka_topic_partition_list_destroy(group->rebalance.partitions);
    group->rebalance = (struct kafka_rebalance){0};
}

void kafka_rebalance_release(struct kafka_group *group)
{
    kafka_rebalance_clear(group);
}

/* librdkafka refuses an assignment only when it is in a state of its own making. */
static void kafka_rebalance_check(struct kafka_group *group, rd_kafka_error_t *error,
                                  rd_kafka_resp_err_t code)
{
    if (error) {
        kafka_member_fail(group, rd_kafka_error_code(error), "the group's partitions",
                          rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    } else if (code) {
        kafka_member_fail(group, code, "the group's partitions", NULL);
    }
}

static void kafka_rebalance_assign(struct kafka_group *group, bool cooperative,
                                   rd_kafka_topic_partition_list_t *parts)
{
    group->answered = group->ending;
    if (cooperative)
        kafka_rebalance_check(group, rd_kafka_incremental_assign(group->rk, parts), 0);
    else
        kafka_rebalance_check(group, NULL, rd_kafka_assign(group->rk, parts));
}

static void kafka_rebalance_unassign(struct kafka_group *group, bool cooperative,
                                     rd_kafka_topic_partition_list_t *parts)
{
    group->answered = group->ending;
    if (cooperative)
        kafka_rebalance_check(group, rd_kafka_incremental_unassign(group->rk, parts), 0);
    else
        kafka_rebalance_check(group, NULL, rd_kafka_assign(group->rk, NULL));
}

/* ---- partitions go ------------------------------------------------------------------- */

static void kafka_rebalance_leave(struct kafka_group *group, struct kafka_lane *lane)
{
    lane->state = KAFKA_LANE_LEAVING;
    lane->left_at = group->number;
    if (group->held && group->held_lane == lane) {
        rd_kafka_message_destroy(group->held);
        group->held = NULL;
    }
    if (!group->closing)
        group->plan.lane_lost(group->plan.ctx, lane->id);
}

/* Whether a record of a leaving lane may still be in somebody's hands. */
static bool kafka_rebalance_holds(const struct kafka_group *group)
{
    for (size_t i = 0; i < group->lanes.count; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state == KAFKA_LANE_LEAVING && lane->number > group->confirmed)
            return true;
    }
    return false;
}

static void kafka_rebalance_give_back(struct kafka_group *group)
{
    kafka_commit_drop(group);
    for (size_t i = 0; i < group->lanes.count; i++) {
        struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state != KAFKA_LANE_LEAVING)
            continue;
        lane->state = KAFKA_LANE_AWAY;
        lane->gone = false;
        kafka_ledger_forget(&group->ledger, lane->id);
    }
    kafka_rebalance_unassign(group, group->rebalance.cooperative,
                             group->rebalance.partitions);
    kafka_rebalance_clear(group);
}

static void kafka_rebalance_on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                         rd_kafka_topic_partition_list_t *offsets,
                                         void *opaque)
{
    struct kafka_group *group = opaque;
    kafka_commit_on(rk, code, offsets, opaque);
    if (!group->rebalance.asked)
        return;
    group->rebalance.asked = false;
    group->rebalance.due_ms = clock_mono_ms() + (code ? KAFKA_HAND_AGAIN_MS : 0);
}

/* Between librdkafka's demand and our answer the group's generation stands still, so this is
 * a moment to commit (see kafka_config.c); and unlike the commit that librdkafka would do
 * by itself when it is answered, it can be tried again: a group in which others have not
 * finished the rebalance answers "rebalance in progress". */
static void kafka_rebalance_leave_serve(struct kafka_group *group, int64_t now_ms)
{
    struct kafka_rebalance *rebalance = &group->rebalance;
    if (!rebalance->handing) {
        /* Once the group is closed nothing is confirmed any more. */
        if (!group->closing && now_ms < rebalance->due_ms && kafka_rebalance_holds(group))
            return;
        rebalance->handing = true;
        rebalance->due_ms = now_ms;
        rebalance->until_ms = now_ms + KAFKA_HAND_MS;
    }
    if (!rebalance->lost && now_ms < rebalance->until_ms) {
        if (rebalance->asked || now_ms < rebalance->due_ms)
            return;
        rebalance->asked = kafka_commit_leaving(group, kafka_rebalance_on_committed);
        rebalance->due_ms = rebalance->until_ms;
        if (rebalance->asked)
            return;
    }
    kafka_rebalance_give_back(group);
}

/* ---- partitions come ----------------------------------------------------------------- */

/* The offsets where the group is, or why they are not known. */
static rd_kafka_resp_err_t kafka_rebalance_ask(struct kafka_group *group,
                                               rd_kafka_topic_partition_list_t *parts)
{
    if (!parts->cnt)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_committed(group->rk, parts, KAFKA_ASK_MS);
    for (int i = 0; !code && i < parts->cnt; i++)
        code = parts->elems[i].err;
    return code;
}

static wf_status kafka_rebalance_begin(struct kafka_group *group,
                                       rd_kafka_topic_partition_t *part)
{
    struct kafka_lane *lane;
    wf_error *failure = &group->failure;
    wf_status status =
        kafka_lanes_get(&group->lanes, part->topic, part->partition, &lane, failure);
    if (status)
        return status;
    /* It was to be given back and was not: what it gave before is given again. */
    if (CDC_UNLIKELY(lane->state != KAFKA_LANE_AWAY))
        kafka_ledger_forget(&group->ledger, lane->id);
    lane->fresh = part->offset < 0;
    if (lane->fresh)
        part->offset = 0;
    lane->state = KAFKA_LANE_OURS;
    lane->gone = false;
    lane->next = part->offset;
    lane->end = KAFKA_NO_OFFSET;
    lane->confirmed = lane->stored = lane->committed =
        lane->fresh ? KAFKA_NO_OFFSET : part->offset;
    kafka_buffer_route(&group->buffer, group->rk, part->topic, part->partition);
    return WF_OK;
}

static void kafka_rebalance_take(struct kafka_group *group, int64_t now_ms)
{
    rd_kafka_topic_partition_list_t *parts = group->rebalance.partitions;
    rd_kafka_resp_err_t code = kafka_rebalance_ask(group, parts);
    if (code && kafka_error_status(code) == WF_UNAVAILABLE &&
        now_ms < group->rebalance.since_ms + KAFKA_ASK_LONGEST_MS) {
        group->rebalance.due_ms = clock_mono_ms() + KAFKA_ASK_AGAIN_MS;
        return;
    }
    if (code) {
        kafka_member_fail(group, code, "the group's offsets cannot be read", NULL);
        return;
    }
    kafka_member_alive(group);
    for (int i = 0; i < parts->cnt; i++)
        if (kafka_rebalance_begin(group, &parts->elems[i]))
            return;
    kafka_rebalance_assign(group, group->rebalance.cooperative, parts);
    kafka_rebalance_clear(group);
}

/* librdkafka waits for an assignment also when it is to end. */
static void kafka_rebalance_decline(struct kafka_group *group)
{
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    kafka_rebalance_assign(group, group->rebalance.cooperative, none);
    rd_kafka_topic_partition_list_destroy(none);
    kafka_rebalance_clear(group);
}

/* ---- an offset is not there any more ----------------------------------------------------- */

/* Where the partition's records begin now. */
static bool kafka_rebalance_beginning(struct kafka_group *group,
                                      const struct kafka_lane *lane, int64_t *out)
{
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(group->rk, lane->topic, lane->partition, &low,
                                         &high, KAFKA_ASK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *out = low;
    return true;
}

static rd_kafka_topic_partition_list_t *kafka_rebalance_list(
    const struct kafka_group *group, const struct kafka_lane *one)
{
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    for (size_t i = 0; i < group->lanes.count; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state == KAFKA_LANE_OURS && (!one || lane == one))
            rd_kafka_topic_partition_list_add(parts, lane->topic, lane->partition)->offset =
                lane->next;
    }
    return parts;
}

/* Fetching of the lane has stopped for good; only an assignment begins it again.  The
 * question in between makes sure that the old fetcher, which ends the forwarding of the
 * queue when it stops, was told before the queue is forwarded anew: librdkafka's main
 * thread takes both in order. */
static void kafka_rebalance_restart(struct kafka_group *group,
                                    const struct kafka_lane *lane)
{
    bool cooperative = kafka_rebalance_cooperative(group);
    rd_kafka_topic_partition_list_t *parts =
        kafka_rebalance_list(group, cooperative ? lane : NULL);
    rd_kafka_topic_partition_list_t *now = NULL;
    kafka_rebalance_unassign(group, cooperative, parts);
    if (rd_kafka_assignment(group->rk, &now) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_topic_partition_list_destroy(now);
    for (int i = 0; i < parts->cnt; i++)
        kafka_buffer_route(&group->buffer, group->rk, parts->elems[i].topic,
                           parts->elems[i].partition);
    kafka_rebalance_assign(group, cooperative, parts);
    rd_kafka_topic_partition_list_destroy(parts);
}

static void kafka_rebalance_mend(struct kafka_group *group, struct kafka_lane *lane)
{
    int64_t beginning;
    /* What is held is given first: its offset is one of before. */
    if (group->held && !group->took && group->held_lane == lane)
        return;
    if (!kafka_rebalance_beginning(group, lane, &beginning))
        return;
    bool begun = !lane->fresh || lane->next > 0;
    if (begun && group->plan.records_lost &&
        group->plan.records_lost(group->plan.ctx, (wf_str){lane->topic, lane->topic_len},
                                 lane->partition, &group->failure) != WF_OK)
        return;
    /* What was given before may have had the offsets that come now: a topic made anew. */
    kafka_ledger_forget(&group->ledger, lane->id);
    lane->gone = false;
    lane->next = beginning;
    lane->end = KAFKA_NO_OFFSET;
    lane->confirmed = lane->stored = KAFKA_NO_OFFSET;
    kafka_rebalance_restart(group, lane);
    /* The loss was told, once is enough. */
    if (begun)
        kafka_commit_back(group, lane);
    lane->fresh = false;
}

static void kafka_rebalance_mend_all(struct kafka_group *group)
{
    group->lanes_gone = false;
    group->mend_due_ms = clock_mono_ms() + KAFKA_ASK_AGAIN_MS;
    for (size_t i = 0; i < group->lanes.count && !group->failure.code; i++) {
        struct kafka_lane *lane = group->lanes.list[i];
        if (!lane->gone || lane->state != KAFKA_LANE_OURS)
            continue;
        kafka_rebalance_mend(group, lane);
        group->lanes_gone |= lane->gone;
    }
}

/* ---- what librdkafka wants ------------------------------------------------------------- */

static void kafka_rebalance_keep(struct kafka_group *group, enum kafka_pending pending,
                                 const rd_kafka_topic_partition_list_t *partitions)
{
    kafka_rebalance_clear(group);
    group->held_topic = NULL; /* librdkafka may free it, and use its memory for another */
    group->rebalance = (struct kafka_rebalance){
        .pending = pending,
        .cooperative = kafka_rebalance_cooperative(group),
        .partitions = rd_kafka_topic_partition_list_copy(partitions),
        .since_ms = clock_mono_ms()};
}

static void kafka_rebalance_revoked(struct kafka_group *group,
                                    const rd_kafka_topic_partition_list_t *partitions)
{
    group->rebalance.lost = rd_kafka_assignment_lost(group->rk);
    if (group->rebalance.lost && partitions->cnt)
        kafka_member_notice(
            group, LOG_WARN,
            "Kafka: %d partitions were lost, the group has not heard of this "
            "member in time; records of them may come twice",
            partitions->cnt);
    if (!group->rebalance.lost && !group->closing)
        group->rebalance.due_ms = group->rebalance.since_ms + KAFKA_LEAVE_MS;
    for (int i = 0; i < partitions->cnt; i++) {
        struct kafka_lane *lane = kafka_lanes_find(
            &group->lanes, partitions->elems[i].topic, partitions->elems[i].partition);
        if (lane && lane->state == KAFKA_LANE_OURS)
            kafka_rebalance_leave(group, lane);
    }
}

void kafka_rebalance_on(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_group *group = opaque;
    (void)rk;
    group->assigned = true;
    if (group->answered)
        return;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kafka_rebalance_keep(group, KAFKA_PENDING_ASSIGN, partitions);
        return;
    }
    kafka_rebalance_keep(group, KAFKA_PENDING_REVOKE, partitions);
    kafka_rebalance_revoked(group, partitions);
}

void kafka_rebalance_end(struct kafka_group *group)
{
    const struct kafka_rebalance *rebalance = &group->rebalance;
    group->ending = true;
    group->answered = rebalance->pending && !rebalance->cooperative && !rebalance->lost;
}

void kafka_rebalance_serve(struct kafka_group *group, int64_t now_ms)
{
    if (group->answered)
        return;
    switch (group->rebalance.pending) {
    case KAFKA_PENDING_REVOKE:
        kafka_rebalance_leave_serve(group, now_ms);
        break;
    case KAFKA_PENDING_ASSIGN:
        if (group->closing)
            kafka_rebalance_decline(group);
        else if (now_ms >= group->rebalance.due_ms)
            kafka_rebalance_take(group, now_ms);
        break;
    case KAFKA_PENDING_NOTHING:
        if (CDC_UNLIKELY(group->lanes_gone) && !group->closing &&
            now_ms >= group->mend_due_ms)
            kafka_rebalance_mend_all(group);
        break;
    }
}
