/* SPDX-License-Identifier: MIT
 *
 * source_emit - from the provider's calls to the log, the marks and the snapshot.
 */
#include "plugin/core/source_emit.h"

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/source_run.h"
#include "plugin/core/store.h"

static wf_status source_emit(void *ctx, const struct cdc_change *change, wf_error *err)
{
    struct cdc_source *source = ctx;
    if (CDC_UNLIKELY(snapshot_active(source->snapshot)))
        snapshot_note(source->snapshot, change);
    wf_status status = flow_emit(&source->flow, change, err);
    source->taken += status == WF_OK;
    return status;
}

static void source_emit_commit(void *ctx, wf_str position)
{
    struct cdc_source *source = ctx;
    source->commits++;
    /* A place that is not kept may be the last one for long: the run fails, and reads it
     * again. */
    if (confirm_mark(&source->confirm, ring_head(&source->flow.ring), position,
                     &source->commit_error))
        source->commit_lost = true;
}

static void source_emit_mark(void *ctx, uint64_t mark)
{
    struct cdc_source *source = ctx;
    snapshot_mark_reached(source->snapshot, mark);
}

static bool source_emit_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    struct cdc_source *source = ctx;
    return snapshot_active(source->snapshot) || flow_wanted(&source->flow, table, op);
}

static wf_status source_emit_schema(void *ctx, wf_str table, wf_str ddl, wf_str position,
                                    wf_error *err)
{
    struct cdc_source *source = ctx;
    struct cdc_store *store;
    wf_status status = source_store(source, &store, err);
    return status ? status : store_schema_add(store, source->id, table, ddl, position, err);
}

wf_status source_emit_want_snapshot(void *ctx, const wf_str *tables, size_t count,
                                    wf_error *err)
{
    struct cdc_source *source = ctx;
    struct cdc_store *store = NULL;
    bool lossy = source->settings->provider->lossy;
    wf_status status = lossy ? WF_OK : source_store(source, &store, err);
    const struct cdc_list list = {(wf_str *)tables, count};
    return status ? status
                  : snapshot_request(source->snapshot, store, source->id, &list, err);
}

static void source_emit_notice(void *ctx, enum log_level level, const char *text)
{
    struct cdc_source *source = ctx;
    log_line(&source->logger, level, "source=%.*s %s", STR_ARG(source->id), text);
}

static void source_emit_retract(void *ctx, uint32_t lane)
{
    struct cdc_source *source = ctx;
    /* First what was delivered: after this, passed may also mean dropped. */
    confirm_passed(&source->confirm, flow_settle(&source->flow));
    confirm_forget(&source->confirm);
    flow_retract(&source->flow, lane);
    source->confirmed_ms = 0; /* whoever has the lane now waits to hear how far we came */
}

void source_emit_snapshot_phase(struct cdc_source *source)
{
    bool is = snapshot_active(source->snapshot) || snapshot_reported(source->snapshot);
    pthread_mutex_lock(&source->lock);
    bool was = source->life.snapshot;
    pthread_mutex_unlock(&source->lock);
    if (was != is)
        source_run_phase(source,
                         is ? LIFECYCLE_ON_SNAPSHOT_BEGIN : LIFECYCLE_ON_SNAPSHOT_END);
}

static void source_emit_snapshot_report(void *ctx, const struct cdc_snapshot_report *report)
{
    struct cdc_source *source = ctx;
    snapshot_report(source->snapshot, report);
    source_emit_snapshot_phase(source);
}

struct cdc_emitter source_emit_emitter(struct cdc_source *source)
{
    return (struct cdc_emitter){
        .ctx = source,
        .emit = source_emit,
        .commit = source_emit_commit,
        .mark_reached = source_emit_mark,
        .wanted = source_emit_wanted,
        .schema = source_emit_schema,
        .want_snapshot = source_emit_want_snapshot,
        .notice = source_emit_notice,
        .retract = source_emit_retract,
        .snapshot_report = source_emit_snapshot_report,
    };
}
