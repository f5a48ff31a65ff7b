/* SPDX-License-Identifier: MIT
 *
 * What is published at a real server: in publications of ours and of others.
 */
#include <check.h>

#include "base/str.h"
#include "providers/postgres/pg_publication.h"
#include "tests/support/pg_rig.h"
#include "tests/support/pg_setup.h"
#include "tests/support/run.h"

/* ---- ours ---------------------------------------------------------------------------- */

START_TEST(without_tables_every_ordinary_table_is_published)
{
    pg_setup_zoo();
    pg_setup_ok(pg_setup_settle());
    ck_assert(pg_setup.publication.ours);
    ck_assert(pg_setup.publication.exists);
    ck_assert(pg_setup.publication.made);
    pg_setup_holds("public.B b.\"c public.a public.full_ public.indexed public.parent "
                   "public.root s.a",
                   "public.child public.late public.mute public.nothing public.rough");
    pg_setup_says(buf_view(&pg_setup.notices), "'public.mute'");
    pg_setup_says(buf_view(&pg_setup.notices), "REPLICA IDENTITY FULL");
    pg_setup_says(buf_view(&pg_setup.added), "public.a\n");
    pg_setup_says(buf_view(&pg_setup.added), "public.mute\n");
    pg_setup_says(buf_view(&pg_setup.added), "public.B b.\"c\n");
}
END_TEST

START_TEST(nobody_s_update_fails_because_of_us)
{
    pg_setup_zoo();
    pg_setup_ok(pg_setup_settle());
    pg_rig_exec("INSERT INTO mute VALUES ('1'); UPDATE mute SET v = '2'; DELETE FROM mute;"
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
    pg_setup_zoo();
    pg_setup_want("public.* gone s.a");
    pg_setup_ok(pg_setup_settle());
    pg_setup_says(buf_view(&pg_setup.notices), "'gone' does not exist");
    for (int i = 0; i < 2; i++) {
        const char *before = pg_rig_query("SELECT pg_current_wal_insert_lsn()");
        pg_setup_ok(pg_setup_settle());
        ck_assert_uint_eq(pg_setup.notices.len, 0);
        ck_assert_uint_eq(pg_setup.added.len, 0);
        ck_assert(!pg_setup.publication.made);
        ck_assert_str_eq(pg_rig_query("SELECT pg_current_wal_insert_lsn()"), before);
    }
    char names[PG_PUBLICATION_NAMES];
    snprintf(names, sizeof names, "\"%s\",\"%s_insert\"", pg_setup.publication.name,
             pg_setup.publication.name);
    ck_assert_str_eq(pg_setup.publication.names, names);
}
END_TEST

START_TEST(wildcards_choose_as_they_choose_events)
{
    pg_setup_zoo();
    pg_rig_exec(
        "CREATE TABLE a_1 (id int PRIMARY KEY); CREATE TABLE ax1 (id int PRIMARY KEY);"
        "CREATE TABLE \"a%1\" (id int PRIMARY KEY); CREATE TABLE \"a\\1\" (id int "
        "PRIMARY KEY); CREATE TABLE \"a\u00e41\" (id int PRIMARY KEY)");
    pg_setup_want("a_1 a%1 a\\1 a?1x");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.a%1 public.a\\1 public.a_1", "");
    pg_setup_want("a??1");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.a\u00e41", "");
    pg_setup_want("public.a a");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.a s.a", "");
    pg_setup_want("s.*");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("s.a", "");
    pg_setup_want("public.r*");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.root", "public.rough");
    pg_setup_want("public.root_1");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.root_1", "");
}
END_TEST

START_TEST(tables_come_and_go_while_it_runs)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup_want("public.*");
    pg_setup_ok(pg_setup_settle());
    pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int);"
                "CREATE TABLE \"x\ny\" (id int PRIMARY KEY); DROP TABLE a");
    pg_setup_ok(pg_setup_settle());
    pg_setup_says(buf_view(&pg_setup.added), "public.b\n");
    pg_setup_says(buf_view(&pg_setup.added), "public.c\n");
    pg_setup_says(buf_view(&pg_setup.notices), "'public.b' is published now");
    pg_setup_says(buf_view(&pg_setup.notices),
                  "only INSERT and TRUNCATE are read of 'public.c'");
    pg_setup_holds("public.b public.x\ny", "public.c");
    pg_rig_exec("ALTER TABLE c ADD PRIMARY KEY (id); ALTER TABLE b DROP CONSTRAINT b_pkey");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.c public.x\ny", "public.b");
    ck_assert_uint_eq(pg_setup.added.len, 0);
    pg_rig_exec("UPDATE b SET id = 1; UPDATE c SET id = 1");
}
END_TEST

START_TEST(a_partition_without_identity_takes_its_root_along)
{
    pg_setup_zoo();
    pg_setup_ok(pg_setup_settle());
    pg_rig_exec("ALTER TABLE root_1 REPLICA IDENTITY NOTHING;"
                "ALTER TABLE rough_1 REPLICA IDENTITY FULL");
    pg_setup_want("public.ro*");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.rough", "public.root");
    pg_rig_exec("INSERT INTO rough VALUES (1); UPDATE rough SET id = 2;"
                "INSERT INTO root VALUES (1); UPDATE root SET id = 2");
}
END_TEST

