/* SPDX-License-Identifier: MIT
 *
 * The provider on a real server: what it tells the server and when, what it says when
 * something is wrong, what it leaves behind.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/postgres.h"
#include "tests/support/pg_rig.h"
#include "tests/support/provider_rig.h"
#include "tests/support/run.h"

#define SLOT "cdc_contract"

static void begin(void)
{
    pg_rig_begin((const char *const[]){"wal_sender_timeout=2s", "max_replication_slots=8",
                                       "max_prepared_transactions=4", NULL});
}

static void setup(void)
{
    provider_rig_setup_with(&provider_fixture_postgres);
}

static struct pg_options *options(void)
{
    return rig.settings->options;
}

static wf_status confirm_all(void)
{
    return rig.fixture->provider->confirm(rig.state, buf_view(&rig.position),
                                          &provider_error);
}

static void insert(int64_t from, int64_t to)
{
    for (int64_t n = from; n <= to; n++)
        rig.fixture->insert(&rig, n);
}

/* Polls until it fails. */
static wf_status poll_to_the_end(void)
{
    wf_status status = WF_OK;
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (!status && clock_mono_ms() < deadline)
        status = rig.fixture->provider->poll(rig.state, (struct cdc_budget){50, 100},
                                             &provider_error);
    return status;
}

static void reopen(void)
{
    struct buf from;
    buf_init(&from, LIMIT_POSITION);
    buf_str(&from, buf_view(&rig.position));
    provider_rig_close();
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    wf_status status = provider_rig_try_open(buf_view(&from));
    while (status == WF_UNAVAILABLE && clock_mono_ms() < deadline) {
        provider_rig_close();
        poll(NULL, 0, 50);
        status = provider_rig_try_open(buf_view(&from));
    }
    ck_assert_msg(status == WF_OK, "%s", provider_error.text);
    buf_release(&from);
}

START_TEST(a_reader_that_rests_longer_than_the_servers_timeout_is_not_cut)
{
    provider_rig_open(STR_EMPTY);
    insert(1, 3);
    for (int i = 0; i < 10; i++)
        provider_rig_poll(0, 500);
    ck_assert_uint_eq(rig.count, 0);
    provider_rig_read(3);
    provider_rig_numbers_are(0, 3, 1);
}
END_TEST

START_TEST(the_server_is_told_what_is_confirmed_and_nothing_else)
{
    provider_rig_open(STR_EMPTY);
    const char *before = strdup(pg_rig_query("SELECT confirmed_flush_lsn FROM "
                                             "pg_replication_slots"));
    insert(1, 5);
    provider_rig_read(5);
    for (int i = 0; i < 4; i++) /* keepalives and due status updates */
        provider_rig_poll(100, 500);
    ck_assert_str_eq(pg_rig_query("SELECT confirmed_flush_lsn FROM pg_replication_slots"),
                     before);
    ck_assert_int_eq(confirm_all(), WF_OK);
    provider_rig_poll(100, 200);
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT confirmed_flush_lsn >= '%.*s' FROM pg_replication_slots",
             STR_ARG(buf_view(&rig.position)));
    pg_rig_wait(sql, "t");
    free((char *)before);
}
END_TEST

/* A reconnect begins behind what waits in the log still; after a crash that is gone, and the
 * server is asked for it again. */
START_TEST(where_an_open_begins_is_not_confirmed_by_it)
{
    provider_rig_open(STR_EMPTY);
    char before[64];
    snprintf(before, sizeof before, "%s",
             pg_rig_query("SELECT confirmed_flush_lsn FROM pg_replication_slots"));
    insert(1, 5);
    provider_rig_read(5);
    reopen();
    for (int i = 0; i < 4; i++) /* due status updates, read or not */
        provider_rig_poll(i % 2 ? 100 : 0, 500);
    provider_rig_close(); /* says goodbye */
    ck_assert_str_eq(pg_rig_query("SELECT confirmed_flush_lsn FROM pg_replication_slots"),
                     before);
}
END_TEST

START_TEST(a_keepalive_moves_nothing_while_changes_wait)
{
    provider_rig_open(STR_EMPTY);
    provider_rig_poll(100, 100);
    insert(1, 3);
    rig.room = 1;
    for (int i = 0; i < 8; i++)
        provider_rig_poll(100, 100);
    ck_assert_uint_eq(rig.count, 1);
    if (rig.position.len)
        ck_assert_int_eq(confirm_all(), WF_OK);
    for (int i = 0; i < 3; i++)
        provider_rig_poll(0, 500);
    reopen(); /* from the second row on */
    rig.room = UINT64_MAX;
    provider_rig_read(3);
    provider_rig_numbers_are(0, 3, 1);
}
END_TEST

