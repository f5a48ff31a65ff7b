/* SPDX-License-Identifier: MIT
 *
 * dbz_document - rows of MongoDB, which Debezium writes as strings of extended JSON: "after",
 * the changed fields of an update, and the id in a record's key.
 */
#ifndef PROVIDERS_DBZ_DOCUMENT_H
#define PROVIDERS_DBZ_DOCUMENT_H

#include "providers/debezium/dbz_cell.h"

/* Reads the object that `string` holds; its text goes to `memory`, where the cells' views
 * are.  DBZ_CELLS_BAD: it is none. */
enum dbz_cells_result dbz_document_read(const struct dbz_cell *string, struct buf *memory,
                                        struct dbz_cells *out);

/* The key {"id":"<JSON of _id>"} becomes the one member _id, as the document has it. */
enum dbz_cells_result dbz_document_key(struct dbz_cells *key, struct buf *memory);

#endif
