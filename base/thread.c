/* SPDX-License-Identifier: MIT
 *
 * thread - pthreads as this project uses them.
 */
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"

#define THREAD_NAME_BYTES 16 /* Linux's limit, with the NUL */

void thread_block_signals(sigset_t *out_before)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < CDC_COUNT(crashes); i++)
        sigdelset(&blocked, crashes[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, out_before);
}

wf_status thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg,
                       wf_error *err)
{
    sigset_t before;
    pthread_t thread;
    /* The new thread inherits the mask: the host's signals stay with the host's threads. */
    thread_block_signals(&before);
    int failure = pthread_create(&thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure)
        return error_errno(err, WF_NO_MEMORY, failure, "thread '%s' could not be started",
                           name);

    char short_name[THREAD_NAME_BYTES];
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(thread, short_name);
    *out = thread;
    return WF_OK;
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool thread_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
                            int64_t deadline_ms)
{
    if (deadline_ms < 0)
        deadline_ms = 0;
    struct timespec until = {
        .tv_sec = (time_t)(deadline_ms / 1000),
        .tv_nsec = (long)(deadline_ms % 1000) * 1000000,
    };
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}

bool thread_cond_wait_until_ns(pthread_cond_t *cond, pthread_mutex_t *mutex,
                               int64_t deadline_ns)
{
    if (deadline_ns < 0)
        deadline_ns = 0;
    struct timespec until = {
        .tv_sec = (time_t)(deadline_ns / 1000000000),
        .tv_nsec = (long)(deadline_ns % 1000000000),
    };
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}
