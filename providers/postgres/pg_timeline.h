/* SPDX-License-Identifier: MIT
 *
 * pg_timeline - who the server is, and whether what we have read is a part of its past.
 *
 * A standby that is promoted, and a server that is restored from a backup, begin a new
 * timeline.  Where that begins before the place that we have read to, changes that were
 * delivered never happened on this server, and what did happen there lies where we have been
 * already and would be passed over.
 *
 * The stored identity is "<system identifier>:<timeline>/<database>".  It is without the
 * timeline where none is known, as everything that was stored before there was one in it,
 * and at a standby: a slot there is read on through its promotion, so the timeline at the
 * time of connecting says nothing about what is read later.
 */
#ifndef PROVIDERS_PG_TIMELINE_H
#define PROVIDERS_PG_TIMELINE_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_position.h"

struct pg_timeline {
    char system[24];
    uint32_t number; /* 0: not known */
    char database[64];
};

void pg_timeline_put(struct buf *out, const struct pg_timeline *timeline);
bool pg_timeline_parse(wf_str identity, struct pg_timeline *out);

/* Whether `was` and `now` are the same system and database, on whatever timeline. */
bool pg_timeline_is_same(const struct pg_timeline *was, const struct pg_timeline *now);

/* Where the server, which is on timeline `now`, left timeline `was`: from the content of its
 * history file.  0: it has never been there. */
uint64_t pg_timeline_left(wf_str history, uint32_t was);

/* WF_STATE: the server, which is on timeline `now`, lacks something up to `from`, which was
 * read on timeline `was`.  Asks the server only when the two differ; `conn` is zeroed memory
 * with cancel and unwanted set, and becomes a connection of its own for that. */
wf_status pg_timeline_judge(struct pg_conn *conn, const struct cdc_settings *settings,
                            uint32_t was, uint32_t now, const struct pg_position *from,
                            wf_error *err);

#endif
