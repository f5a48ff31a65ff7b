/* SPDX-License-Identifier: MIT
 *
 * config_check - declared keys: there, of their type, with templates that compile.
 */
#include "host/config_check.h"

#include "base/str.h"

#define CONFIG_CHECK_MISTYPED 2 /* edits between a key and what was meant */
#define CONFIG_CHECK_KEYS 64

wf_str config_check_nearest(wf_str word, const wf_str *names, size_t count)
{
    wf_str nearest = STR_EMPTY;
    /* A short word is a typing mistake away from everything. */
    unsigned most = word.len < 4 ? 1 : CONFIG_CHECK_MISTYPED;
    unsigned best = most + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = str_distance(word, names[i], most);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

static bool config_check_has_template(wf_str text)
{
    return str_find(text, STR("${")) >= 0 || str_find(text, STR("{{")) >= 0;
}

static bool config_check_is_bool(const struct value *v)
{
    return v->kind == VALUE_BOOL || (v->kind == VALUE_STRING &&
                                     (str_is(v->text, "true") || str_is(v->text, "false")));
}

static bool config_check_is_number(const struct value *v)
{
    double number;
    return v->kind != VALUE_BOOL && value_to_double(v, &number);
}

static bool config_check_is_duration(const struct value *v)
{
    int64_t ms;
    if (v->kind == VALUE_INT)
        return v->integer == 0;
    return v->kind == VALUE_STRING && str_to_duration_ms(v->text, &ms) && ms >= 0;
}

/* What the value should be, in words, or NULL when it is that. */
static const char *config_check_type(const struct config_key *key, const struct value *v)
{
    wf_str type = str_from(key->type);
    if (str_is(type, "any"))
        return NULL;
    if (key->templated && v->kind == VALUE_STRING && config_check_has_template(v->text))
        return NULL;
    if (str_is(type, "string"))
        return v->kind == VALUE_STRING ? NULL : "a string";
    if (str_is(type, "number"))
        return config_check_is_number(v) ? NULL : "a number";
    if (str_is(type, "bool"))
        return config_check_is_bool(v) ? NULL : "true or false";
    if (str_is(type, "duration"))
        return config_check_is_duration(v) ? NULL : "a duration such as '30s' or '500ms'";
    if (str_is(type, "map"))
        return v->kind == VALUE_MAP ? NULL : "a map";
    if (str_is(type, "list"))
        return v->kind == VALUE_LIST ? NULL : "a list";
    return "of a type that the host knows";
}

/* Shows the value as it is written: what the environment put in its place may be a
 * secret. */
static void config_check_say_type(const struct definition *def, const char *key,
                                  const char *wanted, const struct value *v)
{
    const struct node *written = node_get(def->node, key);
    if (written)
        v = written->value;
    if (v->kind == VALUE_STRING)
        problems_add(def->problems, def->node, key, "must be %s, not '%.*s'", wanted,
                     v->text.len > 60 ? 60 : (int)v->text.len, v->text.ptr);
    else
        problems_add(def->problems, def->node, key, "must be %s, not %s", wanted,
                     node_value_kind(v));
}

static bool config_check_key(const struct definition *def, const struct config_key *key)
{
    const struct value *v = value_get(def->config, str_from(key->name));
    bool missing = !v || v->kind == VALUE_NULL;
    if (missing || (key->required && v->kind == VALUE_STRING && !str_trim(v->text).len)) {
        if (key->required)
            problems_add(def->problems, def->node, key->name, "is required (%s)",
                         key->help);
        return !key->required;
    }
    const char *wanted = config_check_type(key, v);
    if (wanted) {
        config_check_say_type(def, key->name, wanted, v);
        return false;
    }
    const struct node *node = node_get(def->node, key->name);
    return !key->templated || !node || config_check_templates(node, def->problems);
}

void config_check_known(const struct node *map, const char *const *names,
                        struct problems *problems)
{
    wf_str known[CONFIG_CHECK_KEYS];
    size_t count = 0;
    for (; names[count] && count < CDC_COUNT(known); count++)
        known[count] = str_from(names[count]);
    for (size_t i = 0; i < map->count; i++) {
        wf_str key = map->value->map.members[i].key;
        bool is_known = key.len && key.ptr[0] == '_';
        for (size_t n = 0; n < count && !is_known; n++)
            is_known = str_eq(key, known[n]);
        wf_str near = is_known ? STR_EMPTY : config_check_nearest(key, known, count);
        if (near.len)
            problems_warn_key(problems, map->children[i],
                              "unknown key, did you mean '%.*s'?", STR_ARG(near));
    }
}

static void config_check_unknown(const struct definition *def,
                                 const struct config_key *keys)
{
    const char *names[CONFIG_CHECK_KEYS + 1] = {NULL};
    for (size_t i = 0; keys[i].name && i < CONFIG_CHECK_KEYS; i++)
        names[i] = keys[i].name;
    /* Without a configuration, def->node is the entry that should have one. */
    if (def->node == node_get(def->node->parent, "config"))
        config_check_known(def->node, names, def->problems);
}

bool config_check_keys(const struct definition *def, const struct config_key *keys)
{
    if (!keys)
        return true;
    bool good = true;
    for (const struct config_key *key = keys; key->name; key++)
        if (!config_check_key(def, key))
            good = false;
    config_check_unknown(def, keys);
    return good;
}

bool config_check_templates(const struct node *node, struct problems *problems)
{
    bool good = true;
    for (size_t i = 0; i < node->count; i++)
        if (!config_check_templates(node->children[i], problems))
            good = false;
    wf_str text = node_text(node);
    if (!config_check_has_template(text))
        return good;
    struct template *compiled = NULL;
    wf_error err;
    if (template_compile(text, &compiled, &err)) {
        problems_add(problems, node, NULL, "%s", err.text);
        return false;
    }
    template_free(compiled);
    return good;
}

wf_str config_check_text(const struct value *config, const char *key, wf_str fallback)
{
    const struct value *v = value_get(config, str_from(key));
    return v && v->kind == VALUE_STRING ? v->text : fallback;
}

int64_t config_check_int(const struct value *config, const char *key, int64_t fallback)
{
    const struct value *v = value_get(config, str_from(key));
    int64_t parsed;
    if (v && v->kind == VALUE_INT)
        return v->integer;
    if (v && v->kind == VALUE_STRING && str_to_i64(v->text, &parsed))
        return parsed;
    return fallback;
}

bool config_check_bool(const struct value *config, const char *key, bool fallback)
{
    const struct value *v = value_get(config, str_from(key));
    if (v && v->kind == VALUE_BOOL)
        return v->boolean;
    if (v && v->kind == VALUE_STRING)
        return str_is(v->text, "true");
    return fallback;
}

int64_t config_check_duration_ms(const struct value *config, const char *key,
                                 int64_t fallback)
{
    const struct value *v = value_get(config, str_from(key));
    int64_t ms;
    if (v && v->kind == VALUE_INT)
        return v->integer;
    if (v && v->kind == VALUE_STRING && str_to_duration_ms(v->text, &ms))
        return ms;
    return fallback;
}
