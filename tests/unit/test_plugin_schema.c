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

/* What "more" may hold depends on "kind". */
static const char variant_text[] =
    "{\"fields\":[{\"name\":\"kind\",\"type\":\"string\"},"
    "{\"name\":\"where\",\"type\":\"string\",\"help\":\"a place\"},"
    "{\"name\":\"more\",\"type\":\"map\"}],"
    "\"variants\":{\"field\":\"more\",\"by\":\"kind\","
    "\"common\":[{\"name\":\"dir\",\"type\":\"string\"},"
    "{\"name\":\"rows\",\"type\":\"int\",\"min\":1,\"max\":9}],"
    "\"values\":{"
    "\"one\":{\"fields\":[{\"name\":\"slot\",\"type\":\"string\"}]},"
    "\"two\":{\"fields\":[{\"name\":\"file\",\"type\":\"int\",\"required\":true,\"help\":"
    "\"h\"}]},"
    "\"far\":{\"required\":[\"where\"],\"fields\":[]},"
    "\"told\":{\"required\":[\"where\",7],\"where\":\"its address\",\"fields\":[]},"
    "\"away\":{\"missing\":\"not in this build\"},"
    "\"odd\":7}}}";

/* Ranges and choices. */
static const char range_text[] =
    "{\"fields\":[{\"name\":\"n\",\"type\":\"int\",\"min\":1,\"max\":64},"
    "{\"name\":\"part\",\"type\":\"number\",\"min\":0,\"max\":1},"
    "{\"name\":\"wait\",\"type\":\"duration\",\"min\":1,\"max\":3600000},"
    "{\"name\":\"size\",\"type\":\"bytes\",\"min\":65536,\"max\":1073741824},"
    "{\"name\":\"pin\",\"type\":\"int\",\"min\":1,\"max\":9,\"secret\":true},"
    "{\"name\":\"word\",\"type\":\"string\",\"choices\":[\"a\",\"b\"]},"
    "{\"name\":\"exact\",\"type\":\"list\",\"choices\":[\"IN\",\"OUT\"]},"
    "{\"name\":\"any\",\"type\":\"list\",\"choices\":[\"IN\",\"OUT\"],"
    "\"any_case\":true},"
    "{\"name\":\"texts\",\"type\":\"list\",\"items\":\"string\"}]}";

static const struct {
    const char *yaml, *said;
    bool templated;
} rows[] = {
    {"c: {provider: one}\n", "", false},
    {"c: {provider: one, unknown: 1, _config_dir: x}\n", "", false},
    {"c: {}\n", "t.yaml:1:4: c.provider: is required: which\n", false},
    {"c: {provider: ''}\n", "t.yaml:1:15: c.provider: is required: which\n", false},
    {"c: {provider: ~}\n", "t.yaml:1:15: c.provider: is required: which\n", false},
    {"c: {provider: three}\n",
     "t.yaml:1:15: c.provider: must be one of one, two, not 'three'\n", false},
    {"c: {provider: [one]}\n", "t.yaml:1:15: c.provider: must be a string, not a list\n",
     false},
    {"c: {provider: one, count: many}\n",
     "t.yaml:1:27: c.count: must be an integer, not 'many'\n", false},
    {"c: {provider: one, count: '12'}\n", "", false},
    {"c: {provider: one, count: 1.5}\n",
     "t.yaml:1:27: c.count: must be an integer, not 1.5\n", false},
    {"c: {provider: one, ratio: 1.5}\n", "", false},
    {"c: {provider: one, ratio: x}\n", "t.yaml:1:27: c.ratio: must be a number, not 'x'\n",
     false},
    {"c: {provider: one, quiet: yes}\n",
     "t.yaml:1:27: c.quiet: must be true or false, not 'yes'\n", false},
    {"c: {provider: one, quiet: 'true'}\n", "", false},
    {"c: {provider: one, wait: 30s, size: 16MiB, tables: 'a, b'}\n", "", false},
    {"c: {provider: one, wait: soon}\n",
     "t.yaml:1:26: c.wait: must be a duration such as '30s', not 'soon'\n", false},
    {"c: {provider: one, size: big}\n",
     "t.yaml:1:26: c.size: must be a size such as '16MiB', not 'big'\n", false},
    {"c: {provider: one, tables: {a: 1}}\n",
     "t.yaml:1:28: c.tables: must be a list, not a map\n", false},
    {"c: {provider: one, password: [hunter2]}\n",
     "t.yaml:1:30: c.password: must be a string, not a list\n", false},
    {"c: {provider: one, other: [1]}\n", "", false},
    {"c: {provider: one, options: x}\n", "t.yaml:1:29: c.options: must be a map, not 'x'\n",
     false},
    {"c: {provider: one, options: {slott: x}}\n",
     "t.yaml:1:37: c.options.slott: unknown key, the nearest is slot\n", false},
    {"c: {provider: one, options: {banana: x}}\n",
     "t.yaml:1:38: c.options.banana: unknown key\n", false},
    {"c: {provider: one, options: {deep: {x: no}}}\n",
     "t.yaml:1:40: c.options.deep.x: must be an integer, not 'no'\n", false},
    {"c: {provider: one, cuont: 1}\n",
     "t.yaml:1:20: warning: c.cuont: unknown key, did you mean 'count'?\n", false},
    {"c: {provider: '${ p }', count: '{{ .n }}'}\n", "", true},
    {"c: {provider: '${ p }'}\n",
     "t.yaml:1:15: c.provider: must be one of one, two, not '${ p }'\n", false},
    {"c: {provider: 5}\n", "t.yaml:1:15: c.provider: must be a string, not 5\n", false},
    {"c: {provider: one, quiet: 'TRUE'}\n", "", false},
    {"c: {provider: one, quiet: '1'}\n", "", false},
    {"c: {provider: one, ratio: true}\n",
     "t.yaml:1:27: c.ratio: must be a number, not a boolean\n", false},
};

