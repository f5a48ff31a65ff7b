/* SPDX-License-Identifier: MIT
 *
 * Brokers that answer with errors, those that pass by and those that do not.
 */
#include <check.h>
#include <dlfcn.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/run.h"

static struct kafka_mock mock;
static struct kafka_mock_member member;

static bool answered_late;

static void begin(void)
{
    answered_late = false;
    kafka_mock_start(&mock, 1);
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 10);
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

/* What a broker may answer for a while. */
static const struct {
    int16_t request;
    rd_kafka_resp_err_t first, then;
} passing[] = {
    {KAFKA_MOCK_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
     RD_KAFKA_RESP_ERR__TRANSPORT},
    {KAFKA_MOCK_JOIN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
     RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
    {KAFKA_MOCK_SYNC, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_NO_ERROR},
    {KAFKA_MOCK_COMMITTED, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
     RD_KAFKA_RESP_ERR__TRANSPORT},
    {KAFKA_MOCK_FETCH, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
     RD_KAFKA_RESP_ERR__TRANSPORT},
};

START_TEST(errors_that_pass_by_are_passed_over)
{
    for (size_t i = 0; i < CDC_COUNT(passing); i++)
        rd_kafka_mock_push_request_errors(mock.cluster, passing[i].request, 2,
                                          passing[i].first, passing[i].then);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 10);
    kafka_mock_confirm(&member, 10);
    kafka_mock_leave(&member);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 10);
}
END_TEST

/* The group puts the member out: its partition is lost, and comes again. */
/* The mock waits for who was forgotten until its session ends, but longer than for the first
 * member of a group it has to be. */
#define SHORT_SESSION "\"session.timeout.ms\":3200"

START_TEST(a_member_that_is_put_out_comes_back)
{
    kafka_mock_join(&mock, &member, "t", SHORT_SESSION);
    kafka_mock_expect(&member, "t", 0, 10);
    kafka_mock_confirm(&member, 4);
    kafka_mock_quiet(&member, 500);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 4);
    rd_kafka_mock_push_request_errors(mock.cluster, KAFKA_MOCK_HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    kafka_mock_expect(&member, "t", 4, 6);
    ck_assert_uint_eq(member.lost[1], 1);
    ck_assert_uint_eq(member.record.lane, 1);
    ck_assert_uint_eq(member.record.number, 16);
    kafka_mock_confirm(&member, 10);
    kafka_mock_confirm(&member, 12);
    kafka_mock_leave(&member);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 6);
}
END_TEST

START_TEST(a_commit_that_fails_is_tried_again)
{
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 10);
    rd_kafka_mock_push_request_errors(
        mock.cluster, KAFKA_MOCK_COMMIT, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    kafka_mock_confirm(&member, 10);
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    while (kafka_mock_committed(&mock, "g", "t", 0) != 10) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        kafka_mock_quiet(&member, 50);
    }
    kafka_mock_leave(&member);
}
END_TEST

/* ---- closed while joining -------------------------------------------------------------- */

static bool has_id(rd_kafka_t *rk)
{
    char *id = rd_kafka_memberid(rk);
    bool has = id && *id;
    if (id)
        rd_kafka_mem_free(rk, id);
    return has;
}

/* In the place of librdkafka's: the group's answer to the request to join comes just before
 * the member is closed. */
rd_kafka_error_t *rd_kafka_consumer_close_queue(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
    typedef rd_kafka_error_t *close_queue(rd_kafka_t *, rd_kafka_queue_t *);
    close_queue *real;
    void *found = dlsym(RTLD_NEXT, "rd_kafka_consumer_close_queue");
    memcpy(&real, &found, sizeof real);
    for (int i = 0; answered_late && !has_id(rk) && i < 50; i++)
        (void)poll(NULL, 0, 20);
    return real(rk, queue);
}

START_TEST(a_member_may_be_closed_when_the_group_answers_at_that_moment)
{
    rd_kafka_mock_push_request_errors(
        mock.cluster, KAFKA_MOCK_SYNC, 4, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    answered_late = true;
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(a_member_may_be_closed_when_the_group_has_forgotten_it)
{
    rd_kafka_mock_push_request_errors(mock.cluster, KAFKA_MOCK_SYNC, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    kafka_mock_join(&mock, &member, "t", SHORT_SESSION);
    kafka_mock_quiet(&member, 500);
    kafka_mock_leave(&member);
}
END_TEST

/* ---- errors that stay ------------------------------------------------------------------ */

static const struct {
    int16_t request;
    rd_kafka_resp_err_t code;
    const char *says;
} final[] = {
    {KAFKA_MOCK_COORDINATOR, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
     "READ on the group"},
    {KAFKA_MOCK_JOIN, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "READ on the group"},
    {KAFKA_MOCK_JOIN, RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, "assignment.strategy"},
    {KAFKA_MOCK_JOIN, RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, "session.timeout.ms"},
    {KAFKA_MOCK_COMMITTED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
     "READ on the group"},
    {KAFKA_MOCK_FETCH, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "READ and DESCRIBE"},
};

START_TEST(errors_that_do_not_pass_by_are_told_with_a_cure)
{
    struct kafka_record record;
    rd_kafka_resp_err_t codes[40];
    for (size_t i = 0; i < CDC_COUNT(codes); i++)
        codes[i] = final[_i].code;
    rd_kafka_mock_push_request_errors_array(mock.cluster, final[_i].request,
                                            CDC_COUNT(codes), codes);
    kafka_mock_join(&mock, &member, "t", NULL);
    wf_status status =
        kafka_group_next(member.group, KAFKA_MOCK_PATIENCE_MS, &record, &member.err);
    ck_assert_msg(status == WF_CONFIG, "%d: %s", (int)status, member.err.text);
    ck_assert_msg(strstr(member.err.text, final[_i].says), "%s", member.err.text);
    /* It stays so. */
    ck_assert_int_eq(kafka_group_rest(member.group, 0, &member.err), WF_CONFIG);
    kafka_mock_leave(&member);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_faults");
    TCase *faults = tcase_create("faults");
    tcase_add_checked_fixture(faults, begin, end);
    tcase_set_timeout(faults, 120);
    tcase_add_test(faults, errors_that_pass_by_are_passed_over);
    tcase_add_test(faults, a_member_that_is_put_out_comes_back);
    tcase_add_test(faults, a_commit_that_fails_is_tried_again);
    tcase_add_test(faults, a_member_may_be_closed_when_the_group_answers_at_that_moment);
    tcase_add_test(faults, a_member_may_be_closed_when_the_group_has_forgotten_it);
    tcase_add_loop_test(faults, errors_that_do_not_pass_by_are_told_with_a_cure, 0,
                        (int)CDC_COUNT(final));
    suite_add_tcase(suite, faults);
    return suite;
}
