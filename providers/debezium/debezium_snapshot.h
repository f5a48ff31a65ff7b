/* SPDX-License-Identifier: MIT
 *
 * debezium_snapshot - Debezium's own snapshots: asked for by a signal through Kafka, and
 * followed by its notifications.  (Debezium 3.5 documentation, "Sending signals to a
 * Debezium connector", "Receiving Debezium notifications".)
 *
 * A connector that is not listening just then misses a signal, and says nothing: none is
 * sent to one that does not run, and one that was not answered in a minute is sent once
 * more.
 *
 *     NONE -> ASKED -> RUNNING -> NONE
 *     NONE -> INITIAL -> NONE          the connector begins with the rows by itself
 */
#ifndef PROVIDERS_DEBEZIUM_SNAPSHOT_H
#define PROVIDERS_DEBEZIUM_SNAPSHOT_H

#include "base/buf.h"

struct dbz_decoded;
struct debezium_state;

enum debezium_snapshot_phase {
    DEBEZIUM_SNAPSHOT_NONE,
    DEBEZIUM_SNAPSHOT_INITIAL,
    DEBEZIUM_SNAPSHOT_ASKED,
    DEBEZIUM_SNAPSHOT_RUNNING,
};

struct debezium_snapshot {
    enum debezium_snapshot_phase phase;
    char id[24]; /* of the last signal: the session, and a number */
    unsigned asks;
    struct buf signal; /* to be sent again */
    unsigned sent;
    int64_t
        again_ms; /* clock_mono_ms() of the next attempt to send one that was not sent */
    char trouble[200]; /* the last that was told of that */
    int64_t heard_ms;  /* clock_mono_ms() of the last sign of it */
    int64_t told_ms;   /* of the last report */
    char table[256];
    uint64_t tables_done, tables, rows;
};

/* snapshot_own() of provider.h.  WF_OK: Kafka has the signal, or there is none to be sent;
 * what stands in the way of one for good was said.  CDC_FULL: Kafka does not take it yet,
 * or the connector would not hear it. */
wf_status debezium_snapshot_ask(struct debezium_state *s, const wf_str *tables,
                                size_t count, wf_error *err);

/* Why this connector cannot be asked; NULL: it can. */
const char *debezium_snapshot_obstacle(const struct debezium_state *s);

/* After a record was given: rows that it read, where its own flags say it stands. */
void debezium_snapshot_row(struct debezium_state *s, const struct dbz_decoded *record);
void debezium_snapshot_heard(struct debezium_state *s, const struct dbz_decoded *record);

/* Between polls: one that was not answered. */
void debezium_snapshot_tend(struct debezium_state *s);

void debezium_snapshot_release(struct debezium_snapshot *snapshot);

#endif
