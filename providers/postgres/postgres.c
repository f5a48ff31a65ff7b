/* SPDX-License-Identifier: MIT
 *
 * postgres - the calls of a provider.
 *
 * poll() moves messages from the stream to the assembly; the stream's own status updates
 * and the heartbeat go out beside it, also while nothing is read.  A message that the
 * assembly could not finish (no room, no budget) is held and given again.
 */
#include "providers/postgres/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_ddl.h"
#include "providers/postgres/pg_notice.h"
#include "providers/postgres/pg_published.h"
#include "providers/postgres/pg_snapshot.h"

#define POSTGRES_SIEVE_MS 10000
#define POSTGRES_TELL_MS 100 /* between two status updates that confirm something */

static wf_status postgres_open(void *state, const struct cdc_open *with, wf_error *err)
{
    return postgres_open_all(state, with, err);
}

/* ---- confirming ---------------------------------------------------------------------- */

static int64_t postgres_tell_due(const struct postgres_state *s)
{
    return s->stream.flushable > s->stream.flushed ? s->told_ms + POSTGRES_TELL_MS
                                                   : INT64_MAX;
}

/* What was confirmed is told at once, but not many times in a moment. */
static wf_status postgres_tell(struct postgres_state *s, wf_error *err)
{
    if (s->catching_up)
        return WF_OK;
    int64_t now = clock_mono_ms();
    bool due = now >= postgres_tell_due(s);
    if (due)
        s->told_ms = now;
    return pg_stream_tell(&s->stream, due, err);
}

static bool postgres_is_behind(const struct pg_position *a, const struct pg_position *b)
{
    if (a->flush != b->flush)
        return a->flush < b->flush;
    return a->commit == b->commit ? a->done <= b->done : a->commit == 0;
}

static wf_status postgres_confirm(void *state, wf_str position, wf_error *err)
{
    struct postgres_state *s = state;
    struct pg_position confirmed;
    if (!pg_position_parse(position, &confirmed))
        return error_set(err, WF_STATE, "position '%.*s' is not one of a PostgreSQL stream",
                         STR_ARG(position));
    struct pg_position emitted = pg_assembly_position(s->assembly);
    if (!postgres_is_behind(&confirmed, &emitted))
        return error_set(err, WF_STATE,
                         "position '%.*s' is beyond what this stream has given",
                         STR_ARG(position));
    if (postgres_is_behind(&confirmed, &s->confirmed))
        return WF_OK;
    s->confirmed = confirmed;
    wf_status status =
        postgres_feed_confirm(s, pg_assembly_flushable(s->assembly, &confirmed), err);
    return status ? status : postgres_tell(s, err);
}

/* ---- polling ------------------------------------------------------------------------- */

/* The held message, or the next. */
static wf_status postgres_take(struct postgres_state *s, uint32_t *budget, wf_error *err)
{
    wf_status status = WF_OK;
    if (s->item.kind == PG_FEED_DATA)
        status = pg_assembly_take(s->assembly, s->item.bytes, s->item.lsn, budget, err);
    else if (!pg_assembly_midway(s->assembly))
        pg_assembly_passed(s->assembly, s->item.lsn);
    if (!status)
        s->item.kind = PG_FEED_NOTHING;
    return status;
}

/* Reads until the budget is spent, the log is full, or nothing is there.  *out_any: there was
 * a message among it. */
static wf_status postgres_read(struct postgres_state *s, uint32_t budget, bool *out_any,
                               wf_error *err)
{
    wf_status status = WF_OK;
    while (budget && !status) {
        if (s->item.kind == PG_FEED_NOTHING)
            status = postgres_feed_next(s, err);
        s->empty = !status && s->item.kind == PG_FEED_NOTHING;
        if (status || s->empty)
            break;
        *out_any |= s->item.kind == PG_FEED_DATA;
        status = postgres_take(s, &budget, err);
    }
    postgres_lag_note(s);
    return status == CDC_FULL ? WF_OK : status;
}

