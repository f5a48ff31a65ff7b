/* SPDX-License-Identifier: MIT
 *
 * kafka_mock - the cluster, what produces, and the members.
 */
#include "tests/support/kafka_mock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/support/c11_threads.h"
#include "tests/support/kafka_mock_clock.h"

static void kafka_mock_on_sent(rd_kafka_t *rk, const rd_kafka_message_t *message,
                               void *opaque)
{
    (void)rk, (void)opaque;
    ck_assert_msg(!message->err, "%s", rd_kafka_err2str(message->err));
}

static void kafka_mock_on_log(const rd_kafka_t *rk, int level, const char *facility,
                              const char *line)
{
    (void)rk, (void)level, (void)facility, (void)line;
}

static void kafka_mock_on_mock_log(const rd_kafka_t *rk, int level, const char *facility,
                                   const char *line)
{
    (void)rk, (void)level, (void)facility;
    kafka_mock_clock_line(line);
}

void kafka_mock_start(struct kafka_mock *mock, int brokers)
{
    char why[256], number[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    c11_threads_linked();
    (void)snprintf(number, sizeof(number), "%d", brokers);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "test.mock.num.brokers", number, why, 256), 0);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "linger.ms", "1", why, 256), 0);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, 256),
                     0);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "debug", "mock", why, 256), 0);
    rd_kafka_conf_set_dr_msg_cb(conf, kafka_mock_on_sent);
    rd_kafka_conf_set_log_cb(conf, kafka_mock_on_mock_log);
    mock->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(mock->rk, "%s", why);
    mock->cluster = rd_kafka_handle_mock_cluster(mock->rk);
    mock->servers = rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void kafka_mock_stop(struct kafka_mock *mock)
{
    rd_kafka_destroy(mock->rk);
}

void kafka_mock_topic(struct kafka_mock *mock, const char *topic, int partitions)
{
    ck_assert_int_eq(rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1), 0);
}

static void kafka_mock_flush(struct kafka_mock *mock)
{
    ck_assert_int_eq(rd_kafka_flush(mock->rk, KAFKA_MOCK_PATIENCE_MS), 0);
}

void kafka_mock_produce(struct kafka_mock *mock, const char *topic, int partition,
                        int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char value[64];
        int len = snprintf(value, sizeof(value), "%s-%d", topic, i);
        rd_kafka_resp_err_t code = rd_kafka_producev(
            mock->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY("key", 3), RD_KAFKA_V_VALUE(value, (size_t)len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        ck_assert_int_eq(code, 0);
    }
    kafka_mock_flush(mock);
}

void kafka_mock_record(struct kafka_mock *mock, const char *topic, const char *key,
                       const char *value)
{
    rd_kafka_resp_err_t code = rd_kafka_producev(
        mock->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    ck_assert_int_eq(code, 0);
    kafka_mock_flush(mock);
}

void kafka_mock_overflow(struct kafka_mock *mock, const char *topic, int partition)
{
    static char much[500000];
    for (int i = 0; i < 12; i++) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            mock->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_VALUE(much, sizeof(much)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_END);
        ck_assert_int_eq(code, 0);
    }
    kafka_mock_flush(mock);
}

int64_t kafka_mock_committed(struct kafka_mock *mock, const char *group, const char *topic,
                             int partition)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", mock->servers, why, sizeof(why));
    rd_kafka_conf_set(conf, "group.id", group, why, sizeof(why));
    rd_kafka_conf_set_log_cb(conf, kafka_mock_on_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_msg(rk, "%s", why);
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, topic, partition);
    ck_assert_int_eq(rd_kafka_committed(rk, parts, KAFKA_MOCK_PATIENCE_MS), 0);
    int64_t offset = parts->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_destroy(rk);
    return offset < 0 ? -1 : offset;
}

/* ---- members ----------------------------------------------------------------------- */

static void kafka_mock_on_lost(void *ctx, uint32_t lane)
{
    struct kafka_mock_member *member = ctx;
    ck_assert_uint_lt(lane, CDC_COUNT(member->lost));
    member->lost[lane]++;
}

