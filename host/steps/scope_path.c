/* SPDX-License-Identifier: MIT
 *
 * scope_path - the paths that `body_from`, `source` and the like hold.
 */
#include "host/steps/scope_path.h"

#include "base/str.h"

const struct value *scope_path_find(const struct scope *scope, wf_str path)
{
    if (str_is(path, "."))
        return scope->current;
    const struct value *found = value_get(scope->current, path);
    if (found)
        return found;
    if (str_starts(path, STR("steps.")))
        return value_path(scope->steps, str_slice(path, 6, path.len));
    return value_path(scope->current, path);
}

bool scope_path_is_template(wf_str text)
{
    return str_find(text, STR("${")) >= 0 || str_find(text, STR("{{")) >= 0;
}
