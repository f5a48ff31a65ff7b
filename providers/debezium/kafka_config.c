/* SPDX-License-Identifier: MIT
 *
 * kafka_config - our rows, the user's over them, and the rows the user may not touch.
 */
#include "providers/debezium/kafka_config.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/redact.h"
#include "base/str.h"

struct kafka_config_row {
    const char *name, *value;
};

static const struct kafka_config_row kafka_config_both[] = {
    {"log.queue", "true"}, /* log lines come on our thread, when we ask for them */
    {"log.connection.close", "false"}, /* brokers close idle connections all the time */
    {"socket.keepalive.enable", "true"},
    {"socket.connection.setup.timeout.ms", "10000"},
    {"reconnect.backoff.max.ms", "3000"},
};

/* What is delivered is stored by us (enable.auto.offset.store=false) and committed by
 * librdkafka (enable.auto.commit=true).  A commit of our own at the wrong moment costs the
 * assignment: while the group is joined anew its generation changes, a commit under the old
 * one is answered with "illegal generation", and librdkafka then counts all partitions as
 * lost (rd_kafka_cgrp_op_handle_OffsetCommit).  Only librdkafka knows the moment: its timer
 * keeps still while the group rebalances, and an unassign commits what is stored, with the
 * right generation, before the partitions go to somebody else.
 *
 * session.timeout.ms: a member that was killed, or that brokers were away from for longer,
 * comes back as a new one, and then all its partitions stand still until the group has
 * missed the old one for that long.  (Heartbeats have a thread of their own: a session is as
 * long as the longest pause of the network, of the process and of all brokers that is to
 * cost nothing, however long workflows take.)
 *
 * auto.offset.reset=error: each partition is begun at an offset that we name, so that there
 * is one meaning to an offset that the broker does not have: records were lost.
 *
 * The buffer is one for all partitions and small; see kafka_buffer.h for what that takes.
 * A record costs some 400 bytes beside its own, so records are counted as well. */
static const struct kafka_config_row kafka_config_member[] = {
    {"enable.auto.commit", "true"},
    {"enable.auto.offset.store", "false"},
    {"auto.commit.interval.ms", "200"}, /* so much may come again after a kill */
    {"session.timeout.ms", "20000"},
    {"auto.offset.reset", "error"},
    {"isolation.level", "read_committed"},
    {"enable.partition.eof", "true"}, /* tells what markers of transactions leave open */
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"topic.metadata.refresh.interval.ms", "5000"}, /* how soon a new table is seen */
    {"allow.auto.create.topics", "false"},
    {"check.crcs", "true"},
    {"queued.min.messages", "20000"},
    {"queued.max.messages.kbytes", "16384"},
    {"fetch.message.max.bytes", "1048576"},
    {"fetch.max.bytes", "8388608"},
};

static const struct kafka_config_row kafka_config_sender[] = {
    {"acks", "all"},
    {"enable.idempotence", "true"},
};

/* Not for options.kafka, and what to do instead. */
static const struct kafka_config_row kafka_config_ours[] = {
    {"bootstrap.servers", "options.bootstrap_servers says it"},
    {"metadata.broker.list", "options.bootstrap_servers says it"},
    {"group.id", "options.group_id says it"},
    {"enable.auto.commit", "only what was delivered is committed"},
    {"auto.commit.enable", "only what was delivered is committed"},
    {"enable.auto.offset.store", "only what was delivered is committed"},
    {"offset.store.method", "offsets are kept by the group"},
    {"offset.store.path", "offsets are kept by the group"},
    {"offset.store.sync.interval.ms", "offsets are kept by the group"},
    {"auto.offset.reset", "a group without an offset begins at a topic's beginning, and "
                          "options.on_records_lost says what happens when one is gone"},
    {"enable.partition.eof", "it is set by the provider"},
    {"isolation.level", "records of aborted transactions are no changes"},
    {"transactional.id", "nothing is sent in transactions"},
    {"plugin.library.paths", "no other code is loaded"},
    {"interceptors", "no other code is loaded"},
    {"enabled_events", "it is set by the provider"},
    {"log.queue", "it is set by the provider"},
    {"test.mock.num.brokers", "it puts brokers that are made up in the place of yours"},
};

