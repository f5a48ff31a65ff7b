/* SPDX-License-Identifier: MIT
 *
 * kafka_group_past - whether a group has read before: what it has committed, of whichever
 * partition, by whichever member.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/kafka_error.h"
#include "providers/debezium/kafka_member.h"

static void kafka_group_past_collect(const rd_kafka_metadata_t *cluster,
                                     const struct kafka_topics *topics,
                                     rd_kafka_topic_partition_list_t *out)
{
    for (int i = 0; i < cluster->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &cluster->topics[i];
        if (topic->err || !topics->has(topics->ctx, str_from(topic->topic)))
            continue;
        for (int k = 0; k < topic->partition_cnt; k++)
            rd_kafka_topic_partition_list_add(out, topic->topic, topic->partitions[k].id);
    }
}

static rd_kafka_resp_err_t kafka_group_past_ask(struct kafka_group *group,
                                                rd_kafka_topic_partition_list_t *parts,
                                                int timeout_ms, bool *out)
{
    bool any = false;
    if (!parts->cnt) {
        *out = false;
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(group->rk, parts, timeout_ms);
    for (int i = 0; !code && i < parts->cnt; i++) {
        any |= parts->elems[i].offset >= 0;
        code = parts->elems[i].err;
    }
    if (!code || any)
        *out = any;
    return any ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

wf_status kafka_group_has_past(struct kafka_group *group, const struct kafka_topics *topics,
                               int timeout_ms, bool *out, wf_error *err)
{
    const rd_kafka_metadata_t *cluster = NULL;
    int64_t deadline = clock_mono_ms() + timeout_ms;
    rd_kafka_resp_err_t code = rd_kafka_metadata(group->rk, 1, NULL, &cluster, timeout_ms);
    if (!code) {
        int64_t left = deadline - clock_mono_ms();
        rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(16);
        kafka_group_past_collect(cluster, topics, parts);
        rd_kafka_metadata_destroy(cluster);
        code = kafka_group_past_ask(group, parts, left > 0 ? (int)left : 0, out);
        rd_kafka_topic_partition_list_destroy(parts);
    }
    return code ? kafka_error_set(err, code, "what the group has read is not known", NULL)
                : WF_OK;
}
