/* SPDX-License-Identifier: MIT
 *
 * kafka_error - one row per code that does not heal by itself.
 */
#include "providers/debezium/kafka_error.h"

#include <stddef.h>

#include "base/error.h"

struct kafka_error_row {
    rd_kafka_resp_err_t code;
    wf_status status;
    const char *cure;
};

#define CURE_LOGIN                                                                         \
    "check security.protocol, sasl.mechanism, sasl.username and sasl.password in "         \
    "options.kafka"
#define CURE_PROTOCOL "the record cannot be read; skip it by setting the group's offset"

static const struct kafka_error_row kafka_error_rows[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, WF_CONFIG, CURE_LOGIN},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WF_CONFIG, CURE_LOGIN},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, WF_CONFIG, CURE_LOGIN},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, WF_CONFIG, CURE_LOGIN},
    {RD_KAFKA_RESP_ERR__SSL, WF_CONFIG,
     "check security.protocol and ssl.ca.location in options.kafka, and that the brokers' "
     "names are in their certificates"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WF_CONFIG,
     "the user needs READ and DESCRIBE on the topics"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, WF_CONFIG,
     "the user needs READ on the group, or another options.group_id"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WF_CONFIG,
     "the user has no right to that on the cluster"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, WF_CONFIG, "choose another options.group_id"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, WF_CONFIG,
     "session.timeout.ms in options.kafka must lie between the brokers' "
     "group.min.session.timeout.ms and group.max.session.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, WF_CONFIG,
     "the group has members with another partition.assignment.strategy: set the same in "
     "options.kafka, or another options.group_id"},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, WF_CONFIG,
     "another member has the same group.instance.id"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, WF_CONFIG,
     "the brokers are too old, or too new for this librdkafka"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, WF_UNSUPPORTED,
     "the brokers do not know that request"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WF_CONFIG, "that is no name of a topic"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WF_CONFIG,
     "raise receive.message.max.bytes (to read) or message.max.bytes (to send) in "
     "options.kafka"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, WF_CONFIG,
     "raise receive.message.max.bytes in options.kafka"},
    {RD_KAFKA_RESP_ERR__BAD_MSG, WF_PROTOCOL, CURE_PROTOCOL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, WF_PROTOCOL, CURE_PROTOCOL},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, WF_PROTOCOL, CURE_PROTOCOL},
    {RD_KAFKA_RESP_ERR__UNDERFLOW, WF_PROTOCOL, CURE_PROTOCOL},
    {RD_KAFKA_RESP_ERR__FATAL, WF_STATE, "the group's state does not allow to go on"},
};

static const struct kafka_error_row *kafka_error_find(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < CDC_COUNT(kafka_error_rows); i++)
        if (kafka_error_rows[i].code == code)
            return &kafka_error_rows[i];
    return NULL;
}

wf_status kafka_error_status(rd_kafka_resp_err_t code)
{
    const struct kafka_error_row *row = kafka_error_find(code);
    return row ? row->status : WF_UNAVAILABLE;
}

wf_status kafka_error_set(wf_error *err, rd_kafka_resp_err_t code, const char *what,
                          const char *words)
{
    const struct kafka_error_row *row = kafka_error_find(code);
    if (!words || !*words)
        words = rd_kafka_err2str(code);
    if (!row)
        return error_set(err, WF_UNAVAILABLE, "%s: %s", what, words);
    return error_set(err, row->status, "%s: %s; %s", what, words, row->cure);
}
