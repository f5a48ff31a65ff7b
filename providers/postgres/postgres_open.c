/* SPDX-License-Identifier: MIT
 *
 * postgres_open - from a configuration and a position to a running stream.
 *
 * The publication comes before the slot: a slot decodes with the catalog as it was, and one
 * made first would never see the publication.
 */
#include "providers/postgres/postgres.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_ddl.h"
#include "providers/postgres/pg_notice.h"
#include "providers/postgres/pg_timeline.h"

#define POSTGRES_OPEN_PAUSE_MS 5000 /* between attempts to mend the control connection */
/* While the stream waits for an answer to something else, nobody hears that it fell silent. */
#define POSTGRES_OPEN_PATIENCE_MS 15000

/* ---- who the server is --------------------------------------------------------------- */

struct postgres_open_server {
    struct pg_timeline timeline;
    char wal_level[16];
    bool standby;
};

/* The timeline is that of the file which is written; pg_control says so only after the first
 * checkpoint. */
static const char postgres_open_who[] =
    "SELECT system_identifier, pg_catalog.current_database(),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE ('x' OPERATOR(pg_catalog.||)"
    " pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()),"
    " 1, 8))::pg_catalog.bit(32)::pg_catalog.int8 END,"
    " pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery()"
    " FROM pg_catalog.pg_control_system()";

static wf_status postgres_open_look(struct postgres_state *s,
                                    struct postgres_open_server *out, wf_error *err)
{
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    uint64_t number;
    wf_status status = pg_conn_query(&s->control, "ask the server who it is",
                                     postgres_open_who, NULL, 0, &rows, err);
    if (status)
        return status;
    if (PQntuples(rows) != 1 || PQnfields(rows) != 5 ||
        !str_to_u64(pg_conn_cell(rows, 0, 2), &number) || number > UINT32_MAX)
        return error_set(err, WF_PROTOCOL,
                         "cannot ask the server who it is: odd answer of the server");
    snprintf(out->timeline.system, sizeof(out->timeline.system), "%s",
             PQgetvalue(rows, 0, 0));
    snprintf(out->timeline.database, sizeof(out->timeline.database), "%s",
             PQgetvalue(rows, 0, 1));
    out->timeline.number = (uint32_t)number;
    snprintf(out->wal_level, sizeof(out->wal_level), "%s", PQgetvalue(rows, 0, 3));
    out->standby = str_is(pg_conn_cell(rows, 0, 4), "t");
    return WF_OK;
}

/* *out_was: the timeline of what was read; 0: not known. */
static wf_status postgres_open_is_same(const struct postgres_open_server *server,
                                       wf_str identity, uint32_t *out_was, wf_error *err)
{
    struct pg_timeline was = {.number = 0};
    if (!identity.len)
        return WF_OK;
    if (pg_timeline_parse(identity, &was) && pg_timeline_is_same(&was, &server->timeline)) {
        *out_was = was.number;
        return WF_OK;
    }
    return error_set(err, WF_STATE,
                     "the server is another one: the position belongs to system and "
                     "database '%.*s', the connection goes to '%s/%s'; mend the "
                     "connection, or " CDC_BEGIN_ANEW,
                     STR_ARG(identity), server->timeline.system, server->timeline.database);
}

static wf_status postgres_open_can_decode(const struct postgres_state *s,
                                          const struct postgres_open_server *server,
                                          wf_error *err)
{
    if (server->standby && s->control.version < 160000)
        return error_set(err, WF_CONFIG,
                         "the server is a standby of PostgreSQL %d; change streams of a "
                         "standby need 16 or later: name the primary in the connection, "
                         "with target_session_attrs=read-write",
                         s->control.version / 10000);
    const struct pg_options *options = s->settings->options;
    if (options->messages.len && s->control.version < 140000)
        return error_set(
            err, WF_CONFIG,
            "'options.messages' needs PostgreSQL 14 or later, the server is %d.%d; leave "
            "the option out",
            s->control.version / 10000, s->control.version % 10000);
    if (str_is(options->origin, "none") && s->control.version < 160000)
        return error_set(
            err, WF_CONFIG,
            "'options.origin' needs PostgreSQL 16 or later for none, the server "
            "is %d.%d; leave the option out",
            s->control.version / 10000, s->control.version % 10000);
    if (strcmp(server->wal_level, "logical") != 0)
        return error_set(err, WF_CONFIG,
                         "the server has wal_level = %s: set wal_level = logical and "
                         "restart it (Amazon RDS: rds.logical_replication = 1)",
                         server->wal_level);
    return WF_OK;
}