START_TEST(a_position_beyond_what_was_given_is_refused)
{
    provider_rig_open(STR_EMPTY);
    ck_assert_int_eq(
        rig.fixture->provider->confirm(rig.state, STR("FFFFFF/0"), &provider_error),
        WF_STATE);
    ck_assert_int_eq(
        rig.fixture->provider->confirm(rig.state, STR("nonsense"), &provider_error),
        WF_STATE);
    provider_rig_close();
    ck_assert_int_eq(provider_rig_try_open(STR("nonsense")), WF_STATE);
}
END_TEST

START_TEST(a_stream_that_is_ended_under_us_goes_on_after_an_open)
{
    provider_rig_open(STR_EMPTY);
    insert(1, 4);
    provider_rig_read(4);
    if (_i == 0) {
        ck_assert_int_eq(pg_rig_terminate_walsenders(), 1);
    } else if (_i == 1) {
        pg_rig_stop("fast");
        ck_assert_int_eq(poll_to_the_end(), WF_UNAVAILABLE);
        pg_rig_start();
    } else {
        pg_rig_crash();
        pg_rig_start();
    }
    ck_assert_int_eq(poll_to_the_end(), WF_UNAVAILABLE);
    ck_assert_uint_gt(strlen(provider_error.text), 0);
    insert(5, 8);
    reopen();
    provider_rig_read(8);
    provider_rig_numbers_are(0, 8, 1);
}
END_TEST

START_TEST(a_control_connection_that_broke_is_made_again)
{
    struct cdc_lag lag;
    provider_rig_open(STR_EMPTY);
    pg_rig_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE '% control'");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(rig.fixture->provider->lag(rig.state, &lag, &provider_error),
                         WF_OK);
    ck_assert_int_ge(lag.bytes, 0);
    insert(1, 2);
    provider_rig_read(2);
}
END_TEST

START_TEST(a_slot_in_use_names_who_has_it)
{
    provider_rig_open(STR_EMPTY);
    void *first = rig.state;
    const char *pid = pg_rig_query("SELECT active_pid FROM pg_replication_slots");
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_UNAVAILABLE);
    ck_assert_msg(strstr(provider_error.text, pid), "%s", provider_error.text);
    provider_rig_close();
    rig.fixture->provider->close(first);
    free(first);
}
END_TEST

static void drop_the_slot(void)
{
    pg_rig_exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
    pg_rig_wait("SELECT count(*) FROM pg_replication_slots WHERE active", "0");
    pg_rig_exec("SELECT pg_drop_replication_slot('" SLOT "')");
}

START_TEST(a_slot_that_was_dropped_is_a_failure_or_a_new_snapshot_as_configured)
{
    provider_rig_open(STR_EMPTY);
    insert(1, 2);
    provider_rig_read(2);
    ck_assert_int_eq(confirm_all(), WF_OK);
    struct buf from;
    buf_init(&from, LIMIT_POSITION);
    buf_str(&from, buf_view(&rig.position));
    provider_rig_close();
    drop_the_slot();
    ck_assert_int_eq(provider_rig_try_open(buf_view(&from)), WF_STATE);
    ck_assert_ptr_nonnull(strstr(provider_error.text, SLOT));
    ck_assert_uint_eq(rig.snapshots, 0);
    provider_rig_close();
    options()->on_slot_lost = PG_SLOT_LOST_RESNAPSHOT;
    provider_rig_open(buf_view(&from));
    ck_assert_uint_eq(rig.snapshots, 1);
    insert(3, 4);
    provider_rig_read(4);
    provider_rig_numbers_are(0, 4, 1);
    buf_release(&from);
}
END_TEST

/* The part for tables without replica identity; "ours" is written on the other. */
START_TEST(half_a_publication_is_as_good_as_none)
{
    provider_rig_open(STR_EMPTY);
    provider_rig_close();
    pg_rig_exec("DROP PUBLICATION " SLOT "_insert");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(provider_rig_try_open(buf_view(&rig.position)), WF_STATE);
        ck_assert_ptr_nonnull(strstr(provider_error.text, "was dropped"));
        provider_rig_close();
    }
    options()->on_slot_lost = PG_SLOT_LOST_RESNAPSHOT;
    provider_rig_open(buf_view(&rig.position));
    ck_assert_uint_eq(rig.snapshots, 1);
}
END_TEST

