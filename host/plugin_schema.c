/* SPDX-License-Identifier: MIT
 *
 * plugin_schema - the manifest's fields, walked along with the configuration.
 */
#include "host/plugin_schema.h"

#include "base/limits.h"
#include "base/str.h"
#include "host/config.h"
#include "host/config_check.h"
#include "host/plugin.h"
#include "host/schema_value.h"

#define PLUGIN_SCHEMA_DEPTH 8 /* of fields within fields */
#define PLUGIN_SCHEMA_FIELDS 256

struct plugin_schema {
    const struct definition *def;
    bool templated;
    bool good;
};

/* A map of the configuration, the fields it should have, and how it is called in
 * messages. */
struct plugin_schema_level {
    const struct value *fields; /* a list */
    const struct value *config;
    wf_str path; /* "options."; empty at the top */
    unsigned depth;
    bool open; /* other keys are not looked at */
};

/* `path` + `name`, NUL-terminated, in `out`. */
static const char *plugin_schema_key(wf_str path, wf_str name, struct buf *out)
{
    buf_init(out, LIMIT_TEXT_BYTES);
    buf_str(out, path);
    buf_str(out, name);
    return buf_c(out);
}

static void plugin_schema_wrong(struct plugin_schema *s, wf_str path, wf_str name,
                                const char *text, wf_str about)
{
    CDC_CLEANUP(buf_release) struct buf key;
    const char *full = plugin_schema_key(path, name, &key);
    s->good = false;
    problems_add(s->def->problems, s->def->node, full, "%s%.*s", text, STR_ARG(about));
}

static bool plugin_schema_is_template(const struct plugin_schema *s, const struct value *v)
{
    return s->templated && v->kind == VALUE_STRING &&
           (str_find(v->text, STR("${")) >= 0 || str_find(v->text, STR("{{")) >= 0);
}

static bool plugin_schema_is_missing(const struct value *v)
{
    return !v || v->kind == VALUE_NULL || (v->kind == VALUE_STRING && !v->text.len);
}

/* Where the member is written; NULL when it is not in the file. */
static const struct node *plugin_schema_node(const struct plugin_schema *s, wf_str path,
                                             wf_str name)
{
    CDC_CLEANUP(buf_release) struct buf key;
    plugin_schema_key(path, name, &key);
    const struct node *node = node_deepest(s->def->node, buf_view(&key));
    return node != s->def->node && str_eq(node->key, name) ? node : NULL;
}

/* ---- values -------------------------------------------------------------------------- */

/* Each element at its own place. */
static void plugin_schema_items(struct plugin_schema *s, const struct value *field,
                                const struct value *list, const struct node *node)
{
    for (size_t i = 0; i < list->list.count; i++) {
        const struct value *item = list->list.items[i];
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        if (plugin_schema_is_template(s, item) ||
            schema_value_check_item(field, item, &text))
            continue;
        s->good = false;
        bool placed = node && node->value->kind == VALUE_LIST && i < node->count;
        problems_add(s->def->problems, placed ? node->children[i] : s->def->node, NULL,
                     "%s", buf_c(&text));
    }
}

/* "a, b".  What is in brackets a template has made: the plugin's own. */
static void plugin_schema_words(struct plugin_schema *s, const struct value *field,
                                wf_str path, wf_str list)
{
    if (str_starts(str_trim(list), STR("[")))
        return;
    for (wf_str word; str_next(&list, ',', &word);) {
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        const struct value item = {.kind = VALUE_STRING, .text = str_trim(word)};
        if (item.text.len && !schema_value_check_item(field, &item, &text))
            plugin_schema_wrong(s, path, schema_value_text(field, "name"), "",
                                buf_view(&text));
    }
}

static void plugin_schema_map(struct plugin_schema *s,
                              const struct plugin_schema_level *level);

