/* SPDX-License-Identifier: MIT
 *
 * pg_writers - transactions that have written to a table before it was published.
 *
 * What they wrote by then is not in the stream, and as long as they run no database
 * snapshot shows it.  So the first chunk of a table that was added to a publication is read
 * when they have ended.  Nobody is kept from writing meanwhile.
 */
#ifndef PROVIDERS_PG_WRITERS_H
#define PROVIDERS_PG_WRITERS_H

#include "providers/postgres/pg_conn.h"

/* WF_CANCELLED: conn->cancel was raised. */
wf_status pg_writers_wait(struct pg_conn *conn, uint32_t table, wf_error *err);

#endif
