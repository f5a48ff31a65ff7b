/* SPDX-License-Identifier: MIT
 *
 * step.foreach and step.publish with the event trigger and messaging.broker.
 */
#include <check.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

/* ---- step.foreach ---- */

static const char foreach_yaml[] =
    "pipelines:\n"
    "  each:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.foreach\n"
    "        config:\n"
    "          collection: rows\n"
    "          item_var: row\n"
    "          steps:\n"
    "            - {name: a, type: step.set, config: {values: {x: \"${ row.id }/${ index "
    "}\"}}}\n"
    "            - {name: b, type: step.set, config: {values: {y: \"${ steps.a.x }-${ "
    "outer }-"
    "${ foreach.index }\"}}}\n"
    "  flat:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.foreach\n"
    "        config:\n"
    "          collection: trigger.list\n"
    "          item_key: n\n"
    "          index_key: at\n"
    "          step: {type: step.set, name: one, values: {v: \"{{ .n }}{{ .at }}\"}}\n"
    "  stop:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.foreach\n"
    "        config: {collection: rows, steps: [{name: a, type: step.json_response, "
    "config: {}}, "
    "{name: b, type: step.set, config: {values: {never: 1}}}]}\n"
    "      - {name: after, type: step.set, config: {values: {after: 1}}}\n"
    "  fails:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.foreach\n"
    "        config: {collection: rows, step: {name: p, type: step.json_parse, source: "
    "item}}\n"
    "  collects:\n"
    "    steps:\n"
    "      - name: s\n"
    "        type: step.foreach\n"
    "        config: {collection: rows, error_strategy: collect_errors, concurrency: 4, "
    "step: {name: p, type: step.json_parse, source: item}}\n"
    "  none:\n"
    "    steps: [{name: s, type: step.foreach, config: {collection: rows}}]\n";

START_TEST(foreach_gives_each_item_its_own_data)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    ck_assert_str_eq(host_rig_step(rig, "each",
                                   "{\"outer\":\"o\",\"rows\":[{\"id\":7},{\"id\":8}]}",
                                   "s"),
                     "{\"results\":[{\"x\":\"7/0\",\"y\":\"7/0-o-0\"},{\"x\":\"8/"
                     "1\",\"y\":\"8/1-o-1\"}],"
                     "\"count\":2}");
    /* The items' data is gone afterwards. */
    ck_assert_str_eq(host_rig_step(rig, "each", "{\"rows\":[{\"id\":7}]}", "a"), "null");
    host_rig_free(rig);
}
END_TEST

START_TEST(foreach_takes_one_step_written_flat_and_a_path)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    ck_assert_str_eq(host_rig_step(rig, "flat", "{\"list\":[5,\"x\"]}", "s"),
                     "{\"results\":[{\"v\":\"50\"},{\"v\":\"x1\"}],\"count\":2}");
    host_rig_free(rig);
}
END_TEST

START_TEST(foreach_over_nothing_gives_nothing)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    ck_assert_str_eq(host_rig_step(rig, "none", "{\"rows\":[]}", "s"),
                     "{\"results\":[],\"count\":0}");
    ck_assert_str_eq(host_rig_step(rig, "none", "{\"rows\":null}", "s"),
                     "{\"results\":[],\"count\":0}");
    ck_assert_str_eq(host_rig_step(rig, "none", "{\"rows\":[1]}", "s"),
                     "{\"results\":[{}],\"count\":1}");
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "none", "{}"),
               "foreach step \"s\": collection \"rows\" not found in context"));
    ck_assert_ptr_nonnull(strstr(host_rig_run(rig, "none", "{\"rows\":{}}"),
                                 "foreach step \"s\": expected a slice, got a map"));
    host_rig_free(rig);
}
END_TEST

START_TEST(a_stop_inside_foreach_ends_only_that_item)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    ck_assert_str_eq(host_rig_step(rig, "stop", "{\"rows\":[1,2]}", "s"),
                     "{\"results\":[{\"status\":200},{\"status\":200}],\"count\":2}");
    ck_assert_str_eq(host_rig_step(rig, "stop", "{\"rows\":[1,2]}", "after"),
                     "{\"after\":1}");
    host_rig_free(rig);
}
END_TEST

START_TEST(foreach_stops_at_the_first_error_and_names_the_item)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "fails", "{\"rows\":[\"1\",\"{\",\"3\"]}"),
               "foreach step \"s\": iteration 1, sub-step \"p\" failed: json_parse "
               "step \"p\": failed"));
    host_rig_free(rig);
}
END_TEST

