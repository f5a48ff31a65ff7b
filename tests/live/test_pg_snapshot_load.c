/* SPDX-License-Identifier: MIT
 *
 * Snapshots while others write hard: what the events say in the end is what the tables
 * hold, and no row ever goes back to an older value.
 *
 * Every value is a number from one sequence, written in the order of the locks on its row,
 * so of two values of one row the larger is the later one.
 */
#include <cjson/cJSON.h>
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/source.h"
#include "plugin/core/subscription.h"
#include "tests/support/pg_rig.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

extern const struct cdc_provider cdc_provider_postgres;

#define LOAD_ROWS 4000 /* ids that are there from the beginning */
#define LOAD_IDS 6000  /* and those that may come */
#define LOAD_TABLES 3  /* keyed, composite, bare */
#define LOAD_WRITERS 2
#define LOAD_AHEAD 2000 /* values that writers may be ahead of the events */
#define LOAD_PATIENCE_MS 150000
#define LOAD_GONE INT64_MIN

/* What the events have said of a row: its value, or minus the value it had when it was
 * deleted; LOAD_GONE: nothing yet. */
struct load_table {
    const char *name;
    int64_t values[LOAD_IDS];
    unsigned reads, changes;
};

static struct load_table tables[LOAD_TABLES] = {
    {.name = "public.keyed"}, {.name = "public.composite"}, {.name = "public.bare"}};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards `tables` */
static struct cdc_source *source;
static struct cdc_subscription sub;
static const char *dir;
static wf_host host = {.size = sizeof host};
static _Atomic bool writing;
static _Atomic int64_t ending; /* the last value that counts has come */
static _Atomic int64_t seen;   /* the largest value that has come */

/* ---- events -------------------------------------------------------------------------- */

static int64_t member(wf_str object, const char *key)
{
    wf_str value;
    int64_t number;
    ck_assert(json_member(object, key, &value));
    ck_assert(str_to_i64(value, &number));
    return number;
}

static struct load_table *table_of(wf_str event)
{
    wf_str name;
    ck_assert(json_member(event, "table", &name) && json_plain_string(name, &name));
    for (size_t i = 0; i < LOAD_TABLES; i++)
        if (str_is(name, tables[i].name))
            return &tables[i];
    ck_abort_msg("an event of table %.*s", STR_ARG(name));
}

static void gone(struct load_table *table, wf_str before)
{
    wf_str id;
    /* Only its key is there, but under replica identity FULL. */
    if (json_kind(before) != JSON_OBJECT || !json_member(before, "id", &id))
        return;
    int64_t *value = &table->values[member(before, "id")];
    *value = *value == LOAD_GONE || *value < 0 ? *value : -*value;
}

static void there(struct load_table *table, wf_str after, bool read)
{
    int64_t id = member(after, "id");
    int64_t v = member(after, "v");
    ck_assert(id >= 0 && id < LOAD_IDS);
    int64_t known = table->values[id];
    int64_t last = known == LOAD_GONE ? 0 : known < 0 ? -known : known;
    ck_assert_msg(v >= last, "%s: row %lld went back from %lld to %lld%s", table->name,
                  (long long)id, (long long)known, (long long)v, read ? " by a read" : "");
    /* What was deleted must not come back by a read. */
    ck_assert_msg(!read || known == LOAD_GONE || known > 0 || v > last,
                  "%s: row %lld came back", table->name, (long long)id);
    table->values[id] = v;
    if (v > atomic_load(&seen))
        atomic_store(&seen, v);
}

static wf_status fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    (void)ctx;
    (void)action;
    (void)err;
    wf_str op, before, after;
    ck_assert(json_check(event, "event", NULL) == WF_OK);
    ck_assert(json_member(event, "op", &op) && json_plain_string(op, &op));
    ck_assert(json_member(event, "before", &before) && json_member(event, "after", &after));
    pthread_mutex_lock(&lock);
    struct load_table *table = table_of(event);
    bool read = str_is(op, "READ");
    table->reads += read;
    table->changes += !read;
    if (str_is(op, "DELETE") || str_is(op, "UPDATE"))
        gone(table, before);
    if (!str_is(op, "DELETE"))
        there(table, after, read);
    if (!str_is(op, "DELETE") && member(after, "id") == LOAD_IDS - 1)
        atomic_store(&ending, member(after, "v"));
    pthread_mutex_unlock(&lock);
    return WF_OK;
}

/* ---- the source ---------------------------------------------------------------------- */

static void log_line_out(void *ctx, int32_t level, wf_str line)
{
    (void)ctx;
    if (getenv("LOAD_LOG") || level > 2)
        fprintf(stderr, "%d %.*s\n", level, STR_ARG(line));
}

