/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_commits: what is remembered, and which database snapshots hide some of it.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_commits.h"
#include "tests/support/run.h"

static struct pg_commits commits;
static uint64_t hidden[PG_COMMITS_RUNNING];

static struct pg_commits_view view_of(const char *text)
{
    struct pg_commits_view view;
    wf_error err;
    wf_status status = pg_commits_parse(str_from(text), hidden, &view, &err);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    return view;
}

static bool hides(const char *text)
{
    struct pg_commits_view view = view_of(text);
    return pg_commits_any(&commits, pg_commits_count(&commits), &view);
}

static void set_up(void)
{
    memset(&commits, 0, sizeof commits);
    pg_commits_open(&commits);
}

static void tear_down(void)
{
    pg_commits_close(&commits);
}

static void sieve(const char *text)
{
    struct pg_commits_view view = view_of(text);
    pg_commits_sieve(&commits, &view);
}

START_TEST(nothing_delivered_is_never_hidden)
{
    ck_assert(!hides("1:1:"));
    ck_assert(!hides("0:100:0,5,99"));
}
END_TEST

START_TEST(what_runs_is_hidden_and_what_ended_is_not)
{
    pg_commits_add(&commits, 100);
    pg_commits_add(&commits, 105);
    ck_assert(!hides("110:110:"));
    ck_assert(!hides("101:110:101,104,106"));
    ck_assert(hides("105:110:105"));
    ck_assert(hides("100:110:100,107"));
}
END_TEST

START_TEST(what_is_behind_the_end_of_the_snapshot_is_hidden)
{
    pg_commits_add(&commits, 105);
    ck_assert(!hides("106:106:"));
    ck_assert(hides("105:105:"));
    ck_assert(hides("90:104:"));
}
END_TEST

START_TEST(only_those_of_before_count)
{
    pg_commits_add(&commits, 100);
    uint64_t before = pg_commits_count(&commits);
    pg_commits_add(&commits, 105);
    struct pg_commits_view view = view_of("105:110:105");
    ck_assert(!pg_commits_any(&commits, before, &view));
    ck_assert(pg_commits_any(&commits, before + 1, &view));
    view = view_of("100:101:100");
    ck_assert(pg_commits_any(&commits, before, &view));
    ck_assert(!pg_commits_any(&commits, 0, &view));
}
END_TEST

START_TEST(numbers_come_round)
{
    pg_commits_add(&commits, 5);
    ck_assert(!hides("4294967302:4294967302:")); /* 2^32 + 6 */
    ck_assert(hides("4294967301:4294967301:"));
    ck_assert(hides("4294967300:4294967310:4294967300,4294967301"));
    ck_assert(hides("4294967290:4294967290:"));
    pg_commits_add(&commits, UINT32_MAX);
    ck_assert(hides("4294967295:4294967303:4294967295"));
    ck_assert(!hides("4294967302:4294967302:"));
}
END_TEST

START_TEST(what_was_delivered_long_ago_says_nothing_about_numbers_to_come)
{
    pg_commits_add(&commits, 1000);
    ck_assert(hides("999:999:"));
    uint64_t day = UINT64_C(24 * 3600) << 32;
    uint64_t now = atomic_load(&commits.seen[0]);
    if (now < day)
        return; /* the machine has not run that long */
    atomic_store(&commits.seen[0], now - day);
    ck_assert(!hides("999:999:"));
    ck_assert(hides("999:2000:1000"));
}
END_TEST