START_TEST(foreach_can_collect_errors)
{
    struct host_rig *rig = host_rig_new(foreach_yaml, NULL);
    const char *output =
        host_rig_step(rig, "collects", "{\"rows\":[\"1\",\"{\",\"3\"]}", "s");
    ck_assert_ptr_nonnull(
        strstr(output, "{\"results\":[{\"value\":1},{\"_error\":\"foreach step"));
    ck_assert_ptr_nonnull(
        strstr(output, "\"_index\":1},{\"value\":3}],\"count\":3,\"error_count\":1}"));
    host_rig_free(rig);
}
END_TEST

START_TEST(foreach_mistakes_are_named)
{
    const char *text = host_rig_mistakes(
        "pipelines:\n"
        "  p:\n"
        "    steps:\n"
        "      - {name: a, type: step.foreach, config: {}}\n"
        "      - {name: b, type: step.foreach, config: {collection: x, step: {type: "
        "step.set, "
        "values: {a: 1}}, steps: []}}\n"
        "      - {name: c, type: step.foreach, config: {collection: x, steps: [{type: "
        "step.nothing}]}}\n"
        "      - {name: d, type: step.foreach, config: {collection: \"${ x }\", "
        "error_strategy: "
        "never}}\n");
    ck_assert_ptr_nonnull(strstr(text, "test.yaml:4:"));
    ck_assert_ptr_nonnull(strstr(text, "collection"));
    ck_assert_ptr_nonnull(
        strstr(text, "foreach step \"b\": 'step' and 'steps' are mutually exclusive"));
    ck_assert_ptr_nonnull(strstr(text, "step.nothing"));
    ck_assert_ptr_nonnull(strstr(text, "not a template"));
    ck_assert_ptr_nonnull(strstr(text, "'fail_fast' or 'collect_errors'"));
}
END_TEST

START_TEST(foreach_ends_when_its_time_is_up_even_if_it_collects_errors)
{
    /* The first item's query would never end. */
    struct host_rig *rig = host_rig_new(
        "modules: [{name: db, type: storage.sqlite, config: {dbPath: ':memory:'}}]\n"
        "pipelines:\n"
        "  p:\n"
        "    timeout: 150ms\n"
        "    steps:\n"
        "      - name: s\n"
        "        type: step.foreach\n"
        "        config:\n"
        "          collection: rows\n"
        "          error_strategy: collect_errors\n"
        "          step: {type: step.db_query, name: q, database: db, query: \"WITH "
        "RECURSIVE "
        "c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c\"}\n",
        NULL);
    host_rig_start(rig);
    int64_t began = clock_mono_ms();
    const char *text = host_rig_run(rig, "p", "{\"rows\":[1,2,3,4,5]}");
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    ck_assert_msg(strstr(text, "context deadline exceeded"), "%s", text);
    host_rig_free(rig);
}
END_TEST

/* ---- step.publish, event, messaging.broker ---- */

static const char publish_yaml[] =
    "modules: [{name: bus, type: messaging.broker, config: {maxQueueSize: 10}}]\n"
    "pipelines:\n"
    "  send:\n"
    "    steps:\n"
    "      - {name: s, type: step.publish, config: {topic: \"t.${ kind }\", broker: bus, "
    "payload: "
    "{id: \"${ id }\", type: x}}}\n"
    "  send_all:\n"
    "    steps: [{name: s, type: step.publish, config: {topic: t.a}}]\n"
    "  get:\n"
    "    trigger: {type: event, config: {topic: t.a}}\n"
    "    steps: [{name: l, type: step.log, config: {message: \"got ${ id } ${ "
    "originalMessage "
    "}\"}}]\n"
    "  get_some:\n"
    "    trigger: {type: event, config: {topic: t.a, event: order}}\n"
    "    steps: [{name: l, type: step.log, config: {message: \"order ${ id }\"}}]\n"
    "  get_bad:\n"
    "    trigger: {type: event, config: {topic: t.bad}}\n"
    "    steps: [{name: l, type: step.json_parse, config: {source: nothing}}]\n";

START_TEST(a_published_message_starts_the_pipelines_of_its_topic)
{
    struct host_rig *rig = host_rig_new(publish_yaml, NULL);
    host_rig_start(rig);
    ck_assert_str_eq(host_rig_step(rig, "send", "{\"kind\":\"a\",\"id\":12}", "s"),
                     "{\"published\":true,\"topic\":\"t.a\"}");
    ck_assert_ptr_nonnull(
        strstr(host_rig_log(rig), "got 12 {\"id\":\"12\",\"type\":\"x\"} step=l\n"));
    ck_assert_ptr_null(strstr(host_rig_log(rig), "order"));
    ck_assert_str_eq(host_rig_step(rig, "send", "{\"kind\":\"b\",\"id\":13}", "s"),
                     "{\"published\":true,\"topic\":\"t.b\"}");
    ck_assert_ptr_null(strstr(host_rig_log(rig), "got 13"));
    host_rig_free(rig);
}
END_TEST

