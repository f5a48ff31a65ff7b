/* SPDX-License-Identifier: MIT
 *
 * pg_conn_plan - a configuration's connection, taken apart, and what libpq is given of it.
 */
#ifndef PROVIDERS_POSTGRES_PG_CONN_PLAN_H
#define PROVIDERS_POSTGRES_PG_CONN_PLAN_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"

#define PG_CONN_PLAN_NAME 64 /* application_name holds 63 bytes (NAMEDATALEN) */
#define PG_CONN_PLAN_KEYWORDS 24

struct pg_conn_plan {
    struct buf text;
    PQconninfoOption *parsed;
    const char *connection;
    const char *host, *hostaddr, *port; /* as the connection gives them; may be NULL */
    size_t hosts;
    bool own_replication; /* the connection says something about it */
    int64_t timeout_ms;   /* per host */
    enum pg_conn_purpose purpose;
    char name[PG_CONN_PLAN_NAME];
    const char *keywords[PG_CONN_PLAN_KEYWORDS];
    const char *values[PG_CONN_PLAN_KEYWORDS];
    size_t count;
};

/* Release it in any case. */
wf_status pg_conn_plan_make(struct pg_conn_plan *plan, const struct cdc_settings *settings,
                            enum pg_conn_purpose purpose, wf_error *err);
void pg_conn_plan_release(struct pg_conn_plan *plan);

/* Fills in keywords and values for PQconnectStartParams(): for all hosts from number
 * `first` on. */
void pg_conn_plan_keywords(struct pg_conn_plan *plan, size_t first);

#endif
