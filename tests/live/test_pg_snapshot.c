/* SPDX-License-Identifier: MIT
 *
 * The chunk reader on a real server, called as core calls it.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_change.h"
#include "providers/postgres/pg_snapshot.h"
#include "providers/postgres/postgres.h"
#include "tests/support/pg_rig.h"
#include "tests/support/run.h"

#define LIVE_TEXT (64u << 20)

static struct postgres_state state;
static struct pg_options options;
static struct cdc_settings settings;
static wf_str table_patterns[2];
static void *reader;
static bool reader_open;
static wf_error err;

/* What came of the chunks: one line of JSON per row, and the identities. */
static struct buf rows, identities, place;
static size_t row_count;
static size_t full_after; /* 0: never; else the row that fills the chunk */
static bool done;

static void reader_begin(void)
{
    reader = calloc(1, pg_snapshot_reader.size);
    ck_assert_ptr_nonnull(reader);
    wf_status status = pg_snapshot_reader.open(reader, &state, &settings, &err);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    reader_open = true;
}

static void reader_end(void)
{
    if (reader) {
        pg_snapshot_reader.close(reader);
        free(reader);
    }
    reader = NULL;
}

static void begin_server(void)
{
    pg_rig_begin(NULL);
}

static void set_up(void)
{
    pg_rig_setup();
    memset(&state, 0, sizeof state);
    options = (struct pg_options){.connect_timeout_ms = 10000, .publication = STR("pub")};
    settings = (struct cdc_settings){.connection = str_from(pg_rig_connection()),
                                     .source_id = STR("snap"),
                                     .options = &options};
    settings.tables.items = table_patterns;
    buf_init(&rows, LIVE_TEXT);
    buf_init(&identities, LIVE_TEXT);
    buf_init(&place, 1u << 20);
    row_count = 0;
    full_after = 0;
    reader_begin();
}

static void tear_down(void)
{
    reader_end();
    buf_release(&rows);
    buf_release(&identities);
    buf_release(&place);
    pg_rig_teardown();
}

static wf_status take_row(void *ctx, struct cdc_table *table,
                          const struct cdc_value *values, wf_str identity,
                          wf_error *row_err)
{
    (void)row_err;
    ck_assert_ptr_eq(ctx, &rows);
    struct cdc_change change = {
        .op = CDC_READ, .table = table, .after = values, .ts_us = CDC_NO_TIME};
    struct render_origin origin = {.header = STR_EMPTY};
    CDC_CLEANUP(buf_release) struct buf event;
    buf_init(&event, LIVE_TEXT);
    wf_str key, after;
    render_event(&event, &origin, &change, &key);
    ck_assert(json_member(buf_view(&event), "after", &after));
    buf_str(&rows, after);
    buf_byte(&rows, '\n');
    buf_str(&identities, identity.len ? identity : key);
    buf_byte(&identities, '\n');
    row_count++;
    return full_after && row_count % full_after == 0 ? CDC_FULL : WF_OK;
}

static wf_status try_chunk(const char *table, const char *where, uint32_t most)
{
    struct cdc_chunk_request request = {
        .table = str_from(table),
        .where = str_from(where),
        .after = buf_view(&place),
        .max_rows = most,
        .ctx = &rows,
        .row = take_row,
    };
    CDC_CLEANUP(buf_release) struct buf after;
    buf_init(&after, 1u << 20);
    struct cdc_chunk_result result = {&after, false};
    wf_status status = pg_snapshot_reader.read_chunk(reader, &request, &result, &err);
    if (status)
        return status;
    done = result.done;
    buf_clear(&place);
    buf_str(&place, buf_view(&after));
    return WF_OK;
}

static void chunk(const char *table, uint32_t most)
{
    size_t before = row_count;
    wf_status status = try_chunk(table, NULL, most);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    ck_assert_uint_le(row_count - before, most);
}

static void forget_rows(void)
{
    buf_clear(&rows);
    buf_clear(&identities);
    buf_clear(&place);
    row_count = 0;
}

/* All chunks of a table. */
static void read_all(const char *table, uint32_t most)
{
    forget_rows();
    for (done = false; !done;) {
        size_t before = row_count;
        chunk(table, most);
        ck_assert(done || row_count > before ||
                  str_find(buf_view(&place), STR("leaf")) > 0);
    }
}

static void expect_rows(const char *expected)
{
    ck_assert_str_eq(buf_c(&rows), expected);
}

/* ---- keys ---------------------------------------------------------------------------- */

