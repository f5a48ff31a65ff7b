/* SPDX-License-Identifier: MIT
 *
 * The defects W1 to W18 that were found in the Go package, as far as they concern the core:
 * one regression test each, over dlopen.  Those of other providers (W3, W4, W9, W10, W18)
 * are theirs.
 */
#include <sqlite3.h>

#include "base/json.h"
#include "base/str.h"
#include "tests/support/fake_shop.h"
#include "tests/support/temp.h"

static void inject(const char *event)
{
    ck_assert_int_eq(fake_inject(&host, "shop", event), WF_OK);
}

START_TEST(w1_a_source_that_was_made_delivers_events)
{
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    inject("{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
}
END_TEST

/* Upstream's dispatcher ended with the call that had started it, and the 257th event
 * found the queue full. */
START_TEST(w2_a_source_lives_on_after_the_step_that_started_it)
{
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    for (unsigned i = 0; i < 600; i++) {
        inject("{\"n\":1}");
        if (i % 100 == 99)
            ck_assert(fake_callback_wait(&callback, i + 1));
    }
    ck_assert(fake_callback_wait(&callback, 600));
}
END_TEST

START_TEST(w5_stopping_one_trigger_leaves_the_others_of_the_source_alone)
{
    struct fake_callback others;
    fake_callback_init(&others);
    step_works("cdc_start", SHOP);
    const wf_trigger *first = fake_running_trigger(&host, OF_SHOP, &others);
    fake_running_trigger(&host, OF_SHOP, &callback);
    ck_assert_int_eq(first->stop(first->self, &err), WF_OK);
    inject("{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    ck_assert_uint_eq(fake_callback_settled(&others), 0);
    first->destroy(first->self);
    fake_callback_release(&others);
}
END_TEST

START_TEST(w6_a_source_stopped_and_started_again_has_its_triggers_back)
{
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    for (unsigned i = 1; i <= 3; i++) {
        inject("{\"n\":1}");
        ck_assert(fake_callback_wait(&callback, i));
        step_works("cdc_stop", OF_SHOP);
        step_works("cdc_start", i == 2 ? SHOP : OF_SHOP);
    }
    inject("{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 4));
}
END_TEST

START_TEST(w6_a_failed_start_leaves_the_trigger_startable)
{
    const wf_trigger *trigger = fake_trigger(&host, OF_SHOP, &callback, &err);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_NOT_FOUND);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_NOT_FOUND);
    step_works("cdc_start", SHOP);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_OK);
    inject("{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
}
END_TEST

static const struct {
    const char *filter;
    const char *event;
    bool passes;
} filters[] = {
    {"\"actions\":[\"insert\"]", "{\"op\":\"c\"}", true},
    {"\"actions\":[\"C\"]", "{\"op\":\"INSERT\"}", true},
    {"\"actions\":\"update, delete\"", "{\"op\":\"u\"}", true},
    {"\"actions\":\"update, delete\"", "{\"op\":\"r\"}", false},
    {"\"actions\":[\"READ\"]", "{\"op\":\"r\"}", true},
    {"\"actions\":[\"d\"]", "{\"action\":\"DELETE\"}", true},
    {"\"actions\":[\"t\"]", "{\"op\":\"TRUNCATE\"}", true},
    {"\"tables\":[\"orders\"]", "{\"table\":\"public.orders\"}", true},
    {"\"tables\":[\"public.*\"]", "{\"table\":\"public.orders\"}", true},
    {"\"tables\":[\"shop.*\"]", "{\"table\":\"public.orders\"}", false},
    {"\"tables\":\"public.users,public.orders\"", "{\"table\":\"public.orders\"}", true},
    {"\"tables\":[\"public.orders\"]",
     "{\"table\":\"public.orders\",\"source\":{\"db\":\"x\"}}", true},
    {"\"tables\":[\"x\"]", "{\"source\":{\"table\":\"x\"}}", false},
    {"\"tables\":\"[public.users public.orders]\"", "{\"table\":\"public.orders\"}", true},
    {"\"tables\":\"[public.users, public.orders]\"", "{\"table\":\"public.users\"}", true},
    {"\"tables\":\"[\\\"public.users\\\"]\"", "{\"table\":\"public.users\"}", true},
    {"\"tables\":\"[\\\"public.users\\\"]\"", "{\"table\":\"public.orders\"}", false},
    {"\"tables\":\"[]\"", "{\"table\":\"public.orders\"}", true},
    {"\"workers\":1", "{\"type\":\"snapshot_started\"}", true},
};

START_TEST(w7_filters_understand_debezium_words_any_case_and_patterns)
{
    char config[200];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\",%s}", filters[_i].filter);
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host, config, &callback);
    inject(filters[_i].event);
    if (filters[_i].passes)
        ck_assert(fake_callback_wait(&callback, 1));
    else
        ck_assert_uint_eq(fake_callback_settled(&callback), 0);
}
END_TEST

