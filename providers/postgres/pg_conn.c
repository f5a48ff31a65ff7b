/* SPDX-License-Identifier: MIT
 *
 * pg_conn - libpq without waiting inside libpq.
 *
 * The session settings are made by one SELECT set_config(...) after connecting, and not by
 * `options` of the startup packet: a user's own `options` stay as they are, and poolers
 * refuse unknown ones.  A replication connection takes SQL as well, as simple queries only
 * (PostgreSQL documentation, "Streaming Replication Protocol"), so a statement without
 * parameters is always sent as one.
 *
 * libpq sends with MSG_NOSIGNAL (with TLS it blocks SIGPIPE for the call), so no signal
 * disposition is touched.  What cannot be interrupted is a host name being resolved.
 */
#include "providers/postgres/pg_conn.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_conn_plan.h"
#include "providers/postgres/pg_failure.h"

#define PG_CONN_LOOK_MS 100 /* longest wait between two looks at `unwanted` */
/* With TLS, bytes may lie read but unseen inside the TLS library, and poll() does not know
 * of them: nobody waits longer than this without another look. */
#define PG_CONN_TLS_LOOK_MS 250
/* An answer that libpq had no memory for lies whole in its buffer, and it waits for more. */
#define PG_CONN_ANSWER_LOOK_MS 1000

/* ---- waiting ------------------------------------------------------------------------- */

static bool pg_conn_is_cancelled(const struct pg_conn *conn)
{
    return (conn->unwanted && atomic_load(conn->unwanted)) ||
           (!conn->deaf && conn->cancel && atomic_load(&conn->cancel->raised));
}

static int pg_conn_slice_ms(const struct pg_conn *conn, int64_t deadline)
{
    int64_t slice = conn->unwanted             ? PG_CONN_LOOK_MS
                    : PQsslInUse(conn->handle) ? PG_CONN_TLS_LOOK_MS
                                               : -1;
    if (deadline < 0)
        return (int)slice;
    int64_t left = deadline - clock_mono_ms();
    left = left < 0 ? 0 : left;
    return (int)(slice < 0 || left < slice ? left : slice);
}

/* Until one of `events` is there; `deadline` by clock_mono_ms(), -1: none. */
static enum pg_conn_event pg_conn_wait_for(struct pg_conn *conn, short events,
                                           int64_t deadline)
{
    for (;;) {
        struct pollfd fds[2] = {
            {.fd = PQsocket(conn->handle), .events = events},
            {.fd = conn->deaf || !conn->cancel ? -1 : cancel_fd(conn->cancel),
             .events = POLLIN},
        };
        if (pg_conn_is_cancelled(conn))
            return PG_CONN_CANCELLED;
        int slice = pg_conn_slice_ms(conn, deadline);
        int ready = poll(fds, 2, slice);
        /* Whatever poll() has against the socket, libpq finds out and says. */
        if (fds[0].fd < 0 || (ready > 0 && fds[0].revents) || (ready < 0 && errno != EINTR))
            return PG_CONN_READY;
        if (ready == 0 && slice == PG_CONN_TLS_LOOK_MS && PQsslInUse(conn->handle))
            return PG_CONN_READY;
        if (deadline >= 0 && clock_mono_ms() >= deadline)
            return pg_conn_is_cancelled(conn) ? PG_CONN_CANCELLED : PG_CONN_TIMEOUT;
    }
}

enum pg_conn_event pg_conn_wait(struct pg_conn *conn, int timeout_ms)
{
    /* Fails when the connection broke; then the socket is readable, or closed. */
    short events = PQflush(conn->handle) > 0 ? POLLIN | POLLOUT : POLLIN;
    return pg_conn_wait_for(conn, events,
                            timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms);
}

static wf_status pg_conn_cancelled(const char *doing, wf_error *err)
{
    return error_set(err, WF_CANCELLED, "cannot %s: stopped on request", doing);
}

/* ---- connecting ---------------------------------------------------------------------- */

struct pg_conn_place {
    char *host, *port;
    size_t number;
};

static void pg_conn_place_release(struct pg_conn_place *place)
{
    free(place->host);
    free(place->port);
}

