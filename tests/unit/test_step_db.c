/* SPDX-License-Identifier: MIT
 *
 * step.db_query, step.db_exec and the module storage.sqlite.
 */
#include <check.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/str.h"
#include "host/pipeline.h"
#include "host/steps/db_statement.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define MODULES                                                                            \
    "modules: [{name: db, type: storage.sqlite, config: {dbPath: sub/data.db}}]\n"

/* A pipeline for every line of `steps`: "name: {type ..., config ...}". */
static struct host_rig *db_rig(const char *pipelines)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_cstr(&yaml, MODULES);
    buf_cstr(&yaml,
             "pipelines:\n"
             "  create: {steps: [{name: s, type: step.db_exec, config: {database: db, "
             "query: \"CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, any)\"}}]}\n"
             "  add: {steps: [{name: s, type: step.db_exec, config: {database: db, query: "
             "'INSERT INTO t(id, name, any) VALUES ($1, $2, $3)', params: [\"${ id }\", "
             "\"{{ .name }}\", \"${ any }\"]}}]}\n"
             "  all: {steps: [{name: s, type: step.db_query, config: {module: db, query: "
             "'SELECT id, name, any, typeof(any) AS kind FROM t ORDER BY id'}}]}\n");
    buf_cstr(&yaml, pipelines);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), temp_dir());
    buf_release(&yaml);
    host_rig_start(rig);
    ck_assert_str_eq(host_rig_step(rig, "create", "{}", "s"),
                     "{\"affected_rows\":0,\"last_id\":\"0\"}");
    return rig;
}

START_TEST(rows_go_in_and_come_out_exactly)
{
    struct host_rig *rig = db_rig("");
    ck_assert_str_eq(
        host_rig_step(rig, "add", "{\"id\":9007199254740993,\"name\":\"Ada\",\"any\":null}",
                      "s"),
        "{\"affected_rows\":1,\"last_id\":\"9007199254740993\"}");
    ck_assert_str_eq(host_rig_step(rig, "all", "{}", "s"),
                     "{\"rows\":[{\"id\":9007199254740993,\"name\":\"Ada\",\"any\":null,"
                     "\"kind\":\"null\"}],\"count\":1}");
    host_rig_free(rig);
}
END_TEST

static const struct typed {
    const char *in;
    const char *out; /* any and kind */
} typed[] = {
    {"-9223372036854775808", "\"any\":-9223372036854775808,\"kind\":\"integer\""},
    {"9223372036854775808", "\"any\":\"9223372036854775808\",\"kind\":\"text\""},
    {"1.5", "\"any\":1.5,\"kind\":\"real\""},
    {"1.10", "\"any\":\"1.10\",\"kind\":\"text\""},
    {"true", "\"any\":1,\"kind\":\"integer\""},
    {"null", "\"any\":null,\"kind\":\"null\""},
    {"\"\"", "\"any\":\"\",\"kind\":\"text\""},
    {"\"it's\\u0000x\"", "\"any\":\"it's\\u0000x\",\"kind\":\"text\""},
    {"{\"a\":[1,2]}", "\"any\":\"{\\\"a\\\":[1,2]}\",\"kind\":\"text\""},
};

START_TEST(a_parameter_that_is_one_expression_keeps_its_type)
{
    struct host_rig *rig = db_rig("");
    struct buf event;
    buf_init(&event, 4096);
    buf_printf(&event, "{\"id\":1,\"name\":\"n\",\"any\":%s}", typed[_i].in);
    ck_assert_str_eq(host_rig_step(rig, "add", buf_c(&event), "s"),
                     "{\"affected_rows\":1,\"last_id\":\"1\"}");
    const char *rows = host_rig_step(rig, "all", "{}", "s");
    ck_assert_msg(strstr(rows, typed[_i].out), "%s", rows);
    buf_release(&event);
    host_rig_free(rig);
}
END_TEST

