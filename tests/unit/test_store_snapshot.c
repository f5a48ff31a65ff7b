/* SPDX-License-Identifier: MIT
 *
 * How far a snapshot has come.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/store_rig.h"

#define SHOP STR("shop")

static wf_error err;

static void must(wf_status status)
{
    store_rig_must(status, &err);
}

static wf_status add_progress(void *ctx, const struct store_snapshot *p, wf_error *row_err)
{
    (void)row_err;
    buf_printf(ctx, "%llu %.*s [%.*s] [%.*s] %llu/%lld %s;", (unsigned long long)p->run,
               STR_ARG(p->table), STR_ARG(p->where), STR_ARG(p->after),
               (unsigned long long)p->rows, (long long)p->estimated_rows,
               p->done ? "done" : "open");
    return WF_OK;
}

static void has_progress(const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&got, LIMIT_TEXT_BYTES);
    must(store_snapshot_open_tables(store_rig_store, SHOP, &got, add_progress, &err));
    ck_assert_str_eq(buf_c(&got), expected);
}

static void put_progress(uint64_t run, wf_str table, wf_str after, uint64_t rows, bool done)
{
    struct store_snapshot progress = {
        .run = run,
        .table = table,
        .where = STR("x > 1"),
        .after = after,
        .rows = rows,
        .estimated_rows = -1,
        .done = done,
    };
    must(store_snapshot_put(store_rig_store, SHOP, &progress, &err));
}

START_TEST(a_run_is_open_until_all_its_tables_are_done)
{
    uint64_t run = 99;
    must(store_snapshot_last_run(store_rig_store, SHOP, &run, &err));
    ck_assert_uint_eq(run, 0);
    put_progress(1, STR("b"), STR_EMPTY, 0, false);
    put_progress(1, STR("a"), STR_EMPTY, 0, false);
    has_progress("1 a [x > 1] [] 0/-1 open;1 b [x > 1] [] 0/-1 open;");
    put_progress(1, STR("a"), STR("k7"), 500, false);
    put_progress(1, STR("b"), STR_EMPTY, 0, true);
    store_rig_reopen();
    has_progress("1 a [x > 1] [k7] 500/-1 open;1 b [x > 1] [] 0/-1 done;");
    put_progress(1, STR("a"), STR("k9"), 700, true);
    has_progress("");
    must(store_snapshot_last_run(store_rig_store, SHOP, &run, &err));
    ck_assert_uint_eq(run, 1);
}
END_TEST

START_TEST(open_runs_come_oldest_first_and_finished_ones_go_when_a_later_one_begins)
{
    put_progress(1, STR("a"), STR("1"), 1, true);
    put_progress(2, STR("b"), STR("1"), 1, false);
    put_progress(3, STR("a"), STR_EMPTY, 0, false);
    has_progress("2 b [x > 1] [1] 1/-1 open;3 a [x > 1] [] 0/-1 open;");
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM snapshot_table WHERE run = 1"),
                     0);
    uint64_t run = 0;
    must(store_snapshot_last_run(store_rig_store, SHOP, &run, &err));
    ck_assert_uint_eq(run, 3);
}
END_TEST

START_TEST(where_a_chunk_ended_is_any_bytes)
{
    wf_str after = {"\0\xff\0", 3};
    put_progress(1, STR("a"), after, 1, false);
    ck_assert_int_eq(store_rig_number("SELECT hex(after) = '00FF00' FROM snapshot_table"),
                     1);
}
END_TEST

static wf_status add_ask(void *ctx, uint64_t run, wf_str pattern, wf_error *row_err)
{
    (void)row_err;
    buf_printf(ctx, "%llu %.*s;", (unsigned long long)run, STR_ARG(pattern));
    return WF_OK;
}

static void has_asks(const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&got, LIMIT_TEXT_BYTES);
    must(store_snapshot_asks(store_rig_store, SHOP, &got, add_ask, &err));
    ck_assert_str_eq(buf_c(&got), expected);
}

START_TEST(what_was_asked_for_is_kept_until_its_tables_are)
{
    const wf_str patterns[] = {STR("a"), STR("s.*")};
    uint64_t run = 0;
    put_progress(1, STR("b"), STR("1"), 1, true);
    must(store_snapshot_ask(store_rig_store, SHOP, patterns, 2, &run, &err));
    ck_assert_uint_eq(run, 2);
    store_rig_reopen();
    has_asks("2 a;2 s.*;");
    has_progress("");
    /* The table of the same name takes the place of the wish. */
    put_progress(2, STR("a"), STR_EMPTY, 0, false);
    put_progress(2, STR("s.x"), STR_EMPTY, 0, true);
    has_asks("2 s.*;");
    has_progress("2 a [x > 1] [] 0/-1 open;2 s.x [x > 1] [] 0/-1 done;");
    must(store_snapshot_begun(store_rig_store, SHOP, 2, patterns[0], &err));
    must(store_snapshot_begun(store_rig_store, SHOP, 2, patterns[1], &err));
    has_asks("");
    has_progress("2 a [x > 1] [] 0/-1 open;2 s.x [x > 1] [] 0/-1 done;");
}
END_TEST

START_TEST(a_later_run_does_not_forget_what_was_asked_for)
{
    uint64_t run = 0;
    wf_str all = STR("*");
    must(store_snapshot_ask(store_rig_store, SHOP, &all, 1, &run, &err));
    put_progress(run + 1, STR("b"), STR_EMPTY, 0, false);
    has_asks("1 *;");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store_snapshot");
    TCase *tcase = tcase_create("store_snapshot");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, store_rig_setup, store_rig_teardown);
    tcase_add_test(tcase, a_run_is_open_until_all_its_tables_are_done);
    tcase_add_test(
        tcase, open_runs_come_oldest_first_and_finished_ones_go_when_a_later_one_begins);
    tcase_add_test(tcase, where_a_chunk_ended_is_any_bytes);
    tcase_add_test(tcase, what_was_asked_for_is_kept_until_its_tables_are);
    tcase_add_test(tcase, a_later_run_does_not_forget_what_was_asked_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
