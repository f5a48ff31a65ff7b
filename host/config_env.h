/* SPDX-License-Identifier: MIT
 *
 * config_env - `${VAR}` and `${env:VAR}` in a module's configuration.
 *
 * As in the engine: strings only, at any depth, all or nothing per string.  One reference
 * that cannot be resolved (a variable that is not set, another scheme than env,
 * `${VAR:-default}`) leaves the whole string as it is, which is a warning here; but for a
 * string all of whose references are of the form `${file:/path:key}`, which are meant for a
 * worker of Kafka Connect's.  `$VAR` is never expanded.
 */
#ifndef HOST_CONFIG_ENV_H
#define HOST_CONFIG_ENV_H

#include "host/node.h"
#include "host/problems.h"

/* The node's value with everything expanded; parts without references are shared.  NULL:
 * out of memory. */
const struct value *config_env_expand(struct arena *a, const struct node *node,
                                      struct problems *problems);

#endif
