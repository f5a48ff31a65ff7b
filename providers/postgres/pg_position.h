/* SPDX-License-Identifier: MIT
 *
 * pg_position - LSNs, and the token that says how far the stream was delivered.
 *
 * A logical stream gives whole transactions in the order of their commit records.  A
 * position is the LSN up to which every transaction is done (what the slot may be told),
 * and, inside the transaction that comes next, how many of its changes are done as well:
 *
 *     0/16B374F0                     everything that was committed before this LSN
 *     0/16B374F0+0/16B37A10:12       that, and 12 changes of the transaction whose commit
 *                                    record is at 0/16B37A10
 *
 * The finer part makes a workflow that stops its own source get past a large transaction.
 */
#ifndef PROVIDERS_PG_POSITION_H
#define PROVIDERS_PG_POSITION_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

#define PG_LSN_TEXT 20      /* "FFFFFFFF/FFFFFFFF" and a NUL */
#define PG_POSITION_TEXT 64 /* the longest token and a NUL */

struct pg_position {
    uint64_t flush;  /* the LSN behind the last transaction that is done */
    uint64_t commit; /* of the transaction that is done in part; 0: none */
    uint64_t done;   /* its changes that are done, from its first */
};

/* "%X/%X" (PostgreSQL's text form of pg_lsn); gives the length.  Ends with a NUL. */
size_t pg_position_lsn_write(uint64_t lsn, char out[PG_LSN_TEXT]);
bool pg_position_lsn_parse(wf_str text, uint64_t *out);

size_t pg_position_write(const struct pg_position *position, char out[PG_POSITION_TEXT]);
/* False: not a token of ours; *out is untouched. */
bool pg_position_parse(wf_str token, struct pg_position *out);

#endif