START_TEST(reals_and_blobs_come_out_readable)
{
    struct host_rig *rig = db_rig("  q: {steps: [{name: s, type: step.db_query, "
                                  "config: {database: db, mode: single, query: "
                                  "\"SELECT x'00ff' AS b, 0.1 AS r, 1e999 AS inf, "
                                  "-1e999 AS ninf, x'' AS e, 1e300*1e300 - "
                                  "1e300*1e300 AS nan\"}}]}\n");
    ck_assert_str_eq(host_rig_step(rig, "q", "{}", "s"),
                     "{\"row\":{\"b\":\"AP8=\",\"r\":0.1,\"inf\":\"Infinity\",\"ninf\":"
                     "\"-Infinity\",\"e\":\"\",\"nan\":null},\"found\":true}");
    host_rig_free(rig);
}
END_TEST

START_TEST(single_gives_the_first_row_or_none)
{
    struct host_rig *rig = db_rig("  q: {steps: [{name: s, type: step.db_query, "
                                  "config: {database: db, mode: single, query: "
                                  "'SELECT id FROM t ORDER BY id', args: []}}]}\n");
    ck_assert_str_eq(host_rig_step(rig, "q", "{}", "s"), "{\"row\":{},\"found\":false}");
    host_rig_run(rig, "add", "{\"id\":2,\"name\":\"\",\"any\":1}");
    host_rig_run(rig, "add", "{\"id\":1,\"name\":\"\",\"any\":1}");
    ck_assert_str_eq(host_rig_step(rig, "q", "{}", "s"),
                     "{\"row\":{\"id\":1},\"found\":true}");
    ck_assert_str_eq(host_rig_step(rig, "q", "{}", "s"),
                     "{\"row\":{\"id\":1},\"found\":true}");
    host_rig_free(rig);
}
END_TEST

START_TEST(exec_reports_what_changed_and_may_return_rows)
{
    struct host_rig *rig = db_rig(
        "  up: {steps: [{name: s, type: step.db_exec, config: {database: db, query: "
        "'UPDATE t SET "
        "name = ? RETURNING id, name', params: [\"${ name }\"], returning: true}}]}\n"
        "  one: {steps: [{name: s, type: step.db_exec, config: {database: db, query: "
        "'INSERT INTO "
        "t(name) VALUES(?) RETURNING id', params: [x], returning: true, mode: "
        "single}}]}\n"
        "  many: {steps: [{name: s, type: step.db_exec, config: {database: db, query: "
        "\"DELETE "
        "FROM t; -- gone\\nINSERT INTO t(id,name) VALUES(7,$1),(8,$1); /* end */\", "
        "params: "
        "[\"n\"]}}]}\n");
    ck_assert_str_eq(
        host_rig_step(rig, "one", "{}", "s"),
        "{\"affected_rows\":1,\"last_id\":\"1\",\"row\":{\"id\":1},\"found\":true}");
    ck_assert_str_eq(
        host_rig_step(rig, "up", "{\"name\":\"q\"}", "s"),
        "{\"affected_rows\":1,\"last_id\":\"0\",\"rows\":[{\"id\":1,\"name\":\"q\"}],"
        "\"count\":1}");
    ck_assert_str_eq(host_rig_step(rig, "many", "{}", "s"),
                     "{\"affected_rows\":3,\"last_id\":\"8\"}");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_failed_statement_fails_the_step_or_is_ignored)
{
    struct host_rig *rig = db_rig("  bad: {steps: [{name: s, type: step.db_exec, "
                                  "config: {database: db, query: 'INSERT INTO "
                                  "absent VALUES(1)'}}]}\n"
                                  "  soft: {steps: [{name: s, type: step.db_exec, "
                                  "config: {database: db, query: 'INSERT INTO "
                                  "absent VALUES(1)', ignore_error: true}}]}\n"
                                  "  few: {steps: [{name: s, type: step.db_query, "
                                  "config: {database: db, query: 'SELECT ?, "
                                  "?', params: [1]}}]}\n"
                                  "  more: {steps: [{name: s, type: step.db_query, "
                                  "config: {database: db, query: 'SELECT ?', "
                                  "params: [1, 2]}}]}\n"
                                  "  begin: {steps: [{name: s, type: step.db_exec, "
                                  "config: {database: db, query: 'BEGIN; "
                                  "INSERT INTO t(id) VALUES(5)'}}]}\n");
    const char *bad = host_rig_run(rig, "bad", "{}");
    ck_assert_msg(strstr(bad, "db_exec step \"s\": exec failed: no such table: absent"),
                  "%s", bad);
    ck_assert_ptr_nonnull(
        strstr(host_rig_step(rig, "soft", "{}", "s"),
               "{\"affected_rows\":0,\"last_id\":\"0\",\"ignored_error\":\"db_"));
    ck_assert_ptr_nonnull(strstr(host_rig_run(rig, "few", "{}"),
                                 "query failed: expected 2 arguments, got 1"));
    ck_assert_ptr_nonnull(strstr(host_rig_run(rig, "more", "{}"),
                                 "query failed: expected 1 arguments, got 2"));
    /* A transaction that was left open does not stay with the connection. */
    host_rig_run(rig, "begin", "{}");
    ck_assert_str_eq(host_rig_step(rig, "all", "{}", "s"), "{\"rows\":[],\"count\":0}");
    host_rig_free(rig);
}
END_TEST

