/* SPDX-License-Identifier: MIT
 *
 * kafka_lanes - a list, and a hash table over it.
 */
#include "providers/debezium/kafka_lanes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/change.h"

#define KAFKA_LANES_FIRST 16

void kafka_lanes_release(struct kafka_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        free(lanes->list[i]->topic);
        free(lanes->list[i]);
    }
    free(lanes->list);
    free(lanes->slots);
    *lanes = (struct kafka_lanes){0};
}

/* Where it is, or the free slot where it would be. */
static uint32_t *kafka_lanes_slot(const struct kafka_lanes *lanes, wf_str topic,
                                  int32_t partition)
{
    uint64_t hash = str_hash(topic) ^ (uint64_t)(uint32_t)partition * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash ^ hash >> 32);
    for (;; at++) {
        uint32_t *slot = &lanes->slots[at & (lanes->slot_count - 1)];
        const struct kafka_lane *lane = *slot ? lanes->list[*slot - 1] : NULL;
        if (!lane || (lane->partition == partition &&
                      str_eq((wf_str){lane->topic, lane->topic_len}, topic)))
            return slot;
    }
}

struct kafka_lane *kafka_lanes_find(const struct kafka_lanes *lanes, const char *topic,
                                    int32_t partition)
{
    if (!lanes->slot_count)
        return NULL;
    const uint32_t *slot = kafka_lanes_slot(lanes, str_from(topic), partition);
    return *slot ? lanes->list[*slot - 1] : NULL;
}

static void kafka_lanes_index(struct kafka_lanes *lanes)
{
    memset(lanes->slots, 0, lanes->slot_count * sizeof(*lanes->slots));
    for (size_t i = 0; i < lanes->count; i++) {
        const struct kafka_lane *lane = lanes->list[i];
        *kafka_lanes_slot(lanes, (wf_str){lane->topic, lane->topic_len}, lane->partition) =
            lane->id;
    }
}

static wf_status kafka_lanes_grow(struct kafka_lanes *lanes, wf_error *err)
{
    size_t cap = lanes->cap ? lanes->cap * 2 : KAFKA_LANES_FIRST;
    struct kafka_lane **list = realloc(lanes->list, cap * sizeof(struct kafka_lane *));
    if (!list)
        return error_no_memory(err);
    lanes->list = list;
    uint32_t *slots = calloc(cap * 2, sizeof(*slots));
    if (!slots)
        return error_no_memory(err);
    free(lanes->slots);
    lanes->slots = slots;
    lanes->slot_count = cap * 2;
    lanes->cap = cap;
    kafka_lanes_index(lanes);
    return WF_OK;
}

static wf_status kafka_lanes_add(struct kafka_lanes *lanes, struct kafka_lane **out,
                                 wf_error *err)
{
    wf_status status = lanes->count == lanes->cap ? kafka_lanes_grow(lanes, err) : WF_OK;
    if (status)
        return status;
    struct kafka_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return error_no_memory(err);
    lane->id = (uint32_t)lanes->count + 1;
    lanes->list[lanes->count++] = lane;
    *out = lane;
    return WF_OK;
}

/* Topics come and go, and there is an end to the numbers: who is away gives his.  In turn,
 * so that nothing is left on its way that was given under the old name. */
static wf_status kafka_lanes_reuse(struct kafka_lanes *lanes, struct kafka_lane **out,
                                   wf_error *err)
{
    for (size_t i = 0; i < lanes->count; i++) {
        struct kafka_lane *lane = lanes->list[lanes->turn++ % lanes->count];
        if (lane->state != KAFKA_LANE_AWAY)
            continue;
        *out = lane;
        return WF_OK;
    }
    return error_set(err, WF_CONFIG,
                     "this member was given more than %d partitions: let more hosts share "
                     "the group",
                     LIMIT_LANES);
}

wf_status kafka_lanes_get(struct kafka_lanes *lanes, const char *topic, int32_t partition,
                          struct kafka_lane **out, wf_error *err)
{
    struct kafka_lane *lane = kafka_lanes_find(lanes, topic, partition);
    if (lane) {
        *out = lane;
        return WF_OK;
    }
    char *name = str_dup(str_from(topic));
    if (!name)
        return error_no_memory(err);
    bool reuse = lanes->count == LIMIT_LANES;
    wf_status status =
        reuse ? kafka_lanes_reuse(lanes, &lane, err) : kafka_lanes_add(lanes, &lane, err);
    if (status) {
        free(name);
        return status;
    }
    free(lane->topic);
    *lane = (struct kafka_lane){
        .topic = name, .topic_len = strlen(name), .partition = partition, .id = lane->id};
    if (reuse)
        kafka_lanes_index(lanes);
    else
        *kafka_lanes_slot(lanes, (wf_str){name, lane->topic_len}, partition) = lane->id;
    *out = lane;
    return WF_OK;
}
