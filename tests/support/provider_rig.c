/* SPDX-License-Identifier: MIT
 *
 * provider_rig - the fixtures, and the source's part.
 */
#include "tests/support/provider_rig.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cdc_providers.h"
#include "providers/memory/memory.h"
#include "tests/support/temp.h"

extern const struct cdc_provider cdc_provider_sqlite;

struct provider_rig rig;
wf_error provider_error;

/* ---- the fixtures -------------------------------------------------------------------- */

static void provider_rig_memory_make(struct provider_rig *r, struct buf *out_config)
{
    (void)r;
    buf_lit(out_config, "{\"provider\":\"memory\",\"source_id\":\"contract\"}");
}

static void provider_rig_memory_unmake(struct provider_rig *r)
{
    (void)r;
}

static void provider_rig_memory_insert(struct provider_rig *r, int64_t n)
{
    char event[80];
    snprintf(event, sizeof event, "{\"table\":\"items\",\"op\":\"INSERT\",\"n\":%lld}",
             (long long)n);
    ck_assert_int_eq(memory_inject(r->state, str_from(event), &provider_error), WF_OK);
}

static void provider_rig_sqlite_do(sqlite3 *db, const char *sql)
{
    char *wrong = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &wrong);
    ck_assert_msg(code == SQLITE_OK, "%s: %s", sql, wrong ? wrong : "");
}

static void provider_rig_sqlite_make(struct provider_rig *r, struct buf *out_config)
{
    const char *path = temp_path(temp_dir(), "contract.db");
    ck_assert_int_eq(sqlite3_open(path, &r->db), SQLITE_OK);
    provider_rig_sqlite_do(
        r->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = "
               "10000; CREATE TABLE items (n INTEGER PRIMARY KEY, v TEXT)");
    struct json_writer w = json_writer_of(out_config);
    json_open(&w, NULL, '{');
    json_cstr(&w, "provider", "sqlite");
    json_cstr(&w, "source_id", "contract");
    json_cstr(&w, "connection", path);
    json_close(&w, '}');
}

static void provider_rig_sqlite_unmake(struct provider_rig *r)
{
    sqlite3_close(r->db);
}

static void provider_rig_sqlite_insert(struct provider_rig *r, int64_t n)
{
    char sql[120];
    snprintf(sql, sizeof sql, "INSERT INTO items VALUES (%lld, 'row %lld')", (long long)n,
             (long long)n);
    provider_rig_sqlite_do(r->db, sql);
}

const struct provider_fixture provider_fixture_memory = {
    .provider = &cdc_provider_memory,
    .make = provider_rig_memory_make,
    .unmake = provider_rig_memory_unmake,
    .insert = provider_rig_memory_insert,
};

const struct provider_fixture provider_fixture_sqlite = {
    .provider = &cdc_provider_sqlite,
    .durable = true,
    .make = provider_rig_sqlite_make,
    .unmake = provider_rig_sqlite_unmake,
    .insert = provider_rig_sqlite_insert,
};

#define X(name) &provider_fixture_##name,
static const struct provider_fixture *const provider_rig_known[] = {CDC_PROVIDERS(X)};
#undef X
static const struct provider_fixture *provider_rig_there[CDC_COUNT(provider_rig_known)];

int provider_rig_count(void)
{
    int count = 0;
    for (size_t i = 0; i < CDC_COUNT(provider_rig_known); i++) {
        const struct provider_fixture *fixture = provider_rig_known[i];
        if (!fixture->is_possible || fixture->is_possible())
            provider_rig_there[count++] = fixture;
        else
            fprintf(stderr, "left out: %s\n", fixture->provider->name);
    }
    return count;
}

void provider_rig_begin(void)
{
    for (size_t i = 0; i < CDC_COUNT(provider_rig_there); i++) {
        if (provider_rig_there[i] && provider_rig_there[i]->begin)
            provider_rig_there[i]->begin();
    }
}

/* ---- the source's part --------------------------------------------------------------- */

static int64_t provider_rig_number(const struct cdc_change *change)
{
    int64_t n = -1;
    wf_str value;
    const struct cdc_value *first = change->after;
    if (!change->raw.len && first && first->kind == CDC_VALUE_JSON)
        return str_to_i64(first->text, &n) ? n : -1;
    if (!change->raw.len)
        return first ? first->integer : -1;
    return json_member(change->raw, "n", &value) && str_to_i64(value, &n) ? n : -1;
}

static wf_status provider_rig_emit(void *ctx, const struct cdc_change *change,
                                   wf_error *error)
{
    (void)error;
    struct provider_rig *r = ctx;
    if (!r->room)
        return CDC_FULL;
    r->room--;
    ck_assert_uint_lt(r->count, PROVIDER_RIG_EVENTS);
    struct provider_event *event = &r->events[r->count++];
    event->n = provider_rig_number(change);
    snprintf(event->id, sizeof event->id, "%.*s", STR_ARG(change->id));
    return WF_OK;
}

