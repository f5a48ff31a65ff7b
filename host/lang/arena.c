/* SPDX-License-Identifier: MIT
 *
 * arena - a list of blocks, each at least as large as all before it together, so that a run
 * of any size needs few of them.  arena_reset() starts over at the first block.
 */
#include "host/lang/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_MIN 4096u
#define ARENA_BLOCK_MAX (1024u * 1024u)
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of `data` */
    _Alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

void arena_reset(struct arena *a)
{
    a->current = a->first;
    a->used = 0;
}

void arena_release(struct arena *a)
{
    for (struct arena_block *b = a->first; b;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    arena_init(a, a->limit);
}

/* A block with room for `size` becomes the current one: one that an earlier run left
 * behind, or a new one.  Blocks too small for it are passed over until the next reset. */
static bool arena_next_block(struct arena *a, size_t size)
{
    struct arena_block **link = a->current ? &a->current->next : &a->first;
    while (*link && (*link)->size < size)
        link = &(*link)->next;

    if (!*link) {
        size_t want = a->total < ARENA_BLOCK_MIN ? ARENA_BLOCK_MIN : a->total;
        if (want > ARENA_BLOCK_MAX)
            want = ARENA_BLOCK_MAX;
        if (want > a->limit - a->total)
            want = a->limit - a->total;
        if (want < size)
            want = size;
        if (want > a->limit - a->total)
            return false;

        struct arena_block *b = malloc(sizeof *b + want);
        if (!b)
            return false;
        b->next = NULL;
        b->size = want;
        a->total += want;
        *link = b;
    }
    a->current = *link;
    a->used = 0;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (CDC_UNLIKELY(size > a->limit))
        return NULL;
    size_t whole = size ? (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1) : ARENA_ALIGN;

    if (CDC_UNLIKELY(!a->current || a->current->size - a->used < whole) &&
        !arena_next_block(a, whole))
        return NULL;
    void *memory = a->current->data + a->used;
    a->used += whole;
    return memory;
}

wf_str arena_str(struct arena *a, wf_str s)
{
    if (!s.len)
        return (wf_str){"", 0};
    char *copy = arena_alloc(a, s.len);
    if (!copy)
        return (wf_str){NULL, 0};
    memcpy(copy, s.ptr, s.len);
    return (wf_str){copy, s.len};
}
