/* SPDX-License-Identifier: MIT
 *
 * oom - makes the n-th allocation of the program fail.
 *
 * To be included by one file of a test program, because it defines malloc(), calloc() and
 * realloc() for all of it, libraries too.  A sanitizer brings its own malloc():
 * OOM_POSSIBLE is 0 then.
 *
 * The three are exported from the program, or libraries would not see them.
 *
 *     for (long n = 0; n < OOM_MOST; n++) {
 *         oom_arm(n);
 *         wf_status status = thing(&err);
 *         if (!oom_disarm())
 *             break;                   // it needs no more than n allocations
 *         ck_assert_int_eq(status, WF_NO_MEMORY);
 *     }
 */
#ifndef TESTS_SUPPORT_OOM_H
#define TESTS_SUPPORT_OOM_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "sdk/wf_plugin.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OOM_POSSIBLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OOM_POSSIBLE 0
#endif
#endif
#ifndef OOM_POSSIBLE
#define OOM_POSSIBLE 1
#endif

/* More than any test here needs: a loop that gets there is a loop without end. */
#define OOM_MOST 100000

#define OOM_OFF (-1)
static atomic_long oom_left = OOM_OFF; /* allocations until the one that fails */
static atomic_bool oom_hit;

/* Allocation number `n` from now, counted from 0, fails; those after it do not. */
static inline void oom_arm(long n)
{
    atomic_store(&oom_hit, false);
    atomic_store(&oom_left, n);
}

/* Whether an allocation has failed since oom_arm(). */
static inline bool oom_disarm(void)
{
    atomic_store(&oom_left, OOM_OFF);
    return atomic_load(&oom_hit);
}

#if OOM_POSSIBLE

/* glibc's own, under the names that stay when the usual ones are taken. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool oom_refuses(void)
{
    if (atomic_load(&oom_left) == OOM_OFF || atomic_fetch_sub(&oom_left, 1) != 0)
        return false;
    atomic_store(&oom_hit, true);
    errno = ENOMEM;
    return true;
}

WF_EXPORT void *malloc(size_t size)
{
    return oom_refuses() ? NULL : __libc_malloc(size);
}

WF_EXPORT void *calloc(size_t count, size_t size)
{
    return oom_refuses() ? NULL : __libc_calloc(count, size);
}

WF_EXPORT void *realloc(void *old, size_t size)
{
    return oom_refuses() ? NULL : __libc_realloc(old, size);
}

#endif
#endif
