/* SPDX-License-Identifier: MIT
 *
 * fake_cluster - see the header.
 */
#include "tests/support/fake_cluster.h"

#include <cjson/cJSON.h>
#include <check.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

#define FAKE_FIRST_CLASS "io.debezium.connector.postgresql.PostgresConnector"
#define FAKE_SECOND_CLASS "io.debezium.connector.mariadb.MariaDbConnector"

void fake_cluster_wrong(struct fake_cluster *cluster, const char *why, const char *what)
{
    buf_printf(&cluster->wrong, "%s: %s\n", why, what ? what : "nothing");
}

/* A configuration is names with texts. */
static void fake_cluster_check_config(struct fake_cluster *cluster, const cJSON *config)
{
    const cJSON *item;
    if (!cJSON_IsObject(config))
        fake_cluster_wrong(cluster, "a configuration that is no object", "");
    cJSON_ArrayForEach(item, config) if (!cJSON_IsString(item))
        fake_cluster_wrong(cluster, "a value that is no string", item->string);
}

void fake_cluster_error(struct fake_cluster_reply *reply, unsigned status,
                        const char *format, const char *name)
{
    char text[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, name);
#pragma GCC diagnostic pop
    reply->status = status;
    buf_printf(&reply->body, "{\"error_code\":%u,\"message\":", status);
    json_put_string(&reply->body, str_from(text));
    buf_byte(&reply->body, '}');
}

struct fake_connector *fake_cluster_find(struct fake_cluster *cluster, const char *name)
{
    for (size_t i = 0; i < FAKE_CONNECTORS; i++)
        if (cluster->connectors[i].name && strcmp(cluster->connectors[i].name, name) == 0)
            return &cluster->connectors[i];
    return NULL;
}

static void fake_cluster_move(struct fake_cluster *cluster,
                              struct fake_connector *connector, const char *state)
{
    connector->state = state;
    connector->lag = cluster->lag;
    if (!connector->lag)
        connector->shown = state;
}

static void fake_cluster_put(struct fake_cluster *cluster, const char *name,
                             const cJSON *body, struct fake_cluster_reply *reply)
{
    struct fake_connector *connector = fake_cluster_find(cluster, name);
    cJSON *config = cJSON_Duplicate(body, true);
    reply->status = connector ? 200 : 201;
    for (size_t i = 0; !connector && i < FAKE_CONNECTORS; i++)
        if (!cluster->connectors[i].name) {
            connector = &cluster->connectors[i];
            connector->name = str_dup(str_from(name));
            connector->shown = NULL;
            fake_cluster_move(cluster, connector, "RUNNING");
        }
    ck_assert_ptr_nonnull(connector);
    if (!cJSON_GetObjectItemCaseSensitive(config, "name"))
        cJSON_AddStringToObject(config, "name", name);
    free(connector->config);
    connector->config = cJSON_PrintUnformatted(config);
    cJSON_Delete(config);
    buf_printf(&reply->body, "{\"name\":\"x\",\"config\":%s,\"tasks\":[]}",
               connector->config);
}

