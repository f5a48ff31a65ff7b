/* SPDX-License-Identifier: MIT
 *
 * What is said of a replication slot, by what the server says of it.
 */
#include "providers/postgres/pg_slot.h"

#include "base/str.h"
#include "providers/postgres/pg_options.h"
#include "tests/support/run.h"

/* A slot of ours that has nothing wrong with it. */
static const struct pg_slot_facts good = {
    .exists = true,
    .active_pid = -1,
    .logical = true,
    .plugin = "pgoutput",
    .database = "shop",
    .here = "shop",
    .wal_status = "reserved",
    .restart_lsn = 0x1000,
    .confirmed_lsn = 0x2000,
    .safe_bytes = -1,
    .retained_bytes = 0x8000,
    .wal_end = 0x9000,
};

static wf_error err;

static wf_status judge(const struct pg_slot_facts *facts, uint64_t flush)
{
    struct pg_position from = {.flush = flush};
    err = (wf_error){0};
    return pg_slot_judge(facts, "cdc_shop", &from, &err);
}

static void says(const char *part)
{
    ck_assert_msg(str_find(str_from(err.text), str_from(part)) >= 0, "'%s' is not in: %s",
                  part, err.text);
    /* Not cut. */
    ck_assert_uint_lt(strlen(err.text), sizeof err.text - 1);
    ck_assert(str_find(str_from(err.text), STR("'cdc_shop'")) >= 0);
}

START_TEST(a_good_slot_goes_on_at_or_before_where_we_are)
{
    ck_assert_int_eq(judge(&good, 0), WF_OK);
    ck_assert_int_eq(judge(&good, 0x2000), WF_OK);
    ck_assert_int_eq(judge(&good, 0x9000), WF_OK);
}
END_TEST

START_TEST(a_server_that_has_gone_back_is_told_and_a_standby_may)
{
    struct pg_slot_facts facts = good;
    ck_assert_int_eq(judge(&facts, 0x9001), WF_STATE);
    says("0/9001");
    says("0/9000");
    says("resnapshot");
    facts.standby = true; /* what it has replayed is less after a restart */
    ck_assert_int_eq(judge(&facts, 0x9001), WF_OK);
}
END_TEST

START_TEST(a_missing_slot_is_made_at_a_first_start_and_lost_later)
{
    struct pg_slot_facts none = {.here = "shop"};
    ck_assert_int_eq(judge(&none, 0), WF_OK);
    ck_assert_int_eq(judge(&none, 0x100002000), WF_STATE);
    says("1/2000");
    says("somebody dropped it");
    says("resnapshot");
    says("'options.on_slot_lost' to resnapshot");
}
END_TEST

START_TEST(a_slot_of_somebody_else_is_never_a_lost_one)
{
    struct pg_slot_facts facts = good;
    facts.logical = false;
    facts.plugin[0] = '\0';
    facts.database[0] = '\0';
    ck_assert_int_eq(judge(&facts, 0), WF_CONFIG);
    says("physical");
    says("options.slot");

    facts = good;
    memcpy(facts.plugin, "wal2json", 9);
    facts.confirmed_lsn = 0x9000;
    memcpy(facts.wal_status, "lost", 5);
    ck_assert_int_eq(judge(&facts, 0x2000), WF_CONFIG);
    says("'wal2json'");

    facts = good;
    memcpy(facts.database, "other", 6);
    facts.active = true;
    ck_assert_int_eq(judge(&facts, 0x2000), WF_CONFIG);
    says("'other'");
    says("'shop'");
    says("dbname");
}
END_TEST

static const struct {
    const char *reason;
    const char *says;
} reasons[] = {
    {"", "max_slot_wal_keep_size"},
    {"wal_removed", "max_slot_wal_keep_size"},
    {"rows_removed", "hot_standby_feedback"},
    {"wal_level_insufficient", "wal_level"},
    {"idle_timeout", "idle_replication_slot_timeout"},
    {"conflict with recovery", "hot_standby_feedback"},
    {"a reason of a later version", "invalidated"},
};

START_TEST(a_lost_slot_says_why_and_what_to_do)
{
    struct pg_slot_facts facts = good;
    memcpy(facts.wal_status, "lost", 5);
    memcpy(facts.reason, reasons[_i].reason, strlen(reasons[_i].reason) + 1);
    ck_assert_int_eq(judge(&facts, 0), WF_STATE);
    says(reasons[_i].says);
    says(*reasons[_i].reason ? reasons[_i].reason : "wal_status lost");
    says("resnapshot");
}
END_TEST

START_TEST(an_invalidation_reason_counts_whatever_the_status_is)
{
    struct pg_slot_facts facts = good;
    memcpy(facts.reason, "rows_removed", 13);
    ck_assert_int_eq(judge(&facts, 0x2000), WF_STATE);
    says("rows_removed");
}
END_TEST

