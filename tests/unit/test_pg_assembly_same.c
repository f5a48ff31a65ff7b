/* SPDX-License-Identifier: MIT
 *
 * The same transactions, made up at random, sent in every way a server may send them: the
 * changes, their ids and their order are the same, whatever finds no room, and wherever the
 * reading begins again.
 */
#include <stdio.h>

#include "base/str.h"
#include "tests/support/pg_assembly_rig.h"
#include "tests/support/run.h"

#define EPOCH PGOUTPUT_BUILD_EPOCH_US
#define TABLE 16400u /* and the next two */
#define TABLES 3
#define WORLDS 40

enum { TRANSACTIONS = 6, SUBS = 4, OPS = 14 };

enum way { PLAIN, BLOCKS, PREPARED, PREPARED_BLOCKS, WAYS };

struct op {
    char kind; /* I U D T M d (DDL) */
    uint32_t table;
    int sub;
    int number;
};

struct transaction {
    enum way way;
    struct op ops[OPS];
    int count;
    bool aborted[SUBS]; /* never the first */

    /* while it is sent in blocks */
    int sent;
    bool begun, ended, gone[SUBS], described[TABLES];
};

struct world {
    uint64_t random;
    struct transaction transactions[TRANSACTIONS];
    bool described[TABLES];
};

static uint32_t world_roll(struct world *w, uint32_t sides)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->random >> 33) % sides;
}

/* As savepoints are: one that is rolled back is over before anything else is done. */
static void world_make_ops(struct world *w, struct transaction *tx, int number)
{
    static const char kinds[] = "IIIUUDTMd";
    bool over[SUBS] = {false};
    int sub = 0;
    for (int i = 0; i < tx->count; i++) {
        if (world_roll(w, 2)) {
            over[sub] = tx->aborted[sub];
            int next = (int)world_roll(w, SUBS);
            sub = over[next] ? 0 : next;
        }
        tx->ops[i] = (struct op){kinds[world_roll(w, sizeof kinds - 1)],
                                 TABLE + world_roll(w, TABLES), sub, number + i};
    }
}

static void world_make(struct world *w, int seed)
{
    *w = (struct world){.random = (uint64_t)seed * 7919 + 1};
    for (int t = 0; t < TRANSACTIONS; t++) {
        struct transaction *tx = &w->transactions[t];
        tx->count = (int)world_roll(w, OPS + 1);
        for (int i = 1; i < SUBS; i++)
            tx->aborted[i] = world_roll(w, 3) == 0;
        world_make_ops(w, tx, t * 100);
    }
}

static uint32_t world_xid(int t, int sub)
{
    return (uint32_t)(700 + t * 10 + sub);
}

static uint64_t world_commit(int t)
{
    return 0x1000u * (unsigned)(t + 1);
}

/* ---- sending ------------------------------------------------------------------------- */

static void send_relation(struct rig_stream *s, uint32_t xid, uint32_t table)
{
    char name[2] = {(char)('a' + table - TABLE), '\0'};
    rig_stream_add(s, relation, xid, table, name, 'd', "*id:20 v:25");
}

static void send_op(struct rig_stream *s, uint32_t xid, const struct op *op)
{
    char row[32], key[32];
    const uint32_t oids[] = {op->table, TABLE, op->table};
    snprintf(row, sizeof row, "%d|%c", op->number, op->kind);
    snprintf(key, sizeof key, "%d|%%n", op->number - 1);
    switch (op->kind) {
    case 'I':
        rig_stream_add(s, insert, xid, op->table, row);
        break;
    case 'U':
        rig_stream_add(s, update, xid, op->table, op->number % 2 ? 'K' : 0, key, row);
        break;
    case 'D':
        rig_stream_add(s, delete, xid, op->table, 'K', key);
        break;
    case 'T':
        rig_stream_add(s, truncate, xid, oids, 3);
        break;
    case 'M':
        rig_stream_add(s, message, xid, true, 1, op->number % 3 ? "app" : PG_PREFIX, row);
        break;
    default:
        rig_stream_add(s, message, xid, true, 1, PG_PREFIX_DDL,
                       "{\"sql\":\"x\",\"objects\":[\"public.a\",\"public.zz\"]}");
        break;
    }
}

