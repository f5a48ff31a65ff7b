/* SPDX-License-Identifier: MIT
 *
 * The order of the stream: blocks, prepared transactions, positions, what is refused.
 */
#include "base/str.h"
#include "tests/support/pg_assembly_rig.h"
#include "tests/support/run.h"

#define TABLE 16400u
#define EPOCH PGOUTPUT_BUILD_EPOCH_US

static struct pg_assembly_rig rig;
static struct rig_stream s;

static void setup(void)
{
    rig = (struct pg_assembly_rig){0};
    rig_stream_init(&s);
}

static void teardown(void)
{
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}

static void run(const char *from)
{
    pg_assembly_rig_open(&rig, from);
    pg_assembly_rig_feed_all(&rig, &s, 0);
}

static uint64_t spooled(void)
{
    struct pg_spool_figures figures;
    pg_spool_figures(rig.spool, &figures);
    return figures.transactions;
}

static void plain(uint64_t commit, uint32_t xid, const char *row)
{
    rig_stream_add(&s, begin, commit, EPOCH, xid);
    rig_stream_add(&s, relation, 0, TABLE, "t", 'd', "*id:20");
    rig_stream_add(&s, insert, 0, TABLE, row);
    rig_stream_add(&s, commit, commit, commit + 0x10, EPOCH);
}

static void prepared(uint64_t lsn, uint32_t xid, const char *row)
{
    rig_stream_add(&s, prepared, 'b', lsn, lsn + 0x10, xid, "g");
    rig_stream_add(&s, relation, 0, TABLE, "t", 'd', "*id:20");
    rig_stream_add(&s, insert, 0, TABLE, row);
    rig_stream_add(&s, prepared, 'P', lsn, lsn + 0x10, xid, "g");
}

static void block(uint32_t xid, uint32_t subxid, bool first, const char *row)
{
    rig_stream_add(&s, stream_start, xid, first);
    rig_stream_add(&s, relation, subxid, TABLE, "t", 'd', "*id:20");
    rig_stream_add(&s, insert, subxid, TABLE, row);
    rig_stream_stop(&s);
}

/* ---- positions ----------------------------------------------------------------------- */

START_TEST(what_was_committed_before_the_position_is_skipped)
{
    plain(0x100, 1, "1");
    plain(0x200, 2, "2");
    plain(0x300, 3, "3");
    run("0/210");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:3:1 INSERT public.t after(id=3) [0/300 3 1 0]\n");
    ck_assert_str_eq(rig.tokens[0].text, "0/210+0/300:1");
    ck_assert_str_eq(rig.tokens[1].text, "0/310");
    ck_assert_uint_eq(rig.token_count, 2);
    ck_assert_str_eq(buf_c(&rig.events),
                     "mark 100 after 0\ncommitted 1 after 0\nmark 200 after 0\ncommitted 2 "
                     "after 0\nmark 300 after 0\ncommitted 3 after 0\n");
}
END_TEST

START_TEST(a_transaction_of_which_all_was_done_ends_in_a_position)
{
    plain(0x100, 1, "1");
    plain(0x200, 2, "2");
    run("0/90+0/200:1");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig), "");
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/210");
}
END_TEST

START_TEST(a_keepalive_moves_the_position_but_not_past_a_transaction_that_is_begun)
{
    plain(0x200, 2, "2");
    pg_assembly_rig_open(&rig, "0/0");
    pg_assembly_passed(rig.assembly, 0x150);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/150");
    pg_assembly_passed(rig.assembly, 0x140);
    ck_assert_uint_eq(rig.token_count, 1);
    wf_error err;
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, i), &err), WF_OK);
    ck_assert(pg_assembly_midway(rig.assembly));
    pg_assembly_passed(rig.assembly, 0x500);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/200+0/200:1");
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 3), &err), WF_OK);
    ck_assert(!pg_assembly_midway(rig.assembly));
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/210");
    pg_assembly_passed(rig.assembly, 0x500);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/500");
    ck_assert_uint_eq(pg_assembly_position(rig.assembly).flush, 0x500);
}
END_TEST

