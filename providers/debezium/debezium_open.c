/* SPDX-License-Identifier: MIT
 *
 * debezium_open - from a configuration to a member of the group, and a connector that runs.
 *
 * Kafka comes first: where it cannot be reached or is another one, no connector is made.
 * The connector is brought into order by the watch, on its thread.  A first start waits for
 * that; a later one goes on reading what is in Kafka when Connect is away.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_name.h"
#include "providers/debezium/debezium.h"

#define DEBEZIUM_OPEN_SLICE_MS 100
#define DEBEZIUM_OPEN_KAFKA_MS 15000
#define DEBEZIUM_OPEN_PAST_MS 1000
#define DEBEZIUM_OPEN_LEAVE_MS 15000
#define DEBEZIUM_OPEN_AGAIN_MS 3000 /* for Connect, when it has run before */

static wf_status debezium_open_unwanted(const struct debezium_state *s, wf_error *err)
{
    return atomic_load(s->unwanted) ? error_set(err, WF_CANCELLED, "stopped while starting")
                                    : WF_OK;
}

/* ---- Kafka --------------------------------------------------------------------------- */

/* A pattern for librdkafka, which takes POSIX extended regular expressions. */
static void debezium_open_literal(struct buf *out, wf_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] && strchr(".$|()+{}*?[]\\", text.ptr[i]))
            buf_byte(out, '\\');
        buf_byte(out, text.ptr[i]);
    }
}

static void debezium_open_pattern(struct buf *out, const char *before, wf_str prefix,
                                  const char *after)
{
    buf_cstr(out, before);
    debezium_open_literal(out, prefix);
    buf_cstr(out, after);
}

static void debezium_open_on_notice(void *ctx, enum log_level level, const char *text)
{
    const struct debezium_state *s = ctx;
    s->out->notice(s->out->ctx, level, text);
}

enum { TOPIC_TABLES, TOPIC_SCHEMA, TOPIC_HEARTBEAT, TOPIC_NOTIFY, TOPICS };

static void debezium_open_topics(const struct debezium_state *s, struct buf names[TOPICS])
{
    wf_str prefix = buf_view(&s->connector.topic_prefix);
    for (size_t i = 0; i < TOPICS; i++)
        buf_init(&names[i], LIMIT_TEXT_BYTES);
    debezium_open_pattern(&names[TOPIC_TABLES], "^", prefix, "\\..*");
    debezium_open_pattern(&names[TOPIC_SCHEMA], "^", prefix, "$");
    debezium_open_pattern(&names[TOPIC_HEARTBEAT], "^__debezium-heartbeat\\.", prefix, "$");
    debezium_open_pattern(&names[TOPIC_NOTIFY], "^", buf_view(&s->connector.notify_topic),
                          "$");
}

static wf_status debezium_open_group(struct debezium_state *s, wf_error *err)
{
    struct buf names[TOPICS];
    const char *topics[TOPICS];
    size_t count = s->connector.notify_topic.len ? TOPICS : TOPIC_NOTIFY;
    wf_status status = WF_OK;
    debezium_open_topics(s, names);
    for (size_t i = 0; i < TOPICS; i++) {
        topics[i] = buf_c(&names[i]);
        status = status ? status : buf_status(&names[i], "topic", err);
    }
    const struct kafka_plan plan = {
        .bootstrap_servers = s->options->bootstrap_servers,
        .group_id = buf_view(&s->group_id),
        .client_id = buf_view(&s->connector.name),
        .properties = s->options->kafka,
        .topics = topics,
        .topic_count = count,
        .ctx = s,
        .lane_lost = debezium_feed_lane_lost,
        .records_lost = debezium_feed_records_lost,
        .notice = debezium_open_on_notice,
    };
    if (!status)
        status = kafka_group_open(&plan, &s->group, err);
    for (size_t i = 0; i < TOPICS; i++)
        buf_release(&names[i]);
    return status;
}

/* Which cluster it is; so it is also known to be there. */
static wf_status debezium_open_cluster(struct debezium_state *s, struct buf *out,
                                       wf_error *err)
{
    int64_t deadline = clock_mono_ms() + DEBEZIUM_OPEN_KAFKA_MS;
    for (;;) {
        wf_status status = kafka_group_cluster(s->group, DEBEZIUM_OPEN_SLICE_MS, out, err);
        if (status != WF_UNAVAILABLE || clock_mono_ms() >= deadline)
            return status;
        status = debezium_open_unwanted(s, err);
        if (status)
            return status;
    }
}

