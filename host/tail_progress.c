/* SPDX-License-Identifier: MIT
 *
 * tail_progress - phase, events, rate; of a snapshot its table, rows, percent and time
 * left.
 */
#include "host/tail_progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

void tail_progress_init(struct tail_progress *p, struct host_log *log)
{
    *p = (struct tail_progress){.first_rows_ms = 0};
    progress_init(&p->progress, log);
    if (isatty(STDOUT_FILENO))
        p->progress.log = NULL; /* the changes themselves are on it */
}

static wf_str tail_progress_text(wf_str object, const char *key)
{
    wf_str value, text;
    if (json_member(object, key, &value) && json_plain_string(value, &text))
        return text;
    return STR_EMPTY;
}

static uint64_t tail_progress_number(wf_str object, const char *key)
{
    wf_str value;
    uint64_t number = 0;
    if (json_member(object, key, &value))
        str_to_u64(value, &number);
    return number;
}

static void tail_progress_snapshot(struct tail_progress *p, wf_str status, struct buf *line)
{
    wf_str snapshot;
    if (!json_member(status, "snapshot", &snapshot) || json_kind(snapshot) != JSON_OBJECT)
        return;
    uint64_t rows = tail_progress_number(snapshot, "rows");
    uint64_t all = tail_progress_number(snapshot, "estimated_rows");
    int64_t now = clock_mono_ms();
    if (!p->first_rows_ms || rows < p->first_rows) {
        p->first_rows = rows;
        p->first_rows_ms = now;
    }
    buf_printf(line, "  snapshot %.*s %llu rows",
               STR_ARG(tail_progress_text(snapshot, "table")), (unsigned long long)rows);
    if (all <= rows)
        return;
    buf_printf(line, " of about %llu, %.0f%%", (unsigned long long)all,
               100.0 * (double)rows / (double)all);
    double seconds = (double)(now - p->first_rows_ms) / 1000.0;
    double rate = seconds > 0 ? (double)(rows - p->first_rows) / seconds : 0;
    if (rate > 0)
        buf_printf(line, ", %.0f s left", (double)(all - rows) / rate);
}

bool tail_progress_show(struct tail_progress *p, wf_str status, uint64_t events)
{
    if (json_check(status, "status", NULL))
        return true;
    wf_str phase = tail_progress_text(status, "phase");
    bool failed = str_is(phase, "failed");
    if (!p->progress.log)
        return !failed;

    char memory[PROGRESS_WIDTH];
    struct buf line;
    buf_fixed(&line, memory, sizeof(memory));
    buf_str(&line, phase);
    buf_lit(&line, "  ");
    progress_put_count(&p->progress, events, "changes", &line);
    tail_progress_snapshot(p, status, &line);
    progress_show(&p->progress, &line);
    return !failed;
}

void tail_progress_end(struct tail_progress *p)
{
    progress_end(&p->progress);
}