/* ---- the control connection ---------------------------------------------------------- */

static wf_status postgres_open_connect(struct postgres_state *s, wf_error *err)
{
    s->control =
        (struct pg_conn){.cancel = &s->cancel, .unwanted = s->unwanted, .deaf = true};
    return pg_conn_open(&s->control, s->settings, PG_CONN_CONTROL, err);
}

wf_status postgres_open_control(struct postgres_state *s, wf_error *err)
{
    if (s->control.handle && PQstatus(s->control.handle) == CONNECTION_OK)
        return WF_OK;
    int64_t now = clock_mono_ms();
    if (now < s->reopen_ms)
        return error_set(err, WF_UNAVAILABLE, "the control connection broke");
    s->reopen_ms = now + POSTGRES_OPEN_PAUSE_MS;
    pg_conn_close(&s->control);
    wf_status status = postgres_open_connect(s, err);
    s->control.patience_ms = POSTGRES_OPEN_PATIENCE_MS;
    return status;
}

/* ---- the publication ----------------------------------------------------------------- */

/* A lock that somebody holds for long costs less and less. */
static void postgres_open_renew_later(struct postgres_state *s)
{
    int64_t pause_ms = s->publication.waits && s->renew_pause_ms ? 2 * s->renew_pause_ms
                                                                 : POSTGRES_RENEW_MS;
    s->renew_pause_ms =
        pause_ms < POSTGRES_RENEW_MOST_MS ? pause_ms : POSTGRES_RENEW_MOST_MS;
    s->renew_ms = clock_mono_ms() + s->renew_pause_ms;
}

/* What is in a publication that was just made is no news, options.snapshot says whether it
 * is to be read.  A table that came while the source runs is read in any case: its first
 * rows were written before it was published. */
wf_status postgres_open_tables(struct postgres_state *s, enum postgres_tables_when when,
                               wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf added;
    buf_init(&added, LIMIT_OUTPUT_BYTES);
    s->tables_stale = false;
    s->publication.reads_new =
        when == POSTGRES_TABLES_RUNNING ||
        (when == POSTGRES_TABLES_START && s->settings->core.snapshot != CDC_SNAPSHOT_NEVER);
    wf_status status = pg_publication_settle(&s->publication, &s->control, s->settings,
                                             s->out, &added, err);
    postgres_open_renew_later(s);
    if (status || when == POSTGRES_TABLES_FIRST || !added.len)
        return status;
    if (when == POSTGRES_TABLES_RUNNING && s->publication.made) {
        bool dropped; /* or the next start would find it, and see nothing missing */
        (void)pg_publication_drop(&s->publication, &s->control, &dropped, NULL);
        return error_set(
            err, WF_STATE,
            "publication '%s' was dropped under the running source; changes since "
            "then are missing; " PG_SLOT_ANEW,
            s->publication.name);
    }
    if (s->publication.reads_new)
        return WF_OK;
    pg_notice_tell(s->out, LOG_WARN,
                   "tables are new to the publication, and what was written to them before "
                   "now is not read (options.snapshot is never; step.cdc_snapshot reads "
                   "them): %.*s",
                   (int)(added.len < 400 ? added.len : 400), added.data);
    return WF_OK;
}

/* ---- the slot ------------------------------------------------------------------------ */

struct postgres_open_place {
    struct pg_position from; /* where changes begin */
    uint64_t slot;           /* where the slot stands */
    bool first;              /* a first start: nobody has been told of `from` yet */
    uint32_t was, now; /* timelines: of what was read, and of the server; 0: unknown */
};

/* Making a slot takes as long as the transactions that run, and one that was prepared and
 * forgotten runs for ever. */
