/* SPDX-License-Identifier: MIT
 *
 * A member alone in its group, against librdkafka's mock cluster: what is given, what is
 * confirmed, and where the next member goes on.
 */
#include "providers/debezium/kafka_group.h"

#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
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
}

static void end(void)
{
    kafka_mock_stop(&mock);
}

START_TEST(a_group_goes_on_where_what_is_confirmed_ends)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 20);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 20);
    ck_assert_uint_eq(member.record.number, 20);
    kafka_mock_confirm(&member, 7);
    kafka_mock_leave(&member);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 7);

    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 7, 13);
    kafka_mock_confirm(&member, 13);
    /* In the background, too. */
    struct kafka_lag lag;
    for (int i = 0; i < 50 && kafka_mock_committed(&mock, "g", "t", 0) != 20; i++)
        kafka_mock_quiet(&member, 50);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), 20);
    kafka_group_lag(member.group, &lag);
    ck_assert_int_eq(lag.records, 0);
    ck_assert_uint_eq(lag.partitions, 1);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(nothing_confirmed_is_nothing_committed)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 5);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 5);
    struct kafka_lag lag;
    kafka_group_lag(member.group, &lag);
    ck_assert_int_eq(lag.records, 5);
    kafka_mock_leave(&member);
    ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", 0), -1);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 5);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(each_partition_has_its_own_prefix)
{
    int64_t confirmed[3] = {-1, -1, -1};
    int64_t offsets[30];
    int32_t partitions[30];
    uint32_t lanes[3] = {0};
    kafka_mock_topic(&mock, "t", 3);
    for (int i = 0; i < 3; i++)
        kafka_mock_produce(&mock, "t", i, 0, 10);
    kafka_mock_join(&mock, &member, "t", NULL);
    for (int i = 0; i < 30; i++) {
        ck_assert(kafka_mock_next(&member));
        ck_assert_uint_eq(member.record.number, (uint64_t)i + 1);
        partitions[i] = member.record.partition;
        offsets[i] = member.record.offset;
        if (!lanes[partitions[i]])
            lanes[partitions[i]] = member.record.lane;
        ck_assert_uint_eq(lanes[partitions[i]], member.record.lane);
    }
    ck_assert(lanes[0] != lanes[1] && lanes[1] != lanes[2] && lanes[0] != lanes[2]);
    kafka_mock_confirm(&member, 17);
    for (int i = 0; i < 17; i++)
        confirmed[partitions[i]] = offsets[i] + 1;
    kafka_mock_leave(&member);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kafka_mock_committed(&mock, "g", "t", i), confirmed[i]);
}
END_TEST

START_TEST(a_record_that_was_not_taken_comes_again)
{
    struct kafka_record record, again;
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 2);
    kafka_mock_join(&mock, &member, "t", NULL);
    ck_assert_int_eq(kafka_group_next(member.group, 10000, &record, &member.err), WF_OK);
    ck_assert_int_eq(kafka_group_next(member.group, 0, &again, &member.err), WF_OK);
    ck_assert_uint_eq(record.number, 1);
    ck_assert_uint_eq(again.number, 1);
    ck_assert_int_eq(again.offset, record.offset);
    ck_assert_int_eq(kafka_group_rest(member.group, 50, &member.err), WF_OK);
    kafka_mock_expect(&member, "t", 0, 2);
    ck_assert_int_eq(kafka_group_confirm(member.group, 3, &member.err), WF_STATE);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(keys_nulls_and_empty_values_are_told_apart)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 7, 1);
    kafka_mock_record(&mock, "t", "k", NULL);
    kafka_mock_record(&mock, "t", NULL, "");
    kafka_mock_join(&mock, &member, "t", NULL);
    int64_t now_ms = clock_wall_us() / 1000;
    ck_assert(kafka_mock_next(&member));
    ck_assert(str_is(member.record.topic, "t"));
    ck_assert(str_is(member.record.key, "key"));
    ck_assert_int_lt(llabs(now_ms - member.record.ts_ms), 60000);
    ck_assert(kafka_mock_next(&member));
    ck_assert(str_is(member.record.key, "k"));
    ck_assert_ptr_null(member.record.value.ptr);
    ck_assert(kafka_mock_next(&member));
    ck_assert_ptr_null(member.record.key.ptr);
    ck_assert_ptr_nonnull(member.record.value.ptr);
    ck_assert_uint_eq(member.record.value.len, 0);
    kafka_mock_leave(&member);
}
END_TEST

