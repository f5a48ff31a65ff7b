/* SPDX-License-Identifier: MIT
 *
 * source_run - one run of a source, on its own thread: from "wanted" to stopped or failed.
 */
#ifndef CORE_SOURCE_RUN_H
#define CORE_SOURCE_RUN_H

#include "plugin/core/source.h"

/* Returns when the source is no longer wanted or cannot go on.  The phase is then STOPPED
 * or FAILED, every callback has returned and the provider is closed.  [source] */
void source_run(struct cdc_source *source);

/* Changes the phase and tells whoever waits.  [source] */
void source_run_phase(struct cdc_source *source, enum lifecycle_event event);

/* The run is still the one that is wanted.  [source] */
bool source_run_goes_on(struct cdc_source *source);
/* Sleeps, or until something else is wanted.  [source] */
void source_run_sleep(struct cdc_source *source, int64_t wait_ms);

#endif