START_TEST(a_keepalive_keeps_what_is_done_of_the_next_transaction)
{
    pg_assembly_rig_open(&rig, "0/100+0/200:3");
    pg_assembly_passed(rig.assembly, 0x200);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/200+0/200:3");
    pg_assembly_passed(rig.assembly, 0x201);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/201");
}
END_TEST

START_TEST(without_a_budget_no_change_is_looked_at)
{
    uint32_t budget = 0;
    wf_error err;
    plain(0x100, 1, "1");
    pg_assembly_rig_open(&rig, "0/0");
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(
            pg_assembly_take(rig.assembly, rig_stream_at(&s, i), 0, &budget, &err), WF_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(
            pg_assembly_take(rig.assembly, rig_stream_at(&s, 2), 0, &budget, &err),
            CDC_FULL);
    budget = 5;
    ck_assert_int_eq(pg_assembly_take(rig.assembly, rig_stream_at(&s, 2), 0, &budget, &err),
                     WF_OK);
    ck_assert_uint_eq(budget, 4);
    ck_assert_uint_eq(rig.changes, 1);
}
END_TEST

/* ---- blocks -------------------------------------------------------------------------- */

START_TEST(nothing_of_a_running_transaction_comes_before_its_commit)
{
    block(9, 9, true, "1");
    plain(0x100, 1, "2");
    block(9, 10, false, "3");
    block(9, 9, false, "4");
    rig_stream_add(&s, stream_abort, 9, 10);
    run("0/0");
    ck_assert_uint_eq(rig.changes, 1);
    ck_assert_uint_eq(spooled(), 1);
    size_t done = s.count;
    rig_stream_add(&s, stream_commit, 9, 0x200, 0x210, EPOCH + 3);
    pg_assembly_rig_feed_all(&rig, &s, done);
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/100:1:1 INSERT public.t after(id=2) [0/100 1 1 0]\n"
                     "pg:0/200:9:1 INSERT public.t after(id=1) [0/200 9 1 3]\n"
                     "pg:0/200:9:2 INSERT public.t after(id=4) [0/200 9 2 3]\n");
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/210");
    ck_assert_uint_eq(spooled(), 0);
}
END_TEST

START_TEST(a_running_transaction_that_is_rolled_back_leaves_nothing)
{
    block(9, 9, true, "1");
    block(9, 10, false, "1");
    rig_stream_add(&s, stream_abort, 9, 10);
    rig_stream_add(&s, stream_abort, 9, 9);
    rig_stream_add(&s, stream_abort, 11, 11);
    run("0/0");
    ck_assert_uint_eq(rig.changes, 0);
    ck_assert_uint_eq(spooled(), 0);
}
END_TEST

START_TEST(a_streamed_transaction_without_changes_moves_the_position)
{
    rig_stream_add(&s, stream_start, 9, true);
    rig_stream_stop(&s);
    rig_stream_add(&s, stream_commit, 9, 0x200, 0x210, EPOCH);
    run("0/0");
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/210");
}
END_TEST

START_TEST(a_large_streamed_transaction_goes_on_where_it_stopped)
{
    enum { ROWS = 6000 };
    wf_error err;
    char row[200];
    rig.full = 20;
    rig.budget = 7;
    rig.unwanted = 1u << CDC_DELETE;
    rig_stream_add(&s, stream_start, 9, true);
    rig_stream_add(&s, relation, 9, TABLE, "t", 'd', "*id:20 v:25");
    pg_assembly_rig_open(&rig, "0/200+0/300:5000"); /* or there are too many tokens */
    pg_assembly_rig_feed_all(&rig, &s, 0);
    for (int i = 1; i <= ROWS; i++) {
        CDC_CLEANUP(buf_release) struct buf bytes;
        buf_init(&bytes, 1024);
        snprintf(row, sizeof row, "%d|%0100d", i, i);
        pgoutput_build_insert(&bytes, 9, TABLE, row);
        ck_assert_int_eq(pg_assembly_rig_feed(&rig, buf_view(&bytes), &err), WF_OK);
    }
    struct pg_spool_figures figures;
    pg_spool_figures(rig.spool, &figures);
    ck_assert_uint_gt(figures.spilled_bytes, 0);
    size_t first = s.count;
    rig_stream_stop(&s);
    rig_stream_add(&s, stream_commit, 9, 0x300, 0x310, EPOCH);
    pg_assembly_rig_feed_all(&rig, &s, first);
    ck_assert_uint_eq(rig.changes, ROWS - 5000);
    ck_assert(!strncmp(pg_assembly_rig_lines(&rig), "pg:0/300:9:5001 ", 16));
    ck_assert_ptr_nonnull(strstr(pg_assembly_rig_lines(&rig), "pg:0/300:9:6000 "));
    ck_assert_uint_gt(rig.refused, 100);
    ck_assert_uint_eq(spooled(), 0);
}
END_TEST

