/* SPDX-License-Identifier: MIT
 *
 * pg_timeline - see the header.
 *
 * PostgreSQL documentation, "Streaming Replication Protocol" (TIMELINE_HISTORY) and
 * "Continuous Archiving", section "Timelines".  A history file has a line for each timeline
 * that led to this one: its number, a tab, where it was left, a tab, and why.
 */
#include "providers/postgres/pg_timeline.h"

#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_slot.h"

void pg_timeline_put(struct buf *out, const struct pg_timeline *timeline)
{
    buf_cstr(out, timeline->system);
    if (timeline->number)
        buf_printf(out, ":%u", (unsigned)timeline->number);
    buf_byte(out, '/');
    buf_cstr(out, timeline->database);
}

static bool pg_timeline_copy(char *out, size_t size, wf_str text)
{
    if (!text.len || text.len >= size)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* A database's name may have any characters, a system identifier is digits. */
bool pg_timeline_parse(wf_str identity, struct pg_timeline *out)
{
    struct pg_timeline timeline = {.number = 0};
    ptrdiff_t slash = str_find(identity, STR("/"));
    if (slash < 0)
        return false;
    wf_str head = str_slice(identity, 0, (size_t)slash);
    ptrdiff_t colon = str_find(head, STR(":"));
    if (colon >= 0) {
        uint64_t number;
        if (!str_to_u64(str_slice(head, (size_t)colon + 1, head.len), &number) || !number ||
            number > UINT32_MAX)
            return false;
        timeline.number = (uint32_t)number;
        head = str_slice(head, 0, (size_t)colon);
    }
    if (!pg_timeline_copy(timeline.system, sizeof timeline.system, head) ||
        !pg_timeline_copy(timeline.database, sizeof timeline.database,
                          str_slice(identity, (size_t)slash + 1, identity.len)))
        return false;
    *out = timeline;
    return true;
}

bool pg_timeline_is_same(const struct pg_timeline *was, const struct pg_timeline *now)
{
    return !strcmp(was->system, now->system) && !strcmp(was->database, now->database);
}

uint64_t pg_timeline_left(wf_str history, uint32_t was)
{
    uint64_t left = 0;
    for (wf_str line; history.len && str_next(&history, '\n', &line);) {
        wf_str number, place;
        uint64_t timeline, lsn;
        line = str_trim(line);
        if (str_next(&line, '\t', &number) && str_to_u64(number, &timeline) &&
            timeline == was && str_next(&line, '\t', &place) &&
            pg_position_lsn_parse(str_trim(place), &lsn))
            left = lsn;
    }
    return left;
}

/* ---- judging ------------------------------------------------------------------------- */

#define PG_TIMELINE_WHY                                                                    \
    "changes that were delivered are not on this server, and others may have taken their " \
    "place (a standby was promoted that lacked the last changes, a backup was restored, "  \
    "or the primary of before is back)"

static wf_status pg_timeline_ask(struct pg_conn *conn, const struct cdc_settings *settings,
                                 uint32_t now, uint32_t was, uint64_t *out_left,
                                 wf_error *err)
{
    static const char doing[] = "read the server's timeline history";
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    char command[64];
    wf_status status = pg_conn_open(conn, settings, PG_CONN_STREAM, err);
    snprintf(command, sizeof command, "TIMELINE_HISTORY %u", (unsigned)now);
    if (!status)
        status = pg_conn_query(conn, doing, command, NULL, 0, &rows, err);
    if (status)
        return status;
    if (PQntuples(rows) != 1 || PQnfields(rows) != 2)
        return error_set(err, WF_PROTOCOL, "cannot %s: odd answer of the server", doing);
    *out_left = pg_timeline_left(pg_conn_cell(rows, 0, 1), was);
    return WF_OK;
}

wf_status pg_timeline_judge(struct pg_conn *conn, const struct cdc_settings *settings,
                            uint32_t was, uint32_t now, const struct pg_position *from,
                            wf_error *err)
{
    uint64_t left = 0;
    wf_status status = WF_OK;
    if (!was || !now || was == now)
        return WF_OK;
    if (now > 1) /* the first one has no history */
        status = pg_timeline_ask(conn, settings, now, was, &left, err);
    if (status)
        return status;
    if (!left)
        return error_set(err, WF_STATE,
                         "the server is on timeline %u, which does not come from timeline "
                         "%u that this source has read: " PG_TIMELINE_WHY "; " PG_SLOT_ANEW,
                         (unsigned)now, (unsigned)was);
    /* A commit that was delivered in part begins at from->commit. */
    if (from->flush <= left && from->commit < left)
        return WF_OK;
    char here[PG_LSN_TEXT];
    char there[PG_LSN_TEXT];
    pg_position_lsn_write(from->commit > from->flush ? from->commit : from->flush, here);
    pg_position_lsn_write(left, there);
    return error_set(err, WF_STATE,
                     "the server left timeline %u, which this source has read up to %s, at "
                     "%s for timeline %u: " PG_TIMELINE_WHY "; " PG_SLOT_ANEW,
                     (unsigned)was, here, there, (unsigned)now);
}