/* Nothing is known of those that were overwritten, so all may be hidden. */
START_TEST(without_a_sieve_more_than_there_is_room_for_are_not_known)
{
    for (uint32_t xid = 1; xid <= PG_COMMITS_KEPT; xid++)
        pg_commits_add(&commits, xid);
    ck_assert(hides("1:1000000:1"));
    ck_assert(!hides("100000:1000000:100000"));
    pg_commits_add(&commits, PG_COMMITS_KEPT + 1);
    ck_assert(hides("100000:1000000:100000"));
    struct pg_commits_view view = view_of("100000:1000000:100000");
    ck_assert(!pg_commits_any(&commits, 0, &view));
    /* A sieve says up to where: what was overwritten came before this one's end. */
    sieve("90000:90000:");
    ck_assert(!hides("100000:1000000:100000"));
    ck_assert(hides("80000:1000000:80000"));
    ck_assert(!hides("1000000:1000000:"));
}
END_TEST

START_TEST(what_is_still_hidden_is_kept_however_many_come_behind)
{
    pg_commits_add(&commits, 5);
    pg_commits_add(&commits, 900);
    uint32_t xid = 10;
    for (int round = 0; round < 10; round++) {
        for (unsigned i = 0; i < PG_COMMITS_SIEVE; i++)
            pg_commits_add(&commits, ++xid == 900 ? ++xid : xid);
        sieve("5:2000000:5,900");
        ck_assert_uint_eq(pg_commits_unsieved(&commits), 0);
        ck_assert_uint_eq(commits.held_count, 2);
    }
    ck_assert(hides("5:2000000:5"));
    ck_assert(hides("5:2000000:900"));
    ck_assert(!hides("5:2000000:6,899,1000000"));
    sieve("900:2000000:900");
    ck_assert_uint_eq(commits.held_count, 1);
    ck_assert(!hides("5:2000000:5"));
    sieve("2000000:2000000:");
    ck_assert_uint_eq(commits.held_count, 0);
}
END_TEST

/* Nobody after it is done, so the snapshot ends before it. */
START_TEST(what_waits_behind_the_end_is_kept)
{
    uint64_t whole = UINT64_C(7) << 32;
    char text[80];
    pg_commits_add(&commits, 2);
    pg_commits_add(&commits, UINT32_MAX);
    snprintf(text, sizeof text, "%llu:%llu:", (unsigned long long)whole,
             (unsigned long long)whole);
    sieve(text);
    ck_assert_uint_eq(commits.held_count, 1);
    ck_assert_uint_eq(commits.held[0], whole + 2);
    ck_assert(hides(text));
    snprintf(text, sizeof text, "%llu:%llu:%llu", (unsigned long long)whole + 2,
             (unsigned long long)whole + 9, (unsigned long long)whole + 2);
    ck_assert(hides(text));
    snprintf(text, sizeof text, "%llu:%llu:", (unsigned long long)whole + 3,
             (unsigned long long)whole + 3);
    ck_assert(!hides(text));
}
END_TEST

START_TEST(more_hidden_ones_than_there_is_room_for_hide_all_before_them)
{
    static uint64_t all[PG_COMMITS_RUNNING];
    for (uint32_t i = 0; i < PG_COMMITS_RUNNING; i++) {
        all[i] = 100 + i;
        pg_commits_add(&commits, 100 + i);
    }
    pg_commits_sieve(&commits, &(struct pg_commits_view){5000, all, PG_COMMITS_RUNNING});
    pg_commits_add(&commits, 6000);
    pg_commits_sieve(&commits, &(struct pg_commits_view){6000, all, PG_COMMITS_RUNNING});
    ck_assert_uint_eq(commits.held_count, PG_COMMITS_RUNNING);
    ck_assert(hides("100:7000:5999"));
    ck_assert(hides("100:7000:6000"));
    ck_assert(!hides("7000:7000:"));
}
END_TEST

static void *add_many(void *unused)
{
    static uint64_t waits[] = {77};
    (void)unused;
    for (uint32_t xid = 1; xid <= 100000; xid++) {
        pg_commits_add(&commits, xid);
        if (xid % 5000 == 0)
            pg_commits_sieve(&commits, &(struct pg_commits_view){200000, waits, 1});
    }
    return NULL;
}

