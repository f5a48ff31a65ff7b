/* SPDX-License-Identifier: MIT
 *
 * kafka_group_send - one record to the cluster.  That is rare (a signal to a connector), so
 * the producer is made for it and gone again.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/kafka_config.h"
#include "providers/debezium/kafka_error.h"
#include "providers/debezium/kafka_member.h"

struct kafka_group_sending {
    struct kafka_group *group;
    bool answered;
    rd_kafka_resp_err_t code;      /* of the record */
    rd_kafka_resp_err_t last_code; /* of the way to the cluster */
    char last_text[256];
};

static void kafka_group_on_sent(rd_kafka_t *rk, const rd_kafka_message_t *message,
                                void *opaque)
{
    struct kafka_group_sending *sending = opaque;
    (void)rk;
    sending->answered = true;
    sending->code = message->err;
}

static void kafka_group_on_send_error(rd_kafka_t *rk, int code, const char *reason,
                                      void *opaque)
{
    struct kafka_group_sending *sending = opaque;
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return;
    sending->last_code = (rd_kafka_resp_err_t)code;
    (void)snprintf(sending->last_text, sizeof(sending->last_text), "%s", reason);
    kafka_config_redact(sending->group->plan.properties, sending->last_text);
}

/* Its errors come to the callback above; its lines would only repeat them. */
static void kafka_group_on_send_log(const rd_kafka_t *rk, int level, const char *facility,
                                    const char *line)
{
    (void)rk, (void)level, (void)facility, (void)line;
}

static wf_status kafka_group_sender(struct kafka_group *group, int timeout_ms,
                                    struct kafka_group_sending *sending, rd_kafka_t **out,
                                    wf_error *err)
{
    rd_kafka_conf_t *conf;
    char why[400];
    wf_status status = kafka_config_make(&group->plan, KAFKA_CONFIG_SENDER, &conf, err);
    if (status)
        return status;
    (void)snprintf(why, sizeof(why), "%d", timeout_ms > 0 ? timeout_ms : 1);
    (void)rd_kafka_conf_set(conf, "message.timeout.ms", why, NULL, 0);
    rd_kafka_conf_set_opaque(conf, sending);
    rd_kafka_conf_set_dr_msg_cb(conf, kafka_group_on_sent);
    rd_kafka_conf_set_error_cb(conf, kafka_group_on_send_error);
    rd_kafka_conf_set_log_cb(conf, kafka_group_on_send_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        kafka_config_redact(group->plan.properties, why);
        return error_set(err, WF_CONFIG, "options.kafka: %s", why);
    }
    (void)rd_kafka_set_log_queue(rk, NULL);
    *out = rk;
    return WF_OK;
}

static wf_status kafka_group_outcome(const struct kafka_group_sending *sending,
                                     const char *topic, wf_error *err)
{
    char what[320];
    if (sending->answered && !sending->code)
        return WF_OK;
    (void)snprintf(what, sizeof(what), "a record for topic '%.249s' was not acknowledged",
                   topic);
    /* That its time is up says less than what stood in its way. */
    bool timed_out =
        !sending->answered || sending->code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (timed_out && sending->last_code)
        return kafka_error_set(err, sending->last_code, what, sending->last_text);
    return kafka_error_set(
        err, timed_out ? RD_KAFKA_RESP_ERR__MSG_TIMED_OUT : sending->code, what, NULL);
}

wf_status kafka_group_send(struct kafka_group *group, wf_str topic, wf_str key,
                           wf_str value, int timeout_ms, wf_error *err)
{
    struct kafka_group_sending sending = {.group = group};
    int64_t deadline = clock_mono_ms() + timeout_ms;
    rd_kafka_t *rk;
    char *name = str_dup(topic);
    if (!name)
        return error_no_memory(err);
    wf_status status = kafka_group_sender(group, timeout_ms, &sending, &rk, err);
    if (status) {
        free(name);
        return status;
    }
    sending.code =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_KEY(key.ptr, key.len),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value.ptr, value.len),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    sending.answered = sending.code != RD_KAFKA_RESP_ERR_NO_ERROR;
    while (!sending.answered && clock_mono_ms() < deadline)
        (void)rd_kafka_poll(rk, (int)(deadline - clock_mono_ms()));
    status = kafka_group_outcome(&sending, name, err);
    free(name);
    (void)rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                 RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(rk);
    return status;
}