START_TEST(a_publication_that_was_dropped_is_named)
{
    provider_rig_open(STR_EMPTY);
    insert(1, 2);
    provider_rig_read(2);
    ck_assert_int_eq(confirm_all(), WF_OK);
    pg_rig_exec("DROP PUBLICATION " SLOT);
    insert(3, 3);
    ck_assert_int_eq(poll_to_the_end(), WF_STATE);
    ck_assert_msg(strstr(provider_error.text, "publication"), "%s", provider_error.text);
    struct buf from;
    buf_init(&from, LIMIT_POSITION);
    buf_str(&from, buf_view(&rig.position));
    provider_rig_close();
    for (int i = 0; i < 3; i++) { /* not only the first time */
        wf_status status = provider_rig_try_open(buf_view(&from));
        ck_assert_msg(status == WF_STATE, "%d %s", status, provider_error.text);
        provider_rig_close();
    }
    options()->on_slot_lost = PG_SLOT_LOST_RESNAPSHOT;
    provider_rig_open(buf_view(&from));
    ck_assert_uint_ge(rig.snapshots, 1);
    insert(4, 4);
    provider_rig_read(3);
    buf_release(&from);
}
END_TEST

/* A crash between the two must not leave a table that is published and never read. */
START_TEST(a_new_table_is_asked_for_before_it_is_added)
{
    provider_rig_open(STR_EMPTY);
    PGconn *other = pg_rig_connect();
    pg_rig_exec("CREATE TABLE extra (id int PRIMARY KEY)");
    pg_rig_on(other, "BEGIN; LOCK TABLE extra IN SHARE UPDATE EXCLUSIVE MODE");
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (!rig.snapshots && clock_mono_ms() < deadline)
        if (rig.fixture->provider->poll(rig.state, (struct cdc_budget){50, 100},
                                        &provider_error))
            break; /* waiting for the lock took longer than this server lets us be silent */
    ck_assert_uint_ge(rig.snapshots, 1);
    /* Whoever holds it may do so for long: the next attempt is later. */
    const struct postgres_state *s = rig.state;
    ck_assert(s->publication.waits);
    ck_assert_int_gt(s->renew_ms, clock_mono_ms() + POSTGRES_RENEW_MS);
    ck_assert_str_eq(
        pg_rig_query(
            "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'extra'"),
        "0");
    PQfinish(other);
}
END_TEST

START_TEST(a_slot_made_before_the_publication_begins_now)
{
    insert(1, 2);
    pg_rig_exec("SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    insert(3, 4);
    provider_rig_open(STR_EMPTY);
    insert(5, 6);
    provider_rig_read(2);
    provider_rig_numbers_are(0, 2, 5);
}
END_TEST

START_TEST(a_role_without_the_right_is_told_which)
{
    char connection[600];
    pg_rig_exec("DROP ROLE IF EXISTS plain");
    pg_rig_exec("CREATE ROLE plain LOGIN");
    snprintf(connection, sizeof connection, "%s user=plain", pg_rig_connection_tcp());
    wf_str before = rig.settings->connection;
    rig.settings->connection = str_from(connection);
    wf_status status = provider_rig_try_open(STR_EMPTY);
    ck_assert_msg(status == WF_CONFIG, "%s", provider_error.text);
    provider_rig_close();
    rig.settings->connection = before;
}
END_TEST

START_TEST(a_quiet_database_beside_a_busy_one_lets_the_log_go)
{
    options()->heartbeat_ms = 100;
    provider_rig_open(STR_EMPTY);
    struct cdc_lag lag = CDC_LAG_UNKNOWN;
    /* The last four may be on their way; on a machine that is busy as well, more. */
    const int64_t most = 600000;
    for (int i = 0; i < 12 || (i < 60 && lag.bytes >= most); i++) {
        pg_rig_exec("SELECT pg_logical_emit_message(false, 'busy', repeat('x', 100000))");
        provider_rig_poll(100, 100);
        if (rig.position.len)
            ck_assert_int_eq(confirm_all(), WF_OK);
        ck_assert_int_eq(rig.fixture->provider->lag(rig.state, &lag, &provider_error),
                         WF_OK);
    }
    ck_assert_int_lt(lag.bytes, most);
    ck_assert_uint_eq(rig.count, 0);
}
END_TEST

START_TEST(an_idle_server_gets_nothing_to_write)
{
    options()->heartbeat_ms = 100;
    provider_rig_open(STR_EMPTY);
    for (int i = 0; i < 5; i++)
        provider_rig_poll(100, 200);
    char before[64];
    snprintf(before, sizeof before, "%s",
             pg_rig_query("SELECT pg_current_wal_insert_lsn()"));
    for (int i = 0; i < 10; i++)
        provider_rig_poll(100, 100);
    ck_assert_str_eq(pg_rig_query("SELECT pg_current_wal_insert_lsn()"), before);
}
END_TEST

static void cleanup_says(const char *expected)
{
    struct buf removed;
    buf_init(&removed, LIMIT_CONFIG_BYTES);
    ck_assert_msg(rig.fixture->provider->cleanup(rig.state, &removed, &provider_error) ==
                      WF_OK,
                  "%s", provider_error.text);
    ck_assert_str_eq(buf_c(&removed), expected);
    buf_release(&removed);
}

START_TEST(a_cleanup_removes_what_is_ours_and_leaves_what_is_not)
{
    if (_i == 0) {
        provider_rig_open(STR_EMPTY);
        insert(1, 1);
        provider_rig_read(1);
        cleanup_says(pg_rig_version() < 140000
                         ? "replication slot cdc_contract\npublication cdc_contract\n"
                         : "replication slot cdc_contract\npublication cdc_contract\n"
                           "event trigger for DDL\n");
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_replication_slots"), "0");
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "0");
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_event_trigger"), "0");
        return;
    }
    pg_rig_exec("CREATE PUBLICATION theirs FOR TABLE items");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')");
    options()->slot = STR("theirs");
    options()->publication = STR("theirs");
    options()->ddl = PG_DDL_OFF;
    insert(1, 1);
    provider_rig_open(STR_EMPTY);
    provider_rig_read(1); /* it begins where the slot stands */
    cleanup_says("");
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_replication_slots"), "1");
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "1");
}
END_TEST