START_TEST(w7_an_action_that_does_not_exist_is_an_error_that_names_it)
{
    ck_assert_ptr_null(
        fake_trigger(&host, "{\"source_id\":\"shop\",\"actions\":[\"INSERT\",\"REMOVE\"]}",
                     &callback, &err));
    ck_assert_str_eq(
        err.text, "trigger.cdc: 'actions' holds \"REMOVE\" (valid: INSERT, UPDATE, DELETE, "
                  "TRUNCATE, READ, DDL, MESSAGE, or c, u, d, r, t)");
}
END_TEST

static wf_status fail_first_twice(void *ctx, wf_str event, wf_error *error)
{
    unsigned *failures = ctx;
    if (*failures == 2 || !str_is(event, "{\"n\":1}"))
        return WF_OK;
    ++*failures;
    snprintf(error->text, sizeof error->text, "the workflow is not in the mood");
    return error->code = WF_FAILED;
}

START_TEST(w8_an_event_whose_workflow_failed_is_given_again_and_order_is_kept)
{
    unsigned failures = 0;
    callback.hook = fail_first_twice;
    callback.hook_ctx = &failures;
    step_works("cdc_start", SHOP);
    fake_running_trigger(&host,
                         "{\"source_id\":\"shop\",\"retry\":{\"initial_backoff\":\"1ms\"}}",
                         &callback);
    inject("{\"n\":1}");
    inject("{\"n\":2}");
    ck_assert(fake_callback_wait(&callback, 4));
    ck_assert_str_eq(buf_c(&callback.events),
                     "{\"n\":1}\n{\"n\":1}\n{\"n\":1}\n{\"n\":2}\n");
    fake_callback_settled(&callback);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.delivered"), "2");
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.retried"), "2");
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.dead_lettered"), "0");
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.behind"), "0");
}
END_TEST

static wf_status fail_first_always(void *ctx, wf_str event, wf_error *error)
{
    (void)ctx;
    if (!str_is(event, "{\"n\":1}"))
        return WF_OK;
    snprintf(error->text, sizeof error->text, "never");
    return error->code = WF_FAILED;
}

START_TEST(w8_an_event_that_always_fails_goes_to_the_dead_letters_and_the_stream_goes_on)
{
    char config[400];
    snprintf(config, sizeof config,
             "{\"provider\":\"memory\",\"source_id\":\"shop\",\"options\":{\"state_dir\":"
             "\"%s\"}}",
             temp_dir());
    callback.hook = fail_first_always;
    step_works("cdc_start", config);
    fake_running_trigger(&host,
                         "{\"source_id\":\"shop\",\"retry\":{\"max_attempts\":\"3\","
                         "\"initial_backoff\":\"1ms\"}}",
                         &callback);
    inject("{\"n\":1}");
    inject("{\"n\":2}");
    ck_assert(fake_callback_wait(&callback, 4));
    fake_callback_settled(&callback);
    ck_assert_str_eq(fake_callback_event(&callback, 3), "{\"n\":2}");
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.dead_lettered"), "1");
    ck_assert_str_eq(fake_member(&out, "subscriptions.0.delivered"), "1");
}
END_TEST

START_TEST(w11_the_order_of_step_stop_step_start_and_module_stop_does_not_matter)
{
    const wf_module *module = fake_running_module(&host, "orders", SHOP);
    step_works("cdc_stop", OF_SHOP);
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    ck_assert_int_eq(module->start(module->self, &err), WF_OK);
    step_works("cdc_stop", OF_SHOP);
    step_works("cdc_start", OF_SHOP);
    step_works("cdc_status", OF_SHOP);
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    /* Not left behind, connected and unreachable. */
    ck_assert_int_eq(fake_step(&host, "cdc_status", OF_SHOP, &out, &err), WF_NOT_FOUND);
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert_uint_eq(fake_callback_settled(&callback), 0);
    module->destroy(module->self);
}
END_TEST

/* A source that broke stays visible, and cdc_start does not mistake it for one that
 * runs. */
START_TEST(w11_a_source_that_has_failed_is_started_anew)
{
    const char *path = temp_path(temp_dir(), "shop.db");
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char config[600];
    snprintf(config, sizeof config,
             "{\"provider\":\"sqlite\",\"source_id\":\"shop\",\"connection\":\"%s\","
             "\"options\":{"
             "\"state_dir\":\"%s\"}}",
             path, temp_dir());
    step_works("cdc_start", config);
    fake_running_trigger(&host, OF_SHOP, &callback);
    temp_remove(path);
    for (int i = 0; i < 100; i++) {
        step_works("cdc_status", OF_SHOP);
        if (strcmp(fake_member(&out, "phase"), "failed") == 0)
            break;
        fake_callback_settled(&callback);
    }
    ck_assert_str_eq(fake_member(&out, "phase"), "failed");
    ck_assert_str_eq(fake_member(&out, "state"), "error");
    ck_assert_str_ne(fake_member(&out, "error"), "(none)");
    ck_assert_int_ne(fake_step(&host, "cdc_start", OF_SHOP, &out, &err), WF_OK);
    ck_assert_msg(strncmp(err.text, "step.cdc_start \"N\": connect: ", 29) == 0, "%s",
                  err.text);
}
END_TEST

