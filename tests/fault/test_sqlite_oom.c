/* SPDX-License-Identifier: MIT
 *
 * The SQLite provider without memory: the n-th allocation fails, for every n, SQLite's own
 * among them.  Either the call says WF_NO_MEMORY, or it did without; nothing is lost or
 * half done.
 */
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

#if OOM_POSSIBLE

static struct sqlite_rig *rig;

static void setup(void)
{
    rig = sqlite_rig_new();
    rig->counting = true; /* so that the emitter needs no memory */
    sqlite_rig_sql(rig,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b AS (a || 'x'));"
                   "CREATE UNIQUE INDEX i ON t(lower(a)) WHERE id > 3;"
                   "CREATE TABLE w(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID");
}

static void teardown(void)
{
    sqlite_rig_free(rig);
}

/* All allocations one by one at first, then with growing steps. */
static long next_of(long n)
{
    return n + 1 + n / 400;
}

static void accepted(wf_status status, long n)
{
    bool noticed = status == WF_UNAVAILABLE && strstr(rig->err.text, "does not settle");
    ck_assert_msg(status == WF_OK || status == WF_NO_MEMORY || noticed,
                  "allocation %ld: %d: %s", n, (int)status, rig->err.text);
}

/* Nothing of the test's own between arming and disarming: Check allocates as well. */
static wf_status open_armed(long n, bool *out_hit)
{
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&identity, LIMIT_TEXT_BYTES);
    void *state = calloc(1, cdc_provider_sqlite.state_size);
    ck_assert_ptr_nonnull(state);
    struct cdc_open with = {
        .settings = &rig->settings,
        .out = &rig->emitter,
        .cancelled = &rig->cancelled,
        .out_identity = &identity,
    };
    oom_arm(n);
    wf_status status = cdc_provider_sqlite.open(state, &with, &rig->err);
    *out_hit = oom_disarm();
    cdc_provider_sqlite.close(state);
    free(state);
    return status;
}

START_TEST(an_open_without_memory_can_be_repeated)
{
    for (long n = 0; n < OOM_MOST; n = next_of(n)) {
        bool was_installed =
            sqlite_rig_number(rig, "SELECT count(*) FROM sqlite_master WHERE"
                                   " name = '_cdc_meta'") != 0;
        bool hit;
        wf_status status = open_armed(n, &hit);
        accepted(status, n);
        if (!hit)
            break;
        if (status == WF_OK && !was_installed) {
            /* It did without: begin again, or only the first open would be tested. */
            sqlite_rig_open(rig);
            ck_assert_int_eq(
                cdc_provider_sqlite.cleanup(rig->state, &rig->notices, &rig->err), WF_OK);
            sqlite_rig_close(rig);
            buf_clear(&rig->identity);
        }
    }
    sqlite_rig_open(rig);
    rig->counting = false;
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (5, 'q'); REPLACE INTO t VALUES (6, 'Q')");
    sqlite_rig_drain(rig);
    ck_assert_str_eq(sqlite_rig_events(rig), "INSERT main.t -> (5, 'q', 'qx')\n"
                                             "DELETE main.t (5, 'q', 'qx')\n"
                                             "INSERT main.t -> (6, 'Q', 'Qx')\n");
}
END_TEST

START_TEST(a_poll_without_memory_can_be_repeated)
{
    sqlite_rig_open(rig);
    for (long n = 0; n < OOM_MOST; n = next_of(n)) {
        sqlite_rig_sql(rig, "INSERT INTO w VALUES (1.5, x'00'), (2, 'é');"
                            "UPDATE w SET a = a + 0.25; DELETE FROM w");
        if (n % 3 == 1)
            sqlite_rig_sql(rig, n % 2 ? "ALTER TABLE t RENAME COLUMN a TO c"
                                      : "ALTER TABLE t RENAME COLUMN c TO a");
        struct cdc_budget budget = {0, 1000};
        oom_arm(n);
        wf_status status = cdc_provider_sqlite.poll(rig->state, budget, &rig->err);
        bool hit = oom_disarm();
        accepted(status, n);
        if (!hit)
            break;
        sqlite_rig_drain(rig);
        sqlite_rig_confirm(rig);
    }
    sqlite_rig_drain(rig);
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT max(seq) FROM _cdc_change"),
                     (int64_t)rig->mark);
}
END_TEST

static wf_status take_row(void *ctx, struct cdc_table *table,
                          const struct cdc_value *values, wf_str identity, wf_error *err)
{
    (void)table;
    (void)values;
    (void)identity;
    (void)err;
    ++*(int *)ctx;
    return WF_OK;
}

/* One chunk of a reader of its own. */
static wf_status read_chunk(int *rows, struct buf *after)
{
    const struct cdc_snapshot_reader *ops = cdc_provider_sqlite.snapshot;
    void *reader = calloc(1, ops->size);
    if (!reader)
        return WF_NO_MEMORY;
    struct cdc_chunk_request request = {.table = STR("main.w"),
                                        .after = STR("k;i1;i1;"),
                                        .max_rows = 2,
                                        .ctx = rows,
                                        .row = take_row};
    struct cdc_chunk_result result = {after, false};
    wf_status status = ops->open(reader, rig->state, &rig->settings, &rig->err);
    if (!status)
        status = ops->read_chunk(reader, &request, &result, &rig->err);
    ops->close(reader);
    free(reader);
    return status;
}

START_TEST(a_chunk_without_memory_is_not_half_a_chunk)
{
    sqlite_rig_sql(rig, "INSERT INTO w VALUES (1, 1), (2, 1), (1, 2), (2, 2)");
    sqlite_rig_open(rig);
    for (long n = 0; n < OOM_MOST; n++) {
        int rows = 0;
        struct buf after;
        buf_init(&after, LIMIT_TEXT_BYTES);
        oom_arm(n);
        wf_status status = read_chunk(&rows, &after);
        bool hit = oom_disarm();
        accepted(status, n);
        if (status == WF_OK) {
            ck_assert_int_eq(rows, 2);
            ck_assert_str_eq(buf_c(&after), "k;i2;i1;");
        }
        buf_release(&after);
        if (!hit)
            break;
    }
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_oom");
#if OOM_POSSIBLE
    TCase *tcase = tcase_create("memory");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_open_without_memory_can_be_repeated);
    tcase_add_test(tcase, a_poll_without_memory_can_be_repeated);
    tcase_add_test(tcase, a_chunk_without_memory_is_not_half_a_chunk);
    suite_add_tcase(suite, tcase);
#endif
    return suite;
}
