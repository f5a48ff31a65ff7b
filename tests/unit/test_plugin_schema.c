/* SPDX-License-Identifier: MIT
 *
 * plugin_schema: a configuration against a manifest's fields, before the plugin sees it.
 */
#include <check.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/config.h"
#include "host/plugin_schema.h"
#include "tests/support/run.h"

static const char schema_text[] =
    "{\"type\":\"demo\",\"fields\":["
    "{\"name\":\"provider\",\"type\":\"choice\",\"choices\":[\"one\",\"two\"],\"required\":"
    "true,"
    "\"help\":\"which\"},"
    "{\"name\":\"count\",\"type\":\"int\"},"
    "{\"name\":\"ratio\",\"type\":\"number\"},"
    "{\"name\":\"quiet\",\"type\":\"bool\"},"
    "{\"name\":\"wait\",\"type\":\"duration\"},"
    "{\"name\":\"size\",\"type\":\"bytes\"},"
    "{\"name\":\"tables\",\"type\":\"list\"},"
    "{\"name\":\"password\",\"type\":\"string\",\"secret\":true},"
    "{\"name\":\"other\",\"type\":\"of-the-future\"},"
    "{\"name\":\"options\",\"type\":\"map\",\"fields\":["
    "{\"name\":\"slot\",\"type\":\"string\"},{\"name\":\"deep\",\"type\":\"map\","
    "\"fields\":["
    "{\"name\":\"x\",\"type\":\"int\"}]}]}]}";

/* Options that depend on the provider. */
static const char provider_text[] =
    "{\"fields\":[{\"name\":\"provider\",\"type\":\"string\"},"
    "{\"name\":\"options\",\"type\":\"map\"}],"
    "\"options\":{\"common\":[{\"name\":\"state_dir\",\"type\":\"string\"}],\"providers\":{"
    "\"one\":{\"fields\":[{\"name\":\"slot\",\"type\":\"string\"}]},"
    "\"two\":{\"fields\":[{\"name\":\"file\",\"type\":\"int\",\"required\":true,\"help\":"
    "\"h\"}]},"
    "\"odd\":7}}}";

static const struct {
    const char *yaml, *said;
    bool templated;
} rows[] = {
    {"c: {provider: one}\n", "", false},
    {"c: {provider: one, unknown: 1, _config_dir: x}\n", "", false},
    {"c: {}\n", "t.yaml:1:4: c.provider: is required: which\n", false},
    {"c: {provider: ''}\n", "t.yaml:1:15: c.provider: is required: which\n", false},
    {"c: {provider: ~}\n", "t.yaml:1:15: c.provider: is required: which\n", false},
    {"c: {provider: three}\n", "t.yaml:1:15: c.provider: must be one of one, two\n", false},
    {"c: {provider: [one]}\n", "t.yaml:1:15: c.provider: must be a string, not a list\n",
     false},
    {"c: {provider: one, count: many}\n",
     "t.yaml:1:27: c.count: must be an integer, not a string\n", false},
    {"c: {provider: one, count: '12'}\n", "", false},
    {"c: {provider: one, count: 1.5}\n",
     "t.yaml:1:27: c.count: must be an integer, not a number\n", false},
    {"c: {provider: one, ratio: 1.5}\n", "", false},
    {"c: {provider: one, ratio: x}\n",
     "t.yaml:1:27: c.ratio: must be a number, not a string\n", false},
    {"c: {provider: one, quiet: yes}\n",
     "t.yaml:1:27: c.quiet: must be true or false, not a string\n", false},
    {"c: {provider: one, quiet: 'true'}\n", "", false},
    {"c: {provider: one, wait: 30s, size: 16MiB, tables: 'a, b'}\n", "", false},
    {"c: {provider: one, wait: soon}\n",
     "t.yaml:1:26: c.wait: must be a duration such as '30s', not a string\n", false},
    {"c: {provider: one, size: big}\n",
     "t.yaml:1:26: c.size: must be a size such as '16MiB', not a string\n", false},
    {"c: {provider: one, tables: {a: 1}}\n",
     "t.yaml:1:28: c.tables: must be a list, not a map\n", false},
    {"c: {provider: one, password: [hunter2]}\n",
     "t.yaml:1:30: c.password: must be a string, not a list\n", false},
    {"c: {provider: one, other: [1]}\n", "", false},
    {"c: {provider: one, options: x}\n",
     "t.yaml:1:29: c.options: must be a map, not a string\n", false},
    {"c: {provider: one, options: {slott: x}}\n",
     "t.yaml:1:37: c.options.slott: unknown key, the nearest is slot\n", false},
    {"c: {provider: one, options: {banana: x}}\n",
     "t.yaml:1:38: c.options.banana: unknown key\n", false},
    {"c: {provider: one, options: {deep: {x: no}}}\n",
     "t.yaml:1:40: c.options.deep.x: must be an integer, not a string\n", false},
    {"c: {provider: one, cuont: 1}\n",
     "t.yaml:1:20: warning: c.cuont: unknown key, did you mean 'count'?\n", false},
    {"c: {provider: '${ p }', count: '{{ .n }}'}\n", "", true},
    {"c: {provider: '${ p }'}\n", "t.yaml:1:15: c.provider: must be one of one, two\n",
     false},
};

