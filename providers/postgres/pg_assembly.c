/* SPDX-License-Identifier: MIT
 *
 * pg_assembly - which message may come when, and what waits for a commit.
 *
 *     B change* C              emitted as it comes
 *     S change* E ... A ... c  spooled, replayed at c         (PostgreSQL documentation,
 *     S change* E ... p ... K  spooled, replayed at K          "Logical Streaming
 *     b change* P ... K        spooled, replayed at K          Replication Protocol")
 */
#include "providers/postgres/pg_assembly.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_described.h"
#include "providers/postgres/pg_emission.h"
#include "providers/postgres/pg_waiting.h"

enum pg_assembly_phase {
    PG_ASSEMBLY_IDLE,
    PG_ASSEMBLY_PLAIN,   /* B .. C */
    PG_ASSEMBLY_BLOCK,   /* S .. E */
    PG_ASSEMBLY_PREPARE, /* b .. P */
    PG_ASSEMBLY_REPLAY,  /* in c or K */
};

struct pg_assembly {
    struct pg_assembly_config config;
    struct pg_emission emission;
    enum pg_assembly_phase phase;
    uint32_t xid;  /* of the transaction that the phase is about */
    uint64_t lsn;  /* of its end, as its begin told */
    uint64_t seen; /* by this feed */

    struct pg_waiting waiting;
    struct pg_described described;
    uint64_t prepares; /* b messages */

    wf_str replayed; /* the spooled message that is not done yet */
    uint64_t replayed_arrival;
    bool replay_streamed;
};

/* ---- life ---------------------------------------------------------------------------- */

wf_status pg_assembly_new(const struct pg_assembly_config *config,
                          const struct pg_position *from, struct pg_assembly **out,
                          wf_error *err)
{
    struct pg_assembly *assembly = calloc(1, sizeof *assembly);
    if (!assembly)
        return error_no_memory(err);
    assembly->config = *config;
    assembly->described.config = &assembly->config;
    pg_emission_init(&assembly->emission, &assembly->config, from);
    *out = assembly;
    return WF_OK;
}

void pg_assembly_restart(struct pg_assembly *assembly)
{
    pg_waiting_clear(&assembly->waiting, assembly->config.spool);
    assembly->phase = PG_ASSEMBLY_IDLE;
    assembly->replayed = STR_EMPTY;
    assembly->seen = 0;
    pg_described_drop(&assembly->described);
    pg_emission_restart(&assembly->emission);
}

void pg_assembly_free(struct pg_assembly *assembly)
{
    if (!assembly)
        return;
    pg_assembly_restart(assembly);
    pg_emission_release(&assembly->emission);
    pg_waiting_release(&assembly->waiting);
    free(assembly);
}

/* ---- how far ------------------------------------------------------------------------- */

static void pg_assembly_saw(struct pg_assembly *assembly, uint64_t lsn)
{
    assembly->seen = lsn > assembly->seen ? lsn : assembly->seen;
}

void pg_assembly_passed(struct pg_assembly *assembly, uint64_t lsn)
{
    pg_assembly_saw(assembly, lsn);
    pg_emission_passed(&assembly->emission, lsn);
}

uint64_t pg_assembly_flushable(struct pg_assembly *assembly,
                               const struct pg_position *position)
{
    uint64_t lsn = pg_waiting_floor(&assembly->waiting, position->flush);
    return assembly->seen < lsn ? assembly->seen : lsn;
}

struct pg_position pg_assembly_position(const struct pg_assembly *assembly)
{
    return assembly->emission.position;
}

bool pg_assembly_midway(const struct pg_assembly *assembly)
{
    return assembly->phase != PG_ASSEMBLY_IDLE;
}

int64_t pg_assembly_time_us(const struct pg_assembly *assembly)
{
    return assembly->emission.time_us;
}

/* ---- replay -------------------------------------------------------------------------- */

static wf_status pg_assembly_replay_begin(struct pg_assembly *assembly,
                                          const struct pgoutput_message *message,
                                          bool streamed, wf_error *err)
{
    struct pg_spool *spool = assembly->config.spool;
    if (pg_spool_has(spool, message->xid)) {
        wf_status status = pg_spool_rewind(spool, message->xid, err);
        if (status)
            return status;
    }
    pg_emission_begin(&assembly->emission, message);
    assembly->phase = PG_ASSEMBLY_REPLAY;
    assembly->xid = message->xid;
    assembly->lsn = message->lsn;
    assembly->replayed = STR_EMPTY;
    assembly->replay_streamed = streamed;
    return WF_OK;
}

