/* SPDX-License-Identifier: MIT
 *
 * lifecycle - what a source is doing: one table, one function that changes it.
 *
 * The phase is what an operator sees.  While the stream is open it follows from three
 * facts, in this order: paused on request, nobody to deliver to, a snapshot is running.
 * The table says what each event does in each phase; LIFECYCLE_OPEN there stands for "the
 * open phase that the facts give".
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

/* phase, its word in "phase", upstream's word in "state" */
#define LIFECYCLE_PHASES(X)                                                                \
    X(STOPPED, "stopped", "stopped")                                                       \
    X(CONNECTING, "connecting", "configured")                                              \
    X(STREAMING, "streaming", "running")                                                   \
    X(SNAPSHOT, "snapshot", "snapshot")                                                    \
    X(WAITING, "waiting", "running")                                                       \
    X(PAUSED, "paused", "paused")                                                          \
    X(RECONNECTING, "reconnecting", "error")                                               \
    X(FAILED, "failed", "error")

enum lifecycle_phase {
#define X(name, phase, state) LIFECYCLE_##name,
    LIFECYCLE_PHASES(X)
#undef X
        LIFECYCLE_PHASE_COUNT,
    LIFECYCLE_OPEN = LIFECYCLE_PHASE_COUNT, /* in the table: as the facts say */
    LIFECYCLE_SAME,                         /* in the table: nothing changes */
    LIFECYCLE_NEVER,                        /* in the table: our own mistake */
};

#define LIFECYCLE_EVENTS(X)                                                                \
    X(START)   /* somebody wants it to run */                                              \
    X(OPENED)  /* the provider has connected */                                            \
    X(LOST)    /* WF_UNAVAILABLE: will be tried again */                                   \
    X(BROKEN)  /* any other failure */                                                     \
    X(STOPPED) /* the provider is closed on request */                                     \
    X(PAUSE) X(RESUME) X(SUBSCRIBED) X(DESERTED) X(SNAPSHOT_BEGIN) X(SNAPSHOT_END)

enum lifecycle_event {
#define X(name) LIFECYCLE_ON_##name,
    LIFECYCLE_EVENTS(X)
#undef X
        LIFECYCLE_EVENT_COUNT,
};

struct lifecycle {
    enum lifecycle_phase phase;
    bool paused;
    bool deserted; /* no subscription, and the provider waits for one */
    bool snapshot;
};

/* False: the event has no place in this phase; nothing changed. */
bool lifecycle_on(struct lifecycle *life, enum lifecycle_event event);

const char *lifecycle_phase_text(enum lifecycle_phase phase);
const char *lifecycle_state_text(enum lifecycle_phase phase);
/* The stream is open: STREAMING, SNAPSHOT, WAITING or PAUSED. */
bool lifecycle_is_open(const struct lifecycle *life);

#endif