static const struct {
    const char *make;
    const char *fill;
    const char *order;
} keyed[] = {
    {"id bigint PRIMARY KEY, v text", "SELECT i, 'v' || i FROM generate_series(-50, 50) i",
     "id"},
    {"v text, a text COLLATE \"C\", b int, PRIMARY KEY (b, a)",
     "SELECT NULL, x, i FROM generate_series(1, 10) i, unnest(ARRAY['A','a','B','b',"
     "'','''','\"','\\','é', E'\\t', E'\\n']) x",
     "b, a COLLATE \"C\""},
    {"k text PRIMARY KEY", "SELECT chr(i) || 'x' FROM generate_series(33, 200) i", "k"},
    {"k uuid PRIMARY KEY", "SELECT gen_random_uuid() FROM generate_series(1, 100)", "k"},
    {"k numeric PRIMARY KEY",
     "SELECT i / 7.0 FROM generate_series(1, 100) i UNION ALL SELECT 'NaN'", "k"},
    {"k float8 PRIMARY KEY",
     "SELECT i / 7.0::float8 FROM generate_series(1, 100) i UNION ALL VALUES"
     " ('NaN'::float8), ('-Infinity'), ('Infinity'), (1e300), (-0.0)",
     "k"},
    {"k timestamptz PRIMARY KEY",
     "SELECT '2026-01-01'::timestamptz + i * interval '1.000001 s' FROM"
     " generate_series(1, 100) i UNION ALL VALUES ('infinity'::timestamptz), ('-infinity'),"
     " ('0044-03-15 BC')",
     "k"},
    {"k char(5) PRIMARY KEY", "SELECT 'c' || i FROM generate_series(100, 200) i", "k"},
    {"k varchar(3) PRIMARY KEY", "SELECT i::text FROM generate_series(100, 200) i", "k"},
    {"k bytea PRIMARY KEY",
     "SELECT decode(lpad(to_hex(i), 4, '0'), 'hex') FROM generate_series(0, 300) i", "k"},
    {"k bit(9) PRIMARY KEY", "SELECT i::bit(9) FROM generate_series(0, 100) i", "k"},
    {"k interval PRIMARY KEY",
     "SELECT i * interval '25 hours' FROM generate_series(-50, 50) i", "k"},
    {"k inet PRIMARY KEY", "SELECT '10.0.0.0'::inet + i FROM generate_series(0, 100) i",
     "k"},
    {"k public.mood PRIMARY KEY, b boolean",
     "SELECT m, true FROM unnest(enum_range(NULL::public.mood)) m", "k"},
    {"k int[] PRIMARY KEY", "SELECT ARRAY[i / 10, i] FROM generate_series(0, 100) i", "k"},
    {"k public.positive PRIMARY KEY", "SELECT i FROM generate_series(1, 50) i", "k"},
    {"a int, b int, c int, PRIMARY KEY (c, a)",
     "SELECT i % 10, i, i / 10 FROM generate_series(0, 99) i", "c, a"},
    {"\"odd \"\"name, (x)\" int PRIMARY KEY, \"sel ect\" int",
     "SELECT i, i FROM generate_series(1, 30) i", "\"odd \"\"name, (x)\""},
    {"k date UNIQUE NOT NULL, v int",
     "SELECT '2026-01-01'::date + i, i FROM generate_series(0, 50) i", "k"},
};

START_TEST(every_row_comes_once_and_in_order)
{
    pg_rig_exec(
        "CREATE TYPE mood AS ENUM ('z', 'so', 'a', ''); CREATE DOMAIN positive AS int");
    pg_rig_execf("CREATE TABLE t (%s)", keyed[_i].make);
    pg_rig_execf("INSERT INTO t %s", keyed[_i].fill);
    pg_rig_exec("ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE t");
    read_all("public.t", 1000000);
    ck_assert_uint_eq(row_count, (size_t)pg_rig_number("SELECT count(*) FROM t"));
    char *whole = str_dup(buf_view(&rows));
    char *keys = str_dup(buf_view(&identities));
    static const uint32_t sizes[] = {1, 2, 7, 50};
    for (size_t i = 0; i < CDC_COUNT(sizes); i++) {
        read_all("public.t", sizes[i]);
        expect_rows(whole);
        ck_assert_str_eq(buf_c(&identities), keys);
    }
    free(whole);
    free(keys);
    /* And the order is the key's. */
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT to_jsonb(t)::text FROM t ORDER BY %s LIMIT 1",
             keyed[_i].order);
    ck_assert(pg_rig_query(sql)[0] != '\0');
}
END_TEST

START_TEST(a_new_reader_goes_on_where_the_last_one_ended)
{
    pg_rig_exec(
        "CREATE TABLE t (a text, b int, PRIMARY KEY (a, b));"
        "INSERT INTO t SELECT 'it''s \\ ' || i / 10, i FROM generate_series(1, 100) i;"
        "CREATE PUBLICATION pub FOR TABLE t");
    read_all("public.t", 1000);
    char *whole = str_dup(buf_view(&rows));
    forget_rows();
    for (done = false; !done;) {
        chunk("public.t", 9);
        reader_end();
        reader_begin();
    }
    expect_rows(whole);
    free(whole);
}
END_TEST

/* ---- no key -------------------------------------------------------------------------- */

START_TEST(without_a_key_every_row_comes_once_by_its_place)
{
    pg_rig_exec(
        "CREATE TABLE t (a int, b text);"
        "INSERT INTO t SELECT i, repeat('x', i % 500) FROM generate_series(1, 5000) i;"
        "DELETE FROM t WHERE a % 3 = 0 OR a BETWEEN 1000 AND 2000;"
        "ALTER TABLE t REPLICA IDENTITY FULL;"
        "CREATE PUBLICATION pub FOR TABLE t");
    size_t count = (size_t)pg_rig_number("SELECT count(*) FROM t");
    for (int analyzed = 0; analyzed < 2; analyzed++) {
        read_all("public.t", 100000);
        ck_assert_uint_eq(row_count, count);
        char *whole = str_dup(buf_view(&rows));
        read_all("public.t", 10);
        expect_rows(whole);
        read_all("public.t", 333);
        expect_rows(whole);
        full_after = 7;
        read_all("public.t", 333);
        expect_rows(whole);
        full_after = 0;
        free(whole);
        pg_rig_exec("VACUUM ANALYZE t");
    }
}
END_TEST

