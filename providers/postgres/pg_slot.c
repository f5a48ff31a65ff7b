/* SPDX-License-Identifier: MIT
 *
 * pg_slot - see the header.
 *
 * PostgreSQL documentation, "pg_replication_slots" and "Replication Management Functions",
 * 13 to 18.
 */
#include "providers/postgres/pg_slot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_name.h"
#include "providers/postgres/pg_options.h"

#define PG_SLOT_DROP_WAIT_MS 5000
#define PG_SLOT_DROP_PAUSE_MS 100

wf_status pg_slot_name(const struct cdc_settings *settings, char out[PG_SLOT_NAME],
                       wf_error *err)
{
    _Static_assert(PG_SLOT_NAME == PG_NAME_SIZE, "one name, one size");
    const struct pg_options *options = settings->options;
    if (!options->slot.len) {
        pg_name_of_source(settings->source_id, out);
        return WF_OK;
    }
    if (!pg_name_is_slot(options->slot))
        return error_set(err, WF_CONFIG,
                         "'options.slot' must be 1 to %d of the characters a-z, 0-9 and _, "
                         "not \"%.*s\"",
                         PG_NAME_SIZE - 1, STR_ARG(options->slot));
    memcpy(out, options->slot.ptr, options->slot.len);
    out[options->slot.len] = '\0';
    return WF_OK;
}

/* ---- reading ------------------------------------------------------------------------- */

enum pg_slot_column {
    PG_SLOT_HERE,
    PG_SLOT_STANDBY,
    PG_SLOT_EXISTS,
    PG_SLOT_ACTIVE,
    PG_SLOT_PID,
    PG_SLOT_TEMPORARY,
    PG_SLOT_LOGICAL,
    PG_SLOT_PLUGIN,
    PG_SLOT_DATABASE,
    PG_SLOT_WAL_STATUS,
    PG_SLOT_RESTART,
    PG_SLOT_CONFIRMED,
    PG_SLOT_SAFE,
    PG_SLOT_RETAINED,
    PG_SLOT_TWO_PHASE,
    PG_SLOT_REASON,
    PG_SLOT_FAILOVER,
    PG_SLOT_SYNCED,
    PG_SLOT_WAL_END,
    PG_SLOT_COLUMNS,
};

/* One row always, also without the slot.  (A standby has no insert position; what it has
 * replayed is what its slots can have read.) */
static void pg_slot_put_query(struct buf *sql, int version)
{
    buf_lit(sql, "SELECT current_database(), pg_is_in_recovery(), s.slot_name IS NOT NULL,"
                 " s.active, s.active_pid, s.temporary, s.slot_type = 'logical', s.plugin,"
                 " s.database, s.wal_status, s.restart_lsn, s.confirmed_flush_lsn,"
                 " s.safe_wal_size, trunc(pg_wal_lsn_diff(w.wal_end, s.restart_lsn))::int8,"
                 " ");
    buf_cstr(sql, version >= 140000 ? "s.two_phase, " : "false, ");
    if (version >= 170000)
        buf_lit(sql, "s.invalidation_reason, s.failover, s.synced");
    else if (version >= 160000)
        /* 16 says so of slots that lost their WAL, too; those have no place to begin. */
        buf_lit(sql, "CASE WHEN s.conflicting AND s.restart_lsn IS NOT NULL"
                     " THEN 'conflict with recovery' END, false, false");
    else
        buf_lit(sql, "NULL, false, false");
    buf_lit(sql,
            ", w.wal_end FROM (SELECT CASE WHEN pg_is_in_recovery()"
            " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS wal_end) w"
            " LEFT JOIN pg_replication_slots s ON s.slot_name = $1");
}

static void pg_slot_text(const PGresult *rows, int column, char *out, size_t size)
{
    wf_str cell = pg_conn_cell(rows, 0, column);
    size_t len = cell.len < size ? cell.len : size - 1;
    if (len)
        memcpy(out, cell.ptr, len);
    out[len] = '\0';
}

static bool pg_slot_flag(const PGresult *rows, int column)
{
    return str_is(pg_conn_cell(rows, 0, column), "t");
}

static int64_t pg_slot_number(const PGresult *rows, int column, int64_t otherwise)
{
    int64_t number;
    return str_to_i64(pg_conn_cell(rows, 0, column), &number) ? number : otherwise;
}

/* Below zero at a slot that the next checkpoint gives up; null without a limit. */
static int64_t pg_slot_safe(const PGresult *rows)
{
    int64_t bytes;
    if (!str_to_i64(pg_conn_cell(rows, 0, PG_SLOT_SAFE), &bytes))
        return -1;
    return bytes > 0 ? bytes : 0;
}

