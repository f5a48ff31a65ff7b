/* SPDX-License-Identifier: MIT
 *
 * debezium - the calls of a provider.
 */
#include "providers/debezium/debezium.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define DEBEZIUM_REMOVE_MS 60000
#define DEBEZIUM_SHARED_MS 3000

/* ---- saying and hearing -------------------------------------------------------------- */

void debezium_tell(const struct debezium_state *s, enum log_level level, const char *format,
                   ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->out->notice(s->out->ctx, level, text);
}

wf_status debezium_hear_watch(struct debezium_state *s, wf_error *err)
{
    char text[DEBEZIUM_NOTICE];
    enum log_level level;
    struct debezium_view view;
    while (debezium_watch_notice(s->watch, &level, text))
        s->out->notice(s->out->ctx, level, text);
    debezium_watch_view(s->watch, &view);
    if (view.error.code && err)
        *err = view.error;
    return view.error.code;
}

void debezium_commit(struct debezium_state *s)
{
    char token[DEBEZIUM_PLACE_TEXT];
    size_t len = debezium_place_write(&s->place, token);
    s->out->commit(s->out->ctx, (wf_str){token, len});
}

/* ---- running ------------------------------------------------------------------------- */

static wf_status debezium_open(void *state, const struct cdc_open *with, wf_error *err)
{
    return debezium_open_all(state, with, err);
}

static wf_status debezium_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct debezium_state *s = state;
    wf_status status = debezium_hear_watch(s, err);
    if (status)
        return status;
    if (!budget.max_changes)
        return kafka_group_rest(s->group, budget.timeout_ms, err);
    debezium_snapshot_tend(s);
    return debezium_feed(s, budget, err);
}

static wf_status debezium_confirm(void *state, wf_str position, wf_error *err)
{
    struct debezium_state *s = state;
    struct debezium_place place;
    if (!debezium_place_parse(position, &place))
        return error_set(err, WF_STATE, "position '%.*s' is not one of a Debezium stream",
                         STR_ARG(position));
    /* Of a session that has ended: what it had confirmed, it committed itself. */
    if (place.session != s->place.session || !s->group)
        return WF_OK;
    if (place.number > s->place.number)
        return error_set(err, WF_STATE,
                         "position '%.*s' is beyond what this stream has given",
                         STR_ARG(position));
    if (place.number <= s->confirmed)
        return WF_OK;
    s->confirmed = place.number;
    return kafka_group_confirm(s->group, place.number, err);
}

static void debezium_interrupt(void *state)
{
    struct debezium_state *s = state;
    if (s->group)
        kafka_group_interrupt(s->group);
}

/* The place says it too: a source that ends without a stop finds its connector paused. */
static wf_status debezium_pause(void *state, bool paused, wf_error *err)
{
    (void)err;
    struct debezium_state *s = state;
    debezium_watch_pause(s->watch, paused);
    s->place.paused = paused;
    debezium_commit(s);
    return WF_OK;
}

static wf_status debezium_give_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    return debezium_lag(state, out, err);
}

static wf_status debezium_details(void *state, struct buf *out_json, wf_error *err)
{
    return debezium_lag_details(state, out_json, err);
}

static wf_status debezium_snapshot_own(void *state, const wf_str *tables, size_t count,
                                       wf_error *err)
{
    return debezium_snapshot_ask(state, tables, count, err);
}

/* ---- stopping ------------------------------------------------------------------------ */

/* Of hosts that stop together each sees the others.  So who sees one leaves the group, and
 * then looks again: at least the last to leave is alone. */
static wf_status debezium_is_shared(struct debezium_state *s, bool *out, wf_error *err)
{
    wf_status status = kafka_group_is_shared(s->group, DEBEZIUM_SHARED_MS, out, err);
    if (status || !*out)
        return status;
    s->closing = true;
    kafka_group_quit(s->group);
    return kafka_group_is_shared(s->group, DEBEZIUM_SHARED_MS, out, err);
}

/* The connector is everybody's who is in the group. */
static bool debezium_is_needed(struct debezium_state *s, struct buf *out_lines)
{
    wf_error err;
    bool shared = false;
    if (!s->group)
        return false;
    wf_status status = debezium_is_shared(s, &shared, &err);
    if (status)
        buf_printf(
            out_lines,
            "connector %.*s goes on: it is not known whether other hosts share group "
            "%.*s: %s\n",
            STR_ARG(buf_view(&s->connector.name)), STR_ARG(buf_view(&s->group_id)),
            err.text);
    else if (shared)
        buf_printf(out_lines, "connector %.*s goes on for the other hosts of group %.*s\n",
                   STR_ARG(buf_view(&s->connector.name)), STR_ARG(buf_view(&s->group_id)));
    return status || shared;
}

