/* SPDX-License-Identifier: MIT
 *
 * What a connection does where no server is, or one that never answers.
 */
#include "providers/postgres/pg_conn.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/postgres/pg_options.h"
#include "tests/support/fake_pg.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

static struct pg_options options;
static struct cdc_settings settings;
static struct cancel cancel;
static _Atomic bool unwanted;
static struct pg_conn conn;
static wf_error err;

static wf_status dial(wf_str connection)
{
    settings = (struct cdc_settings){
        .source_id = STR("s"), .connection = connection, .options = &options};
    conn = (struct pg_conn){.cancel = &cancel, .unwanted = &unwanted};
    memset(&err, 0, sizeof err);
    return pg_conn_open(&conn, &settings, PG_CONN_CONTROL, &err);
}

static const char *const bad[] = {
    "postgresql://u:hidden@host:5432/db?x y=hidden",
    "postgresql://u:hidden@[::1/db",
    "postgresql://u:hidden%zz@host/db",
    "postgresql://u:hidden%00@host/db",
    "host=h password='hidden",
    "host=h password=my hidden",
    "hidden",
    "password=hidden nonsense=1",
    "postgresql://u:hidden@host/db?sslmode",
};

START_TEST(a_connection_that_cannot_be_parsed_is_refused_and_never_shown)
{
    ck_assert_int_eq(dial(str_from(bad[_i])), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "connection is neither"));
    ck_assert_msg(!strstr(err.text, "hidden"), "%s", err.text);
    pg_conn_close(&conn);
}
END_TEST

/* libpq would speak of a host, a port or a database that are pieces of the password. */
static const char *const torn[] = {
    "postgresql://u:p@hidden@127.0.0.1:1/db", "postgresql://u:p@@127.0.0.1:1/hidden",
    "postgresql://u:hidden/x@127.0.0.1:1/db", "postgres://u:1/hidden@127.0.0.1:1/db",
    "postgresql://u:hidden/@127.0.0.1:1/db",  "postgresql://u:p@127.0.0.1:hidden/db",
    "postgresql://u:p@h:1,k:hidden/db",
};

START_TEST(a_uri_torn_by_its_password_is_refused_and_never_shown)
{
    ck_assert_int_eq(dial(str_from(torn[_i])), WF_CONFIG);
    ck_assert_msg(strstr(err.text, "%40") != NULL, "%s", err.text);
    ck_assert_msg(!strstr(err.text, "hidden"), "%s", err.text);
    pg_conn_close(&conn);
}
END_TEST

static const char *const whole[] = {
    "postgresql://me%40there:p%40%2F%3F@127.0.0.1:1/my%40db",
    "postgresql://u:p?x#y:z@127.0.0.1:1,127.0.0.1:1/db",
    "postgresql://127.0.0.1:1/db?user=me@there&password=p@/w",
    "postgres:///db?host=127.0.0.1&port=1&user=me@there",
    "host=127.0.0.1 port=1 user=me@there password=p@/w",
};

START_TEST(a_uri_that_is_whole_is_taken_whatever_its_password)
{
    ck_assert_msg(dial(str_from(whole[_i])) == WF_UNAVAILABLE, "%s", err.text);
    pg_conn_close(&conn);
}
END_TEST

START_TEST(a_nul_byte_in_the_connection_is_refused)
{
    ck_assert_int_eq(dial((wf_str){"host=a\0b", 8}), WF_CONFIG);
    pg_conn_close(&conn);
}
END_TEST

START_TEST(a_value_that_libpq_does_not_know_is_the_configurations_fault)
{
    static const char *const values[] = {
        "host=127.0.0.1 sslmode=maybe password=hidden",
        "host=127.0.0.1 port=none password=hidden",
        "host=127.0.0.1 port=1,2,3 password=hidden",
        "host=127.0.0.1 port=99999 password=hidden",
    };
    ck_assert_msg(dial(str_from(values[_i])) == WF_CONFIG, "%s", err.text);
    ck_assert(!strstr(err.text, "hidden"));
    pg_conn_close(&conn);
}
END_TEST

START_TEST(nobody_listening_is_something_that_waiting_may_heal)
{
    char text[300];
    snprintf(text, sizeof text, "host=%s password=hidden", temp_dir());
    ck_assert_int_eq(dial(str_from(text)), WF_UNAVAILABLE);
    ck_assert(!strstr(err.text, "hidden"));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot connect to the server"));
    ck_assert_int_eq(pg_conn_query(&conn, "ask", "SELECT 1", NULL, 0, NULL, &err),
                     WF_UNAVAILABLE);
    pg_conn_close(&conn);
    pg_conn_close(&conn);
    ck_assert_int_eq(pg_conn_query(&conn, "ask", "SELECT 1", NULL, 0, NULL, &err),
                     WF_UNAVAILABLE);
}
END_TEST

