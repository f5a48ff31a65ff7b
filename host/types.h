/* SPDX-License-Identifier: MIT
 *
 * types - what a `type:` in the configuration stands for: built-in types first, then
 * plugins'.
 *
 * def->node is the entry with the `type`; when there is no such type a problem is added
 * there, which lists what there is, and the answer is NULL.  def->origin is set for a
 * plugin's type.
 */
#ifndef HOST_TYPES_H
#define HOST_TYPES_H

#include "host/builtin.h"

const struct module_type *types_module(struct definition *def);
const struct step_type *types_step(struct definition *def);
/* `type` as inline triggers and the top-level `triggers` name it. */
const struct trigger_type *types_trigger(struct definition *def, wf_str type,
                                         const char *key);

#endif