static void provider_rig_commit(void *ctx, wf_str position)
{
    struct provider_rig *r = ctx;
    ck_assert_uint_le(position.len, LIMIT_POSITION);
    buf_clear(&r->position);
    buf_str(&r->position, position);
}

static void provider_rig_mark_reached(void *ctx, uint64_t mark)
{
    struct provider_rig *r = ctx;
    r->mark = mark > r->mark ? mark : r->mark;
}

static bool provider_rig_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx;
    (void)table;
    (void)op;
    return true;
}

static wf_status provider_rig_schema(void *ctx, wf_str table, wf_str ddl, wf_str position,
                                     wf_error *error)
{
    (void)ctx;
    (void)position;
    (void)error;
    ck_assert_uint_gt(table.len, 0);
    ck_assert_uint_gt(ddl.len, 0);
    return WF_OK;
}

static wf_status provider_rig_want_snapshot(void *ctx, const wf_str *tables, size_t count,
                                            wf_error *err)
{
    (void)tables, (void)count, (void)err;
    struct provider_rig *r = ctx;
    r->snapshots++;
    return WF_OK;
}

static void provider_rig_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    ck_assert_ptr_nonnull(text);
}

static void provider_rig_retract(void *ctx, uint32_t lane)
{
    struct provider_rig *r = ctx;
    ck_assert_uint_gt(lane, 0);
    ck_assert_uint_le(lane, LIMIT_LANES);
    r->retracted++;
}

static void provider_rig_snapshot_report(void *ctx,
                                         const struct cdc_snapshot_report *report)
{
    (void)ctx;
    ck_assert(report->tables_done <= report->tables);
}

/* From position `from`, with the identity of the open before. */
wf_status provider_rig_try_open(wf_str from)
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
        .removing = rig.removing,
        .out_identity = &identity,
    };
    wf_status status = provider->open(rig.state, &with, &provider_error);
    rig.open = !status;
    if (!status) {
        buf_release(&rig.identity);
        rig.identity = identity;
    } else {
        buf_release(&identity);
    }
    return status;
}

void provider_rig_open(wf_str from)
{
    wf_status status = provider_rig_try_open(from);
    ck_assert_msg(status == WF_OK, "open: %s", provider_error.text);
}

void provider_rig_close(void)
{
    if (rig.state)
        rig.fixture->provider->close(rig.state);
    free(rig.state);
    rig.state = NULL;
    rig.open = false;
}

void provider_rig_poll(uint32_t most, int timeout_ms)
{
    struct cdc_budget budget = {timeout_ms, most};
    wf_status status = rig.fixture->provider->poll(rig.state, budget, &provider_error);
    ck_assert_msg(status == WF_OK, "poll: %s", provider_error.text);
}

/* Polls until `count` events came in all. */
void provider_rig_read(size_t count)
{
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (rig.count < count && clock_mono_ms() < deadline)
        provider_rig_poll(100, 100);
    ck_assert_uint_eq(rig.count, count);
}

void provider_rig_setup(int index)
{
    provider_rig_setup_with(provider_rig_there[index]);
}

void provider_rig_setup_with(const struct provider_fixture *fixture)
{
    memset(&rig, 0, sizeof rig);
    rig.fixture = fixture;
    rig.room = UINT64_MAX;
    rig.out = (struct cdc_emitter){
        .ctx = &rig,
        .emit = provider_rig_emit,
        .commit = provider_rig_commit,
        .mark_reached = provider_rig_mark_reached,
        .wanted = provider_rig_wanted,
        .schema = provider_rig_schema,
        .want_snapshot = provider_rig_want_snapshot,
        .notice = provider_rig_notice,
        .retract = provider_rig_retract,
        .snapshot_report = provider_rig_snapshot_report,
    };
    buf_init(&rig.identity, LIMIT_TEXT_BYTES);
    buf_init(&rig.position, LIMIT_POSITION);
    struct buf config;
    buf_init(&config, LIMIT_CONFIG_BYTES);
    rig.fixture->make(&rig, &config);
    const struct cdc_provider *const known[] = {rig.fixture->provider, NULL};
    cJSON *parsed = cJSON_Parse(buf_c(&config));
    wf_status status = settings_parse(parsed, known, &rig.settings, &provider_error);
    ck_assert_msg(status == WF_OK, "settings: %s", provider_error.text);
    cJSON_Delete(parsed);
    buf_release(&config);
}

void provider_rig_teardown(void)
{
    provider_rig_close();
    settings_free(rig.settings);
    rig.fixture->unmake(&rig);
    buf_release(&rig.identity);
    buf_release(&rig.position);
}

void provider_rig_numbers_are(size_t from, size_t count, int64_t first)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(rig.events[from + i].n, first + (int64_t)i);
}