/* Tables that match by now are published. */
static wf_status postgres_renew(struct postgres_state *s, wf_error *fatal)
{
    wf_error err;
    bool hurry = s->tables_stale && !s->publication.waits;
    if (s->standby_server || (!hurry && clock_mono_ms() < s->renew_ms))
        return WF_OK;
    wf_status status = postgres_open_control(s, &err);
    if (!status)
        status = postgres_open_tables(s, POSTGRES_TABLES_RUNNING, &err);
    if (status == WF_STATE) {
        /* open() makes a new slot, where it may. */
        if (postgres_open_may_resnapshot(s))
            err.code = status = WF_UNAVAILABLE;
        if (fatal)
            *fatal = err;
        return status;
    }
    if (status && status != WF_UNAVAILABLE) /* that is tried again soon */
        pg_notice_tell(s->out, LOG_WARN, "new tables are not looked at: %s", err.text);
    return WF_OK;
}

/* Before there are too many to remember. */
static void postgres_sieve(struct postgres_state *s)
{
    wf_error ignored;
    struct pg_commits_view view;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    uint64_t unsieved = pg_commits_unsieved(&s->commits);
    int64_t now = clock_mono_ms();
    bool due = now >= s->sieve_ms && (unsieved || s->commits.held_count);
    if (s->standby_server || (!due && unsieved < PG_COMMITS_SIEVE))
        return;
    s->sieve_ms = now + POSTGRES_SIEVE_MS;
    wf_status status = postgres_open_control(s, &ignored);
    if (!status)
        status = pg_conn_query(&s->control, "look at what runs",
                               "SELECT pg_catalog.pg_current_snapshot()", NULL, 0, &rows,
                               &ignored);
    if (!status)
        status = pg_commits_parse(pg_conn_cell(rows, 0, 0), s->hidden, &view, &ignored);
    if (!status)
        pg_commits_sieve(&s->commits, &view);
}

static int postgres_wait_ms(const struct postgres_state *s, int64_t deadline)
{
    int64_t now = clock_mono_ms();
    int64_t due = postgres_tell_due(s);
    int64_t until = due < deadline ? due : deadline;
    return until > now ? (int)(until - now) : 0;
}

/* Nothing is read: backpressure reaches the server, and the connection stays alive. */
static wf_status postgres_rest(struct postgres_state *s, int64_t deadline, wf_error *err)
{
    for (;;) {
        wf_status status = postgres_tell(s, err);
        if (status || cancel_take(&s->cancel) || clock_mono_ms() >= deadline)
            return status;
        status = postgres_feed_rest(s, postgres_wait_ms(s, deadline), err);
        if (status)
            return status;
    }
}

/* The pause of a flowing stream comes here, at the beginning of a poll, when what the one
 * before emitted is on its way. */
static wf_status postgres_wait(struct postgres_state *s, int64_t deadline, wf_error *err)
{
    int wait_ms = postgres_wait_ms(s, deadline);
    return postgres_feed_wait(s, postgres_beat_wait(s, wait_ms), err);
}

static wf_status postgres_poll(void *state, struct cdc_budget budget, wf_error *err)
{
    struct postgres_state *s = state;
    int64_t deadline = clock_mono_ms() + budget.timeout_ms;
    if (!budget.max_changes)
        return postgres_rest(s, deadline, err);
    for (;;) {
        bool any = false;
        if (cancel_take(&s->cancel))
            return WF_OK;
        wf_status status = postgres_tell(s, err);
        if (!status && s->empty)
            status = postgres_wait(s, deadline, err);
        if (!status)
            status = postgres_read(s, budget.max_changes, &any, err);
        if (!status)
            status = postgres_feed_tend(s, any, err);
        if (!status)
            status = postgres_renew(s, err);
        if (status)
            return status;
        postgres_sieve(s);
        postgres_forget(s);
        postgres_beat(s);
        if (any || clock_mono_ms() >= deadline)
            return WF_OK;
    }
}

static void postgres_interrupt(void *state)
{
    struct postgres_state *s = state;
    cancel_raise(&s->cancel);
}

/* ---- the rest ------------------------------------------------------------------------ */

static wf_status postgres_give_lag(void *state, struct cdc_lag *out, wf_error *err)
{
    return postgres_lag(state, out, err);
}

static wf_status postgres_details(void *state, struct buf *out_json, wf_error *err)
{
    return postgres_lag_details(state, out_json, err);
}

static wf_status postgres_snapshot_tables(void *state, void *ctx,
                                          wf_status (*row)(void *ctx, wf_str table,
                                                           int64_t rows, wf_error *err),
                                          wf_error *err)
{
    struct postgres_state *s = state;
    wf_status status = postgres_open_control(s, err);
    return status ? status
                  : pg_snapshot_tables(&s->control, s->settings, s->publication.name, ctx,
                                       row, err);
}

