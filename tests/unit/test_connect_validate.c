/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/connect_validate.
 */
#include <check.h>
#include <string.h>

#include "base/str.h"
#include "providers/debezium/connect_client.h"
#include "providers/debezium/connect_secrets.h"
#include "providers/debezium/connect_validate.h"
#include "tests/support/connect_rig.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#define POSTGRES STR("io.debezium.connector.postgresql.PostgresConnector")

#define FIELD(name, errors)                                                                \
    "{\"definition\":{\"name\":\"" name "\"},\"value\":{\"name\":\"" name                  \
    "\",\"value\":null,\"errors\":[" errors "]}}"
#define VERDICT(count, fields)                                                             \
    "{\"name\":\"x\",\"error_count\":" count ",\"groups\":[],\"configs\":[" fields "]}"

static const struct {
    const char *json;
    const char *text;
} verdicts[] = {
    {VERDICT("0", FIELD("a", "")), ""},
    {VERDICT("2",
             FIELD("topic.prefix", "\"The 'topic.prefix' value is invalid: A value is "
                                   "required\"") "," FIELD("b", "\"A value is required\"")),
     "topic.prefix, b: A value is required"},
    {VERDICT("2", FIELD("a", "\"x\",\"y\"") "," FIELD("b", "\"y\",\"z\"")),
     "a: x; a, b: y; b: z"},
    {VERDICT("1", FIELD("a", "\"broken\\n  over   lines\\r\\n\"")), "a: broken over lines"},
    {VERDICT("1", FIELD("a", "\"hunter2 is short\"")), "a: *** is short"},
    {VERDICT("3", FIELD("a", "")), "3 errors that are not named"},
    {VERDICT("1", "1,null," FIELD("a", "null,7,\"x\"") ",{\"value\":{\"errors\":[\"y\"]}}"),
     "a: x; ?: y"},
    {VERDICT(
         "8",
         FIELD("a", "\"x\"") "," FIELD("b", "\"x\"") "," FIELD("c", "\"x\"") "," FIELD(
             "d",
             "\"x\"") "," FIELD("e",
                                "\"x\"") "," FIELD("f",
                                                   "\"x\"") "," FIELD("g",
                                                                      "\"x\"") "," FIELD("h",
                                                                                         "\"x\"")),
     "a, b, c, d, e, f and 2 more: x"},
};

START_TEST(a_verdict_becomes_one_line)
{
    struct connect_secrets secrets;
    struct buf out;
    wf_error err = {0};
    connect_secrets_init(&secrets);
    buf_init(&out, 65536);
    ck_assert_int_eq(connect_secrets_learn(&secrets, CONNECT_RIG_CONFIG, &err), WF_OK);
    ck_assert_int_eq(
        connect_validate_read(str_from(verdicts[_i].json), &secrets, &out, &err), WF_OK);
    ck_assert_str_eq(buf_c(&out), verdicts[_i].text);
    buf_release(&out);
    connect_secrets_release(&secrets);
}
END_TEST

START_TEST(a_verdict_of_many_errors_is_bounded)
{
    struct connect_secrets secrets;
    struct buf json, out;
    wf_error err = {0};
    connect_secrets_init(&secrets);
    buf_init(&json, 1 << 20);
    buf_init(&out, 65536);
    buf_lit(&json, "{\"error_count\":500,\"configs\":[");
    for (int i = 0; i < 500; i++)
        buf_printf(&json,
                   "%s{\"value\":{\"name\":\"field.%d\",\"errors\":[\"message %d\"]}}",
                   i ? "," : "", i, i);
    buf_lit(&json, "]}");
    ck_assert_int_eq(connect_validate_read(buf_view(&json), &secrets, &out, &err), WF_OK);
    ck_assert_uint_lt(out.len, 850);
    ck_assert(str_starts(buf_view(&out), STR("field.0: message 0; field.1: message 1; ")));
    ck_assert_ptr_nonnull(strstr(buf_c(&out), " more"));
    buf_release(&json);
    buf_release(&out);
    connect_secrets_release(&secrets);
}
END_TEST

