/* SPDX-License-Identifier: MIT
 *
 * What providers/provider.h promises, asked of every provider.  A provider takes part with a fixture:
 * how its far side is made and how a row is inserted there.
 */
#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/memory/memory.h"
#include "providers/provider.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define EVENTS 1000
#define WAIT_MS 10000

extern const struct cdc_provider cdc_provider_sqlite;

struct rig;

struct fixture {
    const struct cdc_provider *provider;
    bool durable; /* what was not confirmed comes again after close and open */
    /* Makes the far side, and the configuration. */
    void (*make)(struct rig *rig, struct buf *out_config);
    void (*unmake)(struct rig *rig);
    /* Inserts row `n`, as a transaction of its own.  The provider is open. */
    void (*insert)(struct rig *rig, int64_t n);
};

struct event {
    int64_t n;
    char id[80];
};

struct rig {
    const struct fixture *fixture;
    struct cdc_settings *settings;
    void *state;
    bool open;
    struct cdc_emitter out;
    _Atomic bool cancelled;
    struct buf identity, position;
    uint64_t room; /* events that emit() still takes */
    struct event events[EVENTS];
    size_t count;
    uint64_t mark;
    sqlite3 *db; /* of the sqlite fixture */
};

static struct rig rig;
static wf_error err;

/* ---- the fixtures ------------------------------------------------------------------------------ */

static void memory_make(struct rig *r, struct buf *out_config)
{
    (void)r;
    buf_lit(out_config, "{\"provider\":\"memory\",\"source_id\":\"contract\"}");
}

static void memory_unmake(struct rig *r)
{
    (void)r;
}

static void memory_insert(struct rig *r, int64_t n)
{
    char event[80];
    snprintf(event, sizeof event, "{\"table\":\"items\",\"op\":\"INSERT\",\"n\":%lld}", (long long)n);
    ck_assert_int_eq(memory_inject(r->state, str_from(event), &err), WF_OK);
}

static void sqlite_do(sqlite3 *db, const char *sql)
{
    char *wrong = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &wrong);
    ck_assert_msg(code == SQLITE_OK, "%s: %s", sql, wrong ? wrong : "");
}

static void sqlite_make(struct rig *r, struct buf *out_config)
{
    const char *path = temp_path(temp_dir(), "contract.db");
    ck_assert_int_eq(sqlite3_open(path, &r->db), SQLITE_OK);
    sqlite_do(r->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = "
                     "10000; CREATE TABLE items (n INTEGER PRIMARY KEY, v TEXT)");
    struct json_writer w = json_writer_of(out_config);
    json_open(&w, NULL, '{');
    json_cstr(&w, "provider", "sqlite");
    json_cstr(&w, "source_id", "contract");
    json_cstr(&w, "connection", path);
    json_close(&w, '}');
}

static void sqlite_unmake(struct rig *r)
{
    sqlite3_close(r->db);
}

static void sqlite_insert(struct rig *r, int64_t n)
{
    char sql[120];
    snprintf(sql, sizeof sql, "INSERT INTO items VALUES (%lld, 'row %lld')", (long long)n,
             (long long)n);
    sqlite_do(r->db, sql);
}

static const struct fixture fixtures[] = {
    {&cdc_provider_memory, false, memory_make, memory_unmake, memory_insert},
    {&cdc_provider_sqlite, true, sqlite_make, sqlite_unmake, sqlite_insert},
};

/* ---- the source's part ------------------------------------------------------------------------- */

static int64_t event_number(const struct cdc_change *change)
{
    int64_t n = -1;
    wf_str value;
    if (!change->raw.len)
        return change->after ? change->after[0].integer : -1;
    return json_member(change->raw, "n", &value) && str_to_i64(value, &n) ? n : -1;
}

static wf_status rig_emit(void *ctx, const struct cdc_change *change, wf_error *error)
{
    (void)error;
    struct rig *r = ctx;
    if (!r->room)
        return CDC_FULL;
    r->room--;
    ck_assert_uint_lt(r->count, EVENTS);
    struct event *event = &r->events[r->count++];
    event->n = event_number(change);
    snprintf(event->id, sizeof event->id, "%.*s", STR_ARG(change->id));
    return WF_OK;
}

static void rig_commit(void *ctx, wf_str position)
{
    struct rig *r = ctx;
    ck_assert_uint_le(position.len, LIMIT_POSITION);
    buf_clear(&r->position);
    buf_str(&r->position, position);
}

static void rig_mark_reached(void *ctx, uint64_t mark)
{
    struct rig *r = ctx;
    r->mark = mark > r->mark ? mark : r->mark;
}

