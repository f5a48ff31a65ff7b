/* SPDX-License-Identifier: MIT
 *
 * bus: who gets a message, what happens when somebody refuses, and leaving while calls run.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "host/bus.h"
#include "tests/support/run.h"

static struct bus *bus;

/* What a subscriber saw, and what it does. */
struct listener {
    struct buf seen;
    wf_status answer;
    uint64_t number;    /* its own subscription */
    bool leaves;        /* unsubscribes itself when called */
    const char *passes; /* a topic it publishes to when called */
};

static wf_status listen(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                        wf_error *err)
{
    struct listener *l = ctx;
    buf_printf(&l->seen, "%.*s=%.*s%.*s;", STR_ARG(topic), STR_ARG(payload),
               STR_ARG(metadata));
    if (l->leaves)
        bus_unsubscribe(bus, l->number);
    if (l->passes)
        return bus_publish(bus, str_from(l->passes), payload, STR_EMPTY, err);
    return l->answer ? error_set(err, l->answer, "no, thanks") : WF_OK;
}

static void join(struct listener *l, const char *topic)
{
    wf_error err;
    buf_init(&l->seen, 65536);
    ck_assert_int_eq(bus_subscribe(bus, str_from(topic), listen, l, &l->number, &err),
                     WF_OK);
}

static wf_status publish(const char *topic, const char *payload, wf_error *err)
{
    return bus_publish(bus, str_from(topic), str_from(payload), STR_EMPTY, err);
}

static void setup(void)
{
    bus = bus_new();
    ck_assert_ptr_nonnull(bus);
}

static void teardown(void)
{
    bus_free(bus);
}

START_TEST(every_subscriber_of_exactly_the_topic_gets_it_in_order)
{
    struct listener a = {.answer = WF_OK}, b = {.answer = WF_OK}, c = {.answer = WF_OK};
    join(&a, "t");
    join(&b, "t");
    join(&c, "t.more");
    ck_assert_int_eq(publish("t", "1", NULL), WF_OK);
    ck_assert_int_eq(bus_publish(bus, STR("t.more"), STR("2"), STR("{\"k\":\"v\"}"), NULL),
                     WF_OK);
    ck_assert_int_eq(publish("nobody", "3", NULL), WF_OK);
    ck_assert_str_eq(buf_c(&a.seen), "t=1;");
    ck_assert_str_eq(buf_c(&b.seen), "t=1;");
    ck_assert_str_eq(buf_c(&c.seen), "t.more=2{\"k\":\"v\"};");
    ck_assert_uint_ne(a.number, b.number);
    buf_release(&a.seen);
    buf_release(&b.seen);
    buf_release(&c.seen);
}
END_TEST

START_TEST(a_refusal_comes_back_and_the_others_are_called_nevertheless)
{
    wf_error err;
    struct listener no = {.answer = WF_STATE}, yes = {.answer = WF_OK};
    join(&no, "t");
    join(&yes, "t");
    ck_assert_int_eq(publish("t", "1", &err), WF_STATE);
    ck_assert_str_eq(err.text, "no, thanks");
    ck_assert_str_eq(buf_c(&yes.seen), "t=1;");
    buf_release(&no.seen);
    buf_release(&yes.seen);
}
END_TEST

START_TEST(who_leaves_gets_no_more_and_unknown_numbers_are_let_pass)
{
    struct listener a = {.answer = WF_OK};
    join(&a, "t");
    bus_unsubscribe(bus, a.number + 77);
    bus_unsubscribe(bus, a.number);
    bus_unsubscribe(bus, a.number);
    ck_assert_int_eq(publish("t", "1", NULL), WF_OK);
    ck_assert_uint_eq(a.seen.len, 0);
}
END_TEST

START_TEST(a_subscriber_may_leave_from_inside_its_own_call)
{
    struct listener a = {.leaves = true};
    join(&a, "t");
    publish("t", "1", NULL);
    publish("t", "2", NULL);
    ck_assert_str_eq(buf_c(&a.seen), "t=1;");
    buf_release(&a.seen);
}
END_TEST

