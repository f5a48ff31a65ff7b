/* SPDX-License-Identifier: MIT
 *
 * scribe - three states under one lock.
 */
#include "plugin/core/scribe.h"

#include "base/thread.h"

void scribe_init(struct scribe *s, void *ctx, wf_status (*work)(void *ctx, wf_error *err),
                 void (*wake)(void *ctx))
{
    *s = (struct scribe){.work = work, .wake = wake, .ctx = ctx};
    pthread_mutex_init(&s->lock, NULL);
    thread_cond_init(&s->changed);
}

/* Does what was asked for.  With s->lock, which is free meanwhile. */
static void scribe_work(struct scribe *s)
{
    pthread_mutex_unlock(&s->lock);
    wf_error error = {.code = WF_OK};
    wf_status status = s->work(s->ctx, &error);
    pthread_mutex_lock(&s->lock);
    s->status = status;
    s->error = error;
    s->state = SCRIBE_DONE;
    pthread_cond_broadcast(&s->changed);
}

static void *scribe_main(void *arg)
{
    struct scribe *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->state != SCRIBE_WORKING && !s->ending)
            pthread_cond_wait(&s->changed, &s->lock);
        if (s->state != SCRIBE_WORKING)
            break;
        scribe_work(s);
        bool awaited = s->awaited;
        pthread_mutex_unlock(&s->lock);
        if (!awaited)
            s->wake(s->ctx);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void scribe_release(struct scribe *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

bool scribe_is_idle(struct scribe *s)
{
    pthread_mutex_lock(&s->lock);
    bool idle = s->state == SCRIBE_IDLE;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

void scribe_ask(struct scribe *s)
{
    if (!s->has_thread)
        s->has_thread = !thread_start(&s->thread, "cdc-scribe", scribe_main, s, NULL);
    pthread_mutex_lock(&s->lock);
    s->state = SCRIBE_WORKING;
    if (s->has_thread)
        pthread_cond_broadcast(&s->changed);
    else
        scribe_work(s);
    pthread_mutex_unlock(&s->lock);
}

void scribe_wait(struct scribe *s)
{
    pthread_mutex_lock(&s->lock);
    s->awaited = true;
    while (s->state == SCRIBE_WORKING)
        pthread_cond_wait(&s->changed, &s->lock);
    s->awaited = false;
    pthread_mutex_unlock(&s->lock);
}

bool scribe_take(struct scribe *s, wf_status *out_status, wf_error *err)
{
    pthread_mutex_lock(&s->lock);
    bool done = s->state == SCRIBE_DONE;
    if (done) {
        s->state = SCRIBE_IDLE;
        *out_status = s->status;
        if (s->status && err)
            *err = s->error;
    }
    pthread_mutex_unlock(&s->lock);
    return done;
}
