/* SPDX-License-Identifier: MIT
 *
 * Rows 23 to 29: the memory provider, over dlopen, fed through the host's bus.
 */
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/fake_shop.h"

START_TEST(row_23_connect_status_and_disconnect)
{
    step_works("cdc_start", SHOP);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "state"), "running");
    ck_assert_str_eq(fake_member(&out, "provider"), "memory");
    step_works("cdc_stop", OF_SHOP);
    ck_assert_int_eq(fake_step(&host, "cdc_status", OF_SHOP, &out, &err), WF_NOT_FOUND);
}
END_TEST

START_TEST(row_24_disconnecting_what_is_not_connected_is_an_error)
{
    step_fails("cdc_stop", OF_SHOP, WF_NOT_FOUND,
               "step.cdc_stop \"N\": CDC source \"shop\" not found");
}
END_TEST

START_TEST(row_25_injected_events_come_in_order_to_their_own_source)
{
    struct fake_callback others;
    fake_callback_init(&others);
    step_works("cdc_start", SHOP);
    step_works("cdc_start", "{\"provider\":\"memory\",\"source_id\":\"other\"}");
    fake_running_trigger(&host, OF_SHOP, &callback);
    const wf_trigger *other =
        fake_running_trigger(&host, "{\"source_id\":\"other\"}", &others);
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert_int_eq(fake_inject(&host, "other", "{\"n\":7}"), WF_OK);
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":2}"), WF_OK);
    ck_assert(fake_callback_wait(&callback, 2));
    ck_assert(fake_callback_wait(&others, 1));
    ck_assert_str_eq(buf_c(&callback.events), "{\"n\":1}\n{\"n\":2}\n");
    ck_assert_str_eq(buf_c(&others.events), "{\"n\":7}\n");
    other->destroy(other->self);
    fake_callback_release(&others);
}
END_TEST

START_TEST(row_26_a_snapshot_emits_snapshot_started)
{
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    step_works("cdc_snapshot", "{\"source_id\":\"shop\",\"tables\":[\"public.orders\"]}");
    ck_assert(fake_callback_wait(&callback, 1));
    struct buf event;
    buf_init(&event, 1u << 16);
    buf_cstr(&event, fake_callback_event(&callback, 0));
    ck_assert_str_eq(fake_member(&event, "type"), "snapshot_started");
    ck_assert_str_eq(fake_member(&event, "tables"), "[\"public.orders\"]");
    const char *ts = fake_member(&event, "ts");
    ck_assert_uint_ge(strlen(ts), strlen("2026-01-01T00:00:00Z"));
    ck_assert_int_eq(ts[10], 'T');
    ck_assert_int_eq(ts[strlen(ts) - 1], 'Z');
    buf_release(&event);
}
END_TEST

START_TEST(row_27_schema_history_is_filtered_by_table)
{
    static const char *const versions[] = {
        "{\"table\":\"users\",\"version\":1,\"ddl\":\"CREATE\",\"applied_at\":\"a\"}",
        "{\"table\":\"orders\",\"version\":1,\"ddl\":\"CREATE\",\"applied_at\":\"b\"}",
        "{\"table\":\"users\",\"version\":\"2\",\"ddl\":\"ALTER\",\"applied_at\":\"c\"}",
    };
    step_works("cdc_start", SHOP);
    for (size_t i = 0; i < CDC_COUNT(versions); i++)
        ck_assert_int_eq(fake_publish(&host, "cdc.memory.shop.schema", versions[i], &err),
                         WF_OK);
    step_works("cdc_schema_history", "{\"source_id\":\"shop\",\"table\":\"users\"}");
    ck_assert_str_eq(fake_member(&out, "count"), "2");
    ck_assert_str_eq(fake_member(&out, "history.0.applied_at"), "a");
    ck_assert_str_eq(fake_member(&out, "history.1.version"), "2");
}
END_TEST

/* Upstream's provider answers not_found without an error; its step does not, and steps
 * are all that can be asked from outside. */
START_TEST(row_28_the_status_of_an_unknown_source_is_not_found)
{
    step_fails("cdc_status", OF_SHOP, WF_NOT_FOUND,
               "step.cdc_status \"N\": CDC source \"shop\" not found");
}
END_TEST

static void *inject_one(void *arg)
{
    char event[40];
    snprintf(event, sizeof event, "{\"n\":%d}", *(int *)arg);
    return fake_inject(&host, "shop", event) ? arg : NULL;
}

