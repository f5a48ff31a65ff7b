/* SPDX-License-Identifier: MIT
 *
 * value_map - members by name: a scan while there are few, an open-addressing index beyond.
 *
 * Keys come from outside (a request's body), so the hash is seeded with the place the
 * program was loaded at, which a sender cannot know.
 */
#include "host/lang/value_map.h"

static uint64_t value_map_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t value_map_hash(wf_str key)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ (uint64_t)(uintptr_t)&value_null ^ key.len;
    for (size_t at = 0; at < key.len; at += 8) {
        uint64_t word = 0;
        size_t left = key.len - at;
        memcpy(&word, key.ptr + at, left < 8 ? left : 8);
        h = value_map_mix(h ^ word, 0xD6E8FEB86659FD93u);
    }
    return h ^ (h >> 32);
}

static bool value_map_same(wf_str a, wf_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The slots behind the members; only maps with cap > VALUE_MAP_SMALL have them. */
static uint32_t *value_map_slots(const struct value *map)
{
    return (uint32_t *)(void *)(map->map.members + map->map.cap);
}

/* The slot that holds `key`, or the free one where it belongs. */
static uint32_t *value_map_slot(const struct value *map, wf_str key)
{
    uint32_t *slots = value_map_slots(map);
    size_t mask = map->map.cap * 2 - 1;
    for (size_t i = (size_t)value_map_hash(key) & mask;; i = (i + 1) & mask)
        if (!slots[i] || value_map_same(map->map.members[slots[i] - 1].key, key))
            return &slots[i];
}

static struct value_member *value_map_find(const struct value *map, wf_str key)
{
    struct value_member *members = map->map.members;
    if (map->map.cap > VALUE_MAP_SMALL) {
        uint32_t number = *value_map_slot(map, key);
        return number ? &members[number - 1] : NULL;
    }
    for (size_t i = 0; i < map->map.count; i++)
        if (value_map_same(members[i].key, key))
            return &members[i];
    return NULL;
}

/* Gives an empty member array of `cap` (a power of two when large) with its index. */
static struct value_member *value_map_memory(struct arena *a, size_t cap)
{
    size_t per_member = sizeof(struct value_member) + 2 * sizeof(uint32_t);
    if (cap > UINT32_MAX / 4 || cap > SIZE_MAX / per_member)
        return NULL;
    if (cap <= VALUE_MAP_SMALL)
        return arena_alloc(a, cap * sizeof(struct value_member));

    struct value_member *members = arena_alloc(a, cap * per_member);
    if (members)
        memset(members + cap, 0, cap * 2 * sizeof(uint32_t));
    return members;
}

static size_t value_map_cap(size_t expected)
{
    size_t cap = VALUE_MAP_SMALL;
    if (expected <= cap)
        return expected;
    while (cap < expected && cap < UINT32_MAX)
        cap *= 2;
    return cap;
}

struct value *value_map(struct arena *a, size_t expected)
{
    size_t cap = value_map_cap(expected);
    struct value *v = arena_alloc(a, sizeof *v);
    struct value_member *members = v ? value_map_memory(a, cap) : NULL;
    if (!members)
        return NULL;
    *v = (struct value){.kind = VALUE_MAP, .map = {.members = members, .cap = cap}};
    return v;
}

/* The member is known to be new and the array to have room. */
static void value_map_append(struct value *map, wf_str key, const struct value *v)
{
    size_t at = map->map.count++;
    map->map.members[at] = (struct value_member){key, v};
    if (map->map.cap > VALUE_MAP_SMALL)
        *value_map_slot(map, key) = (uint32_t)at + 1;
}

static bool value_map_grow(struct arena *a, struct value *map)
{
    size_t cap = value_map_cap(map->map.cap < 4 ? 8 : map->map.cap * 2);
    struct value grown = {.kind = VALUE_MAP, .map = {.cap = cap}};
    grown.map.members = value_map_memory(a, cap);
    if (!grown.map.members)
        return false;
    for (size_t i = 0; i < map->map.count; i++)
        value_map_append(&grown, map->map.members[i].key, map->map.members[i].value);
    *map = grown;
    return true;
}

bool value_set(struct arena *a, struct value *map, wf_str key, const struct value *v)
{
    if (!v)
        return false;
    struct value_member *member = value_map_find(map, key);
    if (member) {
        member->value = v;
        return true;
    }
    if (map->map.count == map->map.cap && !value_map_grow(a, map))
        return false;
    value_map_append(map, key, v);
    return true;
}

struct value *value_map_of_members(struct arena *a, const struct value_member *members,
                                   size_t count)
{
    struct value *map = value_map(a, count);
    for (size_t i = 0; map && i < count; i++) {
        struct value_member *same = value_map_find(map, members[i].key);
        if (same)
            same->value = members[i].value;
        else
            value_map_append(map, members[i].key, members[i].value);
    }
    return map;
}

static size_t value_map_count(const struct value *v)
{
    return v && v->kind == VALUE_MAP ? v->map.count : 0;
}

struct value *value_merge(struct arena *a, const struct value *base,
                          const struct value *over)
{
    size_t base_count = value_map_count(base);
    size_t over_count = value_map_count(over);
    struct value *map = value_map(a, base_count + over_count);
    if (!map)
        return NULL;
    for (size_t i = 0; i < base_count; i++)
        value_map_append(map, base->map.members[i].key, base->map.members[i].value);
    for (size_t i = 0; i < over_count; i++)
        if (!value_set(a, map, over->map.members[i].key, over->map.members[i].value))
            return NULL;
    return map;
}

const struct value *value_get(const struct value *map, wf_str key)
{
    if (!map || map->kind != VALUE_MAP)
        return NULL;
    const struct value_member *member = value_map_find(map, key);
    return member ? member->value : NULL;
}

int value_map_compare_keys(wf_str a, wf_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (!order)
        order = (a.len > b.len) - (a.len < b.len);
    return (order > 0) - (order < 0);
}