static void *interrupt(void *group)
{
    kafka_group_interrupt(group);
    return NULL;
}

START_TEST(an_interrupt_ends_a_wait_or_the_next_one)
{
    pthread_t thread;
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_join(&mock, &member, "t", NULL);
    int64_t before = clock_mono_ms();
    kafka_group_interrupt(member.group);
    kafka_mock_quiet(&member, 10000);
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, member.group), 0);
    kafka_mock_quiet(&member, 10000);
    pthread_join(thread, NULL);
    kafka_group_interrupt(member.group);
    ck_assert_int_eq(kafka_group_rest(member.group, 10000, &member.err), WF_OK);
    ck_assert_int_lt(clock_mono_ms() - before, 5000);
    kafka_mock_leave(&member);
}
END_TEST

START_TEST(a_record_can_be_sent)
{
    kafka_mock_topic(&mock, "signals", 1);
    kafka_mock_join(&mock, &member, "signals", NULL);
    wf_status status = kafka_group_send(member.group, STR("signals"), STR("p"), STR("{}"),
                                        10000, &member.err);
    ck_assert_msg(!status, "%s", member.err.text);
    ck_assert(kafka_mock_next(&member));
    ck_assert_str_eq(member.value, "{}");
    ck_assert(str_is(member.record.key, "p"));
    kafka_mock_leave(&member);
}
END_TEST

/* Most of its properties librdkafka hides itself, this one it does not. */
START_TEST(what_librdkafka_tells_of_its_configuration_shows_no_secret)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 1);
    kafka_mock_join(&mock, &member, "t",
                    "\"debug\":\"conf\","
                    "\"ssl.certificate.pem\":\"" KAFKA_MOCK_SECRET "\"");
    kafka_mock_expect(&member, "t", 0, 1);
    ck_assert_uint_gt(member.hidden, 0);
    kafka_mock_leave(&member);
}
END_TEST

/* ---- markers of transactions --------------------------------------------------------- */

/* Markers behind the last record, which the mock does not write: both the end of the
 * partition and where its reader has come to are behind them. */
static int64_t markers;

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t *rk, const char *topic,
                                                   int32_t partition, int64_t *low,
                                                   int64_t *high)
{
    typedef rd_kafka_resp_err_t get_watermarks(rd_kafka_t *, const char *, int32_t,
                                               int64_t *, int64_t *);
    get_watermarks *real;
    void *found = dlsym(RTLD_NEXT, "rd_kafka_get_watermark_offsets");
    memcpy(&real, &found, sizeof real);
    rd_kafka_resp_err_t code = real(rk, topic, partition, low, high);
    if (!code && *high >= 0)
        *high += markers;
    return code;
}

rd_kafka_message_t *rd_kafka_consume_queue(rd_kafka_queue_t *queue, int timeout_ms)
{
    typedef rd_kafka_message_t *consume(rd_kafka_queue_t *, int);
    consume *real;
    void *found = dlsym(RTLD_NEXT, "rd_kafka_consume_queue");
    memcpy(&real, &found, sizeof real);
    rd_kafka_message_t *message = real(queue, timeout_ms);
    if (message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        message->offset += markers;
    return message;
}

static int64_t lag_records(void)
{
    struct kafka_lag lag;
    kafka_group_lag(member.group, &lag);
    return lag.records;
}

START_TEST(a_marker_behind_the_last_record_is_no_lag_once_all_is_confirmed)
{
    markers = 2;
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 3);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 3);
    kafka_mock_quiet(&member, 300); /* nothing comes, but that this is the end */
    kafka_mock_confirm(&member, 2);
    ck_assert_int_eq(lag_records(), 3);
    kafka_mock_confirm(&member, 3);
    for (int64_t deadline = clock_mono_ms() + KAFKA_MOCK_PATIENCE_MS;
         lag_records() && clock_mono_ms() < deadline;)
        kafka_mock_quiet(&member, 50);
    ck_assert_int_eq(lag_records(), 0);
    /* The mock has no markers: what comes next has the offset of the first. */
    markers = 0;
    kafka_mock_produce(&mock, "t", 0, 3, 1);
    kafka_mock_expect(&member, "t", 3, 1);
    ck_assert_int_eq(lag_records(), 1);
    kafka_mock_confirm(&member, 4);
    ck_assert_int_eq(lag_records(), 0);
    kafka_mock_leave(&member);
}
END_TEST