static wf_status kafka_mock_on_records_lost(void *ctx, wf_str topic, int32_t partition,
                                            wf_error *err)
{
    struct kafka_mock_member *member = ctx;
    (void)topic, (void)partition;
    member->records_lost++;
    err->code = member->records_lost_says;
    (void)snprintf(err->text, sizeof(err->text), "records are lost");
    return member->records_lost_says;
}

static void kafka_mock_on_notice(void *ctx, enum log_level level, const char *text)
{
    struct kafka_mock_member *member = ctx;
    ck_assert_ptr_null(strstr(text, KAFKA_MOCK_SECRET));
    member->hidden += strstr(text, "***") != NULL;
    if (level == LOG_INFO) {
        member->infos++;
        (void)snprintf(member->info, sizeof(member->info), "%s", text);
    }
    if (level < LOG_WARN)
        return;
    member->notices++;
    (void)snprintf(member->notice, sizeof(member->notice), "%s", text);
}

wf_status kafka_mock_try_join(const char *servers, struct kafka_mock_member *member,
                              const char *topic, const char *properties)
{
    char json[1024];
    /* Short times, so that tests are short.  A session is not: it has to outlast the mock's
     * waiting for members, and what a busy machine makes a member wait. */
    int len = snprintf(json, sizeof(json),
                       "{\"session.timeout.ms\":10000,\"heartbeat.interval.ms\":200,"
                       "\"fetch.wait.max.ms\":100,\"auto.commit.interval.ms\":100,"
                       "\"reconnect.backoff.max.ms\":300%s%s}",
                       properties ? "," : "", properties ? properties : "");
    ck_assert_int_lt(len, (int)sizeof(json));
    struct kafka_plan plan = {
        .bootstrap_servers = str_from(servers),
        .group_id = STR("g"),
        .client_id = STR("tests"),
        .properties = str_from(json),
        .topics = &topic,
        .topic_count = 1,
        .ctx = member,
        .lane_lost = kafka_mock_on_lost,
        .records_lost = kafka_mock_on_records_lost,
        .notice = kafka_mock_on_notice,
    };
    return kafka_group_open(&plan, &member->group, &member->err);
}

void kafka_mock_join(struct kafka_mock *mock, struct kafka_mock_member *member,
                     const char *topic, const char *properties)
{
    *member = (struct kafka_mock_member){0};
    ck_assert_msg(kafka_mock_try_join(mock->servers, member, topic, properties) == WF_OK,
                  "%s", member->err.text);
}

void kafka_mock_leave(struct kafka_mock_member *member)
{
    kafka_group_close(member->group);
    member->group = NULL;
}

bool kafka_mock_next(struct kafka_mock_member *member)
{
    wf_status status = kafka_group_next(member->group, KAFKA_MOCK_PATIENCE_MS,
                                        &member->record, &member->err);
    ck_assert_msg(!status, "%s", member->err.text);
    if (!member->record.number)
        return false;
    size_t len = member->record.value.len;
    if (len >= sizeof(member->value))
        len = sizeof(member->value) - 1;
    if (len)
        memcpy(member->value, member->record.value.ptr, len);
    member->value[len] = 0;
    kafka_group_took(member->group);
    return true;
}

void kafka_mock_quiet(struct kafka_mock_member *member, int ms)
{
    struct kafka_record record;
    wf_status status = kafka_group_next(member->group, ms, &record, &member->err);
    ck_assert_msg(!status, "%s", member->err.text);
    ck_assert_uint_eq(record.number, 0);
}

void kafka_mock_expect(struct kafka_mock_member *member, const char *topic, int first,
                       int count)
{
    char value[64];
    for (int i = first; i < first + count; i++) {
        ck_assert_msg(kafka_mock_next(member), "record %d of %s did not come", i, topic);
        (void)snprintf(value, sizeof(value), "%s-%d", topic, i);
        ck_assert_str_eq(member->value, value);
    }
}

void kafka_mock_confirm(struct kafka_mock_member *member, uint64_t number)
{
    wf_status status = kafka_group_confirm(member->group, number, &member->err);
    ck_assert_msg(!status, "%s", member->err.text);
}
