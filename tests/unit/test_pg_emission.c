/* SPDX-License-Identifier: MIT
 *
 * What becomes of each kind of message: numbers, filters, TRUNCATE, logical messages, DDL.
 */
#include "base/str.h"
#include "tests/support/pg_assembly_rig.h"
#include "tests/support/run.h"

#define ORDERS 16400u
#define ITEMS 16401u
#define SECRETS 16402u

static struct pg_assembly_rig rig;
static struct rig_stream s;

static void setup(void)
{
    rig = (struct pg_assembly_rig){0};
    rig_stream_init(&s);
}

static void teardown(void)
{
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}

/* A transaction with two tables described; what comes after goes into it. */
static void emission_begin(void)
{
    rig_stream_add(&s, begin, 0x300, PGOUTPUT_BUILD_EPOCH_US + 9, 55);
    rig_stream_add(&s, relation, 0, ORDERS, "orders", 'd', "*id:20 v:25");
    rig_stream_add(&s, relation, 0, ITEMS, "items", 'd', "*id:20");
    rig_stream_add(&s, relation, 0, SECRETS, "secrets", 'd', "*id:20");
}

static void emission_commit(const char *from)
{
    rig_stream_add(&s, commit, 0x300, 0x330, PGOUTPUT_BUILD_EPOCH_US + 9);
    pg_assembly_rig_open(&rig, from);
    pg_assembly_rig_feed_all(&rig, &s, 0);
}

START_TEST(ordinals_count_everything_and_tokens_follow_what_was_wanted)
{
    static wf_str tables[] = {STR("public.orders"), STR("items")};
    rig.settings.tables = (struct cdc_list){tables, 2};
    rig.unwanted = 1u << CDC_DELETE;
    emission_begin();
    rig_stream_add(&s, insert, 0, ORDERS, "1|a");
    rig_stream_add(&s, insert, 0, SECRETS, "1");
    rig_stream_add(&s, delete, 0, ORDERS, 'K', "1|%n");
    rig_stream_add(&s, insert, 0, ITEMS, "3");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 INSERT public.orders after(id=1 v='a') [0/300 55 1 9]\n"
                     "pg:0/300:55:4 INSERT public.items after(id=3) [0/300 55 4 9]\n");
    ck_assert_uint_eq(rig.token_count, 3);
    ck_assert_str_eq(rig.tokens[0].text, "0/0+0/300:1");
    ck_assert_str_eq(rig.tokens[1].text, "0/0+0/300:4");
    ck_assert_str_eq(rig.tokens[2].text, "0/330");
    ck_assert_str_eq(buf_c(&rig.events), "mark 300 after 0\ncommitted 55 after 0\n");
    ck_assert_str_eq(
        buf_c(&rig.schemas),
        "public.orders: CREATE TABLE \"public\".\"orders\" (\"id\" bigint, \"v\""
        " text, PRIMARY KEY (\"id\")) @0/300\n"
        "public.items: CREATE TABLE \"public\".\"items\" (\"id\" bigint, "
        "PRIMARY KEY (\"id\")) @0/300\n");
    ck_assert_int_eq(pg_assembly_time_us(rig.assembly), PGOUTPUT_BUILD_EPOCH_US + 9);
}
END_TEST

START_TEST(an_empty_transaction_moves_the_position)
{
    rig_stream_add(&s, begin, 0x300, PGOUTPUT_BUILD_EPOCH_US, 55);
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig), "");
    ck_assert_uint_eq(rig.token_count, 1);
    ck_assert_str_eq(rig.tokens[0].text, "0/330");
}
END_TEST

START_TEST(a_truncate_is_one_change_per_table)
{
    static wf_str tables[] = {STR("orders"), STR("items")};
    static const uint32_t oids[] = {ORDERS, SECRETS, ITEMS};
    rig.settings.tables = (struct cdc_list){tables, 2};
    rig.budget = _i ? 1 : 0;
    rig.full = _i ? 60 : 0;
    emission_begin();
    rig_stream_add(&s, insert, 0, ORDERS, "1|a");
    rig_stream_add(&s, truncate, 0, oids, 3);
    rig_stream_add(&s, insert, 0, ITEMS, "2");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 INSERT public.orders after(id=1 v='a') [0/300 55 1 9]\n"
                     "pg:0/300:55:2 TRUNCATE public.orders [0/300 55 2 9]\n"
                     "pg:0/300:55:4 TRUNCATE public.items [0/300 55 4 9]\n"
                     "pg:0/300:55:5 INSERT public.items after(id=2) [0/300 55 5 9]\n");
}
END_TEST

START_TEST(a_position_inside_of_a_truncate_skips_its_first_tables)
{
    static const uint32_t oids[] = {ORDERS, SECRETS, ITEMS};
    emission_begin();
    rig_stream_add(&s, truncate, 0, oids, 3);
    emission_commit("0/250+0/300:2");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:3 TRUNCATE public.items [0/300 55 3 9]\n");
}
END_TEST

