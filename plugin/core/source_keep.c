/* SPDX-License-Identifier: MIT
 *
 * source_keep - a position is stored only when the names of all who hold it back are stored
 * too, and told to the server only when it is stored.  The storing is the scribe's.
 */
#include "plugin/core/source_keep.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/source_lock.h"
#include "plugin/core/source_run.h"
#include "plugin/core/store.h"

#define KEEP_CONFIRM_MS 200 /* between confirms under load */
#define KEEP_IDLE_MS 20     /* without news until what there is is confirmed */
#define KEEP_TROUBLE_MS 200 /* until a store that failed is tried again */

/* ---- a run begins -------------------------------------------------------------------- */

wf_status source_keep_hold(struct cdc_source *source, wf_error *err)
{
    if (source->settings->provider->lossy || source->lock_fd >= 0)
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    settings_state_dir(source->settings, &path);
    wf_status status = buf_status(&path, "state_dir", err);
    return status ? status
                  : source_lock_take(buf_c(&path), source->id, &source->lock_fd, err);
}

static wf_status source_keep_lock(struct cdc_source *source, wf_error *err)
{
    for (bool told = false;; told = true) {
        wf_status status = source_keep_hold(source, err);
        if (status != WF_STATE || !source->settings->core.standby)
            return status;
        pthread_mutex_lock(&source->lock);
        source->standby = true;
        source->error = *err;
        pthread_cond_broadcast(&source->changed);
        pthread_mutex_unlock(&source->lock);
        if (!told)
            log_line(&source->logger, LOG_INFO, "standing by source=%.*s: %s",
                     STR_ARG(source->id), err->text);
        source_run_sleep(source, source->check_ms);
        if (!source_run_goes_on(source))
            return error_set(err, WF_CANCELLED, "stopped while standing by");
    }
}

static wf_status source_keep_expect(void *ctx, wf_str name, wf_error *err)
{
    struct cdc_source *source = ctx;
    return flow_expect(&source->flow, name, err);
}

/* Whether the snapshot of options.snapshot is due at this start.  No position is stored
 * before all of its tables are, so that one that was cut off at its beginning begins
 * again. */
static bool source_keep_want_snapshot(const struct cdc_source *source)
{
    int32_t mode = source->settings->core.snapshot;
    bool first = !source->confirm.latest.len;
    return mode == CDC_SNAPSHOT_ALWAYS ||
           ((mode == CDC_SNAPSHOT_INITIAL || mode == CDC_SNAPSHOT_WHEN_NEEDED) && first);
}

static wf_status source_keep_read(struct cdc_source *source, wf_error *err)
{
    struct cdc_store *store;
    wf_status status = source_store(source, &store, err);
    if (status)
        return status;
    buf_clear(&source->identity);
    buf_clear(&source->confirm.latest);
    status =
        store_position_get(store, source->id, str_from(source->settings->provider->name),
                           &source->confirm.latest, &source->identity, err);
    source->snapshot_wanted = !status && source_keep_want_snapshot(source);
    if (!status)
        status =
            store_subscription_each(store, source->id, source, source_keep_expect, err);
    if (status)
        return status;
    pthread_mutex_lock(&source->lock);
    source->standby = false;
    source->error.text[0] = '\0';
    buf_str(&source->position, buf_view(&source->confirm.latest));
    status = buf_status(&source->position, "position", err);
    pthread_mutex_unlock(&source->lock);
    atomic_fetch_add(&source->flow.replays, 1);
    return status;
}

wf_status source_keep_open(struct cdc_source *source, wf_error *err)
{
    const struct cdc_settings *settings = source->settings;
    source->snapshot_wanted = false;
    source->untold = false;
    source->commit_lost = false;
    source->trouble_ms = 0;
    pthread_mutex_lock(&source->lock);
    buf_clear(&source->position);
    pthread_mutex_unlock(&source->lock);
    source->seen_version = source->kept_version = atomic_load(&source->flow.version) - 1;
    wf_status status = flow_open(&source->flow, str_from(settings->provider->name),
                                 (size_t)settings->core.buffer_bytes,
                                 (size_t)settings->core.max_event_bytes, err);
    if (!status)
        status = confirm_reset(&source->confirm, STR_EMPTY, err);
    hold_clear(&source->flow);
    snapshot_reset(source->snapshot);
    if (status || settings->provider->lossy)
        return status;
    status = source_keep_lock(source, err);
    return status ? status : source_keep_read(source, err);
}