/* What users of the Java client write. */
static const struct kafka_config_row kafka_config_java[] = {
    {"sasl.jaas.config", "librdkafka has sasl.username and sasl.password"},
    {"ssl.truststore.location", "librdkafka has ssl.ca.location, a PEM file"},
    {"ssl.truststore.password", "librdkafka has ssl.ca.location, a PEM file"},
    {"ssl.truststore.type", "librdkafka has ssl.ca.location, a PEM file"},
    {"ssl.keystore.type", "librdkafka takes PKCS#12 with ssl.keystore.location, or PEM "
                          "files with ssl.certificate.location and ssl.key.location"},
    {"max.poll.records", "records are taken one by one"},
};

static const char *kafka_config_find(const struct kafka_config_row *rows, size_t count,
                                     const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].value;
    return NULL;
}

#define kafka_config_in(rows, name) kafka_config_find((rows), CDC_COUNT(rows), (name))

static bool kafka_config_is_secret(wf_str name)
{
    static const wf_str parts[] = {STR("password"),  STR("secret"), STR("pem"),
                                   STR("token"),     STR("config"), STR("key"),
                                   STR("extensions")};
    for (size_t i = 0; i < CDC_COUNT(parts); i++)
        if (str_find(name, parts[i]) >= 0)
            return true;
    return false;
}

static wf_status kafka_config_rows(rd_kafka_conf_t *conf,
                                   const struct kafka_config_row *rows, size_t count,
                                   wf_error *err)
{
    char why[256];
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_conf_set(conf, rows[i].name, rows[i].value, why, sizeof(why)) !=
            RD_KAFKA_CONF_OK)
            return error_set(err, WF_UNSUPPORTED, "this librdkafka (%s) is not usable: %s",
                             rd_kafka_version_str(), why);
    return WF_OK;
}

static wf_status kafka_config_text(rd_kafka_conf_t *conf, const char *name, wf_str value,
                                   wf_error *err)
{
    char why[256];
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_str(&text, value);
    if (!text.broken && memchr(buf_c(&text), 0, text.len))
        return error_set(err, WF_CONFIG, "'%s' holds a zero byte", name);
    if (rd_kafka_conf_set(conf, name, buf_c(&text), why, sizeof(why)) != RD_KAFKA_CONF_OK)
        return error_set(err, WF_CONFIG, "Kafka: %s", why);
    return buf_status(&text, name, err);
}

/* The known name that is nearest to `name`; NULL: none is near. */
static wf_status kafka_config_unknown(const rd_kafka_conf_t *conf, const char *name,
                                      wf_error *err)
{
    size_t count = 0;
    unsigned nearest = 4;
    const char *best = NULL;
    const char **pairs = rd_kafka_conf_dump((rd_kafka_conf_t *)(uintptr_t)conf, &count);
    for (size_t i = 0; pairs && i + 1 < count; i += 2) {
        unsigned distance = str_distance(str_from(name), str_from(pairs[i]), nearest);
        if (distance < nearest) {
            nearest = distance;
            best = pairs[i];
        }
    }
    wf_status status =
        best ? error_set(err, WF_CONFIG,
                         "options.kafka: there is no property '%s'; did you mean '%s'?",
                         name, best)
             : error_set(err, WF_CONFIG,
                         "options.kafka: there is no property '%s' in librdkafka %s", name,
                         rd_kafka_version_str());
    rd_kafka_conf_dump_free(pairs, count);
    return status;
}

static wf_status kafka_config_user(rd_kafka_conf_t *conf, const char *name,
                                   const char *value, wf_error *err)
{
    char why[256];
    const char *ours = kafka_config_in(kafka_config_ours, name);
    if (ours)
        return error_set(err, WF_CONFIG, "options.kafka: '%s' cannot be set: %s", name,
                         ours);
    const char *java = kafka_config_in(kafka_config_java, name);
    if (java)
        return error_set(err, WF_CONFIG, "options.kafka: there is no property '%s': %s",
                         name, java);
    switch (rd_kafka_conf_set(conf, name, value, why, sizeof(why))) {
    case RD_KAFKA_CONF_OK:
        return WF_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return kafka_config_unknown(conf, name, err);
    default:
        if (kafka_config_is_secret(str_from(name)))
            return error_set(err, WF_CONFIG,
                             "options.kafka: the value of '%s' is refused by librdkafka",
                             name);
        return error_set(err, WF_CONFIG, "options.kafka: '%s' is refused: %s", name, why);
    }
}

