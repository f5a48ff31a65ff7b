/* SPDX-License-Identifier: MIT
 *
 * dbz_table - the tables that records of one topic are of.
 *
 * A row says its columns by its members, and the record's key which of them are the key.  A
 * table is made for each such shape that comes, and found again by comparing the names one
 * by one; nothing is hashed per row.  Usually a topic has one table of one shape.  Where
 * rows of one table differ (documents, a rolling change of columns), a few shapes are kept.
 */
#ifndef PROVIDERS_DBZ_TABLE_H
#define PROVIDERS_DBZ_TABLE_H

#include "plugin/core/table.h"
#include "providers/debezium/dbz_cell.h"
#include "providers/debezium/dbz_schema.h"

#define DBZ_TABLE_SHAPES 8  /* of one table */
#define DBZ_TABLE_MOST 4096 /* of one topic: a transform may route many tables to it */

/* What PostgreSQL sends of an old row, as far as the records have told. */
enum dbz_identity { DBZ_IDENTITY_UNKNOWN, DBZ_IDENTITY_KEY, DBZ_IDENTITY_FULL };

struct dbz_table {
    struct dbz_table *next;
    struct cdc_table *table;
    wf_str first, second; /* as "source" says them, escaped */
    wf_str *names;        /* of the columns, escaped */
    wf_str *keys;         /* members of the records' keys, escaped */
    size_t count, key_count;
    size_t first_len; /* of `first`, in the table's name; 0: there is none */
    enum dbz_identity identity;
    /* Of the columns, for the schema with that number (0: none); NULL: verbatim. */
    const struct dbz_type **types;
    uint64_t types_of;
    uint64_t sql_hash; /* of the types that it had the last time */
    bool whole;        /* its columns are a row's, not those of a key only */
    bool news;         /* its columns are not told yet */
    char *memory;
};

struct dbz_tables {
    struct dbz_table *first; /* the one used last comes first */
    size_t count;
};

void dbz_tables_release(struct dbz_tables *tables);

/* What a record says of its table. */
struct dbz_shape {
    wf_str first, second;        /* escaped; `first` may be empty */
    const struct dbz_cells *row; /* NULL: any that is known, or else `key` alone */
    const struct dbz_cells *key; /* NULL: the record has none */
    bool any_key;                /* the key is not to be compared (a TRUNCATE has none) */
};

/* *out_changed: it is new, or not the one that its table had the last time.  WF_PROTOCOL: a
 * column comes twice. */
wf_status dbz_table_get(struct dbz_tables *tables, const struct dbz_shape *shape,
                        struct dbz_table **out, bool *out_changed, wf_error *err);

/* Types of the columns from a row's struct, unless those of schema `number` are there
 * already.  *out_changed becomes true where they are others than before. */
wf_status dbz_table_types(struct dbz_table *table, const struct dbz_type *row,
                          uint64_t number, bool *out_changed, wf_error *err);
/* The record has no schema. */
void dbz_table_no_types(struct dbz_table *table);

/* Whether the cells are the table's columns in order. */
bool dbz_table_is_row(const struct dbz_table *table, const struct dbz_cells *cells);

/* SQL that would make it. */
void dbz_table_sql(const struct dbz_table *table, struct buf *out);

#endif