/* ---- two-phase commit ---------------------------------------------------------------- */

static uint64_t flushable(uint64_t flush)
{
    const struct pg_position position = {.flush = flush};
    return pg_assembly_flushable(rig.assembly, &position);
}

START_TEST(a_prepared_transaction_comes_when_it_is_committed)
{
    prepared(0x100, 5, "1");
    plain(0x200, 6, "2");
    rig_stream_add(&s, prepared, 'K', 0x300, 0x310, 5, "g");
    run("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/200:6:1 INSERT public.t after(id=2) [0/200 6 1 0]\n"
                     "pg:0/300:5:1 INSERT public.t after(id=1) [0/300 5 1 768]\n");
    ck_assert_uint_eq(spooled(), 0);
}
END_TEST

START_TEST(a_prepared_transaction_in_blocks_comes_when_it_is_committed)
{
    block(5, 5, true, "1");
    rig_stream_add(&s, prepared, 'p', 0x100, 0x110, 5, "g");
    rig_stream_add(&s, prepared, 'K', 0x300, 0x310, 5, "g");
    run("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:5:1 INSERT public.t after(id=1) [0/300 5 1 768]\n");
    ck_assert_uint_eq(spooled(), 0);
}
END_TEST

START_TEST(a_prepared_transaction_that_is_rolled_back_leaves_nothing)
{
    prepared(0x100, 5, "1");
    rig_stream_add(&s, rollback_prepared, 0x110, 0x310, 5, "g");
    rig_stream_add(&s, rollback_prepared, 0x10, 0x320, 4, "never seen");
    run("0/0");
    ck_assert_uint_eq(rig.changes, 0);
    ck_assert_uint_eq(spooled(), 0);
    ck_assert_str_eq(pg_assembly_rig_last_token(&rig), "0/320");
    ck_assert_uint_eq(flushable(0x320), 0x320);
}
END_TEST

START_TEST(the_server_is_not_told_to_forget_what_is_prepared)
{
    prepared(0x100, 5, "1");
    plain(0x200, 6, "2");
    prepared(0x250, 7, "3");
    run("0/0");
    ck_assert_uint_eq(flushable(0x50), 0x50);
    ck_assert_uint_eq(flushable(0x210), 0x100);
    size_t done = s.count;
    rig_stream_add(&s, prepared, 'K', 0x300, 0x310, 5, "g");
    pg_assembly_rig_feed_all(&rig, &s, done);
    /* Committed, but a confirmed position before that means that it has to come again. */
    ck_assert_uint_eq(flushable(0x210), 0x100);
    ck_assert_uint_eq(flushable(0x300), 0x100);
    ck_assert_uint_eq(flushable(0x310), 0x250);
    done = s.count;
    rig_stream_add(&s, rollback_prepared, 0x260, 0x400, 7, "g");
    pg_assembly_rig_feed_all(&rig, &s, done);
    ck_assert_uint_eq(flushable(0x310), 0x310);
}
END_TEST

