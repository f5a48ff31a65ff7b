/* SPDX-License-Identifier: MIT
 *
 * catalogue - an open-addressing hash table over an array of names.
 */
#include "plugin/core/catalogue.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define CATALOGUE_FIRST 64u

wf_status catalogue_init(struct catalogue *c, wf_error *err)
{
    *c = (struct catalogue){
        .count = 1, .cap = CATALOGUE_FIRST, .slot_count = CATALOGUE_FIRST * 2};
    pthread_mutex_init(&c->lock, NULL);
    c->names = calloc(c->cap, sizeof *c->names);
    c->slots = calloc(c->slot_count, sizeof *c->slots);
    if (c->names && c->slots)
        return WF_OK;
    catalogue_release(c);
    return error_no_memory(err);
}

void catalogue_release(struct catalogue *c)
{
    if (!c->cap)
        return;
    for (uint32_t id = 1; c->names && id < c->count; id++)
        free((void *)(uintptr_t)c->names[id].ptr);
    free(c->names);
    free(c->slots);
    pthread_mutex_destroy(&c->lock);
    *c = (struct catalogue){.cap = 0};
}

static uint32_t *catalogue_slot(const struct catalogue *c, uint32_t *slots,
                                uint32_t slot_count, wf_str name)
{
    uint32_t at = (uint32_t)str_hash(name) & (slot_count - 1);
    while (slots[at] && !str_eq(c->names[slots[at]], name))
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static bool catalogue_grow(struct catalogue *c)
{
    uint32_t cap = c->cap * 2;
    uint32_t *slots = calloc(cap * 2, sizeof *slots);
    wf_str *names = slots ? calloc(cap, sizeof *names) : NULL;
    if (!names) {
        free(slots);
        return false;
    }
    memcpy(names, c->names, c->count * sizeof *names);
    pthread_mutex_lock(&c->lock);
    free(c->names);
    c->names = names;
    c->cap = cap;
    pthread_mutex_unlock(&c->lock);
    for (uint32_t id = 1; id < c->count; id++)
        *catalogue_slot(c, slots, cap * 2, names[id]) = id;
    free(c->slots);
    c->slots = slots;
    c->slot_count = cap * 2;
    return true;
}

uint32_t catalogue_id(struct catalogue *c, wf_str name)
{
    uint32_t *slot = catalogue_slot(c, c->slots, c->slot_count, name);
    if (CDC_LIKELY(*slot))
        return *slot;
    if (c->count > LIMIT_TABLES || (c->count == c->cap && !catalogue_grow(c)))
        return 0;
    char *copy = str_dup(name);
    if (!copy)
        return 0;
    pthread_mutex_lock(&c->lock);
    uint32_t id = c->count++;
    c->names[id] = (wf_str){copy, name.len};
    pthread_mutex_unlock(&c->lock);
    *catalogue_slot(c, c->slots, c->slot_count, name) = id;
    return id;
}

wf_str catalogue_name(struct catalogue *c, uint32_t id)
{
    pthread_mutex_lock(&c->lock);
    wf_str name = id < c->count ? c->names[id] : STR_EMPTY;
    pthread_mutex_unlock(&c->lock);
    return name;
}
