/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_timeline: identities, and what a history says.
 */
#include "providers/postgres/pg_timeline.h"

#include <stdlib.h>

#include "base/str.h"
#include "tests/support/run.h"

static struct pg_timeline timeline;

START_TEST(an_identity_is_read_back_as_it_was_written)
{
    static const char *const texts[] = {
        "7400000000000000001:1/shop",         "18446744073709551615:4294967295/a/b:c",
        "7400000000000000001/shop",           "1:2/ 3:4/5",
        "7400000000000000001:12/\xc3\xa4 \"",
    };
    for (size_t i = 0; i < CDC_COUNT(texts); i++) {
        CDC_CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        ck_assert_msg(pg_timeline_parse(str_from(texts[i]), &timeline), "%s", texts[i]);
        pg_timeline_put(&out, &timeline);
        ck_assert_str_eq(buf_c(&out), texts[i]);
    }
}
END_TEST

START_TEST(what_is_no_identity_is_refused)
{
    static const char *const texts[] = {
        "",
        "/",
        "1",
        "1/",
        "/shop",
        "1:/shop",
        "1:0/shop",
        "1:x/shop",
        "1:-1/shop",
        ":1/shop",
        "1:4294967296/shop",
        "1234567890123456789012345/shop",
        "1:1:1/shop",
        "1/0123456789012345678901234567890123456789012345678901234567890123",
    };
    timeline.number = 7;
    for (size_t i = 0; i < CDC_COUNT(texts); i++)
        ck_assert_msg(!pg_timeline_parse(str_from(texts[i]), &timeline), "%s", texts[i]);
    ck_assert_uint_eq(timeline.number, 7);
}
END_TEST

START_TEST(the_timeline_is_no_part_of_who_a_server_is)
{
    struct pg_timeline one, other;
    ck_assert(pg_timeline_parse(STR("1:1/shop"), &one));
    ck_assert(pg_timeline_parse(STR("1:2/shop"), &other));
    ck_assert(pg_timeline_is_same(&one, &other));
    ck_assert(pg_timeline_parse(STR("1/shop"), &other));
    ck_assert(pg_timeline_is_same(&one, &other));
    ck_assert(pg_timeline_parse(STR("2:1/shop"), &other));
    ck_assert(!pg_timeline_is_same(&one, &other));
    ck_assert(pg_timeline_parse(STR("1:1/shops"), &other));
    ck_assert(!pg_timeline_is_same(&one, &other));
}
END_TEST

static const char history[] = "1\t0/3000148\tno recovery target specified\n"
                              "\n"
                              "# a comment\n"
                              "2\tA/F0000028\tat restore point \"before 3\t0/1\"\n"
                              "4\t1B/0\treached consistency\n";

START_TEST(a_history_says_where_each_timeline_was_left)
{
    ck_assert_uint_eq(pg_timeline_left(STR(history), 1), 0x3000148);
    ck_assert_uint_eq(pg_timeline_left(STR(history), 2), 0xAF0000028);
    ck_assert_uint_eq(pg_timeline_left(STR(history), 3), 0);
    ck_assert_uint_eq(pg_timeline_left(STR(history), 4), UINT64_C(0x1B00000000));
    ck_assert_uint_eq(pg_timeline_left(STR(history), 5), 0);
    ck_assert_uint_eq(pg_timeline_left(STR_EMPTY, 1), 0);
    ck_assert_uint_eq(pg_timeline_left(STR("1\t0/30001zz\t\n1\n\t\t1\t\n-1\t0/1\n"), 1), 0);
}
END_TEST

/* A cut one says less, or the beginning of a place; it is never read beyond its end. */
START_TEST(every_prefix_of_a_history_is_read)
{
    for (size_t len = 0; len < sizeof history; len++) {
        char *text = str_dup((wf_str){history, len});
        uint64_t left = pg_timeline_left((wf_str){text, len}, 2);
        ck_assert_uint_le(left, 0xAF0000028);
        free(text);
    }
}
END_TEST

START_TEST(the_same_timeline_and_an_unknown_one_need_no_server)
{
    struct pg_conn conn = {.handle = NULL};
    struct pg_position from = {.flush = UINT64_MAX};
    wf_error err;
    static const uint32_t pairs[][2] = {{0, 0}, {0, 5}, {5, 0}, {1, 1}, {7, 7}};
    for (size_t i = 0; i < CDC_COUNT(pairs); i++)
        ck_assert_int_eq(
            pg_timeline_judge(&conn, NULL, pairs[i][0], pairs[i][1], &from, &err), WF_OK);
    /* The first one came from no other. */
    ck_assert_int_eq(pg_timeline_judge(&conn, NULL, 2, 1, &from, &err), WF_STATE);
    ck_assert_ptr_nonnull(strstr(err.text, "timeline 2"));
    ck_assert_uint_lt(strlen(err.text), sizeof err.text - 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_timeline");
    TCase *tests = tcase_create("pg_timeline");
    tcase_add_test(tests, an_identity_is_read_back_as_it_was_written);
    tcase_add_test(tests, what_is_no_identity_is_refused);
    tcase_add_test(tests, the_timeline_is_no_part_of_who_a_server_is);
    tcase_add_test(tests, a_history_says_where_each_timeline_was_left);
    tcase_add_test(tests, every_prefix_of_a_history_is_read);
    tcase_add_test(tests, the_same_timeline_and_an_unknown_one_need_no_server);
    suite_add_tcase(suite, tests);
    return suite;
}