START_TEST(a_locked_table_is_left_for_later)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup_ok(pg_setup_settle());
    pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY)");
    PGconn *other = pg_rig_connect();
    pg_rig_on(other, "BEGIN; LOCK TABLE b");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.added.len, 0);
    pg_setup_says(buf_view(&pg_setup.notices), "it is tried again");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.notices.len, 0); /* told once */
    pg_rig_on(other, "COMMIT");
    PQfinish(other);
    pg_setup_ok(pg_setup_settle());
    ck_assert(str_is(buf_view(&pg_setup.added), "public.b\n"));
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
    pg_setup_ok(pg_setup_settle());
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication_rel"), "6000");
    size_t lines = 0;
    for (size_t i = 0; i < pg_setup.added.len; i++)
        lines += pg_setup.added.data[i] == '\n';
    ck_assert_uint_eq(lines, 6000);
    pg_setup_says(buf_view(&pg_setup.notices), "(6000 in all)");
    for (int i = 0; i < 6; i++)
        pg_rig_execf(
            "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('ALTER TABLE t%d_%%s "
            "REPLICA IDENTITY FULL', i); END LOOP; END $$",
            i);
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.added.len, 0);
    ck_assert_str_eq(
        pg_rig_query("SELECT count(*) FROM pg_publication_tables WHERE pubname "
                     "NOT LIKE '%insert'"),
        "6000");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
}
END_TEST

START_TEST(what_was_altered_by_hand_is_mended)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)");
    pg_setup_want("a");
    pg_setup_ok(pg_setup_settle());
    pg_rig_execf("ALTER PUBLICATION %1$s SET (publish = 'insert', "
                 "publish_via_partition_root = false); ALTER PUBLICATION %1$s SET TABLE b",
                 pg_setup.publication.name);
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.a", "");
    ck_assert_str_eq(
        pg_rig_query("SELECT pubinsert, pubupdate, pubdelete, pubtruncate, "
                     "pubviaroot FROM pg_publication ORDER BY pubname LIMIT 1"),
        "t|t|t|t|t");
    pg_rig_execf("DROP PUBLICATION %s", pg_setup.publication.name);
    pg_setup_ok(pg_setup_settle());
    ck_assert(pg_setup.publication.made);
    pg_setup_holds("public.a", "");
}
END_TEST

START_TEST(ours_is_dropped_whole_and_once)
{
    bool dropped = false;
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup_ok(pg_setup_settle());
    /* As a cleanup after a restart does it: without a settle before. */
    struct pg_publication again;
    pg_setup_ok(pg_publication_name(&pg_setup.settings, &again, &pg_setup.err));
    pg_setup_ok(pg_publication_drop(&again, &pg_setup.control, &dropped, &pg_setup.err));
    ck_assert(dropped);
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "0");
    pg_setup_ok(pg_publication_drop(&again, &pg_setup.control, &dropped, &pg_setup.err));
    ck_assert(!dropped);
}
END_TEST

START_TEST(any_source_id_makes_a_publication_of_its_own)
{
    const char *const ids[] = {"a", "it's", "back\\slash", "\xc3\xa4\xc3\xb6",
                               "$do$ \"x\""};
    for (size_t i = 0; i < CDC_COUNT(ids); i++) {
        pg_setup.settings.source_id = str_from(ids[i]);
        pg_setup_ok(
            pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
        pg_setup_ok(pg_setup_settle());
        ck_assert(pg_setup.publication.made);
        pg_setup.publication.settled = false;
        pg_setup_ok(pg_setup_settle());
        ck_assert(!pg_setup.publication.made);
    }
    ck_assert_str_eq(pg_rig_query("SELECT count(*) FROM pg_publication"), "10");
}
END_TEST

/* ---- rights -------------------------------------------------------------------------- */

START_TEST(without_the_right_to_make_one_the_sql_is_shown)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup_connect_as_role("SELECT 1");
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG);
    pg_setup_says(str_from(pg_setup.err.text), "GRANT CREATE ON DATABASE");
    pg_setup_says(str_from(pg_setup.err.text), "CREATE PUBLICATION \"cdc_shop_s___1_");
    pg_setup_says(str_from(pg_setup.err.text), "FOR TABLE public.a WITH");
}
END_TEST

START_TEST(tables_of_others_are_refused_when_named_and_left_out_otherwise)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_rig_execf("SET client_min_messages = error; GRANT CREATE ON DATABASE %s TO PUBLIC",
                 pg_rig_database());
    pg_setup_connect_as_role("ALTER TABLE a OWNER TO owner_");
    pg_setup_want("public.a");
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG);
    pg_setup_says(str_from(pg_setup.err.text), "'public.a'");
    pg_setup_says(str_from(pg_setup.err.text), "GRANT \"owner_\"");
    pg_setup_want("public.*");
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG); /* nothing else is there */
    pg_rig_exec("CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE b OWNER TO cdc_user");
    pg_setup_ok(pg_setup_settle());
    pg_setup_holds("public.b", "");
    pg_setup_says(buf_view(&pg_setup.notices), "'public.a' cannot be published");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    pg_rig_exec("GRANT owner_ TO cdc_user");
    pg_setup_ok(pg_setup_settle());
    ck_assert(str_is(buf_view(&pg_setup.added), "public.a\n"));
}
END_TEST

