/* SPDX-License-Identifier: MIT
 *
 * signals - SIGINT and SIGTERM as something the main thread waits for.
 *
 * signals_open() blocks them, before any other thread exists, and gives them to a thread of
 * their own.  The first is what signals_wait() returns; the second ends the process at once
 * with 128 + its number, whatever the main thread is doing then.
 */
#ifndef HOST_SIGNALS_H
#define HOST_SIGNALS_H

#include "sdk/wf_plugin.h"

#define SIGNALS_TIMEOUT 0
#define SIGNALS_WOKEN (-1)

/* Also ignores SIGPIPE: writing to a closed pipe is an error, not an end. */
wf_status signals_open(wf_error *err);
/* The first signal's number, SIGNALS_WOKEN after signals_wake(), SIGNALS_TIMEOUT once
 * clock_mono_ms() is `deadline_ms` (INT64_MAX: never). */
int signals_wait(int64_t deadline_ms);
/* [any] */
void signals_wake(void);
/* fn(ctx), which does not block, is called on the signals' thread when the first comes, or
 * at once when it has.  fn NULL: no more; it is not running then. */
void signals_call(void (*fn)(void *ctx), void *ctx);

#endif
