/* SPDX-License-Identifier: MIT
 *
 * dbz_row - a row's members become values of its table.
 */
#ifndef PROVIDERS_DBZ_ROW_H
#define PROVIDERS_DBZ_ROW_H

#include "providers/debezium/dbz_table.h"
#include "providers/debezium/dbz_value.h"

struct dbz_row {
    struct cdc_value *values;
    size_t room;
    struct dbz_value_memory memory;
    /* Values whose text is in memory.out, as offsets until the row is done. */
    struct {
        uint32_t *at;
        size_t count, room;
    } moved;
};

void dbz_row_init(struct dbz_row *row);
void dbz_row_release(struct dbz_row *row);

/* Values of all columns; `cells` are the table's columns in order. */
wf_status dbz_row_full(struct dbz_row *row, const struct dbz_table *table,
                       const struct dbz_cells *cells, wf_error *err);
/* Only those that `cells` name, wherever they stand; all others are ABSENT. */
wf_status dbz_row_some(struct dbz_row *row, const struct dbz_table *table,
                       const struct dbz_cells *cells, wf_error *err);
/* Values of the key only stay, all others become ABSENT. */
void dbz_row_key_only(struct dbz_row *row, const struct dbz_table *table);

/* Whether every column outside of the key is what Debezium fills in for PostgreSQL where
 * the server sent the key only: null, the column's default, or the zero of its type. */
bool dbz_row_is_filler(const struct dbz_table *table, const struct dbz_cells *cells);

#endif