static wf_status postgres_open_tell_wait(struct postgres_state *s, wf_error *err)
{
    /* A standby cannot find out by itself which transactions run. */
    if (s->standby_server) {
        pg_notice_tell(s->out, LOG_INFO,
                       "slot '%s' is being made; at a standby that waits until the primary "
                       "says which transactions run, which it does now and then unless it "
                       "rests: SELECT pg_log_standby_snapshot() there does it at once",
                       s->slot);
        return WF_OK;
    }
    CDC_CLEANUP(buf_release) struct buf whom;
    buf_init(&whom, LIMIT_TEXT_BYTES);
    wf_status status = pg_slot_waits_for(&s->control, &whom, err);
    if (!status && whom.len)
        pg_notice_tell(s->out, LOG_WARN,
                       "slot '%s' is made when the transactions that run now have "
                       "ended: %s",
                       s->slot, buf_c(&whom));
    return status;
}

static wf_status postgres_open_make_slot(struct postgres_state *s,
                                         struct postgres_open_place *place, wf_error *err)
{
    uint64_t lsn;
    wf_status status = postgres_open_tell_wait(s, err);
    if (!status)
        status = pg_slot_make(&s->control, s->slot, s->settings, false, &lsn, err);
    if (status)
        return status;
    place->from = (struct pg_position){.flush = lsn};
    place->slot = lsn;
    place->first = true;
    return WF_OK;
}

/* The slot is lost and the configuration says what then: a new one, and all rows again.
 * They are asked for first, so that a crash in between forgets nothing. */
static wf_status postgres_open_anew(struct postgres_state *s,
                                    struct postgres_open_place *place, const wf_error *lost,
                                    wf_error *err)
{
    bool dropped;
    pg_notice_tell(s->out, LOG_WARN, "all tables are read again: %s", lost->text);
    wf_status status = s->out->want_snapshot(s->out->ctx, NULL, 0, err);
    if (!status)
        status = pg_slot_drop(&s->control, s->slot, &dropped, err);
    return status ? status : postgres_open_make_slot(s, place, err);
}

bool postgres_open_may_resnapshot(const struct postgres_state *s)
{
    const struct pg_options *options = s->settings->options;
    return options->on_slot_lost == PG_SLOT_LOST_RESNAPSHOT ||
           s->settings->core.snapshot == CDC_SNAPSHOT_WHEN_NEEDED;
}

/* Whether the publication is there, and with its second part, if it is ours. */
static wf_status postgres_open_is_published(struct postgres_state *s, bool *out,
                                            wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf mark;
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    buf_init(&mark, LIMIT_TEXT_BYTES);
    pg_name_put_mark(&mark, s->settings->source_id);
    const char *const params[] = {s->publication.name, s->publication.insert, buf_c(&mark)};
    wf_status status = buf_status(&mark, "comment", err);
    if (!status)
        status = pg_conn_query(
            &s->control, "look for the publication",
            "SELECT FROM pg_catalog.pg_publication m WHERE pubname = $1 AND (EXISTS (SELECT"
            " FROM pg_catalog.pg_publication WHERE pubname = $2) OR"
            " pg_catalog.obj_description(m.oid, 'pg_publication') IS DISTINCT FROM $3)",
            params, CDC_COUNT(params), &rows, err);
    if (!status)
        *out = PQntuples(rows) > 0;
    return status;
}

/* One that is made anew cannot be seen from places before that, so the changes since it was
 * dropped are lost.  Looked for before it is made anew: whatever happens then, the slot says
 * that there is a gap. */
static wf_status postgres_open_same_publication(struct postgres_state *s, wf_error *err)
{
    bool published = true;
    bool dropped;
    wf_status status =
        s->standby_server ? WF_OK : postgres_open_is_published(s, &published, err);
    if (status || published)
        return status;
    if (!postgres_open_may_resnapshot(s))
        return error_set(
            err, WF_STATE,
            "publication '%s' was dropped; changes since the last start cannot "
            "be read; " PG_SLOT_ANEW,
            s->publication.name);
    return pg_slot_drop(&s->control, s->slot, &dropped, err);
}

