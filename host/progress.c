/* SPDX-License-Identifier: MIT
 *
 * progress - counts and rates as text.
 */
#include "host/progress.h"

#include "base/clock.h"
#include "base/str.h"

void progress_init(struct progress *p, struct host_log *log)
{
    *p = (struct progress){
        .log = host_log_has_status(log) ? log : NULL,
        .last_ms = clock_mono_ms(),
    };
}

void progress_put_number(uint64_t number, struct buf *line)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf_byte(line, ',');
        buf_byte(line, digits[i]);
    }
}

void progress_put_count(struct progress *p, uint64_t count, const char *what,
                        struct buf *line)
{
    int64_t now = clock_mono_ms();
    double seconds = (double)(now - p->last_ms) / 1000.0;
    double rate = seconds > 0 ? (double)(count - p->last_count) / seconds : 0;
    p->last_ms = now;
    p->last_count = count;
    progress_put_number(count, line);
    buf_printf(line, " %s  ", what);
    progress_put_number((uint64_t)(rate + 0.5), line);
    buf_lit(line, "/s");
}

void progress_show(struct progress *p, const struct buf *line)
{
    if (p->log)
        host_log_status(p->log, buf_view(line));
}

void progress_end(struct progress *p)
{
    if (p->log)
        host_log_status(p->log, STR_EMPTY);
    p->log = NULL;
}
