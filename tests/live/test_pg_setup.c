/* SPDX-License-Identifier: MIT
 *
 * What is set up at a real server: publication, slot, DDL trigger; and what its catalog
 * answers.
 */
#include <check.h>
#include <pthread.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_catalog.h"
#include "providers/postgres/pg_ddl.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_publication.h"
#include "providers/postgres/pg_slot.h"
#include "tests/support/pg_rig.h"
#include "tests/support/run.h"

static struct {
    struct pg_options options;
    struct cdc_settings settings;
    wf_str tables[8];
    struct cancel cancel;
    struct pg_conn control;
    struct cdc_emitter out;
    struct buf notices;
    struct buf added;
    struct pg_publication publication;
    wf_error err;
} rig;

static void rig_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx;
    buf_printf(&rig.notices, "%d ", (int)level);
    buf_cstr(&rig.notices, text);
    buf_byte(&rig.notices, '\n');
}

static void ok(wf_status status)
{
    ck_assert_msg(status == WF_OK, "%d: %s", (int)status, rig.err.text);
}

static void says(wf_str text, const char *part)
{
    ck_assert_msg(str_find(text, str_from(part)) >= 0, "'%s' is not in: %.*s", part,
                  STR_ARG(text));
}

static void connect_as(const char *connection)
{
    pg_conn_close(&rig.control);
    rig.control = (struct pg_conn){.cancel = &rig.cancel, .deaf = true};
    rig.settings.connection = str_from(connection);
    ok(pg_conn_open(&rig.control, &rig.settings, PG_CONN_CONTROL, &rig.err));
}

static void setup(void)
{
    pg_rig_setup();
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.notices, LIMIT_OUTPUT_BYTES);
    buf_init(&rig.added, LIMIT_OUTPUT_BYTES);
    rig.out.notice = rig_notice;
    rig.options.origin = STR("any");
    rig.settings.source_id = STR("shop's \\ 1");
    rig.settings.options = &rig.options;
    rig.settings.tables.items = rig.tables;
    connect_as(pg_rig_connection());
    ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
}

static void teardown(void)
{
    pg_conn_close(&rig.control);
    cancel_close(&rig.cancel);
    buf_release(&rig.notices);
    buf_release(&rig.added);
    pg_rig_teardown();
}

/* As a start with these tables in the configuration. */
static void want(const char *tables)
{
    ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
    wf_str rest = str_from(tables);
    rig.settings.tables.count = 0;
    for (wf_str one; str_next(&rest, ' ', &one);)
        rig.tables[rig.settings.tables.count++] = one;
}

static wf_status settle(void)
{
    buf_clear(&rig.notices);
    buf_clear(&rig.added);
    rig.err = (wf_error){0};
    return pg_publication_settle(&rig.publication, &rig.control, &rig.settings, &rig.out,
                                 &rig.added, &rig.err);
}

static const char *published(const char *name)
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

static void holds(const char *main, const char *insert)
{
    ck_assert_str_eq(published(rig.publication.name), main);
    ck_assert_str_eq(published(rig.publication.insert), insert);
}

/* ---- publication: ours --------------------------------------------------------------- */

static void make_zoo(void)
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

START_TEST(without_tables_every_ordinary_table_is_published)
    {
        make_zoo();
        ok(settle());
        ck_assert(rig.publication.ours);
        ck_assert(rig.publication.exists);
        ck_assert(rig.publication.made);
        holds("public.B b.\"c public.a public.full_ public.indexed public.parent "
              "public.root s.a",
              "public.child public.late public.mute public.nothing public.rough");
        says(buf_view(&rig.notices), "'public.mute'");
        says(buf_view(&rig.notices), "REPLICA IDENTITY FULL");
        says(buf_view(&rig.added), "public.a\n");
        says(buf_view(&rig.added), "public.mute\n");
        says(buf_view(&rig.added), "public.B b.\"c\n");
    }
END_TEST

START_TEST(nobody_s_update_fails_because_of_us)
    {
        make_zoo();
        ok(settle());
        pg_rig_exec(
            "INSERT INTO mute VALUES ('1'); UPDATE mute SET v = '2'; DELETE FROM mute;"
            "INSERT INTO nothing VALUES (1); UPDATE nothing SET id = 2;"
            "INSERT INTO late VALUES (1); DELETE FROM late;"
            "INSERT INTO indexed VALUES (1); UPDATE indexed SET id = 2;"
            "INSERT INTO child VALUES (1); UPDATE child SET id = 2;"
            "INSERT INTO rough VALUES (1); UPDATE rough SET id = 2;"
            "INSERT INTO root VALUES (1); UPDATE root SET id = 2; DELETE FROM root;"
            "UPDATE parent SET id = 3");
    }
END_TEST

START_TEST(a_second_look_changes_and_tells_nothing)
    {
        make_zoo();
        want("public.* gone s.a");
        ok(settle());
        says(buf_view(&rig.notices), "'gone' does not exist");
        for (int i = 0; i < 2; i++) {
            const char *before = pg_rig_query("SELECT pg_current_wal_insert_lsn()");
            ok(settle());
            ck_assert_uint_eq(rig.notices.len, 0);
            ck_assert_uint_eq(rig.added.len, 0);
            ck_assert(!rig.publication.made);
            ck_assert_str_eq(pg_rig_query("SELECT pg_current_wal_insert_lsn()"), before);
        }
        char names[PG_PUBLICATION_NAMES];
        snprintf(names, sizeof names, "\"%s\",\"%s_insert\"", rig.publication.name,
                 rig.publication.name);
        ck_assert_str_eq(rig.publication.names, names);
    }