START_TEST(a_message_may_lead_to_others_but_not_for_ever)
{
    wf_error err;
    struct listener a = {.passes = "u"}, b = {.answer = WF_OK}, ring = {.passes = "ring"};
    join(&a, "t");
    join(&b, "u");
    join(&ring, "ring");
    ck_assert_int_eq(publish("t", "1", NULL), WF_OK);
    ck_assert_str_eq(buf_c(&b.seen), "u=1;");
    ck_assert_int_eq(publish("ring", "x", &err), WF_FAILED);
    ck_assert_str_eq(err.text,
                     "topic 'ring': a message led to 32 others, one inside the other");
    buf_release(&a.seen);
    buf_release(&b.seen);
    buf_release(&ring.seen);
}
END_TEST

START_TEST(a_topic_has_a_name_and_may_have_many_subscribers)
{
    enum { MANY = 100 };
    struct listener *all = calloc(MANY, sizeof(*all));
    ck_assert_ptr_nonnull(all);
    uint64_t number;
    wf_error err;
    ck_assert_int_eq(bus_subscribe(bus, STR_EMPTY, listen, all, &number, &err), WF_CONFIG);
    for (int i = 0; i < MANY; i++)
        join(&all[i], "t");
    ck_assert_int_eq(publish("t", "1", NULL), WF_OK);
    for (int i = 0; i < MANY; i++) {
        ck_assert_str_eq(buf_c(&all[i].seen), "t=1;");
        buf_release(&all[i].seen);
    }
    free(all);
}
END_TEST

/* ---- threads ---- */

static atomic_int entered, left;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static wf_status slow(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                      wf_error *err)
{
    (void)ctx, (void)topic, (void)payload, (void)metadata, (void)err;
    atomic_fetch_add(&entered, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_add(&left, 1);
    return WF_OK;
}

static void *publisher(void *arg)
{
    publish(arg, "x", NULL);
    return NULL;
}

START_TEST(leaving_waits_for_calls_in_other_threads)
{
    uint64_t number;
    wf_error err;
    pthread_t thread;
    char topic[] = "t";
    ck_assert_int_eq(bus_subscribe(bus, STR("t"), slow, NULL, &number, &err), WF_OK);
    atomic_store(&entered, 0);
    atomic_store(&left, 0);
    pthread_mutex_lock(&gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, publisher, topic), 0);
    while (!atomic_load(&entered))
        sched_yield();
    pthread_mutex_unlock(&gate);
    bus_unsubscribe(bus, number);
    ck_assert_int_eq(atomic_load(&left), 1);
    pthread_join(thread, NULL);
}
END_TEST

static atomic_bool enough;

static wf_status count(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                       wf_error *err)
{
    (void)topic, (void)payload, (void)metadata, (void)err;
    atomic_long *calls = ctx;
    ck_assert_int_ge(atomic_load(calls), 0); /* -1 after leaving: nobody may call then */
    atomic_fetch_add(calls, 1);
    return WF_OK;
}

static void *busy_publisher(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        publish("t", "x", NULL);
        sched_yield(); /* the lock is not fair: the others would wait for long */
    }
    return NULL;
}

START_TEST(coming_and_going_under_load_never_calls_who_is_gone)
{
    pthread_t threads[2];
    atomic_store(&enough, false);
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, busy_publisher, NULL), 0);
    for (int i = 0; i < 500; i++) {
        uint64_t number;
        atomic_long calls = 0;
        ck_assert_int_eq(bus_subscribe(bus, STR("t"), count, &calls, &number, NULL), WF_OK);
        if (i % 4 == 0)
            sched_yield();
        bus_unsubscribe(bus, number);
        atomic_store(&calls, -1);
    }
    atomic_store(&enough, true);
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bus");
    TCase *tcase = tcase_create("bus");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_subscriber_of_exactly_the_topic_gets_it_in_order);
    tcase_add_test(tcase, a_refusal_comes_back_and_the_others_are_called_nevertheless);
    tcase_add_test(tcase, who_leaves_gets_no_more_and_unknown_numbers_are_let_pass);
    tcase_add_test(tcase, a_subscriber_may_leave_from_inside_its_own_call);
    tcase_add_test(tcase, a_message_may_lead_to_others_but_not_for_ever);
    tcase_add_test(tcase, a_topic_has_a_name_and_may_have_many_subscribers);
    tcase_add_test(tcase, leaving_waits_for_calls_in_other_threads);
    tcase_add_test(tcase, coming_and_going_under_load_never_calls_who_is_gone);
    suite_add_tcase(suite, tcase);
    return suite;
}