static const char *debezium_left_text(enum dbz_on_stop policy)
{
    switch (policy) {
    case DBZ_STOP_KEEP:
        return "goes on writing into Kafka";
    case DBZ_STOP_PAUSE:
        return "is paused";
    case DBZ_STOP_STOP:
        return "is stopped";
    case DBZ_STOP_DELETE:
        break;
    }
    return "is deleted";
}

static wf_status debezium_do(struct debezium_state *s, enum dbz_on_stop policy,
                             struct buf *out_removed, wf_error *err)
{
    static const enum debezium_deed deeds[] = {
        [DBZ_STOP_DELETE] = DEBEZIUM_DELETE,
        [DBZ_STOP_PAUSE] = DEBEZIUM_PAUSE,
        [DBZ_STOP_STOP] = DEBEZIUM_STOP,
    };
    const struct debezium_watch_wait wait = {.timeout_ms = s->leave_ms};
    if (policy == DBZ_STOP_KEEP)
        return WF_OK;
    return debezium_watch_do(s->watch, deeds[policy], &wait, out_removed, err);
}

static wf_status debezium_leave(void *state, struct buf *out_lines, wf_error *err)
{
    struct debezium_state *s = state;
    enum dbz_on_stop policy = (enum dbz_on_stop)s->options->on_stop;
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_CONFIG_BYTES);
    if (s->foreign || (policy != DBZ_STOP_KEEP && debezium_is_needed(s, out_lines)))
        return WF_OK;
    wf_status status = debezium_do(s, policy, &removed, err);
    if (status)
        return error_prefix(err, "connector '%.*s' goes on",
                            STR_ARG(buf_view(&s->connector.name)));
    buf_printf(out_lines, "connector %.*s %s\n", STR_ARG(buf_view(&s->connector.name)),
               debezium_left_text(policy));
    /* Of a connector that runs, these are in use. */
    if (policy != DBZ_STOP_KEEP)
        buf_str(out_lines, buf_view(&s->connector.remains));
    return WF_OK;
}

static void debezium_tell_lines(struct debezium_state *s, wf_str lines)
{
    for (wf_str line; str_next(&lines, '\n', &line);)
        if (line.len)
            debezium_tell(s, LOG_WARN, "%.*s", STR_ARG(line));
}

static wf_status debezium_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    struct debezium_state *s = state;
    const struct debezium_watch_wait wait = {.timeout_ms = DEBEZIUM_REMOVE_MS,
                                             .cancelled = s->unwanted};
    size_t before = out_removed->len;
    if (s->foreign)
        return WF_OK;
    wf_status status =
        debezium_watch_do(s->watch, DEBEZIUM_REMOVE, &wait, out_removed, err);
    if (status || out_removed->len == before)
        return status;
    debezium_tell_lines(s, buf_view(&s->connector.remains));
    debezium_tell(s, LOG_INFO,
                  "the topics '%.*s.*' and what group '%.*s' has committed stay in Kafka",
                  STR_ARG(buf_view(&s->connector.topic_prefix)),
                  STR_ARG(buf_view(&s->group_id)));
    return WF_OK;
}

/* What is in the log and not delivered yet goes to whoever has the partitions next; that
 * may be us.  After a stop there is no log. */
static void debezium_let_go(struct debezium_state *s)
{
    s->closing = true;
    if (!s->lanes || atomic_load(s->unwanted))
        return;
    for (uint32_t lane = 1; lane <= s->lanes; lane++)
        s->out->retract(s->out->ctx, lane);
    debezium_commit(s);
}

static void debezium_close(void *state)
{
    struct debezium_state *s = state;
    debezium_watch_stop(s->watch);
    s->watch = NULL;
    debezium_let_go(s);
    if (s->group)
        kafka_group_close(s->group);
    s->group = NULL;
    if (s->decoder)
        dbz_decoder_free(s->decoder);
    s->decoder = NULL;
    debezium_snapshot_release(&s->snapshot);
    dbz_connector_release(&s->connector);
    buf_release(&s->group_id);
}

const struct cdc_provider cdc_provider_debezium = {
    .name = "debezium",
    .summary =
        "Changes that Debezium captures on a Kafka Connect cluster, taken from Kafka",
    .connection_help = "base URL of Kafka Connect, or several with commas between",
    .options = dbz_option_rows,
    .options_size = sizeof(struct dbz_options),
    .state_size = sizeof(struct debezium_state),
    .check = dbz_options_check,
    .open = debezium_open,
    .poll = debezium_poll,
    .confirm = debezium_confirm,
    .interrupt = debezium_interrupt,
    .close = debezium_close,
    .lag = debezium_give_lag,
    .details = debezium_details,
    .pause = debezium_pause,
    .leave = debezium_leave,
    .cleanup = debezium_cleanup,
    .snapshot_own = debezium_snapshot_own,
};