static const struct {
    const char *yaml, *said;
} provider_rows[] = {
    {"c: {provider: one, options: {state_dir: x, slot: y}}\n", ""},
    {"c: {provider: one, options: {file: 3, slto: y}}\n",
     "t.yaml:1:36: c.options.file: unknown key\n"
     "t.yaml:1:45: c.options.slto: unknown key, the nearest is slot\n"},
    {"c: {provider: two, options: {file: x}}\n",
     "t.yaml:1:36: c.options.file: must be an integer, not a string\n"},
    {"c: {provider: two, options: {}}\n", "t.yaml:1:29: c.options.file: is required: h\n"},
    {"c: {provider: three, options: {any: 1}}\n", ""},
    {"c: {provider: odd, options: {}}\n", ""},
    {"c: {options: {any: 1}}\n", ""},
};

static void check_said(const char *schema_json, const char *yaml, bool templated,
                       const char *said)
{
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    struct problems *problems = problems_new();
    ck_assert_ptr_nonnull(problems);
    const struct value *schema;
    wf_error err;
    ck_assert_int_eq(value_parse(&arena, str_from(schema_json), "schema", &schema, &err),
                     WF_OK);
    const struct node *root = config_parse(&arena, str_from(yaml), "t.yaml", problems);
    const struct node *config = node_get(root, "c");
    ck_assert_ptr_nonnull(config);
    const struct definition def = {
        .config = config->value, .node = config, .problems = problems};
    bool good = plugin_schema_check(schema, &def, templated);
    problems_print(problems, &text);
    ck_assert_str_eq(buf_c(&text), said);
    ck_assert_int_eq(good, !problems_count(problems));
    problems_free(problems);
    arena_release(&arena);
}

START_TEST(what_the_manifest_forbids_is_said_at_its_place)
{
    check_said(schema_text, rows[_i].yaml, rows[_i].templated, rows[_i].said);
}
END_TEST

START_TEST(options_are_those_of_the_chosen_provider)
{
    check_said(provider_text, provider_rows[_i].yaml, false, provider_rows[_i].said);
}
END_TEST

START_TEST(a_schema_that_makes_no_sense_checks_nothing_and_breaks_nothing)
{
    static const char *const odd[] = {
        "{}", "{\"fields\":7}", "{\"fields\":[1,null,[],\"x\"]}", "{\"fields\":[{}]}",
        "{\"fields\":[{\"name\":\"a\",\"type\":3,\"choices\":{},\"fields\":\"x\"}]}"};
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    struct problems *problems = problems_new();
    ck_assert_ptr_nonnull(problems);
    const struct node *root = config_parse(&arena, STR("a: {b: 1}\n"), "t.yaml", problems);
    const struct definition def = {
        .config = root->value, .node = root, .problems = problems};
    for (size_t i = 0; i < CDC_COUNT(odd); i++) {
        const struct value *schema;
        ck_assert_int_eq(value_parse(&arena, str_from(odd[i]), "schema", &schema, NULL),
                         WF_OK);
        ck_assert(plugin_schema_check(schema, &def, false));
    }
    problems_free(problems);
    arena_release(&arena);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("plugin_schema");
    TCase *tcase = tcase_create("plugin_schema");
    tcase_add_loop_test(tcase, what_the_manifest_forbids_is_said_at_its_place, 0,
                        (int)CDC_COUNT(rows));
    tcase_add_loop_test(tcase, options_are_those_of_the_chosen_provider, 0,
                        (int)CDC_COUNT(provider_rows));
    tcase_add_test(tcase, a_schema_that_makes_no_sense_checks_nothing_and_breaks_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
