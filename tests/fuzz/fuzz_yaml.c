/* SPDX-License-Identifier: MIT
 *
 * fuzz_yaml - any bytes as a configuration: read, checked as `wfhost validate` does, and
 * taken down.
 *
 *   - nothing crashes, and nothing is started;
 *   - what cannot be used is said: no root without a problem;
 *   - what is used can be walked: every node has a place, a value and a path, and the values,
 *     written as JSON, are JSON.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "host/app.h"
#include "host/problems.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_walk(const struct node *node, struct buf *path, unsigned depth)
{
    fuzz_must(depth <= NODE_DEPTH && node->line > 0 && node->column > 0 && node->value);
    buf_clear(path);
    node_path(node, path);
    if (node->value->kind == VALUE_MAP)
        fuzz_must(node->value->map.count == node->count);
    else if (node->value->kind == VALUE_LIST)
        fuzz_must(node->value->list.count == node->count);
    else
        fuzz_must(!node->count);
    for (size_t i = 0; i < node->count; i++)
        fuzz_walk(node->children[i], path, depth + 1);
}

static void fuzz_parse(wf_str yaml)
{
    struct arena arena;
    struct buf text;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    struct problems *problems = problems_new();
    const struct node *root = config_parse(&arena, yaml, "f.yaml", problems);
    fuzz_must(root || problems_count(problems));
    if (root) {
        fuzz_walk(root, &text, 1);
        buf_clear(&text);
        value_json(&text, root->value);
        fuzz_must(!json_check(buf_view(&text), "config", NULL));
    }
    buf_clear(&text);
    problems_print(problems, &text);
    problems_free(problems);
    buf_release(&text);
    arena_release(&arena);
}

static void fuzz_log(void *ctx, int32_t level, wf_str line)
{
    (void)ctx, (void)level, (void)line;
}

static void fuzz_validate(wf_str yaml)
{
    static const struct logger logger = {NULL, fuzz_log};
    struct problems *problems = problems_new();
    struct bus *bus = bus_new();
    struct app *app = app_new(&logger, NULL, bus);
    fuzz_must(problems && bus && app);
    bool good = app_load_text(app, yaml, "f.yaml", "/nowhere", problems);
    fuzz_must(good == !problems_count(problems));
    app_free(app);
    bus_free(bus);
    problems_free(problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const wf_str yaml = {(const char *)data, size};
    fuzz_parse(yaml);
    fuzz_validate(yaml);
    return 0;
}