/* What was read is in this server's past as well. */
static wf_status postgres_open_same_past(struct postgres_state *s,
                                         const struct postgres_open_place *place,
                                         wf_error *err)
{
    struct pg_conn conn = {.cancel = &s->cancel, .unwanted = s->unwanted};
    wf_status status =
        pg_timeline_judge(&conn, s->settings, place->was, place->now, &place->from, err);
    pg_conn_close(&conn);
    return status;
}

/* A slot that was there before a first start goes on from where it stands; with a
 * publication that was not there yet, from here on. */
static wf_status postgres_open_adopt_slot(struct postgres_state *s,
                                          const struct pg_slot_facts *facts,
                                          struct postgres_open_place *place, wf_error *err)
{
    place->slot = facts->confirmed_lsn;
    if (s->publication.made) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        wf_status status =
            pg_conn_query(&s->control, "move the replication slot on",
                          "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance($1,"
                          " pg_catalog.pg_current_wal_lsn())",
                          (const char *const[]){s->slot}, 1, &rows, err);
        if (status)
            return status;
        if (!pg_position_lsn_parse(pg_conn_cell(rows, 0, 0), &place->slot))
            return error_set(err, WF_PROTOCOL,
                             "cannot move the replication slot on: the "
                             "server gave no position");
    }
    place->from = (struct pg_position){.flush = place->slot};
    return WF_OK;
}

static wf_status postgres_open_slot(struct postgres_state *s,
                                    struct postgres_open_place *place, wf_error *err)
{
    struct pg_slot_facts facts;
    wf_error lost;
    wf_status status = pg_slot_read(&s->control, s->slot, &facts, err);
    if (status)
        return status;
    /* A slot that was made so gives prepared transactions whether asked to or not. */
    const struct pg_options *options = s->settings->options;
    s->two_phase = options->two_phase || facts.two_phase;
    status = pg_slot_judge(&facts, s->slot, &place->from, &lost);
    if (!status && !place->first)
        status = postgres_open_same_past(s, place, &lost);
    if (status == WF_STATE && postgres_open_may_resnapshot(s))
        return postgres_open_anew(s, place, &lost, err);
    if (status) {
        if (err)
            *err = lost;
        return status;
    }
    if (!facts.exists)
        return postgres_open_make_slot(s, place, err);
    if (options->failover && !facts.failover)
        pg_notice_tell(
            s->out, LOG_WARN,
            "slot '%s' was made without options.failover, so no standby keeps it; "
            "to mend it, on a replication connection while the source is stopped: "
            "ALTER_REPLICATION_SLOT %s (FAILOVER true)",
            s->slot, s->slot);
    if (place->first)
        return postgres_open_adopt_slot(s, &facts, place, err);
    place->slot = facts.confirmed_lsn;
    return WF_OK;
}

/* ---- decoding ------------------------------------------------------------------------ */

static void postgres_open_on_commit(void *ctx, uint32_t xid)
{
    struct postgres_state *s = ctx;
    pg_commits_add(&s->commits, xid);
}

static void postgres_open_on_schema(void *ctx)
{
    struct postgres_state *s = ctx;
    pg_type_forget(pg_relation_types(s->relations));
    s->tables_stale = true;
}

static wf_status postgres_open_spool(struct postgres_state *s, wf_error *err)
{
    const struct pg_options *options = s->settings->options;
    CDC_CLEANUP(buf_release) struct buf dir;
    buf_init(&dir, LIMIT_TEXT_BYTES);
    settings_state_dir(s->settings, &dir);
    buf_lit(&dir, "/spool");
    wf_status status = buf_status(&dir, "state_dir", err);
    return status
               ? status
               : pg_spool_new(buf_c(&dir), (size_t)options->spool_memory, &s->spool, err);
}

