/* SPDX-License-Identifier: MIT
 *
 * dbz_special - records that are no rows: messages that applications wrote into the log,
 * schema changes, notifications of the connector.
 *
 * All texts go to one buffer, from its beginning, and are views of it afterwards.
 */
#ifndef PROVIDERS_DBZ_SPECIAL_H
#define PROVIDERS_DBZ_SPECIAL_H

#include "providers/debezium/dbz_decode.h"
#include "providers/debezium/dbz_envelope.h"

/* prefix and content; false: the content is no base64. */
bool dbz_special_message(const struct dbz_envelope *e, struct buf *memory,
                         struct cdc_change *out);

/* ddl, ddl_tables (from "tableChanges") and ddl_describes; a table that a snapshot says to
 * drop is left out. */
void dbz_special_ddl(const struct dbz_envelope *e, struct buf *memory,
                     struct dbz_decoded *out);

void dbz_special_notification(const struct dbz_envelope *e, struct buf *memory,
                              struct dbz_notification *out);

#endif
