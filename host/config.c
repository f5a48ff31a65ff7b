/* SPDX-License-Identifier: MIT
 *
 * config - from a file or from memory; reading YAML is config_yaml.c, what a file imports
 * config_import.c.
 */
#include "host/config.h"

#include "host/config_import.h"
#include "host/config_yaml.h"

const struct node *config_load(struct arena *a, const char *path, struct problems *problems)
{
    return config_import_load(a, path, problems);
}

const struct node *config_parse(struct arena *a, wf_str yaml, const char *file,
                                struct problems *problems)
{
    return config_yaml_read(a, yaml, file, problems);
}
