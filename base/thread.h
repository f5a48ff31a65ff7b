/* SPDX-License-Identifier: MIT
 *
 * thread - pthreads as this project uses them: all signals blocked, named, waits on the
 * monotonic clock.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* Starts fn(arg) with all signals blocked; `name` is cut to 15 bytes. */
wf_status thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg,
                       wf_error *err);

/* A condition variable whose timed waits use CLOCK_MONOTONIC. */
void thread_cond_init(pthread_cond_t *cond);

/* Waits until signalled or `deadline_ms` (clock_mono_ms()); false when the time is up. */
bool thread_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
                            int64_t deadline_ms);
/* The same until `deadline_ns` (clock_mono_ns()), for waits shorter than a millisecond. */
bool thread_cond_wait_until_ns(pthread_cond_t *cond, pthread_mutex_t *mutex,
                               int64_t deadline_ns);

#endif
