/* SPDX-License-Identifier: MIT
 *
 * keyset - which keys changed while a chunk was read: a set of byte strings with a bound.
 */
#ifndef CORE_KEYSET_H
#define CORE_KEYSET_H

#include "base/buf.h"

struct keyset {
    struct buf bytes;  /* {u32 length, bytes} one after the other */
    uint32_t *slots;   /* offset + 1 into bytes; 0 is free */
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
};

void keyset_init(struct keyset *set, size_t limit);
void keyset_release(struct keyset *set);
void keyset_clear(struct keyset *set); /* keeps the memory */
/* False: the limit or the memory is used up; the set is as before. */
bool keyset_add(struct keyset *set, wf_str key);
bool keyset_has(const struct keyset *set, wf_str key);

#endif