START_TEST(without_a_key_a_rewritten_table_is_read_again)
{
    pg_rig_exec("CREATE TABLE t (a int);"
                "INSERT INTO t SELECT i FROM generate_series(1, 1000) i;"
                "ALTER TABLE t REPLICA IDENTITY FULL;"
                "CREATE PUBLICATION pub FOR TABLE t");
    chunk("public.t", 100);
    ck_assert_uint_eq(row_count, 100);
    ck_assert(!done);
    pg_rig_exec("VACUUM FULL t");
    while (!done)
        chunk("public.t", 100);
    ck_assert_uint_eq(row_count, 1100);
}
END_TEST

START_TEST(an_empty_table_is_done_at_once)
{
    pg_rig_exec("CREATE TABLE t (a int); CREATE TABLE k (a int PRIMARY KEY);"
                "CREATE TABLE none ();"
                "CREATE PUBLICATION pub FOR TABLE t, k, none WITH (publish = 'insert')");
    read_all("public.t", 10);
    read_all("public.k", 10);
    read_all("public.none", 10);
    ck_assert_uint_eq(row_count, 0);
    pg_rig_exec("INSERT INTO none DEFAULT VALUES");
    read_all("public.none", 10);
    expect_rows("{}\n");
}
END_TEST

/* ---- partitions ---------------------------------------------------------------------- */

static void make_partitions(const char *key)
{
    pg_rig_execf("CREATE TABLE p (a int, b text %s) PARTITION BY RANGE (a);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
                 "CREATE TABLE p2 (b text, junk int, a int NOT NULL);"
                 "ALTER TABLE p2 DROP COLUMN junk;"
                 "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);"
                 "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (200) TO (300)"
                 " PARTITION BY LIST (a);"
                 "CREATE TABLE p31 PARTITION OF p3 DEFAULT;"
                 "INSERT INTO p SELECT i, 'r' || i FROM generate_series(0, 299) i",
                 key);
}

START_TEST(a_partitioned_table_is_read_through_its_root)
{
    make_partitions(_i ? ", PRIMARY KEY (a)" : "");
    pg_rig_exec(
        "ALTER TABLE p REPLICA IDENTITY FULL;"
        "CREATE PUBLICATION pub FOR TABLE p WITH (publish_via_partition_root = true)");
    read_all("public.p", 7);
    ck_assert_uint_eq(row_count, 300);
    for (int i = 0; i < 300; i += 37) {
        char row[64];
        snprintf(row, sizeof row, "{\"a\":%d,\"b\":\"r%d\"}\n", i, i);
        ck_assert(str_find(buf_view(&rows), str_from(row)) >= 0);
    }
    ck_assert_int_eq(try_chunk("public.p1", NULL, 10), WF_NOT_FOUND);
}
END_TEST

START_TEST(partitions_that_are_published_by_themselves_are_read_so)
{
    make_partitions(_i ? ", PRIMARY KEY (a)" : "");
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE p WITH (publish = 'insert')");
    static const char *const parts[] = {"public.p1", "public.p2", "public.p31"};
    size_t total = 0;
    for (size_t i = 0; i < CDC_COUNT(parts); i++) {
        read_all(parts[i], 30);
        total += row_count;
    }
    ck_assert_uint_eq(total, 300);
    forget_rows();
    ck_assert_int_eq(try_chunk("public.p", NULL, 10), WF_NOT_FOUND);
}
END_TEST

START_TEST(a_table_that_others_inherit_from_is_read_without_them)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE child () INHERITS (t);"
                "INSERT INTO t VALUES (1); INSERT INTO child VALUES (2);"
                "CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert')");
    read_all("public.t", 10);
    expect_rows("{\"a\":1}\n");
    read_all("public.child", 10);
    expect_rows("{\"a\":2}\n");
}
END_TEST

/* ---- what is left out ---------------------------------------------------------------- */

START_TEST(only_what_is_published_comes)
{
    pg_rig_exec("CREATE TABLE t (secret text, b int, a int PRIMARY KEY,"
                " g int GENERATED ALWAYS AS (b * 2) STORED);"
                "INSERT INTO t SELECT 's', i, i FROM generate_series(1, 20) i");
    if (pg_rig_version() >= 150000) {
        pg_rig_exec("CREATE PUBLICATION pub FOR TABLE t (b, a) WHERE (a > 10 AND a < 14)");
        read_all("public.t", 2);
        expect_rows("{\"b\":11,\"a\":11}\n{\"b\":12,\"a\":12}\n{\"b\":13,\"a\":13}\n");
        pg_rig_exec("DROP PUBLICATION pub");
    }
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE t");
    read_all("public.t", 100);
    ck_assert(str_starts(buf_view(&rows), STR("{\"secret\":\"s\",\"b\":1,\"a\":1}\n")));
}
END_TEST

