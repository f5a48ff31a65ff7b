/* SPDX-License-Identifier: MIT
 *
 * postgres_lag - how far the confirmed position is behind.
 *
 * In bytes the server knows it.  For the time, the commit time of what is emitted is noted
 * once a second at most; when there are many notes, every other one is dropped, so that
 * they reach back as far as the oldest change that nobody has confirmed.
 */
#include "providers/postgres/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#define POSTGRES_LAG_NOTE_US 1000000

void postgres_lag_note(struct postgres_state *s)
{
    int64_t time_us = pg_assembly_time_us(s->assembly);
    struct postgres_age *last = s->age_count ? &s->ages[s->age_count - 1] : NULL;
    if (time_us == CDC_NO_TIME || (last && time_us - last->time_us < POSTGRES_LAG_NOTE_US))
        return;
    if (s->age_count == POSTGRES_AGES) {
        for (size_t i = 0; i < POSTGRES_AGES / 2; i++)
            s->ages[i] = s->ages[2 * i];
        s->age_count = POSTGRES_AGES / 2;
    }
    s->ages[s->age_count++] = (struct postgres_age){
        .lsn = pg_assembly_position(s->assembly).flush,
        .time_us = time_us,
    };
}

/* The oldest note that is not confirmed. */
static int64_t postgres_lag_oldest(struct postgres_state *s)
{
    size_t done = 0;
    while (done < s->age_count && s->ages[done].lsn <= s->confirmed.flush)
        done++;
    s->age_count -= done;
    memmove(s->ages, s->ages + done, s->age_count * sizeof(s->ages[0]));
    return s->age_count ? s->ages[0].time_us : pg_assembly_time_us(s->assembly);
}

static int64_t postgres_lag_seconds(struct postgres_state *s)
{
    struct pg_position emitted = pg_assembly_position(s->assembly);
    bool all = emitted.flush == s->confirmed.flush &&
               emitted.commit == s->confirmed.commit && emitted.done == s->confirmed.done;
    int64_t oldest_us = postgres_lag_oldest(s);
    if (all && s->empty)
        return 0;
    if (oldest_us == CDC_NO_TIME)
        return -1;
    int64_t age_us = clock_wall_us() - oldest_us;
    return age_us > 0 ? age_us / 1000000 : 0;
}

static wf_status postgres_lag_ask(struct postgres_state *s, uint64_t from,
                                  struct cdc_lag *out, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    char lsn[PG_LSN_TEXT];
    pg_position_lsn_write(from, lsn);
    const char *const params[] = {lsn, s->slot};
    wf_status status = postgres_open_control(s, err);
    if (!status)
        status = pg_conn_query(
            &s->control, "ask for the lag",
            "SELECT pg_catalog.trunc(pg_catalog.pg_wal_lsn_diff(CASE WHEN"
            " pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
            " ELSE pg_catalog.pg_current_wal_lsn() END, $1::pg_catalog.pg_lsn)),"
            " (SELECT safe_wal_size FROM pg_catalog.pg_replication_slots"
            " WHERE slot_name = $2)",
            params, 2, &rows, err);
    if (status)
        return status;
    int64_t bytes = -1;
    int64_t headroom = -1;
    if (str_to_i64(pg_conn_cell(rows, 0, 0), &bytes) && bytes < 0)
        bytes = 0;
    /* Below zero at a slot that the next checkpoint gives up; null without a limit. */
    if (str_to_i64(pg_conn_cell(rows, 0, 1), &headroom) && headroom < 0)
        headroom = 0;
    out->bytes = bytes;
    out->headroom_bytes = headroom;
    return WF_OK;
}

wf_status postgres_lag_behind(struct postgres_state *s, uint64_t lsn, int64_t *out,
                              wf_error *err)
{
    struct cdc_lag lag;
    wf_status status = postgres_lag_ask(s, lsn, &lag, err);
    if (!status)
        *out = lag.bytes;
    return status;
}

/* A server that does not answer a question still streams, or the stream finds out. */
wf_status postgres_lag(struct postgres_state *s, struct cdc_lag *out, wf_error *err)
{
    struct cdc_lag lag = CDC_LAG_UNKNOWN;
    lag.seconds = postgres_lag_seconds(s);
    wf_status status = postgres_lag_ask(s, s->confirmed.flush, &lag, err);
    if (status == WF_CANCELLED || status == WF_NO_MEMORY)
        return status;
    *out = lag;
    return WF_OK;
}

static void postgres_lag_put_slot(struct json_writer *json, const struct postgres_state *s,
                                  const struct pg_slot_facts *facts)
{
    char lsn[PG_LSN_TEXT];
    json_cstr(json, "slot", s->slot);
    json_cstr(json, "publication", s->publication.name);
    if (!facts->exists)
        return;
    pg_position_lsn_write(facts->restart_lsn, lsn);
    json_cstr(json, "restart_lsn", lsn);
    pg_position_lsn_write(facts->confirmed_lsn, lsn);
    json_cstr(json, "confirmed_lsn", lsn);
    json_cstr(json, "wal_status", facts->wal_status);
    json_i64(json, "retained_bytes", facts->retained_bytes);
}

wf_status postgres_lag_details(struct postgres_state *s, struct buf *out_json,
                               wf_error *err)
{
    struct pg_slot_facts facts;
    struct pg_spool_figures spool;
    wf_status status = postgres_open_control(s, err);
    if (!status)
        status = pg_slot_read(&s->control, s->slot, &facts, err);
    if (status)
        return status;
    pg_spool_figures(s->spool, &spool);
    struct json_writer json = json_writer_of(out_json);
    json_open(&json, NULL, '{');
    postgres_lag_put_slot(&json, s, &facts);
    json_bool(&json, "catching_up", s->catching_up);
    json_u64(&json, "spool_transactions", spool.transactions);
    json_u64(&json, "spool_memory_bytes", spool.memory_bytes);
    json_u64(&json, "spool_file_bytes", spool.file_bytes);
    json_u64(&json, "spilled_bytes", spool.spilled_bytes);
    json_close(&json, '}');
    return WF_OK;
}