static const struct {
    const char *yaml, *said;
} variant_rows[] = {
    {"c: {kind: one, more: {dir: x, slot: y}}\n", ""},
    {"c: {kind: one, more: {file: 3, slto: y}}\n",
     "t.yaml:1:29: c.more.file: unknown key\n"
     "t.yaml:1:38: c.more.slto: unknown key, the nearest is slot\n"},
    {"c: {kind: two, more: {file: x, rows: 10}}\n",
     "t.yaml:1:29: c.more.file: must be an integer, not 'x'\n"
     "t.yaml:1:38: c.more.rows: must be between 1 and 9, not 10\n"},
    {"c: {kind: two, more: {}}\n", "t.yaml:1:22: c.more.file: is required: h\n"},
    {"c: {kind: two}\n", "t.yaml:1:4: c.more.file: is required: h\n"},
    {"c: {kind: far}\n", "t.yaml:1:4: c.where: is required: a place\n"},
    {"c: {kind: far, where: ''}\n", "t.yaml:1:23: c.where: is required: a place\n"},
    {"c: {kind: far, where: x}\n", ""},
    {"c: {kind: told}\n", "t.yaml:1:4: c.where: is required: its address\n"},
    {"c: {kind: away, more: {rows: 0}}\n",
     "t.yaml:1:11: c.kind: 'away' is not in this build\n"
     "t.yaml:1:30: c.more.rows: must be between 1 and 9, not 0\n"},
    {"c: {kind: three, more: {x: 1, rows: 0}}\n",
     "t.yaml:1:11: c.kind: must be one of one, two, far, told, odd, not 'three'\n"
     "t.yaml:1:37: c.more.rows: must be between 1 and 9, not 0\n"},
    {"c: {kind: odd, more: {}}\n", ""},
    {"c: {more: {x: 1, rows: 0}}\n",
     "t.yaml:1:24: c.more.rows: must be between 1 and 9, not 0\n"},
    {"c: {kind: one, more: [x]}\n", "t.yaml:1:22: c.more: must be a map, not a list\n"},
};

