/* SPDX-License-Identifier: MIT
 *
 * function_list - functions on lists and maps.  As in the engine, what is no list has no
 * items.
 */
#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "host/lang/arena_text.h"
#include "host/lang/functions.h"
#include "host/lang/value_map.h"
#include "host/lang/value_number.h"

static size_t function_list_count(const struct value *v)
{
    return v->kind == VALUE_LIST ? v->list.count : 0;
}

wf_status function_list_first(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    *out = function_list_count(list) ? list->list.items[0] : &value_null;
    return WF_OK;
}

wf_status function_list_last(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    size_t count = function_list_count(list);
    *out = count ? list->list.items[count - 1] : &value_null;
    return WF_OK;
}

const struct value *function_list_field(const struct value *item, const wf_str *key)
{
    if (!key || item->kind != VALUE_MAP)
        return item;
    const struct value *member = value_get(item, *key);
    return member ? member : &value_null;
}

/* An array for `count` items; NULL when out of memory. */
static const struct value **function_list_items(struct function_call *call, size_t count)
{
    if (count > SIZE_MAX / sizeof(const struct value *))
        return NULL;
    return arena_alloc(call->arena, count * sizeof(const struct value *));
}

wf_status function_list_pluck(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    size_t count = function_list_count(list);
    wf_str key;
    wf_status status = functions_text(call, 1, &key);
    if (status)
        return status;
    const struct value **items = function_list_items(call, count);
    if (!items)
        return functions_no_memory(call);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (list->list.items[i]->kind == VALUE_MAP)
            items[kept++] = function_list_field(list->list.items[i], &key);
    return functions_give(call, value_list(call->arena, items, kept), out);
}

wf_status function_list_flatten(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    size_t count = function_list_count(list);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *item = list->list.items[i];
        total += item->kind == VALUE_LIST ? item->list.count : 1;
    }
    const struct value **items = function_list_items(call, total);
    if (!items)
        return functions_no_memory(call);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *item = list->list.items[i];
        for (size_t j = 0; item->kind == VALUE_LIST && j < item->list.count; j++)
            items[at++] = item->list.items[j];
        if (item->kind != VALUE_LIST)
            items[at++] = item;
    }
    return functions_give(call, value_list(call->arena, items, total), out);
}

/* What a value prints as is its identity in unique and groupBy. */
static bool function_list_identity(struct function_call *call, const struct value *v,
                                   wf_str *out)
{
    if (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) {
        *out = v->text;
        return true;
    }
    struct arena_text t = arena_text_of(call->arena, 0);
    if (v->kind == VALUE_NULL)
        arena_text_str(&t, STR("<nil>"));
    else
        arena_text_value(&t, v);
    return arena_text_end(&t, out);
}

wf_status function_list_unique(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    size_t count = function_list_count(list);
    wf_str key = {NULL, 0};
    wf_status status = call->count > 1 ? functions_text(call, 1, &key) : WF_OK;
    if (status)
        return status;
    const struct value **items = function_list_items(call, count);
    struct value *seen = value_map(call->arena, 0);
    if (!items || !seen)
        return functions_no_memory(call);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *item = list->list.items[i];
        wf_str identity;
        if (!function_list_identity(
                call, function_list_field(item, call->count > 1 ? &key : NULL), &identity))
            return functions_no_memory(call);
        if (value_get(seen, identity))
            continue;
        if (!value_set(call->arena, seen, identity, &value_true))
            return functions_no_memory(call);
        items[kept++] = item;
    }
    return functions_give(call, value_list(call->arena, items, kept), out);
}

/* Gives every map of the list the number of its group in group_of (SIZE_MAX for what is
 * no map) and counts the groups' items in sizes; *groups gets a member per group. */