START_TEST(an_open_for_a_cleanup_asks_for_nothing_to_be_in_order)
{
    provider_rig_open(STR_EMPTY);
    provider_rig_close();
    drop_the_slot();
    rig.removing = true;
    provider_rig_open(STR("FFFF/0"));
    cleanup_says(pg_rig_version() < 140000
                     ? "publication cdc_contract\n"
                     : "publication cdc_contract\nevent trigger for DDL\n");
}
END_TEST

static char last_notice[1024];

static void keep_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx, (void)level;
    snprintf(last_notice, sizeof last_notice, "%s", text);
}

/* Whether the slot was ours only the publication could have told. */
START_TEST(a_slot_of_a_given_name_without_its_publication_is_left_and_told)
{
    options()->slot = STR("given");
    provider_rig_open(STR_EMPTY);
    provider_rig_close();
    pg_rig_exec("DROP PUBLICATION cdc_contract");
    rig.removing = true;
    rig.out.notice = keep_notice;
    provider_rig_open(STR_EMPTY);
    struct buf removed;
    buf_init(&removed, LIMIT_CONFIG_BYTES);
    ck_assert_int_eq(rig.fixture->provider->cleanup(rig.state, &removed, &provider_error),
                     WF_OK);
    ck_assert_ptr_null(strstr(buf_c(&removed), "slot"));
    ck_assert_ptr_nonnull(strstr(last_notice, "pg_drop_replication_slot('given')"));
    ck_assert_str_eq(pg_rig_query("SELECT slot_name FROM pg_replication_slots"), "given");
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "0");
    buf_release(&removed);
}
END_TEST

START_TEST(what_an_old_server_cannot_do_is_said)
{
    if (pg_rig_version() >= 140000) {
        options()->messages = STR("*");
        options()->ddl = PG_DDL_REQUIRED;
        provider_rig_open(STR_EMPTY);
        return;
    }
    options()->messages = STR("*");
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "'options.messages'"));
    provider_rig_close();
    options()->messages = STR_EMPTY;
    options()->ddl = PG_DDL_REQUIRED;
    ck_assert_int_eq(provider_rig_try_open(STR_EMPTY), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(provider_error.text, "'options.ddl'"));
    provider_rig_close();
    options()->ddl = PG_DDL_AUTO;
    provider_rig_open(STR_EMPTY);
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_event_trigger"), "0");
}
END_TEST

static void fill(void)
{
    pg_rig_exec("INSERT INTO items SELECT n, repeat('x', 20000) FROM "
                "generate_series(1, 100) n");
    for (int n = 101; n <= 150; n++)
        pg_rig_execf("INSERT INTO items VALUES (%d, repeat(md5('%d'), 1000))", n, n);
    pg_rig_exec("INSERT INTO items SELECT n, string_agg(md5((n * i)::text), '') FROM "
                "generate_series(151, 190) n, generate_series(1, 4000) i GROUP BY n");
}

