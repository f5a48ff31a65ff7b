/* SPDX-License-Identifier: MIT
 *
 * debezium - pausing and stopping: what becomes of the connector.
 */
#include "tests/support/debezium_stage.h"
#include "tests/support/run.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- members of the group, which the mock cluster does not tell of -------------------- */

#define NOT_TOLD 9

static size_t others[2]; /* beside this one: at the first question, and later */
static size_t questions;
static int64_t committed_later; /* the offset of the group at a later question */

static void alone(void)
{
    others[0] = others[1] = questions = 0;
    committed_later = -1;
}

static char other[] = "other";
static char stable[] = "Stable";
static char empty[] = "Empty";
static char group_name[] = DEBEZIUM_RIG_CONNECTOR;
static struct rd_kafka_group_member_info members[NOT_TOLD + 1];

rd_kafka_resp_err_t rd_kafka_list_groups(rd_kafka_t *rk, const char *group,
                                         const struct rd_kafka_group_list **out,
                                         int timeout_ms)
{
    static struct rd_kafka_group_info info;
    static struct rd_kafka_group_list list = {&info, 1};
    (void)timeout_ms;
    ck_assert_str_eq(group, DEBEZIUM_RIG_CONNECTOR);
    size_t count = others[questions > 0];
    /* Who has left is in no list, and must not be asked for its name. */
    char *own = questions ? NULL : rd_kafka_memberid(rk);
    if (questions++)
        committed_later =
            kafka_mock_committed(&debezium_rig.kafka, group, DEBEZIUM_RIG_TOPIC, 0);
    if (count == NOT_TOLD) {
        rd_kafka_mem_free(rk, own);
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    for (size_t i = 0; i < count; i++)
        members[i].member_id = other;
    if (own && *own)
        members[count++].member_id = own;
    info = (struct rd_kafka_group_info){.group = group_name,
                                        .state = count ? stable : empty,
                                        .members = members,
                                        .member_cnt = (int)count};
    *out = &list;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_group_list_destroy(const struct rd_kafka_group_list *list)
{
    const struct rd_kafka_group_info *info = list->groups;
    char *last = info->member_cnt ? members[info->member_cnt - 1].member_id : NULL;
    if (last && last != other)
        rd_kafka_mem_free(NULL, last);
}

/* ---- pausing and stopping ------------------------------------------------------------ */

START_TEST(a_pause_reaches_the_connector_and_outlives_a_crash)
{
    debezium_stage_open(NULL);
    ck_assert_int_eq(cdc_provider_debezium.pause(rig.state, true, &provider_error), WF_OK);
    debezium_stage_until(debezium_stage_rests);
    debezium_stage_arrive();
    wf_str from = debezium_stage_position();
    ck_assert(str_ends(from, STR(":paused")));
    provider_rig_close();
    provider_rig_open(from);
    debezium_stage_until(debezium_stage_runs);
    ck_assert_int_eq(cdc_provider_debezium.pause(rig.state, true, &provider_error), WF_OK);
    debezium_stage_until(debezium_stage_rests);
    ck_assert_int_eq(cdc_provider_debezium.pause(rig.state, false, &provider_error), WF_OK);
    debezium_stage_until(debezium_stage_runs);
    debezium_stage_tear_down();
}
END_TEST

static const struct {
    const char *options;
    size_t others[2];
    const char *state;
    const char *line;
} stops[] = {
    {NULL, {0}, "", "is deleted"},
    {NULL, {0}, "", "pg_drop_replication_slot"},
    {"\"on_stop\":\"keep\"", {0}, "RUNNING", "goes on writing into Kafka"},
    {"\"on_stop\":\"pause\"", {0}, "PAUSED", "is paused"},
    {"\"on_stop\":\"stop\"", {0}, "STOPPED", "is stopped"},
    {NULL, {1, 1}, "RUNNING", "for the other hosts of group"},
    {"\"on_stop\":\"stop\"", {2, 1}, "RUNNING", "for the other hosts of group"},
    {NULL, {1, 0}, "", "is deleted"}, /* they stop together, and this is the last */
    {NULL, {NOT_TOLD}, "RUNNING", "it is not known whether other hosts share"},
    {NULL, {1, NOT_TOLD}, "RUNNING", "it is not known whether other hosts share"},
};

START_TEST(a_stop_does_with_the_connector_what_its_policy_says)
{
    struct buf lines;
    buf_init(&lines, LIMIT_TEXT_BYTES);
    debezium_stage_open(stops[_i].options);
    provider_rig_poll(10, 10);
    memcpy(others, stops[_i].others, sizeof others);
    wf_status status = cdc_provider_debezium.leave(rig.state, &lines, &provider_error);
    ck_assert_msg(status == WF_OK, "%s", provider_error.text);
    ck_assert_str_eq(debezium_stage_connector(), stops[_i].state);
    ck_assert_msg(strstr(buf_c(&lines), stops[_i].line), "%s", buf_c(&lines));
    ck_assert_ptr_null(strstr(buf_c(&lines), "geheim"));
    buf_release(&lines);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(who_sees_others_leaves_the_group_before_it_looks_again)
{
    struct buf lines;
    buf_init(&lines, LIMIT_TEXT_BYTES);
    debezium_stage_open(NULL);
    debezium_rig_insert(1);
    provider_rig_read(1);
    others[0] = 1;
    ck_assert_int_eq(
        cdc_provider_debezium.confirm(rig.state, buf_view(&rig.position), &provider_error),
        WF_OK);
    ck_assert_int_eq(cdc_provider_debezium.leave(rig.state, &lines, &provider_error),
                     WF_OK);
    ck_assert_uint_eq(questions, 2);
    ck_assert_int_eq(committed_later, 1);
    ck_assert_str_eq(debezium_stage_connector(), "");
    buf_release(&lines);
    debezium_stage_tear_down();
}
END_TEST

static const char *const resting[] = {"\"on_stop\":\"pause\"", "\"on_stop\":\"stop\""};

START_TEST(a_start_after_such_a_stop_lets_the_connector_run)
{
    struct buf lines;
    buf_init(&lines, LIMIT_TEXT_BYTES);
    debezium_stage_open(resting[_i]);
    debezium_stage_arrive();
    wf_str from = debezium_stage_position();
    ck_assert_int_eq(cdc_provider_debezium.leave(rig.state, &lines, &provider_error),
                     WF_OK);
    ck_assert(!debezium_stage_runs());
    provider_rig_close();
    provider_rig_open(from);
    debezium_stage_until(debezium_stage_runs);
    buf_release(&lines);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_connect_that_is_away)
{
    struct buf lines;
    buf_init(&lines, LIMIT_TEXT_BYTES);
    debezium_stage_open(NULL);
    debezium_stage_connect_goes();
    ck_assert_int_le(debezium_stage_state()->leave_ms, 15000);
    debezium_stage_state()->leave_ms = 300;
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(cdc_provider_debezium.leave(rig.state, &lines, &provider_error),
                     WF_UNAVAILABLE);
    ck_assert_int_lt(clock_mono_ms() - before, 10000);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "goes on"));
    buf_release(&lines);
    debezium_stage_tear_down();
}
END_TEST

START_TEST(a_removal_needs_neither_kafka_nor_a_configuration_in_order)
{
    struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    debezium_stage_open(NULL);
    provider_rig_close();
    struct dbz_options *options = rig.settings->options;
    options->bootstrap_servers = STR("127.0.0.1:1");
    options->database = STR("nonsense");
    rig.removing = true;
    provider_rig_open(STR_EMPTY);
    wf_status status = cdc_provider_debezium.cleanup(rig.state, &removed, &provider_error);
    ck_assert_msg(status == WF_OK, "%s", provider_error.text);
    ck_assert_ptr_nonnull(strstr(buf_c(&removed), DEBEZIUM_RIG_CONNECTOR));
    ck_assert_str_eq(debezium_stage_connector(), "");
    buf_release(&removed);
    debezium_stage_tear_down();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debezium_stop");
    TCase *tests = tcase_create("with fakes");
    tcase_add_checked_fixture(tests, alone, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_pause_reaches_the_connector_and_outlives_a_crash);
    tcase_add_loop_test(tests, a_stop_does_with_the_connector_what_its_policy_says, 0,
                        (int)CDC_COUNT(stops));
    tcase_add_test(tests, who_sees_others_leaves_the_group_before_it_looks_again);
    tcase_add_loop_test(tests, a_start_after_such_a_stop_lets_the_connector_run, 0,
                        (int)CDC_COUNT(resting));
    tcase_add_test(tests, a_stop_does_not_wait_for_a_connect_that_is_away);
    tcase_add_test(tests, a_removal_needs_neither_kafka_nor_a_configuration_in_order);
    suite_add_tcase(suite, tests);
    return suite;
}
