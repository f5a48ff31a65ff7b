/* SPDX-License-Identifier: MIT
 *
 * test_keyset - what was added is there, what was not is not, and the bound holds.
 */
#include <check.h>
#include <stdio.h>

#include "base/str.h"
#include "plugin/core/keyset.h"
#include "tests/support/run.h"

static wf_str key(char *memory, size_t size, int number)
{
    snprintf(memory, size, "{\"id\":%d}", number);
    return str_from(memory);
}

START_TEST(it_holds_what_was_added_and_nothing_else)
{
    struct keyset set;
    char memory[32];
    keyset_init(&set, 1u << 20);
    ck_assert(!keyset_has(&set, STR("x")));
    for (int i = 0; i < 20000; i += 2)
        ck_assert(keyset_add(&set, key(memory, sizeof memory, i)));
    ck_assert(keyset_add(&set, key(memory, sizeof memory, 0)));
    ck_assert_uint_eq(set.count, 10000);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(keyset_has(&set, key(memory, sizeof memory, i)), i % 2 == 0);
    keyset_clear(&set);
    ck_assert(!keyset_has(&set, key(memory, sizeof memory, 0)));
    ck_assert(keyset_add(&set, STR("")));
    ck_assert(keyset_has(&set, STR("")));
    keyset_release(&set);
}
END_TEST

START_TEST(a_full_set_says_so_and_stays_whole)
{
    struct keyset set;
    char memory[32];
    keyset_init(&set, 4096);
    int added = 0;
    while (keyset_add(&set, key(memory, sizeof memory, added)))
        added++;
    ck_assert_int_gt(added, 100);
    for (int i = 0; i < added; i++)
        ck_assert(keyset_has(&set, key(memory, sizeof memory, i)));
    ck_assert(!keyset_has(&set, key(memory, sizeof memory, added)));
    keyset_release(&set);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("keyset");
    TCase *tc = tcase_create("keyset");
    tcase_add_test(tc, it_holds_what_was_added_and_nothing_else);
    tcase_add_test(tc, a_full_set_says_so_and_stays_whole);
    suite_add_tcase(suite, tc);
    return suite;
}
