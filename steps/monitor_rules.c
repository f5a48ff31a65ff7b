/* SPDX-License-Identifier: MIT
 *
 * monitor_rules - two axes, three states, one memory.
 */
#include "steps/monitor_rules.h"

/* The part of its threshold that a lag makes up; 0 where there is no threshold. */
static double monitor_rules_part(int64_t lag, int64_t threshold)
{
    return threshold > 0 ? (double)lag / (double)threshold : 0;
}

static double monitor_rules_worst(struct monitor_lag lag,
                                  struct monitor_thresholds thresholds)
{
    double bytes = monitor_rules_part(lag.bytes, thresholds.bytes);
    double seconds = monitor_rules_part(lag.seconds, thresholds.seconds);
    return bytes > seconds ? bytes : seconds;
}

static bool monitor_rules_reached(int64_t lag, int64_t threshold)
{
    return threshold > 0 && lag >= threshold;
}

/* Less is worse here, and there may be no limit. */
static bool monitor_rules_scarce(int64_t headroom, int64_t threshold, double part)
{
    return threshold > 0 && headroom >= 0 && (double)headroom < (double)threshold / part;
}

enum monitor_status monitor_rules_evaluate(struct monitor_lag lag,
                                           struct monitor_thresholds thresholds)
{
    /* Not by the quotient: near 2^63 a double cannot tell neighbours apart. */
    if (monitor_rules_reached(lag.bytes, thresholds.bytes) ||
        monitor_rules_reached(lag.seconds, thresholds.seconds) ||
        monitor_rules_scarce(lag.headroom, thresholds.headroom, 1))
        return MONITOR_CRITICAL;
    bool near =
        monitor_rules_worst(lag, thresholds) >= MONITOR_RULES_WARNING ||
        monitor_rules_scarce(lag.headroom, thresholds.headroom, MONITOR_RULES_WARNING);
    return near ? MONITOR_WARNING : MONITOR_HEALTHY;
}

const char *monitor_rules_text(enum monitor_status status)
{
    static const char *const texts[] = {
        [MONITOR_HEALTHY] = "healthy",
        [MONITOR_WARNING] = "warning",
        [MONITOR_CRITICAL] = "critical",
    };
    return texts[status];
}

bool monitor_rules_is_low(struct monitor_lag lag, struct monitor_thresholds thresholds,
                          double low_water)
{
    return monitor_rules_worst(lag, thresholds) < low_water;
}

struct monitor_actions monitor_rules_decide(struct monitor_state *state,
                                            const struct monitor_look *look)
{
    struct monitor_actions actions = {.alert = look->status != state->told};
    state->told = look->status;
    if (!look->paused)
        state->throttled = false; /* somebody has resumed it, or started it anew */
    if (look->status != MONITOR_CRITICAL)
        state->handled = false;
    else if (!state->handled && look->auto_throttle) {
        actions.pause = !look->paused;
        state->handled = true;
        state->throttled = state->throttled || actions.pause;
    }
    if (state->throttled && look->low && !actions.pause) {
        actions.resume = true;
        state->throttled = false;
    }
    return actions;
}
