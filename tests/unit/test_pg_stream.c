/* SPDX-License-Identifier: MIT
 *
 * The framing of the replication stream, against a server that sends what a real one never
 * would.
 */
#include "providers/postgres/pg_stream.h"

#include <linux/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/str.h"
#include "providers/postgres/pg_options.h"
#include "tests/support/fake_pg.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

static struct fake_pg *fake;
static struct pg_options options;
static struct cdc_settings settings;
static struct cancel cancel;
static struct pg_stream stream;
static wf_error err;

static void begin_at(const char *dir, const char *version, const char *timeout)
{
    const struct pg_stream_start start = {"my \"slot", "\"pub\"\"'\"", 0x100000010, 0x20};
    fake = fake_pg_start(dir, version, timeout);
    settings = (struct cdc_settings){.source_id = STR("s"),
                                     .connection = str_from(fake_pg_connection(fake)),
                                     .options = &options};
    cancel = (struct cancel){0};
    ck_assert_int_eq(cancel_open(&cancel, &err), WF_OK);
    stream = (struct pg_stream){.conn.cancel = &cancel};
    wf_status status = pg_stream_open(&stream, &settings, &start, &err);
    ck_assert_msg(status == WF_OK, "%s", err.text);
}

static void begin_with(const char *version, const char *timeout)
{
    begin_at(temp_dir(), version, timeout);
}

/* Without the server's answer to the end, which closing would wait for. */
static void end(void)
{
    fake_pg_cut(fake);
    pg_stream_close(&stream);
    cancel_close(&cancel);
    fake_pg_stop(fake);
}

/* Waits until something came, or five seconds went by. */
static wf_status next(struct pg_feed_item *item)
{
    int64_t deadline = clock_mono_ms() + 5000;
    wf_status status = pg_stream_next(&stream, item, &err);
    while (!status && item->kind == PG_FEED_NOTHING && clock_mono_ms() < deadline) {
        status = pg_stream_wait(&stream, 100, true, &err);
        if (!status)
            status = pg_stream_next(&stream, item, &err);
    }
    return status;
}

