/* SPDX-License-Identifier: MIT
 *
 * pg_setup - what a source sets up at a real server, for its tests: a control connection,
 * settings to change, and what was told about it.
 */
#ifndef TESTS_SUPPORT_PG_SETUP_H
#define TESTS_SUPPORT_PG_SETUP_H

#include <check.h>

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_publication.h"

/* Made anew for each test, see pg_setup_cases(). */
extern struct pg_setup {
    struct pg_options options;
    struct cdc_settings settings;
    wf_str tables[8];
    struct cancel cancel;
    struct pg_conn control;
    struct cdc_emitter out;
    struct buf notices; /* since the last settling: "LEVEL TEXT\n" */
    struct buf added;
    struct pg_publication publication;
    wf_error err;
} pg_setup;

/* Tests of the group have a database of their own each, on the program's server. */
TCase *pg_setup_cases(Suite *suite, const char *name);

/* The test fails with `pg_setup.err` unless WF_OK; when `part` is not in the text. */
void pg_setup_ok(wf_status status);
void pg_setup_says(wf_str text, const char *part);

/* The control connection anew: to another server, or as a role that may only replicate,
 * after the administrator ran `grants`. */
void pg_setup_connect_as(const char *connection);
void pg_setup_connect_as_role(const char *grants);

/* As a start with these tables (a space between two) in the configuration. */
void pg_setup_want(const char *tables);
wf_status pg_setup_settle(void);
wf_status pg_setup_settle_ddl(void);

/* The test fails unless these are the tables of the publication and of its second part. */
void pg_setup_holds(const char *main, const char *insert);

/* Tables of every kind that is published, in part or not at all. */
void pg_setup_zoo(void);

#endif