/* ---- confirming ---------------------------------------------------------------------- */

/* After a call on the store: WF_OK when it is to be tried again. */
static wf_status source_keep_trouble(struct cdc_source *source, wf_status status,
                                     const wf_error *err)
{
    if (status != WF_UNAVAILABLE)
        return status;
    pthread_mutex_lock(&source->lock);
    bool news = strcmp(source->error.text, err->text) != 0;
    source->error = *err;
    pthread_mutex_unlock(&source->lock);
    if (news)
        log_line(&source->logger, LOG_ERROR,
                 "state not stored, trying again source=%.*s error=%s", STR_ARG(source->id),
                 err->text);
    source->trouble_ms = clock_mono_ms() + KEEP_TROUBLE_MS;
    return WF_OK;
}

static wf_status source_keep_put_names(struct cdc_source *source, wf_error *err)
{
    uint32_t version = atomic_load(&source->flow.version);
    if (source->settings->provider->lossy)
        source->kept_version = version;
    if (version == source->kept_version)
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf names;
    buf_init(&names, LIMIT_OUTPUT_BYTES);
    flow_names(&source->flow, &names);
    wf_status status = buf_status(&names, "names of subscriptions", err);
    struct cdc_store *store;
    if (!status)
        status = source_store(source, &store, err);
    wf_str rest = buf_view(&names);
    for (wf_str name; !status && flow_next_name(&rest, &name);)
        status = store_subscription_put(store, source->id, name, err);
    if (!status)
        source->kept_version = version;
    return status;
}

wf_status source_keep_names(struct cdc_source *source, wf_error *err)
{
    if (clock_mono_ms() < source->trouble_ms)
        return WF_OK;
    return source_keep_trouble(source, source_keep_put_names(source, err), err);
}

wf_status source_keep_write(void *ctx, wf_error *err)
{
    struct cdc_source *source = ctx;
    const struct cdc_provider *provider = source->settings->provider;
    wf_status status = hold_write(&source->flow, err);
    if (status || !source->writes_position)
        return status;
    struct cdc_store *store;
    status = source_store(source, &store, err);
    return status ? status
                  : store_position_put(store, source->id, str_from(provider->name),
                                       buf_view(&source->identity),
                                       buf_view(&source->writing), err);
}

/* `ready`, and what it leaves to be used again. */
static void source_keep_swap(struct cdc_source *source)
{
    struct buf swap = source->confirm.ready;
    source->confirm.ready = source->writing;
    source->writing = swap;
}

/* What was to be written is. */
static void source_keep_written(struct cdc_source *source)
{
    pthread_mutex_lock(&source->lock);
    if (source->writes_position) {
        struct buf swap = source->position;
        source->position = source->writing;
        source->writing = swap;
        source->untold = true;
    }
    if (source->trouble_ms)
        source->error.text[0] = '\0'; /* the store works again */
    pthread_mutex_unlock(&source->lock);
    source->trouble_ms = 0;
}

/* Takes the scribe's answer, if there is one. */
static wf_status source_keep_take(struct cdc_source *source, wf_error *err)
{
    wf_status status;
    if (!scribe_take(&source->scribe, &status, err))
        return WF_OK;
    if (!status) {
        source_keep_written(source);
        return WF_OK;
    }
    /* A newer position is as good; it covers this one. */
    if (source->writes_position && !source->confirm.unconfirmed)
        source_keep_swap(source);
    source->confirm.unconfirmed |= source->writes_position;
    return source_keep_trouble(source, status, err);
}

/* Tells the far side what is stored, again after a reconnect or a restart: it may not have
 * heard. */
static wf_status source_keep_tell(struct cdc_source *source, wf_error *err)
{
    /* A stored position says that the first snapshot has begun, or that none was wanted. */
    if (!source->provider_open || !source->untold || source->snapshot_wanted)
        return WF_OK;
    wf_status status = source->settings->provider->confirm(
        source->provider_state, buf_view(&source->position), err);
    source->untold = status != WF_OK;
    return status;
}