static uint64_t number(const char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static void status_says(uint64_t write, uint64_t flush, bool ask)
{
    char message[64];
    size_t len;
    ck_assert(fake_pg_receive(fake, message, sizeof message, &len));
    ck_assert_uint_eq(len, 34);
    ck_assert_int_eq(message[0], 'r');
    ck_assert_uint_eq(number(message + 1), write);
    ck_assert_uint_eq(number(message + 9), flush);
    ck_assert_uint_eq(number(message + 17), flush);
    ck_assert_int_eq(message[33], ask);
}

static const struct {
    const char *version, *options;
} statements[] = {
    {"13.4", "(proto_version '1', publication_names '\"pub\"\"''\"')"},
    {"14.1", "(proto_version '2', publication_names '\"pub\"\"''\"', messages 'true', "
             "streaming 'on')"},
    {"15.20", "(proto_version '3', publication_names '\"pub\"\"''\"', messages 'true', "
              "streaming 'on', two_phase 'on')"},
    {"16.0", "(proto_version '4', publication_names '\"pub\"\"''\"', messages 'true', "
             "streaming 'parallel', two_phase 'on', origin 'none')"},
};

START_TEST(the_statement_asks_for_what_the_server_has)
{
    char expected[512];
    options = (struct pg_options){.two_phase = true, .origin = STR("none")};
    begin_with(statements[_i].version, "60000");
    snprintf(expected, sizeof expected,
             "START_REPLICATION SLOT \"my \"\"slot\" LOGICAL 1/10 %s",
             statements[_i].options);
    ck_assert_str_eq(fake_pg_begun(fake), expected);
    end();
}
END_TEST

START_TEST(data_comes_with_its_place_and_is_received_but_not_flushed)
{
    static const char data[] = "w\0\0\0\2\0\0\0\7\0\0\0\2\0\0\0\7tttttttthello";
    struct pg_feed_item item;
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    ck_assert_int_eq(pg_stream_tell(&stream, false, &err), WF_OK);
    status_says(0x100000010, 0x20, false);
    fake_pg_send(fake, data, sizeof data - 1);
    ck_assert_int_eq(next(&item), WF_OK);
    ck_assert_int_eq(item.kind, PG_FEED_DATA);
    ck_assert_uint_eq(item.lsn, 0x200000007);
    ck_assert(str_is(item.bytes, "hello"));
    stream.flushable = 0x300;
    ck_assert_int_eq(pg_stream_tell(&stream, false, &err), WF_OK); /* nothing is due */
    ck_assert_int_eq(pg_stream_tell(&stream, true, &err), WF_OK);
    status_says(0x200000007, 0x300, false);
    end();
}
END_TEST

START_TEST(a_keepalive_that_asks_is_answered_at_once_and_moves_nothing_that_is_not_ours)
{
    static const char keepalive[] = "k\0\0\0\3\0\0\0\0tttttttt\1";
    struct pg_feed_item item;
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    ck_assert_int_eq(pg_stream_tell(&stream, false, &err), WF_OK);
    status_says(0x100000010, 0x20, false);
    fake_pg_send(fake, keepalive, sizeof keepalive - 1);
    ck_assert_int_eq(next(&item), WF_OK);
    ck_assert_int_eq(item.kind, PG_FEED_PASSED);
    ck_assert_uint_eq(item.lsn, 0x300000000);
    status_says(0x300000000, 0x20, false);
    end();
}
END_TEST

START_TEST(status_updates_go_out_while_nothing_is_read)
{
    begin_with("15.2", "300");
    fake_pg_begun(fake);
    ck_assert_int_eq(pg_stream_wait(&stream, 350, false, &err), WF_OK);
    for (int i = 0; i < 4; i++)
        status_says(0x100000010, 0x20, false);
    end();
}
END_TEST

START_TEST(a_server_that_is_silent_is_asked_and_then_given_up)
{
    begin_with("15.2", "300");
    stream.silence_ms = 300;
    fake_pg_begun(fake);
    wf_status status = WF_OK;
    int64_t deadline = clock_mono_ms() + 5000;
    while (!status && clock_mono_ms() < deadline)
        status = pg_stream_wait(&stream, 100, true, &err);
    ck_assert_int_eq(status, WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "has not answered"));
    status_says(0x100000010, 0x20, false);
    status_says(0x100000010, 0x20, true);
    end();
}
END_TEST

START_TEST(an_interrupt_ends_a_wait)
{
    begin_with("15.2", "60000");
    stream.gulp = 0;
    cancel_raise(&cancel);
    int64_t before = clock_mono_ms();
    ck_assert_int_eq(pg_stream_wait(&stream, 5000, true, &err), WF_OK);
    ck_assert_int_eq(pg_stream_wait(&stream, 5000, false, &err), WF_OK);
    ck_assert_int_lt(clock_mono_ms() - before, 4000);
    end();
}
END_TEST

/* A source that is stopped while its stream begins still stores its position. */
START_TEST(a_stream_that_did_not_begin_is_told_nothing_and_that_is_no_failure)
{
    const struct pg_stream_start start = {"slot", "pub", 0x100000010, 0x20};
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    fake_pg_cut(fake);
    pg_stream_close(&stream);
    stream = (struct pg_stream){.conn.cancel = &cancel};
    cancel_raise(&cancel);
    ck_assert_int_eq(pg_stream_open(&stream, &settings, &start, &err), WF_CANCELLED);
    ck_assert_int_eq(pg_stream_tell(&stream, true, &err), WF_OK);
    end();
}
END_TEST

/* Reads `count` data messages. */
static void take(int count)
{
    struct pg_feed_item item;
    for (int seen = 0; seen < count;) {
        ck_assert_int_eq(pg_stream_next(&stream, &item, &err), WF_OK);
        if (item.kind == PG_FEED_NOTHING)
            ck_assert_int_ne(pg_conn_wait(&stream.conn, 3000), PG_CONN_TIMEOUT);
        seen += item.kind == PG_FEED_DATA;
    }
}

/* One gulp of `count` data messages of `bytes`, and the pause that follows.  The socket holds
 * a part of them only, so they come a few at a time. */
