/* SPDX-License-Identifier: MIT
 *
 * pg_assembly_rig - an assembly with everything real around it but the server: handmade
 * messages go in, lines of text come out.
 */
#ifndef TESTS_SUPPORT_PG_ASSEMBLY_RIG_H
#define TESTS_SUPPORT_PG_ASSEMBLY_RIG_H

#include "plugin/core/settings.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_options.h"
#include "tests/support/pgoutput_build.h"

/* ---- a stream ------------------------------------------------------------------------ */

#define RIG_MESSAGES 512

struct rig_stream {
    struct buf bytes;
    size_t ends[RIG_MESSAGES]; /* of the messages, in `bytes` */
    uint64_t lsns[RIG_MESSAGES];
    size_t count;
};

void rig_stream_init(struct rig_stream *stream);
void rig_stream_release(struct rig_stream *stream);

/* For the functions of pgoutput_build: the message goes where this points, and rig_sent()
 * ends it. */
struct buf *rig_send(struct rig_stream *stream);
void rig_sent(struct rig_stream *stream);
/* rig_stream_add(s, begin, lsn, ts, xid) */
#define rig_stream_add(stream, kind, ...)                                                  \
    (pgoutput_build_##kind(rig_send(stream), __VA_ARGS__), rig_sent(stream))
/* The one that has nothing in it. */
void rig_stream_stop(struct rig_stream *stream);

wf_str rig_stream_at(const struct rig_stream *stream, size_t i);

/* ---- the assembly -------------------------------------------------------------------- */

#define RIG_TOKENS 2048

struct rig_token {
    char text[PG_POSITION_TEXT];
    size_t changes; /* lines that were there by then */
};

struct pg_assembly_rig {
    struct cdc_settings settings;
    struct pg_options options;
    struct pg_catalog catalog;
    struct cdc_emitter out;
    struct pg_relations *relations;
    struct pg_spool *spool;
    struct pg_assembly *assembly;

    struct buf lines;   /* one per change */
    struct buf schemas; /* "table: sql @position" lines */
    struct buf events;  /* committed, mark, schema_changed and notice lines */
    size_t changes;
    struct rig_token tokens[RIG_TOKENS];
    size_t token_count;

    const char *primary_key; /* "b a"; NULL: none */
    uint32_t unwanted;       /* operations, as bits */
    unsigned full;           /* of a hundred emits, how many find no room */
    uint32_t budget;         /* of one take; 0: more than enough */
    uint64_t random;
    size_t refused;
};

/* An assembly that begins at `from` ("0/0", or a token). */
void pg_assembly_rig_open(struct pg_assembly_rig *rig, const char *from);
void pg_assembly_rig_close(struct pg_assembly_rig *rig);

/* Takes the message until it is done.  *err is what the last attempt said. */
wf_status pg_assembly_rig_feed(struct pg_assembly_rig *rig, wf_str bytes, wf_error *err);
/* All of them from `first` on; fails the test when one is refused. */
void pg_assembly_rig_feed_all(struct pg_assembly_rig *rig, const struct rig_stream *stream,
                              size_t first);

const char *pg_assembly_rig_lines(struct pg_assembly_rig *rig);
/* What comes behind `changes` lines. */
const char *pg_assembly_rig_lines_from(const char *lines, size_t changes);
const char *pg_assembly_rig_last_token(const struct pg_assembly_rig *rig);

#endif
