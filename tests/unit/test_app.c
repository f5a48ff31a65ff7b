/* SPDX-License-Identifier: MIT
 *
 * app, types, config_check: what loading says is wrong, and the order of starting and
 * stopping.
 */
#include <check.h>
#include <stdlib.h>

#include "base/str.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

#define STEP "[{name: s, type: step.log, config: {message: hi}}]"
#define PIPELINE(more) "pipelines:\n  p:\n    steps: " STEP "\n" more

/* Every class of mistake: the YAML, and every line that is said of it. */
static const struct {
    const char *yaml, *said;
} classes[] = {
    {PIPELINE(""), ""},
    {"anything: 1\n" PIPELINE(""), ""},
    {"pipeline: {}\n", "test.yaml:1:1: warning: pipeline: unknown key, did you mean "
                       "'pipelines'?\n"},
    {"module: []\n",
     "test.yaml:1:1: warning: module: unknown key, did you mean 'modules'?\n"},
    {"pipelines:\n  - name: x\n",
     "test.yaml:2:3: pipelines: must be a map name -> pipeline, not a list\n"},
    {"pipelines: {p: [1]}\n",
     "test.yaml:1:16: pipelines.p: a pipeline is a map with trigger and "
     "steps, not a list\n"},
    {"pipelines: {p: {}}\n",
     "test.yaml:1:16: pipelines.p.steps: is required: a list of steps\n"},
    {"pipelines: {p: {steps: {name: a}}}\n",
     "test.yaml:1:24: pipelines.p.steps: must be a list of steps, not a map\n"},
    {"pipelines: {p: {steps: [log]}}\n",
     "test.yaml:1:25: pipelines.p.steps[0]: a step is a map "
     "with name, type and config, not a string\n"},
    {"pipelines: {p: {steps: [{type: step.log, config: {message: x}}]}}\n",
     "test.yaml:1:25: pipelines.p.steps[0].name: is required: what the step is called\n"},
    {"pipelines: {p: {steps: [{name: a}]}}\n",
     "test.yaml:1:25: pipelines.p.steps[0].type: is required\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.lgo, config: {}}]}}\n",
     "test.yaml:1:41: pipelines.p.steps[0].type: unknown step type 'step.lgo', did you "
     "mean "
     "'step.log'?\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: []}]}}\n",
     "test.yaml:1:59: pipelines.p.steps[0].config: must be a map, not a list\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log}]}}\n",
     "test.yaml:1:25: pipelines.p.steps[0].message: is required (what to write)\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: 5}}]}}\n",
     "test.yaml:1:69: pipelines.p.steps[0].config.message: must be a string, not an "
     "integer\n"},
    {"pipelines:\n  p:\n    steps:\n      - name: a\n        type: step.set\n        "
     "config:\n"
     "          values:\n            one: '${ a + }'\n            two: [plain, '{{ if "
     "}}']\n",
     "test.yaml:8:18: pipelines.p.steps[0].config.values.one: template: '}' stands where "
     "an "
     "expression is expected (column 8)\n"
     "test.yaml:9:26: pipelines.p.steps[0].config.values.two[1]: template: '}}' stands "
     "where a "
     "value is expected (column 7)\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, skip_if: "
     "'{{'}]}}\n",
     "test.yaml:1:82: pipelines.p.steps[0].skip_if: template: a value is missing at the "
     "end "
     "(column 3)\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, if: "
     "[1]}]}}\n",
     "test.yaml:1:77: pipelines.p.steps[0].if: must be a string, not a list\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, timeout: "
     "5}]}}\n",
     "test.yaml:1:82: pipelines.p.steps[0].timeout: must be a duration such as '30s' or "
     "'500ms'\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, "
     "error_status: 200}]}}\n",
     "test.yaml:1:87: pipelines.p.steps[0].error_status: must be an HTTP status from 400 "
     "to "
     "599\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, on_error: "
     "no}]}}\n",
     "test.yaml:1:83: warning: pipelines.p.steps[0].on_error: acts as 'stop'; there are "
     "stop, "
     "skip, compensate\n"},
    {"pipelines: {p: {steps: [{name: a, type: step.log, config: {message: x}, "
     "onerror: stop}]}}\n",
     "test.yaml:1:73: warning: pipelines.p.steps[0].onerror: unknown key, did you mean "
     "'on_error'?\n"},
    {"pipelines:\n  p:\n    steps:\n"
     "      - {name: a, type: step.log, config: {message: x}}\n"
     "      - {name: a, type: step.log, config: {message: x}}\n",
     "test.yaml:5:16: pipelines.p.steps[1].name: step 'a' is there already, in line 4\n"},
    {PIPELINE("    timeout: banana\n"),
     "test.yaml:4:14: pipelines.p.timeout: must be a duration such as '30s' or '500ms'\n"},
    {PIPELINE("    strict_templates: 7\n"), "test.yaml:4:23: pipelines.p.strict_templates: "
                                            "must be true or false, not an integer\n"},
    {PIPELINE("    compensation: x\n"),
     "test.yaml:4:19: pipelines.p.compensation: must be a list of steps, not a string\n"},
    {PIPELINE("    timout: 1s\n"),
     "test.yaml:4:5: warning: pipelines.p.timout: unknown key, did you mean 'timeout'?\n"},
    {PIPELINE("    trigger: cdc\n"),
     "test.yaml:4:14: pipelines.p.trigger: must be a map {type: "
     "..., config: ...}, not a string\n"},
    {PIPELINE("    trigger: {}\n"),
     "test.yaml:4:14: pipelines.p.trigger.type: is required: the trigger's type\n"},
    {PIPELINE("    trigger: {type: 5}\n"),
     "test.yaml:4:21: pipelines.p.trigger.type: must be the name of a trigger type\n"},
    {PIPELINE("    trigger: {type: cdc, config: {}}\n"),
     "test.yaml:4:21: pipelines.p.trigger.type: unknown trigger type 'cdc'; there are "
     "http, "
     "event\n"},
    {PIPELINE("    trigger: {type: manual}\n"), ""},
    {PIPELINE("    trigger: {type: http, config: []}\n"),
     "test.yaml:4:35: pipelines.p.trigger.config: must be a map, not a list\n"},
    {PIPELINE("triggers: []\n"),
     "test.yaml:4:11: triggers: must be a map type -> configuration, not a list\n"},
    {PIPELINE("triggers: {http: {}}\n"), "test.yaml:4:18: triggers.http.workflowType: must "
                                         "be 'pipeline:<name>' for a trigger outside "
                                         "a pipeline\n"},
    {PIPELINE("triggers: {http: {workflowType: 'pipeline:q'}}\n"),
     "test.yaml:4:33: triggers.http.workflowType: there is no pipeline 'q'\n"},
    {PIPELINE("triggers: {sms: {workflowType: 'pipeline:p'}}\n"),
     "test.yaml:4:17: triggers.sms: unknown trigger type 'sms'; there are http, event\n"},
    {"workflows: {statemachine: {}}\n", "test.yaml:1:27: workflows.statemachine: no "
                                        "handler found for this type of workflow; there "
                                        "is http\n"},
    {"workflows: {http: {routes: [{path: /}]}}\n",
     "test.yaml:1:28: workflows.http.routes: routes are not supported; give a pipeline a "
     "trigger "
     "of type http\n"},
    {"modules: {}\n",
     "test.yaml:1:10: modules: must be a list of {name, type, config}, not a map\n"},
    {"modules: [x]\n", "test.yaml:1:11: modules[0]: a module is a map with name, type and "
                       "config, not a string\n"},
    {"modules: [{type: messaging.broker}]\n",
     "test.yaml:1:11: modules[0].name: is required: what the module is called\n"},
    {"modules: [{name: a}]\n", "test.yaml:1:11: modules[0].type: is required\n"},
    {"modules: [{name: a, type: 7}]\n",
     "test.yaml:1:27: modules[0].type: must be the name of a type, not an integer\n"},
    {"modules: [{name: a, type: storage.sqlit}]\n",
     "test.yaml:1:27: modules[0].type: unknown module type 'storage.sqlit', did you mean "
     "'storage.sqlite'?\n"},
    {"modules:\n  - {name: a, type: messaging.broker}\n  - {name: a, type: "
     "messaging.broker}\n",
     "test.yaml:3:12: modules[1].name: module 'a' is there already, in line 2\n"},
    {"modules: [{name: a, type: messaging.broker, dependsOn: b}]\n",
     "test.yaml:1:56: modules[0].dependsOn: must be a list of modules' names, not a "
     "string\n"},
    {"modules: [{name: a, type: messaging.broker, dependsOn: [b]}]\n",
     "test.yaml:1:57: modules[0].dependsOn[0]: there is no module 'b'\n"},
    {"modules:\n  - {name: a, type: messaging.broker, dependsOn: [b]}\n"
     "  - {name: b, type: messaging.broker, dependsOn: [a]}\n"
     "  - {name: c, type: messaging.broker, dependsOn: [b]}\n",
     "test.yaml:2:50: modules[0].dependsOn: module dependsOn cycle (or dependents of one) "
     "among: "
     "a, b, c\n"},
    {"modules: [{name: a, type: messaging.broker, config: 1}]\n",
     "test.yaml:1:53: modules[0].config: must be a map, not an integer\n"},
    {"modules: [{name: a, type: storage.sqlite, config: {dbPth: x}}]\n",
     "test.yaml:1:51: modules[0].config.dbPath: is required (the file; relative to the "
     "folder of "
     "the YAML file)\n"
     "test.yaml:1:52: warning: modules[0].config.dbPth: unknown key, did you mean "
     "'dbPath'?\n"},
    {"requires: {plugins: x}\n",
     "test.yaml:1:21: requires.plugins: must be a list of {name, version}, not a string\n"},
    {"requires: {plugins: [{name: cdc}]}\n",
     "test.yaml:1:29: requires.plugins[0].name: required plugin \"cdc\" is not loaded\n"},
};

