/* SPDX-License-Identifier: MIT
 *
 * pg_change - a row message and its table become the rows of a cdc_change.
 *
 *     INSERT   after: the row
 *     UPDATE   after: the new row.  before: none when the key stayed as it was; its columns
 *              alone (others absent) when it did not; the whole old row under replica
 *              identity FULL
 *     DELETE   before: the key's columns, or the whole old row under FULL
 *
 * A large value that the update did not touch is not sent; it is taken from the old row
 * where that has it (under FULL, and key columns), and else is `unchanged`.
 *
 * Rows of a table without a key are told apart by all they hold.  Their `identity` is, per
 * column, in the table's order,
 *
 *     'n'                     null
 *     't' length:4 text       the type's text form under pg_conn's session settings; the
 *                             length is big-endian
 *     'u'                     not sent, and not in the old row either
 *
 * which is the form a row has in pgoutput, and which a snapshot builds from COPY.
 */
#ifndef PROVIDERS_PG_CHANGE_H
#define PROVIDERS_PG_CHANGE_H

#include "providers/postgres/pg_relation.h"
#include "providers/postgres/pg_row.h"
#include "providers/postgres/pgoutput.h"

struct pg_change {
    struct pg_row before, after;
    struct buf merged; /* an identity that is not in the message as it is */
};

void pg_change_init(struct pg_change *rows);
void pg_change_release(struct pg_change *rows);

/* Fills in op, table, before, after, identity and old_identity from an INSERT, UPDATE or
 * DELETE; the rest of *out stays.  Good until the next call, and as long as the message and
 * the relation.  WF_PROTOCOL: the row has other columns than the table. */
wf_status pg_change_rows(struct pg_change *rows, const struct pg_relation *relation,
                         const struct pgoutput_message *message, struct cdc_change *out,
                         wf_error *err);

/* Appends one column's part of an identity. */
void pg_change_identity_null(struct buf *out);
void pg_change_identity_text(struct buf *out, wf_str text);

#endif
