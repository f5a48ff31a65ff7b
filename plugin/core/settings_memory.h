/* SPDX-License-Identifier: MIT
 *
 * settings_memory - what parsed settings point into: copied strings and lists, freed
 * together.
 */
#ifndef CORE_SETTINGS_MEMORY_H
#define CORE_SETTINGS_MEMORY_H

#include <stddef.h>

#include "sdk/wf_plugin.h"

struct settings_memory {
    struct settings_piece *first;
};

/* Zeroed and aligned for any type; NULL when out of memory. */
void *settings_memory_alloc(struct settings_memory *memory, size_t size);
/* A NUL-terminated copy; ptr NULL when out of memory. */
wf_str settings_memory_str(struct settings_memory *memory, wf_str s);
void settings_memory_release(struct settings_memory *memory);

#endif
