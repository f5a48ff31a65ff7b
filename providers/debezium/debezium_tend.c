/* SPDX-License-Identifier: MIT
 *
 * debezium_tend - see the header.
 */
#include "providers/debezium/debezium_tend.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/debezium_settle.h"

#define DEBEZIUM_TEND_BACKOFF_MOST_MS 60000
#define DEBEZIUM_TEND_AT_FIRST 4 /* looks per soon_ms until it is settled */

static void debezium_tend_say(struct debezium_tend *t, enum log_level level,
                              const char *format, ...) CDC_PRINTF(3, 4);

static void debezium_tend_say(struct debezium_tend *t, enum log_level level,
                              const char *format, ...)
{
    char text[DEBEZIUM_NOTICE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->notice(t->ctx, level, text);
}

static wf_str debezium_tend_name(const struct debezium_tend *t)
{
    return buf_view(&t->plan->connector->name);
}

/* ---- what goes wrong ----------------------------------------------------------------- */

/* Connect is away, or does not let us look: events come all the same. */
static void debezium_tend_trouble(struct debezium_tend *t, const wf_error *err)
{
    t->view.away = true;
    t->view.error = *err;
    t->view.error.code = WF_OK;
    if (!t->told_away && t->view.settled)
        debezium_tend_say(t, LOG_WARN,
                          "connector '%.*s' is not watched just now, events go on coming "
                          "from Kafka: %s",
                          STR_ARG(debezium_tend_name(t)), err->text);
    t->told_away = true;
}

static void debezium_tend_answered(struct debezium_tend *t)
{
    if (t->told_away && t->view.settled)
        debezium_tend_say(t, LOG_INFO, "Kafka Connect answers again");
    t->told_away = false;
    t->view.away = false;
    t->view.error.text[0] = '\0';
}

/* ---- its configuration --------------------------------------------------------------- */

static wf_status debezium_tend_configure(struct debezium_tend *t, wf_error *err)
{
    const struct debezium_watch_plan *plan = t->plan;
    bool there = false;
    bool created = false;
    if (t->configured || plan->foreign)
        return WF_OK;
    wf_status status = debezium_settle_is_there(t->client, plan->connector, &there, err);
    if (!status && !there) {
        t->put = true;
        status = debezium_settle_config(t->client, plan->connector, &created, err);
    }
    if (!status && plan->first && !t->asked_rows) {
        status = debezium_settle_reads_rows(t->client, plan->connector, created,
                                            &t->view.reads_rows, err);
        t->asked_rows = !status;
    }
    if (status)
        return status;
    if (created)
        debezium_tend_say(t, LOG_INFO, "connector '%.*s' was made",
                          STR_ARG(debezium_tend_name(t)));
    t->view.found = !t->put;
    t->configured = true;
    t->put_ms = clock_mono_ms();
    return WF_OK;
}

/* Somebody deleted it.  Made again, it goes on from the offsets that Connect kept. */
static void debezium_tend_gone(struct debezium_tend *t)
{
    if (t->plan->foreign || clock_mono_ms() - t->put_ms < t->plan->times.birth_ms)
        return;
    debezium_tend_say(t, LOG_WARN,
                      "connector '%.*s' was deleted at Kafka Connect, and not by this "
                      "source: it is made again",
                      STR_ARG(debezium_tend_name(t)));
    t->configured = false;
    t->paused_done = false;
}

/* ---- pausing ------------------------------------------------------------------------- */

static void debezium_tend_ask(struct debezium_tend *t, enum connect_wish wish)
{
    wf_error err;
    wf_status status = connect_wish(t->client, debezium_tend_name(t), wish, &err);
    if (status == WF_CANCELLED)
        return;
    if (status && !t->told_wish)
        debezium_tend_say(t, LOG_WARN, "connector '%.*s' could not be %s, tried again: %s",
                          STR_ARG(debezium_tend_name(t)),
                          wish == CONNECT_RUN ? "resumed" : "paused", err.text);
    t->told_wish = status != WF_OK;
    t->paused_done = !status && wish != CONNECT_RUN;
}

static void debezium_tend_resting(struct debezium_tend *t)
{
    bool stopped = t->view.connector.state == CONNECT_STOPPED;
    t->running_ms = 0;
    if (t->paused) {
        t->paused_done = true;
    } else if (!t->plan->foreign && (stopped ? t->resume_stopped : t->resume_paused)) {
        debezium_tend_ask(t, CONNECT_RUN);
        return;
    } else if (!t->told_rest) {
        debezium_tend_say(
            t, LOG_WARN,
            "connector '%.*s' is %s at Kafka Connect, and not by this source: "
            "nothing new comes until it is resumed there (PUT "
            "/connectors/%.*s/resume)",
            STR_ARG(debezium_tend_name(t)), connect_state_text(t->view.connector.state),
            STR_ARG(debezium_tend_name(t)));
    }
    t->told_rest = !t->paused;
    t->view.settled = true;
}

static void debezium_tend_running(struct debezium_tend *t)
{
    int64_t now = clock_mono_ms();
    t->view.settled = true;
    t->told_rest = false;
    t->resume_paused = t->resume_stopped = false;
    t->running_ms = t->running_ms ? t->running_ms : now;
    t->restart_ms = 0;
    if (now - t->running_ms >= t->plan->times.steady_ms)
        t->failures = 0;
    if (t->paused && !t->paused_done && !t->plan->foreign)
        debezium_tend_ask(t, CONNECT_PAUSE);
}

/* ---- failed tasks -------------------------------------------------------------------- */

static int64_t debezium_tend_backoff(const struct debezium_tend *t)
{
    int64_t wait_ms = t->plan->times.backoff_ms;
    for (unsigned i = 0; i < t->failures && wait_ms < DEBEZIUM_TEND_BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    return wait_ms < DEBEZIUM_TEND_BACKOFF_MOST_MS ? wait_ms
                                                   : DEBEZIUM_TEND_BACKOFF_MOST_MS;
}

static void debezium_tend_give_up(struct debezium_tend *t)
{
    const char *why = t->view.connector.why;
    const char *cure = dbz_connector_cure(why);
    char again[64] = "";
    if (t->failures)
        snprintf(again, sizeof again, ", also after %u restart%s", t->failures,
                 t->failures == 1 ? "" : "s");
    error_set(&t->view.error, WF_STATE,
              "connector '%.*s' failed%s: %s; %s, then start the source again",
              STR_ARG(debezium_tend_name(t)), again, why[0] ? why : "it did not say why",
              cure[0] ? cure : "mend that");
}

static void debezium_tend_restart(struct debezium_tend *t)
{
    wf_error err;
    wf_status status = connect_restart_failed(t->client, debezium_tend_name(t), &err);
    if (status == WF_CANCELLED)
        return;
    if (status) {
        debezium_tend_trouble(t, &err);
        return;
    }
    t->failures++;
    t->view.restarts++;
    t->restart_ms = clock_mono_ms() + debezium_tend_backoff(t);
    debezium_tend_say(t, LOG_WARN,
                      "connector '%.*s' failed and was restarted (%u of %lld): %s",
                      STR_ARG(debezium_tend_name(t)), t->failures,
                      (long long)t->plan->restarts, t->view.connector.why);
}

static void debezium_tend_failed(struct debezium_tend *t)
{
    int64_t now = clock_mono_ms();
    t->running_ms = 0;
    if (t->plan->foreign)
        return;
    bool last = (int64_t)t->failures >= t->plan->restarts;
    if (!t->restart_ms)
        t->restart_ms = now + debezium_tend_backoff(t);
    if (last && (now >= t->restart_ms || !t->plan->restarts))
        debezium_tend_give_up(t);
    else if (now >= t->restart_ms)
        debezium_tend_restart(t);
}

/* ---- a look -------------------------------------------------------------------------- */

static void debezium_tend_judge(struct debezium_tend *t)
{
    debezium_tend_answered(t);
    switch (t->view.connector.state) {
    case CONNECT_RUNNING:
        debezium_tend_running(t);
        break;
    case CONNECT_PAUSED:
    case CONNECT_STOPPED:
        debezium_tend_resting(t);
        break;
    case CONNECT_FAILED:
        debezium_tend_failed(t);
        break;
    case CONNECT_NOT_FOUND:
        debezium_tend_gone(t);
        break;
    default: /* on its way to something */
        t->running_ms = 0;
        break;
    }
}

static int64_t debezium_tend_wait(const struct debezium_tend *t)
{
    const struct debezium_watch_times *times = &t->plan->times;
    enum connect_state state = t->view.connector.state;
    bool rests = state == CONNECT_PAUSED || state == CONNECT_STOPPED;
    bool wished = t->paused == t->paused_done || t->plan->foreign;
    if (t->view.error.code)
        return times->look_ms;
    if (!t->view.settled)
        return times->soon_ms / DEBEZIUM_TEND_AT_FIRST;
    if (!t->view.away && (state == CONNECT_RUNNING || rests) && wished)
        return times->look_ms;
    int64_t due = t->restart_ms ? t->restart_ms - clock_mono_ms() : times->soon_ms;
    due = due < 1 ? 1 : due;
    return due < times->soon_ms ? due : times->soon_ms;
}

static void debezium_tend_wished(struct debezium_tend *t, bool paused)
{
    if (paused == t->paused)
        return;
    t->paused = paused;
    t->resume_paused = !paused;
    t->paused_done = false;
    t->told_wish = false;
}

int64_t debezium_tend_look(struct debezium_tend *t, bool paused)
{
    wf_error err = {.code = WF_OK};
    struct connect_status seen;
    if (t->view.error.code)
        return debezium_tend_wait(t);
    debezium_tend_wished(t, paused);
    bool configured = t->configured;
    wf_status status = debezium_tend_configure(t, &err);
    bool refused = status && !configured && status != WF_UNAVAILABLE;
    if (!status)
        status = connect_status_get(t->client, debezium_tend_name(t), &seen, &err);
    if (status == WF_CANCELLED)
        return debezium_tend_wait(t);
    if (status && refused) {
        t->view.error = err;
    } else if (status) {
        debezium_tend_trouble(t, &err);
    } else {
        t->view.connector = seen;
        debezium_tend_judge(t);
    }
    return debezium_tend_wait(t);
}

/* ---- deeds -------------------------------------------------------------------------- */

static wf_status debezium_tend_delete(struct debezium_tend *t, struct buf *out_removed,
                                      wf_error *err)
{
    bool existed = false;
    wf_str name = debezium_tend_name(t);
    wf_status status = connect_delete(t->client, name, &existed, err);
    if (!status && existed)
        buf_printf(out_removed, "connector %.*s\n", STR_ARG(name));
    return status;
}

static wf_status debezium_tend_read(struct debezium_tend *t, struct buf *out_config,
                                    wf_error *err)
{
    bool exists = false;
    wf_str name = debezium_tend_name(t);
    wf_status status = connect_config(t->client, name, &exists, out_config, err);
    if (!status && !exists)
        return error_set(err, WF_NOT_FOUND, "Kafka Connect has no connector '%.*s'",
                         STR_ARG(name));
    return status ? status : buf_status(out_config, "configuration of the connector", err);
}

wf_status debezium_tend_do(struct debezium_tend *t, enum debezium_deed deed,
                           struct buf *out_text, wf_error *err)
{
    wf_str name = debezium_tend_name(t);
    switch (deed) {
    case DEBEZIUM_READ:
        return debezium_tend_read(t, out_text, err);
    case DEBEZIUM_DELETE:
        return debezium_tend_delete(t, out_text, err);
    case DEBEZIUM_PAUSE:
        return connect_wish(t->client, name, CONNECT_PAUSE, err);
    case DEBEZIUM_STOP:
        return connect_wish(t->client, name, CONNECT_STOP, err);
    case DEBEZIUM_REMOVE:
        break;
    }
    return debezium_settle_remove(t->client, t->plan->connector, out_text, err);
}
