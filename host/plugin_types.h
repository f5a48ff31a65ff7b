/* SPDX-License-Identifier: MIT
 *
 * plugin_types - a plugin's types behind the tables of host/builtin.h.
 *
 * One table per kind serves every type of every plugin; definition.origin says which type
 * is meant. create() checks the configuration against the manifest, then calls the plugin's
 * factory; what the plugin says is wrong becomes a problem at the place of the key it
 * names.
 */
#ifndef HOST_PLUGIN_TYPES_H
#define HOST_PLUGIN_TYPES_H

#include "host/builtin.h"

extern const struct module_type plugin_types_module;
extern const struct step_type plugin_types_step;
extern const struct trigger_type plugin_types_trigger;

#endif
