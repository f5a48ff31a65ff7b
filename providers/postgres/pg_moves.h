/* SPDX-License-Identifier: MIT
 *
 * pg_moves - putting tables into the two parts of our publication, and taking them out.
 *
 * Some hundred tables are one transaction, because each of them is locked until its end and
 * a server has a few thousand locks.  A table that moves from one part to the other is
 * added before it is dropped, so that it is published all the time.
 */
#ifndef PROVIDERS_PG_MOVES_H
#define PROVIDERS_PG_MOVES_H

#include "providers/postgres/pg_published.h"

/* Makes `main` and `insert` hold what they should.  Appends the names of tables that are in
 * one of them now and were in neither, one per line (without those that have a line end in
 * them); on failure, those of the part that was done. */
wf_status pg_moves_run(const struct pg_published *published, const char *main,
                       const char *insert, struct pg_conn *control, struct buf *added,
                       wf_error *err);

#endif
