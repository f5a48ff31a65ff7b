/* SPDX-License-Identifier: MIT
 *
 * pg_copy - PostgreSQL documentation, COPY, "Text Format": a tab between fields, `\N` for
 * NULL, and in the data `\b \f \n \r \t \v \\`.  A tab or line end of the data is never
 * there as itself, so fields are found before escapes are undone.
 */
#include "providers/postgres/pg_copy.h"

#include <string.h>

#include "base/error.h"
#include "providers/postgres/pg_failure.h"

static char pg_copy_meaning(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* One field, from its first backslash on; false when one stands at its end. */
static bool pg_copy_unescape(char *from, const char *end, size_t *out_len)
{
    const char *at = from;
    char *to = from;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        const char *stop = escape ? escape : end;
        memmove(to, at, (size_t)(stop - at));
        to += stop - at;
        at = stop;
        if (!escape)
            break;
        if (end - at < 2)
            return false;
        *to++ = pg_copy_meaning(at[1]);
        at += 2;
    }
    *out_len = (size_t)(to - from);
    return true;
}

static bool pg_copy_field(char *at, const char *end, wf_str *out)
{
    size_t len = (size_t)(end - at);
    if (len == 2 && at[0] == '\\' && at[1] == 'N') {
        *out = (wf_str){NULL, 0};
        return true;
    }
    char *escape = memchr(at, '\\', len);
    size_t rest = 0;
    if (escape && !pg_copy_unescape(escape, end, &rest))
        return false;
    *out = (wf_str){at, escape ? (size_t)(escape - at) + rest : len};
    return true;
}

bool pg_copy_split(char *line, size_t len, wf_str *fields, size_t count)
{
    len -= len && line[len - 1] == '\n';
    char *end = line + len;
    bool escapes = memchr(line, '\\', len) != NULL;
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        char *tab = memchr(line, '\t', (size_t)(end - line));
        if (last == (tab != NULL))
            return false;
        char *stop = last ? end : tab;
        if (!escapes)
            fields[i] = (wf_str){line, (size_t)(stop - line)};
        else if (!pg_copy_field(line, stop, &fields[i]))
            return false;
        line = last ? end : tab + 1;
    }
    return count || !len;
}

/* The server's last word about the COPY. */
static wf_status pg_copy_end(struct pg_conn *conn, const char *doing, wf_error *err)
{
    for (;;) {
        while (PQisBusy(conn->handle)) {
            if (pg_conn_wait(conn, -1) == PG_CONN_CANCELLED)
                return error_set(err, WF_CANCELLED, "cannot %s: stopped on request", doing);
            if (!PQconsumeInput(conn->handle) && PQisBusy(conn->handle))
                return pg_failure_connection(conn, doing, err);
        }
        CDC_CLEANUP(pg_conn_clearp) PGresult *result = PQgetResult(conn->handle);
        if (!result)
            return WF_OK;
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            return pg_failure_result(conn, result, doing, err);
    }
}

wf_status pg_copy_next(struct pg_conn *conn, const char *doing, char **out, size_t *out_len,
                       wf_error *err)
{
    for (bool broken = false;;) {
        char *line = NULL;
        int len = PQgetCopyData(conn->handle, &line, 1);
        if (len > 0) {
            *out = line;
            *out_len = (size_t)len;
            return WF_OK;
        }
        if (len == -2 || (broken && !len))
            return pg_failure_connection(conn, doing, err);
        if (len == -1) {
            wf_status status = pg_copy_end(conn, doing, err);
            if (!status)
                *out = NULL;
            return status;
        }
        if (pg_conn_wait(conn, -1) == PG_CONN_CANCELLED)
            return error_set(err, WF_CANCELLED, "cannot %s: stopped on request", doing);
        /* The server's last words may have come in before it went. */
        broken = !PQconsumeInput(conn->handle);
    }
}
