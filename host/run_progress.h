/* SPDX-License-Identifier: MIT
 *
 * run_progress - the status line of `wfhost run`, which says nothing that the app has not
 * counted itself:
 *
 *     12,345 runs  3,210/s  2 failed  last 0.1 s ago
 *     12,346 runs  1/s  2 failed  4 under way
 */
#ifndef HOST_RUN_PROGRESS_H
#define HOST_RUN_PROGRESS_H

#include "host/app.h"
#include "host/progress.h"

void run_progress_show(struct progress *p, struct app *app);

#endif