/* libpq goes on to the next host by itself; true when it just did. */
static bool pg_conn_moved(const struct pg_conn *conn, struct pg_conn_place *place)
{
    wf_str host = str_from(PQhost(conn->handle));
    wf_str port = str_from(PQport(conn->handle));
    bool first = !place->host;
    if (!first && str_is(host, place->host) && str_is(port, place->port ? place->port : ""))
        return false;
    pg_conn_place_release(place);
    place->host = str_dup(host);
    place->port = str_dup(port);
    if (!first)
        place->number++;
    return true;
}

/* *out_host: how many hosts were given up before the one that failed. */
static wf_status pg_conn_dial(struct pg_conn *conn, const struct pg_conn_plan *plan,
                              bool *out_late, size_t *out_host, wf_error *err)
{
    CDC_CLEANUP(pg_conn_place_release) struct pg_conn_place place = {0};
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    int64_t deadline = 0;
    if (PQstatus(conn->handle) == CONNECTION_BAD)
        return pg_failure_connection(conn, "connect to the server", err);
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        if (pg_conn_moved(conn, &place))
            deadline = clock_mono_ms() + plan->timeout_ms;
        *out_host = place.number;
        enum pg_conn_event event = pg_conn_wait_for(
            conn, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        if (event == PG_CONN_CANCELLED)
            return pg_conn_cancelled("connect to the server", err);
        *out_late = event == PG_CONN_TIMEOUT;
        if (*out_late)
            return error_set(err, WF_UNAVAILABLE,
                             "cannot connect to the server '%s': no answer within %" PRId64
                             " ms (connect_timeout)",
                             PQhost(conn->handle), plan->timeout_ms);
        next = PQconnectPoll(conn->handle);
    }
    return next == PGRES_POLLING_OK
               ? WF_OK
               : pg_failure_connection(conn, "connect to the server", err);
}

/* Up to 17 a stream fails at a publication that is not there; 18 warns, and leaves out the
 * changes.  (PostgreSQL 18 release notes; the warning's own SQLSTATE is this one.) */
static void pg_conn_noticed(void *ctx, const PGresult *notice)
{
    struct pg_conn *conn = ctx;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    if (severity && state && !strcmp(severity, "WARNING") && !strcmp(state, "55000"))
        conn->unpublished = true;
}

/* A host that does not answer at all holds libpq up, so after its time we begin anew with
 * the hosts behind it. */
static wf_status pg_conn_reach(struct pg_conn *conn, struct pg_conn_plan *plan,
                               wf_error *err)
{
    for (size_t first = 0;;) {
        bool late = false;
        size_t host = 0;
        pg_conn_plan_keywords(plan, first);
        conn->handle = PQconnectStartParams(plan->keywords, plan->values, 1);
        if (!conn->handle)
            return error_no_memory(err);
        PQsetNoticeReceiver(conn->handle, pg_conn_noticed, conn);
        /* pg_failure reads the SQLSTATE of a refusal out of the text: libpq has no other
         * way to give it. */
        PQsetErrorVerbosity(conn->handle, PQERRORS_VERBOSE);
        wf_status status = pg_conn_dial(conn, plan, &late, &host, err);
        if (!status)
            PQsetErrorVerbosity(conn->handle, PQERRORS_DEFAULT);
        first += host + 1;
        if (!late || first >= plan->hosts)
            return status;
        PQfinish(conn->handle);
        conn->handle = NULL;
    }
}

