/* SPDX-License-Identifier: MIT
 *
 * Cutting the expressions out of CREATE statements.
 */
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_index.h"
#include "tests/support/run.h"

struct index_case {
    const char *statement;
    size_t number;
    const char *expected; /* NULL: there is none */
};

static const struct index_case index_parts[] = {
    {"CREATE UNIQUE INDEX i ON t(a)", 0, "a"},
    {"CREATE UNIQUE INDEX i ON t(a)", 1, NULL},
    {"CREATE UNIQUE INDEX i ON t(a, lower(b), c)", 1, "lower(b)"},
    {"CREATE UNIQUE INDEX i ON t(coalesce(a, ')', \"x,y\"), b)", 0,
     "coalesce(a, ')', \"x,y\")"},
    {"CREATE UNIQUE INDEX i ON t(coalesce(a, ')', \"x,y\"), b)", 1, "b"},
    {"CREATE UNIQUE INDEX \"on (\" ON [t (](a DESC, b||c ASC)", 0, "a"},
    {"CREATE UNIQUE INDEX \"on (\" ON [t (](a DESC, b||c ASC)", 1, "b||c"},
    {"CREATE INDEX i on t(a COLLATE NOCASE DESC)", 0, "a COLLATE NOCASE"},
    {"CREATE INDEX i ON t(\"desc\" DESC)", 0, "\"desc\""},
    {"CREATE INDEX i ON t(a /* , ) */ + 1, -- b)\n c)", 0, "a + 1"},
    {"CREATE INDEX i ON t(a /* , ) */ + 1, -- b)\n c)", 1, "c"},
    {"CREATE INDEX i ON t('it''s' || x'00', 1e+5)", 0, "'it''s' || x'00'"},
    {"CREATE INDEX i ON t('it''s' || x'00', 1e+5)", 1, "1e+5"},
    {"CREATE INDEX i ON t(\"a\"\"b\", `c``d`)", 1, "`c``d`"},
    {"CREATE INDEX i", 0, NULL},
    {"", 0, NULL},
};

START_TEST(a_part_of_an_index_is_cut_out)
{
    const struct index_case *c = &index_parts[_i];
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES);
    bool found = sqlite_index_part(str_from(c->statement), c->number, &out);
    ck_assert_int_eq(found, c->expected != NULL);
    if (found)
        ck_assert_str_eq(buf_c(&out), c->expected);
}
END_TEST

static const struct index_case index_wheres[] = {
    {"CREATE INDEX i ON t(a)", 0, NULL},
    {"CREATE INDEX i ON t(a) WHERE b > 3", 0, "b > 3"},
    {"CREATE INDEX i ON t(a, (b)) where (b = ')') -- end", 0, "(b = ')')"},
    {"CREATE INDEX i ON t(\"where\")", 0, NULL},
};

START_TEST(the_condition_of_an_index_is_cut_out)
{
    const struct index_case *c = &index_wheres[_i];
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES);
    bool found = sqlite_index_where(str_from(c->statement), &out);
    ck_assert_int_eq(found, c->expected != NULL);
    if (found)
        ck_assert_str_eq(buf_c(&out), c->expected);
}
END_TEST

#define GENERATED                                                                          \
    "CREATE TABLE \"t(\" (a, b INT DEFAULT (1 + 2) CHECK (b > 0) AS (a + 1) STORED,"       \
    " \"unique\" AS (max(a, b)), UNIQUE (a) CONSTRAINT c CHECK (a <> ','), d TEXT"         \
    " GENERATED ALWAYS AS ((a) || ')') VIRTUAL)"

static const struct index_case index_generated[] = {
    {GENERATED, 0, NULL},         {GENERATED, 1, "a + 1"}, {GENERATED, 2, "max(a, b)"},
    {GENERATED, 3, "(a) || ')'"}, {GENERATED, 4, NULL},    {"CREATE TABLE t AS", 0, NULL},
};

START_TEST(the_expression_of_a_generated_column_is_cut_out)
{
    const struct index_case *c = &index_generated[_i];
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES);
    bool found = sqlite_index_generated(str_from(c->statement), c->number, &out);
    ck_assert_int_eq(found, c->expected != NULL);
    if (found)
        ck_assert_str_eq(buf_c(&out), c->expected);
}
END_TEST

START_TEST(no_statement_that_is_cut_short_is_read_past_its_end)
{
    static const char statement[] = GENERATED " WHERE x > 'y' /* z */ -- w";
    for (size_t len = 0; len < sizeof(statement); len++) {
        char *copy = str_dup((wf_str){statement, len}); /* so that ASan sees the end */
        ck_assert_ptr_nonnull(copy);
        for (size_t part = 0; part < 6; part++) {
            CDC_CLEANUP(buf_release) struct buf out;
            buf_init(&out, LIMIT_TEXT_BYTES);
            sqlite_index_part((wf_str){copy, len}, part, &out);
            sqlite_index_generated((wf_str){copy, len}, part, &out);
            sqlite_index_where((wf_str){copy, len}, &out);
            ck_assert_uint_le(out.len, 3 * len + 3);
        }
        free(copy);
    }
}
END_TEST

START_TEST(a_name_is_found_however_it_is_quoted)
{
    ck_assert(sqlite_index_mentions(STR("a + b"), STR("b")));
    ck_assert(sqlite_index_mentions(STR("a + B"), STR("b")));
    ck_assert(sqlite_index_mentions(STR("a + \"B\""), STR("b")));
    ck_assert(sqlite_index_mentions(STR("[b] || `c`"), STR("c")));
    ck_assert(sqlite_index_mentions(STR("t.b + 1"), STR("b")));
    ck_assert(sqlite_index_mentions(STR("\"x\"\"y\""), STR("x\"y")));
    ck_assert(!sqlite_index_mentions(STR("abc + bc"), STR("b")));
    ck_assert(!sqlite_index_mentions(STR("'b c'"), STR("b")));
    ck_assert(!sqlite_index_mentions(STR(""), STR("b")));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_index");
    TCase *tcase = tcase_create("statements");
    tcase_add_loop_test(tcase, a_part_of_an_index_is_cut_out, 0,
                        (int)CDC_COUNT(index_parts));
    tcase_add_loop_test(tcase, the_condition_of_an_index_is_cut_out, 0,
                        (int)CDC_COUNT(index_wheres));
    tcase_add_loop_test(tcase, the_expression_of_a_generated_column_is_cut_out, 0,
                        (int)CDC_COUNT(index_generated));
    tcase_add_test(tcase, no_statement_that_is_cut_short_is_read_past_its_end);
    tcase_add_test(tcase, a_name_is_found_however_it_is_quoted);
    suite_add_tcase(suite, tcase);
    return suite;
}
