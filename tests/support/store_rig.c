/* SPDX-License-Identifier: MIT
 *
 * store_rig - a store in a folder of its own.
 */
#include "tests/support/store_rig.h"

#include <check.h>
#include <sqlite3.h>

#include "base/error.h"
#include "tests/support/temp.h"

const char *store_rig_dir;
struct cdc_store *store_rig_store;

void store_rig_must(wf_status status, const wf_error *err)
{
    ck_assert_msg(status == WF_OK, "%s: %s", error_status_name(status), err->text);
}

static void store_rig_open(void)
{
    wf_error err = {0};
    store_rig_must(store_open(store_rig_dir, &store_rig_store, &err), &err);
}

void store_rig_setup(void)
{
    store_rig_dir = temp_dir();
    store_rig_open();
}

void store_rig_teardown(void)
{
    store_close(store_rig_store);
    store_rig_store = NULL;
}

void store_rig_reopen(void)
{
    store_rig_teardown();
    store_rig_open();
}

static sqlite3 *store_rig_connect(void)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(temp_path(store_rig_dir, "state.db"), &db), SQLITE_OK);
    return db;
}

int64_t store_rig_number(const char *sql)
{
    sqlite3 *db = store_rig_connect();
    sqlite3_stmt *statement;
    ck_assert_msg(!sqlite3_prepare_v2(db, sql, -1, &statement, NULL), "%s",
                  sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

void store_rig_execute(const char *sql)
{
    sqlite3 *db = store_rig_connect();
    ck_assert_msg(!sqlite3_exec(db, sql, NULL, NULL, NULL), "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}
