/* SPDX-License-Identifier: MIT
 *
 * pg_disk - a table without a key is read by the place of its rows on disk, partition by
 * partition, some pages at a time.
 */
#ifndef PROVIDERS_PG_DISK_H
#define PROVIDERS_PG_DISK_H

#include "providers/postgres/pg_place.h"

#define PG_DISK_NAME 512 /* two identifiers of 63 bytes with every byte quoted, and more */

struct pg_disk {
    char name[PG_DISK_NAME];   /* the table or partition, in SQL */
    uint32_t pages;            /* of it */
    uint32_t to_page;          /* where the chunk ends, not included */
    struct pg_place_disk next; /* the partition behind it; leaf 0: none */
};

/* Which pages hold the next `rows` rows, about.  place->disk is where to begin. */
wf_status pg_disk_find(struct pg_conn *conn, const struct pg_shape *shape,
                       struct pg_place *place, uint32_t rows, struct pg_disk *out,
                       wf_error *err);

wf_str pg_disk_name(const struct pg_disk *disk);
/* There is nothing to read. */
bool pg_disk_is_empty(const struct pg_disk *disk, const struct pg_place *place);
/* Writes the place behind the chunk; false: that was the end of the table. */
bool pg_disk_next(const struct pg_disk *disk, const struct pg_place *place,
                  struct buf *after);

#endif