END_TEST

START_TEST(wildcards_choose_as_they_choose_events)
    {
        make_zoo();
        pg_rig_exec(
            "CREATE TABLE a_1 (id int PRIMARY KEY); CREATE TABLE ax1 (id int PRIMARY KEY);"
            "CREATE TABLE \"a%1\" (id int PRIMARY KEY); CREATE TABLE \"a\\1\" (id int "
            "PRIMARY KEY); CREATE TABLE \"a\u00e41\" (id int PRIMARY KEY)");
        want("a_1 a%1 a\\1 a?1x");
        ok(settle());
        holds("public.a%1 public.a\\1 public.a_1", "");
        want("a??1");
        ok(settle());
        holds("public.a\u00e41", "");
        want("public.a a");
        ok(settle());
        holds("public.a s.a", "");
        want("s.*");
        ok(settle());
        holds("s.a", "");
        want("public.r*");
        ok(settle());
        holds("public.root", "public.rough");
        want("public.root_1");
        ok(settle());
        holds("public.root_1", "");
    }
END_TEST

START_TEST(tables_come_and_go_while_it_runs)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        want("public.*");
        ok(settle());
        pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int);"
                    "CREATE TABLE \"x\ny\" (id int PRIMARY KEY); DROP TABLE a");
        ok(settle());
        says(buf_view(&rig.added), "public.b\n");
        says(buf_view(&rig.added), "public.c\n");
        says(buf_view(&rig.notices), "'public.b' is published now");
        says(buf_view(&rig.notices), "only INSERT and TRUNCATE are read of 'public.c'");
        holds("public.b public.x\ny", "public.c");
        pg_rig_exec(
            "ALTER TABLE c ADD PRIMARY KEY (id); ALTER TABLE b DROP CONSTRAINT b_pkey");
        ok(settle());
        holds("public.c public.x\ny", "public.b");
        ck_assert_uint_eq(rig.added.len, 0);
        pg_rig_exec("UPDATE b SET id = 1; UPDATE c SET id = 1");
    }
END_TEST

START_TEST(a_partition_without_identity_takes_its_root_along)
    {
        make_zoo();
        ok(settle());
        pg_rig_exec("ALTER TABLE root_1 REPLICA IDENTITY NOTHING;"
                    "ALTER TABLE rough_1 REPLICA IDENTITY FULL");
        want("public.ro*");
        ok(settle());
        holds("public.rough", "public.root");
        pg_rig_exec("INSERT INTO rough VALUES (1); UPDATE rough SET id = 2;"
                    "INSERT INTO root VALUES (1); UPDATE root SET id = 2");
    }
END_TEST

START_TEST(a_locked_table_is_left_for_later)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        ok(settle());
        pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY)");
        PGconn *other = pg_rig_connect();
        pg_rig_on(other, "BEGIN; LOCK TABLE b");
        ok(settle());
        ck_assert_uint_eq(rig.added.len, 0);
        says(buf_view(&rig.notices), "it is tried again");
        ok(settle());
        ck_assert_uint_eq(rig.notices.len, 0); /* told once */
        pg_rig_on(other, "COMMIT");
        PQfinish(other);
        ok(settle());
        ck_assert(str_is(buf_view(&rig.added), "public.b\n"));
    }
END_TEST

/* More than the server has locks for (64 for each of 80 connections). */
START_TEST(thousands_of_tables_are_published_and_moved)
    {
        for (int i = 0; i < 6; i++)
            pg_rig_execf(
                "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE t%d_%%s "
                "(id int UNIQUE NOT NULL)', i); END LOOP; END $$",
                i);
        ok(settle());
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication_rel"), "6000");
        size_t lines = 0;
        for (size_t i = 0; i < rig.added.len; i++)
            lines += rig.added.data[i] == '\n';
        ck_assert_uint_eq(lines, 6000);
        says(buf_view(&rig.notices), "(6000 in all)");
        for (int i = 0; i < 6; i++)
            pg_rig_execf(
                "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('ALTER TABLE t%d_%%s "
                "REPLICA IDENTITY FULL', i); END LOOP; END $$",
                i);
        ok(settle());
        ck_assert_uint_eq(rig.added.len, 0);
        ck_assert_str_eq(
            pg_rig_query("SELECT count(*) FROM pg_publication_tables WHERE pubname "
                         "NOT LIKE '%insert'"),
            "6000");
        ok(settle());
        ck_assert_uint_eq(rig.notices.len, 0);
    }
END_TEST

