/* SPDX-License-Identifier: MIT
 *
 * requires - version constraints on loaded plugins.
 */
#include "host/requires.h"

#include "base/str.h"

struct requires_version {
    uint64_t part[3];
};

static bool requires_parse(wf_str text, struct requires_version *out)
{
    *out = (struct requires_version){{0, 0, 0}};
    if (text.len && text.ptr[0] == 'v')
        text = str_slice(text, 1, text.len);
    size_t count = 0;
    for (wf_str part; str_next(&text, '.', &part); count++)
        if (count == 3 || !str_to_u64(part, &out->part[count]))
            return false;
    return count > 0;
}

static int requires_compare(const struct requires_version *a,
                            const struct requires_version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return 0;
}

/* "^1.2": the first part that is not 0 stays; "~1.2": the first two stay. */
static bool requires_same(const struct requires_version *a,
                          const struct requires_version *b, bool caret)
{
    int parts = 2;
    if (caret)
        for (parts = 1; parts < 3 && !b->part[parts - 1];)
            parts++;
    for (int i = 0; i < parts; i++)
        if (a->part[i] != b->part[i])
            return false;
    return true;
}

bool requires_satisfied(wf_str version, wf_str constraint, bool *out_valid)
{
    static const char *const signs[] = {">=", "<=", "!=", ">", "<", "^", "~", "=", ""};
    struct requires_version have, want;
    constraint = str_trim(constraint);
    size_t sign = 0;
    while (!str_starts(constraint, str_from(signs[sign])))
        sign++;
    wf_str rest = str_trim(str_slice(constraint, strlen(signs[sign]), constraint.len));
    *out_valid = requires_parse(rest, &want);
    if (!*out_valid || !requires_parse(version, &have))
        return false;
    int order = requires_compare(&have, &want);
    switch (sign) {
    case 0:
        return order >= 0;
    case 1:
        return order <= 0;
    case 2:
        return order != 0;
    case 3:
        return order > 0;
    case 4:
        return order < 0;
    case 5:
    case 6:
        return order >= 0 && requires_same(&have, &want, sign == 5);
    default:
        return order == 0;
    }
}

static const struct plugin *requires_find(const struct plugins *plugins, wf_str name)
{
    for (size_t i = 0; plugins && i < plugins_count(plugins); i++)
        if (str_eq(plugins_at(plugins, i)->name, name))
            return plugins_at(plugins, i);
    return NULL;
}

static void requires_check_one(const struct node *entry, const struct plugins *plugins,
                               struct problems *problems)
{
    wf_str name = node_text(node_get(entry, "name"));
    wf_str constraint = node_text(node_get(entry, "version"));
    const struct plugin *plugin = requires_find(plugins, name);
    bool valid;
    if (!name.len) {
        problems_add(problems, entry, "name", "is required: the plugin's name");
        return;
    }
    if (!plugin) {
        problems_add(problems, entry, "name", "required plugin \"%.*s\" is not loaded",
                     STR_ARG(name));
        return;
    }
    if (!constraint.len || requires_satisfied(plugin->version, constraint, &valid))
        return;
    if (valid)
        problems_add(problems, entry, "version",
                     "plugin \"%.*s\" version %.*s does not satisfy constraint \"%.*s\"",
                     STR_ARG(name), STR_ARG(plugin->version), STR_ARG(constraint));
    else
        problems_add(problems, entry, "version", "'%.*s' is no version constraint",
                     STR_ARG(constraint));
}

void requires_check(const struct node *requirements, const struct plugins *plugins,
                    struct problems *problems)
{
    const struct node *list = node_get(requirements, "plugins");
    if (!list || list->value->kind == VALUE_NULL)
        return;
    if (list->value->kind != VALUE_LIST) {
        problems_add(problems, list, NULL, "must be a list of {name, version}, not %s",
                     node_kind_name(list));
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        requires_check_one(list->children[i], plugins, problems);
}