START_TEST(the_server_is_not_told_more_than_this_feed_has_sent)
{
    plain(0x300, 6, "2");
    pg_assembly_rig_open(&rig, "0/500");
    ck_assert_uint_eq(flushable(0x500), 0);
    pg_assembly_rig_feed_all(&rig, &s, 0);
    ck_assert_uint_eq(flushable(0x500), 0x310);
    pg_assembly_passed(rig.assembly, 0x600);
    ck_assert_uint_eq(flushable(0x500), 0x500);
    pg_assembly_restart(rig.assembly);
    ck_assert_uint_eq(flushable(0x500), 0);
}
END_TEST

START_TEST(a_commit_of_what_was_never_prepared_says_what_is_lost)
{
    wf_error err;
    rig_stream_add(&s, prepared, 'K', 0x300, 0x310, 5, "my transfer");
    pg_assembly_rig_open(&rig, _i ? "0/310" : "0/0");
    wf_status status = pg_assembly_rig_feed(&rig, rig_stream_at(&s, 0), &err);
    ck_assert_int_eq(status, _i ? WF_OK : WF_STATE);
    if (!_i)
        ck_assert_ptr_nonnull(strstr(err.text, "'my transfer' (5), committed at 0/300"));
}
END_TEST

/* ---- descriptions -------------------------------------------------------------------- */

START_TEST(a_replay_reads_rows_as_they_were_described_then)
{
    /* A column list is changed from (a, b) to (a, c) while a transaction runs. */
    rig_stream_add(&s, stream_start, 9, true);
    rig_stream_add(&s, relation, 9, TABLE, "t", 'd', "*a:20 b:20");
    rig_stream_add(&s, insert, 9, TABLE, "1|2");
    rig_stream_stop(&s);
    rig_stream_add(&s, prepared, 'b', 0x80, 0x90, 8, "g");
    rig_stream_add(&s, relation, 0, TABLE, "t", 'd', "*a:20 b:20");
    rig_stream_add(&s, insert, 0, TABLE, "3|4");
    rig_stream_add(&s, prepared, 'P', 0x80, 0x90, 8, "g");
    rig_stream_add(&s, prepared, 'b', 0xA0, 0xB0, 7, "h");
    rig_stream_add(&s, insert, 0, TABLE, "5|6"); /* described before, not here */
    rig_stream_add(&s, truncate, 0, (const uint32_t[]){TABLE}, 1);
    rig_stream_add(&s, prepared, 'P', 0xA0, 0xB0, 7, "h");
    rig_stream_add(&s, begin, 0x100, EPOCH, 1);
    rig_stream_add(&s, relation, 0, TABLE, "t", 'd', "*a:20 c:20");
    rig_stream_add(&s, insert, 0, TABLE, "7|8");
    rig_stream_add(&s, commit, 0x100, 0x110, EPOCH);
    rig_stream_add(&s, stream_commit, 9, 0x200, 0x210, EPOCH);
    rig_stream_add(&s, begin, 0x300, EPOCH, 2);
    rig_stream_add(&s, insert, 0, TABLE, "9|10");
    rig_stream_add(&s, commit, 0x300, 0x310, EPOCH);
    rig_stream_add(&s, prepared, 'K', 0x400, 0x410, 7, "h");
    rig_stream_add(&s, prepared, 'K', 0x500, 0x510, 8, "g");
    rig_stream_add(&s, begin, 0x600, EPOCH, 3);
    rig_stream_add(&s, insert, 0, TABLE, "11|12");
    rig_stream_add(&s, commit, 0x600, 0x610, EPOCH);
    rig.full = _i ? 50 : 0;
    rig.budget = _i ? 1 : 0;
    run("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/100:1:1 INSERT public.t after(a=7 c=8) [0/100 1 1 0]\n"
                     "pg:0/200:9:1 INSERT public.t after(a=1 b=2) [0/200 9 1 0]\n"
                     "pg:0/300:2:1 INSERT public.t after(a=9 c=10) [0/300 2 1 0]\n"
                     "pg:0/400:7:1 INSERT public.t after(a=5 b=6) [0/400 7 1 1024]\n"
                     "pg:0/400:7:2 TRUNCATE public.t [0/400 7 2 1024]\n"
                     "pg:0/500:8:1 INSERT public.t after(a=3 b=4) [0/500 8 1 1280]\n"
                     "pg:0/600:3:1 INSERT public.t after(a=11 c=12) [0/600 3 1 0]\n");
    /* The history knows what came when, and only once. */
    ck_assert_str_eq(buf_c(&rig.schemas),
                     "public.t: CREATE TABLE \"public\".\"t\" (\"a\" bigint, \"c\" bigint, "
                     "PRIMARY KEY (\"a\")) @0/100\n");
}
END_TEST

