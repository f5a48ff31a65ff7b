/* SPDX-License-Identifier: MIT
 *
 * pg_failure - a table of SQLSTATEs and words, the first row that fits.
 *
 * Words are looked for only where one SQLSTATE stands for several conditions; a server that
 * speaks another language (lc_messages) then gets the row without words.
 */
#include "providers/postgres/pg_failure.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_slot.h"
#include "providers/postgres/pg_conn.h"

struct pg_failure_row {
    const char *state; /* the beginning of the SQLSTATE; "" fits all, "-": there is none */
    const char *words; /* in the message or the detail; NULL: any */
    wf_status status;
    const char *cure; /* NULL: the server's own hint */
};

static const struct pg_failure_row pg_failure_rows[] = {
    /* who we are */
    {"28P01", NULL, WF_CONFIG, "check user and password of the connection"},
    {"28000", "pg_hba.conf", WF_CONFIG,
     "add a line for this user, host and database to pg_hba.conf and reload the server; "
     "the word 'replication' in its database column does not cover change streams"},
    {"28000", "is not permitted to log in", WF_CONFIG, "ALTER ROLE ... LOGIN"},
    {"28", NULL, WF_CONFIG, "check user and password of the connection, and pg_hba.conf"},
    {"3D000", NULL, WF_CONFIG, "check dbname of the connection"},
    /* what we may do */
    {"42501", "row-level security", WF_CONFIG,
     "a snapshot must see all rows: use a role with BYPASSRLS"},
    {"42501", "FOR ALL TABLES", WF_CONFIG,
     "name the tables, or have a superuser make the publication and set "
     "options.publication"},
    {"42501", "publication", WF_CONFIG,
     "the role must own the publication, or leave it as it is: set options.publication"},
    {"42501", "must be owner of", WF_CONFIG,
     "only owners can publish their tables: grant the role the owner's role, or have the "
     "owner make the publication and set options.publication"},
    {"42501", "replication", WF_CONFIG,
     "ALTER ROLE ... REPLICATION (Amazon RDS: GRANT rds_replication TO ...)"},
    {"42501", "REPLICATION", WF_CONFIG,
     "ALTER ROLE ... REPLICATION (Amazon RDS: GRANT rds_replication TO ...)"},
    {"42501", "for database", WF_CONFIG,
     "GRANT CREATE ON DATABASE ... for making the publication, or set "
     "options.publication to one that is there"},
    {"42501", "permission denied for", WF_CONFIG,
     "GRANT SELECT on the tables and USAGE on their schemas to the role"},
    {"42501", NULL, WF_CONFIG, "grant the role what is missing"},
    /* slots and publications */
    {"55000", "wal_level", WF_CONFIG,
     "set wal_level = logical and restart the server (Amazon RDS: "
     "rds.logical_replication = 1)"},
    {"55000", "cannot read from logical replication slot", WF_STATE,
     "the slot is lost: changes are missing; " PG_SLOT_ANEW},
    {"55000", "can no longer", WF_STATE,
     "the slot is lost: changes are missing; " PG_SLOT_ANEW},
    {"55000", "was not created in this database", WF_CONFIG,
     "the slot belongs to another database: check dbname and options.slot"},
    {"55000", "recovery", WF_UNAVAILABLE, NULL},
    {"55006", NULL, WF_UNAVAILABLE,
     "somebody else reads this slot (SELECT pg_terminate_backend(<PID>) ends him)"},
    {"58P01", "WAL segment", WF_STATE,
     "the server no longer has the WAL that the slot needs; " PG_SLOT_ANEW},
    {"58P01", "pgoutput", WF_CONFIG, "the server lacks its own output plugin pgoutput"},
    {"", "output_plugin_libraries", WF_CONFIG,
     "the server allows no output plugin pgoutput: add it to output_plugin_libraries"},
    {"42704", "publication", WF_STATE,
     "the publication is gone, or younger than the slot's place in the WAL: changes since "
     "are lost to this slot; " PG_SLOT_ANEW},
    {"42704", "replication slot", WF_STATE,
     "the slot is gone, and with it what was not read yet; " PG_SLOT_ANEW},
    {"53300", "max_wal_senders", WF_UNAVAILABLE, "raise max_wal_senders"},
    {"53300", "for role", WF_UNAVAILABLE, "ALTER ROLE ... CONNECTION LIMIT"},
    {"53300", "for database", WF_UNAVAILABLE, "ALTER DATABASE ... CONNECTION LIMIT"},
    {"53300", NULL, WF_UNAVAILABLE, "raise max_connections, or end idle sessions"},
    {"53400", "replication slots", WF_UNAVAILABLE,
     "raise max_replication_slots, or drop slots that nobody uses"},
    {"25006", NULL, WF_UNAVAILABLE,
     "the server is a standby: name the primary as well and set "
     "target_session_attrs=read-write"},
    {"57P04", NULL, WF_CONFIG, "the database was dropped: check dbname of the connection"},
    {"0A000", "proto_version", WF_PROTOCOL, NULL},
    /* by class (appendix A) */
    {"08P01", NULL, WF_PROTOCOL, NULL},
    {"08", NULL, WF_UNAVAILABLE, NULL},
    {"0A", NULL, WF_CONFIG, NULL},
    {"22", NULL, WF_CONFIG, NULL},
    {"23", NULL, WF_CONFIG, NULL},
    {"3F", NULL, WF_CONFIG, NULL},
    {"42601", NULL, WF_PROTOCOL, NULL},
    {"42", NULL, WF_CONFIG, NULL},
    {"55P03", NULL, WF_UNAVAILABLE, NULL},
    {"55", NULL, WF_STATE, NULL},
    {"P0", NULL, WF_CONFIG, NULL},
    /* libpq's own, without a server's word */
    {"-", "no password supplied", WF_CONFIG,
     "give a password in the connection, or a passfile"},
    {"-", "does not support SSL", WF_CONFIG,
     "set ssl = on at the server, or sslmode=prefer in the connection"},
    {"-", "certificate verify failed", WF_CONFIG,
     "check sslrootcert, and that the server's certificate is current"},
    {"-", "does not match host name", WF_CONFIG,
     "connect by a name that is in the server's certificate, or use sslmode=verify-ca"},
    {"-", "root certificate file", WF_CONFIG, "check sslrootcert of the connection"},
    {"-", "certificate file", WF_CONFIG, "check sslcert of the connection"},
    {"-", "private key file", WF_CONFIG, "check sslkey of the connection"},
    {"-", "channel binding", WF_CONFIG, "check channel_binding of the connection"},
    {"-", "authentication", WF_CONFIG, NULL},
    {"-", " value: \"", WF_CONFIG, "check the connection"},
    {"-", "for connection option", WF_CONFIG, "check the connection"},
    {"-", "invalid port number", WF_CONFIG, "check the connection"},
    {"-", "could not match", WF_CONFIG, "give one port, or one per host"},
    {"", NULL, WF_UNAVAILABLE, NULL},
};

