/* SPDX-License-Identifier: MIT
 *
 * plugin_schema - the manifest's fields, walked along with the configuration.
 */
#include "host/plugin_schema.h"

#include "base/limits.h"
#include "base/str.h"
#include "host/config_check.h"

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
    const struct value *fields;
    const struct value *config;
    wf_str path; /* "options."; empty at the top */
    unsigned depth;
};

static wf_str plugin_schema_text(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_STRING ? v->text : STR_EMPTY;
}

static const struct value *plugin_schema_list(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_LIST ? v : NULL;
}

static bool plugin_schema_is(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_BOOL && v->boolean;
}

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

static bool plugin_schema_scalar(const struct value *v)
{
    return v->kind == VALUE_STRING || v->kind == VALUE_INT || v->kind == VALUE_NUMBER ||
           v->kind == VALUE_BOOL;
}

static bool plugin_schema_is_int(const struct value *v)
{
    int64_t number;
    return v->kind == VALUE_INT ||
           (v->kind == VALUE_STRING && str_to_i64(v->text, &number));
}

static bool plugin_schema_is_duration(const struct value *v)
{
    int64_t ms;
    return v->kind == VALUE_INT || v->kind == VALUE_NUMBER ||
           (v->kind == VALUE_STRING &&
            (str_to_duration_ms(v->text, &ms) || str_to_i64(v->text, &ms)));
}

static bool plugin_schema_is_bytes(const struct value *v)
{
    uint64_t bytes;
    return v->kind == VALUE_INT ||
           (v->kind == VALUE_STRING && str_to_bytes(v->text, &bytes));
}

static bool plugin_schema_is_bool(const struct value *v)
{
    return v->kind == VALUE_BOOL || (v->kind == VALUE_STRING &&
                                     (str_is(v->text, "true") || str_is(v->text, "false")));
}

/* Says what the value should be, or NULL.  A type this host does not know is the plugin's
 * own. */
static const char *plugin_schema_type(wf_str type, const struct value *v)
{
    double number;
    if (str_is(type, "string") || str_is(type, "choice"))
        return plugin_schema_scalar(v) ? NULL : "must be a string, not ";
    if (str_is(type, "bool"))
        return plugin_schema_is_bool(v) ? NULL : "must be true or false, not ";
    if (str_is(type, "int"))
        return plugin_schema_is_int(v) ? NULL : "must be an integer, not ";
    if (str_is(type, "number"))
        return value_to_double(v, &number) ? NULL : "must be a number, not ";
    if (str_is(type, "duration"))
        return plugin_schema_is_duration(v) ? NULL
                                            : "must be a duration such as '30s', not ";
    if (str_is(type, "bytes"))
        return plugin_schema_is_bytes(v) ? NULL : "must be a size such as '16MiB', not ";
    if (str_is(type, "list"))
        return v->kind == VALUE_LIST || v->kind == VALUE_STRING ? NULL
                                                                : "must be a list, not ";
    if (str_is(type, "map"))
        return v->kind == VALUE_MAP ? NULL : "must be a map, not ";
    return NULL;
}

static bool plugin_schema_is_choice(const struct value *field, wf_str word)
{
    const struct value *choices = plugin_schema_list(field, "choices");
    for (size_t i = 0; choices && i < choices->list.count; i++) {
        const struct value *choice = choices->list.items[i];
        if (choice->kind == VALUE_STRING && str_eq(choice->text, word))
            return true;
    }
    return !choices;
}

static void plugin_schema_say_choices(struct plugin_schema *s, wf_str path, wf_str name,
                                      const struct value *field)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    const struct value *choices = plugin_schema_list(field, "choices");
    for (size_t i = 0; choices && i < choices->list.count; i++) {
        if (i)
            buf_lit(&text, ", ");
        value_print(&text, choices->list.items[i]);
    }
    plugin_schema_wrong(s, path, name, "must be one of ", buf_view(&text));
}

static void plugin_schema_map(struct plugin_schema *s,
                              const struct plugin_schema_level *level);

static void plugin_schema_value(struct plugin_schema *s,
                                const struct plugin_schema_level *level,
                                const struct value *field, const struct value *v)
{
    wf_str name = plugin_schema_text(field, "name");
    wf_str type = plugin_schema_text(field, "type");
    if (s->templated && v->kind == VALUE_STRING &&
        (str_find(v->text, STR("${")) >= 0 || str_find(v->text, STR("{{")) >= 0))
        return;
    const char *wanted = plugin_schema_type(type, v);
    if (wanted) {
        /* The value itself may be a secret: only its kind is named. */
        plugin_schema_wrong(s, level->path, name, wanted, str_from(node_value_kind(v)));
        return;
    }
    if (str_is(type, "choice") && v->kind == VALUE_STRING &&
        !plugin_schema_is_choice(field, v->text))
        plugin_schema_say_choices(s, level->path, name, field);
    const struct value *fields = plugin_schema_list(field, "fields");
    if (!fields || v->kind != VALUE_MAP || level->depth == PLUGIN_SCHEMA_DEPTH)
        return;
    CDC_CLEANUP(buf_release) struct buf path;
    plugin_schema_key(level->path, name, &path);
    buf_byte(&path, '.');
    const struct plugin_schema_level below = {fields, v, buf_view(&path), level->depth + 1};
    plugin_schema_map(s, &below);
}

static void plugin_schema_unknown(struct plugin_schema *s,
                                  const struct plugin_schema_level *level)
{
    wf_str names[PLUGIN_SCHEMA_FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < level->fields->list.count && count < CDC_COUNT(names); i++)
        names[count++] = plugin_schema_text(level->fields->list.items[i], "name");
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
        wf_str name = plugin_schema_text(field, "name");
        const struct value *v = value_get(level->config, name);
        bool missing =
            !v || v->kind == VALUE_NULL || (v->kind == VALUE_STRING && !v->text.len);
        if (missing && plugin_schema_is(field, "required"))
            plugin_schema_wrong(s, level->path, name,
                                "is required: ", plugin_schema_text(field, "help"));
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

/* `options`, when its fields depend on `provider`.  What is said of an unknown provider is
 * the plugin's own affair. */
static void plugin_schema_options(struct plugin_schema *s, const struct value *schema)
{
    const struct value *rules = value_get(schema, STR("options"));
    const struct value *options = value_get(s->def->config, STR("options"));
    const struct value *provider = value_get(
        value_get(rules, STR("providers")), plugin_schema_text(s->def->config, "provider"));
    if (!provider || !options || options->kind != VALUE_MAP)
        return;
    const struct value *items[PLUGIN_SCHEMA_FIELDS];
    struct value all = {.kind = VALUE_LIST, .list = {items, 0}};
    plugin_schema_join(&all, plugin_schema_list(rules, "common"));
    plugin_schema_join(&all, plugin_schema_list(provider, "fields"));
    const struct plugin_schema_level level = {&all, options, STR("options."), 1};
    plugin_schema_map(s, &level);
}

bool plugin_schema_check(const struct value *schema, const struct definition *def,
                         bool templated)
{
    struct plugin_schema s = {.def = def, .templated = templated, .good = true};
    const struct value *fields = plugin_schema_list(schema, "fields");
    const struct plugin_schema_level top = {fields, def->config, STR_EMPTY, 0};
    if (fields)
        plugin_schema_map(&s, &top);
    plugin_schema_options(&s, schema);
    return s.good;
}
