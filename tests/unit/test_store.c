/* SPDX-License-Identifier: MIT
 *
 * The store as core uses it.  What happens when the process dies, the disk is full, the
 * file is damaged or memory is short is in tests/fault/test_store_fault.c.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/store.h"
#include "tests/support/doc.h"
#include "tests/support/run.h"
#include "tests/support/store_rig.h"
#include "tests/support/temp.h"

#define SHOP STR("shop")

static wf_error err;

static void must(wf_status status)
{
    store_rig_must(status, &err);
}

static void has_position(wf_str source_id, wf_str position, wf_str identity)
{
    CDC_CLEANUP(buf_release) struct buf got_position;
    CDC_CLEANUP(buf_release) struct buf got_identity;
    buf_init(&got_position, LIMIT_TEXT_BYTES);
    buf_init(&got_identity, LIMIT_TEXT_BYTES);
    must(store_position_get(store_rig_store, source_id, STR_EMPTY, &got_position,
                            &got_identity, &err));
    ck_assert(str_eq(buf_view(&got_position), position));
    ck_assert(str_eq(buf_view(&got_identity), identity));
}

/* Names one after the other, each followed by a space. */
static wf_status add_name(void *ctx, wf_str name, wf_error *row_err)
{
    (void)row_err;
    buf_str(ctx, name);
    buf_byte(ctx, ' ');
    return WF_OK;
}

static void has_subscriptions(wf_str source_id, const char *names)
{
    CDC_CLEANUP(buf_release) struct buf got;
    buf_init(&got, LIMIT_TEXT_BYTES);
    must(store_subscription_each(store_rig_store, source_id, &got, add_name, &err));
    ck_assert_str_eq(buf_c(&got), names);
}

/* ---- the file ---- */

/* SQLite itself would go on, and all of it be gone with the process. */
START_TEST(a_file_that_was_removed_or_replaced_takes_nothing_until_it_is_back)
{
    CDC_CLEANUP(buf_release) struct buf away;
    buf_init(&away, LIMIT_TEXT_BYTES);
    buf_printf(&away, "%s/away", store_rig_dir);
    const char *file = temp_path(store_rig_dir, "state.db");
    ck_assert_int_eq(rename(file, buf_c(&away)), 0);
    if (_i) {
        FILE *other = fopen(file, "w");
        ck_assert_ptr_nonnull(other);
        fclose(other);
    }
    ck_assert_int_eq(
        store_position_put(store_rig_store, SHOP, STR("memory"), STR("id"), STR("7"), &err),
        WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "removed or replaced"));
    ck_assert_int_eq(store_forget(store_rig_store, SHOP, &err), WF_CONFIG);
    ck_assert_int_eq(rename(buf_c(&away), file), 0);
    must(store_position_put(store_rig_store, SHOP, STR("memory"), STR("id"), STR("7"),
                            &err));
    has_position(SHOP, STR("7"), STR("id"));
}
END_TEST

START_TEST(the_folder_and_the_file_are_the_owners_alone_whatever_the_umask)
{
    static const mode_t masks[] = {0, 022, 077, 0277, 0777};
    mode_t before = umask(masks[_i]);
    const char *path = temp_path(temp_dir(), "state");
    struct cdc_store *other = NULL;
    wf_status status = store_open(path, &other, &err);
    umask(before);
    must(status);
    must(store_position_put(other, SHOP, STR("memory"), STR(""), STR("1"), &err));
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0700);
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
    for (size_t i = 0; i < CDC_COUNT(files); i++) {
        ck_assert_int_eq(stat(temp_path(path, files[i]), &info), 0);
        ck_assert_uint_eq(info.st_mode & 07777, 0600);
    }
    store_close(other);
}
END_TEST

START_TEST(a_missing_parent_folder_is_named)
{
    const char *path = temp_path(temp_dir(), "no/state");
    struct cdc_store *other = NULL;
    ck_assert_int_eq(store_open(path, &other, &err), WF_CONFIG);
    ck_assert_ptr_null(other);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
}
END_TEST

