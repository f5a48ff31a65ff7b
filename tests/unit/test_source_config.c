/* SPDX-License-Identifier: MIT */
#include "plugin/core/source_config.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/provider.h"
#include "tests/support/run.h"

static wf_status check_host(const struct cdc_settings *settings, wf_error *err)
{
    return str_is(settings->connection, "nowhere")
               ? error_set(err, WF_CONFIG, "'connection' leads nowhere")
               : WF_OK;
}

static const struct cdc_option no_options[] = {{.key = NULL}};
static const struct cdc_provider here = {.name = "here", .options = no_options};
static const struct cdc_provider there = {.name = "there",
                                          .options = no_options,
                                          .connection_help = "a place",
                                          .check = check_host};
static const struct cdc_provider *const providers[] = {&here, &there, NULL};
static const struct cdc_missing missing[] = {
    {"elsewhere", "unsupported because libelse was not found at build time"},
    {NULL, NULL},
};

static const struct {
    const char *config;
    wf_status status;
    const char *text;
} configs[] = {
    {"{\"provider\":\"here\",\"source_id\":\"s\"}", WF_OK, ""},
    {"{\"provider\":\"there\",\"source_id\":\"s\",\"connection\":\"c\"}", WF_OK, ""},
    {"{\"provider\":\"here\"}", WF_CONFIG, "source_id is required"},
    {"{\"provider\":\"there\"}", WF_CONFIG, "source_id is required"},
    {"{\"provider\":\"there\",\"source_id\":\"s\"}", WF_CONFIG, "connection is required"},
    {"{\"provider\":\"there\",\"source_id\":\"s\",\"connection\":\"nowhere\"}", WF_CONFIG,
     "'connection' leads nowhere"},
    {"{\"provider\":\"elsewhere\",\"source_id\":\"s\"}", WF_UNSUPPORTED,
     "CDC provider \"elsewhere\" is unsupported because libelse was not found at build "
     "time"},
    {"{\"provider\":\"nobody\"}", WF_CONFIG,
     "unknown CDC provider \"nobody\" (valid: here, there)"},
    {"{}", WF_CONFIG, "provider is required (here or there)"},
    {"{\"provider\":null}", WF_CONFIG, "provider is required (here or there)"},
    {"{\"provider\":7}", WF_CONFIG, "'provider' must be a string, not a number"},
};

START_TEST(a_configuration_is_complete_or_the_reason_is_told)
{
    wf_error err = {.code = WF_OK};
    struct cdc_settings *settings = NULL;
    cJSON *config = cJSON_Parse(configs[_i].config);
    wf_status status = source_config_parse(config, providers, missing, &settings, &err);
    if (!status)
        status = source_config_complete(settings, &err);
    ck_assert_int_eq(status, configs[_i].status);
    ck_assert_str_eq(err.text, configs[_i].text);
    settings_free(settings);
    cJSON_Delete(config);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_config");
    TCase *tests = tcase_create("complete");
    tcase_add_loop_test(tests, a_configuration_is_complete_or_the_reason_is_told, 0,
                        (int)CDC_COUNT(configs));
    suite_add_tcase(suite, tests);
    return suite;
}