/* The tables that the server describes before the change, once for those it has told. */
static void send_described(struct rig_stream *s, uint32_t xid, const struct op *op,
                           bool *described)
{
    const uint32_t tables[] = {op->table, op->kind == 'T' ? TABLE : op->table};
    if (op->kind == 'M' || op->kind == 'd')
        return;
    for (size_t i = 0; i < 2; i++)
        if (!described[tables[i] - TABLE]) {
            described[tables[i] - TABLE] = true;
            send_relation(s, xid, tables[i]);
        }
}

static void send_survivors(struct rig_stream *s, struct world *w, int t)
{
    const struct transaction *tx = &w->transactions[t];
    for (int i = 0; i < tx->count; i++)
        if (!tx->aborted[tx->ops[i].sub]) {
            send_described(s, 0, &tx->ops[i], w->described);
            send_op(s, 0, &tx->ops[i]);
        }
}

/* Whether the last change sent ends a subtransaction that is rolled back. */
static bool world_aborts(const struct transaction *tx)
{
    if (!tx->sent)
        return false;
    int sub = tx->ops[tx->sent - 1].sub;
    return tx->aborted[sub] && !tx->gone[sub] &&
           (tx->sent == tx->count || tx->ops[tx->sent].sub != sub);
}

/* After one the server describes all tables anew. */
static void send_abort(struct rig_stream *s, struct world *w, int t)
{
    struct transaction *tx = &w->transactions[t];
    int sub = tx->ops[tx->sent - 1].sub;
    tx->gone[sub] = true;
    memset(tx->described, 0, sizeof tx->described);
    rig_stream_add(s, stream_abort, world_xid(t, 0), world_xid(t, sub));
}

static void send_block(struct rig_stream *s, struct world *w, int t)
{
    struct transaction *tx = &w->transactions[t];
    rig_stream_add(s, stream_start, world_xid(t, 0), !tx->begun);
    tx->begun = true;
    for (uint32_t n = world_roll(w, 4); n && tx->sent < tx->count && !world_aborts(tx);
         n--, tx->sent++) {
        const struct op *op = &tx->ops[tx->sent];
        send_described(s, world_xid(t, op->sub), op, tx->described);
        send_op(s, world_xid(t, op->sub), op);
    }
    rig_stream_stop(s);
}

static bool world_is_in_blocks(const struct transaction *tx)
{
    return tx->way == BLOCKS || tx->way == PREPARED_BLOCKS;
}

/* Blocks of transactions from `first` on, in turn. */
static void send_blocks(struct rig_stream *s, struct world *w, int first)
{
    for (uint32_t n = world_roll(w, 8); n; n--) {
        int t = first + (int)world_roll(w, (uint32_t)(TRANSACTIONS - first));
        struct transaction *tx = &w->transactions[t];
        if (!world_is_in_blocks(tx) || tx->ended)
            continue;
        if (world_aborts(tx))
            send_abort(s, w, t);
        else
            send_block(s, w, t);
    }
}

static void send_rest_of_blocks(struct rig_stream *s, struct world *w, int t)
{
    struct transaction *tx = &w->transactions[t];
    while (!tx->begun || tx->sent < tx->count || world_aborts(tx)) {
        if (world_aborts(tx))
            send_abort(s, w, t);
        else
            send_block(s, w, t);
    }
    tx->ended = true;
    if (world_roll(w, 2)) { /* a stranger that comes to nothing */
        rig_stream_add(s, stream_start, 9999, true);
        send_relation(s, 9999, TABLE);
        rig_stream_add(s, insert, 9999, TABLE, "0|lost");
        rig_stream_stop(s);
        rig_stream_add(s, stream_abort, 9999, 9999);
    }
}

/* Prepare records lie before all commits. */
static void send_prepares(struct rig_stream *s, struct world *w)
{
    for (int t = 0; t < TRANSACTIONS; t++) {
        struct transaction *tx = &w->transactions[t];
        uint64_t lsn = 0x100u + 0x10u * (unsigned)t;
        uint32_t xid = world_xid(t, 0);
        if (tx->way == PREPARED) {
            rig_stream_add(s, prepared, 'b', lsn, lsn + 8, xid, "g");
            send_survivors(s, w, t);
            rig_stream_add(s, prepared, 'P', lsn, lsn + 8, xid, "g");
        } else if (tx->way == PREPARED_BLOCKS) {
            send_blocks(s, w, 0);
            if (!tx->ended)
                send_rest_of_blocks(s, w, t);
            rig_stream_add(s, prepared, 'p', lsn, lsn + 8, xid, "g");
        }
    }
}

