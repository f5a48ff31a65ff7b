/* SPDX-License-Identifier: MIT
 *
 * Events that could not be delivered, and their way back.
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

static const struct store_dead_letter example = {
    .subscription = {"mail", 4},
    .event_id = {"pg:1:2", 6},
    .table = {"public.orders", 13},
    .op = {"INSERT", 6},
    .attempts = 5,
    .reason = {"failed", 6},
    .error = {"no route", 8},
    .event = {"{\"id\":\"pg:1:2\"}", 15},
};

START_TEST(a_dead_letter_is_a_row_that_the_host_can_read)
{
    must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    ck_assert_int_eq(
        store_rig_number(
            "SELECT count(*) FROM dead_letter WHERE id = 1 AND source_id = 'shop' AND"
            " subscription = 'mail' AND event_id = 'pg:1:2' AND table_name = "
            "'public.orders'"
            " AND op = 'INSERT' AND attempts = 5 AND reason = 'failed' AND error = "
            "'no route'"
            " AND event = CAST('{\"id\":\"pg:1:2\"}' AS BLOB) AND state = 'dead'"
            " AND created_at LIKE '20__-__-__T__:__:__%Z'"),
        1);
}
END_TEST

static bool next_replay(struct buf *memory, struct store_dead_letter *out)
{
    bool found = false;
    must(store_dead_letter_next_replay(store_rig_store, SHOP, STR("mail"), memory, out,
                                       &found, &err));
    return found;
}

START_TEST(letters_set_to_replay_come_back_oldest_first)
{
    CDC_CLEANUP(buf_release) struct buf memory;
    buf_init(&memory, LIMIT_TEXT_BYTES);
    struct store_dead_letter letter = {0};
    struct store_dead_letter other = example;
    other.subscription = STR("audit");
    must(store_dead_letter_add(store_rig_store, SHOP, &other, &err));
    for (int i = 0; i < 3; i++)
        must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    ck_assert(!next_replay(&memory, &letter));

    store_rig_execute("UPDATE dead_letter SET state = 'replay' WHERE id <> 2");
    buf_lit(&memory, "kept");
    ck_assert(next_replay(&memory, &letter));
    ck_assert_int_eq(letter.id, 3);
    ck_assert_int_eq(letter.attempts, 5);
    ck_assert(str_eq(letter.subscription, example.subscription));
    ck_assert(str_eq(letter.event_id, example.event_id));
    ck_assert(str_eq(letter.table, example.table));
    ck_assert(str_eq(letter.op, example.op));
    ck_assert(str_eq(letter.reason, example.reason));
    ck_assert(str_eq(letter.error, example.error));
    ck_assert(str_eq(letter.event, example.event));
    ck_assert(str_starts(buf_view(&memory), STR("kept")));

    must(store_dead_letter_drop(store_rig_store, 3, &err));
    ck_assert(next_replay(&memory, &letter));
    ck_assert_int_eq(letter.id, 4);
    must(store_dead_letter_failed(store_rig_store, 4, STR("still no route"), &err));
    ck_assert(!next_replay(&memory, &letter));
    ck_assert_int_eq(
        store_rig_number(
            "SELECT count(*) FROM dead_letter WHERE id = 4 AND state = 'dead' AND"
            " attempts = 6 AND error = 'still no route'"),
        1);
}
END_TEST

START_TEST(a_letter_of_empty_texts_comes_back_empty)
{
    CDC_CLEANUP(buf_release) struct buf memory;
    buf_init(&memory, LIMIT_TEXT_BYTES);
    struct store_dead_letter letter = {0};
    letter.subscription = STR("mail");
    must(store_dead_letter_add(store_rig_store, SHOP, &letter, &err));
    store_rig_execute("UPDATE dead_letter SET state = 'replay'");
    ck_assert(next_replay(&memory, &letter));
    ck_assert_uint_eq(letter.event.len, 0);
    ck_assert_uint_eq(letter.error.len, 0);
}
END_TEST

START_TEST(a_letter_larger_than_the_buffer_is_an_error_and_stays)
{
    char memory[20];
    struct buf small;
    buf_fixed(&small, memory, sizeof memory);
    struct store_dead_letter letter = {.id = 77};
    bool found = false;
    must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    store_rig_execute("UPDATE dead_letter SET state = 'replay'");
    ck_assert_int_eq(store_dead_letter_next_replay(store_rig_store, SHOP, STR("mail"),
                                                   &small, &letter, &found, &err),
                     WF_CONFIG);
    ck_assert_int_eq(letter.id, 77);
    ck_assert(!found);
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM dead_letter"), 1);
}
END_TEST

START_TEST(a_letters_number_is_never_used_again)
{
    must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    must(store_dead_letter_drop(store_rig_store, 1, &err));
    must(store_dead_letter_drop(store_rig_store, 1, &err));
    must(store_dead_letter_failed(store_rig_store, 1, STR("gone"), &err));
    must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    ck_assert_int_eq(store_rig_number("SELECT id FROM dead_letter"), 2);
}
END_TEST

START_TEST(a_change_by_another_connection_is_noticed_once)
{
    ck_assert(!store_changed_by_others(store_rig_store));
    must(store_dead_letter_add(store_rig_store, SHOP, &example, &err));
    ck_assert(!store_changed_by_others(store_rig_store));
    store_rig_execute("UPDATE dead_letter SET state = 'replay'");
    ck_assert(store_changed_by_others(store_rig_store));
    ck_assert(!store_changed_by_others(store_rig_store));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store_dead_letter");
    TCase *tcase = tcase_create("store_dead_letter");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, store_rig_setup, store_rig_teardown);
    tcase_add_test(tcase, a_dead_letter_is_a_row_that_the_host_can_read);
    tcase_add_test(tcase, letters_set_to_replay_come_back_oldest_first);
    tcase_add_test(tcase, a_letter_of_empty_texts_comes_back_empty);
    tcase_add_test(tcase, a_letter_larger_than_the_buffer_is_an_error_and_stays);
    tcase_add_test(tcase, a_letters_number_is_never_used_again);
    tcase_add_test(tcase, a_change_by_another_connection_is_noticed_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
