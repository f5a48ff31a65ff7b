/* SPDX-License-Identifier: MIT
 *
 * pg_place - where a chunk of a snapshot ended, as text that outlives a restart.
 *
 *     [["id","bigint","12"],["lang","text","en"]]        the key of the last row
 *     {"leaf":16400,"file":16405,"page":12,"item":3}     its place on disk
 *
 * A place is good only for the table it was made for: with another key, or after the file
 * was written anew, the reading begins again, so that rows come twice and none is left out.
 * It comes from our store, which anybody may have written to.
 */
#ifndef PROVIDERS_PG_PLACE_H
#define PROVIDERS_PG_PLACE_H

#include "base/buf.h"
#include "providers/postgres/pg_shape.h"

struct pg_place_disk {
    uint32_t leaf; /* the oid of the table or partition; 0: the first */
    uint32_t file; /* pg_relation_filenode */
    uint32_t page;
    uint16_t item; /* rows of `page` up to this one are done */
};

struct pg_place {
    bool resumed;              /* the rest is there */
    struct buf texts;          /* of the key's columns, one after the other */
    wf_str *key;               /* shape->order_count, into texts */
    struct pg_place_disk disk; /* order_count 0 */
};

void pg_place_release(struct pg_place *place);

/* WF_STATE: the token is none of ours.  `out` is zeroed memory; release it in any case. */
wf_status pg_place_parse(wf_str token, const struct pg_shape *shape, struct pg_place *out,
                         wf_error *err);

/* The token for a key; `texts` are in the order of shape->order. */
void pg_place_put_key(struct buf *out, const struct pg_shape *shape, const wf_str *texts);
void pg_place_put_disk(struct buf *out, const struct pg_place_disk *disk);

/* "(12,3)", a tid's text. */
bool pg_place_parse_tid(wf_str text, uint32_t *out_page, uint16_t *out_item);

#endif
