/* SPDX-License-Identifier: MIT
 *
 * arena - memory of one pipeline run: taken piece by piece, given back all at once.
 *
 * arena_reset() keeps the blocks, so that a trigger that fires the same pipeline again
 * allocates nothing.  Nothing in it has a destructor.  Not shared between threads.
 */
#ifndef HOST_LANG_ARENA_H
#define HOST_LANG_ARENA_H

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

struct arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t used;  /* of the current block */
    size_t total; /* bytes in all blocks */
    size_t limit;
};

void arena_init(struct arena *a, size_t limit);
void arena_reset(struct arena *a);
void arena_release(struct arena *a);
/* Aligned for any type, not zeroed; NULL when memory or the limit is used up. */
void *arena_alloc(struct arena *a, size_t size) CDC_MUST_USE;
/* A copy in the arena; a view with ptr NULL when there is no memory and s is not empty. */
wf_str arena_str(struct arena *a, wf_str s);

#endif
