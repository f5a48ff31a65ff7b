/* SPDX-License-Identifier: MIT
 *
 * debezium_watch - a thread of its own [watch] that keeps the connector as the source wants
 * it: there, configured, running; and does what is asked of it.
 *
 * All requests to Kafka Connect come from this thread, so that a Connect that is slow or
 * away holds back nobody: events come from Kafka, not from there.  What it finds lies in a
 * view; no lock is held over a request.
 *
 *     not settled    the configuration is put, until it is; then the tasks are waited for
 *     settled        every look_ms: a failed task is restarted, after 2, 4, 8 ... 60 s;
 *                    a connector that somebody deleted is made again; one that somebody
 *                    paused is left alone
 *     given up       after as many restarts in a row as the plan says, or when the
 *                    configuration is refused: view.error
 *
 * All calls [source].
 */
#ifndef PROVIDERS_DEBEZIUM_WATCH_H
#define PROVIDERS_DEBEZIUM_WATCH_H

#include <stdatomic.h>

#include "base/log.h"
#include "providers/debezium/connect_client.h"
#include "providers/debezium/dbz_connector.h"

struct debezium_watch;

struct debezium_watch_times {
    int64_t look_ms;     /* between looks at a connector that runs */
    int64_t soon_ms;     /* the same while it does not */
    int64_t backoff_ms;  /* before the first restart of failed tasks; then doubled */
    int64_t steady_ms;   /* having run so long, restarts count from the beginning */
    int64_t birth_ms;    /* so long Connect may not know a connector that it was given */
    int64_t patience_ms; /* of one call with all its attempts */
};

/* Of every day; tests have less time. */
extern const struct debezium_watch_times debezium_watch_times;

struct debezium_watch_plan {
    struct connect_plan connect; /* its cancel and its patience are the watch's own */
    const struct dbz_connector *connector; /* borrowed until the stop */
    struct debezium_watch_times times;
    int64_t restarts; /* in a row, before it gives up */
    bool foreign;     /* the connector is somebody else's: only looked at */
    bool first;       /* a first start: view.reads_rows is to be found out */
    bool resume_paused, resume_stopped; /* one found so is so by this source's doing */
    bool idle; /* nothing is done but what is asked by debezium_watch_do() */
};

struct debezium_view {
    bool settled; /* configured, and its tasks have run; or it is paused and to stay so */
    bool away;    /* Connect did not answer at the last look */
    bool
        reads_rows; /* the connector begins with the rows that are there, and has not yet */
    bool found;     /* the connector was there, with our configuration */
    struct connect_status connector; /* as of the last look that was answered */
    uint64_t restarts;               /* of failed tasks, in all */
    wf_error error; /* code WF_OK: none, but the text may say what goes wrong just now */
};

wf_status debezium_watch_start(const struct debezium_watch_plan *plan,
                               struct debezium_watch **out, wf_error *err);
/* Ends a request that runs.  NULL is ignored. */
void debezium_watch_stop(struct debezium_watch *watch);

void debezium_watch_view(struct debezium_watch *watch, struct debezium_view *out);
/* Waits until it is settled or has given up; false: the time is up. */
bool debezium_watch_await(struct debezium_watch *watch, int timeout_ms,
                          struct debezium_view *out);

/* The connector is to be paused, or to run again; neither is waited for. */
void debezium_watch_pause(struct debezium_watch *watch, bool paused);

/* Something that is waited for.  After all but the first the watch does nothing more. */
enum debezium_deed {
    DEBEZIUM_READ, /* writes the connector's configuration; WF_NOT_FOUND: there is none */
    DEBEZIUM_DELETE,
    DEBEZIUM_PAUSE,
    DEBEZIUM_STOP,
    DEBEZIUM_REMOVE, /* debezium_settle_remove() */
};
/* Tries for at most timeout_ms (then WF_UNAVAILABLE) or until *cancelled, where that is not
 * NULL (WF_CANCELLED).  Writes what was read or removed. */
struct debezium_watch_wait {
    int64_t timeout_ms;
    const _Atomic bool *cancelled;
};
wf_status debezium_watch_do(struct debezium_watch *watch, enum debezium_deed deed,
                            const struct debezium_watch_wait *wait, struct buf *out_text,
                            wf_error *err);

/* The oldest thing that an operator should read and was not given yet; false: none. */
#define DEBEZIUM_NOTICE 640
bool debezium_watch_notice(struct debezium_watch *watch, enum log_level *out_level,
                           char out_text[DEBEZIUM_NOTICE]);

/* Appends the connector's offsets, a JSON list, as of a look not long ago, and asks for
 * newer ones; nothing when there are none yet. */
void debezium_watch_offsets(struct debezium_watch *watch, struct buf *out);

#endif
