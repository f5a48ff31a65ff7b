/* SPDX-License-Identifier: MIT
 *
 * config_env - environment variables in strings.
 */
#include "host/config_env.h"

#include "base/limits.h"
#include "base/str.h"

#define CONFIG_ENV_NAME 256

/* The variable's value, or NULL with the warning added. */
static const char *config_env_lookup(wf_str reference, const struct node *node,
                                     struct problems *problems)
{
    char name[CONFIG_ENV_NAME];
    wf_str variable = reference;
    ptrdiff_t colon = str_find(reference, STR(":"));
    if (colon >= 0) {
        variable = str_slice(reference, (size_t)colon + 1, reference.len);
        if (!str_eq(str_slice(reference, 0, (size_t)colon), STR("env"))) {
            problems_warn(
                problems, node, NULL,
                "'${%.*s}' is not resolved: only environment variables are; the text "
                "stays as it is",
                STR_ARG(reference));
            return NULL;
        }
    }
    if (!variable.len || variable.len >= sizeof(name) ||
        memchr(variable.ptr, '\0', variable.len))
        return NULL;
    memcpy(name, variable.ptr, variable.len);
    name[variable.len] = '\0';
    const char *value = getenv(name);
    if (!value)
        problems_warn(problems, node, NULL,
                      "environment variable '%s' is not set; the text stays as it is",
                      name);
    return value;
}

/* "file:/path:key", as Kafka Connect's workers resolve it; not "VAR:-default". */
static bool config_env_is_far(wf_str reference)
{
    ptrdiff_t colon = str_find(reference, STR(":"));
    wf_str rest = str_slice(reference, (size_t)(colon + 1), reference.len);
    return colon > 0 && !str_eq(str_slice(reference, 0, (size_t)colon), STR("env")) &&
           !str_starts(rest, STR("-")) && str_find(rest, STR(":")) > 0;
}

/* Whether the string has references that are somebody else's to resolve, and no others. */
static bool config_env_is_all_far(wf_str text)
{
    bool any = false;
    for (ptrdiff_t open; (open = str_find(text, STR("${"))) >= 0;) {
        wf_str after = str_slice(text, (size_t)open + 2, text.len);
        ptrdiff_t close = str_find(after, STR("}"));
        if (close < 0)
            break;
        if (!config_env_is_far(str_slice(after, 0, (size_t)close)))
            return false;
        any = true;
        text = str_slice(after, (size_t)close + 1, after.len);
    }
    return any;
}

/* False when one reference is not resolved. */
static bool config_env_write(wf_str text, const struct node *node,
                             struct problems *problems, struct buf *out)
{
    bool resolved = true;
    while (text.len) {
        ptrdiff_t open = str_find(text, STR("${"));
        wf_str after = open < 0 ? STR_EMPTY : str_slice(text, (size_t)open + 2, text.len);
        ptrdiff_t close = str_find(after, STR("}"));
        if (open < 0 || close < 0) {
            buf_str(out, text);
            break;
        }
        buf_str(out, str_slice(text, 0, (size_t)open));
        text = str_slice(after, (size_t)close + 1, after.len);
        if (close == 0) { /* "${}" is no reference */
            buf_lit(out, "${}");
            continue;
        }
        const char *value =
            config_env_lookup(str_slice(after, 0, (size_t)close), node, problems);
        resolved = resolved && value;
        buf_cstr(out, value ? value : "");
    }
    return resolved;
}

static const struct value *config_env_text(struct arena *a, const struct node *node,
                                           struct problems *problems)
{
    wf_str text = node->value->text;
    if (str_find(text, STR("${")) < 0 || config_env_is_all_far(text))
        return node->value;
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    if (!config_env_write(text, node, problems, &out))
        return node->value;
    wf_str kept = arena_str(a, buf_view(&out));
    return out.broken || (out.len && !kept.ptr) ? NULL : value_of_text(a, kept);
}

static const struct value *config_env_list(struct arena *a, const struct node *node,
                                           struct problems *problems)
{
    const struct value **items =
        arena_alloc(a, (node->count + 1) * sizeof(const struct value *));
    if (!items)
        return NULL;
    for (size_t i = 0; i < node->count; i++)
        if (!(items[i] = config_env_expand(a, node->children[i], problems)))
            return NULL;
    return value_list(a, items, node->count);
}

const struct value *config_env_expand(struct arena *a, const struct node *node,
                                      struct problems *problems)
{
    if (node->value->kind == VALUE_STRING)
        return config_env_text(a, node, problems);
    if (node->value->kind == VALUE_LIST)
        return config_env_list(a, node, problems);
    if (node->value->kind != VALUE_MAP)
        return node->value;
    struct value *map = value_map(a, node->count);
    for (size_t i = 0; map && i < node->count; i++) {
        const struct value *v = config_env_expand(a, node->children[i], problems);
        if (!v || !value_set(a, map, node->value->map.members[i].key, v))
            return NULL;
    }
    return map;
}
