/* SPDX-License-Identifier: MIT
 *
 * signals - a thread that waits for signals, and an eventfd by which it and others wake the
 * main thread.
 */
#include "host/signals.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

static int signals_wake_fd = -1;
static atomic_int signals_first;
static pthread_mutex_t signals_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two below */
static void (*signals_fn)(void *ctx);
static void *signals_ctx;

static void signals_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static void *signals_thread(void *arg)
{
    (void)arg;
    sigset_t set;
    signals_set(&set);
    for (int number; !sigwait(&set, &number);) {
        if (atomic_load(&signals_first))
            _exit(128 + number);
        pthread_mutex_lock(&signals_lock);
        atomic_store(&signals_first, number);
        if (signals_fn)
            signals_fn(signals_ctx);
        pthread_mutex_unlock(&signals_lock);
        signals_wake();
    }
    return NULL;
}

wf_status signals_open(wf_error *err)
{
    sigset_t set;
    signals_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file may not grow: write(2) says so as well */
    signals_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals_wake_fd < 0)
        return error_errno(err, WF_FAILED, errno, "cannot wait for signals");
    pthread_t thread;
    wf_status status = thread_start(&thread, "signals", signals_thread, NULL, err);
    if (!status)
        pthread_detach(thread);
    return status;
}

static int signals_left(int64_t deadline_ms)
{
    if (deadline_ms == INT64_MAX)
        return -1;
    int64_t left = deadline_ms - clock_mono_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int signals_wait(int64_t deadline_ms)
{
    struct pollfd fd = {.fd = signals_wake_fd, .events = POLLIN};
    for (;;) {
        uint64_t count;
        int ready = poll(&fd, 1, signals_left(deadline_ms));
        bool woken = ready > 0 && read(signals_wake_fd, &count, sizeof(count)) > 0;
        int number = atomic_load(&signals_first);
        if (number)
            return number;
        if (woken)
            return SIGNALS_WOKEN;
        if (clock_mono_ms() >= deadline_ms)
            return SIGNALS_TIMEOUT;
    }
}

void signals_call(void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&signals_lock);
    signals_fn = fn;
    signals_ctx = ctx;
    if (fn && atomic_load(&signals_first))
        fn(ctx);
    pthread_mutex_unlock(&signals_lock);
}

void signals_wake(void)
{
    uint64_t one = 1;
    ssize_t written = write(signals_wake_fd, &one, sizeof(one));
    (void)written; /* full means that a wake is waiting already */
}
