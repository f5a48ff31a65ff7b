/* SPDX-License-Identifier: MIT
 *
 * kafka_commit - offsets of what is confirmed are handed to librdkafka, which commits them
 * now and then, and when partitions are given back.
 */
#include "providers/debezium/kafka_member.h"

#include "base/clock.h"
#include "providers/debezium/kafka_error.h"

#define KAFKA_STORE_EVERY_MS 50

static void kafka_commit_answered(struct kafka_group *group,
                                  const rd_kafka_topic_partition_t *part,
                                  rd_kafka_resp_err_t code)
{
    struct kafka_lane *lane = kafka_lanes_find(&group->lanes, part->topic, part->partition);
    if (part->offset < 0)
        return;
    if (!code && lane)
        lane->committed = part->offset;
    /* What passes by (the coordinator moves, the group rebalances) is tried again, or is the
     * next owner's affair. */
    if (code && kafka_error_status(code) == WF_CONFIG)
        kafka_member_fail(group, code, "offsets cannot be committed", NULL);
}

void kafka_commit_on(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    struct kafka_group *group = opaque;
    (void)rk;
    if (!code)
        kafka_member_alive(group);
    for (int i = 0; offsets && i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &offsets->elems[i];
        kafka_commit_answered(group, part, part->err ? part->err : code);
    }
}

void kafka_commit_store(struct kafka_group *group)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < group->lanes.count; i++) {
        struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state == KAFKA_LANE_AWAY || lane->confirmed == lane->stored)
            continue;
        rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)->offset =
            lane->confirmed;
        lane->stored = lane->confirmed;
    }
    group->commit.wanted = false;
    group->commit.due_ms = clock_mono_ms() + KAFKA_STORE_EVERY_MS;
    if (offsets->cnt)
        (void)rd_kafka_offsets_store(group->rk, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
}

void kafka_commit_serve(struct kafka_group *group, int64_t now_ms)
{
    if (group->commit.wanted && now_ms >= group->commit.due_ms)
        kafka_commit_store(group);
}

bool kafka_commit_leaving(struct kafka_group *group,
                          void (*answered)(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                           rd_kafka_topic_partition_list_t *offsets,
                                           void *opaque))
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < group->lanes.count; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state == KAFKA_LANE_LEAVING && lane->confirmed != KAFKA_NO_OFFSET &&
            lane->confirmed != lane->committed)
            rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)
                ->offset = lane->confirmed;
    }
    bool sent = offsets->cnt > 0 && rd_kafka_commit_queue(group->rk, offsets, group->events,
                                                          answered, group) == 0;
    rd_kafka_topic_partition_list_destroy(offsets);
    return sent;
}

void kafka_commit_drop(struct kafka_group *group)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < group->lanes.count; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        if (lane->state == KAFKA_LANE_LEAVING)
            rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)
                ->offset = RD_KAFKA_OFFSET_INVALID;
    }
    if (offsets->cnt)
        (void)rd_kafka_offsets_store(group->rk, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
}

void kafka_commit_back(struct kafka_group *group, struct kafka_lane *lane)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)->offset =
        lane->next;
    lane->confirmed = lane->stored = lane->next;
    (void)rd_kafka_commit_queue(group->rk, offsets, group->events, kafka_commit_on, group);
    rd_kafka_topic_partition_list_destroy(offsets);
}
