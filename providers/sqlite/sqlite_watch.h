/* SPDX-License-Identifier: MIT
 *
 * sqlite_watch - being woken when another process commits.
 *
 * inotify tells of writes to the database, its -wal and its -journal.  In WAL mode a commit
 * becomes visible a moment *after* its last write, through shared memory, which inotify
 * does not see; an fsync may lie between.  So each event is followed by a few looks at
 * growing distances (1, 2, 4 ms ... about a second in all) and then by silence: an idle
 * database costs nothing.
 *
 * Where there is no inotify, or where it does not see other machines' writes (network file
 * systems), the wait ends every quarter of a second.
 */
#ifndef PROVIDERS_SQLITE_WATCH_H
#define PROVIDERS_SQLITE_WATCH_H

#include <stdbool.h>

#include "base/buf.h"

enum { SQLITE_WATCH_DB, SQLITE_WATCH_WAL, SQLITE_WATCH_JOURNAL, SQLITE_WATCH_FILES };

struct sqlite_watch {
    int fd;                        /* inotify plus one; 0: none */
    int dir;                       /* watch of the directory, plus one */
    int files[SQLITE_WATCH_FILES]; /* plus one; 0: the file is not there */
    char *paths[SQLITE_WATCH_FILES];
    bool blind; /* events cannot be relied on */
    int looks;  /* of the series going on; at its end: none is */
};

/* `watch` is zeroed memory; close it in any case.  Having no inotify is not a failure. */
wf_status sqlite_watch_open(struct sqlite_watch *watch, const char *path, wf_error *err);
void sqlite_watch_close(struct sqlite_watch *watch);

/* Waits for an event, the next look of a series, `cancel_fd` becoming readable, or
 * timeout_ms.  A NULL watch waits for the last two only. */
void sqlite_watch_wait(struct sqlite_watch *watch, int cancel_fd, int timeout_ms);

#endif
