/* SPDX-License-Identifier: MIT
 *
 * config_yaml - YAML by libyaml's event parser, into nodes and values.
 *
 * Recursion is bounded by CONFIG_DEPTH.  An alias shares its anchor's value; every node
 * carries the weight of all that is below it with aliases written out, and the sum is
 * bounded, so that nobody who walks the tree later walks further than CONFIG_NODES.
 */
#include "host/config_yaml.h"

#include <yaml.h>

#include "base/str.h"
#include "host/config_scalar.h"

struct config_anchor {
    struct config_anchor *next;
    wf_str name;
    struct node *node;
};

struct config_yaml {
    struct arena *arena;
    struct problems *problems;
    const char *file;
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at */
    struct config_anchor *anchors;
    size_t anchor_count;
    size_t node_count;
};

/* Members of a map or items of a list while they are read. */
struct config_cell {
    struct config_cell *next;
    wf_str key;
    const struct node *node;
};

struct config_cells {
    struct config_cell *first;
    struct config_cell **last;
    size_t count;
};

static struct node *config_yaml_any(struct config_yaml *y, struct node place,
                                    unsigned depth);

static void config_yaml_mistake(struct config_yaml *y, yaml_mark_t at, const char *text)
{
    problems_add_at(y->problems, y->file, (unsigned)at.line + 1, (unsigned)at.column + 1,
                    "%s", text);
}

static void *config_yaml_no_memory(struct config_yaml *y)
{
    problems_add_at(y->problems, y->file, 0, 0, "out of memory while reading it");
    return NULL;
}

/* What libyaml says of a tab before a key does not name it. */
static bool config_yaml_is_tab(const yaml_parser_t *p)
{
    return p->error == YAML_SCANNER_ERROR && p->unread && p->buffer.pointer[0] == '\t';
}

/* Moves to the next event.  False: no YAML, which has been said. */
static bool config_yaml_next(struct config_yaml *y)
{
    yaml_event_delete(&y->event);
    if (yaml_parser_parse(&y->parser, &y->event))
        return true;
    const yaml_parser_t *p = &y->parser;
    yaml_mark_t at = p->problem_mark;
    if (p->error == YAML_MEMORY_ERROR)
        return config_yaml_no_memory(y);
    if (p->error == YAML_READER_ERROR)
        problems_add_at(y->problems, y->file, 0, 0, "not YAML: %s at byte %zu",
                        p->problem ? p->problem : "unreadable", p->problem_offset);
    else if (config_yaml_is_tab(p))
        problems_add_at(y->problems, y->file, (unsigned)at.line + 1,
                        (unsigned)at.column + 1,
                        "not YAML: a tab, where only spaces may indent");
    else
        problems_add_at(y->problems, y->file, (unsigned)at.line + 1,
                        (unsigned)at.column + 1, "not YAML: %s%s%s",
                        p->problem ? p->problem : "syntax error", p->context ? " " : "",
                        p->context ? p->context : "");
    return false;
}

static struct node *config_yaml_new(struct config_yaml *y, const struct node *place)
{
    if (++y->node_count > CONFIG_NODES) {
        config_yaml_mistake(y, y->event.start_mark, "too large: too many values");
        return NULL;
    }
    struct node *node = arena_alloc(y->arena, sizeof(*node));
    if (!node)
        return config_yaml_no_memory(y);
    *node = *place;
    node->file = y->file;
    node->line = (unsigned)y->event.start_mark.line + 1;
    node->column = (unsigned)y->event.start_mark.column + 1;
    node->weight = 1;
    node->height = 1;
    return node;
}

static bool config_yaml_keep_anchor(struct config_yaml *y, const yaml_char_t *name,
                                    struct node *node)
{
    if (!name)
        return true;
    if (++y->anchor_count > CONFIG_ANCHORS) {
        config_yaml_mistake(y, y->event.start_mark, "too many anchors");
        return false;
    }
    struct config_anchor *anchor = arena_alloc(y->arena, sizeof(*anchor));
    wf_str kept = arena_str(y->arena, str_from((const char *)name));
    if (!anchor || !kept.ptr)
        return config_yaml_no_memory(y);
    *anchor = (struct config_anchor){y->anchors, kept, node};
    y->anchors = anchor;
    return true;
}