START_TEST(messages_are_chosen_by_their_prefix)
{
    rig.options.messages = STR("app.*");
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, "app.audit", "who");
    rig_stream_add(&s, message, 0, true, 0x2F1, "other", "no");
    rig_stream_add(&s, message, 0, true, 0x2F2, PG_PREFIX_HEARTBEAT, "");
    rig_stream_add(&s, message, 0, true, 0x2F3, "app.", "");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 MESSAGE prefix=app.audit content=who [0/300 55 1 9]\n"
                     "pg:0/300:55:4 MESSAGE prefix=app. [0/300 55 4 9]\n");
}
END_TEST

START_TEST(our_own_prefixes_are_no_messages_whatever_the_pattern)
{
    rig.options.messages = STR("*");
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX, "");
    rig_stream_add(&s, message, 0, true, 0x2F1, PG_PREFIX_HEARTBEAT, "");
    rig_stream_add(&s, message, 0, true, 0x2F2, PG_PREFIX "-like", "x");
    emission_commit("0/0");
    ck_assert_str_eq(
        pg_assembly_rig_lines(&rig),
        "pg:0/300:55:3 MESSAGE prefix=workflow-plugin-cdc-like content=x [0/300 55 3 9]\n");
}
END_TEST

START_TEST(without_a_pattern_there_are_no_messages)
{
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, "app", "");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig), "");
}
END_TEST

START_TEST(a_message_outside_of_transactions_is_a_place_of_its_own)
{
    rig.options.messages = STR("*");
    rig.full = _i ? 70 : 0;
    rig_stream_add(&s, message, 0, false, 0x280, "app", "now");
    rig_stream_add(&s, message, 0, false, 0x290, PG_PREFIX_HEARTBEAT, "");
    pg_assembly_rig_open(&rig, "0/0");
    pg_assembly_rig_feed_all(&rig, &s, 0);
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/280:0:0 MESSAGE prefix=app content=now [0/280  0]\n");
    ck_assert_uint_eq(rig.token_count, 2);
    ck_assert_str_eq(rig.tokens[0].text, "0/280");
    ck_assert_str_eq(rig.tokens[1].text, "0/290");
    ck_assert_str_eq(buf_c(&rig.events), "mark 280 after 0\nmark 290 after 1\n");
}
END_TEST

START_TEST(a_message_that_was_given_out_is_not_given_again)
{
    rig.options.messages = STR("*");
    rig_stream_add(&s, message, 0, false, 0x280, "app", "old");
    rig_stream_add(&s, message, 0, false, 0x281, "app", "new");
    pg_assembly_rig_open(&rig, "0/280");
    pg_assembly_rig_feed_all(&rig, &s, 0);
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/281:0:0 MESSAGE prefix=app content=new [0/281  0]\n");
}
END_TEST

START_TEST(a_message_right_before_a_commits_record_does_not_hide_the_commit)
{
    rig_stream_add(&s, message, 0, false, 0x300, PG_PREFIX_HEARTBEAT, "");
    emission_begin();
    rig_stream_add(&s, insert, 0, ITEMS, "3");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 INSERT public.items after(id=3) [0/300 55 1 9]\n");
}
END_TEST

static const char ddl_text[] = "{\"tag\":\"ALTER TABLE\",\"sql\":\"ALTER TABLE \\\"a\\\"\","
                               "\"objects\":[\"public.orders\",{\"table\":\"public.new\"},"
                               "\"hidden.x\"]}";

START_TEST(ddl_is_one_change_per_object)
{
    static wf_str tables[] = {STR("public.*")};
    rig.settings.tables = (struct cdc_list){tables, 1};
    rig.budget = _i ? 1 : 0;
    rig.full = _i ? 60 : 0;
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX_DDL, ddl_text);
    rig_stream_add(&s, insert, 0, ITEMS, "2");
    emission_commit("0/0");
    ck_assert_str_eq(
        pg_assembly_rig_lines(&rig),
        "pg:0/300:55:1 DDL public.orders ddl=ALTER\\20TABLE\\20\"a\" [0/300 55 1 9]\n"
        "pg:0/300:55:2 DDL public.new ddl=ALTER\\20TABLE\\20\"a\" [0/300 55 2 9]\n"
        "pg:0/300:55:4 INSERT public.items after(id=2) [0/300 55 4 9]\n");
    ck_assert_ptr_nonnull(
        strstr(buf_c(&rig.schemas), "public.new: ALTER TABLE \"a\" @0/300\n"));
    ck_assert_ptr_null(strstr(buf_c(&rig.schemas), "hidden"));
    ck_assert_ptr_nonnull(strstr(buf_c(&rig.events), "schema changed\n"));
}
END_TEST

START_TEST(ddl_about_no_table_is_a_change_without_one)
{
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX_DDL, "{\"sql\":\"DROP TYPE x\"}");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 DDL ddl=DROP\\20TYPE\\20x [0/300 55 1 9]\n");
    ck_assert_str_eq(buf_c(&rig.schemas), "");
}
END_TEST

