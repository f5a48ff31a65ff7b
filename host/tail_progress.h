/* SPDX-License-Identifier: MIT
 *
 * tail_progress - one line on a terminal that says how far a source is.
 *
 * On anything else than a terminal, and when the changes themselves go to a terminal,
 * nothing is shown; whether the source has failed is told in any case.
 */
#ifndef HOST_TAIL_PROGRESS_H
#define HOST_TAIL_PROGRESS_H

#include "host/progress.h"

struct tail_progress {
    struct progress progress;
    uint64_t first_rows; /* of the snapshot, when it was first seen */
    int64_t first_rows_ms;
};

void tail_progress_init(struct tail_progress *p, struct host_log *log);
/* `status` is step.cdc_status' output; `events` were written.  False: the source has failed
 * and will not go on. */
bool tail_progress_show(struct tail_progress *p, wf_str status, uint64_t events);
/* Clears the line. */
void tail_progress_end(struct tail_progress *p);

#endif