START_TEST(the_description_of_a_block_holds_for_what_comes_after_its_commit)
{
    rig_stream_add(&s, begin, 0x100, EPOCH, 1);
    rig_stream_add(&s, relation, 0, TABLE, "t", 'd', "*a:20");
    rig_stream_add(&s, insert, 0, TABLE, "1");
    rig_stream_add(&s, commit, 0x100, 0x110, EPOCH);
    rig_stream_add(&s, stream_start, 9, true);
    rig_stream_add(&s, relation, 9, TABLE, "t", 'd', "*a:20");
    rig_stream_add(&s, insert, 9, TABLE, "2");
    rig_stream_add(&s, relation, 9, TABLE, "t", 'd', "*a:20 b:20");
    rig_stream_add(&s, insert, 9, TABLE, "3|4");
    rig_stream_stop(&s);
    rig_stream_add(&s, stream_commit, 9, 0x200, 0x210, EPOCH);
    rig_stream_add(&s, begin, 0x300, EPOCH, 2);
    rig_stream_add(&s, insert, 0, TABLE, "5|6");
    rig_stream_add(&s, commit, 0x300, 0x310, EPOCH);
    run("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines_from(pg_assembly_rig_lines(&rig), 1),
                     "pg:0/200:9:1 INSERT public.t after(a=2) [0/200 9 1 0]\n"
                     "pg:0/200:9:2 INSERT public.t after(a=3 b=4) [0/200 9 2 0]\n"
                     "pg:0/300:2:1 INSERT public.t after(a=5 b=6) [0/300 2 1 0]\n");
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------- */

struct refused {
    const char *sent; /* letters; the last one is refused */
    const char *says;
};

static const struct refused refusals[] = {
    {"I", "'I' outside of a transaction"},
    {"M", "'M' outside of a transaction"},
    {"C", "'C' outside of a transaction"},
    {"E", "'E' outside a block"},
    {"P", "'P' outside of a transaction"},
    {"c", "committed running transaction 5 without"},
    {"p", "prepared running transaction 5 without"},
    {"s", "part of running transaction 5 without"},
    {"BB", "'B' inside of a transaction"},
    {"BS", "'S' inside of a transaction"},
    {"Bb", "'b' inside of a transaction"},
    {"BK", "'K' inside of a transaction"},
    {"BI", "without describing the table"},
    {"bI", "without describing the table"},
    {"BRX", "ends at 0/100, and ended one at 0/101"},
    {"SB", "'B' inside a block"},
    {"bC", "'C' inside of a prepared transaction"},
    {"bS", "'S' inside of a prepared transaction"},
    {"bPb", "prepared transaction 5 a second time"},
    {"bQ", "ends at 0/100, and ended one at 0/101"},
    {"?", "of a kind that is not known"},
};

static void refused_send(char letter, bool in_block)
{
    uint32_t xid = in_block ? 5 : 0;
    switch (letter) {
    case 'B':
        rig_stream_add(&s, begin, 0x100, EPOCH, 5);
        break;
    case 'C':
    case 'X':
        rig_stream_add(&s, commit, letter == 'X' ? 0x101 : 0x100, 0x110, EPOCH);
        break;
    case 'R':
        rig_stream_add(&s, relation, xid, TABLE, "t", 'd', "*id:20");
        break;
    case 'I':
        rig_stream_add(&s, insert, xid, TABLE, "1");
        break;
    case 'M':
        rig_stream_add(&s, message, xid, true, 0x90, "p", "");
        break;
    case 'S':
    case 's':
        rig_stream_add(&s, stream_start, 5, letter == 'S');
        break;
    case 'E':
        rig_stream_stop(&s);
        break;
    case 'c':
        rig_stream_add(&s, stream_commit, 5, 0x100, 0x110, EPOCH);
        break;
    case '?':
        buf_byte(rig_send(&s), '?');
        rig_sent(&s);
        break;
    default:
        rig_stream_add(&s, prepared, letter == 'Q' ? 'P' : letter,
                       letter == 'Q' ? 0x101 : 0x100, 0x110, 5, "g");
        break;
    }
}

START_TEST(a_message_in_the_wrong_place_is_refused)
{
    const struct refused *c = &refusals[_i];
    wf_error err = {0};
    bool in_block = false;
    for (const char *at = c->sent; *at; at++) {
        refused_send(*at, in_block);
        in_block = *at == 'S' || (in_block && *at != 'E');
    }
    pg_assembly_rig_open(&rig, "0/0");
    for (size_t i = 0; i + 1 < s.count; i++)
        ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, i), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, s.count - 1), &err),
                     WF_PROTOCOL);
    ck_assert_msg(strstr(err.text, c->says), "%s", err.text);
    ck_assert_msg(str_starts(str_from(err.text), STR("at 0/0 of the stream: ")), "%s",
                  err.text);
    ck_assert_uint_eq(rig.changes, 0);
}
END_TEST

