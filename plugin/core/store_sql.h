/* SPDX-License-Identifier: MIT
 *
 * store_sql - the store's connection to SQLite: opening, statements, errors.  Private to
 * plugin/core/store*.c.
 *
 * One call on the store is one struct store_call: store_sql_begin() takes the store's lock
 * and a prepared statement, store_sql_end() gives both back.  Failures in between are
 * remembered and reported once, by store_sql_done():
 *
 *     CDC_CLEANUP(store_sql_end) struct store_call call;
 *     wf_status status = store_sql_begin(&call, store, STORE_SQL_x, err);
 *     if (status)
 *         return status;
 *     store_sql_text(&call, 1, name);
 *     while (store_sql_row(&call))
 *         use(store_sql_column(&call, 0));
 *     return store_sql_done(&call, err);
 */
#ifndef CORE_STORE_SQL_H
#define CORE_STORE_SQL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"

/* Every statement: prepared when first used, kept until the store is closed. */
#define STORE_SQL_MAP(X)                                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                                            \
    X(COMMIT, "COMMIT")                                                                    \
    X(DATA_VERSION, "PRAGMA data_version")                                                 \
    X(POSITION_GET, "SELECT token, identity, provider FROM position WHERE source_id = ?1") \
    X(POSITION_PUT,                                                                        \
      "INSERT INTO position(source_id, provider, identity, token, updated_at)"             \
      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(source_id) DO UPDATE SET"                   \
      " provider = ?2, identity = ?3, token = ?4, updated_at = ?5")                        \
    X(POSITION_FORGET, "DELETE FROM position WHERE source_id = ?1")                        \
    X(SUBSCRIPTION_PUT,                                                                    \
      "INSERT INTO subscription(source_id, name, created_at) VALUES(?1, ?2, ?3)"           \
      " ON CONFLICT(source_id, name) DO NOTHING")                                          \
    X(SUBSCRIPTION_DROP, "DELETE FROM subscription WHERE source_id = ?1 AND name = ?2")    \
    X(SUBSCRIPTION_LIST,                                                                   \
      "SELECT name FROM subscription WHERE source_id = ?1 ORDER BY name")                  \
    X(SUBSCRIPTION_FORGET, "DELETE FROM subscription WHERE source_id = ?1")                \
    X(SCHEMA_ADD,                                                                          \
      "INSERT INTO schema_version(source_id, table_name, version, ddl, position, "         \
      "applied_at)"                                                                        \
      " SELECT ?1, ?2, last + 1, ?3, ?4, ?5"                                               \
      " FROM (SELECT COALESCE(MAX(version), 0) AS last FROM schema_version"                \
      "  WHERE source_id = ?1 AND table_name = ?2)"                                        \
      " WHERE NOT EXISTS (SELECT 1 FROM schema_version"                                    \
      "  WHERE source_id = ?1 AND table_name = ?2 AND version = last AND ddl = ?3)")       \
    X(SCHEMA_LIST,                                                                         \
      "SELECT table_name, version, ddl, position, applied_at FROM schema_version"          \
      " WHERE source_id = ?1 AND (?2 = '' OR table_name = ?2) ORDER BY id")                \
    X(SCHEMA_TRIM, "DELETE FROM schema_version WHERE source_id = ?1"                       \
                   " AND id <= (SELECT MAX(id) FROM schema_version) - ?2")                 \
    X(SCHEMA_FORGET, "DELETE FROM schema_version WHERE source_id = ?1")                    \
    X(SNAPSHOT_LAST_RUN,                                                                   \
      "SELECT COALESCE(MAX(run), 0) FROM snapshot_table WHERE source_id = ?1")             \
    X(SNAPSHOT_PUT,                                                                        \
      "INSERT INTO snapshot_table(source_id, run, table_name, condition, after, rows,"     \
      " estimated_rows, done, updated_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"      \
      " ON CONFLICT(source_id, run, table_name) DO UPDATE SET condition = ?4, after = ?5," \
      " rows = ?6, estimated_rows = ?7, done = ?8, updated_at = ?9")                       \
    X(SNAPSHOT_PRUNE,                                                                      \
      "DELETE FROM snapshot_table WHERE source_id = ?1 AND run < ?2 AND run NOT IN"        \
      " (SELECT run FROM snapshot_table WHERE source_id = ?1 AND NOT done) AND done < 2")  \
    X(SNAPSHOT_OPEN,                                                                       \
      "SELECT run, table_name, condition, after, rows, estimated_rows, done"               \
      " FROM snapshot_table WHERE source_id = ?1 AND done < 2 AND run IN"                  \
      " (SELECT run FROM snapshot_table WHERE source_id = ?1 AND NOT done)"                \
      " ORDER BY run, table_name")                                                         \
    X(SNAPSHOT_ASKS,                                                                       \
      "SELECT run, table_name FROM snapshot_table WHERE source_id = ?1 AND done = 2"       \
      " ORDER BY run, table_name")                                                         \
    X(SNAPSHOT_ASK_DONE, "DELETE FROM snapshot_table WHERE source_id = ?1 AND run = ?2"    \
                         " AND table_name = ?3 AND done = 2")                              \
    X(SNAPSHOT_FORGET, "DELETE FROM snapshot_table WHERE source_id = ?1")                  \
    X(LETTER_ADD, "INSERT INTO dead_letter(source_id, subscription, event_id, "            \
                  "table_name, op, attempts,"                                              \
                  " reason, error, event, state, created_at)"                              \
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'dead', ?10)")              \
    X(LETTER_NEXT,                                                                         \
      "SELECT id, subscription, event_id, table_name, op, attempts, reason, error, event"  \
      " FROM dead_letter WHERE source_id = ?1 AND subscription = ?2 AND state = 'replay'"  \
      " ORDER BY id LIMIT 1")                                                              \
    X(LETTER_DROP, "DELETE FROM dead_letter WHERE id = ?1")                                \
    X(LETTER_FAILED,                                                                       \
      "UPDATE dead_letter SET state = 'dead', attempts = attempts + 1, error = ?2"         \
      " WHERE id = ?1")
enum store_sql {
#define X(name, text) STORE_SQL_##name,
    STORE_SQL_MAP(X)
#undef X
        STORE_SQL_COUNT
};

struct cdc_store {
    char *path;
    pthread_mutex_t lock; /* guards all below */
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_SQL_COUNT];
    int64_t data_version;
};