static bool rig_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx;
    (void)table;
    (void)op;
    return true;
}

static wf_status rig_schema(void *ctx, wf_str table, wf_str ddl, wf_str position, wf_error *error)
{
    (void)ctx;
    (void)position;
    (void)error;
    ck_assert_uint_gt(table.len, 0);
    ck_assert_uint_gt(ddl.len, 0);
    return WF_OK;
}

static void rig_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    ck_assert_ptr_nonnull(text);
}

/* From position `from`, with the identity of the open before. */
static wf_status rig_try_open(wf_str from)
{
    const struct cdc_provider *provider = rig.fixture->provider;
    struct buf identity;
    buf_init(&identity, LIMIT_TEXT_BYTES);
    rig.state = calloc(1, provider->state_size);
    struct cdc_open with = {
        .settings = rig.settings,
        .from = from,
        .identity = buf_view(&rig.identity),
        .out = &rig.out,
        .cancelled = &rig.cancelled,
        .out_identity = &identity,
    };
    wf_status status = provider->open(rig.state, &with, &err);
    rig.open = !status;
    if (!status) {
        buf_release(&rig.identity);
        rig.identity = identity;
    } else {
        buf_release(&identity);
    }
    return status;
}

static void rig_open(wf_str from)
{
    wf_status status = rig_try_open(from);
    ck_assert_msg(status == WF_OK, "open: %s", err.text);
}

static void rig_close(void)
{
    if (rig.state)
        rig.fixture->provider->close(rig.state);
    free(rig.state);
    rig.state = NULL;
    rig.open = false;
}

static void rig_poll(uint32_t most, int timeout_ms)
{
    struct cdc_budget budget = {timeout_ms, most};
    wf_status status = rig.fixture->provider->poll(rig.state, budget, &err);
    ck_assert_msg(status == WF_OK, "poll: %s", err.text);
}

/* Polls until `count` events came in all. */
static void rig_read(size_t count)
{
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    while (rig.count < count && clock_mono_ms() < deadline)
        rig_poll(100, 100);
    ck_assert_uint_eq(rig.count, count);
}

static void setup_for(int index)
{
    memset(&rig, 0, sizeof rig);
    rig.fixture = &fixtures[index];
    rig.room = UINT64_MAX;
    rig.out = (struct cdc_emitter){&rig,       rig_emit,   rig_commit, rig_mark_reached,
                                   rig_wanted, rig_schema, rig_notice};
    buf_init(&rig.identity, LIMIT_TEXT_BYTES);
    buf_init(&rig.position, LIMIT_POSITION);
    struct buf config;
    buf_init(&config, LIMIT_CONFIG_BYTES);
    rig.fixture->make(&rig, &config);
    const struct cdc_provider *const known[] = {rig.fixture->provider, NULL};
    cJSON *parsed = cJSON_Parse(buf_c(&config));
    wf_status status = settings_parse(parsed, known, &rig.settings, &err);
    ck_assert_msg(status == WF_OK, "settings: %s", err.text);
    cJSON_Delete(parsed);
    buf_release(&config);
}

static void teardown(void)
{
    rig_close();
    settings_free(rig.settings);
    rig.fixture->unmake(&rig);
    buf_release(&rig.identity);
    buf_release(&rig.position);
}

static void numbers_are(size_t from, size_t count, int64_t first)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(rig.events[from + i].n, first + (int64_t)i);
}

/* ---- the contract ------------------------------------------------------------------------------ */

START_TEST(the_table_of_functions_is_complete)
{
    setup_for(_i);
    const struct cdc_provider *provider = rig.fixture->provider;
    ck_assert_uint_gt(strlen(provider->name), 0);
    ck_assert_uint_gt(strlen(provider->summary), 0);
    ck_assert_int_ne(provider->summary[strlen(provider->summary) - 1], '.');
    ck_assert(provider->open && provider->poll && provider->confirm && provider->interrupt &&
              provider->close);
    ck_assert(!provider->snapshot || provider->snapshot_tables);
    ck_assert(!provider->snapshot || !provider->snapshot_own);
    for (const struct cdc_option *row = provider->options; row && row->key; row++) {
        ck_assert_uint_gt(strlen(row->help), 0);
        ck_assert_uint_le(row->offset, provider->options_size);
        for (const struct cdc_option *core = settings_core_options; core->key; core++)
            ck_assert_str_ne(row->key, core->key);
    }
    teardown();
}
END_TEST

