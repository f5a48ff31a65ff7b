/* SPDX-License-Identifier: MIT
 *
 * dead_letter - events that could not be delivered, out of the way and kept.
 */
#ifndef CORE_DEAD_LETTER_H
#define CORE_DEAD_LETTER_H

#include "plugin/core/subscription.h"

/* Stores the record as a dead letter of the subscription.  `error` is the callback's; for
 * records that were dead from the start the reason is in the record.  [delivery] */
wf_status dead_letter_write(struct cdc_subscription *sub, const struct ring_record *record,
                            int64_t attempts, const char *error, wf_error *err);

/* Fires the letters of the subscription that wait for a replay, once each.  [delivery] */
void dead_letter_replay(struct cdc_subscription *sub);

/* The text of a RING_DEAD record: {u16 length of the reason, the reason, the bytes}. */
void dead_letter_put_reason(struct buf *out, wf_str reason);
/* What comes after it; the reason in *out_reason. */
wf_str dead_letter_split(wf_str text, wf_str *out_reason);

#endif