static bool function_list_number_groups(struct function_call *call, wf_str key,
                                        size_t *group_of, size_t *sizes,
                                        struct value *groups)
{
    const struct value *list = call->args[0];
    for (size_t i = 0; i < list->list.count; i++) {
        const struct value *item = list->list.items[i];
        wf_str name;
        group_of[i] = SIZE_MAX;
        if (item->kind != VALUE_MAP)
            continue;
        if (!function_list_identity(call, function_list_field(item, &key), &name))
            return false;
        const struct value *number = value_get(groups, name);
        if (!number) {
            size_t next = groups->map.count;
            number = value_of_int(call->arena, (int64_t)next);
            if (!value_set(call->arena, groups, name, number))
                return false;
            sizes[next] = 0;
        }
        group_of[i] = (size_t)number->integer;
        sizes[group_of[i]]++;
    }
    return true;
}

/* Puts a list of its items in the place of each group's number. */
static bool function_list_fill_groups(struct function_call *call, const size_t *group_of,
                                      const size_t *sizes, struct value *groups)
{
    const struct value *list = call->args[0];
    for (size_t g = 0; g < groups->map.count; g++) {
        const struct value **items = function_list_items(call, sizes[g]);
        groups->map.members[g].value = items ? value_list(call->arena, items, 0) : NULL;
        if (!groups->map.members[g].value)
            return false;
    }
    for (size_t i = 0; i < list->list.count; i++) {
        if (group_of[i] == SIZE_MAX)
            continue;
        /* This function made the list a moment ago; nobody else sees it yet. */
        struct value *group =
            (struct value *)(uintptr_t)groups->map.members[group_of[i]].value;
        group->list.items[group->list.count++] = list->list.items[i];
    }
    return true;
}

wf_status function_list_group_by(struct function_call *call, const struct value **out)
{
    size_t count = function_list_count(call->args[0]);
    struct value *groups = value_map(call->arena, 0);
    wf_str key;
    wf_status status = functions_text(call, 1, &key);
    if (status)
        return status;
    if (groups && !count) {
        *out = groups;
        return WF_OK;
    }
    size_t *group_of = arena_alloc(call->arena, count * sizeof *group_of);
    size_t *sizes = arena_alloc(call->arena, count * sizeof *sizes);
    if (!groups || !group_of || !sizes ||
        !function_list_number_groups(call, key, group_of, sizes, groups) ||
        !function_list_fill_groups(call, group_of, sizes, groups))
        return functions_no_memory(call);
    *out = groups;
    return WF_OK;
}

/* Numbers and what spells one come first, then text, null last. */
struct function_list_sortable {
    int rank;
    struct value_number number;
    wf_str text;
    const struct value *item;
};

static bool function_list_rank(struct function_call *call, const struct value *v,
                               struct function_list_sortable *out)
{
    out->rank = 0;
    if (v->kind == VALUE_NULL)
        out->rank = 2;
    else if (!(v->kind == VALUE_STRING && value_number_of_text(v->text, &out->number)) &&
             !value_number_of(v, &out->number))
        out->rank = 1;
    return out->rank != 1 || function_list_identity(call, v, &out->text);
}

static int function_list_compare(const struct function_list_sortable *a,
                                 const struct function_list_sortable *b)
{
    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->rank == 0)
        return value_number_compare(a->number, b->number) == 1; /* NaN stays where it is */
    return a->rank == 1 ? value_map_compare_keys(a->text, b->text) : 0;
}

/* Two sorted neighbours, from..middle and middle..end, become one. */
static void function_list_merge(struct function_list_sortable *rows, size_t from,
                                size_t middle, size_t end,
                                struct function_list_sortable *spare)
{
    size_t left = from, right = middle;
    for (size_t at = from; at < end; at++) {
        bool take_right = left == middle;
        if (!take_right && right < end)
            take_right = function_list_compare(&rows[left], &rows[right]) > 0;
        spare[at] = take_right ? rows[right++] : rows[left++];
    }
    memcpy(rows + from, spare + from, (end - from) * sizeof *rows);
}

