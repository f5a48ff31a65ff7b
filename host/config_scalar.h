/* SPDX-License-Identifier: MIT
 *
 * config_scalar - what a plain YAML scalar means, as the engine's loader (yaml.v3) resolves
 * it.
 */
#ifndef HOST_CONFIG_SCALAR_H
#define HOST_CONFIG_SCALAR_H

#include "host/lang/value.h"

/* `text` is copied when the value keeps it.  NULL: out of memory. */
const struct value *config_scalar_resolve(struct arena *a, wf_str text);

#endif
