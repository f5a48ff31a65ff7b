/* SPDX-License-Identifier: MIT
 *
 * fake_pg - as much of a PostgreSQL server as a client's connection needs, on a Unix
 * socket or over TCP, for what a real one never sends.
 *
 * It lets everybody in, answers a question for wal_sender_timeout with that, any other
 * query with nothing, and START_REPLICATION with a stream that consists of what the test
 * gives to fake_pg_send().  One connection at a time.
 */
#ifndef TESTS_SUPPORT_FAKE_PG_H
#define TESTS_SUPPORT_FAKE_PG_H

#include <stdbool.h>
#include <stddef.h>

struct fake_pg;

/* `timeout`: wal_sender_timeout in milliseconds, as text.  `dir`: where the socket is;
 * NULL: 127.0.0.1. */
struct fake_pg *fake_pg_start(const char *dir, const char *version, const char *timeout);
void fake_pg_stop(struct fake_pg *fake);
const char *fake_pg_connection(const struct fake_pg *fake);

/* Waits until the client streams.  The statement it began with. */
const char *fake_pg_begun(struct fake_pg *fake);
/* One CopyData message of the stream. */
void fake_pg_send(struct fake_pg *fake, const void *data, size_t len);
/* A whole message of the protocol: 'E', 'c' ... */
void fake_pg_send_raw(struct fake_pg *fake, char kind, const void *data, size_t len);
/* Ends the connection without a word. */
void fake_pg_cut(struct fake_pg *fake);
/* The next CopyData message of the client; waits a second at most.  False: none came. */
bool fake_pg_receive(struct fake_pg *fake, char *out, size_t size, size_t *out_len);

#endif