static uint64_t pg_slot_lsn(const PGresult *rows, int column)
{
    uint64_t lsn;
    return pg_position_lsn_parse(pg_conn_cell(rows, 0, column), &lsn) ? lsn : 0;
}

static void pg_slot_take(const PGresult *rows, struct pg_slot_facts *out)
{
    *out = (struct pg_slot_facts){
        .exists = pg_slot_flag(rows, PG_SLOT_EXISTS),
        .active = pg_slot_flag(rows, PG_SLOT_ACTIVE),
        .active_pid = (int32_t)pg_slot_number(rows, PG_SLOT_PID, -1),
        .temporary = pg_slot_flag(rows, PG_SLOT_TEMPORARY),
        .two_phase = pg_slot_flag(rows, PG_SLOT_TWO_PHASE),
        .failover = pg_slot_flag(rows, PG_SLOT_FAILOVER),
        .synced = pg_slot_flag(rows, PG_SLOT_SYNCED),
        .logical = pg_slot_flag(rows, PG_SLOT_LOGICAL),
        .standby = pg_slot_flag(rows, PG_SLOT_STANDBY),
        .restart_lsn = pg_slot_lsn(rows, PG_SLOT_RESTART),
        .confirmed_lsn = pg_slot_lsn(rows, PG_SLOT_CONFIRMED),
        .wal_end = pg_slot_lsn(rows, PG_SLOT_WAL_END),
        .safe_bytes = pg_slot_safe(rows),
        .retained_bytes = pg_slot_number(rows, PG_SLOT_RETAINED, -1),
    };
    pg_slot_text(rows, PG_SLOT_PLUGIN, out->plugin, sizeof(out->plugin));
    pg_slot_text(rows, PG_SLOT_DATABASE, out->database, sizeof(out->database));
    pg_slot_text(rows, PG_SLOT_HERE, out->here, sizeof(out->here));
    pg_slot_text(rows, PG_SLOT_WAL_STATUS, out->wal_status, sizeof(out->wal_status));
    pg_slot_text(rows, PG_SLOT_REASON, out->reason, sizeof(out->reason));
}

wf_status pg_slot_read(struct pg_conn *control, const char *name, struct pg_slot_facts *out,
                       wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_slot_put_query(&sql, control->version);
    wf_status status = buf_status(&sql, "SQL", err);
    if (status)
        return status;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    status = pg_conn_query(control, "look at the replication slot", buf_c(&sql),
                           (const char *const[]){name}, 1, &rows, err);
    if (status)
        return status;
    if (PQntuples(rows) != 1 || PQnfields(rows) != PG_SLOT_COLUMNS)
        return error_set(err, WF_PROTOCOL,
                         "cannot look at the replication slot: odd answer of the server");
    pg_slot_take(rows, out);
    return WF_OK;
}

/* ---- judging ------------------------------------------------------------------------- */

static wf_status pg_slot_missing(const char *name, const struct pg_position *from,
                                 wf_error *err)
{
    if (!from->flush)
        return WF_OK;
    char lsn[PG_LSN_TEXT];
    pg_position_lsn_write(from->flush, lsn);
    return error_set(err, WF_STATE,
                     "replication slot '%s' is lost: it was there, up to %s, and somebody "
                     "dropped it, or the server is another one (a standby that was "
                     "promoted has only slots made with 'options.failover'); changes "
                     "since then are gone; " PG_SLOT_ANEW,
                     name, lsn);
}

static wf_status pg_slot_foreign(const struct pg_slot_facts *facts, const char *name,
                                 wf_error *err)
{
    const char *cure = "set 'options.slot' to a name that is free, or drop that slot if "
                       "nobody needs it";
    if (!facts->logical)
        return error_set(err, WF_CONFIG,
                         "replication slot '%s' is a physical one, as standbys and backups "
                         "use; %s",
                         name, cure);
    if (strcmp(facts->plugin, "pgoutput") != 0)
        return error_set(err, WF_CONFIG,
                         "replication slot '%s' was made for the output plugin '%s', not "
                         "for pgoutput; %s",
                         name, facts->plugin, cure);
    if (strcmp(facts->database, facts->here) != 0)
        return error_set(err, WF_CONFIG,
                         "replication slot '%s' belongs to database '%s', the connection "
                         "goes to '%s'; check dbname of the connection, or set "
                         "'options.slot' to another name",
                         name, facts->database, facts->here);
    return WF_OK;
}