static void fake_cluster_status(struct fake_cluster *cluster,
                                struct fake_connector *connector,
                                struct fake_cluster_reply *reply)
{
    const char *shown = connector->shown;
    if (connector->lag && --connector->lag == 0)
        connector->shown = connector->state;
    if (!shown) {
        fake_cluster_error(reply, 404, "No status found for connector %s", connector->name);
        return;
    }
    const char *state = cluster->connector_state ? cluster->connector_state : shown;
    const char *task = cluster->task_state ? cluster->task_state : shown;
    reply->status = 200;
    struct json_writer w = json_writer_of(&reply->body);
    json_open(&w, NULL, '{');
    json_cstr(&w, "name", connector->name);
    json_open(&w, "connector", '{');
    json_cstr(&w, "state", state);
    json_cstr(&w, "worker_id", "127.0.0.1:8083");
    json_close(&w, '}');
    json_open(&w, "tasks", '[');
    if (strcmp(state, "STOPPED") != 0) {
        json_open(&w, NULL, '{');
        json_i64(&w, "id", 0);
        json_cstr(&w, "state", task);
        json_cstr(&w, "worker_id", "127.0.0.2:8083");
        if (cluster->trace)
            json_cstr(&w, "trace", cluster->trace);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_cstr(&w, "type", "source");
    json_close(&w, '}');
}

static bool fake_cluster_wish(struct fake_cluster *cluster, const char *name,
                              const char *tail, struct fake_cluster_reply *reply)
{
    static const struct {
        const char *tail, *state;
        unsigned status;
    } wishes[] = {
        {"/pause", "PAUSED", 202}, {"/resume", "RUNNING", 202}, {"/stop", "STOPPED", 204}};
    struct fake_connector *connector = fake_cluster_find(cluster, name);
    for (size_t i = 0; i < CDC_COUNT(wishes); i++) {
        if (strcmp(tail, wishes[i].tail) != 0)
            continue;
        reply->status = wishes[i].status;
        if (connector)
            fake_cluster_move(cluster, connector, wishes[i].state);
        else
            fake_cluster_error(reply, 404, "Unknown connector %s", name);
        return true;
    }
    return false;
}

static void fake_cluster_delete(struct fake_cluster *cluster, const char *name,
                                struct fake_cluster_reply *reply)
{
    struct fake_connector *connector = fake_cluster_find(cluster, name);
    reply->status = 204;
    if (!connector) {
        fake_cluster_error(reply, 404, "Connector %s not found", name);
        return;
    }
    free(connector->name);
    free(connector->config);
    *connector = (struct fake_connector){0};
}

static void fake_cluster_forget(struct fake_cluster *cluster, const char *name,
                                struct fake_cluster_reply *reply)
{
    struct fake_connector *connector = fake_cluster_find(cluster, name);
    reply->status = 200;
    if (!connector)
        fake_cluster_error(reply, 404, "Connector %s not found", name);
    else if (strcmp(connector->state, "STOPPED") != 0)
        fake_cluster_error(
            reply, 400,
            "Connectors must be in the STOPPED state before their offsets can "
            "be modified: %s",
            name);
    else
        buf_lit(&reply->body, "{\"message\":\"The offsets have been reset.\"}");
}

static bool fake_cluster_get(struct fake_cluster *cluster, const char *name,
                             const char *tail, struct fake_cluster_reply *reply)
{
    struct fake_connector *connector = fake_cluster_find(cluster, name);
    reply->status = 200;
    if (!connector)
        fake_cluster_error(reply, 404,
                           strcmp(tail, "/status") == 0 ? "No status found for connector %s"
                                                        : "Connector %s not found",
                           name);
    else if (strcmp(tail, "/status") == 0)
        fake_cluster_status(cluster, connector, reply);
    else if (strcmp(tail, "/config") == 0)
        buf_cstr(&reply->body, connector->config);
    else if (strcmp(tail, "/offsets") == 0)
        buf_cstr(&reply->body, cluster->offsets
                                   ? cluster->offsets
                                   : "{\"offsets\":[{\"partition\":{\"server\":\"shop\"},"
                                     "\"offset\":{\"lsn\":9223372036854775807}}]}");
    else
        return false;
    return true;
}

/* /connectors/<name><tail>, the name decoded. */
static bool fake_cluster_connector_call(struct fake_cluster *cluster, const char *method,
                                        const char *path, const cJSON *body,
                                        struct fake_cluster_reply *reply)
{
    char name[512];
    struct buf text;
    size_t len = strcspn(path, "/");
    const char *tail = path + len;
    buf_fixed(&text, name, sizeof name - 1);
    for (const char *c = path; c < path + len; c++) {
        unsigned byte = (unsigned char)*c;
        if (*c == '%' && sscanf(c + 1, "%2x", &byte) == 1)
            c += 2;
        buf_byte(&text, (char)byte);
    }
    name[text.len] = '\0';
    if (strcmp(method, "GET") == 0)
        return fake_cluster_get(cluster, name, tail, reply);
    if (strcmp(method, "DELETE") == 0 && !*tail) {
        fake_cluster_delete(cluster, name, reply);
        return true;
    }
    if (strcmp(method, "DELETE") == 0 && strcmp(tail, "/offsets") == 0) {
        fake_cluster_forget(cluster, name, reply);
        return true;
    }
    if (strcmp(method, "PUT") == 0 && strcmp(tail, "/config") == 0) {
        fake_cluster_check_config(cluster, body);
        fake_cluster_put(cluster, name, body, reply);
        return true;
    }
    if (strcmp(method, "PUT") == 0)
        return fake_cluster_wish(cluster, name, tail, reply);
    if (strcmp(method, "POST") != 0 ||
        strcmp(tail, "/restart?includeTasks=true&onlyFailed=true") != 0)
        return false;
    reply->status = 202;
    if (fake_cluster_find(cluster, name)) {
        buf_lit(&reply->body, "{}");
        cluster->connector_state = cluster->task_state = cluster->trace = NULL;
    } else {
        fake_cluster_error(reply, 404, "Unknown connector: %s", name);
    }
    return true;
}

static bool fake_cluster_has_class(const struct fake_cluster *cluster, const char *path)
{
    char wanted[256];
    const char *classes[FAKE_CLASSES + 2] = {FAKE_FIRST_CLASS, FAKE_SECOND_CLASS};
    memcpy(classes + 2, cluster->classes, sizeof cluster->classes);
    for (size_t i = 0; i < CDC_COUNT(classes) && classes[i]; i++) {
        snprintf(wanted, sizeof wanted, "/%s/config/validate", classes[i]);
        if (strcmp(path, wanted) == 0)
            return true;
    }
    return false;
}

static bool fake_cluster_plugins_call(struct fake_cluster *cluster, const char *method,
                                      const char *path, const cJSON *body,
                                      struct fake_cluster_reply *reply)
{
    reply->status = 200;
    if (strcmp(method, "GET") == 0 && !*path) {
        buf_lit(&reply->body, "[{\"class\":\"" FAKE_FIRST_CLASS "\",\"type\":\"source\"},"
                              "{\"class\":\"org.example.Other\",\"type\":\"sink\"},"
                              "{\"class\":\"" FAKE_SECOND_CLASS "\",\"type\":\"source\"}]");
        return true;
    }
    size_t len = strlen(path), end = strlen("/config/validate");
    if (strcmp(method, "PUT") != 0 || len < end ||
        strcmp(path + len - end, "/config/validate") != 0)
        return false;
    fake_cluster_check_config(cluster, body);
    if (!fake_cluster_has_class(cluster, path))
        fake_cluster_error(
            reply, 500,
            "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: "
            "Failed to find any class that implements Connector and which name "
            "matches %s, available connectors are: PluginDesc{...}",
            path);
    else
        buf_cstr(&reply->body, cluster->validate ? cluster->validate
                                                 : "{\"name\":\"x\",\"error_count\":0,"
                                                   "\"groups\":[],\"configs\":[]}");
    return true;
}

void fake_cluster_do(struct fake_cluster *cluster, const char *method, const char *uri,
                     wf_str text, struct fake_cluster_reply *reply)
{
    static const char connectors[] = "/connectors/", plugins[] = "/connector-plugins";
    cJSON *body = cJSON_ParseWithLength(text.ptr, text.len);
    bool done = false;
    if (strncmp(uri, connectors, sizeof connectors - 1) == 0)
        done = fake_cluster_connector_call(cluster, method, uri + sizeof connectors - 1,
                                           body, reply);
    else if (strncmp(uri, plugins, sizeof plugins - 1) == 0)
        done = fake_cluster_plugins_call(cluster, method, uri + sizeof plugins - 1, body,
                                         reply);
    if (!done) {
        buf_clear(&reply->body);
        fake_cluster_error(reply, 404, "HTTP 404 %s", "Not Found");
    }
    cJSON_Delete(body);
}

void fake_cluster_init(struct fake_cluster *cluster)
{
    *cluster = (struct fake_cluster){0};
    buf_init(&cluster->wrong, LIMIT_OUTPUT_BYTES);
}

void fake_cluster_release(struct fake_cluster *cluster)
{
    for (size_t i = 0; i < FAKE_CONNECTORS; i++) {
        free(cluster->connectors[i].name);
        free(cluster->connectors[i].config);
    }
    buf_release(&cluster->wrong);
}