START_TEST(wal_that_is_still_there_is_no_loss)
{
    const char *const states[] = {"reserved", "extended", "unreserved", ""};
    for (size_t i = 0; i < CDC_COUNT(states); i++) {
        struct pg_slot_facts facts = good;
        memcpy(facts.wal_status, states[i], strlen(states[i]) + 1);
        ck_assert_int_eq(judge(&facts, 0x2000), WF_OK);
    }
}
END_TEST

START_TEST(a_slot_in_use_is_waited_for_and_named_by_pid)
{
    struct pg_slot_facts facts = good;
    facts.active = true;
    facts.active_pid = 4711;
    ck_assert_int_eq(judge(&facts, 0), WF_UNAVAILABLE);
    says("4711");
    says("pg_terminate_backend(4711)");
    /* Whether he moved it past us is asked when he has gone. */
    facts.confirmed_lsn = 0x9000;
    ck_assert_int_eq(judge(&facts, 0x2000), WF_UNAVAILABLE);
}
END_TEST

START_TEST(a_slot_that_was_moved_past_us_says_by_how_much)
{
    struct pg_slot_facts facts = good;
    facts.confirmed_lsn = 0x100000010;
    ck_assert_int_eq(judge(&facts, 0xFFFFFFF0), WF_STATE);
    says("0/FFFFFFF0");
    says("1/10");
    says("32 bytes");
    says("resnapshot");
    ck_assert_int_eq(judge(&facts, 0), WF_OK);
}
END_TEST

START_TEST(a_slot_that_a_standby_copies_is_waited_for_until_the_promotion)
{
    struct pg_slot_facts facts = good;
    facts.synced = true;
    facts.standby = true;
    facts.active = true;
    ck_assert_int_eq(judge(&facts, 0x2000), WF_UNAVAILABLE);
    says("standby");
    says("target_session_attrs");
    /* It stays "synced" on the promoted server. */
    facts.standby = false;
    facts.active = false;
    ck_assert_int_eq(judge(&facts, 0x2000), WF_OK);
}
END_TEST

START_TEST(the_longest_names_do_not_cut_a_text)
{
    struct pg_slot_facts facts = good;
    char name[PG_SLOT_NAME] = {0};
    memset(name, 'n', sizeof name - 1);
    memset(facts.database, 'd', sizeof facts.database - 1);
    memset(facts.here, 'h', sizeof facts.here - 1);
    struct pg_position from = {.flush = UINT64_MAX - 1};
    ck_assert_int_eq(pg_slot_judge(&facts, name, &from, &err), WF_CONFIG);
    ck_assert(str_ends(str_from(err.text), STR("another name")));
    facts = good;
    facts.confirmed_lsn = UINT64_MAX;
    ck_assert_int_eq(pg_slot_judge(&facts, name, &from, &err), WF_STATE);
    ck_assert(str_ends(str_from(err.text), STR(PG_SLOT_ANEW)));
    memset(facts.reason, 'r', sizeof facts.reason - 1);
    ck_assert_int_eq(pg_slot_judge(&facts, name, &from, &err), WF_STATE);
    ck_assert(str_ends(str_from(err.text), STR(PG_SLOT_ANEW)));
}
END_TEST

START_TEST(a_configured_name_is_taken_as_it_is_or_refused)
{
    struct pg_options options = {.slot = STR("mine_1")};
    struct cdc_settings settings = {.source_id = STR("my-shop"), .options = &options};
    char name[PG_SLOT_NAME] = "untouched";
    ck_assert_int_eq(pg_slot_name(&settings, name, &err), WF_OK);
    ck_assert_str_eq(name, "mine_1");
    options.slot = STR_EMPTY;
    ck_assert_int_eq(pg_slot_name(&settings, name, &err), WF_OK);
    ck_assert(str_starts(str_from(name), STR("cdc_my_shop_")));
    options.slot = STR("Mine");
    ck_assert_int_eq(pg_slot_name(&settings, name, &err), WF_CONFIG);
    ck_assert(str_find(str_from(err.text), STR("Mine")) >= 0);
    ck_assert(str_starts(str_from(name), STR("cdc_my_shop_")));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_slot");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, a_good_slot_goes_on_at_or_before_where_we_are);
    tcase_add_test(tc, a_server_that_has_gone_back_is_told_and_a_standby_may);
    tcase_add_test(tc, a_missing_slot_is_made_at_a_first_start_and_lost_later);
    tcase_add_test(tc, a_slot_of_somebody_else_is_never_a_lost_one);
    tcase_add_loop_test(tc, a_lost_slot_says_why_and_what_to_do, 0, CDC_COUNT(reasons));
    tcase_add_test(tc, an_invalidation_reason_counts_whatever_the_status_is);
    tcase_add_test(tc, wal_that_is_still_there_is_no_loss);
    tcase_add_test(tc, a_slot_in_use_is_waited_for_and_named_by_pid);
    tcase_add_test(tc, a_slot_that_was_moved_past_us_says_by_how_much);
    tcase_add_test(tc, a_slot_that_a_standby_copies_is_waited_for_until_the_promotion);
    tcase_add_test(tc, the_longest_names_do_not_cut_a_text);
    tcase_add_test(tc, a_configured_name_is_taken_as_it_is_or_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
