/* SPDX-License-Identifier: MIT
 *
 * source - what others may want of a source, and the thread that does it
 * (core/source_run.c).
 */
#include "plugin/core/source.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/source_keep.h"
#include "plugin/core/source_run.h"
#include "plugin/core/store.h"

#define SOURCE_TURN_MS 1000 /* longest wait for the source thread to see a pause */

/* ---- making and ending --------------------------------------------------------------- */

void source_wake(struct cdc_source *source)
{
    pthread_mutex_lock(&source->provider_lock);
    if (source->provider_open)
        source->settings->provider->interrupt(source->provider_state);
    pthread_mutex_unlock(&source->provider_lock);
}

static void source_on_written(void *ctx)
{
    source_wake(ctx);
}

static void source_on_space(void *ctx)
{
    source_wake(ctx);
}

static void source_on_change(void *ctx)
{
    source_wake(ctx);
}

static wf_status source_flow_store(void *ctx, struct cdc_store **out, wf_error *err)
{
    return source_store(ctx, out, err);
}

wf_status source_new(wf_str id, const wf_host *host, const struct logger *logger,
                     struct cdc_source **out, wf_error *err)
{
    struct cdc_source *source = calloc(1, sizeof *source);
    char *id_copy = str_dup(id);
    if (!source || !id_copy) {
        free(source);
        free(id_copy);
        return error_no_memory(err);
    }
    source->id = (wf_str){id_copy, id.len};
    source->host = host;
    source->logger = *logger;
    source->lock_fd = -1;
    source->backoff_ms = SOURCE_BACKOFF_MS;
    source->check_ms = SOURCE_CHECK_MS;
    pthread_mutex_init(&source->lock, NULL);
    pthread_mutex_init(&source->provider_lock, NULL);
    pthread_mutex_init(&source->store_lock, NULL);
    thread_cond_init(&source->changed);
    thread_cond_init(&source->control);
    buf_init(&source->removed, LIMIT_CONFIG_BYTES);
    buf_init(&source->details, LIMIT_CONFIG_BYTES);
    buf_init(&source->position, LIMIT_POSITION);
    buf_init(&source->writing, LIMIT_POSITION);
    buf_init(&source->identity, LIMIT_TEXT_BYTES);
    scribe_init(&source->scribe, source, source_keep_write, source_on_written);
    confirm_init(&source->confirm);
    struct flow_owner owner = {source,          source->id,       &source->logger,
                               source_on_space, source_on_change, source_flow_store};
    wf_status status = flow_init(&source->flow, &owner, err);
    if (!status)
        status = snapshot_new(&source->snapshot, err);
    if (status) {
        source_free(source);
        return status;
    }
    *out = source;
    return WF_OK;
}

void source_free(struct cdc_source *source)
{
    if (!source)
        return;
    pthread_mutex_lock(&source->lock);
    source->ending = true;
    source->wanted = false;
    atomic_store(&source->cancelled, true);
    pthread_cond_broadcast(&source->control);
    pthread_mutex_unlock(&source->lock);
    source_wake(source);
    if (source->has_thread)
        pthread_join(source->thread, NULL);
    scribe_release(&source->scribe);
    store_close(source->store);
    snapshot_free(source->snapshot);
    flow_release(&source->flow);
    confirm_release(&source->confirm);
    settings_free(source->settings);
    settings_free(source->next_settings);
    buf_release(&source->removed);
    buf_release(&source->details);
    buf_release(&source->position);
    buf_release(&source->writing);
    buf_release(&source->identity);
    pthread_cond_destroy(&source->changed);
    pthread_cond_destroy(&source->control);
    pthread_mutex_destroy(&source->provider_lock);
    pthread_mutex_destroy(&source->store_lock);
    pthread_mutex_destroy(&source->lock);
    free(source->owner);
    free((char *)(uintptr_t)source->id.ptr);
    free(source);
}

/* ---- the thread ---------------------------------------------------------------------- */

/* Takes over what was asked for; false when the thread is to end.  With source.lock. */
static bool source_next_run(struct cdc_source *source)
{
    while (!source->wanted && !source->cleanup_wanted && !source->ending)
        pthread_cond_wait(&source->control, &source->lock);
    if (source->ending)
        return false;
    if (source->next_settings) {
        settings_free(source->settings);
        source->settings = source->next_settings;
        source->next_settings = NULL;
    }
    return true;
}

