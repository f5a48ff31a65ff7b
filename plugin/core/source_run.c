/* SPDX-License-Identifier: MIT
 *
 * source_run - open, poll, confirm; drain, close; and again after a pause when the far side
 * went away.
 */
#include "plugin/core/source_run.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/source_emit.h"
#include "plugin/core/source_keep.h"
#include "plugin/core/source_lock.h"
#include "plugin/core/store.h"
#include "plugin/core/subscription.h"

#define RUN_BATCH 4096u /* changes per poll, so that stop and confirm get their turn */
#define RUN_ROOM_PER_CHANGE 64u /* a change takes at least this in the log */
#define RUN_IDLE_MS 1000        /* longest wait of a poll */
#define RUN_BUSY_MS 20          /* the same while something waits to be confirmed */
#define RUN_QUIET_MS 200        /* the same while nothing is to be read */
#define RUN_SETTLE_MS 250       /* from the last new trigger to the first snapshot */
#define RUN_BACKOFF_MOST_MS 30000
#define RUN_STEADY_MS 10000 /* a connection that held so long was a good one */
#define RUN_DRAIN_SHORT_MS                                                                 \
    50 /* a callback that ends in this time is waited for by everyone */

/* ---- phases and words ---------------------------------------------------------------- */

void source_run_phase(struct cdc_source *source, enum lifecycle_event event)
{
    pthread_mutex_lock(&source->lock);
    enum lifecycle_phase before = source->life.phase;
    lifecycle_on(&source->life, event);
    enum lifecycle_phase after = source->life.phase;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    if (before != after)
        log_line(&source->logger, LOG_INFO, "source is %s source=%.*s was=%s",
                 lifecycle_phase_text(after), STR_ARG(source->id),
                 lifecycle_phase_text(before));
}

static void source_run_error(struct cdc_source *source, const wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    if (err)
        source->error = *err;
    else
        source->error.text[0] = '\0';
    pthread_mutex_unlock(&source->lock);
}

bool source_run_goes_on(struct cdc_source *source)
{
    pthread_mutex_lock(&source->lock);
    bool on = source->wanted && source->runs == source->started_run && !source->ending;
    pthread_mutex_unlock(&source->lock);
    return on;
}

void source_run_sleep(struct cdc_source *source, int64_t wait_ms)
{
    int64_t deadline = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&source->lock);
    while (source->wanted && source->runs == source->started_run && !source->ending &&
           thread_cond_wait_until(&source->control, &source->lock, deadline))
        ;
    pthread_mutex_unlock(&source->lock);
}

/* ---- the connection ------------------------------------------------------------------ */

static wf_status source_run_open(struct cdc_source *source,
                                 const struct cdc_emitter *emitter, bool removing,
                                 wf_error *err)
{
    const struct cdc_provider *provider = source->settings->provider;
    void *state = calloc(1, provider->state_size ? provider->state_size : 1);
    if (!state)
        return error_no_memory(err);
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&identity, LIMIT_TEXT_BYTES);
    struct cdc_open with = {
        .settings = source->settings,
        .from = buf_view(&source->confirm.latest),
        .identity = buf_view(&source->identity),
        .out = emitter,
        .host = source->host,
        .cancelled = &source->cancelled,
        .removing = removing,
        .out_identity = &identity,
    };
    wf_status status = provider->open(state, &with, err);
    if (!status)
        status = buf_status(&identity, "identity", err);
    if (status) {
        provider->close(state);
        free(state);
        return status;
    }
    scribe_wait(&source->scribe); /* it may be writing the identity of before */
    struct buf before = source->identity;
    source->identity = identity;
    identity = before;
    source->pause_told = false;
    source->untold = source->position.len > 0; /* the connection before may have lost it */
    pthread_mutex_lock(&source->provider_lock);
    source->provider_state = state;
    source->provider_open = true;
    pthread_mutex_unlock(&source->provider_lock);
    return WF_OK;
}

static void source_run_close(struct cdc_source *source)
{
    pthread_mutex_lock(&source->provider_lock);
    bool open = source->provider_open;
    source->provider_open = false;
    pthread_mutex_unlock(&source->provider_lock);
    snapshot_report(source->snapshot, &(struct cdc_snapshot_report){.running = false});
    if (!open)
        return;
    snapshot_detach(source->snapshot);
    source->settings->provider->close(source->provider_state);
    free(source->provider_state);
    source->provider_state = NULL;
}

/* ---- who is there -------------------------------------------------------------------- */

/* The subscriptions are others than before: keeps their names, and learns whether there are
 * any. */
