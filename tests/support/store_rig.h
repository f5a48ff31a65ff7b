/* SPDX-License-Identifier: MIT
 *
 * store_rig - a store in a folder of its own, and a look at its file from outside.
 */
#ifndef TESTS_SUPPORT_STORE_RIG_H
#define TESTS_SUPPORT_STORE_RIG_H

#include "plugin/core/store.h"

/* The checked fixture: store_rig_store is open in store_rig_dir. */
extern const char *store_rig_dir;
extern struct cdc_store *store_rig_store;
void store_rig_setup(void);
void store_rig_teardown(void);

/* Closes it and opens it again. */
void store_rig_reopen(void);

/* Fails the test when `status` is not WF_OK. */
void store_rig_must(wf_status status, const wf_error *err);

/* The first number of SQL's answer, and SQL without one, through a connection of its
 * own. */
int64_t store_rig_number(const char *sql);
void store_rig_execute(const char *sql);

#endif
