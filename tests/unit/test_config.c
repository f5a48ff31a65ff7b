/* SPDX-License-Identifier: MIT
 *
 * config, config_yaml, config_scalar, config_import, node: YAML to values and places.
 */
#include <check.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/config.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

static struct arena arena;
static struct problems *problems;
static struct buf text;

static void setup(void)
{
    arena_init(&arena, LIMIT_ARENA_BYTES);
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    problems = problems_new();
    ck_assert_ptr_nonnull(problems);
}

static void teardown(void)
{
    problems_free(problems);
    arena_release(&arena);
    buf_release(&text);
}

static const struct node *parse(const char *yaml)
{
    return config_parse(&arena, str_from(yaml), "t.yaml", problems);
}

static const char *mistakes(void)
{
    buf_clear(&text);
    problems_print(problems, &text);
    return buf_c(&text);
}

static const char *json(const struct node *node)
{
    buf_clear(&text);
    value_json(&text, node ? node->value : &value_null);
    return buf_c(&text);
}

/* ---- scalars ---- */

static const struct {
    const char *yaml, *json;
} scalars[] = {
    {"v: 12", "12"},
    {"v: -7", "-7"},
    {"v: +7", "7"},
    {"v: 9223372036854775807", "9223372036854775807"},
    {"v: -9223372036854775808", "-9223372036854775808"},
    {"v: 9223372036854775808", "9223372036854775808"},
    {"v: 123456789012345678901234567890", "123456789012345678901234567890"},
    {"v: 1_000_000", "1000000"},
    {"v: 0x1F", "31"},
    {"v: -0x10", "-16"},
    {"v: 0x8000000000000000", "\"0x8000000000000000\""},
    {"v: -0x8000000000000000", "-9223372036854775808"},
    {"v: 0o17", "15"},
    {"v: 0b101", "5"},
    {"v: 0777", "511"},
    {"v: 08", "8"},
    {"v: 0", "0"},
    {"v: 1.50", "1.50"},
    {"v: .5", "0.5"},
    {"v: 3.", "3.0"},
    {"v: -00.25", "-0.25"},
    {"v: 1e3", "1e3"},
    {"v: 1.5E-7", "1.5E-7"},
    {"v: 1e", "\"1e\""},
    {"v: 1.2.3", "\"1.2.3\""},
    {"v: .", "\".\""},
    {"v: +", "\"+\""},
    {"v: -", "[null]"},
    {"v: 0x", "\"0x\""},
    {"v: 12ab", "\"12ab\""},
    {"v: .inf", "\".inf\""},
    {"v: 2026-11-22", "\"2026-11-22\""},
    {"v: true", "true"},
    {"v: False", "false"},
    {"v: TRUE", "true"},
    {"v: yes", "\"yes\""},
    {"v: null", "null"},
    {"v: ~", "null"},
    {"v:", "null"},
    {"v: ''", "\"\""},
    {"v: \"12\"", "\"12\""},
    {"v: 'true'", "\"true\""},
    {"v: !!str 12", "\"12\""},
    {"v: !!int '12'", "12"},
    {"v: |\n  a\n  b\n", "\"a\\nb\\n\""},
    {"v: >-\n  a\n  b\n", "\"a b\""},
    {"v: [1, {a: b}, []]", "[1,{\"a\":\"b\"},[]]"},
    {"v: {}", "{}"},
};

START_TEST(a_scalar_means_what_the_engine_takes_it_for)
{
    bool list = !strcmp(scalars[_i].yaml, "v: -"); /* a lone dash there is no scalar */
    const struct node *root = parse(list ? "v:\n  -" : scalars[_i].yaml);
    ck_assert_msg(root, "%s: %s", scalars[_i].yaml, mistakes());
    ck_assert_str_eq(json(node_get(root, "v")), scalars[_i].json);
    ck_assert_uint_eq(problems_count(problems), 0);
}
END_TEST

/* ---- places ---- */

