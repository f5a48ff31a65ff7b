/* SPDX-License-Identifier: MIT
 *
 * Slots at a real server, what is set up at a standby, and what the catalog answers.
 */
#include <check.h>
#include <pthread.h>

#include "base/str.h"
#include "providers/postgres/pg_catalog.h"
#include "providers/postgres/pg_ddl.h"
#include "providers/postgres/pg_slot.h"
#include "tests/support/pg_rig.h"
#include "tests/support/pg_setup.h"
#include "tests/support/run.h"

/* ---- slot ---------------------------------------------------------------------------- */

START_TEST(a_slot_is_made_read_and_dropped)
{
    struct pg_slot_facts facts;
    uint64_t lsn = 0;
    bool dropped = true;
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    ck_assert(!facts.exists);
    ck_assert_int_eq(facts.active_pid, -1);
    ck_assert_str_eq(facts.here, pg_rig_database());
    pg_setup_ok(pg_slot_make(&pg_setup.control, "cdc_t", &pg_setup.settings, false, &lsn,
                             &pg_setup.err));
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    ck_assert(facts.exists && facts.logical && !facts.active && !facts.temporary);
    ck_assert(!facts.two_phase && !facts.failover && !facts.synced && !facts.standby);
    ck_assert_str_eq(facts.plugin, "pgoutput");
    ck_assert_str_eq(facts.database, pg_rig_database());
    ck_assert_str_eq(facts.wal_status, "reserved");
    ck_assert_str_eq(facts.reason, "");
    ck_assert_uint_eq(facts.confirmed_lsn, lsn);
    ck_assert_uint_lt(facts.restart_lsn, lsn);
    ck_assert_int_gt(facts.retained_bytes, 0);
    ck_assert_int_eq(facts.safe_bytes, -1);
    struct pg_position from = {.flush = lsn};
    pg_setup_ok(pg_slot_judge(&facts, "cdc_t", &from, &pg_setup.err));
    pg_setup_ok(pg_slot_drop(&pg_setup.control, "cdc_t", &dropped, &pg_setup.err));
    ck_assert(dropped);
    pg_setup_ok(pg_slot_drop(&pg_setup.control, "cdc_t", &dropped, &pg_setup.err));
    ck_assert(!dropped);
}
END_TEST

START_TEST(slots_follow_the_options_or_say_what_they_need)
{
    uint64_t lsn;
    struct pg_slot_facts facts;
    pg_setup.options.two_phase = true;
    wf_status status = pg_slot_make(&pg_setup.control, "cdc_t", &pg_setup.settings, false,
                                    &lsn, &pg_setup.err);
    if (pg_setup.control.version >= 150000) {
        pg_setup_ok(status);
        pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
        ck_assert(facts.two_phase);
    } else {
        ck_assert_int_eq(status, WF_CONFIG);
    }
    pg_setup.options.two_phase = false;
    pg_setup.options.failover = true;
    status = pg_slot_make(&pg_setup.control, "cdc_f", &pg_setup.settings, false, &lsn,
                          &pg_setup.err);
    if (pg_setup.control.version >= 170000) {
        pg_setup_ok(status);
        pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_f", &facts, &pg_setup.err));
        ck_assert(facts.failover);
        pg_setup_ok(pg_slot_make(&pg_setup.control, "cdc_x", &pg_setup.settings, true, &lsn,
                                 &pg_setup.err));
        pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_x", &facts, &pg_setup.err));
        ck_assert(facts.temporary && !facts.failover);
    } else {
        ck_assert_int_eq(status, WF_CONFIG);
        pg_setup_says(str_from(pg_setup.err.text),
                      "'options.failover' needs PostgreSQL 17");
    }
}
END_TEST

static void *let_go(void *conn)
{
    struct timespec pause = {.tv_nsec = 400 * 1000 * 1000};
    nanosleep(&pause, NULL);
    PQfinish(conn);
    return NULL;
}

