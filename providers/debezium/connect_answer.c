/* SPDX-License-Identifier: MIT
 *
 * connect_answer - see the header.
 */
#include "providers/debezium/connect_answer.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/connect_cluster.h"
#include "providers/debezium/connect_text.h"

void connect_answer_init(struct connect_answer *answer)
{
    answer->attempts = 0;
    http_response_init(&answer->reply);
}

void connect_answer_release(struct connect_answer *answer)
{
    /* A configuration that was sent back may stand there. */
    if (answer->reply.body.data)
        explicit_bzero(answer->reply.body.data, answer->reply.body.cap);
    http_response_release(&answer->reply);
}

bool connect_answer_is_good(const struct connect_answer *answer)
{
    return answer->reply.status >= 200 && answer->reply.status < 300;
}

/* Kafka Connect's servers answer paths they do not know with "HTTP 404 Not Found". */
bool connect_answer_is_missing(const struct connect_answer *answer)
{
    CDC_CLEANUP(connect_text_free) cJSON *reply = NULL;
    wf_str body = buf_view(&answer->reply.body);
    if (answer->reply.status != 404 || connect_text_parse(body, "reply", &reply, NULL))
        return false;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(reply, "error_code");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(reply, "message");
    return cJSON_IsNumber(code) && cJSON_IsString(message) &&
           strncmp(message->valuestring, "HTTP 404", 8) != 0;
}

/* 500 is what the servers say to a time out, a leader that is away and, in validate, to
 * what is 400 elsewhere. */
bool connect_answer_is_for_later(const struct connect_answer *answer)
{
    wf_str body = buf_view(&answer->reply.body);
    switch (answer->reply.status) {
    case 408:
    case 409:
    case 425:
    case 429:
        return true;
    case 500:
        return str_find(body, STR("BadRequestException")) < 0 &&
               str_find(body, STR("Failed to find any class")) < 0;
    case 501:
    case 505:
        return false;
    default:
        return answer->reply.status > 500;
    }
}

static void connect_answer_put_reply(struct buf *out, struct connect_cluster *cluster,
                                     const struct connect_answer *answer)
{
    buf_init(out, LIMIT_TEXT_BYTES);
    connect_text_put_reply(out, &cluster->secrets, buf_view(&answer->reply.body));
    if (!out->len)
        buf_lit(out, "no text");
}

void connect_answer_later(struct connect_cluster *cluster,
                          const struct connect_answer *answer, wf_error *last)
{
    CDC_CLEANUP(buf_release) struct buf text;
    connect_answer_put_reply(&text, cluster, answer);
    error_set(last, WF_UNAVAILABLE, "%.200s answers %d: %s", connect_cluster_url(cluster),
              answer->reply.status, buf_c(&text));
}

wf_status connect_answer_check(struct connect_cluster *cluster,
                               const struct connect_request *request,
                               const struct connect_answer *answer, wf_error *err)
{
    int status = answer->reply.status;
    if (status != 401 && status != 403 && status != 407 && status / 100 != 3)
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf text;
    connect_answer_put_reply(&text, cluster, answer);
    if (status == 401 || status == 403)
        return error_set(err, WF_CONFIG,
                         "Kafka Connect, %s: %.200s does not let us in (%d: %.300s); give "
                         "'connection' as https://user:password@..., or "
                         "'options.connect_token'",
                         request->what, connect_cluster_url(cluster), status, buf_c(&text));
    if (status == 407)
        return error_set(err, WF_CONFIG, "Kafka Connect, %s: a proxy wants a login (407)",
                         request->what);
    return error_set(err, WF_CONFIG,
                     "Kafka Connect, %s: %.200s redirects (%d) to '%.*s'; put that URL "
                     "into 'connection'",
                     request->what, connect_cluster_url(cluster), status,
                     STR_ARG(str_slice(buf_view(&answer->reply.location), 0, 300)));
}

wf_status connect_answer_refused(struct connect_cluster *cluster,
                                 const struct connect_request *request,
                                 const struct connect_answer *answer, wf_error *err)
{
    int status = answer->reply.status;
    CDC_CLEANUP(buf_release) struct buf text;
    connect_answer_put_reply(&text, cluster, answer);
    if (connect_answer_is_missing(answer))
        return error_set(err, WF_NOT_FOUND, "Kafka Connect, %s: %s", request->what,
                         buf_c(&text));
    if (status == 404 || status == 405)
        return error_set(err, WF_CONFIG,
                         "Kafka Connect, %s: %.200s does not know %s %.*s (%d: %.200s); "
                         "it is not Kafka Connect's REST interface, or older than 3.5",
                         request->what, connect_cluster_url(cluster), request->method,
                         STR_ARG(str_slice(request->path, 0, 200)), status, buf_c(&text));
    wf_status code = status >= 400 && status <= 500 ? WF_CONFIG : WF_PROTOCOL;
    return error_set(err, code, "Kafka Connect, %s: %.200s answers %d: %s", request->what,
                     connect_cluster_url(cluster), status, buf_c(&text));
}
