/* SPDX-License-Identifier: MIT
 *
 * compiler - the GNU extensions this project uses, each under one name.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* Runs fn(&variable) when the variable leaves its scope. */
#define CDC_CLEANUP(fn) __attribute__((cleanup(fn)))
#define CDC_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define CDC_MUST_USE __attribute__((warn_unused_result))
#define CDC_UNUSED __attribute__((unused))
#define CDC_NO_INLINE __attribute__((noinline))
/* A variable per thread that is there from the thread's beginning.  Without the model a
 * library that was loaded by dlopen() gets it at the first use, and glibc ends the process
 * when memory is short. */
#define CDC_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#define CDC_LIKELY(x) __builtin_expect(!!(x), 1)
#define CDC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CDC_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CDC_CACHE_LINE 64

/* The struct that holds `member` at `pointer`. */
#define CDC_CONTAINER(pointer, type, member)                                               \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
