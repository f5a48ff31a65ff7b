/* SPDX-License-Identifier: MIT
 *
 * provider_rig - a provider driven by hand, one call at a time, as a source would.  For
 * tests/contract/test_provider_contract.c, whose promises every provider keeps.
 */
#ifndef TESTS_SUPPORT_PROVIDER_RIG_H
#define TESTS_SUPPORT_PROVIDER_RIG_H

#include "providers/provider.h"

struct sqlite3;

#define PROVIDER_RIG_EVENTS 1000
#define PROVIDER_RIG_WAIT_MS 60000 /* how long anything is waited for that should come */

struct provider_rig;

struct provider_fixture {
    const struct cdc_provider *provider;
    bool durable; /* what was not confirmed comes again after close and open */
    /* The far side keeps the place, for all who share the stream: a position that was not
     * confirmed there is none. */
    bool shared;
    /* What the far side writes by itself, so that a lag of nothing may be as much. */
    int64_t idle_bytes;
    /* Optional: whether it is on this machine; where it is not, its tests are left out. */
    bool (*is_possible)(void);
    /* Optional: once per program, before the first test. */
    void (*begin)(void);
    /* Makes the far side, and the configuration. */
    void (*make)(struct provider_rig *rig, struct buf *out_config);
    void (*unmake)(struct provider_rig *rig);
    /* Inserts row `n`, as a transaction of its own.  The provider is open. */
    void (*insert)(struct provider_rig *rig, int64_t n);
    /* Optional: gives one row, as a far side does that was asked for a snapshot. */
    void (*answer)(struct provider_rig *rig);
};

struct provider_event {
    int64_t n;
    char id[80];
};

struct provider_rig {
    const struct provider_fixture *fixture;
    struct cdc_settings *settings;
    void *state;
    bool open;
    struct cdc_emitter out;
    _Atomic bool cancelled;
    struct buf identity, position;
    uint64_t room; /* events that emit() still takes */
    struct provider_event events[PROVIDER_RIG_EVENTS];
    size_t count;
    uint64_t mark;
    size_t snapshots;   /* asked for by the provider */
    size_t retracted;   /* lanes */
    bool removing;      /* the next open is for a cleanup */
    struct sqlite3 *db; /* of the sqlite fixture */
};

/* One per provider of this build; each is provider_fixture_<name>. */
extern const struct provider_fixture provider_fixture_memory, provider_fixture_sqlite,
    provider_fixture_postgres, provider_fixture_debezium;

/* The one of the test that runs, and the error of the last call. */
extern struct provider_rig rig;
extern wf_error provider_error;

/* The number of fixtures whose far side is on this machine. */
int provider_rig_count(void);
void provider_rig_begin(void); /* an unchecked fixture */
/* Makes the far side of fixture number `index`, and the settings. */
void provider_rig_setup(int index);
void provider_rig_setup_with(const struct provider_fixture *fixture);
void provider_rig_teardown(void);

/* Opens from a position, with the identity of the open before; without "try" it must work.
 */
wf_status provider_rig_try_open(wf_str from);
void provider_rig_open(wf_str from);
void provider_rig_close(void);

void provider_rig_poll(uint32_t most, int timeout_ms);
/* Polls until `count` events came in all. */
void provider_rig_read(size_t count);
/* The events from number `from` on are rows first, first + 1, ... */
void provider_rig_numbers_are(size_t from, size_t count, int64_t first);

#endif
