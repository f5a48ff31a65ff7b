/* SPDX-License-Identifier: MIT
 *
 * run - what a unit test gives to tests/support/run.c.
 */
#ifndef TESTS_SUPPORT_RUN_H
#define TESTS_SUPPORT_RUN_H

#include <check.h>

/* Each test file defines it once; the runner frees the suite. */
Suite *test_suite(void);

#endif
