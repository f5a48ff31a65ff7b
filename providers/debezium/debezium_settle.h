/* SPDX-License-Identifier: MIT
 *
 * debezium_settle - a connector brought to what the source wants of it, and taken away.
 */
#ifndef PROVIDERS_DEBEZIUM_SETTLE_H
#define PROVIDERS_DEBEZIUM_SETTLE_H

#include "providers/debezium/connect_client.h"
#include "providers/debezium/dbz_connector.h"

/* Whether the connector is there with our configuration; then it is left alone, so that its
 * tasks are not restarted for nothing. */
wf_status debezium_settle_is_there(struct connect_client *client,
                                   const struct dbz_connector *connector, bool *out,
                                   wf_error *err);
/* Makes it, or gives it our configuration, which is validated first. */
wf_status debezium_settle_config(struct connect_client *client,
                                 const struct dbz_connector *connector, bool *out_created,
                                 wf_error *err);

/* Whether both configurations say the same; `name`, which Connect adds, does not count, and
 * a number is the same as its digits in a string. */
bool debezium_settle_same(wf_str ours, wf_str theirs);

/* Whether the connector, as configured, reads the rows that are there by itself, and has
 * not done so yet: nothing of it is in Connect's offsets.  Connect before 3.5 does not give
 * them: then a connector that was `created` just now is one that will. */
wf_status debezium_settle_reads_rows(struct connect_client *client,
                                     const struct dbz_connector *connector, bool created,
                                     bool *out, wf_error *err);

/* Stops and deletes the connector, and what Connect remembers of its place.  Writes what
 * was removed, one line each; nothing when there was none. */
wf_status debezium_settle_remove(struct connect_client *client,
                                 const struct dbz_connector *connector,
                                 struct buf *out_removed, wf_error *err);

#endif
