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
#define POSTGRES_LAG_FRESH_MS 1000

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

static wf_status postgres_lag_look(struct postgres_state *s, wf_error *err)
{
    wf_status status = postgres_open_control(s, err);
    if (!status)
        status = pg_slot_read(&s->control, s->slot, &s->slot_facts, err);
    if (!status)
        s->slot_ms = clock_mono_ms();
    return status;
}

static int64_t postgres_lag_bytes(const struct postgres_state *s, uint64_t lsn)
{
    uint64_t end = s->slot_facts.wal_end;
    return end > lsn ? (int64_t)(end - lsn) : 0;
}

wf_status postgres_lag_behind(struct postgres_state *s, uint64_t lsn, int64_t *out,
                              wf_error *err)
{
    wf_status status = postgres_lag_look(s, err);
    if (!status)
        *out = postgres_lag_bytes(s, lsn);
    return status;
}

/* A server that does not answer a question still streams, or the stream finds out. */
wf_status postgres_lag(struct postgres_state *s, struct cdc_lag *out, wf_error *err)
{
    struct cdc_lag lag = CDC_LAG_UNKNOWN;
    lag.seconds = postgres_lag_seconds(s);
    wf_status status = postgres_lag_look(s, err);
    if (status == WF_CANCELLED || status == WF_NO_MEMORY)
        return status;
    if (!status) {
        lag.bytes = postgres_lag_bytes(s, s->confirmed.flush);
        lag.headroom_bytes = s->slot_facts.safe_bytes;
    }
    *out = lag;
    return WF_OK;
}

static void postgres_lag_put_slot(struct json_writer *json, const struct postgres_state *s)
{
    const struct pg_slot_facts *facts = &s->slot_facts;
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
    struct pg_spool_figures spool;
    /* Whoever asks for these has mostly asked for the lag just now. */
    bool fresh = s->slot_ms && clock_mono_ms() - s->slot_ms < POSTGRES_LAG_FRESH_MS;
    wf_status status = fresh ? WF_OK : postgres_lag_look(s, err);
    if (status)
        return status;
    pg_spool_figures(s->spool, &spool);
    struct json_writer json = json_writer_of(out_json);
    json_open(&json, NULL, '{');
    postgres_lag_put_slot(&json, s);
    json_bool(&json, "catching_up", s->catching_up);
    json_u64(&json, "spool_transactions", spool.transactions);
    json_u64(&json, "spool_memory_bytes", spool.memory_bytes);
    json_u64(&json, "spool_file_bytes", spool.file_bytes);
    json_u64(&json, "spilled_bytes", spool.spilled_bytes);
    json_close(&json, '}');
    return WF_OK;
}
