/* SPDX-License-Identifier: MIT
 *
 * plugin_schema - a configuration against what the plugin's manifest says about its type.
 *
 * A type's entry has "fields": a list of {"name", "type", "required", "default", "secret",
 * "help", "choices", "any_case", "min", "max", "fields"}.  Types are string, bool, int,
 * number, duration, bytes, choice, list, map and any.  A list may have "items": "string",
 * and its "choices" are those of its elements; "min" and "max" are milliseconds for a
 * duration.  A field with "fields" of its
 * own is a map in which other keys are mistakes; at the top other keys are allowed, as
 * hosts add some.
 *
 * Where what one field holds depends on the value of another, the entry also has
 *
 *     "variants": {"field": "options", "by": "provider", "common": [fields],
 *                  "values": {"one": {"required": ["connection"], "fields": [fields]},
 *                             "two": {"missing": "not in this build"}}}
 *
 * or "variants": "<type>", as written at that type of the same plugin.
 */
#ifndef HOST_PLUGIN_SCHEMA_H
#define HOST_PLUGIN_SCHEMA_H

#include "host/builtin.h"

/* False when something is wrong; it is in def->problems then, each at its value's place.
 * With `templated`, strings with templates stand for any type. */
bool plugin_schema_check(const struct value *schema, const struct definition *def,
                         bool templated);

/* The entry's "variants", also when it only refers to another type's; NULL: none. */
const struct value *plugin_schema_variants(const struct value *schema,
                                           const struct plugin_type *type);

#endif
