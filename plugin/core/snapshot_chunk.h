/* SPDX-License-Identifier: MIT
 *
 * snapshot_chunk - chunks of tables on their way from readers to the log.  Private to
 * snapshot.c and snapshot_chunk.c; all calls [source].
 */
#ifndef CORE_SNAPSHOT_CHUNK_H
#define CORE_SNAPSHOT_CHUNK_H

#include "plugin/core/snapshot_reader.h"

#define SNAPSHOT_READERS 4

struct snapshot_table {
    struct snapshot_table *next;
    uint64_t run;
    wf_str name;
    uint32_t table_id;
    struct buf after; /* end of the last chunk that is in the log */
    uint64_t rows;    /* in the log */
    int64_t estimated_rows;
    bool read; /* the last chunk is in the log */
    bool done; /* and delivered, and stored */

    /* Chunks that were read wait for the stream while the next ones are read already. */
    struct buf ahead; /* end of the last chunk that was read */
    uint64_t given;   /* chunks given to readers */
    uint64_t taken;   /* of these, in the log */
    bool reading;     /* the end of the last one given is not known yet */
    bool read_ahead;  /* the last chunk was read */
    char text[];
};

struct snapshot_ask {
    struct snapshot_ask *next;
    uint64_t run; /* 0: not kept in the store */
    size_t count;
    wf_str tables[];
};

struct snapshot {
    pthread_mutex_t lock; /* guards asks and progress */
    struct snapshot_ask *asks;
    struct snapshot_progress progress;
    _Atomic bool asked;

    /* [source] */
    struct snapshot_deps deps;
    bool attached;
    bool loaded; /* the store's open runs are in `tables` */
    bool active;
    bool reported; /* by the provider, of its own */
    struct snapshot_table *tables;
    struct snapshot_reader readers[SNAPSHOT_READERS];
    int reader_count;
    uint64_t reached; /* highest mark the stream has passed */
    uint64_t next_run;
    struct buf key;
};

/* As many readers as there may be. */
int snapshot_chunk_most_readers(const struct snapshot *s);

/* What was read but is not in the log is read again. */
void snapshot_chunk_rewind(struct snapshot_table *table);

/* Gives chunks to the readers that are free; makes new readers while fewer run than may. */
wf_status snapshot_chunk_hand_out(struct snapshot *s, wf_error *err);

/* Appends the chunks whose mark the stream has passed, as far as the log has room. */
wf_status snapshot_chunk_take(struct snapshot *s, wf_error *err);

#endif
