/* SPDX-License-Identifier: MIT
 *
 * Brokers that are gone, for a moment or for good.
 */
#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "providers/debezium/kafka_member.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/run.h"

static struct kafka_mock mock;
static struct kafka_mock_member member;

static void begin(void)
{
    kafka_mock_start(&mock, 1);
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 10);
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

static void leave_soon(struct kafka_mock_member *away)
{
    int64_t before = clock_mono_ms();
    kafka_mock_leave(away);
    ck_assert_int_lt(clock_mono_ms() - before, 6000);
}

static void await_notice(const char *words)
{
    int64_t deadline = clock_mono_ms() + 10000;
    while (!strstr(member.notice, words)) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        ck_assert_int_eq(kafka_group_rest(member.group, 50, &member.err), WF_OK);
    }
}

START_TEST(brokers_that_are_away_for_a_moment_are_waited_for)
{
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 10);
    rd_kafka_mock_broker_set_down(mock.cluster, -1);
    kafka_mock_quiet(&member, 1500);
    ck_assert_uint_ge(member.notices, 1);
    ck_assert_uint_le(member.notices, 3);
    rd_kafka_mock_broker_set_up(mock.cluster, -1);
    kafka_mock_produce(&mock, "t", 0, 10, 1);
    kafka_mock_expect(&member, "t", 10, 1);
    kafka_mock_leave(&member);
}
END_TEST

/* A member that came anew would be waited for as long as the session of the old one; and
 * what was said before it does not keep the news back. */
START_TEST(a_member_outlasts_brokers_that_come_back_within_its_session)
{
    kafka_mock_join(&mock, &member, "^(t|missing)$", "\"session.timeout.ms\":30000");
    kafka_mock_expect(&member, "t", 0, 10);
    kafka_member_notice(member.group, LOG_WARN, "something else");
    unsigned before = member.notices;
    rd_kafka_mock_broker_set_down(mock.cluster, -1);
    await_notice("no broker is reached");
    ck_assert_uint_eq(member.notices, before + 1);
    /* Longer than what a member without a session is given. */
    kafka_mock_quiet(&member, 7500);
    rd_kafka_mock_broker_set_up(mock.cluster, -1);
    kafka_mock_produce(&mock, "t", 0, 10, 1);
    kafka_mock_expect(&member, "t", 10, 1);
    ck_assert_uint_eq(member.lost[1], 0);
    kafka_mock_leave(&member);
}
END_TEST

/* Closed while commits wait for a coordinator, which they do as long as a session. */
START_TEST(closing_does_not_wait_for_brokers_that_are_away)
{
    kafka_mock_join(&mock, &member, "t", "\"session.timeout.ms\":45000");
    kafka_mock_expect(&member, "t", 0, 10);
    rd_kafka_mock_broker_set_down(mock.cluster, -1);
    await_notice("no broker is reached");
    kafka_mock_confirm(&member, 5);
    kafka_mock_quiet(&member, 500);
    leave_soon(&member);
    rd_kafka_mock_broker_set_up(mock.cluster, -1);
}
END_TEST

START_TEST(brokers_that_stay_away_make_the_group_unavailable)
{
    struct kafka_record record;
    kafka_mock_join(&mock, &member, "t", "\"session.timeout.ms\":7000");
    kafka_mock_expect(&member, "t", 0, 5);
    kafka_mock_confirm(&member, 5);
    rd_kafka_mock_broker_set_down(mock.cluster, -1);
    await_notice("no broker is reached");
    int64_t before = clock_mono_ms();
    /* What has come before is no sign of a broker. */
    kafka_mock_expect(&member, "t", 5, 5);
    ck_assert_int_gt(member.group->health.down_since_ms, 0);
    wf_status status = kafka_group_next(member.group, 20000, &record, &member.err);
    ck_assert_int_eq(status, WF_UNAVAILABLE);
    ck_assert_msg(strstr(member.err.text, "no Kafka broker of '127.0.0.1:"), "%s",
                  member.err.text);
    ck_assert_int_lt(clock_mono_ms() - before, 15000);
    /* And no longer than some seconds to close; nothing is known about others then. */
    bool shared;
    before = clock_mono_ms();
    kafka_group_quit(member.group);
    ck_assert_int_eq(kafka_group_is_shared(member.group, 300, &shared, &member.err),
                     WF_UNAVAILABLE);
    kafka_mock_leave(&member);
    ck_assert_int_lt(clock_mono_ms() - before, 6000);
    rd_kafka_mock_broker_set_up(mock.cluster, -1);
}
END_TEST

