/* SPDX-License-Identifier: MIT
 *
 * c11_threads - makes C11's threads visible to ThreadSanitizer, where it is used.
 */
#ifndef TESTS_C11_THREADS_H
#define TESTS_C11_THREADS_H

#if defined(__SANITIZE_THREAD__)
#define CDC_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CDC_TSAN
#endif
#endif

/* Does nothing but be in the file: whoever calls it has the file linked. */
void c11_threads_linked(void);

#endif
