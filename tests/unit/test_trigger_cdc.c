/* SPDX-License-Identifier: MIT */
#include "triggers/trigger_cdc.h"

#include "base/str.h"
#include "tests/support/fake_host.h"
#include "tests/support/run.h"

static struct fake_host host;
static struct fake_callback callback;
static struct buf out;
static wf_error err;

static void setup(void)
{
    fake_host_init(&host, PLUGIN_SO, 0);
    fake_callback_init(&callback);
    buf_init(&out, 1u << 20);
    fake_running_module(&host, "shop", "{\"provider\":\"memory\",\"source_id\":\"shop\"}");
}

static void teardown(void)
{
    fake_host_release(&host);
    fake_callback_release(&callback);
    buf_release(&out);
}

static const struct {
    const char *config; /* after the source_id */
    const char *text;
} bad_configs[] = {
    {"\"actions\":[\"\"]", "'actions[0]' must be a string, not an empty one"},
    {"\"actions\":[\"INSERTS\"]",
     "'actions' holds \"INSERTS\" (valid: INSERT, UPDATE, DELETE, "
     "TRUNCATE, READ, DDL, MESSAGE, or c, u, d, r, t)"},
    {"\"tables\":7",
     "'tables' must be a list of strings, or one string with commas, not a number"},
    {"\"retry\":3", "'retry' must be a map, not a number"},
    {"\"retry\":{\"attempts\":3}", "'retry.attempts' is not an option"},
    {"\"retry\":{\"max_attempt\":3}",
     "'retry.max_attempt' is not an option; did you mean 'retry.max_attempts'"},
    {"\"retry\":{\"max_attempts\":0}",
     "'retry.max_attempts' must be between 1 and 1000000, not 0"},
    {"\"retry\":{\"initial_backoff\":\"soon\"}",
     "'retry.initial_backoff' must be a duration such as 30s or 500ms, not \"soon\""},
    {"\"on_failure\":\"retry\"", "'on_failure' must be one of dead_letter|block"},
    {"\"workers\":0", "'workers' must be between 1 and 64, not 0"},
    {"\"workers\":65", "'workers' must be between 1 and 64, not 65"},
    {"\"workers\":\"two\"", "'workers' must be an integer, not \"two\""},
    {"\"workflowType\":[]", "'workflowType' must be a string, not a list"},
};

START_TEST(a_wrong_value_is_named)
{
    char config[300], text[300];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\",%s}", bad_configs[_i].config);
    ck_assert_ptr_null(fake_trigger(&host, config, &callback, &err));
    snprintf(text, sizeof text, "trigger.cdc: %s", bad_configs[_i].text);
    ck_assert_str_eq(err.text, text);
    ck_assert_int_eq(err.code, WF_CONFIG);
}
END_TEST

static const char *subscription(unsigned index, const char *member)
{
    char path[80];
    ck_assert_int_eq(fake_step(&host, "cdc_status", "{\"source_id\":\"shop\"}", &out, &err),
                     WF_OK);
    snprintf(path, sizeof path, "subscriptions.%u.%s", index, member);
    return fake_member(&out, path);
}

static const struct {
    const char *config;
    const char *name;
    const char *filter;
} filters[] = {
    {"", "*", "*"},
    {",\"workflowType\":\"pipeline:copy\"", "pipeline:copy", "*"},
    {",\"tables\":\"a.b, c\",\"actions\":\"d,c\"", "a.b,c [INSERT,DELETE]",
     "a.b,c [INSERT,DELETE]"},
    {",\"tables\":[\"x\"],\"workflowType\":\"w\"", "w", "x"},
};

START_TEST(a_trigger_is_named_after_its_workflow_or_its_filter)
{
    char config[200];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\"%s}", filters[_i].config);
    fake_running_trigger(&host, config, &callback);
    ck_assert_str_eq(subscription(0, "name"), filters[_i].name);
    ck_assert_str_eq(subscription(0, "filter"), filters[_i].filter);
}
END_TEST

START_TEST(no_two_triggers_of_a_source_have_the_same_name)
{
    const char *config = "{\"source_id\":\"shop\",\"workflowType\":\"w\"}";
    const wf_trigger *first = fake_running_trigger(&host, config, &callback);
    fake_running_trigger(&host, config, &callback);
    ck_assert_str_eq(subscription(0, "name"), "w#2");
    ck_assert_str_eq(subscription(1, "name"), "w");
    first->destroy(first->self);
    fake_running_trigger(&host, config, &callback);
    ck_assert_str_eq(subscription(0, "name"), "w");
    ck_assert_str_eq(subscription(1, "name"), "w#2");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("trigger_cdc");
    TCase *tests = tcase_create("trigger");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_wrong_value_is_named, 0, (int)CDC_COUNT(bad_configs));
    tcase_add_loop_test(tests, a_trigger_is_named_after_its_workflow_or_its_filter, 0,
                        (int)CDC_COUNT(filters));
    tcase_add_test(tests, no_two_triggers_of_a_source_have_the_same_name);
    suite_add_tcase(suite, tests);
    return suite;
}