/* A merge sort, because equal items keep their order; qsort() does not promise that. */
static void function_list_merge_sort(struct function_list_sortable *rows, size_t count,
                                     struct function_list_sortable *spare)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from + width < count; from += 2 * width) {
            size_t middle = from + width;
            size_t end = middle + width < count ? middle + width : count;
            function_list_merge(rows, from, middle, end, spare);
        }
    }
}

wf_status function_list_sort_by(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[0];
    size_t count = function_list_count(list);
    wf_str key;
    wf_status status = functions_text(call, 1, &key);
    if (status)
        return status;
    if (count > SIZE_MAX / sizeof(struct function_list_sortable))
        return functions_no_memory(call);
    const struct value **items = function_list_items(call, count);
    struct function_list_sortable *rows = arena_alloc(call->arena, count * sizeof *rows);
    struct function_list_sortable *spare = arena_alloc(call->arena, count * sizeof *spare);
    if (!items || !rows || !spare)
        return functions_no_memory(call);

    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct function_list_sortable){.item = list->list.items[i]};
        if (!function_list_rank(call, function_list_field(rows[i].item, &key), &rows[i]))
            return functions_no_memory(call);
    }
    function_list_merge_sort(rows, count, spare);
    for (size_t i = 0; i < count; i++)
        items[i] = rows[i].item;
    return functions_give(call, value_list(call->arena, items, count), out);
}

static wf_status function_list_step_into(struct function_call *call, const struct value *v,
                                         const struct value *key, const struct value **out)
{
    if (v->kind == VALUE_MAP && key->kind == VALUE_STRING) {
        const struct value *member = value_get(v, key->text);
        *out = member ? member : &value_null;
        return WF_OK;
    }
    if (v->kind != VALUE_LIST || key->kind != VALUE_INT)
        return error_set(call->err, WF_FAILED, "%s: %s cannot be indexed with %s",
                         call->function->name, functions_kind(v), functions_kind(key));
    if (key->integer < 0 || (uint64_t)key->integer >= v->list.count)
        return error_set(call->err, WF_FAILED, "%s: index out of range: %lld",
                         call->function->name, (long long)key->integer);
    *out = v->list.items[key->integer];
    return WF_OK;
}

wf_status function_list_index(struct function_call *call, const struct value **out)
{
    const struct value *v = call->args[0];
    for (size_t i = 1; i < call->count; i++) {
        wf_status status = function_list_step_into(call, v, call->args[i], &v);
        if (status)
            return status;
    }
    *out = v;
    return WF_OK;
}

/* Bytes of a string in templates, characters in expressions: so do Go and the engine's
 * expr. */
static int64_t function_list_text_len(wf_str text, bool go)
{
    int64_t count = 0;
    if (go)
        return (int64_t)text.len;
    for (size_t at = 0; at < text.len; count++) {
        size_t len = utf8_sequence(text.ptr + at, text.len - at);
        at += len ? len : 1;
    }
    return count;
}

/* False when the value has no length. */
static bool function_list_measure(const struct value *v, bool go, int64_t *out)
{
    if (v->kind == VALUE_STRING)
        *out = function_list_text_len(v->text, go);
    else if (v->kind == VALUE_LIST)
        *out = (int64_t)v->list.count;
    else if (v->kind == VALUE_MAP)
        *out = (int64_t)v->map.count;
    else
        return false;
    return true;
}

wf_status function_list_len(struct function_call *call, const struct value **out)
{
    int64_t len;
    if (!function_list_measure(call->args[0], call->go, &len))
        return error_set(call->err, WF_FAILED, "%s: %s has no length", call->function->name,
                         functions_kind(call->args[0]));
    return functions_give(call, value_of_int(call->arena, len), out);
}

wf_status function_list_length(struct function_call *call, const struct value **out)
{
    int64_t len = 0;
    (void)function_list_measure(call->args[0], true, &len);
    return functions_give(call, value_of_int(call->arena, len), out);
}