/* Nothing came for a while, and everything is delivered.  While events trickle in, each
 * would find the log empty, and the disk would be busy after each.  Time is what counts,
 * not looks that find nothing: the scribe's answer, too, makes us look, and would be
 * followed by its next piece of work. */
static bool source_keep_is_idle(struct cdc_source *source, int64_t now)
{
    source->looked_ms = now;
    if (source->commits != source->commits_seen)
        source->moved_ms = now;
    source->commits_seen = source->commits;
    return now - source->moved_ms >= KEEP_IDLE_MS && flow_is_empty(&source->flow) &&
           !confirm_pending(&source->confirm);
}

int source_keep_wait_ms(const struct cdc_source *source)
{
    int64_t wait_ms = source->moved_ms + KEEP_IDLE_MS - source->looked_ms;
    return wait_ms > 0 ? (int)wait_ms : 0;
}

/* Gives the scribe what there is to write; it is idle. */
static wf_status source_keep_ask(struct cdc_source *source, bool due, wf_error *err)
{
    /* No position is stored before a first snapshot has begun. */
    due = due && source->confirm.unconfirmed && !source->snapshot_wanted;
    wf_status status = due ? source_keep_put_names(source, err) : WF_OK;
    if (status)
        return source_keep_trouble(source, status, err);
    bool chunks = snapshot_active(source->snapshot) && hold_is_due(&source->flow);
    if (!chunks && !due)
        return WF_OK;
    source->writes_position = due;
    if (due) {
        source_keep_swap(source);
        source->confirm.unconfirmed = false;
        source->confirmed_ms = clock_mono_ms();
    }
    if (!source->settings->provider->lossy) {
        scribe_ask(&source->scribe);
        return WF_OK;
    }
    /* There is nothing to come back to. */
    source_keep_written(source);
    return hold_write(&source->flow, err);
}

wf_status source_keep_confirm(struct cdc_source *source, bool at_once, wf_error *err)
{
    confirm_passed(&source->confirm, flow_settle(&source->flow));
    if (at_once)
        scribe_wait(&source->scribe);
    wf_status status = source_keep_take(source, err);
    int64_t now = clock_mono_ms();
    bool idle = source_keep_is_idle(source, now);
    bool may = at_once || now >= source->trouble_ms;
    if (!status && may && scribe_is_idle(&source->scribe))
        status = source_keep_ask(
            source, at_once || idle || now - source->confirmed_ms >= KEEP_CONFIRM_MS, err);
    if (!status && at_once) {
        scribe_wait(&source->scribe);
        status = source_keep_take(source, err);
    }
    return status ? status : source_keep_tell(source, err);
}

/* ---- now and then -------------------------------------------------------------------- */

static struct cdc_store *source_keep_store(struct cdc_source *source)
{
    pthread_mutex_lock(&source->store_lock);
    struct cdc_store *store = source->store;
    pthread_mutex_unlock(&source->store_lock);
    return store;
}

/* A lock file that was removed, by whoever tidies up, is made anew; when another process has
 * been faster the source is its. */
static wf_status source_keep_holding(struct cdc_source *source, wf_error *err)
{
    if (source->lock_fd >= 0 && source_lock_is_gone(source->lock_fd))
        source_lock_release(&source->lock_fd);
    return source_keep_hold(source, err);
}

wf_status source_keep_look_around(struct cdc_source *source, wf_error *err)
{
    int64_t now = clock_mono_ms();
    if (now - source->checked_ms < source->check_ms)
        return WF_OK;
    source->checked_ms = now;
    struct cdc_store *store = source_keep_store(source);
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_CONFIG_BYTES);
    wf_status status = source_keep_holding(source, err);
    while (!status && flow_expire_claim(&source->flow, &name)) {
        log_line(&source->logger, LOG_WARN,
                 "a trigger has not come back and its place is given up source=%.*s "
                 "subscription=%.*s seconds=%lld",
                 STR_ARG(source->id), STR_ARG(buf_view(&name)),
                 (long long)source->flow.grace_ms / 1000);
        if (store)
            status = store_subscription_drop(store, source->id, buf_view(&name), err);
        buf_clear(&name);
    }
    if (store && store_changed_by_others(store)) {
        atomic_fetch_add(&source->flow.replays, 1);
        flow_publish(&source->flow);
    }
    return source_keep_trouble(source, status, err);
}
