/* SPDX-License-Identifier: MIT */
#include "providers/memory/memory.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/memory/memory_queue.h"
#include "tests/support/run.h"

/* ---- the queue ----------------------------------------------------------------------- */

static struct memory_queue queue;
static wf_error err;
static const struct memory_event plain = {{NULL, 0}, {NULL, 0}, CDC_OP_NONE};

static void queue_setup(void)
{
    memset(&queue, 0, sizeof queue);
    memory_queue_init(&queue, 1000);
}

static void queue_teardown(void)
{
    memory_queue_release(&queue);
}

static wf_status put(const char *text, bool own)
{
    return memory_queue_put(&queue, str_from(text), &plain, own, &err);
}

/* The next event's text. */
static const char *take(void)
{
    static char text[2000];
    if (!memory_queue_fill(&queue, 0))
        return "(none)";
    const struct memory_record *record = &queue.out->records[queue.next++];
    snprintf(text, sizeof text, "%.*s", (int)record->len,
             queue.out->text.data + record->at);
    return text;
}

START_TEST(events_come_out_as_they_went_in)
{
    ck_assert_str_eq(take(), "(none)");
    ck_assert_int_eq(put("one", false), WF_OK);
    ck_assert_int_eq(put("two", false), WF_OK);
    ck_assert_str_eq(take(), "one");
    ck_assert_int_eq(put("three", false), WF_OK);
    ck_assert_str_eq(take(), "two");
    ck_assert_str_eq(take(), "three");
    ck_assert_str_eq(take(), "(none)");
}
END_TEST

START_TEST(a_record_remembers_where_table_and_key_stand)
{
    wf_str text = STR("xxTABLEyyKEYzz");
    struct memory_event event = {str_slice(text, 2, 7), str_slice(text, 9, 12), CDC_DELETE};
    put("before", false);
    ck_assert_int_eq(memory_queue_put(&queue, text, &event, false, &err), WF_OK);
    ck_assert_str_eq(take(), "before");
    ck_assert(memory_queue_fill(&queue, 0));
    const struct memory_record *record = &queue.out->records[queue.next];
    ck_assert_uint_eq(record->table_at, 2);
    ck_assert_uint_eq(record->table_len, 5);
    ck_assert_uint_eq(record->key_at, 9);
    ck_assert_uint_eq(record->key_len, 3);
    ck_assert_int_eq(record->op, CDC_DELETE);
}
END_TEST

START_TEST(the_queue_takes_256_events_and_the_provider_s_own_beyond)
{
    for (int i = 0; i < MEMORY_QUEUE_EVENTS; i++)
        ck_assert_int_eq(put("e", false), WF_OK);
    ck_assert_int_eq(put("e", false), WF_UNAVAILABLE);
    for (int i = 0; i < MEMORY_QUEUE_OWN; i++)
        ck_assert_int_eq(put("own", true), WF_OK);
    ck_assert_int_eq(put("own", true), WF_UNAVAILABLE);
    for (int i = 0; i < MEMORY_QUEUE_EVENTS; i++)
        ck_assert_str_eq(take(), "e");
    ck_assert_str_eq(take(), "own");
    ck_assert_int_eq(put("e", false), WF_OK);
}
END_TEST

START_TEST(the_queue_takes_so_many_bytes_but_one_event_of_any_size)
{
    char large[1600];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    ck_assert_int_eq(put(large, false), WF_OK);
    ck_assert_int_eq(put("small", false), WF_UNAVAILABLE);
    ck_assert_str_eq(take(), large);
    large[500] = '\0';
    ck_assert_int_eq(put(large, false), WF_OK);
    ck_assert_int_eq(put("small", false), WF_OK);
    ck_assert_int_eq(put(large, false), WF_UNAVAILABLE);
    ck_assert_str_eq(take(), large);
    ck_assert_str_eq(take(), "small");
}
END_TEST