START_TEST(w11_a_module_that_could_not_start_does_not_stop_the_source_of_another)
{
    fake_running_module(&host, "orders", SHOP);
    const wf_module *other = fake_module(&host, "orders", SHOP, &err);
    ck_assert_int_eq(other->start(other->self, &err), WF_STATE);
    other->destroy(other->self);
    step_works("cdc_status", OF_SHOP);
}
END_TEST

START_TEST(w12_lists_are_json_lists_also_when_nothing_was_given)
{
    step_works("cdc_start", SHOP);
    step_works("cdc_snapshot", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "tables"), "[]");
    step_works("cdc_schema_history", "{\"source_id\":\"shop\",\"table\":\"t\"}");
    ck_assert_str_eq(fake_member(&out, "history"), "[]");
    step_works("cdc_snapshot", "{\"source_id\":\"shop\",\"tables\":\"a.b, c\"}");
    ck_assert_str_eq(fake_member(&out, "tables"), "[\"a.b\",\"c\"]");
}
END_TEST

static const struct {
    const char *config;
    const char *text;
} silent_losses[] = {
    {"{\"provider\":\"memory\",\"source_id\":7}",
     "'source_id' must be a string, not a number"},
    {"{\"provider\":\"sqlite\",\"source_id\":\"s\",\"connection\":{\"host\":\"h\"}}",
     "'connection' must be a string, not a map"},
    {"{\"provider\":\"memory\",\"source_id\":\"s\",\"tables\":{\"a\":1}}",
     "'tables' must be a list of strings, or one string with commas, not a map"},
    {"{\"provider\":\"memory\",\"source_id\":\"s\",\"tables\":[\"a\",1]}",
     "'tables[1]' must be a string, not a number"},
    {"{\"provider\":\"memory\",\"source_id\":\"s\",\"options\":[]}",
     "'options' must be a map"},
    {"{\"provider\":\"memory\",\"source_id\":\"s\",\"options\":{\"buffer_bytes\":1}}",
     "'options.buffer_bytes' must be between 65536 and 1073741824 bytes, not 1"},
    {"{\"provider\":\"memory\",\"source_id\":\"s\",\"options\":{\"snapshot\":\"soon\"}}",
     "'options.snapshot' must be one of never|initial|always|when_needed"},
};

START_TEST(w13_a_value_of_the_wrong_type_is_an_error_that_names_the_key)
{
    char text[300];
    ck_assert_ptr_null(fake_module(&host, "m", silent_losses[_i].config, &err));
    ck_assert_int_eq(err.code, WF_CONFIG);
    snprintf(text, sizeof text, "cdc.source \"m\": %s", silent_losses[_i].text);
    ck_assert_str_eq(err.text, text);
}
END_TEST

START_TEST(w13_tables_may_be_one_text_and_cdc_start_insists_on_a_connection)
{
    step_works("cdc_start",
               "{\"provider\":\"memory\",\"source_id\":\"shop\",\"tables\":\"a,b\"}");
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "tables"), "[\"a\",\"b\"]");
    step_fails("cdc_start", "{\"provider\":\"sqlite\",\"source_id\":\"x\"}", WF_CONFIG,
               "step.cdc_start \"N\": create provider: connection is required");
}
END_TEST

/* Every output that a step writes is one the manifest tells of. */
START_TEST(w14_what_steps_write_is_what_the_manifest_says)
{
    static const char *const steps[] = {
        "cdc_start",        "cdc_status",  "cdc_snapshot", "cdc_schema_history",
        "cdc_backpressure", "cdc_monitor", "cdc_stop"};
    wf_str manifest = host.api->manifest();
    step_works("cdc_start", SHOP);
    inject("{\"n\":1}");
    for (size_t i = 0; i < CDC_COUNT(steps); i++) {
        char head[80];
        snprintf(head, sizeof head, "\"type\": \"step.%s\"", steps[i]);
        ptrdiff_t at = str_find(manifest, str_from(head));
        ck_assert_int_gt(at, 0);
        wf_str rest = str_slice(manifest, (size_t)at, manifest.len);
        ptrdiff_t outputs = str_find(rest, STR("\"outputs\": ["));
        rest = str_slice(rest, (size_t)outputs, rest.len);
        rest = str_slice(rest, 0, (size_t)str_find(rest, STR("\n      ]")));
        step_works(steps[i], "{\"source_id\":\"shop\",\"table\":\"t\"}");
        struct json_iter it = json_iter_of(buf_view(&out));
        for (wf_str key, value; json_next(&it, &key, &value);) {
            char name[80];
            snprintf(name, sizeof name, "{\"name\":\"%.*s\",", STR_ARG(key));
            ck_assert_msg(str_find(rest, str_from(name)) > 0, "%s: %s", steps[i], name);
        }
    }
}
END_TEST

