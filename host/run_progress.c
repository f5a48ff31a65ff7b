/* SPDX-License-Identifier: MIT
 *
 * run_progress - runs, rate, failures, and when the last one was.
 */
#include "host/run_progress.h"

#include "base/clock.h"

static void run_progress_put_age(int64_t ms, struct buf *line)
{
    if (ms < 60000)
        buf_printf(line, "%.1f s", (double)ms / 1000.0);
    else if (ms < 3600000)
        buf_printf(line, "%lld min", (long long)(ms / 60000));
    else
        buf_printf(line, "%lld h", (long long)(ms / 3600000));
}

void run_progress_show(struct progress *p, struct app *app)
{
    if (!p->log)
        return;
    char memory[PROGRESS_WIDTH];
    struct buf line;
    buf_fixed(&line, memory, sizeof(memory));
    struct app_activity now = app_activity(app);
    progress_put_count(p, now.runs, now.runs == 1 ? "run" : "runs", &line);
    buf_lit(&line, "  ");
    progress_put_number(now.failed, &line);
    buf_lit(&line, " failed");
    if (now.under_way) {
        buf_printf(&line, "  %u under way", now.under_way);
    } else if (now.runs) {
        buf_lit(&line, "  last ");
        run_progress_put_age(clock_mono_ms() - now.last_ms, &line);
        buf_lit(&line, " ago");
    }
    progress_show(p, &line);
}
