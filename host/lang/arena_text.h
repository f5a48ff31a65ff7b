/* SPDX-License-Identifier: MIT
 *
 * arena_text - text that grows inside an arena.
 *
 * An append that finds no memory makes the text *broken*: later appends do nothing, and
 * arena_text_end() tells once.  What was written before a move to a larger place stays
 * behind until the arena is reset.
 */
#ifndef HOST_LANG_ARENA_TEXT_H
#define HOST_LANG_ARENA_TEXT_H

#include "host/lang/value.h"

struct arena_text {
    struct arena *arena;
    char *data;
    size_t len;
    size_t cap;
    bool broken;
};

struct arena_text arena_text_of(struct arena *a, size_t expected);
bool arena_text_reserve_slow(struct arena_text *t, size_t more);

static inline void arena_text_append(struct arena_text *t, const char *data, size_t len)
{
    if (len && (CDC_LIKELY(t->cap - t->len >= len) || arena_text_reserve_slow(t, len))) {
        memcpy(t->data + t->len, data, len);
        t->len += len;
    }
}

static inline void arena_text_str(struct arena_text *t, wf_str s)
{
    arena_text_append(t, s.ptr, s.len);
}

static inline void arena_text_byte(struct arena_text *t, char c)
{
    arena_text_append(t, &c, 1);
}

/* As value_print(). */
void arena_text_value(struct arena_text *t, const struct value *v);
/* As value_json(). */
void arena_text_json(struct arena_text *t, const struct value *v);

/* False when the text is broken. */
bool arena_text_end(const struct arena_text *t, wf_str *out) CDC_MUST_USE;

#endif