START_TEST(memory_of_large_events_is_given_back)
{
    size_t len = 4u << 20;
    char *text = malloc(len);
    memset(text, 'x', len);
    ck_assert_int_eq(memory_queue_put(&queue, (wf_str){text, len}, &plain, false, &err),
                     WF_OK);
    ck_assert(memory_queue_fill(&queue, 0));
    queue.next++;
    ck_assert(!memory_queue_fill(&queue, 0));
    ck_assert_uint_lt(queue.batches[0].text.cap + queue.batches[1].text.cap, 3u << 20);
    ck_assert_int_eq(put("after it", false), WF_OK);
    ck_assert_str_eq(take(), "after it");
    free(text);
}
END_TEST

static void *put_soon(void *arg)
{
    const struct timespec moment = {.tv_nsec = 30000000};
    nanosleep(&moment, NULL);
    if (arg)
        put(arg, false);
    else
        memory_queue_interrupt(&queue);
    return NULL;
}

START_TEST(a_wait_ends_with_an_event_or_an_interrupt)
{
    static char text[] = "event";
    pthread_t thread;
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(thread_start(&thread, "put", put_soon, text, &err), WF_OK);
    ck_assert(memory_queue_fill(&queue, 10000));
    ck_assert_str_eq(take(), "event");
    pthread_join(thread, NULL);
    ck_assert_int_eq(thread_start(&thread, "put", put_soon, NULL, &err), WF_OK);
    ck_assert(!memory_queue_fill(&queue, 10000));
    pthread_join(thread, NULL);
    ck_assert_int_eq(thread_start(&thread, "put", put_soon, NULL, &err), WF_OK);
    memory_queue_rest(&queue, 10000);
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_mono_ms() - before, 5000);
}
END_TEST

START_TEST(a_rest_is_not_ended_by_events)
{
    put("event", false);
    int64_t before = clock_mono_ms();
    memory_queue_rest(&queue, 30);
    ck_assert_int_ge(clock_mono_ms() - before, 29);
    ck_assert_str_eq(take(), "event");
}
END_TEST

/* ---- many producers ------------------------------------------------------------------ */

#define PRODUCERS 4
#define EACH 2000

static void *produce(void *arg)
{
    const struct timespec moment = {.tv_nsec = 100000};
    for (int i = 0; i < EACH; i++) {
        char text[40];
        snprintf(text, sizeof text, "%d %d", *(int *)arg, i);
        while (put(text, false))
            nanosleep(&moment, NULL);
    }
    return NULL;
}

START_TEST(what_many_threads_put_comes_out_once_and_in_each_one_s_order)
{
    pthread_t threads[PRODUCERS];
    int numbers[PRODUCERS];
    int64_t next[PRODUCERS] = {0};
    for (int i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(thread_start(&threads[i], "produce", produce, &numbers[i], &err),
                         WF_OK);
    }
    for (int left = PRODUCERS * EACH; left; left--) {
        ck_assert(memory_queue_fill(&queue, 10000));
        wf_str rest = str_from(take());
        wf_str who, number;
        int64_t index, value;
        ck_assert(str_next(&rest, ' ', &who) && str_next(&rest, ' ', &number));
        ck_assert(str_to_i64(who, &index) && str_to_i64(number, &value));
        ck_assert_int_eq(value, next[index]++);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_str_eq(take(), "(none)");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("queue");
    tcase_add_checked_fixture(tests, queue_setup, queue_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, events_come_out_as_they_went_in);
    tcase_add_test(tests, a_record_remembers_where_table_and_key_stand);
    tcase_add_test(tests, the_queue_takes_256_events_and_the_provider_s_own_beyond);
    tcase_add_test(tests, the_queue_takes_so_many_bytes_but_one_event_of_any_size);
    tcase_add_test(tests, memory_of_large_events_is_given_back);
    tcase_add_test(tests, a_wait_ends_with_an_event_or_an_interrupt);
    tcase_add_test(tests, a_rest_is_not_ended_by_events);
    tcase_add_test(tests, what_many_threads_put_comes_out_once_and_in_each_one_s_order);
    suite_add_tcase(suite, tests);
    return suite;
}
