/* SPDX-License-Identifier: MIT
 *
 * The event trigger at a real server that tells DDL statements.
 */
#include <check.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_ddl.h"
#include "tests/support/pg_rig.h"
#include "tests/support/pg_setup.h"
#include "tests/support/run.h"

static const char *messages(void)
{
    return pg_rig_query("SELECT coalesce(string_agg(substring(data from 'content:(.*)'), "
                        "E'\\n'), '') FROM pg_logical_slot_get_changes('d', NULL, NULL, "
                        "'include-xids', 'false') WHERE data LIKE '%" PG_PREFIX_DDL "%'");
}

/* Before 14 there is nothing to test but that. */
static void skip_old_servers(void)
{
    pg_rig_setup();
    int version = pg_rig_version();
    pg_rig_teardown();
    if (version < 140000) {
        puts("skipped: DDL in the stream needs PostgreSQL 14");
        exit(77);
    }
}

START_TEST(ddl_on_tables_is_in_the_stream)
{
    pg_setup_ok(pg_setup_settle_ddl());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    pg_rig_exec("SELECT pg_create_logical_replication_slot('d', 'test_decoding')");
    pg_rig_exec("CREATE TABLE \"T t\" (id serial PRIMARY KEY, v text)");
    const char *told = messages();
    pg_setup_says(str_from(told), "\"tag\" : \"CREATE TABLE\"");
    pg_setup_says(str_from(told),
                  "\"sql\" : \"CREATE TABLE \\\"T t\\\" (id serial PRIMARY KEY, v text)\"");
    pg_setup_says(str_from(told), "{\"table\" : \"public.T t\"}]");
    pg_rig_exec("ALTER TABLE \"T t\" DROP COLUMN v");
    told = messages();
    pg_setup_says(str_from(told), "DROP COLUMN v");
    ck_assert_ptr_null(strchr(told, '\n')); /* once */
    pg_rig_exec("ALTER TABLE \"T t\" RENAME COLUMN id TO nr");
    pg_setup_says(str_from(messages()), "RENAME COLUMN");
    pg_rig_exec("CREATE TABLE b (id int); DROP TABLE b, \"T t\"");
    told = messages();
    pg_setup_says(str_from(told), "\"tag\" : \"DROP TABLE\"");
    pg_setup_says(str_from(told),
                  "[{\"table\" : \"public.T t\"}, {\"table\" : \"public.b\"}]");
    pg_rig_exec("CREATE TABLE c (v int)");
    pg_rig_exec("CREATE TYPE kind AS ENUM ('a'); ALTER TABLE c ADD k kind");
    messages();
    pg_rig_exec("DROP TYPE kind CASCADE");
    told = messages();
    pg_setup_says(str_from(told), "\"tag\" : \"DROP TYPE\"");
    pg_setup_says(str_from(told), "public.c");
}
END_TEST

START_TEST(ddl_that_changes_no_table_is_not_told)
{
    pg_setup_ok(pg_setup_settle_ddl());
    pg_rig_exec("CREATE TABLE a (id int)");
    pg_rig_exec("SELECT pg_create_logical_replication_slot('d', 'test_decoding')");
    pg_rig_exec("CREATE TEMP TABLE t (id int); ALTER TABLE t ADD v int; DROP TABLE t");
    pg_rig_exec(
        "CREATE INDEX ON a (id); COMMENT ON TABLE a IS 'x'; GRANT SELECT ON a TO "
        "PUBLIC;"
        "CREATE VIEW v AS SELECT 1; DROP VIEW v; CREATE SEQUENCE s; DROP SEQUENCE s;"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    pg_rig_exec("BEGIN; CREATE TABLE gone (id int); ROLLBACK");
    ck_assert_str_eq(messages(), "");
}
END_TEST

START_TEST(no_statement_fails_because_of_the_trigger)
{
    pg_setup_ok(pg_setup_settle_ddl());
    pg_rig_exec("SELECT pg_create_logical_replication_slot('d', 'test_decoding')");
    pg_rig_exec("ALTER FUNCTION workflow_plugin_cdc.tell_ddl() SET search_path = nowhere");
    pg_rig_exec("CREATE FUNCTION public.fail() RETURNS text LANGUAGE plpgsql AS "
                "'BEGIN RAISE EXCEPTION ''no''; END'");
    pg_setup_connect_as_role("GRANT CREATE ON SCHEMA public TO PUBLIC");
    pg_setup_ok(pg_conn_query(&pg_setup.control, "make a table",
                              "CREATE TABLE public.mine (id int)", NULL, 0, NULL,
                              &pg_setup.err));
    pg_setup_ok(pg_conn_query(&pg_setup.control, "drop a table", "DROP TABLE public.mine",
                              NULL, 0, NULL, &pg_setup.err));
    /* And it is told, though the role may do nothing in our schema. */
    pg_rig_exec(
        "ALTER FUNCTION workflow_plugin_cdc.tell_ddl() SET search_path = pg_catalog, "
        "pg_temp");
    messages();
    pg_setup_ok(pg_conn_query(&pg_setup.control, "make a table",
                              "CREATE TABLE public.mine (id int)", NULL, 0, NULL,
                              &pg_setup.err));
    pg_setup_says(str_from(messages()), "public.mine");
    /* Something in it fails. */
    pg_rig_exec("DO $$ BEGIN EXECUTE (SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION "
                "%s FROM PUBLIC', oid::regprocedure), '; ') FROM pg_proc "
                "WHERE proname = 'pg_logical_emit_message'); END $$; ALTER FUNCTION "
                "workflow_plugin_cdc.tell_ddl() OWNER TO cdc_user");
    pg_rig_exec("CREATE TABLE public.more (id int)");
    ck_assert_str_eq(messages(), "");
}
END_TEST

START_TEST(without_the_right_auto_goes_on_and_required_says_how_to_get_the_sql)
{
    pg_setup_connect_as_role("SELECT 1");
    pg_setup.options.ddl = PG_DDL_AUTO;
    pg_setup_ok(pg_setup_settle_ddl());
    pg_setup_says(buf_view(&pg_setup.notices), "DDL statements are not told");
    pg_setup.options.ddl = PG_DDL_REQUIRED;
    ck_assert_int_eq(pg_setup_settle_ddl(), WF_CONFIG);
    /* Not in the log: it is longer than a line there may be. */
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    pg_setup_says(str_from(pg_setup.err.text), "'wfhost inspect --setup postgres' prints");
    pg_setup.options.ddl = PG_DDL_OFF;
    pg_setup_ok(pg_setup_settle_ddl());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_namespace WHERE nspname = "
                                  "'workflow_plugin_cdc'"),
                     "0");
    /* An administrator runs it. */
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_ddl_sql(&sql);
    pg_rig_exec(buf_c(&sql));
    pg_setup.options.ddl = PG_DDL_REQUIRED;
    pg_setup_ok(pg_setup_settle_ddl());
    bool dropped = true;
    pg_setup_ok(
        pg_ddl_drop(&pg_setup.control, &pg_setup.settings, &dropped, &pg_setup.err));
    ck_assert(!dropped);
    buf_clear(&sql);
    pg_ddl_sql_drop(&sql);
    pg_rig_exec(buf_c(&sql));
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_event_trigger"), "0");
}
END_TEST