START_TEST(what_was_altered_by_hand_is_mended)
    {
        pg_rig_exec(
            "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)");
        want("a");
        ok(settle());
        pg_rig_execf(
            "ALTER PUBLICATION %1$s SET (publish = 'insert', "
            "publish_via_partition_root = false); ALTER PUBLICATION %1$s SET TABLE b",
            rig.publication.name);
        ok(settle());
        holds("public.a", "");
        ck_assert_str_eq(
            pg_rig_query("SELECT pubinsert, pubupdate, pubdelete, pubtruncate, "
                         "pubviaroot FROM pg_publication ORDER BY pubname LIMIT 1"),
            "t|t|t|t|t");
        pg_rig_execf("DROP PUBLICATION %s", rig.publication.name);
        ok(settle());
        ck_assert(rig.publication.made);
        holds("public.a", "");
    }
END_TEST

START_TEST(ours_is_dropped_whole_and_once)
    {
        bool dropped = false;
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        ok(settle());
        /* As a cleanup after a restart does it: without a settle before. */
        struct pg_publication again;
        ok(pg_publication_name(&rig.settings, &again, &rig.err));
        ok(pg_publication_drop(&again, &rig.control, &dropped, &rig.err));
        ck_assert(dropped);
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "0");
        ok(pg_publication_drop(&again, &rig.control, &dropped, &rig.err));
        ck_assert(!dropped);
    }
END_TEST

START_TEST(any_source_id_makes_a_publication_of_its_own)
    {
        const char *const ids[] = {"a", "it's", "back\\slash", "\xc3\xa4\xc3\xb6",
                                   "$do$ \"x\""};
        for (size_t i = 0; i < CDC_COUNT(ids); i++) {
            rig.settings.source_id = str_from(ids[i]);
            ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
            ok(settle());
            ck_assert(rig.publication.made);
            rig.publication.settled = false;
            ok(settle());
            ck_assert(!rig.publication.made);
        }
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "10");
    }
END_TEST

/* ---- publication: rights ------------------------------------------------------------- */

static const char *role_connection(void)
{
    static char text[512];
    snprintf(text, sizeof text, "%s", pg_rig_connection_tcp());
    char *user = strstr(text, "user=postgres");
    ck_assert_ptr_nonnull(user);
    memcpy(user, "user=cdc_user", 13);
    return text;
}

static void connect_as_role(const char *grants)
{
    pg_rig_exec(
        "DO $$ BEGIN CREATE ROLE cdc_user LOGIN REPLICATION; EXCEPTION WHEN "
        "duplicate_object THEN NULL; END $$; DO $$ BEGIN CREATE ROLE owner_; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$; REVOKE owner_ FROM cdc_user");
    pg_rig_exec(grants);
    connect_as(role_connection());
}

START_TEST(without_the_right_to_make_one_the_sql_is_shown)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        connect_as_role("SELECT 1");
        ck_assert_int_eq(settle(), WF_CONFIG);
        says(str_from(rig.err.text), "GRANT CREATE ON DATABASE");
        says(str_from(rig.err.text), "CREATE PUBLICATION \"cdc_shop_s___1_");
        says(str_from(rig.err.text), "FOR TABLE public.a WITH");
    }
END_TEST

START_TEST(tables_of_others_are_refused_when_named_and_left_out_otherwise)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        pg_rig_execf(
            "SET client_min_messages = error; GRANT CREATE ON DATABASE %s TO PUBLIC",
            pg_rig_database());
        connect_as_role("ALTER TABLE a OWNER TO owner_");
        want("public.a");
        ck_assert_int_eq(settle(), WF_CONFIG);
        says(str_from(rig.err.text), "'public.a'");
        says(str_from(rig.err.text), "GRANT \"owner_\"");
        want("public.*");
        ck_assert_int_eq(settle(), WF_CONFIG); /* nothing else is there */
        pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE b OWNER TO cdc_user");
        ok(settle());
        holds("public.b", "");
        says(buf_view(&rig.notices), "'public.a' cannot be published");
        ok(settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        pg_rig_exec("GRANT owner_ TO cdc_user");
        ok(settle());
        ck_assert(str_is(buf_view(&rig.added), "public.a\n"));
    }
END_TEST

/* ---- publication: adopted ------------------------------------------------------------ */

START_TEST(one_that_is_not_ours_is_told_about_and_never_altered)
    {
        make_zoo();
        pg_rig_exec("CREATE PUBLICATION theirs FOR TABLE a, mute, root "
                    "WITH (publish = 'insert, update')");
        rig.options.publication = STR("theirs");
        ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
        want("a mute public.full_ root");
        ok(settle());
        ck_assert(!rig.publication.ours);
        ck_assert(!rig.publication.made);
        ck_assert_str_eq(rig.publication.names, "\"theirs\"");
        wf_str told = buf_view(&rig.notices);
        says(told, "lacks 'public.full_', 's.a'");
        says(told, "ALTER PUBLICATION \"theirs\" ADD TABLE public.full_, s.a");
        says(told, "does not publish DELETE TRUNCATE");
        says(told, "publish_via_partition_root = true");
        says(told, "UPDATE and DELETE of 'public.mute' fail");
        ok(settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        holds("public.a public.mute public.root_1", "");
        pg_rig_exec("ALTER PUBLICATION theirs ADD TABLE full_");
        ok(settle());
        says(buf_view(&rig.notices), "lacks 's.a'");
        bool dropped = true;
        ok(pg_publication_drop(&rig.publication, &rig.control, &dropped, &rig.err));
        ck_assert(!dropped);
    }
END_TEST

START_TEST(one_without_any_of_the_tables_is_refused)
    {
        make_zoo();
        pg_rig_exec("CREATE PUBLICATION theirs FOR TABLE a");
        rig.options.publication = STR("theirs");
        ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
        want("s.*");
        ck_assert_int_eq(settle(), WF_CONFIG);
        says(str_from(rig.err.text), "ALTER PUBLICATION \"theirs\" ADD TABLE s.a");
        want("");
        rig.settings.tables.count = 0;
        ok(settle()); /* no choice: what is in it */
        ck_assert_uint_eq(rig.notices.len, 0);
    }
END_TEST

START_TEST(one_for_all_tables_lacks_nothing)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY);"
                    "CREATE PUBLICATION theirs FOR ALL TABLES");
        rig.options.publication = STR("theirs");
        ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
        want("public.a");
        ok(settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        pg_rig_exec("CREATE TABLE b (id int)");
        want("public.*");
        ok(settle());
        says(buf_view(&rig.notices), "UPDATE and DELETE of 'public.b' fail");
    }