static wf_status source_run_audience(struct cdc_source *source, wf_error *err)
{
    struct cdc_flow *flow = &source->flow;
    uint32_t version = atomic_load(&flow->version);
    if (version != source->seen_version) {
        source->seen_version = version;
        source->settled_ms = clock_mono_ms() + RUN_SETTLE_MS;
        bool deserted = !flow_subscriptions(flow) && !source->settings->provider->lossy;
        source_run_phase(source,
                         deserted ? LIFECYCLE_ON_DESERTED : LIFECYCLE_ON_SUBSCRIBED);
    }
    return version == source->kept_version ? WF_OK : source_keep_names(source, err);
}

/* ---- the loop ------------------------------------------------------------------------ */

static wf_status source_run_snapshot(struct cdc_source *source, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    bool quiet = source->life.deserted || source->life.paused;
    pthread_mutex_unlock(&source->lock);
    wf_status status = WF_OK;
    if (source->snapshot_wanted && !quiet && clock_mono_ms() >= source->settled_ms) {
        status = source_emit_want_snapshot(source, NULL, 0, err);
        source->snapshot_wanted = status != WF_OK;
    }
    if (!status && !quiet && snapshot_active(source->snapshot))
        status = snapshot_step(source->snapshot, err);
    source_emit_snapshot_phase(source);
    return status;
}

/* Tells the provider whether it is paused, when it does not know. */
static wf_status source_run_pause(struct cdc_source *source, wf_error *err)
{
    const struct cdc_provider *provider = source->settings->provider;
    pthread_mutex_lock(&source->lock);
    bool paused = source->life.paused;
    pthread_mutex_unlock(&source->lock);
    if (CDC_LIKELY(paused == source->pause_told))
        return WF_OK;
    wf_status status =
        provider->pause ? provider->pause(source->provider_state, paused, err) : WF_OK;
    if (!status)
        source->pause_told = paused;
    return status;
}

/* What may be read now.  When the log is nearly full: nothing, and whoever makes room
 * tells. */
static struct cdc_budget source_run_budget(struct cdc_source *source)
{
    struct cdc_flow *flow = &source->flow;
    pthread_mutex_lock(&source->lock);
    bool quiet = source->life.paused || source->life.deserted;
    source->turns++;
    if (source->life.paused)
        pthread_cond_broadcast(&source->changed); /* source_pause() waits for this */
    pthread_mutex_unlock(&source->lock);
    bool pending = confirm_pending(&source->confirm) || source->confirm.unconfirmed;
    int wait_ms = pending ? source_keep_wait_ms(source) : 0;
    struct cdc_budget budget = {pending ? RUN_QUIET_MS : RUN_IDLE_MS, 0};
    if (wait_ms)
        budget.timeout_ms = wait_ms;
    if (quiet)
        return budget;
    if (!flow_has_room(flow)) {
        budget.timeout_ms = RUN_QUIET_MS;
        return budget;
    }
    bool busy = pending || source->snapshot_wanted || snapshot_active(source->snapshot);
    if (busy && !wait_ms)
        budget.timeout_ms = RUN_BUSY_MS;
    size_t most = ring_room(&flow->ring) / RUN_ROOM_PER_CHANGE;
    budget.max_changes = most < RUN_BATCH ? (uint32_t)most : RUN_BATCH;
    return budget;
}

static void source_run_count(struct cdc_source *source)
{
    if (source->taken == source->taken_told &&
        atomic_load_explicit(&source->events_total, memory_order_relaxed) ==
            source->flow.emitted)
        return;
    source->taken_told = source->taken;
    atomic_store_explicit(&source->events_total, source->flow.emitted,
                          memory_order_relaxed);
    atomic_store_explicit(&source->last_event_us, clock_wall_us(), memory_order_relaxed);
}

/* Answers whoever waits for the lag.  A lag that is not known is no reason to stop, a
 * connection that is gone is one to reconnect. */
static wf_status source_run_lag(struct cdc_source *source, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    bool asked = source->lag_asked != source->lag_answered;
    uint64_t number = source->lag_asked;
    pthread_mutex_unlock(&source->lock);
    if (!asked)
        return WF_OK;
    struct cdc_lag lag = CDC_LAG_UNKNOWN;
    const struct cdc_provider *provider = source->settings->provider;
    wf_status status = WF_OK;
    if (provider->lag)
        status = provider->lag(source->provider_state, &lag, err);
    CDC_CLEANUP(buf_release) struct buf details;
    buf_init(&details, LIMIT_CONFIG_BYTES);
    if (status)
        lag = CDC_LAG_UNKNOWN;
    else if (provider->details)
        status = provider->details(source->provider_state, &details, err);
    pthread_mutex_lock(&source->lock);
    source->lag = lag;
    buf_clear(&source->details);
    if (!status && !details.broken)
        buf_str(&source->details, buf_view(&details));
    source->lag_answered = number;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    return status == WF_UNAVAILABLE ? status : WF_OK;
}