static void gulp(int count, size_t bytes)
{
    static char data[100000] = "w\0\0\0\2\0\0\0\7\0\0\0\2\0\0\0\7tttttttt";
    for (int left = count; left > 0; left -= 10) {
        int few = left < 10 ? left : 10;
        for (int i = 0; i < few; i++)
            fake_pg_send(fake, data, bytes);
        take(few);
    }
    ck_assert_int_eq(pg_stream_wait(&stream, 3000, true, &err), WF_OK);
    ck_assert_uint_eq(stream.gulp, 0);
}

/* The pause after so many gulps of that size. */
static int64_t pause_after(int gulps, int count, size_t bytes)
{
    for (int i = 0; i < gulps; i++) {
        int64_t before = stream.pause_ns;
        gulp(count, bytes);
        ck_assert_int_ge(stream.pause_ns, before);
    }
    return stream.pause_ns;
}

static int64_t begin_to_pause(const char *dir)
{
    begin_at(dir, "15.2", "60000");
    fake_pg_begun(fake);
    for (int i = 0; i < 2; i++) /* the first look comes soon, the second is a quiet one */
        ck_assert_int_eq(pg_stream_wait(&stream, 1, true, &err), WF_OK);
    return stream.pause_ns;
}

START_TEST(the_pause_grows_while_gulps_are_small_and_shrinks_when_one_is_large)
{
    int64_t least = begin_to_pause(temp_dir());
    int64_t most = pause_after(30, 40, 100);
    ck_assert_int_gt(most, least);
    ck_assert_int_le(most, 2000000); /* a commit waits for no longer */
    gulp(150, 100);
    ck_assert_int_eq(stream.pause_ns, most);
    gulp(220, 100);
    ck_assert_int_lt(stream.pause_ns, most);
    most = pause_after(30, 40, 100);
    gulp(1, 90000);
    ck_assert_int_lt(stream.pause_ns, most);
    ck_assert_int_eq(pg_stream_wait(&stream, 1, true, &err), WF_OK); /* nothing came */
    ck_assert_int_eq(stream.pause_ns, least);
    end();
}
END_TEST

START_TEST(a_trickle_does_not_wait_for_as_long_as_a_stream)
{
    begin_to_pause(temp_dir());
    int64_t trickle = pause_after(30, 2, 100);
    int64_t most = pause_after(30, 40, 100);
    ck_assert_int_lt(trickle, most);
    gulp(2, 100);
    ck_assert_int_eq(stream.pause_ns, trickle);
    end();
}
END_TEST

/* Whether the kernel leaves the receive buffer as it is. */
static bool buffer_is_fixed(void)
{
    int locks = 0;
    socklen_t len = sizeof locks;
    int fd = PQsocket(stream.conn.handle);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, &len), 0);
    return locks & SOCK_RCVBUF_LOCK;
}

START_TEST(the_window_of_a_near_server_is_fixed)
{
    begin_at(NULL, "15.2", "60000");
    ck_assert(!stream.local && buffer_is_fixed());
    end();
    begin_with("15.2", "60000");
    ck_assert(stream.local && !buffer_is_fixed());
    end();
}
END_TEST

START_TEST(a_gulp_of_tcp_ends_though_there_is_more)
{
    static char data[8000] = "w\0\0\0\2\0\0\0\7\0\0\0\2\0\0\0\7tttttttt";
    struct pg_feed_item item;
    begin_to_pause(NULL);
    for (int i = 0; i < 9; i++) {
        fake_pg_send(fake, data, sizeof data);
        take(1);
    }
    fake_pg_send(fake, data, sizeof data);
    ck_assert_int_eq(pg_conn_wait(&stream.conn, 3000), PG_CONN_READY);
    ck_assert_int_eq(pg_stream_next(&stream, &item, &err), WF_OK);
    ck_assert_int_eq(item.kind, PG_FEED_NOTHING);
    ck_assert_int_eq(pg_stream_wait(&stream, 3000, true, &err), WF_OK);
    take(1);
    end();
}
END_TEST

