/* SPDX-License-Identifier: MIT
 *
 * postgres_feed - which of the two ways messages come: the stream, or, far behind, slices.
 *
 *     open -> stream <-> slices
 *
 * Both give the same transactions in the same order.  Each change of the way begins at the
 * position that was emitted; what was emitted of a transaction in part is skipped when it
 * comes again, so nothing is lost or doubled by it.  The server is never told more than what
 * was confirmed, however far beyond that the new way begins.
 */
#include "providers/postgres/postgres.h"

#include <poll.h>

#include "base/clock.h"
#include "base/error.h"
#include "providers/postgres/pg_notice.h"

#define POSTGRES_FEED_LOOK_MS 10000  /* between two looks at the lag while data flows */
#define POSTGRES_FEED_REST_MS 120000 /* a reader that rests longer holds up vacuum */
#define POSTGRES_FEED_AGAIN_MS 60000 /* after slices were refused */

/* ---- changing the way ---------------------------------------------------------------- */

static struct pg_stream_start postgres_feed_start(struct postgres_state *s)
{
    struct pg_position emitted = pg_assembly_position(s->assembly);
    return (struct pg_stream_start){
        .slot = s->slot,
        .publications = s->publication.names,
        .from = s->begin ? s->begin : emitted.flush,
        .confirmed = s->begin ? s->begin : s->confirmed.flush,
    };
}

static void postgres_feed_reset(struct postgres_state *s)
{
    pg_stream_close(&s->stream);
    pg_slices_close(&s->slices);
    s->item.kind = PG_FEED_NOTHING;
    s->empty = false;
    s->catching_up = false;
    pg_assembly_restart(s->assembly);
}

static wf_status postgres_feed_stream(struct postgres_state *s, wf_error *err)
{
    postgres_feed_reset(s);
    const struct pg_stream_start start = postgres_feed_start(s);
    s->stream = (struct pg_stream){
        .conn = {.cancel = &s->cancel, .unwanted = s->unwanted},
    };
    s->look_ms = clock_mono_ms() + POSTGRES_FEED_LOOK_MS;
    return pg_stream_open(&s->stream, s->settings, &start, err);
}

/* What slices cannot do is no failure: the stream can, or says why not. */
static bool postgres_feed_is_final(wf_status status)
{
    return status == WF_CANCELLED || status == WF_NO_MEMORY;
}

static wf_status postgres_feed_refused(struct postgres_state *s, wf_status status,
                                       wf_error *err)
{
    if (postgres_feed_is_final(status))
        return status;
    pg_notice_tell(s->out, LOG_WARN, "streaming instead of catching up: %s",
                   err ? err->text : "");
    status = postgres_feed_stream(s, err);
    s->look_ms = clock_mono_ms() + POSTGRES_FEED_AGAIN_MS;
    return status;
}

static wf_status postgres_feed_slices(struct postgres_state *s, int64_t behind,
                                      wf_error *err)
{
    postgres_feed_reset(s);
    const struct pg_stream_start start = postgres_feed_start(s);
    s->stream = (struct pg_stream){.ended = true};
    s->slices = (struct pg_slices){.cancel = &s->cancel, .unwanted = s->unwanted};
    s->catching_up = true;
    pg_notice_tell(s->out, LOG_INFO, "catching up: %lld MiB of WAL behind",
                   (long long)(behind >> 20));
    wf_status status = pg_slices_open(&s->slices, s->settings, &start, err);
    return status ? postgres_feed_refused(s, status, err) : WF_OK;
}

/* ---- choosing ------------------------------------------------------------------------ */

/* Bytes that were not emitted yet; 0 also when the server does not say. */
static int64_t postgres_feed_behind(struct postgres_state *s)
{
    int64_t behind = 0;
    wf_error ignored;
    struct pg_position emitted = pg_assembly_position(s->assembly);
    return postgres_lag_behind(s, emitted.flush, &behind, &ignored) ? 0 : behind;
}

static bool postgres_feed_may_catch_up(const struct postgres_state *s)
{
    const struct pg_options *options = s->settings->options;
    return options->catch_up == PG_CATCH_UP_AUTO && !s->two_phase;
}

wf_status postgres_feed_open(struct postgres_state *s, wf_error *err)
{
    const struct pg_options *options = s->settings->options;
    int64_t behind = postgres_feed_may_catch_up(s) ? postgres_feed_behind(s) : 0;
    return behind > options->catch_up_threshold ? postgres_feed_slices(s, behind, err)
                                                : postgres_feed_stream(s, err);
}

/* A stream that flows may flow because there is much to come: a source that had been paused,
 * or a burst. */