START_TEST(every_class_of_mistake_is_said_with_its_place_and_key)
{
    ck_assert_str_eq(host_rig_mistakes(classes[_i].yaml), classes[_i].said);
}
END_TEST

START_TEST(all_mistakes_come_out_at_once_in_the_order_of_the_file)
{
    const char *said = host_rig_mistakes(
        "modules:\n  - {name: a}\npipelines:\n  p:\n    timeout: x\n    steps: " STEP "\n"
        "  q: {}\ntriggers: 5\n");
    ck_assert_str_eq(
        said, "test.yaml:2:5: modules[0].type: is required\n"
              "test.yaml:5:14: pipelines.p.timeout: must be a duration such as '30s' or "
              "'500ms'\n"
              "test.yaml:7:6: pipelines.q.steps: is required: a list of steps\n"
              "test.yaml:8:11: triggers: must be a map type -> configuration, not an "
              "integer\n");
}
END_TEST

START_TEST(modules_start_after_what_they_depend_on)
{
    struct host_rig *rig = host_rig_new(
        "modules:\n"
        "  - {name: web, type: http.server, config: {address: '127.0.0.1:0'}, "
        "dependsOn: [bus]}\n"
        "  - {name: bus, type: messaging.broker}\n"
        "  - {name: router, type: http.router, dependsOn: [web]}\n" PIPELINE(""),
        NULL);
    host_rig_start(rig);
    struct app *app = host_rig_app(rig);
    ck_assert_ptr_nonnull(app_module(app, STR("web"), "http.server"));
    ck_assert_ptr_null(app_module(app, STR("web"), "http.router"));
    ck_assert_ptr_null(app_module(app, STR("nobody"), "http.server"));
    ck_assert_ptr_eq(app_first_module(app, "messaging.broker"),
                     app_module(app, STR("bus"), "messaging.broker"));
    ck_assert_ptr_null(app_first_module(app, "storage.sqlite"));
    wf_error err;
    ck_assert_int_eq(app_stop(app, &err), WF_OK);
    ck_assert_int_eq(app_stop(app, &err), WF_OK);
    host_rig_free(rig);
}
END_TEST

START_TEST(an_app_that_is_stopped_takes_no_more_events)
{
    struct host_rig *rig = host_rig_new(PIPELINE(""), NULL);
    host_rig_start(rig);
    ck_assert_str_eq(host_rig_run(rig, "p", "{\"a\":1}"), "{\"a\":1}");
    ck_assert_int_eq(app_stop(host_rig_app(rig), NULL), WF_OK);
    ck_assert_str_eq(host_rig_run(rig, "p", "{}"), "error: the host is stopping");
    host_rig_start(rig);
    ck_assert_str_eq(host_rig_run(rig, "p", "{}"), "{}");
    host_rig_free(rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("app");
    TCase *tcase = tcase_create("app");
    tcase_add_loop_test(tcase, every_class_of_mistake_is_said_with_its_place_and_key, 0,
                        (int)CDC_COUNT(classes));
    tcase_add_test(tcase, all_mistakes_come_out_at_once_in_the_order_of_the_file);
    tcase_add_test(tcase, modules_start_after_what_they_depend_on);
    tcase_add_test(tcase, an_app_that_is_stopped_takes_no_more_events);
    suite_add_tcase(suite, tcase);
    return suite;
}