START_TEST(a_state_dir_that_is_a_file_is_refused)
{
    const char *path = temp_path(temp_dir(), "state");
    temp_write(path, "x", 1);
    ck_assert_int_eq(store_open(path, &store_rig_store, &err), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
}
END_TEST

START_TEST(an_empty_state_dir_is_refused)
{
    ck_assert_int_eq(store_open("", &store_rig_store, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "state_dir is empty");
}
END_TEST

START_TEST(closing_nothing_does_nothing)
{
    store_close(NULL);
    ck_assert_ptr_nonnull(store_rig_store);
}
END_TEST

START_TEST(the_file_says_what_it_is_and_keeps_what_was_written_through_a_power_cut)
{
    ck_assert_int_eq(store_rig_number("PRAGMA application_id"), 0x63646373);
    ck_assert_int_eq(store_rig_number("PRAGMA user_version"), 1);
    ck_assert_int_eq(
        store_rig_number(
            "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
        1);
}
END_TEST

START_TEST(the_documentation_names_every_table_and_column)
{
    CDC_CLEANUP(buf_release) struct buf page;
    buf_init(&page, LIMIT_TEXT_BYTES);
    doc_read(SOURCE_DIR "/docs/state.md", &page);

    sqlite3 *db;
    sqlite3_stmt *columns;
    ck_assert_int_eq(sqlite3_open(temp_path(store_rig_dir, "state.db"), &db), SQLITE_OK);
    const char *sql =
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &columns, NULL), SQLITE_OK);
    int count = 0;
    for (; sqlite3_step(columns) == SQLITE_ROW; count++) {
        char heading[80];
        char column[80];
        snprintf(heading, sizeof heading, "### `%s`", sqlite3_column_text(columns, 0));
        snprintf(column, sizeof column, "`%s`", sqlite3_column_text(columns, 1));
        ck_assert_msg(str_find(doc_section(buf_view(&page), heading), str_from(column)) >=
                          0,
                      "%s is not under %s", column, heading);
    }
    ck_assert_int_gt(count, 30);
    sqlite3_finalize(columns);
    sqlite3_close(db);
}
END_TEST

/* ---- positions ---- */

START_TEST(a_source_without_a_position_has_an_empty_one)
{
    has_position(SHOP, STR_EMPTY, STR_EMPTY);
}
END_TEST

START_TEST(a_position_is_any_bytes_and_survives_the_close)
{
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    wf_str position = {bytes, sizeof bytes};
    must(store_position_put(store_rig_store, SHOP, STR("mysql"), STR("server-7"), position,
                            &err));
    has_position(SHOP, position, STR("server-7"));
    store_rig_reopen();
    has_position(SHOP, position, STR("server-7"));
}
END_TEST

START_TEST(a_later_position_replaces_the_earlier_one)
{
    must(store_position_put(store_rig_store, SHOP, STR("mysql"), STR("a"), STR("1"), &err));
    must(store_position_put(store_rig_store, SHOP, STR("postgres"), STR("b"), STR("2"),
                            &err));
    must(store_position_put(store_rig_store, STR("other"), STR("mysql"), STR("c"), STR("3"),
                            &err));
    has_position(SHOP, STR("2"), STR("b"));
    has_position(STR("other"), STR("3"), STR("c"));
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM position"), 2);
    ck_assert_int_eq(
        store_rig_number("SELECT count(*) FROM position WHERE provider = 'postgres' AND"
                         " updated_at LIKE '20__-__-__T__:__:__%Z'"),
        1);
}
END_TEST

START_TEST(an_empty_position_can_be_stored)
{
    must(store_position_put(store_rig_store, SHOP, STR_EMPTY, STR_EMPTY, STR_EMPTY, &err));
    has_position(SHOP, STR_EMPTY, STR_EMPTY);
    ck_assert_int_eq(
        store_rig_number("SELECT count(*) FROM position WHERE length(token) = 0"), 1);
}
END_TEST

START_TEST(a_position_too_long_for_the_callers_buffer_leaves_both_buffers_alone)
{
    must(store_position_put(store_rig_store, SHOP, STR("m"), STR("identity"),
                            STR("position"), &err));
    char small[12] = "before";
    char large[64] = "before";
    struct buf position;
    struct buf identity;
    buf_fixed(&position, _i ? large : small, _i ? sizeof large : sizeof small);
    buf_fixed(&identity, _i ? small : large, _i ? sizeof small : sizeof large);
    position.len = identity.len = strlen("before");
    ck_assert_int_eq(
        store_position_get(store_rig_store, SHOP, STR("m"), &position, &identity, &err),
        WF_CONFIG);
    ck_assert(str_is(buf_view(&position), "before"));
    ck_assert(str_is(buf_view(&identity), "before"));
}
END_TEST

START_TEST(a_position_of_another_provider_is_not_given_out)
{
    CDC_CLEANUP(buf_release) struct buf position;
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&position, LIMIT_TEXT_BYTES);
    buf_init(&identity, LIMIT_TEXT_BYTES);
    must(store_position_put(store_rig_store, SHOP, STR("mysql"), STR("i"), STR("1"), &err));
    ck_assert_int_eq(store_position_get(store_rig_store, SHOP, STR("postgres"), &position,
                                        &identity, &err),
                     WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "source 'shop' was read by provider 'mysql' "
                                           "before, and 'postgres' cannot go on from "
                                           "there"));
    ck_assert_uint_eq(position.len + identity.len, 0);
    must(store_position_get(store_rig_store, SHOP, STR("mysql"), &position, &identity,
                            &err));
    ck_assert(str_is(buf_view(&position), "1"));
}
END_TEST