/* Over TCP hundreds of small messages are few, and the pause is to find the buffer full. */
START_TEST(the_pause_of_tcp_grows_until_gulps_are_whole)
{
    int64_t least = begin_to_pause(NULL);
    int64_t most = pause_after(30, 40, 100);
    ck_assert_int_le(most, 2000000); /* a commit waits for no longer */
    gulp(120, 100);
    ck_assert_int_eq(stream.pause_ns, most);
    int64_t flood = pause_after(30, 40, 1000);
    ck_assert_int_gt(flood, most);
    ck_assert_int_le(flood, 5000000);
    gulp(1, 90000);
    ck_assert_int_lt(stream.pause_ns, flood);
    ck_assert_int_gt(stream.pause_ns, least);
    end();
}
END_TEST

START_TEST(who_cannot_follow_over_tcp_does_not_pause_in_the_end)
{
    int64_t least = begin_to_pause(NULL);
    for (int i = 0; i < 30; i++)
        gulp(1, 90000);
    ck_assert_int_lt(stream.pause_ns, least);
    gulp(1, 100);
    ck_assert_int_eq(stream.pause_ns, least);
    end();
}
END_TEST

/* Cut anywhere, and of unknown kinds; a data message has one byte of content at least. */
START_TEST(a_message_with_a_short_head_is_refused)
{
    static const char data[] = "w\0\0\0\2\0\0\0\7\0\0\0\2\0\0\0\7tttttttt";
    static const char keepalive[] = "k\0\0\0\3\0\0\0\0tttttttt\1";
    struct pg_feed_item item;
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    if (_i == 0)
        fake_pg_send(fake, "x", 1);
    else if (_i < (int)sizeof data)
        fake_pg_send(fake, data, (size_t)_i);
    else
        fake_pg_send(fake, keepalive, (size_t)_i - sizeof data + 1);
    ck_assert_int_eq(next(&item), WF_PROTOCOL);
    end();
}
END_TEST

START_TEST(the_end_of_the_stream_is_one_that_waiting_may_heal)
{
    struct pg_feed_item item;
    static const char failure[] = "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0";
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    if (_i == 0)
        fake_pg_send_raw(fake, 'c', "", 0);
    else if (_i == 1)
        fake_pg_send_raw(fake, 'E', failure, sizeof failure);
    else
        fake_pg_cut(fake);
    ck_assert_int_eq(next(&item), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, _i == 1 ? "57P01" : "cannot read the change"));
    end();
}
END_TEST

START_TEST(closing_does_not_wait_long_for_a_silent_server)
{
    begin_with("15.2", "60000");
    fake_pg_begun(fake);
    int64_t before = clock_mono_ms();
    pg_stream_close(&stream);
    ck_assert_int_ge(clock_mono_ms() - before, 150);
    ck_assert_int_lt(clock_mono_ms() - before, 4000);
    end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_stream");
    TCase *tests = tcase_create("pg_stream");
    tcase_add_loop_test(tests, the_statement_asks_for_what_the_server_has, 0, 4);
    tcase_add_test(tests, data_comes_with_its_place_and_is_received_but_not_flushed);
    tcase_add_test(
        tests,
        a_keepalive_that_asks_is_answered_at_once_and_moves_nothing_that_is_not_ours);
    tcase_add_test(tests, status_updates_go_out_while_nothing_is_read);
    tcase_add_test(tests, a_server_that_is_silent_is_asked_and_then_given_up);
    tcase_add_test(tests, an_interrupt_ends_a_wait);
    tcase_add_test(tests,
                   a_stream_that_did_not_begin_is_told_nothing_and_that_is_no_failure);
    tcase_add_test(tests,
                   the_pause_grows_while_gulps_are_small_and_shrinks_when_one_is_large);
    tcase_add_test(tests, a_trickle_does_not_wait_for_as_long_as_a_stream);
    tcase_add_test(tests, the_window_of_a_near_server_is_fixed);
    tcase_add_test(tests, a_gulp_of_tcp_ends_though_there_is_more);
    tcase_add_test(tests, the_pause_of_tcp_grows_until_gulps_are_whole);
    tcase_add_test(tests, who_cannot_follow_over_tcp_does_not_pause_in_the_end);
    tcase_add_loop_test(tests, a_message_with_a_short_head_is_refused, 0, 26 + 17);
    tcase_add_loop_test(tests, the_end_of_the_stream_is_one_that_waiting_may_heal, 0, 3);
    tcase_add_test(tests, closing_does_not_wait_long_for_a_silent_server);
    suite_add_tcase(suite, tests);
    return suite;
}
