/* SPDX-License-Identifier: MIT
 *
 * tail - `wfhost tail`: the changes of a database as JSON lines on stdout.
 *
 * One of the two files of the host that know change data capture (the other is
 * dead_letters.c): it makes a cdc.source and a trigger.cdc of its own over the plugin's
 * ABI.  A change is answered OK only after write(2) took its line, so a tail that is killed
 * and started again with the same state_dir misses nothing.  Without a state_dir it uses a
 * temporary one, and step.cdc_stop with `cleanup` takes away at the far side what was
 * installed there.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "host/commands.h"
#include "host/session.h"
#include "host/signals.h"
#include "host/tail_config.h"
#include "host/tail_progress.h"

struct tail {
    const struct cli *cli;
    struct session session;
    struct tail_config config;
    const wf_module *module;
    const wf_trigger *trigger;
    bool started;
    int64_t idle_ms; /* -1: no limit */
    uint64_t max;    /* 0: no limit */

    pthread_mutex_t output_lock; /* guards the rest, and the order of lines */
    uint64_t events;
    int64_t last_event_ms;
    struct buf line; /* an event with line ends in it, without them */
    bool done;       /* max is reached, or nobody reads any more */
    int failed;      /* errno of a write that failed */
};

/* ---- one event ----------------------------------------------------------------------- */

/* The line and its end.  errno on failure. */
static bool tail_write(wf_str line)
{
    struct iovec parts[2] = {{(char *)line.ptr, line.len}, {(char *)"\n", 1}};
    struct iovec *at = parts;
    int count = 2;
    while (count) {
        ssize_t done = writev(STDOUT_FILENO, at, count);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&ready, 1, -1);
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        for (; count && (size_t)done >= at->iov_len; at++, count--)
            done -= (ssize_t)at->iov_len;
        if (count) {
            at->iov_base = (char *)at->iov_base + done;
            at->iov_len -= (size_t)done;
        }
    }
    return true;
}

/* JSON that a database keeps as it was written may hold line ends, between its tokens only:
 * blanks mean the same there, and an event stays one line. */
static bool tail_one_line(struct tail *t, wf_str *event)
{
    if (!memchr(event->ptr, '\n', event->len))
        return true;
    buf_clear(&t->line);
    buf_str(&t->line, *event);
    for (size_t i = 0; i < t->line.len; i++)
        if (t->line.data[i] == '\n')
            t->line.data[i] = ' ';
    *event = buf_view(&t->line);
    errno = ENOMEM;
    return !t->line.broken;
}

static wf_status tail_fire(void *ctx, wf_str action, wf_str event_json, wf_error *err)
{
    (void)action;
    struct tail *t = ctx;
    pthread_mutex_lock(&t->output_lock);
    bool wanted = !t->done;
    bool written = wanted && tail_one_line(t, &event_json) && tail_write(event_json);
    if (written) {
        t->events++;
        t->last_event_ms = clock_mono_ms();
    } else if (wanted) {
        t->failed = errno == EPIPE ? 0 : errno;
    }
    t->done = !written || t->events == t->max;
    bool wake = wanted && t->done;
    pthread_mutex_unlock(&t->output_lock);
    if (wake)
        signals_wake();
    return written ? WF_OK : error_set(err, WF_CANCELLED, "tail has ended");
}

/* ---- making and unmaking ------------------------------------------------------------- */

static const struct plugin_type *tail_type(const struct tail *t, enum plugin_kind kind,
                                           const char *name, wf_error *err)
{
    const struct plugin_type *type = plugins_find(t->session.plugins, kind, str_from(name));
    if (!type)
        error_set(err, WF_CONFIG, "no plugin with '%s' is loaded", name);
    return type;
}

/* Runs the step `name` once with the source's id; `out` (may be NULL) takes its output. */
static wf_status tail_step(const struct tail *t, const char *name, const char *more,
                           struct buf *out, wf_error *err)
{
    const struct plugin_type *type = tail_type(t, PLUGIN_STEP, name, err);
    if (!type)
        return WF_CONFIG;
    CDC_CLEANUP(buf_release) struct buf config, output;
    buf_init(&config, LIMIT_CONFIG_BYTES);
    buf_init(&output, LIMIT_OUTPUT_BYTES);
    tail_config_step(&t->config, more, &config);
    const wf_step *step = NULL;
    wf_status status =
        type->new_step(type->plugin->context, STR("tail"), buf_view(&config), &step, err);
    if (status)
        return status;
    const wf_step_input in = {.size = sizeof(in), .config = buf_view(&config)};
    const wf_sink sink = buf_sink(out ? out : &output);
    int32_t stop;
    status = step->execute(step->self, &in, &sink, &stop, err);
    step->destroy(step->self);
    return status;
}

/* [signals] */
static void tail_cancel(void *ctx)
{
    const struct tail *t = ctx;
    if (WF_HAS(t->module, cancel))
        t->module->cancel(t->module->self);
}

static wf_status tail_start(struct tail *t, wf_error *err)
{
    const struct plugin_type *module = tail_type(t, PLUGIN_MODULE, "cdc.source", err);
    const struct plugin_type *trigger =
        module ? tail_type(t, PLUGIN_TRIGGER, "trigger.cdc", err) : NULL;
    if (!trigger)
        return WF_CONFIG;
    const wf_callback callback = {t, tail_fire};
    wf_status status = module->new_module(module->plugin->context, STR("tail"),
                                          buf_view(&t->config.module), &t->module, err);
    if (!status)
        status = t->module->init(t->module->self, err);
    if (!status)
        status =
            trigger->new_trigger(trigger->plugin->context, buf_view(&t->config.trigger),
                                 &callback, &t->trigger, err);
    signals_call(status ? NULL : tail_cancel, t);
    if (!status)
        status = t->module->start(t->module->self, err);
    signals_call(NULL, NULL);
    t->started = !status;
    if (!status)
        status = t->trigger->start(t->trigger->self, err);
    return status;
}

