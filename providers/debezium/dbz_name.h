/* SPDX-License-Identifier: MIT
 *
 * dbz_name - names of things outside made from source_id.  Where a character cannot be
 * kept it becomes '_', and a hash of the whole source_id is put behind, so that two sources
 * never get the same name.
 */
#ifndef PROVIDERS_DBZ_NAME_H
#define PROVIDERS_DBZ_NAME_H

#include "base/buf.h"

#define DBZ_NAME_PREFIX_MOST 120 /* bytes: a topic has 249, for schema and table as well */

/* "workflow-<source_id>": a connector's name, as a URL's path can carry it. */
void dbz_name_connector(struct buf *out, wf_str source_id);
/* Letters, digits, '_' and '-'.  No dots: the topics of source "a.b" would look like those
 * of source "a". */
void dbz_name_topic_prefix(struct buf *out, wf_str source_id);
/* `start`, then a-z, 0-9 and '_': a replication slot, at most 63 bytes. */
void dbz_name_slot(struct buf *out, const char *start, wf_str source_id);
/* Of a replica: the same for the same source, and unlikely to be anybody else's. */
uint32_t dbz_name_server_id(wf_str source_id);

/* What Kafka and Debezium accept: letters, digits, '.', '_', '-'. */
bool dbz_name_is_topic_prefix(wf_str name);

#endif
