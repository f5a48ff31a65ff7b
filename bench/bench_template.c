/* SPDX-License-Identifier: MIT
 *
 * bench_template - what one event costs the host's language: parsing it, and evaluating
 * texts of a configuration against it.
 *
 * Each row is the median of several runs; --quick makes the runs so short that only their
 * coming through counts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "host/lang/template.h"

#define BENCH_RUNS 9
#define BENCH_ROUNDS 100000
#define BENCH_QUICK_ROUNDS 1000

static const char bench_event[] =
    "{\"id\":\"pg:0/16B374F0:2\",\"source_id\":\"shop\",\"provider\":\"postgres\","
    "\"table\":\"public.orders\",\"op\":\"UPDATE\",\"action\":\"UPDATE\",\"key\":{\"id\":"
    "48151},"
    "\"before\":null,\"after\":{\"id\":48151,\"customer\":\"Ada "
    "Lovelace\",\"total\":\"129.90\","
    "\"paid\":true,\"note\":null},\"ts\":\"2026-11-22T10:00:00.123456Z\","
    "\"position\":\"0/16B374F0\",\"txid\":\"750\",\"seq\":2,\"snapshot\":false}";

static const char *const bench_texts[] = {
    "no template",
    "${ op } on ${ table } id=${ after.id }",
    "${ after.customer }",
    "${ op == \"UPDATE\" && after.paid }",
    "${ upper(after.customer) } owes ${ default(\"0\", after.total) }",
    "{{ .op }} on {{ .table }} id={{ .after.id }}",
    "{{ if eq .op \"DELETE\" }}gone{{ else }}{{ .after.customer | upper }}{{ end }}",
    "{{ json .after }}",
};

static int bench_rounds = BENCH_ROUNDS;

static int bench_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double bench_median(double *figures)
{
    qsort(figures, BENCH_RUNS, sizeof *figures, bench_compare);
    return figures[BENCH_RUNS / 2];
}

static void bench_fail(const wf_error *err)
{
    fprintf(stderr, "bench_template: %s\n", err->text);
    exit(1);
}

static void bench_parse(struct arena *a)
{
    double figures[BENCH_RUNS];
    const struct value *v;
    wf_error err;
    for (int run = 0; run < BENCH_RUNS; run++) {
        int64_t start = clock_mono_ns();
        for (int i = 0; i < bench_rounds; i++) {
            arena_reset(a);
            if (value_parse(a, STR(bench_event), "event", &v, &err))
                bench_fail(&err);
        }
        figures[run] = (double)(clock_mono_ns() - start) / bench_rounds;
    }
    printf("| parse an event of %zu bytes | %.0f |\n", sizeof bench_event - 1,
           bench_median(figures));
}

static void bench_eval(struct arena *a, const struct scope *scope, const char *text)
{
    double figures[BENCH_RUNS];
    struct template *t;
    wf_str out = STR_EMPTY;
    wf_error err;
    if (template_compile(str_from(text), &t, &err))
        bench_fail(&err);
    for (int run = 0; run < BENCH_RUNS; run++) {
        int64_t start = clock_mono_ns();
        for (int i = 0; i < bench_rounds; i++) {
            arena_reset(a);
            if (template_eval(t, scope, a, &out, &err))
                bench_fail(&err);
        }
        figures[run] = (double)(clock_mono_ns() - start) / bench_rounds;
    }
    printf("| `%s` | %.0f |\n", text, bench_median(figures));
    template_free(t);
}

int main(int argc, char **argv)
{
    struct arena event, scratch;
    const struct value *current;
    wf_error err;
    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        bench_rounds = BENCH_QUICK_ROUNDS;
    arena_init(&event, 1024 * 1024);
    arena_init(&scratch, 1024 * 1024);

    printf("| what | ns |\n|---|---|\n");
    bench_parse(&scratch);
    if (value_parse(&event, STR(bench_event), "event", &current, &err))
        bench_fail(&err);
    struct scope scope = {.current = current, .trigger = current};
    for (size_t i = 0; i < CDC_COUNT(bench_texts); i++)
        bench_eval(&scratch, &scope, bench_texts[i]);

    arena_release(&scratch);
    arena_release(&event);
    return 0;
}
