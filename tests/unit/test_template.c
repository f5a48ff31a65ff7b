/* SPDX-License-Identifier: MIT
 *
 * Tests of templates: first every example of docs/templates.md, read from that page, then
 * what is too special for it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "host/lang/template.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#define TEST_LIMIT (64u * 1024u * 1024u)
#define TEST_PAGE_BYTES 65536
#define TEST_EXAMPLES_LEAST 59

static struct arena arena;
static struct scope scope;
static char page[TEST_PAGE_BYTES];

/* The next ```json block of the page, from *at on. */
static const struct value *page_json(const char **at)
{
    const struct value *v = NULL;
    const char *begin = strstr(*at, "```json\n");
    ck_assert_ptr_nonnull(begin);
    begin += 8;
    const char *end = strstr(begin, "```");
    ck_assert_ptr_nonnull(end);
    *at = end + 3;
    wf_status status =
        value_parse(&arena, (wf_str){begin, (size_t)(end - begin)}, "page", &v, NULL);
    ck_assert_int_eq(status, WF_OK);
    return v;
}

static void set_up(void)
{
    FILE *file = fopen(SOURCE_DIR "/docs/templates.md", "rb");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(page, 1, sizeof page - 1, file);
    page[len] = '\0';
    fclose(file);

    const char *at = page;
    arena_init(&arena, TEST_LIMIT);
    scope = (struct scope){.current = page_json(&at)};
    scope.trigger = scope.current;
    scope.steps = page_json(&at);
}

static void tear_down(void)
{
    arena_release(&arena);
}

/* The text, or "refused: " or "error: " and why. */
static const char *result_of(const char *text)
{
    static char shown[8192];
    struct template *t;
    wf_str out;
    wf_error err = {0};
    char *exact = str_dup(str_from(text)); /* so that ASan sees the end */
    ck_assert_ptr_nonnull(exact);
    wf_status status = template_compile((wf_str){exact, strlen(exact)}, &t, &err);
    free(exact); /* nothing of the text is borrowed */
    if (status) {
        ck_assert_int_eq(status, WF_CONFIG);
        snprintf(shown, sizeof shown, "refused: %s", err.text);
        return shown;
    }
    status = template_eval(t, &scope, &arena, &out, &err);
    if (status) {
        ck_assert_int_eq(status, WF_FAILED);
        snprintf(shown, sizeof shown, "error: %s", err.text);
    } else {
        snprintf(shown, sizeof shown, "%.*s", STR_ARG(out));
    }
    template_free(t);
    return shown;
}

static void expect(const char *text, const char *result)
{
    ck_assert_msg(strcmp(result_of(text), result) == 0, "%s\n  gives  %s\n  not    %s",
                  text, result_of(text), result);
}

/* Copies what stands between two backticks, `\|` being how a table writes `|`; gives
 * what follows, NULL when there are none. */
static const char *page_code(const char *at, char *out, size_t size)
{
    size_t len = 0;
    if (*at != '`')
        return NULL;
    for (at++; *at && *at != '\n' && *at != '`'; at++) {
        if (at[0] == '\\' && at[1] == '|')
            continue;
        ck_assert_uint_lt(len, size - 1);
        out[len++] = *at;
    }
    out[len] = '\0';
    return *at == '`' ? at + 1 : NULL;
}

/* A row is: | `text` | `result` |, | `text` | error: `why` | or | `text` | refused:
 * `why` |. */
START_TEST(the_page_tells_the_truth)
{
    int rows = 0;
    for (const char *row = page; (row = strstr(row, "\n| `")) != NULL; rows++) {
        char text[512], result[512], expected[600];
        row = page_code(row + 3, text, sizeof text);
        ck_assert_ptr_nonnull(row);
        ck_assert_int_eq(strncmp(row, " | ", 3), 0);
        row += 3;
        const char *kind = strncmp(row, "error: ", 7) == 0     ? "error: "
                           : strncmp(row, "refused: ", 9) == 0 ? "refused: "
                                                               : "";
        bool nothing = strncmp(row, "`` |", 4) == 0;
        ck_assert_msg(nothing || page_code(row + strlen(kind), result, sizeof result), "%s",
                      text);
        snprintf(expected, sizeof expected, "%s%s", kind, nothing ? "" : result);
        expect(text, expected);
    }
    ck_assert_int_ge(rows, TEST_EXAMPLES_LEAST);
}
END_TEST

