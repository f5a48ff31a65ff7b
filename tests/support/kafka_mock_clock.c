/* SPDX-License-Identifier: MIT
 *
 * kafka_mock_clock - see the header.  This file's clock_gettime() and poll() are in the
 * place of libc's in programs that have it linked.
 */
#include "tests/support/kafka_mock_clock.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

#define KAFKA_MOCK_CLOCK_RATE 50
#define KAFKA_MOCK_CLOCK_SECOND 1000000000

typedef int kafka_mock_clock_get(clockid_t id, struct timespec *out);
typedef int kafka_mock_clock_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

/* Of the mock's thread; of any other it stays as it is here. */
static _Thread_local struct {
    bool waits;       /* a group waits for members to join */
    int missing;      /* so many */
    int64_t ahead_ns; /* how far the clock is ahead of the true one, or behind it */
} kafka_mock_clock;

static void *kafka_mock_clock_real(_Atomic(void *) *known, const char *name)
{
    void *real = atomic_load(known);
    if (!real) {
        real = dlsym(RTLD_NEXT, name);
        if (!real)
            abort();
        atomic_store(known, real);
    }
    return real;
}

static int kafka_mock_clock_true(clockid_t id, struct timespec *out)
{
    static _Atomic(void *) known;
    kafka_mock_clock_get *get;
    void *real = kafka_mock_clock_real(&known, "clock_gettime");
    memcpy(&get, &real, sizeof get);
    return get(id, out);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    int result = kafka_mock_clock_true(id, out);
    if (result || id != CLOCK_MONOTONIC || !kafka_mock_clock.ahead_ns)
        return result;
    int64_t ns = (int64_t)out->tv_sec * KAFKA_MOCK_CLOCK_SECOND + out->tv_nsec +
                 kafka_mock_clock.ahead_ns;
    out->tv_sec = (time_t)(ns / KAFKA_MOCK_CLOCK_SECOND);
    out->tv_nsec = (long)(ns % KAFKA_MOCK_CLOCK_SECOND);
    return 0;
}

static int64_t kafka_mock_clock_true_ns(void)
{
    struct timespec now;
    (void)kafka_mock_clock_true(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * KAFKA_MOCK_CLOCK_SECOND + now.tv_nsec;
}

/* While the group waits, its clock never goes past the time that was asked for, however long
 * the thread was held up: on a busy machine sessions would end that way, which last a second
 * longer than a group waits. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    static _Atomic(void *) known;
    kafka_mock_clock_poll *wait;
    void *real = kafka_mock_clock_real(&known, "poll");
    memcpy(&wait, &real, sizeof wait);
    if (!kafka_mock_clock.waits || kafka_mock_clock.missing > 0 || timeout_ms <= 0)
        return wait(fds, count, timeout_ms);
    int short_ms = 1 + timeout_ms / KAFKA_MOCK_CLOCK_RATE;
    int64_t short_ns = (int64_t)short_ms * (KAFKA_MOCK_CLOCK_SECOND / 1000);
    int64_t before = kafka_mock_clock_true_ns();
    int ready = wait(fds, count, short_ms);
    int64_t took = kafka_mock_clock_true_ns() - before;
    int64_t counts = took < short_ns ? took : short_ns;
    kafka_mock_clock.ahead_ns += counts * timeout_ms / short_ms - took;
    return ready;
}

/* "... with N member(s) changing state FROM -> TO: REASON" */
static void kafka_mock_clock_state(wf_str line, ptrdiff_t at)
{
    const wf_str with = STR(" with ");
    wf_str before = str_slice(line, 0, (size_t)at);
    ptrdiff_t number = str_find(before, with);
    int64_t members;
    if (number < 0 ||
        !str_to_i64(str_slice(before, (size_t)number + with.len, before.len), &members))
        return;
    kafka_mock_clock.waits = str_find(line, STR(" -> Joining: ")) >= 0;
    kafka_mock_clock.missing = (int)members - str_ends(line, STR(": member join"));
}

void kafka_mock_clock_line(const char *text)
{
    wf_str line = str_from(text);
    if (!str_starts(line, STR("[thrd:mock]: ")))
        return;
    ptrdiff_t at = str_find(line, STR(" member(s) changing state "));
    if (at >= 0)
        kafka_mock_clock_state(line, at);
    else if (kafka_mock_clock.waits && str_find(line, STR(": Received JoinGroup")) >= 0)
        kafka_mock_clock.missing--;
}
