/* SPDX-License-Identifier: MIT
 *
 * http_workers - threads that do jobs in the order they came.
 */
#include "host/modules/http_workers.h"

#include "base/limits.h"
#include "base/thread.h"

#define HTTP_WORKERS_MOST 64u

struct http_workers {
    http_job_fn fn;
    void *ctx;
    unsigned max_threads;

    pthread_mutex_t queue_lock; /* guards all below */
    pthread_cond_t queue_changed;
    struct http_job *first;
    struct http_job **end;
    unsigned idle;
    unsigned queued;
    bool closed;
    unsigned count;
    pthread_t threads[HTTP_WORKERS_MOST];
};

struct http_workers *http_workers_new(unsigned max_threads, http_job_fn fn, void *ctx)
{
    struct http_workers *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->fn = fn;
    w->ctx = ctx;
    w->max_threads = max_threads < HTTP_WORKERS_MOST ? max_threads : HTTP_WORKERS_MOST;
    w->end = &w->first;
    pthread_mutex_init(&w->queue_lock, NULL);
    pthread_cond_init(&w->queue_changed, NULL);
    return w;
}

/* The next job; NULL when the queue is empty and closed.  Lock held. */
static struct http_job *http_workers_take(struct http_workers *w)
{
    while (!w->first && !w->closed) {
        w->idle++;
        pthread_cond_wait(&w->queue_changed, &w->queue_lock);
        w->idle--;
    }
    struct http_job *job = w->first;
    if (job) {
        w->first = job->next;
        if (!w->first)
            w->end = &w->first;
        w->queued--;
    }
    return job;
}

static void *http_workers_thread(void *arg)
{
    struct http_workers *w = arg;
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);

    pthread_mutex_lock(&w->queue_lock);
    for (struct http_job *job; (job = http_workers_take(w)) != NULL;) {
        pthread_mutex_unlock(&w->queue_lock);
        w->fn(w->ctx, job, &arena);
        if (arena.total > LIMIT_ARENA_KEPT)
            arena_release(&arena);
        else
            arena_reset(&arena);
        pthread_mutex_lock(&w->queue_lock);
    }
    pthread_mutex_unlock(&w->queue_lock);

    arena_release(&arena);
    return NULL;
}

bool http_workers_submit(struct http_workers *w, struct http_job *job)
{
    bool taken = false;
    pthread_mutex_lock(&w->queue_lock);
    if (!w->closed) {
        if (w->idle <= w->queued && w->count < w->max_threads) {
            wf_error err;
            if (!thread_start(&w->threads[w->count], "http worker", http_workers_thread, w,
                              &err))
                w->count++;
        }
        taken = w->count > 0;
    }
    if (taken) {
        job->next = NULL;
        *w->end = job;
        w->end = &job->next;
        w->queued++;
        pthread_cond_signal(&w->queue_changed);
    }
    pthread_mutex_unlock(&w->queue_lock);
    return taken;
}

void http_workers_free(struct http_workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->queue_lock);
    w->closed = true;
    pthread_cond_broadcast(&w->queue_changed);
    pthread_mutex_unlock(&w->queue_lock);
    /* No thread is added any more, so that the list may be read without the lock. */
    for (unsigned i = 0; i < w->count; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->queue_changed);
    pthread_mutex_destroy(&w->queue_lock);
    free(w);
}
