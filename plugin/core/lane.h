/* SPDX-License-Identifier: MIT
 *
 * lane - parts of a stream that can be taken away while it is read (partitions of a
 * consumer group), and what is then no longer to be delivered.
 *
 * Per lane one number: records of the log with a smaller ordinal are retracted.  Made when
 * the first record with a lane is written, so a stream without lanes pays nothing.
 * Retracting is the source's, looking is everybody's; a record is looked at right before it
 * is handed to a callback, and again before each new attempt.
 */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include <stdatomic.h>

#include "plugin/core/ring.h"

struct lanes {
    _Atomic uint64_t *retracted; /* by lane; NULL: no record has one */
};

/* Room for the lane, before the first record on it is published.  WF_CONFIG: there are too
 * many.  [source] */
wf_status lane_prepare(struct lanes *lanes, uint32_t lane, wf_error *err);
/* The log is made anew, or is gone.  Everyone rests.  [source] */
void lane_release(struct lanes *lanes);

/* Retracts what is on the lane before the record numbered `seq`.  [source] */
void lane_retract(struct lanes *lanes, uint32_t lane, uint64_t seq);

/* [delivery] */
static inline bool lane_is_retracted(const struct lanes *lanes,
                                     const struct ring_record *record)
{
    uint16_t lane = record->meta.lane;
    return CDC_UNLIKELY(lane) && record->seq < atomic_load_explicit(&lanes->retracted[lane],
                                                                    memory_order_acquire);
}

#endif
