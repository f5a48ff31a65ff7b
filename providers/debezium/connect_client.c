/* SPDX-License-Identifier: MIT
 *
 * connect_client - the calls; connect_cluster knows whom to ask and how often.
 */
#include "providers/debezium/connect_client.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/connect_cluster.h"
#include "providers/debezium/connect_text.h"
#include "providers/debezium/connect_validate.h"

#define CONNECT_CLIENT_ASK_MS 50 /* between two looks at a status, growing to */
#define CONNECT_CLIENT_ASK_MOST_MS 1000

struct connect_client {
    struct connect_cluster cluster;
};

/* One call about one connector. */
struct connect_call {
    struct connect_client *client;
    wf_str name;
    struct buf path;
    struct buf what; /* connector 'workflow-shop' */
    struct connect_answer answer;
};

wf_status connect_open(const struct connect_plan *plan, struct connect_client **out,
                       wf_error *err)
{
    struct connect_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_no_memory(err);
    wf_status status = connect_cluster_open(&client->cluster, plan, err);
    if (status) {
        connect_close(client);
        return status;
    }
    *out = client;
    return WF_OK;
}

void connect_close(struct connect_client *client)
{
    if (!client)
        return;
    connect_cluster_close(&client->cluster);
    free(client);
}

/* ---- one call ------------------------------------------------------------------------ */

static void connect_call_init(struct connect_call *call, struct connect_client *client,
                              wf_str name)
{
    call->client = client;
    call->name = name;
    buf_init(&call->path, LIMIT_TEXT_BYTES);
    buf_init(&call->what, LIMIT_TEXT_BYTES);
    connect_answer_init(&call->answer);
}

static void connect_call_release(struct connect_call *call)
{
    buf_release(&call->path);
    buf_release(&call->what);
    connect_answer_release(&call->answer);
}

/* METHOD /connectors/<name><tail> */
static wf_status connect_call_run(struct connect_call *call, const char *method,
                                  const char *tail, wf_str body, wf_error *err)
{
    buf_clear(&call->path);
    buf_clear(&call->what);
    buf_lit(&call->path, "/connectors/");
    http_put_escaped(&call->path, call->name);
    buf_cstr(&call->path, tail);
    buf_lit(&call->what, "connector '");
    connect_text_put_line(&call->what, call->name, 200);
    buf_lit(&call->what, "'");
    wf_status status = buf_status(&call->path, "the connector's name", err);
    if (!status)
        status = buf_status(&call->what, "the connector's name", err);
    if (status)
        return status;
    struct connect_request request = {method, buf_view(&call->path), body,
                                      buf_c(&call->what)};
    return connect_cluster_call(&call->client->cluster, &request, &call->answer, err);
}

static wf_status connect_call_refused(struct connect_call *call, const char *method,
                                      wf_error *err)
{
    struct connect_request request = {method, buf_view(&call->path), STR_EMPTY,
                                      buf_c(&call->what)};
    return connect_answer_refused(&call->client->cluster, &request, &call->answer, err);
}

/* ---- the configuration --------------------------------------------------------------- */

wf_status connect_validate(struct connect_client *client, wf_str class_name, wf_str config,
                           wf_error *err)
{
    wf_status status = connect_secrets_learn(&client->cluster.secrets, config, err);
    return status ? status
                  : connect_validate_call(&client->cluster, class_name, config, err);
}

wf_status connect_config(struct connect_client *client, wf_str name, bool *out_exists,
                         struct buf *out_json, wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "GET", "/config", STR_EMPTY, err);
    if (status)
        return status;
    bool missing = connect_answer_is_missing(&call.answer);
    if (!missing && !connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "GET", err);
    wf_str body = buf_view(&call.answer.reply.body);
    if (!missing) {
        wf_error why;
        if (json_check(body, "the connector's configuration", &why) ||
            json_kind(str_trim(body)) != JSON_OBJECT)
            return error_set(err, WF_PROTOCOL,
                             "Kafka Connect, %s: its configuration is not a JSON object",
                             buf_c(&call.what));
        buf_str(out_json, str_trim(body));
        status = buf_status(out_json, "the connector's configuration", err);
        if (!status)
            status = connect_secrets_learn(&client->cluster.secrets, body, err);
    }
    if (!status)
        *out_exists = !missing;
    return status;
}

/* Kafka Connect adds the name to what it was given. */
static bool connect_client_is_same(wf_str ours, wf_str theirs, wf_str name)
{
    CDC_CLEANUP(connect_text_free) cJSON *a = NULL;
    CDC_CLEANUP(connect_text_free) cJSON *b = NULL;
    CDC_CLEANUP(buf_release) struct buf text;
    if (connect_text_parse(ours, "ours", &a, NULL) ||
        connect_text_parse(theirs, "theirs", &b, NULL))
        return false;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_str(&text, name);
    if (!cJSON_GetObjectItemCaseSensitive(a, "name") &&
        !cJSON_AddStringToObject(a, "name", buf_c(&text)))
        return false;
    return cJSON_Compare(a, b, true);
}

static void connect_client_forget(struct buf *config)
{
    if (config->data)
        explicit_bzero(config->data, config->cap);
    buf_release(config);
}

