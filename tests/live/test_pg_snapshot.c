/* SPDX-License-Identifier: MIT
 *
 * The chunk reader on a real server, called as core calls it.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "tests/support/pg_chunk_rig.h"
#include "tests/support/run.h"

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
    pg_chunk_rig_all("public.t", 1000000);
    ck_assert_uint_eq(pg_chunks.row_count, (size_t)pg_rig_number("SELECT count(*) FROM t"));
    char *whole = str_dup(buf_view(&pg_chunks.rows));
    char *keys = str_dup(buf_view(&pg_chunks.identities));
    static const uint32_t sizes[] = {1, 2, 7, 50};
    for (size_t i = 0; i < CDC_COUNT(sizes); i++) {
        pg_chunk_rig_all("public.t", sizes[i]);
        pg_chunk_rig_expect(whole);
        ck_assert_str_eq(buf_c(&pg_chunks.identities), keys);
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
    pg_chunk_rig_all("public.t", 1000);
    char *whole = str_dup(buf_view(&pg_chunks.rows));
    pg_chunk_rig_forget();
    for (pg_chunks.done = false; !pg_chunks.done;) {
        pg_chunk_rig_chunk("public.t", 9);
        pg_chunk_rig_close();
        pg_chunk_rig_open();
    }
    pg_chunk_rig_expect(whole);
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
        pg_chunk_rig_all("public.t", 100000);
        ck_assert_uint_eq(pg_chunks.row_count, count);
        char *whole = str_dup(buf_view(&pg_chunks.rows));
        pg_chunk_rig_all("public.t", 10);
        pg_chunk_rig_expect(whole);
        pg_chunk_rig_all("public.t", 333);
        pg_chunk_rig_expect(whole);
        pg_chunks.full_after = 7;
        pg_chunk_rig_all("public.t", 333);
        pg_chunk_rig_expect(whole);
        pg_chunks.full_after = 0;
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
    pg_chunk_rig_chunk("public.t", 100);
    ck_assert_uint_eq(pg_chunks.row_count, 100);
    ck_assert(!pg_chunks.done);
    pg_rig_exec("VACUUM FULL t");
    while (!pg_chunks.done)
        pg_chunk_rig_chunk("public.t", 100);
    ck_assert_uint_eq(pg_chunks.row_count, 1100);
}
END_TEST

START_TEST(an_empty_table_is_done_at_once)
{
    pg_rig_exec("CREATE TABLE t (a int); CREATE TABLE k (a int PRIMARY KEY);"
                "CREATE TABLE none ();"
                "CREATE PUBLICATION pub FOR TABLE t, k, none WITH (publish = 'insert')");
    pg_chunk_rig_all("public.t", 10);
    pg_chunk_rig_all("public.k", 10);
    pg_chunk_rig_all("public.none", 10);
    ck_assert_uint_eq(pg_chunks.row_count, 0);
    pg_rig_exec("INSERT INTO none DEFAULT VALUES");
    pg_chunk_rig_all("public.none", 10);
    pg_chunk_rig_expect("{}\n");
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
    pg_chunk_rig_all("public.p", 7);
    ck_assert_uint_eq(pg_chunks.row_count, 300);
    for (int i = 0; i < 300; i += 37) {
        char row[64];
        snprintf(row, sizeof row, "{\"a\":%d,\"b\":\"r%d\"}\n", i, i);
        ck_assert(str_find(buf_view(&pg_chunks.rows), str_from(row)) >= 0);
    }
    ck_assert_int_eq(pg_chunk_rig_try("public.p1", NULL, 10), WF_NOT_FOUND);
}
END_TEST

START_TEST(partitions_that_are_published_by_themselves_are_read_so)
{
    make_partitions(_i ? ", PRIMARY KEY (a)" : "");
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE p WITH (publish = 'insert')");
    static const char *const parts[] = {"public.p1", "public.p2", "public.p31"};
    size_t total = 0;
    for (size_t i = 0; i < CDC_COUNT(parts); i++) {
        pg_chunk_rig_all(parts[i], 30);
        total += pg_chunks.row_count;
    }
    ck_assert_uint_eq(total, 300);
    pg_chunk_rig_forget();
    ck_assert_int_eq(pg_chunk_rig_try("public.p", NULL, 10), WF_NOT_FOUND);
}
END_TEST

START_TEST(a_table_that_others_inherit_from_is_read_without_them)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE child () INHERITS (t);"
                "INSERT INTO t VALUES (1); INSERT INTO child VALUES (2);"
                "CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert')");
    pg_chunk_rig_all("public.t", 10);
    pg_chunk_rig_expect("{\"a\":1}\n");
    pg_chunk_rig_all("public.child", 10);
    pg_chunk_rig_expect("{\"a\":2}\n");
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
        pg_chunk_rig_all("public.t", 2);
        pg_chunk_rig_expect(
            "{\"b\":11,\"a\":11}\n{\"b\":12,\"a\":12}\n{\"b\":13,\"a\":13}\n");
        pg_rig_exec("DROP PUBLICATION pub");
    }
    pg_rig_exec("CREATE PUBLICATION pub FOR TABLE t");
    pg_chunk_rig_all("public.t", 100);
    ck_assert(
        str_starts(buf_view(&pg_chunks.rows), STR("{\"secret\":\"s\",\"b\":1,\"a\":1}\n")));
}
END_TEST

START_TEST(the_key_may_be_unpublished)
{
    if (pg_rig_version() < 150000)
        return;
    pg_rig_exec("CREATE TABLE t (b text, a int PRIMARY KEY);"
                "INSERT INTO t SELECT 'b' || i, i FROM generate_series(1, 20) i;"
                "CREATE PUBLICATION pub FOR TABLE t (b) WITH (publish = 'insert')");
    pg_chunk_rig_all("public.t", 3);
    ck_assert_uint_eq(pg_chunks.row_count, 20);
    ck_assert(
        str_starts(buf_view(&pg_chunks.rows), STR("{\"b\":\"b1\"}\n{\"b\":\"b2\"}\n")));
    /* There is no key for the user then: rows are told apart by what they hold. */
    ck_assert(!memcmp(pg_chunks.identities.data, "t\0\0\0\2b1\n", 8));
}
END_TEST

