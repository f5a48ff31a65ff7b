/* SPDX-License-Identifier: MIT
 *
 * debezium_watch - the thread, and what passes between it and the source's.
 *
 * watch.lock guards what both sides touch; the tend and the client are the thread's.
 */
#include "providers/debezium/debezium_watch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/debezium/debezium_tend.h"

#define DEBEZIUM_WATCH_LOOK_MS 100 /* between looks whether a wait is still wanted */
#define DEBEZIUM_WATCH_NOTICES 8

const struct debezium_watch_times debezium_watch_times = {
    .look_ms = 5000,
    .soon_ms = 1000,
    .backoff_ms = 2000,
    .steady_ms = 300000,
    .birth_ms = 10000,
    .patience_ms = 2500,
};

struct debezium_watch_line {
    enum log_level level;
    char text[DEBEZIUM_NOTICE];
};

struct debezium_watch {
    struct debezium_watch_plan plan;
    struct cancel cancel;
    struct debezium_tend tend; /* [watch] */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock;
    pthread_cond_t wanted;  /* the thread is to do something */
    pthread_cond_t changed; /* it has */
    struct debezium_view view;
    bool ending;
    bool hurry; /* a look is due */
    bool paused;
    bool offsets_wanted;
    struct buf offsets;
    bool deed_asked, deed_done;
    bool retired; /* the last deed was asked for */
    enum debezium_deed deed;
    wf_error deed_error;
    struct buf text;                                          /* what the deed wrote */
    struct debezium_watch_line lines[DEBEZIUM_WATCH_NOTICES]; /* oldest first */
    size_t line_count;
};

/* ---- the thread ---------------------------------------------------------------------- */

static void debezium_watch_note(void *ctx, enum log_level level, const char *text)
{
    struct debezium_watch *w = ctx;
    pthread_mutex_lock(&w->lock);
    if (w->line_count == DEBEZIUM_WATCH_NOTICES)
        memmove(w->lines, w->lines + 1, --w->line_count * sizeof w->lines[0]);
    struct debezium_watch_line *line = &w->lines[w->line_count++];
    line->level = level;
    snprintf(line->text, sizeof line->text, "%s", text);
    pthread_mutex_unlock(&w->lock);
}

/* Entered and left with the lock. */
static void debezium_watch_ask_offsets(struct debezium_watch *w)
{
    CDC_CLEANUP(buf_release) struct buf offsets;
    wf_error ignored;
    buf_init(&offsets, LIMIT_CONFIG_BYTES);
    w->offsets_wanted = false;
    pthread_mutex_unlock(&w->lock);
    wf_status status = connect_offsets(w->tend.client, buf_view(&w->plan.connector->name),
                                       &offsets, &ignored);
    pthread_mutex_lock(&w->lock);
    if (status || offsets.broken)
        return;
    buf_clear(&w->offsets);
    buf_str(&w->offsets, buf_view(&offsets));
}

static int64_t debezium_watch_look(struct debezium_watch *w)
{
    bool paused = w->paused;
    w->hurry = false;
    pthread_mutex_unlock(&w->lock);
    int64_t wait_ms = debezium_tend_look(&w->tend, paused);
    pthread_mutex_lock(&w->lock);
    w->view = w->tend.view;
    pthread_cond_broadcast(&w->changed);
    if (w->offsets_wanted && !w->view.away)
        debezium_watch_ask_offsets(w);
    return clock_mono_ms() + wait_ms;
}

static void debezium_watch_serve(struct debezium_watch *w)
{
    CDC_CLEANUP(buf_release) struct buf text;
    wf_error err = {.code = WF_OK};
    buf_init(&text, LIMIT_CONFIG_BYTES);
    w->deed_asked = false;
    if (!w->ending)
        cancel_take(&w->cancel); /* it was for what ran before */
    pthread_mutex_unlock(&w->lock);
    wf_status status = debezium_tend_do(&w->tend, w->deed, &text, &err);
    pthread_mutex_lock(&w->lock);
    w->deed_done = true;
    w->deed_error = err;
    w->deed_error.code = status;
    buf_clear(&w->text);
    buf_str(&w->text, buf_view(&text));
    pthread_cond_broadcast(&w->changed);
}

