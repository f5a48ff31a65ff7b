/* SPDX-License-Identifier: MIT
 *
 * Tests of base/thread.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/run.h"

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
};

static void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    thread_cond_init(&gate->changed);
    gate->open = false;
}

static void gate_release(struct gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

static void *see_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return arg;
}

START_TEST(
    a_thread_runs_with_every_signal_blocked_but_its_own_crash_and_its_starter_does_not)
{
    pthread_t thread;
    sigset_t inside;
    sigset_t outside;
    void *result = NULL;
    wf_error err;
    sigemptyset(&inside);
    ck_assert_int_eq(thread_start(&thread, "test", see_mask, &inside, &err), WF_OK);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &inside);
    pthread_sigmask(SIG_SETMASK, NULL, &outside);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < CDC_COUNT(signals); i++) {
        ck_assert_int_eq(sigismember(&inside, signals[i]), 1);
        ck_assert_int_eq(sigismember(&outside, signals[i]), 0);
    }
    /* A signal that is blocked kills without the handler that would say what has crashed. */
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < CDC_COUNT(crashes); i++)
        ck_assert_int_eq(sigismember(&inside, crashes[i]), 0);
}
END_TEST

static void *wait_for_gate(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return NULL;
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

START_TEST(a_long_name_is_cut_to_what_linux_keeps)
{
    struct gate gate;
    pthread_t thread;
    char name[32] = "";
    gate_init(&gate);
    wf_status status =
        thread_start(&thread, "a-name-longer-than-fifteen", wait_for_gate, &gate, NULL);
    ck_assert_int_eq(status, WF_OK);
    ck_assert_int_eq(pthread_getname_np(thread, name, sizeof name), 0);
    gate_open(&gate);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(name, "a-name-longer-t");
    gate_release(&gate);
}
END_TEST

START_TEST(a_thread_that_cannot_start_is_an_error_and_leaves_the_output_alone)
{
    pthread_t untouched = pthread_self();
    pthread_t thread = untouched;
    sigset_t mask;
    wf_error err = {.code = WF_OK};
    /* No machine has room for such a stack. */
    pthread_attr_t usual;
    pthread_attr_t absurd;
    ck_assert_int_eq(pthread_getattr_default_np(&usual), 0);
    pthread_attr_init(&absurd);
    ck_assert_int_eq(pthread_attr_setstacksize(&absurd, (size_t)1 << 47), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&absurd), 0);
    wf_status status = thread_start(&thread, "late", see_mask, &mask, &err);
    ck_assert_int_eq(pthread_setattr_default_np(&usual), 0);
    ck_assert_int_eq(status, WF_NO_MEMORY);
    ck_assert_int_eq(err.code, WF_NO_MEMORY);
    ck_assert(str_starts(str_from(err.text), STR("thread 'late' could not be started: ")));
    ck_assert(pthread_equal(thread, untouched));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}
END_TEST

START_TEST(a_timed_wait_ends_at_its_deadline)
{
    struct gate gate;
    gate_init(&gate);
    pthread_mutex_lock(&gate.lock);
    int64_t deadline_ms = clock_mono_ms() + 20;
    while (thread_cond_wait_until(&gate.changed, &gate.lock, deadline_ms))
        continue;
    ck_assert_int_ge(clock_mono_ms(), deadline_ms);
    ck_assert(!thread_cond_wait_until(&gate.changed, &gate.lock, deadline_ms - 1000));
    ck_assert(!thread_cond_wait_until(&gate.changed, &gate.lock, 0));
    ck_assert(!thread_cond_wait_until(&gate.changed, &gate.lock, INT64_MIN));
    pthread_mutex_unlock(&gate.lock);
    gate_release(&gate);
}
END_TEST

START_TEST(a_wait_shorter_than_a_millisecond_ends_at_its_deadline)
{
    struct gate gate;
    gate_init(&gate);
    pthread_mutex_lock(&gate.lock);
    int64_t deadline_ns = clock_mono_ns() + 300000;
    while (thread_cond_wait_until_ns(&gate.changed, &gate.lock, deadline_ns))
        continue;
    ck_assert_int_ge(clock_mono_ns(), deadline_ns);
    ck_assert(!thread_cond_wait_until_ns(&gate.changed, &gate.lock, 0));
    ck_assert(!thread_cond_wait_until_ns(&gate.changed, &gate.lock, INT64_MIN));
    pthread_mutex_unlock(&gate.lock);
    gate_release(&gate);
}
END_TEST

static void *open_the_gate(void *arg)
{
    gate_open(arg);
    return NULL;
}

START_TEST(a_signal_ends_even_the_longest_wait)
{
    struct gate gate;
    pthread_t thread;
    gate_init(&gate);
    pthread_mutex_lock(&gate.lock);
    ck_assert_int_eq(thread_start(&thread, "opener", open_the_gate, &gate, NULL), WF_OK);
    while (!gate.open)
        ck_assert(thread_cond_wait_until(&gate.changed, &gate.lock, INT64_MAX));
    pthread_mutex_unlock(&gate.lock);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    gate_release(&gate);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("thread");
    TCase *tcase = tcase_create("thread");
    tcase_add_test(
        tcase,
        a_thread_runs_with_every_signal_blocked_but_its_own_crash_and_its_starter_does_not);
    tcase_add_test(tcase, a_long_name_is_cut_to_what_linux_keeps);
    tcase_add_test(tcase,
                   a_thread_that_cannot_start_is_an_error_and_leaves_the_output_alone);
    tcase_add_test(tcase, a_timed_wait_ends_at_its_deadline);
    tcase_add_test(tcase, a_wait_shorter_than_a_millisecond_ends_at_its_deadline);
    tcase_add_test(tcase, a_signal_ends_even_the_longest_wait);
    suite_add_tcase(suite, tcase);
    return suite;
}
