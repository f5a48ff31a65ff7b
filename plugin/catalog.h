/* SPDX-License-Identifier: MIT
 *
 * catalog - the lists of what this build consists of.
 */
#ifndef PLUGIN_CATALOG_H
#define PLUGIN_CATALOG_H

#include "modules/module_source.h"
#include "providers/provider.h"
#include "steps/step.h"
#include "triggers/trigger_cdc.h"

extern const struct cdc_provider *const catalog_providers[]; /* ends with NULL */
extern const struct cdc_missing catalog_missing[];           /* ends with a NULL name */
extern const struct cdc_step *const catalog_steps[];         /* ends with NULL */

#endif