/* The anchor's node with the alias's own place, so that a key missing in it is placed where
 * it is used; what is below is shared. */
static struct node *config_yaml_alias(struct config_yaml *y, const struct node *place,
                                      unsigned depth)
{
    wf_str name = str_from((const char *)y->event.data.alias.anchor);
    const struct config_anchor *anchor = y->anchors;
    while (anchor && !str_eq(anchor->name, name))
        anchor = anchor->next;
    if (!anchor || anchor->node->open) {
        problems_add_at(y->problems, y->file, (unsigned)y->event.start_mark.line + 1,
                        (unsigned)y->event.start_mark.column + 1,
                        anchor ? "alias '%.*s' is inside its own anchor"
                               : "alias '%.*s' has no anchor",
                        STR_ARG(name));
        return NULL;
    }
    if (depth + anchor->node->height > CONFIG_DEPTH) {
        config_yaml_mistake(y, y->event.start_mark, "nested too deeply");
        return NULL;
    }
    struct node *node = config_yaml_new(y, place);
    if (!node)
        return NULL;
    node->value = anchor->node->value;
    node->children = anchor->node->children;
    node->count = anchor->node->count;
    node->weight = anchor->node->weight;
    node->height = anchor->node->height;
    return node;
}

static const struct value *config_yaml_scalar_value(struct config_yaml *y)
{
    wf_str text = {(const char *)y->event.data.scalar.value, y->event.data.scalar.length};
    const char *tag = (const char *)y->event.data.scalar.tag;
    bool plain = y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if ((!tag && plain) ||
        (tag && (!strcmp(tag, YAML_INT_TAG) || !strcmp(tag, YAML_FLOAT_TAG) ||
                 !strcmp(tag, YAML_BOOL_TAG) || !strcmp(tag, YAML_NULL_TAG))))
        return config_scalar_resolve(y->arena, text);
    if (tag && strcmp(tag, YAML_STR_TAG) != 0)
        problems_add_at(y->problems, y->file, (unsigned)y->event.start_mark.line + 1,
                        (unsigned)y->event.start_mark.column + 1,
                        "tag '%.100s' is not supported", tag);
    wf_str kept = arena_str(y->arena, text);
    return kept.ptr || !text.len ? value_of_text(y->arena, kept) : NULL;
}

static struct node *config_yaml_scalar(struct config_yaml *y, const struct node *place)
{
    struct node *node = config_yaml_new(y, place);
    if (!node)
        return NULL;
    node->value = config_yaml_scalar_value(y);
    if (!node->value)
        return config_yaml_no_memory(y);
    return config_yaml_keep_anchor(y, y->event.data.scalar.anchor, node) ? node : NULL;
}

static bool config_yaml_add(struct config_yaml *y, struct config_cells *cells, wf_str key,
                            const struct node *node)
{
    struct config_cell *cell = arena_alloc(y->arena, sizeof(*cell));
    if (!cell)
        return config_yaml_no_memory(y);
    *cell = (struct config_cell){NULL, key, node};
    *cells->last = cell;
    cells->last = &cell->next;
    cells->count++;
    return true;
}

static bool config_yaml_account(struct config_yaml *y, struct node *node,
                                const struct node *child)
{
    node->weight += child->weight;
    if (node->height <= child->height)
        node->height = child->height + 1;
    if (node->weight <= CONFIG_NODES)
        return true;
    problems_add_at(y->problems, y->file, child->line, child->column,
                    "too large: too many values once every alias is written out");
    return false;
}

