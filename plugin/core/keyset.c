/* SPDX-License-Identifier: MIT
 *
 * keyset - open addressing over one buffer of keys.
 */
#include "plugin/core/keyset.h"

#include <stdlib.h>

#include "base/str.h"

void keyset_init(struct keyset *set, size_t limit)
{
    *set = (struct keyset){0};
    buf_init(&set->bytes, limit);
}

void keyset_release(struct keyset *set)
{
    buf_release(&set->bytes);
    free(set->slots);
    set->slots = NULL;
    set->slot_count = 0;
    set->count = 0;
}

void keyset_clear(struct keyset *set)
{
    if (!set->count)
        return;
    buf_clear(&set->bytes);
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->count = 0;
}

static wf_str keyset_at(const struct keyset *set, uint32_t slot)
{
    const char *at = set->bytes.data + slot - 1;
    uint32_t len;
    memcpy(&len, at, sizeof len);
    return (wf_str){at + sizeof len, len};
}

static uint32_t *keyset_slot(const struct keyset *set, uint32_t *slots, size_t slot_count,
                             wf_str key)
{
    size_t at = (size_t)str_hash(key) & (slot_count - 1);
    while (slots[at] && !str_eq(keyset_at(set, slots[at]), key))
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static bool keyset_grow(struct keyset *set)
{
    size_t count = set->slot_count ? set->slot_count * 2 : 256;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < set->slot_count; i++)
        if (set->slots[i])
            *keyset_slot(set, slots, count, keyset_at(set, set->slots[i])) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->slot_count = count;
    return true;
}

bool keyset_add(struct keyset *set, wf_str key)
{
    if (set->count * 2 >= set->slot_count && !keyset_grow(set))
        return false;
    uint32_t *slot = keyset_slot(set, set->slots, set->slot_count, key);
    if (*slot)
        return true;
    size_t at = set->bytes.len;
    uint32_t len = (uint32_t)key.len;
    if (key.len >= UINT32_MAX || at >= UINT32_MAX - 1)
        return false;
    buf_append(&set->bytes, &len, sizeof len);
    buf_str(&set->bytes, key);
    if (set->bytes.broken) {
        set->bytes.len = at;
        set->bytes.broken = WF_OK;
        return false;
    }
    *slot = (uint32_t)at + 1;
    set->count++;
    return true;
}

bool keyset_has(const struct keyset *set, wf_str key)
{
    return set->count && *keyset_slot(set, set->slots, set->slot_count, key);
}
