/* SPDX-License-Identifier: MIT
 *
 * template_tree - a whole configuration with its strings compiled.
 *
 * The tree mirrors the configuration; parts without templates are no nodes, so that
 * evaluation walks only to the strings that have something to evaluate.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "host/lang/arena_text.h"
#include "host/lang/template_eval.h"
#include "host/lang/value_map.h"

#define TEMPLATE_TREE_DEPTH 128

struct template_tree_node {
    const struct value *config;
    const char *where;    /* "config.headers.name", for errors */
    struct template text; /* of a string */
    const struct template_tree_node *
        *children; /* of a list or map; NULL where it is static */
};

struct template_tree {
    struct arena arena;
    const struct value *config;
    const struct template_tree_node *root; /* NULL: all of it is static */
};

static wf_status template_tree_build(struct arena *a, const struct value *config,
                                     const char *where, unsigned depth,
                                     const struct template_tree_node **out, wf_error *err);

/* "where.key" or "where[3]"; NULL when out of memory. */
static const char *template_tree_place(struct arena *a, const char *where,
                                       const struct value *config, size_t i)
{
    char index[32];
    struct arena_text t = arena_text_of(a, 0);
    wf_str place;
    arena_text_str(&t, str_from(where));
    if (config->kind == VALUE_MAP) {
        arena_text_byte(&t, '.');
        arena_text_str(&t, config->map.members[i].key);
    } else {
        snprintf(index, sizeof index, "[%zu]", i);
        arena_text_str(&t, str_from(index));
    }
    arena_text_byte(&t, '\0');
    return arena_text_end(&t, &place) ? place.ptr : NULL;
}

static const struct value *template_tree_child(const struct value *config, size_t i)
{
    return config->kind == VALUE_MAP ? config->map.members[i].value : config->list.items[i];
}

static size_t template_tree_count(const struct value *config)
{
    return config->kind == VALUE_MAP    ? config->map.count
           : config->kind == VALUE_LIST ? config->list.count
                                        : 0;
}

static wf_status template_tree_children(struct arena *a, struct template_tree_node *n,
                                        unsigned depth, bool *out_any, wf_error *err)
{
    size_t count = template_tree_count(n->config);
    n->children = arena_alloc(a, count * sizeof *n->children);
    if (!n->children)
        return error_no_memory(err);
    *out_any = false;
    for (size_t i = 0; i < count; i++) {
        const struct value *child = template_tree_child(n->config, i);
        n->children[i] = NULL;
        if (child->kind != VALUE_STRING && !template_tree_count(child))
            continue;
        const char *where = template_tree_place(a, n->where, n->config, i);
        if (!where)
            return error_no_memory(err);
        wf_status status =
            template_tree_build(a, child, where, depth + 1, &n->children[i], err);
        if (status)
            return status;
        *out_any |= n->children[i] != NULL;
    }
    return WF_OK;
}

/* *out stays NULL for a part without templates. */
static wf_status template_tree_build(struct arena *a, const struct value *config,
                                     const char *where, unsigned depth,
                                     const struct template_tree_node **out, wf_error *err)
{
    bool any = false;
    wf_status status = WF_OK;
    if (depth > TEMPLATE_TREE_DEPTH)
        return error_set(err, WF_CONFIG, "%s: nested too deeply", where);
    struct template_tree_node *n = arena_alloc(a, sizeof *n);
    if (!n)
        return error_no_memory(err);
    *n = (struct template_tree_node){.config = config, .where = where};
    if (config->kind == VALUE_STRING) {
        status = template_parse(a, config->text, &n->text, err);
        if (status)
            (void)error_prefix(err, "%s", where);
        any = !status && !n->text.is_static;
    } else if (template_tree_count(config)) {
        status = template_tree_children(a, n, depth, &any, err);
    }
    if (!status && any)
        *out = n;
    return status;
}

wf_status template_tree_compile(const struct value *config, const char *where,
                                struct template_tree **out, wf_error *err)
{
    struct template_tree *t = calloc(1, sizeof *t);
    if (!t)
        return error_no_memory(err);
    arena_init(&t->arena, TEMPLATE_ARENA_BYTES);
    t->config = config;
    wf_str name = arena_str(&t->arena, (wf_str){where, strlen(where) + 1});
    wf_status status =
        name.ptr ? template_tree_build(&t->arena, config, name.ptr, 0, &t->root, err)
                 : error_no_memory(err);
    if (status) {
        template_tree_free(t);
        return status;
    }
    *out = t;
    return WF_OK;
}

void template_tree_free(struct template_tree *t)
{
    if (t)
        arena_release(&t->arena);
    free(t);
}

static wf_status template_tree_eval_node(const struct template_tree_node *n,
                                         const struct scope *scope, struct arena *a,
                                         const struct value **out, wf_error *err);

static wf_status template_tree_eval_string(const struct template_tree_node *n,
                                           const struct scope *scope, struct arena *a,
                                           const struct value **out, wf_error *err)
{
    wf_str text;
    wf_status status = template_eval_parts(&n->text, scope, a, &text, err);
    if (status) {
        (void)error_prefix(err, "%s", n->where);
        return status;
    }
    const struct value *v = value_of_text(a, text);
    if (!v)
        return error_no_memory(err);
    *out = v;
    return WF_OK;
}

static wf_status template_tree_eval_list(const struct template_tree_node *n,
                                         const struct scope *scope, struct arena *a,
                                         const struct value **out, wf_error *err)
{
    size_t count = n->config->list.count;
    const struct value **items = arena_alloc(a, count * sizeof *items);
    struct value *list = items ? value_list(a, items, count) : NULL;
    if (!list)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        items[i] = n->config->list.items[i];
        wf_status status = n->children[i] ? template_tree_eval_node(n->children[i], scope,
                                                                    a, &items[i], err)
                                          : WF_OK;
        if (status)
            return status;
    }
    *out = list;
    return WF_OK;
}

static wf_status template_tree_eval_map(const struct template_tree_node *n,
                                        const struct scope *scope, struct arena *a,
                                        const struct value **out, wf_error *err)
{
    size_t count = n->config->map.count;
    struct value *map = value_map(a, count);
    if (!map)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct value_member *member = &n->config->map.members[i];
        const struct value *v = member->value;
        wf_status status = n->children[i]
                               ? template_tree_eval_node(n->children[i], scope, a, &v, err)
                               : WF_OK;
        if (status)
            return status;
        if (!value_set(a, map, member->key, v))
            return error_no_memory(err);
    }
    *out = map;
    return WF_OK;
}

static wf_status template_tree_eval_node(const struct template_tree_node *n,
                                         const struct scope *scope, struct arena *a,
                                         const struct value **out, wf_error *err)
{
    if (n->config->kind == VALUE_STRING)
        return template_tree_eval_string(n, scope, a, out, err);
    if (n->config->kind == VALUE_LIST)
        return template_tree_eval_list(n, scope, a, out, err);
    return template_tree_eval_map(n, scope, a, out, err);
}

wf_status template_tree_eval(const struct template_tree *t, const struct scope *scope,
                             struct arena *a, const struct value **out, wf_error *err)
{
    if (t->root)
        return template_tree_eval_node(t->root, scope, a, out, err);
    *out = t->config;
    return WF_OK;
}