struct store_call {
    struct cdc_store *store; /* locked; NULL when store_sql_begin() failed */
    sqlite3_stmt *statement;
    int code; /* the first failure, or SQLITE_OK */
    char now[CLOCK_TEXT];
};

/* Opens store->path, which it makes when it is not there, and its tables. */
wf_status store_sql_open(struct cdc_store *store, wf_error *err);
void store_sql_close(struct cdc_store *store);

wf_status store_sql_begin(struct store_call *call, struct cdc_store *store,
                          enum store_sql statement, wf_error *err);
/* False also when another call is being worked on: nobody waits for a disk. */
bool store_sql_try(struct store_call *call, struct cdc_store *store,
                   enum store_sql statement);
void store_sql_end(struct store_call *call);

/* Parameters are counted from 1; what the views point to must live until
 * store_sql_end(). */
void store_sql_text(struct store_call *call, int parameter, wf_str value);
void store_sql_blob(struct store_call *call, int parameter, wf_str value);
void store_sql_i64(struct store_call *call, int parameter, int64_t value);
void store_sql_now(struct store_call *call, int parameter);

/* Whether there is a next row.  Columns are counted from 0 and good until the next call. */
bool store_sql_row(struct store_call *call);
wf_str store_sql_column(struct store_call *call, int column);
int64_t store_sql_column_i64(struct store_call *call, int column);

wf_status store_sql_done(struct store_call *call, wf_error *err);
/* For statements without rows: runs and reports. */
wf_status store_sql_run(struct store_call *call, wf_error *err);

/* Runs statements that take a source_id, all or none of them. */
wf_status store_sql_transaction(struct cdc_store *store, const enum store_sql *statements,
                                size_t count, wf_str source_id, wf_error *err);

/* Rows that are handed on once the lock is free: fields one after the other in a buf. */
void store_sql_pack(struct buf *records, wf_str field);
wf_str store_sql_unpack(wf_str *records);

#endif
