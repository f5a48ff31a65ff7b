/* SPDX-License-Identifier: MIT
 *
 * template_eval - the text that a compiled template yields.
 *
 * Recursion is bounded by TEMPLATE_BLOCKS, the time by TEMPLATE_ROUNDS, the output by the
 * arena.
 */
#include "host/lang/template_eval.h"

#include "base/error.h"
#include "base/str.h"
#include "host/lang/arena_text.h"
#include "host/lang/expr_eval.h"
#include "host/lang/value_map.h"

static wf_status template_eval_list(struct expr_eval *e, const struct template_part *parts,
                                    struct arena_text *out);

static wf_status template_eval_with_dot(struct expr_eval *e,
                                        const struct template_part *parts,
                                        const struct value *dot, struct arena_text *out)
{
    const struct value *outer = e->dot;
    e->dot = dot;
    wf_status status = template_eval_list(e, parts, out);
    e->dot = outer;
    return status;
}

static wf_status template_eval_round(struct expr_eval *e, const struct template_part *part,
                                     const struct value *key, const struct value *item,
                                     struct arena_text *out)
{
    if (!key)
        return expr_eval_no_memory(e);
    if (++e->rounds > TEMPLATE_ROUNDS)
        return expr_eval_error(e, part->node, "more than %u rounds of 'range'",
                               TEMPLATE_ROUNDS);
    if (part->key_slot != TEMPLATE_NO_SLOT)
        e->variables[part->key_slot] = key;
    if (part->slot != TEMPLATE_NO_SLOT)
        e->variables[part->slot] = item;
    return template_eval_with_dot(e, part->body, item, out);
}

static int template_eval_order(const void *a, const void *b)
{
    const struct value_member *left = a;
    const struct value_member *right = b;
    return value_map_compare_keys(left->key, right->key);
}

/* Go visits the keys of a map in their order. */
static wf_status template_eval_range_map(struct expr_eval *e,
                                         const struct template_part *part,
                                         const struct value *map, struct arena_text *out)
{
    size_t count = map->map.count;
    struct value_member *sorted = arena_alloc(e->arena, count * sizeof *sorted);
    if (!sorted)
        return expr_eval_no_memory(e);
    if (count)
        memcpy(sorted, map->map.members, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, template_eval_order);
    for (size_t i = 0; i < count; i++) {
        wf_status status = template_eval_round(
            e, part, value_of_text(e->arena, sorted[i].key), sorted[i].value, out);
        if (status)
            return status;
    }
    return WF_OK;
}

static wf_status template_eval_range_list(struct expr_eval *e,
                                          const struct template_part *part,
                                          const struct value *list, struct arena_text *out)
{
    for (size_t i = 0; i < list->list.count; i++) {
        const struct value *key = part->key_slot == TEMPLATE_NO_SLOT
                                      ? &value_null
                                      : value_of_int(e->arena, (int64_t)i);
        wf_status status = template_eval_round(e, part, key, list->list.items[i], out);
        if (status)
            return status;
    }
    return WF_OK;
}

static wf_status template_eval_range_int(struct expr_eval *e,
                                         const struct template_part *part, int64_t count,
                                         struct arena_text *out)
{
    for (int64_t i = 0; i < count; i++) {
        const struct value *number = value_of_int(e->arena, i);
        wf_status status = template_eval_round(e, part, number, number, out);
        if (status)
            return status;
    }
    return WF_OK;
}

static wf_status template_eval_range(struct expr_eval *e, const struct template_part *part,
                                     struct arena_text *out)
{
    const struct value *v;
    wf_status status = expr_eval_node(e, part->node, &v);
    if (status)
        return status;
    bool known = v->kind == VALUE_LIST || v->kind == VALUE_MAP || v->kind == VALUE_INT ||
                 v->kind == VALUE_NULL;
    if (!known)
        return expr_eval_error(e, part->node, "range can't iterate over %s",
                               functions_kind(v));
    if (part->key_slot != TEMPLATE_NO_SLOT) /* what an else sees, as in Go */
        e->variables[part->key_slot] = v;
    if (part->slot != TEMPLATE_NO_SLOT)
        e->variables[part->slot] = v;
    if (!functions_truth(v) || (v->kind == VALUE_INT && v->integer < 0))
        return template_eval_list(e, part->otherwise, out);
    if (v->kind == VALUE_LIST)
        return template_eval_range_list(e, part, v, out);
    if (v->kind == VALUE_MAP)
        return template_eval_range_map(e, part, v, out);
    return template_eval_range_int(e, part, v->integer, out);
}

static wf_status template_eval_if(struct expr_eval *e, const struct template_part *part,
                                  struct arena_text *out)
{
    const struct value *v;
    wf_status status = expr_eval_node(e, part->node, &v);
    if (status)
        return status;
    if (part->slot != TEMPLATE_NO_SLOT)
        e->variables[part->slot] = v;
    if (!functions_truth(v))
        return template_eval_list(e, part->otherwise, out);
    return template_eval_with_dot(e, part->body, part->kind == TEMPLATE_WITH ? v : e->dot,
                                  out);
}

/* Go's text for a value that is not there, or null. */
static void template_eval_print(struct arena_text *out, const struct value *v)
{
    if (v->kind == VALUE_NULL)
        arena_text_str(out, STR("<no value>"));
    else
        arena_text_value(out, v);
}

static wf_status template_eval_part(struct expr_eval *e, const struct template_part *part,
                                    struct arena_text *out)
{
    const struct value *v;
    wf_status status;
    switch (part->kind) {
    case TEMPLATE_IF:
    case TEMPLATE_WITH:
        return template_eval_if(e, part, out);
    case TEMPLATE_RANGE:
        return template_eval_range(e, part, out);
    default:
        break;
    }
    status = expr_eval_node(e, part->node, &v);
    if (status)
        return status;
    if (part->kind == TEMPLATE_EXPR)
        arena_text_value(out, v);
    else if (part->kind == TEMPLATE_ACTION)
        template_eval_print(out, v);
    else
        e->variables[part->slot] = v;
    return WF_OK;
}

static wf_status template_eval_list(struct expr_eval *e, const struct template_part *parts,
                                    struct arena_text *out)
{
    for (const struct template_part *part = parts; part; part = part->next) {
        if (part->kind == TEMPLATE_TEXT) {
            arena_text_str(out, part->text);
            continue;
        }
        wf_status status = template_eval_part(e, part, out);
        if (status)
            return status;
        if (out->broken)
            return expr_eval_no_memory(e);
    }
    return WF_OK;
}

wf_status template_eval_parts(const struct template *t, const struct scope *scope,
                              struct arena *a, wf_str *out, wf_error *err)
{
    const struct value
        *variables[AST_VARIABLES]; /* the parser lets none be read before set */
    struct expr_eval e = {
        .scope = scope, .arena = a, .text = t->text, .err = err, .variables = variables};
    struct arena_text text = arena_text_of(a, t->expected);
    wf_status status = template_eval_list(&e, t->parts, &text);
    if (status)
        return status;
    wf_str whole;
    if (!arena_text_end(&text, &whole))
        return expr_eval_no_memory(&e);
    *out = whole;
    return WF_OK;
}
