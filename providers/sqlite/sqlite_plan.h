/* SPDX-License-Identifier: MIT
 *
 * sqlite_plan - what has to be done to a database so that it captures what its sources
 * want.
 *
 * Compares what is installed with what should be and writes the difference as one SQL
 * script: empty when all is well.  Installing, renewing after ALTER TABLE, following a
 * changed configuration, taking one source's part away and printing the SQL for `setup:
 * manual` are all this one function.
 *
 * The tables it installs, all in the main schema:
 *
 *     _cdc_meta(key, value)      format, and the uuid that tells this capture from any other
 *     _cdc_source                one row per source: what it wants and how far it confirmed
 *     _cdc_version, _cdc_column  every version of every captured table's columns
 *     _cdc_change, _cdc_pending  see sqlite_trigger.h
 *     _cdc_fill                  added columns whose values have still to be read (sqlite_keep.c)
 *
 * A table is known by its *line*, the number in its triggers' names, which SQLite itself
 * carries along when the table is renamed.
 */
#ifndef PROVIDERS_SQLITE_PLAN_H
#define PROVIDERS_SQLITE_PLAN_H

#include "providers/sqlite/sqlite_db.h"

#define SQLITE_CAPTURE_FORMAT 1

struct sqlite_plan {
    struct buf script;   /* statements ending in ";\n" */
    struct buf warnings; /* lines for the operator */
    struct buf removed;  /* lines: what the script takes away */
    bool installed;      /* the capture tables were there */
    bool rubble;         /* some of them were; the script clears them away first */
    char uuid[33];       /* of the installed capture */
};

/* The source that asks. */
struct sqlite_plan_for {
    wf_str source_id;
    const wf_str *patterns;
    size_t pattern_count;
    bool opening; /* it begins: its patterns are checked */
    bool fresh;   /* it has no place to go on from */
    bool leaving; /* plan for its going away */
};

void sqlite_plan_init(struct sqlite_plan *plan);
void sqlite_plan_release(struct sqlite_plan *plan);

/* `plan` is fresh from init.  WF_CONFIG: a table in the way, or one that cannot be
 * captured; WF_STATE: half of what we installed is gone. */
wf_status sqlite_plan_make(struct sqlite_plan *plan, struct sqlite_db *db,
                           const struct sqlite_plan_for *with, wf_error *err);

#endif
