/* SPDX-License-Identifier: MIT
 *
 * pg_unparse - from an event's JSON back to text that PostgreSQL's input functions take, to
 * ask the server whether it is still the same value.
 */
#ifndef TESTS_SUPPORT_PG_UNPARSE_H
#define TESTS_SUPPORT_PG_UNPARSE_H

#include "base/buf.h"
#include "providers/postgres/pg_type.h"

/* Appends the text of a checked JSON value that is not NULL in SQL. */
void pg_unparse(const struct pg_type *type, wf_str json, struct buf *out);

#endif