/* A port that takes connections and never says a word. */
static int mute(int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

START_TEST(a_server_that_never_answers_is_given_up_after_its_time)
{
    char text[200];
    int port, fd = mute(&port);
    options.connect_timeout_ms = 150;
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d", port);
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(dial(str_from(text)), WF_UNAVAILABLE);
    ck_assert_int_ge(clock_mono_ms() - before, 140);
    ck_assert_int_lt(clock_mono_ms() - before, 3000);
    ck_assert_ptr_nonnull(strstr(err.text, "150 ms"));
    pg_conn_close(&conn);
    close(fd);
}
END_TEST

START_TEST(the_hosts_behind_one_that_never_answers_get_their_turn)
{
    char text[400];
    int port, fd = mute(&port);
    options.connect_timeout_ms = 150;
    const char *dir = temp_dir();
    struct fake_pg *fake = fake_pg_start(dir, "15.2", "1000");
    snprintf(text, sizeof text, "host=127.0.0.1,127.0.0.1,%s port=%d,%d,5999 user=u", dir,
             port, port);
    /* Twice the same host and port: one look at both. */
    wf_status status = dial(str_from(text));
    ck_assert_msg(status == WF_OK, "%s", err.text);
    ck_assert_int_eq(conn.version, 150002);
    pg_conn_close(&conn);
    fake_pg_stop(fake);
    close(fd);
}
END_TEST

START_TEST(a_server_that_is_too_old_is_refused)
{
    struct fake_pg *fake = fake_pg_start(temp_dir(), "12.9", "1000");
    ck_assert_int_eq(dial(str_from(fake_pg_connection(fake))), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "12.9"));
    pg_conn_close(&conn);
    fake_pg_stop(fake);
}
END_TEST

static void *call_off_soon(void *arg)
{
    (void)arg;
    const struct timespec moment = {.tv_nsec = 50000000};
    nanosleep(&moment, NULL);
    atomic_store(&unwanted, true);
    return NULL;
}

START_TEST(an_open_that_nobody_wants_any_more_ends)
{
    char text[200];
    pthread_t thread;
    int port, fd = mute(&port);
    options.connect_timeout_ms = 20000;
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d", port);
    ck_assert_int_eq(thread_start(&thread, "call off", call_off_soon, NULL, &err), WF_OK);
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(dial(str_from(text)), WF_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - before, 3000);
    pthread_join(thread, NULL);
    atomic_store(&unwanted, false);
    pg_conn_close(&conn);
    close(fd);
}
END_TEST

START_TEST(a_raised_cancel_ends_a_wait_unless_the_connection_is_deaf)
{
    struct fake_pg *fake = fake_pg_start(temp_dir(), "15.2", "1000");
    ck_assert_int_eq(cancel_open(&cancel, &err), WF_OK);
    ck_assert_int_eq(dial(str_from(fake_pg_connection(fake))), WF_OK);
    ck_assert_int_eq(pg_conn_wait(&conn, 0), PG_CONN_TIMEOUT);
    cancel_raise(&cancel);
    ck_assert_int_eq(pg_conn_wait(&conn, 10000), PG_CONN_CANCELLED);
    conn.deaf = true;
    ck_assert_int_eq(pg_conn_wait(&conn, 10), PG_CONN_TIMEOUT);
    ck_assert(cancel_take(&cancel));
    fake_pg_cut(fake);
    ck_assert_int_eq(pg_conn_wait(&conn, 10000), PG_CONN_READY);
    bool busy;
    ck_assert_int_eq(pg_conn_settle(&conn, "look", &busy, &err), WF_UNAVAILABLE);
    pg_conn_close(&conn);
    cancel_close(&cancel);
    fake_pg_stop(fake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_conn");
    TCase *tests = tcase_create("pg_conn");
    tcase_add_loop_test(tests,
                        a_connection_that_cannot_be_parsed_is_refused_and_never_shown, 0,
                        (int)(sizeof bad / sizeof *bad));
    tcase_add_loop_test(tests, a_uri_torn_by_its_password_is_refused_and_never_shown, 0,
                        (int)(sizeof torn / sizeof *torn));
    tcase_add_loop_test(tests, a_uri_that_is_whole_is_taken_whatever_its_password, 0,
                        (int)(sizeof whole / sizeof *whole));
    tcase_add_test(tests, a_nul_byte_in_the_connection_is_refused);
    tcase_add_loop_test(tests, a_value_that_libpq_does_not_know_is_the_configurations_fault,
                        0, 4);
    tcase_add_test(tests, nobody_listening_is_something_that_waiting_may_heal);
    tcase_add_test(tests, a_server_that_never_answers_is_given_up_after_its_time);
    tcase_add_test(tests, the_hosts_behind_one_that_never_answers_get_their_turn);
    tcase_add_test(tests, a_server_that_is_too_old_is_refused);
    tcase_add_test(tests, an_open_that_nobody_wants_any_more_ends);
    tcase_add_test(tests, a_raised_cancel_ends_a_wait_unless_the_connection_is_deaf);
    suite_add_tcase(suite, tests);
    return suite;
}
