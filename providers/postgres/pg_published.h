/* SPDX-License-Identifier: MIT
 *
 * pg_published - which tables are wanted, and which publications hold them.
 *
 * One query answers it, and when everything is as it should be it gives one row whatever
 * the number of tables.
 */
#ifndef PROVIDERS_PG_PUBLISHED_H
#define PROVIDERS_PG_PUBLISHED_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"

/* What we install ourselves lives here; never published. */
#define PG_PUBLISHED_OWN_SCHEMA "workflow_plugin_cdc"

struct pg_published_query {
    const struct cdc_settings *settings;
    const char *main;   /* the publication */
    const char *insert; /* its second part, for tables without replica identity */
    bool adopted;       /* main is not ours */
    bool all;           /* also the tables that are as they should be */
};

struct pg_published {
    bool main, main_ours;     /* it exists; it has our mark */
    bool insert, insert_ours; /* the same for the second part */
    bool standby;             /* the server is in recovery: nothing can be made */
    bool may_create;          /* CREATE on the database */
    bool inserts, updates, deletes, truncates; /* what main publishes */
    bool via_root;

    /* Private. */
    const struct cdc_settings *settings;
    PGresult *rows;
};

struct pg_published_table {
    wf_str name;   /* schema.table, as the configuration and events have it */
    wf_str quoted; /* the same in SQL */
    wf_str owner;
    bool wanted;   /* by the configuration */
    bool ours;     /* we may publish it: its owner's rights are ours */
    bool identity; /* rows can be told apart: UPDATE and DELETE may be published */
    bool partitioned;
    bool in_main, in_insert;
};

/* `out` is zeroed memory; clear it in any case. */
wf_status pg_published_read(struct pg_conn *control, const struct pg_published_query *query,
                            struct pg_published *out, wf_error *err);
void pg_published_clear(struct pg_published *published);

/* The table after *at, which begins as 0; false: there is none. */
bool pg_published_next(const struct pg_published *published, int *at,
                       struct pg_published_table *out);

/* The pattern holds no wildcard: it names one table. */
bool pg_published_is_exact(wf_str pattern);

#endif
