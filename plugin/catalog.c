/* SPDX-License-Identifier: MIT
 *
 * catalog - providers as the build found them (generated/cdc_providers.h), and the steps.
 */
#include "plugin/catalog.h"

#include "cdc_providers.h"

#define X(name) extern const struct cdc_provider cdc_provider_##name;
CDC_PROVIDERS(X)
#undef X

#define X(name) &cdc_provider_##name,
const struct cdc_provider *const catalog_providers[] = {CDC_PROVIDERS(X) NULL};
#undef X

#define X(name, reason) {#name, reason},
const struct cdc_missing catalog_missing[] = {CDC_PROVIDERS_MISSING(X){NULL, NULL}};
#undef X

const struct cdc_step *const catalog_steps[] = {
    &step_start,          &step_stop,         &step_status,  &step_snapshot,
    &step_schema_history, &step_backpressure, &step_monitor, NULL,
};
