/* SPDX-License-Identifier: MIT
 *
 * connect_status - what GET /connectors/<name>/status says, made one.
 */
#ifndef PROVIDERS_CONNECT_STATUS_H
#define PROVIDERS_CONNECT_STATUS_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* The worst of the connector and its tasks counts: a connector that is RUNNING while a task
 * has FAILED is failed. */
enum connect_state {
    CONNECT_NOT_FOUND,
    CONNECT_UNKNOWN, /* a word that is not known */
    CONNECT_RUNNING,
    CONNECT_PAUSED,
    CONNECT_STOPPED,
    CONNECT_UNASSIGNED, /* also running without a task: it will get one */
    CONNECT_RESTARTING,
    CONNECT_FAILED,
    CONNECT_STATES,
};

struct connect_status {
    enum connect_state state;
    enum connect_state connector; /* of the connector alone */
    unsigned tasks, failed_tasks;
    unsigned tasks_in[CONNECT_STATES]; /* how many of the tasks are in each state */
    char worker[128];                  /* where the first task runs, else the connector */
    char why[512]; /* first line of the first failed one's trace, and its cause; "" */
};

/* "running", "failed" ... */
const char *connect_state_text(enum connect_state state);

struct connect_secrets;

/* Reads the reply's body; WF_PROTOCOL when it is not one.  `secrets` do not get into `why`;
 * NULL: none are known. */
wf_status connect_status_read(wf_str json, const struct connect_secrets *secrets,
                              struct connect_status *out, wf_error *err);

#endif