static wf_status postgres_leave(void *state, struct buf *out_lines, wf_error *err)
{
    struct postgres_state *s = state;
    struct pg_slot_facts facts;
    wf_status status = postgres_open_control(s, err);
    if (!status)
        status = pg_slot_read(&s->control, s->slot, &facts, err);
    if (status || !facts.exists)
        return status;
    buf_printf(out_lines,
               "replication slot '%s' stays and holds back WAL for the next start, now "
               "%lld bytes\n",
               s->slot, (long long)(facts.retained_bytes > 0 ? facts.retained_bytes : 0));
    return WF_OK;
}

/* A slot has no room for a note of who made it.  One that was there before us can only be
 * there under a name that the user gave, beside a publication that is not ours: ours would
 * be younger, and of no use to it. */
static wf_status postgres_owns_slot(struct postgres_state *s, bool *out, wf_error *err)
{
    const struct pg_options *options = s->settings->options;
    CDC_CLEANUP(pg_published_clear) struct pg_published published = {0};
    struct pg_published_query query = {
        .settings = s->settings,
        .main = s->publication.name,
        .insert = s->publication.insert,
    };
    wf_status status = pg_published_read(&s->control, &query, &published, err);
    if (!status)
        *out = !options->slot.len || published.main_ours;
    return status;
}

/* It goes on holding back WAL, and nobody will look at it again. */
static wf_status postgres_leave_slot(struct postgres_state *s, wf_error *err)
{
    struct pg_slot_facts facts;
    wf_status status = pg_slot_read(&s->control, s->slot, &facts, err);
    if (!status && facts.exists)
        pg_notice_tell(s->out, LOG_WARN,
                       "replication slot '%s' is not known to be this source's, stays, and "
                       "holds back WAL; if nobody needs it: SELECT "
                       "pg_drop_replication_slot('%s')",
                       s->slot, s->slot);
    return status;
}

static wf_status postgres_cleanup(void *state, struct buf *out_removed, wf_error *err)
{
    struct postgres_state *s = state;
    bool ours = false;
    bool slot = false;
    bool publication = false;
    bool trigger = false;
    postgres_feed_close(s);
    s->reopen_ms = 0;
    wf_status status = postgres_open_control(s, err);
    if (!status)
        status = postgres_owns_slot(s, &ours, err);
    if (!status)
        status = ours ? pg_slot_drop(&s->control, s->slot, &slot, err)
                      : postgres_leave_slot(s, err);
    if (slot)
        buf_printf(out_removed, "replication slot %s\n", s->slot);
    if (!status)
        status = pg_publication_drop(&s->publication, &s->control, &publication, err);
    if (publication)
        buf_printf(out_removed, "publication %s\n", s->publication.name);
    if (!status)
        status = pg_ddl_drop(&s->control, s->settings, &trigger, err);
    if (trigger)
        buf_lit(out_removed, "event trigger for DDL\n");
    return status;
}

static void postgres_close(void *state)
{
    struct postgres_state *s = state;
    postgres_feed_close(s);
    pg_assembly_free(s->assembly);
    pg_relation_list_free(s->relations);
    pg_spool_free(s->spool);
    pg_conn_close(&s->control);
    cancel_close(&s->cancel);
    pg_commits_close(&s->commits);
    s->assembly = NULL;
    s->relations = NULL;
    s->spool = NULL;
}

static void postgres_setup(struct buf *out, bool remove)
{
    if (remove)
        pg_ddl_sql_drop(out);
    else
        pg_ddl_sql(out);
}

const struct cdc_provider cdc_provider_postgres = {
    .name = "postgres",
    .summary = "Changes of a PostgreSQL database, from its replication stream",
    .connection_help = "postgresql:// URI or keyword=value string, as libpq takes them",
    .setup = postgres_setup,
    .options = pg_option_rows,
    .options_size = sizeof(struct pg_options),
    .state_size = sizeof(struct postgres_state),
    .check = pg_options_check,
    .open = postgres_open,
    .poll = postgres_poll,
    .confirm = postgres_confirm,
    .interrupt = postgres_interrupt,
    .close = postgres_close,
    .lag = postgres_give_lag,
    .details = postgres_details,
    .leave = postgres_leave,
    .cleanup = postgres_cleanup,
    .snapshot_tables = postgres_snapshot_tables,
    .snapshot = &pg_snapshot_reader,
};
