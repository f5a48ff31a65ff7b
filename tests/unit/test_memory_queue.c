/* SPDX-License-Identifier: MIT
 *
 * test_memory_queue - order, bounds, and when the source thread is woken.
 */
#include <check.h>
#include <sched.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/memory/memory_queue.h"
#include "tests/support/run.h"

#define QUEUE_BYTES 65536

static struct memory_queue queue;

static void make_queue(void)
{
    memset(&queue, 0, sizeof queue);
    memory_queue_init(&queue, QUEUE_BYTES);
}

static void release_queue(void)
{
    memory_queue_release(&queue);
}

static wf_status put(wf_str text)
{
    const struct memory_event event = {.op = CDC_INSERT};
    wf_error err;
    return memory_queue_put(&queue, text, &event, false, &err);
}

/* Takes everything that is there, as the source thread does. */
static uint32_t take(int timeout_ms)
{
    if (!memory_queue_fill(&queue, timeout_ms))
        return 0;
    uint32_t count = queue.out->count - queue.next;
    queue.next = queue.out->count;
    return count;
}

START_TEST(events_come_out_as_they_went_in)
{
    char text[32];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "{\"n\":%d}", i);
        ck_assert_int_eq(put(str_from(text)), WF_OK);
    }
    ck_assert(memory_queue_fill(&queue, 1000));
    ck_assert_uint_eq(queue.out->count, 10);
    for (uint32_t i = 0; i < 10; i++) {
        const struct memory_record *record = &queue.out->records[i];
        snprintf(text, sizeof text, "{\"n\":%u}", i);
        ck_assert(str_is((wf_str){queue.out->text.data + record->at, record->len}, text));
        ck_assert_int_eq(record->op, CDC_INSERT);
    }
}
END_TEST

START_TEST(a_full_queue_refuses_until_it_is_taken)
{
    for (int i = 0; i < MEMORY_QUEUE_EVENTS; i++)
        ck_assert_int_eq(put(STR("{}")), WF_OK);
    ck_assert_int_eq(put(STR("{}")), WF_UNAVAILABLE);
    ck_assert_uint_eq(take(1000), MEMORY_QUEUE_EVENTS);
    ck_assert_int_eq(put(STR("{}")), WF_OK);
}
END_TEST

START_TEST(an_event_larger_than_the_bytes_goes_in_alone)
{
    static char large[QUEUE_BYTES + 1];
    memset(large, ' ', sizeof large);
    ck_assert_int_eq(put((wf_str){large, sizeof large}), WF_OK);
    ck_assert_int_eq(put(STR("{}")), WF_UNAVAILABLE);
    ck_assert_uint_eq(take(1000), 1);
    ck_assert_int_eq(put(STR("{}")), WF_OK);
}
END_TEST

START_TEST(only_the_event_that_is_waited_for_wakes_the_source)
{
    queue.wake_at = 3;
    put(STR("{}"));
    put(STR("{}"));
    ck_assert_uint_eq(queue.wake_at, 3);
    put(STR("{}"));
    ck_assert_uint_eq(queue.wake_at, 0);
}
END_TEST

START_TEST(an_event_that_finds_no_room_wakes_the_source)
{
    static char half[QUEUE_BYTES / 2 + 1];
    memset(half, ' ', sizeof half);
    queue.wake_at = MEMORY_QUEUE_GATHER_EVENTS;
    ck_assert_int_eq(put((wf_str){half, sizeof half}), WF_OK);
    ck_assert_uint_eq(queue.wake_at, MEMORY_QUEUE_GATHER_EVENTS);
    ck_assert_int_eq(put((wf_str){half, sizeof half}), WF_UNAVAILABLE);
    ck_assert_uint_eq(queue.wake_at, 0);
}
END_TEST

START_TEST(few_events_gather_no_longer_than_their_time)
{
    queue.rapid = true;
    put(STR("{}"));
    put(STR("{}"));
    int64_t begin = clock_mono_ns();
    ck_assert_uint_eq(take(60000), 2);
    ck_assert_int_ge(clock_mono_ns() - begin, MEMORY_QUEUE_GATHER_NS);
    ck_assert_msg(queue.rapid, "two events within the time are still rapid");
    put(STR("{}"));
    ck_assert_uint_eq(take(60000), 1);
    ck_assert_msg(!queue.rapid, "one event is not");
}
END_TEST

START_TEST(enough_events_are_taken_without_a_wait)
{
    queue.rapid = true;
    for (int i = 0; i < MEMORY_QUEUE_GATHER_EVENTS; i++)
        put(STR("{}"));
    ck_assert_uint_eq(take(60000), MEMORY_QUEUE_GATHER_EVENTS);
}
END_TEST

START_TEST(an_interrupt_before_the_wait_ends_it)
{
    memory_queue_interrupt(&queue);
    ck_assert_uint_eq(take(60000), 0);
    queue.rapid = true;
    memory_queue_interrupt(&queue);
    ck_assert_uint_eq(take(60000), 0);
}
END_TEST

#define PRODUCERS 3
#define EVENTS_EACH 20000

static void *produce(void *arg)
{
    (void)arg;
    for (int i = 0; i < EVENTS_EACH; i++)
        while (put(STR("{\"n\":1}")) == WF_UNAVAILABLE)
            sched_yield();
    return NULL;
}

START_TEST(nothing_is_lost_between_threads)
{
    pthread_t threads[PRODUCERS];
    uint32_t total = 0;
    for (int i = 0; i < PRODUCERS; i++)
        ck_assert_int_eq(thread_start(&threads[i], "producer", produce, NULL, NULL), WF_OK);
    while (total < PRODUCERS * EVENTS_EACH) {
        uint32_t count = take(60000);
        ck_assert_uint_gt(count, 0);
        total += count;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(total, PRODUCERS * EVENTS_EACH);
    ck_assert_uint_eq(take(0), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("memory_queue");
    TCase *tcase = tcase_create("memory_queue");
    tcase_add_checked_fixture(tcase, make_queue, release_queue);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, events_come_out_as_they_went_in);
    tcase_add_test(tcase, a_full_queue_refuses_until_it_is_taken);
    tcase_add_test(tcase, an_event_larger_than_the_bytes_goes_in_alone);
    tcase_add_test(tcase, only_the_event_that_is_waited_for_wakes_the_source);
    tcase_add_test(tcase, an_event_that_finds_no_room_wakes_the_source);
    tcase_add_test(tcase, few_events_gather_no_longer_than_their_time);
    tcase_add_test(tcase, enough_events_are_taken_without_a_wait);
    tcase_add_test(tcase, an_interrupt_before_the_wait_ends_it);
    tcase_add_test(tcase, nothing_is_lost_between_threads);
    suite_add_tcase(suite, tcase);
    return suite;
}