/* ---- other members ------------------------------------------------------------------- */

/* What the brokers tell of groups, which the mock does not. */
static struct rd_kafka_group_member_info told_members[3];
static struct rd_kafka_group_info told_groups[2];
static struct rd_kafka_group_list told = {.groups = told_groups};
static rd_kafka_resp_err_t told_code;
static bool tells;
static int told_open; /* lists that were not given back */

rd_kafka_resp_err_t rd_kafka_list_groups(rd_kafka_t *rk, const char *group,
                                         const struct rd_kafka_group_list **out,
                                         int timeout_ms)
{
    typedef rd_kafka_resp_err_t list_groups(rd_kafka_t *, const char *,
                                            const struct rd_kafka_group_list **, int);
    list_groups *real;
    if (!tells) {
        void *found = dlsym(RTLD_NEXT, "rd_kafka_list_groups");
        memcpy(&real, &found, sizeof real);
        return real(rk, group, out, timeout_ms);
    }
    ck_assert_str_eq(group, "g");
    if (told_code && told_code != RD_KAFKA_RESP_ERR__PARTIAL)
        return told_code;
    told_open++;
    *out = &told;
    return told_code;
}

void rd_kafka_group_list_destroy(const struct rd_kafka_group_list *list)
{
    typedef void list_destroy(const struct rd_kafka_group_list *);
    list_destroy *real;
    if (list == &told) {
        told_open--;
        return;
    }
    void *found = dlsym(RTLD_NEXT, "rd_kafka_group_list_destroy");
    memcpy(&real, &found, sizeof real);
    real(list);
}

static const struct {
    rd_kafka_resp_err_t code, group_code;
    int groups; /* the second is ours */
    const char *state;
    const char *members; /* one letter each: m is this one, f a foreign one */
    wf_status status;
    bool shared;
} tellings[] = {
    {.groups = 2, .state = "Stable", .members = "m"},
    {.groups = 2, .state = "Stable", .members = "mf", .shared = true},
    {.groups = 2, .state = "Stable", .members = "fmf", .shared = true},
    {.groups = 2, .state = "PreparingRebalance", .members = "f", .shared = true},
    {.code = RD_KAFKA_RESP_ERR__PARTIAL, .groups = 2, .state = "Stable", .members = "m"},
    {.groups = 2, .state = "Empty", .members = ""},
    /* What is not known. */
    {.groups = 2, .state = "Dead", .members = "", .status = WF_UNAVAILABLE},
    {.groups = 2, .state = "Stable", .members = "", .status = WF_UNAVAILABLE},
    {.groups = 1, .status = WF_UNAVAILABLE},
    {.groups = 0, .status = WF_UNAVAILABLE},
    {.code = RD_KAFKA_RESP_ERR__PARTIAL, .groups = 1, .status = WF_UNAVAILABLE},
    {.code = RD_KAFKA_RESP_ERR__TIMED_OUT, .status = WF_UNAVAILABLE},
    {.code = RD_KAFKA_RESP_ERR__TRANSPORT, .status = WF_UNAVAILABLE},
    {.code = RD_KAFKA_RESP_ERR__BAD_MSG, .status = WF_PROTOCOL},
    {.group_code = RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
     .groups = 2,
     .state = "",
     .members = "",
     .status = WF_UNAVAILABLE},
    {.group_code = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
     .groups = 2,
     .state = "",
     .members = "",
     .status = WF_CONFIG},
};

static void tell(size_t row, char *own)
{
    static char foreign[] = "g";
    static char state[40];
    const char *members = tellings[row].members ? tellings[row].members : "";
    (void)snprintf(state, sizeof state, "%s",
                   tellings[row].state ? tellings[row].state : "");
    for (size_t i = 0; i < strlen(members); i++)
        told_members[i].member_id = members[i] == 'm' ? own : foreign;
    told_groups[0] = (struct rd_kafka_group_info){.group = own, .state = state};
    told_groups[1] = (struct rd_kafka_group_info){.group = foreign,
                                                  .err = tellings[row].group_code,
                                                  .state = state,
                                                  .members = told_members,
                                                  .member_cnt = (int)strlen(members)};
    told.group_cnt = tellings[row].groups;
    told_code = tellings[row].code;
}

