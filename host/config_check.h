/* SPDX-License-Identifier: MIT
 *
 * config_check - a configuration against the keys its type declares.
 *
 * The host calls this before create(): create() sees a configuration in which every
 * required key is there and every value has the declared type (a string with a template
 * stands for any type when the key is templated; "number", "bool" and "duration" also
 * accept strings that hold one), and in which every templated string compiles.  Keys that
 * are not declared are ignored, as in the engine, with a warning when they look like a
 * mistyped one.
 */
#ifndef HOST_CONFIG_CHECK_H
#define HOST_CONFIG_CHECK_H

#include "host/builtin.h"
#include "host/config.h"

/* False when something is wrong; it is in def->problems then. */
bool config_check_keys(const struct definition *def, const struct config_key *keys);
/* Every string below `node` is compiled; mistakes are placed at the string itself. */
bool config_check_templates(const struct node *node, struct problems *problems);

/* Reading what was checked.  The defaults are used when the key is missing or null. */
wf_str config_check_text(const struct value *config, const char *key, wf_str fallback);
int64_t config_check_int(const struct value *config, const char *key, int64_t fallback);
bool config_check_bool(const struct value *config, const char *key, bool fallback);
int64_t config_check_duration_ms(const struct value *config, const char *key,
                                 int64_t fallback);

/* Warns of keys of the map that are not in `names` (ends with NULL) but look like one of
 * them. */
void config_check_known(const struct node *map, const char *const *names,
                        struct problems *problems);

/* The nearest of `count` names (a typing mistake away), or empty.  For "did you mean". */
wf_str config_check_nearest(wf_str word, const wf_str *names, size_t count);

#endif
