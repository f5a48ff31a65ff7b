/* SPDX-License-Identifier: MIT
 *
 * dbz_value - one value of a row by its semantic type.  (Debezium 3.5 documentation, "Data
 * type mappings" of each connector.)
 *
 * The forms are those of the native providers (docs/events.md): decimals, dates and bits
 * strings, JSON itself, all else as it came.  A value that does not read as its type is
 * written as it came.
 */
#ifndef PROVIDERS_DBZ_VALUE_H
#define PROVIDERS_DBZ_VALUE_H

#include "base/limits.h"
#include "plugin/core/change.h"
#include "providers/debezium/dbz_cell.h"
#include "providers/debezium/dbz_schema.h"

/* How deep JSON from a column may be: an event has levels of its own around it. */
#define DBZ_VALUE_DEPTH (LIMIT_JSON_DEPTH - 8)

/* Whether the value is what Debezium writes where the database did not send a value that
 * did not change (unavailable.value.placeholder, left at its default), in any of the forms
 * that it takes by type: text, bytes, hexadecimal, arrays of these, of integers, of UUIDs,
 * and maps. */
bool dbz_value_is_unavailable(const struct dbz_cell *cell);

/* One JSON value of at most `depth` levels. */
bool dbz_value_is_json(wf_str text, unsigned depth);

/* Memory that conversions need. */
struct dbz_value_memory {
    struct buf out; /* the texts; a value's place moves while it grows */
    struct buf bytes;
    struct buf scratch;
    uint64_t work; /* that decimals of the row took: their lengths in bytes, squared */
};

void dbz_value_init(struct dbz_value_memory *memory);
void dbz_value_release(struct dbz_value_memory *memory);
void dbz_value_clear(struct dbz_value_memory *memory);

/* Appends the value's JSON to memory->out.  False, and nothing appended: as it came. */
bool dbz_value_convert(struct dbz_value_memory *memory, const struct dbz_type *type,
                       const struct dbz_cell *cell);

#endif
