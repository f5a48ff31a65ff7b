/* SPDX-License-Identifier: MIT
 *
 * sqlite_version - the versions of captured tables, by the number that change rows carry.
 */
#ifndef PROVIDERS_SQLITE_VERSION_H
#define PROVIDERS_SQLITE_VERSION_H

#include "plugin/core/settings.h"
#include "plugin/core/table.h"
#include "providers/sqlite/sqlite_db.h"

struct sqlite_version {
    bool known;
    bool mine; /* this source captures the table */
    struct cdc_table *table;
    char *ddl;
};

struct sqlite_version_list {
    struct sqlite_db *db;
    const struct cdc_list *patterns;
    struct sqlite_version *items; /* by number */
    size_t count;
};

/* *out is good until the next call.  WF_STATE when the database does not know the
 * number. */
wf_status sqlite_version_get(struct sqlite_version_list *list, int64_t number,
                             const struct sqlite_version **out, wf_error *err);
void sqlite_version_release(struct sqlite_version_list *list);

#endif
