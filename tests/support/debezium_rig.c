/* SPDX-License-Identifier: MIT
 *
 * debezium_rig - see the header.  The records are those of Debezium 3.5 with
 * schemas.enable=false.
 */
#include "tests/support/debezium_rig.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define DEBEZIUM_RIG_WAIT_MS 60000

struct debezium_rig debezium_rig;

void debezium_rig_start(void)
{
    debezium_rig = (struct debezium_rig){.lsn = 27006904};
    debezium_rig.connect = fake_connect_start();
    kafka_mock_start(&debezium_rig.kafka, 1);
    kafka_mock_topic(&debezium_rig.kafka, DEBEZIUM_RIG_TOPIC, 1);
    kafka_mock_topic(&debezium_rig.kafka, "__debezium-signal." DEBEZIUM_RIG_PREFIX, 1);
    kafka_mock_topic(&debezium_rig.kafka, "__debezium-notifications." DEBEZIUM_RIG_PREFIX,
                     1);
}

void debezium_rig_stop(void)
{
    fake_connect_check(debezium_rig.connect);
    fake_connect_stop(debezium_rig.connect);
    kafka_mock_stop(&debezium_rig.kafka);
}

void debezium_rig_config(const char *source_type, const char *more, struct buf *out)
{
    buf_printf(out,
               "{\"provider\":\"debezium\",\"source_id\":\"contract\","
               "\"source_type\":\"%s\",\"connection\":\"%s\",\"options\":{%s%s"
               "\"bootstrap_servers\":\"%s\",\"topic_prefix\":\"" DEBEZIUM_RIG_PREFIX
               "\",\"database\":\"%s://cdc:geheim@db.example/shop\",\"kafka\":{"
               "\"session.timeout.ms\":6000,\"heartbeat.interval.ms\":200,"
               "\"fetch.wait.max.ms\":20,\"auto.commit.interval.ms\":100,"
               "\"topic.metadata.refresh.interval.ms\":5000,"
               "\"reconnect.backoff.max.ms\":300}}}",
               source_type, fake_connect_url(debezium_rig.connect), more ? more : "",
               more ? "," : "", debezium_rig.kafka.servers, source_type);
}

void debezium_rig_row(const char *op, const char *snapshot, const char *table, int64_t n)
{
    char topic[200];
    char key[60];
    char value[1200];
    int64_t lsn = debezium_rig.lsn += 8;
    snprintf(topic, sizeof topic, DEBEZIUM_RIG_PREFIX ".%s", table);
    snprintf(key, sizeof key, "{\"n\":%" PRId64 "}", n);
    int len = snprintf(
        value, sizeof value,
        "{\"before\":null,\"after\":{\"n\":%" PRId64 ",\"v\":\"row %" PRId64 "\"},"
        "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\","
        "\"name\":\"" DEBEZIUM_RIG_PREFIX "\",\"ts_ms\":%" PRId64 ",\"snapshot\":\"%s\","
        "\"db\":\"shop\",\"sequence\":\"[null,\\\"%" PRId64 "\\\"]\",\"ts_us\":%" PRId64
        ",\"ts_ns\":%" PRId64 "000,\"schema\":\"%.*s\",\"table\":\"%s\",\"txId\":%" PRId64
        ",\"lsn\":%" PRId64 ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},"
        "\"transaction\":null,\"op\":\"%s\",\"ts_ms\":1795352917426}",
        n, n, clock_wall_us() / 1000, snapshot, lsn, clock_wall_us(), clock_wall_us(),
        (int)(strchr(table, '.') - table), table, strchr(table, '.') + 1, 700 + n, lsn, op);
    ck_assert_int_lt(len, (int)sizeof value);
    kafka_mock_record(&debezium_rig.kafka, topic, key, value);
}

void debezium_rig_insert(int64_t n)
{
    debezium_rig_row("c", "false", "public.items", n);
}

void debezium_rig_notify(const char *aggregate, const char *type, const char *id)
{
    char value[600];
    snprintf(value, sizeof value,
             "{\"id\":\"%s\",\"aggregate_type\":\"%s\",\"type\":\"%s\",\"additional_data\":"
             "{\"connector_name\":\"" DEBEZIUM_RIG_PREFIX
             "\",\"data_collections\":\"public.items\",\"scanned_collection\":"
             "\"public.items\",\"total_rows_scanned\":\"7\",\"status\":\"SUCCEEDED\"},"
             "\"timestamp\":1795352990467}",
             id, aggregate, type);
    kafka_mock_record(&debezium_rig.kafka, "__debezium-notifications." DEBEZIUM_RIG_PREFIX,
                      "0b5a9d3c-0000-4000-8000-000000000000", value);
}

static rd_kafka_t *debezium_rig_consumer(void)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", debezium_rig.kafka.servers, why,
                      sizeof why);
    rd_kafka_conf_set(conf, "group.id", "debezium-rig", why, sizeof why);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", why, sizeof why);
    /* With it a close waits for librdkafka's next look at the group, up to a second. */
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    ck_assert_msg(rk, "%s", why);
    return rk;
}

/* Keeps the message, when it asks for a snapshot. */
static bool debezium_rig_keep(const rd_kafka_message_t *message)
{
    if (!message || message->err)
        return false;
    snprintf(debezium_rig.key, sizeof debezium_rig.key, "%.*s", (int)message->key_len,
             (const char *)message->key);
    snprintf(debezium_rig.value, sizeof debezium_rig.value, "%.*s", (int)message->len,
             (const char *)message->payload);
    return strstr(debezium_rig.value, "execute-snapshot") != NULL;
}

void debezium_rig_await_signal(int number)
{
    int64_t deadline = clock_mono_ms() + DEBEZIUM_RIG_WAIT_MS;
    rd_kafka_t *rk = debezium_rig_consumer();
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, "__debezium-signal." DEBEZIUM_RIG_PREFIX, 0)
        ->offset = 0;
    ck_assert_int_eq(rd_kafka_assign(rk, parts), 0);
    rd_kafka_topic_partition_list_destroy(parts);
    for (int count = 0; count <= number;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        count += debezium_rig_keep(message);
        if (message)
            rd_kafka_message_destroy(message);
        ck_assert_msg(clock_mono_ms() < deadline, "no signal %d", number);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}
