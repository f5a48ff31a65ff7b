/* SPDX-License-Identifier: MIT
 *
 * source_rig - a source, and callbacks that do as they are told.
 */
#include "tests/support/source_rig.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/temp.h"

#define RIG_PATIENCE_MS 20000

struct cdc_source *rig_source;
struct rig_listener rig_one;
const char *rig_dir;
static const char *rig_frozen;
static wf_host rig_host = {.size = sizeof rig_host};

/* ---- the log ------------------------------------------------------------------------- */

static pthread_mutex_t rig_lines_lock = PTHREAD_MUTEX_INITIALIZER;
static char rig_log_memory[65536]; /* fixed: tests count allocations */
static struct buf rig_lines;       /* in it, under rig_lines_lock */

static void rig_log(void *ctx, int32_t level, wf_str line)
{
    (void)ctx;
    pthread_mutex_lock(&rig_lines_lock);
    buf_str(&rig_lines, line);
    buf_byte(&rig_lines, '\n');
    pthread_mutex_unlock(&rig_lines_lock);
    if (getenv("RIG_LOG"))
        fprintf(stderr, "%d %.*s\n", level, STR_ARG(line));
}

static const struct logger rig_logger = {NULL, rig_log};

bool rig_logged(const char *words)
{
    pthread_mutex_lock(&rig_lines_lock);
    bool found = str_find(buf_view(&rig_lines), str_from(words)) >= 0;
    pthread_mutex_unlock(&rig_lines_lock);
    return found;
}

/* ---- the source ---------------------------------------------------------------------- */

static void rig_new_source(void)
{
    wf_error err;
    SCRIPT_MUST(source_new(STR("s"), &rig_host, &rig_logger, &rig_source, &err) == WF_OK);
    rig_source->backoff_ms = 10;
    rig_source->check_ms = 20;
}

void rig_setup(void)
{
    buf_fixed(&rig_lines, rig_log_memory, sizeof rig_log_memory);
    script_setup();
    rig_dir = temp_dir();
    rig_frozen = NULL;
    rig_new_source();
}

void rig_teardown(void)
{
    source_free(rig_source);
    rig_source = NULL;
    script_teardown();
}

void rig_setup_one(void)
{
    rig_setup();
    rig_listener_init(&rig_one, "one");
}

void rig_teardown_one(void)
{
    rig_listener_release(&rig_one);
    rig_teardown();
}

struct cdc_settings *rig_settings(const char *options)
{
    static const struct cdc_provider *const providers[] = {&script_provider, NULL};
    char text[1024];
    snprintf(text, sizeof text,
             "{\"provider\":\"script\",\"source_id\":\"s\",\"options\":{\"state_dir\":\"%"
             "s\"%s%s}}",
             rig_dir, options[0] ? "," : "", options);
    cJSON *config = cJSON_Parse(text);
    SCRIPT_MUST(config);
    struct cdc_settings *settings = NULL;
    wf_error err = {.code = WF_OK};
    wf_status status = settings_parse(config, providers, &settings, &err);
    cJSON_Delete(config);
    if (!(!status))
        ck_abort_msg("%s", err.text);
    return settings;
}

wf_status rig_try_start(const char *options, wf_error *err)
{
    return source_start(rig_source, rig_settings(options), err);
}

void rig_start(const char *options)
{
    wf_error err = {.code = WF_OK};
    wf_status status = rig_try_start(options, &err);
    if (!(!status))
        ck_abort_msg("%s", err.text);
}

void rig_stop(void)
{
    bool waited = false;
    wf_error err = {.code = WF_OK};
    SCRIPT_MUST(source_stop(rig_source, false, &waited, &err) == WF_OK);
    SCRIPT_MUST(waited);
}

void rig_freeze(void)
{
    rig_frozen = temp_dir();
    char sql[512];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", temp_path(rig_frozen, "state.db"));
    rig_execute(sql);
}

void rig_reboot(void)
{
    rig_stop();
    source_free(rig_source);
    if (rig_frozen) {
        rig_dir = rig_frozen;
        script_power_cut();
    }
    rig_frozen = NULL;
    rig_new_source();
}

enum lifecycle_phase rig_phase(void)
{
    pthread_mutex_lock(&rig_source->lock);
    enum lifecycle_phase phase = rig_source->life.phase;
    pthread_mutex_unlock(&rig_source->lock);
    return phase;
}