START_TEST(a_slot_in_use_is_named_and_dropped_when_it_is_free)
{
    struct pg_slot_facts facts;
    struct pg_position from = {0};
    bool dropped = false;
    PGconn *other = pg_rig_connect();
    pg_rig_on(other,
              "SELECT pg_create_logical_replication_slot('cdc_t', 'pgoutput', true)");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    ck_assert(facts.active && facts.temporary);
    ck_assert_int_eq(facts.active_pid, PQbackendPID(other));
    ck_assert_int_eq(pg_slot_judge(&facts, "cdc_t", &from, &pg_setup.err), WF_UNAVAILABLE);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go, other), 0);
    pg_setup_ok(pg_slot_drop(&pg_setup.control, "cdc_t", &dropped, &pg_setup.err));
    pthread_join(thread, NULL);
    ck_assert(!dropped); /* a temporary one went with its session */
}
END_TEST

START_TEST(slots_of_others_are_told_apart)
{
    struct pg_slot_facts facts;
    struct pg_position from = {0};
    pg_rig_exec("SELECT pg_create_physical_replication_slot('physical')");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "physical", &facts, &pg_setup.err));
    ck_assert_int_eq(pg_slot_judge(&facts, "physical", &from, &pg_setup.err), WF_CONFIG);
    pg_rig_exec("SELECT pg_drop_replication_slot('physical')");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('moved', 'pgoutput')");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "moved", &facts, &pg_setup.err));
    from.flush = facts.confirmed_lsn;
    pg_rig_exec("CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 100)");
    pg_rig_exec("SELECT pg_replication_slot_advance('moved', pg_current_wal_lsn())");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "moved", &facts, &pg_setup.err));
    ck_assert_int_eq(pg_slot_judge(&facts, "moved", &from, &pg_setup.err), WF_STATE);
    pg_setup_says(str_from(pg_setup.err.text), "moved on by somebody else");
}
END_TEST

START_TEST(a_slot_whose_wal_was_removed_is_lost)
{
    struct pg_slot_facts facts;
    struct pg_position from = {0};
    uint64_t lsn;
    pg_setup_ok(pg_slot_make(&pg_setup.control, "cdc_t", &pg_setup.settings, false, &lsn,
                             &pg_setup.err));
    pg_rig_exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
    pg_rig_exec("SELECT pg_reload_conf()");
    pg_rig_wait("SHOW max_slot_wal_keep_size", "1MB");
    pg_rig_exec("CREATE TABLE a (id int)");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    ck_assert_int_ge(facts.safe_bytes, 0);
    for (int i = 0; i < 4; i++) {
        pg_rig_exec("INSERT INTO a VALUES (1)");
        pg_rig_exec("SELECT pg_switch_wal()");
    }
    pg_rig_exec("CHECKPOINT");
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    pg_rig_exec("ALTER SYSTEM RESET max_slot_wal_keep_size");
    pg_rig_exec("SELECT pg_reload_conf()");
    ck_assert_str_eq(facts.wal_status, "lost");
    if (pg_setup.control.version >= 170000)
        ck_assert_str_eq(facts.reason, "wal_removed");
    ck_assert_int_eq(pg_slot_judge(&facts, "cdc_t", &from, &pg_setup.err), WF_STATE);
    pg_setup_says(str_from(pg_setup.err.text), "max_slot_wal_keep_size");
}
END_TEST

/* ---- standby ------------------------------------------------------------------------- */

/* Of the rig's server; gone when the test ends. */
static void connect_to_standby(void)
{
    char command[512];
    char dir[256] = "";
    char connection[512];
    snprintf(command, sizeof command,
             "BUILD_DIR=" BUILD_DIR " " SOURCE_DIR "/tests/support/pg_server standby %s "
             "--owner %d",
             pg_rig_dir(), (int)getpid());
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_ptr_nonnull(fgets(dir, sizeof dir, pipe));
    ck_assert_int_eq(pclose(pipe), 0);
    dir[strcspn(dir, "\n")] = '\0';
    snprintf(command, sizeof command, "%s/connection", dir);
    FILE *file = fopen(command, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(dir, sizeof dir, file));
    fclose(file);
    dir[strcspn(dir, "\n")] = '\0';
    snprintf(connection, sizeof connection, "%s dbname=%s", dir, pg_rig_database());
    pg_setup_connect_as(connection);
    pg_setup.settings.connection = STR_EMPTY;
}

