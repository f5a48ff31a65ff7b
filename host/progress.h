/* SPDX-License-Identifier: MIT
 *
 * progress - a status line on a terminal: how much is done, and how fast it goes.
 *
 * Who shows it calls progress_show() every PROGRESS_MS; nothing is shown, and nothing need
 * be called, where progress_init() finds nobody to show it to.
 */
#ifndef HOST_PROGRESS_H
#define HOST_PROGRESS_H

#include "base/buf.h"
#include "host/host_log.h"

#define PROGRESS_MS 500
#define PROGRESS_WIDTH 240

struct progress {
    struct host_log *log; /* NULL: nobody looks */
    int64_t last_ms;
    uint64_t last_count;
};

void progress_init(struct progress *p, struct host_log *log);
/* "12,345 runs  3,210/s": the rate is that since the last call. */
void progress_put_count(struct progress *p, uint64_t count, const char *what,
                        struct buf *line);
void progress_put_number(uint64_t number, struct buf *line);
void progress_show(struct progress *p, const struct buf *line);
/* Takes the line away. */
void progress_end(struct progress *p);

#endif
