/* SPDX-License-Identifier: MIT
 *
 * kafka_member - what librdkafka tells, and what is done about it.
 */
#include "providers/debezium/kafka_member.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/kafka_config.h"
#include "providers/debezium/kafka_error.h"

#define KAFKA_NOTICE_EVERY_MS 30000
#define KAFKA_DOWN_PATIENCE_MS 5000 /* or a session, when that is longer */
#define KAFKA_PROBE_FIRST_MS 1500
#define KAFKA_PROBE_EVERY_MS 5000
#define KAFKA_PROBE_MS 1000
#define KAFKA_SYSLOG_WARNING 4 /* librdkafka speaks in syslog(3) levels */

void kafka_member_notice(struct kafka_group *group, enum log_level level,
                         const char *format, ...)
{
    int64_t now = clock_mono_ms();
    if (now < group->health.quiet_until_ms) {
        group->health.kept_back++;
        return;
    }
    char text[640];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text) - 64, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    size_t used = strnlen(text, sizeof(text) - 64);
    if (group->health.kept_back)
        (void)snprintf(text + used, sizeof(text) - used,
                       " (%u more lines kept back before)", group->health.kept_back);
    group->health.kept_back = 0;
    group->health.quiet_until_ms = now + KAFKA_NOTICE_EVERY_MS;
    kafka_config_redact(group->plan.properties, text);
    if (group->plan.notice)
        group->plan.notice(group->plan.ctx, level, text);
}

void kafka_member_fail(struct kafka_group *group, rd_kafka_resp_err_t code,
                       const char *what, const char *words)
{
    if (group->failure.code)
        return;
    (void)kafka_error_set(&group->failure, code, what, words);
    kafka_config_redact(group->plan.properties, group->failure.text);
}

/* ---- is there a broker? ---------------------------------------------------------------- */

void kafka_member_alive(struct kafka_group *group)
{
    if (CDC_LIKELY(!group->health.down_since_ms))
        return;
    group->health.down_since_ms = group->health.probe_ms = 0;
    group->health.code = RD_KAFKA_RESP_ERR_NO_ERROR;
    group->health.text[0] = 0;
    group->health.quiet_until_ms = 0;
    kafka_member_notice(group, LOG_INFO, "Kafka is reached again");
    group->health.quiet_until_ms = 0;
}

static void kafka_member_down(struct kafka_group *group, const char *reason)
{
    struct kafka_health *health = &group->health;
    bool news = !health->down_since_ms;
    if (news) {
        health->down_since_ms = clock_mono_ms();
        health->quiet_until_ms = 0; /* whatever was said before */
    }
    kafka_member_notice(group, LOG_WARN, "Kafka: %s broker is reached: %s",
                        news ? "no" : "still no", health->text[0] ? health->text : reason);
}

void kafka_member_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_group *group = opaque;
    struct kafka_health *health = &group->health;
    char why[256];
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(rk, why, sizeof(why));
        kafka_member_fail(group, fatal, "Kafka", why);
        return;
    }
    bool down = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    if (!health->probe_ms)
        health->probe_ms = clock_mono_ms() + KAFKA_PROBE_FIRST_MS;
    /* That all are down says less than why the last one is. */
    if (!down) {
        health->code = (rd_kafka_resp_err_t)code;
        (void)snprintf(health->text, sizeof(health->text), "%s", reason);
        kafka_config_redact(group->plan.properties, health->text);
    }
    if (down)
        kafka_member_down(group, reason);
    else
        kafka_member_notice(group, LOG_WARN, "Kafka: %s", reason);
}

/* With the property `debug` librdkafka tells what it was set to, and hides only some of it;
 * and Cyrus' SASL the password it is asked for (CB_GETSECRET). */
void kafka_member_on_log(const rd_kafka_t *rk, int level, const char *facility,
                         const char *line)
{
    struct kafka_group *group = rd_kafka_opaque(rk);
    char *text;
    /* What fails comes as an error as well; what has no use for this kind of client is not
     * the user's fault. */
    if (!strcmp(facility, "FAIL") || !strcmp(facility, "ERROR") ||
        !strcmp(facility, "CONFWARN"))
        return;
    if (level <= KAFKA_SYSLOG_WARNING) {
        kafka_member_notice(group, LOG_WARN, "Kafka: %s", line);
    } else if (group->plan.notice && (text = str_dup(str_from(line))) != NULL) {
        kafka_config_redact(group->plan.properties, text);
        group->plan.notice(group->plan.ctx, LOG_DEBUG, text);
        free(text);
    }
}

/* Whoever was a member is one as long as a session; a new one would have to wait for that to
 * end. */
static int64_t kafka_member_patience_ms(const struct kafka_group *group)
{
    return group->assigned && group->session_ms > KAFKA_DOWN_PATIENCE_MS
               ? group->session_ms
               : KAFKA_DOWN_PATIENCE_MS;
}