static void wait_for_standby(void)
{
    const char *lsn = pg_rig_query("SELECT pg_current_wal_lsn()");
    for (int i = 0; i < 500; i++) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        pg_setup_ok(pg_conn_query(&pg_setup.control, "ask the standby",
                                  "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn",
                                  (const char *const[]){lsn}, 1, &rows, &pg_setup.err));
        if (str_is(pg_conn_cell(rows, 0, 0), "t"))
            return;
        pg_conn_wait(&pg_setup.control, 20);
    }
    ck_abort_msg("the standby does not follow");
}

START_TEST(a_standby_is_looked_at_and_left_as_it_is)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    connect_to_standby();
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG);
    pg_setup_says(str_from(pg_setup.err.text), "this server is a standby");
    pg_setup_ok(pg_setup_settle_ddl());
    pg_setup_says(buf_view(&pg_setup.notices),
                  pg_setup.control.version < 140000 ? "PostgreSQL 14" : "standby");
    struct pg_slot_facts facts;
    pg_setup_ok(pg_slot_read(&pg_setup.control, "cdc_t", &facts, &pg_setup.err));
    ck_assert(facts.standby);

    /* The source ran at the primary once, and a table came since. */
    struct pg_conn standby = pg_setup.control;
    pg_setup.control = (struct pg_conn){.cancel = &pg_setup.cancel};
    pg_setup_connect_as(pg_rig_connection());
    pg_setup_ok(pg_setup_settle());
    pg_setup_ok(pg_setup_settle_ddl());
    pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY)");
    pg_conn_close(&pg_setup.control);
    pg_setup.control = standby;
    wait_for_standby();
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    pg_setup_ok(pg_setup_settle());
    pg_setup_says(buf_view(&pg_setup.notices),
                  "lacks 'public.b'; to have them, at the primary: ALTER");
    ck_assert_ptr_nonnull(strstr(pg_setup.publication.names, "_insert\""));
    pg_setup_ok(pg_setup_settle_ddl());
    if (pg_setup.control.version >= 140000)
        ck_assert_uint_eq(pg_setup.notices.len, 0);
    bool dropped = true;
    pg_setup_ok(
        pg_ddl_drop(&pg_setup.control, &pg_setup.settings, &dropped, &pg_setup.err));
    ck_assert(!dropped);
    dropped = true;
    pg_setup_ok(pg_publication_drop(&pg_setup.publication, &pg_setup.control, &dropped,
                                    &pg_setup.err));
    ck_assert(!dropped);
}
END_TEST

/* ---- catalog ------------------------------------------------------------------------- */

static char facts_text[1024];

static wf_status rig_type(void *user, const struct pg_type_facts *facts, wf_error *err)
{
    (void)user;
    (void)err;
    int len = snprintf(facts_text, sizeof facts_text, "%c%s %c %u %u %.*s", facts->kind,
                       facts->is_array ? "[]" : "", facts->delimiter, facts->element,
                       facts->base, STR_ARG(facts->name));
    for (size_t i = 0; i < facts->count; i++)
        len += snprintf(facts_text + len, sizeof facts_text - (size_t)len, " %.*s:%u",
                        STR_ARG(facts->field_names[i]), facts->field_types[i]);
    return WF_OK;
}

static const char *type(const char *name)
{
    struct pg_catalog catalog;
    char sql[256];
    pg_catalog_of(&pg_setup.control, &catalog);
    snprintf(sql, sizeof sql, "SELECT '%s'::regtype::oid", name);
    uint32_t oid = (uint32_t)pg_rig_number(sql);
    snprintf(facts_text, sizeof facts_text, "none");
    pg_setup_ok(catalog.types.ask(catalog.types.ctx, oid, rig_type, NULL, &pg_setup.err));
    return facts_text;
}

