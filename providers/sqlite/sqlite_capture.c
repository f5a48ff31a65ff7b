/* SPDX-License-Identifier: MIT
 *
 * sqlite_capture - carrying out what sqlite_plan found to do.
 */
#include "providers/sqlite/sqlite_capture.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_options.h"

size_t sqlite_capture_place_write(struct sqlite_place place, char out[SQLITE_PLACE_TEXT])
{
    /* Written once per change, so not through printf. */
    struct buf text;
    buf_fixed(&text, out, SQLITE_PLACE_TEXT);
    buf_i64(&text, place.seq);
    buf_byte(&text, ':');
    for (int shift = 60; shift >= 0; shift -= 4)
        buf_byte(&text, "0123456789abcdef"[(place.ts_bits >> shift) & 15]);
    return text.len;
}

bool sqlite_capture_place_parse(wf_str token, struct sqlite_place *out)
{
    struct sqlite_place place = {0};
    ptrdiff_t colon = str_find(token, STR(":"));
    if (colon < 0 || token.len - (size_t)colon != 17 ||
        !str_to_i64(str_slice(token, 0, (size_t)colon), &place.seq) || place.seq < 1)
        return false;
    for (size_t i = (size_t)colon + 1; i < token.len; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = token.ptr[i] ? strchr(digits, token.ptr[i]) : NULL;
        if (!digit)
            return false;
        place.ts_bits = place.ts_bits << 4 | (uint64_t)(digit - digits);
    }
    *out = place;
    return true;
}

static struct sqlite_plan_for sqlite_capture_for(const struct sqlite_capture *capture)
{
    return (struct sqlite_plan_for){
        .source_id = capture->settings->source_id,
        .patterns = capture->settings->tables.items,
        .pattern_count = capture->settings->tables.count,
    };
}

static void sqlite_capture_say(const struct sqlite_capture *capture, enum log_level level,
                               wf_str lines)
{
    for (wf_str line; str_next(&lines, '\n', &line);) {
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_OUTPUT_BYTES);
        buf_str(&text, line);
        if (line.len)
            capture->out->notice(capture->out->ctx, level, buf_c(&text));
    }
}

static void sqlite_capture_new_session(struct sqlite_capture *capture)
{
    unsigned char bytes[16];
    sqlite3_randomness(sizeof(bytes), bytes);
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(capture->session + 2 * i, 3, "%02x", bytes[i]);
}

static wf_status sqlite_capture_cookie(struct sqlite_capture *capture, int64_t *out,
                                       wf_error *err)
{
    bool found;
    return sqlite_db_ask(capture->db, "PRAGMA schema_version", STR_EMPTY, out, &found, err);
}

/* The stored place belongs to this capture of this database. */
static wf_status sqlite_capture_check_identity(const struct sqlite_capture *capture,
                                               const struct sqlite_plan *plan,
                                               const struct cdc_open *with, wf_error *err)
{
    const char *shown = capture->db->shown;
    if (!with->identity.len && !with->from.len)
        return WF_OK;
    if (!plan->installed)
        return error_set(
            err, WF_STATE,
            "the capture tables were removed from database '%s': changes since then "
            "are lost; " CDC_BEGIN_ANEW,
            shown);
    if (with->identity.len && !str_is(with->identity, plan->uuid))
        return error_set(
            err, WF_STATE,
            "database '%s' is not the one that was captured before, or its capture "
            "was installed anew; " CDC_BEGIN_ANEW,
            shown);
    return WF_OK;
}

static wf_status sqlite_capture_last(struct sqlite_capture *capture, const char *order,
                                     struct sqlite_place *out, bool *out_found,
                                     wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    buf_printf(&sql, "SELECT seq, ts FROM main._cdc_change %s LIMIT 1", order);
    wf_status status = sqlite_db_prepare(capture->db, buf_c(&sql), &stmt, err);
    if (!status)
        status = sqlite_db_step(capture->db, stmt, out_found, err);
    if (status || !*out_found)
        return status;
    double ts = sqlite3_column_double(stmt, 1);
    *out = (struct sqlite_place){.seq = sqlite3_column_int64(stmt, 0)};
    memcpy(&out->ts_bits, &ts, sizeof(ts));
    return WF_OK;
}