START_TEST(the_key_may_be_unpublished)
{
    if (pg_rig_version() < 150000)
        return;
    pg_rig_exec("CREATE TABLE t (b text, a int PRIMARY KEY);"
                "INSERT INTO t SELECT 'b' || i, i FROM generate_series(1, 20) i;"
                "CREATE PUBLICATION pub FOR TABLE t (b) WITH (publish = 'insert')");
    read_all("public.t", 3);
    ck_assert_uint_eq(row_count, 20);
    ck_assert(str_starts(buf_view(&rows), STR("{\"b\":\"b1\"}\n{\"b\":\"b2\"}\n")));
    /* There is no key for the user then: rows are told apart by what they hold. */
    ck_assert(!memcmp(identities.data, "t\0\0\0\2b1\n", 8));
}
END_TEST

START_TEST(conditions_of_the_request_and_the_configuration_hold_together)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY);"
                "INSERT INTO t SELECT i FROM generate_series(1, 100) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    options.where = STR("{\"public.*\":\"a % 2 = 0 -- even\",\"t\":\"a > 90 OR a < 5\","
                        "\"public.other\":\"false\"}");
    for (done = false; !done;)
        ck_assert_int_eq(try_chunk("public.t", "a <> 94 /* not this */", 2), WF_OK);
    expect_rows("{\"a\":2}\n{\"a\":4}\n{\"a\":92}\n{\"a\":96}\n{\"a\":98}\n{\"a\":100}\n");
}
END_TEST

START_TEST(a_condition_that_is_wrong_is_an_error_of_the_configuration)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (0);"
                "CREATE PUBLICATION pub FOR TABLE t");
    static const char *const bad[] = {"nonsense = 1",
                                      "a / a = 1",
                                      "a = 'x'",
                                      "(",
                                      "a",
                                      "true) TO STDOUT; SELECT 1 WHERE (true",
                                      "true)) TO STDOUT; SELECT (((1"};
    for (size_t i = 0; i < CDC_COUNT(bad); i++) {
        wf_status status = try_chunk("public.t", bad[i], 10);
        ck_assert_msg(status == WF_CONFIG || status == WF_PROTOCOL, "%s: %d %s", bad[i],
                      status, status ? err.text : "");
        ck_assert(str_find(str_from(err.text), STR("public.t")) >= 0);
    }
    ck_assert_int_eq(try_chunk("public.t", NULL, 10), WF_OK);
}
END_TEST

/* ---- chunks that end early ----------------------------------------------------------- */

START_TEST(a_full_chunk_ends_and_the_next_goes_on)
{
    pg_rig_exec(
        "CREATE TABLE t (a int PRIMARY KEY, b text);"
        "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 300) i;"
        "CREATE PUBLICATION pub FOR TABLE t");
    full_after = (size_t)_i;
    read_all("public.t", 10000);
    ck_assert_uint_eq(row_count, 300);
    for (int a = 1; a <= 300; a++) {
        char key[32];
        snprintf(key, sizeof key, "{\"a\":%d}\n", a);
        ck_assert(str_find(buf_view(&identities), str_from(key)) >= 0);
    }
}
END_TEST

/* ---- the table changes meanwhile ----------------------------------------------------- */

START_TEST(a_table_that_is_altered_between_chunks_is_described_anew)
{
    pg_rig_exec("CREATE TYPE pair AS (x int, y int);"
                "CREATE TABLE t (a int PRIMARY KEY, b int, c int, d pair);"
                "INSERT INTO t SELECT i, i * 10, i * 100, (i, NULL)::pair"
                " FROM generate_series(1, 7) i; CREATE PUBLICATION pub FOR TABLE t");
    chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t ADD e text DEFAULT 'new'");
    chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t DROP COLUMN c");
    chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t RENAME b TO f; ALTER TABLE t RENAME e TO b;"
                "ALTER TABLE t RENAME f TO e");
    chunk("public.t", 1);
    pg_rig_exec("ALTER TYPE pair ADD ATTRIBUTE z text");
    chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t ALTER e TYPE text USING 'is ' || e");
    chunk("public.t", 1);
    expect_rows("{\"a\":1,\"b\":10,\"c\":100,\"d\":{\"x\":1,\"y\":null}}\n"
                "{\"a\":2,\"b\":20,\"c\":200,\"d\":{\"x\":2,\"y\":null},\"e\":\"new\"}\n"
                "{\"a\":3,\"b\":30,\"d\":{\"x\":3,\"y\":null},\"e\":\"new\"}\n"
                "{\"a\":4,\"e\":40,\"d\":{\"x\":4,\"y\":null},\"b\":\"new\"}\n"
                "{\"a\":5,\"e\":50,\"d\":{\"x\":5,\"y\":null,\"z\":null},\"b\":\"new\"}\n"
                "{\"a\":6,\"e\":\"is 60\",\"d\":{\"x\":6,\"y\":null,\"z\":null},"
                "\"b\":\"new\"}\n");
    if (pg_rig_version() >= 150000) {
        pg_rig_exec("ALTER PUBLICATION pub SET TABLE t (a)");
        forget_rows();
        chunk("public.t", 1);
        expect_rows("{\"a\":1}\n");
    }
}
END_TEST

START_TEST(another_primary_key_begins_the_table_again)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL);"
                "INSERT INTO t SELECT i, 10 - i FROM generate_series(1, 9) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    chunk("public.t", 5);
    pg_rig_exec("ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (b)");
    while (!done)
        chunk("public.t", 5);
    ck_assert_uint_eq(row_count, 14);
}
END_TEST