/* The children, and a list's or map's value over them. */
static bool config_yaml_close(struct config_yaml *y, struct node *node,
                              const struct config_cells *cells, struct value *map)
{
    const struct value **items = NULL;
    if (cells->count) {
        node->children = arena_alloc(y->arena, cells->count * sizeof(void *));
        if (!map)
            items = arena_alloc(y->arena, cells->count * sizeof(*items));
        if (!node->children || (!map && !items))
            return config_yaml_no_memory(y);
    }
    for (const struct config_cell *cell = cells->first; cell; cell = cell->next) {
        if (!config_yaml_account(y, node, cell->node))
            return false;
        if (map && !value_set(y->arena, map, cell->key, cell->node->value))
            return config_yaml_no_memory(y);
        if (items)
            items[node->count] = cell->node->value;
        node->children[node->count++] = cell->node;
    }
    node->value = map ? map : value_list(y->arena, items, cells->count);
    return node->value || config_yaml_no_memory(y);
}

static struct node *config_yaml_list(struct config_yaml *y, const struct node *place,
                                     unsigned depth)
{
    struct node *node = config_yaml_new(y, place);
    if (!node || !config_yaml_keep_anchor(y, y->event.data.sequence_start.anchor, node))
        return NULL;
    static const struct value empty_list = {.kind = VALUE_LIST};
    node->value = &empty_list; /* paths are asked for while it is read */
    node->open = true;
    struct config_cells cells = {.last = &cells.first};
    while (config_yaml_next(y)) {
        if (y->event.type == YAML_SEQUENCE_END_EVENT) {
            node->open = false;
            return config_yaml_close(y, node, &cells, NULL) ? node : NULL;
        }
        struct node child = {.parent = node, .index = cells.count};
        struct node *item = config_yaml_any(y, child, depth + 1);
        if (!item || !config_yaml_add(y, &cells, STR_EMPTY, item))
            return NULL;
    }
    return NULL;
}

/* The key of a member, from the event at hand.  False: it is none, which has been said. */
static bool config_yaml_key(struct config_yaml *y, struct node *out_child)
{
    yaml_mark_t at = y->event.start_mark;
    if (y->event.type != YAML_SCALAR_EVENT) {
        config_yaml_mistake(y, at, "a key must be a plain word or a string");
        return false;
    }
    out_child->key_line = (unsigned)at.line + 1;
    out_child->key_column = (unsigned)at.column + 1;
    out_child->key = arena_str(y->arena, (wf_str){(const char *)y->event.data.scalar.value,
                                                  y->event.data.scalar.length});
    if (!out_child->key.ptr && y->event.data.scalar.length)
        return config_yaml_no_memory(y);
    return true;
}

static const struct node *config_yaml_member(const struct config_cells *cells, wf_str key)
{
    for (const struct config_cell *cell = cells->first; cell; cell = cell->next)
        if (str_eq(cell->key, key))
            return cell->node;
    return NULL;
}

/* Members of `from` that `cells` does not have yet. */
static bool config_yaml_merge_map(struct config_yaml *y, struct config_cells *cells,
                                  const struct node *from)
{
    if (from->value->kind != VALUE_MAP) {
        problems_add_at(y->problems, y->file, from->line, from->column,
                        "'<<' merges maps, not %s", node_kind_name(from));
        return true;
    }
    for (size_t i = 0; i < from->count; i++) {
        wf_str key = from->value->map.members[i].key;
        if (!config_yaml_member(cells, key) &&
            !config_yaml_add(y, cells, key, from->children[i]))
            return false;
    }
    return true;
}

static bool config_yaml_merge(struct config_yaml *y, struct config_cells *cells,
                              const struct node *from)
{
    if (from->value->kind != VALUE_LIST)
        return config_yaml_merge_map(y, cells, from);
    for (size_t i = 0; i < from->count; i++)
        if (!config_yaml_merge_map(y, cells, from->children[i]))
            return false;
    return true;
}

/* One `key: value`.  A second `<<` and a repeated key are mistakes. */
static bool config_yaml_pair(struct config_yaml *y, struct node *map,
                             struct config_cells *cells, const struct node **merge,
                             unsigned depth)
{
    struct node child = {.parent = map, .index = cells->count};
    if (!config_yaml_key(y, &child))
        return false;
    bool merges =
        y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && str_is(child.key, "<<");
    const struct node *before = merges ? *merge : config_yaml_member(cells, child.key);
    if (before)
        problems_add_at(y->problems, y->file, child.key_line, child.key_column,
                        "key '%.*s' is there already, in line %u", STR_ARG(child.key),
                        before->key_line);
    if (!config_yaml_next(y))
        return false;
    struct node *node = config_yaml_any(y, child, depth + 1);
    if (!node)
        return false;
    if (before)
        return true;
    if (merges) {
        *merge = node;
        return true;
    }
    return config_yaml_add(y, cells, child.key, node);
}