static wf_status pg_assembly_replay_one(struct pg_assembly *assembly, uint32_t *budget,
                                        wf_error *err)
{
    struct pgoutput_message message;
    wf_status status =
        pgoutput_parse(assembly->replayed, assembly->replay_streamed, &message, err);
    if (status)
        return status;
    if (message.kind == PGOUTPUT_RELATION)
        return pg_described_replay(&assembly->described, &message,
                                   assembly->replayed_arrival, err);
    return pg_emission_take(&assembly->emission, &message, budget, err);
}

/* Goes on where it stopped. */
static wf_status pg_assembly_replay(struct pg_assembly *assembly, uint32_t *budget,
                                    wf_error *err)
{
    struct pg_spool *spool = assembly->config.spool;
    for (bool end = false;;) {
        if (!assembly->replayed.ptr) {
            wf_status status =
                pg_spool_next(spool, assembly->xid, &assembly->replayed_arrival,
                              &assembly->replayed, &end, err);
            if (status)
                return status;
        }
        if (end)
            break;
        wf_status status = pg_assembly_replay_one(assembly, budget, err);
        if (status)
            return status;
        assembly->replayed = STR_EMPTY;
    }
    pg_spool_forget(spool, assembly->xid);
    return pg_described_put_back(&assembly->described, err);
}

/* The end of a transaction that was spooled. */
static wf_status pg_assembly_commit_spooled(struct pg_assembly *assembly,
                                            const struct pgoutput_message *message,
                                            bool streamed, uint32_t *budget, wf_error *err)
{
    wf_status status = WF_OK;
    if (assembly->phase != PG_ASSEMBLY_REPLAY)
        status = pg_assembly_replay_begin(assembly, message, streamed, err);
    if (!status)
        status = pg_assembly_replay(assembly, budget, err);
    if (status)
        return status;
    assembly->phase = PG_ASSEMBLY_IDLE;
    pg_assembly_saw(assembly, message->end_lsn);
    pg_emission_end(&assembly->emission, message->end_lsn);
    return WF_OK;
}

/* ---- spooling ------------------------------------------------------------------------ */

/* The description in force goes before the first row of a prepared transaction that it did
 * not come with. */
static wf_status pg_assembly_spool_known(struct pg_assembly *assembly, uint32_t oid,
                                         wf_error *err)
{
    struct pg_relation *relation = pg_relation_find(assembly->config.relations, oid);
    if (!relation)
        return error_set(
            err, WF_PROTOCOL,
            "the server sent a change of table %u without describing the table",
            (unsigned)oid);
    if (relation->spooled_for == assembly->prepares)
        return WF_OK;
    relation->spooled_for = assembly->prepares;
    return pg_spool_append(assembly->config.spool, assembly->xid, assembly->xid,
                           relation->arrival, relation->description, err);
}

static wf_status pg_assembly_spool_described(struct pg_assembly *assembly,
                                             const struct pgoutput_message *message,
                                             wf_error *err)
{
    struct reader oids = reader_of(message->relations.ptr, message->relations.len);
    wf_status status = WF_OK;
    if (message->kind == PGOUTPUT_TRUNCATE)
        for (uint32_t i = 0; i < message->count && !status; i++)
            status = pg_assembly_spool_known(assembly, reader_u32(&oids), err);
    else if (message->kind != PGOUTPUT_MESSAGE)
        status = pg_assembly_spool_known(assembly, message->relation, err);
    return status;
}

static wf_status pg_assembly_spool(struct pg_assembly *assembly,
                                   const struct pgoutput_message *message, wf_str bytes,
                                   uint32_t *budget, wf_error *err)
{
    bool block = assembly->phase == PG_ASSEMBLY_BLOCK;
    if (!*budget)
        return CDC_FULL;
    --*budget;
    wf_status status = WF_OK;
    if (!block)
        status = pg_assembly_spool_described(assembly, message, err);
    return status ? status
                  : pg_spool_append(assembly->config.spool, assembly->xid,
                                    block ? message->xid : assembly->xid, 0, bytes, err);
}

static wf_status pg_assembly_relation(struct pg_assembly *assembly,
                                      const struct pgoutput_message *message, wf_str bytes,
                                      wf_error *err)
{
    struct pg_spool *spool = assembly->config.spool;
    uint64_t arrival = ++assembly->described.arrivals;
    if (assembly->phase == PG_ASSEMBLY_BLOCK)
        return pg_spool_append(spool, assembly->xid, message->xid, arrival, bytes, err);
    struct pg_relation *relation;
    wf_status status =
        pg_described_learn(&assembly->described, message, arrival, &relation, err);
    if (status || assembly->phase != PG_ASSEMBLY_PREPARE)
        return status;
    relation->spooled_for = assembly->prepares;
    return pg_spool_append(spool, assembly->xid, assembly->xid, arrival, bytes, err);
}

