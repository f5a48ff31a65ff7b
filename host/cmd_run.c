/* SPDX-License-Identifier: MIT
 *
 * cmd_run - `wfhost run`: a configuration, until a signal or until nothing happens any
 * more.
 */
#include <signal.h>

#include "base/clock.h"
#include "base/error.h"
#include "host/commands.h"
#include "host/run_progress.h"
#include "host/session.h"
#include "host/signals.h"

/* Until when to wait for a signal: the end of being idle, or the next look at what runs. */
static int64_t cmd_run_until(struct session *s, int64_t idle_ms, bool watched)
{
    int64_t until = idle_ms < 0 ? INT64_MAX : app_last_activity(s->app) + idle_ms;
    int64_t look = watched ? clock_mono_ms() + PROGRESS_MS : INT64_MAX;
    return until < look ? until : look;
}

/* Waits for the first signal, or for `idle_ms` (-1: any time) without a run. */
static void cmd_run_wait(struct session *s, struct progress *progress, int64_t idle_ms)
{
    for (;;) {
        run_progress_show(progress, s->app);
        int got = signals_wait(cmd_run_until(s, idle_ms, progress->log));
        if (got > 0) {
            log_line(session_logger(s), LOG_INFO, "%s: stopping",
                     got == SIGINT ? "interrupted" : "terminated");
            return;
        }
        if (idle_ms >= 0 && clock_mono_ms() - app_last_activity(s->app) >= idle_ms) {
            log_line(session_logger(s), LOG_INFO, "idle: stopping");
            return;
        }
    }
}

static int cmd_run_app(struct session *s, int64_t idle_ms)
{
    wf_error err;
    signals_call(app_cancel, s->app);
    wf_status status = app_start(s->app, true, &err);
    signals_call(NULL, NULL);
    if (status == WF_CANCELLED && signals_wait(0) > 0) {
        log_line(session_logger(s), LOG_INFO, "%s: stopped before all was started",
                 signals_wait(0) == SIGINT ? "interrupted" : "terminated");
        return CLI_DONE;
    }
    if (status) {
        log_line(session_logger(s), LOG_ERROR, "%s", err.text);
        return status == WF_CONFIG ? CLI_CONFIG : CLI_FAILED;
    }
    log_line(session_logger(s), LOG_INFO, "running pipelines=%zu triggers=%zu",
             app_pipeline_count(s->app), app_trigger_count(s->app));
    struct progress progress;
    progress_init(&progress, s->log);
    cmd_run_wait(s, &progress, idle_ms);
    progress_end(&progress);
    if (app_stop(s->app, &err))
        return CLI_FAILED; /* what did not stop is in the log */
    log_line(session_logger(s), LOG_INFO, "stopped");
    return CLI_DONE;
}

static int cmd_run_main(const struct cli *cli)
{
    int64_t idle_ms;
    wf_error err;
    if (!cli_duration(cli, "exit-when-idle", &idle_ms))
        return CLI_USAGE;
    if (signals_open(&err)) {
        fprintf(stderr, "wfhost run: %s\n", err.text);
        return CLI_FAILED;
    }
    struct session s;
    int code = session_open(&s, cli, "info");
    if (!code) {
        bool good = session_load(&s, cli->words[0]);
        host_log_flush(s.log);
        session_print_problems(&s, stderr);
        code = good ? cmd_run_app(&s, idle_ms) : CLI_CONFIG;
    }
    session_close(&s);
    return code;
}

static const struct cli_option cmd_run_options[] = {
    CLI_COMMON_OPTIONS,
    {"exit-when-idle", "DURATION", "exit once no pipeline ran for so long, such as 2s"},
    {NULL, NULL, NULL},
};

const struct cli_command cmd_run = {
    .name = "run",
    .arguments = "CONFIG.yaml",
    .least = 1,
    .most = 1,
    .summary = "Run a configuration: start its modules and triggers.",
    .help = "SIGINT or SIGTERM: running pipelines are finished, triggers stopped, then "
            "modules in\n"
            "reverse order; a second signal exits at once.  When the log is text on a "
            "terminal, "
            "the last\n"
            "line there tells how many pipelines ran.",
    .options = cmd_run_options,
    .run = cmd_run_main,
};
