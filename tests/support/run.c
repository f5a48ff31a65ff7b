/* SPDX-License-Identifier: MIT
 *
 * run - main() of every unit test: suite in, exit status out.
 *
 * CK_FORK=no runs the tests in one process (valgrind, TSan, a debugger); Check reads it
 * itself.
 */
#include "tests/support/run.h"

#include <stdlib.h>

/* Tests ask for absurd amounts of memory to see what happens; the sanitizers' allocators
 * would end the program instead of answering NULL.  Nobody calls these without a
 * sanitizer. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

int main(void)
{
    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
