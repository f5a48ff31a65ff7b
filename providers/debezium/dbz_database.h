/* SPDX-License-Identifier: MIT
 *
 * dbz_database - options.database, a URI or a map, as a connector's settings.
 *
 *     postgres://user:password@host:5432/shop?sslmode=require
 *     {"host": "db", "user": "cdc", "password": "${file:/run/secrets/db:password}", ...}
 */
#ifndef PROVIDERS_DBZ_DATABASE_H
#define PROVIDERS_DBZ_DATABASE_H

#include "providers/debezium/dbz_class.h"
#include "providers/debezium/dbz_config.h"

/* The class that a URI's scheme stands for; NULL: it is no URI, or of no class. */
const struct dbz_class *dbz_database_class(wf_str database);

/* Sets database.hostname and what else `database` says.  WF_CONFIG names what is wrong in
 * it, and shows nothing of it. */
wf_status dbz_database_put(struct dbz_config *config, const struct dbz_class *of,
                           wf_str database, wf_error *err);

#endif