/* The change at `from` must still be there, as it was. */
static wf_status sqlite_capture_check_place(struct sqlite_capture *capture,
                                            struct sqlite_place from, wf_error *err)
{
    const char *shown = capture->db->shown;
    struct sqlite_place there, first;
    bool found, any;
    char where[64];
    snprintf(where, sizeof(where), "WHERE seq = %" PRId64, from.seq);
    wf_status status = sqlite_capture_last(capture, where, &there, &found, err);
    if (!status)
        status = sqlite_capture_last(capture, "ORDER BY seq", &first, &any, err);
    if (status)
        return status;
    if (found && there.ts_bits == from.ts_bits)
        return WF_OK;
    if (!found && any && first.seq > from.seq)
        return error_set(err, WF_STATE,
                         "changes %" PRId64 " to %" PRId64
                         " of database '%s' are no longer kept; " CDC_BEGIN_ANEW,
                         from.seq, first.seq - 1, shown);
    return error_set(
        err, WF_STATE,
        "database '%s' went back in time (an older copy was put in place): change "
        "%" PRId64 " is not the one that was read; " CDC_BEGIN_ANEW,
        shown, from.seq);
}

static wf_status sqlite_capture_find_place(struct sqlite_capture *capture, wf_str from,
                                           struct sqlite_place *out, wf_error *err)
{
    if (from.len) {
        struct sqlite_place place;
        if (!sqlite_capture_place_parse(from, &place))
            return error_set(err, WF_STATE, "position '%.*s' is not one of this provider",
                             STR_ARG(from));
        wf_status status = sqlite_capture_check_place(capture, place, err);
        if (!status)
            *out = place;
        return status;
    }
    bool found;
    wf_status status = sqlite_capture_last(capture, "ORDER BY seq DESC", out, &found, err);
    if (!status && !found)
        return error_set(err, WF_STATE,
                         "table '_cdc_change' of database '%s' was emptied: changes are "
                         "lost; " CDC_BEGIN_ANEW,
                         capture->db->shown);
    return status;
}

/* From now on the entry is this run's; another one under the same name will notice. */
static wf_status sqlite_capture_claim(struct sqlite_capture *capture,
                                      struct sqlite_place place, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        capture->db,
        "UPDATE main._cdc_source SET session = ?2, confirmed = ?3, seen = julianday('now')"
        " WHERE id = ?1",
        &stmt, err);
    if (status)
        return status;
    status = sqlite_db_bind_str(capture->db, stmt, 1, capture->settings->source_id, err);
    if (!status)
        status = sqlite_db_bind_str(capture->db, stmt, 2, str_from(capture->session), err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 3, place.seq);
    bool row;
    return sqlite_db_step(capture->db, stmt, &row, err);
}

/* Sources that stopped confirming make the change table grow for ever; someone should
 * know. */
static wf_status sqlite_capture_name_sleepers(struct sqlite_capture *capture, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        capture->db,
        "SELECT id, (SELECT max(seq) FROM main._cdc_change) - confirmed AS kept,"
        " CAST(julianday('now') - seen AS INTEGER) FROM main._cdc_source"
        " WHERE id <> ?1 AND julianday('now') - seen > 1 AND kept > 10000",
        &stmt, err);
    if (status)
        return status;
    status = sqlite_db_bind_str(capture->db, stmt, 1, capture->settings->source_id, err);
    for (bool row = false;;) {
        if (!status)
            status = sqlite_db_step(capture->db, stmt, &row, err);
        if (status || !row)
            return status;
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        buf_printf(
            &text,
            "%lld changes are kept for source '%.*s', which was last seen %d days ago; "
            "stop it with cleanup if it is gone for good",
            (long long)sqlite3_column_int64(stmt, 1),
            STR_ARG(sqlite_db_column_str(stmt, 0)), sqlite3_column_int(stmt, 2));
        capture->out->notice(capture->out->ctx, LOG_WARN, buf_c(&text));
    }
}