START_TEST(conditions_of_the_request_and_the_configuration_hold_together)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY);"
                "INSERT INTO t SELECT i FROM generate_series(1, 100) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    pg_chunks.options.where =
        STR("{\"public.*\":\"a % 2 = 0 -- even\",\"t\":\"a > 90 OR a < 5\","
            "\"public.other\":\"false\"}");
    for (pg_chunks.done = false; !pg_chunks.done;)
        ck_assert_int_eq(pg_chunk_rig_try("public.t", "a <> 94 /* not this */", 2), WF_OK);
    pg_chunk_rig_expect(
        "{\"a\":2}\n{\"a\":4}\n{\"a\":92}\n{\"a\":96}\n{\"a\":98}\n{\"a\":100}\n");
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
        wf_status status = pg_chunk_rig_try("public.t", bad[i], 10);
        ck_assert_msg(status == WF_CONFIG || status == WF_PROTOCOL, "%s: %d %s", bad[i],
                      status, status ? pg_chunks.err.text : "");
        ck_assert(str_find(str_from(pg_chunks.err.text), STR("public.t")) >= 0);
    }
    ck_assert_int_eq(pg_chunk_rig_try("public.t", NULL, 10), WF_OK);
}
END_TEST

/* ---- chunks that end early ----------------------------------------------------------- */