START_TEST(a_table_that_goes_is_not_found)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY);"
                "INSERT INTO t SELECT i FROM generate_series(1, 9) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    chunk("public.t", 1);
    if (_i == 0)
        pg_rig_exec("DROP TABLE t");
    else if (_i == 1)
        pg_rig_exec("ALTER TABLE t RENAME TO u");
    else
        pg_rig_exec("ALTER PUBLICATION pub DROP TABLE t");
    ck_assert_int_eq(try_chunk("public.t", NULL, 1), WF_NOT_FOUND);
    ck_assert(str_find(str_from(err.text), STR("'public.t'")) >= 0);
    if (_i == 1) {
        pg_rig_exec("ALTER TABLE u RENAME TO t");
        chunk("public.t", 1);
        ck_assert_uint_eq(row_count, 2);
    }
}
END_TEST

/* ---- places from a store that somebody wrote to -------------------------------------- */

START_TEST(a_place_that_makes_no_sense_is_refused)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2);"
                "CREATE TABLE x (a int);"
                "CREATE PUBLICATION pub FOR TABLE t");
    static const struct {
        const char *token;
        wf_status status;
    } cases[] = {
        {"rubbish", WF_STATE},
        {"[[\"a\",\"integer\",\"1); DROP TABLE x; --\"]]", WF_CONFIG},
        {"[[\"a\",\"integer\",\"1'); DROP TABLE x; --\"]]", WF_CONFIG},
        {"[[\"a\",\"integer\",\"99999999999\"]]", WF_CONFIG},
        {"[[\"a\",\"integer\",{\"hex\":\"\\\\xff\"}]]", WF_STATE},
    };
    for (size_t i = 0; i < CDC_COUNT(cases); i++) {
        buf_clear(&place);
        buf_cstr(&place, cases[i].token);
        wf_status status = try_chunk("public.t", NULL, 10);
        ck_assert_msg(status == cases[i].status, "%s: %d %s", cases[i].token, status,
                      status ? err.text : "");
    }
    ck_assert_int_eq(pg_rig_number("SELECT count(*) FROM x"), 0);
    buf_clear(&place);
    chunk("public.t", 10);
    ck_assert_uint_eq(row_count, 2);
}
END_TEST

/* ---- database snapshots that hide what was delivered --------------------------------- */

struct background {
    pthread_t thread;
    wf_status status;
    _Atomic bool ended;
};

static void *read_in_background(void *arg)
{
    struct background *b = arg;
    b->status = try_chunk("public.t", NULL, 10);
    atomic_store(&b->ended, true);
    return NULL;
}

static void start(struct background *b)
{
    *b = (struct background){.status = WF_OK};
    ck_assert_int_eq(pthread_create(&b->thread, NULL, read_in_background, b), 0);
}

static wf_status join(struct background *b)
{
    pthread_join(b->thread, NULL);
    return b->status;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

START_TEST(a_chunk_waits_until_it_would_show_what_was_delivered)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "BEGIN");
    pg_rig_on(writer, "UPDATE t SET b = 2");
    PGresult *result = PQexec(writer, "SELECT pg_current_xact_id()");
    uint64_t xid;
    ck_assert(str_to_u64(str_from(PQgetvalue(result, 0, 0)), &xid));
    PQclear(result);
    if (_i) /* so that the writer is before the snapshot's end, and listed */
        pg_rig_exec("CREATE TABLE later ()");
    /* As if its commit were in the WAL, and delivered, but not yet seen by others. */
    pg_commits_add(&state.commits, (uint32_t)xid);
    struct background b;
    start(&b);
    pause_ms(200);
    ck_assert(!atomic_load(&b.ended));
    pg_rig_on(writer, "COMMIT");
    ck_assert_int_eq(join(&b), WF_OK);
    expect_rows("{\"a\":1,\"b\":2}\n");
    PQfinish(writer);
}
END_TEST

START_TEST(an_interrupt_ends_any_wait)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    PGconn *writer = pg_rig_connect();
    pg_rig_on(writer, "BEGIN");
    if (_i == 0) { /* for a commit */
        PGresult *result = PQexec(writer, "SELECT pg_current_xact_id()");
        uint64_t xid;
        ck_assert(str_to_u64(str_from(PQgetvalue(result, 0, 0)), &xid));
        PQclear(result);
        pg_commits_add(&state.commits, (uint32_t)xid);
    } else if (_i == 1) { /* for a lock */
        pg_rig_on(writer, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    } else { /* for rows */
        options.where = STR("{\"t\":\"pg_sleep(60) IS NOT NULL\"}");
    }
    struct background b;
    start(&b);
    pause_ms(200);
    ck_assert(!atomic_load(&b.ended));
    int64_t begin = clock_mono_ms();
    pg_snapshot_reader.interrupt(reader);
    ck_assert_int_eq(join(&b), WF_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - begin, 1000);
    ck_assert_int_eq(try_chunk("public.t", NULL, 10), WF_CANCELLED);
    PQfinish(writer);
}
END_TEST

