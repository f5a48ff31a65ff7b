/* SPDX-License-Identifier: MIT
 *
 * Rows under each replica identity: what is in `before`, `after` and the identity.
 */
#include "base/str.h"
#include "providers/postgres/pg_change.h"
#include "tests/support/pg_assembly_rig.h"
#include "tests/support/run.h"

#define TABLE 16400u

/* One change in one transaction; gives what is said about it, without id and position. */
static const char *change_line(struct pg_assembly_rig *rig, struct rig_stream *s)
{
    pg_assembly_rig_feed_all(rig, s, 0);
    char *line = rig->lines.data;
    ck_assert_uint_eq(rig->changes, 1);
    ck_assert(str_starts(buf_view(&rig->lines), STR("pg:0/200:7:1 ")));
    buf_c(&rig->lines);
    char *end = strstr(line, " [0/200 7 1 5]");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return line + strlen("pg:0/200:7:1 ");
}

struct change_case {
    const char *columns;
    char identity;
    char kind; /* I U D */
    char old_kind;
    const char *old, *row;
    const char *expected;
};

static const struct change_case cases[] = {
    {"*id:20 a:25 b:25", 'd', 'I', 0, "", "1|x|%n",
     "INSERT public.t after(id=1 a='x' b=null)"},
    {"*id:20 a:25 b:25", 'd', 'U', 0, "", "1|y|%u",
     "UPDATE public.t after(id=1 a='y' b=unchanged)"},
    {"*id:20 a:25 b:25", 'd', 'U', 'K', "1|%n|%n", "2|y|%u",
     "UPDATE public.t before(id=1) after(id=2 a='y' b=unchanged)"},
    {"*id:25 a:25", 'd', 'U', 'K', "large|%n", "%u|y",
     "UPDATE public.t before(id='large') after(id='large' a='y')"},
    {"*id:20 a:25 b:25", 'd', 'D', 'K', "1|%n|%n", "", "DELETE public.t before(id=1)"},
    {"id:20 *a:25 *b:25", 'i', 'D', 'K', "%n|x|y", "",
     "DELETE public.t before(a='x' b='y')"},
    {"id:20 *a:25 b:25", 'i', 'D', 'K', "%n|%n|%n", "", "DELETE public.t before(a=null)"},
    {"*id:20 *a:25", 'f', 'U', 'O', "1|%n", "1|y",
     "UPDATE public.t before(id=1 a=null) after(id=1 a='y') identity=t\\00\\00\\00\\011t"
     "\\00\\00\\00\\01y old_identity=t\\00\\00\\00\\011n"},
    {"*id:20 *a:25", 'f', 'U', 'O', "1|xx", "2|%u",
     "UPDATE public.t before(id=1 a='xx') after(id=2 a='xx') identity=t\\00\\00\\00\\012t"
     "\\00\\00\\00\\02xx old_identity=t\\00\\00\\00\\011t\\00\\00\\00\\02xx"},
    {"*id:20 *a:25", 'f', 'U', 'O', "1|%n", "2|%u",
     "UPDATE public.t before(id=1 a=null) after(id=2 a=null) identity=t\\00\\00\\00\\012n"
     " old_identity=t\\00\\00\\00\\011n"},
    {"*id:20 *a:25", 'f', 'D', 'O', "1|%n", "",
     "DELETE public.t before(id=1 a=null) identity=t\\00\\00\\00\\011n"},
    {"id:20 a:25", 'n', 'I', 0, "", "1|x",
     "INSERT public.t after(id=1 a='x') identity=t\\00\\00\\00\\011t\\00\\00\\00\\01x"},
    {"*id:20 a:1016", 'd', 'I', 0, "", "1|{1,2}", "INSERT public.t after(id=1 a='[1,2]')"},
    {"*id:20 a:20", 'd', 'I', 0, "", "1|no number",
     "INSERT public.t after(id=1 a='no number')"},
    {"*id:20 a:16", 'd', 'I', 0, "", "1|t", "INSERT public.t after(id=1 a=true)"},
};

static void change_send(struct rig_stream *s, const struct change_case *c)
{
    rig_stream_add(s, begin, 0x200, PGOUTPUT_BUILD_EPOCH_US + 5, 7);
    rig_stream_add(s, relation, 0, TABLE, "t", c->identity, c->columns);
    if (c->kind == 'I')
        rig_stream_add(s, insert, 0, TABLE, c->row);
    else if (c->kind == 'U')
        rig_stream_add(s, update, 0, TABLE, c->old_kind, c->old, c->row);
    else
        rig_stream_add(s, delete, 0, TABLE, c->old_kind, c->old);
    rig_stream_add(s, commit, 0x200, 0x210, PGOUTPUT_BUILD_EPOCH_US + 5);
}

