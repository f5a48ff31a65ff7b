/* SPDX-License-Identifier: MIT
 *
 * Rows 67 and 69 of the behaviour: every type has a schema, every schema a type.
 */
#include "plugin/manifest.h"

#include <cjson/cJSON.h>

#include "base/limits.h"
#include "base/str.h"
#include "plugin/catalog.h"
#include "tests/support/fake_host.h"
#include "tests/support/offered.h"
#include "tests/support/run.h"

static cJSON *manifest;

static void setup(void)
{
    struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    manifest_write(&text);
    manifest = cJSON_Parse(buf_c(&text));
    ck_assert_ptr_nonnull(manifest);
    buf_release(&text);
}

static void teardown(void)
{
    cJSON_Delete(manifest);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    ck_assert_msg(cJSON_IsString(value) && value->valuestring[0], "no '%s'", key);
    return value->valuestring;
}

static const cJSON *list_of(const cJSON *object, const char *key)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);
    ck_assert_msg(cJSON_IsArray(list), "no list '%s'", key);
    return list;
}

/* The element whose `key` is `text`; there is exactly one. */
static const cJSON *one_with(const cJSON *list, const char *key, const char *text)
{
    const cJSON *found = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(text_of(item, key), text) != 0)
            continue;
        ck_assert_ptr_null(found);
        found = item;
    }
    ck_assert_msg(found != NULL, "no '%s'", text);
    return found;
}

static bool is_required(const cJSON *type, const char *field)
{
    const cJSON *found = one_with(list_of(type, "fields"), "name", field);
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(found, "required"));
}

START_TEST(the_head_says_name_version_and_abi)
{
    ck_assert_str_eq(text_of(manifest, "name"), "workflow-plugin-cdc");
    ck_assert_str_eq(text_of(manifest, "version"), CDC_VERSION);
    ck_assert_str_eq(text_of(manifest, "license"), "MIT");
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(manifest, "abi")->valueint,
                     WF_ABI_VERSION);
}
END_TEST

static const char *const types[] = {
    "step.cdc_start",    "step.cdc_stop",           "step.cdc_status",
    "step.cdc_snapshot", "step.cdc_schema_history", "step.cdc_backpressure",
    "step.cdc_monitor",
};

START_TEST(row_69_there_is_one_schema_for_each_step_type)
{
    const cJSON *steps = list_of(manifest, "steps");
    ck_assert_int_eq(cJSON_GetArraySize(steps), (int)CDC_COUNT(types));
    const cJSON *step = one_with(steps, "type", types[_i]);
    ck_assert(is_required(step, "source_id"));
    ck_assert_int_gt(cJSON_GetArraySize(list_of(step, "outputs")), 1);
    one_with(list_of(step, "outputs"), "name", "source_id");
}
END_TEST

START_TEST(row_67_the_module_s_schema_has_label_category_and_required_fields)
{
    const cJSON *module = one_with(list_of(manifest, "modules"), "type", "cdc.source");
    ck_assert_str_eq(text_of(module, "label"), "CDC Source");
    ck_assert_str_eq(text_of(module, "category"), "Data Engineering");
    ck_assert(is_required(module, "provider"));
    ck_assert(is_required(module, "source_id"));
    ck_assert(!is_required(module, "tables"));
    const cJSON *connection = one_with(list_of(module, "fields"), "name", "connection");
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(connection, "secret")));
}
END_TEST

START_TEST(what_options_may_hold_is_said_for_each_provider)
{
    const cJSON *module = one_with(list_of(manifest, "modules"), "type", "cdc.source");
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(module, "variants");
    ck_assert_str_eq(text_of(rules, "field"), "options");
    ck_assert_str_eq(text_of(rules, "by"), "provider");
    one_with(list_of(rules, "common"), "name", "state_dir");
    const cJSON *providers = cJSON_GetObjectItemCaseSensitive(rules, "values");
    for (size_t i = 0; catalog_providers[i]; i++) {
        const struct cdc_provider *provider = catalog_providers[i];
        const cJSON *said = cJSON_GetObjectItemCaseSensitive(providers, provider->name);
        ck_assert_str_eq(text_of(said, "summary"), provider->summary);
        ck_assert_int_eq(cJSON_GetArraySize(list_of(said, "required")),
                         provider->connection_help ? 1 : 0);
        int rows = 0;
        for (const struct cdc_option *row = provider->options; row && row->key; row++)
            rows += row->key[0] != '_';
        ck_assert_int_eq(cJSON_GetArraySize(list_of(said, "fields")), rows);
    }
    for (size_t i = 0; catalog_missing[i].name; i++)
        ck_assert_str_eq(
            text_of(cJSON_GetObjectItemCaseSensitive(providers, catalog_missing[i].name),
                    "missing"),
            catalog_missing[i].reason);
    const cJSON *start = one_with(list_of(manifest, "steps"), "type", "step.cdc_start");
    ck_assert_str_eq(text_of(start, "variants"), "cdc.source");
}
END_TEST

/* A word in the manifest that the trigger refuses, or one that is not there, would make a
 * host refuse what is right. */