START_TEST(catching_up_gives_the_same_events_as_streaming)
{
    char ids[200][80];
    provider_rig_open(STR_EMPTY);
    struct buf from;
    buf_init(&from, LIMIT_POSITION);
    buf_str(&from, buf_view(&rig.position));
    provider_rig_close();
    fill();
    options()->catch_up = PG_CATCH_UP_OFF;
    provider_rig_open(buf_view(&from));
    provider_rig_read(190);
    for (size_t i = 0; i < 190; i++)
        memcpy(ids[i], rig.events[i].id, sizeof ids[i]);
    provider_rig_close();
    rig.count = 0;
    options()->catch_up = PG_CATCH_UP_AUTO;
    options()->catch_up_threshold = 1000;
    provider_rig_open(buf_view(&from));
    provider_rig_read(190);
    ck_assert_int_eq(confirm_all(), WF_OK);
    insert(1000, 1009);
    provider_rig_read(200);
    for (size_t i = 0; i < 190; i++)
        ck_assert_str_eq(rig.events[i].id, ids[i]);
    provider_rig_numbers_are(190, 10, 1000);
    ck_assert_int_eq(confirm_all(), WF_OK);
    reopen();
    insert(1010, 1010);
    provider_rig_read(201);
    buf_release(&from);
}
END_TEST

START_TEST(without_a_spare_slot_there_is_no_catching_up_and_nothing_is_lost)
{
    provider_rig_open(STR_EMPTY);
    struct buf from;
    buf_init(&from, LIMIT_POSITION);
    buf_str(&from, buf_view(&rig.position));
    provider_rig_close();
    fill();
    pg_rig_exec("SELECT pg_create_physical_replication_slot('full_' || n) FROM "
                "generate_series(1, 7) n");
    options()->catch_up_threshold = 1000;
    provider_rig_open(buf_view(&from));
    provider_rig_read(190);
    pg_rig_exec(
        "SELECT pg_drop_replication_slot('full_' || n) FROM generate_series(1, 7) n");
    buf_release(&from);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("postgres");
    TCase *tests = tcase_create("postgres");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, begin, NULL);
    tcase_add_checked_fixture(tests, setup, provider_rig_teardown);
    tcase_add_test(tests, a_reader_that_rests_longer_than_the_servers_timeout_is_not_cut);
    tcase_add_test(tests, the_server_is_told_what_is_confirmed_and_nothing_else);
    tcase_add_test(tests, where_an_open_begins_is_not_confirmed_by_it);
    tcase_add_test(tests, a_keepalive_moves_nothing_while_changes_wait);
    tcase_add_test(tests, a_position_beyond_what_was_given_is_refused);
    tcase_add_loop_test(tests, a_stream_that_is_ended_under_us_goes_on_after_an_open, 0, 3);
    tcase_add_test(tests, a_control_connection_that_broke_is_made_again);
    tcase_add_test(tests, a_slot_in_use_names_who_has_it);
    tcase_add_test(tests,
                   a_slot_that_was_dropped_is_a_failure_or_a_new_snapshot_as_configured);
    tcase_add_test(tests, half_a_publication_is_as_good_as_none);
    tcase_add_test(tests, a_publication_that_was_dropped_is_named);
    tcase_add_test(tests, a_new_table_is_asked_for_before_it_is_added);
    tcase_add_test(tests, a_slot_made_before_the_publication_begins_now);
    tcase_add_test(tests, a_role_without_the_right_is_told_which);
    tcase_add_test(tests, a_quiet_database_beside_a_busy_one_lets_the_log_go);
    tcase_add_test(tests, an_idle_server_gets_nothing_to_write);
    tcase_add_loop_test(tests, a_cleanup_removes_what_is_ours_and_leaves_what_is_not, 0, 2);
    tcase_add_test(tests, an_open_for_a_cleanup_asks_for_nothing_to_be_in_order);
    tcase_add_test(tests, a_slot_of_a_given_name_without_its_publication_is_left_and_told);
    tcase_add_test(tests, what_an_old_server_cannot_do_is_said);
    tcase_add_test(tests, catching_up_gives_the_same_events_as_streaming);
    tcase_add_test(tests, without_a_spare_slot_there_is_no_catching_up_and_nothing_is_lost);
    suite_add_tcase(suite, tests);
    return suite;
}
