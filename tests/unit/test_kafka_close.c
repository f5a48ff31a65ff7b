/* SPDX-License-Identifier: MIT
 *
 * A member that is closed in the middle of a rebalance.  What is asked of librdkafka just
 * when a membership ends is never answered; so the tests make every question late, and look
 * whether there was still somebody to answer it.
 */
#include <check.h>
#include <dlfcn.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/run.h"

static struct kafka_mock mock;
static struct kafka_mock_member member, rival;

static bool ends;      /* librdkafka was told to end a membership */
static bool has_rival; /* who joins just before that */
static int too_late;
/* So often nothing is seen of what librdkafka brings then, and not that it is through. */
static int deaf, blind;

static const char *const strategies[] = {
    "\"partition.assignment.strategy\":\"cooperative-sticky\"",
    "\"partition.assignment.strategy\":\"range\"",
};

static void begin(void)
{
    ends = has_rival = false;
    too_late = 0;
    deaf = blind = 1;
    kafka_mock_start(&mock, 1);
    kafka_mock_topic(&mock, "t", 2);
    kafka_mock_produce(&mock, "t", 0, 0, 10);
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

/* ---- in the place of librdkafka's ------------------------------------------------------ */

static bool has_ended(rd_kafka_t *rk)
{
    int (*real)(rd_kafka_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_consumer_closed");
    memcpy(&real, &found, sizeof real);
    return ends && real(rk);
}

int rd_kafka_consumer_closed(rd_kafka_t *rk)
{
    return has_ended(rk) && blind-- <= 0;
}

rd_kafka_message_t *rd_kafka_consume_queue(rd_kafka_queue_t *queue, int timeout_ms)
{
    rd_kafka_message_t *(*real)(rd_kafka_queue_t *, int);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_consume_queue");
    memcpy(&real, &found, sizeof real);
    return ends && deaf-- > 0 ? NULL : real(queue, timeout_ms);
}

static void late(rd_kafka_t *rk)
{
    for (int i = 0; ends && i < 20 && !has_ended(rk); i++)
        (void)poll(NULL, 0, 10);
    too_late += has_ended(rk);
}

const char *rd_kafka_rebalance_protocol(rd_kafka_t *rk)
{
    const char *(*real)(rd_kafka_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_rebalance_protocol");
    memcpy(&real, &found, sizeof real);
    late(rk);
    return real(rk);
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *rk,
                                    const rd_kafka_topic_partition_list_t *parts)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_assign");
    memcpy(&real, &found, sizeof real);
    late(rk);
    return real(rk, parts);
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *rk,
                                              const rd_kafka_topic_partition_list_t *parts)
{
    rd_kafka_error_t *(*real)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_incremental_assign");
    memcpy(&real, &found, sizeof real);
    late(rk);
    return real(rk, parts);
}

rd_kafka_error_t *rd_kafka_incremental_unassign(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *parts)
{
    rd_kafka_error_t *(*real)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_incremental_unassign");
    memcpy(&real, &found, sizeof real);
    late(rk);
    return real(rk, parts);
}

/* The rival is given its part: something comes that the member has not looked at. */
static void await_rebalance(rd_kafka_t *rk)
{
    int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    while (!rd_kafka_queue_length(queue)) {
        ck_assert_int_lt(clock_mono_ms(), deadline);
        (void)poll(NULL, 0, 10);
    }
    rd_kafka_queue_destroy(queue);
}

rd_kafka_error_t *rd_kafka_consumer_close_queue(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
    rd_kafka_error_t *(*real)(rd_kafka_t *, rd_kafka_queue_t *);
    void *found = dlsym(RTLD_NEXT, "rd_kafka_consumer_close_queue");
    memcpy(&real, &found, sizeof real);
    if (has_rival) {
        has_rival = false;
        kafka_mock_join(&mock, &rival, "t", strategies[0]);
        await_rebalance(rk);
    }
    ends = true;
    return real(rk, queue);
}

/* ---- tests ------------------------------------------------------------------------------ */

START_TEST(an_assignment_that_could_not_be_taken_does_not_hold_up_the_end)
{
    struct kafka_record record;
    rd_kafka_resp_err_t codes[40];
    for (size_t i = 0; i < CDC_COUNT(codes); i++)
        codes[i] = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    rd_kafka_mock_push_request_errors_array(mock.cluster, KAFKA_MOCK_COMMITTED,
                                            CDC_COUNT(codes), codes);
    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    ck_assert_int_eq(
        kafka_group_next(member.group, KAFKA_MOCK_PATIENCE_MS, &record, &member.err),
        WF_CONFIG);
    kafka_mock_leave(&member);
    ck_assert_int_eq(too_late, 0);
}
END_TEST

START_TEST(nothing_is_asked_behind_the_end)
{
    kafka_mock_join(&mock, &member, "t", strategies[_i]);
    kafka_mock_expect(&member, "t", 0, 10);
    kafka_mock_confirm(&member, 10);
    kafka_mock_leave(&member);
    ck_assert_int_eq(too_late, 0);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 10);
}
END_TEST

START_TEST(a_rebalance_that_comes_with_the_end_is_answered_once)
{
    kafka_mock_join(&mock, &member, "t", strategies[0]);
    kafka_mock_expect(&member, "t", 0, 10);
    has_rival = true;
    kafka_mock_leave(&member);
    ends = false;
    kafka_mock_leave(&rival);
    ck_assert_int_eq(too_late, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_close");
    TCase *midst = tcase_create("in the midst");
    tcase_add_checked_fixture(midst, begin, end);
    tcase_set_timeout(midst, 120);
    tcase_add_loop_test(midst,
                        an_assignment_that_could_not_be_taken_does_not_hold_up_the_end, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_loop_test(midst, nothing_is_asked_behind_the_end, 0,
                        (int)CDC_COUNT(strategies));
    tcase_add_test(midst, a_rebalance_that_comes_with_the_end_is_answered_once);
    suite_add_tcase(suite, midst);
    return suite;
}