static struct node *config_yaml_map(struct config_yaml *y, const struct node *place,
                                    unsigned depth)
{
    struct node *node = config_yaml_new(y, place);
    if (!node || !config_yaml_keep_anchor(y, y->event.data.mapping_start.anchor, node))
        return NULL;
    static const struct value empty_map = {.kind = VALUE_MAP};
    node->value = &empty_map;
    node->open = true;
    struct config_cells cells = {.last = &cells.first};
    const struct node *merge = NULL;
    while (config_yaml_next(y)) {
        if (y->event.type != YAML_MAPPING_END_EVENT) {
            if (!config_yaml_pair(y, node, &cells, &merge, depth))
                return NULL;
            continue;
        }
        node->open = false;
        if (merge && !config_yaml_merge(y, &cells, merge))
            return NULL;
        struct value *map = value_map(y->arena, cells.count);
        if (!map)
            return config_yaml_no_memory(y);
        return config_yaml_close(y, node, &cells, map) ? node : NULL;
    }
    return NULL;
}

/* The node that begins with the event at hand; afterwards its last event is at hand. */
static struct node *config_yaml_any(struct config_yaml *y, struct node place,
                                    unsigned depth)
{
    if (depth > CONFIG_DEPTH) {
        config_yaml_mistake(y, y->event.start_mark, "nested too deeply");
        return NULL;
    }
    switch (y->event.type) {
    case YAML_ALIAS_EVENT:
        return config_yaml_alias(y, &place, depth);
    case YAML_SCALAR_EVENT:
        return config_yaml_scalar(y, &place);
    case YAML_SEQUENCE_START_EVENT:
        return config_yaml_list(y, &place, depth);
    case YAML_MAPPING_START_EVENT:
        return config_yaml_map(y, &place, depth);
    default:
        config_yaml_mistake(y, y->event.start_mark, "a value was expected");
        return NULL;
    }
}

static struct node *config_yaml_document(struct config_yaml *y)
{
    do {
        if (!config_yaml_next(y))
            return NULL;
    } while (y->event.type == YAML_STREAM_START_EVENT ||
             y->event.type == YAML_DOCUMENT_START_EVENT);
    if (y->event.type == YAML_STREAM_END_EVENT) {
        problems_add_at(y->problems, y->file, 1, 1, "the file is empty");
        return NULL;
    }
    struct node *root = config_yaml_any(y, (struct node){0}, 1);
    if (!root || !config_yaml_next(y) || !config_yaml_next(y))
        return NULL;
    if (y->event.type != YAML_STREAM_END_EVENT)
        config_yaml_mistake(y, y->event.start_mark, "a second document is not supported");
    return root;
}

const struct node *config_yaml_read(struct arena *a, wf_str yaml, const char *file,
                                    struct problems *problems)
{
    struct config_yaml y = {.arena = a, .problems = problems, .file = file};
    if (yaml.len > CONFIG_FILE_BYTES) {
        problems_add_at(problems, file, 0, 0, "larger than %u bytes", CONFIG_FILE_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&y.parser))
        return config_yaml_no_memory(&y);
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &y.parser, (const unsigned char *)(yaml.ptr ? yaml.ptr : ""), yaml.len);
    const struct node *root = config_yaml_document(&y);
    yaml_event_delete(&y.event);
    yaml_parser_delete(&y.parser);
    if (root && root->value->kind != VALUE_MAP) {
        problems_add_at(problems, file, root->line, root->column,
                        "a configuration is a map with modules and pipelines, not %s",
                        node_kind_name(root));
        return NULL;
    }
    return root;
}