static void *debezium_watch_run(void *arg)
{
    struct debezium_watch *w = arg;
    int64_t look_ms = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        if (w->deed_asked)
            debezium_watch_serve(w);
        else if (w->retired || w->plan.idle)
            pthread_cond_wait(&w->wanted, &w->lock);
        else if (w->hurry || clock_mono_ms() >= look_ms)
            look_ms = debezium_watch_look(w);
        else
            thread_cond_wait_until(&w->wanted, &w->lock, look_ms);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------- */

static wf_status debezium_watch_begin(struct debezium_watch *w, wf_error *err)
{
    struct connect_plan connect = w->plan.connect;
    connect.cancel = &w->cancel;
    connect.patience_ms = w->plan.times.patience_ms;
    wf_status status = cancel_open(&w->cancel, err);
    if (!status)
        status = connect_open(&connect, &w->tend.client, err);
    if (!status)
        status = thread_start(&w->thread, "cdc-connect", debezium_watch_run, w, err);
    w->has_thread = !status;
    return status;
}

wf_status debezium_watch_start(const struct debezium_watch_plan *plan,
                               struct debezium_watch **out, wf_error *err)
{
    struct debezium_watch *w = calloc(1, sizeof *w);
    if (!w)
        return error_no_memory(err);
    w->plan = *plan;
    w->tend = (struct debezium_tend){
        .plan = &w->plan,
        .ctx = w,
        .notice = debezium_watch_note,
        .view.settled = plan->foreign,
        .resume_paused = plan->resume_paused,
        .resume_stopped = plan->resume_stopped,
    };
    w->view = w->tend.view;
    buf_init(&w->offsets, LIMIT_CONFIG_BYTES);
    buf_init(&w->text, LIMIT_CONFIG_BYTES);
    pthread_mutex_init(&w->lock, NULL);
    thread_cond_init(&w->wanted);
    thread_cond_init(&w->changed);
    wf_status status = debezium_watch_begin(w, err);
    if (status)
        debezium_watch_stop(w);
    else
        *out = w;
    return status;
}

void debezium_watch_stop(struct debezium_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    cancel_raise(&w->cancel);
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    if (w->has_thread)
        pthread_join(w->thread, NULL);
    connect_close(w->tend.client);
    cancel_close(&w->cancel);
    pthread_cond_destroy(&w->wanted);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    buf_release(&w->offsets);
    buf_release(&w->text);
    free(w);
}

/* ---- for the source ------------------------------------------------------------------ */

void debezium_watch_view(struct debezium_watch *w, struct debezium_view *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->view;
    pthread_mutex_unlock(&w->lock);
}

bool debezium_watch_await(struct debezium_watch *w, int timeout_ms,
                          struct debezium_view *out)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    pthread_mutex_lock(&w->lock);
    while (!w->view.settled && !w->view.error.code &&
           thread_cond_wait_until(&w->changed, &w->lock, deadline))
        ;
    bool done = w->view.settled || w->view.error.code;
    *out = w->view;
    pthread_mutex_unlock(&w->lock);
    return done;
}

void debezium_watch_pause(struct debezium_watch *w, bool paused)
{
    pthread_mutex_lock(&w->lock);
    w->hurry |= w->paused != paused;
    w->paused = paused;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock);
}

static bool debezium_watch_is_wanted(const struct debezium_watch_wait *wait)
{
    return !wait->cancelled || !atomic_load(wait->cancelled);
}

/* One attempt; entered and left with the lock.  False: it is not waited for any more. */
static bool debezium_watch_attempt(struct debezium_watch *w,
                                   const struct debezium_watch_wait *wait, int64_t deadline)
{
    w->deed_asked = true;
    w->deed_done = false;
    cancel_raise(&w->cancel); /* whatever runs is not needed any more */
    pthread_cond_signal(&w->wanted);
    while (!w->deed_done && debezium_watch_is_wanted(wait) && clock_mono_ms() < deadline)
        thread_cond_wait_until(&w->changed, &w->lock,
                               clock_mono_ms() + DEBEZIUM_WATCH_LOOK_MS);
    return w->deed_done;
}

wf_status debezium_watch_do(struct debezium_watch *w, enum debezium_deed deed,
                            const struct debezium_watch_wait *wait, struct buf *out_text,
                            wf_error *err)
{
    int64_t deadline = clock_mono_ms() + wait->timeout_ms;
    wf_error last = {.code = WF_UNAVAILABLE,
                     .text = "Kafka Connect did not answer in time"};
    pthread_mutex_lock(&w->lock);
    w->deed = deed;
    w->retired = deed != DEBEZIUM_READ;
    while (last.code == WF_UNAVAILABLE && debezium_watch_attempt(w, wait, deadline))
        last = w->deed_error;
    if (!last.code)
        buf_str(out_text, buf_view(&w->text));
    pthread_mutex_unlock(&w->lock);
    if (last.code == WF_UNAVAILABLE && !debezium_watch_is_wanted(wait))
        return error_set(err, WF_CANCELLED, "stopped while Kafka Connect was asked");
    return last.code ? error_set(err, last.code, "%s", last.text) : WF_OK;
}

bool debezium_watch_notice(struct debezium_watch *w, enum log_level *out_level,
                           char out_text[DEBEZIUM_NOTICE])
{
    pthread_mutex_lock(&w->lock);
    bool any = w->line_count > 0;
    if (any) {
        *out_level = w->lines[0].level;
        memcpy(out_text, w->lines[0].text, DEBEZIUM_NOTICE);
        memmove(w->lines, w->lines + 1, --w->line_count * sizeof w->lines[0]);
    }
    pthread_mutex_unlock(&w->lock);
    return any;
}

void debezium_watch_offsets(struct debezium_watch *w, struct buf *out)
{
    pthread_mutex_lock(&w->lock);
    w->offsets_wanted = true;
    buf_str(out, buf_view(&w->offsets));
    pthread_mutex_unlock(&w->lock);
}