START_TEST(w15_an_alert_is_really_sent_and_the_pause_comes_once)
{
    step_works("cdc_start", SHOP);
    fake_publish(&host, "cdc.memory.shop.lag", "{\"lag_seconds\":400}", &err);
    for (int i = 0; i < 3; i++)
        step_works("cdc_monitor", OF_SHOP);
    ck_assert_uint_eq(fake_messages(&host, "cdc.alerts", NULL), 1);
    ck_assert_str_eq(fake_member(&out, "alerts_sent"), "0");
    ck_assert_str_eq(fake_member(&out, "auto_throttled"), "false");
}
END_TEST

/* W16, a data race between status and snapshot, is
 * steps_of_all_kinds_run_from_many_threads_at_once in test_abi_threads.c, under
 * ThreadSanitizer. */

START_TEST(w17_no_secret_is_in_an_error_a_status_or_the_log)
{
    static const char secret[] = "hunter2-and-more";
    const wf_module *module =
        fake_module(&host, "m",
                    "{\"provider\":\"sqlite\",\"source_id\":\"shop\","
                    "\"connection\":\"file:///nowhere/db?password=hunter2-and-more\"}",
                    &err);
    if (module && !module->init(module->self, &err))
        ck_assert_int_ne(module->start(module->self, &err), WF_OK);
    ck_assert_int_ne(err.code, WF_OK);
    ck_assert_ptr_null(strstr(err.text, secret));
    fake_step(&host, "cdc_status", OF_SHOP, &out, &err);
    ck_assert_ptr_null(strstr(err.text, secret));
    ck_assert_ptr_null(strstr(buf_c(&out), secret));
    ck_assert(!fake_logged(&host, secret));
    ck_assert_ptr_null(
        fake_module(&host, "m",
                    "{\"provider\":\"sqlite\",\"source_id\":\"s\",\"connection\":["
                    "\"hunter2-and-more\"]}",
                    &err));
    ck_assert_ptr_null(strstr(err.text, secret));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("defects");
    TCase *tests = tcase_create("W1 to W18");
    tcase_add_checked_fixture(tests, shop_setup, shop_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, w1_a_source_that_was_made_delivers_events);
    tcase_add_test(tests, w2_a_source_lives_on_after_the_step_that_started_it);
    tcase_add_test(tests, w5_stopping_one_trigger_leaves_the_others_of_the_source_alone);
    tcase_add_test(tests, w6_a_source_stopped_and_started_again_has_its_triggers_back);
    tcase_add_test(tests, w6_a_failed_start_leaves_the_trigger_startable);
    tcase_add_loop_test(tests, w7_filters_understand_debezium_words_any_case_and_patterns,
                        0, (int)CDC_COUNT(filters));
    tcase_add_test(tests, w7_an_action_that_does_not_exist_is_an_error_that_names_it);
    tcase_add_test(tests,
                   w8_an_event_whose_workflow_failed_is_given_again_and_order_is_kept);
    tcase_add_test(
        tests,
        w8_an_event_that_always_fails_goes_to_the_dead_letters_and_the_stream_goes_on);
    tcase_add_test(tests,
                   w11_the_order_of_step_stop_step_start_and_module_stop_does_not_matter);
    tcase_add_test(tests, w11_a_source_that_has_failed_is_started_anew);
    tcase_add_test(tests,
                   w11_a_module_that_could_not_start_does_not_stop_the_source_of_another);
    tcase_add_test(tests, w12_lists_are_json_lists_also_when_nothing_was_given);
    tcase_add_loop_test(tests, w13_a_value_of_the_wrong_type_is_an_error_that_names_the_key,
                        0, (int)CDC_COUNT(silent_losses));
    tcase_add_test(tests, w13_tables_may_be_one_text_and_cdc_start_insists_on_a_connection);
    tcase_add_test(tests, w14_what_steps_write_is_what_the_manifest_says);
    tcase_add_test(tests, w15_an_alert_is_really_sent_and_the_pause_comes_once);
    tcase_add_test(tests, w17_no_secret_is_in_an_error_a_status_or_the_log);
    suite_add_tcase(suite, tests);
    return suite;
}
