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
#include "providers/postgres/pg_failure.h"
#include "providers/postgres/pg_options.h"

#define PG_CONN_LOOK_MS 100 /* longest wait between two looks at `unwanted` */
/* With TLS, bytes may lie read but unseen inside the TLS library, and poll() does not know
 * of them: nobody waits longer than this without another look. */
#define PG_CONN_TLS_LOOK_MS 250
#define PG_CONN_NAME 64 /* application_name holds 63 bytes (NAMEDATALEN) */
#define PG_CONN_KEYWORDS 24
#define PG_CONN_TIMEOUT_MS 10000 /* where neither the options nor the connection say */

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

struct pg_conn_plan {
    const char *connection;
    const char *host, *hostaddr, *port; /* as the connection gives them; may be NULL */
    size_t hosts;
    bool own_replication; /* the connection says something about it */
    int64_t timeout_ms;   /* per host */
    enum pg_conn_purpose purpose;
    char name[PG_CONN_NAME];
    const char *keywords[PG_CONN_KEYWORDS];
    const char *values[PG_CONN_KEYWORDS];
    size_t count;
};

static void pg_conn_free_options(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

static void pg_conn_freemem(char **memory)
{
    PQfreemem(*memory);
}

/* What cannot be parsed cannot be redacted either, so none of it is shown: libpq puts the
 * part it did not understand between quotes. */
static wf_status pg_conn_bad_connection(const char *why, wf_error *err)
{
    wf_str reason = str_trim(str_from(why));
    ptrdiff_t first = str_find(reason, STR("\""));
    size_t last = reason.len;
    while (first >= 0 && last > (size_t)first + 1 && reason.ptr[last - 1] != '"')
        last--;
    wf_str head = first < 0 ? reason : str_slice(reason, 0, (size_t)first);
    wf_str tail = first < 0 ? STR_EMPTY : str_slice(reason, last, reason.len);
    return error_set(err, WF_CONFIG,
                     "connection is neither a postgresql:// URI nor a list of "
                     "keyword=value: %.*s%s%.*s",
                     STR_ARG(head), first < 0 ? "" : "...", STR_ARG(tail));
}

static size_t pg_conn_count_hosts(const char *list)
{
    size_t count = 1;
    for (const char *at = list; at && *at; at++)
        count += *at == ',';
    return count;
}

static void pg_conn_plan_option(struct pg_conn_plan *plan, const PQconninfoOption *option)
{
    int64_t seconds;
    if (!option->val || !*option->val)
        return;
    wf_str value = str_from(option->val);
    if (!strcmp(option->keyword, "host"))
        plan->host = option->val;
    else if (!strcmp(option->keyword, "hostaddr"))
        plan->hostaddr = option->val;
    else if (!strcmp(option->keyword, "port"))
        plan->port = option->val;
    else if (!strcmp(option->keyword, "replication"))
        plan->own_replication = true;
    else if (!strcmp(option->keyword, "connect_timeout") && str_to_i64(value, &seconds) &&
             seconds > 0 && seconds < INT32_MAX / 1000)
        plan->timeout_ms = seconds * 1000;
}

/* "workflow-plugin-cdc <source_id> <purpose>"; a long id is cut, so that the purpose can be
 * read. */
static void pg_conn_plan_name(struct pg_conn_plan *plan,
                              const struct cdc_settings *settings)
{
    static const char *const purposes[] = {
        [PG_CONN_CONTROL] = "control",
        [PG_CONN_STREAM] = "stream",
        [PG_CONN_SNAPSHOT] = "snapshot",
        [PG_CONN_CATCH_UP] = "catch-up",
    };
    size_t room = sizeof(plan->name) - sizeof("workflow-plugin-cdc  snapshot");
    wf_str id = str_slice(settings->source_id, 0, room);
    struct buf name;
    buf_fixed(&name, plan->name, sizeof(plan->name) - 1);
    buf_lit(&name, "workflow-plugin-cdc ");
    buf_str(&name, id);
    buf_byte(&name, ' ');
    buf_cstr(&name, purposes[plan->purpose]);
    plan->name[name.len] = '\0';
}

static void pg_conn_plan_add(struct pg_conn_plan *plan, const char *keyword,
                             const char *value)
{
    if (!value || plan->count + 1 >= PG_CONN_KEYWORDS)
        return;
    plan->keywords[plan->count] = keyword;
    plan->values[plan->count] = value;
    plan->keywords[++plan->count] = NULL;
    plan->values[plan->count] = NULL;
}

/* The entries of a list from number `first` on. */
static const char *pg_conn_list_from(const char *list, size_t first)
{
    const char *at = list;
    if (!list || !strchr(list, ','))
        return list; /* one port for all hosts */
    while (first && (at = strchr(at, ',')) != NULL) {
        at++;
        first--;
    }
    return at;
}

/* Of two values for one keyword the later wins, and dbname stands for all that the
 * connection says: before it come our defaults, behind it what must be so. */
static void pg_conn_plan_keywords(struct pg_conn_plan *plan, size_t first)
{
    plan->count = 0;
    pg_conn_plan_add(plan, "keepalives", "1");
    pg_conn_plan_add(plan, "keepalives_idle", "30");
    pg_conn_plan_add(plan, "keepalives_interval", "10");
    pg_conn_plan_add(plan, "keepalives_count", "3");
    pg_conn_plan_add(plan, "tcp_user_timeout", "60000");
    pg_conn_plan_add(plan, "fallback_application_name", plan->name);
    pg_conn_plan_add(plan, "dbname", plan->connection);
    pg_conn_plan_add(plan, "client_encoding", "UTF8");
    if (plan->purpose == PG_CONN_STREAM)
        pg_conn_plan_add(plan, "replication", "database");
    else if (plan->own_replication)
        pg_conn_plan_add(plan, "replication", "false");
    if (first) {
        pg_conn_plan_add(plan, "host", pg_conn_list_from(plan->host, first));
        pg_conn_plan_add(plan, "hostaddr", pg_conn_list_from(plan->hostaddr, first));
        pg_conn_plan_add(plan, "port", pg_conn_list_from(plan->port, first));
    }
}

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

static void pg_conn_ignore(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
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
        PQsetNoticeProcessor(conn->handle, pg_conn_ignore, NULL);
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
    const struct pg_options *options = settings->options;
    wf_str given = settings->connection;
    if (given.len && memchr(given.ptr, 0, given.len))
        return error_set(err, WF_CONFIG, "connection holds a NUL byte");
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    buf_str(&text, given);
    struct pg_conn_plan plan = {
        .purpose = purpose,
        .connection = buf_c(&text),
        .timeout_ms = options && options->connect_timeout_ms > 0
                          ? options->connect_timeout_ms
                          : PG_CONN_TIMEOUT_MS,
    };
    wf_status status = buf_status(&text, "connection", err);
    if (status)
        return status;
    CDC_CLEANUP(pg_conn_freemem) char *why = NULL;
    CDC_CLEANUP(pg_conn_free_options)
    PQconninfoOption *parsed = PQconninfoParse(plan.connection, &why);
    if (!parsed)
        return why ? pg_conn_bad_connection(why, err) : error_no_memory(err);
    for (const PQconninfoOption *option = parsed; option->keyword; option++)
        pg_conn_plan_option(&plan, option);
    plan.hosts = pg_conn_count_hosts(plan.host ? plan.host : plan.hostaddr);
    pg_conn_plan_name(&plan, settings);
    status = pg_conn_reach(conn, &plan, err);
    if (!status)
        status = pg_conn_check(conn, err);
    return status ? status : pg_conn_set_up(conn, purpose, err);
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

/* The next result of what was sent; *out NULL: there is none, the connection is free. */
static wf_status pg_conn_result(struct pg_conn *conn, const char *doing, PGresult **out,
                                wf_error *err)
{
    for (;;) {
        int unsent = PQflush(conn->handle);
        if (unsent < 0 || !PQconsumeInput(conn->handle)) {
            /* The server's last words may have come in before it went. */
            if (PQisBusy(conn->handle))
                return pg_failure_connection(conn, doing, err);
        }
        if (!PQisBusy(conn->handle))
            break;
        if (pg_conn_wait(conn, -1) == PG_CONN_CANCELLED)
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
