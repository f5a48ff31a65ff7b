/* SPDX-License-Identifier: MIT
 *
 * plugin, plugin_types: loading, what is refused, and a plugin's types in a configuration.
 * The plugin is tests/support/greet_plugin.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/pipeline.h"
#include "host/plugin.h"
#include "host/plugin_host.h"
#include "host/problems.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define GREET BUILD_DIR "/tests/plugins/workflow-plugin-greet.so"

static struct plugins *plugins;
static struct bus *bus;
static struct plugin_host host;
static struct buf lines; /* under lines_lock */
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(void *ctx, int32_t level, wf_str line)
{
    (void)ctx;
    pthread_mutex_lock(&lines_lock);
    buf_printf(&lines, "%d %.*s\n", (int)level, STR_ARG(line));
    pthread_mutex_unlock(&lines_lock);
}

static bool was_said(const char *text)
{
    pthread_mutex_lock(&lines_lock);
    bool found = strstr(buf_c(&lines), text);
    pthread_mutex_unlock(&lines_lock);
    return found;
}

static const struct logger logger = {NULL, keep_line};

static void setup(void)
{
    plugins = plugins_new();
    bus = bus_new();
    ck_assert(plugins && bus);
    buf_init(&lines, LIMIT_OUTPUT_BYTES);
    plugin_host_init(&host, &logger, bus);
}

static void teardown(void)
{
    plugins_free(plugins);
    bus_free(bus);
    buf_release(&lines);
}

static void load_greet(void)
{
    wf_error err = {.code = WF_OK};
    ck_assert_msg(plugins_add(plugins, GREET, &err) == WF_OK, "%s", err.text);
    ck_assert_msg(plugins_open(plugins, &host.table, &err) == WF_OK, "%s", err.text);
}

static const struct {
    enum plugin_kind kind;
    const char *type, *factory;
} factories[] = {
    {PLUGIN_MODULE, "cdc.source", "new_module_cdc_source"},
    {PLUGIN_STEP, "step.cdc_start", "new_step_cdc_start"},
    {PLUGIN_STEP, "step.cdc_schema_history", "new_step_cdc_schema_history"},
    {PLUGIN_TRIGGER, "trigger.cdc", "new_trigger_cdc"},
    {PLUGIN_TRIGGER, "bento", "new_trigger_bento"},
    {PLUGIN_STEP, "My-Step.X", "new_step__y__tep__"},
    {PLUGIN_MODULE, "module.a", "new_module_a"},
};

START_TEST(a_factorys_name_follows_from_its_type)
{
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    plugin_factory_name(factories[_i].kind, str_from(factories[_i].type), &name);
    ck_assert_str_eq(buf_c(&name), factories[_i].factory);
}
END_TEST

START_TEST(a_plugin_shows_its_types)
{
    load_greet();
    ck_assert_uint_eq(plugins_count(plugins), 1);
    const struct plugin *plugin = plugins_at(plugins, 0);
    ck_assert(str_is(plugin->name, "workflow-plugin-greet"));
    ck_assert(str_is(plugin->version, "1.0.0"));
    ck_assert_ptr_nonnull(plugins_find(plugins, PLUGIN_MODULE, STR("greet")));
    ck_assert_ptr_null(plugins_find(plugins, PLUGIN_STEP, STR("greet")));
    const struct plugin_type *trigger = plugins_find_trigger(plugins, STR("greet"));
    ck_assert_ptr_nonnull(trigger);
    ck_assert_ptr_eq(plugins_find_trigger(plugins, STR("trigger.greet")), trigger);
    ck_assert_ptr_null(plugins_find_trigger(plugins, STR("gree")));
    ck_assert_ptr_null(plugins_find_trigger(plugins, STR("")));
}
END_TEST

START_TEST(what_is_no_plugin_is_refused_with_a_reason)
{
    wf_error err;
    const char *text_file = temp_path(temp_dir(), "x.so");
    temp_write(text_file, "not ELF", 7);
    ck_assert_int_eq(plugins_add(plugins, "/nowhere/x.so", &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "plugin '/nowhere/x.so': no such file");
    ck_assert_int_eq(plugins_add(plugins, text_file, &err), WF_CONFIG);
    ck_assert_int_eq(plugins_add(plugins, "/proc/self/exe", &err), WF_CONFIG);
    ck_assert_uint_eq(plugins_count(plugins), 0);
}
END_TEST

START_TEST(a_plugin_is_loaded_once)
{
    wf_error err;
    load_greet();
    ck_assert_int_eq(plugins_add(plugins, GREET, &err), WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "'workflow-plugin-greet' is loaded already"));
    ck_assert_uint_eq(plugins_count(plugins), 1);
}
END_TEST

START_TEST(plugins_are_found_in_the_folders_of_the_variable)
{
    wf_error err;
    const char *folder = temp_dir();
    temp_write(temp_path(folder, "broken.so"), "no", 2);
    temp_write(temp_path(folder, "readme.txt"), "no", 2);
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    buf_printf(&path, ":/nowhere:%s:%s/tests/plugins", folder, BUILD_DIR);
    setenv("WF_PLUGIN_PATH", buf_c(&path), 1);
    ck_assert_int_eq(plugins_search(plugins, &logger, &err), WF_OK);
    ck_assert_ptr_nonnull(plugins_find(plugins, PLUGIN_STEP, STR("step.greet")));
    ck_assert(was_said("broken.so"));
    ck_assert(!was_said("readme.txt"));
}
END_TEST