static struct cdc_settings *parse_settings(int chunk_rows)
{
    static const struct cdc_provider *const providers[] = {&cdc_provider_postgres, NULL};
    char text[1024];
    snprintf(text, sizeof text,
             "{\"provider\":\"postgres\",\"source_id\":\"load\",\"connection\":\"%s\","
             "\"tables\":[\"public.*\"],\"options\":{\"state_dir\":\"%s\",\"ddl\":\"off\","
             "\"snapshot\":\"initial\",\"snapshot_chunk_rows\":%d}}",
             pg_rig_connection(), dir, chunk_rows);
    cJSON *config = cJSON_Parse(text);
    struct cdc_settings *settings = NULL;
    wf_error err = {.code = WF_OK};
    wf_status status = settings_parse(config, providers, &settings, &err);
    cJSON_Delete(config);
    ck_assert_msg(!status, "%s", err.text);
    return settings;
}

static void start_source(int chunk_rows)
{
    static const struct logger logger = {NULL, log_line_out};
    wf_error err = {.code = WF_OK};
    ck_assert_int_eq(source_new(STR("load"), &host, &logger, &source, &err), WF_OK);
    sub = (struct cdc_subscription){
        .name = STR("load"),
        .filter = {.ops = FILTER_ALL_OPS},
        .policy = {.max_attempts = 1,
                   .initial_backoff_ms = 1,
                   .max_backoff_ms = 1,
                   .workers = 1},
        .callback = {NULL, fire},
    };
    ck_assert_int_eq(subscription_start(&sub, &source->flow, &err), WF_OK);
    wf_status status = source_start(source, parse_settings(chunk_rows), &err);
    ck_assert_msg(!status, "%s", err.text);
}

static void stop_source(void)
{
    wf_error err;
    bool waited = false;
    ck_assert_int_eq(source_stop(source, false, &waited, &err), WF_OK);
    subscription_stop(&sub);
    source_free(source);
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void await_snapshot(void)
{
    struct snapshot_progress progress = {.running = true};
    int64_t deadline = clock_mono_ms() + LOAD_PATIENCE_MS;
    for (;; nap(5)) {
        snapshot_progress(source->snapshot, &progress);
        if (!progress.running && progress.tables && progress.tables_done == progress.tables)
            return;
        ck_assert_msg(clock_mono_ms() < deadline, "the snapshot does not end: %llu rows",
                      (unsigned long long)progress.rows);
    }
}

/* Commits wait until the stream has confirmed them, and nobody sees them before: what the
 * stream has delivered is hidden for a long moment. */
static void await_us(bool on)
{
    pg_rig_exec(on ? "ALTER SYSTEM SET synchronous_standby_names = '*'"
                   : "ALTER SYSTEM RESET synchronous_standby_names");
    pg_rig_exec("SELECT pg_reload_conf()");
}

/* ---- writers ------------------------------------------------------------------------- */

/* One transaction: values come from the sequence once the row is locked. */
static void write_once(PGconn *conn, unsigned *seed)
{
    static const char *const statements[] = {
        "UPDATE %s SET v = nextval('seq') WHERE id = %d",
        "UPDATE %s SET v = nextval('seq') WHERE id BETWEEN %d - 20 AND %d",
        "DELETE FROM %s WHERE id = %d",
        ("INSERT INTO %s SELECT %d, nextval('seq') WHERE %d < 5500"
         " ON CONFLICT DO NOTHING"),
    };
    static const char *const names[] = {"keyed", "composite", "bare"};
    char sql[512];
    unsigned kind = (unsigned)rand_r(seed) % 10;
    int id = rand_r(seed) % 5500;
    const char *table = names[(unsigned)rand_r(seed) % LOAD_TABLES];
    const char *statement = statements[kind < 5 ? 0 : kind < 7 ? 1 : kind < 8 ? 2 : 3];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof sql, statement, table, id, id);
#pragma GCC diagnostic pop
    PGresult *result = PQexec(conn, sql);
    /* Two that write ranges may lock each other out; the loser tries something else. */
    ck_assert_msg(
        PQresultStatus(result) == PGRES_COMMAND_OK ||
            str_is(str_from(PQresultErrorField(result, PG_DIAG_SQLSTATE)), "40P01"),
        "%s", PQresultErrorMessage(result));
    PQclear(result);
}

struct writer {
    pthread_t thread;
    PGconn *conn;
    unsigned seed;
};

/* A snapshot ends only where the stream can follow, which it could not under a sanitizer. */
static void let_follow(PGconn *conn)
{
    int64_t written = 0;
    PGresult *result = PQexec(conn, "SELECT last_value FROM seq");
    ck_assert_msg(PQntuples(result) == 1, "%s", PQresultErrorMessage(result));
    ck_assert(str_to_i64(str_from(PQgetvalue(result, 0, 0)), &written));
    PQclear(result);
    while (atomic_load(&writing) && written - atomic_load(&seen) > LOAD_AHEAD)
        nap(5);
}

static void *write_on(void *arg)
{
    struct writer *writer = arg;
    for (unsigned i = 1; atomic_load(&writing); i++) {
        write_once(writer->conn, &writer->seed);
        if (i % 20 == 0)
            let_follow(writer->conn);
    }
    return NULL;
}

static struct writer writers[LOAD_WRITERS];

static void start_writers(void)
{
    atomic_store(&seen, pg_rig_number("SELECT last_value FROM seq"));
    atomic_store(&writing, true);
    for (unsigned i = 0; i < LOAD_WRITERS; i++) {
        writers[i].conn = pg_rig_connect();
        writers[i].seed = 4711 + i;
        ck_assert_int_eq(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]),
                         0);
    }
}