START_TEST(a_group_is_shared_when_others_are_told_of_and_unknown_is_an_error)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 1);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 1);
    char *own = rd_kafka_memberid(member.group->rk);
    tells = true;
    for (size_t i = 0; i < CDC_COUNT(tellings); i++) {
        bool shared = !tellings[i].shared;
        tell(i, own);
        wf_status status = kafka_group_is_shared(member.group, 1000, &shared, &member.err);
        ck_assert_msg(status == tellings[i].status, "row %zu: %d %s", i, (int)status,
                      status ? member.err.text : "");
        ck_assert_msg(shared == (status ? !tellings[i].shared : tellings[i].shared),
                      "row %zu", i);
        ck_assert_int_eq(told_open, 0);
    }
    tells = false;
    rd_kafka_mem_free(member.group->rk, own);
    kafka_mock_leave(&member);
}
END_TEST

/* The mock knows no such request, as a broker may that lets us not ask. */
START_TEST(a_broker_that_does_not_tell_leaves_a_member_that_goes_on_and_can_be_closed)
{
    bool shared;
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 2);
    kafka_mock_join(&mock, &member, "t", NULL);
    kafka_mock_expect(&member, "t", 0, 1);
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(kafka_group_is_shared(member.group, 3000, &shared, &member.err),
                     WF_UNSUPPORTED);
    ck_assert_msg(strstr(member.err.text, "members are not told"), "%s", member.err.text);
    ck_assert_int_lt(clock_mono_ms() - before, 3000);
    kafka_mock_expect(&member, "t", 1, 1);
    before = clock_mono_ms();
    kafka_mock_leave(&member);
    ck_assert_int_lt(clock_mono_ms() - before, 3000);
}
END_TEST

/* Not served, a member is out of the group after max.poll.interval.ms; served by rest() it
 * stays. */
START_TEST(a_member_that_rests_stays)
{
    kafka_mock_topic(&mock, "t", 1);
    kafka_mock_produce(&mock, "t", 0, 0, 5);
    kafka_mock_join(&mock, &member, "t",
                    "\"max.poll.interval.ms\":3200,\"session.timeout.ms\":3200");
    kafka_mock_expect(&member, "t", 0, 5);
    kafka_mock_produce(&mock, "t", 0, 5, 5);
    int64_t until = clock_mono_ms() + 4800;
    while (clock_mono_ms() < until)
        ck_assert_int_eq(kafka_group_rest(member.group, 1200, &member.err), WF_OK);
    ck_assert_uint_eq(member.lost[1], 0);
    kafka_mock_expect(&member, "t", 5, 5);
    kafka_mock_leave(&member);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_group");
    TCase *alone = tcase_create("alone");
    tcase_add_checked_fixture(alone, begin, end);
    tcase_set_timeout(alone, 120);
    tcase_add_test(alone, a_group_goes_on_where_what_is_confirmed_ends);
    tcase_add_test(alone, nothing_confirmed_is_nothing_committed);
    tcase_add_test(alone, each_partition_has_its_own_prefix);
    tcase_add_test(alone, a_record_that_was_not_taken_comes_again);
    tcase_add_test(alone, keys_nulls_and_empty_values_are_told_apart);
    tcase_add_test(alone, an_interrupt_ends_a_wait_or_the_next_one);
    tcase_add_test(alone, a_record_can_be_sent);
    tcase_add_test(alone, what_librdkafka_tells_of_its_configuration_shows_no_secret);
    tcase_add_test(alone, a_marker_behind_the_last_record_is_no_lag_once_all_is_confirmed);
    tcase_add_test(alone,
                   a_group_is_shared_when_others_are_told_of_and_unknown_is_an_error);
    tcase_add_test(
        alone, a_broker_that_does_not_tell_leaves_a_member_that_goes_on_and_can_be_closed);
    tcase_add_test(alone, a_member_that_rests_stays);
    suite_add_tcase(suite, alone);
    return suite;
}
