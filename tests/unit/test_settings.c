/* SPDX-License-Identifier: MIT
 *
 * A source's configuration: three tables of rows and one struct.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/made_up.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

static wf_error err;

static const struct cdc_provider other_provider = {.name = "other", .summary = "Nothing"};
static const struct cdc_provider third_provider = {.name = "third", .summary = "Nothing"};
static const struct cdc_provider *const providers[] = {&made_up_provider, &other_provider,
                                                       &third_provider, NULL};

static struct cdc_settings *parsed(const char *json)
{
    cJSON *config = cJSON_Parse(json);
    ck_assert_msg(config != NULL, "%s", json);
    struct cdc_settings *settings = NULL;
    wf_status status = settings_parse(config, providers, &settings, &err);
    cJSON_Delete(config);
    ck_assert_msg(!status, "%s", err.text);
    return settings;
}

static void refused(const char *json, const char *text)
{
    cJSON *config = cJSON_Parse(json);
    ck_assert_msg(config != NULL, "%s", json);
    struct cdc_settings *settings = NULL;
    ck_assert_int_eq(settings_parse(config, providers, &settings, &err), WF_CONFIG);
    cJSON_Delete(config);
    ck_assert_ptr_null(settings);
    ck_assert_str_eq(err.text, text);
}

START_TEST(the_least_configuration_names_a_provider)
{
    struct cdc_settings *settings = parsed("{\"provider\":\"made-up\"}");
    ck_assert_ptr_eq(settings->provider, &made_up_provider);
    ck_assert(str_is(settings->provider_name, "made-up"));
    ck_assert_uint_eq(settings->source_id.len, 0);
    ck_assert_uint_eq(settings->connection.len, 0);
    ck_assert_uint_eq(settings->tables.count, 0);
    ck_assert(str_is(settings->core.state_dir, ".cdc-state"));
    ck_assert_int_eq(settings->core.buffer_bytes, 16 * 1024 * 1024);
    ck_assert_int_eq(settings->core.max_event_bytes, 64 * 1024 * 1024);
    ck_assert_int_eq(settings->core.snapshot, CDC_SNAPSHOT_NEVER);
    ck_assert_int_eq(settings->core.snapshot_chunk_rows, 10000);
    ck_assert(!settings->core.standby);
    const struct made_up_options *options = settings->options;
    ck_assert(str_is(options->name, "nobody"));
    settings_free(settings);
    settings_free(NULL);
}
END_TEST

START_TEST(every_key_of_the_top_is_taken_and_unknown_ones_are_let_pass)
{
    struct cdc_settings *settings =
        parsed("{\"provider\":\"made-up\",\"source_id\":\"shop\",\"source_type\":\"a\","
               "\"connection\":\"file://x\",\"tables\":\"public.a, "
               "b\",\"_config_dir\":\"/etc\","
               "\"options\":{\"name\":\"n\",\"standby\":true,\"snapshot\":\"when_needed\","
               "\"state_dir\":\"s\"},\"workflowType\":\"x\",\"legs\":99}");
    ck_assert(str_is(settings->source_id, "shop"));
    ck_assert(str_is(settings->source_type, "a"));
    ck_assert(str_is(settings->connection, "file://x"));
    ck_assert(str_is(settings->config_dir, "/etc"));
    ck_assert_uint_eq(settings->tables.count, 2);
    ck_assert(str_is(settings->tables.items[1], "b"));
    ck_assert(settings->core.standby);
    ck_assert_int_eq(settings->core.snapshot, CDC_SNAPSHOT_WHEN_NEEDED);
    const struct made_up_options *options = settings->options;
    ck_assert(str_is(options->name, "n"));
    ck_assert_int_eq(options->legs, 4);
    settings_free(settings);
}
END_TEST

START_TEST(snapshot_modes_are_in_the_order_of_their_numbers)
{
    static const char *const modes[] = {
        [CDC_SNAPSHOT_NEVER] = "never",
        [CDC_SNAPSHOT_INITIAL] = "initial",
        [CDC_SNAPSHOT_ALWAYS] = "always",
        [CDC_SNAPSHOT_WHEN_NEEDED] = "when_needed",
    };
    char json[128];
    snprintf(json, sizeof json,
             "{\"provider\":\"other\",\"options\":{\"snapshot\":\"%s\"}}", modes[_i]);
    struct cdc_settings *settings = parsed(json);
    ck_assert_int_eq(settings->core.snapshot, _i);
    settings_free(settings);
}
END_TEST

START_TEST(a_provider_without_options_takes_the_cores_only)
{
    struct cdc_settings *settings =
        parsed("{\"provider\":\"other\",\"options\":{\"buffer_bytes\":\"1MiB\"}}");
    ck_assert_int_eq(settings->core.buffer_bytes, 1024 * 1024);
    settings_free(settings);
    refused("{\"provider\":\"other\",\"options\":{\"legs\":1}}",
            "'options.legs' is not an option");
}
END_TEST

static const struct {
    const char *json;
    const char *text;
} wrongs[] = {
    {"{}", "provider is required (made-up, other, or third)"},
    {"[1,2]", "provider is required (made-up, other, or third)"},
    {"7", "provider is required (made-up, other, or third)"},
    {"{\"provider\":null}", "provider is required (made-up, other, or third)"},
    {"{\"provider\":\"\"}", "provider is required (made-up, other, or third)"},
    {"{\"provider\":\"postgras\"}",
     "unknown CDC provider \"postgras\" (valid: made-up, other, third)"},
    {"{\"provider\":7}", "'provider' must be a string, not a number"},
    {"{\"provider\":\"other\",\"tables\":[1]}",
     "'tables[0]' must be a string, not a number"},
    {"{\"provider\":\"other\",\"options\":[]}", "'options' must be a map"},
    {"{\"provider\":\"other\",\"options\":\"x\"}", "'options' must be a map"},
    {"{\"provider\":\"other\",\"connection\":[\"secret\"]}",
     "'connection' must be a string, not a list"},
    {"{\"provider\":\"other\",\"source_id\":\"a\\nb\"}",
     "'source_id' holds a control character"},
    {"{\"provider\":\"other\",\"options\":{\"snapshot\":true}}",
     "'options.snapshot' must be one of never|initial|always|when_needed"},
    {"{\"provider\":\"other\",\"options\":{\"buffer_bytes\":\"1KiB\"}}",
     "'options.buffer_bytes' must be between 65536 and 1073741824 bytes, not 1024"},
    {"{\"provider\":\"other\",\"options\":{\"statedir\":\"x\"}}",
     "'options.statedir' is not an option; did you mean 'options.state_dir'"},
};

START_TEST(what_is_wrong_is_named)
{
    refused(wrongs[_i].json, wrongs[_i].text);
}
END_TEST

START_TEST(a_source_id_has_at_most_the_bytes_allowed)
{
    char json[LIMIT_SOURCE_ID + 64];
    char id[LIMIT_SOURCE_ID + 2];
    memset(id, 'x', sizeof id);
    id[LIMIT_SOURCE_ID] = '\0';
    snprintf(json, sizeof json, "{\"provider\":\"other\",\"source_id\":\"%s\"}", id);
    struct cdc_settings *settings = parsed(json);
    ck_assert_uint_eq(settings->source_id.len, LIMIT_SOURCE_ID);
    settings_free(settings);
    id[LIMIT_SOURCE_ID] = 'x';
    id[LIMIT_SOURCE_ID + 1] = '\0';
    snprintf(json, sizeof json, "{\"provider\":\"other\",\"source_id\":\"%s\"}", id);
    refused(json, "'source_id' has 201 bytes, at most 200 are possible");
}
END_TEST

START_TEST(a_missing_configuration_is_an_empty_one)
{
    struct cdc_settings *settings = NULL;
    ck_assert_int_eq(settings_parse(NULL, providers, &settings, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "provider is required (made-up, other, or third)");
}
END_TEST

START_TEST(two_providers_are_joined_by_or)
{
    const struct cdc_provider *const two[] = {&made_up_provider, &other_provider, NULL};
    struct cdc_settings *settings = NULL;
    ck_assert_int_eq(settings_parse(NULL, two, &settings, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "provider is required (made-up or other)");
}
END_TEST

START_TEST(a_relative_state_dir_is_beside_the_configuration_file)
{
    static const struct {
        const char *config_dir, *state_dir, *expected;
    } cases[] = {
        {"/etc/cdc", "state", "/etc/cdc/state"},
        {"/etc/cdc", "/var/state", "/var/state"},
        {"", "state", "state"},
        {"", "/var/state", "/var/state"},
    };
    struct cdc_settings settings = {
        .config_dir = str_from(cases[_i].config_dir),
        .core.state_dir = str_from(cases[_i].state_dir),
    };
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    settings_state_dir(&settings, &path);
    ck_assert_str_eq(buf_c(&path), cases[_i].expected);
}
END_TEST

START_TEST(every_row_has_help_and_a_place_of_its_own)
{
    static const struct cdc_option *const tables[] = {settings_top_options,
                                                      settings_core_options};
    for (size_t t = 0; t < CDC_COUNT(tables); t++)
        for (const struct cdc_option *row = tables[t]; row->key; row++) {
            ck_assert_msg(row->help && row->help[0], "%s", row->key);
            ck_assert_msg(row->help[strlen(row->help) - 1] != '.', "%s", row->key);
            for (const struct cdc_option *next = row + 1; next->key; next++) {
                ck_assert_str_ne(row->key, next->key);
                ck_assert_uint_ne(row->offset, next->offset);
            }
        }
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    cJSON *config =
        cJSON_Parse("{\"provider\":\"made-up\",\"source_id\":\"s\",\"tables\":[\"a\"],"
                    "\"options\":{\"name\":\"n\",\"headers\":{\"a\":1}}}");
    for (long n = 0; n < OOM_MOST; n++) {
        struct cdc_settings *settings = NULL;
        oom_arm(n);
        wf_status status = settings_parse(config, providers, &settings, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(settings == NULL, hit);
        settings_free(settings);
        if (!hit) {
            cJSON_Delete(config);
            return;
        }
    }
    ck_abort_msg("no end");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");
    tcase_add_test(tcase, the_least_configuration_names_a_provider);
    tcase_add_test(tcase, every_key_of_the_top_is_taken_and_unknown_ones_are_let_pass);
    tcase_add_loop_test(tcase, snapshot_modes_are_in_the_order_of_their_numbers, 0,
                        CDC_SNAPSHOT_WHEN_NEEDED + 1);
    tcase_add_test(tcase, a_provider_without_options_takes_the_cores_only);
    tcase_add_loop_test(tcase, what_is_wrong_is_named, 0, (int)CDC_COUNT(wrongs));
    tcase_add_test(tcase, a_source_id_has_at_most_the_bytes_allowed);
    tcase_add_test(tcase, a_missing_configuration_is_an_empty_one);
    tcase_add_test(tcase, two_providers_are_joined_by_or);
    tcase_add_loop_test(tcase, a_relative_state_dir_is_beside_the_configuration_file, 0, 4);
    tcase_add_test(tcase, every_row_has_help_and_a_place_of_its_own);
    if (OOM_POSSIBLE)
        tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