START_TEST(every_node_knows_its_line_and_column_and_path)
{
    const struct node *root = parse("modules:\n"
                                    "  - name: a\n"
                                    "    config:\n"
                                    "      options: {slot: x}\n");
    const struct node *slot = node_deepest(root, STR("modules.0.config.options.slot"));
    ck_assert_str_eq(json(slot), "\"x\"");
    ck_assert_uint_eq(slot->line, 4);
    ck_assert_uint_eq(slot->column, 23);
    ck_assert_uint_eq(slot->key_line, 4);
    ck_assert_uint_eq(slot->key_column, 17);
    buf_clear(&text);
    node_path(slot, &text);
    ck_assert_str_eq(buf_c(&text), "modules[0].config.options.slot");
    ck_assert_ptr_eq(node_deepest(root, STR("modules.7.x")), node_get(root, "modules"));
    ck_assert_ptr_null(node_get(slot, "x"));
    ck_assert_ptr_null(node_get(NULL, "x"));
}
END_TEST

START_TEST(a_mistake_at_a_missing_key_is_placed_at_its_map_and_names_it)
{
    const struct node *root = parse("a:\n  b: {c: 1}\n");
    problems_add(problems, node_get(root, "a"), "b.missing", "is required");
    problems_add(problems, node_get(root, "a"), "b.c", "must be %s", "a string");
    problems_warn(problems, root, "a", "odd");
    problems_add(problems, NULL, NULL, "no place");
    ck_assert_str_eq(mistakes(), "no place\n"
                                 "t.yaml:2:3: warning: a: odd\n"
                                 "t.yaml:2:6: a.b.missing: is required\n"
                                 "t.yaml:2:10: a.b.c: must be a string\n");
    ck_assert_uint_eq(problems_count(problems), 3);
    ck_assert_uint_eq(problems_warnings(problems), 1);
}
END_TEST

START_TEST(it_can_be_asked_whether_a_key_has_a_mistake)
{
    const struct node *root = parse("a:\n  b: {c: 1, d: [x]}\n  bb: 2\n  w: 3\n");
    const struct node *a = node_get(root, "a");
    problems_add(problems, a, "b.c", "wrong");
    problems_add(problems, a, "missing", "is required");
    problems_warn(problems, a, "w", "odd");
    ck_assert_int_eq(problems_find(problems, a, "b.c"), PROBLEMS_THERE);
    ck_assert_int_eq(problems_find(problems, a, "b"), PROBLEMS_INSIDE);
    ck_assert_int_eq(problems_find(problems, root, "a"), PROBLEMS_INSIDE);
    ck_assert_int_eq(problems_find(problems, a, NULL), PROBLEMS_INSIDE);
    ck_assert_int_eq(problems_find(problems, a, "bb"), PROBLEMS_NOWHERE);
    ck_assert_int_eq(problems_find(problems, a, "b.d"), PROBLEMS_NOWHERE);
    ck_assert_int_eq(problems_find(problems, a, "w"), PROBLEMS_NOWHERE);
    ck_assert_int_eq(problems_find(problems, a, "missing"), PROBLEMS_THERE);
    const struct node *list = node_get(node_get(a, "b"), "d");
    problems_add(problems, list->children[0], NULL, "wrong");
    ck_assert_int_eq(problems_find(problems, a, "b.d"), PROBLEMS_INSIDE);
    problems_add(problems, node_get(a, "b"), NULL, "wrong");
    ck_assert_int_eq(problems_find(problems, a, "b"), PROBLEMS_THERE);
}
END_TEST

/* ---- anchors ---- */

START_TEST(aliases_and_merges_share_values)
{
    const struct node *root = parse("base: &b {x: 1, y: {z: 2}}\n"
                                    "other: &o {x: 9, w: 4}\n"
                                    "same: *b\n"
                                    "one:\n"
                                    "  y: own\n"
                                    "  <<: *b\n"
                                    "two: {<<: [*b, *o], v: 5}\n"
                                    "quoted: {'<<': 1}\n");
    ck_assert_msg(root, "%s", mistakes());
    ck_assert_str_eq(json(node_get(root, "same")), "{\"x\":1,\"y\":{\"z\":2}}");
    ck_assert_str_eq(json(node_get(root, "one")), "{\"y\":\"own\",\"x\":1}");
    ck_assert_str_eq(json(node_get(root, "two")),
                     "{\"v\":5,\"x\":1,\"y\":{\"z\":2},\"w\":4}");
    ck_assert_str_eq(json(node_get(root, "quoted")), "{\"<<\":1}");
    ck_assert_uint_eq(problems_count(problems), 0);
    ck_assert_uint_eq(node_get(root, "same")->line, 3);
}
END_TEST

