/* SPDX-License-Identifier: MIT
 *
 * pg_name - names of what we make at the server, from the source's id.
 */
#ifndef PROVIDERS_PG_NAME_H
#define PROVIDERS_PG_NAME_H

#include "base/buf.h"

#define PG_NAME_SIZE 64 /* NAMEDATALEN: 63 bytes and a NUL */

/* "cdc_" and the id, when the id is in the alphabet of slot names and leaves room for a
 * suffix of 8.  Else every other character becomes '_', the end is cut, and a hash of the
 * id follows, so that two ids do not share a name. */
void pg_name_of_source(wf_str source_id, char out[PG_NAME_SIZE]);

/* `name` and `suffix` (at most 16 bytes); a name that is too long for it is cut, at a whole
 * character, and hashed. */
void pg_name_with(wf_str name, const char *suffix, char out[PG_NAME_SIZE]);

/* [a-z0-9_]{1,63} */
bool pg_name_is_slot(wf_str name);

/* "workflow-plugin-cdc source <id>": the comment that says whose it is. */
void pg_name_put_mark(struct buf *out, wf_str source_id);

#endif
