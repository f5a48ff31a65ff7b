/* SPDX-License-Identifier: MIT
 *
 * plugin_ask - asking a factory, and reading from its text which key it is about.
 */
#include "host/plugin_ask.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/config_check.h"
#include "host/plugin.h"
#include "host/plugin_schema.h"
#include "host/problems.h"
#include "host/schema_value.h"

#define PLUGIN_ASK_MOST 64 /* questions; each but the last found another mistake */

/* ---- what a text is about ------------------------------------------------------------ */

/* A key of the configuration: the node it stands at, or the map it is missing in and its
 * name. */
struct plugin_ask_key {
    const struct node *node;
    char name[64]; /* empty: the node itself */
};

static bool plugin_ask_is_field(const struct definition *def, wf_str word)
{
    const struct value *fields =
        def->origin ? schema_value_list(def->origin->schema, "fields") : NULL;
    for (size_t i = 0; fields && i < fields->list.count; i++)
        if (str_eq(schema_value_text(fields->list.items[i], "name"), word))
            return true;
    return false;
}

/* A word in single quotes may be any key of the configuration, or of a map in it ('slot' or
 * 'options.slot'); a bare one only a field of the type. */
static bool plugin_ask_key_of(const struct definition *def, wf_str word, bool quoted,
                              struct plugin_ask_key *out)
{
    bool field = plugin_ask_is_field(def, word);
    const struct node *at = node_find(def->node, word);
    if (!at && quoted)
        at = node_deepest(def->node, word);
    for (size_t i = 0; quoted && (!at || at == def->node) && i < def->node->count; i++)
        at = node_find(def->node->children[i], word);
    bool there = at && at != def->node && (quoted || field);
    *out = (struct plugin_ask_key){.node = there ? at : def->node};
    if (!there && field && word.len < sizeof(out->name))
        memcpy(out->name, word.ptr, word.len);
    return there || out->name[0];
}

static bool plugin_ask_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '-';
}

/* The next word of *rest that is a key. */
static bool plugin_ask_next_key(const struct definition *def, wf_str *rest,
                                struct plugin_ask_key *out)
{
    size_t at = 0;
    while (at < rest->len) {
        size_t from = at;
        while (at < rest->len && plugin_ask_in_word(rest->ptr[at]))
            at++;
        wf_str word = str_slice(*rest, from, at);
        bool quoted = from > 0 && rest->ptr[from - 1] == '\'' && at < rest->len &&
                      (rest->ptr[at] == '\'' || rest->ptr[at] == '[');
        if (word.len && plugin_ask_key_of(def, word, quoted, out)) {
            *rest = str_slice(*rest, at, rest->len);
            return true;
        }
        at += at == from;
    }
    return false;
}

static bool plugin_ask_is_said(const struct definition *def,
                               const struct plugin_ask_key *key)
{
    return problems_find(def->problems, key->node, key->name[0] ? key->name : NULL) !=
           PROBLEMS_NOWHERE;
}

bool plugin_ask_refused(const struct definition *def, const wf_error *err)
{
    struct plugin_ask_key first = {.node = def->node};
    struct plugin_ask_key key;
    bool any = false;
    wf_str rest = str_from(err->text);
    while (plugin_ask_next_key(def, &rest, &key)) {
        if (plugin_ask_is_said(def, &key))
            return false;
        first = any ? first : key;
        any = true;
    }
    problems_add(def->problems, first.node, first.name[0] ? first.name : NULL, "%s",
                 err->text);
    return any;
}

/* ---- asking -------------------------------------------------------------------------- */

/* The map without what is wrong; NULL when out of memory.  `path` is the map's, with a dot
 * at its end. */
static const struct value *plugin_ask_rest(const struct definition *def,
                                           const struct value *map, wf_str path)
{
    struct arena *arena = app_arena(def->app);
    struct value *rest = value_map(arena, map->map.count);
    CDC_CLEANUP(buf_release) struct buf key;
    buf_init(&key, LIMIT_TEXT_BYTES);
    for (size_t i = 0; rest && i < map->map.count; i++) {
        const struct value *v = map->map.members[i].value;
        buf_clear(&key);
        buf_str(&key, path);
        buf_str(&key, map->map.members[i].key);
        enum problems_place wrong = problems_find(def->problems, def->node, buf_c(&key));
        if (wrong == PROBLEMS_THERE || (wrong && v->kind != VALUE_MAP))
            continue;
        buf_byte(&key, '.');
        v = wrong ? plugin_ask_rest(def, v, buf_view(&key)) : v;
        if (!v || !value_set(arena, rest, map->map.members[i].key, v))
            return NULL;
    }
    return rest;
}

static bool plugin_ask_write(const struct definition *def, bool all, struct buf *out)
{
    const struct value *config =
        all ? def->config : plugin_ask_rest(def, def->config, STR_EMPTY);
    buf_clear(out);
    if (config)
        value_json(out, config);
    wf_error err;
    error_no_memory(&err);
    if (config && !buf_status(out, "config", &err))
        return true;
    problems_add(def->problems, def->node, NULL, "%s", err.text);
    return false;
}

/* One question of which no object is wanted. */
static wf_status plugin_ask_once(const struct plugin_ask *ask, wf_str config, wf_error *err)
{
    const void *made = NULL;
    wf_status status = ask->make(ask, config, &made, err);
    if (status)
        return status;
    if (ask->check)
        status = ask->check(made, err);
    ask->unmake(made);
    return status;
}

const void *plugin_ask(const struct plugin_ask *ask, struct buf *config)
{
    const struct definition *def = ask->def;
    bool good = plugin_schema_check(def->origin->schema, def, ask->templated);
    /* Without a configuration, def->node is the entry that should have one. */
    if (ask->templated && def->node->value->kind == VALUE_MAP &&
        !config_check_templates(def->node, def->problems))
        good = false;
    buf_init(config, LIMIT_CONFIG_BYTES);
    const void *made = NULL;
    wf_error err = {.code = WF_OK};
    if (good) {
        if (!plugin_ask_write(def, true, config))
            return NULL;
        if (!ask->make(ask, buf_view(config), &made, &err))
            return made;
        if (!plugin_ask_refused(def, &err))
            return NULL;
    }
    for (unsigned i = 0; i < PLUGIN_ASK_MOST; i++)
        if (!plugin_ask_write(def, false, config) ||
            !plugin_ask_once(ask, buf_view(config), &err) || !plugin_ask_refused(def, &err))
            break;
    return NULL;
}
