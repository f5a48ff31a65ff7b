/* SPDX-License-Identifier: MIT
 *
 * test_http_workers - what a worker keeps from one request to the next.
 */
#include "host/modules/http_workers.h"

#include <check.h>

#include "base/limits.h"
#include "tests/support/run.h"

#define LARGE (4 * (size_t)LIMIT_ARENA_KEPT)

static struct http_job jobs[3];
static size_t kept[3]; /* of the arena when the job began */
static bool given[3];

/* The first two take a lot of memory. */
static void take(void *ctx, struct http_job *job, struct arena *arena)
{
    (void)ctx;
    ptrdiff_t number = job - jobs;
    kept[number] = arena->total;
    given[number] = arena_alloc(arena, number < 2 ? LARGE : 1) != NULL;
}

START_TEST(what_a_large_request_needed_is_given_back_after_it)
{
    struct http_workers *workers = http_workers_new(1, take, NULL);
    ck_assert_ptr_nonnull(workers);
    for (size_t i = 0; i < CDC_COUNT(jobs); i++)
        ck_assert(http_workers_submit(workers, &jobs[i]));
    http_workers_free(workers);
    for (size_t i = 0; i < CDC_COUNT(jobs); i++) {
        ck_assert(given[i]);
        ck_assert_uint_le(kept[i], LIMIT_ARENA_KEPT);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_workers");
    TCase *tc = tcase_create("memory");
    tcase_add_test(tc, what_a_large_request_needed_is_given_back_after_it);
    suite_add_tcase(suite, tc);
    return suite;
}