START_TEST(the_actions_of_the_trigger_are_exactly_those_that_are_understood)
{
    const cJSON *trigger = one_with(list_of(manifest, "triggers"), "type", "trigger.cdc");
    const cJSON *actions = one_with(list_of(trigger, "fields"), "name", "actions");
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(actions, "any_case")));
    ck_assert_str_eq(text_of(actions, "items"), "string");
    bool found[CDC_OP_COUNT] = {false};
    char letters[32] = "";
    size_t count = 0;
    const cJSON *choice;
    cJSON_ArrayForEach(choice, list_of(actions, "choices"))
    {
        wf_str word = str_from(choice->valuestring);
        enum cdc_op op = change_op_parse(word);
        ck_assert_msg(op < CDC_OP_COUNT, "%s", choice->valuestring);
        found[op] = found[op] || str_eq(word, change_op_text(op));
        if (word.len == 1 && count < sizeof(letters) - 1)
            letters[count++] = word.ptr[0];
    }
    for (int op = 0; op < CDC_OP_COUNT; op++)
        ck_assert(found[op]);
    for (char letter = 'a'; letter <= 'z'; letter++)
        ck_assert_int_eq(change_op_parse((wf_str){&letter, 1}) < CDC_OP_COUNT,
                         strchr(letters, letter) != NULL);
}
END_TEST

START_TEST(row_69_the_trigger_has_a_schema_with_its_retry_rules)
{
    const cJSON *trigger = one_with(list_of(manifest, "triggers"), "type", "trigger.cdc");
    ck_assert(is_required(trigger, "source_id"));
    const cJSON *retry = one_with(list_of(trigger, "fields"), "name", "retry");
    one_with(list_of(retry, "fields"), "name", "max_attempts");
}
END_TEST

/* Any depth: every field has a name, a type that exists, and help without a full stop. */
static void check_fields(const cJSON *value)
{
    static const char known[] = "string bool int number duration bytes choice list map any";
    if (cJSON_IsObject(value) && cJSON_GetObjectItemCaseSensitive(value, "help")) {
        ck_assert_ptr_nonnull(strstr(known, text_of(value, "type")));
        ck_assert_uint_gt(strlen(text_of(value, "name")), 0);
        const char *help = text_of(value, "help");
        ck_assert_msg(help[strlen(help) - 1] != '.', "full stop: %s", help);
        ck_assert_int_ne(text_of(value, "name")[0], '_');
    }
    const cJSON *child;
    cJSON_ArrayForEach(child, value)
    {
        check_fields(child);
    }
}

START_TEST(every_field_is_complete)
{
    check_fields(manifest);
}
END_TEST

START_TEST(row_67_a_type_that_is_not_in_the_manifest_has_no_factory)
{
    const struct fake_plugin *plugin = fake_plugin(PLUGIN_SO);
    for (size_t i = 0; i < CDC_COUNT(types); i++)
        ck_assert_ptr_nonnull(fake_step_factory(plugin, types[i] + strlen("step.")));
    ck_assert_ptr_null(fake_symbol_or_null(plugin, "new_step_cdc_nothing"));
    ck_assert_ptr_null(fake_symbol_or_null(plugin, "new_module_cdc_nothing"));
    ck_assert_ptr_null(fake_symbol_or_null(plugin, "new_trigger_nothing"));
}
END_TEST

START_TEST(the_compiled_manifest_is_the_generated_one)
{
    struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    manifest_write(&text);
    wf_str compiled = fake_plugin(PLUGIN_SO)->manifest();
    ck_assert(str_eq(compiled, buf_view(&text)));
    buf_release(&text);
}
END_TEST

START_TEST(the_reference_names_every_type_provider_and_option)
{
    struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    manifest_write_configuration(&text);
    wf_str all = buf_view(&text);
    for (size_t i = 0; i < CDC_COUNT(types); i++)
        ck_assert_int_gt(str_find(all, str_from(types[i])), 0);
    for (const struct cdc_option *row = settings_core_options; row->key; row++)
        ck_assert_int_gt(str_find(all, str_from(row->key)), 0);
    ck_assert_int_gt(
        str_find(all, STR("| `options.buffer_bytes` | bytes | `16MiB` | 64 KiB to 1 GiB "
                          "| ")),
        0);
    ck_assert_int_gt(str_find(all, STR("Secret: never shown")), 0);
    ck_assert_int_lt(str_find(all, STR("_config_dir")), 0);
    buf_release(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tests = tcase_create("manifest");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_head_says_name_version_and_abi);
    tcase_add_loop_test(tests, row_69_there_is_one_schema_for_each_step_type, 0,
                        (int)CDC_COUNT(types));
    tcase_add_test(tests,
                   row_67_the_module_s_schema_has_label_category_and_required_fields);
    tcase_add_test(tests, what_options_may_hold_is_said_for_each_provider);
    tcase_add_test(tests, the_actions_of_the_trigger_are_exactly_those_that_are_understood);
    tcase_add_test(tests, row_69_the_trigger_has_a_schema_with_its_retry_rules);
    tcase_add_test(tests, every_field_is_complete);
    tcase_add_test(tests, row_67_a_type_that_is_not_in_the_manifest_has_no_factory);
    if (OFFERED_ALL)
        tcase_add_test(tests, the_compiled_manifest_is_the_generated_one);
    tcase_add_test(tests, the_reference_names_every_type_provider_and_option);
    suite_add_tcase(suite, tests);
    return suite;
}