static wf_status source_run_turn(struct cdc_source *source, wf_error *err)
{
    /* First who has gone for good, then who is left: nothing is read that nobody holds. */
    wf_status status = source_keep_look_around(source, err);
    if (!status)
        status = source_run_audience(source, err);
    if (!status)
        status = source_run_snapshot(source, err);
    if (!status)
        status = source_run_pause(source, err);
    if (!status)
        status = source_run_lag(source, err);
    if (status)
        return status;
    struct cdc_budget budget = source_run_budget(source);
    status = source->settings->provider->poll(source->provider_state, budget, err);
    source_run_count(source);
    flow_publish(&source->flow);
    if (!status && source->commit_lost) {
        *err = source->commit_error;
        return source->commit_error.code;
    }
    return status ? status : source_keep_confirm(source, false, err);
}

static void source_run_wake(void *ctx)
{
    source_wake(ctx);
}

static wf_status source_run_stream(struct cdc_source *source, wf_error *err)
{
    struct cdc_store *store = NULL;
    const struct cdc_settings *settings = source->settings;
    wf_status status =
        settings->provider->lossy ? WF_OK : source_store(source, &store, err);
    struct snapshot_deps deps = {&source->flow,          store,           settings,
                                 source->provider_state, source_run_wake, source};
    if (!status)
        status = snapshot_attach(source->snapshot, &deps, err);
    if (status)
        return status;
    flow_run(&source->flow);
    while (!status && source_run_goes_on(source))
        status = source_run_turn(source, err);
    return status;
}

/* ---- the end ------------------------------------------------------------------------- */

/* Whoever waits for the source looks whether callbacks run that may be waiting for him. */
static void source_run_draining(struct cdc_source *source)
{
    pthread_mutex_lock(&source->lock);
    source->draining = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

/* Waits for the callbacks that run; the connection is kept alive meanwhile.  A callback may
 * take an hour. */
static void source_run_drain(struct cdc_source *source)
{
    const struct cdc_budget nothing = {.timeout_ms = 0, .max_changes = 0};
    wf_error err = {.code = WF_OK};
    int wait_ms = RUN_DRAIN_SHORT_MS;
    flow_halt(&source->flow);
    for (; !flow_wait_rest(&source->flow, wait_ms); wait_ms = RUN_IDLE_MS) {
        source_run_draining(source);
        if (source->provider_open &&
            source->settings->provider->poll(source->provider_state, nothing, &err))
            source_run_close(source);
        source_keep_confirm(source, false, &err);
    }
    if (source_keep_confirm(source, true, &err) ||
        (source->confirm.unconfirmed && !source->snapshot_wanted))
        log_line(
            &source->logger, LOG_WARN,
            "last position not confirmed, some events will come again source=%.*s error=%s",
            STR_ARG(source->id), err.text);
}

/* The stream is broken for good, but what is in the log can still be delivered. */
static void source_run_empty(struct cdc_source *source)
{
    wf_error err;
    while (source_run_goes_on(source) && !flow_is_empty(&source->flow) &&
           flow_subscriptions(&source->flow)) {
        source_run_sleep(source, RUN_BUSY_MS);
        source_keep_confirm(source, false, &err);
    }
}

static wf_status source_run_remove(struct cdc_source *source, wf_error *err)
{
    const struct cdc_provider *provider = source->settings->provider;
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_CONFIG_BYTES);
    wf_status status = WF_OK;
    if (provider->cleanup)
        status = provider->cleanup(source->provider_state, &removed, err);
    struct cdc_store *store;
    if (!status && !provider->lossy && !source_store(source, &store, err))
        status = store_forget(store, source->id, err);
    pthread_mutex_lock(&source->lock);
    buf_str(&source->removed, buf_view(&removed));
    source->cleaned = !status;
    pthread_mutex_unlock(&source->lock);
    return status;
}

/* What a stop without cleanup leaves behind: a slot that holds back the log until the next
 * start. */
static void source_run_leave(struct cdc_source *source)
{
    const struct cdc_provider *provider = source->settings->provider;
    if (!source->provider_open || !provider->leave)
        return;
    CDC_CLEANUP(buf_release) struct buf lines;
    buf_init(&lines, LIMIT_CONFIG_BYTES);
    wf_error err;
    wf_status status = provider->leave(source->provider_state, &lines, &err);
    if (status && status != WF_CANCELLED)
        log_line(&source->logger, LOG_WARN, "source=%.*s %s", STR_ARG(source->id),
                 err.text);
    if (status || lines.broken)
        return;
    pthread_mutex_lock(&source->lock);
    buf_str(&source->removed, buf_view(&lines));
    pthread_mutex_unlock(&source->lock);
    wf_str rest = buf_view(&lines);
    for (wf_str line; str_next(&rest, '\n', &line);)
        if (line.len)
            log_line(&source->logger, LOG_INFO, "source=%.*s %.*s", STR_ARG(source->id),
                     STR_ARG(line));
}

