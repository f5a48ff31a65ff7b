/* SPDX-License-Identifier: MIT
 *
 * lifecycle - the table, and the one function that follows it.
 */
#include "plugin/core/lifecycle.h"

#include "base/compiler.h"

static const struct {
    const char *phase;
    const char *state;
} lifecycle_words[] = {
#define X(name, phase, state) {phase, state},
    LIFECYCLE_PHASES(X)
#undef X
};

/* Columns: START OPENED LOST BROKEN STOPPED, then the facts (always "as the facts say"). */
#define ROW(phase, start, opened, lost, broken, stopped)                                   \
    [LIFECYCLE_##phase] = {LIFECYCLE_##start, LIFECYCLE_##opened, LIFECYCLE_##lost,        \
                           LIFECYCLE_##broken, LIFECYCLE_##stopped}
static const unsigned char lifecycle_table[LIFECYCLE_PHASE_COUNT][5] = {
    ROW(STOPPED, CONNECTING, NEVER, NEVER, NEVER, SAME),
    ROW(CONNECTING, SAME, OPEN, RECONNECTING, FAILED, STOPPED),
    ROW(STREAMING, SAME, NEVER, RECONNECTING, FAILED, STOPPED),
    ROW(SNAPSHOT, SAME, NEVER, RECONNECTING, FAILED, STOPPED),
    ROW(WAITING, SAME, NEVER, RECONNECTING, FAILED, STOPPED),
    ROW(PAUSED, SAME, NEVER, RECONNECTING, FAILED, STOPPED),
    ROW(RECONNECTING, SAME, OPEN, RECONNECTING, FAILED, STOPPED),
    ROW(FAILED, CONNECTING, NEVER, NEVER, NEVER, STOPPED),
};
#undef ROW

static enum lifecycle_phase lifecycle_open_phase(const struct lifecycle *life)
{
    if (life->paused)
        return LIFECYCLE_PAUSED;
    if (life->deserted)
        return LIFECYCLE_WAITING;
    return life->snapshot ? LIFECYCLE_SNAPSHOT : LIFECYCLE_STREAMING;
}

bool lifecycle_is_open(const struct lifecycle *life)
{
    return life->phase == LIFECYCLE_STREAMING || life->phase == LIFECYCLE_SNAPSHOT ||
           life->phase == LIFECYCLE_WAITING || life->phase == LIFECYCLE_PAUSED;
}

static void lifecycle_learn(struct lifecycle *life, enum lifecycle_event event)
{
    switch (event) {
    case LIFECYCLE_ON_PAUSE:
    case LIFECYCLE_ON_RESUME:
        life->paused = event == LIFECYCLE_ON_PAUSE;
        break;
    case LIFECYCLE_ON_DESERTED:
    case LIFECYCLE_ON_SUBSCRIBED:
        life->deserted = event == LIFECYCLE_ON_DESERTED;
        break;
    default:
        life->snapshot = event == LIFECYCLE_ON_SNAPSHOT_BEGIN;
        break;
    }
}

bool lifecycle_on(struct lifecycle *life, enum lifecycle_event event)
{
    if (event > LIFECYCLE_ON_STOPPED) {
        lifecycle_learn(life, event);
        if (lifecycle_is_open(life))
            life->phase = lifecycle_open_phase(life);
        return true;
    }
    unsigned next = lifecycle_table[life->phase][event];
    if (next == LIFECYCLE_NEVER)
        return false;
    if (event == LIFECYCLE_ON_START && next != LIFECYCLE_SAME)
        *life = (struct lifecycle){.phase = life->phase, .deserted = life->deserted};
    if (next == LIFECYCLE_OPEN)
        life->phase = lifecycle_open_phase(life);
    else if (next != LIFECYCLE_SAME)
        life->phase = (enum lifecycle_phase)next;
    return true;
}

const char *lifecycle_phase_text(enum lifecycle_phase phase)
{
    return phase < CDC_COUNT(lifecycle_words) ? lifecycle_words[phase].phase : "unknown";
}

const char *lifecycle_state_text(enum lifecycle_phase phase)
{
    return phase < CDC_COUNT(lifecycle_words) ? lifecycle_words[phase].state : "unknown";
}
