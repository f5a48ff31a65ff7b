/* SPDX-License-Identifier: MIT
 *
 * render - a change becomes the event a workflow sees: one JSON object (docs/events.md).
 *
 * Rendered once per change, straight into the source's log, whatever the number of
 * subscriptions. Nothing is allocated: what does not fit into `out` leaves it broken
 * (buf_status()), and the caller finds more room and renders again.
 *
 *     {"id":"pg:0/16B374F0:750:2","source_id":"shop","provider":"postgres","table":"public.orders",
 *      "op":"UPDATE","action":"UPDATE","key":{"id":1},"before":{...}|null,"after":{...}|null,
 *      "unchanged":["big_col"],"ts":"2026-11-22T10:00:00.123456Z","position":"0/16B374F0",
 *      "txid":"750","seq":2,"snapshot":false}
 *
 * DDL adds "ddl", MESSAGE adds "prefix" and "content".  "unchanged" is there only when not
 * empty.
 */
#ifndef CORE_RENDER_H
#define CORE_RENDER_H

#include "base/buf.h"
#include "plugin/core/change.h"
#include "plugin/core/table.h"

/* What is the same in every event of a source. */
struct render_origin {
    char *memory;  /* private */
    wf_str header; /* ,"source_id":"...","provider":"..." */
};

wf_status render_origin_init(struct render_origin *origin, wf_str source_id,
                             wf_str provider, wf_error *err);
void render_origin_release(struct render_origin *origin);

/* Appends the whole event.  change->raw is appended as it is.  Where in `out` the key's
 * JSON stands is written to *out_key (an empty view when the key is null), for hashing and
 * snapshots; it points into out->data. */
void render_event(struct buf *out, const struct render_origin *origin,
                  const struct cdc_change *change, wf_str *out_key);

/* Appends the event with "before", "after" and "content" left out, and "oversize": true:
 * what goes to the dead letters in place of an event that is too large. */
void render_oversize(struct buf *out, const struct render_origin *origin,
                     const struct cdc_change *change);

/* Appends {"id":1} from one row (the key columns in key order); false and nothing when the
 * table has no key or a key column is ABSENT or UNCHANGED in it. */
bool render_key(struct buf *out, const struct cdc_table *table,
                const struct cdc_value *row);

/* Appends one value as JSON; ABSENT and UNCHANGED as null. */
void render_value(struct buf *out, const struct cdc_value *value);

#endif