START_TEST(types_are_as_the_catalog_has_them)
{
    ck_assert_str_eq(type("int4"), "b , 0 0 integer");
    ck_assert_str_eq(type("int4[]"), "b[] , 23 0 integer[]");
    ck_assert_str_eq(type("box[]"), "b[] ; 603 0 box[]");
    ck_assert_str_eq(type("int2vector"), "b , 21 0 int2vector");
    ck_assert_str_eq(type("int4range"), "r , 23 0 int4range");
    if (pg_setup.control.version >= 140000)
        ck_assert_str_eq(type("int4multirange"), "m , 3904 0 int4multirange");
    pg_rig_exec("CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN posint AS int4;"
                "CREATE TYPE pair AS (\"A b\" int4, gone int4, t text);"
                "ALTER TYPE pair DROP ATTRIBUTE gone; CREATE TYPE empty AS ()");
    ck_assert_str_eq(type("mood"), "e , 0 0 public.mood");
    ck_assert_str_eq(type("posint"), "d , 0 23 public.posint");
    ck_assert_str_eq(type("pair"), "c , 0 0 public.pair A b:23 t:25");
    ck_assert_str_eq(type("empty"), "c , 0 0 public.empty");
    struct pg_catalog catalog;
    pg_catalog_of(&pg_setup.control, &catalog);
    snprintf(facts_text, sizeof facts_text, "none");
    pg_setup_ok(
        catalog.types.ask(catalog.types.ctx, 4000000000u, rig_type, NULL, &pg_setup.err));
    ck_assert_str_eq(facts_text, "none");
}
END_TEST

static void rig_key(void *user, wf_str column)
{
    (void)user;
    buf_printf(&pg_setup.added, "[%.*s]", STR_ARG(column));
}

START_TEST(a_key_s_columns_come_in_its_own_order)
{
    struct pg_catalog catalog;
    pg_catalog_of(&pg_setup.control, &catalog);
    pg_rig_exec("CREATE TABLE t (a int, b int, \"C c\" int, PRIMARY KEY (\"C c\", a) "
                "INCLUDE (b));"
                "CREATE TABLE none (a int UNIQUE)");
    uint32_t t = (uint32_t)pg_rig_number("SELECT 't'::regclass::oid");
    pg_setup_ok(catalog.primary_key(catalog.ctx, t, rig_key, NULL, &pg_setup.err));
    ck_assert(str_is(buf_view(&pg_setup.added), "[C c][a]"));
    buf_clear(&pg_setup.added);
    uint32_t none = (uint32_t)pg_rig_number("SELECT 'none'::regclass::oid");
    pg_setup_ok(catalog.primary_key(catalog.ctx, none, rig_key, NULL, &pg_setup.err));
    pg_setup_ok(
        catalog.primary_key(catalog.ctx, 4000000000u, rig_key, NULL, &pg_setup.err));
    ck_assert_uint_eq(pg_setup.added.len, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_setup");
    TCase *tc = pg_setup_cases(suite, "slot");
    tcase_add_test(tc, a_slot_is_made_read_and_dropped);
    tcase_add_test(tc, slots_follow_the_options_or_say_what_they_need);
    tcase_add_test(tc, a_slot_in_use_is_named_and_dropped_when_it_is_free);
    tcase_add_test(tc, slots_of_others_are_told_apart);
    tcase_add_test(tc, a_slot_whose_wal_was_removed_is_lost);
    tc = pg_setup_cases(suite, "standby");
    tcase_add_test(tc, a_standby_is_looked_at_and_left_as_it_is);
    tc = pg_setup_cases(suite, "catalog");
    tcase_add_test(tc, types_are_as_the_catalog_has_them);
    tcase_add_test(tc, a_key_s_columns_come_in_its_own_order);
    return suite;
}
