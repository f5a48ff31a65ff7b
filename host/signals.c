/* SPDX-License-Identifier: MIT
 *
 * signals - a signalfd, and an eventfd by which other threads wake the one that waits.
 */
#include "host/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

static int signals_fd = -1;
static int signals_wake_fd = -1;

wf_status signals_open(wf_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    signals_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals_fd < 0 || signals_wake_fd < 0)
        return error_errno(err, WF_FAILED, errno, "cannot wait for signals");
    return WF_OK;
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
    struct pollfd fds[] = {
        {.fd = signals_fd, .events = POLLIN},
        {.fd = signals_wake_fd, .events = POLLIN},
    };
    for (;;) {
        int ready = poll(fds, 2, signals_left(deadline_ms));
        struct signalfd_siginfo info;
        uint64_t count;
        if (ready > 0 && read(signals_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            return (int)info.ssi_signo;
        if (ready > 0 &&
            read(signals_wake_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
            return SIGNALS_WOKEN;
        if (clock_mono_ms() >= deadline_ms)
            return SIGNALS_TIMEOUT;
    }
}

void signals_wake(void)
{
    uint64_t one = 1;
    ssize_t written = write(signals_wake_fd, &one, sizeof(one));
    (void)written; /* full means that a wake is waiting already */
}

static void *signals_second_thread(void *arg)
{
    (void)arg;
    struct pollfd fd = {.fd = signals_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    while (read(signals_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        poll(&fd, 1, -1);
    _exit(128 + (int)info.ssi_signo);
}

void signals_second(void)
{
    pthread_t thread;
    if (!thread_start(&thread, "second-signal", signals_second_thread, NULL, NULL))
        pthread_detach(thread);
}