void rig_await_phase(enum lifecycle_phase phase)
{
    int64_t deadline = clock_mono_ms() + RIG_PATIENCE_MS;
    pthread_mutex_lock(&rig_source->lock);
    while (rig_source->life.phase != phase)
        if (!(thread_cond_wait_until(&rig_source->changed, &rig_source->lock, deadline)))
            ck_abort_msg("the source is %s, not %s",
                         lifecycle_phase_text(rig_source->life.phase),
                         lifecycle_phase_text(phase));
    pthread_mutex_unlock(&rig_source->lock);
}

void rig_sleep(int64_t wait_ms)
{
    pthread_mutex_t lock;
    pthread_cond_t never;
    pthread_mutex_init(&lock, NULL);
    thread_cond_init(&never);
    int64_t deadline = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&lock);
    while (thread_cond_wait_until(&never, &lock, deadline))
        ;
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
    pthread_mutex_destroy(&lock);
}

static sqlite3 *rig_connect(void)
{
    sqlite3 *db;
    SCRIPT_MUST(sqlite3_open(temp_path(rig_dir, "state.db"), &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, RIG_PATIENCE_MS);
    return db;
}

int64_t rig_number(const char *sql)
{
    sqlite3 *db = rig_connect();
    sqlite3_stmt *statement;
    if (!(!sqlite3_prepare_v2(db, sql, -1, &statement, NULL)))
        ck_abort_msg("%s", sqlite3_errmsg(db));
    SCRIPT_MUST(sqlite3_step(statement) == SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

void rig_execute(const char *sql)
{
    sqlite3 *db = rig_connect();
    if (!(!sqlite3_exec(db, sql, NULL, NULL, NULL)))
        ck_abort_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

sqlite3 *rig_lock_store(void)
{
    sqlite3 *db = rig_connect();
    SCRIPT_MUST(!sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    return db;
}

void rig_unlock_store(sqlite3 *db)
{
    SCRIPT_MUST(!sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL));
    sqlite3_close(db);
}

void *rig_unlock_store_later(void *db)
{
    rig_sleep(300);
    rig_unlock_store(db);
    return NULL;
}

/* ---- the callback -------------------------------------------------------------------- */

static int64_t rig_member(wf_str object, const char *part, const char *key)
{
    wf_str inner, value;
    int64_t number = 0;
    if (json_member(object, part, &inner) && json_kind(inner) == JSON_OBJECT &&
        json_member(inner, key, &value))
        SCRIPT_MUST(str_to_i64(value, &number));
    return number;
}

static struct rig_event rig_parse(wf_str text)
{
    wf_error err;
    SCRIPT_MUST(json_check(text, "event", &err) == WF_OK);
    wf_str op, id;
    SCRIPT_MUST(json_member(text, "op", &op) && json_plain_string(op, &op));
    SCRIPT_MUST(json_member(text, "id", &id) && json_plain_string(id, &id));
    struct rig_event event = {.entry = UINT64_MAX, .op = change_op_parse(op)};
    event.id = rig_member(text, "key", "id");
    event.value = rig_member(text, "after", "v");
    event.hash = str_hash(id);
    if (event.op != CDC_READ)
        SCRIPT_MUST(str_to_u64(str_slice(id, 2, id.len), &event.entry));
    return event;
}

static void rig_record(struct rig_listener *l, const struct rig_event *event)
{
    if (l->count == l->cap) {
        l->cap *= 2;
        l->events = realloc(l->events, l->cap * sizeof *l->events);
        SCRIPT_MUST(l->events);
    }
    l->events[l->count++] = *event;
}

/* With l->lock. */
static wf_status rig_decide(struct rig_listener *l, const struct rig_event *event)
{
    if (event->id == l->bad_id)
        return WF_FAILED;
    if (l->fail_first) {
        l->fail_first--;
        return WF_FAILED;
    }
    return l->answer;
}

static wf_status rig_fire(void *ctx, wf_str action, wf_str text, wf_error *err)
{
    struct rig_listener *l = ctx;
    SCRIPT_MUST(str_eq(action, STR("cdc.change")));
    struct rig_event event = rig_parse(text);
    pthread_mutex_lock(&l->lock);
    l->calls++;
    l->running++;
    if (l->running > l->most_running)
        l->most_running = l->running;
    pthread_cond_broadcast(&l->changed);
    while (l->held)
        pthread_cond_wait(&l->changed, &l->lock);
    if (l->sleep_us) {
        int64_t deadline = clock_mono_ns() + (int64_t)l->sleep_us * 1000;
        while (clock_mono_ns() < deadline &&
               thread_cond_wait_until_ns(&l->changed, &l->lock, deadline))
            ;
    }
    pthread_mutex_unlock(&l->lock);
    if (l->hook)
        l->hook(l, &event);
    pthread_mutex_lock(&l->lock);
    wf_status status = rig_decide(l, &event);
    if (!status)
        rig_record(l, &event);
    l->running--;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return status ? error_set(err, status, "the workflow said no") : WF_OK;
}

/* ---- listeners ----------------------------------------------------------------------- */

void rig_listener_init(struct rig_listener *l, const char *name)
{
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    thread_cond_init(&l->changed);
    l->bad_id = INT64_MIN;
    l->sub.name = str_from(name);
    l->sub.filter.ops = FILTER_ALL_OPS;
    l->sub.policy = (struct subscription_policy){
        .max_attempts = 5, .initial_backoff_ms = 1, .max_backoff_ms = 4, .workers = 1};
    l->sub.callback = (wf_callback){l, rig_fire};
    l->cap = 1024;
    l->events = malloc(l->cap * sizeof *l->events);
    SCRIPT_MUST(l->events);
}

void rig_listener_release(struct rig_listener *l)
{
    rig_hold(l, false);
    rig_leave(l);
    free(l->events);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
}

void rig_only(struct rig_listener *l, const char *table, uint32_t ops)
{
    if (table) {
        l->patterns[0] = str_from(table);
        l->sub.filter.tables = (struct cdc_list){l->patterns, 1};
    }
    if (ops)
        l->sub.filter.ops = ops;
}

void rig_listen(struct rig_listener *l)
{
    wf_error err = {.code = WF_OK};
    if (!(!subscription_start(&l->sub, &rig_source->flow, &err)))
        ck_abort_msg("%s", err.text);
}

void rig_leave(struct rig_listener *l)
{
    SCRIPT_MUST(subscription_stop(&l->sub));
}

void rig_add(int64_t first, int64_t last)
{
    for (int64_t id = first; id <= last; id++)
        script_add("t.a", id, id);
}

void rig_break_stream(int times, wf_status code, const char *text)
{
    script_fail(SCRIPT_POLL, times, code, text);
    source_wake(rig_source);
}

void rig_hold(struct rig_listener *l, bool held)
{
    pthread_mutex_lock(&l->lock);
    l->held = held;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void rig_answer(struct rig_listener *l, wf_status answer)
{
    pthread_mutex_lock(&l->lock);
    l->answer = answer;
    pthread_mutex_unlock(&l->lock);
}

void rig_refuse(struct rig_listener *l, int64_t id)
{
    pthread_mutex_lock(&l->lock);
    l->bad_id = id;
    pthread_mutex_unlock(&l->lock);
}

void rig_await(struct rig_listener *l, size_t count)
{
    int64_t deadline = clock_mono_ms() + RIG_PATIENCE_MS;
    pthread_mutex_lock(&l->lock);
    while (l->count < count)
        if (!(thread_cond_wait_until(&l->changed, &l->lock, deadline)))
            ck_abort_msg("%.*s had %zu events, not %zu", STR_ARG(l->sub.name), l->count,
                         count);
    pthread_mutex_unlock(&l->lock);
}

void rig_await_calls(struct rig_listener *l, uint64_t calls)
{
    int64_t deadline = clock_mono_ms() + RIG_PATIENCE_MS;
    pthread_mutex_lock(&l->lock);
    while (l->calls < calls)
        if (!(thread_cond_wait_until(&l->changed, &l->lock, deadline)))
            ck_abort_msg("%.*s was called %llu times, not %llu", STR_ARG(l->sub.name),
                         (unsigned long long)l->calls, (unsigned long long)calls);
    pthread_mutex_unlock(&l->lock);
}

void rig_await_running(struct rig_listener *l, unsigned count)
{
    int64_t deadline = clock_mono_ms() + RIG_PATIENCE_MS;
    pthread_mutex_lock(&l->lock);
    while (l->running != count)
        if (!(thread_cond_wait_until(&l->changed, &l->lock, deadline)))
            ck_abort_msg("%u callbacks run, not %u", l->running, count);
    pthread_mutex_unlock(&l->lock);
}

size_t rig_times(struct rig_listener *l, uint64_t entry)
{
    size_t times = 0;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->count; i++)
        times += l->events[i].entry == entry;
    pthread_mutex_unlock(&l->lock);
    return times;
}

void rig_expect(struct rig_listener *l, const uint64_t *entries, size_t count)
{
    pthread_mutex_lock(&l->lock);
    ck_assert_uint_eq(l->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(l->events[i].entry, entries[i]);
    pthread_mutex_unlock(&l->lock);
}