static bool load(struct app *app, const char *yaml, struct buf *said)
{
    struct problems *problems = problems_new();
    ck_assert_ptr_nonnull(problems);
    bool good = app_load_text(app, str_from(yaml), "t.yaml", "/nowhere", problems);
    problems_print(problems, said);
    problems_free(problems);
    return good;
}

START_TEST(a_plugins_module_step_and_trigger_make_a_workflow)
{
    CDC_CLEANUP(buf_release) struct buf said;
    buf_init(&said, LIMIT_OUTPUT_BYTES);
    load_greet();
    struct app *app = app_new(&logger, plugins, bus);
    ck_assert_ptr_nonnull(app);
    bool good =
        load(app,
             "modules: [{name: g, type: greet, config: {greeting: Hi}}]\n"
             "pipelines:\n"
             "  p:\n"
             "    trigger: {type: greet, config: {count: 3}}\n"
             "    steps:\n"
             "      - {name: h, type: step.greet, config: {name: 'no. ${ number }'}}\n"
             "      - {name: fixed, type: step.greet, config: {name: all}}\n"
             "      - {name: l, type: step.log, config: {message: '${ steps.h.text } "
             "${ text }'}}\n",
             &said);
    ck_assert_msg(good, "%s", buf_c(&said));
    ck_assert_int_eq(app_start(app, true, NULL), WF_OK);
    while (!was_said("no. 3"))
        sched_yield();
    ck_assert_int_eq(app_stop(app, NULL), WF_OK);
    app_free(app);
    ck_assert(was_said("1 Hi, no. 1 Hi, all"));
    ck_assert(was_said("1 Hi, no. 2 Hi, all"));
    ck_assert(was_said("1 Hi, no. 3 Hi, all"));
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    {"modules: [{name: g, type: greet}]\n",
     "t.yaml:1:11: modules[0].greeting: is required: the word to greet with\n"},
    {"modules: [{name: g, type: greet, config: {greeting: ''}}]\n",
     "t.yaml:1:53: modules[0].config.greeting: is required: the word to greet with\n"},
    {"modules: [{name: g, type: greet, config: {greting: Hi, greeting: Ho}}]\n",
     "t.yaml:1:43: warning: modules[0].config.greting: unknown key, did you mean "
     "'greeting'?\n"},
    {"modules: [{name: g, type: greet, config: {greeting: [1]}}]\n",
     "t.yaml:1:53: modules[0].config.greeting: must be a string, not a list\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.greet, config: {name: '${ a + }'}}]}}\n",
     "t.yaml:1:68: pipelines.p.steps[0].config.name: template: '}' stands where an "
     "expression is "
     "expected (column 8)\n"},
    {"pipelines: {p: {trigger: {type: greet, config: {count: x}}, steps: []}}\n",
     "t.yaml:1:56: pipelines.p.trigger.config.count: must be an integer, not 'x'\n"},
    {"pipelines: {p: {trigger: {type: gret}, steps: []}}\n",
     "t.yaml:1:33: pipelines.p.trigger.type: unknown trigger type 'gret'; there are http, "
     "event, "
     "trigger.greet\n"},
    {"requires: {plugins: [{name: workflow-plugin-greet, version: '>=2.0.0'}]}\n",
     "t.yaml:1:61: requires.plugins[0].version: plugin \"workflow-plugin-greet\" version "
     "1.0.0 "
     "does not satisfy constraint \">=2.0.0\"\n"},
    {"requires: {plugins: [{name: workflow-plugin-greet, version: '^1.0'}]}\n", ""},
};

START_TEST(mistakes_in_a_plugins_configuration_have_their_place)
{
    CDC_CLEANUP(buf_release) struct buf said;
    buf_init(&said, LIMIT_OUTPUT_BYTES);
    load_greet();
    struct app *app = app_new(&logger, plugins, bus);
    ck_assert_ptr_nonnull(app);
    load(app, mistakes[_i].yaml, &said);
    ck_assert_str_eq(buf_c(&said), mistakes[_i].said);
    app_free(app);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("plugin");
    TCase *tcase = tcase_create("plugin");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_factorys_name_follows_from_its_type, 0,
                        (int)CDC_COUNT(factories));
    tcase_add_test(tcase, a_plugin_shows_its_types);
    tcase_add_test(tcase, what_is_no_plugin_is_refused_with_a_reason);
    tcase_add_test(tcase, a_plugin_is_loaded_once);
    tcase_add_test(tcase, plugins_are_found_in_the_folders_of_the_variable);
    tcase_add_test(tcase, a_plugins_module_step_and_trigger_make_a_workflow);
    tcase_add_loop_test(tcase, mistakes_in_a_plugins_configuration_have_their_place, 0,
                        (int)CDC_COUNT(mistakes));
    suite_add_tcase(suite, tcase);
    return suite;
}