/* Both are looked after until each has told of a failure. */
static void await_failures(struct kafka_mock_member *a, struct kafka_mock_member *b)
{
    struct kafka_mock_member *const both[] = {a, b};
    wf_status told[2] = {WF_OK, WF_OK};
    int64_t deadline = clock_mono_ms() + 20000;
    while (!told[0] || !told[1]) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        for (int i = 0; i < 2; i++)
            if (!told[i])
                told[i] =
                    kafka_group_next(both[i]->group, 50, &both[i]->record, &both[i]->err);
    }
    ck_assert_msg(told[0] == WF_UNAVAILABLE, "%d %s", (int)told[0], a->err.text);
    ck_assert_msg(told[1] == WF_UNAVAILABLE, "%d %s", (int)told[1], b->err.text);
}

/* Nobody is at the address of the one; the mock, which is asked by the other, speaks no TLS,
 * as a broker looks that is about to end. */
START_TEST(brokers_that_cannot_be_spoken_to_make_the_group_unavailable)
{
    CDC_CLEANUP(buf_release) struct buf id;
    struct kafka_mock_member secured = {0};
    bool shared;
    buf_init(&id, 100);
    member = (struct kafka_mock_member){0};
    ck_assert_int_eq(kafka_mock_try_join("127.0.0.1:1", &member, "t", NULL), WF_OK);
    wf_status status = kafka_mock_try_join(
        mock.servers, &secured, "t",
        "\"security.protocol\":\"sasl_ssl\",\"sasl.mechanism\":\"PLAIN\","
        "\"sasl.username\":\"u\",\"sasl.password\":\"hunter2secret\"");
    ck_assert_msg(!status, "%s", secured.err.text);
    ck_assert_int_eq(kafka_group_cluster(member.group, 300, &id, &member.err),
                     WF_UNAVAILABLE);
    ck_assert_int_eq(kafka_group_is_shared(member.group, 300, &shared, &member.err),
                     WF_UNAVAILABLE);
    ck_assert_int_eq(
        kafka_group_send(member.group, STR("t"), STR("k"), STR("v"), 1500, &member.err),
        WF_UNAVAILABLE);
    ck_assert_msg(strstr(member.err.text, "refused"), "%s", member.err.text);
    await_failures(&member, &secured);
    ck_assert_msg(strstr(member.err.text, "127.0.0.1:1") &&
                      strstr(member.err.text, "refused"),
                  "%s", member.err.text);
    ck_assert_uint_le(member.notices, 3);
    ck_assert_msg(strstr(secured.err.text, "SSL_HANDSHAKE"), "%s", secured.err.text);
    ck_assert_ptr_null(strstr(secured.err.text, "hunter2secret"));
    leave_soon(&member);
    leave_soon(&secured);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_away");
    TCase *away = tcase_create("away");
    tcase_add_checked_fixture(away, begin, end);
    tcase_set_timeout(away, 60);
    tcase_add_test(away, brokers_that_are_away_for_a_moment_are_waited_for);
    tcase_add_test(away, a_member_outlasts_brokers_that_come_back_within_its_session);
    tcase_add_test(away, closing_does_not_wait_for_brokers_that_are_away);
    tcase_add_test(away, brokers_that_stay_away_make_the_group_unavailable);
    tcase_add_test(away, brokers_that_cannot_be_spoken_to_make_the_group_unavailable);
    suite_add_tcase(suite, away);
    return suite;
}
