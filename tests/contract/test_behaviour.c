/* SPDX-License-Identifier: MIT
 *
 * The observable behaviour of the Go package this plugin re-creates: modules, steps and
 * triggers, over dlopen.  A test's name begins with the number of its row in the list of
 * acceptance cases.
 */
#include "base/str.h"
#include "tests/support/fake_shop.h"
#include "tests/support/offered.h"

#define ORDERS                                                                             \
    "{\"provider\":\"memory\",\"source_id\":\"shop\",\"tables\":[\"public.orders\"]}"

/* The module cannot be made, or not be initialised; the text says why. */
static void refused(const char *config, wf_status status, const char *text)
{
    const wf_module *module = fake_module(&host, "orders", config, &err);
    if (module) {
        ck_assert_int_eq(module->init(module->self, &err), status);
        module->destroy(module->self);
    }
    ck_assert_int_eq(err.code, status);
    ck_assert_str_eq(err.text, text);
}

START_TEST(row_01_a_valid_memory_configuration_is_made_and_initialised)
{
    const wf_module *module = fake_module(&host, "orders", ORDERS, &err);
    ck_assert_ptr_nonnull(module);
    ck_assert_int_eq(module->init(module->self, &err), WF_OK);
    module->destroy(module->self);
}
END_TEST

START_TEST(row_02_a_module_without_source_id_is_refused)
{
    refused("{\"provider\":\"memory\"}", WF_CONFIG,
            "cdc.source \"orders\": source_id is required");
}
END_TEST

/* Upstream asks for a connection even where there is nothing to connect to; here a
 * provider says whether it needs one, and memory does not. */
START_TEST(row_02_a_module_without_connection_is_refused_where_one_is_needed)
{
    refused("{\"provider\":\"sqlite\",\"source_id\":\"shop\"}", WF_CONFIG,
            "cdc.source \"orders\": connection is required");
}
END_TEST

START_TEST(row_03_an_unknown_provider_is_refused)
{
    refused("{\"provider\":\"oracle\",\"source_id\":\"shop\"}", WF_CONFIG,
            "cdc.source \"orders\": unknown CDC provider \"oracle\" (valid: " OFFERED ")");
}
END_TEST

START_TEST(row_03_a_missing_provider_is_refused)
{
    refused(OF_SHOP, WF_CONFIG,
            "cdc.source \"orders\": provider is required (" OFFERED_OR ")");
}
END_TEST

START_TEST(row_04_start_registers_the_source_and_stop_removes_it)
{
    const wf_module *module = fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_status", OF_SHOP);
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    step_fails("cdc_status", OF_SHOP, WF_NOT_FOUND,
               "step.cdc_status \"N\": CDC source \"shop\" not found");
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
}
END_TEST

START_TEST(row_05_a_second_start_of_a_module_is_an_error)
{
    const wf_module *module = fake_running_module(&host, "orders", ORDERS);
    ck_assert_int_eq(module->start(module->self, &err), WF_STATE);
    ck_assert_str_eq(
        err.text,
        "cdc.source \"orders\": register: CDC source \"shop\" already registered");
    step_works("cdc_status", OF_SHOP);
}
END_TEST

START_TEST(row_06_a_second_source_of_the_same_id_is_refused_and_the_first_goes_on)
{
    fake_running_module(&host, "orders", ORDERS);
    const wf_module *other = fake_module(&host, "other", ORDERS, &err);
    ck_assert_int_eq(other->start(other->self, &err), WF_STATE);
    ck_assert_str_eq(
        err.text, "cdc.source \"other\": register: CDC source \"shop\" already registered");
    ck_assert_int_eq(other->stop(other->self, &err), WF_OK);
    other->destroy(other->self);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "state"), "running");
}
END_TEST

START_TEST(row_07_status_says_running_and_echoes_the_source_id)
{
    fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "source_id"), "shop");
    ck_assert_str_eq(fake_member(&out, "state"), "running");
    ck_assert_str_eq(fake_member(&out, "provider"), "memory");
    ck_assert_str_eq(fake_member(&out, "last_event"), "(none)");
    ck_assert_str_eq(fake_member(&out, "error"), "(none)");
    ck_assert_str_eq(fake_member(&out, "tables"), "[\"public.orders\"]");
    ck_assert_str_eq(fake_member(&out, "subscriptions"), "[]");
    ck_assert_str_eq(fake_member(&out, "events_total"), "0");
}
END_TEST

