/* SPDX-License-Identifier: MIT
 *
 * module_source - cdc.source: a source that runs as long as the host does.
 *
 *     new -> init -> ( start -> stop )* -> free
 *
 * All calls [control].
 */
#ifndef MODULES_MODULE_SOURCE_H
#define MODULES_MODULE_SOURCE_H

#include "plugin/core/description.h"
#include "plugin/core/registry.h"

struct cJSON;
struct module_source;

extern const struct cdc_description module_source_about;

/* Checks the configuration but for what init() insists on.  Takes `config`, also on
 * failure. */
wf_status module_source_new(struct cdc_registry *sources, const struct cdc_missing *missing,
                            wf_str name, struct cJSON *config, struct module_source **out,
                            wf_error *err);
/* Stops the source first if need be.  NULL is ignored. */
void module_source_free(struct module_source *module);

/* WF_CONFIG `source_id is required`, `connection is required`, or what the provider's
 * check says. */
wf_status module_source_init(struct module_source *module, wf_error *err);
/* Registers and connects. */
wf_status module_source_start(struct module_source *module, wf_error *err);
/* A start that runs, or the next one before a stop, fails with WF_CANCELLED.  [any] */
void module_source_cancel(struct module_source *module);
/* Idempotent, and WF_OK when step.cdc_stop came first. */
wf_status module_source_stop(struct module_source *module, wf_error *err);

#endif