START_TEST(forgetting_a_source_keeps_its_dead_letters_and_other_sources)
{
    struct store_snapshot progress = {.run = 1, .table = STR("t"), .after = STR("9")};
    struct store_dead_letter letter = {.subscription = STR("s"), .event = STR("{}")};
    wf_str ids[] = {STR("shop"), STR("other")};
    for (size_t i = 0; i < CDC_COUNT(ids); i++) {
        must(store_position_put(store_rig_store, ids[i], STR("m"), STR("i"), STR("1"),
                                &err));
        must(store_subscription_put(store_rig_store, ids[i], STR("s"), &err));
        must(store_schema_add(store_rig_store, ids[i], STR("t"), STR("ddl"), STR("1"),
                              &err));
        must(store_snapshot_put(store_rig_store, ids[i], &progress, &err));
        must(store_dead_letter_add(store_rig_store, ids[i], &letter, &err));
    }
    must(store_forget(store_rig_store, SHOP, &err));
    has_position(SHOP, STR_EMPTY, STR_EMPTY);
    has_position(STR("other"), STR("1"), STR("i"));
    has_subscriptions(SHOP, "");
    has_subscriptions(STR("other"), "s ");
    static const char *const tables[] = {"position", "subscription", "schema_version",
                                         "snapshot_table"};
    for (size_t i = 0; i < CDC_COUNT(tables); i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT group_concat(source_id) = 'other' FROM %s",
                 tables[i]);
        ck_assert_int_eq(store_rig_number(sql), 1);
    }
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM dead_letter"), 2);
    must(store_forget(store_rig_store, SHOP, &err));
}
END_TEST

/* ---- subscriptions ---- */

START_TEST(subscriptions_are_listed_once_each_in_order_of_their_names)
{
    must(store_subscription_put(store_rig_store, SHOP, STR("mail"), &err));
    must(store_subscription_put(store_rig_store, SHOP, STR("audit"), &err));
    must(store_subscription_put(store_rig_store, SHOP, STR("mail"), &err));
    must(store_subscription_put(store_rig_store, STR("other"), STR("third"), &err));
    has_subscriptions(SHOP, "audit mail ");
    must(store_subscription_drop(store_rig_store, SHOP, STR("audit"), &err));
    must(store_subscription_drop(store_rig_store, SHOP, STR("nobody"), &err));
    has_subscriptions(SHOP, "mail ");
    store_rig_reopen();
    has_subscriptions(SHOP, "mail ");
}
END_TEST