END_TEST

START_TEST(a_configured_name_that_is_free_becomes_ours)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        rig.options.publication =
            STR("A \"quoted\" one, with a long long long long long name");
        ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
        ok(settle());
        ck_assert(rig.publication.ours);
        /* The server reads them as we wrote them. */
        pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
        pg_rig_exec("INSERT INTO a VALUES (1)");
        const char *const params[] = {rig.publication.names};
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        ok(pg_conn_query(&rig.control, "decode",
                         "SELECT FROM pg_logical_slot_get_binary_changes('s', NULL, NULL, "
                         "'proto_version', '1', 'publication_names', $1)",
                         params, 1, &rows, &rig.err));
        ck_assert_int_ge(PQntuples(rows), 4);
    }
END_TEST

START_TEST(the_second_part_is_not_taken_from_others)
    {
        pg_rig_execf("CREATE PUBLICATION %s", rig.publication.insert);
        ck_assert_int_eq(settle(), WF_CONFIG);
        says(str_from(rig.err.text), rig.publication.insert);
    }
END_TEST

/* ---- slot ---------------------------------------------------------------------------- */

START_TEST(a_slot_is_made_read_and_dropped)
    {
        struct pg_slot_facts facts;
        uint64_t lsn = 0;
        bool dropped = true;
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        ck_assert(!facts.exists);
        ck_assert_int_eq(facts.active_pid, -1);
        ck_assert_str_eq(facts.here, pg_rig_database());
        ok(pg_slot_make(&rig.control, "cdc_t", &rig.settings, false, &lsn, &rig.err));
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        ck_assert(facts.exists && facts.logical && !facts.active && !facts.temporary);
        ck_assert(!facts.two_phase && !facts.failover && !facts.synced && !facts.standby);
        ck_assert_str_eq(facts.plugin, "pgoutput");
        ck_assert_str_eq(facts.database, pg_rig_database());
        ck_assert_str_eq(facts.wal_status, "reserved");
        ck_assert_str_eq(facts.reason, "");
        ck_assert_uint_eq(facts.confirmed_lsn, lsn);
        ck_assert_uint_lt(facts.restart_lsn, lsn);
        ck_assert_int_gt(facts.retained_bytes, 0);
        ck_assert_int_eq(facts.safe_bytes, -1);
        struct pg_position from = {.flush = lsn};
        ok(pg_slot_judge(&facts, "cdc_t", &from, &rig.err));
        ok(pg_slot_drop(&rig.control, "cdc_t", &dropped, &rig.err));
        ck_assert(dropped);
        ok(pg_slot_drop(&rig.control, "cdc_t", &dropped, &rig.err));
        ck_assert(!dropped);
    }
END_TEST

START_TEST(slots_follow_the_options_or_say_what_they_need)
    {
        uint64_t lsn;
        struct pg_slot_facts facts;
        rig.options.two_phase = true;
        wf_status status =
            pg_slot_make(&rig.control, "cdc_t", &rig.settings, false, &lsn, &rig.err);
        if (rig.control.version >= 150000) {
            ok(status);
            ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
            ck_assert(facts.two_phase);
        } else {
            ck_assert_int_eq(status, WF_CONFIG);
        }
        rig.options.two_phase = false;
        rig.options.failover = true;
        status = pg_slot_make(&rig.control, "cdc_f", &rig.settings, false, &lsn, &rig.err);
        if (rig.control.version >= 170000) {
            ok(status);
            ok(pg_slot_read(&rig.control, "cdc_f", &facts, &rig.err));
            ck_assert(facts.failover);
            ok(pg_slot_make(&rig.control, "cdc_x", &rig.settings, true, &lsn, &rig.err));
            ok(pg_slot_read(&rig.control, "cdc_x", &facts, &rig.err));
            ck_assert(facts.temporary && !facts.failover);
        } else {
            ck_assert_int_eq(status, WF_CONFIG);
            says(str_from(rig.err.text), "'options.failover' needs PostgreSQL 17");
        }
    }
END_TEST

static void *let_go(void *conn)
{
    struct timespec pause = {.tv_nsec = 400 * 1000 * 1000};
    nanosleep(&pause, NULL);
    PQfinish(conn);
    return NULL;
}

