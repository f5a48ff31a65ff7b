/* SPDX-License-Identifier: MIT
 *
 * pg_feed - where pgoutput's messages come from: the replication protocol (pg_stream) or
 * slices of WAL read through SQL (pg_slices).  Both give the same bytes.
 */
#ifndef PROVIDERS_PG_FEED_H
#define PROVIDERS_PG_FEED_H

#include "sdk/wf_plugin.h"

enum pg_feed_kind {
    PG_FEED_NOTHING, /* nothing has arrived */
    PG_FEED_DATA,    /* a pgoutput message */
    PG_FEED_PASSED,  /* everything committed before `lsn` was given */
    PG_FEED_END,     /* pg_slices: this slice is over, everything before `lsn` was given */
};

struct pg_feed_item {
    enum pg_feed_kind kind;
    uint64_t lsn;
    wf_str bytes; /* DATA: good until the next call */
};

#endif