START_TEST(an_event_trigger_with_an_event_takes_only_messages_of_that_type)
{
    struct host_rig *rig = host_rig_new(publish_yaml, NULL);
    host_rig_start(rig);
    host_rig_run(rig, "send_all", "{\"id\":1,\"type\":\"order\"}");
    host_rig_run(rig, "send_all", "{\"id\":2,\"eventType\":\"ord\\u0065r\"}");
    host_rig_run(rig, "send_all", "{\"id\":3,\"type\":\"other\",\"eventType\":\"order\"}");
    host_rig_run(rig, "send_all", "{\"id\":4}");
    ck_assert_ptr_nonnull(strstr(host_rig_log(rig), "order 1 "));
    ck_assert_ptr_nonnull(strstr(host_rig_log(rig), "order 2 "));
    ck_assert_ptr_null(strstr(host_rig_log(rig), "order 3 "));
    ck_assert_ptr_null(strstr(host_rig_log(rig), "order 4 "));
    host_rig_free(rig);
}
END_TEST

START_TEST(what_a_subscriber_refuses_fails_the_publisher)
{
    struct host_rig *rig = host_rig_new(publish_yaml, NULL);
    host_rig_start(rig);
    const char *text = host_rig_run(rig, "send", "{\"kind\":\"bad\",\"id\":1}");
    ck_assert_msg(strstr(text, "publish step \"s\": failed to publish via broker: "), "%s",
                  text);
    ck_assert_msg(strstr(text, "source \"nothing\" not found"), "%s", text);
    wf_error err;
    ck_assert_int_eq(
        bus_publish(app_bus(host_rig_app(rig)), STR("t.a"), STR("[1]"), STR_EMPTY, &err),
        WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "failed to parse message"));
    ck_assert_int_ne(bus_publish(app_bus(host_rig_app(rig)), STR("t.a"), STR("{\"a\":"),
                                 STR_EMPTY, &err),
                     WF_OK);
    host_rig_free(rig);
}
END_TEST

START_TEST(a_stopped_event_trigger_is_silent)
{
    struct host_rig *rig = host_rig_new(publish_yaml, NULL);
    host_rig_start(rig);
    wf_error err;
    ck_assert_int_eq(app_stop(host_rig_app(rig), &err), WF_OK);
    ck_assert_int_eq(bus_publish(app_bus(host_rig_app(rig)), STR("t.a"), STR("{\"id\":1}"),
                                 STR_EMPTY, &err),
                     WF_OK);
    ck_assert_ptr_null(strstr(host_rig_log(rig), "got 1"));
    host_rig_free(rig);
}
END_TEST

START_TEST(publishing_to_a_broker_that_is_not_there_says_so_in_the_output)
{
    struct host_rig *rig =
        host_rig_new("pipelines: {p: {steps: [{name: s, type: step.publish, "
                     "config: {topic: t, broker: gone}}]}}",
                     NULL);
    ck_assert_str_eq(host_rig_step(rig, "p", "{}", "s"),
                     "{\"published\":false,\"reason\":\"broker not found\"}");
    host_rig_free(rig);
    ck_assert_ptr_nonnull(
        strstr(host_rig_mistakes("pipelines: {p: {steps: [{name: s, type: "
                                 "step.publish, config: {topic: t, payload: "
                                 "\"${ x }\"}}]}}"),
               "must be a map"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("step_foreach");
    TCase *t = tcase_create("steps");
    tcase_add_test(t, foreach_gives_each_item_its_own_data);
    tcase_add_test(t, foreach_takes_one_step_written_flat_and_a_path);
    tcase_add_test(t, foreach_over_nothing_gives_nothing);
    tcase_add_test(t, a_stop_inside_foreach_ends_only_that_item);
    tcase_add_test(t, foreach_stops_at_the_first_error_and_names_the_item);
    tcase_add_test(t, foreach_can_collect_errors);
    tcase_add_test(t, foreach_mistakes_are_named);
    tcase_add_test(t, foreach_ends_when_its_time_is_up_even_if_it_collects_errors);
    tcase_add_test(t, a_published_message_starts_the_pipelines_of_its_topic);
    tcase_add_test(t, an_event_trigger_with_an_event_takes_only_messages_of_that_type);
    tcase_add_test(t, what_a_subscriber_refuses_fails_the_publisher);
    tcase_add_test(t, a_stopped_event_trigger_is_silent);
    tcase_add_test(t, publishing_to_a_broker_that_is_not_there_says_so_in_the_output);
    suite_add_tcase(suite, t);
    return suite;
}
