/* SPDX-License-Identifier: MIT
 *
 * test_scribe - one piece of work at a time, an answer for each, and no wake-up without one.
 */
#include "plugin/core/scribe.h"

#include <check.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "tests/support/run.h"

static struct scribe scribe;
static pthread_mutex_t lock;
static pthread_cond_t changed;
static int pieces, wakes; /* under lock */
static bool held;
static wf_status answer;

static wf_status work(void *ctx, wf_error *err)
{
    ck_assert_ptr_eq(ctx, &scribe);
    pthread_mutex_lock(&lock);
    pieces++;
    pthread_cond_broadcast(&changed);
    while (held)
        pthread_cond_wait(&changed, &lock);
    wf_status status = answer;
    pthread_mutex_unlock(&lock);
    return status ? error_set(err, status, "the disk is full") : WF_OK;
}

static void wake(void *ctx)
{
    ck_assert_ptr_eq(ctx, &scribe);
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void setup(void)
{
    pthread_mutex_init(&lock, NULL);
    thread_cond_init(&changed);
    pieces = wakes = 0;
    held = false;
    answer = WF_OK;
    scribe_init(&scribe, &scribe, work, wake);
}

static void teardown(void)
{
    scribe_release(&scribe);
    pthread_cond_destroy(&changed);
    pthread_mutex_destroy(&lock);
}

static void hold(bool on)
{
    pthread_mutex_lock(&lock);
    held = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await(const int *counter, int count)
{
    int64_t deadline = clock_mono_ms() + 10000;
    pthread_mutex_lock(&lock);
    while (*counter < count)
        ck_assert(thread_cond_wait_until(&changed, &lock, deadline));
    pthread_mutex_unlock(&lock);
}

START_TEST(an_answer_can_be_taken_once_and_the_asker_is_woken)
{
    wf_status status = WF_FAILED;
    wf_error err;
    ck_assert(scribe_is_idle(&scribe));
    ck_assert(!scribe_take(&scribe, &status, &err));
    for (int round = 1; round <= 100; round++) {
        scribe_ask(&scribe);
        await(&wakes, round);
        ck_assert(!scribe_is_idle(&scribe));
        ck_assert(scribe_take(&scribe, &status, &err));
        ck_assert_int_eq(status, WF_OK);
        ck_assert(scribe_is_idle(&scribe));
        ck_assert(!scribe_take(&scribe, &status, &err));
    }
    ck_assert_int_eq(pieces, 100);
}
END_TEST

START_TEST(a_failure_comes_with_its_words)
{
    wf_status status = WF_OK;
    wf_error err;
    answer = WF_UNAVAILABLE;
    scribe_ask(&scribe);
    scribe_wait(&scribe);
    ck_assert(scribe_take(&scribe, &status, &err));
    ck_assert_int_eq(status, WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "the disk is full");
    answer = WF_OK;
    scribe_ask(&scribe);
    scribe_wait(&scribe);
    ck_assert(scribe_take(&scribe, &status, &err));
    ck_assert_int_eq(status, WF_OK);
}
END_TEST

START_TEST(while_it_works_there_is_no_answer_and_nobody_waits)
{
    wf_status status;
    wf_error err;
    hold(true);
    scribe_ask(&scribe);
    await(&pieces, 1);
    ck_assert(!scribe_take(&scribe, &status, &err));
    ck_assert(!scribe_is_idle(&scribe));
    hold(false);
    scribe_wait(&scribe);
    ck_assert(scribe_take(&scribe, &status, &err));
}
END_TEST

static bool is_awaited(void)
{
    pthread_mutex_lock(&scribe.lock);
    bool awaited = scribe.awaited || scribe.ending;
    pthread_mutex_unlock(&scribe.lock);
    return awaited;
}

/* ... once somebody waits for it. */
static void *let_go_later(void *unused)
{
    (void)unused;
    while (!is_awaited()) {
        pthread_mutex_lock(&lock);
        thread_cond_wait_until(&changed, &lock, clock_mono_ms() + 2);
        pthread_mutex_unlock(&lock);
    }
    hold(false);
    return NULL;
}

/* It has the answer already: a wake-up would end a poll for nothing. */
START_TEST(who_waits_is_not_woken_besides)
{
    wf_status status;
    pthread_t thread;
    hold(true);
    scribe_ask(&scribe);
    await(&pieces, 1);
    ck_assert_int_eq(thread_start(&thread, "later", let_go_later, NULL, NULL), WF_OK);
    scribe_wait(&scribe);
    ck_assert(scribe_take(&scribe, &status, NULL));
    pthread_join(thread, NULL);
    pthread_mutex_lock(&lock);
    ck_assert_int_eq(wakes, 0);
    pthread_mutex_unlock(&lock);
}
END_TEST

START_TEST(it_ends_after_what_it_works_on_and_without_ever_having_worked)
{
    if (!_i)
        return;
    pthread_t thread;
    hold(true);
    scribe_ask(&scribe);
    await(&pieces, 1);
    ck_assert_int_eq(thread_start(&thread, "later", let_go_later, NULL, NULL), WF_OK);
    scribe_release(&scribe);
    pthread_mutex_lock(&lock);
    ck_assert(!held);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    scribe_init(&scribe, &scribe, work, wake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scribe");
    TCase *tc = tcase_create("scribe");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 20);
    tcase_add_test(tc, an_answer_can_be_taken_once_and_the_asker_is_woken);
    tcase_add_test(tc, a_failure_comes_with_its_words);
    tcase_add_test(tc, while_it_works_there_is_no_answer_and_nobody_waits);
    tcase_add_test(tc, who_waits_is_not_woken_besides);
    tcase_add_loop_test(tc, it_ends_after_what_it_works_on_and_without_ever_having_worked,
                        0, 2);
    suite_add_tcase(suite, tc);
    return suite;
}
