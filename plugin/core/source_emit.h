/* SPDX-License-Identifier: MIT
 *
 * source_emit - what a provider calls while it polls: changes, positions, marks.  All calls
 * [source].
 */
#ifndef CORE_SOURCE_EMIT_H
#define CORE_SOURCE_EMIT_H

#include "plugin/core/source.h"

struct cdc_emitter source_emit_emitter(struct cdc_source *source);

/* Asks for a snapshot of these tables; count 0: all.  `ctx` is the source. */
wf_status source_emit_want_snapshot(void *ctx, const wf_str *tables, size_t count,
                                    wf_error *err);

/* Shows whether a snapshot runs, core's or one of the provider's own. */
void source_emit_snapshot_phase(struct cdc_source *source);

#endif
