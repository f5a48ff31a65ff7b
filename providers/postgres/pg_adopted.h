/* SPDX-License-Identifier: MIT
 *
 * pg_adopted - what a publication that may not be altered differs in from the
 * configuration: it is not ours, or the server is a standby.
 */
#ifndef PROVIDERS_PG_ADOPTED_H
#define PROVIDERS_PG_ADOPTED_H

#include "providers/postgres/pg_published.h"
#include "providers/provider.h"

/* Tells what differs, with the SQL that would mend it.  *told is a hash of what was told
 * last of the things that may change; `first`: everything is told.  WF_CONFIG when it is
 * the first time and nothing that is wanted is in it. */
wf_status pg_adopted_judge(const struct pg_published *published, const char *name,
                           bool first, const struct cdc_emitter *out, uint64_t *told,
                           wf_error *err);

#endif
