/* SPDX-License-Identifier: MIT
 *
 * Names of slots and publications, made from ids that people chose.
 */
#include "providers/postgres/pg_name.h"

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"

static const char *name_of(const char *source_id)
{
    static char out[4][PG_NAME_SIZE];
    static unsigned at;
    char *name = out[at++ % 4];
    pg_name_of_source(str_from(source_id), name);
    return name;
}

START_TEST(an_id_in_the_alphabet_is_the_name)
{
    ck_assert_str_eq(name_of("orders"), "cdc_orders");
    ck_assert_str_eq(name_of("shop_2"), "cdc_shop_2");
    ck_assert_str_eq(name_of("0"), "cdc_0");
}
END_TEST

START_TEST(an_id_outside_of_the_alphabet_is_mended_and_told_apart)
{
    const char *const ids[] = {"my-orders", "my orders", "My-Orders",
                               "my.orders", "MY_ORDERS", "my\xc3\xb6orders"};
    for (size_t i = 0; i < CDC_COUNT(ids); i++) {
        char name[PG_NAME_SIZE];
        pg_name_of_source(str_from(ids[i]), name);
        ck_assert(str_starts(str_from(name), STR("cdc_my_")));
        ck_assert(pg_name_is_slot(str_from(name)));
        ck_assert_str_ne(name, "cdc_my_orders");
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(name, name_of(ids[j]));
        ck_assert_str_eq(name, name_of(ids[i]));
    }
}
END_TEST

/* _i: how long the id is. */
START_TEST(an_id_of_any_length_gives_a_name_with_room_for_a_suffix)
{
    char one[LIMIT_SOURCE_ID + 1];
    char other[LIMIT_SOURCE_ID + 1];
    memset(one, 'a', sizeof one);
    one[_i] = '\0';
    memcpy(other, one, sizeof other);
    if (_i)
        other[_i - 1] = 'b';
    const char *name = name_of(one);
    ck_assert(pg_name_is_slot(str_from(name)));
    ck_assert_uint_le(strlen(name), 55);
    if (_i) /* they differ at the end, where a long one is cut */
        ck_assert_str_ne(name, name_of(other));
    if (_i <= 51)
        ck_assert_uint_eq(strlen(name), (size_t)_i + 4);
    else
        ck_assert_uint_eq(strlen(name), 55);
}
END_TEST

START_TEST(every_byte_of_an_id_is_possible)
{
    for (int byte = 1; byte < 256; byte++) {
        char id[] = {'x', (char)byte, 'y', '\0'};
        ck_assert_msg(pg_name_is_slot(str_from(name_of(id))), "byte %d: %s", byte,
                      name_of(id));
    }
}
END_TEST

START_TEST(slot_names_are_lower_case_letters_digits_and_underscores)
{
    ck_assert(pg_name_is_slot(STR("a")));
    ck_assert(pg_name_is_slot(STR("az_09")));
    ck_assert(!pg_name_is_slot(STR("")));
    ck_assert(!pg_name_is_slot(STR_EMPTY));
    ck_assert(!pg_name_is_slot(STR("A")));
    ck_assert(!pg_name_is_slot(STR("a-b")));
    ck_assert(!pg_name_is_slot(STR("a b")));
    ck_assert(!pg_name_is_slot(STR("a'b")));
    char name[65];
    memset(name, 'n', sizeof name);
    ck_assert(pg_name_is_slot((wf_str){name, 63}));
    ck_assert(!pg_name_is_slot((wf_str){name, 64}));
}
END_TEST

/* _i: how long the name is; of characters of two bytes, so that a cut can fall into one. */
START_TEST(a_name_with_a_suffix_fits_and_is_whole_text)
{
    char name[PG_NAME_SIZE] = {0};
    for (int i = 0; i < _i; i++)
        name[i] = "\xc3\xa4"[i % 2];
    if (_i % 2)
        name[_i - 1] = 'z';
    char out[PG_NAME_SIZE];
    pg_name_with(str_from(name), "_insert", out);
    wf_str made = str_from(out);
    ck_assert_uint_lt(made.len, PG_NAME_SIZE);
    ck_assert(str_ends(made, STR("_insert")));
    ck_assert(str_is_utf8(made));
    if (_i <= 56)
        ck_assert_uint_eq(made.len, (size_t)_i + 7);
    else
        ck_assert(!str_starts(made, str_from(name)));
}
END_TEST

START_TEST(long_names_that_differ_at_the_end_differ_with_a_suffix)
{
    char one[PG_NAME_SIZE] = {0};
    char other[PG_NAME_SIZE] = {0};
    memset(one, 'p', 62);
    memset(other, 'p', 62);
    one[62] = '1';
    other[62] = '2';
    char a[PG_NAME_SIZE];
    char b[PG_NAME_SIZE];
    pg_name_with(str_from(one), "_insert", a);
    pg_name_with(str_from(other), "_insert", b);
    ck_assert_str_ne(a, b);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_name");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, an_id_in_the_alphabet_is_the_name);
    tcase_add_test(tc, an_id_outside_of_the_alphabet_is_mended_and_told_apart);
    tcase_add_loop_test(tc, an_id_of_any_length_gives_a_name_with_room_for_a_suffix, 0,
                        LIMIT_SOURCE_ID + 1);
    tcase_add_test(tc, every_byte_of_an_id_is_possible);
    tcase_add_test(tc, slot_names_are_lower_case_letters_digits_and_underscores);
    tcase_add_loop_test(tc, a_name_with_a_suffix_fits_and_is_whole_text, 0, 64);
    tcase_add_test(tc, long_names_that_differ_at_the_end_differ_with_a_suffix);
    suite_add_tcase(suite, tc);
    return suite;
}
