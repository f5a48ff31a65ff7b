/* SPDX-License-Identifier: MIT
 *
 * requires - `requires.plugins`: which plugins a configuration needs, and in which
 * versions.
 */
#ifndef HOST_REQUIRES_H
#define HOST_REQUIRES_H

#include "host/node.h"
#include "host/plugin.h"
#include "host/problems.h"

/* `requires` may be NULL. */
void requires_check(const struct node *requirements, const struct plugins *plugins,
                    struct problems *problems);

/* One constraint on a version of three numbers: ">=1.2.0", "^1.2", "~1.2.3", "!=2.0.0",
 * "1.0.0". False in *out_valid when it is not written so. */
bool requires_satisfied(wf_str version, wf_str constraint, bool *out_valid);

#endif
