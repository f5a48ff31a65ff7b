/* SPDX-License-Identifier: MIT
 *
 * postgres_beat - a logical message now and then, so that the slot of a quiet database
 * beside a busy one moves on.
 *
 * A walsender that has sent everything says so, and that moves the slot too; but one that
 * never gets to the end of a busy log has nothing to say as long as nothing of it is for
 * us.  The message is written only where the log has grown behind what we have: a server
 * without work stays without work.
 */
#include "providers/postgres/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "providers/postgres/pg_notice.h"

/* What the server's own record of running transactions and our message take: not worth a
 * message. */
#define POSTGRES_BEAT_SLACK 512

static void postgres_beat_refused(struct postgres_state *s, const wf_error *err)
{
    s->beat_refused = true;
    pg_notice_tell(s->out, LOG_WARN, "no heartbeats: %s", err->text);
}

/* True: the connection is there, and free. */
static bool postgres_beat_ready(struct postgres_state *s)
{
    wf_error err;
    bool busy = false;
    if (postgres_open_control(s, &err))
        return false;
    wf_status status = pg_conn_settle(&s->control, "send a heartbeat", &busy, &err);
    /* A connection that broke is mended the next time; a refusal will not change. */
    if (status && status != WF_UNAVAILABLE && PQstatus(s->control.handle) == CONNECTION_OK)
        postgres_beat_refused(s, &err);
    return !status && !busy;
}

static void postgres_beat_send(struct postgres_state *s, uint64_t have)
{
    char lsn[PG_LSN_TEXT];
    char sql[400];
    wf_error ignored;
    /* What pgoutput tells of one before 14 is the empty transaction around it, and that is
     * not to wait for a standby. */
    bool transactional = s->control.version < 140000;
    pg_position_lsn_write(have + POSTGRES_BEAT_SLACK, lsn);
    snprintf(
        sql, sizeof(sql),
        "%sSELECT pg_catalog.pg_logical_emit_message(%s, '" PG_PREFIX_HEARTBEAT
        "', '') WHERE pg_catalog.pg_current_wal_insert_lsn() > '%s'::pg_catalog.pg_lsn",
        transactional ? "SET LOCAL synchronous_commit = local; " : "",
        transactional ? "true" : "false", lsn);
    pg_conn_fire(&s->control, sql, &ignored);
}

void postgres_beat(struct postgres_state *s)
{
    const struct pg_options *options = s->settings->options;
    int64_t now = clock_mono_ms();
    if (!options->heartbeat_ms || s->standby_server || s->beat_refused || s->catching_up ||
        now < s->beat_due_ms)
        return;
    s->beat_due_ms = now + options->heartbeat_ms;
    uint64_t have = pg_assembly_position(s->assembly).flush;
    bool moved = have != s->beat_from;
    s->beat_from = have;
    if (!moved && postgres_beat_ready(s))
        postgres_beat_send(s, have);
}

int postgres_beat_wait(const struct postgres_state *s, int most_ms)
{
    const struct pg_options *options = s->settings->options;
    if (!options->heartbeat_ms || s->standby_server || s->beat_refused || s->catching_up)
        return most_ms;
    int64_t left = s->beat_due_ms - clock_mono_ms();
    left = left < 0 ? 0 : left;
    return left < most_ms ? (int)left : most_ms;
}
