/* SPDX-License-Identifier: MIT
 *
 * What options.kafka may say, and what an error may show of it.
 */
#include "providers/debezium/kafka_config.h"

#include <check.h>
#include <string.h>

#include "base/str.h"
#include "providers/debezium/kafka_error.h"
#include "tests/support/run.h"

static wf_error err;

static wf_status make(const char *properties, enum kafka_config_role role,
                      rd_kafka_conf_t **out)
{
    struct kafka_plan plan = {.bootstrap_servers = STR("one:9092,two:9092"),
                              .group_id = STR("workflow-shop"),
                              .client_id = STR("host"),
                              .properties = str_from(properties)};
    return kafka_config_make(&plan, role, out, &err);
}

static void is(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    size_t size = sizeof(text);
    ck_assert_int_eq(rd_kafka_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(text, value);
}

START_TEST(ours_are_set_and_the_users_lie_over_them)
{
    rd_kafka_conf_t *conf;
    ck_assert_int_eq(make("{\"check.crcs\":false,\"session.timeout.ms\":30000,"
                          "\"partition.assignment.strategy\":\"range,roundrobin\","
                          "\"sasl.username\":\"a\\u00e4\\\"b\"}",
                          KAFKA_CONFIG_MEMBER, &conf),
                     WF_OK);
    is(conf, "metadata.broker.list", "one:9092,two:9092");
    is(conf, "group.id", "workflow-shop");
    is(conf, "client.id", "host");
    is(conf, "enable.auto.offset.store", "false");
    is(conf, "isolation.level", "read_committed");
    is(conf, "topic.metadata.refresh.interval.ms", "5000");
    is(conf, "check.crcs", "false");
    is(conf, "partition.assignment.strategy", "range,roundrobin");
    is(conf, "sasl.username", "a\xc3\xa4\"b");
    ck_assert_int_eq(kafka_config_number(conf, "session.timeout.ms", 1), 30000);
    ck_assert_int_eq(kafka_config_number(conf, "client.id", 1), 1);
    rd_kafka_conf_destroy(conf);
    ck_assert_int_eq(make("", KAFKA_CONFIG_SENDER, &conf), WF_OK);
    is(conf, "acks", "-1");
    rd_kafka_conf_destroy(conf);
    ck_assert_int_eq(make(" {} ", KAFKA_CONFIG_MEMBER, &conf), WF_OK);
    is(conf, "partition.assignment.strategy", "cooperative-sticky");
    is(conf, "session.timeout.ms", "20000");
    is(conf, "auto.commit.interval.ms", "200");
    rd_kafka_conf_destroy(conf);
}
END_TEST

static const struct {
    const char *properties, *says;
} wrong[] = {
    {"{\"group.id\":\"x\"}", "'group.id' cannot be set: options.group_id says it"},
    {"{\"bootstrap.servers\":\"x\"}", "options.bootstrap_servers says it"},
    {"{\"enable.auto.offset.store\":true}", "only what was delivered is committed"},
    {"{\"enable.auto.commit\":false}", "only what was delivered is committed"},
    {"{\"auto.offset.reset\":\"latest\"}", "options.on_records_lost"},
    {"{\"isolation.level\":\"read_uncommitted\"}", "aborted"},
    {"{\"plugin.library.paths\":\"/x.so\"}", "no other code"},
    {"{\"test.mock.num.brokers\":3}", "made up"},
    {"{\"sesion.timeout.ms\":1}",
     "there is no property 'sesion.timeout.ms'; did you mean 'session.timeout.ms'?"},
    {"{\"something.else.entirely\":1}",
     "no property 'something.else.entirely' in librdkafka"},
    {"{\"sasl.jaas.config\":\"hunter2\"}", "sasl.username and sasl.password"},
    {"{\"session.timeout.ms\":\"soon\"}", "'session.timeout.ms' is refused: "},
    {"{\"session.timeout.ms\":0}", "'session.timeout.ms' is refused: "},
    {"{\"debug\":[1]}", "'debug' must be a string, a number, true or false"},
    {"{\"debug\":null}", "'debug' must be a string"},
    {"{\"client.rack\":\"a\\u0000b\"}", "holds a zero byte"},
    {"[1]", "must be an object"},
    {"{\"debug\":", "options.kafka: "},
};

START_TEST(what_is_wrong_is_named_with_its_cure)
{
    rd_kafka_conf_t *conf = NULL;
    wf_status status = make(wrong[_i].properties, KAFKA_CONFIG_MEMBER, &conf);
    ck_assert_msg(status == WF_CONFIG, "%s", wrong[_i].properties);
    ck_assert_msg(strstr(err.text, wrong[_i].says), "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
    ck_assert_ptr_null(conf);
}
END_TEST

START_TEST(what_is_secret_is_not_shown)
{
    wf_str properties = STR("{\"sasl.password\":\"hunter2x\",\"sasl.username\":\"ann\","
                            "\"ssl.key.password\":\"open\\\"sesame\"}");
    char text[] = "cannot use hunter2x as ann with open\"sesame";
    kafka_config_redact(properties, text);
    ck_assert_ptr_null(strstr(text, "hunter2x"));
    ck_assert_ptr_null(strstr(text, "sesame"));
    ck_assert_ptr_nonnull(strstr(text, "ann"));
    kafka_config_redact(STR("{broken"), text);
    kafka_config_redact(STR_EMPTY, text);
}
END_TEST

START_TEST(errors_say_what_to_do)
{
    ck_assert_int_eq(kafka_error_set(&err, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                     "topic 'a'", NULL),
                     WF_CONFIG);
    ck_assert_str_eq(err.text,
                     "topic 'a': Broker: Topic authorization failed; the user needs "
                     "READ and DESCRIBE on the topics");
    ck_assert_int_eq(kafka_error_set(&err, RD_KAFKA_RESP_ERR__TRANSPORT, "x", "gone"),
                     WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "x: gone");
    ck_assert_int_eq(kafka_error_status(RD_KAFKA_RESP_ERR__AUTHENTICATION), WF_CONFIG);
    ck_assert_int_eq(kafka_error_status(RD_KAFKA_RESP_ERR__BAD_MSG), WF_PROTOCOL);
    ck_assert_int_eq(kafka_error_status(RD_KAFKA_RESP_ERR_NOT_COORDINATOR), WF_UNAVAILABLE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_config");
    TCase *properties = tcase_create("properties");
    tcase_add_test(properties, ours_are_set_and_the_users_lie_over_them);
    tcase_add_loop_test(properties, what_is_wrong_is_named_with_its_cure, 0,
                        (int)CDC_COUNT(wrong));
    tcase_add_test(properties, what_is_secret_is_not_shown);
    tcase_add_test(properties, errors_say_what_to_do);
    suite_add_tcase(suite, properties);
    return suite;
}