static bool pg_failure_fits(const struct pg_failure_row *row,
                            const struct pg_failure_facts *facts)
{
    if (row->state[0] == '-' ? facts->state.len != 0
                             : !str_starts(facts->state, str_from(row->state)))
        return false;
    wf_str words = str_from(row->words);
    return !row->words || str_find(facts->message, words) >= 0 ||
           str_find(facts->detail, words) >= 0;
}

#define PG_FAILURE_PART 400 /* bytes of each part, so that the cure has room as well */

/* Messages of several lines become one. */
static void pg_failure_put_line(struct buf *out, wf_str text)
{
    bool gap = false;
    text = str_slice(str_trim(text), 0, PG_FAILURE_PART);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!space)
            buf_byte(out, c);
        else if (!gap)
            buf_byte(out, ' ');
        gap = space;
    }
}

wf_status pg_failure_set(const struct pg_failure_facts *facts, const char *doing,
                         wf_error *err)
{
    const struct pg_failure_row *row = pg_failure_rows;
    while (!pg_failure_fits(row, facts)) /* the last row fits all */
        row++;
    char text[sizeof(((wf_error *)NULL)->text)];
    struct buf out;
    buf_fixed(&out, text, sizeof(text));
    pg_failure_put_line(&out, facts->message);
    if (facts->detail.len) {
        buf_lit(&out, " (");
        pg_failure_put_line(&out, facts->detail);
        buf_lit(&out, ")");
    }
    if (facts->state.len) {
        buf_lit(&out, " [");
        buf_str(&out, facts->state);
        buf_lit(&out, "]");
    }
    if (row->cure || facts->hint.len) {
        buf_lit(&out, "; ");
        pg_failure_put_line(&out, row->cure ? str_from(row->cure) : facts->hint);
    }
    return error_set(err, row->status, "cannot %s: %.*s", doing, (int)out.len, text);
}