static wf_status debezium_open_kafka(struct debezium_state *s, const struct cdc_open *with,
                                     wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf cluster;
    buf_init(&cluster, LIMIT_TEXT_BYTES);
    wf_status status = debezium_open_group(s, err);
    if (!status)
        status = debezium_open_cluster(s, &cluster, err);
    if (status)
        return status;
    if (with->identity.len && !str_eq(with->identity, buf_view(&cluster)))
        return error_set(
            err, WF_STATE,
            "the Kafka cluster is another one: the position belongs to '%.*s', "
            "options.bootstrap_servers leads to '%.*s'; mend that, or " CDC_BEGIN_ANEW,
            STR_ARG(with->identity), STR_ARG(buf_view(&cluster)));
    buf_str(with->out_identity, buf_view(&cluster));
    return WF_OK;
}

/* ---- the connector ------------------------------------------------------------------- */

static wf_status debezium_open_watch(struct debezium_state *s, const struct cdc_open *with,
                                     bool was_paused, wf_error *err)
{
    const struct dbz_options *options = s->options;
    struct debezium_watch_times times = debezium_watch_times;
    /* What is wrong is to be known before the time is up. */
    if (times.patience_ms > options->start_timeout_ms / 2)
        times.patience_ms = options->start_timeout_ms / 2;
    const struct debezium_watch_plan plan = {
        .connect =
            {
                .urls = s->settings->connection,
                .token = options->connect_token,
                .ca_file = options->connect_ca_file,
                .cert_file = options->connect_cert_file,
                .key_file = options->connect_key_file,
                .timeout_ms = options->connect_timeout_ms,
            },
        .connector = &s->connector,
        .times = times,
        .restarts = options->restarts,
        .foreign = s->foreign,
        .first = s->first,
        .resume_paused = was_paused || options->on_stop == DBZ_STOP_PAUSE,
        .resume_stopped = options->on_stop == DBZ_STOP_STOP,
        .idle = with->removing,
    };
    return debezium_watch_start(&plan, &s->watch, err);
}

/* The connector is not in order in time: says what it waits for. */
static wf_status debezium_open_late(struct debezium_state *s,
                                    const struct debezium_view *view, wf_error *err)
{
    wf_str name = buf_view(&s->connector.name);
    if (view->error.text[0])
        return error_set(err, WF_UNAVAILABLE, "%s", view->error.text);
    const char *why = view->connector.why;
    const char *cure = dbz_connector_cure(why);
    if (view->connector.state == CONNECT_FAILED)
        return error_set(err, WF_STATE, "connector '%.*s' failed: %s%s%s", STR_ARG(name),
                         why, cure[0] ? "; " : "", cure);
    return error_set(err, WF_UNAVAILABLE,
                     "connector '%.*s' did not run within %lld ms "
                     "(options.start_timeout): it is %s",
                     STR_ARG(name), (long long)s->options->start_timeout_ms,
                     connect_state_text(view->connector.state));
}

static wf_status debezium_open_await(struct debezium_state *s, wf_error *err)
{
    struct debezium_view view;
    int64_t wait_ms = s->options->start_timeout_ms;
    if (!s->first && wait_ms > DEBEZIUM_OPEN_AGAIN_MS)
        wait_ms = DEBEZIUM_OPEN_AGAIN_MS;
    int64_t deadline = clock_mono_ms() + wait_ms;
    while (!debezium_watch_await(s->watch, DEBEZIUM_OPEN_SLICE_MS, &view)) {
        wf_status status = debezium_open_unwanted(s, err);
        if (status)
            return status;
        if (clock_mono_ms() < deadline)
            continue;
        if (s->first)
            return debezium_open_late(s, &view, err);
        debezium_tell(
            s, LOG_WARN,
            "reading goes on from Kafka; connector '%.*s' is not in order yet%s%s",
            STR_ARG(buf_view(&s->connector.name)), view.error.text[0] ? ": " : "",
            view.error.text);
        break;
    }
    return debezium_hear_watch(s, err);
}

/* ---- who was first ------------------------------------------------------------------- */

static bool debezium_open_is_ours(void *ctx, wf_str topic)
{
    const struct debezium_state *s = ctx;
    wf_str prefix = buf_view(&s->connector.topic_prefix);
    return str_eq(topic, buf_view(&s->connector.notify_topic)) ||
           (str_starts(topic, prefix) &&
            (topic.len == prefix.len || topic.ptr[prefix.len] == '.'));
}

/* With a state folder of its own, a further host of a group is new, but the group is not:
 * somebody has asked for the rows, or the connector has read them, and they went to whoever
 * was there.  To be found out before this member commits anything.
 *
 * Somebody who was killed before the first commit is none: then rows may come twice.  A
 * connector that was made just now, or given another configuration, may not have them. */