static const struct {
    const char *text;
    const char *result;
} cases[] = {
    /* plain text */
    {"", ""},
    {"a $ { } b", "a $ { } b"},
    {"a ${} b", "a ${} b"},
    {"$", "$"},
    {"{", "{"},
    {"$${ op }$", "$UPDATE$"},
    {"${op}${op}", "UPDATEUPDATE"},
    {"äö ${ op }\n{{ .op }} ß", "äö UPDATE\nUPDATE ß"},

    /* what an expression yields is never a template */
    {"${ '{{ .op }}' }", "{{ .op }}"},
    {"${ \"${ op }\" }{{ \"{{\" }}", "${ op }{{"},
    {"${ {a: {b: '}'}} }", "map[a:map[b:}]]"},

    /* white space */
    {"a {{ 1 }} b", "a 1 b"},
    {"a {{- 1 }} b", "a1 b"},
    {"a {{ 1 -}} b", "a 1b"},
    {"a \n\t{{- /* no */ -}} \r\n b", "ab"},
    {"{{- 3 }} {{ 4 -}}", "3 4"},
    {"{{-3}}", "-3"},
    {"{{ 1 -}} \n {{- 2 }}", "12"},
    {"{{/* a }} b */}}c", "c"},
    {"  {{- op }}", "refused: template: function 'op' is not supported (column 7)"},

    /* `.` and `$` */
    {"{{ .after.tags }} {{ $.op }} {{ len . }}", "[new eu] UPDATE 9"},
    {"{{ with $.after }}{{ .id }} {{ len . }} {{ $.after.id }}{{ end }}", "48151 6 48151"},
    {"{{ with .before }}x{{ else }}{{ .op }}{{ end }}", "UPDATE"},
    {"{{ with $x := .after.id }}{{ $x }}={{ . }}{{ end }}", "48151=48151"},
    {"{{ range .steps.load.rows }}{{ .sku }}{{ $.op }} {{ end }}", "bUPDATE aUPDATE "},
    {"{{ (index .steps.load.rows 1).sku }}", "a"},
    {"{{ (.after).id }} {{ $x := .after }}{{ $x.customer }}", "48151 Ada"},
    {"{{ .meta }} {{ .trigger.op }}", "map[] UPDATE"},
    {"{{ .steps.nope }} {{ .steps.nope.a }}", "map[] <no value>"},
    {"{{ .op.x }}", "error: template: can't evaluate field x in a string (column 7)"},
    {"{{ .steps.nope.a.b }}",
     "error: template: nil pointer evaluating interface {}.b (column 17)"},

    /* variables */
    {"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"},
    {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"},
    {"{{ range $v := .after.tags }}{{ $v }}{{ end }}", "neweu"},
    {"{{ range $k, $v := .steps.load }}{{ $k }}{{ end }}", "countrows"},
    {"{{ range $k, $v := .nope }}{{ else }}{{ $k }}{{ $v }}{{ end }}",
     "<no value><no value>"},
    {"{{ range $i, $_ := 3 }}{{ $i }}{{ end }}", "012"},
    {"{{ range -1 }}x{{ else }}y{{ end }}", "y"},
    {"{{ if $x := .op }}{{ $x }}{{ else }}{{ $x }}{{ end }}", "UPDATE"},
    {"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}",
     "refused: template: variable '$x' is not defined (column 39)"},
    {"{{ $x = 1 }}", "refused: template: variable '$x' is not defined (column 4)"},

    /* truth */
    {"{{ if 0 }}a{{ else }}b{{ end }}{{ if \"\" }}a{{ else }}b{{ end }}", "bb"},
    {"{{ if .nope }}a{{ else if .before }}b{{ else if .after }}c{{ else }}d{{ end }}", "c"},
    {"{{ and 1 0 2 }} {{ and 1 2 }} {{ or 0 \"\" }} {{ or 0 3 4 }} {{ not 1 }}",
     "0 2  3 false"},
    {"{{ or .op .nope.x }}", "UPDATE"},
    {"{{ and .op .nope.x }}",
     "error: template: nil pointer evaluating interface {}.x (column 17)"},

    /* pipelines */
    {"{{ \"a\" | printf \"%s%s\" \"b\" | upper | print }}", "BA"},
    {"{{ .nope | default \"x\" }} {{ default \"x\" .after.id }}", "x 48151"},
    {"{{ print (add 1 2) (len (upper \"ab\")) }}", "3 2"},
    {"{{ `raw \\n` }} {{ \"q\\\"\\t\" }} {{ -1.5 }} {{ nil }}",
     "raw \\n q\"\t -1.5 <no value>"},
    {"{{ printf `%d%%` 5 }} {{ printf \"%t %q\" true \"a\\\"b\" }}", "5% true \"a\\\"b\""},
    {"{{ step \"load\" \"count\" }} {{ step \"load\" \"nope\" \"x\" }} {{ step \"nope\" }}",
     "2 <no value> <no value>"},
    {"{{ trigger \"after\" \"customer\" }} {{ trigger \"nope\" }}", "Ada <no value>"},
    {"{{ len (trigger) }}", "6"},
    {"{{ .op | 3 }}", "refused: template: only a function can have arguments (column 10)"},
    {"{{ .op .id }}", "refused: template: only a function can have arguments (column 8)"},
    {"{{ 1\"a\" }}", "refused: template: only a function can have arguments (column 5)"},
    {"{{ upper\"a\" }}",
     "refused: template: a string stands where a space is expected (column 9)"},

    /* mistakes */
    {"${ op", "refused: template: '}' is missing at the end (column 6)"},
    {"${ op ]}", "refused: template: ']' stands where '}' is expected (column 7)"},
    {"ä ${ 1 + }",
     "refused: template: '}' stands where an expression is expected (column 10)"},
    {"${ }", "refused: template: '}' stands where an expression is expected (column 4)"},
    {"{{ .op", "refused: template: '}}' is missing at the end (column 7)"},
    {"{{ }}", "refused: template: '}}' stands where a value is expected (column 4)"},
    {"{{", "refused: template: a value is missing at the end (column 3)"},
    {"{{ .op } }}", "refused: template: character '}' is not supported here (column 8)"},
    {"{{/* a", "refused: template: a comment must end with '*/}}' (column 3)"},
    {"{{/* a */ b }}", "refused: template: a comment must end with '*/}}' (column 3)"},
    {"{{ 'a' }}",
     "refused: template: '...' is not supported in '{{ }}', write \"...\" (column 4)"},
    {"{{ \"a${ op }\" }}",
     "refused: template: '${' inside '{{ }}' is not supported (column 4)"},
    {"{{ ${ op } }}", "refused: template: '${' inside '{{ }}' is not supported (column 4)"},
    {"{{ if .op }}x", "refused: template: '{{ end }}' is missing (column 7)"},
    {"{{ if }}x{{ end }}",
     "refused: template: '}}' stands where a value is expected (column 7)"},
    {"{{ if .op }}x{{ else }}y",
     "refused: template: '{{ end }}' is missing at the end (column 25)"},
    {"{{ if 1 }}{{ else }}{{ else }}{{ end }}",
     "refused: template: a second '{{ else }}' (column 24)"},
    {"{{ range .x }}{{ else if .y }}{{ end }}",
     "refused: template: 'if' stands where '}}' is expected (column 23)"},
    {"{{ end }}", "refused: template: 'end' without an 'if', 'range' or 'with' (column 4)"},
    {"{{ else }}",
     "refused: template: 'else' without an 'if', 'range' or 'with' (column 4)"},
    {"{{ end x }}",
     "refused: template: 'end' without an 'if', 'range' or 'with' (column 4)"},
    {"{{ if 1 }}{{ end x }}",
     "refused: template: 'x' stands where '}}' is expected (column 18)"},
    {"{{ break }}", "refused: template: 'break' is not supported (column 4)"},
    {"{{ define \"x\" }}{{ end }}",
     "refused: template: 'define' is not supported (column 4)"},
    {"{{ html .op }}", "refused: template: function 'html' is not supported (column 4)"},
    {"{{ step }}", "refused: template: function 'step' needs an argument (column 4)"},
    {"{{ range $a, 1 := .x }}{{ end }}",
     "refused: template: '1' stands where a variable is expected (column 14)"},
    {"{{ range $a = .x }}{{ end }}",
     "refused: template: variable '$a' is not defined (column 10)"},
    {"{{ with $a = .x }}{{ end }}",
     "refused: template: '=' is not supported here, write ':=' (column 9)"},
    {"{{ range .op }}{{ end }}",
     "error: template: range can't iterate over a string (column 10)"},
    {"{{ range 1000001 }}{{ end }}",
     "error: template: more than 1000000 rounds of 'range' (column 10)"},
    {"{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}",
     "error: template: more than 1000000 rounds of 'range' (column 46)"},
};

START_TEST(a_template_yields_or_says_why_not)
{
    expect(cases[_i].text, cases[_i].result);
}
END_TEST

START_TEST(a_template_cut_anywhere_is_handled)
{
    size_t len = strlen(cases[_i].text);
    for (size_t cut = 0; cut < len; cut++) {
        char *text = str_dup((wf_str){cases[_i].text, cut});
        ck_assert_ptr_nonnull(text);
        ck_assert_ptr_nonnull(result_of(text));
        free(text);
    }
}
END_TEST

START_TEST(a_missing_key_is_an_error_in_strict_mode)
{
    scope.strict = true;
    expect("{{ .nope }}", "error: template: map has no entry for key \"nope\" (column 4)");
    expect("{{ .after.nope }}",
           "error: template: map has no entry for key \"nope\" (column 10)");
    expect("{{ .steps.nope.x }}",
           "error: template: map has no entry for key \"nope\" (column 10)");
    expect("{{ $.nope }}", "error: template: map has no entry for key \"nope\" (column 5)");
    expect("{{ step \"nope\" \"x\" }}",
           "error: template: step \"nope\" not found in pipeline context (column 4)");
    expect("{{ step \"load\" \"x\" }}",
           "error: template: step: key \"x\" not found (column 4)");
    expect("{{ trigger \"x\" }}",
           "error: template: trigger: key \"x\" not found (column 4)");
    expect("${ nope }{{ .before }}{{ .op }}", "<no value>UPDATE");
}
END_TEST

START_TEST(an_empty_scope_has_no_names)
{
    scope = (struct scope){0};
    expect("${ op }${ steps.a.b }${ trigger }${ current }{{ .op }}{{ .steps.a.b }}{{ "
           ".meta }}",
           "map[]map[]<no value><no value>map[]");
    expect("{{ . }}", "map[meta:map[] steps:map[] trigger:map[]]");
    expect("{{ trigger \"a\" }}{{ step \"a\" }}", "<no value><no value>");
}
END_TEST

START_TEST(a_static_text_is_itself)
{
    static const char *const texts[] = {"", "plain", "a ${} b", "$ { {"};
    for (size_t i = 0; i < CDC_COUNT(texts); i++) {
        struct template *t;
        wf_str out;
        ck_assert_int_eq(template_compile(str_from(texts[i]), &t, NULL), WF_OK);
        ck_assert(template_is_static(t));
        ck_assert_int_eq(template_eval(t, &scope, &arena, &out, NULL), WF_OK);
        ck_assert(str_is(out, texts[i]));
        template_free(t);
    }
    struct template *t;
    ck_assert_int_eq(template_compile(STR("${ op }"), &t, NULL), WF_OK);
    ck_assert(!template_is_static(t));
    template_free(t);
    template_free(NULL);
}
END_TEST

START_TEST(blocks_and_variables_have_a_limit)
{
    struct buf text;
    buf_init(&text, TEST_LIMIT);
    for (int i = 0; i < 10000; i++)
        buf_lit(&text, "{{ if 1 }}");
    ck_assert_str_eq(result_of(buf_c(&text)),
                     "refused: template: blocks are nested too deeply (column 407)");
    buf_clear(&text);
    buf_lit(&text, "{{ if 0 }}");
    for (int i = 0; i < 10000; i++)
        buf_lit(&text, "{{ else if 0 }}");
    ck_assert_ptr_nonnull(strstr(result_of(buf_c(&text)), "blocks are nested too deeply"));
    buf_clear(&text);
    for (int i = 0; i < 40; i++)
        buf_lit(&text, "{{ $x := 1 }}");
    ck_assert_ptr_nonnull(
        strstr(result_of(buf_c(&text)), "more than 32 variables are not supported"));
    buf_clear(&text);
    buf_lit(&text, "{{ ");
    for (int i = 0; i < 10000; i++)
        buf_lit(&text, "(");
    ck_assert_ptr_nonnull(
        strstr(result_of(buf_c(&text)), "the expression is nested too deeply"));
    buf_clear(&text);
    buf_lit(&text, "{{ 1 ");
    for (int i = 0; i < 10000; i++)
        buf_lit(&text, "| print ");
    ck_assert_ptr_nonnull(
        strstr(result_of(buf_c(&text)), "the expression is nested too deeply"));
    buf_release(&text);
}
END_TEST

/* Doubling a variable in a loop ends at the arena's limit, not at the machine's. */
START_TEST(output_has_the_arenas_limit)
{
    struct template *t;
    struct arena small;
    wf_str out;
    wf_error err;
    static const char text[] = "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = print "
                               "$x $x }}{{ end }}{{ $x }}";
    ck_assert_int_eq(template_compile(STR(text), &t, NULL), WF_OK);
    arena_init(&small, 1024 * 1024);
    ck_assert_int_eq(template_eval(t, &scope, &small, &out, &err), WF_NO_MEMORY);
    arena_release(&small);
    template_free(t);
}
END_TEST

START_TEST(evaluating_without_memory_is_an_error)
{
    struct template *t;
    wf_str out;
    bool enough = false;
    static const char text[] =
        "${ op }{{ range $k, $v := .after }}{{ $k }}{{ json $v }}{{ end }}"
        "{{ range .after.tags }}{{ upper . }}{{ end }}{{ len . }}${ after }";
    ck_assert_int_eq(template_compile(STR(text), &t, NULL), WF_OK);
    for (size_t limit = 0; !enough; limit += 16) {
        struct arena small;
        ck_assert_uint_lt(limit, 64 * 1024);
        arena_init(&small, limit);
        wf_status status = template_eval(t, &scope, &small, &out, NULL);
        enough = status == WF_OK;
        if (!enough)
            ck_assert_int_eq(status, WF_NO_MEMORY);
        arena_release(&small);
    }
    template_free(t);
}
END_TEST

static const struct value *config_of(const char *json)
{
    const struct value *v;
    ck_assert_int_eq(value_parse(&arena, str_from(json), "config", &v, NULL), WF_OK);
    return v;
}

START_TEST(a_tree_evaluates_its_strings_and_shares_the_rest)
{
    const struct value *config =
        config_of("{\"a\":\"${ op }\",\"b\":{\"c\":[1,\"x\",\"{{ .after.id "
                  "}}\",{\"d\":null}],\"${ op }\":2},"
                  "\"e\":{\"f\":[\"plain\",true]}}");
    struct template_tree *tree;
    const struct value *v;
    struct buf out;
    ck_assert_int_eq(template_tree_compile(config, "config", &tree, NULL), WF_OK);
    ck_assert_int_eq(template_tree_eval(tree, &scope, &arena, &v, NULL), WF_OK);
    buf_init(&out, TEST_LIMIT);
    value_json(&out, v);
    ck_assert_str_eq(buf_c(&out), "{\"a\":\"UPDATE\",\"b\":{\"c\":[1,\"x\",\"48151\",{"
                                  "\"d\":null}],\"${ op }\":2},"
                                  "\"e\":{\"f\":[\"plain\",true]}}");
    buf_release(&out);
    ck_assert_ptr_eq(value_get(v, STR("e")), value_get(config, STR("e")));
    template_tree_free(tree);
}
END_TEST

START_TEST(a_tree_without_templates_is_the_configuration_itself)
{
    static const char *const configs[] = {"{\"a\":[1,\"b\",{}]}", "\"text\"", "[]", "null",
                                          "3"};
    for (size_t i = 0; i < CDC_COUNT(configs); i++) {
        const struct value *config = config_of(configs[i]);
        struct template_tree *tree;
        const struct value *v;
        ck_assert_int_eq(template_tree_compile(config, "config", &tree, NULL), WF_OK);
        ck_assert_int_eq(template_tree_eval(tree, &scope, &arena, &v, NULL), WF_OK);
        ck_assert_ptr_eq(v, config);
        template_tree_free(tree);
    }
    template_tree_free(NULL);
}
END_TEST

START_TEST(a_tree_names_the_place_of_an_error)
{
    struct template_tree *tree;
    const struct value *v = NULL;
    wf_error err;
    ck_assert_int_eq(
        template_tree_compile(config_of("{\"a\":[\"x\",{\"b\":\"${ 1 + }\"}]}"), "config",
                              &tree, &err),
        WF_CONFIG);
    ck_assert_str_eq(err.text, "config.a[1].b: template: '}' stands where an expression is "
                               "expected (column 8)");
    ck_assert_int_eq(template_tree_compile(config_of("\"{{\""), "config.x", &tree, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text,
                     "config.x: template: a value is missing at the end (column 3)");

    ck_assert_int_eq(template_tree_compile(config_of("{\"a\":\"${ before.id }\"}"),
                                           "config", &tree, &err),
                     WF_OK);
    ck_assert_int_eq(template_tree_eval(tree, &scope, &arena, &v, &err), WF_FAILED);
    ck_assert_str_eq(err.text, "config.a: template: cannot take 'id' of null (column 10)");
    ck_assert_ptr_null(v);
    ck_assert_int_eq(template_tree_eval(tree, &scope, &arena, &v, NULL), WF_FAILED);
    template_tree_free(tree);
}
END_TEST

/* Every allocation of compiling and evaluating fails in turn. */
START_TEST(a_failed_allocation_is_told_and_nothing_leaks)
{
    static const char json[] =
        "{\"a\":\"${ upper(op) } {{ .op }}\",\"b\":[\"{{ .after }}\"]}";
    const struct value *config = config_of(json);
    for (long n = 0; OOM_POSSIBLE && n < OOM_MOST; n++) {
        struct template_tree *tree = NULL;
        struct template *t = NULL;
        struct expr *e = NULL;
        const struct value *v;
        struct arena own;
        wf_error err = {0};
        arena_init(&own, TEST_LIMIT);
        oom_arm(n);
        wf_status status = template_tree_compile(config, "config", &tree, &err);
        if (!status)
            status = template_compile(STR("{{ .op }}"), &t, &err);
        if (!status)
            status = expr_compile(STR("op"), &e, &err);
        if (!status)
            status = template_tree_eval(tree, &scope, &own, &v, &err);
        bool failed = oom_disarm();
        template_tree_free(tree);
        template_free(t);
        expr_free(e);
        arena_release(&own);
        ck_assert_int_eq(status, failed ? WF_NO_MEMORY : WF_OK);
        if (!failed)
            return;
    }
    ck_assert(!OOM_POSSIBLE);
}
END_TEST

static void *evaluate_many(void *shared)
{
    const struct template *t = shared;
    struct arena own;
    bool good = true;
    arena_init(&own, TEST_LIMIT);
    for (int i = 0; i < 2000; i++) {
        wf_str out;
        arena_reset(&own);
        good = good && template_eval(t, &scope, &own, &out, NULL) == WF_OK &&
               str_is(out, "UPDATE ADA new,eu, 48151");
    }
    arena_release(&own);
    return good ? shared : NULL;
}

START_TEST(a_compiled_template_is_shared_between_threads)
{
    pthread_t threads[4];
    struct template *t;
    ck_assert_int_eq(
        template_compile(STR("${ op } {{ upper .after.customer }} {{ range .after.tags }}"
                             "{{ $x := . }}{{ $x }},{{ end }} ${ after?.id }"),
                         &t, NULL),
        WF_OK);
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, evaluate_many, t), 0);
    for (size_t i = 0; i < CDC_COUNT(threads); i++) {
        void *good;
        ck_assert_int_eq(pthread_join(threads[i], &good), 0);
        ck_assert_ptr_eq(good, t);
    }
    template_free(t);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("template");
    TCase *tests = tcase_create("template");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_page_tells_the_truth);
    tcase_add_loop_test(tests, a_template_yields_or_says_why_not, 0, CDC_COUNT(cases));
    tcase_add_loop_test(tests, a_template_cut_anywhere_is_handled, 0, CDC_COUNT(cases));
    tcase_add_test(tests, a_missing_key_is_an_error_in_strict_mode);
    tcase_add_test(tests, an_empty_scope_has_no_names);
    tcase_add_test(tests, a_static_text_is_itself);
    tcase_add_test(tests, blocks_and_variables_have_a_limit);
    tcase_add_test(tests, output_has_the_arenas_limit);
    tcase_add_test(tests, evaluating_without_memory_is_an_error);
    tcase_add_test(tests, a_tree_evaluates_its_strings_and_shares_the_rest);
    tcase_add_test(tests, a_tree_without_templates_is_the_configuration_itself);
    tcase_add_test(tests, a_tree_names_the_place_of_an_error);
    tcase_add_test(tests, a_failed_allocation_is_told_and_nothing_leaks);
    tcase_add_test(tests, a_compiled_template_is_shared_between_threads);
    suite_add_tcase(suite, tests);
    return suite;
}
