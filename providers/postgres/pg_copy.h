/* SPDX-License-Identifier: MIT
 *
 * pg_copy - rows of COPY ... TO STDOUT in its text format.
 */
#ifndef PROVIDERS_PG_COPY_H
#define PROVIDERS_PG_COPY_H

#include <stdbool.h>

#include "providers/postgres/pg_conn.h"

/* Takes one line apart, in place: exactly `count` fields, with their escapes undone.  NULL
 * has no ptr.  False: it is no such line. */
bool pg_copy_split(char *line, size_t len, wf_str *fields, size_t count);

/* The next line of a COPY that was begun with pg_conn_query(), to be PQfreemem()ed; *out
 * NULL: that was all, and it ended well. */
wf_status pg_copy_next(struct pg_conn *conn, const char *doing, char **out, size_t *out_len,
                       wf_error *err);

#endif
