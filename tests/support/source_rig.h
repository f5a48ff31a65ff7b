/* SPDX-License-Identifier: MIT
 *
 * source_rig - one source over the script provider, and listeners that record what they are
 * given.
 */
#ifndef TESTS_SUPPORT_SOURCE_RIG_H
#define TESTS_SUPPORT_SOURCE_RIG_H

#include <pthread.h>

#include "plugin/core/source.h"
#include "plugin/core/store.h"
#include "plugin/core/subscription.h"
#include "tests/support/script_provider.h"

/* What was answered WF_OK. */
struct rig_event {
    uint64_t entry; /* of the script's log; UINT64_MAX for a snapshot row */
    enum cdc_op op;
    int64_t id;    /* of the row */
    int64_t value; /* after the change; 0 for a DELETE */
    uint64_t hash; /* of the event's id */
};

struct rig_listener {
    struct cdc_subscription sub;
    wf_str patterns[2];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rig_event *events;
    size_t count, cap;
    uint64_t calls;   /* of the callback */
    unsigned running; /* callbacks now */
    unsigned most_running;
    bool held; /* a callback waits while it is */

    /* How it answers; set before it is started, or with rig_hold() and rig_answer(). */
    int64_t bad_id;    /* the row that always fails; INT64_MIN: none */
    wf_status answer;  /* to every event; WF_OK */
    int fail_first;    /* so many calls fail, then none */
    unsigned sleep_us; /* each callback takes about this */
    void (*hook)(struct rig_listener *l,
                 const struct rig_event *event); /* in the callback */
};

extern struct cdc_source *rig_source;
extern const char *rig_dir; /* its state_dir */

/* The checked fixture: an empty far side and a source that never ran. */
void rig_setup(void);
void rig_teardown(void);
/* The same with a listener called "one", for all events; it is not started yet. */
extern struct rig_listener rig_one;
void rig_setup_one(void);
void rig_teardown_one(void);
/* Whether the source has logged a line with these words. */
bool rig_logged(const char *words);

/* Settings with these `options` (JSON members without braces, or ""). */
struct cdc_settings *rig_settings(const char *options);
void rig_start(const char *options);
wf_status rig_try_start(const char *options, wf_error *err);
/* Stops, and waits for it. */
void rig_stop(void);
/* Stops, forgets all that is in memory, and makes a source that knows only the
 * state_dir. */
void rig_reboot(void);
/* As a power cut at this moment would leave it: a copy of the state_dir, which rig_reboot()
 * then begins with. */
void rig_freeze(void);

/* One try per 1 ms, five of them, one worker, all events; nothing is started. */
void rig_listener_init(struct rig_listener *l, const char *name);
void rig_listener_release(struct rig_listener *l);
/* Only one table, and the operations of `ops` (0: all). */
void rig_only(struct rig_listener *l, const char *table, uint32_t ops);
void rig_listen(struct rig_listener *l);
void rig_leave(struct rig_listener *l);

/* One transaction for each row from first to last of table t.a; its value is its id. */
void rig_add(int64_t first, int64_t last);
/* The next polls fail; the one that waits now ends. */
void rig_break_stream(int times, wf_status code, const char *text);

void rig_hold(struct rig_listener *l, bool held);
void rig_answer(struct rig_listener *l, wf_status answer);
/* Sets bad_id. */
void rig_refuse(struct rig_listener *l, int64_t id);
/* Waits until it has had `count` events, or calls, or that many callbacks run. */
void rig_await(struct rig_listener *l, size_t count);
void rig_await_calls(struct rig_listener *l, uint64_t calls);
void rig_await_running(struct rig_listener *l, unsigned count);
/* Waits until the source is in that phase. */
void rig_await_phase(enum lifecycle_phase phase);
enum lifecycle_phase rig_phase(void);
/* Sleeps, for what must not happen. */
void rig_sleep(int64_t wait_ms);

/* How often an entry of the script's log was answered WF_OK. */
size_t rig_times(struct rig_listener *l, uint64_t entry);
/* That the listener had exactly the entries, in this order. */
void rig_expect(struct rig_listener *l, const uint64_t *entries, size_t count);
/* The first number of SQL's answer about the state. */
int64_t rig_number(const char *sql);
void rig_execute(const char *sql);
/* Nobody else can write to the state before it is unlocked. */
struct sqlite3 *rig_lock_store(void);
void rig_unlock_store(struct sqlite3 *db);
/* The body of a thread which does that in a while. */
void *rig_unlock_store_later(void *db);

#endif