static void send_world(struct rig_stream *s, struct world *w)
{
    rig_stream_init(s);
    send_prepares(s, w);
    for (int t = 0; t < TRANSACTIONS; t++) {
        uint64_t lsn = world_commit(t);
        uint32_t xid = world_xid(t, 0);
        int64_t ts_us = EPOCH + (int64_t)lsn;
        send_blocks(s, w, t);
        switch (w->transactions[t].way) {
        case PLAIN:
            rig_stream_add(s, begin, lsn, ts_us, xid);
            send_survivors(s, w, t);
            rig_stream_add(s, commit, lsn, lsn + 0x20, ts_us);
            break;
        case BLOCKS:
            send_rest_of_blocks(s, w, t);
            rig_stream_add(s, stream_commit, xid, lsn, lsn + 0x20, ts_us);
            break;
        default:
            rig_stream_add(s, prepared, 'K', lsn, lsn + 0x20, xid, "g");
            break;
        }
        rig_stream_add(s, message, 0, false, lsn + 0x40, "app", "between");
    }
}

/* `way` WAYS: each its own. */
static void make_stream(struct rig_stream *s, int seed, enum way way)
{
    struct world w;
    world_make(&w, seed);
    for (int t = 0; t < TRANSACTIONS; t++)
        w.transactions[t].way = way < WAYS ? way : (enum way)world_roll(&w, WAYS);
    send_world(s, &w);
}

/* ---- comparing ----------------------------------------------------------------------- */

static void open_at(struct pg_assembly_rig *rig, const char *from)
{
    static wf_str tables[] = {STR("public.a"), STR("public.b"), STR("public.zz")};
    rig->settings.tables = (struct cdc_list){tables, 3};
    rig->options.messages = STR("app");
    pg_assembly_rig_open(rig, from);
}

static char *plain_lines(int seed)
{
    struct pg_assembly_rig rig = {0};
    struct rig_stream s;
    make_stream(&s, seed, PLAIN);
    open_at(&rig, "0/0");
    pg_assembly_rig_feed_all(&rig, &s, 0);
    char *lines = strdup(pg_assembly_rig_lines(&rig));
    ck_assert_ptr_nonnull(lines);
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
    return lines;
}

START_TEST(each_way_of_sending_gives_the_same)
{
    char *expected = plain_lines(_i);
    for (int way = PLAIN; way <= WAYS; way++) {
        struct pg_assembly_rig rig = {0};
        struct pg_spool_figures figures;
        struct rig_stream s;
        make_stream(&s, _i, (enum way)way);
        open_at(&rig, "0/0");
        pg_assembly_rig_feed_all(&rig, &s, 0);
        ck_assert_str_eq(pg_assembly_rig_lines(&rig), expected);
        pg_spool_figures(rig.spool, &figures);
        ck_assert_uint_eq(figures.transactions, 0);
        pg_assembly_rig_close(&rig);
        rig_stream_release(&s);
    }
    free(expected);
}
END_TEST

START_TEST(a_log_that_is_often_full_changes_nothing)
{
    char *expected = plain_lines(_i);
    for (int way = PLAIN; way <= WAYS; way++) {
        struct pg_assembly_rig rig = {
            .full = 40, .budget = 1 + (unsigned)way % 3, .random = (uint64_t)_i + 1};
        struct rig_stream s;
        make_stream(&s, _i, (enum way)way);
        open_at(&rig, "0/0");
        pg_assembly_rig_feed_all(&rig, &s, 0);
        ck_assert_str_eq(pg_assembly_rig_lines(&rig), expected);
        pg_assembly_rig_close(&rig);
        rig_stream_release(&s);
    }
    free(expected);
}
END_TEST