static const char *const steps_with_source[] = {
    "cdc_stop",           "cdc_status",       "cdc_snapshot",
    "cdc_schema_history", "cdc_backpressure", "cdc_monitor",
};

START_TEST(row_08_10_68_a_step_without_source_id_or_with_an_unknown_one_is_an_error)
{
    const char *step = steps_with_source[_i];
    char text[200];
    snprintf(text, sizeof text, "step.%s \"N\": source_id is required", step);
    step_fails(step, "{}", WF_CONFIG, text);
    snprintf(text, sizeof text, "step.%s \"N\": CDC source \"nobody\" not found", step);
    step_fails(step, "{\"source_id\":\"nobody\",\"table\":\"t\"}", WF_NOT_FOUND, text);
}
END_TEST

START_TEST(row_09_stop_says_stopped_and_the_source_is_no_longer_registered)
{
    fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_stop", OF_SHOP);
    ck_assert_str_eq(out.data ? buf_c(&out) : "",
                     "{\"source_id\":\"shop\",\"action\":\"stopped\"}");
    step_fails("cdc_stop", OF_SHOP, WF_NOT_FOUND,
               "step.cdc_stop \"N\": CDC source \"shop\" not found");
}
END_TEST

START_TEST(row_11_snapshot_of_two_tables_is_triggered)
{
    fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_snapshot", "{\"source_id\":\"shop\",\"tables\":[\"a.b\",\"c.d\"]}");
    ck_assert_str_eq(buf_c(&out),
                     "{\"source_id\":\"shop\",\"action\":\"snapshot_triggered\","
                     "\"tables\":[\"a.b\",\"c.d\"]}");
}
END_TEST

static void add_schema(const char *json)
{
    ck_assert_int_eq(fake_publish(&host, "cdc.memory.shop.schema", json, &err), WF_OK);
}

START_TEST(row_12_schema_history_has_the_version_with_its_exact_ddl)
{
    fake_running_module(&host, "orders", ORDERS);
    add_schema("{\"table\":\"public.users\",\"version\":1,\"ddl\":\"ALTER TABLE users ADD "
               "\\\"n\\\" "
               "TEXT\",\"applied_at\":\"2026-01-01T00:00:00Z\"}");
    step_works("cdc_schema_history", "{\"source_id\":\"shop\",\"table\":\"public.users\"}");
    ck_assert_str_eq(fake_member(&out, "count"), "1");
    ck_assert_str_eq(
        fake_member(&out, "history.0"),
        "{\"table\":\"public.users\",\"version\":1,\"ddl\":\"ALTER TABLE users ADD "
        "\\\"n\\\" TEXT\",\"applied_at\":\"2026-01-01T00:00:00Z\"}");
}
END_TEST

START_TEST(row_13_schema_history_without_a_table_is_an_error)
{
    fake_running_module(&host, "orders", ORDERS);
    step_fails("cdc_schema_history", OF_SHOP, WF_CONFIG,
               "step.cdc_schema_history \"N\": table is required");
}
END_TEST

START_TEST(row_14_start_of_a_running_source_does_nothing_and_says_started)
{
    fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_start", OF_SHOP);
    ck_assert_str_eq(
        buf_c(&out),
        "{\"source_id\":\"shop\",\"action\":\"started\",\"state\":\"running\"}");
}
END_TEST

START_TEST(row_15_start_without_source_id_is_an_error)
{
    step_fails("cdc_start", "{\"provider\":\"memory\"}", WF_CONFIG,
               "step.cdc_start \"N\": source_id is required");
}
END_TEST

START_TEST(start_without_provider_names_the_providers_and_the_missing_module)
{
    step_fails("cdc_start", OF_SHOP, WF_CONFIG,
               "step.cdc_start \"N\": provider is required (" OFFERED_OR ") "
               "(and no running "
               "module: CDC source \"shop\" not found)");
    step_fails("cdc_start", "{\"source_id\":\"shop\",\"provider\":\"oracle\"}", WF_CONFIG,
               "step.cdc_start \"N\": create provider: unknown CDC provider \"oracle\" "
               "(valid: " OFFERED ")");
}
END_TEST

