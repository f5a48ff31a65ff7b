/* SPDX-License-Identifier: MIT
 *
 * connect_validate - see the header.
 *
 *     {"error_count":2,"configs":[{"definition":{...},
 *                                  "value":{"name":"topic.prefix","errors":["..."]}}, ...]}
 */
#include "providers/debezium/connect_validate.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/connect_cluster.h"
#include "providers/debezium/connect_secrets.h"
#include "providers/debezium/connect_text.h"

#define CONNECT_VALIDATE_MESSAGE 300 /* bytes of one message */
#define CONNECT_VALIDATE_FIELDS 6    /* named before one message */
#define CONNECT_VALIDATE_ROOM 800    /* for all of it; an error has 1020 bytes */

/* ---- the reply ----------------------------------------------------------------------- */

static const char *connect_validate_name(const cJSON *config, const cJSON **out_errors)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(config, "value");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(value, "name");
    *out_errors = cJSON_GetObjectItemCaseSensitive(value, "errors");
    return cJSON_IsString(name) ? name->valuestring : "?";
}

/* Debezium's messages begin "The 'field' value is invalid: ", and the field is named
 * before. */
static wf_str connect_validate_message(const cJSON *message, const char *field)
{
    wf_str text = str_trim(str_from(message->valuestring));
    char start[256];
    int len = snprintf(start, sizeof start, "The '%.200s' value is invalid: ", field);
    if (len > 0 && str_starts(text, str_from(start)))
        text = str_slice(text, (size_t)len, text.len);
    return text;
}

/* Whether `message` stands before (config, error) already. */
static bool connect_validate_is_told(const cJSON *configs, const cJSON *config,
                                     const cJSON *error, wf_str message)
{
    const cJSON *other, *errors, *told;
    cJSON_ArrayForEach(other, configs)
    {
        const char *field = connect_validate_name(other, &errors);
        cJSON_ArrayForEach(told, errors)
        {
            if (told == error)
                return false;
            if (cJSON_IsString(told) &&
                str_eq(connect_validate_message(told, field), message))
                return true;
        }
        if (other == config)
            return false;
    }
    return false;
}

static void connect_validate_put_fields(const cJSON *configs, wf_str message,
                                        struct buf *out)
{
    const cJSON *config, *errors, *error;
    size_t count = 0;
    cJSON_ArrayForEach(config, configs)
    {
        const char *field = connect_validate_name(config, &errors);
        bool about = false;
        cJSON_ArrayForEach(error, errors) about =
            about || (cJSON_IsString(error) &&
                      str_eq(connect_validate_message(error, field), message));
        if (!about)
            continue;
        if (++count > CONNECT_VALIDATE_FIELDS)
            continue;
        if (count > 1)
            buf_lit(out, ", ");
        connect_text_put_line(out, str_from(field), 80);
    }
    if (count > CONNECT_VALIDATE_FIELDS)
        buf_printf(out, " and %zu more", count - CONNECT_VALIDATE_FIELDS);
}

/* One message with its fields; false when there is no more room. */
static bool connect_validate_put(const cJSON *configs, wf_str message, struct buf *out)
{
    CDC_CLEANUP(buf_release) struct buf line;
    buf_init(&line, LIMIT_TEXT_BYTES);
    connect_validate_put_fields(configs, message, &line);
    buf_lit(&line, ": ");
    connect_text_put_line(&line, message, CONNECT_VALIDATE_MESSAGE);
    if (line.broken)
        out->broken = line.broken;
    if (out->len && out->len + line.len + 2 > CONNECT_VALIDATE_ROOM)
        return false;
    if (out->len)
        buf_lit(out, "; ");
    buf_str(out, buf_view(&line));
    return true;
}

static void connect_validate_hide(const cJSON *configs,
                                  const struct connect_secrets *secrets)
{
    const cJSON *config, *errors, *error;
    cJSON_ArrayForEach(config, configs)
    {
        connect_validate_name(config, &errors);
        cJSON_ArrayForEach(error, errors) if (cJSON_IsString(error))
            connect_secrets_hide(secrets, error->valuestring);
    }
}

static void connect_validate_put_all(const cJSON *configs, struct buf *out)
{
    const cJSON *config, *errors, *error;
    size_t left_out = 0;
    cJSON_ArrayForEach(config, configs)
    {
        const char *field = connect_validate_name(config, &errors);
        cJSON_ArrayForEach(error, errors)
        {
            if (!cJSON_IsString(error))
                continue;
            wf_str message = connect_validate_message(error, field);
            if (connect_validate_is_told(configs, config, error, message))
                continue;
            if (left_out || !connect_validate_put(configs, message, out))
                left_out++;
        }
    }
    if (left_out)
        buf_printf(out, "; and %zu more", left_out);
}

