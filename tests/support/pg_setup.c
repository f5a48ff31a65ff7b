/* SPDX-License-Identifier: MIT
 *
 * pg_setup - see the header.
 */
#include "tests/support/pg_setup.h"

#include <check.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_ddl.h"
#include "tests/support/pg_rig.h"

struct pg_setup pg_setup;

static void pg_setup_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx;
    buf_printf(&pg_setup.notices, "%d ", (int)level);
    buf_cstr(&pg_setup.notices, text);
    buf_byte(&pg_setup.notices, '\n');
}

void pg_setup_ok(wf_status status)
{
    ck_assert_msg(status == WF_OK, "%d: %s", (int)status, pg_setup.err.text);
}

void pg_setup_says(wf_str text, const char *part)
{
    ck_assert_msg(str_find(text, str_from(part)) >= 0, "'%s' is not in: %.*s", part,
                  STR_ARG(text));
}

void pg_setup_connect_as(const char *connection)
{
    pg_conn_close(&pg_setup.control);
    pg_setup.control = (struct pg_conn){.cancel = &pg_setup.cancel, .deaf = true};
    pg_setup.settings.connection = str_from(connection);
    pg_setup_ok(pg_conn_open(&pg_setup.control, &pg_setup.settings, PG_CONN_CONTROL,
                             &pg_setup.err));
}

static void pg_setup_make(void)
{
    pg_rig_setup();
    pg_setup = (struct pg_setup){0};
    buf_init(&pg_setup.notices, LIMIT_OUTPUT_BYTES);
    buf_init(&pg_setup.added, LIMIT_OUTPUT_BYTES);
    pg_setup.out.notice = pg_setup_notice;
    pg_setup.options.origin = STR("any");
    pg_setup.settings.source_id = STR("shop's \\ 1");
    pg_setup.settings.options = &pg_setup.options;
    pg_setup.settings.tables.items = pg_setup.tables;
    pg_setup_connect_as(pg_rig_connection());
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
}

static void pg_setup_end(void)
{
    pg_conn_close(&pg_setup.control);
    cancel_close(&pg_setup.cancel);
    buf_release(&pg_setup.notices);
    buf_release(&pg_setup.added);
    pg_rig_teardown();
}

void pg_setup_want(const char *tables)
{
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    wf_str rest = str_from(tables);
    pg_setup.settings.tables.count = 0;
    for (wf_str one; str_next(&rest, ' ', &one);)
        pg_setup.tables[pg_setup.settings.tables.count++] = one;
}

wf_status pg_setup_settle(void)
{
    buf_clear(&pg_setup.notices);
    buf_clear(&pg_setup.added);
    pg_setup.err = (wf_error){0};
    return pg_publication_settle(&pg_setup.publication, &pg_setup.control,
                                 &pg_setup.settings, &pg_setup.out, &pg_setup.added,
                                 &pg_setup.err);
}

static const char *pg_setup_published(const char *name)
{
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "SELECT coalesce(string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1), '')"
        " FROM (SELECT schemaname, tablename FROM pg_publication_tables"
        " WHERE pubname = '%s' ORDER BY 1, 2) t",
        name);
    return pg_rig_query(sql);
}

void pg_setup_holds(const char *main, const char *insert)
{
    ck_assert_str_eq(pg_setup_published(pg_setup.publication.name), main);
    ck_assert_str_eq(pg_setup_published(pg_setup.publication.insert), insert);
}

void pg_setup_zoo(void)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY, v text);"
                "CREATE TABLE \"B b.\"\"c\" (id int PRIMARY KEY);"
                "CREATE TABLE mute (v text);"
                "CREATE TABLE full_ (v text); ALTER TABLE full_ REPLICA IDENTITY FULL;"
                "CREATE TABLE nothing (id int PRIMARY KEY);"
                "ALTER TABLE nothing REPLICA IDENTITY NOTHING;"
                "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);"
                "CREATE TABLE indexed (id int NOT NULL UNIQUE);"
                "ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_id_key;"
                "CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);"
                "CREATE VIEW view_ AS SELECT 1;"
                "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                "CREATE TABLE root_1 PARTITION OF root FOR VALUES FROM (0) TO (10);"
                "CREATE TABLE rough (id int) PARTITION BY RANGE (id);"
                "CREATE TABLE rough_1 PARTITION OF rough FOR VALUES FROM (0) TO (10);"
                "CREATE SCHEMA s; CREATE TABLE s.a (id int PRIMARY KEY);"
                "CREATE TABLE parent (id int PRIMARY KEY);"
                "CREATE TABLE child () INHERITS (parent)");
}

static const char *pg_setup_role_connection(void)
{
    static char text[512];
    snprintf(text, sizeof text, "%s", pg_rig_connection_tcp());
    char *user = strstr(text, "user=postgres");
    ck_assert_ptr_nonnull(user);
    memcpy(user, "user=cdc_user", 13);
    return text;
}

void pg_setup_connect_as_role(const char *grants)
{
    pg_rig_exec(
        "DO $$ BEGIN CREATE ROLE cdc_user LOGIN REPLICATION; EXCEPTION WHEN "
        "duplicate_object THEN NULL; END $$; DO $$ BEGIN CREATE ROLE owner_; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$; REVOKE owner_ FROM cdc_user");
    pg_rig_exec(grants);
    pg_setup_connect_as(pg_setup_role_connection());
}

wf_status pg_setup_settle_ddl(void)
{
    buf_clear(&pg_setup.notices);
    return pg_ddl_settle(&pg_setup.control, &pg_setup.settings, &pg_setup.out,
                         &pg_setup.err);
}

static void pg_setup_begin(void)
{
    pg_rig_begin(NULL);
}

TCase *pg_setup_cases(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_unchecked_fixture(tc, pg_setup_begin, NULL);
    tcase_add_checked_fixture(tc, pg_setup_make, pg_setup_end);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}
