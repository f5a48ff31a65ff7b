/* SPDX-License-Identifier: MIT
 *
 * pg_chunk_rig - PostgreSQL's chunk reader on a real server, called by hand as core calls
 * it, with what came of it as text.
 */
#ifndef TESTS_SUPPORT_PG_CHUNK_RIG_H
#define TESTS_SUPPORT_PG_CHUNK_RIG_H

#include <pthread.h>

#include "providers/postgres/pg_snapshot.h"
#include "providers/postgres/postgres.h"
#include "tests/support/pg_rig.h"

#define PG_CHUNK_RIG_TEXT (64u << 20)

struct pg_chunk_rig {
    struct postgres_state state; /* its commits */
    struct pg_options options;   /* publication "pub" */
    struct cdc_settings settings;
    wf_str patterns[2]; /* of settings.tables, whose count is 0 */
    void *reader;
    wf_error err;
    /* One line per row: its JSON; its identity, or else its key's JSON. */
    struct buf rows, identities;
    size_t row_count;
    struct buf place;  /* where the last chunk ended */
    bool done;         /* and whether that was the end */
    size_t full_after; /* 0: never; else every so many rows fill their chunk */
};

extern struct pg_chunk_rig pg_chunks;

/* Fixtures: unchecked, checked.  A database, and a reader in it. */
void pg_chunk_rig_begin(void);
void pg_chunk_rig_setup(void);
void pg_chunk_rig_teardown(void);

void pg_chunk_rig_open(void);
void pg_chunk_rig_close(void);

/* The next chunk. */
wf_status pg_chunk_rig_try(const char *table, const char *where, uint32_t most);
void pg_chunk_rig_chunk(const char *table, uint32_t most); /* must work */
/* All of a table, from its beginning. */
void pg_chunk_rig_all(const char *table, uint32_t most);
/* The first ten rows of public.t, read by another thread. */
struct pg_chunk_rig_background {
    pthread_t thread;
    wf_status status;
    _Atomic bool ended;
};
void pg_chunk_rig_start(struct pg_chunk_rig_background *b);
/* What came of it, once it has. */
wf_status pg_chunk_rig_join(struct pg_chunk_rig_background *b);

/* Rows and place are none again. */
void pg_chunk_rig_forget(void);
/* That these are the rows so far. */
void pg_chunk_rig_expect(const char *expected);

#endif