START_TEST(a_row_has_what_its_replica_identity_gives)
{
    struct pg_assembly_rig rig = {0};
    struct rig_stream s;
    rig_stream_init(&s);
    change_send(&s, &cases[_i]);
    pg_assembly_rig_open(&rig, "0/0");
    ck_assert_str_eq(change_line(&rig, &s), cases[_i].expected);
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}
END_TEST

START_TEST(with_a_primary_key_a_full_table_needs_no_identity)
{
    struct pg_assembly_rig rig = {.primary_key = "id"};
    struct rig_stream s;
    const struct change_case c = {"*id:20 *a:25", 'f', 'U', 'O', "1|x", "2|%u", ""};
    rig_stream_init(&s);
    change_send(&s, &c);
    pg_assembly_rig_open(&rig, "0/0");
    ck_assert_str_eq(change_line(&rig, &s),
                     "UPDATE public.t before(id=1 a='x') after(id=2 a='x')");
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}
END_TEST

static const struct change_case misfits[] = {
    {"*id:20 a:25", 'd', 'I', 0, "", "1", "of 1 columns for table 'public.t'"},
    {"*id:20 a:25", 'd', 'I', 0, "", "1|2|3", "of 3 columns"},
    {"*id:20 a:25", 'd', 'U', 0, "", "1", "of 1 columns"},
    {"*id:20 a:25", 'd', 'U', 'K', "1", "1|2", "of 1 columns"},
    {"*id:20 a:25", 'd', 'D', 'K', "1|2|3", "", "of 3 columns"},
    {"", 'd', 'D', 'K', "1", "", "of 1 columns"},
};

START_TEST(a_row_of_other_columns_than_the_table_ends_the_stream)
{
    struct pg_assembly_rig rig = {0};
    struct rig_stream s;
    wf_error err = {0};
    rig_stream_init(&s);
    change_send(&s, &misfits[_i]);
    pg_assembly_rig_open(&rig, "0/0");
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 0), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 1), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 2), &err), WF_PROTOCOL);
    ck_assert_msg(strstr(err.text, misfits[_i].expected), "%s", err.text);
    ck_assert_uint_eq(rig.changes, 0);
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}
END_TEST

START_TEST(a_binary_value_ends_the_stream)
{
    struct pg_assembly_rig rig = {0};
    struct rig_stream s;
    wf_error err = {0};
    const struct change_case c = {"*id:20 a:25", 'd', 'I', 0, "", "1|x", ""};
    rig_stream_init(&s);
    change_send(&s, &c);
    s.bytes.data[s.ends[2] - 6] = 'b'; /* the kind of the last column */
    pg_assembly_rig_open(&rig, "0/0");
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 0), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 1), &err), WF_OK);
    ck_assert_int_eq(pg_assembly_rig_feed(&rig, rig_stream_at(&s, 2), &err), WF_PROTOCOL);
    ck_assert_msg(strstr(err.text, "column 'a' of table 'public.t'"), "%s", err.text);
    pg_assembly_rig_close(&rig);
    rig_stream_release(&s);
}
END_TEST

START_TEST(an_identity_made_of_values_is_the_one_of_the_stream)
{
    struct rig_stream s;
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&identity, 1024);
    pg_change_identity_text(&identity, STR("1"));
    pg_change_identity_null(&identity);
    pg_change_identity_text(&identity, STR(""));
    rig_stream_init(&s);
    pgoutput_build_tuple(rig_send(&s), 'N', "1|%n|");
    ck_assert(str_eq(buf_view(&identity), str_slice(buf_view(&s.bytes), 3, s.bytes.len)));
    rig_stream_release(&s);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_change");
    TCase *tc = tcase_create("pg_change");
    tcase_add_loop_test(tc, a_row_has_what_its_replica_identity_gives, 0, CDC_COUNT(cases));
    tcase_add_test(tc, with_a_primary_key_a_full_table_needs_no_identity);
    tcase_add_loop_test(tc, a_row_of_other_columns_than_the_table_ends_the_stream, 0,
                        CDC_COUNT(misfits));
    tcase_add_test(tc, a_binary_value_ends_the_stream);
    tcase_add_test(tc, an_identity_made_of_values_is_the_one_of_the_stream);
    suite_add_tcase(suite, tc);
    return suite;
}
