/* SPDX-License-Identifier: MIT
 *
 * script_provider - a far side the test writes: changes, commits, rows to read, and every
 * failure on command.
 *
 * There is one per program.  Its log is a list of changes and commits; a position is the
 * number of entries before it, in decimal.  A change also changes the rows that a snapshot
 * reads.  All functions may be called from any thread, also from a hook.
 */
#ifndef TESTS_SUPPORT_SCRIPT_PROVIDER_H
#define TESTS_SUPPORT_SCRIPT_PROVIDER_H

#include <check.h>

#include "providers/provider.h"

/* As ck_assert(), which allocates even when all is well: not with tests/support/oom.h. */
#define SCRIPT_MUST(condition)                                                             \
    do {                                                                                   \
        if (!(condition))                                                                  \
            ck_abort_msg("%s", #condition);                                                \
    } while (0)

/* What can be made to fail or to block, and is counted. */
enum script_call {
    SCRIPT_OPEN,
    SCRIPT_POLL,
    SCRIPT_IDLE, /* counted only: a poll with budget 0 */
    SCRIPT_CONFIRM,
    SCRIPT_CLOSE, /* counted only */
    SCRIPT_LAG,
    SCRIPT_CLEANUP,
    SCRIPT_TABLES,
    SCRIPT_READER,
    SCRIPT_MARK,
    SCRIPT_CHUNK, /* fails after half of its rows */
    SCRIPT_PAUSE, /* told that it is paused, or goes on */
    SCRIPT_LEAVE,
    SCRIPT_RETRACT, /* counted only */
    SCRIPT_CALLS,
};

extern const struct cdc_provider script_provider;

/* An empty far side that does as it is told; the checked fixture. */
void script_setup(void);
void script_teardown(void);

/* ---- what happens there ---- */

void script_insert(const char *table, int64_t id, int64_t value);
void script_update(const char *table, int64_t id, int64_t value);
/* The key changes. */
void script_move(const char *table, int64_t from, int64_t to, int64_t value);
void script_delete(const char *table, int64_t id);
void script_truncate(const char *table);
/* A change that cannot be understood; NULL: not even its table and operation. */
void script_poison(const char *table);
/* Rows that come and are no longer there at the end of the transaction: only their INSERTs
 * show. */
void script_noise(const char *table, int64_t first, int64_t last);
void script_commit(void);
/* Insert and commit. */
void script_add(const char *table, int64_t id, int64_t value);
/* Rows that were there before the log began. */
void script_fill(const char *table, int64_t first, int64_t last, int64_t value);
/* Bytes of text every later row and change carries, at most 4 MiB. */
void script_pad(size_t bytes);
void script_drop_table(const char *table);
/* The lane that later changes come on; 0: none. */
void script_lane(uint32_t lane);
/* The lane is taken away by the next poll, whatever its budget, and a position given. */
void script_retract(uint32_t lane);
/* The next poll reports how far a snapshot of the provider's own is. */
void script_report(bool running, uint64_t tables_done, uint64_t rows);

/* Entries of the log. */
uint64_t script_length(void);

/* ---- what goes wrong ---- */

/* The next `times` calls fail; 0: none. */
void script_fail(enum script_call call, int times, wf_status code, const char *text);
/* Calls wait until script_release() (or, an open, until it is cancelled). */
void script_block(enum script_call call);
void script_release(enum script_call call);

/* ---- what was done ---- */

uint64_t script_count(enum script_call call);
/* Waits until the call was begun `count` times; fails the test after ten seconds. */
void script_await(enum script_call call, uint64_t count);
/* The last position that was confirmed, 0 at first; and waits until it is at least that. */
uint64_t script_confirmed(void);
void script_await_confirmed(uint64_t position);
/* The far side, too, is as it was before: nothing is confirmed. */
void script_power_cut(void);
/* What it was told last. */
bool script_paused(void);
/* Where the last open began. */
uint64_t script_opened_at(void);

/* [source] before a poll waits, and before a confirm is answered; [snapshot] after a chunk's
 * rows were read, before its mark. */
void script_on_poll(void (*hook)(int timeout_ms));
void script_on_confirm(void (*hook)(uint64_t position));
void script_on_chunk(void (*hook)(const char *table, int64_t after));

#endif
