/* SPDX-License-Identifier: MIT
 *
 * pg_conn_plan - see the header.
 */
#include "providers/postgres/pg_conn_plan.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_options.h"

#define PG_CONN_PLAN_TIMEOUT_MS 10000 /* where neither the options nor the connection say */

static void pg_conn_plan_freemem(char **memory)
{
    PQfreemem(*memory);
}

/* What cannot be parsed cannot be redacted either, so none of it is shown: libpq puts the
 * part it did not understand between quotes. */
static wf_status pg_conn_plan_refuse(const char *why, wf_error *err)
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

/* A password with an '@' or a '/' that is not written as %40 or %2F makes a URI mean other
 * things, and libpq's complaints of its host or port would show part of the password.  A
 * second '@', one behind a '/', and a port that is no number are signs of that. */
static bool pg_conn_plan_is_torn(const char *connection, const char *port)
{
    wf_str text = str_from(connection);
    wf_str body = str_starts(text, STR("postgresql://")) ? str_slice(text, 13, text.len)
                  : str_starts(text, STR("postgres://")) ? str_slice(text, 11, text.len)
                                                         : STR_EMPTY;
    ptrdiff_t at = str_find(body, STR("@"));
    ptrdiff_t slash = str_find(body, STR("/"));
    if (at >= 0 && (slash < 0 || at < slash)) /* in the user's part a '?' is one */
        body = str_slice(body, (size_t)at + 1, body.len);
    ptrdiff_t query = str_find(body, STR("?")); /* user=me@there is well */
    at = str_find(body, STR("@"));
    return (at >= 0 && (query < 0 || at < query)) ||
           (body.len && port && port[strspn(port, "0123456789,")]);
}

static size_t pg_conn_plan_count(const char *list)
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
    if (!value || plan->count + 1 >= PG_CONN_PLAN_KEYWORDS)
        return;
    plan->keywords[plan->count] = keyword;
    plan->values[plan->count] = value;
    plan->keywords[++plan->count] = NULL;
    plan->values[plan->count] = NULL;
}

/* The entries of a list from number `first` on. */
static const char *pg_conn_plan_from(const char *list, size_t first)
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
void pg_conn_plan_keywords(struct pg_conn_plan *plan, size_t first)
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
        pg_conn_plan_add(plan, "host", pg_conn_plan_from(plan->host, first));
        pg_conn_plan_add(plan, "hostaddr", pg_conn_plan_from(plan->hostaddr, first));
        pg_conn_plan_add(plan, "port", pg_conn_plan_from(plan->port, first));
    }
}

wf_status pg_conn_plan_make(struct pg_conn_plan *plan, const struct cdc_settings *settings,
                            enum pg_conn_purpose purpose, wf_error *err)
{
    const struct pg_options *options = settings->options;
    wf_str given = settings->connection;
    *plan = (struct pg_conn_plan){.purpose = purpose};
    buf_init(&plan->text, LIMIT_CONFIG_BYTES);
    if (given.len && memchr(given.ptr, 0, given.len))
        return error_set(err, WF_CONFIG, "connection holds a NUL byte");
    buf_str(&plan->text, given);
    plan->connection = buf_c(&plan->text);
    plan->timeout_ms = options && options->connect_timeout_ms > 0
                           ? options->connect_timeout_ms
                           : PG_CONN_PLAN_TIMEOUT_MS;
    wf_status status = buf_status(&plan->text, "connection", err);
    if (status)
        return status;
    CDC_CLEANUP(pg_conn_plan_freemem) char *why = NULL;
    plan->parsed = PQconninfoParse(plan->connection, &why);
    if (!plan->parsed)
        return why && strncmp(why, "out of memory", 13) != 0 ? pg_conn_plan_refuse(why, err)
                                                             : error_no_memory(err);
    for (const PQconninfoOption *option = plan->parsed; option->keyword; option++)
        pg_conn_plan_option(plan, option);
    if (pg_conn_plan_is_torn(plan->connection, plan->port))
        return error_set(
            err, WF_CONFIG,
            "connection is a URI in which something else stands where host and "
            "port should be; in user and password, '@' is written as %%40, '/' "
            "as %%2F, ':' as %%3A, '?' as %%3F, '#' as %%23 and '%%' as %%25");
    plan->hosts = pg_conn_plan_count(plan->host ? plan->host : plan->hostaddr);
    pg_conn_plan_name(plan, settings);
    return WF_OK;
}

void pg_conn_plan_release(struct pg_conn_plan *plan)
{
    PQconninfoFree(plan->parsed);
    buf_release(&plan->text);
}
