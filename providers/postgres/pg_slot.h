/* SPDX-License-Identifier: MIT
 *
 * pg_slot - the replication slot: making it, judging it, letting go of it.
 */
#ifndef PROVIDERS_PG_SLOT_H
#define PROVIDERS_PG_SLOT_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_position.h"

/* What ends the text about a slot or a publication that cannot go on. */
#define PG_SLOT_ANEW                                                                       \
    "set 'options.on_slot_lost' to resnapshot, and all tables are read again (rows that "  \
    "were "                                                                                \
    "deleted meanwhile are not told of)"

#define PG_SLOT_NAME 64 /* NAMEDATALEN */

/* What pg_replication_slots says; -1, false or empty where this server version does not. */
struct pg_slot_facts {
    bool exists;
    bool active;
    int32_t active_pid;
    bool temporary, two_phase, failover, synced;
    bool logical;
    char plugin[64];
    char database[64];
    char here[64];       /* the database we are connected to */
    bool standby;        /* the server is in recovery */
    char wal_status[16]; /* reserved extended unreserved lost */
    char reason[64];     /* invalidation_reason (17), conflicting (16) */
    uint64_t restart_lsn, confirmed_lsn;
    uint64_t wal_end;   /* what the server has written, a standby: replayed; also without a
                         slot */
    int64_t safe_bytes; /* safe_wal_size: how much may still be written; -1: no limit */
    int64_t retained_bytes; /* WAL the slot holds back */
};

/* options.slot, or made from source_id (pg_name_of_source). */
wf_status pg_slot_name(const struct cdc_settings *settings, char out[PG_SLOT_NAME],
                       wf_error *err);

wf_status pg_slot_read(struct pg_conn *control, const char *name, struct pg_slot_facts *out,
                       wf_error *err);

/* Appends whose transactions a slot that is made now waits for, the first few of them. */
wf_status pg_slot_waits_for(struct pg_conn *control, struct buf *out, wf_error *err);

/* Makes the slot and gives its consistent point.  two_phase and failover are as the options
 * say; a server too old for them is WF_CONFIG.  A temporary slot (it ends with `control`)
 * never fails over.  Waits until the transactions that run now have ended; on a standby,
 * until the primary says what runs (pg_log_standby_snapshot() hurries it). */
wf_status pg_slot_make(struct pg_conn *control, const char *name,
                       const struct cdc_settings *settings, bool temporary,
                       uint64_t *out_lsn, wf_error *err);

/* WF_OK when streaming may go on after `from` (flush 0: a first start, any slot of ours
 * will do, also one that is still to be made).  In the order of looking:
 *
 *   WF_STATE        the slot is missing although there is a position
 *   WF_CONFIG       it is somebody else's: physical, another plugin's or database's.  Never
 *                   replaced, whatever on_slot_lost says
 *   WF_STATE        it is lost or invalidated
 *   WF_UNAVAILABLE  a standby still gets it from its primary; it is in use (with the PID)
 *   WF_STATE        it was moved past `from`: what lies between will not come again
 */
wf_status pg_slot_judge(const struct pg_slot_facts *facts, const char *name,
                        const struct pg_position *from, wf_error *err);

/* A slot in use is waited for, some seconds: the server needs a moment to see that its
 * reader has gone. */
wf_status pg_slot_drop(struct pg_conn *control, const char *name, bool *out_dropped,
                       wf_error *err);

#endif