/* ---- what may come when -------------------------------------------------------------- */

static CDC_NO_INLINE wf_status pg_assembly_misplaced(const struct pg_assembly *assembly,
                                                     const struct pgoutput_message *message,
                                                     wf_error *err)
{
    static const char *const places[] = {
        [PG_ASSEMBLY_IDLE] = "outside of a transaction",
        [PG_ASSEMBLY_PLAIN] = "inside of a transaction",
        [PG_ASSEMBLY_BLOCK] = "inside of a block of a running transaction",
        [PG_ASSEMBLY_PREPARE] = "inside of a prepared transaction",
        [PG_ASSEMBLY_REPLAY] = "in the middle of a commit",
    };
    return error_set(err, WF_PROTOCOL,
                     "the server sent a logical replication message '%c' %s",
                     (int)message->kind, places[assembly->phase]);
}

/* The message that ends what another one began must speak of the same. */
static CDC_NO_INLINE wf_status pg_assembly_mismatch(const struct pg_assembly *assembly,
                                                    const struct pgoutput_message *message,
                                                    wf_error *err)
{
    char begun[PG_LSN_TEXT], ended[PG_LSN_TEXT];
    pg_position_lsn_write(assembly->lsn, begun);
    pg_position_lsn_write(message->lsn, ended);
    return error_set(
        err, WF_PROTOCOL,
        "the server began a transaction (%u) that ends at %s, and ended one at "
        "%s",
        (unsigned)assembly->xid, begun, ended);
}

static wf_status pg_assembly_begin(struct pg_assembly *assembly,
                                   const struct pgoutput_message *message)
{
    assembly->phase = PG_ASSEMBLY_PLAIN;
    assembly->xid = message->xid;
    assembly->lsn = message->lsn;
    pg_emission_begin(&assembly->emission, message);
    return WF_OK;
}

static wf_status pg_assembly_commit(struct pg_assembly *assembly,
                                    const struct pgoutput_message *message, wf_error *err)
{
    if (message->lsn != assembly->lsn || message->end_lsn <= message->lsn)
        return pg_assembly_mismatch(assembly, message, err);
    assembly->phase = PG_ASSEMBLY_IDLE;
    pg_assembly_saw(assembly, message->end_lsn);
    pg_emission_end(&assembly->emission, message->end_lsn);
    return WF_OK;
}

static wf_status pg_assembly_stream_start(struct pg_assembly *assembly,
                                          const struct pgoutput_message *message,
                                          wf_error *err)
{
    if (message->first_segment) {
        pg_spool_forget(assembly->config.spool, message->xid);
        pg_waiting_run_no_more(&assembly->waiting, message->xid);
        wf_status status = pg_waiting_run(&assembly->waiting, message->xid, err);
        if (status)
            return status;
    } else if (!pg_waiting_runs(&assembly->waiting, message->xid)) {
        return error_set(err, WF_PROTOCOL,
                         "the server sent a part of running transaction %u without its "
                         "beginning",
                         (unsigned)message->xid);
    }
    assembly->phase = PG_ASSEMBLY_BLOCK;
    assembly->xid = message->xid;
    return WF_OK;
}

static wf_status pg_assembly_stream_commit(struct pg_assembly *assembly,
                                           const struct pgoutput_message *message,
                                           uint32_t *budget, wf_error *err)
{
    if (!pg_waiting_runs(&assembly->waiting, message->xid))
        return error_set(
            err, WF_PROTOCOL,
            "the server committed running transaction %u without having sent it",
            (unsigned)message->xid);
    if (message->end_lsn <= message->lsn)
        return pg_assembly_mismatch(assembly, message, err);
    wf_status status = pg_assembly_commit_spooled(assembly, message, true, budget, err);
    if (!status)
        pg_waiting_run_no_more(&assembly->waiting, message->xid);
    return status;
}

static wf_status pg_assembly_stream_abort(struct pg_assembly *assembly,
                                          const struct pgoutput_message *message,
                                          wf_error *err)
{
    if (message->xid == message->subxid)
        pg_waiting_run_no_more(&assembly->waiting, message->xid);
    return pg_spool_abort(assembly->config.spool, message->xid, message->subxid, err);
}

