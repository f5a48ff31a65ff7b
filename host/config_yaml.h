/* SPDX-License-Identifier: MIT
 *
 * config_yaml - one YAML text as a tree of nodes.  What YAML means here: host/config.h.
 */
#ifndef HOST_CONFIG_YAML_H
#define HOST_CONFIG_YAML_H

#include "host/config.h"

/* The root, a map; NULL when the text is unusable.  Mistakes are in `problems`.  `file`
 * must live as long as the arena. */
const struct node *config_yaml_read(struct arena *a, wf_str yaml, const char *file,
                                    struct problems *problems);

#endif