static wf_status postgres_open_decoder(struct postgres_state *s,
                                       const struct pg_position *from, wf_error *err)
{
    wf_status status = postgres_open_spool(s, err);
    pg_catalog_of(&s->control, &s->catalog);
    if (!status)
        status = pg_relation_list_new(&s->catalog, &s->relations, err);
    if (status)
        return status;
    const struct pg_assembly_config config = {
        .out = s->out,
        .settings = s->settings,
        .relations = s->relations,
        .spool = s->spool,
        .committed = postgres_open_on_commit,
        .schema_changed = postgres_open_on_schema,
        .ctx = s,
    };
    return pg_assembly_new(&config, from, &s->assembly, err);
}

/* ---- all of it ----------------------------------------------------------------------- */

static wf_status postgres_open_parse(wf_str token, struct postgres_open_place *out,
                                     wf_error *err)
{
    out->first = !token.len;
    if (token.len && !pg_position_parse(token, &out->from))
        return error_set(err, WF_STATE, "position '%.*s' is not one of a PostgreSQL stream",
                         STR_ARG(token));
    return WF_OK;
}

static void postgres_open_tell(struct postgres_state *s,
                               const struct postgres_open_server *server,
                               const struct postgres_open_place *place)
{
    char token[PG_POSITION_TEXT];
    size_t len = pg_position_write(&place->from, token);
    if (place->first)
        s->out->commit(s->out->ctx, (wf_str){token, len});
    char timeline[32] = "standby";
    if (!s->standby_server)
        snprintf(timeline, sizeof timeline, "timeline %u",
                 (unsigned)server->timeline.number);
    pg_notice_tell(s->out, LOG_INFO,
                   "reading slot '%s' of publication '%s' from %s: PostgreSQL %d.%d, %s",
                   s->slot, s->publication.name, token, s->control.version / 10000,
                   s->control.version % 10000, timeline);
}

static wf_status postgres_open_begin(struct postgres_state *s, const struct cdc_open *with,
                                     const struct postgres_open_server *server,
                                     uint32_t was, wf_error *err)
{
    struct postgres_open_place place = {.was = was, .now = server->timeline.number};
    const struct pg_options *options = s->settings->options;
    wf_status status = postgres_open_parse(with->from, &place, err);
    if (!status)
        status = postgres_open_can_decode(s, server, err);
    if (!status && !place.first)
        status = postgres_open_same_publication(s, err);
    if (!status)
        status = postgres_open_tables(
            s, place.first ? POSTGRES_TABLES_FIRST : POSTGRES_TABLES_START, err);
    if (!status)
        status = pg_ddl_settle(&s->control, s->settings, s->out, err);
    if (!status)
        status = postgres_open_slot(s, &place, err);
    if (!status)
        status = postgres_open_decoder(s, &place.from, err);
    if (status)
        return status;
    /* Not `from`: that is how far the changes were handed on before a reconnect, and they
     * may wait in the log still. */
    s->confirmed = (struct pg_position){.flush = place.slot};
    /* What was prepared before the position and is not committed yet comes again only from
     * where the slot stands. */
    s->begin = s->two_phase ? place.slot : 0;
    status = postgres_feed_open(s, err);
    if (status)
        return status;
    s->control.patience_ms = POSTGRES_OPEN_PATIENCE_MS;
    s->beat_due_ms = clock_mono_ms() + options->heartbeat_ms;
    postgres_open_tell(s, server, &place);
    return WF_OK;
}

wf_status postgres_open_all(struct postgres_state *s, const struct cdc_open *with,
                            wf_error *err)
{
    struct postgres_open_server server = {.standby = false};
    uint32_t was = 0;
    pg_commits_open(&s->commits);
    s->settings = with->settings;
    s->out = with->out;
    s->unwanted = with->cancelled;
    wf_status status = cancel_open(&s->cancel, err);
    if (!status)
        status = postgres_open_connect(s, err);
    if (!status)
        status = pg_publication_name(s->settings, &s->publication, err);
    if (!status)
        status = pg_slot_name(s->settings, s->slot, err);
    if (!status)
        status = postgres_open_look(s, &server, err);
    if (!status)
        status = postgres_open_is_same(&server, with->identity, &was, err);
    s->standby_server = server.standby;
    if (!status && !with->removing)
        status = postgres_open_begin(s, with, &server, was, err);
    if (!status)
        pg_timeline_put(with->out_identity, &server.timeline);
    return status;
}
