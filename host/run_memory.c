/* SPDX-License-Identifier: MIT
 *
 * run_memory - a short list of idle memories under one lock.
 */
#include "host/run_memory.h"

#include <pthread.h>

#include "base/limits.h"

#define RUN_MEMORY_IDLE 64 /* at most this many are kept */

struct run_memory_pool {
    pthread_mutex_t idle_lock;
    struct run_memory *idle;
    unsigned count;
};

struct run_memory_pool *run_memory_pool_new(void)
{
    struct run_memory_pool *pool = calloc(1, sizeof(*pool));
    if (pool)
        pthread_mutex_init(&pool->idle_lock, NULL);
    return pool;
}

static void run_memory_free(struct run_memory *memory)
{
    arena_release(&memory->arena);
    buf_release(&memory->config);
    buf_release(&memory->outputs);
    buf_release(&memory->current);
    buf_release(&memory->metadata);
    buf_release(&memory->result);
    free(memory);
}

void run_memory_pool_free(struct run_memory_pool *pool)
{
    if (!pool)
        return;
    for (struct run_memory *memory = pool->idle, *next; memory; memory = next) {
        next = memory->next;
        run_memory_free(memory);
    }
    pthread_mutex_destroy(&pool->idle_lock);
    free(pool);
}

static struct run_memory *run_memory_new(void)
{
    struct run_memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return NULL;
    arena_init(&memory->arena, LIMIT_ARENA_BYTES);
    buf_init(&memory->config, LIMIT_OUTPUT_BYTES);
    buf_init(&memory->outputs, LIMIT_ARENA_BYTES);
    buf_init(&memory->current, LIMIT_ARENA_BYTES);
    buf_init(&memory->metadata, LIMIT_OUTPUT_BYTES);
    buf_init(&memory->result, LIMIT_OUTPUT_BYTES);
    return memory;
}

struct run_memory *run_memory_get(struct run_memory_pool *pool)
{
    pthread_mutex_lock(&pool->idle_lock);
    struct run_memory *memory = pool->idle;
    if (memory) {
        pool->idle = memory->next;
        pool->count--;
    }
    pthread_mutex_unlock(&pool->idle_lock);
    return memory ? memory : run_memory_new();
}

static size_t run_memory_size(const struct run_memory *memory)
{
    return memory->arena.total + memory->config.cap + memory->outputs.cap +
           memory->current.cap + memory->metadata.cap + memory->result.cap;
}

void run_memory_put(struct run_memory_pool *pool, struct run_memory *memory)
{
    bool keep = run_memory_size(memory) <= LIMIT_ARENA_KEPT;
    if (keep) {
        arena_reset(&memory->arena);
        pthread_mutex_lock(&pool->idle_lock);
        keep = pool->count < RUN_MEMORY_IDLE;
        if (keep) {
            memory->next = pool->idle;
            pool->idle = memory;
            pool->count++;
        }
        pthread_mutex_unlock(&pool->idle_lock);
    }
    if (!keep)
        run_memory_free(memory);
}