START_TEST(a_billion_laughs_are_refused_quickly)
{
    buf_clear(&text);
    CDC_CLEANUP(buf_release) struct buf yaml;
    buf_init(&yaml, LIMIT_TEXT_BYTES);
    buf_cstr(&yaml, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++)
        buf_printf(&yaml, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                   i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    ck_assert_ptr_null(parse(buf_c(&yaml)));
    ck_assert_ptr_nonnull(strstr(mistakes(), "too large"));
}
END_TEST

START_TEST(a_chain_of_aliases_cannot_be_deeper_than_text)
{
    CDC_CLEANUP(buf_release) struct buf yaml;
    buf_init(&yaml, LIMIT_TEXT_BYTES);
    buf_cstr(&yaml, "a0: &a0 [x]\n");
    for (int i = 1; i < 300; i++)
        buf_printf(&yaml, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    ck_assert_ptr_null(parse(buf_c(&yaml)));
    ck_assert_ptr_nonnull(strstr(mistakes(), "nested too deeply"));
}
END_TEST

START_TEST(deep_nesting_is_refused_with_its_place)
{
    char yaml[1200];
    memset(yaml, '[', sizeof(yaml) - 1);
    yaml[0] = 'a', yaml[1] = ':', yaml[2] = ' ';
    yaml[sizeof(yaml) - 1] = '\0';
    ck_assert_ptr_null(parse(yaml));
    ck_assert_str_eq(mistakes(), "t.yaml:1:103: nested too deeply\n");
}
END_TEST

/* ---- what is no configuration ---- */

static const struct {
    const char *yaml, *said;
} refused[] = {
    {"", "t.yaml:1:1: the file is empty\n"},
    {"# only a comment\n", "t.yaml:1:1: the file is empty\n"},
    {"- a\n- b\n",
     "t.yaml:1:1: a configuration is a map with modules and pipelines, not a list\n"},
    {"word",
     "t.yaml:1:1: a configuration is a map with modules and pipelines, not a string\n"},
    {"a: 1\na: 2\n", "t.yaml:2:1: key 'a' is there already, in line 1\n"},
    {"a: {b: 1, c: 2, b: 3}\n", "t.yaml:1:17: key 'b' is there already, in line 1\n"},
    {"[1, 2]: x\n", "t.yaml:1:1: a key must be a plain word or a string\n"},
    {"? {a: b}\n: x\n", "t.yaml:1:3: a key must be a plain word or a string\n"},
    {"a: *nobody\n", "t.yaml:1:4: alias 'nobody' has no anchor\n"},
    {"a: &x [1, *x]\n", "t.yaml:1:11: alias 'x' is inside its own anchor\n"},
    {"a: &x {b: {c: *x}}\n", "t.yaml:1:15: alias 'x' is inside its own anchor\n"},
    {"a: !secret x\n", "t.yaml:1:4: tag '!secret' is not supported\n"},
    {"a: {<<: 5}\n", "t.yaml:1:9: '<<' merges maps, not an integer\n"},
    {"a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document is not supported\n"},
    {"a: [1, 2\nb: 3\n", "t.yaml:2:2: not YAML: did not find expected ',' or ']' while "
                         "parsing a flow sequence\n"},
    {"a: \"open\n", "t.yaml:2:1: not YAML: found unexpected end of stream while scanning a "
                    "quoted scalar\n"},
    {"a: @\n", "t.yaml:1:4: not YAML: found character that cannot start any token while "
               "scanning for the "
               "next token\n"},
    {"\ta: 1\n", "t.yaml:1:1: not YAML: a tab, where only spaces may indent\n"},
    {"a:\n\t- b\n", "t.yaml:2:1: not YAML: a tab, where only spaces may indent\n"},
    {"a: b: c\n", "t.yaml:1:5: not YAML: mapping values are not allowed in this context\n"},
    {"a: \xff\xfe\n", "t.yaml: not YAML: invalid leading UTF-8 octet at byte 3\n"},
    {"%YAML 9.9\n---\na: 1\n", "t.yaml:1:1: not YAML: found incompatible YAML document\n"},
};

START_TEST(what_is_wrong_is_said_with_line_and_column)
{
    parse(refused[_i].yaml);
    ck_assert_str_eq(mistakes(), refused[_i].said);
    ck_assert_uint_eq(problems_count(problems), 1);
}
END_TEST

/* ---- bytes that are cut, memory that ends ---- */

static const char whole[] =
    "imports: []\n"
    "modules:\n"
    "  - &m {name: a, type: \"storage.sqlite\", config: {dbPath: 'x\\ny'}}\n"
    "  - {<<: *m, name: b}\n"
    "pipelines:\n"
    "  p: # words\n"
    "    steps:\n"
    "      - name: s\n"
    "        config: {values: {n: 12, f: 1.5, t: [~, true, |\n"
    "          x]}}\n";

START_TEST(every_prefix_is_read_or_refused)
{
    for (size_t len = 0; len <= strlen(whole); len++) {
        struct problems *own = problems_new();
        char *copy = malloc(len + 1); /* so that a read past the end is seen */
        ck_assert(own && copy);
        memcpy(copy, whole, len);
        const struct node *root = config_parse(&arena, (wf_str){copy, len}, "t.yaml", own);
        ck_assert(root || problems_count(own) > 0);
        free(copy);
        problems_free(own);
    }
}
END_TEST

START_TEST(an_arena_that_is_too_small_is_out_of_memory_and_no_crash)
{
    static const char yaml[] = "a: &m {b: [1, 'two', 3.5], c: ~}\nd: {<<: *m, e: [*m]}\n";
    bool fitted = false;
    for (size_t limit = 0; limit < 200000 && !fitted; limit += limit < 4096 ? 16 : 4096) {
        struct arena small;
        struct problems *own = problems_new();
        ck_assert_ptr_nonnull(own);
        arena_init(&small, limit);
        const struct node *root = config_parse(&small, str_from(yaml), "t.yaml", own);
        fitted = root && !problems_count(own);
        ck_assert(fitted || problems_count(own));
        arena_release(&small);
        problems_free(own);
    }
    ck_assert(fitted);
}
END_TEST

START_TEST(too_many_values_are_refused)
{
    CDC_CLEANUP(buf_release) struct buf yaml;
    buf_init(&yaml, CONFIG_FILE_BYTES);
    buf_lit(&yaml, "a: [");
    for (unsigned i = 0; i < CONFIG_NODES; i++)
        buf_lit(&yaml, "1,");
    buf_lit(&yaml, "1]\n");
    ck_assert_ptr_null(parse(buf_c(&yaml)));
    ck_assert_ptr_nonnull(strstr(mistakes(), "too many values"));
}
END_TEST

/* ---- files ---- */

static const char *folder;

static void file(const char *name, const char *yaml)
{
    temp_write(temp_path(folder, name), yaml, strlen(yaml));
}

START_TEST(imports_are_laid_below_the_file_that_names_them)
{
    folder = temp_dir();
    file("main.yaml", "imports: [sub.yaml]\n"
                      "modules: [{name: a, type: mine}]\n"
                      "pipelines: {p: mine}\n"
                      "engine: mine\n");
    file("sub.yaml", "imports: [deep.yaml]\n"
                     "modules: [{name: a, type: theirs}, {name: b, type: theirs}]\n"
                     "pipelines: {p: theirs, q: theirs}\n"
                     "engine: theirs\n"
                     "vars: {x: 1}\n");
    file("deep.yaml", "modules: [{name: c, type: deep}]\npipelines: {q: deep, r: deep}\n");
    const struct node *root = config_load(&arena, temp_path(folder, "main.yaml"), problems);
    ck_assert_msg(root, "%s", mistakes());
    ck_assert_str_eq(
        json(node_get(root, "modules")),
        "[{\"name\":\"a\",\"type\":\"mine\"},{\"name\":\"b\",\"type\":\"theirs\"},"
        "{\"name\":\"c\",\"type\":\"deep\"}]");
    ck_assert_str_eq(json(node_get(root, "pipelines")),
                     "{\"p\":\"mine\",\"q\":\"theirs\",\"r\":\"deep\"}");
    ck_assert_str_eq(json(node_get(root, "engine")), "\"mine\"");
    ck_assert_str_eq(json(node_get(root, "vars")), "{\"x\":1}");
    const struct node *deep = node_deepest(root, STR("modules.2.type"));
    ck_assert_ptr_nonnull(strstr(deep->file, "/deep.yaml"));
}
END_TEST

START_TEST(a_ring_of_imports_and_missing_files_are_told_where_they_are_named)
{
    folder = temp_dir();
    file("a.yaml", "imports: [b.yaml, gone.yaml]\n");
    file("b.yaml", "x: 1\nimports:\n  - a.yaml\n");
    ck_assert_ptr_nonnull(config_load(&arena, temp_path(folder, "a.yaml"), problems));
    ck_assert_ptr_nonnull(strstr(mistakes(), "b.yaml:3:5: imports[0]: '"));
    ck_assert_ptr_nonnull(strstr(mistakes(), "imports itself, by way of '"));
    ck_assert_ptr_nonnull(strstr(mistakes(), "a.yaml:1:19: imports[1]: cannot read '"));
    ck_assert_uint_eq(problems_count(problems), 2);
}
END_TEST

START_TEST(imports_that_are_no_list_of_files_are_mistakes)
{
    folder = temp_dir();
    file("a.yaml", "imports: b.yaml\n");
    file("c.yaml", "imports: [7, '']\n");
    config_load(&arena, temp_path(folder, "a.yaml"), problems);
    config_load(&arena, temp_path(folder, "c.yaml"), problems);
    ck_assert_ptr_nonnull(
        strstr(mistakes(), "a.yaml:1:10: imports: must be a list of files"));
    ck_assert_ptr_nonnull(strstr(mistakes(), "c.yaml:1:11: imports[0]: must be the name"));
    ck_assert_ptr_nonnull(strstr(mistakes(), "c.yaml:1:14: imports[1]: must be the name"));
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_one_mistake)
{
    ck_assert_ptr_null(config_load(&arena, "/nowhere/x.yaml", problems));
    ck_assert_str_eq(mistakes(),
                     "cannot read '/nowhere/x.yaml': No such file or directory\n");
    ck_assert_ptr_null(config_load(&arena, temp_dir(), problems));
    ck_assert_uint_eq(problems_count(problems), 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_scalar_means_what_the_engine_takes_it_for, 0,
                        (int)CDC_COUNT(scalars));
    tcase_add_test(tcase, every_node_knows_its_line_and_column_and_path);
    tcase_add_test(tcase, a_mistake_at_a_missing_key_is_placed_at_its_map_and_names_it);
    tcase_add_test(tcase, it_can_be_asked_whether_a_key_has_a_mistake);
    tcase_add_test(tcase, aliases_and_merges_share_values);
    tcase_add_test(tcase, a_billion_laughs_are_refused_quickly);
    tcase_add_test(tcase, a_chain_of_aliases_cannot_be_deeper_than_text);
    tcase_add_test(tcase, deep_nesting_is_refused_with_its_place);
    tcase_add_loop_test(tcase, what_is_wrong_is_said_with_line_and_column, 0,
                        (int)CDC_COUNT(refused));
    tcase_add_test(tcase, every_prefix_is_read_or_refused);
    tcase_add_test(tcase, an_arena_that_is_too_small_is_out_of_memory_and_no_crash);
    tcase_add_test(tcase, too_many_values_are_refused);
    tcase_add_test(tcase, imports_are_laid_below_the_file_that_names_them);
    tcase_add_test(tcase,
                   a_ring_of_imports_and_missing_files_are_told_where_they_are_named);
    tcase_add_test(tcase, imports_that_are_no_list_of_files_are_mistakes);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_one_mistake);
    suite_add_tcase(suite, tcase);
    return suite;
}