/* A member's value as librdkafka takes it: text, digits, true or false. */
static wf_status kafka_config_value(wf_str json, struct buf *out, const char *name,
                                    wf_error *err)
{
    switch (json_kind(json)) {
    case JSON_STRING:
        json_unescape(out, str_slice(json, 1, json.len - 1));
        break;
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        buf_str(out, json);
        break;
    default:
        return error_set(err, WF_CONFIG,
                         "options.kafka: '%s' must be a string, a number, true or false",
                         name);
    }
    const char *text = buf_c(out);
    if (out->broken)
        return buf_status(out, "options.kafka", err);
    if (memchr(text, 0, out->len))
        return error_set(err, WF_CONFIG, "options.kafka: '%s' holds a zero byte", name);
    return WF_OK;
}

static wf_status kafka_config_properties(rd_kafka_conf_t *conf, wf_str properties,
                                         wf_error *err)
{
    if (!str_trim(properties).len)
        return WF_OK;
    wf_status status = json_check(properties, "options.kafka", err);
    if (status)
        return status;
    if (json_kind(str_trim(properties)) != JSON_OBJECT)
        return error_set(err, WF_CONFIG,
                         "options.kafka must be an object of librdkafka's properties");
    CDC_CLEANUP(buf_release) struct buf name;
    CDC_CLEANUP(buf_release) struct buf value;
    buf_init(&name, LIMIT_TEXT_BYTES);
    buf_init(&value, LIMIT_CONFIG_BYTES);
    struct json_iter it = json_iter_of(str_trim(properties));
    for (wf_str key, json; !status && json_next(&it, &key, &json);) {
        buf_clear(&name);
        buf_clear(&value);
        json_unescape(&name, key);
        const char *text = buf_c(&name);
        status = buf_status(&name, "options.kafka", err);
        if (!status)
            status = kafka_config_value(json, &value, text, err);
        if (!status)
            status = kafka_config_user(conf, text, buf_c(&value), err);
    }
    return status;
}

static wf_status kafka_config_fill(const struct kafka_plan *plan,
                                   enum kafka_config_role role, rd_kafka_conf_t *conf,
                                   wf_error *err)
{
    wf_status status =
        kafka_config_rows(conf, kafka_config_both, CDC_COUNT(kafka_config_both), err);
    if (!status && role == KAFKA_CONFIG_MEMBER)
        status = kafka_config_rows(conf, kafka_config_member,
                                   CDC_COUNT(kafka_config_member), err);
    if (!status && role == KAFKA_CONFIG_SENDER)
        status = kafka_config_rows(conf, kafka_config_sender,
                                   CDC_COUNT(kafka_config_sender), err);
    if (!status)
        status = kafka_config_text(conf, "bootstrap.servers", plan->bootstrap_servers, err);
    if (!status && role == KAFKA_CONFIG_MEMBER)
        status = kafka_config_text(conf, "group.id", plan->group_id, err);
    if (!status && plan->client_id.len)
        status = kafka_config_text(conf, "client.id", plan->client_id, err);
    /* Since 2.2.0; before, the pause is 1 s and cannot be set (kafka_buffer.h). */
    if (!status && role == KAFKA_CONFIG_MEMBER)
        (void)rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", NULL, 0);
    return status ? status : kafka_config_properties(conf, plan->properties, err);
}

wf_status kafka_config_make(const struct kafka_plan *plan, enum kafka_config_role role,
                            rd_kafka_conf_t **out, wf_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    wf_status status = kafka_config_fill(plan, role, conf, err);
    if (status) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *out = conf;
    return WF_OK;
}

int64_t kafka_config_number(const rd_kafka_conf_t *conf, const char *name,
                            int64_t otherwise)
{
    char text[32];
    size_t size = sizeof(text);
    int64_t value;
    if (rd_kafka_conf_get(conf, name, text, &size) != RD_KAFKA_CONF_OK ||
        !str_to_i64(str_from(text), &value))
        return otherwise;
    return value;
}

void kafka_config_redact(wf_str properties, char *text)
{
    wf_error ignored;
    if (!properties.len || json_check(properties, "options.kafka", &ignored) != WF_OK)
        return;
    CDC_CLEANUP(buf_release) struct buf value;
    buf_init(&value, LIMIT_CONFIG_BYTES);
    struct json_iter it = json_iter_of(str_trim(properties));
    for (wf_str key, json; json_next(&it, &key, &json);) {
        if (!kafka_config_is_secret(key) || json_kind(json) != JSON_STRING)
            continue;
        buf_clear(&value);
        json_unescape(&value, str_slice(json, 1, json.len - 1));
        redact_secret(text, buf_view(&value));
    }
}