START_TEST(row_16_an_injected_event_reaches_the_callback_once_as_cdc_change)
{
    fake_running_module(&host, "orders", ORDERS);
    const wf_trigger *trigger = fake_running_trigger(&host, OF_SHOP, &callback);
    const char *event = "{\"table\":\"public.orders\",\"op\":\"INSERT\",\"id\":1}";
    ck_assert_int_eq(fake_inject(&host, "shop", event), WF_OK);
    ck_assert(fake_callback_wait(&callback, 1));
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
    ck_assert_str_eq(fake_callback_event(&callback, 0), event);
    ck_assert_str_eq(buf_c(&callback.actions), "cdc.change\n");
    ck_assert_int_eq(trigger->stop(trigger->self, &err), WF_OK);
    ck_assert_int_eq(fake_inject(&host, "shop", event), WF_OK);
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
}
END_TEST

START_TEST(row_17_the_table_filter_passes_only_its_table)
{
    fake_running_module(&host, "orders", ORDERS);
    fake_running_trigger(&host, "{\"source_id\":\"shop\",\"tables\":[\"public.orders\"]}",
                         &callback);
    fake_inject(&host, "shop", "{\"table\":\"public.users\",\"n\":1}");
    fake_inject(&host, "shop", "{\"table\":\"public.orders2\",\"n\":2}");
    fake_inject(&host, "shop", "{\"n\":3}");
    fake_inject(&host, "shop", "{\"source\":\"public.orders\",\"n\":4}");
    fake_inject(&host, "shop", "{\"table\":\"public.orders\",\"n\":5}");
    ck_assert(fake_callback_wait(&callback, 2));
    ck_assert_uint_eq(fake_callback_settled(&callback), 2);
    ck_assert_str_eq(fake_callback_event(&callback, 0),
                     "{\"source\":\"public.orders\",\"n\":4}");
    ck_assert_str_eq(fake_callback_event(&callback, 1),
                     "{\"table\":\"public.orders\",\"n\":5}");
}
END_TEST

START_TEST(row_18_the_action_filter_passes_only_its_action)
{
    fake_running_module(&host, "orders", ORDERS);
    fake_running_trigger(&host, "{\"source_id\":\"shop\",\"actions\":[\"DELETE\"]}",
                         &callback);
    fake_inject(&host, "shop", "{\"table\":\"t\",\"op\":\"INSERT\"}");
    fake_inject(&host, "shop", "{\"table\":\"t\",\"op\":\"UPDATE\"}");
    fake_inject(&host, "shop", "{\"table\":\"t\"}");
    fake_inject(&host, "shop", "{\"table\":\"t\",\"action\":\"DELETE\",\"n\":1}");
    fake_inject(&host, "shop", "{\"table\":\"t\",\"op\":\"DELETE\",\"n\":2}");
    ck_assert(fake_callback_wait(&callback, 2));
    ck_assert_uint_eq(fake_callback_settled(&callback), 2);
    ck_assert_str_eq(fake_callback_event(&callback, 1),
                     "{\"table\":\"t\",\"op\":\"DELETE\",\"n\":2}");
}
END_TEST

START_TEST(row_19_a_trigger_without_source_id_is_refused)
{
    ck_assert_ptr_null(fake_trigger(&host, "{}", &callback, &err));
    ck_assert_int_eq(err.code, WF_CONFIG);
    ck_assert_str_eq(err.text, "trigger.cdc: source_id is required");
}
END_TEST

START_TEST(row_20_a_trigger_of_a_source_that_is_not_there_does_not_start)
{
    const wf_trigger *trigger = fake_trigger(&host, OF_SHOP, &callback, &err);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_NOT_FOUND);
    ck_assert_str_eq(err.text, "trigger.cdc \"shop\": CDC source \"shop\" not found");
}
END_TEST

START_TEST(row_21_a_second_start_of_a_trigger_is_an_error)
{
    fake_running_module(&host, "orders", ORDERS);
    const wf_trigger *trigger = fake_running_trigger(&host, OF_SHOP, &callback);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_STATE);
    ck_assert_str_eq(err.text, "trigger.cdc \"shop\": already started");
}
END_TEST

START_TEST(row_22_a_trigger_may_be_stopped_twice_and_started_after_it)
{
    fake_running_module(&host, "orders", ORDERS);
    const wf_trigger *trigger = fake_running_trigger(&host, OF_SHOP, &callback);
    ck_assert_int_eq(trigger->stop(trigger->self, &err), WF_OK);
    ck_assert_int_eq(trigger->stop(trigger->self, &err), WF_OK);
    ck_assert_int_eq(trigger->start(trigger->self, &err), WF_OK);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
}
END_TEST