/* "FATAL:  28P01: password authentication ...": two spaces, a SQLSTATE, a colon. */
static bool pg_failure_is_state(wf_str text, size_t at)
{
    if (at + 10 > text.len || memcmp(text.ptr + at, ":  ", 3) != 0 ||
        memcmp(text.ptr + at + 8, ": ", 2) != 0)
        return false;
    for (size_t i = at + 3; i < at + 8; i++) {
        if (!isdigit((unsigned char)text.ptr[i]) && !isupper((unsigned char)text.ptr[i]))
            return false;
    }
    return true;
}

/* The rest of a field: to the line that begins the next one ("WORD:  "). */
static wf_str pg_failure_field(wf_str text, size_t from)
{
    size_t end = from;
    while (end < text.len && text.ptr[end] != '\n')
        end++;
    return str_slice(text, from, end);
}

static wf_str pg_failure_labelled(wf_str text, const char *label)
{
    ptrdiff_t at = str_find(text, str_from(label));
    return at < 0 ? STR_EMPTY : pg_failure_field(text, (size_t)at + strlen(label));
}

void pg_failure_read(wf_str text, struct pg_failure_facts *out)
{
    *out = (struct pg_failure_facts){.message = text};
    size_t found = text.len;
    /* With several hosts there are several; the last one was the last hope. */
    for (size_t at = 0; at + 10 <= text.len; at++) {
        if (pg_failure_is_state(text, at))
            found = at;
    }
    if (found == text.len)
        return;
    wf_str rest = str_slice(text, found + 10, text.len);
    out->state = str_slice(text, found + 3, found + 8);
    out->message = pg_failure_field(rest, 0);
    out->detail = pg_failure_labelled(rest, "\nDETAIL:  ");
    out->hint = pg_failure_labelled(rest, "\nHINT:  ");
}

static wf_str pg_failure_cell(const PGresult *result, int field)
{
    return str_from(PQresultErrorField(result, field));
}

wf_status pg_failure_result(const struct pg_conn *conn, const PGresult *result,
                            const char *doing, wf_error *err)
{
    struct pg_failure_facts facts = {
        .state = pg_failure_cell(result, PG_DIAG_SQLSTATE),
        .message = pg_failure_cell(result, PG_DIAG_MESSAGE_PRIMARY),
        .detail = pg_failure_cell(result, PG_DIAG_MESSAGE_DETAIL),
        .hint = pg_failure_cell(result, PG_DIAG_MESSAGE_HINT),
    };
    if (!facts.message.len)
        facts.message = str_from(PQresultErrorMessage(result));
    if (!facts.message.len)
        return pg_failure_connection(conn, doing, err);
    return pg_failure_set(&facts, doing, err);
}

wf_status pg_failure_connection(const struct pg_conn *conn, const char *doing,
                                wf_error *err)
{
    struct pg_failure_facts facts;
    wf_str text = str_from(conn->handle ? PQerrorMessage(conn->handle) : NULL);
    if (!text.len)
        text = STR("the connection is closed");
    pg_failure_read(text, &facts);
    return pg_failure_set(&facts, doing, err);
}

/* The failure that 18 has made a warning of. */
wf_status pg_failure_unpublished(const char *doing, wf_error *err)
{
    const struct pg_failure_facts facts = {
        .state = STR("42704"),
        .message =
            STR("a publication of the stream does not exist at this place in the WAL"),
    };
    return pg_failure_set(&facts, doing, err);
}