START_TEST(validate_passes_refuses_and_repeats)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    ck_assert_int_eq(connect_validate(rig.client, POSTGRES, CONNECT_RIG_CONFIG, &rig.err),
                     WF_OK);
    fake_connect_validate_says(rig.fake,
                               VERDICT("1", FIELD("database.user", "\"hunter2? no\"")));
    fake_connect_fault(
        rig.fake, (struct fake_fault){.request = "", .times = 1, .kind = FAKE_REBALANCE});
    ck_assert_int_eq(connect_validate(rig.client, POSTGRES, CONNECT_RIG_CONFIG, &rig.err),
                     WF_CONFIG);
    ck_assert_str_eq(rig.err.text, "the connector's configuration is refused: "
                                   "database.user: ***? no");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_class_that_is_not_installed_is_told_with_those_that_are)
{
    struct connect_rig rig;
    connect_rig_open(&rig);
    ck_assert_int_eq(connect_validate(rig.client, STR("io.debezium.connector.db2.Db2"),
                                      CONNECT_RIG_CONFIG, &rig.err),
                     WF_CONFIG);
    connect_rig_says(&rig, "'io.debezium.connector.db2.Db2' is not installed");
    connect_rig_says(
        &rig, "of Debezium there is io.debezium.connector.postgresql.PostgresConnector, "
              "io.debezium.connector.mariadb.MariaDbConnector");
    ck_assert_ptr_null(strstr(rig.err.text, "org.example"));
    connect_rig_close(&rig);
}
END_TEST

START_TEST(replies_are_read_or_memory_is_short)
{
    static const char status_json[] =
        "{\"connector\":{\"state\":\"RUNNING\"},\"tasks\":[{\"state\":\"FAILED\","
        "\"trace\":\"a\\nCaused by: b\"}]}";
    for (long n = 0; n < OOM_MOST; n++) {
        struct connect_secrets secrets;
        struct connect_status status;
        struct buf out;
        wf_error err = {0};
        connect_secrets_init(&secrets);
        buf_init(&out, 65536);
        oom_arm(n);
        wf_status result = connect_secrets_learn(&secrets, CONNECT_RIG_CONFIG, &err);
        if (!result)
            result = connect_status_read(str_from(status_json), &secrets, &status, &err);
        if (!result)
            result =
                connect_validate_read(str_from(verdicts[2].json), &secrets, &out, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(result, hit ? WF_NO_MEMORY : WF_OK);
        buf_release(&out);
        connect_secrets_release(&secrets);
        if (!hit)
            return;
    }
    ck_abort_msg("no end");
}
END_TEST

/* A login in JAAS holds a password and more. */
START_TEST(a_password_within_a_login_is_a_secret_by_itself)
{
    static const struct {
        const char *value, *text, *shown;
    } cases[] = {
        {"x.PlainLoginModule required username=\\\"u\\\" password=\\\"ge heim\\\";",
         "login 'ge heim' of u", "login '***' of u"},
        {"x required password=geheim;", "not geheim!", "not ***!"},
        {"x required password=\\\"eins\\\" user_b_password=zwei", "eins, zwei", "***, ***"},
        {"x required password=", "nothing", "nothing"},
        {"x required password = \\\"geheim\\\" ;", "not geheim!", "not ***!"},
        {"x required clientId=\\\"c\\\" clientSecret=\\\"ge=heim\\\";", "c ge=heim",
         "c ***"},
        {"${file:/k:password=x}", "password=x", "password=x"},
    };
    struct connect_secrets secrets;
    wf_error err = {0};
    char config[200];
    char text[100];
    snprintf(config, sizeof config, "{\"signal.consumer.sasl.jaas.config\":\"%s\"}",
             cases[_i].value);
    connect_secrets_init(&secrets);
    ck_assert_msg(connect_secrets_learn(&secrets, str_from(config), &err) == WF_OK, "%s",
                  err.text);
    snprintf(text, sizeof text, "%s", cases[_i].text);
    connect_secrets_hide(&secrets, text);
    ck_assert_str_eq(text, cases[_i].shown);
    connect_secrets_release(&secrets);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("connect_validate");
    TCase *t = tcase_create("connect_validate");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, a_password_within_a_login_is_a_secret_by_itself, 0, 7);
    tcase_add_loop_test(t, a_verdict_becomes_one_line, 0, CDC_COUNT(verdicts));
    tcase_add_test(t, a_verdict_of_many_errors_is_bounded);
    tcase_add_test(t, validate_passes_refuses_and_repeats);
    tcase_add_test(t, a_class_that_is_not_installed_is_told_with_those_that_are);
    if (OOM_POSSIBLE)
        tcase_add_test(t, replies_are_read_or_memory_is_short);
    suite_add_tcase(s, t);
    return s;
}
