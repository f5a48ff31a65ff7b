/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_copy: lines of COPY's text format, and lines that no server would send.
 */
#include <check.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/str.h"
#include "providers/postgres/pg_copy.h"
#include "tests/support/run.h"

#define FIELDS 8

static wf_str fields[FIELDS];
static char *line;

/* Memory of just the line's size, for ASan. */
static bool split(const char *text, size_t len, size_t count)
{
    free(line);
    line = malloc(len + !len);
    ck_assert_ptr_nonnull(line);
    memcpy(line, text, len);
    return pg_copy_split(line, len, fields, count);
}

static void tear_down(void)
{
    free(line);
    line = NULL;
}

struct copy_case {
    const char *text;
    size_t count;
    const char *fields[FIELDS]; /* "\\N": null */
};

static const struct copy_case cases[] = {
    {"\n", 1, {""}},
    {"\n", 0, {NULL}},
    {"a\n", 1, {"a"}},
    {"a\tb\n", 2, {"a", "b"}},
    {"\t\n", 2, {"", ""}},
    {"\\N\n", 1, {"\\N"}},
    {"\\N\t\\N\tx\n", 3, {"\\N", "\\N", "x"}},
    {"\\\\N\n", 1, {"\\N!"}}, /* the text \N */
    {"a\\tb\\nc\\\\d\\re\\bf\\fg\\vh\n", 1, {"a\tb\nc\\d\re\bf\fg\vh"}},
    {"\\\\\t\\\\\\\\\tx\n", 3, {"\\", "\\\\", "x"}},
    {"no end", 1, {"no end"}},
    {"\\.\n", 1, {"."}},
    {"a\\Nb\n", 1, {"aNb"}},
};

START_TEST(a_line_becomes_its_fields)
{
    const struct copy_case *one = &cases[_i];
    ck_assert(split(one->text, strlen(one->text), one->count));
    for (size_t i = 0; i < one->count; i++) {
        const char *expected = one->fields[i];
        bool null = !strcmp(expected, "\\N");
        if (!strcmp(expected, "\\N!"))
            expected = "\\N";
        ck_assert_int_eq(fields[i].ptr == NULL, null);
        if (!null)
            ck_assert_msg(str_is(fields[i], expected), "%s gives %.*s", one->text,
                          STR_ARG(fields[i]));
    }
}
END_TEST

START_TEST(another_number_of_fields_is_refused)
{
    const struct copy_case *one = &cases[_i];
    for (size_t count = 0; count < FIELDS; count++) {
        bool empty = count < 2 && one->count < 2 && one->text[0] == '\n';
        if (count != one->count && !empty)
            ck_assert_msg(!split(one->text, strlen(one->text), count), "%s as %zu",
                          one->text, count);
    }
}
END_TEST

START_TEST(a_backslash_at_the_end_of_a_field_is_refused)
{
    ck_assert(!split("\\\n", 2, 1));
    ck_assert(!split("a\\\tb\n", 5, 2));
    ck_assert(!split("a\\\\\\\n", 5, 1));
}
END_TEST

START_TEST(lines_cut_anywhere_stay_inside_themselves)
{
    static const char text[] = "1\ta\\tb\\\\\t\\N\t\xC3\xA9\\n\\\\N\t\t\\\\\n";
    for (size_t len = 0; len < sizeof text; len++)
        for (size_t count = 0; count < FIELDS; count++) {
            if (!split(text, len, count))
                continue;
            size_t total = 0;
            for (size_t i = 0; i < count; i++)
                total += fields[i].len;
            ck_assert_uint_le(total, len);
        }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_copy");
    TCase *tc = tcase_create("pg_copy");
    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_add_loop_test(tc, a_line_becomes_its_fields, 0, (int)CDC_COUNT(cases));
    tcase_add_loop_test(tc, another_number_of_fields_is_refused, 0, (int)CDC_COUNT(cases));
    tcase_add_test(tc, a_backslash_at_the_end_of_a_field_is_refused);
    tcase_add_test(tc, lines_cut_anywhere_stay_inside_themselves);
    suite_add_tcase(suite, tc);
    return suite;
}