START_TEST(changes_come_in_the_order_they_were_made)
{
    setup_for(_i);
    rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 100; n++)
        rig.fixture->insert(&rig, n);
    rig_read(100);
    numbers_are(0, 100, 1);
    rig_poll(100, 0);
    ck_assert_uint_eq(rig.count, 100);
    teardown();
}
END_TEST

START_TEST(every_change_has_an_id_of_its_own)
{
    setup_for(_i);
    if (rig.fixture->durable) { /* a finished event brings what id it has */
        rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 20; n++)
            rig.fixture->insert(&rig, n);
        rig_read(20);
        for (size_t a = 0; a < 20; a++)
            for (size_t b = 0; b < a; b++)
                ck_assert_str_ne(rig.events[a].id, rig.events[b].id);
    }
    teardown();
}
END_TEST

START_TEST(a_change_that_found_no_room_is_given_again_and_none_is_lost_or_doubled)
{
    setup_for(_i);
    rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 30; n++)
        rig.fixture->insert(&rig, n);
    for (size_t taken = 0; taken < 30; taken += 3) {
        rig.room = 0;
        rig_poll(100, 0);
        ck_assert_uint_eq(rig.count, taken);
        rig.room = 3;
        rig_read(taken + 3);
    }
    rig.room = UINT64_MAX;
    rig_poll(100, 0);
    ck_assert_uint_eq(rig.count, 30);
    numbers_are(0, 30, 1);
    teardown();
}
END_TEST

START_TEST(a_budget_of_nothing_reads_nothing)
{
    setup_for(_i);
    rig_open(STR_EMPTY);
    rig.fixture->insert(&rig, 1);
    rig_poll(0, 0);
    rig_poll(0, 30);
    ck_assert_uint_eq(rig.count, 0);
    rig_read(1);
    teardown();
}
END_TEST

START_TEST(no_poll_gives_more_than_its_budget)
{
    setup_for(_i);
    rig_open(STR_EMPTY);
    for (int64_t n = 1; n <= 20; n++)
        rig.fixture->insert(&rig, n);
    int64_t deadline = clock_mono_ms() + WAIT_MS;
    while (rig.count < 20 && clock_mono_ms() < deadline) {
        size_t before = rig.count;
        rig_poll(3, 100);
        ck_assert_uint_le(rig.count - before, 3);
    }
    numbers_are(0, 20, 1);
    teardown();
}
END_TEST

START_TEST(a_quiet_poll_returns_when_its_time_is_up)
{
    setup_for(_i);
    rig_open(STR_EMPTY);
    rig_poll(100, 0); /* what an open leaves to be done */
    int64_t before = clock_mono_ms();
    rig_poll(100, 50);
    ck_assert_int_ge(clock_mono_ms() - before, 30);
    ck_assert_int_lt(clock_mono_ms() - before, 5000);
    ck_assert_uint_eq(rig.count, 0);
    teardown();
}
END_TEST

static void *interrupt_soon(void *arg)
{
    (void)arg;
    const struct timespec moment = {.tv_nsec = 50000000};
    nanosleep(&moment, NULL);
    rig.fixture->provider->interrupt(rig.state);
    return NULL;
}

/* The even rounds read, the odd ones have a budget of nothing. */
START_TEST(an_interrupt_ends_a_poll_also_one_that_begins_later)
{
    setup_for(_i % (int)CDC_COUNT(fixtures));
    uint32_t most = _i < (int)CDC_COUNT(fixtures) ? 100 : 0;
    rig_open(STR_EMPTY);
    rig_poll(most, 0);
    int64_t before = clock_mono_ms();
    rig.fixture->provider->interrupt(rig.state);
    rig_poll(most, WAIT_MS);
    pthread_t thread;
    ck_assert_int_eq(thread_start(&thread, "interrupt", interrupt_soon, NULL, &err), WF_OK);
    rig_poll(most, WAIT_MS);
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_mono_ms() - before, WAIT_MS / 2);
    teardown();
}
END_TEST

START_TEST(after_a_confirm_an_open_goes_on_behind_it)
{
    setup_for(_i);
    if (rig.fixture->durable) {
        rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 5; n++)
            rig.fixture->insert(&rig, n);
        rig_read(5);
        ck_assert_uint_gt(rig.position.len, 0);
        ck_assert_int_eq(rig.fixture->provider->confirm(rig.state, buf_view(&rig.position), &err),
                         WF_OK);
        for (int64_t n = 6; n <= 8; n++)
            rig.fixture->insert(&rig, n);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        rig_close();
        rig_open(buf_view(&from));
        rig_read(8);
        numbers_are(0, 8, 1);
        buf_release(&from);
    }
    teardown();
}
END_TEST

