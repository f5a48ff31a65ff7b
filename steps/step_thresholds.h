/* SPDX-License-Identifier: MIT
 *
 * step_thresholds - the input "thresholds" of step.cdc_backpressure and step.cdc_monitor.
 */
#ifndef STEPS_STEP_THRESHOLDS_H
#define STEPS_STEP_THRESHOLDS_H

#include "base/json.h"
#include "steps/monitor_rules.h"
#include "steps/step.h"

/* The rows within "thresholds". */
extern const struct cdc_nested step_thresholds_nested[];

/* Reads config.thresholds.  As upstream, a value that is no number above 0 keeps the
 * default; text with a number in it, a size ("1GiB") and a duration ("5m") are numbers. */
struct monitor_thresholds step_thresholds_read(const struct step_call *call);

/* The lag of a source; unknown is 0, as upstream. */
struct monitor_lag step_thresholds_lag(const struct cdc_status *status);

/* Writes "lag_bytes", "lag_seconds", "status". */
void step_thresholds_put(struct json_writer *w, struct monitor_lag lag,
                         enum monitor_status status);
/* Writes "thresholds". */
void step_thresholds_put_limits(struct json_writer *w,
                                struct monitor_thresholds thresholds);

#endif
