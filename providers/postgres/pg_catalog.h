/* SPDX-License-Identifier: MIT
 *
 * pg_catalog - what the server's present catalog says about a table or a type.
 *
 * A vtable, so that decoders can be tested without a server.
 */
#ifndef PROVIDERS_PG_CATALOG_H
#define PROVIDERS_PG_CATALOG_H

#include "providers/postgres/pg_type.h"

struct pg_catalog {
    struct pg_type_source types;

    /* The names of the primary key's columns, in the key's order, one use() each; none when
     * the table has no key or is gone. */
    wf_status (*primary_key)(void *ctx, uint32_t relation,
                             void (*use)(void *user, wf_str column), void *user,
                             wf_error *err);
    void *ctx;
};

struct pg_conn;

/* A catalog that asks the server: one query per type or key, at the time it is needed.
 * Borrows `conn` for as long as `out` is used. */
void pg_catalog_of(struct pg_conn *conn, struct pg_catalog *out);

#endif
