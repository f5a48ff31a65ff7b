/* SPDX-License-Identifier: MIT
 *
 * bench_pg - what bench_postgres measures with: a server, changes in its log, and the two
 * readers, pg_recvlogical and ours, each on its own copy of one slot.
 */
#ifndef BENCH_PG_H
#define BENCH_PG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* What one run took. */
struct bench_pg_use {
    double seconds; /* from exec to the last row */
    double cpu_us;  /* of the reader's process, per row */
    double resident_mb;
    double median_ms, p99_ms, longest_ms; /* commit to callback, when asked for */
};

/* Starts the server of this benchmark, which everybody reaches over TCP or over a Unix socket;
 * false when this machine has none. */
bool bench_pg_begin(bool tcp);

void bench_pg_sql(const char *format, ...) CDC_PRINTF(1, 2);
long long bench_pg_number(const char *format, ...) CDC_PRINTF(1, 2);
/* The first column of the first row; good until the next call. */
const char *bench_pg_text(const char *format, ...) CDC_PRINTF(1, 2);
/* How libpq reaches the database, with more words (" replication=..."). */
const char *bench_pg_connection(void);

/* Makes `table` (bigint pk, int, 32-char text, numeric(12,2), timestamptz, small jsonb),
 * the publication `table`, and `rows` rows in transactions of `per_commit`.  With `slot` it
 * makes the slot `table`_slot before the rows come. */
void bench_pg_table(const char *table);
void bench_pg_slot(const char *table);
void bench_pg_fill(const char *table, long long rows, long long per_commit);

/* Reads what was filled in after the slot was made, `rows` rows, as fast as it goes. */
void bench_pg_peer(const char *table, long long rows, struct bench_pg_use *out);
/* The same by the plugin; `options` is JSON, members after a comma: ",\"catch_up\":...". */
void bench_pg_ours(const char *table, long long rows, const char *options,
                   struct bench_pg_use *out);
/* COPY of the table to /dev/null by psql. */
double bench_pg_copy_seconds(const char *table);
/* Our snapshot of the publication's tables, those that match `tables`: READ events. */
void bench_pg_snapshot(const char *publication, const char *tables, long long rows,
                       struct bench_pg_use *out);
/* A reader of live changes: `write` is called once it streams. */
void bench_pg_live(const char *table, long long rows, void (*write)(void *ctx), void *ctx,
                   struct bench_pg_use *out);

/* bench_pg_writer.c: inserts `rows` rows at `per_second`, in transactions of `per_commit`. */
void bench_pg_write(const char *table, long long rows, int per_second, int per_commit);

#endif
