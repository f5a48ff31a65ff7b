/* SPDX-License-Identifier: MIT
 *
 * debezium_lag - how far the confirmed records are behind.
 *
 * In records Kafka knows it, in bytes nobody does.  For the time, the commit time at the
 * database of what was given is noted once a second at most; when there are many notes,
 * every other one is dropped, so that they reach back as far as the oldest record that
 * nobody has confirmed.  What the connector itself has not read yet is not in it: its
 * offsets, and the state of its tasks, stand in the details.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/debezium.h"

#define DEBEZIUM_LAG_NOTE_US 1000000

void debezium_lag_note(struct debezium_state *s, int64_t time_us)
{
    struct debezium_age *last = s->age_count ? &s->ages[s->age_count - 1] : NULL;
    if (time_us == CDC_NO_TIME)
        return;
    s->time_us = time_us;
    int64_t since_us = last ? time_us - last->time_us : DEBEZIUM_LAG_NOTE_US;
    if (since_us < DEBEZIUM_LAG_NOTE_US && since_us > -DEBEZIUM_LAG_NOTE_US)
        return;
    if (s->age_count == DEBEZIUM_AGES) {
        for (size_t i = 0; i < DEBEZIUM_AGES / 2; i++)
            s->ages[i] = s->ages[2 * i];
        s->age_count = DEBEZIUM_AGES / 2;
    }
    s->ages[s->age_count++] = (struct debezium_age){s->place.number, time_us};
}

/* The oldest note that is not confirmed; without one, the last record. */
static int64_t debezium_lag_oldest(struct debezium_state *s)
{
    size_t done = 0;
    while (done < s->age_count && s->ages[done].number <= s->confirmed)
        done++;
    s->age_count -= done;
    memmove(s->ages, s->ages + done, s->age_count * sizeof s->ages[0]);
    return s->age_count ? s->ages[0].time_us : s->time_us;
}

wf_status debezium_lag(struct debezium_state *s, struct cdc_lag *out, wf_error *err)
{
    (void)err;
    struct kafka_lag there;
    *out = CDC_LAG_UNKNOWN;
    kafka_group_lag(s->group, &there);
    int64_t oldest_us = debezium_lag_oldest(s);
    bool all = s->confirmed == s->place.number && s->empty;
    if (all && there.records <= 0) {
        out->seconds = 0;
        return WF_OK;
    }
    if (oldest_us == CDC_NO_TIME)
        return WF_OK;
    int64_t age_us = clock_wall_us() - oldest_us;
    out->seconds = age_us > 0 ? age_us / 1000000 : 0;
    return WF_OK;
}

static void debezium_lag_put_connector(struct json_writer *w, struct debezium_state *s)
{
    CDC_CLEANUP(buf_release) struct buf offsets;
    struct debezium_view view;
    wf_error ignored;
    debezium_watch_view(s->watch, &view);
    buf_init(&offsets, LIMIT_CONFIG_BYTES);
    debezium_watch_offsets(s->watch, &offsets);
    json_open(w, "connector", '{');
    json_str(w, "name", buf_view(&s->connector.name));
    json_str(w, "class", buf_view(&s->connector.class_name));
    json_cstr(w, "state",
              view.away ? "unreachable" : connect_state_text(view.connector.state));
    json_u64(w, "tasks", view.connector.tasks);
    json_u64(w, "failed_tasks", view.connector.failed_tasks);
    json_cstr(w, "worker", view.connector.worker);
    json_u64(w, "restarts", view.restarts);
    json_cstr(w, "why", view.error.text[0] ? view.error.text : view.connector.why);
    if (offsets.len && !offsets.broken &&
        !json_check(buf_view(&offsets), "offsets of the connector", &ignored))
        json_raw(w, "offsets", buf_view(&offsets));
    json_close(w, '}');
}

static void debezium_lag_put_kafka(struct json_writer *w, struct debezium_state *s)
{
    CDC_CLEANUP(buf_release) struct buf positions;
    struct kafka_lag there;
    buf_init(&positions, LIMIT_CONFIG_BYTES);
    kafka_group_lag(s->group, &there);
    kafka_group_details(s->group, &positions);
    json_open(w, "kafka", '{');
    json_str(w, "group_id", buf_view(&s->group_id));
    json_u64(w, "partitions", there.partitions);
    json_i64(w, "lag_records", there.records);
    if (positions.len && !positions.broken)
        json_raw(w, "positions", buf_view(&positions));
    json_close(w, '}');
}

wf_status debezium_lag_details(struct debezium_state *s, struct buf *out_json,
                               wf_error *err)
{
    struct json_writer w = json_writer_of(out_json);
    json_open(&w, NULL, '{');
    debezium_lag_put_connector(&w, s);
    debezium_lag_put_kafka(&w, s);
    json_close(&w, '}');
    return buf_status(out_json, "details", err);
}