static void plugin_schema_value(struct plugin_schema *s,
                                const struct plugin_schema_level *level,
                                const struct value *field, const struct value *v)
{
    if (plugin_schema_is_template(s, v))
        return;
    wf_str name = schema_value_text(field, "name");
    const struct node *node = plugin_schema_node(s, level->path, name);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    if (!schema_value_check(field, v, node ? node->value : v, &text)) {
        plugin_schema_wrong(s, level->path, name, "", buf_view(&text));
        return;
    }
    if (str_is(schema_value_text(field, "type"), "list")) {
        if (v->kind == VALUE_LIST)
            plugin_schema_items(s, field, v, node);
        else
            plugin_schema_words(s, field, level->path, v->text);
        return;
    }
    const struct value *fields = schema_value_list(field, "fields");
    if (!fields || v->kind != VALUE_MAP || level->depth == PLUGIN_SCHEMA_DEPTH)
        return;
    buf_clear(&text);
    buf_str(&text, level->path);
    buf_str(&text, name);
    buf_byte(&text, '.');
    const struct plugin_schema_level below = {fields, v, buf_view(&text), level->depth + 1,
                                              false};
    plugin_schema_map(s, &below);
}

/* ---- maps ---------------------------------------------------------------------------- */

static void plugin_schema_unknown(struct plugin_schema *s,
                                  const struct plugin_schema_level *level)
{
    wf_str names[PLUGIN_SCHEMA_FIELDS];
    size_t count = 0;
    if (level->open)
        return;
    for (size_t i = 0; i < level->fields->list.count && count < CDC_COUNT(names); i++)
        names[count++] = schema_value_text(level->fields->list.items[i], "name");
    for (size_t i = 0; i < level->config->map.count; i++) {
        wf_str key = level->config->map.members[i].key;
        bool known = !key.len || key.ptr[0] == '_' || str_is(key, "workflowType");
        for (size_t n = 0; n < count && !known; n++)
            known = str_eq(names[n], key);
        if (known)
            continue;
        wf_str near = config_check_nearest(key, names, count);
        if (level->depth)
            plugin_schema_wrong(s, level->path, key,
                                near.len ? "unknown key, the nearest is " : "unknown key",
                                near);
        else if (near.len && node_find(s->def->node, key))
            problems_warn_key(s->def->problems, node_find(s->def->node, key),
                              "unknown key, did you mean '%.*s'?", STR_ARG(near));
    }
}

static void plugin_schema_map(struct plugin_schema *s,
                              const struct plugin_schema_level *level)
{
    for (size_t i = 0; i < level->fields->list.count; i++) {
        const struct value *field = level->fields->list.items[i];
        wf_str name = schema_value_text(field, "name");
        const struct value *v = value_get(level->config, name);
        bool missing = plugin_schema_is_missing(v);
        if (missing && schema_value_is(field, "required"))
            plugin_schema_wrong(s, level->path, name,
                                "is required: ", schema_value_text(field, "help"));
        else if (!missing)
            plugin_schema_value(s, level, field, v);
    }
    plugin_schema_unknown(s, level);
}

static void plugin_schema_join(struct value *all, const struct value *fields)
{
    for (size_t i = 0; fields && i < fields->list.count; i++)
        if (all->list.count < PLUGIN_SCHEMA_FIELDS)
            all->list.items[all->list.count++] = fields->list.items[i];
}

/* ---- variants ------------------------------------------------------------------------ */

const struct value *plugin_schema_variants(const struct value *schema,
                                           const struct plugin_type *type)
{
    const struct value *rules = value_get(schema, STR("variants"));
    const struct plugin *plugin = type ? type->plugin : NULL;
    for (size_t i = 0;
         rules && rules->kind == VALUE_STRING && plugin && i < plugin->type_count; i++)
        if (str_eq(plugin->types[i].name, rules->text))
            rules = value_get(plugin->types[i].schema, STR("variants"));
    return rules && rules->kind == VALUE_MAP ? rules : NULL;
}

static bool plugin_schema_is_there(const struct value *variant)
{
    return variant && !schema_value_text(variant, "missing").len;
}

static void plugin_schema_say_variants(const struct value *values, struct buf *out)
{
    bool any = false;
    buf_lit(out, "must be one of ");
    for (size_t i = 0; values->kind == VALUE_MAP && i < values->map.count; i++) {
        if (!plugin_schema_is_there(values->map.members[i].value))
            continue;
        buf_cstr(out, any ? ", " : "");
        buf_str(out, values->map.members[i].key);
        any = true;
    }
}