static void *source_main(void *arg)
{
    struct cdc_source *source = arg;
    pthread_mutex_lock(&source->lock);
    while (source_next_run(source)) {
        lifecycle_on(&source->life, LIFECYCLE_ON_START);
        source->started_run = source->runs;
        source->working = true;
        source->cleaning = !source->wanted;
        source->error = (wf_error){.code = WF_OK};
        atomic_store(&source->cancelled, !source->wanted && !source->cleanup_wanted);
        pthread_mutex_unlock(&source->lock);
        source_run(source);
        pthread_mutex_lock(&source->lock);
        source->working = false;
        pthread_cond_broadcast(&source->changed);
    }
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

/* ---- start and stop ------------------------------------------------------------------ */

static wf_status source_ensure_thread(struct cdc_source *source, wf_error *err)
{
    if (source->has_thread)
        return WF_OK;
    wf_status status =
        thread_start(&source->thread, "cdc-source", source_main, source, err);
    source->has_thread = !status;
    return status;
}

/* The store is open, and these settings have theirs in another place.  With source.lock. */
static bool source_moves(struct cdc_source *source, const struct cdc_settings *settings)
{
    pthread_mutex_lock(&source->store_lock);
    bool open = source->store != NULL;
    pthread_mutex_unlock(&source->store_lock);
    return open && source->settings &&
           !(str_eq(settings->core.state_dir, source->settings->core.state_dir) &&
             str_eq(settings->config_dir, source->settings->config_dir));
}

wf_status source_ask_start(struct cdc_source *source, struct cdc_settings *settings,
                           uint64_t *out_run, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    wf_status status = WF_OK;
    if (source->wanted)
        status = error_set(err, WF_STATE, "CDC source \"%.*s\" already registered",
                           STR_ARG(source->id));
    else if (!settings && !source->settings && !source->next_settings)
        status = error_set(err, WF_STATE, "CDC source \"%.*s\" was never configured",
                           STR_ARG(source->id));
    else if (settings && source_moves(source, settings))
        status = error_set(err, WF_CONFIG,
                           "'options.state_dir' cannot change while the source's "
                           "triggers are loaded");
    else
        status = source_ensure_thread(source, err);
    if (status) {
        pthread_mutex_unlock(&source->lock);
        settings_free(settings);
        return status;
    }
    if (settings) {
        settings_free(source->next_settings);
        source->next_settings = settings;
    }
    source->wanted = true;
    source->cleanup_wanted = false;
    source->cleaned = false;
    source->standby = false;
    *out_run = ++source->runs;
    pthread_cond_broadcast(&source->control);
    pthread_cond_broadcast(
        &source->changed); /* whoever waits for a stop: there is a new run */
    pthread_mutex_unlock(&source->lock);
    return WF_OK;
}

/* The first connection is still being made, and it is right to wait for it: not while
 * callbacks of the run before have to return first, one of which may be the caller's. */
static bool source_still_connecting(const struct cdc_source *source, uint64_t run)
{
    if (source->draining && atomic_load(&source->flow.firing))
        return false;
    return source->runs == run && source->wanted && !source->standby &&
           (source->started_run != run || source->life.phase == LIFECYCLE_CONNECTING);
}

wf_status source_await_start(struct cdc_source *source, uint64_t run, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    while (source_still_connecting(source, run))
        pthread_cond_wait(&source->changed, &source->lock);
    wf_status status = WF_OK;
    if (source->runs == run && source->started_run == run &&
        (source->life.phase == LIFECYCLE_FAILED ||
         (source->life.phase == LIFECYCLE_RECONNECTING && !source->standby))) {
        /* What fails at once is told to whoever asked, and not tried behind his back. */
        if (err)
            *err = source->error;
        status = source->error.code;
        source->wanted = false;
        atomic_store(&source->cancelled, true);
        pthread_cond_broadcast(&source->control);
        while (source->runs == run && source->working)
            pthread_cond_wait(&source->changed, &source->lock);
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

wf_status source_start(struct cdc_source *source, struct cdc_settings *settings,
                       wf_error *err)
{
    uint64_t run;
    wf_status status = source_ask_start(source, settings, &run, err);
    return status ? status : source_await_start(source, run, err);
}

static bool source_is_stopped(const struct cdc_source *source)
{
    return !source->working && !source->cleanup_wanted;
}

uint64_t source_ask_stop(struct cdc_source *source, bool cleanup)
{
    pthread_mutex_lock(&source->lock);
    uint64_t run = source->runs;
    source->wanted = false;
    buf_clear(&source->removed);
    if (cleanup && !source->cleaned && source->has_thread) {
        source->cleanup_wanted = true;
        source->error.text[0] = '\0';
    }
    atomic_store(&source->cancelled, true);
    pthread_cond_broadcast(&source->control);
    pthread_cond_broadcast(
        &source->changed); /* whoever waits for a start: it may not come to it */
    pthread_mutex_unlock(&source->lock);
    return run;
}

wf_status source_await_stop(struct cdc_source *source, uint64_t run, bool cleanup,
                            bool *out_waited, wf_error *err)
{
    source_wake(source);
    bool waited = true;
    wf_status status = WF_OK;
    pthread_mutex_lock(&source->lock);
    if (source->has_thread) {
        while (source->runs == run && !source_is_stopped(source) &&
               !(source->draining && atomic_load(&source->flow.firing)))
            pthread_cond_wait(&source->changed, &source->lock);
        waited = source_is_stopped(source);
    }
    if (waited && cleanup && !source->cleaned && source->error.text[0]) {
        if (err)
            *err = source->error;
        status = source->error.code;
    }
    pthread_mutex_unlock(&source->lock);
    if (out_waited)
        *out_waited = waited;
    return status;
}

wf_status source_stop(struct cdc_source *source, bool cleanup, bool *out_waited,
                      wf_error *err)
{
    uint64_t run = source_ask_stop(source, cleanup);
    return source_await_stop(source, run, cleanup, out_waited, err);
}

bool source_is_run(struct cdc_source *source, uint64_t run)
{
    pthread_mutex_lock(&source->lock);
    bool is = source->runs == run;
    pthread_mutex_unlock(&source->lock);
    return is;
}

/* ---- requests ------------------------------------------------------------------------ */

/* The poll that runs now still has its budget: what it reads is not against the order, but
 * whoever was told "throttled" may expect that nothing more is read.  With source.lock. */
static void source_await_turn(struct cdc_source *source, uint64_t turn)
{
    int64_t deadline = clock_mono_ms() + SOURCE_TURN_MS;
    while (source->turns == turn && lifecycle_is_open(&source->life) && !source->draining &&
           thread_cond_wait_until(&source->changed, &source->lock, deadline))
        ;
}

wf_status source_pause(struct cdc_source *source, bool pause, wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    bool running = source->wanted;
    uint64_t turn = source->turns;
    if (running)
        lifecycle_on(&source->life, pause ? LIFECYCLE_ON_PAUSE : LIFECYCLE_ON_RESUME);
    pthread_mutex_unlock(&source->lock);
    if (!running)
        return error_set(err, WF_STATE, "CDC source \"%.*s\" is not running",
                         STR_ARG(source->id));
    source_wake(source);
    pthread_mutex_lock(&source->lock);
    if (pause)
        source_await_turn(source, turn);
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    return WF_OK;
}

wf_status source_snapshot(struct cdc_source *source, const wf_str *tables, size_t count,
                          wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    const struct cdc_provider *provider =
        source->wanted && source->settings ? source->settings->provider : NULL;
    pthread_mutex_unlock(&source->lock);
    if (!provider)
        return error_set(err, WF_STATE, "CDC source \"%.*s\" is not running",
                         STR_ARG(source->id));
    if (!provider->snapshot && !provider->snapshot_own)
        return error_set(err, WF_UNSUPPORTED, "provider '%s' has no snapshots",
                         provider->name);
    struct cdc_store *store = NULL;
    wf_status status = provider->lossy ? WF_OK : source_store(source, &store, err);
    const struct cdc_list list = {(wf_str *)tables, count};
    if (!status)
        status = snapshot_request(source->snapshot, store, source->id, &list, err);
    if (!status)
        source_wake(source);
    return status;
}

/* Where the store is, or is to be. */
static wf_status source_store_path(struct cdc_source *source, struct buf *path,
                                   wf_error *err)
{
    pthread_mutex_lock(&source->lock);
    bool configured = source->settings != NULL;
    if (configured)
        settings_state_dir(source->settings, path);
    pthread_mutex_unlock(&source->lock);
    return configured ? buf_status(path, "state_dir", err)
                      : error_set(err, WF_STATE, "CDC source \"%.*s\" is not running",
                                  STR_ARG(source->id));
}

wf_status source_store(struct cdc_source *source, struct cdc_store **out, wf_error *err)
{
    pthread_mutex_lock(&source->store_lock);
    struct cdc_store *store = source->store;
    pthread_mutex_unlock(&source->store_lock);
    wf_status status = WF_OK;
    if (CDC_UNLIKELY(!store)) {
        CDC_CLEANUP(buf_release) struct buf path;
        buf_init(&path, LIMIT_TEXT_BYTES);
        status = source_store_path(source, &path, err);
        pthread_mutex_lock(&source->store_lock);
        if (!status && !source->store)
            status = store_open(buf_c(&path), &source->store, err);
        store = source->store;
        pthread_mutex_unlock(&source->store_lock);
    }
    if (!status)
        *out = store;
    return status;
}

struct cdc_store *source_take_store(struct cdc_source *source)
{
    struct cdc_store *store = NULL;
    pthread_mutex_lock(&source->lock);
    if (!source->wanted && source_is_stopped(source)) {
        pthread_mutex_lock(&source->store_lock);
        store = source->store;
        source->store = NULL;
        pthread_mutex_unlock(&source->store_lock);
    }
    pthread_mutex_unlock(&source->lock);
    return store;
}

wf_status source_with_provider(struct cdc_source *source,
                               const struct cdc_provider *provider,
                               wf_status (*fn)(void *state, void *arg, wf_error *err),
                               void *arg, wf_error *err)
{
    pthread_mutex_lock(&source->provider_lock);
    wf_status status;
    if (source->provider_open && source->settings->provider == provider)
        status = fn(source->provider_state, arg, err);
    else
        status = error_set(err, WF_STATE, "%s CDC provider: source \"%.*s\" not found",
                           provider->name, STR_ARG(source->id));
    pthread_mutex_unlock(&source->provider_lock);
    return status;
}
