/* SPDX-License-Identifier: MIT
 *
 * pgoutput - the messages of PostgreSQL's logical replication protocol, versions 1 to 4.
 *
 * Source: PostgreSQL documentation, "Logical Replication Message Formats" and "Logical
 * Streaming Replication Protocol" (protocol-logicalrep-message-formats, 13 to 18).  This
 * file only takes bytes apart: every length and flag is checked, nothing is allocated,
 * everything is a view into the bytes.  What a message means is pg_assembly's.
 */
#ifndef PROVIDERS_PGOUTPUT_H
#define PROVIDERS_PGOUTPUT_H

#include <stdbool.h>

#include "base/reader.h"
#include "sdk/wf_plugin.h"

/* The first byte of a message. */
enum pgoutput_kind {
    PGOUTPUT_BEGIN = 'B',
    PGOUTPUT_COMMIT = 'C',
    PGOUTPUT_ORIGIN = 'O',
    PGOUTPUT_RELATION = 'R',
    PGOUTPUT_TYPE = 'Y',
    PGOUTPUT_INSERT = 'I',
    PGOUTPUT_UPDATE = 'U',
    PGOUTPUT_DELETE = 'D',
    PGOUTPUT_TRUNCATE = 'T',
    PGOUTPUT_MESSAGE = 'M',
    PGOUTPUT_STREAM_START = 'S',
    PGOUTPUT_STREAM_STOP = 'E',
    PGOUTPUT_STREAM_COMMIT = 'c',
    PGOUTPUT_STREAM_ABORT = 'A',
    PGOUTPUT_BEGIN_PREPARE = 'b',
    PGOUTPUT_PREPARE = 'P',
    PGOUTPUT_COMMIT_PREPARED = 'K',
    PGOUTPUT_ROLLBACK_PREPARED = 'r',
    PGOUTPUT_STREAM_PREPARE = 'p',
};

/* A row as it came: `columns` columns in `raw`, taken one by one with
 * pgoutput_next_column(). */
struct pgoutput_tuple {
    wf_str raw;
    uint16_t columns;
};

struct pgoutput_column {
    char kind; /* 'n' null, 'u' unchanged TOAST, 't' text, 'b' binary */
    wf_str text;
};

struct pgoutput_message {
    enum pgoutput_kind kind;

    /* B S c A b P K r p: the transaction.  Inside a streamed block, R Y I U D T M: the
     * (sub)transaction that made it; else 0. */
    uint32_t xid;
    uint32_t subxid; /* A: what was rolled back; equal to xid: all of it */

    uint64_t lsn;     /* B: of the commit record.  C c: of the commit record.  b P p: of the
                         prepare record.  K: of the commit-prepared record.  M: its own.  A:
                         of the abort record (protocol 4 streaming 'parallel', else 0).  r:
                         the prepare's end */
    uint64_t end_lsn; /* C c b P p K r: behind that record */
    int64_t ts_us;    /* B C c b P p K r, and A as lsn: microseconds since 1970 UTC */
    wf_str name;      /* O: origin.  b P K r p: gid.  M: prefix */

    uint32_t relation;         /* R I U D */
    struct pgoutput_tuple old; /* U D: columns 0 when absent */
    struct pgoutput_tuple row; /* I U */
    bool old_is_key;           /* U D: 'K', only the identity's columns are really there */
    bool has_old;              /* U D */

    wf_str relations;      /* T: big-endian oids, 4 bytes each */
    uint32_t count;        /* T: how many; R: columns */
    uint8_t flags;         /* T: 1 cascade, 2 restart identity.  M: 1 transactional */
    bool first_segment;    /* S */
    wf_str content;        /* M.  R: the columns, for pgoutput_next_field() */
    wf_str schema, table;  /* R (Y: schema and type name; relation is the type's oid) */
    char replica_identity; /* R: d n f i */
};

/* One column of a relation message. */
struct pgoutput_field {
    bool key; /* part of the replica identity */
    wf_str name;
    uint32_t type;
    int32_t modifier;
};

/* `in_stream`: between a stream start and a stream stop, where messages carry an xid, and
 * where those that begin or end a transaction or a block cannot stand (and a stream stop
 * only there).  WF_PROTOCOL, naming the kind and the place, when the bytes are no such
 * message; *out is untouched then.  Bytes behind a message's end are refused too: every
 * version of the protocol is asked for by number. */
wf_status pgoutput_parse(wf_str bytes, bool in_stream, struct pgoutput_message *out,
                         wf_error *err);

/* Tuples and columns were walked through by pgoutput_parse(), so these cannot fail while
 * something is left. `rest` begins as tuple.raw or message.content. */
bool pgoutput_next_column(struct reader *rest, struct pgoutput_column *out);
bool pgoutput_next_field(struct reader *rest, struct pgoutput_field *out);

#endif