static wf_status postgres_feed_look(struct postgres_state *s, wf_error *err)
{
    const struct pg_options *options = s->settings->options;
    int64_t now = clock_mono_ms();
    if (now < s->look_ms || !postgres_feed_may_catch_up(s))
        return WF_OK;
    s->look_ms = now + POSTGRES_FEED_LOOK_MS;
    int64_t behind = postgres_feed_behind(s);
    return behind > options->catch_up_threshold ? postgres_feed_slices(s, behind, err)
                                                : WF_OK;
}

/* ---- the calls ----------------------------------------------------------------------- */

static wf_status postgres_feed_next_slice(struct postgres_state *s, wf_error *err)
{
    wf_status status = pg_slices_next(&s->slices, &s->item, err);
    if (status) {
        s->item.kind = PG_FEED_NOTHING;
        return postgres_feed_refused(s, status, err);
    }
    if (s->item.kind != PG_FEED_NOTHING || !s->slices.finished)
        return WF_OK;
    /* A failure of the last word to the slot is one of the control connection: the stream's
     * status updates say the same. */
    wf_error ignored;
    if (pg_slices_settle(&s->slices, &s->control, &ignored) == WF_CANCELLED)
        return WF_OK;
    pg_notice_tell(s->out, LOG_INFO, "caught up, streaming");
    return postgres_feed_stream(s, err);
}

/* A slot that is lost under us is for open() to judge, where it can be made anew.  One that
 * cannot get past a place without a publication looks well there: it goes. */
static wf_status postgres_feed_lost(struct postgres_state *s, wf_error *err)
{
    wf_error ignored;
    bool dropped;
    if (s->stream.conn.unpublished) {
        pg_stream_close(&s->stream);
        if (!postgres_open_control(s, &ignored))
            pg_slot_drop(&s->control, s->slot, &dropped, &ignored);
    }
    if (err)
        err->code = WF_UNAVAILABLE;
    return WF_UNAVAILABLE;
}

wf_status postgres_feed_next(struct postgres_state *s, wf_error *err)
{
    if (CDC_UNLIKELY(s->catching_up))
        return postgres_feed_next_slice(s, err);
    wf_status status = pg_stream_next(&s->stream, &s->item, err);
    if (CDC_LIKELY(!status))
        return WF_OK;
    s->item.kind = PG_FEED_NOTHING;
    return status == WF_STATE && postgres_open_may_resnapshot(s)
               ? postgres_feed_lost(s, err)
               : status;
}

wf_status postgres_feed_wait(struct postgres_state *s, int timeout_ms, wf_error *err)
{
    s->rest_ms = 0;
    if (!s->catching_up)
        return pg_stream_wait(&s->stream, timeout_ms, true, err);
    wf_status status = pg_slices_wait(&s->slices, timeout_ms, err);
    return status ? postgres_feed_refused(s, status, err) : WF_OK;
}

wf_status postgres_feed_rest(struct postgres_state *s, int timeout_ms, wf_error *err)
{
    int64_t now = clock_mono_ms();
    s->rest_ms = s->rest_ms ? s->rest_ms : now;
    if (!s->catching_up)
        return pg_stream_wait(&s->stream, timeout_ms, false, err);
    if (now - s->rest_ms > POSTGRES_FEED_REST_MS)
        return postgres_feed_stream(s, err);
    struct pollfd cancel = {.fd = cancel_fd(&s->cancel), .events = POLLIN};
    poll(&cancel, 1, timeout_ms);
    return WF_OK;
}

wf_status postgres_feed_tend(struct postgres_state *s, bool flowing, wf_error *err)
{
    if (s->catching_up)
        return WF_OK;
    return flowing && s->item.kind == PG_FEED_NOTHING ? postgres_feed_look(s, err) : WF_OK;
}

wf_status postgres_feed_confirm(struct postgres_state *s, uint64_t flushable, wf_error *err)
{
    if (!s->catching_up) {
        if (flushable > s->stream.flushable)
            s->stream.flushable = flushable;
        return WF_OK;
    }
    if (postgres_open_control(s, err))
        return WF_OK; /* later; nothing is lost by it */
    wf_status status = pg_slices_advance(&s->slices, &s->control, flushable, err);
    if (!status || PQstatus(s->control.handle) != CONNECTION_OK)
        return WF_OK;
    return postgres_feed_refused(s, status, err);
}

void postgres_feed_close(struct postgres_state *s)
{
    pg_stream_close(&s->stream);
    pg_slices_close(&s->slices);
    s->catching_up = false;
    s->item.kind = PG_FEED_NOTHING;
}