static void tail_stop(struct tail *t)
{
    wf_error err;
    if (t->trigger) {
        if (t->trigger->stop(t->trigger->self, &err))
            log_line(session_logger(&t->session), LOG_WARN, "%s", err.text);
        t->trigger->destroy(t->trigger->self);
    }
    if (t->started && t->config.temporary[0] &&
        tail_step(t, "step.cdc_stop", ",\"cleanup\":true", NULL, &err))
        log_line(session_logger(&t->session), LOG_WARN,
                 "what was installed at the source may still be there: %s", err.text);
    if (t->module) {
        if (t->module->stop(t->module->self, &err))
            log_line(session_logger(&t->session), LOG_WARN, "%s", err.text);
        t->module->destroy(t->module->self);
    }
    t->trigger = NULL;
    t->module = NULL;
}

/* ---- waiting ------------------------------------------------------------------------- */

struct tail_now {
    bool done;
    int failed;
    int64_t idle_since;
    uint64_t events;
};

static struct tail_now tail_look(struct tail *t)
{
    pthread_mutex_lock(&t->output_lock);
    const struct tail_now now = {t->done, t->failed, t->last_event_ms, t->events};
    pthread_mutex_unlock(&t->output_lock);
    return now;
}

/* Shows where the source is; false when it has failed for good. */
static bool tail_watch(struct tail *t, struct tail_progress *progress, uint64_t events)
{
    CDC_CLEANUP(buf_release) struct buf status;
    buf_init(&status, LIMIT_OUTPUT_BYTES);
    wf_error err;
    if (tail_step(t, "step.cdc_status", "", &status, &err))
        return true; /* a source that is away has its own words in the log */
    return tail_progress_show(progress, buf_view(&status), events);
}

static int tail_wait(struct tail *t)
{
    struct tail_progress progress;
    tail_progress_init(&progress, t->session.log);
    int code = -1;
    while (code < 0) {
        struct tail_now now = tail_look(t);
        int64_t until = clock_mono_ms() + PROGRESS_MS;
        int64_t idle_at = t->idle_ms < 0 ? INT64_MAX : now.idle_since + t->idle_ms;
        int got =
            now.done ? SIGNALS_WOKEN : signals_wait(idle_at < until ? idle_at : until);
        now = tail_look(t);
        if (now.failed) {
            log_line(session_logger(&t->session), LOG_ERROR, "writing to stdout failed");
            code = CLI_FAILED;
        } else if (now.done || got > 0) {
            code = CLI_DONE;
        } else if (t->idle_ms >= 0 && clock_mono_ms() >= now.idle_since + t->idle_ms) {
            code = CLI_DONE;
        } else if (got == SIGNALS_TIMEOUT && !tail_watch(t, &progress, now.events)) {
            code = CLI_FAILED;
        }
    }
    tail_progress_end(&progress);
    return code;
}

static int tail_run(struct tail *t)
{
    wf_error err;
    wf_status status = tail_config_make(&t->config, t->cli, &err);
    int code = CLI_FAILED;
    t->last_event_ms = clock_mono_ms();
    if (!status)
        status = tail_start(t, &err);
    if (!status)
        code = tail_wait(t);
    else if (status == WF_CANCELLED && signals_wait(0) > 0)
        code = CLI_DONE; /* as a signal a moment later */
    else
        log_line(session_logger(&t->session), LOG_ERROR, "%s", err.text);
    tail_stop(t);
    return status == WF_CONFIG ? CLI_CONFIG : code;
}

static int tail_main(const struct cli *cli)
{
    struct tail t = {.cli = cli};
    wf_error err;
    wf_str max = str_from(cli_value(cli, "max", "0"));
    if (!cli_duration(cli, "exit-when-idle", &t.idle_ms))
        return CLI_USAGE;
    if (!str_to_u64(max, &t.max))
        return cli_wrong(cli, "'--max' must be a number, not '%.*s'", STR_ARG(max));
    if (!tail_config_options_good(cli))
        return CLI_USAGE;
    if (signals_open(&err)) {
        fprintf(stderr, "wfhost tail: %s\n", err.text);
        return CLI_FAILED;
    }
    pthread_mutex_init(&t.output_lock, NULL);
    buf_init(&t.line, 2 * (size_t)LIMIT_EVENT_BYTES);
    int code = session_open(&t.session, cli, "warn");
    if (!code)
        code = tail_run(&t);
    session_close(&t.session);
    tail_config_release(&t.config);
    pthread_mutex_destroy(&t.output_lock);
    buf_release(&t.line);
    return code;
}

static const struct cli_option tail_options[] = {
    CLI_COMMON_OPTIONS,
    {"table", "T", "only this table (schema.table, * matches); several times for several"},
    {"option", "KEY=VALUE", "an option of the provider; source_id and source_type, too"},
    {"snapshot", NULL, "the rows that are there already come first"},
    {"max", "N", "end after so many changes"},
    {"exit-when-idle", "DURATION", "end once no change came for so long, such as 2s"},
    {NULL, NULL, NULL},
};

const struct cli_command tail_command = {
    .name = "tail",
    .arguments = "PROVIDER CONNECTION",
    .least = 2,
    .most = 2,
    .summary = "Print a database's changes as JSON lines.",
    .help = "Nothing is left behind at the database, unless --option state_dir=DIR is "
            "given: then\n"
            "a tail that is started again goes on where it was, and misses nothing.",
    .options = tail_options,
    .run = tail_main,
};