START_TEST(the_last_source_takes_the_trigger_away)
{
    bool dropped = true;
    pg_setup_ok(pg_setup_settle_ddl());
    const char *before = pg_rig_query("SELECT oid FROM pg_event_trigger ORDER BY 1");
    pg_setup_ok(pg_setup_settle_ddl()); /* nothing is made twice */
    ck_assert_str_eq(pg_rig_query("SELECT oid FROM pg_event_trigger ORDER BY 1"), before);
    struct cdc_settings other = pg_setup.settings;
    other.source_id = STR("$do$ other");
    pg_setup_ok(pg_ddl_settle(&pg_setup.control, &other, &pg_setup.out, &pg_setup.err));
    pg_setup_ok(
        pg_ddl_drop(&pg_setup.control, &pg_setup.settings, &dropped, &pg_setup.err));
    ck_assert(!dropped);
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_event_trigger"), "2");
    pg_setup_ok(pg_ddl_drop(&pg_setup.control, &other, &dropped, &pg_setup.err));
    ck_assert(dropped);
    ck_assert_str_eq(
        pg_rig_query("SELECT (SELECT count(*) FROM pg_event_trigger) + (SELECT "
                     "count(*) FROM pg_namespace WHERE nspname = "
                     "'workflow_plugin_cdc')"),
        "0");
    pg_setup_ok(pg_ddl_drop(&pg_setup.control, &other, &dropped, &pg_setup.err));
    ck_assert(!dropped);
}
END_TEST

START_TEST(a_disabled_or_older_trigger_is_renewed)
{
    pg_setup_ok(pg_setup_settle_ddl());
    pg_rig_exec("ALTER EVENT TRIGGER workflow_plugin_cdc_drop DISABLE");
    pg_setup_ok(pg_setup_settle_ddl());
    ck_assert_str_eq(
        pg_rig_query("SELECT count(*) FROM pg_event_trigger WHERE evtenabled = 'O'"), "2");
    pg_rig_exec("COMMENT ON FUNCTION workflow_plugin_cdc.tell_ddl() IS 'an older one'");
    pg_setup_ok(pg_setup_settle_ddl());
    ck_assert_str_eq(
        pg_rig_query("SELECT obj_description('workflow_plugin_cdc.tell_ddl()'::"
                     "regprocedure)"),
        "workflow-plugin-cdc ddl 2");
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.a", "");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_ddl_trigger");
    TCase *tc = pg_setup_cases(suite, "ddl");
    tcase_add_unchecked_fixture(tc, skip_old_servers, NULL);
    tcase_add_test(tc, ddl_on_tables_is_in_the_stream);
    tcase_add_test(tc, ddl_that_changes_no_table_is_not_told);
    tcase_add_test(tc, no_statement_fails_because_of_the_trigger);
    tcase_add_test(tc, without_the_right_auto_goes_on_and_required_says_how_to_get_the_sql);
    tcase_add_test(tc, the_last_source_takes_the_trigger_away);
    tcase_add_test(tc, a_disabled_or_older_trigger_is_renewed);
    return suite;
}
