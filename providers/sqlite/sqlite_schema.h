/* SPDX-License-Identifier: MIT
 *
 * sqlite_schema - one user table as it is now: columns, key, how a row is told from the
 * others, and every uniqueness rule that a REPLACE could resolve by deleting rows.
 */
#ifndef PROVIDERS_SQLITE_SCHEMA_H
#define PROVIDERS_SQLITE_SCHEMA_H

#include "plugin/core/table.h"
#include "providers/sqlite/sqlite_db.h"

struct sqlite_column {
    wf_str name;
    wf_str fallback; /* the DEFAULT's SQL; ptr NULL: none */
    bool not_null;
    bool generated;
    wf_str expression; /* of a generated column */
    bool any_type; /* may hold both 1 and 1.0: equal for SQLite, different bytes for us */
    int key_rank;  /* place in the primary key, from 1; 0: none */
};

/* A column or expression of a uniqueness rule. */
struct sqlite_unique_part {
    int column; /* -1: `expression` */
    wf_str expression;
    wf_str collation;
    bool descending;
};

struct sqlite_unique {
    struct sqlite_unique_part *parts;
    size_t count;
    wf_str where; /* of a partial index; empty: none */
    bool primary; /* the primary key of a WITHOUT ROWID table */
};

struct sqlite_schema {
    wf_str table;     /* bare name */
    wf_str full_name; /* "main.table" */
    wf_str ddl;
    bool without_rowid;
    int rowid_column;  /* the INTEGER PRIMARY KEY; -1: none */
    wf_str rowid_name; /* how SQL reaches the rowid; empty when without_rowid */
    bool cascaded;     /* a foreign key's action may change rows while others are changed */
    bool key_nullable; /* a key with a NULL in it does not identify a row */
    struct sqlite_column *columns;
    size_t count;
    struct sqlite_unique *uniques; /* the rowid's own uniqueness is not among them */
    size_t unique_count;
    void **owned; /* private: every block of memory above */
    size_t owned_count;
};

/* WF_NOT_FOUND when there is no such table.  gives, end it with sqlite_schema_free(). */
wf_status sqlite_schema_read(struct sqlite_db *db, wf_str table, struct sqlite_schema **out,
                             wf_error *err);
void sqlite_schema_free(struct sqlite_schema *schema);
void sqlite_schema_freep(struct sqlite_schema **schema); /* for CDC_CLEANUP */

/* The shape core sees. */
wf_status sqlite_schema_table(const struct sqlite_schema *schema, struct cdc_table **out,
                              wf_error *err);

/* Every ordinary table of the main schema that is not ours and not SQLite's. */
wf_status sqlite_schema_list(struct sqlite_db *db, void *ctx,
                             wf_status (*row)(void *ctx, wf_str table, wf_error *err),
                             wf_error *err);

/* Whether "main.<table>" is meant by the configured list; names compare as SQLite compares
 * them, without regard to ASCII case.  An empty list means every table. */
bool sqlite_schema_matches(const wf_str *patterns, size_t count, wf_str full_name);

#endif