START_TEST(one_adds_while_others_ask)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, add_many, NULL), 0);
    struct pg_commits_view view = {200000, hidden, 1};
    uint64_t count = 0;
    hidden[0] = 77;
    while (count < 100000) {
        count = pg_commits_count(&commits);
        ck_assert(count < 77 || pg_commits_any(&commits, count, &view));
    }
    pthread_join(thread, NULL);
    hidden[0] = 150000;
    ck_assert(!pg_commits_any(&commits, count, &view));
    hidden[0] = 100000;
    ck_assert(!pg_commits_any(&commits, count, &view)); /* it was visible once */
    hidden[0] = 77;
    ck_assert(pg_commits_any(&commits, count, &view));
}
END_TEST

START_TEST(a_snapshot_is_taken_apart)
{
    struct pg_commits_view view = view_of("10:20:10,14,15");
    ck_assert_uint_eq(view.end, 20);
    ck_assert_uint_eq(view.count, 3);
    ck_assert_uint_eq(view.hidden[2], 15);
    ck_assert_uint_eq(view_of("18446744073709551615:18446744073709551615:").count, 0);
}
END_TEST

START_TEST(what_is_no_snapshot_is_refused)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "::",
                                      "1:2",
                                      "1:2:x",
                                      "a:2:",
                                      "3:2:",
                                      "1:5:7",
                                      "3:5:2",
                                      "1:5:2,,3",
                                      "1:5:2,",
                                      "1:5:3,2",
                                      "1:5:2,2",
                                      "-1:5:",
                                      "1:5:2:",
                                      "1: 5:",
                                      "1:5:2 3",
                                      "1:5:1e0",
                                      "18446744073709551616:1:"};
    for (size_t i = 0; i < CDC_COUNT(bad); i++) {
        struct pg_commits_view view = {7, NULL, 7};
        wf_error err;
        ck_assert_msg(pg_commits_parse(str_from(bad[i]), hidden, &view, &err) ==
                          WF_PROTOCOL,
                      "%s", bad[i]);
        ck_assert_uint_eq(view.end, 7);
    }
}
END_TEST

START_TEST(more_transactions_than_there_is_room_for_are_refused)
{
    char *text = malloc(16 * PG_COMMITS_RUNNING);
    ck_assert_ptr_nonnull(text);
    size_t len = (size_t)snprintf(text, 64, "0:1000000:");
    for (int i = 0; i <= PG_COMMITS_RUNNING; i++)
        len += (size_t)snprintf(text + len, 16, i ? ",%d" : "%d", i);
    struct pg_commits_view view;
    wf_error err;
    ck_assert_int_eq(pg_commits_parse((wf_str){text, len}, hidden, &view, &err),
                     WF_UNAVAILABLE);
    *strrchr(text, ',') = '\0';
    ck_assert_uint_eq(view_of(text).count, PG_COMMITS_RUNNING);
    free(text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_commits");
    TCase *tc = tcase_create("pg_commits");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, nothing_delivered_is_never_hidden);
    tcase_add_test(tc, what_runs_is_hidden_and_what_ended_is_not);
    tcase_add_test(tc, what_is_behind_the_end_of_the_snapshot_is_hidden);
    tcase_add_test(tc, only_those_of_before_count);
    tcase_add_test(tc, numbers_come_round);
    tcase_add_test(tc, what_was_delivered_long_ago_says_nothing_about_numbers_to_come);
    tcase_add_test(tc, without_a_sieve_more_than_there_is_room_for_are_not_known);
    tcase_add_test(tc, what_is_still_hidden_is_kept_however_many_come_behind);
    tcase_add_test(tc, what_waits_behind_the_end_is_kept);
    tcase_add_test(tc, more_hidden_ones_than_there_is_room_for_hide_all_before_them);
    tcase_add_test(tc, one_adds_while_others_ask);
    tcase_add_test(tc, a_snapshot_is_taken_apart);
    tcase_add_test(tc, what_is_no_snapshot_is_refused);
    tcase_add_test(tc, more_transactions_than_there_is_room_for_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
