/* SPDX-License-Identifier: MIT
 *
 * connect_validate - what validate says about a configuration, in one line.
 */
#ifndef PROVIDERS_CONNECT_VALIDATE_H
#define PROVIDERS_CONNECT_VALIDATE_H

#include "base/buf.h"

struct connect_cluster;
struct connect_secrets;

/* Reads the reply of .../config/validate.  Appends nothing when the configuration is good,
 * else "topic.prefix, database.user: A value is required; tasks.max: ...": each message
 * once, after the fields it is about.  WF_PROTOCOL when it is no such reply. */
wf_status connect_validate_read(wf_str json, const struct connect_secrets *secrets,
                                struct buf *out, wf_error *err);

/* Reads the reply of GET /connector-plugins: whether the class is installed, by its full or
 * short name, and appends those of Debezium that are. */
wf_status connect_validate_plugins(wf_str json, wf_str class_name, bool *out_installed,
                                   struct buf *out, wf_error *err);

/* connect_validate() of connect_client.h. */
wf_status connect_validate_call(struct connect_cluster *cluster, wf_str class_name,
                                wf_str config, wf_error *err);

#endif
