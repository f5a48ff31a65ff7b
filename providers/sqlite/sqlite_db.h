/* SPDX-License-Identifier: MIT
 *
 * sqlite_db - a connection to the captured database: how it is found, opened, waited for,
 * and how SQLite's result codes become ours.
 *
 * The file is never opened by anything but SQLite: closing any other descriptor of it would
 * drop the locks this process holds (POSIX advisory locks), so identity is asked with
 * stat() only.
 *
 * A connection belongs to one thread.  Its `cancel` is the one thing other threads touch.
 */
#ifndef PROVIDERS_SQLITE_DB_H
#define PROVIDERS_SQLITE_DB_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/compiler.h"
#include "plugin/core/settings.h"

struct sqlite_db {
    sqlite3 *handle;
    struct cancel *cancel;
    char *path;  /* absolute, links resolved */
    char *shown; /* the connection as a person may see it */
    dev_t device;
    ino_t inode;
    int64_t busy_timeout_ms;
    int64_t busy_deadline_ms; /* of the wait going on */
    bool patient;             /* false: SQLITE_BUSY at once */
    bool deaf;                /* interrupts are for the stream, not for what is done now */
    const _Atomic bool
        *unwanted; /* while opening: becomes true when waiting makes no sense */
};

/* Opens an existing database for reading and writing.  `db` is zeroed memory; close it in
 * any case.  Borrows `cancel` until then. */
wf_status sqlite_db_open(struct sqlite_db *db, const struct cdc_settings *settings,
                         int64_t busy_timeout_ms, struct cancel *cancel, wf_error *err);
void sqlite_db_close(struct sqlite_db *db);

/* Whether somebody asked for an end of waiting. */
bool sqlite_db_is_cancelled(const struct sqlite_db *db);

/* Whether the path still leads to the file that was opened; WF_STATE when not. */
wf_status sqlite_db_check_file(const struct sqlite_db *db, wf_error *err);

/* The status for a failed call, with SQLite's words.  `doing` reads after "cannot ". */
wf_status sqlite_db_fail(const struct sqlite_db *db, int rc, const char *doing,
                         wf_error *err);

wf_status sqlite_db_prepare(struct sqlite_db *db, const char *sql, sqlite3_stmt **out,
                            wf_error *err);
/* For CDC_CLEANUP. */
void sqlite_db_finalize(sqlite3_stmt **stmt);
/* Runs all statements of `sql`. */
wf_status sqlite_db_exec(struct sqlite_db *db, const char *sql, const char *doing,
                         wf_error *err);
wf_status sqlite_db_exec_buf(struct sqlite_db *db, struct buf *sql, const char *doing,
                             wf_error *err);
/* The first column of the only row, with one optional text parameter; *out_found says
 * whether there was one that is not NULL. */
wf_status sqlite_db_ask(struct sqlite_db *db, const char *sql, wf_str parameter,
                        int64_t *out_value, bool *out_found, wf_error *err);
/* Steps: *out_row says whether there is a row. */
wf_status sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *stmt, bool *out_row,
                         wf_error *err);
/* The statement borrows the text until it is finalized. */
wf_status sqlite_db_bind_str(struct sqlite_db *db, sqlite3_stmt *stmt, int index,
                             wf_str value, wf_error *err);
/* A result column that is never NULL: no text means no memory. */
wf_status sqlite_db_text(struct sqlite_db *db, sqlite3_stmt *stmt, int column, wf_str *out,
                         wf_error *err);
/* The same where NULL or no memory may read as nothing. */
wf_str sqlite_db_column_str(sqlite3_stmt *stmt, int column);

/* A write transaction from its beginning: no later statement can meet
 * SQLITE_BUSY_SNAPSHOT. */
wf_status sqlite_db_begin(struct sqlite_db *db, wf_error *err);
wf_status sqlite_db_commit(struct sqlite_db *db, wf_error *err);
void sqlite_db_rollback(struct sqlite_db *db);

#endif
