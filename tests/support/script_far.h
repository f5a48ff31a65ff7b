/* SPDX-License-Identifier: MIT
 *
 * script_far - the far side behind script_provider: one lock over all of it; nothing of
 * core is called while it is held.  Private to script_far.c and script_provider.c. /
 */
#ifndef TESTS_SUPPORT_SCRIPT_FAR_H
#define TESTS_SUPPORT_SCRIPT_FAR_H

#include <pthread.h>

#include "tests/support/script_provider.h"

#define SCRIPT_TABLES_MOST 4
#define SCRIPT_PATIENCE_MS 20000
#define SCRIPT_COLUMNS 3
#define SCRIPT_ID_BYTES 32
#define SCRIPT_PAD_MOST (4u * 1024u * 1024u)

enum script_kind { SCRIPT_CHANGE, SCRIPT_COMMIT, SCRIPT_BAD };

struct script_row {
    int64_t id;
    int64_t value;
    size_t pad;
};

struct script_entry {
    enum script_kind kind;
    enum cdc_op op;
    size_t table;
    uint32_t lane;
    struct script_row before;
    struct script_row after;
};

struct script_table {
    char name[64];
    struct script_row *rows; /* by id */
    size_t count;
    bool gone;
};

struct script_far {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct script_entry *entries;
    size_t count, cap;
    struct script_table tables[SCRIPT_TABLES_MOST];
    size_t table_count;
    size_t pad;
    char *padding;
    bool installed;
    struct {
        int times;
        wf_status code;
        const char *text;
        bool blocked;
        uint64_t count;
    } calls[SCRIPT_CALLS];
    uint32_t lane;      /* of later changes */
    uint32_t retracted; /* to be taken away; 0: none */
    bool report_due;
    struct cdc_snapshot_report report;
    bool paused;
    uint64_t confirmed;
    uint64_t opened_at;
    void (*on_poll)(int timeout_ms);
    void (*on_confirm)(uint64_t position);
    void (*on_chunk)(const char *table, int64_t after);
};

extern struct script_far script_far;

void script_far_lock(void);
void script_far_unlock(void); /* and whoever waits looks again */
/* Counts the call, waits while it is blocked, and fails when it is to. */
wf_status script_far_enter(enum script_call call, const _Atomic bool *cancelled,
                           wf_error *err);

#endif
