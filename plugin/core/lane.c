/* SPDX-License-Identifier: MIT
 *
 * lane - one array over all lanes; pages of it that no retraction touches stay unused.
 */
#include "plugin/core/lane.h"

#include <stdlib.h>

#include "base/error.h"
#include "plugin/core/change.h"

wf_status lane_prepare(struct lanes *lanes, uint32_t lane, wf_error *err)
{
    if (lane > LIMIT_LANES)
        return error_set(err, WF_CONFIG, "more than %d partitions in one stream",
                         LIMIT_LANES);
    if (lanes->retracted)
        return WF_OK;
    lanes->retracted = calloc(LIMIT_LANES + 1, sizeof *lanes->retracted);
    return lanes->retracted ? WF_OK : error_no_memory(err);
}

void lane_release(struct lanes *lanes)
{
    free((void *)lanes->retracted);
    lanes->retracted = NULL;
}

void lane_retract(struct lanes *lanes, uint32_t lane, uint64_t seq)
{
    if (lanes->retracted && lane && lane <= LIMIT_LANES)
        atomic_store_explicit(&lanes->retracted[lane], seq, memory_order_release);
}