START_TEST(a_server_that_goes_away_is_unavailable)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1);"
                "CREATE PUBLICATION pub FOR TABLE t");
    options.where = STR("{\"t\":\"pg_sleep(60) IS NOT NULL\"}");
    struct background b;
    start(&b);
    pg_rig_wait("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%'", "1");
    pg_rig_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE '%snap snapshot'");
    ck_assert_int_eq(join(&b), WF_UNAVAILABLE);
    options.where = STR_EMPTY;
    ck_assert_int_eq(try_chunk("public.t", NULL, 10), WF_OK); /* on a new connection */
    ck_assert_uint_eq(row_count, 1);
}
END_TEST

/* ---- marks --------------------------------------------------------------------------- */

START_TEST(a_mark_is_behind_what_was_read_and_flushed_at_once)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    uint64_t before = 0;
    for (int i = 0; i < 20; i++) {
        pg_rig_exec("BEGIN; SET LOCAL synchronous_commit = off;"
                    "INSERT INTO t SELECT coalesce(max(a), 0) + 1 FROM t; COMMIT");
        uint64_t committed, mark, flushed;
        ck_assert(pg_position_lsn_parse(
            str_from(pg_rig_query("SELECT pg_current_wal_insert_lsn()")), &committed));
        wf_status status = pg_snapshot_reader.mark(reader, &mark, &err);
        ck_assert_msg(!status, "%s", status ? err.text : "");
        ck_assert(pg_position_lsn_parse(
            str_from(pg_rig_query("SELECT pg_current_wal_flush_lsn()")), &flushed));
        ck_assert_uint_ge(mark, committed);
        ck_assert_uint_gt(flushed, mark);
        ck_assert_uint_gt(mark, before);
        before = mark;
    }
    ck_assert_int_ge(
        pg_rig_number("SELECT count(*) FROM pg_logical_slot_peek_binary_changes("
                      "'s', NULL, NULL, 'proto_version', '1',"
                      " 'publication_names', 'pub', 'messages', 'true')"),
        20);
}
END_TEST

/* ---- tables -------------------------------------------------------------------------- */

static wf_status note_table(void *ctx, wf_str table, int64_t estimate, wf_error *row_err)
{
    (void)row_err;
    buf_printf(ctx, "%.*s %lld\n", STR_ARG(table), (long long)estimate);
    return WF_OK;
}

START_TEST(the_tables_are_those_of_the_publication_that_are_wanted)
{
    make_partitions(", PRIMARY KEY (a)");
    pg_rig_exec(
        "CREATE TABLE a (i int PRIMARY KEY); CREATE TABLE b (i int PRIMARY KEY);"
        "CREATE TABLE empty (i int PRIMARY KEY); CREATE TABLE unpublished ();"
        "CREATE TABLE noident (i int);"
        "INSERT INTO a SELECT i FROM generate_series(1, 1000) i;"
        "INSERT INTO b VALUES (1);"
        "CREATE PUBLICATION pub FOR TABLE a, b, empty, p"
        " WITH (publish_via_partition_root = true);"
        "CREATE PUBLICATION pub_insert FOR TABLE noident WITH (publish = 'insert')");
    pg_rig_exec("ANALYZE a");
    pg_rig_exec("ANALYZE p1");
    pg_rig_exec("ANALYZE p2");
    pg_rig_exec("ANALYZE p31");
    struct cancel cancel = {.event_fd = 0};
    struct pg_conn conn = {.cancel = &cancel};
    ck_assert_int_eq(pg_conn_open(&conn, &settings, PG_CONN_CONTROL, &err), WF_OK);
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIVE_TEXT);
    wf_status status = pg_snapshot_tables(&conn, &settings, "pub", &out, note_table, &err);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    ck_assert_str_eq(buf_c(&out),
                     "public.a 1000\npublic.b -1\npublic.empty 0\npublic.p 300\n");
    buf_clear(&out);
    table_patterns[0] = STR("public.?");
    settings.tables.count = 1;
    pg_rig_exec("COMMENT ON PUBLICATION pub_insert IS 'workflow-plugin-cdc source snap'");
    status = pg_snapshot_tables(&conn, &settings, "pub", &out, note_table, &err);
    ck_assert_int_eq(status, WF_OK);
    ck_assert_str_eq(buf_c(&out), "public.a 1000\npublic.b -1\npublic.p 300\n");
    table_patterns[0] = STR("noident");
    buf_clear(&out);
    status = pg_snapshot_tables(&conn, &settings, "pub", &out, note_table, &err);
    ck_assert_str_eq(buf_c(&out), "public.noident 0\n");
    pg_conn_close(&conn);
    pg_rig_exec("INSERT INTO noident VALUES (5)");
    read_all("public.noident", 10);
    expect_rows("{\"i\":5}\n");
}
END_TEST

/* ---- the same as the stream ---------------------------------------------------------- */

