/* SPDX-License-Identifier: MIT
 *
 * monitor_rules - what a lag means, and what to do about it; nothing here has effects.
 */
#ifndef STEPS_MONITOR_RULES_H
#define STEPS_MONITOR_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define MONITOR_RULES_LAG_BYTES 1073741824
#define MONITOR_RULES_LAG_SECONDS 300
#define MONITOR_RULES_WARNING 0.8 /* of a threshold */

struct monitor_lag {
    int64_t bytes;
    int64_t seconds;
    int64_t headroom; /* bytes the log may still grow; -1: unknown, or without limit */
};

/* Where it becomes critical; 0: this axis does not count. */
struct monitor_thresholds {
    int64_t bytes;
    int64_t seconds;
    int64_t headroom; /* less is critical */
};

enum monitor_status {
    MONITOR_HEALTHY,
    MONITOR_WARNING,
    MONITOR_CRITICAL,
};

/* Critical when an axis has reached its threshold, warning from 0.8 of it. */
enum monitor_status monitor_rules_evaluate(struct monitor_lag lag,
                                           struct monitor_thresholds thresholds);
const char *monitor_rules_text(enum monitor_status status);

/* Both axes are below `low_water` (0..1) of their thresholds. */
bool monitor_rules_is_low(struct monitor_lag lag, struct monitor_thresholds thresholds,
                          double low_water);

/* What is remembered of a source from one look to the next. */
struct monitor_state {
    enum monitor_status told; /* the status of the last alert */
    bool handled;             /* this time of being critical has had its pause */
    bool throttled;           /* the monitor has paused it */
};

struct monitor_look {
    enum monitor_status status;
    bool low;           /* monitor_rules_is_low() */
    bool paused;        /* the source is paused now, by whomever */
    bool auto_throttle; /* pausing is allowed */
};

struct monitor_actions {
    bool alert;
    bool pause;
    bool resume;
};

/* An alert when the status is another than the last one told.  A pause once when it
 * becomes critical; it ends below the low-water mark if it was the monitor's.  Somebody
 * else's pause, or resume, is left alone.  `state` becomes what it is if the actions
 * succeed. */
struct monitor_actions monitor_rules_decide(struct monitor_state *state,
                                            const struct monitor_look *look);

#endif