START_TEST(a_full_chunk_ends_and_the_next_goes_on)
{
    pg_rig_exec(
        "CREATE TABLE t (a int PRIMARY KEY, b text);"
        "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 300) i;"
        "CREATE PUBLICATION pub FOR TABLE t");
    pg_chunks.full_after = (size_t)_i;
    pg_chunk_rig_all("public.t", 10000);
    ck_assert_uint_eq(pg_chunks.row_count, 300);
    for (int a = 1; a <= 300; a++) {
        char key[32];
        snprintf(key, sizeof key, "{\"a\":%d}\n", a);
        ck_assert(str_find(buf_view(&pg_chunks.identities), str_from(key)) >= 0);
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
    pg_chunk_rig_chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t ADD e text DEFAULT 'new'");
    pg_chunk_rig_chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t DROP COLUMN c");
    pg_chunk_rig_chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t RENAME b TO f; ALTER TABLE t RENAME e TO b;"
                "ALTER TABLE t RENAME f TO e");
    pg_chunk_rig_chunk("public.t", 1);
    pg_rig_exec("ALTER TYPE pair ADD ATTRIBUTE z text");
    pg_chunk_rig_chunk("public.t", 1);
    pg_rig_exec("ALTER TABLE t ALTER e TYPE text USING 'is ' || e");
    pg_chunk_rig_chunk("public.t", 1);
    pg_chunk_rig_expect(
        "{\"a\":1,\"b\":10,\"c\":100,\"d\":{\"x\":1,\"y\":null}}\n"
        "{\"a\":2,\"b\":20,\"c\":200,\"d\":{\"x\":2,\"y\":null},\"e\":\"new\"}\n"
        "{\"a\":3,\"b\":30,\"d\":{\"x\":3,\"y\":null},\"e\":\"new\"}\n"
        "{\"a\":4,\"e\":40,\"d\":{\"x\":4,\"y\":null},\"b\":\"new\"}\n"
        "{\"a\":5,\"e\":50,\"d\":{\"x\":5,\"y\":null,\"z\":null},\"b\":\"new\"}\n"
        "{\"a\":6,\"e\":\"is 60\",\"d\":{\"x\":6,\"y\":null,\"z\":null},"
        "\"b\":\"new\"}\n");
    if (pg_rig_version() >= 150000) {
        pg_rig_exec("ALTER PUBLICATION pub SET TABLE t (a)");
        pg_chunk_rig_forget();
        pg_chunk_rig_chunk("public.t", 1);
        pg_chunk_rig_expect("{\"a\":1}\n");
    }
}
END_TEST

START_TEST(another_primary_key_begins_the_table_again)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL);"
                "INSERT INTO t SELECT i, 10 - i FROM generate_series(1, 9) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    pg_chunk_rig_chunk("public.t", 5);
    pg_rig_exec("ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (b)");
    while (!pg_chunks.done)
        pg_chunk_rig_chunk("public.t", 5);
    ck_assert_uint_eq(pg_chunks.row_count, 14);
}
END_TEST

START_TEST(a_table_that_goes_is_not_found)
{
    pg_rig_exec("CREATE TABLE t (a int PRIMARY KEY);"
                "INSERT INTO t SELECT i FROM generate_series(1, 9) i;"
                "CREATE PUBLICATION pub FOR TABLE t");
    pg_chunk_rig_chunk("public.t", 1);
    if (_i == 0)
        pg_rig_exec("DROP TABLE t");
    else if (_i == 1)
        pg_rig_exec("ALTER TABLE t RENAME TO u");
    else
        pg_rig_exec("ALTER PUBLICATION pub DROP TABLE t");
    ck_assert_int_eq(pg_chunk_rig_try("public.t", NULL, 1), WF_NOT_FOUND);
    ck_assert(str_find(str_from(pg_chunks.err.text), STR("'public.t'")) >= 0);
    if (_i == 1) {
        pg_rig_exec("ALTER TABLE u RENAME TO t");
        pg_chunk_rig_chunk("public.t", 1);
        ck_assert_uint_eq(pg_chunks.row_count, 2);
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
        buf_clear(&pg_chunks.place);
        buf_cstr(&pg_chunks.place, cases[i].token);
        wf_status status = pg_chunk_rig_try("public.t", NULL, 10);
        ck_assert_msg(status == cases[i].status, "%s: %d %s", cases[i].token, status,
                      status ? pg_chunks.err.text : "");
    }
    ck_assert_int_eq(pg_rig_number("SELECT count(*) FROM x"), 0);
    buf_clear(&pg_chunks.place);
    pg_chunk_rig_chunk("public.t", 10);
    ck_assert_uint_eq(pg_chunks.row_count, 2);
}
END_TEST

