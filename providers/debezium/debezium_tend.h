/* SPDX-License-Identifier: MIT
 *
 * debezium_tend - what the watch does when it looks at its connector.  [watch]
 */
#ifndef PROVIDERS_DEBEZIUM_TEND_H
#define PROVIDERS_DEBEZIUM_TEND_H

#include "providers/debezium/debezium_watch.h"

struct debezium_tend {
    const struct debezium_watch_plan *plan;
    struct connect_client *client;
    void *ctx;
    void (*notice)(void *ctx, enum log_level level, const char *text);
    struct debezium_view view; /* what the watch shows after a look */

    /* Private. */
    bool configured;
    bool put;        /* its configuration, or that was tried */
    bool asked_rows; /* view.reads_rows is known */
    bool told_away, told_rest, told_wish;
    bool paused;      /* wanted by the source */
    bool paused_done; /* the connector was paused for it; a later wish of others counts */
    bool resume_paused, resume_stopped;
    int64_t put_ms;     /* clock_mono_ms() of when it was configured */
    int64_t running_ms; /* since when it runs; 0: it does not */
    int64_t restart_ms; /* when failed tasks are due; 0: none have failed */
    unsigned failures;  /* restarts in a row */
};

/* Gives the milliseconds until the next look. */
int64_t debezium_tend_look(struct debezium_tend *tend, bool paused);

wf_status debezium_tend_do(struct debezium_tend *tend, enum debezium_deed deed,
                           struct buf *out_text, wf_error *err);

#endif