START_TEST(a_slot_in_use_is_named_and_dropped_when_it_is_free)
    {
        struct pg_slot_facts facts;
        struct pg_position from = {0};
        bool dropped = false;
        PGconn *other = pg_rig_connect();
        pg_rig_on(other,
                  "SELECT pg_create_logical_replication_slot('cdc_t', 'pgoutput', true)");
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        ck_assert(facts.active && facts.temporary);
        ck_assert_int_eq(facts.active_pid, PQbackendPID(other));
        ck_assert_int_eq(pg_slot_judge(&facts, "cdc_t", &from, &rig.err), WF_UNAVAILABLE);
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, let_go, other), 0);
        ok(pg_slot_drop(&rig.control, "cdc_t", &dropped, &rig.err));
        pthread_join(thread, NULL);
        ck_assert(!dropped); /* a temporary one went with its session */
    }
END_TEST

START_TEST(slots_of_others_are_told_apart)
    {
        struct pg_slot_facts facts;
        struct pg_position from = {0};
        pg_rig_exec("SELECT pg_create_physical_replication_slot('physical')");
        ok(pg_slot_read(&rig.control, "physical", &facts, &rig.err));
        ck_assert_int_eq(pg_slot_judge(&facts, "physical", &from, &rig.err), WF_CONFIG);
        pg_rig_exec("SELECT pg_drop_replication_slot('physical')");
        pg_rig_exec("SELECT pg_create_logical_replication_slot('moved', 'pgoutput')");
        ok(pg_slot_read(&rig.control, "moved", &facts, &rig.err));
        from.flush = facts.confirmed_lsn;
        pg_rig_exec(
            "CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 100)");
        pg_rig_exec("SELECT pg_replication_slot_advance('moved', pg_current_wal_lsn())");
        ok(pg_slot_read(&rig.control, "moved", &facts, &rig.err));
        ck_assert_int_eq(pg_slot_judge(&facts, "moved", &from, &rig.err), WF_STATE);
        says(str_from(rig.err.text), "moved on by somebody else");
    }
END_TEST

START_TEST(a_slot_whose_wal_was_removed_is_lost)
    {
        struct pg_slot_facts facts;
        struct pg_position from = {0};
        uint64_t lsn;
        ok(pg_slot_make(&rig.control, "cdc_t", &rig.settings, false, &lsn, &rig.err));
        pg_rig_exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
        pg_rig_exec("SELECT pg_reload_conf()");
        pg_rig_wait("SHOW max_slot_wal_keep_size", "1MB");
        pg_rig_exec("CREATE TABLE a (id int)");
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        ck_assert_int_ge(facts.safe_bytes, 0);
        for (int i = 0; i < 4; i++) {
            pg_rig_exec("INSERT INTO a VALUES (1)");
            pg_rig_exec("SELECT pg_switch_wal()");
        }
        pg_rig_exec("CHECKPOINT");
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        pg_rig_exec("ALTER SYSTEM RESET max_slot_wal_keep_size");
        pg_rig_exec("SELECT pg_reload_conf()");
        ck_assert_str_eq(facts.wal_status, "lost");
        if (rig.control.version >= 170000)
            ck_assert_str_eq(facts.reason, "wal_removed");
        ck_assert_int_eq(pg_slot_judge(&facts, "cdc_t", &from, &rig.err), WF_STATE);
        says(str_from(rig.err.text), "max_slot_wal_keep_size");
    }
END_TEST

/* ---- DDL ----------------------------------------------------------------------------- */

static const char *messages(void)
{
    return pg_rig_query("SELECT coalesce(string_agg(substring(data from 'content:(.*)'), "
                        "E'\\n'), '') FROM pg_logical_slot_get_changes('d', NULL, NULL, "
                        "'include-xids', 'false') WHERE data LIKE '%" PG_PREFIX_DDL "%'");
}

static wf_status ddl_settle(void)
{
    buf_clear(&rig.notices);
    return pg_ddl_settle(&rig.control, &rig.settings, &rig.out, &rig.err);
}

