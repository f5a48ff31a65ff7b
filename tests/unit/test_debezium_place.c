/* SPDX-License-Identifier: MIT */
#include "providers/debezium/debezium_place.h"

#include "base/str.h"
#include "tests/support/run.h"

static const struct debezium_place places[] = {
    {0, 0, false},
    {1, 42, false},
    {UINT64_MAX, UINT64_MAX, true},
    {0x1f0c93a2b4d5e6f7, 1000000007, true},
};

START_TEST(a_place_is_read_as_it_was_written)
{
    char token[DEBEZIUM_PLACE_TEXT];
    struct debezium_place place;
    size_t len = debezium_place_write(&places[_i], token);
    ck_assert_uint_le(len, sizeof token);
    ck_assert(debezium_place_parse((wf_str){token, len}, &place));
    ck_assert_uint_eq(place.session, places[_i].session);
    ck_assert_uint_eq(place.number, places[_i].number);
    ck_assert_int_eq(place.paused, places[_i].paused);
}
END_TEST

START_TEST(a_token_cut_anywhere_before_its_number_is_none)
{
    static const char token[] = "1f0c93a2b4d5e6f7:";
    struct debezium_place place;
    for (size_t len = 0; len < sizeof token; len++)
        ck_assert(!debezium_place_parse((wf_str){token, len}, &place));
    ck_assert(debezium_place_parse(STR("1f0c93a2b4d5e6f7:7"), &place));
}
END_TEST

static const char *const wrong[] = {
    "",
    "0/16B3748",
    "1F0C93A2B4D5E6F7:1",
    "1f0c93a2b4d5e6fg:1",
    "1f0c93a2b4d5e6f7:-1",
    "1f0c93a2b4d5e6f7:1x",
    "1f0c93a2b4d5e6f7::paused",
    "1f0c93a2b4d5e6f7:1:pause",
    "1f0c93a2b4d5e6f7:18446744073709551616",
};

START_TEST(what_others_wrote_is_refused)
{
    struct debezium_place place;
    ck_assert(!debezium_place_parse(str_from(wrong[_i]), &place));
}
END_TEST

START_TEST(no_two_sessions_are_the_same)
{
    ck_assert_uint_ne(debezium_place_session(), debezium_place_session());
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debezium_place");
    TCase *tests = tcase_create("tokens");
    tcase_add_loop_test(tests, a_place_is_read_as_it_was_written, 0,
                        (int)CDC_COUNT(places));
    tcase_add_test(tests, a_token_cut_anywhere_before_its_number_is_none);
    tcase_add_loop_test(tests, what_others_wrote_is_refused, 0, (int)CDC_COUNT(wrong));
    tcase_add_test(tests, no_two_sessions_are_the_same);
    suite_add_tcase(suite, tests);
    return suite;
}