/* What the server's reasons mean (documentation of pg_replication_slots). */
static const struct {
    const char *reason;
    const char *meaning;
} pg_slot_reasons[] = {
    {"wal_removed", "the WAL it needs was removed: it held back more than "
                    "max_slot_wal_keep_size allows; raise that, or read faster"},
    {"rows_removed", "the primary removed rows that it needs; set hot_standby_feedback = "
                     "on at the standby"},
    {"wal_level_insufficient", "the primary's wal_level was lowered; set it to logical"},
    {"idle_timeout", "nobody read it for longer than idle_replication_slot_timeout; raise "
                     "that, or let the source run"},
    {"conflict with recovery", "the primary removed rows that it needs, or lowered its "
                               "wal_level; set hot_standby_feedback = on at the standby"},
};

static const char *pg_slot_meaning(const char *reason)
{
    if (!*reason) /* before 17 only this leads to 'lost' */
        return pg_slot_reasons[0].meaning;
    for (size_t i = 0; i < CDC_COUNT(pg_slot_reasons); i++) {
        if (!strcmp(pg_slot_reasons[i].reason, reason))
            return pg_slot_reasons[i].meaning;
    }
    return "the server invalidated it";
}

static wf_status pg_slot_invalid(const struct pg_slot_facts *facts, const char *name,
                                 wf_error *err)
{
    if (strcmp(facts->wal_status, "lost") != 0 && !facts->reason[0])
        return WF_OK;
    const char *reason = facts->reason[0] ? facts->reason : "wal_status lost";
    return error_set(err, WF_STATE,
                     "replication slot '%s' is lost (%s): %s; changes that were not read "
                     "yet are gone; " PG_SLOT_ANEW,
                     name, reason, pg_slot_meaning(facts->reason));
}

static wf_status pg_slot_busy(const struct pg_slot_facts *facts, const char *name,
                              wf_error *err)
{
    if (facts->standby && facts->synced)
        return error_set(err, WF_UNAVAILABLE,
                         "replication slot '%s' cannot be read yet: this server is a "
                         "standby that copies it from its primary, and may be read from "
                         "once it is promoted; name the primary in the connection as well, "
                         "with target_session_attrs=read-write",
                         name);
    if (facts->active)
        return error_set(err, WF_UNAVAILABLE,
                         "replication slot '%s' is in use by the server process with PID "
                         "%d: another source reads it, or the server has not seen yet that "
                         "an earlier connection ended (SELECT "
                         "pg_terminate_backend(%d) ends the other one)",
                         name, facts->active_pid, facts->active_pid);
    return WF_OK;
}

static wf_status pg_slot_moved(const struct pg_slot_facts *facts, const char *name,
                               const struct pg_position *from, wf_error *err)
{
    if (!from->flush || facts->confirmed_lsn <= from->flush)
        return WF_OK;
    char here[PG_LSN_TEXT];
    char there[PG_LSN_TEXT];
    pg_position_lsn_write(from->flush, here);
    pg_position_lsn_write(facts->confirmed_lsn, there);
    return error_set(err, WF_STATE,
                     "replication slot '%s' was moved on by somebody else: this source "
                     "has read up to %s, the slot begins at %s; changes in the %llu bytes "
                     "of WAL between will not come again; see that nobody else reads the "
                     "slot, then " PG_SLOT_ANEW,
                     name, here, there,
                     (unsigned long long)(facts->confirmed_lsn - from->flush));
}

/* A server that was put back, or a standby that took over before it had everything: what it
 * writes now lies where we have been already, and would be passed over. */
static wf_status pg_slot_behind(const struct pg_slot_facts *facts, const char *name,
                                const struct pg_position *from, wf_error *err)
{
    if (facts->standby || facts->wal_end >= from->flush)
        return WF_OK;
    char here[PG_LSN_TEXT];
    char there[PG_LSN_TEXT];
    pg_position_lsn_write(from->flush, here);
    pg_position_lsn_write(facts->wal_end, there);
    return error_set(err, WF_STATE,
                     "the server of replication slot '%s' has gone back: this source has "
                     "read up to %s, the WAL ends at %s (a backup was restored, or a "
                     "standby was promoted that lacked the last changes); " PG_SLOT_ANEW,
                     name, here, there);
}

wf_status pg_slot_judge(const struct pg_slot_facts *facts, const char *name,
                        const struct pg_position *from, wf_error *err)
{
    if (!facts->exists)
        return pg_slot_missing(name, from, err);
    wf_status status = pg_slot_foreign(facts, name, err);
    if (!status)
        status = pg_slot_invalid(facts, name, err);
    /* Whoever has it now moves it; whether it is past us is asked when he has gone. */
    if (!status)
        status = pg_slot_busy(facts, name, err);
    if (!status)
        status = pg_slot_moved(facts, name, from, err);
    return status ? status : pg_slot_behind(facts, name, from, err);
}