wf_status connect_validate_read(wf_str json, const struct connect_secrets *secrets,
                                struct buf *out, wf_error *err)
{
    CDC_CLEANUP(connect_text_free) cJSON *reply = NULL;
    wf_status status = connect_text_parse(json, "the reply of validate", &reply, err);
    if (status)
        return status;
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(reply, "error_count");
    const cJSON *configs = cJSON_GetObjectItemCaseSensitive(reply, "configs");
    if (!cJSON_IsNumber(count) || !cJSON_IsArray(configs))
        return error_set(err, WF_PROTOCOL,
                         "the reply of validate has no 'error_count' or no 'configs'");
    size_t before = out->len;
    connect_validate_hide(configs, secrets);
    connect_validate_put_all(configs, out);
    if (count->valuedouble > 0 && out->len == before)
        buf_printf(out, "%.0f errors that are not named", count->valuedouble);
    return buf_status(out, "the reply of validate", err);
}

wf_status connect_validate_plugins(wf_str json, wf_str class_name, bool *out_installed,
                                   struct buf *out, wf_error *err)
{
    CDC_CLEANUP(connect_text_free) cJSON *reply = NULL;
    wf_status status = connect_text_parse(json, "the list of plugins", &reply, err);
    if (status)
        return status;
    bool installed = false;
    const cJSON *plugin;
    cJSON_ArrayForEach(plugin, reply)
    {
        const cJSON *class_item = cJSON_GetObjectItemCaseSensitive(plugin, "class");
        if (!cJSON_IsString(class_item))
            continue;
        wf_str name = str_from(class_item->valuestring);
        const char *dot = strrchr(class_item->valuestring, '.');
        wf_str last = str_from(dot ? dot + 1 : class_item->valuestring);
        if (str_eq(name, class_name) || str_eq(last, class_name))
            installed = true;
        if (!str_starts(name, STR("io.debezium.")) || out->len > CONNECT_VALIDATE_ROOM / 2)
            continue;
        if (out->len)
            buf_lit(out, ", ");
        connect_text_put_line(out, name, 120);
    }
    status = buf_status(out, "the list of plugins", err);
    if (!status)
        *out_installed = installed;
    return status;
}

/* ---- the calls ----------------------------------------------------------------------- */

/* An answer that is no success: is it because the class is not there? */
static wf_status connect_validate_refused(struct connect_cluster *cluster,
                                          const struct connect_request *request,
                                          wf_str class_name,
                                          const struct connect_answer *answer,
                                          wf_error *err)
{
    CDC_CLEANUP(connect_answer_release) struct connect_answer list;
    CDC_CLEANUP(buf_release) struct buf classes;
    connect_answer_init(&list);
    buf_init(&classes, LIMIT_TEXT_BYTES);
    struct connect_request ask = {"GET", STR("/connector-plugins"), STR_EMPTY,
                                  request->what};
    wf_status status = connect_cluster_call(cluster, &ask, &list, err);
    if (status)
        return status;
    bool installed = true;
    if (connect_answer_is_good(&list))
        status = connect_validate_plugins(buf_view(&list.reply.body), class_name,
                                          &installed, &classes, err);
    if (status)
        return status;
    if (installed)
        return connect_answer_refused(cluster, request, answer, err);
    if (!classes.len)
        return error_set(err, WF_CONFIG,
                         "Kafka Connect, %.200s: connector class '%.*s' is not installed, "
                         "nor is any of Debezium's; unpack the connector into a folder of "
                         "the worker's 'plugin.path' and restart it",
                         connect_cluster_url(cluster), STR_ARG(class_name));
    return error_set(err, WF_CONFIG,
                     "Kafka Connect, %.200s: connector class '%.*s' is not installed; of "
                     "Debezium there is %s",
                     connect_cluster_url(cluster), STR_ARG(class_name), buf_c(&classes));
}

wf_status connect_validate_call(struct connect_cluster *cluster, wf_str class_name,
                                wf_str config, wf_error *err)
{
    CDC_CLEANUP(connect_answer_release) struct connect_answer answer;
    CDC_CLEANUP(buf_release) struct buf path, wrong;
    buf_init(&path, LIMIT_TEXT_BYTES);
    buf_init(&wrong, LIMIT_TEXT_BYTES);
    connect_answer_init(&answer);
    buf_lit(&path, "/connector-plugins/");
    http_put_escaped(&path, class_name);
    buf_lit(&path, "/config/validate");
    wf_status status = buf_status(&path, "the connector's class", err);
    if (status)
        return status;
    struct connect_request request = {"PUT", buf_view(&path), config,
                                      "checking the connector's configuration"};
    status = connect_cluster_call(cluster, &request, &answer, err);
    if (status)
        return status;
    if (!connect_answer_is_good(&answer))
        return connect_validate_refused(cluster, &request, class_name, &answer, err);
    status =
        connect_validate_read(buf_view(&answer.reply.body), &cluster->secrets, &wrong, err);
    if (status || !wrong.len)
        return status;
    return error_set(err, WF_CONFIG, "the connector's configuration is refused: %s",
                     buf_c(&wrong));
}
