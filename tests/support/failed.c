/* SPDX-License-Identifier: MIT
 *
 * failed - what a failed ck_assert does, whichever thread it is on.
 *
 * Check ends the test with longjmp() when it runs tests in its own process (CK_FORK=no, with
 * ThreadSanitizer always).  From another thread's stack (a callback, a server of the test)
 * that is undefined: the program crashes, and what has failed is never told.  From the
 * test's own stack threads may go on without what they lived on, and crash as well.  So it
 * is told at once, and on another thread it is the end.
 *
 * The linker puts this in the place of Check's function: see the CMakeLists.txt beside it.
 */
#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CK_ATTRIBUTE_NORETURN void __real__ck_assert_failed(const char *file, int line,
                                                    const char *expr, const char *msg, ...);
CK_ATTRIBUTE_NORETURN CK_ATTRIBUTE_FORMAT(printf, 4, 5) void __wrap__ck_assert_failed(
    const char *file, int line, const char *expr, const char *msg, ...);

static bool failed_is_told_later(void)
{
    const char *fork = getenv("CK_FORK");
    return gettid() == getpid() && !(fork && !strcmp(fork, "no"));
}

void __wrap__ck_assert_failed(const char *file, int line, const char *expr, const char *msg,
                              ...)
{
    char text[BUFSIZ];
    va_list arguments;
    va_start(arguments, msg);
    if (msg)
        (void)vsnprintf(text, sizeof text, msg, arguments);
    else
        (void)snprintf(text, sizeof text, "%s", expr);
    va_end(arguments);
    if (!failed_is_told_later())
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
    if (gettid() != getpid())
        abort();
    __real__ck_assert_failed(file, line, expr, "%s", text);
}