/* ---- making and dropping ------------------------------------------------------------- */

static wf_status pg_slot_can(const struct pg_conn *control, const char *option, int version,
                             wf_error *err)
{
    if (control->version >= version * 10000)
        return WF_OK;
    return error_set(err, WF_CONFIG,
                     "'options.%s' needs PostgreSQL %d or later, the server is %d.%d; "
                     "leave the option out",
                     option, version, control->version / 10000, control->version % 10000);
}

/* Making a slot waits for transactions that run.  A session whose client has gone meanwhile
 * is to notice, or it has the slot until they end.  Where the server's system cannot find
 * out, it refuses. */
static void pg_slot_watch_client(struct pg_conn *control)
{
    wf_error ignored;
    if (control->version >= 140000)
        pg_conn_query(control, "prepare the session",
                      "SELECT pg_catalog.set_config('client_connection_check_interval', "
                      "'1s', false)",
                      NULL, 0, NULL, &ignored);
}

/* Whoever has a transaction number: a slot begins when they have ended. */
static const char pg_slot_writers[] =
    "SELECT concat_ws(', ', (SELECT string_agg('the session with PID ' || pid, ', ') FROM"
    " (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'transactionid' AND granted"
    " AND mode = 'ExclusiveLock' AND pid <> pg_backend_pid() ORDER BY pid LIMIT 3) s),"
    " (SELECT string_agg(format('the prepared transaction %L', gid), ', ') FROM"
    " (SELECT gid FROM pg_prepared_xacts ORDER BY prepared LIMIT 3) p))";

wf_status pg_slot_waits_for(struct pg_conn *control, struct buf *out, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    wf_status status = pg_conn_query(control, "look for transactions that run",
                                     pg_slot_writers, NULL, 0, &rows, err);
    if (!status)
        buf_str(out, pg_conn_cell(rows, 0, 0));
    return status;
}

wf_status pg_slot_make(struct pg_conn *control, const char *name,
                       const struct cdc_settings *settings, bool temporary,
                       uint64_t *out_lsn, wf_error *err)
{
    const struct pg_options *options = settings->options;
    wf_status status = WF_OK;
    /* Slots know of two phases from 14 on, pgoutput from 15 on. */
    if (options->two_phase)
        status = pg_slot_can(control, "two_phase", 15, err);
    if (!status && options->failover)
        status = pg_slot_can(control, "failover", 17, err);
    if (status)
        return status;
    const char *const params[] = {
        name,
        temporary ? "true" : "false",
        options->two_phase ? "true" : "false",
        options->failover && !temporary ? "true" : "false",
    };
    const char *sql = "SELECT lsn FROM "
                      "pg_create_logical_replication_slot($1, 'pgoutput', $2, $3, $4)";
    int count = 4;
    if (control->version < 140000) {
        sql = "SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput', $2)";
        count = 2;
    } else if (control->version < 170000) {
        sql = "SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput', $2, $3)";
        count = 3;
    }
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    pg_slot_watch_client(control);
    status =
        pg_conn_query(control, "make the replication slot", sql, params, count, &rows, err);
    if (status)
        return status;
    if (!pg_position_lsn_parse(pg_conn_cell(rows, 0, 0), out_lsn))
        return error_set(err, WF_PROTOCOL,
                         "cannot make the replication slot: the server gave no position");
    return WF_OK;
}

wf_status pg_slot_drop(struct pg_conn *control, const char *name, bool *out_dropped,
                       wf_error *err)
{
    int64_t until = clock_mono_ms() + PG_SLOT_DROP_WAIT_MS;
    for (;;) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        wf_status status = pg_conn_query(control, "drop the replication slot",
                                         "SELECT pg_drop_replication_slot(slot_name)"
                                         " FROM pg_replication_slots WHERE slot_name = $1",
                                         (const char *const[]){name}, 1, &rows, err);
        if (!status) {
            *out_dropped = PQntuples(rows) > 0;
            return WF_OK;
        }
        if (status != WF_UNAVAILABLE || PQstatus(control->handle) != CONNECTION_OK ||
            clock_mono_ms() >= until)
            return status;
        /* Nothing says when a slot becomes free. */
        if (pg_conn_wait(control, PG_SLOT_DROP_PAUSE_MS) == PG_CONN_CANCELLED)
            return error_set(err, WF_CANCELLED,
                             "cannot drop the replication slot: "
                             "interrupted");
    }
}