START_TEST(ddl_on_tables_is_in_the_stream)
    {
        ok(ddl_settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        pg_rig_exec("SELECT pg_create_logical_replication_slot('d', 'test_decoding')");
        pg_rig_exec("CREATE TABLE \"T t\" (id serial PRIMARY KEY, v text)");
        const char *told = messages();
        says(str_from(told), "\"tag\" : \"CREATE TABLE\"");
        says(str_from(told),
             "\"sql\" : \"CREATE TABLE \\\"T t\\\" (id serial PRIMARY KEY, v text)\"");
        says(str_from(told), "{\"table\" : \"public.T t\"}]");
        pg_rig_exec("ALTER TABLE \"T t\" DROP COLUMN v");
        told = messages();
        says(str_from(told), "DROP COLUMN v");
        ck_assert_ptr_null(strchr(told, '\n')); /* once */
        pg_rig_exec("ALTER TABLE \"T t\" RENAME COLUMN id TO nr");
        says(str_from(messages()), "RENAME COLUMN");
        pg_rig_exec("CREATE TABLE b (id int); DROP TABLE b, \"T t\"");
        told = messages();
        says(str_from(told), "\"tag\" : \"DROP TABLE\"");
        says(str_from(told), "[{\"table\" : \"public.T t\"}, {\"table\" : \"public.b\"}]");
        pg_rig_exec("CREATE TABLE c (v int)");
        pg_rig_exec("CREATE TYPE kind AS ENUM ('a'); ALTER TABLE c ADD k kind");
        messages();
        pg_rig_exec("DROP TYPE kind CASCADE");
        told = messages();
        says(str_from(told), "\"tag\" : \"DROP TYPE\"");
        says(str_from(told), "public.c");
    }
END_TEST

START_TEST(ddl_that_changes_no_table_is_not_told)
    {
        ok(ddl_settle());
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
        ok(ddl_settle());
        pg_rig_exec("SELECT pg_create_logical_replication_slot('d', 'test_decoding')");
        pg_rig_exec(
            "ALTER FUNCTION workflow_plugin_cdc.tell_ddl() SET search_path = nowhere");
        pg_rig_exec("CREATE FUNCTION public.fail() RETURNS text LANGUAGE plpgsql AS "
                    "'BEGIN RAISE EXCEPTION ''no''; END'");
        connect_as_role("GRANT CREATE ON SCHEMA public TO PUBLIC");
        ok(pg_conn_query(&rig.control, "make a table", "CREATE TABLE public.mine (id int)",
                         NULL, 0, NULL, &rig.err));
        ok(pg_conn_query(&rig.control, "drop a table", "DROP TABLE public.mine", NULL, 0,
                         NULL, &rig.err));
        /* And it is told, though the role may do nothing in our schema. */
        pg_rig_exec(
            "ALTER FUNCTION workflow_plugin_cdc.tell_ddl() SET search_path = pg_catalog, "
            "pg_temp");
        messages();
        ok(pg_conn_query(&rig.control, "make a table", "CREATE TABLE public.mine (id int)",
                         NULL, 0, NULL, &rig.err));
        says(str_from(messages()), "public.mine");
        /* Something in it fails. */
        pg_rig_exec(
            "DO $$ BEGIN EXECUTE (SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION "
            "%s FROM PUBLIC', oid::regprocedure), '; ') FROM pg_proc "
            "WHERE proname = 'pg_logical_emit_message'); END $$; ALTER FUNCTION "
            "workflow_plugin_cdc.tell_ddl() OWNER TO cdc_user");
        pg_rig_exec("CREATE TABLE public.more (id int)");
        ck_assert_str_eq(messages(), "");
    }
END_TEST

START_TEST(without_the_right_auto_goes_on_and_required_shows_the_sql)
    {
        connect_as_role("SELECT 1");
        rig.options.ddl = PG_DDL_AUTO;
        ok(ddl_settle());
        says(buf_view(&rig.notices), "DDL statements are not told");
        rig.options.ddl = PG_DDL_REQUIRED;
        ck_assert_int_eq(ddl_settle(), WF_CONFIG);
        says(buf_view(&rig.notices), "CREATE EVENT TRIGGER");
        rig.options.ddl = PG_DDL_OFF;
        ok(ddl_settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_namespace WHERE nspname = "
                                      "'workflow_plugin_cdc'"),
                         "0");
        /* An administrator runs it. */
        CDC_CLEANUP(buf_release) struct buf sql;
        buf_init(&sql, LIMIT_TEXT_BYTES);
        pg_ddl_sql(&sql);
        pg_rig_exec(buf_c(&sql));
        rig.options.ddl = PG_DDL_REQUIRED;
        ok(ddl_settle());
        bool dropped = true;
        ok(pg_ddl_drop(&rig.control, &rig.settings, &dropped, &rig.err));
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
        ok(ddl_settle());
        const char *before = pg_rig_query("SELECT oid FROM pg_event_trigger ORDER BY 1");
        ok(ddl_settle()); /* nothing is made twice */
        ck_assert_str_eq(pg_rig_query("SELECT oid FROM pg_event_trigger ORDER BY 1"),
                         before);
        struct cdc_settings other = rig.settings;
        other.source_id = STR("$do$ other");
        ok(pg_ddl_settle(&rig.control, &other, &rig.out, &rig.err));
        ok(pg_ddl_drop(&rig.control, &rig.settings, &dropped, &rig.err));
        ck_assert(!dropped);
        ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_event_trigger"), "2");
        ok(pg_ddl_drop(&rig.control, &other, &dropped, &rig.err));
        ck_assert(dropped);
        ck_assert_str_eq(
            pg_rig_query("SELECT (SELECT count(*) FROM pg_event_trigger) + (SELECT "
                         "count(*) FROM pg_namespace WHERE nspname = "
                         "'workflow_plugin_cdc')"),
            "0");
        ok(pg_ddl_drop(&rig.control, &other, &dropped, &rig.err));
        ck_assert(!dropped);
    }
END_TEST

START_TEST(a_disabled_or_older_trigger_is_renewed)
    {
        ok(ddl_settle());
        pg_rig_exec("ALTER EVENT TRIGGER workflow_plugin_cdc_drop DISABLE");
        ok(ddl_settle());
        ck_assert_str_eq(
            pg_rig_query("SELECT count(*) FROM pg_event_trigger WHERE evtenabled = 'O'"),
            "2");
        pg_rig_exec("COMMENT ON FUNCTION workflow_plugin_cdc.tell_ddl() IS 'an older one'");
        ok(ddl_settle());
        ck_assert_str_eq(
            pg_rig_query("SELECT obj_description('workflow_plugin_cdc.tell_ddl()'::"
                         "regprocedure)"),
            "workflow-plugin-cdc ddl 1");
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        ok(settle());
        holds("public.a", "");
    }