static wf_status drop_name(void *ctx, wf_str name, wf_error *row_err)
{
    ++*(int *)ctx;
    return store_subscription_drop(store_rig_store, SHOP, name, row_err);
}

START_TEST(the_store_may_be_used_while_it_lists)
{
    int calls = 0;
    must(store_subscription_put(store_rig_store, SHOP, STR("a"), &err));
    must(store_subscription_put(store_rig_store, SHOP, STR("b"), &err));
    must(store_subscription_each(store_rig_store, SHOP, &calls, drop_name, &err));
    ck_assert_int_eq(calls, 2);
    has_subscriptions(SHOP, "");
}
END_TEST

static wf_status refuse_name(void *ctx, wf_str name, wf_error *row_err)
{
    ++*(int *)ctx;
    return error_set(row_err, WF_CANCELLED, "enough of '%.*s'", STR_ARG(name));
}

START_TEST(a_row_function_that_fails_ends_the_list)
{
    int calls = 0;
    must(store_subscription_put(store_rig_store, SHOP, STR("a"), &err));
    must(store_subscription_put(store_rig_store, SHOP, STR("b"), &err));
    ck_assert_int_eq(
        store_subscription_each(store_rig_store, SHOP, &calls, refuse_name, &err),
        WF_CANCELLED);
    ck_assert_int_eq(calls, 1);
    ck_assert_str_eq(err.text, "enough of 'a'");
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define PUTS 50

static void *put_many(void *arg)
{
    wf_str id = {arg, 1};
    wf_error mine;
    for (int i = 0; i < PUTS; i++) {
        struct store_dead_letter letter = {.subscription = STR("s"), .event = STR("{}")};
        if (store_position_put(store_rig_store, id, STR("m"), STR("i"), STR("p"), &mine) ||
            store_dead_letter_add(store_rig_store, id, &letter, &mine) ||
            store_forget(store_rig_store, id, &mine))
            return arg;
        store_changed_by_others(store_rig_store);
    }
    return NULL;
}

START_TEST(threads_may_share_a_store)
{
    static char ids[THREADS] = "abcd";
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many, &ids[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM dead_letter"), THREADS * PUTS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, store_rig_setup, store_rig_teardown);
    tcase_add_loop_test(
        tcase, a_file_that_was_removed_or_replaced_takes_nothing_until_it_is_back, 0, 2);
    tcase_add_loop_test(
        tcase, the_folder_and_the_file_are_the_owners_alone_whatever_the_umask, 0, 5);
    tcase_add_test(tcase, a_missing_parent_folder_is_named);
    tcase_add_test(tcase, a_state_dir_that_is_a_file_is_refused);
    tcase_add_test(tcase, an_empty_state_dir_is_refused);
    tcase_add_test(tcase, closing_nothing_does_nothing);
    tcase_add_test(tcase,
                   the_file_says_what_it_is_and_keeps_what_was_written_through_a_power_cut);
    tcase_add_test(tcase, the_documentation_names_every_table_and_column);
    tcase_add_test(tcase, a_source_without_a_position_has_an_empty_one);
    tcase_add_test(tcase, a_position_is_any_bytes_and_survives_the_close);
    tcase_add_test(tcase, a_later_position_replaces_the_earlier_one);
    tcase_add_test(tcase, an_empty_position_can_be_stored);
    tcase_add_loop_test(
        tcase, a_position_too_long_for_the_callers_buffer_leaves_both_buffers_alone, 0, 2);
    tcase_add_test(tcase, a_position_of_another_provider_is_not_given_out);
    tcase_add_test(tcase, forgetting_a_source_keeps_its_dead_letters_and_other_sources);
    tcase_add_test(tcase, subscriptions_are_listed_once_each_in_order_of_their_names);
    tcase_add_test(tcase, the_store_may_be_used_while_it_lists);
    tcase_add_test(tcase, a_row_function_that_fails_ends_the_list);
    tcase_add_test(tcase, threads_may_share_a_store);
    suite_add_tcase(suite, tcase);
    return suite;
}