static wf_status sqlite_capture_install(struct sqlite_capture *capture,
                                        struct sqlite_plan *plan, wf_error *err)
{
    if (capture->manual && plan->script.len) {
        sqlite_capture_say(capture, LOG_INFO,
                           STR("setup is manual; run this SQL in one go:"));
        sqlite_capture_say(capture, LOG_INFO, STR("BEGIN IMMEDIATE;"));
        sqlite_capture_say(capture, LOG_INFO, buf_view(&plan->script));
        sqlite_capture_say(capture, LOG_INFO, STR("COMMIT;"));
        return error_set(
            err, WF_CONFIG,
            "capture of database '%s' is %s, and setup is manual: run the SQL in the "
            "log, then start again",
            capture->db->shown, plan->installed ? "out of date" : "not installed");
    }
    wf_status status =
        sqlite_db_exec_buf(capture->db, &plan->script, "install the capture", err);
    if (!status)
        sqlite_capture_say(capture, LOG_WARN, buf_view(&plan->warnings));
    return status;
}

/* What was just installed is not what a second look finds right.  SQLite's schema queries
 * may leave something out when memory is short; nothing is kept of such a look. */
static wf_status sqlite_capture_unsettled(const struct sqlite_capture *capture,
                                          wf_error *err)
{
    return error_set(err, WF_UNAVAILABLE, "the capture of database '%s' does not settle",
                     capture->db->shown);
}

/* Inside the write transaction. */
static wf_status sqlite_capture_set_up(struct sqlite_capture *capture,
                                       const struct cdc_open *with,
                                       struct sqlite_place *out_place, wf_error *err)
{
    CDC_CLEANUP(sqlite_plan_release) struct sqlite_plan plan;
    sqlite_plan_init(&plan);
    struct sqlite_plan_for wanted = sqlite_capture_for(capture);
    wanted.opening = true;
    wanted.fresh = !with->from.len && !with->identity.len;
    wf_status status = sqlite_plan_make(&plan, capture->db, &wanted, err);
    if (!status)
        status = sqlite_capture_check_identity(capture, &plan, with, err);
    if (!status)
        status = sqlite_capture_install(capture, &plan, err);
    CDC_CLEANUP(sqlite_plan_release) struct sqlite_plan now;
    sqlite_plan_init(&now);
    if (!status) /* reads the uuid, and proves that nothing is left to do */
        status = sqlite_plan_make(&now, capture->db, &wanted, err);
    if (!status && now.script.len)
        status = sqlite_capture_unsettled(capture, err);
    memcpy(capture->uuid, now.uuid, sizeof(capture->uuid));
    if (!status)
        status = sqlite_capture_find_place(capture, with->from, out_place, err);
    if (!status)
        status = sqlite_capture_claim(capture, *out_place, err);
    if (!status)
        status = sqlite_capture_cookie(capture, &capture->schema_cookie, err);
    return status;
}

wf_status sqlite_capture_open(struct sqlite_capture *capture, const struct cdc_open *with,
                              struct sqlite_place *out_place, wf_error *err)
{
    const struct sqlite_options *options = capture->settings->options;
    struct sqlite_place place = {0};
    capture->manual = options->setup == SQLITE_SETUP_MANUAL;
    sqlite_capture_new_session(capture);
    wf_status status = sqlite_db_begin(capture->db, err);
    if (status)
        return status;
    status = sqlite_capture_set_up(capture, with, &place, err);
    if (status) {
        sqlite_db_rollback(capture->db);
        return status;
    }
    status = sqlite_db_commit(capture->db, err);
    if (!status)
        status = sqlite_capture_name_sleepers(capture, err);
    if (status)
        return status;
    buf_clear(with->out_identity);
    buf_cstr(with->out_identity, capture->uuid);
    *out_place = place;
    return buf_status(with->out_identity, "identity", err);
}

