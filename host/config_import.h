/* SPDX-License-Identifier: MIT
 *
 * config_import - a configuration file with what it imports, for config_load().
 */
#ifndef HOST_CONFIG_IMPORT_H
#define HOST_CONFIG_IMPORT_H

#include "host/config.h"

const struct node *config_import_load(struct arena *a, const char *path,
                                      struct problems *problems);

#endif