END_TEST

/* ---- standby ------------------------------------------------------------------------- */

/* Of the rig's server; gone when the test ends. */
static void connect_to_standby(void)
{
    char command[512];
    char dir[256] = "";
    char connection[512];
    snprintf(command, sizeof command,
             "BUILD_DIR=" BUILD_DIR " " SOURCE_DIR "/tests/support/pg_server standby %s "
             "--owner %d",
             pg_rig_dir(), (int)getpid());
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_ptr_nonnull(fgets(dir, sizeof dir, pipe));
    ck_assert_int_eq(pclose(pipe), 0);
    dir[strcspn(dir, "\n")] = '\0';
    snprintf(command, sizeof command, "%s/connection", dir);
    FILE *file = fopen(command, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(dir, sizeof dir, file));
    fclose(file);
    dir[strcspn(dir, "\n")] = '\0';
    snprintf(connection, sizeof connection, "%s dbname=%s", dir, pg_rig_database());
    connect_as(connection);
    rig.settings.connection = STR_EMPTY;
}

static void wait_for_standby(void)
{
    const char *lsn = pg_rig_query("SELECT pg_current_wal_lsn()");
    for (int i = 0; i < 500; i++) {
        CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
        ok(pg_conn_query(&rig.control, "ask the standby",
                         "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn",
                         (const char *const[]){lsn}, 1, &rows, &rig.err));
        if (str_is(pg_conn_cell(rows, 0, 0), "t"))
            return;
        pg_conn_wait(&rig.control, 20);
    }
    ck_abort_msg("the standby does not follow");
}

START_TEST(a_standby_is_looked_at_and_left_as_it_is)
    {
        pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
        connect_to_standby();
        ck_assert_int_eq(settle(), WF_CONFIG);
        says(str_from(rig.err.text), "this server is a standby");
        ok(ddl_settle());
        says(buf_view(&rig.notices), "standby");
        struct pg_slot_facts facts;
        ok(pg_slot_read(&rig.control, "cdc_t", &facts, &rig.err));
        ck_assert(facts.standby);

        /* The source ran at the primary once, and a table came since. */
        struct pg_conn standby = rig.control;
        rig.control = (struct pg_conn){.cancel = &rig.cancel};
        connect_as(pg_rig_connection());
        ok(settle());
        ok(ddl_settle());
        pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY)");
        pg_conn_close(&rig.control);
        rig.control = standby;
        wait_for_standby();
        ok(pg_publication_name(&rig.settings, &rig.publication, &rig.err));
        ok(settle());
        says(buf_view(&rig.notices),
             "lacks 'public.b'; to have them, at the primary: ALTER");
        ck_assert_ptr_nonnull(strstr(rig.publication.names, "_insert\""));
        ok(ddl_settle());
        ck_assert_uint_eq(rig.notices.len, 0);
        bool dropped = true;
        ok(pg_ddl_drop(&rig.control, &rig.settings, &dropped, &rig.err));
        ck_assert(!dropped);
        dropped = true;
        ok(pg_publication_drop(&rig.publication, &rig.control, &dropped, &rig.err));
        ck_assert(!dropped);
    }
END_TEST

/* ---- catalog ------------------------------------------------------------------------- */

static char facts_text[1024];

static wf_status rig_type(void *user, const struct pg_type_facts *facts, wf_error *err)
{
    (void)user;
    (void)err;
    int len = snprintf(facts_text, sizeof facts_text, "%c%s %c %u %u %.*s", facts->kind,
                       facts->is_array ? "[]" : "", facts->delimiter, facts->element,
                       facts->base, STR_ARG(facts->name));
    for (size_t i = 0; i < facts->count; i++)
        len += snprintf(facts_text + len, sizeof facts_text - (size_t)len, " %.*s:%u",
                        STR_ARG(facts->field_names[i]), facts->field_types[i]);
    return WF_OK;
}

static const char *type(const char *name)
{
    struct pg_catalog catalog;
    char sql[256];
    pg_catalog_of(&rig.control, &catalog);
    snprintf(sql, sizeof sql, "SELECT '%s'::regtype::oid", name);
    uint32_t oid = (uint32_t)pg_rig_number(sql);
    snprintf(facts_text, sizeof facts_text, "none");
    ok(catalog.types.ask(catalog.types.ctx, oid, rig_type, NULL, &rig.err));
    return facts_text;
}

