/* SPDX-License-Identifier: MIT
 *
 * A walk over the server's pg_type: every type that a column can have, and its arrays, has
 * a documented form in JSON, and nothing is lost on the way there.
 *
 * For each type a table is made and filled; what the server writes goes through pg_row and
 * comes back from the JSON as text, which the server must find to be the same value.  A
 * type that has no samples here fails the test, so that none of a new server version is
 * forgotten.
 */
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_catalog.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_row.h"
#include "providers/postgres/pg_type_known.h"
#include "tests/support/pg_rig.h"
#include "tests/support/pg_unparse.h"
#include "tests/support/run.h"

#define LIVE_TEXT (16u << 20)

static struct cancel cancel;
static struct pg_conn conn;
static struct pg_catalog catalog;
static struct pg_types *types;
static struct pg_row row;

/* What columns of a type are in JSON (docs/postgres.md), without pg_type's help. */
enum form { STRING, NUMBER, BOOLEAN, ANY, LIST, OBJECT };

struct sample {
    const char *type; /* typname */
    enum form form;
    /* SQL expressions that are assigned to the type; "arrays" to its array. */
    const char *values[12];
    const char *arrays[4];
};

static const struct sample samples[] = {
    {"bool", BOOLEAN, {"'t'", "'f'"}, {NULL}},
    {"bytea", STRING, {"''", "'\\x00ff5c22'", "decode(repeat('ab', 3000), 'hex')"}, {NULL}},
    {"char", STRING, {"'a'", "'\"'", "''", "'\\200'", "','", "' '"}, {NULL}},
    {"name", STRING, {"'n'", "''", "'NULL'", "'a\"b\\c'"}, {NULL}},
    {"int8", NUMBER, {"9223372036854775807", "-9223372036854775808", "0"}, {NULL}},
    {"int2", NUMBER, {"32767", "-32768"}, {NULL}},
    {"int4", NUMBER, {"2147483647", "-2147483648", "-1"}, {NULL}},
    {"int2vector", LIST, {"'1 2 -3'", "''"}, {"'{\"1 2\",NULL,\"\"}'", "'[0:0]={\"7\"}'"}},
    {"oidvector", LIST, {"'1 4294967295'", "''"}, {"'{\"1 2\",\"\"}'"}},
    {"regproc", STRING, {"'now'", "0::oid"}, {NULL}},
    {"text",
     STRING,
     {"''", "'NULL'", "'null'", "'a, \"b\" {c} (d) [e] \\ ''f'' ;'", "E'\\t\\r\\n\\v'",
      "E'\\u00e9\\U0001F600'", "repeat('x', 10000)", "' '", "E'\\x7f\\x01'", "'empty'"},
     {NULL}},
    {"oid", NUMBER, {"4294967295", "0"}, {NULL}},
    {"tid", STRING, {"'(4294967295,65535)'"}, {NULL}},
    {"xid", NUMBER, {"'4294967295'"}, {NULL}},
    {"cid", NUMBER, {"'4294967295'"}, {NULL}},
    {"xid8", NUMBER, {"'18446744073709551615'", "'0'"}, {NULL}},
    {"json",
     ANY,
     {"'null'", "' { \"a\" : 1e999, \"a\":[\"\\u0000\\ud800\"] }'", "E'[\\n1\\n]'",
      "'\"\"'", "'12345678901234567890.12345678901234567890'", "'[]'", "'{}'"},
     {"'{{1,2},{3,NULL}}'"}},
    {"jsonb",
     ANY,
     {"'{\"k\": [1, \"two\", null, true], \"n\": 0.10}'", "'1e300'", "'[[1]]'"},
     {"'{{\"[1]\"}}'"}},
    {"jsonpath", STRING, {"'$.a[*] ? (@.b > 1)'"}, {NULL}},
    {"xml", STRING, {"'<a b=\"c\">d</a>'", "'text'"}, {NULL}},
    {"pg_node_tree",
     STRING,
     {"(SELECT ev_action FROM pg_catalog.pg_rewrite LIMIT 1)"},
     {NULL}},
    {"point", STRING, {"'(1.5,-2e300)'", "'(NaN,Infinity)'"}, {NULL}},
    {"lseg", STRING, {"'[(0,0),(1,1)]'"}, {NULL}},
    {"path", STRING, {"'((0,0),(1,1))'", "'[(0,0)]'"}, {NULL}},
    {"box", STRING, {"'(2,2),(0,0)'"}, {"'{(2,2),(0,0);(1,1),(0,0)}'"}},
    {"polygon", STRING, {"'((0,0),(1,1),(1,0))'"}, {NULL}},
    {"line", STRING, {"'{1,2,3}'"}, {NULL}},
    {"circle", STRING, {"'<(0,0),2>'"}, {NULL}},
    {"cidr", STRING, {"'10.0.0.0/8'", "'::/0'"}, {NULL}},
    {"inet", STRING, {"'192.168.0.1/24'", "'::1'"}, {NULL}},
    {"macaddr", STRING, {"'08:00:2b:01:02:03'"}, {NULL}},
    {"macaddr8", STRING, {"'08:00:2b:01:02:03:04:05'"}, {NULL}},
    {"float4",
     ANY,
     {"'3.4028235e38'", "'-1e-45'", "'NaN'", "'-Infinity'", "'0.1'", "'-0'", "16777217"},
     {NULL}},
    {"float8",
     ANY,
     {"'1.7976931348623157e308'", "'4.9e-324'", "'NaN'", "'Infinity'", "0.1::float8 + 0.2",
      "'1e21'", "'-0'", "123456789012345680"},
     {NULL}},
    {"money", STRING, {"'-92233720368547758.08'", "'1.5'"}, {NULL}},
    {"aclitem", STRING, {"'postgres=arwdDxt/postgres'"}, {NULL}},
    {"bpchar", STRING, {"'a  '", "''"}, {NULL}},
    {"varchar", STRING, {"'a  '", "'\"'"}, {NULL}},
    {"date",
     STRING,
     {"'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'"},
     {NULL}},
    {"time", STRING, {"'24:00'", "'00:00:00.000001'"}, {NULL}},
    {"timetz", STRING, {"'23:59:59.999999-15:59'"}, {NULL}},
    {"timestamp",
     STRING,
     {"'infinity'", "'-infinity'", "'4713-01-01 00:00 BC'",
      "'294276-12-31 23:59:59.999999'"},
     {NULL}},
    {"timestamptz",
     STRING,
     {"'infinity'", "'0044-03-15 12:00+01 BC'", "'2026-11-22 10:00:00.123456+05:30'"},
     {NULL}},
    {"interval",
     STRING,
     {"'178000000 years'", "'-1 month +2 days -03:04:05.000006'", "'0'"},
     {NULL}},
    {"bit", STRING, {"B'1'", "B'0'"}, {NULL}},
    {"varbit", STRING, {"B'0101'", "B''"}, {NULL}},
    {"numeric",
     STRING,
     {"'NaN'", "'123456789012345678901234567890.123456789'", "'1.10'", "'-0.00'",
      "repeat('9', 1000)::numeric"},
     {NULL}},
    {"refcursor", STRING, {"'c'"}, {NULL}},
    {"regprocedure", STRING, {"'now()'"}, {NULL}},
    {"regoper", STRING, {"'pg_catalog.||/'"}, {NULL}},
    {"regoperator", STRING, {"'pg_catalog.+(integer,integer)'"}, {NULL}},
    {"regclass",
     STRING,
     {"'pg_catalog.pg_class'", "'public.\"odd \"\"table, (x)\"'"},
     {NULL}},
    {"regtype", STRING, {"'character varying'", "'int4[]'"}, {NULL}},
    {"regconfig", STRING, {"'simple'"}, {NULL}},
    {"regdictionary", STRING, {"'simple'"}, {NULL}},
    {"regnamespace", STRING, {"'pg_catalog'"}, {NULL}},
    {"regrole", STRING, {"'postgres'"}, {NULL}},
    {"regcollation", STRING, {"'\"C\"'"}, {NULL}},
    {"regdatabase", STRING, {"'postgres'"}, {NULL}},
    {"uuid", STRING, {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"}, {NULL}},
    {"txid_snapshot", STRING, {"'10:20:10,14,15'"}, {NULL}},
    {"pg_snapshot", STRING, {"'10:20:10,14,15'"}, {NULL}},
    {"pg_lsn", STRING, {"'FFFFFFFF/FFFFFFFF'", "'0/0'"}, {NULL}},
    {"oid8", NUMBER, {"'18446744073709551615'"}, {NULL}},
    {"tsvector", STRING, {"'a:1 b:2A ''c d'':3'", "''"}, {NULL}},
    {"tsquery", STRING, {"'a & !(b | c:*)'", "''"}, {NULL}},
    {"gtsvector", STRING, {"NULL"}, {NULL}},
    {"pg_ndistinct", STRING, {"NULL"}, {NULL}},
    {"pg_dependencies", STRING, {"NULL"}, {NULL}},
    {"pg_mcv_list", STRING, {"NULL"}, {NULL}},
    {"pg_brin_bloom_summary", STRING, {"NULL"}, {NULL}},
    {"pg_brin_minmax_multi_summary", STRING, {"NULL"}, {NULL}},
    {"int4range", OBJECT, {"'[1,10)'", "'empty'", "'(,)'", "'[5,)'"}, {NULL}},
    {"int8range", OBJECT, {"'[-9223372036854775808,1]'"}, {NULL}},
    {"numrange", OBJECT, {"'(1.10,NaN]'", "'[,0]'"}, {NULL}},
    {"tsrange", OBJECT, {"'[2026-01-01,infinity)'"}, {NULL}},
    {"tstzrange", OBJECT, {"'[2026-01-01 00:00+00,2026-02-01 00:00+00)'"}, {NULL}},
    {"daterange", OBJECT, {"'[2026-01-01,2026-02-01)'"}, {NULL}},
    {"int4multirange", LIST, {"'{}'", "'{[1,3),[5,9)}'", "'{(,)}'"}, {NULL}},
    {"int8multirange", LIST, {"'{[1,3)}'"}, {NULL}},
    {"nummultirange", LIST, {"'{[1.0,2.0],(3,4)}'"}, {NULL}},
    {"tsmultirange", LIST, {"'{[2026-01-01,2026-02-01)}'"}, {NULL}},
    {"tstzmultirange", LIST, {"'{[2026-01-01 00:00+00,)}'"}, {NULL}},
    {"datemultirange", LIST, {"'{[2026-01-01,2026-02-01)}'"}, {NULL}},
    /* information_schema */
    {"cardinal_number", NUMBER, {"1"}, {NULL}},
    {"character_data", STRING, {"'x'"}, {NULL}},
    {"sql_identifier", STRING, {"'x'"}, {NULL}},
    {"time_stamp", STRING, {"'2026-01-01'"}, {NULL}},
    {"yes_or_no", STRING, {"'YES'"}, {NULL}},
    /* made up */
    {"mood", STRING, {"'sad'", "'so so, \"ok\"'", "'null'", "''"}, {NULL}},
    {"positive", NUMBER, {"7"}, {NULL}},
    {"int_list",
     LIST,
     {"'{1,NULL}'", "'{{1},{2}}'", "'[0:1]={3,4}'", "'{}'"},
     {"'{\"{1,2}\",\"{{3}}\",NULL}'", "'{{\"{1}\"},{\"{{2}}\"}}'"}},
    {"textrange",
     OBJECT,
     {"'[\"\",\"a\\\"b\\\\c ,)]\"]'", "'(A,\"NULL\")'", "'[a,]'"},
     {NULL}},
    {"textmultirange", LIST, {"'{[a,b),[\"c d\",\"e\\\"f\"]}'"}, {NULL}},
    {"pair",
     OBJECT,
     {"(1,'a')", "(NULL,NULL)", "(2,'')", "(3,'a \"b\" \\ , () c')", "(4,'NULL')"},
     {NULL}},
    {"odd",
     OBJECT,
     {"(ARRAY[1,NULL],(1,'x y'),'{\"k\": "
      "\"v\\\"\"}','\\x00ff',ARRAY[(2,'q\"'),NULL]::public.pair[],"
      "'[\"a b\",]','so so, \"ok\"','{{\"[1]\"}}',NULL,'NaN')",
      "(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
      "('{}',(NULL,NULL),'0','','{}','empty','sad','{}','{}','-Infinity')"},
     {NULL}},
    {"odd_domain",
     OBJECT,
     {"(ARRAY[1],(1,'x'),'1','',NULL,NULL,NULL,NULL,NULL,1)::public.odd"},
     {NULL}},
    {"no_fields", OBJECT, {"ROW()"}, {NULL}},
};

static const char made_up[] =
    "CREATE TYPE mood AS ENUM ('sad', 'so so, \"ok\"', 'null', '');"
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
    "CREATE DOMAIN int_list AS int[];"
    "CREATE TYPE textrange AS RANGE (SUBTYPE = text, COLLATION = \"C\");"
    "CREATE TYPE pair AS (n int, \"t \"\"x\" text);"
    "CREATE TYPE odd AS (list int[], pair pair, doc jsonb, bytes bytea, pairs pair[],"
    " range textrange, mood mood, docs json[], lists int_list, f float8);"
    "CREATE DOMAIN odd_domain AS odd;"
    "CREATE TYPE no_fields AS ();"
    "CREATE TABLE \"odd \"\"table, (x)\" (i int)";

/* ---- the session --------------------------------------------------------------------- */

static struct pg_options options;
static struct cdc_settings settings;

static void begin_server(void)
{
    pg_rig_begin(NULL);
}

static void set_up(void)
{
    wf_error err;
    pg_rig_setup();
    pg_rig_exec(made_up);
    options = (struct pg_options){.connect_timeout_ms = 10000};
    settings = (struct cdc_settings){.connection = str_from(pg_rig_connection()),
                                     .source_id = STR("types"),
                                     .options = &options};
    ck_assert_int_eq(cancel_open(&cancel, &err), WF_OK);
    conn = (struct pg_conn){.cancel = &cancel};
    wf_status status = pg_conn_open(&conn, &settings, PG_CONN_SNAPSHOT, &err);
    ck_assert_msg(!status, "%s", status ? err.text : "");
    pg_catalog_of(&conn, &catalog);
    ck_assert_int_eq(pg_type_list_new(&catalog.types, &types, &err), WF_OK);
    pg_row_init(&row);
}

static void tear_down(void)
{
    pg_row_release(&row);
    pg_type_list_free(types);
    pg_conn_close(&conn);
    cancel_close(&cancel);
    pg_rig_teardown();
}

static PGresult *ask(const char *sql, const char *const *params, int count)
{
    PGresult *result = NULL;
    wf_error err;
    wf_status status = pg_conn_query(&conn, "ask", sql, params, count, &result, &err);
    ck_assert_msg(!status, "%s\n%s", status ? err.text : "", sql);
    return result;
}

static void run(const char *sql)
{
    PQclear(ask(sql, NULL, 0));
}

/* ---- one value ----------------------------------------------------------------------- */

static bool has_form(enum form form, wf_str json)
{
    enum json_token kind = json_kind(json);
    switch (form) {
    case STRING:
        return kind == JSON_STRING;
    case NUMBER:
        return kind == JSON_NUMBER;
    case BOOLEAN:
        return kind == JSON_TRUE || kind == JSON_FALSE;
    case LIST:
        return kind == JSON_ARRAY || json_member(json, "values", &(wf_str){NULL, 0});
    case OBJECT:
        return kind == JSON_OBJECT;
    case ANY:
        return true;
    }
    return false;
}

static unsigned checked;

static void check_value(const char *type_name, uint32_t oid, enum form form, wf_str text)
{
    const struct pg_type *type = NULL;
    struct buf json, back;
    wf_error err;
    buf_init(&json, LIVE_TEXT);
    buf_init(&back, LIVE_TEXT);
    ck_assert_int_eq(pg_type_get(types, oid, &type, &err), WF_OK);
    ck_assert(str_is(type->name, type_name));
    ck_assert_int_eq(pg_row_begin(&row, 1, &err), WF_OK);
    pg_row_text(&row, type, text);
    ck_assert_int_eq(pg_row_end(&row, &err), WF_OK);
    render_value(&json, &row.values[0]);
    ck_assert_msg(json_check(buf_view(&json), "value", &err) == WF_OK, "%s: %s", type_name,
                  buf_c(&json));
    ck_assert_msg(has_form(form, buf_view(&json)), "%s: %.*s became %s", type_name,
                  STR_ARG(text), buf_c(&json));
    pg_unparse(type, buf_view(&json), &back);
    if (!str_eq(buf_view(&back), text)) {
        char sql[1024];
        snprintf(sql, sizeof sql, "SELECT $1::text::%s::text, $1::text::%s::text = $2",
                 type_name, type_name);
        char *original = str_dup(text);
        PGresult *same = ask(sql, (const char *const[]){buf_c(&back), original}, 2);
        ck_assert_msg(!strcmp(PQgetvalue(same, 0, 1), "t"),
                      "%s: %s\n became %s\n which is %s", type_name, original, buf_c(&json),
                      buf_c(&back));
        PQclear(same);
        free(original);
    }
    checked++;
    buf_release(&json);
    buf_release(&back);
}

/* All values of column 0 (the type) and 1 (its array). */
static void check_rows(const char *sql, const char *const names[2], const uint32_t oids[2],
                       enum form form)
{
    PGresult *rows = ask(sql, NULL, 0);
    ck_assert_int_gt(PQntuples(rows), 0);
    for (int i = 0; i < PQntuples(rows); i++)
        for (int j = 0; j < PQnfields(rows); j++)
            if (!PQgetisnull(rows, i, j))
                check_value(names[j], oids[j], j ? LIST : form, pg_conn_cell(rows, i, j));
    PQclear(rows);
}

static void insert(const char *format, ...) CDC_PRINTF(1, 2);
static void insert(const char *format, ...)
{
    char sql[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    run(sql);
}

static const struct sample *sample_of(const char *name)
{
    for (size_t i = 0; i < CDC_COUNT(samples); i++)
        if (!strcmp(samples[i].type, name))
            return &samples[i];
    return NULL;
}

/* ---- the walk ------------------------------------------------------------------------ */

/* Columns of the query below. */
enum { OID, NAME, FULL, ARRAY_OID, ARRAY_FULL };

static void walk_one(const PGresult *list, int i)
{
    const char *name = PQgetvalue(list, i, NAME);
    const char *full[2] = {PQgetvalue(list, i, FULL), PQgetvalue(list, i, ARRAY_FULL)};
    const struct sample *sample = sample_of(name);
    ck_assert_msg(sample, "type %s has no samples in this test", full[0]);
    uint64_t oid[2];
    ck_assert(str_to_u64(pg_conn_cell(list, i, OID), &oid[0]) &&
              str_to_u64(pg_conn_cell(list, i, ARRAY_OID), &oid[1]));
    bool arrays = oid[1] != 0;
    run("DROP TABLE IF EXISTS pg_temp.walk");
    insert("CREATE TEMP TABLE walk (v %s, a %s)", full[0], arrays ? full[1] : "text");
    run("INSERT INTO pg_temp.walk VALUES (NULL, NULL)");
    for (size_t j = 0; j < CDC_COUNT(sample->values) && sample->values[j]; j++) {
        const char *v = sample->values[j];
        insert("INSERT INTO pg_temp.walk VALUES (%s, NULL)", v);
        if (!arrays || sample->arrays[0])
            continue;
        insert("INSERT INTO pg_temp.walk (a) VALUES ('{}'),"
               " (ARRAY[%s, NULL]::%s), (ARRAY[[%s, NULL], [NULL, %s]]::%s),"
               " (array_fill((%s)::%s, ARRAY[2, 1], ARRAY[-1, 5]))",
               v, full[1], v, v, full[1], v, full[0]);
    }
    for (size_t j = 0; j < CDC_COUNT(sample->arrays) && sample->arrays[j]; j++)
        insert("INSERT INTO pg_temp.walk (a) VALUES (%s)", sample->arrays[j]);
    check_rows(arrays ? "SELECT v, a FROM pg_temp.walk" : "SELECT v FROM pg_temp.walk",
               full, (const uint32_t[]){(uint32_t)oid[0], (uint32_t)oid[1]}, sample->form);
}

START_TEST(every_type_that_a_column_can_have_keeps_its_values)
{
    PGresult *list = ask("SELECT t.oid, t.typname, format_type(t.oid, NULL), t.typarray,"
                         " format_type(t.typarray, NULL)"
                         " FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid"
                         " WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm')"
                         " AND t.typoutput <> 'array_out'::regproc"
                         " OR t.typtype = 'c' AND c.relkind = 'c'"
                         " ORDER BY t.oid",
                         NULL, 0);
    for (int i = 0; i < PQntuples(list); i++)
        walk_one(list, i);
    ck_assert_uint_gt(checked, 500);
    PQclear(list);
}
END_TEST

/* Rows of the catalog itself: composites with many fields of many types. */
START_TEST(rows_as_values_keep_their_fields)
{
    PGresult *list = ask(
        "SELECT t.oid, t.typname, format_type(t.oid, NULL), t.typarray,"
        " format_type(t.typarray, NULL)"
        " FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid"
        " WHERE t.typtype = 'c' AND c.relkind IN ('r', 'v')"
        " AND t.typnamespace = 'pg_catalog'::regnamespace"
        " AND c.relname NOT LIKE 'pg_stat%' AND c.relname NOT LIKE 'pg_largeobject%'"
        " AND c.relname NOT LIKE '%_numa'" /* fails where the machine has none (18) */
        " AND c.relname NOT LIKE 'pg_shmem%'"
        " AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type f ON f.oid = a.atttypid"
        " WHERE a.attrelid = c.oid AND a.attnum > 0 AND (f.typtype = 'p'"
        " OR f.typname IN ('regproc', 'pg_node_tree', 'pg_ndistinct', 'pg_mcv_list')))"
        " ORDER BY t.oid",
        NULL, 0);
    ck_assert_int_gt(PQntuples(list), 30);
    for (int i = 0; i < PQntuples(list); i++) {
        const char *full[2] = {PQgetvalue(list, i, FULL), PQgetvalue(list, i, ARRAY_FULL)};
        uint64_t oid[2];
        ck_assert(str_to_u64(pg_conn_cell(list, i, OID), &oid[0]) &&
                  str_to_u64(pg_conn_cell(list, i, ARRAY_OID), &oid[1]));
        char sql[512];
        /* Before 14 there are no arrays of the catalog's own rows. */
        snprintf(sql, sizeof sql,
                 oid[1] ? "SELECT r::text, ARRAY[r, NULL]::text FROM"
                          " (SELECT r FROM %s r LIMIT 5) x UNION ALL SELECT NULL, '{NULL}'"
                        : "SELECT r::text FROM (SELECT r FROM %s r LIMIT 5) x"
                          " UNION ALL SELECT NULL",
                 full[0]);
        check_rows(sql, full, (const uint32_t[]){(uint32_t)oid[0], (uint32_t)oid[1]},
                   OBJECT);
    }
    PQclear(list);
}
END_TEST

START_TEST(types_known_from_the_start_are_as_the_server_has_them)
{
    PGresult *list = ask("SELECT oid, format_type(oid, NULL), typelem,"
                         " typoutput = 'array_out'::regproc FROM pg_type WHERE oid < 16384",
                         NULL, 0);
    unsigned known = 0;
    for (int i = 0; i < PQntuples(list); i++) {
        uint64_t oid, element;
        ck_assert(str_to_u64(pg_conn_cell(list, i, 0), &oid) &&
                  str_to_u64(pg_conn_cell(list, i, 2), &element));
        const struct pg_type *type = pg_type_known_find((uint32_t)oid);
        if (!type)
            continue;
        known++;
        ck_assert(str_eq(type->name, pg_conn_cell(list, i, 1)));
        ck_assert_int_eq(type->kind == PG_TYPE_ARRAY,
                         str_is(pg_conn_cell(list, i, 3), "t"));
        if (type->kind == PG_TYPE_ARRAY)
            ck_assert_uint_eq(type->element->oid, element);
    }
    ck_assert_uint_eq(known, 70);
    PQclear(list);
}
END_TEST

START_TEST(text_of_a_database_without_an_encoding_is_kept)
{
    pg_rig_exec("DROP DATABASE IF EXISTS raw_bytes");
    pg_rig_exec("CREATE DATABASE raw_bytes ENCODING 'SQL_ASCII' TEMPLATE template0");
    pg_conn_close(&conn);
    char connection[512];
    snprintf(connection, sizeof connection, "%s dbname=raw_bytes", pg_rig_connection());
    settings.connection = str_from(connection);
    wf_error err;
    ck_assert_int_eq(pg_conn_open(&conn, &settings, PG_CONN_SNAPSHOT, &err), WF_OK);
    static const struct {
        const char *sql;
        uint32_t type;
        const char *json;
    } cases[] = {
        {"SELECT E'a\\xff'::text", 25, "{\"base64\":\"Yf8=\"}"},
        {"SELECT ARRAY[E'a\\xff', 'b']::text[]", 1009, "[{\"base64\":\"Yf8=\"},\"b\"]"},
        {"SELECT E'\"\\xff\"'::json", 114, "{\"base64\":\"Iv8i\"}"},
    };
    for (size_t i = 0; i < CDC_COUNT(cases); i++) {
        PGresult *result = ask(cases[i].sql, NULL, 0);
        const struct pg_type *type = NULL;
        struct buf json;
        buf_init(&json, LIVE_TEXT);
        ck_assert_int_eq(pg_type_get(types, cases[i].type, &type, &err), WF_OK);
        ck_assert_int_eq(pg_row_begin(&row, 1, &err), WF_OK);
        pg_row_text(&row, type, pg_conn_cell(result, 0, 0));
        ck_assert_int_eq(pg_row_end(&row, &err), WF_OK);
        render_value(&json, &row.values[0]);
        ck_assert_str_eq(buf_c(&json), cases[i].json);
        buf_release(&json);
        PQclear(result);
    }
    pg_conn_close(&conn);
    pg_rig_exec("DROP DATABASE raw_bytes");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_types");
    TCase *tc = tcase_create("pg_types");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin_server, NULL);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, every_type_that_a_column_can_have_keeps_its_values);
    tcase_add_test(tc, rows_as_values_keep_their_fields);
    tcase_add_test(tc, types_known_from_the_start_are_as_the_server_has_them);
    tcase_add_test(tc, text_of_a_database_without_an_encoding_is_kept);
    suite_add_tcase(suite, tc);
    return suite;
}