/* One look at a changed schema; `write`: inside the write transaction, carry it out. */
static wf_status sqlite_capture_look(struct sqlite_capture *capture, bool write,
                                     bool *out_needed, wf_error *err)
{
    CDC_CLEANUP(sqlite_plan_release) struct sqlite_plan plan;
    sqlite_plan_init(&plan);
    struct sqlite_plan_for wanted = sqlite_capture_for(capture);
    wf_status status = sqlite_plan_make(&plan, capture->db, &wanted, err);
    if (status)
        return status;
    if (!plan.installed || strcmp(plan.uuid, capture->uuid))
        return error_set(err, WF_STATE,
                         "the capture tables were removed from database '%s' while it was "
                         "captured: changes are lost; " CDC_BEGIN_ANEW,
                         capture->db->shown);
    *out_needed = plan.script.len > 0;
    if (plan.script.len && capture->manual) {
        *out_needed = false;
        sqlite_capture_say(capture, LOG_WARN,
                           STR("the schema changed and setup is manual; run this SQL:"));
        sqlite_capture_say(capture, LOG_WARN, buf_view(&plan.script));
    }
    if (!write || !*out_needed)
        return WF_OK;
    return sqlite_capture_install(capture, &plan, err);
}

static wf_status sqlite_capture_renew_now(struct sqlite_capture *capture, wf_error *err)
{
    bool needed;
    int64_t cookie = 0;
    wf_status status = sqlite_db_begin(capture->db, err);
    if (status)
        return status;
    status = sqlite_capture_look(capture, true, &needed, err);
    if (!status)
        status = sqlite_capture_look(capture, false, &needed, err);
    if (!status && needed)
        status = sqlite_capture_unsettled(capture, err);
    if (!status)
        status = sqlite_capture_cookie(capture, &cookie, err);
    if (status) {
        sqlite_db_rollback(capture->db);
        return status;
    }
    status = sqlite_db_commit(capture->db, err);
    if (!status)
        capture->schema_cookie = cookie;
    return status;
}

wf_status sqlite_capture_renew(struct sqlite_capture *capture, bool *out_renewed,
                               wf_error *err)
{
    int64_t cookie;
    wf_status status = sqlite_capture_cookie(capture, &cookie, err);
    if (status || cookie == capture->schema_cookie)
        return status;
    bool needed = false;
    status = sqlite_db_exec(capture->db, "BEGIN", "read it", err);
    if (status)
        return status;
    status = sqlite_capture_cookie(capture, &cookie, err);
    if (!status)
        status = sqlite_capture_look(capture, false, &needed, err);
    sqlite_db_rollback(capture->db);
    if (status)
        return status;
    if (!needed) {
        capture->schema_cookie = cookie;
        return WF_OK;
    }
    status = sqlite_capture_renew_now(capture, err);
    if (!status)
        *out_renewed = true;
    return status;
}

wf_status sqlite_capture_remove(struct sqlite_capture *capture, struct buf *out_removed,
                                wf_error *err)
{
    CDC_CLEANUP(sqlite_plan_release) struct sqlite_plan plan;
    sqlite_plan_init(&plan);
    struct sqlite_plan_for wanted = sqlite_capture_for(capture);
    wanted.leaving = true;
    wf_status status = sqlite_db_begin(capture->db, err);
    if (status)
        return status;
    status = sqlite_plan_make(&plan, capture->db, &wanted, err);
    if (!status)
        status = sqlite_db_exec_buf(capture->db, &plan.script, "remove the capture", err);
    if (status) {
        sqlite_db_rollback(capture->db);
        return status;
    }
    status = sqlite_db_commit(capture->db, err);
    if (!status)
        buf_str(out_removed, buf_view(&plan.removed));
    return status;
}
