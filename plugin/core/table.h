/* SPDX-License-Identifier: MIT
 *
 * table - a table's name and columns as one version of its schema has them.
 *
 * A provider makes one when it first meets a table and again when the table changed; it
 * owns it and uses it from one thread.  Core keeps in it what is worth computing once:
 * escaped column names, and whether any subscription wants the table.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdbool.h>

#include "base/buf.h"

struct cdc_column {
    wf_str name;
    bool key; /* part of the primary key or replica identity */
};

struct cdc_table {
    wf_str name; /* "schema.table" */
    size_t count;
    const struct cdc_column *columns;
    size_t key_count;
    const uint16_t *keys; /* indices of the key columns, in key order */

    /* Private to core. */
    const wf_str *labels; /* per column: "name": escaped, with quotes and colon */
    wf_str label;         /* ,"table":"name" escaped */
    uint32_t id;          /* in the source's catalogue of names; 0: not asked yet */
};

/* Copies all it is given.  `keys` (count key_count, may be NULL) gives the key's column
 * order; when NULL it is that of the columns marked key.  gives, end it with
 * table_free(). */
wf_status table_new(wf_str name, const struct cdc_column *columns, size_t count,
                    const uint16_t *keys, size_t key_count, struct cdc_table **out,
                    wf_error *err);
void table_free(struct cdc_table *table);

/* "schema.table" matches a pattern of the configuration: exact, or with `*` and `?`.  A
 * pattern without a dot also matches the bare table name in any schema. */
bool table_matches(wf_str pattern, wf_str name);

/* One of the patterns matches, or there are none. */
bool table_is_listed(const wf_str *patterns, size_t count, wf_str name);

#endif