static void stop_writers(void)
{
    atomic_store(&writing, false);
    for (unsigned i = 0; i < LOAD_WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        PQfinish(writers[i].conn);
    }
}

/* ---- comparing ----------------------------------------------------------------------- */

/* All that was written has come. */
static void await_stream(void)
{
    long long last = pg_rig_number("SELECT nextval('seq')");
    pg_rig_execf("INSERT INTO keyed VALUES (%d, %lld) ON CONFLICT (id) DO UPDATE"
                 " SET v = excluded.v",
                 LOAD_IDS - 1, last);
    int64_t deadline = clock_mono_ms() + LOAD_PATIENCE_MS;
    while (atomic_load(&ending) < last) {
        ck_assert_msg(clock_mono_ms() < deadline, "the stream does not get there");
        nap(5);
    }
}

static unsigned counted(const unsigned *figure)
{
    pthread_mutex_lock(&lock);
    unsigned count = *figure;
    pthread_mutex_unlock(&lock);
    return count;
}

static void compare(struct load_table *table)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT id, v FROM %s", table->name);
    static int64_t found[LOAD_IDS];
    for (size_t i = 0; i < LOAD_IDS; i++)
        found[i] = LOAD_GONE;
    PGconn *conn = pg_rig_connect();
    PGresult *rows = PQexec(conn, sql);
    ck_assert_int_gt(PQntuples(rows), LOAD_ROWS / 2);
    for (int i = 0; i < PQntuples(rows); i++) {
        int64_t id;
        ck_assert(str_to_i64(str_from(PQgetvalue(rows, i, 0)), &id));
        ck_assert(str_to_i64(str_from(PQgetvalue(rows, i, 1)), &found[id]));
    }
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < LOAD_IDS; i++) {
        int64_t told = table->values[i] < 0 ? LOAD_GONE : table->values[i];
        ck_assert_msg(told == found[i], "%s: row %zu is %lld, the events say %lld (%lld)",
                      table->name, i, (long long)found[i], (long long)told,
                      (long long)table->values[i]);
    }
    pthread_mutex_unlock(&lock);
    PQclear(rows);
    PQfinish(conn);
}

static void begin_server(void)
{
    pg_rig_begin((const char *const[]){"max_connections=40", NULL});
}

static void set_up(void)
{
    pg_rig_setup();
    dir = temp_dir();
    for (size_t i = 0; i < LOAD_TABLES; i++) {
        for (size_t id = 0; id < LOAD_IDS; id++)
            tables[i].values[id] = LOAD_GONE;
        tables[i].reads = tables[i].changes = 0;
    }
    atomic_store(&ending, 0);
    pg_rig_exec("CREATE SEQUENCE seq CACHE 1;"
                "CREATE TABLE keyed (id int PRIMARY KEY, v bigint);"
                "CREATE TABLE composite (id int, v bigint, half int GENERATED ALWAYS AS"
                " (id / 2) STORED, part int DEFAULT 0, PRIMARY KEY (part, id));"
                "CREATE TABLE bare (id int, v bigint, pad text DEFAULT repeat('p', 200));"
                "CREATE UNIQUE INDEX ON bare ((id + 0));" /* no order for a snapshot */
                "ALTER TABLE bare REPLICA IDENTITY FULL");
    static const char *const names[] = {"keyed", "composite", "bare"};
    for (size_t i = 0; i < LOAD_TABLES; i++)
        pg_rig_execf("INSERT INTO %s (id, v) SELECT i, nextval('seq')"
                     " FROM generate_series(0, %d) i ORDER BY i * 7919 %% %d",
                     names[i], LOAD_ROWS - 1, LOAD_ROWS);
}

START_TEST(the_events_of_snapshots_and_stream_together_are_the_tables)
{
    static const int chunk_rows[] = {50, 700, 100000, 700};
    wf_error err = {.code = WF_OK};
    start_writers();
    start_source(chunk_rows[_i]);
    await_snapshot();
    unsigned first = counted(&tables[0].reads);
    ck_assert_uint_gt(first, 100);
    await_us(_i == 3);
    for (int again = 0; again < (_i == 3 ? 4 : 2); again++) {
        wf_status status = source_snapshot(source, NULL, 0, &err);
        ck_assert_msg(!status, "%s", err.text);
        await_snapshot();
    }
    await_us(false);
    stop_writers();
    await_stream();
    for (size_t i = 0; i < LOAD_TABLES; i++) {
        compare(&tables[i]);
        ck_assert_uint_gt(counted(&tables[i].changes), 20);
    }
    ck_assert_uint_gt(counted(&tables[0].reads), first);
    stop_source();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_snapshot_load");
    TCase *tc = tcase_create("pg_snapshot_load");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, begin_server, NULL);
    tcase_add_checked_fixture(tc, set_up, pg_rig_teardown);
    tcase_add_loop_test(tc, the_events_of_snapshots_and_stream_together_are_the_tables, 0,
                        4);
    suite_add_tcase(suite, tc);
    return suite;
}
