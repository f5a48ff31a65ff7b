/* SPDX-License-Identifier: MIT
 *
 * thread - pthreads as this project uses them: signals blocked, named, waits on the
 * monotonic clock.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* Blocks, for the calling thread and those it makes, every signal but the ones that a crash
 * of its own raises: the host's handler is to hear of that. */
void thread_block_signals(sigset_t *out_before);

/* Starts fn(arg) with signals blocked like that; `name` is cut to 15 bytes. */
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
