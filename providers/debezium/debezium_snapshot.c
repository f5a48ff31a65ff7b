/* SPDX-License-Identifier: MIT
 *
 * debezium_snapshot - see the header.
 *
 *     {"id":"1f0c93a2b4d5e6f7-1","type":"execute-snapshot",
 *      "data":{"data-collections":["(.*\\.)?public\\.orders"],"type":"INCREMENTAL"}}
 *
 * The record's key is the topic prefix; the id comes back in what the connector notifies.
 */
#include "providers/debezium/debezium_snapshot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_pattern.h"
#include "providers/debezium/debezium.h"

#define DEBEZIUM_SNAPSHOT_SEND_MS 5000      /* for a signal to be acknowledged */
#define DEBEZIUM_SNAPSHOT_AGAIN_MS 30000    /* after one that was not */
#define DEBEZIUM_SNAPSHOT_LOOK_MS 1000      /* at a connector that does not run */
#define DEBEZIUM_SNAPSHOT_ANSWER_MS 60000   /* for the connector to take one up */
#define DEBEZIUM_SNAPSHOT_SIGNALS 2         /* sent before it is given up */
#define DEBEZIUM_SNAPSHOT_SILENCE_MS 300000 /* without a row or a word */
#define DEBEZIUM_SNAPSHOT_REPORT_MS 1000
#define DEBEZIUM_SNAPSHOT_SHARED_MS 1000
#define DEBEZIUM_SNAPSHOT_CLOCK_ROWS 256 /* rows between looks at the clock */

/* ---- what core shows ----------------------------------------------------------------- */

static void debezium_snapshot_report(struct debezium_state *s)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    const struct cdc_snapshot_report report = {
        .running = snapshot->phase != DEBEZIUM_SNAPSHOT_NONE,
        .table = str_from(snapshot->table),
        .tables_done = snapshot->tables_done,
        .tables = snapshot->tables,
        .rows = snapshot->rows,
    };
    snapshot->told_ms = clock_mono_ms();
    s->out->snapshot_report(s->out->ctx, &report);
}

static void debezium_snapshot_begin(struct debezium_state *s,
                                    enum debezium_snapshot_phase phase)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    snapshot->phase = phase;
    snapshot->heard_ms = clock_mono_ms();
    snapshot->table[0] = '\0';
    snapshot->tables_done = snapshot->rows = 0;
    debezium_snapshot_report(s);
}

static void debezium_snapshot_end(struct debezium_state *s)
{
    s->snapshot.phase = DEBEZIUM_SNAPSHOT_NONE;
    debezium_snapshot_report(s);
}

static void debezium_snapshot_runs(struct debezium_state *s)
{
    s->snapshot.heard_ms = clock_mono_ms();
    if (s->snapshot.phase == DEBEZIUM_SNAPSHOT_ASKED)
        s->snapshot.phase = DEBEZIUM_SNAPSHOT_RUNNING;
}

/* ---- asking -------------------------------------------------------------------------- */

/* Some connectors put the database in front of schema and table. */
static void debezium_snapshot_regex(struct buf *out, wf_str pattern)
{
    if (str_find(pattern, STR(".")) >= 0)
        buf_lit(out, "(.*\\.)?");
    dbz_pattern_put(out, pattern);
}

static void debezium_snapshot_write(struct debezium_state *s, const wf_str *tables,
                                    size_t count)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    CDC_CLEANUP(buf_release) struct buf regex;
    buf_init(&regex, LIMIT_TEXT_BYTES);
    buf_release(&snapshot->signal);
    buf_init(&snapshot->signal, LIMIT_CONFIG_BYTES);
    struct json_writer w = json_writer_of(&snapshot->signal);
    json_open(&w, NULL, '{');
    json_cstr(&w, "id", snapshot->id);
    json_cstr(&w, "type", "execute-snapshot");
    json_open(&w, "data", '{');
    json_open(&w, "data-collections", '[');
    for (size_t i = 0; i < count; i++) {
        buf_clear(&regex);
        debezium_snapshot_regex(&regex, tables[i]);
        json_str(&w, NULL, buf_view(&regex));
    }
    if (!count)
        json_cstr(&w, NULL, ".*");
    json_close(&w, ']');
    json_cstr(&w, "type",
              s->options->snapshot_type == DBZ_SNAPSHOT_BLOCKING ? "BLOCKING"
                                                                 : "INCREMENTAL");
    json_close(&w, '}');
    json_close(&w, '}');
    if (regex.broken)
        snapshot->signal.broken = regex.broken;
}

