/* SPDX-License-Identifier: MIT
 *
 * kafka_lanes - the partitions that this member has or had, each with a number that it
 * keeps for as long as the group is open.  (Only when all numbers are given, one that is
 * away may lose its own.)
 */
#ifndef PROVIDERS_KAFKA_LANES_H
#define PROVIDERS_KAFKA_LANES_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

enum kafka_lane_state {
    KAFKA_LANE_AWAY,
    KAFKA_LANE_OURS,
    KAFKA_LANE_LEAVING, /* taken away, not given back yet: nothing more is given of it */
};

#define KAFKA_NO_OFFSET (-1)

struct kafka_lane {
    char *topic;
    size_t topic_len;
    int32_t partition;
    uint32_t id; /* from 1 */
    enum kafka_lane_state state;
    bool fresh;        /* the group had no offset for it */
    bool gone;         /* the offset it should be read from is not there any more */
    int64_t next;      /* the offset of the next record; smaller ones were given */
    int64_t confirmed; /* before it everything is delivered; KAFKA_NO_OFFSET: no news */
    int64_t stored;    /* the last offset handed to librdkafka to be committed */
    int64_t committed; /* the last one that the group's coordinator has written */
    int64_t end; /* there was nothing more; behind markers of transactions, unlike `next` */
    uint64_t number;  /* of the last record taken of it */
    uint64_t left_at; /* LEAVING: the last number taken of any lane before it was lost */
};

struct kafka_lanes {
    struct kafka_lane **list; /* by id - 1 */
    size_t count, cap;
    uint32_t *slots; /* ids by hash; 0: free */
    size_t slot_count;
    size_t turn; /* whose number is given away next, when there are no more */
};

void kafka_lanes_release(struct kafka_lanes *lanes);

/* NULL: it was never ours, or long ago. */
struct kafka_lane *kafka_lanes_find(const struct kafka_lanes *lanes, const char *topic,
                                    int32_t partition);
/* Makes it where it is not there.  WF_CONFIG: too many are ours. */
wf_status kafka_lanes_get(struct kafka_lanes *lanes, const char *topic, int32_t partition,
                          struct kafka_lane **out, wf_error *err);

#endif
