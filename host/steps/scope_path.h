/* SPDX-License-Identifier: MIT
 *
 * scope_path - the paths that `body_from`, `source` and the like hold.
 *
 *     .                     everything: the current data
 *     key                   a key of the current data
 *     steps.fetch.row.id    in a step's output
 *     a.b.c                 in the current data
 */
#ifndef HOST_STEPS_SCOPE_PATH_H
#define HOST_STEPS_SCOPE_PATH_H

#include "host/lang/template.h"

/* NULL when there is nothing. */
const struct value *scope_path_find(const struct scope *scope, wf_str path);

/* For step constructors: whether `text` holds `${` or `{{`. */
bool scope_path_is_template(wf_str text);

#endif
