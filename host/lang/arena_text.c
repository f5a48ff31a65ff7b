/* SPDX-License-Identifier: MIT
 *
 * arena_text - text that grows inside an arena.
 */
#include "host/lang/arena_text.h"

struct arena_text arena_text_of(struct arena *a, size_t expected)
{
    struct arena_text t = {.arena = a};
    if (expected)
        arena_text_reserve_slow(&t, expected);
    return t;
}

bool arena_text_reserve_slow(struct arena_text *t, size_t more)
{
    size_t room = t->cap < 32 ? 64 : t->cap * 2;
    if (t->broken)
        return false;
    if (room - t->len < more)
        room = t->len + more;

    char *data = room < more ? NULL : arena_alloc(t->arena, room);
    if (!data) {
        t->broken = true;
        t->cap = t->len; /* so that no append takes the short way */
        return false;
    }
    if (t->len)
        memcpy(data, t->data, t->len);
    t->data = data;
    t->cap = room;
    return true;
}

/* The printers write to a buf.  It borrows the free end of the text; when that is too
 * short, the text grows and the printer starts over. */
static void arena_text_through(struct arena_text *t, const struct value *v,
                               void (*print)(struct buf *out, const struct value *v))
{
    for (size_t room = 64; room >= 64 && !t->broken; room *= 4) {
        if (t->cap - t->len < room && !arena_text_reserve_slow(t, room))
            return;
        struct buf tail;
        buf_fixed(&tail, t->data + t->len, t->cap - t->len);
        print(&tail, v);
        if (!tail.broken) {
            t->len += tail.len;
            return;
        }
        if (tail.broken != WF_CONFIG)
            break;
    }
    t->broken = true;
}

void arena_text_value(struct arena_text *t, const struct value *v)
{
    if (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER)
        arena_text_str(t, v->text);
    else if (v->kind != VALUE_NULL)
        arena_text_through(t, v, value_print);
}

void arena_text_json(struct arena_text *t, const struct value *v)
{
    arena_text_through(t, v, value_json);
}

bool arena_text_end(const struct arena_text *t, wf_str *out)
{
    if (t->broken)
        return false;
    *out = (wf_str){t->len ? t->data : "", t->len};
    return true;
}
