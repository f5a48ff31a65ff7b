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

#define TAIL_PROGRESS_WIDTH 200

void tail_progress_init(struct tail_progress *p)
{
    *p = (struct tail_progress){
        .shown_to_someone = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO),
        .began_ms = clock_mono_ms(),
        .last_ms = clock_mono_ms(),
    };
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
    if (!p->shown_to_someone)
        return !str_is(phase, "failed");

    char memory[TAIL_PROGRESS_WIDTH];
    struct buf line;
    buf_fixed(&line, memory, sizeof(memory));
    int64_t now = clock_mono_ms();
    double seconds = (double)(now - p->last_ms) / 1000.0;
    double rate = seconds > 0 ? (double)(events - p->last_events) / seconds : 0;
    buf_printf(&line, "\r\033[K%.*s  %llu changes  %.0f/s", STR_ARG(phase),
               (unsigned long long)events, rate);
    tail_progress_snapshot(p, status, &line);
    p->last_ms = now;
    p->last_events = events;
    p->on_screen = true;
    fwrite(line.data, 1, line.len, stderr);
    fflush(stderr);
    return !str_is(phase, "failed");
}

void tail_progress_end(struct tail_progress *p)
{
    if (p->on_screen) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->on_screen = false;
}
