/* SPDX-License-Identifier: MIT
 *
 * cancel - an eventfd, and a flag that is there before and after it.
 */
#include "base/cancel.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

wf_status cancel_open(struct cancel *cancel, wf_error *err)
{
    int fd = eventfd(atomic_load(&cancel->raised) ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return error_errno(err, WF_UNAVAILABLE, errno, "cannot make an eventfd");
    atomic_store(&cancel->event_fd, fd + 1);
    if (atomic_load(&cancel->raised)) /* raised between the two lines above */
        cancel_raise(cancel);
    return WF_OK;
}

void cancel_raise(struct cancel *cancel)
{
    atomic_store(&cancel->raised, true);
    int fd = atomic_load(&cancel->event_fd) - 1;
    if (fd < 0)
        return;
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));
    (void)written; /* EAGAIN: it is raised already */
}

bool cancel_take(struct cancel *cancel)
{
    if (!atomic_exchange(&cancel->raised, false))
        return false;
    int fd = atomic_load(&cancel->event_fd) - 1;
    uint64_t count;
    if (fd >= 0) {
        ssize_t got = read(fd, &count, sizeof(count));
        (void)got; /* EAGAIN: the writer is between its two steps; one wake-up more */
    }
    return true;
}

int cancel_fd(struct cancel *cancel)
{
    return atomic_load(&cancel->event_fd) - 1;
}

void cancel_close(struct cancel *cancel)
{
    int fd = atomic_exchange(&cancel->event_fd, 0) - 1;
    if (fd >= 0)
        close(fd);
}