wf_status connect_put(struct connect_client *client, wf_str name, wf_str config,
                      bool *out_created, wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    CDC_CLEANUP(connect_client_forget) struct buf there;
    connect_call_init(&call, client, name);
    buf_init(&there, LIMIT_OUTPUT_BYTES);
    bool exists = false;
    wf_status status = connect_secrets_learn(&client->cluster.secrets, config, err);
    if (!status)
        status = connect_config(client, name, &exists, &there, err);
    if (status)
        return status;
    bool same = exists && connect_client_is_same(config, buf_view(&there), name);
    if (!same)
        status = connect_call_run(&call, "PUT", "/config", config, err);
    if (status)
        return status;
    if (!same && !connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "PUT", err);
    *out_created = !exists;
    return WF_OK;
}

wf_status connect_delete(struct connect_client *client, wf_str name, bool *out_existed,
                         wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "DELETE", "", STR_EMPTY, err);
    if (status)
        return status;
    bool missing = connect_answer_is_missing(&call.answer);
    if (!missing && !connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "DELETE", err);
    /* Missing after an attempt whose answer did not come: that one did it. */
    *out_existed = !missing || call.answer.attempts > 1;
    return WF_OK;
}

/* ---- what it does -------------------------------------------------------------------- */

wf_status connect_status_get(struct connect_client *client, wf_str name,
                             struct connect_status *out, wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "GET", "/status", STR_EMPTY, err);
    if (status)
        return status;
    if (connect_answer_is_missing(&call.answer)) {
        *out = (struct connect_status){.state = CONNECT_NOT_FOUND};
        return WF_OK;
    }
    if (!connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "GET", err);
    return connect_status_read(buf_view(&call.answer.reply.body), &client->cluster.secrets,
                               out, err);
}

/* A task that has failed does nothing, whatever it is asked. */
static bool connect_wish_is_true(const struct connect_status *status,
                                 enum connect_wish wish)
{
    unsigned failed = status->tasks_in[CONNECT_FAILED];
    if (wish == CONNECT_STOP)
        return status->connector == CONNECT_STOPPED && status->tasks == 0;
    enum connect_state wanted = wish == CONNECT_RUN ? CONNECT_RUNNING : CONNECT_PAUSED;
    if (status->connector == CONNECT_FAILED)
        return status->tasks == failed + status->tasks_in[wanted];
    return status->connector == wanted &&
           status->tasks == failed + status->tasks_in[wanted] &&
           (status->tasks > 0 || wish == CONNECT_PAUSE);
}

static wf_status connect_wish_await(struct connect_client *client, wf_str name,
                                    enum connect_wish wish, wf_error *err)
{
    static const char *const words[] = {"running", "paused", "stopped"};
    int64_t pause = CONNECT_CLIENT_ASK_MS;
    int64_t until = clock_mono_ms() + client->cluster.patience_ms;
    for (;;) {
        struct connect_status is;
        wf_status status = connect_status_get(client, name, &is, err);
        if (status || connect_wish_is_true(&is, wish))
            return status;
        int64_t left = until - clock_mono_ms();
        if (left <= 0)
            return error_set(
                err, WF_UNAVAILABLE,
                "Kafka Connect, connector '%.*s': is %s and not %s yet after %lld s",
                STR_ARG(str_slice(name, 0, 200)), connect_state_text(is.state), words[wish],
                (long long)(client->cluster.patience_ms / 1000));
        status = connect_cluster_wait(&client->cluster, pause < left ? pause : left, err);
        if (status)
            return status;
        pause =
            pause * 2 < CONNECT_CLIENT_ASK_MOST_MS ? pause * 2 : CONNECT_CLIENT_ASK_MOST_MS;
    }
}

wf_status connect_wish(struct connect_client *client, wf_str name, enum connect_wish wish,
                       wf_error *err)
{
    static const char *const tails[] = {"/resume", "/pause", "/stop"};
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "PUT", tails[wish], STR_EMPTY, err);
    if (status)
        return status;
    if (!connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "PUT", err);
    return connect_wish_await(client, name, wish, err);
}

wf_status connect_restart_failed(struct connect_client *client, wf_str name, wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(
        &call, "POST", "/restart?includeTasks=true&onlyFailed=true", STR_EMPTY, err);
    if (status)
        return status;
    return connect_answer_is_good(&call.answer) ? WF_OK
                                                : connect_call_refused(&call, "POST", err);
}

wf_status connect_offsets(struct connect_client *client, wf_str name, struct buf *out_json,
                          wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "GET", "/offsets", STR_EMPTY, err);
    if (status)
        return status;
    if (!connect_answer_is_good(&call.answer))
        return connect_call_refused(&call, "GET", err);
    wf_str offsets, body = str_trim(buf_view(&call.answer.reply.body));
    if (json_check(body, "offsets", NULL) || !json_member(body, "offsets", &offsets) ||
        json_kind(offsets) != JSON_ARRAY)
        return error_set(err, WF_PROTOCOL,
                         "Kafka Connect, %s: the reply has no list of 'offsets'",
                         buf_c(&call.what));
    buf_str(out_json, offsets);
    return buf_status(out_json, "the connector's offsets", err);
}

wf_status connect_offsets_forget(struct connect_client *client, wf_str name, wf_error *err)
{
    CDC_CLEANUP(connect_call_release) struct connect_call call;
    connect_call_init(&call, client, name);
    wf_status status = connect_call_run(&call, "DELETE", "/offsets", STR_EMPTY, err);
    if (status || connect_answer_is_good(&call.answer))
        return status;
    int code = call.answer.reply.status;
    if ((code == 404 && !connect_answer_is_missing(&call.answer)) || code == 405)
        return error_set(err, WF_UNSUPPORTED,
                         "Kafka Connect before 3.6 cannot forget a connector's offsets");
    return connect_call_refused(&call, "DELETE", err);
}
