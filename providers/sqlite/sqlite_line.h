/* SPDX-License-Identifier: MIT
 *
 * sqlite_line - the captured tables, one by one: what is installed for each, what should
 * be, and the SQL between the two.
 *
 *     read (what is installed) -> look, for each table that exists -> write
 */
#ifndef PROVIDERS_SQLITE_LINE_H
#define PROVIDERS_SQLITE_LINE_H

#include "providers/sqlite/sqlite_plan.h"
#include "providers/sqlite/sqlite_trigger.h"

struct sqlite_line {
    int64_t line;
    int64_t version; /* live in _cdc_version */
    char *name;      /* "main.table" as of that version */
    char *ddl;
    size_t columns;
    char *on_table; /* where the triggers are now; NULL: there are none */
    char *triggers[SQLITE_TRIGGER_COUNT]; /* their text; NULL: missing */
    int64_t first_rowid;                  /* in sqlite_master, of the oldest of them */

    struct sqlite_schema
        *schema; /* the table as it is; NULL: gone, or not wanted any more */
    bool exists;
    bool wanted;
    bool fresh;     /* no line until now */
    bool appeared;  /* fresh, and some source was waiting for such a table */
    bool overtaken; /* another program's trigger on the table is newer than ours */
};

struct sqlite_line_wish { /* what one source wants */
    wf_str *patterns;
    size_t count;
    char *text; /* what the patterns point into */
    bool own;   /* of the source that asks: what it wanted before */
};

struct sqlite_line_set {
    struct sqlite_line *items;
    size_t count;
    struct sqlite_line_wish *wishes; /* of all sources as stored */
    size_t wish_count;
    const struct sqlite_plan_for *with;
    int64_t next_id;
    bool quiet; /* the application has no triggers */
};

/* `set` is zeroed memory; release it in any case. */
wf_status sqlite_line_set_read(struct sqlite_line_set *set, struct sqlite_db *db,
                               const struct sqlite_plan *plan,
                               const struct sqlite_plan_for *with, wf_error *err);
void sqlite_line_set_release(struct sqlite_line_set *set);

/* Whether the asking source has an entry already. */
bool sqlite_line_has_own_wish(const struct sqlite_line_set *set);

/* A table exists: finds its line, makes one when it is wanted, reads its shape. */
wf_status sqlite_line_look(struct sqlite_line_set *set, struct sqlite_db *db, wf_str table,
                           wf_error *err);

/* Columns of the widest wanted table. */
size_t sqlite_line_widest(const struct sqlite_line_set *set);

/* `all`: every line goes away. */
wf_status sqlite_line_write(struct sqlite_line_set *set, struct sqlite_plan *plan, bool all,
                            wf_error *err);

/* Appends the statement, up to its WHERE, that records rows which are in the table
 * already. */
void sqlite_line_put_existing(struct buf *sql, const struct sqlite_schema *schema,
                              int64_t version, enum sqlite_kind kind);

#endif
