/* SPDX-License-Identifier: MIT
 *
 * sqlite_rig - the SQLite provider between a database file that the test writes to and a
 * replica that is built from nothing but the changes.
 *
 * The replica is strict: an INSERT of a row that is there, a DELETE or UPDATE of a row that
 * is not there or looks different, is a mistake that sqlite_rig_check() reports.
 *
 *     struct sqlite_rig *rig = sqlite_rig_new();
 *     sqlite_rig_sql(rig, "CREATE TABLE t(...)");
 *     sqlite_rig_open(rig);
 *     sqlite_rig_sql(rig, "INSERT ...");
 *     sqlite_rig_drain(rig);
 *     sqlite_rig_check(rig, "t");
 */
#ifndef TESTS_SUPPORT_SQLITE_RIG_H
#define TESTS_SUPPORT_SQLITE_RIG_H

#include <sqlite3.h>
#include <stdio.h>

#include "providers/sqlite/sqlite.h"
#include "providers/sqlite/sqlite_options.h"

struct sqlite_rig {
    const char *dir;
    const char *path;
    sqlite3 *writer; /* as another program would: no function of ours, busy timeout 10 s */

    struct cdc_settings settings;
    struct sqlite_options options;
    struct cdc_emitter emitter;
    wf_str patterns[8];
    void *state;          /* the provider's; NULL: not open */
    struct buf identity;  /* kept over reopen, as core's store keeps it */
    struct buf position;  /* last commit() */
    struct buf confirmed; /* handed to open() */
    _Atomic bool cancelled;

    struct buf events; /* one line per change since the last sqlite_rig_forget() */
    struct buf ids;    /* theirs, one a line */
    struct buf notices;
    struct buf schemas; /* "table|ddl\n" */
    uint64_t count;     /* changes taken */
    uint64_t mark;      /* largest mark reached */
    int64_t room;       /* changes still taken before CDC_FULL; -1: any number */
    const char
        *added; /* at a DDL change the replica's rows of that table get this value more */
    bool raw;   /* events are the values' kinds and bytes, as core gets them */
    bool counting; /* only count: no lines, no replica */
    sqlite3 *replica;
    struct buf mistakes;
    wf_error err;
};

/* A database file in a folder of its own, in WAL mode; tables: all. */
struct sqlite_rig *sqlite_rig_new(void);
void sqlite_rig_free(struct sqlite_rig *rig);

/* Runs SQL as the other program; fails the test when it fails. */
void sqlite_rig_sql(struct sqlite_rig *rig, const char *sql);
/* Runs SQL that may fail; gives SQLite's code. */
int sqlite_rig_try(struct sqlite_rig *rig, const char *sql);
/* The first column of the first row. */
int64_t sqlite_rig_number(struct sqlite_rig *rig, const char *sql);
/* Runs the sqlite3 program on the database with this input, as a process of its own; gives
 * its exit status. */
int sqlite_rig_shell(struct sqlite_rig *rig, const char *input);
/* The same on another database; the %s in `input` becomes the path of this one. */
int sqlite_rig_shell_on(struct sqlite_rig *rig, const char *database, const char *input);
/* Begins such a process and gives its standard input, for pclose(). */
FILE *sqlite_rig_shell_begin(struct sqlite_rig *rig, const char *database);

/* Captures only these; up to eight. */
void sqlite_rig_tables(struct sqlite_rig *rig, const char *list);

wf_status sqlite_rig_try_open(struct sqlite_rig *rig);
void sqlite_rig_open(struct sqlite_rig *rig);
/* Closes; the next open goes on after what was confirmed. */
void sqlite_rig_close(struct sqlite_rig *rig);

wf_status sqlite_rig_poll(struct sqlite_rig *rig, int timeout_ms, uint32_t max_changes);
/* Polls until nothing more comes; confirms everything when `confirm`. */
void sqlite_rig_drain(struct sqlite_rig *rig);
void sqlite_rig_confirm(struct sqlite_rig *rig);

/* Fails the test when the replica made mistakes or differs from the table
 * ("main.<table>"). */
void sqlite_rig_check(struct sqlite_rig *rig, const char *table);
/* Puts the table's present rows into the replica. */
void sqlite_rig_adopt(struct sqlite_rig *rig, const char *table);

/* For cdc_chunk_request: adds the row to rig->events as `raw` does. */
wf_status sqlite_rig_take_raw(void *ctx, struct cdc_table *table,
                              const struct cdc_value *values, wf_str identity,
                              wf_error *err);

/* Empties the replica. */
void sqlite_rig_replica_clear(struct sqlite_rig *rig);

const char *sqlite_rig_events(struct sqlite_rig *rig);
void sqlite_rig_forget(struct sqlite_rig *rig);
/* Appends a value as the event lines show it: 5  r3ff8000000000000  'text'  x'00'  null. */
void sqlite_rig_put_value(struct buf *out, const struct cdc_value *value);

#endif