START_TEST(dynamic_sql_takes_only_names)
{
    struct host_rig *rig = db_rig("  q: {steps: [{name: s, type: step.db_query, "
                                  "config: {database: db, allow_dynamic_sql: "
                                  "true, query: 'SELECT count(*) AS n FROM {{ .table "
                                  "}} WHERE id > $1 AND ''$2'' = "
                                  "''$2''', params: [0]}}]}\n");
    ck_assert_str_eq(host_rig_step(rig, "q", "{\"table\":\"t\"}", "s"),
                     "{\"rows\":[{\"n\":0}],\"count\":1}");
    static const char *const attacks[] = {"t; DROP TABLE t", "t--", "t)",
                                          "\\\"t\\\"",       "",    "t t"};
    for (size_t i = 0; i < CDC_COUNT(attacks); i++) {
        struct buf event;
        buf_init(&event, 4096);
        buf_printf(&event, "{\"table\":\"%s\"}", attacks[i]);
        const char *text = host_rig_run(rig, "q", buf_c(&event));
        ck_assert_msg(strstr(text, "may only hold letters"), "%s: %s", attacks[i], text);
        buf_release(&event);
    }
    host_rig_free(rig);
}
END_TEST

START_TEST(db_mistakes_are_named)
{
    const char *text = host_rig_mistakes(
        MODULES "pipelines:\n"
                "  p:\n"
                "    steps:\n"
                "      - {name: a, type: step.db_query, config: {query: SELECT 1}}\n"
                "      - {name: b, type: step.db_query, config: {database: gone, "
                "query: SELECT 1}}\n"
                "      - {name: c, type: step.db_query, config: {database: db, query: "
                "'SELECT {{ .x }}'}}\n"
                "      - {name: d, type: step.db_exec, config: {database: db, query: "
                "'SELECT ${ x }'}}\n"
                "      - {name: e, type: step.db_query, config: {database: db, query: "
                "x, mode: some}}\n"
                "      - {name: f, type: step.db_query, config: {database: db, query: "
                "x, params: [\"${ 1 + "
                "}\"]}}\n"
                "      - {name: g, type: step.db_exec, config: {database: db, query: "
                "x, tenantKey: y}}\n"
                "      - {name: h, type: step.db_exec, config: {database: db}}\n");
    static const char *const expected[] = {
        "db_query step \"a\": 'database' is required",
        "gone",
        "db_query step \"c\": query must not contain template expressions (use params "
        "instead)",
        "db_exec step \"d\": query must not contain template expressions (use params "
        "instead)",
        "db_query step \"e\": mode must be 'list' or 'single', got \"some\"",
        "params",
        "tenantKey: is not supported by this host",
        "query: is required",
    };
    for (size_t i = 0; i < CDC_COUNT(expected); i++)
        ck_assert_msg(strstr(text, expected[i]), "wanted \"%s\" in:\n%s", expected[i],
                      text);
}
END_TEST

