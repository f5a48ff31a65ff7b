/* SPDX-License-Identifier: MIT
 *
 * http_workers - threads that do jobs in the order they came; started when they are
 * needed, at most as many as allowed.
 */
#ifndef HOST_MODULES_HTTP_WORKERS_H
#define HOST_MODULES_HTTP_WORKERS_H

#include <stdbool.h>

#include "host/lang/arena.h"

struct http_workers;

/* Put it into whatever is the job. */
struct http_job {
    struct http_job *next;
};

/* Runs on a worker thread; `arena` is empty before each job.  The job belongs to `fn`
 * now. */
typedef void (*http_job_fn)(void *ctx, struct http_job *job, struct arena *arena);

/* gives; NULL when out of memory. */
struct http_workers *http_workers_new(unsigned max_threads, http_job_fn fn, void *ctx);
/* False when no thread could be had, or http_workers_free() has begun: the job stays the
 * caller's. */
bool http_workers_submit(struct http_workers *workers, struct http_job *job);
/* Does what is still in the queue, waits for it, and ends the threads.  NULL is ignored. */
void http_workers_free(struct http_workers *workers);

#endif
