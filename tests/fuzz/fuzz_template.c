/* SPDX-License-Identifier: MIT
 *
 * fuzz_template - any text as a template or as an expression, evaluated against a fixed
 * scope.
 *
 * The first byte selects: bit 0 an expression, bit 1 strict mode, bit 2 a small arena.
 * What compiles must evaluate to the same text twice (without clock and random numbers),
 * must print, and what it prints as JSON must read back.
 */
#include <stdlib.h>

#include "base/str.h"
#include "host/lang/template.h"

#define FUZZ_ARENA (4u * 1024u * 1024u)
#define FUZZ_SMALL_ARENA 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fuzz_current[] =
    "{\"op\":\"UPDATE\",\"n\":null,\"i\":-3,\"f\":2.50,\"big\":18446744073709551615,\"t\":"
    "true,"
    "\"e\":\"\",\"l\":[3,\"a\",[1,2],{\"k\":\"x\",\"v\":1}],\"after\":{\"id\":"
    "9007199254740993,"
    "\"name\":\"\\u00e4 {{ b\",\"tags\":[\"new\",\"eu\"]},\"huge\":-1e999}";
static const char fuzz_steps[] = "{\"my-step\":{\"rows\":[{\"k\":2},{\"k\":\"1\"},7]}}";

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_value(const struct value *v)
{
    struct arena again;
    const struct value *parsed;
    struct buf out;
    buf_init(&out, FUZZ_ARENA);
    value_print(&out, v);
    buf_clear(&out);
    value_json(&out, v);
    if (!out.broken) {
        arena_init(&again, 8 * FUZZ_ARENA);
        wf_error err;
        wf_status status = value_parse(&again, buf_view(&out), "json", &parsed, &err);
        fuzz_must(status == WF_OK || strstr(err.text, "nested too deeply"));
        arena_release(&again);
    }
    buf_release(&out);
}

static void fuzz_expr(wf_str text, const struct scope *scope, struct arena *a)
{
    struct expr *e;
    const struct value *v;
    wf_error err;
    if (expr_compile(text, &e, &err))
        return;
    if (expr_eval(e, scope, a, &v, &err) == WF_OK)
        fuzz_value(v);
    expr_free(e);
}

static void fuzz_template(wf_str text, const struct scope *scope, struct arena *a)
{
    struct template *t;
    wf_str first, second;
    wf_error err;
    if (template_compile(text, &t, &err))
        return;
    bool random = str_find(text, STR("now")) >= 0 || str_find(text, STR("uuid")) >= 0;
    wf_status status = template_eval(t, scope, a, &first, &err);
    if (status == WF_OK && template_eval(t, scope, a, &second, &err) == WF_OK)
        fuzz_must(random || str_eq(first, second));
    if (template_is_static(t))
        fuzz_must(status == WF_OK && str_eq(first, text));
    template_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena event, scratch;
    struct scope scope = {0};
    if (size == 0)
        return 0;
    /* A copy of exactly this size, so that ASan sees a byte read behind it. */
    char *copy = malloc(size > 1 ? size - 1 : 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    wf_str text = {copy, size - 1};

    arena_init(&event, FUZZ_ARENA);
    arena_init(&scratch, data[0] & 4 ? FUZZ_SMALL_ARENA : FUZZ_ARENA);
    fuzz_must(!value_parse(&event, STR(fuzz_current), "current", &scope.current, NULL));
    fuzz_must(!value_parse(&event, STR(fuzz_steps), "steps", &scope.steps, NULL));
    scope.trigger = scope.current;
    scope.strict = data[0] & 2;
    if (data[0] & 1)
        fuzz_expr(text, &scope, &scratch);
    else
        fuzz_template(text, &scope, &scratch);
    arena_release(&scratch);
    arena_release(&event);
    free(copy);
    return 0;
}
