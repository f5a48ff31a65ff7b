/* SPDX-License-Identifier: MIT
 *
 * The same row from the stream and from a snapshot: the same table, key, identity and
 * values, byte for byte.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_change.h"
#include "tests/support/pg_chunk_rig.h"
#include "tests/support/run.h"

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
    ck_assert_int_eq(
        pg_conn_open(&conn, &pg_chunks.settings, PG_CONN_CONTROL, &pg_chunks.err), WF_OK);
    pg_catalog_of(&conn, &catalog);
    pg_change_init(&change);
    ck_assert_int_eq(pg_relation_list_new(&catalog, &relations, &pg_chunks.err), WF_OK);
    ck_assert_int_eq(
        pg_conn_query(&conn, "peek",
                      "SELECT data FROM pg_logical_slot_get_binary_changes('s',"
                      " NULL, NULL, 'proto_version', '1', 'publication_names',"
                      " 'pub')",
                      NULL, 0, &result, &pg_chunks.err),
        WF_OK);
    for (int i = 0; i < PQntuples(result); i++) {
        size_t len;
        unsigned char *bytes =
            PQunescapeBytea((const unsigned char *)PQgetvalue(result, i, 0), &len);
        struct pgoutput_message message;
        struct pg_relation *relation;
        bool changed;
        ck_assert_int_eq(pgoutput_parse((wf_str){(const char *)bytes, len}, false, &message,
                                        &pg_chunks.err),
                         WF_OK);
        if (message.kind == PGOUTPUT_RELATION)
            ck_assert_int_eq(
                pg_relation_learn(relations, &message, &relation, &changed, &pg_chunks.err),
                WF_OK);
        if (message.kind == PGOUTPUT_INSERT) {
            struct cdc_change out = {.op = CDC_INSERT};
            ck_assert_int_eq(
                pg_relation_get(relations, message.relation, &relation, &pg_chunks.err),
                WF_OK);
            ck_assert_int_eq(
                pg_change_rows(&change, relation, &message, &out, &pg_chunks.err), WF_OK);
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
    buf_init(&twin->row, PG_CHUNK_RIG_TEXT);
    buf_init(&twin->key, PG_CHUNK_RIG_TEXT);
    buf_init(&twin->table, PG_CHUNK_RIG_TEXT);
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
    wf_status status =
        pg_snapshot_reader.read_chunk(pg_chunks.reader, &request, &result, &pg_chunks.err);
    ck_assert_msg(!status, "%s", status ? pg_chunks.err.text : "");
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

START_TEST(generated_columns_are_published_where_the_server_can)
{
    if (pg_rig_version() < 180000)
        return;
    pg_rig_exec(
        "CREATE TABLE t (a int PRIMARY KEY, s int GENERATED ALWAYS AS (a * 2) STORED,"
        " v int GENERATED ALWAYS AS (a * 3) VIRTUAL)");
    pg_rig_exec(_i ? "CREATE PUBLICATION pub FOR TABLE t (a, s)"
                   : "CREATE PUBLICATION pub FOR TABLE t WITH"
                     " (publish_generated_columns = stored)");
    compare_twins("INSERT INTO t VALUES (1)");
}
END_TEST

START_TEST(values_are_those_of_the_stream)
{
    if (pg_rig_version() < 140000)
        pg_rig_exec("CREATE DOMAIN int4multirange AS text");
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
    Suite *suite = suite_create("pg_snapshot_same");
    TCase *tc = tcase_create("pg_snapshot_same");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, pg_chunk_rig_begin, NULL);
    tcase_add_checked_fixture(tc, pg_chunk_rig_setup, pg_chunk_rig_teardown);
    tcase_add_loop_test(tc, table_key_and_identity_are_those_of_the_stream, 0,
                        (int)CDC_COUNT(twins));
    tcase_add_loop_test(tc, generated_columns_are_published_where_the_server_can, 0, 2);
    tcase_add_test(tc, values_are_those_of_the_stream);
    suite_add_tcase(suite, tc);
    return suite;
}