static wf_status debezium_open_past(struct debezium_state *s, wf_error *err)
{
    const struct kafka_topics topics = {debezium_open_is_ours, s};
    int64_t deadline = clock_mono_ms() + DEBEZIUM_OPEN_KAFKA_MS;
    int32_t mode = s->settings->core.snapshot;
    struct debezium_view view;
    debezium_watch_view(s->watch, &view);
    s->initial = s->first;
    if (!s->first || !(s->foreign || view.found) ||
        (mode != CDC_SNAPSHOT_INITIAL && mode != CDC_SNAPSHOT_WHEN_NEEDED))
        return WF_OK;
    for (;;) {
        wf_status status =
            kafka_group_has_past(s->group, &topics, DEBEZIUM_OPEN_PAST_MS, &s->joined, err);
        if (status != WF_UNAVAILABLE || clock_mono_ms() >= deadline)
            return status;
        status = debezium_open_unwanted(s, err);
        if (status)
            return status;
    }
}

/* What topics a connector of somebody else's writes, and how. */
static wf_status debezium_open_adopt(struct debezium_state *s, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf config;
    wf_error away;
    const struct debezium_watch_wait wait = {.timeout_ms = DEBEZIUM_OPEN_AGAIN_MS,
                                             .cancelled = s->unwanted};
    buf_init(&config, LIMIT_CONFIG_BYTES);
    wf_status status = debezium_watch_do(s->watch, DEBEZIUM_READ, &wait, &config, &away);
    if (status == WF_UNAVAILABLE || status == WF_NOT_FOUND) {
        debezium_tell(s, LOG_WARN, "%s; topics '%.*s.*' are read all the same", away.text,
                      STR_ARG(buf_view(&s->connector.topic_prefix)));
        return WF_OK;
    }
    if (status)
        return error_set(err, status, "%s", away.text);
    return dbz_connector_adopt(&s->connector, buf_view(&config), err);
}

/* ---- all of it ----------------------------------------------------------------------- */

static wf_status debezium_open_place(struct debezium_state *s, wf_str from,
                                     bool *out_was_paused, wf_error *err)
{
    struct debezium_place before = {.paused = false};
    s->first = !from.len;
    if (from.len && !debezium_place_parse(from, &before))
        return error_set(err, WF_STATE, "position '%.*s' is not one of a Debezium stream",
                         STR_ARG(from));
    s->place = (struct debezium_place){.session = debezium_place_session()};
    *out_was_paused = before.paused;
    return WF_OK;
}

/* To be removed, nothing but its name has to be known. */
static wf_status debezium_open_names(struct debezium_state *s, bool removing, wf_error *err)
{
    wf_status status = dbz_connector_make(s->settings, &s->connector, err);
    if (status && removing && status != WF_NO_MEMORY) {
        dbz_connector_release(&s->connector);
        buf_init(&s->connector.name, LIMIT_TEXT_BYTES);
        dbz_name_connector(&s->connector.name, s->settings->source_id);
        status = buf_status(&s->connector.name, "name of the connector", err);
    }
    if (status)
        return status;
    buf_init(&s->group_id, LIMIT_TEXT_BYTES);
    buf_str(&s->group_id,
            s->options->group_id.len ? s->options->group_id : buf_view(&s->connector.name));
    return buf_status(&s->group_id, "group", err);
}

static wf_status debezium_open_begin(struct debezium_state *s, const struct cdc_open *with,
                                     bool was_paused, wf_error *err)
{
    wf_status status = WF_OK;
    if (s->foreign)
        status = debezium_open_watch(s, with, was_paused, err);
    if (!status && s->foreign)
        status = debezium_open_adopt(s, err);
    if (!status && s->connector.registry)
        status = error_set(err, WF_CONFIG, "%s", buf_c(&s->connector.registry_why));
    if (!status)
        status = debezium_feed_open(s, err);
    if (!status)
        status = debezium_open_kafka(s, with, err);
    if (!status && !s->foreign)
        status = debezium_open_watch(s, with, was_paused, err);
    if (!status)
        status = debezium_open_await(s, err);
    if (!status)
        status = debezium_open_past(s, err);
    if (status)
        return status;
    debezium_commit(s);
    debezium_tell(s, LOG_INFO, "reading topics '%.*s.*' as a member of group '%.*s'",
                  STR_ARG(buf_view(&s->connector.topic_prefix)),
                  STR_ARG(buf_view(&s->group_id)));
    return WF_OK;
}

wf_status debezium_open_all(struct debezium_state *s, const struct cdc_open *with,
                            wf_error *err)
{
    bool was_paused = false;
    s->settings = with->settings;
    s->options = with->settings->options;
    s->out = with->out;
    s->unwanted = with->cancelled;
    s->time_us = CDC_NO_TIME;
    s->leave_ms = DEBEZIUM_OPEN_LEAVE_MS;
    s->foreign = !s->options->database.len && !s->options->connector.len;
    wf_status status = debezium_open_place(s, with->from, &was_paused, err);
    if (!status)
        status = debezium_open_names(s, with->removing, err);
    if (!status)
        status = with->removing ? debezium_open_watch(s, with, was_paused, err)
                                : debezium_open_begin(s, with, was_paused, err);
    return status;
}