START_TEST(what_was_not_confirmed_comes_again_with_the_same_ids)
{
    setup_for(_i);
    if (rig.fixture->durable) {
        rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        rig_read(1);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        for (int64_t n = 2; n <= 6; n++)
            rig.fixture->insert(&rig, n);
        rig_read(6);
        rig_close();
        rig_open(buf_view(&from));
        rig_read(11);
        numbers_are(6, 5, 2);
        for (size_t i = 1; i < 6; i++)
            ck_assert_str_eq(rig.events[i].id, rig.events[i + 5].id);
        buf_release(&from);
    }
    teardown();
}
END_TEST

START_TEST(another_identity_than_the_stored_one_is_refused)
{
    setup_for(_i);
    if (rig.fixture->durable) {
        rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        rig_read(1);
        struct buf from;
        buf_init(&from, LIMIT_POSITION);
        buf_str(&from, buf_view(&rig.position));
        rig_close();
        ck_assert_uint_gt(rig.identity.len, 0);
        buf_clear(&rig.identity);
        buf_lit(&rig.identity, "somebody else");
        ck_assert_int_eq(rig_try_open(buf_view(&from)), WF_STATE);
        ck_assert_uint_gt(strlen(err.text), 0);
        buf_release(&from);
    }
    teardown();
}
END_TEST

START_TEST(a_state_that_was_never_opened_can_be_closed)
{
    setup_for(_i);
    rig.state = calloc(1, rig.fixture->provider->state_size);
    rig_close();
    teardown();
}
END_TEST

START_TEST(a_state_whose_open_failed_can_be_closed)
{
    setup_for(_i);
    if (rig.fixture->provider->connection_help) {
        rig.settings->connection = STR("/nowhere/at/all/contract.db");
        ck_assert_int_ne(rig_try_open(STR_EMPTY), WF_OK);
        ck_assert_uint_gt(strlen(err.text), 0);
        rig_close();
    }
    teardown();
}
END_TEST

START_TEST(the_lag_is_nothing_when_nothing_waits)
{
    setup_for(_i);
    if (rig.fixture->provider->lag) {
        struct cdc_lag lag = {-7, -7};
        rig_open(STR_EMPTY);
        rig_poll(100, 0);
        ck_assert_int_eq(rig.fixture->provider->lag(rig.state, &lag, &err), WF_OK);
        ck_assert_int_le(lag.bytes, 0);
        ck_assert_int_le(lag.seconds, 0);
        ck_assert_int_ge(lag.bytes, -1);
    }
    teardown();
}
END_TEST

START_TEST(a_second_cleanup_finds_nothing)
{
    setup_for(_i);
    if (rig.fixture->provider->cleanup) {
        struct buf removed;
        buf_init(&removed, LIMIT_CONFIG_BYTES);
        rig_open(STR_EMPTY);
        rig_poll(100, 0);
        ck_assert_int_eq(rig.fixture->provider->cleanup(rig.state, &removed, &err), WF_OK);
        ck_assert_int_eq(rig.fixture->durable, removed.len > 0);
        buf_clear(&removed);
        ck_assert_int_eq(rig.fixture->provider->cleanup(rig.state, &removed, &err), WF_OK);
        ck_assert_uint_eq(removed.len, 0);
        buf_release(&removed);
    }
    teardown();
}
END_TEST

/* ---- snapshots --------------------------------------------------------------------------------- */

static wf_status note_table(void *ctx, wf_str table, int64_t rows, wf_error *error)
{
    (void)error;
    struct buf *name = ctx;
    ck_assert_int_ge(rows, -1);
    buf_clear(name);
    buf_str(name, table);
    return WF_OK;
}

struct chunk_rows {
    int64_t numbers[EVENTS];
    size_t count;
};

static wf_status note_row(void *ctx, struct cdc_table *table, const struct cdc_value *values,
                          wf_str identity, wf_error *error)
{
    (void)identity;
    (void)error;
    struct chunk_rows *rows = ctx;
    ck_assert_uint_eq(table->count, 2);
    ck_assert_int_eq(values[0].kind, CDC_VALUE_INT);
    rows->numbers[rows->count++] = values[0].integer;
    return WF_OK;
}