/* ---- two-phase commit ---------------------------------------------------------------- */

static wf_status pg_assembly_begin_prepare(struct pg_assembly *assembly,
                                           const struct pgoutput_message *message,
                                           wf_error *err)
{
    if (pg_waiting_prepared(&assembly->waiting, message->xid))
        return error_set(err, WF_PROTOCOL,
                         "the server sent prepared transaction %u a second time",
                         (unsigned)message->xid);
    /* From here on: a keepalive may come in between. */
    wf_status status =
        pg_waiting_prepare(&assembly->waiting, message->xid, message->lsn, false, err);
    if (status)
        return status;
    assembly->phase = PG_ASSEMBLY_PREPARE;
    assembly->xid = message->xid;
    assembly->lsn = message->lsn;
    assembly->prepares++;
    return WF_OK;
}

static wf_status pg_assembly_prepare(struct pg_assembly *assembly,
                                     const struct pgoutput_message *message, wf_error *err)
{
    if (message->lsn != assembly->lsn || message->xid != assembly->xid)
        return pg_assembly_mismatch(assembly, message, err);
    assembly->phase = PG_ASSEMBLY_IDLE;
    pg_assembly_passed(assembly, message->end_lsn);
    return WF_OK;
}

static wf_status pg_assembly_stream_prepare(struct pg_assembly *assembly,
                                            const struct pgoutput_message *message,
                                            wf_error *err)
{
    if (!pg_waiting_runs(&assembly->waiting, message->xid))
        return error_set(
            err, WF_PROTOCOL,
            "the server prepared running transaction %u without having sent it",
            (unsigned)message->xid);
    wf_status status =
        pg_waiting_prepare(&assembly->waiting, message->xid, message->lsn, true, err);
    if (status)
        return status;
    pg_waiting_run_no_more(&assembly->waiting, message->xid);
    pg_assembly_passed(assembly, message->end_lsn);
    return WF_OK;
}

static wf_status pg_assembly_commit_unknown(struct pg_assembly *assembly,
                                            const struct pgoutput_message *message,
                                            wf_error *err)
{
    char lsn[PG_LSN_TEXT];
    if (pg_emission_is_done(&assembly->emission, message->lsn)) {
        pg_assembly_passed(assembly, message->end_lsn);
        return WF_OK;
    }
    pg_position_lsn_write(message->lsn, lsn);
    return error_set(
        err, WF_STATE,
        "the content of prepared transaction '%.*s' (%u), committed at %s, was "
        "sent before the place where the slot stands and is not sent again; "
        "its changes are missing: make a new slot and a new snapshot "
        "(on_slot_lost: resnapshot)",
        STR_ARG(message->name), (unsigned)message->xid, lsn);
}

static wf_status pg_assembly_commit_prepared(struct pg_assembly *assembly,
                                             const struct pgoutput_message *message,
                                             uint32_t *budget, wf_error *err)
{
    struct pg_prepared *prepared = pg_waiting_prepared(&assembly->waiting, message->xid);
    if (!prepared)
        return pg_assembly_commit_unknown(assembly, message, err);
    if (message->end_lsn <= message->lsn || message->lsn <= prepared->lsn)
        return pg_assembly_mismatch(assembly, message, err);
    wf_status status =
        pg_assembly_commit_spooled(assembly, message, prepared->streamed, budget, err);
    if (!status)
        prepared->outcome = message->lsn;
    return status;
}

static wf_status pg_assembly_rollback_prepared(struct pg_assembly *assembly,
                                               const struct pgoutput_message *message)
{
    struct pg_prepared *prepared = pg_waiting_prepared(&assembly->waiting, message->xid);
    if (prepared) {
        pg_spool_forget(assembly->config.spool, message->xid);
        pg_waiting_drop(&assembly->waiting, prepared);
    }
    pg_assembly_passed(assembly, message->end_lsn);
    return WF_OK;
}

/* ---- messages ------------------------------------------------------------------------ */

/* I U D T M */
static inline wf_status pg_assembly_change(struct pg_assembly *assembly,
                                           const struct pgoutput_message *message,
                                           wf_str bytes, uint32_t *budget, wf_error *err)
{
    if (CDC_UNLIKELY(message->kind == PGOUTPUT_MESSAGE && !(message->flags & 1)) &&
        assembly->phase != PG_ASSEMBLY_REPLAY) {
        wf_status status = pg_emission_alone(&assembly->emission, message, budget, err);
        if (!status)
            pg_assembly_saw(assembly, message->lsn);
        return status;
    }
    switch (assembly->phase) {
    case PG_ASSEMBLY_PLAIN:
        return pg_emission_take(&assembly->emission, message, budget, err);
    case PG_ASSEMBLY_BLOCK:
    case PG_ASSEMBLY_PREPARE:
        return pg_assembly_spool(assembly, message, bytes, budget, err);
    default:
        return pg_assembly_misplaced(assembly, message, err);
    }
}

