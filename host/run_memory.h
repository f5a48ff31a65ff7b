/* SPDX-License-Identifier: MIT
 *
 * run_memory - what one pipeline run computes in: an arena and some buffers, used again by
 * the next.
 *
 * A pool keeps a few that are idle.  Those that a huge event made huge are given back to
 * the system.
 */
#ifndef HOST_RUN_MEMORY_H
#define HOST_RUN_MEMORY_H

#include "base/buf.h"
#include "host/lang/arena.h"

struct run_memory {
    struct run_memory *next; /* private */
    struct arena arena;
    /* For plugin steps, which take and give JSON text. */
    struct buf config, outputs, current, metadata, result;
};

struct run_memory_pool;

struct run_memory_pool *run_memory_pool_new(void);
/* Every memory has been put back. */
void run_memory_pool_free(struct run_memory_pool *pool);

/* Empty; NULL when out of memory.  [any] */
struct run_memory *run_memory_get(struct run_memory_pool *pool);
void run_memory_put(struct run_memory_pool *pool, struct run_memory *memory);

#endif