START_TEST(chunks_give_every_row_once_in_the_order_of_the_key_and_marks_are_reached)
{
    setup_for(_i);
    const struct cdc_snapshot_reader *how = rig.fixture->provider->snapshot;
    if (how) {
        struct buf table, after;
        struct chunk_rows rows = {.count = 0};
        buf_init(&table, LIMIT_TEXT_BYTES);
        buf_init(&after, LIMIT_TEXT_BYTES);
        rig_open(STR_EMPTY);
        for (int64_t n = 1; n <= 20; n++)
            rig.fixture->insert(&rig, n);
        ck_assert_int_eq(
            rig.fixture->provider->snapshot_tables(rig.state, &table, note_table, &err), WF_OK);
        void *reader = calloc(1, how->size);
        ck_assert_int_eq(how->open(reader, rig.state, rig.settings, &err), WF_OK);
        bool done = false;
        for (int chunk = 0; !done && chunk < 20; chunk++) {
            struct buf next;
            buf_init(&next, LIMIT_TEXT_BYTES);
            struct cdc_chunk_request ask = {.table = buf_view(&table),
                                            .after = buf_view(&after),
                                            .max_rows = 3,
                                            .ctx = &rows,
                                            .row = note_row};
            struct cdc_chunk_result result = {.after = &next};
            size_t before = rows.count;
            ck_assert_int_eq(how->read_chunk(reader, &ask, &result, &err), WF_OK);
            ck_assert_uint_le(rows.count - before, 3);
            done = result.done;
            buf_release(&after);
            after = next;
        }
        ck_assert(done);
        ck_assert_uint_eq(rows.count, 20);
        for (size_t i = 0; i < rows.count; i++)
            ck_assert_int_eq(rows.numbers[i], (int64_t)i + 1);
        uint64_t mark = 0;
        ck_assert_int_eq(how->mark(reader, &mark, &err), WF_OK);
        int64_t deadline = clock_mono_ms() + WAIT_MS;
        while (rig.mark < mark && clock_mono_ms() < deadline)
            rig_poll(100, 100);
        ck_assert_uint_ge(rig.mark, mark);
        ck_assert_uint_eq(rig.count, 20); /* all that came before the mark was given before it */
        how->close(reader);
        free(reader);
        reader = calloc(1, how->size);
        how->close(reader);
        free(reader);
        buf_release(&table);
        buf_release(&after);
    }
    teardown();
}
END_TEST

START_TEST(a_provider_with_snapshots_of_its_own_makes_one)
{
    setup_for(_i);
    if (rig.fixture->provider->snapshot_own) {
        const wf_str tables[] = {STR("a"), STR("b")};
        rig_open(STR_EMPTY);
        rig.fixture->insert(&rig, 1);
        ck_assert_int_eq(rig.fixture->provider->snapshot_own(rig.state, tables, 2, &err), WF_OK);
        rig_read(2);
        ck_assert_int_eq(rig.events[0].n, 1);
    }
    teardown();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("provider contract");
    TCase *tests = tcase_create("every provider");
    tcase_set_timeout(tests, 40);
    const int all = (int)CDC_COUNT(fixtures);
    tcase_add_loop_test(tests, the_table_of_functions_is_complete, 0, all);
    tcase_add_loop_test(tests, changes_come_in_the_order_they_were_made, 0, all);
    tcase_add_loop_test(tests, every_change_has_an_id_of_its_own, 0, all);
    tcase_add_loop_test(
        tests, a_change_that_found_no_room_is_given_again_and_none_is_lost_or_doubled, 0, all);
    tcase_add_loop_test(tests, a_budget_of_nothing_reads_nothing, 0, all);
    tcase_add_loop_test(tests, no_poll_gives_more_than_its_budget, 0, all);
    tcase_add_loop_test(tests, a_quiet_poll_returns_when_its_time_is_up, 0, all);
    tcase_add_loop_test(tests, an_interrupt_ends_a_poll_also_one_that_begins_later, 0, 2 * all);
    tcase_add_loop_test(tests, after_a_confirm_an_open_goes_on_behind_it, 0, all);
    tcase_add_loop_test(tests, what_was_not_confirmed_comes_again_with_the_same_ids, 0, all);
    tcase_add_loop_test(tests, another_identity_than_the_stored_one_is_refused, 0, all);
    tcase_add_loop_test(tests, a_state_that_was_never_opened_can_be_closed, 0, all);
    tcase_add_loop_test(tests, a_state_whose_open_failed_can_be_closed, 0, all);
    tcase_add_loop_test(tests, the_lag_is_nothing_when_nothing_waits, 0, all);
    tcase_add_loop_test(tests, a_second_cleanup_finds_nothing, 0, all);
    tcase_add_loop_test(
        tests, chunks_give_every_row_once_in_the_order_of_the_key_and_marks_are_reached, 0, all);
    tcase_add_loop_test(tests, a_provider_with_snapshots_of_its_own_makes_one, 0, all);
    suite_add_tcase(suite, tests);
    return suite;
}
