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
    for (size_t i = 0; i < lanes->count; i++)
        *kafka_lanes_slot(lanes, (wf_str){list[i]->topic, list[i]->topic_len},
                          list[i]->partition) = list[i]->id;
    return WF_OK;
}

static wf_status kafka_lanes_add(struct kafka_lanes *lanes, wf_str topic, int32_t partition,
                                 wf_error *err)
{
    if (lanes->count == LIMIT_LANES)
        return error_set(err, WF_CONFIG,
                         "this member was given more than %d partitions: let more hosts "
                         "share the group",
                         LIMIT_LANES);
    wf_status status = lanes->count == lanes->cap ? kafka_lanes_grow(lanes, err) : WF_OK;
    if (status)
        return status;
    struct kafka_lane *lane = calloc(1, sizeof(*lane));
    char *name = str_dup(topic);
    if (!lane || !name) {
        free(lane);
        free(name);
        return error_no_memory(err);
    }
    *lane = (struct kafka_lane){.topic = name,
                                .topic_len = topic.len,
                                .partition = partition,
                                .id = (uint32_t)lanes->count + 1};
    *kafka_lanes_slot(lanes, topic, partition) = lane->id;
    lanes->list[lanes->count++] = lane;
    return WF_OK;
}

wf_status kafka_lanes_get(struct kafka_lanes *lanes, const char *topic, int32_t partition,
                          struct kafka_lane **out, wf_error *err)
{
    struct kafka_lane *lane = kafka_lanes_find(lanes, topic, partition);
    if (!lane) {
        wf_status status = kafka_lanes_add(lanes, str_from(topic), partition, err);
        if (status)
            return status;
        lane = lanes->list[lanes->count - 1];
    }
    *out = lane;
    return WF_OK;
}