/* The variant that is chosen; NULL when there is none, which has been said if it is
 * wrong. */
static const struct value *plugin_schema_chosen(struct plugin_schema *s,
                                                const struct value *rules)
{
    wf_str by = schema_value_text(rules, "by");
    const struct value *values = value_get(rules, STR("values"));
    const struct value *choice = value_get(s->def->config, by);
    if (!values || plugin_schema_is_missing(choice) || choice->kind != VALUE_STRING ||
        plugin_schema_is_template(s, choice))
        return NULL;
    const struct value *variant = value_get(values, choice->text);
    if (plugin_schema_is_there(variant))
        return variant;
    const struct node *node = plugin_schema_node(s, STR_EMPTY, by);
    wf_str written = str_slice(node ? node_text(node) : choice->text, 0, 60);
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    if (variant) {
        buf_printf(&text, "'%.*s' is %.*s", STR_ARG(written),
                   STR_ARG(schema_value_text(variant, "missing")));
    } else {
        plugin_schema_say_variants(values, &text);
        buf_printf(&text, ", not '%.*s'", STR_ARG(written));
    }
    plugin_schema_wrong(s, STR_EMPTY, by, "", buf_view(&text));
    return NULL;
}

/* What the variant says of a field of that name, else what the field itself says. */
static wf_str plugin_schema_help(const struct value *variant, const struct value *fields,
                                 wf_str name)
{
    const struct value *own = value_get(variant, name);
    if (own && own->kind == VALUE_STRING)
        return own->text;
    for (size_t i = 0; fields && i < fields->list.count; i++)
        if (str_eq(schema_value_text(fields->list.items[i], "name"), name))
            return schema_value_text(fields->list.items[i], "help");
    return STR_EMPTY;
}

/* What else is required once the variant is chosen. */
static void plugin_schema_required(struct plugin_schema *s, const struct value *variant,
                                   const struct value *fields)
{
    const struct value *required = schema_value_list(variant, "required");
    for (size_t i = 0; required && i < required->list.count; i++) {
        const struct value *name = required->list.items[i];
        if (name->kind == VALUE_STRING &&
            plugin_schema_is_missing(value_get(s->def->config, name->text)))
            plugin_schema_wrong(s, STR_EMPTY, name->text, "is required: ",
                                plugin_schema_help(variant, fields, name->text));
    }
}

/* What one field may hold, by the value of another; only what is common to all variants
 * while none is chosen. */
static void plugin_schema_variant(struct plugin_schema *s, const struct value *rules,
                                  const struct value *fields)
{
    static const struct value empty = {.kind = VALUE_MAP};
    const struct value *variant = plugin_schema_chosen(s, rules);
    plugin_schema_required(s, variant, fields);
    wf_str field = schema_value_text(rules, "field");
    const struct value *config = value_get(s->def->config, field);
    if (plugin_schema_is_missing(config))
        config = &empty;
    if (config->kind != VALUE_MAP)
        return; /* a template, or it has been said */
    const struct value *items[PLUGIN_SCHEMA_FIELDS];
    struct value all = {.kind = VALUE_LIST, .list = {items, 0}};
    plugin_schema_join(&all, schema_value_list(rules, "common"));
    plugin_schema_join(&all, schema_value_list(variant, "fields"));
    CDC_CLEANUP(buf_release) struct buf path;
    plugin_schema_key(field, STR("."), &path);
    const struct plugin_schema_level level = {&all, config, buf_view(&path), 1, !variant};
    plugin_schema_map(s, &level);
}

bool plugin_schema_check(const struct value *schema, const struct definition *def,
                         bool templated)
{
    struct plugin_schema s = {.def = def, .templated = templated, .good = true};
    const struct value *fields = schema_value_list(schema, "fields");
    const struct plugin_schema_level top = {fields, def->config, STR_EMPTY, 0, false};
    if (fields)
        plugin_schema_map(&s, &top);
    const struct value *rules = plugin_schema_variants(schema, def->origin);
    if (rules)
        plugin_schema_variant(&s, rules, fields);
    return s.good;
}
