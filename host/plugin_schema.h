/* SPDX-License-Identifier: MIT
 *
 * plugin_schema - a configuration against what the plugin's manifest says about its type.
 *
 * A type's entry has "fields": a list of {"name", "type", "required", "default", "secret",
 * "help", "choices", "fields"}.  Types are string, bool, int, number, duration, bytes,
 * choice, list, map and any.  A field with "fields" of its own is a map in which other keys
 * are mistakes; at the top other keys are allowed, as hosts add some.
 *
 * Where the field `options` depends on the field `provider`, the entry also has
 * "options": {"common": [fields], "providers": {"<provider>": {"fields": [fields]}}}.
 */
#ifndef HOST_PLUGIN_SCHEMA_H
#define HOST_PLUGIN_SCHEMA_H

#include "host/builtin.h"

/* False when something is wrong; it is in def->problems then.  With `templated`, strings
 * with templates stand for any type. */
bool plugin_schema_check(const struct value *schema, const struct definition *def,
                         bool templated);

#endif
