/* SPDX-License-Identifier: MIT
 *
 * test_catalogue - a name keeps its number, a number its name, and made-up names do not
 * grow it for ever.
 */
#include <check.h>
#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/catalogue.h"
#include "tests/support/run.h"

static struct catalogue names;

static void setup(void)
{
    wf_error err;
    ck_assert_int_eq(catalogue_init(&names, &err), WF_OK);
}

static void teardown(void)
{
    catalogue_release(&names);
}

static uint32_t number_of(unsigned i)
{
    char text[32];
    int len = snprintf(text, sizeof text, "t.%u", i);
    return catalogue_id(&names, (wf_str){text, (size_t)len});
}

static bool is_name(wf_str name, unsigned i)
{
    char text[32];
    snprintf(text, sizeof text, "t.%u", i);
    return str_is(name, text);
}

START_TEST(a_name_keeps_its_number_and_a_number_its_name)
{
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(number_of(i), i + 1);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_uint_eq(number_of(i), i + 1);
        ck_assert(is_name(catalogue_name(&names, i + 1), i));
    }
    ck_assert_uint_eq(catalogue_name(&names, 1001).len, 0);
    ck_assert_uint_eq(catalogue_name(&names, UINT32_MAX).len, 0);
}
END_TEST

START_TEST(names_beyond_the_limit_have_no_number)
{
    for (unsigned i = 0; i < LIMIT_TABLES; i++)
        ck_assert_uint_eq(number_of(i), i + 1);
    ck_assert_uint_eq(number_of(LIMIT_TABLES), 0);
    ck_assert_uint_eq(number_of(LIMIT_TABLES + 1), 0);
    ck_assert_uint_eq(number_of(7), 8);
    ck_assert_uint_eq(number_of(LIMIT_TABLES - 1), LIMIT_TABLES);
}
END_TEST

static void *read_all(void *arg)
{
    _Atomic uint32_t *last = arg;
    for (uint32_t id = 1; id < 5000;) {
        if (id > *last)
            continue;
        ck_assert(is_name(catalogue_name(&names, id), id - 1));
        id++;
    }
    return NULL;
}

START_TEST(names_can_be_read_while_others_are_added)
{
    static _Atomic uint32_t last;
    pthread_t thread;
    last = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &last), 0);
    for (unsigned i = 0; i < 5000; i++)
        last = number_of(i);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(releasing_twice_is_harmless)
{
    number_of(1);
    catalogue_release(&names);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("catalogue");
    TCase *tc = tcase_create("catalogue");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_name_keeps_its_number_and_a_number_its_name);
    tcase_add_test(tc, names_beyond_the_limit_have_no_number);
    tcase_add_test(tc, names_can_be_read_while_others_are_added);
    tcase_add_test(tc, releasing_twice_is_harmless);
    suite_add_tcase(suite, tc);
    return suite;
}
