/* SPDX-License-Identifier: MIT
 *
 * Which offsets follow from which numbers, whatever order partitions come in, and when
 * memory is bounded.
 */
#include "providers/debezium/kafka_ledger.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run.h"

#define LANES 7
#define RECORDS 100000

static struct kafka_ledger ledger;
static int64_t confirmed[LANES + 1];

static void begin(void)
{
    wf_error err;
    ck_assert_int_eq(kafka_ledger_init(&ledger, &err), WF_OK);
    memset(confirmed, 0, sizeof(confirmed));
}

static void end(void)
{
    kafka_ledger_release(&ledger);
}

static void confirm(uint64_t number)
{
    struct kafka_confirmed part;
    while (kafka_ledger_confirm(&ledger, number, &part)) {
        ck_assert_uint_le(part.lane, LANES);
        ck_assert_uint_le(part.number, number);
        ck_assert_int_gt(part.next, confirmed[part.lane]);
        confirmed[part.lane] = part.next;
    }
}

START_TEST(a_run_is_confirmed_in_parts)
{
    for (int i = 0; i < 100; i++)
        kafka_ledger_add(&ledger, 1 + (uint64_t)i, 3, 500 + i);
    ck_assert_uint_eq(ledger.len, 1);
    confirm(0);
    ck_assert_int_eq(confirmed[3], 0);
    confirm(1);
    ck_assert_int_eq(confirmed[3], 501);
    confirm(99);
    ck_assert_int_eq(confirmed[3], 599);
    confirm(99);
    confirm(200);
    ck_assert_int_eq(confirmed[3], 600);
    ck_assert_uint_eq(ledger.len, 0);
}
END_TEST

START_TEST(gaps_and_lanes_each_begin_a_run)
{
    kafka_ledger_add(&ledger, 1, 1, 10);
    kafka_ledger_add(&ledger, 2, 1, 12);
    kafka_ledger_add(&ledger, 3, 2, 13);
    kafka_ledger_add(&ledger, 4, 1, 13);
    ck_assert_uint_eq(ledger.len, 4);
    confirm(2);
    ck_assert_int_eq(confirmed[1], 13);
    ck_assert_int_eq(confirmed[2], 0);
    confirm(3);
    ck_assert_int_eq(confirmed[2], 14);
    confirm(4);
    ck_assert_int_eq(confirmed[1], 14);
}
END_TEST

START_TEST(what_is_forgotten_is_not_confirmed)
{
    kafka_ledger_add(&ledger, 1, 1, 10);
    kafka_ledger_add(&ledger, 2, 2, 20);
    kafka_ledger_add(&ledger, 3, 1, 11);
    kafka_ledger_forget(&ledger, 1);
    kafka_ledger_add(&ledger, 4, 1, 5);
    confirm(3);
    ck_assert_int_eq(confirmed[1], 0);
    ck_assert_int_eq(confirmed[2], 21);
    confirm(4);
    ck_assert_int_eq(confirmed[1], 6);
}
END_TEST

/* Each record a run of its own: memory stays bounded, no offset runs ahead of what is
 * confirmed, and at the end each lane is where it should be. */
static uint32_t drawn;

/* Numerical Recipes' generator: the same numbers on every machine. */
static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)drawn * below >> 32);
}

START_TEST(memory_is_bounded_and_nothing_runs_ahead)
{
    static int64_t offset_of[RECORDS + 1];
    static uint32_t lane_of[RECORDS + 1];
    int64_t next[LANES + 1] = {0};
    int64_t allowed[LANES + 1] = {0};
    uint64_t done = 0;
    drawn = 42 + (uint32_t)_i;
    for (uint64_t n = 1; n <= RECORDS; n++) {
        uint32_t lane = 1 + draw(LANES);
        next[lane] += 1 + draw(2);
        offset_of[n] = next[lane];
        lane_of[n] = lane;
        kafka_ledger_add(&ledger, n, lane, next[lane]);
        ck_assert_uint_le(ledger.len, KAFKA_LEDGER_RUNS);
        if (draw(20000))
            continue;
        uint64_t upto = done + (n - done) / 2;
        while (done < upto) {
            done++;
            allowed[lane_of[done]] = offset_of[done] + 1;
        }
        confirm(done);
        for (int i = 1; i <= LANES; i++)
            ck_assert_int_le(confirmed[i], allowed[i]);
    }
    confirm(RECORDS);
    for (int i = 1; i <= LANES; i++)
        ck_assert_int_eq(confirmed[i], next[i] + 1);
    ck_assert_uint_le(ledger.cap, KAFKA_LEDGER_RUNS);
}
END_TEST

START_TEST(many_lanes_keep_one_run_each)
{
    struct kafka_confirmed part;
    const uint32_t lanes = KAFKA_LEDGER_RUNS + KAFKA_LEDGER_RUNS / 2;
    unsigned count = 0;
    for (uint32_t i = 0; i < 3 * lanes; i++)
        kafka_ledger_add(&ledger, i + 1, 1 + i % lanes, i / lanes);
    while (kafka_ledger_confirm(&ledger, 3 * lanes, &part))
        count += part.next == 3;
    ck_assert_uint_eq(count, lanes);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kafka_ledger");
    TCase *runs = tcase_create("runs");
    tcase_add_checked_fixture(runs, begin, end);
    tcase_add_test(runs, a_run_is_confirmed_in_parts);
    tcase_add_test(runs, gaps_and_lanes_each_begin_a_run);
    tcase_add_test(runs, what_is_forgotten_is_not_confirmed);
    tcase_add_loop_test(runs, memory_is_bounded_and_nothing_runs_ahead, 0, 5);
    tcase_add_test(runs, many_lanes_keep_one_run_each);
    suite_add_tcase(suite, runs);
    return suite;
}