/* Removes what the provider installed; opens it for that when it is not open. */
static void source_run_cleanup(struct cdc_source *source, const struct cdc_emitter *emitter)
{
    pthread_mutex_lock(&source->lock);
    bool wanted = source->cleanup_wanted;
    source->cleanup_wanted = false; /* what is asked for from now on is another one */
    /* What comes now is part of the stop, and only a further one cancels it. */
    atomic_store(&source->cancelled, source->ending);
    pthread_mutex_unlock(&source->lock);
    if (!wanted) {
        source_run_leave(source);
        return;
    }
    wf_error err = {.code = WF_OK};
    /* Whoever stood by has it not, and what there is is another process's. */
    wf_status status = source_keep_hold(source, &err);
    if (!status && !source->provider_open) {
        /* Opened only to be emptied: a position that can no longer be resumed is no hindrance. */
        buf_clear(&source->confirm.latest);
        buf_clear(&source->identity);
        status = source_run_open(source, emitter, true, &err);
    }
    if (!status)
        status = source_run_remove(source, &err);
    source_run_error(source, status ? &err : NULL);
}

static void source_run_end(struct cdc_source *source, bool failed)
{
    source_run_close(source);
    flow_close(&source->flow);
    source_lock_release(&source->lock_fd);
    pthread_mutex_lock(&source->lock);
    source->draining = false;
    if (failed && source->cleaning)
        source->cleanup_wanted =
            false; /* it was for this that the run began, and it has failed */
    if (failed && source->runs == source->started_run)
        source->wanted = false;
    pthread_mutex_unlock(&source->lock);
    if (!failed)
        source_run_phase(source, LIFECYCLE_ON_STOPPED);
}

/* Pause before the next attempt: doubles each time, and no two sources come at the same
 * moment. */
static int64_t source_run_backoff(const struct cdc_source *source, unsigned attempt)
{
    int64_t wait_ms = source->backoff_ms;
    for (unsigned i = 0; i < attempt && wait_ms < RUN_BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    wait_ms = wait_ms < RUN_BACKOFF_MOST_MS ? wait_ms : RUN_BACKOFF_MOST_MS;
    return wait_ms / 2 + clock_mono_ns() % (wait_ms / 2 + 1);
}

/* Whoever waits for the start learns of it by the phase: it is his to give up, unless the
 * configuration says that a start waits. */
static void source_run_lost(struct cdc_source *source, const wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    source->standby = source->settings->core.standby;
    source->error = *err;
    pthread_mutex_unlock(&source->lock);
    source_run_phase(source, LIFECYCLE_ON_LOST);
}

/* Connects and streams until the run ends; WF_OK when it was asked to stop. */
static wf_status source_run_connections(struct cdc_source *source,
                                        const struct cdc_emitter *emitter, wf_error *err)
{
    unsigned attempt = 0;
    while (source_run_goes_on(source)) {
        wf_status status = source_run_open(source, emitter, false, err);
        if (!status)
            status = source_run_audience(source, err);
        if (!status) /* where a first start begins: another start must not begin later */
            status = source_keep_confirm(source, true, err);
        if (!status) {
            int64_t opened_ms = clock_mono_ms();
            source_run_error(source, NULL);
            source_run_phase(source, LIFECYCLE_ON_OPENED);
            uint64_t taken = source->taken;
            status = source_run_stream(source, err);
            if (source->taken != taken || clock_mono_ms() - opened_ms >= RUN_STEADY_MS)
                attempt = 0;
        }
        if (!status || !source_run_goes_on(source))
            return WF_OK;
        source_run_close(source);
        if (status != WF_UNAVAILABLE)
            return status;
        int64_t wait_ms = source_run_backoff(source, attempt++);
        source_run_lost(source, err);
        log_line(&source->logger, LOG_WARN,
                 "connection lost source=%.*s retry_ms=%lld error=%s", STR_ARG(source->id),
                 (long long)wait_ms, err->text);
        source_run_sleep(source, wait_ms);
    }
    return WF_OK;
}

void source_run(struct cdc_source *source)
{
    const struct cdc_emitter emitter = source_emit_emitter(source);
    wf_error err = {.code = WF_OK};
    wf_status status = source_keep_open(source, &err);
    if (!status)
        status = source_run_connections(source, &emitter, &err);
    bool failed = status && status != WF_CANCELLED;
    if (failed) {
        source_run_error(source, &err);
        log_line(&source->logger, LOG_ERROR, "source failed source=%.*s code=%s error=%s",
                 STR_ARG(source->id), error_status_name(status), err.text);
        source_run_phase(source, LIFECYCLE_ON_BROKEN);
        source_run_empty(source);
    }
    source_run_drain(source);
    if (!failed)
        source_run_cleanup(source, &emitter);
    source_run_end(source, failed);
}