/* Tables whose key is a matter of their replica identity, and values of many types. */
static const char *const twins[] = {
    "CREATE TABLE t (b int, a int PRIMARY KEY)",
    "CREATE TABLE t (a int, b text, c int, PRIMARY KEY (c, a))",
    "CREATE TABLE t (a int, b text, c int, PRIMARY KEY (c, a)); ALTER TABLE t REPLICA "
    "IDENTITY FULL",
    "CREATE TABLE t (a int, b text, c int, PRIMARY KEY (c, a)); ALTER TABLE t REPLICA "
    "IDENTITY NOTHING",
    "CREATE TABLE t (a int PRIMARY KEY, b text NOT NULL, c int NOT NULL);"
    "CREATE UNIQUE INDEX u ON t (c, b); ALTER TABLE t REPLICA IDENTITY USING INDEX u",
    "CREATE TABLE t (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, b text)",
    "CREATE TABLE t (a int PRIMARY KEY DEFERRABLE, b text); ALTER TABLE t REPLICA IDENTITY "
    "FULL",
    "CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL",
    "CREATE TABLE t (a int, b text)",
    "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int PRIMARY KEY)",
    "CREATE TABLE t (a int, junk int, c int PRIMARY KEY); ALTER TABLE t DROP junk;"
    "ALTER TABLE t ADD d text DEFAULT 'x'",
    "CREATE TABLE t (a int, b int, c text, PRIMARY KEY (a) INCLUDE (b))",
    "CREATE TABLE t (a int UNIQUE NOT NULL, b text)",
    "CREATE TABLE t (a int, b int, PRIMARY KEY (b, a)) PARTITION BY HASH (a);"
    "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
};

static const char *const inserts[] = {
    "INSERT INTO t VALUES (1, 2)",        "INSERT INTO t VALUES (1, 'b', 2)",
    "INSERT INTO t VALUES (1, 'b', 2)",   "INSERT INTO t VALUES (1, NULL, 2)",
    "INSERT INTO t VALUES (1, 'b', 2)",   "INSERT INTO t VALUES (1, 'b')",
    "INSERT INTO t VALUES (1, 'b')",      "INSERT INTO t VALUES (NULL, E'a\\tb')",
    "INSERT INTO t VALUES (1, '')",       "INSERT INTO t (a, c) VALUES (1, 2)",
    "INSERT INTO t (a, c) VALUES (1, 2)", "INSERT INTO t VALUES (1, 2, 'c')",
    "INSERT INTO t VALUES (1, NULL)",     "INSERT INTO t VALUES (1, 2)",
};

struct twin {
    struct buf row, key, table;
};

static void twin_table(struct buf *out, const struct cdc_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        buf_printf(out, "%.*s%s ", STR_ARG(table->columns[i].name),
                   table->columns[i].key ? "*" : "");
    for (size_t i = 0; i < table->key_count; i++)
        buf_printf(out, "%u ", table->keys[i]);
}

static struct twin snapshot_twin, stream_twin;

static void twin_put(struct twin *twin, struct cdc_table *table,
                     const struct cdc_value *values, wf_str identity)
{
    struct cdc_change change = {
        .op = CDC_INSERT, .table = table, .after = values, .ts_us = CDC_NO_TIME};
    struct render_origin origin = {.header = STR_EMPTY};
    wf_str key;
    render_event(&twin->row, &origin, &change, &key);
    buf_str(&twin->key, identity.len ? identity : key);
    twin_table(&twin->table, table);
}

static wf_status take_twin(void *ctx, struct cdc_table *table,
                           const struct cdc_value *values, wf_str identity,
                           wf_error *row_err)
{
    (void)ctx;
    (void)row_err;
    twin_put(&snapshot_twin, table, values, identity);
    return WF_OK;
}

/* What the stream says of the one row that was inserted. */
static void stream_row(void)
{
    struct cancel cancel = {.event_fd = 0};
    struct pg_conn conn = {.cancel = &cancel};
    struct pg_catalog catalog;
    struct pg_relations *relations = NULL;
    struct pg_change change;
    PGresult *result = NULL;
    ck_assert_int_eq(pg_conn_open(&conn, &settings, PG_CONN_CONTROL, &err), WF_OK);
    pg_catalog_of(&conn, &catalog);
    pg_change_init(&change);
    ck_assert_int_eq(pg_relation_list_new(&catalog, &relations, &err), WF_OK);
    ck_assert_int_eq(
        pg_conn_query(&conn, "peek",
                      "SELECT data FROM pg_logical_slot_get_binary_changes('s',"
                      " NULL, NULL, 'proto_version', '1', 'publication_names',"
                      " 'pub')",
                      NULL, 0, &result, &err),
        WF_OK);
    for (int i = 0; i < PQntuples(result); i++) {
        size_t len;
        unsigned char *bytes =
            PQunescapeBytea((const unsigned char *)PQgetvalue(result, i, 0), &len);
        struct pgoutput_message message;
        struct pg_relation *relation;
        bool changed;
        ck_assert_int_eq(
            pgoutput_parse((wf_str){(const char *)bytes, len}, false, &message, &err),
            WF_OK);
        if (message.kind == PGOUTPUT_RELATION)
            ck_assert_int_eq(
                pg_relation_learn(relations, &message, &relation, &changed, &err), WF_OK);
        if (message.kind == PGOUTPUT_INSERT) {
            struct cdc_change out = {.op = CDC_INSERT};
            ck_assert_int_eq(pg_relation_get(relations, message.relation, &relation, &err),
                             WF_OK);
            ck_assert_int_eq(pg_change_rows(&change, relation, &message, &out, &err),
                             WF_OK);
            twin_put(&stream_twin, out.table, out.after, out.identity);
        }
        PQfreemem(bytes);
    }
    PQclear(result);
    pg_change_release(&change);
    pg_relation_list_free(relations);
    pg_conn_close(&conn);
}