/* ---- adopted ------------------------------------------------------------------------- */

START_TEST(one_that_is_not_ours_is_told_about_and_never_altered)
{
    pg_setup_zoo();
    pg_rig_exec("CREATE PUBLICATION theirs FOR TABLE a, mute, root "
                "WITH (publish = 'insert, update')");
    pg_setup.options.publication = STR("theirs");
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    pg_setup_want("a mute public.full_ root");
    pg_setup_ok(pg_setup_settle());
    ck_assert(!pg_setup.publication.ours);
    ck_assert(!pg_setup.publication.made);
    ck_assert_str_eq(pg_setup.publication.names, "\"theirs\"");
    wf_str told = buf_view(&pg_setup.notices);
    pg_setup_says(told, "lacks 'public.full_', 's.a'");
    pg_setup_says(told, "ALTER PUBLICATION \"theirs\" ADD TABLE public.full_, s.a");
    pg_setup_says(told, "does not publish DELETE TRUNCATE");
    pg_setup_says(told, "publish_via_partition_root = true");
    pg_setup_says(told, "UPDATE and DELETE of 'public.mute' fail");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    pg_setup_holds("public.a public.mute public.root_1", "");
    pg_rig_exec("ALTER PUBLICATION theirs ADD TABLE full_");
    pg_setup_ok(pg_setup_settle());
    pg_setup_says(buf_view(&pg_setup.notices), "lacks 's.a'");
    bool dropped = true;
    pg_setup_ok(pg_publication_drop(&pg_setup.publication, &pg_setup.control, &dropped,
                                    &pg_setup.err));
    ck_assert(!dropped);
}
END_TEST

START_TEST(one_without_any_of_the_tables_is_refused)
{
    pg_setup_zoo();
    pg_rig_exec("CREATE PUBLICATION theirs FOR TABLE a");
    pg_setup.options.publication = STR("theirs");
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    pg_setup_want("s.*");
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG);
    pg_setup_says(str_from(pg_setup.err.text),
                  "ALTER PUBLICATION \"theirs\" ADD TABLE s.a");
    pg_setup_want("");
    pg_setup.settings.tables.count = 0;
    pg_setup_ok(pg_setup_settle()); /* no choice: what is in it */
    ck_assert_uint_eq(pg_setup.notices.len, 0);
}
END_TEST

START_TEST(one_for_all_tables_lacks_nothing)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY);"
                "CREATE PUBLICATION theirs FOR ALL TABLES");
    pg_setup.options.publication = STR("theirs");
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    pg_setup_want("public.a");
    pg_setup_ok(pg_setup_settle());
    ck_assert_uint_eq(pg_setup.notices.len, 0);
    pg_rig_exec("CREATE TABLE b (id int)");
    pg_setup_want("public.*");
    pg_setup_ok(pg_setup_settle());
    pg_setup_says(buf_view(&pg_setup.notices), "UPDATE and DELETE of 'public.b' fail");
}
END_TEST

START_TEST(a_configured_name_that_is_free_becomes_ours)
{
    pg_rig_exec("CREATE TABLE a (id int PRIMARY KEY)");
    pg_setup.options.publication =
        STR("A \"quoted\" one, with a long long long long long name");
    pg_setup_ok(
        pg_publication_name(&pg_setup.settings, &pg_setup.publication, &pg_setup.err));
    pg_setup_ok(pg_setup_settle());
    ck_assert(pg_setup.publication.ours);
    /* The server reads them as we wrote them. */
    pg_rig_exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    pg_rig_exec("INSERT INTO a VALUES (1)");
    const char *const params[] = {pg_setup.publication.names};
    CDC_CLEANUP(pg_conn_clearp) PGresult *rows = NULL;
    pg_setup_ok(
        pg_conn_query(&pg_setup.control, "decode",
                      "SELECT FROM pg_logical_slot_get_binary_changes('s', NULL, NULL, "
                      "'proto_version', '1', 'publication_names', $1)",
                      params, 1, &rows, &pg_setup.err));
    ck_assert_int_ge(PQntuples(rows), 4);
}
END_TEST

START_TEST(the_second_part_is_not_taken_from_others)
{
    pg_rig_execf("CREATE PUBLICATION %s", pg_setup.publication.insert);
    ck_assert_int_eq(pg_setup_settle(), WF_CONFIG);
    pg_setup_says(str_from(pg_setup.err.text), pg_setup.publication.insert);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_publish");
    TCase *tc = pg_setup_cases(suite, "publication");
    tcase_set_timeout(tc, 120); /* thousands of tables, also on a busy machine */
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
    return suite;
}