START_TEST(ddl_that_was_given_out_is_not_given_again)
{
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX_DDL, ddl_text);
    emission_commit("0/0+0/300:2");
    ck_assert_str_eq(
        pg_assembly_rig_lines(&rig),
        "pg:0/300:55:3 DDL hidden.x ddl=ALTER\\20TABLE\\20\"a\" [0/300 55 3 9]\n");
}
END_TEST

static const char *const no_statements[] = {
    "", "{", "[]", "{}", "7", "{\"sql\":7}", "{\"sql\":\"x\"", "{\"sql\":\"\xff\"}", "null",
};

START_TEST(a_ddl_message_that_holds_none_is_told_and_let_pass)
{
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX_DDL, no_statements[_i]);
    rig_stream_add(&s, insert, 0, ITEMS, "2");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:2 INSERT public.items after(id=2) [0/300 55 2 9]\n");
    ck_assert_ptr_nonnull(strstr(buf_c(&rig.events), "notice "));
}
END_TEST

static const char *const odd_objects[] = {
    "7",    "{\"a\":1}", "[7]",     "[null]", "[{}]", "[{\"table\":7}]",
    "[[]]", "[\"\"]",    "\"a.b\"",
};

START_TEST(objects_without_a_name_are_no_table)
{
    char text[128];
    snprintf(text, sizeof text, "{\"sql\":\"x\",\"objects\":%s}", odd_objects[_i]);
    emission_begin();
    rig_stream_add(&s, message, 0, true, 0x2F0, PG_PREFIX_DDL, text);
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 DDL ddl=x [0/300 55 1 9]\n");
}
END_TEST

START_TEST(types_and_origins_say_nothing)
{
    emission_begin();
    rig_stream_add(&s, origin, 0x10, "elsewhere");
    rig_stream_add(&s, type, 0, 20000, "mood");
    rig_stream_add(&s, insert, 0, ITEMS, "2");
    emission_commit("0/0");
    ck_assert_str_eq(pg_assembly_rig_lines(&rig),
                     "pg:0/300:55:1 INSERT public.items after(id=2) [0/300 55 1 9]\n");
}
END_TEST

START_TEST(a_changed_table_is_told_with_its_first_row)
{
    emission_begin();
    rig_stream_add(&s, insert, 0, ITEMS, "2");
    rig_stream_add(&s, relation, 0, ITEMS, "items", 'd', "*id:20");
    rig_stream_add(&s, insert, 0, ITEMS, "3");
    rig_stream_add(&s, relation, 0, ITEMS, "items", 'd', "*id:20 more:23");
    rig_stream_add(&s, insert, 0, ITEMS, "4|5");
    emission_commit("0/0");
    ck_assert_str_eq(
        pg_assembly_rig_lines_from(pg_assembly_rig_lines(&rig), 2),
        "pg:0/300:55:3 INSERT public.items after(id=4 more=5) [0/300 55 3 9]\n");
    ck_assert_str_eq(buf_c(&rig.schemas),
                     "public.items: CREATE TABLE \"public\".\"items\" (\"id\" bigint, "
                     "PRIMARY KEY (\"id\")) @0/300\n"
                     "public.items: CREATE TABLE \"public\".\"items\" (\"id\" bigint, "
                     "\"more\" integer, PRIMARY KEY (\"id\")) @0/300\n");
    ck_assert_str_eq(buf_c(&rig.events),
                     "mark 300 after 0\ncommitted 55 after 0\nschema changed\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_emission");
    TCase *tc = tcase_create("pg_emission");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, ordinals_count_everything_and_tokens_follow_what_was_wanted);
    tcase_add_test(tc, an_empty_transaction_moves_the_position);
    tcase_add_loop_test(tc, a_truncate_is_one_change_per_table, 0, 2);
    tcase_add_test(tc, a_position_inside_of_a_truncate_skips_its_first_tables);
    tcase_add_test(tc, messages_are_chosen_by_their_prefix);
    tcase_add_test(tc, our_own_prefixes_are_no_messages_whatever_the_pattern);
    tcase_add_test(tc, without_a_pattern_there_are_no_messages);
    tcase_add_loop_test(tc, a_message_outside_of_transactions_is_a_place_of_its_own, 0, 2);
    tcase_add_test(tc, a_message_that_was_given_out_is_not_given_again);
    tcase_add_test(tc, a_message_right_before_a_commits_record_does_not_hide_the_commit);
    tcase_add_loop_test(tc, ddl_is_one_change_per_object, 0, 2);
    tcase_add_test(tc, ddl_about_no_table_is_a_change_without_one);
    tcase_add_test(tc, ddl_that_was_given_out_is_not_given_again);
    tcase_add_loop_test(tc, a_ddl_message_that_holds_none_is_told_and_let_pass, 0,
                        CDC_COUNT(no_statements));
    tcase_add_loop_test(tc, objects_without_a_name_are_no_table, 0, CDC_COUNT(odd_objects));
    tcase_add_test(tc, types_and_origins_say_nothing);
    tcase_add_test(tc, a_changed_table_is_told_with_its_first_row);
    suite_add_tcase(suite, tc);
    return suite;
}
