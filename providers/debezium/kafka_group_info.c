/* SPDX-License-Identifier: MIT
 *
 * kafka_group_info - what a member knows of its group and its cluster.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/debezium/kafka_error.h"
#include "providers/debezium/kafka_member.h"

#define KAFKA_DETAILS_MOST 300
#define KAFKA_CLUSTER_LOOK_MS 100

/* What the last answers of the brokers said; nobody is asked. */
static bool kafka_group_end(const struct kafka_group *group, const struct kafka_lane *lane,
                            int64_t *out_end)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(group->rk, lane->topic, lane->partition, &low,
                                       &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        high < 0)
        return false;
    *out_end = high;
    return true;
}

/* Before it everything is delivered, or it was there before the group was. */
static int64_t kafka_group_done(const struct kafka_group *group,
                                const struct kafka_lane *lane)
{
    int64_t low, high;
    bool all = lane->number <= group->confirmed;
    if (all && lane->end != KAFKA_NO_OFFSET && lane->end >= lane->confirmed)
        return lane->end;
    if (lane->confirmed != KAFKA_NO_OFFSET)
        return lane->confirmed;
    if (rd_kafka_get_watermark_offsets(group->rk, lane->topic, lane->partition, &low,
                                       &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        low < 0)
        return 0;
    return low;
}

void kafka_group_lag(struct kafka_group *group, struct kafka_lag *out)
{
    struct kafka_lag lag = {0};
    for (size_t i = 0; i < group->lanes.count; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        int64_t end = 0;
        if (lane->state != KAFKA_LANE_OURS)
            continue;
        lag.partitions++;
        if (lag.records < 0)
            continue;
        if (!kafka_group_end(group, lane, &end)) {
            lag.records = -1;
            continue;
        }
        int64_t behind = end - kafka_group_done(group, lane);
        lag.records += behind > 0 ? behind : 0;
    }
    if (!lag.partitions)
        lag.records = -1;
    *out = lag;
}

void kafka_group_details(struct kafka_group *group, struct buf *out_json)
{
    struct json_writer json = json_writer_of(out_json);
    char name[300];
    size_t told = 0;
    json_open(&json, NULL, '{');
    for (size_t i = 0; i < group->lanes.count && told < KAFKA_DETAILS_MOST; i++) {
        const struct kafka_lane *lane = group->lanes.list[i];
        int64_t end = 0;
        if (lane->state != KAFKA_LANE_OURS)
            continue;
        told++;
        int len = snprintf(name, sizeof(name), "%s/%d", lane->topic, (int)lane->partition);
        json_member_name(&json, (wf_str){name, len > 0 ? strlen(name) : 0});
        json_open(&json, NULL, '{');
        if (lane->committed == KAFKA_NO_OFFSET)
            json_null(&json, "committed");
        else
            json_i64(&json, "committed", lane->committed);
        if (kafka_group_end(group, lane, &end))
            json_i64(&json, "end", end);
        else
            json_null(&json, "end");
        json_close(&json, '}');
    }
    json_close(&json, '}');
}

wf_status kafka_group_cluster(struct kafka_group *group, int timeout_ms, struct buf *out_id,
                              wf_error *err)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    for (;;) {
        int64_t left = deadline - clock_mono_ms();
        int look = (int)(left < 0 ? 0 : left);
        if (look > KAFKA_CLUSTER_LOOK_MS)
            look = KAFKA_CLUSTER_LOOK_MS;
        char *id = rd_kafka_clusterid(group->rk, look);
        if (id) {
            buf_cstr(out_id, id);
            rd_kafka_mem_free(group->rk, id);
            return WF_OK;
        }
        wf_status status = kafka_member_serve(group, err);
        if (status)
            return status;
        if (cancel_take(&group->cancel))
            return error_set(err, WF_CANCELLED, "interrupted while Kafka's id was awaited");
        if (left <= 0)
            return kafka_error_set(
                err, group->health.code ? group->health.code : RD_KAFKA_RESP_ERR__TIMED_OUT,
                "Kafka's id is not known", group->health.text);
    }
}

/* ---- other members ------------------------------------------------------------------- */

/* Whether the coordinator says that nobody is in the group.  "Dead" is what it also says of
 * a group that it does not know, or may not show; and of one without offsets, once its last
 * member has left. */
static bool kafka_group_is_empty(const struct kafka_group *group,
                                 const struct rd_kafka_group_info *info)
{
    return !info->err && !info->member_cnt && info->state &&
           (!strcmp(info->state, "Empty") || (group->quit && !strcmp(info->state, "Dead")));
}

static wf_status kafka_group_others(struct kafka_group *group,
                                    const struct rd_kafka_group_info *info, bool *out,
                                    wf_error *err)
{
    /* Who has left is not answered any more. */
    char *own = group->quit ? NULL : rd_kafka_memberid(group->rk);
    bool shown = false;
    int others = 0;
    for (int i = 0; i < info->member_cnt; i++) {
        const char *id = info->members[i].member_id;
        if (own && *own && id && !strcmp(id, own))
            shown = true;
        else
            others++;
    }
    if (own)
        rd_kafka_mem_free(group->rk, own);
    if (info->err)
        return kafka_error_set(err, info->err, "the group's members are not told", NULL);
    /* A list without this member is not one of all. */
    if (!others && !shown && !kafka_group_is_empty(group, info))
        return error_set(err, WF_UNAVAILABLE,
                         "the group's members are not told: it is '%s' and this one is not "
                         "among them",
                         info->state ? info->state : "");
    *out = others > 0;
    return WF_OK;
}

/* Not by rd_kafka_DescribeConsumerGroups(); kafka_member.h says why. */
wf_status kafka_group_is_shared(struct kafka_group *group, int timeout_ms, bool *out,
                                wf_error *err)
{
    const struct rd_kafka_group_list *list = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_list_groups(group->rk, group->group_id, &list, timeout_ms);
    /* Some brokers have not answered; perhaps the one that knows has. */
    if (code == RD_KAFKA_RESP_ERR__PARTIAL)
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    wf_status status =
        code ? kafka_error_set(err, code, "the group's members are not told", NULL)
             : error_set(err, WF_UNAVAILABLE,
                         "the group's members are not told: no broker knows the group");
    for (int i = 0; !code && list && i < list->group_cnt; i++) {
        if (strcmp(list->groups[i].group, group->group_id) != 0)
            continue;
        status = kafka_group_others(group, &list->groups[i], out, err);
        break;
    }
    if (list)
        rd_kafka_group_list_destroy(list);
    return status;
}