START_TEST(storage_mistakes_are_named)
{
    const char *text =
        host_rig_mistakes("modules:\n"
                          "  - {name: a, type: storage.sqlite, config: {}}\n"
                          "  - {name: b, type: storage.sqlite, config: {dbPath: x.db, "
                          "maxConnections: 0}}\n"
                          "pipelines: {}\n");
    ck_assert_ptr_nonnull(strstr(text, "dbPath"));
    ck_assert_ptr_nonnull(strstr(text, "must be from 1 to 64"));
}
END_TEST

START_TEST(a_database_that_cannot_be_opened_fails_the_start)
{
    const char *dir = temp_dir();
    temp_write(temp_path(dir, "sub"), "", 0);
    struct host_rig *rig = host_rig_new(MODULES "pipelines: {}\n", dir);
    wf_error err;
    ck_assert_int_ne(app_start(host_rig_app(rig), true, &err), WF_OK);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot open database '"));
    host_rig_free(rig);
}
END_TEST

START_TEST(a_query_ends_when_the_pipelines_time_is_up)
{
    struct host_rig *rig = db_rig("  slow: {timeout: 100ms, steps: [{name: s, type: "
                                  "step.db_query, config: {database: db, "
                                  "query: 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL "
                                  "SELECT x+1 FROM c) SELECT count(*) "
                                  "FROM c'}}]}\n");
    int64_t began = clock_mono_ms();
    const char *text = host_rig_run(rig, "slow", "{}");
    ck_assert_msg(strstr(text, "context deadline exceeded"), "%s", text);
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    /* The connection is good for the next. */
    ck_assert_str_eq(host_rig_step(rig, "all", "{}", "s"), "{\"rows\":[],\"count\":0}");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_write_waits_for_another_writer_no_longer_than_the_pipeline_has)
{
    const char *dir = temp_dir();
    struct host_rig *rig = host_rig_new(
        "modules: [{name: db, type: storage.sqlite, config: {dbPath: w.db}}]\n"
        "pipelines:\n"
        "  make: {steps: [{name: s, type: step.db_exec, config: {database: db, query: "
        "'CREATE "
        "TABLE t(a)'}}]}\n"
        "  put: {timeout: 200ms, steps: [{name: s, type: step.db_exec, config: "
        "{database: db, "
        "query: 'INSERT INTO t VALUES(1)'}}]}\n",
        dir);
    host_rig_start(rig);
    host_rig_run(rig, "make", "{}");
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "w.db"), &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    int64_t began = clock_mono_ms();
    const char *text = host_rig_run(rig, "put", "{}");
    ck_assert_msg(strstr(text, "database is locked"), "%s", text);
    ck_assert_int_lt(clock_mono_ms() - began, 2500);
    ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
    ck_assert_str_eq(host_rig_step(rig, "put", "{}", "s"),
                     "{\"affected_rows\":1,\"last_id\":\"1\"}");
    host_rig_free(rig);
}
END_TEST

static void *db_writer(void *arg)
{
    struct host_rig *rig = arg;
    struct pipeline *p = app_pipeline(host_rig_app(rig), STR("put"));
    for (int i = 0; i < 50; i++) {
        struct pipeline_call call = {.data = STR("{\"n\":1}")};
        wf_error err;
        ck_assert_int_eq(pipeline_run(p, &call, &err), WF_OK);
    }
    return NULL;
}