/* ---- tables -------------------------------------------------------------------------- */

static wf_status note_table(void *ctx, wf_str table, int64_t estimate, wf_error *row_err)
{
    (void)row_err;
    buf_printf(ctx, "%.*s %lld\n", STR_ARG(table), (long long)estimate);
    return WF_OK;
}

/* With thousands of tables that would take minutes, in which nobody reads the stream. */
START_TEST(the_catalog_is_not_scanned_for_each_table)
{
    pg_rig_exec("DO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE format('CREATE TABLE t%s"
                " (id int PRIMARY KEY)', i); END LOOP; END $$");
    pg_rig_exec("CREATE PUBLICATION pub FOR ALL TABLES");
    struct cancel cancel = {.event_fd = 0};
    struct pg_conn conn = {.cancel = &cancel};
    PGresult *rows;
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, PG_CHUNK_RIG_TEXT);
    ck_assert_int_eq(
        pg_conn_open(&conn, &pg_chunks.settings, PG_CONN_CONTROL, &pg_chunks.err), WF_OK);
    ck_assert_int_eq(pg_conn_query(&conn, "begin", "BEGIN", NULL, 0, NULL, &pg_chunks.err),
                     WF_OK);
    ck_assert_int_eq(pg_snapshot_tables(&conn, &pg_chunks.settings, "pub", &out, note_table,
                                        &pg_chunks.err),
                     WF_OK);
    ck_assert_int_eq(pg_conn_query(&conn, "count",
                                   "SELECT seq_scan < 20 FROM pg_stat_xact_sys_tables"
                                   " WHERE relname = 'pg_class'",
                                   NULL, 0, &rows, &pg_chunks.err),
                     WF_OK);
    ck_assert_str_eq(PQgetvalue(rows, 0, 0), "t");
    PQclear(rows);
    pg_conn_close(&conn);
}
END_TEST

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
    ck_assert_int_eq(
        pg_conn_open(&conn, &pg_chunks.settings, PG_CONN_CONTROL, &pg_chunks.err), WF_OK);
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, PG_CHUNK_RIG_TEXT);
    wf_status status = pg_snapshot_tables(&conn, &pg_chunks.settings, "pub", &out,
                                          note_table, &pg_chunks.err);
    ck_assert_msg(!status, "%s", status ? pg_chunks.err.text : "");
    ck_assert_str_eq(buf_c(&out),
                     "public.a 1000\npublic.b -1\npublic.empty 0\npublic.p 300\n");
    buf_clear(&out);
    pg_chunks.patterns[0] = STR("public.?");
    pg_chunks.settings.tables.count = 1;
    pg_rig_exec("COMMENT ON PUBLICATION pub_insert IS 'workflow-plugin-cdc source snap'");
    status = pg_snapshot_tables(&conn, &pg_chunks.settings, "pub", &out, note_table,
                                &pg_chunks.err);
    ck_assert_int_eq(status, WF_OK);
    ck_assert_str_eq(buf_c(&out), "public.a 1000\npublic.b -1\npublic.p 300\n");
    pg_chunks.patterns[0] = STR("noident");
    buf_clear(&out);
    status = pg_snapshot_tables(&conn, &pg_chunks.settings, "pub", &out, note_table,
                                &pg_chunks.err);
    ck_assert_str_eq(buf_c(&out), "public.noident 0\n");
    pg_conn_close(&conn);
    pg_rig_exec("INSERT INTO noident VALUES (5)");
    pg_chunk_rig_all("public.noident", 10);
    pg_chunk_rig_expect("{\"i\":5}\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_snapshot");
    TCase *tc = tcase_create("pg_snapshot");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, pg_chunk_rig_begin, NULL);
    tcase_add_checked_fixture(tc, pg_chunk_rig_setup, pg_chunk_rig_teardown);
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
    tcase_add_test(tc, the_tables_are_those_of_the_publication_that_are_wanted);
    tcase_add_test(tc, the_catalog_is_not_scanned_for_each_table);
    suite_add_tcase(suite, tc);
    return suite;
}
