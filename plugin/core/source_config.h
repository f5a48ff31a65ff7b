/* SPDX-License-Identifier: MIT
 *
 * source_config - what cdc.source and step.cdc_start do with their configuration before a
 * source is started.
 */
#ifndef CORE_SOURCE_CONFIG_H
#define CORE_SOURCE_CONFIG_H

#include "plugin/core/description.h"
#include "plugin/core/settings.h"

/* settings_parse(); for a provider that was left out of this build, the error says why. */
wf_status source_config_parse(const struct cJSON *config,
                              const struct cdc_provider *const *providers,
                              const struct cdc_missing *missing, struct cdc_settings **out,
                              wf_error *err);

/* Whether the settings suffice: WF_CONFIG `source_id is required`, `connection is
 * required` (where the provider needs one), and whatever the provider's own check says. */
wf_status source_config_complete(const struct cdc_settings *settings, wf_error *err);

#endif
