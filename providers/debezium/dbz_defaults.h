/* SPDX-License-Identifier: MIT
 *
 * dbz_defaults - the settings of a connector that are neither its name nor its database.
 */
#ifndef PROVIDERS_DBZ_DEFAULTS_H
#define PROVIDERS_DBZ_DEFAULTS_H

#include "plugin/core/settings.h"
#include "providers/debezium/dbz_class.h"
#include "providers/debezium/dbz_config.h"

wf_status dbz_defaults_put(struct dbz_config *config, const struct cdc_settings *settings,
                           const struct dbz_class *of, wf_str topic_prefix, wf_error *err);

#endif
