/* SPDX-License-Identifier: MIT
 *
 * pg_type_known - built-in types whose oids never change (PostgreSQL's pg_type.dat).
 */
#ifndef PROVIDERS_PG_TYPE_KNOWN_H
#define PROVIDERS_PG_TYPE_KNOWN_H

#include "providers/postgres/pg_type.h"

/* What all the unknown is. */
extern const struct pg_type pg_type_known_text;

/* NULL: not one of them; ask the server. */
const struct pg_type *pg_type_known_find(uint32_t oid);

#endif
