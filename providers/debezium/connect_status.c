/* SPDX-License-Identifier: MIT
 *
 * connect_status - see the header.
 */
#include "providers/debezium/connect_status.h"

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/connect_secrets.h"
#include "providers/debezium/connect_text.h"

struct connect_status_word {
    const char *word; /* Kafka Connect's */
    const char *text; /* ours */
    int weight;       /* the heaviest counts */
};

static const struct connect_status_word connect_status_words[CONNECT_STATES] = {
    [CONNECT_NOT_FOUND] = {NULL, "not_found", 0},
    [CONNECT_UNKNOWN] = {NULL, "unknown", 2},
    [CONNECT_RUNNING] = {"RUNNING", "running", 1},
    [CONNECT_PAUSED] = {"PAUSED", "paused", 3},
    [CONNECT_STOPPED] = {"STOPPED", "stopped", 4},
    [CONNECT_UNASSIGNED] = {"UNASSIGNED", "unassigned", 5},
    [CONNECT_RESTARTING] = {"RESTARTING", "restarting", 6},
    [CONNECT_FAILED] = {"FAILED", "failed", 7},
};

const char *connect_state_text(enum connect_state state)
{
    bool known = (unsigned)state < CONNECT_STATES;
    return connect_status_words[known ? state : CONNECT_UNKNOWN].text;
}

static enum connect_state connect_status_state(const cJSON *part)
{
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(part, "state");
    for (int i = 0; cJSON_IsString(state) && i < CONNECT_STATES; i++) {
        const char *word = connect_status_words[i].word;
        if (word && strcmp(word, state->valuestring) == 0)
            return (enum connect_state)i;
    }
    return CONNECT_UNKNOWN;
}

static void connect_status_weigh(struct connect_status *status, enum connect_state state)
{
    if (connect_status_words[state].weight > connect_status_words[status->state].weight)
        status->state = state;
}

/* A trace's first line often says no more than that there was an exception; its last
 * "Caused by:" is what an operator looks for. */
static void connect_status_why(struct connect_status *status, const cJSON *part,
                               const struct connect_secrets *secrets)
{
    static const wf_str mark = {"Caused by: ", 11};
    const cJSON *trace = cJSON_GetObjectItemCaseSensitive(part, "trace");
    if (status->why[0] || !cJSON_IsString(trace))
        return;
    /* Before anything is cut: half a secret would not be found. */
    if (secrets)
        connect_secrets_hide(secrets, trace->valuestring);
    wf_str rest = str_from(trace->valuestring), first = STR_EMPTY, cause = STR_EMPTY;
    for (wf_str line; str_next(&rest, '\n', &line);) {
        line = str_trim(line);
        if (!first.len)
            first = line;
        else if (str_starts(line, mark))
            cause = str_slice(line, mark.len, line.len);
    }
    struct buf why;
    buf_fixed(&why, status->why, sizeof status->why - 1);
    if (!cause.len || str_eq(cause, first)) {
        connect_text_put_line(&why, first, sizeof status->why - 1);
    } else {
        size_t half = sizeof status->why / 2 - 16;
        connect_text_put_line(&why, first, half);
        buf_lit(&why, " (caused by ");
        connect_text_put_line(&why, cause, half);
        buf_byte(&why, ')');
    }
    status->why[why.len] = '\0';
}

static void connect_status_worker(struct connect_status *status, const cJSON *part)
{
    const cJSON *worker = cJSON_GetObjectItemCaseSensitive(part, "worker_id");
    struct buf text;
    if (!cJSON_IsString(worker))
        return;
    buf_fixed(&text, status->worker, sizeof status->worker - 1);
    connect_text_put_line(&text, str_from(worker->valuestring), sizeof status->worker - 1);
    status->worker[text.len] = '\0';
}

static void connect_status_task(struct connect_status *status, const cJSON *task,
                                const struct connect_secrets *secrets)
{
    enum connect_state state = connect_status_state(task);
    if (status->tasks++ == 0)
        connect_status_worker(status, task);
    status->tasks_in[state]++;
    connect_status_weigh(status, state);
    if (state == CONNECT_FAILED)
        connect_status_why(status, task, secrets);
}

wf_status connect_status_read(wf_str json, const struct connect_secrets *secrets,
                              struct connect_status *out, wf_error *err)
{
    CDC_CLEANUP(connect_text_free) cJSON *reply = NULL;
    wf_status status = connect_text_parse(json, "the connector's status", &reply, err);
    if (status)
        return status;
    const cJSON *connector = cJSON_GetObjectItemCaseSensitive(reply, "connector");
    const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(reply, "tasks");
    if (!cJSON_IsObject(connector) || !cJSON_IsArray(tasks))
        return error_set(err, WF_PROTOCOL,
                         "the connector's status has no 'connector' or no 'tasks'");
    struct connect_status read = {.connector = connect_status_state(connector)};
    read.state = read.connector;
    connect_status_worker(&read, connector);
    if (read.connector == CONNECT_FAILED)
        connect_status_why(&read, connector, secrets);
    const cJSON *task;
    cJSON_ArrayForEach(task, tasks) connect_status_task(&read, task, secrets);
    read.failed_tasks = read.tasks_in[CONNECT_FAILED];
    if (!read.tasks && read.connector == CONNECT_RUNNING)
        read.state = CONNECT_UNASSIGNED;
    *out = read;
    return WF_OK;
}
