/* SPDX-License-Identifier: MIT
 *
 * sqlite_keep - what the source writes to the database while it runs: how far it has
 * confirmed, the purge of changes that every source has confirmed, and the reading of added
 * columns (_cdc_fill).
 *
 * All of it in short transactions that never wait for a lock: a writer goes first.
 */
#ifndef PROVIDERS_SQLITE_KEEP_H
#define PROVIDERS_SQLITE_KEEP_H

#include "providers/sqlite/sqlite_capture.h"

struct sqlite_keep {
    struct sqlite_capture *capture;
    int64_t stored;    /* `confirmed` of our entry */
    int64_t confirmed; /* told by confirm(), not yet stored when greater */
    int64_t next_ms;   /* not before this */
    bool purging;      /* more may be purged than one transaction took */
    bool filling;      /* _cdc_fill may hold something */
};

wf_status sqlite_keep_open(struct sqlite_keep *keep, struct sqlite_capture *capture,
                           int64_t confirmed, wf_error *err);

/* Does what is due.  WF_STATE: another process took the source's entry over. */
wf_status sqlite_keep_work(struct sqlite_keep *keep, wf_error *err);

/* Stores what is confirmed, due or not, if that needs no waiting. */
void sqlite_keep_close(struct sqlite_keep *keep);

/* Milliseconds until work is due; -1: nothing to do. */
int64_t sqlite_keep_due_ms(const struct sqlite_keep *keep);

/* Changes not confirmed and the age of the oldest in seconds; 0 when there is none. */
wf_status sqlite_keep_lag(struct sqlite_keep *keep, int64_t *out_changes,
                          int64_t *out_seconds, wf_error *err);

#endif