/* What pg_row relies on, and what a role's or database's own settings must not change. */
static wf_status pg_conn_set_up(struct pg_conn *conn, enum pg_conn_purpose purpose,
                                wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_lit(&sql, "SELECT pg_catalog.set_config(name, value, false) FROM (VALUES "
                  "('datestyle', 'ISO'), ('intervalstyle', 'iso_8601'), "
                  "('timezone', 'UTC'), ('bytea_output', 'hex'), "
                  "('extra_float_digits', '3'), ('lc_monetary', 'C'), "
                  "('search_path', ''), ('quote_all_identifiers', 'off'), "
                  "('standard_conforming_strings', 'on'), "
                  "('client_min_messages', 'warning'), "
                  "('statement_timeout', '0'), ('lock_timeout', '0'), "
                  "('idle_in_transaction_session_timeout', '0'), "
                  "('default_transaction_isolation', 'read committed'), "
                  "('default_transaction_read_only', 'off')");
    /* Such a database may hold any bytes, and the server would refuse to send those that
     * are not UTF-8. */
    if (str_is(str_from(PQparameterStatus(conn->handle, "server_encoding")), "SQL_ASCII"))
        buf_lit(&sql, ", ('client_encoding', 'SQL_ASCII')");
    if (conn->version >= 140000)
        buf_lit(&sql, ", ('idle_session_timeout', '0')");
    if (conn->version >= 170000)
        buf_lit(&sql, ", ('transaction_timeout', '0')");
    /* Rows that a policy hides must be an error, not be missing. */
    if (purpose == PG_CONN_SNAPSHOT)
        buf_lit(&sql, ", ('row_security', 'off')");
    buf_lit(&sql, ") AS setting(name, value)");
    wf_status status = buf_status(&sql, "SQL", err);
    return status ? status
                  : pg_conn_query(conn, "prepare the session", buf_c(&sql), NULL, 0, NULL,
                                  err);
}

/* Connecting is not over before that. */
static wf_status pg_conn_set_up_in_time(struct pg_conn *conn, enum pg_conn_purpose purpose,
                                        int64_t timeout_ms, wf_error *err)
{
    int64_t patience_ms = conn->patience_ms;
    conn->patience_ms = timeout_ms;
    wf_status status = pg_conn_set_up(conn, purpose, err);
    conn->patience_ms = patience_ms;
    return status;
}

static wf_status pg_conn_check(struct pg_conn *conn, wf_error *err)
{
    conn->version = PQserverVersion(conn->handle);
    if (PQsetnonblocking(conn->handle, 1))
        return pg_failure_connection(conn, "connect to the server", err);
    if (conn->version < 130000)
        return error_set(err, WF_CONFIG,
                         "the server is PostgreSQL %d.%d; this provider needs 13 or later",
                         conn->version / 10000, conn->version % 10000);
    return WF_OK;
}

wf_status pg_conn_open(struct pg_conn *conn, const struct cdc_settings *settings,
                       enum pg_conn_purpose purpose, wf_error *err)
{
    CDC_CLEANUP(pg_conn_plan_release) struct pg_conn_plan plan;
    wf_status status = pg_conn_plan_make(&plan, settings, purpose, err);
    if (!status)
        status = pg_conn_reach(conn, &plan, err);
    if (!status)
        status = pg_conn_check(conn, err);
    return status ? status : pg_conn_set_up_in_time(conn, purpose, plan.timeout_ms, err);
}

void pg_conn_close(struct pg_conn *conn)
{
    PQfinish(conn->handle);
    conn->handle = NULL;
}

/* ---- asking -------------------------------------------------------------------------- */

void pg_conn_clearp(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

wf_str pg_conn_cell(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return STR_EMPTY;
    return (wf_str){PQgetvalue(result, row, column),
                    (size_t)PQgetlength(result, row, column)};
}

/* A network that went silent; what the answer would have been to is not known any more. */
static wf_status pg_conn_late(struct pg_conn *conn, const char *doing, wf_error *err)
{
    pg_conn_close(conn);
    return error_set(err, WF_UNAVAILABLE,
                     "cannot %s: the server has not answered within %" PRId64 " ms", doing,
                     conn->patience_ms);
}

/* The next result of what was sent; *out NULL: there is none, the connection is free. */
static wf_status pg_conn_result(struct pg_conn *conn, const char *doing, PGresult **out,
                                wf_error *err)
{
    int64_t deadline = conn->patience_ms > 0 ? clock_mono_ms() + conn->patience_ms : -1;
    for (;;) {
        int unsent = PQflush(conn->handle);
        if (unsent < 0 || !PQconsumeInput(conn->handle)) {
            /* The server's last words may have come in before it went. */
            if (PQisBusy(conn->handle))
                return pg_failure_connection(conn, doing, err);
        }
        if (!PQisBusy(conn->handle))
            break;
        if (deadline >= 0 && clock_mono_ms() >= deadline)
            return pg_conn_late(conn, doing, err);
        short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
        int64_t look = clock_mono_ms() + PG_CONN_ANSWER_LOOK_MS;
        int64_t until = deadline >= 0 && deadline < look ? deadline : look;
        if (pg_conn_wait_for(conn, events, until) == PG_CONN_CANCELLED)
            return pg_conn_cancelled(doing, err);
    }
    *out = PQgetResult(conn->handle);
    return WF_OK;
}

static bool pg_conn_is_copy(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COPY_BOTH || status == PGRES_COPY_OUT || status == PGRES_COPY_IN;
}

static bool pg_conn_is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
           status != PGRES_SINGLE_TUPLE && status != PGRES_EMPTY_QUERY &&
           !pg_conn_is_copy(result);
}