static void twin_init(struct twin *twin)
{
    buf_init(&twin->row, LIVE_TEXT);
    buf_init(&twin->key, LIVE_TEXT);
    buf_init(&twin->table, LIVE_TEXT);
}

static void twin_release(struct twin *twin)
{
    buf_release(&twin->row);
    buf_release(&twin->key);
    buf_release(&twin->table);
}

/* The row's values are in `insert`. */
static void compare_twins(const char *insert)
{
    twin_init(&snapshot_twin);
    twin_init(&stream_twin);
    pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    pg_rig_exec(insert);
    stream_row();
    struct cdc_chunk_request request = {
        .table = STR("public.t"), .max_rows = 10, .row = take_twin};
    CDC_CLEANUP(buf_release) struct buf after;
    buf_init(&after, 1u << 20);
    struct cdc_chunk_result result = {&after, false};
    wf_status status = pg_snapshot_reader.read_chunk(reader, &request, &result, &err);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    ck_assert_uint_gt(stream_twin.row.len, 0);
    ck_assert_str_eq(buf_c(&snapshot_twin.table), buf_c(&stream_twin.table));
    ck_assert_str_eq(buf_c(&snapshot_twin.row), buf_c(&stream_twin.row));
    ck_assert(str_eq(buf_view(&snapshot_twin.key), buf_view(&stream_twin.key)));
    twin_release(&snapshot_twin);
    twin_release(&stream_twin);
}

START_TEST(table_key_and_identity_are_those_of_the_stream)
{
    pg_rig_exec(twins[_i]);
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert',"
                " publish_via_partition_root = true)");
    compare_twins(inserts[_i]);
}
END_TEST

START_TEST(values_are_those_of_the_stream)
{
    pg_rig_exec(
        "CREATE TYPE mood AS ENUM ('so so', 'x'); CREATE TYPE pair AS (x int, y text);"
        "CREATE TABLE t (i int8, n numeric, f float8, r float4, b bool, t text,"
        " y bytea, j json, jb jsonb, d date, ts timestamp, tz timestamptz,"
        " iv interval, u uuid, a int[], ta text[], p pair, pa pair[], m mood,"
        " rg tstzrange, mr int4multirange, o regclass, mo money, x xml,"
        " nothing text)");
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert')");
    compare_twins(
        "INSERT INTO t VALUES (9007199254740993, 1.10, 0.1, 0.1, true, "
        "E'a\\tb\\n\\\\N\\r\\b\\f\\v',"
        " '\\x00ff0a', E'{ \"a\":\\n 1}', '{\"b\":[1, 2]}', '2026-02-28', 'infinity',"
        " '2026-11-22 10:00:00.123456+02', '1 mon -2 days 03:04:05.6',"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[0:1]={1,NULL}', ARRAY['a\"b', E'\\\\', "
        "'', NULL],"
        " (1, 'q\"'), ARRAY[(2, 'a b')::pair, NULL], 'so so', '[2026-01-01,)', '{[1,3)}',"
        " 't'::regclass, 12.5, '<a/>', NULL)");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_snapshot");
    TCase *tc = tcase_create("pg_snapshot");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin_server, NULL);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, every_row_comes_once_and_in_order, 0, (int)CDC_COUNT(keyed));
    tcase_add_test(tc, a_new_reader_goes_on_where_the_last_one_ended);
    tcase_add_test(tc, without_a_key_every_row_comes_once_by_its_place);
    tcase_add_test(tc, without_a_key_a_rewritten_table_is_read_again);
    tcase_add_test(tc, an_empty_table_is_done_at_once);
    tcase_add_loop_test(tc, a_partitioned_table_is_read_through_its_root, 0, 2);
    tcase_add_loop_test(tc, partitions_that_are_published_by_themselves_are_read_so, 0, 2);
    tcase_add_test(tc, a_table_that_others_inherit_from_is_read_without_them);
    tcase_add_test(tc, only_what_is_published_comes);
    tcase_add_test(tc, the_key_may_be_unpublished);
    tcase_add_test(tc, conditions_of_the_request_and_the_configuration_hold_together);
    tcase_add_test(tc, a_condition_that_is_wrong_is_an_error_of_the_configuration);
    tcase_add_loop_test(tc, a_full_chunk_ends_and_the_next_goes_on, 1, 8);
    tcase_add_test(tc, a_table_that_is_altered_between_chunks_is_described_anew);
    tcase_add_test(tc, another_primary_key_begins_the_table_again);
    tcase_add_loop_test(tc, a_table_that_goes_is_not_found, 0, 3);
    tcase_add_test(tc, a_place_that_makes_no_sense_is_refused);
    tcase_add_loop_test(tc, a_chunk_waits_until_it_would_show_what_was_delivered, 0, 2);
    tcase_add_loop_test(tc, an_interrupt_ends_any_wait, 0, 3);
    tcase_add_test(tc, a_server_that_goes_away_is_unavailable);
    tcase_add_test(tc, a_mark_is_behind_what_was_read_and_flushed_at_once);
    tcase_add_test(tc, the_tables_are_those_of_the_publication_that_are_wanted);
    tcase_add_loop_test(tc, table_key_and_identity_are_those_of_the_stream, 0,
                        (int)CDC_COUNT(twins));
    tcase_add_test(tc, values_are_those_of_the_stream);
    suite_add_tcase(suite, tc);
    return suite;
}