START_TEST(many_threads_share_the_connections)
{
    struct host_rig *rig =
        db_rig("  put: {steps: [{name: s, type: step.db_exec, config: {database: db, "
               "query: 'INSERT INTO "
               "t(name) VALUES(?)', params: [\"${ n }\"]}}, {name: r, type: "
               "step.db_query, config: "
               "{database: db, query: 'SELECT max(id) AS m FROM t'}}]}\n"
               "  count: {steps: [{name: s, type: step.db_query, config: {database: "
               "db, query: 'SELECT "
               "count(*) AS n FROM t', mode: single}}]}\n");
    pthread_t threads[8];
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, db_writer, rig), 0);
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_str_eq(host_rig_step(rig, "count", "{}", "s"),
                     "{\"row\":{\"n\":400},\"found\":true}");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_stopped_database_says_so)
{
    struct host_rig *rig = host_rig_new(
        MODULES
        "pipelines: {p: {steps: [{name: s, type: step.db_query, config: {database: db, "
        "query: SELECT 1}}]}}",
        temp_dir());
    ck_assert_ptr_nonnull(
        strstr(host_rig_run(rig, "p", "{}"), "database connection is nil"));
    host_rig_free(rig);
}
END_TEST

static const struct placeholder {
    const char *in;
    const char *out;
} placeholders[] = {
    {"SELECT $1, $2", "SELECT ?1, ?2"},
    {"SELECT '$1', \"$1\", `$1`, [$1], $1", "SELECT '$1', \"$1\", `$1`, [$1], ?1"},
    {"SELECT 'it''s $1', $1 -- $1\n, $2 /* $1 */",
     "SELECT 'it''s $1', ?1 -- $1\n, ?2 /* $1 */"},
    {"SELECT a$1, $name, $$1", "SELECT a$1, $name, $$1"},
    {"SELECT ?, ?2", "SELECT ?, ?2"},
    {"SELECT '$1", "SELECT '$1"},
    {"$10", "?10"},
    {"", ""},
};

START_TEST(dollar_placeholders_are_rewritten_outside_of_quotes_and_comments)
{
    struct buf out;
    buf_init(&out, 4096);
    db_statement_placeholders(&out, str_from(placeholders[_i].in));
    ck_assert_str_eq(buf_c(&out), placeholders[_i].out);
    buf_release(&out);
}
END_TEST

/* A query cut anywhere is an error or a result, never more. */
START_TEST(a_query_cut_anywhere_does_no_harm)
{
    static const char query[] = "SELECT '$1', $1 -- x\n, [a] /* y */ FROM t; DELETE FROM t";
    struct buf out;
    buf_init(&out, 4096);
    char *copy = str_dup((wf_str){query, (size_t)_i});
    db_statement_placeholders(&out, (wf_str){copy, (size_t)_i});
    ck_assert_uint_eq(out.len, (size_t)_i);
    free(copy);
    buf_release(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("step_db");
    TCase *t = tcase_create("steps");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, rows_go_in_and_come_out_exactly);
    tcase_add_loop_test(t, a_parameter_that_is_one_expression_keeps_its_type, 0,
                        (int)CDC_COUNT(typed));
    tcase_add_test(t, reals_and_blobs_come_out_readable);
    tcase_add_test(t, single_gives_the_first_row_or_none);
    tcase_add_test(t, exec_reports_what_changed_and_may_return_rows);
    tcase_add_test(t, a_failed_statement_fails_the_step_or_is_ignored);
    tcase_add_test(t, dynamic_sql_takes_only_names);
    tcase_add_test(t, db_mistakes_are_named);
    tcase_add_test(t, storage_mistakes_are_named);
    tcase_add_test(t, a_database_that_cannot_be_opened_fails_the_start);
    tcase_add_test(t, a_query_ends_when_the_pipelines_time_is_up);
    tcase_add_test(t, a_write_waits_for_another_writer_no_longer_than_the_pipeline_has);
    tcase_add_test(t, many_threads_share_the_connections);
    tcase_add_test(t, a_stopped_database_says_so);
    tcase_add_loop_test(t, dollar_placeholders_are_rewritten_outside_of_quotes_and_comments,
                        0, (int)CDC_COUNT(placeholders));
    tcase_add_loop_test(t, a_query_cut_anywhere_does_no_harm, 0, 58);
    suite_add_tcase(suite, t);
    return suite;
}
