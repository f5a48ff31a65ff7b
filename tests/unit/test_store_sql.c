/* SPDX-License-Identifier: MIT
 *
 * Which files the store takes for its own, and what they may do.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/store.h"
#include "tests/support/run.h"
#include "tests/support/store_rig.h"
#include "tests/support/temp.h"

#define SHOP STR("shop")

static wf_error err;

static void must(wf_status status)
{
    store_rig_must(status, &err);
}

static void is_refused(const char *dir, const char *because)
{
    struct cdc_store *store = NULL;
    ck_assert_int_eq(store_open(dir, &store, &err), WF_CONFIG);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(err.text, because) != NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, temp_path(dir, "state.db")));
}

static const char *database(const char *sql)
{
    const char *dir = temp_dir();
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "state.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    return dir;
}

static char *contents(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    char *data = malloc(1024 * 1024);
    ck_assert_ptr_nonnull(data);
    *out_len = fread(data, 1, 1024 * 1024, file);
    fclose(file);
    return data;
}

START_TEST(somebody_elses_database_is_refused_and_left_as_it_is)
{
    static const char *const databases[] = {
        "CREATE TABLE orders(id)",
        "PRAGMA user_version = 1; CREATE TABLE position(id)",
        "PRAGMA application_id = 7; VACUUM",
        "CREATE TABLE t(a); DROP TABLE t; PRAGMA user_version = 3",
    };
    const char *dir = database(databases[_i]);
    const char *path = temp_path(dir, "state.db");
    size_t before_len;
    size_t after_len;
    char *before = contents(path, &before_len);
    is_refused(dir, "is a database, but not a state file; choose another state_dir");
    char *after = contents(path, &after_len);
    ck_assert_uint_eq(before_len, after_len);
    ck_assert_mem_eq(before, after, before_len);
    free(before);
    free(after);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    const char *dir = temp_dir();
    char text[5000];
    memset(text, 'x', sizeof text);
    temp_write(temp_path(dir, "state.db"), text, sizeof text);
    is_refused(dir, "is not a state file; choose another state_dir");
}
END_TEST

START_TEST(a_newer_versions_file_is_refused)
{
    store_rig_setup();
    store_rig_execute("PRAGMA user_version = 2");
    store_rig_teardown();
    is_refused(store_rig_dir,
               "has version 2, this program knows versions up to 1; use a newer one");
}
END_TEST

START_TEST(an_empty_file_becomes_a_store)
{
    const char *dir = temp_dir();
    temp_write(temp_path(dir, "state.db"), "", 0);
    struct cdc_store *store = NULL;
    must(store_open(dir, &store, &err));
    must(store_position_put(store, SHOP, STR("m"), STR("i"), STR("1"), &err));
    store_close(store);
}
END_TEST

START_TEST(nothing_in_the_file_may_run)
{
    store_rig_setup();
    store_rig_execute("CREATE TRIGGER bad AFTER INSERT ON position BEGIN"
                      " DELETE FROM position; END");
    must(store_position_put(store_rig_store, SHOP, STR("m"), STR("i"), STR("1"), &err));
    ck_assert_int_eq(store_rig_number("SELECT count(*) FROM position"), 1);
    store_rig_teardown();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store_sql");
    TCase *tcase = tcase_create("store_sql");
    tcase_add_loop_test(tcase, somebody_elses_database_is_refused_and_left_as_it_is, 0, 4);
    tcase_add_test(tcase, a_file_that_is_no_database_is_refused);
    tcase_add_test(tcase, a_newer_versions_file_is_refused);
    tcase_add_test(tcase, an_empty_file_becomes_a_store);
    tcase_add_test(tcase, nothing_in_the_file_may_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
