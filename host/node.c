/* SPDX-License-Identifier: MIT
 *
 * node - finding one's way in a loaded configuration.
 */
#include "host/node.h"

#include "base/str.h"

const struct node *node_find(const struct node *node, wf_str key)
{
    if (!node || node->value->kind != VALUE_MAP)
        return NULL;
    for (size_t i = 0; i < node->count; i++)
        if (str_eq(node->value->map.members[i].key, key))
            return node->children[i];
    return NULL;
}

const struct node *node_get(const struct node *node, const char *key)
{
    return node_find(node, str_from(key));
}

const struct node *node_deepest(const struct node *node, wf_str dotted)
{
    const struct node *whole = node_find(node, dotted);
    if (whole)
        return whole;
    for (wf_str part; str_next(&dotted, '.', &part);) {
        uint64_t index;
        const struct node *next = node_find(node, part);
        if (!next && node->value->kind == VALUE_LIST && str_to_u64(part, &index) &&
            index < node->count)
            next = node->children[index];
        if (!next)
            break;
        node = next;
    }
    return node;
}

/* From the node up to the root; written from the root down. */
void node_path(const struct node *node, struct buf *out)
{
    const struct node *way[NODE_DEPTH + 1];
    size_t count = 0;
    for (; node && node->parent && count < CDC_COUNT(way); node = node->parent)
        way[count++] = node;
    for (bool first = true; count > 0; first = false) {
        const struct node *step = way[--count];
        if (step->parent->value->kind == VALUE_LIST) {
            buf_printf(out, "[%zu]", step->index);
            continue;
        }
        if (!first)
            buf_byte(out, '.');
        buf_str(out, step->key);
    }
}

wf_str node_text(const struct node *node)
{
    if (!node || node->value->kind != VALUE_STRING)
        return STR_EMPTY;
    return node->value->text;
}

const char *node_value_kind(const struct value *v)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null",       [VALUE_BOOL] = "a boolean",
        [VALUE_INT] = "an integer",  [VALUE_NUMBER] = "a number",
        [VALUE_STRING] = "a string", [VALUE_LIST] = "a list",
        [VALUE_MAP] = "a map",
    };
    return v ? names[v->kind] : "nothing";
}

const char *node_kind_name(const struct node *node)
{
    return node_value_kind(node ? node->value : NULL);
}
