/* SPDX-License-Identifier: MIT
 *
 * postgres_forget - tables that were dropped need not be known for ever.
 *
 * Which ones are gone the catalog says; when the stream is past the place where the WAL ended
 * then, nothing can come of them any more.  The catalog is only believed while it shows
 * everything that the stream has brought: a table made in a transaction that is spooled, or
 * whose commit is not visible yet, is not there yet, which looks the same.
 */
#include "providers/postgres/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define POSTGRES_FORGET_MANY 1000 /* more tables than at the last look are worth one */
#define POSTGRES_FORGET_EVERY_MS 10000

static const char postgres_forget_sql[] =
    "SELECT pg_catalog.pg_current_snapshot(), CASE WHEN pg_catalog.pg_is_in_recovery()"
    " THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn()"
    " END, (SELECT pg_catalog.string_agg(o::pg_catalog.text, ',')"
    " FROM pg_catalog.unnest($1::pg_catalog.oid[]) o"
    " WHERE o OPERATOR(pg_catalog.<>) ALL (SELECT c.oid FROM pg_catalog.pg_class c))";

/* Nothing waits for its commit. */
static bool postgres_forget_is_quiet(const struct postgres_state *s)
{
    struct pg_spool_figures spool;
    pg_spool_figures(s->spool, &spool);
    return !spool.transactions && !pg_assembly_midway(s->assembly) &&
           s->item.kind == PG_FEED_NOTHING;
}

static bool postgres_forget_is_shown(struct postgres_state *s, wf_str snapshot)
{
    wf_error ignored;
    struct pg_commits_view view;
    if (s->standby_server)
        return true;
    return !pg_commits_parse(snapshot, s->hidden, &view, &ignored) &&
           !pg_commits_any(&s->commits, pg_commits_count(&s->commits), &view);
}

static void postgres_forget_take(struct postgres_state *s, const PGresult *rows)
{
    uint64_t lsn, oid;
    wf_str rest = pg_conn_cell(rows, 0, 2);
    if (!postgres_forget_is_shown(s, pg_conn_cell(rows, 0, 0)) ||
        !pg_position_lsn_parse(pg_conn_cell(rows, 0, 1), &lsn))
        return;
    s->forget_at = pg_relation_count(s->relations) + POSTGRES_FORGET_MANY;
    for (wf_str part; rest.len && str_next(&rest, ',', &part);)
        if (str_to_u64(part, &oid) && oid <= UINT32_MAX) {
            pg_relation_gone(s->relations, (uint32_t)oid, lsn);
            s->forget_from = lsn;
        }
}

static void postgres_forget_ask(struct postgres_state *s)
{
    wf_error ignored;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    CDC_CLEANUP(buf_release) struct buf oids;
    buf_init(&oids, LIMIT_OUTPUT_BYTES);
    buf_byte(&oids, '{');
    pg_relation_put_oids(s->relations, &oids);
    buf_byte(&oids, '}');
    const char *text = buf_c(&oids);
    if (oids.broken || postgres_open_control(s, &ignored) ||
        pg_conn_query(&s->control, "look for tables that are gone", postgres_forget_sql,
                      &text, 1, &rows, &ignored) ||
        PQntuples(rows) != 1)
        return;
    postgres_forget_take(s, rows);
}

void postgres_forget(struct postgres_state *s)
{
    int64_t now = clock_mono_ms();
    size_t count = pg_relation_count(s->relations);
    if (!s->forget_at)
        s->forget_at = POSTGRES_FORGET_MANY;
    bool due = count >= s->forget_at && now >= s->forget_ms;
    uint64_t passed = pg_assembly_position(s->assembly).flush;
    bool can = s->forget_from && passed >= s->forget_from;
    /* With two_phase a new connection begins far before the position. */
    if ((!due && !can) || s->two_phase || !postgres_forget_is_quiet(s))
        return;
    if (can) {
        pg_relation_forget(s->relations, passed);
        s->forget_from = 0;
        s->forget_at = pg_relation_count(s->relations) + POSTGRES_FORGET_MANY;
    } else {
        s->forget_ms = now + POSTGRES_FORGET_EVERY_MS;
        postgres_forget_ask(s);
    }
}