static wf_status debezium_snapshot_send(struct debezium_state *s, wf_error *err)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    wf_status status =
        kafka_group_send(s->group, buf_view(&s->connector.signal_topic),
                         buf_view(&s->connector.topic_prefix), buf_view(&snapshot->signal),
                         DEBEZIUM_SNAPSHOT_SEND_MS, err);
    snapshot->heard_ms = clock_mono_ms();
    snapshot->sent += !status;
    return status;
}

/* Core keeps the wish on the disk until it comes again; the stream goes on.  Told once. */
static wf_status debezium_snapshot_later(struct debezium_state *s, const char *why,
                                         int64_t wait_ms)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    snapshot->again_ms = clock_mono_ms() + wait_ms;
    if (strncmp(snapshot->trouble, why, sizeof snapshot->trouble - 1) != 0)
        debezium_tell(s, LOG_WARN,
                      "the snapshot could not be asked for yet, which is tried again: %s",
                      why);
    snprintf(snapshot->trouble, sizeof snapshot->trouble, "%.199s", why);
    return CDC_FULL;
}

/* Whether the connector would not hear a signal now, and never of it later: on its next
 * start it begins behind the last one. */
static bool debezium_snapshot_is_deaf(const struct debezium_state *s)
{
    struct debezium_view view;
    debezium_watch_view(s->watch, &view);
    return view.away || view.connector.state != CONNECT_RUNNING;
}

/* What Kafka does not take now, it may take later.  That is so without the right to the
 * topic, too: somebody may be about to give it. */
static wf_status debezium_snapshot_first(struct debezium_state *s, wf_error *err)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    wf_status status = debezium_snapshot_send(s, err);
    if (status == WF_NO_MEMORY)
        return status;
    if (!status) {
        snapshot->trouble[0] = '\0';
        debezium_snapshot_begin(s, DEBEZIUM_SNAPSHOT_ASKED);
        return WF_OK;
    }
    return debezium_snapshot_later(s, err->text, DEBEZIUM_SNAPSHOT_AGAIN_MS);
}

static wf_status debezium_snapshot_wait(struct debezium_state *s)
{
    char why[200];
    snprintf(why, sizeof why, "connector '%.100s' does not run, and would not hear of it",
             buf_c(&s->connector.name));
    return debezium_snapshot_later(s, why, DEBEZIUM_SNAPSHOT_LOOK_MS);
}

static bool debezium_snapshot_says(wf_str config, const char *key, const char *text)
{
    wf_str value;
    wf_str plain;
    return json_member(config, key, &value) &&
           (str_is(value, text) ||
            (json_plain_string(value, &plain) && str_is(plain, text)));
}

const char *debezium_snapshot_obstacle(const struct debezium_state *s)
{
    const struct dbz_connector *connector = &s->connector;
    if (s->foreign)
        return "the connector is not this source's; ask for it where it is managed";
    if (!connector->signal_topic.len)
        return "options.connector takes the channel 'kafka' out of "
               "'signal.enabled.channels'; leave that setting out";
    if (s->options->snapshot_type == DBZ_SNAPSHOT_INCREMENTAL &&
        !connector->signal_table.len &&
        !debezium_snapshot_says(buf_view(&connector->config), "read.only", "true"))
        return "an incremental one needs a table to write watermarks to: make one with the "
               "columns id, type and data, and name it in options.signal_table; or set "
               "options.snapshot_type to blocking";
    return NULL;
}

/* Rows that come without being asked for, at a first start. */
static bool debezium_snapshot_comes(struct debezium_state *s)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    struct debezium_view view;
    if (!s->initial)
        return false;
    s->initial = false;
    debezium_watch_view(s->watch, &view);
    if (view.reads_rows && snapshot->phase == DEBEZIUM_SNAPSHOT_NONE && !snapshot->rows)
        debezium_snapshot_begin(s, DEBEZIUM_SNAPSHOT_INITIAL);
    if (!view.reads_rows && s->joined)
        debezium_tell(s, LOG_INFO,
                      "no snapshot at this start: group '%.*s' reads connector '%.*s' "
                      "already, and its rows went to whoever was there",
                      STR_ARG(buf_view(&s->group_id)),
                      STR_ARG(buf_view(&s->connector.name)));
    return view.reads_rows || s->joined;
}