START_TEST(types_are_as_the_catalog_has_them)
    {
        ck_assert_str_eq(type("int4"), "b , 0 0 integer");
        ck_assert_str_eq(type("int4[]"), "b[] , 23 0 integer[]");
        ck_assert_str_eq(type("box[]"), "b[] ; 603 0 box[]");
        ck_assert_str_eq(type("int2vector"), "b , 21 0 int2vector");
        ck_assert_str_eq(type("int4range"), "r , 23 0 int4range");
        if (rig.control.version >= 140000)
            ck_assert_str_eq(type("int4multirange"), "m , 3904 0 int4multirange");
        pg_rig_exec("CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN posint AS int4;"
                    "CREATE TYPE pair AS (\"A b\" int4, gone int4, t text);"
                    "ALTER TYPE pair DROP ATTRIBUTE gone; CREATE TYPE empty AS ()");
        ck_assert_str_eq(type("mood"), "e , 0 0 public.mood");
        ck_assert_str_eq(type("posint"), "d , 0 23 public.posint");
        ck_assert_str_eq(type("pair"), "c , 0 0 public.pair A b:23 t:25");
        ck_assert_str_eq(type("empty"), "c , 0 0 public.empty");
        struct pg_catalog catalog;
        pg_catalog_of(&rig.control, &catalog);
        snprintf(facts_text, sizeof facts_text, "none");
        ok(catalog.types.ask(catalog.types.ctx, 4000000000u, rig_type, NULL, &rig.err));
        ck_assert_str_eq(facts_text, "none");
    }
END_TEST

static void rig_key(void *user, wf_str column)
{
    (void)user;
    buf_printf(&rig.added, "[%.*s]", STR_ARG(column));
}

START_TEST(a_key_s_columns_come_in_its_own_order)
    {
        struct pg_catalog catalog;
        pg_catalog_of(&rig.control, &catalog);
        pg_rig_exec("CREATE TABLE t (a int, b int, \"C c\" int, PRIMARY KEY (\"C c\", a) "
                    "INCLUDE (b));"
                    "CREATE TABLE none (a int UNIQUE)");
        uint32_t t = (uint32_t)pg_rig_number("SELECT 't'::regclass::oid");
        ok(catalog.primary_key(catalog.ctx, t, rig_key, NULL, &rig.err));
        ck_assert(str_is(buf_view(&rig.added), "[C c][a]"));
        buf_clear(&rig.added);
        uint32_t none = (uint32_t)pg_rig_number("SELECT 'none'::regclass::oid");
        ok(catalog.primary_key(catalog.ctx, none, rig_key, NULL, &rig.err));
        ok(catalog.primary_key(catalog.ctx, 4000000000u, rig_key, NULL, &rig.err));
        ck_assert_uint_eq(rig.added.len, 0);
    }
END_TEST

static void begin(void)
{
    pg_rig_begin(NULL);
}

static TCase *cases(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_setup");
    TCase *tc = cases(suite, "publication");
    tcase_add_test(tc, without_tables_every_ordinary_table_is_published);
    tcase_add_test(tc, nobody_s_update_fails_because_of_us);
    tcase_add_test(tc, a_second_look_changes_and_tells_nothing);
    tcase_add_test(tc, wildcards_choose_as_they_choose_events);
    tcase_add_test(tc, tables_come_and_go_while_it_runs);
    tcase_add_test(tc, a_partition_without_identity_takes_its_root_along);
    tcase_add_test(tc, a_locked_table_is_left_for_later);
    tcase_add_test(tc, thousands_of_tables_are_published_and_moved);
    tcase_add_test(tc, what_was_altered_by_hand_is_mended);
    tcase_add_test(tc, ours_is_dropped_whole_and_once);
    tcase_add_test(tc, any_source_id_makes_a_publication_of_its_own);
    tcase_add_test(tc, without_the_right_to_make_one_the_sql_is_shown);
    tcase_add_test(tc, tables_of_others_are_refused_when_named_and_left_out_otherwise);
    tcase_add_test(tc, one_that_is_not_ours_is_told_about_and_never_altered);
    tcase_add_test(tc, one_without_any_of_the_tables_is_refused);
    tcase_add_test(tc, one_for_all_tables_lacks_nothing);
    tcase_add_test(tc, a_configured_name_that_is_free_becomes_ours);
    tcase_add_test(tc, the_second_part_is_not_taken_from_others);
    tc = cases(suite, "slot");
    tcase_add_test(tc, a_slot_is_made_read_and_dropped);
    tcase_add_test(tc, slots_follow_the_options_or_say_what_they_need);
    tcase_add_test(tc, a_slot_in_use_is_named_and_dropped_when_it_is_free);
    tcase_add_test(tc, slots_of_others_are_told_apart);
    tcase_add_test(tc, a_slot_whose_wal_was_removed_is_lost);
    tc = cases(suite, "ddl");
    tcase_add_test(tc, ddl_on_tables_is_in_the_stream);
    tcase_add_test(tc, ddl_that_changes_no_table_is_not_told);
    tcase_add_test(tc, no_statement_fails_because_of_the_trigger);
    tcase_add_test(tc, without_the_right_auto_goes_on_and_required_shows_the_sql);
    tcase_add_test(tc, the_last_source_takes_the_trigger_away);
    tcase_add_test(tc, a_disabled_or_older_trigger_is_renewed);
    tc = cases(suite, "standby");
    tcase_add_test(tc, a_standby_is_looked_at_and_left_as_it_is);
    tc = cases(suite, "catalog");
    tcase_add_test(tc, types_are_as_the_catalog_has_them);
    tcase_add_test(tc, a_key_s_columns_come_in_its_own_order);
    return suite;
}
