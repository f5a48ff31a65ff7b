/* SPDX-License-Identifier: MIT
 *
 * Jobs that make tables and drop them all day: what was dropped is forgotten, what is there
 * is not, nor what is being made in a transaction that runs.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/postgres.h"
#include "tests/support/pg_rig.h"
#include "tests/support/provider_rig.h"
#include "tests/support/run.h"

static size_t emitted;

static wf_status count_event(void *ctx, const struct cdc_change *change, wf_error *err)
{
    (void)ctx, (void)err;
    emitted += change->op == CDC_INSERT;
    return WF_OK;
}

static void begin(void)
{
    pg_rig_begin((const char *const[]){"logical_decoding_work_mem=64kB",
                                       "max_locks_per_transaction=2000", NULL});
}

static void setup(void)
{
    provider_rig_setup_with(&provider_fixture_postgres);
    rig.out.emit = count_event;
    emitted = 0;
    pg_rig_exec("CREATE PUBLICATION every FOR ALL TABLES");
    struct pg_options *options = rig.settings->options;
    options->publication = STR("every");
    options->ddl = PG_DDL_OFF;
    options->heartbeat_ms = 200;
    provider_rig_open(STR_EMPTY);
}

static void read_until(size_t count)
{
    int64_t deadline = clock_mono_ms() + 3 * (int64_t)PROVIDER_RIG_WAIT_MS;
    while (emitted < count && clock_mono_ms() < deadline)
        provider_rig_poll(4000, 100);
    ck_assert_uint_eq(emitted, count);
}

/* `count` tables with a row each, each made and dropped in transactions of their own. */
static void make(int from, int to, bool drop)
{
    pg_rig_execf("DO $$ BEGIN FOR i IN %d .. %d LOOP"
                 " EXECUTE format('CREATE TABLE job_%%s (id int PRIMARY KEY)', i);"
                 " EXECUTE format('INSERT INTO job_%%s VALUES (1)', i); COMMIT;"
                 " IF %s THEN EXECUTE format('DROP TABLE job_%%s', i); COMMIT; END IF;"
                 " END LOOP; END $$",
                 from, to, drop ? "true" : "false");
}

static size_t known(void)
{
    const struct postgres_state *s = rig.state;
    return pg_relation_count(s->relations);
}

/* How many are left by the first look at them depends on when it was. */
static void poll_until_few_are_known(void)
{
    int64_t deadline = clock_mono_ms() + 3 * (int64_t)PROVIDER_RIG_WAIT_MS;
    while (known() > 600 && clock_mono_ms() < deadline)
        provider_rig_poll(4000, 100);
    ck_assert_uint_le(known(), 600);
}

START_TEST(dropped_tables_are_forgotten_and_others_are_not)
{
    make(1, 20, false);
    read_until(20);
    make(1000, 2100, true);
    read_until(20 + 1101);
    poll_until_few_are_known();
    ck_assert_uint_ge(known(), 20);
    for (int i = 1; i <= 20; i++) /* the server does not describe them again */
        pg_rig_execf("INSERT INTO job_%d VALUES (2)", i);
    read_until(20 + 1101 + 20);
    make(1000, 1000, false);
    read_until(20 + 1101 + 21);
}
END_TEST

/* The catalog does not show such a table, as if it were gone; once it is committed the server
 * does not describe it again. */
START_TEST(a_table_of_a_transaction_that_runs_is_not_forgotten)
{
    bool streams = pg_rig_version() >= 140000;
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "BEGIN; CREATE TABLE mine (id int PRIMARY KEY, t text);"
                      "INSERT INTO mine SELECT g, repeat('x', 500) FROM "
                      "generate_series(1, 1000) g");
    const struct postgres_state *s = rig.state;
    struct pg_spool_figures spool = {0};
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (streams && !spool.transactions && clock_mono_ms() < deadline) {
        provider_rig_poll(4000, 50);
        pg_spool_figures(s->spool, &spool);
    }
    ck_assert_int_eq(spool.transactions > 0, streams);
    make(1000, 2100, true);
    read_until(1101);
    for (int i = 0; i < 20; i++)
        provider_rig_poll(4000, 50);
    pg_rig_on(writer, "COMMIT");
    read_until(1101 + 1000);
    poll_until_few_are_known();
    pg_rig_exec("INSERT INTO mine VALUES (0, 'y')");
    read_until(1101 + 1001);
    PQfinish(writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_forget");
    TCase *tests = tcase_create("pg_forget");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, begin, NULL);
    tcase_add_checked_fixture(tests, setup, provider_rig_teardown);
    tcase_add_test(tests, dropped_tables_are_forgotten_and_others_are_not);
    tcase_add_test(tests, a_table_of_a_transaction_that_runs_is_not_forgotten);
    suite_add_tcase(suite, tests);
    return suite;
}