static const struct {
    const char *yaml, *said;
} range_rows[] = {
    {"c: {n: 1, part: 0, wait: 1ms, size: 64KiB, word: a, exact: [IN, OUT]}\n", ""},
    {"c: {n: '64', part: 1.0, wait: 3600, size: 1GiB, any: [in, Out, OUT]}\n", ""},
    {"c: {n: 0}\n", "t.yaml:1:8: c.n: must be between 1 and 64, not 0\n"},
    {"c: {n: '65'}\n", "t.yaml:1:8: c.n: must be between 1 and 64, not '65'\n"},
    {"c: {n: -9223372036854775808}\n",
     "t.yaml:1:8: c.n: must be between 1 and 64, not -9223372036854775808\n"},
    {"c: {part: 1.01}\n", "t.yaml:1:11: c.part: must be between 0 and 1, not 1.01\n"},
    {"c: {part: '-0.5'}\n", "t.yaml:1:11: c.part: must be between 0 and 1, not '-0.5'\n"},
    {"c: {wait: 61m}\n", "t.yaml:1:11: c.wait: must be between 1ms and 1h, not '61m'\n"},
    {"c: {wait: 3601}\n", "t.yaml:1:11: c.wait: must be between 1ms and 1h, not 3601\n"},
    {"c: {wait: 0}\n", "t.yaml:1:11: c.wait: must be between 1ms and 1h, not 0\n"},
    {"c: {size: 10}\n", "t.yaml:1:11: c.size: must be between 64KiB and 1GiB, not 10\n"},
    {"c: {size: 2GiB}\n",
     "t.yaml:1:11: c.size: must be between 64KiB and 1GiB, not '2GiB'\n"},
    {"c: {pin: 1234}\n", "t.yaml:1:10: c.pin: must be between 1 and 9, not an integer\n"},
    {"c: {pin: hunter2}\n", "t.yaml:1:10: c.pin: must be an integer, not a string\n"},
    {"c: {word: A}\n", "t.yaml:1:11: c.word: must be one of a, b, not 'A'\n"},
    {"c: {exact: [IN, in, UP]}\n",
     "t.yaml:1:17: c.exact[1]: must be one of IN, OUT, not 'in'\n"
     "t.yaml:1:21: c.exact[2]: must be one of IN, OUT, not 'UP'\n"},
    {"c: {any: [in, UP]}\n", "t.yaml:1:15: c.any[1]: must be one of IN, OUT, not 'UP'\n"},
    {"c: {any: 'in, up, OUT,, on'}\n",
     "t.yaml:1:10: c.any: must be one of IN, OUT, not 'up'\n"
     "t.yaml:1:10: c.any: must be one of IN, OUT, not 'on'\n"},
    {"c: {any: '[up]'}\n", ""},
    {"c: {any: [5, [x]]}\n", ""},
    {"c: {texts: [a, 5, '', {b: 1}]}\n",
     "t.yaml:1:16: c.texts[1]: must be a string, not 5\n"
     "t.yaml:1:19: c.texts[2]: must be a string, not an empty one\n"
     "t.yaml:1:23: c.texts[3]: must be a string, not a map\n"},
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

START_TEST(what_a_map_may_hold_depends_on_another_field)
{
    check_said(variant_text, variant_rows[_i].yaml, false, variant_rows[_i].said);
}
END_TEST

START_TEST(ranges_and_choices_are_checked_at_each_value)
{
    check_said(range_text, range_rows[_i].yaml, false, range_rows[_i].said);
}
END_TEST

START_TEST(what_a_template_will_make_is_not_checked)
{
    check_said(range_text, "c: {n: '${ n }', any: ['{{ .op }}', UP], word: '${ w }'}\n",
               true, "t.yaml:1:37: c.any[1]: must be one of IN, OUT, not 'UP'\n");
    check_said(variant_text, "c: {kind: '${ k }', more: {x: 1}}\n", true, "");
    check_said(variant_text, "c: {kind: two, more: '${ m }'}\n", true, "");
}
END_TEST

/* What the environment put in may be a secret: the file's own words are shown. */
START_TEST(a_wrong_value_is_shown_as_it_is_written)
{
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    struct problems *problems = problems_new();
    const struct value *schema;
    ck_assert_int_eq(value_parse(&arena, str_from(range_text), "schema", &schema, NULL),
                     WF_OK);
    const struct node *root =
        config_parse(&arena, STR("c: {n: '${N}', word: '${W}'}\n"), "t.yaml", problems);
    const struct node *config = node_get(root, "c");
    struct value *expanded = value_map(&arena, 2);
    struct value *hidden = value_of_text(&arena, STR("hunter2"));
    ck_assert(value_set(&arena, expanded, STR("n"), hidden));
    ck_assert(value_set(&arena, expanded, STR("word"), hidden));
    const struct definition def = {
        .config = expanded, .node = config, .problems = problems};
    ck_assert(!plugin_schema_check(schema, &def, false));
    problems_print(problems, &text);
    ck_assert_str_eq(buf_c(&text),
                     "t.yaml:1:8: c.n: must be an integer, not '${N}'\n"
                     "t.yaml:1:22: c.word: must be one of a, b, not '${W}'\n");
    problems_free(problems);
    arena_release(&arena);
}
END_TEST

START_TEST(a_schema_that_makes_no_sense_checks_nothing_and_breaks_nothing)
{
    static const char *const odd[] = {
        "{}",
        "{\"fields\":7}",
        "{\"fields\":[1,null,[],\"x\"]}",
        "{\"fields\":[{}]}",
        "{\"fields\":[{\"name\":\"a\",\"type\":3,\"choices\":{},\"fields\":\"x\"}]}",
        "{\"variants\":7}",
        "{\"variants\":\"nobody\"}",
        "{\"variants\":{}}",
        "{\"variants\":{\"field\":1,\"by\":{},\"common\":7,\"values\":[]}}",
        ("{\"fields\":[{\"name\":\"b\",\"type\":\"int\",\"min\":\"x\",\"max\":[]}],"
         "\"variants\":{\"field\":\"b\",\"by\":\"b\",\"values\":{\"1\":{}}}}")};
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
    tcase_add_loop_test(tcase, what_a_map_may_hold_depends_on_another_field, 0,
                        (int)CDC_COUNT(variant_rows));
    tcase_add_loop_test(tcase, ranges_and_choices_are_checked_at_each_value, 0,
                        (int)CDC_COUNT(range_rows));
    tcase_add_test(tcase, what_a_template_will_make_is_not_checked);
    tcase_add_test(tcase, a_wrong_value_is_shown_as_it_is_written);
    tcase_add_test(tcase, a_schema_that_makes_no_sense_checks_nothing_and_breaks_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
