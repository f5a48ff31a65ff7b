/* SPDX-License-Identifier: MIT
 *
 * requires: version constraints.
 */
#include <check.h>

#include "base/str.h"
#include "host/requires.h"
#include "tests/support/run.h"

static const struct {
    const char *version, *constraint;
    bool valid, satisfied;
} rows[] = {
    {"1.2.3", ">=1.2.3", true, true}, {"1.2.3", ">= 1.2.4", true, false},
    {"1.2.3", "<=1.2.3", true, true}, {"1.2.3", "<1.2.3", true, false},
    {"1.2.3", ">1.2", true, true},    {"1.2.3", "!=1.2.3", true, false},
    {"1.2.3", "=1.2.3", true, true},  {"1.2.3", "1.2.3", true, true},
    {"1.2.3", "v1.2.3", true, true},  {"1.2.3", "^1.0", true, true},
    {"2.0.0", "^1.0", true, false},   {"0.3.5", "^0.3.1", true, true},
    {"0.4.0", "^0.3.1", true, false}, {"0.0.4", "^0.0.3", true, false},
    {"1.2.9", "~1.2.3", true, true},  {"1.3.0", "~1.2.3", true, false},
    {"1.2.3", "~1.2.4", true, false}, {"1.2.3", "banana", false, false},
    {"1.2.3", ">=", false, false},    {"1.2.3", "1.2.3.4", false, false},
    {"1.2.3", "1..3", false, false},  {"1.2.3", "", false, false},
    {"dev", ">=1.0.0", true, false},  {"10.0.0", ">9.9.9", true, true},
};

START_TEST(a_version_satisfies_its_constraint_or_not)
{
    bool valid;
    bool satisfied = requires_satisfied(str_from(rows[_i].version),
                                        str_from(rows[_i].constraint), &valid);
    ck_assert_msg(valid == rows[_i].valid && satisfied == rows[_i].satisfied, "%s %s",
                  rows[_i].version, rows[_i].constraint);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("requires");
    TCase *tcase = tcase_create("requires");
    tcase_add_loop_test(tcase, a_version_satisfies_its_constraint_or_not, 0,
                        (int)CDC_COUNT(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
