/* SPDX-License-Identifier: MIT
 *
 * test_dead_letter - letters are given again when somebody asks for it, while the source
 * runs or when it starts.
 */
#include <check.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/dead_letter.h"
#include "plugin/core/store_sql.h"
#include "tests/support/run.h"
#include "tests/support/source_rig.h"
#include "tests/support/temp.h"

static struct rig_listener one, two;

static void setup(void)
{
    rig_setup();
    rig_listener_init(&one, "one");
    rig_listener_init(&two, "two");
}

static void teardown(void)
{
    rig_listener_release(&one);
    rig_listener_release(&two);
    rig_teardown();
}

static void await_number(const char *sql, int64_t number)
{
    int64_t deadline = clock_mono_ms() + 10000;
    while (rig_number(sql) != number) {
        ck_assert_msg(clock_mono_ms() < deadline, "%s is not %lld", sql, (long long)number);
        rig_sleep(5);
    }
}

/* As the host's `dead-letters replay` does it.  An idle source looks once a second. */
static void ask_replay(void)
{
    rig_execute("UPDATE dead_letter SET state = 'replay'");
    rig_sleep(25);
    source_wake(rig_source);
}

/* A source that runs, and row 2 in the dead letters of `one`. */
static void make_letter(void)
{
    one.bad_id = 2;
    one.sub.policy.max_attempts = 1;
    rig_listen(&one);
    rig_start("");
    for (int64_t id = 1; id <= 3; id++)
        script_add("t.a", id, id);
    rig_await(&one, 2);
    script_await_confirmed(6);
}

START_TEST(a_letter_set_to_replay_is_given_again_and_removed)
{
    make_letter();
    rig_refuse(&one, INT64_MIN);
    rig_sleep(20);
    ck_assert_uint_eq(one.calls, 3);
    ask_replay();
    rig_await(&one, 3);
    ck_assert_uint_eq(rig_times(&one, 2), 1);
    ck_assert_int_eq(one.events[2].value, 2);
    await_number("SELECT count(*) FROM dead_letter", 0);
    rig_sleep(20);
    ck_assert_uint_eq(one.count, 3);
}
END_TEST

START_TEST(a_replay_that_fails_goes_back_with_one_attempt_more)
{
    make_letter();
    ask_replay();
    await_number("SELECT count(*) FROM dead_letter WHERE state = 'dead' AND attempts = 2",
                 1);
    ck_assert_uint_eq(one.calls, 4);
}
END_TEST

START_TEST(a_start_looks_for_letters_once)
{
    make_letter();
    rig_leave(&one);
    rig_reboot();
    rig_execute("UPDATE dead_letter SET state = 'replay'");
    rig_refuse(&one, INT64_MIN);
    rig_start("");
    rig_listen(&one);
    rig_await(&one, 3);
    await_number("SELECT count(*) FROM dead_letter", 0);
}
END_TEST

START_TEST(a_letter_is_given_to_its_own_subscription_only)
{
    rig_listen(&two);
    make_letter();
    rig_await(&two, 3);
    rig_refuse(&one, INT64_MIN);
    ask_replay();
    rig_await(&one, 3);
    await_number("SELECT count(*) FROM dead_letter", 0);
    ck_assert_uint_eq(two.calls, 3);
}
END_TEST

START_TEST(a_letter_that_is_no_event_is_not_given_to_a_workflow)
{
    rig_listen(&one);
    rig_start("");
    script_poison("t.a");
    script_commit();
    script_await_confirmed(2);
    ask_replay();
    await_number("SELECT count(*) FROM dead_letter WHERE state = 'dead' AND"
                 " error = 'the bytes are not an event'",
                 1);
    ck_assert_uint_eq(one.calls, 0);
}
END_TEST

static void await_logged(const char *words)
{
    int64_t deadline = clock_mono_ms() + 10000;
    while (!rig_logged(words)) {
        ck_assert_msg(clock_mono_ms() < deadline, "never said: %s", words);
        rig_sleep(5);
    }
}

START_TEST(a_store_that_cannot_be_read_for_a_replay_is_said)
{
    make_letter();
    rig_execute("ALTER TABLE dead_letter RENAME TO lost");
    rig_sleep(25);
    source_wake(rig_source);
    await_logged("dead letters not replayed, state not read or stored source=s "
                 "subscription=one error=state file '");
    rig_execute("ALTER TABLE lost RENAME TO dead_letter");
    rig_refuse(&one, INT64_MIN);
    ask_replay();
    await_number("SELECT count(*) FROM dead_letter", 0);
}
END_TEST

/* Given well (0) or refused again (1), and nobody can write it down: it stays a letter. */
START_TEST(a_letter_whose_replay_cannot_be_stored_is_kept_and_that_is_said)
{
    make_letter();
    sqlite3_busy_timeout(rig_source->store->db, 5);
    if (!_i)
        rig_refuse(&one, INT64_MIN);
    rig_hold(&one, true);
    ask_replay();
    rig_await_running(&one, 1);
    sqlite3 *other;
    ck_assert_int_eq(sqlite3_open(temp_path(rig_dir, "state.db"), &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    rig_hold(&one, false);
    await_logged("dead letters not replayed, state not read or stored source=s "
                 "subscription=one error=state file '");
    ck_assert(rig_logged(_i ? "result=the workflow said no\n" : "result=ok\n"));
    sqlite3_close(other);
    ck_assert_int_eq(rig_number("SELECT count(*) FROM dead_letter WHERE state = 'replay'"),
                     1);
    rig_refuse(&one, INT64_MIN);
    ask_replay();
    await_number("SELECT count(*) FROM dead_letter", 0);
}
END_TEST

START_TEST(reason_and_bytes_come_out_as_they_went_in)
{
    static const char bytes[] = "\0\1\2 x";
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    for (size_t cut = 0; cut <= 20; cut++) {
        buf_clear(&text);
        dead_letter_put_reason(&text, STR("too large"));
        buf_append(&text, bytes, sizeof bytes);
        wf_str reason;
        wf_str whole = buf_view(&text);
        wf_str rest = dead_letter_split(str_slice(whole, 0, whole.len - cut), &reason);
        if (!cut) {
            ck_assert(str_eq(reason, STR("too large")));
            ck_assert_uint_eq(rest.len, sizeof bytes);
            ck_assert_mem_eq(rest.ptr, bytes, sizeof bytes);
        }
        ck_assert_uint_le(reason.len + rest.len, whole.len);
        if (cut >= whole.len)
            break;
    }
    buf_release(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("dead_letter");
    TCase *tc = tcase_create("dead letters");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_letter_set_to_replay_is_given_again_and_removed);
    tcase_add_test(tc, a_replay_that_fails_goes_back_with_one_attempt_more);
    tcase_add_test(tc, a_start_looks_for_letters_once);
    tcase_add_test(tc, a_letter_is_given_to_its_own_subscription_only);
    tcase_add_test(tc, a_letter_that_is_no_event_is_not_given_to_a_workflow);
    tcase_add_test(tc, a_store_that_cannot_be_read_for_a_replay_is_said);
    tcase_add_loop_test(tc, a_letter_whose_replay_cannot_be_stored_is_kept_and_that_is_said,
                        0, 2);
    tcase_add_test(tc, reason_and_bytes_come_out_as_they_went_in);
    suite_add_tcase(suite, tc);
    return suite;
}
