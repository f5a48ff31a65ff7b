/* SPDX-License-Identifier: MIT
 *
 * config_env: environment variables in module configurations, all or nothing per string.
 */
#include <check.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/config.h"
#include "host/config_env.h"
#include "tests/support/run.h"

static const struct {
    const char *text, *result;
    unsigned warnings;
} rows[] = {
    {"plain", "plain", 0},
    {"${WF_TEST_A}", "alpha", 0},
    {"x ${WF_TEST_A} ${env:WF_TEST_B} y", "x alpha beta y", 0},
    {"${WF_TEST_EMPTY}", "", 0},
    {"$WF_TEST_A", "$WF_TEST_A", 0},
    {"${WF_TEST_A} ${WF_TEST_NONE}", "${WF_TEST_A} ${WF_TEST_NONE}", 1},
    {"${WF_TEST_NONE:-x}", "${WF_TEST_NONE:-x}", 1},
    {"${vault:secret/x}", "${vault:secret/x}", 1},
    {"${file:/etc/shop.properties:password}", "${file:/etc/shop.properties:password}", 0},
    {"pg://${file:/x:u}:${file:/x:p}@db", "pg://${file:/x:u}:${file:/x:p}@db", 0},
    {"${WF_TEST_A}:${file:/x:p}", "${WF_TEST_A}:${file:/x:p}", 1},
    {"${WF_TEST_NONE:-a:b}", "${WF_TEST_NONE:-a:b}", 1},
    {"${env:WF_TEST_A:b}", "${env:WF_TEST_A:b}", 1},
    {"${:a:b}", "${:a:b}", 1},
    {"${WF_TEST_A", "${WF_TEST_A", 0},
    {"a ${} b", "a ${} b", 0},
    {"${WF_TEST_A}}", "alpha}", 0},
};

START_TEST(a_string_is_expanded_whole_or_left_alone)
{
    setenv("WF_TEST_A", "alpha", 1);
    setenv("WF_TEST_B", "beta", 1);
    setenv("WF_TEST_EMPTY", "", 1);
    unsetenv("WF_TEST_NONE");
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    struct problems *problems = problems_new();
    ck_assert_ptr_nonnull(problems);
    char yaml[256];
    snprintf(yaml, sizeof(yaml), "a: [{b: '%s'}, 7]\n", rows[_i].text);
    const struct node *root = config_parse(&arena, str_from(yaml), "t.yaml", problems);
    const struct value *v = root ? config_env_expand(&arena, root, problems) : NULL;
    const struct value *b = value_path(v, STR("a.0.b"));
    ck_assert_ptr_nonnull(b);
    ck_assert_msg(str_is(b->text, rows[_i].result), "%.*s", STR_ARG(b->text));
    ck_assert_uint_eq(problems_warnings(problems), rows[_i].warnings);
    ck_assert_uint_eq(problems_count(problems), 0);
    problems_free(problems);
    arena_release(&arena);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("config_env");
    TCase *tcase = tcase_create("config_env");
    tcase_add_loop_test(tcase, a_string_is_expanded_whole_or_left_alone, 0,
                        (int)CDC_COUNT(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