static void again_from(const struct rig_stream *s, const struct pg_assembly_rig *first,
                       const struct rig_token *token, const char *expected)
{
    struct pg_assembly_rig rig = {0};
    open_at(&rig, token->text);
    pg_assembly_rig_feed_all(&rig, s, 0);
    ck_assert_msg(!strcmp(pg_assembly_rig_lines(&rig),
                          pg_assembly_rig_lines_from(expected, token->changes)),
                  "from %s:\n%s\ninstead of\n%s", token->text, pg_assembly_rig_lines(&rig),
                  pg_assembly_rig_lines_from(expected, token->changes));
    ck_assert_uint_eq(rig.changes, first->changes - token->changes);
    ck_assert_uint_eq(pg_assembly_position(rig.assembly).flush,
                      pg_assembly_position(first->assembly).flush);
    pg_assembly_rig_close(&rig);
}

START_TEST(from_every_position_exactly_the_rest_comes)
{
    static struct pg_assembly_rig first;
    struct rig_stream s;
    make_stream(&s, _i, WAYS);
    first = (struct pg_assembly_rig){0};
    open_at(&first, "0/0");
    pg_assembly_rig_feed_all(&first, &s, 0);
    ck_assert_uint_gt(first.token_count, TRANSACTIONS);
    const char *expected = pg_assembly_rig_lines(&first);
    for (size_t i = 0; i < first.token_count; i++)
        again_from(&s, &first, &first.tokens[i], expected);
    pg_assembly_rig_close(&first);
    rig_stream_release(&s);
}
END_TEST

/* Another connection begins to send everything again, after each message and in the middle
 * of some. */
START_TEST(a_restart_anywhere_doubles_and_loses_nothing)
{
    char *expected = plain_lines(_i);
    struct rig_stream s;
    make_stream(&s, _i, WAYS);
    for (size_t stop = 0; stop < s.count; stop += 3) {
        struct pg_assembly_rig rig = {.full = 30, .random = stop + 1};
        open_at(&rig, "0/0");
        for (size_t i = 0; i < stop; i++) {
            wf_error err;
            ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, i), &err), WF_OK);
        }
        wf_error err;
        uint32_t budget = 2; /* perhaps not enough for the next one */
        wf_status status =
            pg_assembly_take(rig.assembly, rig_stream_at(&s, stop), 0, &budget, &err);
        ck_assert(status == WF_OK || status == CDC_FULL);
        pg_assembly_restart(rig.assembly);
        ck_assert(!pg_assembly_midway(rig.assembly));
        pg_assembly_rig_feed_all(&rig, &s, 0);
        ck_assert_str_eq(pg_assembly_rig_lines(&rig), expected);
        pg_assembly_rig_close(&rig);
    }
    rig_stream_release(&s);
    free(expected);
}
END_TEST

/* Cut short, a message is refused; and then everything is there again after a restart. */
START_TEST(a_message_cut_anywhere_is_refused)
{
    struct rig_stream s;
    char *expected = plain_lines(_i);
    struct pg_assembly_rig rig = {0};
    make_stream(&s, _i, WAYS);
    open_at(&rig, "0/0");
    for (size_t i = 0; i < s.count; i++) {
        wf_str whole = rig_stream_at(&s, i);
        wf_error err;
        for (size_t len = 0; len < whole.len; len++) {
            uint32_t budget = 100;
            wf_str cut = str_slice(whole, 0, len);
            ck_assert_int_eq(pg_assembly_take(rig.assembly, cut, 0, &budget, &err),
                             WF_PROTOCOL);
        }
        ck_assert_int_eq(pg_assembly_rig_feed(&rig, whole, &err), WF_OK);
    }
    ck_assert_str_eq(pg_assembly_rig_lines(&rig), expected);
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
    free(expected);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_assembly_same");
    TCase *tc = tcase_create("pg_assembly_same");
    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, each_way_of_sending_gives_the_same, 0, WORLDS);
    tcase_add_loop_test(tc, a_log_that_is_often_full_changes_nothing, 0, WORLDS);
    tcase_add_loop_test(tc, from_every_position_exactly_the_rest_comes, 0, WORLDS / 4);
    tcase_add_loop_test(tc, a_restart_anywhere_doubles_and_loses_nothing, 0, WORLDS / 4);
    tcase_add_loop_test(tc, a_message_cut_anywhere_is_refused, 0, WORLDS / 8);
    suite_add_tcase(suite, tc);
    return suite;
}
