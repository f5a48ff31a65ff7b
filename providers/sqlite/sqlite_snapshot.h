/* SPDX-License-Identifier: MIT
 *
 * sqlite_snapshot - reading tables in chunks, in key order, on a connection of its own.
 *
 * A chunk is one short read transaction.  Tables with a rowid go by rowid; WITHOUT ROWID
 * tables by primary key.  Where the last chunk ended is kept as text (sqlite_cursor.h).
 */
#ifndef PROVIDERS_SQLITE_SNAPSHOT_H
#define PROVIDERS_SQLITE_SNAPSHOT_H

#include "providers/provider.h"

extern const struct cdc_snapshot_reader sqlite_snapshot_reader;

#endif