/* There was an error some seconds ago, and maybe all brokers were down: are they? */
static void kafka_member_probe(struct kafka_group *group, int64_t now_ms)
{
    struct kafka_health *health = &group->health;
    if (CDC_LIKELY(!health->probe_ms) || now_ms < health->probe_ms)
        return;
    health->probe_ms = 0;
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(group->rk, 0, NULL, &metadata, KAFKA_PROBE_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        kafka_member_alive(group);
        return;
    }
    health->probe_ms = clock_mono_ms() + KAFKA_PROBE_EVERY_MS;
    if (!health->down_since_ms ||
        now_ms < health->down_since_ms + kafka_member_patience_ms(group)) {
        kafka_member_down(group, "none has answered");
        return;
    }
    char what[320];
    (void)snprintf(what, sizeof(what), "no Kafka broker of '%.*s' is reached",
                   STR_ARG(str_slice(group->plan.bootstrap_servers, 0, 256)));
    kafka_member_fail(group,
                      health->code ? health->code : RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
                      what, health->text);
}

/* ---- errors in the place of records ---------------------------------------------------- */

static struct kafka_lane *kafka_member_lane(const struct kafka_group *group,
                                            const rd_kafka_message_t *message)
{
    return message->rkt ? kafka_lanes_find(&group->lanes, rd_kafka_topic_name(message->rkt),
                                           message->partition)
                        : NULL;
}

/* It comes behind all records that were before the end. */
static void kafka_member_at_end(struct kafka_group *group,
                                const rd_kafka_message_t *message)
{
    struct kafka_lane *lane = kafka_member_lane(group, message);
    if (lane && lane->state == KAFKA_LANE_OURS)
        lane->end = message->offset;
}

/* Nothing that was subscribed to is there: librdkafka says so once, until it is.  Of the
 * topics behind the first, some never are. */
static void kafka_member_missing(struct kafka_group *group,
                                 const rd_kafka_message_t *message)
{
    char text[400];
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    if (!group->plan.notice || strcmp(topic, group->first_topic) != 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "Kafka has no topic '%.249s' yet; it is looked for, and read from its "
                   "beginning",
                   topic);
    group->plan.notice(group->plan.ctx, LOG_INFO, text);
}

static void kafka_member_offset_gone(struct kafka_group *group,
                                     const rd_kafka_message_t *message)
{
    struct kafka_lane *lane = kafka_member_lane(group, message);
    if (lane && lane->state == KAFKA_LANE_OURS) {
        lane->gone = true;
        group->lanes_gone = true;
    }
}

void kafka_member_trouble(struct kafka_group *group, const rd_kafka_message_t *message)
{
    char what[320];
    const char *words = rd_kafka_message_errstr(message);
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        kafka_member_at_end(group, message);
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        kafka_member_offset_gone(group, message);
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        if (kafka_member_lane(group, message))
            break; /* it was there */
        kafka_member_missing(group, message);
        return;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        kafka_member_notice(group, LOG_WARN, "Kafka: %s", words);
        return;
    default:
        break;
    }
    if (kafka_error_status(message->err) == WF_UNAVAILABLE) {
        kafka_member_notice(group, LOG_WARN, "Kafka: %s", words);
        return;
    }
    if (message->rkt)
        (void)snprintf(what, sizeof(what), "topic '%.249s', partition %d",
                       rd_kafka_topic_name(message->rkt), (int)message->partition);
    else
        (void)snprintf(what, sizeof(what), "group '%.249s'", group->group_id);
    kafka_member_fail(group, message->err, what, words);
}

/* ---- being served ---------------------------------------------------------------------- */

wf_status kafka_member_serve(struct kafka_group *group, wf_error *err)
{
    group->unserved = 0;
    atomic_store(&group->stirred, false);
    /* Rebalances, answers to commits, errors and log lines go to their callbacks. */
    for (rd_kafka_message_t *message;
         (message = rd_kafka_consumer_poll(group->rk, 0)) != NULL;) {
        kafka_member_trouble(group, message);
        rd_kafka_message_destroy(message);
    }
    int64_t now = clock_mono_ms();
    kafka_rebalance_serve(group, now);
    kafka_commit_serve(group, now);
    kafka_member_probe(group, now);
    if (CDC_LIKELY(!group->failure.code))
        return WF_OK;
    return error_set(err, group->failure.code, "%s", group->failure.text);
}

static int64_t kafka_member_sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void kafka_member_wait(struct kafka_group *group, int64_t deadline_ms)
{
    int64_t now = clock_mono_ms();
    int64_t until = kafka_member_sooner(deadline_ms, now + group->patience_ms);
    if (group->rebalance.pending)
        until = kafka_member_sooner(until, group->rebalance.due_ms);
    if (group->commit.wanted)
        until = kafka_member_sooner(until, group->commit.due_ms);
    if (group->lanes_gone && !group->rebalance.pending)
        until = kafka_member_sooner(until, group->mend_due_ms);
    if (group->health.probe_ms)
        until = kafka_member_sooner(until, group->health.probe_ms);
    struct pollfd fds[] = {{.fd = group->wake_fd, .events = POLLIN},
                           {.fd = cancel_fd(&group->cancel), .events = POLLIN}};
    if (until <= now || poll(fds, CDC_COUNT(fds), (int)(until - now)) <= 0)
        return;
    uint64_t count;
    if (fds[0].revents) {
        ssize_t got = read(group->wake_fd, &count, sizeof(count));
        (void)got; /* it is only there to be readable */
    }
}
