/* SPDX-License-Identifier: MIT
 *
 * filter - which tables and operations a trigger wants.
 */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include "plugin/core/change.h"
#include "plugin/core/option.h"

/* All operations, also those of events that name none. */
#define FILTER_ALL_OPS ((1u << (CDC_OP_COUNT + 1)) - 1)

struct cdc_filter {
    struct cdc_list tables; /* patterns; empty: every table, and events without one */
    uint32_t ops;           /* bits 1 << cdc_op */
};

/* The bits of `ops` the filter lets through for a table (name empty: an event without a
 * table). */
uint32_t filter_ops(const struct cdc_filter *filter, wf_str table);

/* Whether a finished event passes whose table has no number: its "table" (or "source") is
 * read. */
bool filter_wants_event(const struct cdc_filter *filter, wf_str event, enum cdc_op op);

/* The table an event is about, as upstream's trigger finds it: the string "table", else the
 * string "source"; empty when there is none.  Names that need unescaping are given
 * escaped. */
wf_str filter_event_table(wf_str event);

/* "public.orders,public.items [INSERT,UPDATE]" for status and dead letters. */
void filter_text(const struct cdc_filter *filter, struct buf *out);

#endif