START_TEST(row_64_70_start_status_snapshot_history_stop_and_the_module_stops_without_error)
{
    const wf_module *module = fake_running_module(&host, "orders", ORDERS);
    step_works("cdc_start", OF_SHOP);
    step_works("cdc_status", OF_SHOP);
    step_works("cdc_snapshot", "{\"source_id\":\"shop\",\"tables\":[\"public.orders\"]}");
    step_works("cdc_schema_history",
               "{\"source_id\":\"shop\",\"table\":\"public.orders\"}");
    ck_assert_str_eq(buf_c(&out), "{\"source_id\":\"shop\",\"table\":\"public.orders\","
                                  "\"history\":[],\"count\":0}");
    step_works("cdc_stop", OF_SHOP);
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
}
END_TEST

START_TEST(row_65_two_triggers_of_one_source_each_get_the_event_once)
{
    struct fake_callback second;
    fake_callback_init(&second);
    fake_running_module(&host, "orders", ORDERS);
    fake_running_trigger(&host, OF_SHOP, &callback);
    const wf_trigger *other = fake_running_trigger(&host, OF_SHOP, &second);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    ck_assert(fake_callback_wait(&second, 1));
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
    ck_assert_uint_eq(fake_callback_settled(&second), 1);
    other->destroy(other->self);
    fake_callback_release(&second);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("behaviour");
    TCase *tests = tcase_create("modules, steps, triggers");
    tcase_add_checked_fixture(tests, shop_setup, shop_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, row_01_a_valid_memory_configuration_is_made_and_initialised);
    tcase_add_test(tests, row_02_a_module_without_source_id_is_refused);
    tcase_add_test(tests,
                   row_02_a_module_without_connection_is_refused_where_one_is_needed);
    tcase_add_test(tests, row_03_an_unknown_provider_is_refused);
    tcase_add_test(tests, row_03_a_missing_provider_is_refused);
    tcase_add_test(tests, row_04_start_registers_the_source_and_stop_removes_it);
    tcase_add_test(tests, row_05_a_second_start_of_a_module_is_an_error);
    tcase_add_test(tests,
                   row_06_a_second_source_of_the_same_id_is_refused_and_the_first_goes_on);
    tcase_add_test(tests, row_07_status_says_running_and_echoes_the_source_id);
    tcase_add_loop_test(
        tests, row_08_10_68_a_step_without_source_id_or_with_an_unknown_one_is_an_error, 0,
        (int)CDC_COUNT(steps_with_source));
    tcase_add_test(tests, row_09_stop_says_stopped_and_the_source_is_no_longer_registered);
    tcase_add_test(tests, row_11_snapshot_of_two_tables_is_triggered);
    tcase_add_test(tests, row_12_schema_history_has_the_version_with_its_exact_ddl);
    tcase_add_test(tests, row_13_schema_history_without_a_table_is_an_error);
    tcase_add_test(tests, row_14_start_of_a_running_source_does_nothing_and_says_started);
    tcase_add_test(tests, row_15_start_without_source_id_is_an_error);
    tcase_add_test(tests,
                   start_without_provider_names_the_providers_and_the_missing_module);
    tcase_add_test(tests, row_16_an_injected_event_reaches_the_callback_once_as_cdc_change);
    tcase_add_test(tests, row_17_the_table_filter_passes_only_its_table);
    tcase_add_test(tests, row_18_the_action_filter_passes_only_its_action);
    tcase_add_test(tests, row_19_a_trigger_without_source_id_is_refused);
    tcase_add_test(tests, row_20_a_trigger_of_a_source_that_is_not_there_does_not_start);
    tcase_add_test(tests, row_21_a_second_start_of_a_trigger_is_an_error);
    tcase_add_test(tests, row_22_a_trigger_may_be_stopped_twice_and_started_after_it);
    tcase_add_test(
        tests,
        row_64_70_start_status_snapshot_history_stop_and_the_module_stops_without_error);
    tcase_add_test(tests, row_65_two_triggers_of_one_source_each_get_the_event_once);
    suite_add_tcase(suite, tests);
    return suite;
}