static void debezium_snapshot_number(struct debezium_state *s)
{
    static const char digits[] = "0123456789abcdef";
    struct debezium_snapshot *snapshot = &s->snapshot;
    for (int i = 0; i < 16; i++)
        snapshot->id[i] = digits[s->place.session >> (60 - 4 * i) & 15];
    snprintf(snapshot->id + 16, sizeof snapshot->id - 16, "-%u",
             (unsigned)(++snapshot->asks % 100000));
}

wf_status debezium_snapshot_ask(struct debezium_state *s, const wf_str *tables,
                                size_t count, wf_error *err)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    const struct cdc_list *configured = &s->settings->tables;
    bool all = !count || (count == 1 && str_is(tables[0], "*"));
    if (clock_mono_ms() < snapshot->again_ms)
        return CDC_FULL;
    if (all && debezium_snapshot_comes(s))
        return WF_OK;
    const char *obstacle = debezium_snapshot_obstacle(s);
    if (obstacle) {
        /* Failing here would end the source. */
        debezium_tell(s, LOG_ERROR, "no snapshot: %s", obstacle);
        return WF_OK;
    }
    if (debezium_snapshot_is_deaf(s))
        return debezium_snapshot_wait(s);
    tables = all ? configured->items : tables;
    count = all ? configured->count : count;
    debezium_snapshot_number(s);
    debezium_snapshot_write(s, tables, count);
    wf_status status = buf_status(&snapshot->signal, "signal", err);
    if (status)
        return status;
    snapshot->tables = count;
    snapshot->sent = 0;
    return debezium_snapshot_first(s, err);
}

/* ---- hearing of it ------------------------------------------------------------------- */

static void debezium_snapshot_name(struct debezium_snapshot *snapshot, wf_str table)
{
    snprintf(snapshot->table, sizeof snapshot->table, "%.*s", STR_ARG(table));
}

void debezium_snapshot_row(struct debezium_state *s, const struct dbz_decoded *record)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    if (record->first_snapshot_row && snapshot->phase == DEBEZIUM_SNAPSHOT_NONE)
        debezium_snapshot_begin(s, DEBEZIUM_SNAPSHOT_INITIAL);
    if (snapshot->phase == DEBEZIUM_SNAPSHOT_NONE || record->change.op != CDC_READ)
        return;
    bool look = snapshot->rows++ % DEBEZIUM_SNAPSHOT_CLOCK_ROWS == 0;
    if (record->last_snapshot_row) {
        debezium_snapshot_end(s);
        return;
    }
    if (!look && snapshot->phase != DEBEZIUM_SNAPSHOT_ASKED)
        return;
    debezium_snapshot_runs(s);
    if (record->change.table)
        debezium_snapshot_name(snapshot, record->change.table->name);
    if (snapshot->heard_ms - snapshot->told_ms >= DEBEZIUM_SNAPSHOT_REPORT_MS)
        debezium_snapshot_report(s);
}

/* A snapshot of rows by an incremental signal has the id of ours; those that a connector
 * begins with, and blocking ones, have one that it made up. */
static bool debezium_snapshot_is_ours(const struct debezium_snapshot *snapshot,
                                      const struct dbz_notification *said)
{
    if (snapshot->phase == DEBEZIUM_SNAPSHOT_NONE)
        return false;
    wf_str session = {snapshot->id, 16};
    return !str_is(said->aggregate, "Incremental Snapshot") ||
           str_starts(said->id, session);
}

static void debezium_snapshot_table_done(struct debezium_state *s,
                                         const struct dbz_notification *said)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    snapshot->tables_done++;
    if (snapshot->tables < snapshot->tables_done)
        snapshot->tables = snapshot->tables_done;
    if (!said->status.len || str_is(said->status, "SUCCEEDED") ||
        str_is(said->status, "EMPTY"))
        return;
    debezium_tell(s, LOG_WARN, "table '%.*s' was not read by the snapshot: %.*s%s",
                  STR_ARG(said->table), STR_ARG(said->status),
                  str_is(said->status, "NO_PRIMARY_KEY")
                      ? " (options.snapshot_type: blocking reads tables without a key)"
                      : "");
}