START_TEST(row_29_fifty_injections_at_once_are_all_delivered)
{
    pthread_t threads[50];
    int numbers[50];
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    for (int i = 0; i < 50; i++) {
        numbers[i] = i;
        ck_assert_int_eq(thread_start(&threads[i], "inject", inject_one, &numbers[i], &err),
                         WF_OK);
    }
    for (int i = 0; i < 50; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert(fake_callback_wait(&callback, 50));
    ck_assert_uint_eq(fake_callback_settled(&callback), 50);
    for (int i = 0; i < 50; i++) {
        char line[40];
        snprintf(line, sizeof line, "{\"n\":%d}\n", i);
        ck_assert_int_ge(str_find(buf_view(&callback.events), str_from(line)), 0);
    }
}
END_TEST

START_TEST(the_event_buffer_holds_256_events_and_then_says_that_it_is_full)
{
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    step_works("cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"throttle\"}");
    for (int i = 0; i < 256; i++)
        ck_assert_int_eq(fake_inject(&host, "shop", "{\"table\":\"t\"}"), WF_OK);
    ck_assert_int_eq(fake_publish(&host, "cdc.memory.shop", "{\"table\":\"t\"}", &err),
                     WF_UNAVAILABLE);
    ck_assert_str_eq(err.text,
                     "memory CDC provider: event buffer full for source \"shop\"");
    step_works("cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"resume\"}");
    ck_assert(fake_callback_wait(&callback, 256));
    ck_assert_uint_eq(fake_callback_settled(&callback), 256);
}
END_TEST

START_TEST(last_event_is_set_by_every_event_also_without_a_trigger)
{
    step_works("cdc_start", SHOP);
    fake_inject(&host, "shop", "{\"n\":1}");
    for (int i = 0; i < 100 && str_is(str_from(fake_member(&out, "last_event")), "(none)");
         i++) {
        fake_callback_settled(&callback);
        step_works("cdc_status", OF_SHOP);
    }
    ck_assert_str_ne(fake_member(&out, "last_event"), "(none)");
}
END_TEST

static const struct {
    const char *topic;
    const char *payload;
    const char *text;
} bad_messages[] = {
    {"cdc.memory.shop", "",
     "memory CDC provider: event: the text ends too early at byte 0"},
    {"cdc.memory.shop", "[1]", "memory CDC provider: event: it is no JSON object"},
    {"cdc.memory.shop", "{\"a\":1",
     "memory CDC provider: event: the text ends too early at byte 6"},
    {"cdc.memory.shop", "{\"a\":\"\xff\"}",
     "memory CDC provider: event: a string is not UTF-8 at byte 6"},
    {"cdc.memory.shop", "{} {}",
     "memory CDC provider: event: more text follows the value at byte 3"},
    {"cdc.memory.shop.lag", "[]", "lag: it is no JSON object"},
    {"cdc.memory.shop.lag", "{\"lag_bytes\":\"many\"}", "'lag_bytes' must be an integer"},
    {"cdc.memory.shop.lag", "{\"lag_seconds\":1.5}", "'lag_seconds' must be an integer"},
    {"cdc.memory.shop.lag", "{\"lag_bytes\":-1}", "a lag cannot be negative"},
    {"cdc.memory.shop.schema", "{\"version\":1}", "'table' is required"},
    {"cdc.memory.shop.schema", "{\"table\":7}", "'table' must be a string"},
    {"cdc.memory.shop.schema", "{", "schema version: the text ends too early at byte 1"},
};

START_TEST(a_message_that_makes_no_sense_is_refused_to_whoever_sent_it)
{
    step_works("cdc_start", SHOP);
    ck_assert_int_eq(
        fake_publish(&host, bad_messages[_i].topic, bad_messages[_i].payload, &err),
        WF_CONFIG);
    ck_assert_str_eq(err.text, bad_messages[_i].text);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "state"), "running");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("behaviour: memory");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, shop_setup, shop_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, row_23_connect_status_and_disconnect);
    tcase_add_test(tests, row_24_disconnecting_what_is_not_connected_is_an_error);
    tcase_add_test(tests, row_25_injected_events_come_in_order_to_their_own_source);
    tcase_add_test(tests, row_26_a_snapshot_emits_snapshot_started);
    tcase_add_test(tests, row_27_schema_history_is_filtered_by_table);
    tcase_add_test(tests, row_28_the_status_of_an_unknown_source_is_not_found);
    tcase_add_test(tests, row_29_fifty_injections_at_once_are_all_delivered);
    tcase_add_test(tests, the_event_buffer_holds_256_events_and_then_says_that_it_is_full);
    tcase_add_test(tests, last_event_is_set_by_every_event_also_without_a_trigger);
    tcase_add_loop_test(tests, a_message_that_makes_no_sense_is_refused_to_whoever_sent_it,
                        0, (int)CDC_COUNT(bad_messages));
    suite_add_tcase(suite, tests);
    return suite;
}