START_TEST(a_change_that_found_no_room_is_not_done)
{
    wf_error err;
    plain(0x100, 1, "1");
    rig.full = 100;
    pg_assembly_rig_open(&rig, "0/0");
    uint32_t budget = 10;
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, i), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_take(rig.assembly, rig_stream_at(&s, 2), 0, &budget, &err),
                     CDC_FULL);
    ck_assert_uint_eq(pg_assembly_position(rig.assembly).done, 0);
    rig.full = 0;
    pg_assembly_rig_feed_all(&rig, &s, 2);
    ck_assert_uint_eq(rig.changes, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_assembly");
    TCase *tc = tcase_create("pg_assembly");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_was_committed_before_the_position_is_skipped);
    tcase_add_test(tc, a_transaction_of_which_all_was_done_ends_in_a_position);
    tcase_add_test(tc,
                   a_keepalive_moves_the_position_but_not_past_a_transaction_that_is_begun);
    tcase_add_test(tc, a_keepalive_keeps_what_is_done_of_the_next_transaction);
    tcase_add_test(tc, without_a_budget_no_change_is_looked_at);
    tcase_add_test(tc, nothing_of_a_running_transaction_comes_before_its_commit);
    tcase_add_test(tc, a_running_transaction_that_is_rolled_back_leaves_nothing);
    tcase_add_test(tc, a_streamed_transaction_without_changes_moves_the_position);
    tcase_add_test(tc, a_large_streamed_transaction_goes_on_where_it_stopped);
    tcase_add_test(tc, a_prepared_transaction_comes_when_it_is_committed);
    tcase_add_test(tc, a_prepared_transaction_in_blocks_comes_when_it_is_committed);
    tcase_add_test(tc, a_prepared_transaction_that_is_rolled_back_leaves_nothing);
    tcase_add_test(tc, the_server_is_not_told_to_forget_what_is_prepared);
    tcase_add_test(tc, the_server_is_not_told_more_than_this_feed_has_sent);
    tcase_add_loop_test(tc, a_commit_of_what_was_never_prepared_says_what_is_lost, 0, 2);
    tcase_add_loop_test(tc, a_replay_reads_rows_as_they_were_described_then, 0, 2);
    tcase_add_test(tc, the_description_of_a_block_holds_for_what_comes_after_its_commit);
    tcase_add_loop_test(tc, a_message_in_the_wrong_place_is_refused, 0,
                        CDC_COUNT(refusals));
    tcase_add_test(tc, a_change_that_found_no_room_is_not_done);
    suite_add_tcase(suite, tc);
    return suite;
}