/* Takes what an earlier statement still has to say. */
static wf_status pg_conn_drain(struct pg_conn *conn, const char *doing, wf_error *err)
{
    for (;;) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *left = NULL;
        wf_status status = pg_conn_result(conn, doing, &left, err);
        if (status || !left)
            return status;
        if (pg_conn_is_copy(left))
            return error_set(err, WF_STATE, "cannot %s: the connection is copying", doing);
    }
}

/* As PQexec(): the first failure, else the last result; a copy ends it at once. */
static wf_status pg_conn_collect(struct pg_conn *conn, const char *doing, PGresult **out,
                                 wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *kept = NULL;
    for (;;) {
        PGresult *next = NULL;
        wf_status status = pg_conn_result(conn, doing, &next, err);
        if (status)
            return status;
        if (!next)
            break;
        if (kept && pg_conn_is_failure(kept)) {
            PQclear(next);
            continue;
        }
        PQclear(kept);
        kept = next;
        if (pg_conn_is_copy(kept))
            break;
    }
    if (!kept)
        return pg_failure_connection(conn, doing, err);
    if (pg_conn_is_failure(kept))
        return pg_failure_result(conn, kept, doing, err);
    *out = kept;
    kept = NULL;
    return WF_OK;
}

static wf_status pg_conn_send(struct pg_conn *conn, const char *doing, const char *sql,
                              const char *const *params, int count, wf_error *err)
{
    int sent =
        count ? PQsendQueryParams(conn->handle, sql, count, NULL, params, NULL, NULL, 0)
              : PQsendQuery(conn->handle, sql);
    return sent ? WF_OK : pg_failure_connection(conn, doing, err);
}

wf_status pg_conn_query(struct pg_conn *conn, const char *doing, const char *sql,
                        const char *const *params, int count, PGresult **out, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *result = NULL;
    if (!conn->handle)
        return error_set(err, WF_UNAVAILABLE, "cannot %s: not connected", doing);
    wf_status status = pg_conn_drain(conn, doing, err);
    if (!status)
        status = pg_conn_send(conn, doing, sql, params, count, err);
    if (!status)
        status = pg_conn_collect(conn, doing, &result, err);
    if (status)
        return status;
    if (out) {
        *out = result;
        result = NULL;
    }
    return WF_OK;
}

wf_status pg_conn_settle(struct pg_conn *conn, const char *doing, bool *out_busy,
                         wf_error *err)
{
    if (!conn->handle)
        return error_set(err, WF_UNAVAILABLE, "cannot %s: not connected", doing);
    wf_status status = WF_OK;
    int unsent = PQflush(conn->handle);
    bool broken = !PQconsumeInput(conn->handle) || unsent < 0;
    while (!PQisBusy(conn->handle)) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *result = PQgetResult(conn->handle);
        if (!result)
            break;
        if (!status && pg_conn_is_failure(result))
            status = pg_failure_result(conn, result, doing, err);
        if (pg_conn_is_copy(result))
            return error_set(err, WF_STATE, "cannot %s: the connection is copying", doing);
    }
    if (!status && (broken || PQstatus(conn->handle) == CONNECTION_BAD))
        status = pg_failure_connection(conn, doing, err);
    if (!status)
        *out_busy = PQisBusy(conn->handle);
    return status;
}

wf_status pg_conn_fire(struct pg_conn *conn, const char *sql, wf_error *err)
{
    bool busy = false;
    wf_status status = pg_conn_settle(conn, "look at the connection", &busy, err);
    if (status || busy) /* the one before is not answered: one more would not help */
        return status;
    status = pg_conn_send(conn, "send a statement", sql, NULL, 0, err);
    if (!status && PQflush(conn->handle) < 0)
        status = pg_failure_connection(conn, "send a statement", err);
    return status;
}