/* Those that begin, end or describe something, where they may come. */
static wf_status pg_assembly_control(struct pg_assembly *assembly,
                                     const struct pgoutput_message *message, wf_str bytes,
                                     uint32_t *budget, wf_error *err)
{
    switch (message->kind) {
    case PGOUTPUT_RELATION:
        return pg_assembly_relation(assembly, message, bytes, err);
    case PGOUTPUT_BEGIN:
        return pg_assembly_begin(assembly, message);
    case PGOUTPUT_COMMIT:
        return pg_assembly_commit(assembly, message, err);
    case PGOUTPUT_STREAM_START:
        return pg_assembly_stream_start(assembly, message, err);
    case PGOUTPUT_STREAM_STOP:
        assembly->phase = PG_ASSEMBLY_IDLE;
        return WF_OK;
    case PGOUTPUT_STREAM_COMMIT:
        return pg_assembly_stream_commit(assembly, message, budget, err);
    case PGOUTPUT_STREAM_ABORT:
        return pg_assembly_stream_abort(assembly, message, err);
    case PGOUTPUT_BEGIN_PREPARE:
        return pg_assembly_begin_prepare(assembly, message, err);
    case PGOUTPUT_PREPARE:
        return pg_assembly_prepare(assembly, message, err);
    case PGOUTPUT_STREAM_PREPARE:
        return pg_assembly_stream_prepare(assembly, message, err);
    case PGOUTPUT_COMMIT_PREPARED:
        return pg_assembly_commit_prepared(assembly, message, budget, err);
    case PGOUTPUT_ROLLBACK_PREPARED:
        return pg_assembly_rollback_prepared(assembly, message);
    default: /* O and Y say nothing that matters here */
        return WF_OK;
    }
}

static bool pg_assembly_fits(const struct pg_assembly *assembly,
                             const struct pgoutput_message *message)
{
    switch (message->kind) {
    case PGOUTPUT_RELATION:
    case PGOUTPUT_TYPE:
    case PGOUTPUT_ORIGIN:
        return assembly->phase != PG_ASSEMBLY_REPLAY;
    case PGOUTPUT_COMMIT:
        return assembly->phase == PG_ASSEMBLY_PLAIN;
    case PGOUTPUT_STREAM_STOP:
        return assembly->phase == PG_ASSEMBLY_BLOCK;
    case PGOUTPUT_PREPARE:
        return assembly->phase == PG_ASSEMBLY_PREPARE;
    case PGOUTPUT_STREAM_COMMIT:
    case PGOUTPUT_COMMIT_PREPARED:
        return assembly->phase == PG_ASSEMBLY_IDLE ||
               (assembly->phase == PG_ASSEMBLY_REPLAY && message->xid == assembly->xid &&
                message->lsn == assembly->lsn);
    default:
        return assembly->phase == PG_ASSEMBLY_IDLE;
    }
}

static bool pg_assembly_is_change(enum pgoutput_kind kind)
{
    return kind == PGOUTPUT_INSERT || kind == PGOUTPUT_UPDATE || kind == PGOUTPUT_DELETE ||
           kind == PGOUTPUT_TRUNCATE || kind == PGOUTPUT_MESSAGE;
}

wf_status pg_assembly_take(struct pg_assembly *assembly, wf_str bytes, uint64_t lsn,
                           uint32_t *budget, wf_error *err)
{
    struct pgoutput_message message;
    wf_status status =
        pgoutput_parse(bytes, assembly->phase == PG_ASSEMBLY_BLOCK, &message, err);
    if (CDC_LIKELY(!status) && CDC_LIKELY(pg_assembly_is_change(message.kind)))
        status = pg_assembly_change(assembly, &message, bytes, budget, err);
    else if (!status)
        status = pg_assembly_fits(assembly, &message)
                     ? pg_assembly_control(assembly, &message, bytes, budget, err)
                     : pg_assembly_misplaced(assembly, &message, err);
    if (CDC_UNLIKELY(status == WF_PROTOCOL)) {
        char place[PG_LSN_TEXT];
        pg_position_lsn_write(lsn, place);
        error_prefix(err, "at %s of the stream", place);
    }
    return status;
}
