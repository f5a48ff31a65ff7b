/* SPDX-License-Identifier: MIT
 *
 * settings_memory - a list of pieces, as many as there are strings in a configuration.
 */
#include "plugin/core/settings_memory.h"

#include <stdlib.h>
#include <string.h>

struct settings_piece {
    struct settings_piece *next;
    max_align_t data[];
};

void *settings_memory_alloc(struct settings_memory *memory, size_t size)
{
    struct settings_piece *piece = calloc(1, sizeof *piece + size);
    if (!piece)
        return NULL;
    piece->next = memory->first;
    memory->first = piece;
    return piece->data;
}

wf_str settings_memory_str(struct settings_memory *memory, wf_str s)
{
    char *copy = settings_memory_alloc(memory, s.len + 1);
    if (!copy)
        return (wf_str){NULL, 0};
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return (wf_str){copy, s.len};
}

void settings_memory_release(struct settings_memory *memory)
{
    while (memory->first) {
        struct settings_piece *piece = memory->first;
        memory->first = piece->next;
        free(piece);
    }
}