void debezium_snapshot_heard(struct debezium_state *s, const struct dbz_decoded *record)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    const struct dbz_notification *said = &record->notification;
    bool initial = str_is(said->aggregate, "Initial Snapshot");
    if (!initial && !str_is(said->aggregate, "Incremental Snapshot"))
        return;
    if (initial && snapshot->phase == DEBEZIUM_SNAPSHOT_NONE &&
        str_is(said->type, "STARTED"))
        debezium_snapshot_begin(s, DEBEZIUM_SNAPSHOT_INITIAL);
    if (!debezium_snapshot_is_ours(snapshot, said))
        return;
    bool over = str_is(said->type, "COMPLETED") || str_is(said->type, "SKIPPED");
    bool broken = str_is(said->type, "ABORTED") || str_is(said->type, "STOPPED");
    if (broken)
        debezium_tell(s, LOG_WARN, "the connector broke off its snapshot (%.*s)",
                      STR_ARG(said->type));
    if (over || broken) {
        debezium_snapshot_end(s);
        return;
    }
    debezium_snapshot_runs(s);
    if (said->table.len)
        debezium_snapshot_name(snapshot, said->table);
    if (str_is(said->type, "TABLE_SCAN_COMPLETED"))
        debezium_snapshot_table_done(s, said);
    debezium_snapshot_report(s);
}

/* ---- silence ------------------------------------------------------------------------- */

/* Whether what the connector notifies comes to us, and not to another host of the group. */
static bool debezium_snapshot_hears(struct debezium_state *s)
{
    CDC_CLEANUP(buf_release) struct buf partitions;
    CDC_CLEANUP(buf_release) struct buf key;
    bool shared = false;
    wf_error ignored;
    buf_init(&partitions, LIMIT_CONFIG_BYTES);
    buf_init(&key, LIMIT_TEXT_BYTES);
    buf_printf(&key, "\"%.*s/0\"", STR_ARG(buf_view(&s->connector.notify_topic)));
    kafka_group_details(s->group, &partitions);
    return str_find(buf_view(&partitions), buf_view(&key)) >= 0 ||
           (!kafka_group_is_shared(s->group, DEBEZIUM_SNAPSHOT_SHARED_MS, &shared,
                                   &ignored) &&
            !shared);
}

static void debezium_snapshot_once_more(struct debezium_state *s)
{
    wf_error err;
    debezium_tell(s, LOG_INFO,
                  "the connector did not take up the snapshot in %d s, it is asked again",
                  DEBEZIUM_SNAPSHOT_ANSWER_MS / 1000);
    if (debezium_snapshot_send(s, &err))
        debezium_tell(s, LOG_WARN, "the snapshot could not be asked for: %s", err.text);
}

static void debezium_snapshot_unanswered(struct debezium_state *s)
{
    if (!debezium_snapshot_hears(s)) {
        debezium_tell(s, LOG_INFO,
                      "the snapshot was asked for; another host of the group hears how it "
                      "goes on");
        debezium_snapshot_end(s);
    } else if (s->snapshot.sent < DEBEZIUM_SNAPSHOT_SIGNALS) {
        debezium_snapshot_once_more(s);
    } else {
        debezium_tell(s, LOG_WARN,
                      "the connector did not take up the snapshot; look whether it runs, "
                      "and whether topic '%.*s' has one partition and can be read by Kafka "
                      "Connect",
                      STR_ARG(buf_view(&s->connector.signal_topic)));
        debezium_snapshot_end(s);
    }
}

void debezium_snapshot_tend(struct debezium_state *s)
{
    struct debezium_snapshot *snapshot = &s->snapshot;
    if (CDC_LIKELY(snapshot->phase == DEBEZIUM_SNAPSHOT_NONE) || s->place.paused)
        return;
    /* The time to answer in begins when it runs again; it may have missed what was sent. */
    if (debezium_snapshot_is_deaf(s)) {
        snapshot->heard_ms = clock_mono_ms();
        snapshot->sent = snapshot->sent > 1 ? 1 : snapshot->sent;
        return;
    }
    int64_t silence_ms = clock_mono_ms() - snapshot->heard_ms;
    if (snapshot->phase == DEBEZIUM_SNAPSHOT_ASKED &&
        silence_ms >= DEBEZIUM_SNAPSHOT_ANSWER_MS)
        debezium_snapshot_unanswered(s);
    else if (snapshot->phase != DEBEZIUM_SNAPSHOT_ASKED &&
             silence_ms >= DEBEZIUM_SNAPSHOT_SILENCE_MS)
        debezium_snapshot_end(s);
}

void debezium_snapshot_release(struct debezium_snapshot *snapshot)
{
    buf_release(&snapshot->signal);
}
