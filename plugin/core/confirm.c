/* SPDX-License-Identifier: MIT
 *
 * confirm - a ring of marks whose buffers are used again, so that a mark costs a copy and
 * nothing else.
 */
#include "plugin/core/confirm.h"

#include "base/error.h"
#include "providers/provider.h"

static struct confirm_mark *confirm_at(struct confirm *c, size_t index)
{
    return &c->marks[(c->first + index) % CONFIRM_MARKS];
}

void confirm_init(struct confirm *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < CONFIRM_MARKS; i++)
        buf_init(&c->marks[i].position, LIMIT_POSITION);
    buf_init(&c->latest, LIMIT_POSITION);
    buf_init(&c->ready, LIMIT_POSITION);
}

void confirm_release(struct confirm *c)
{
    for (size_t i = 0; i < CONFIRM_MARKS; i++)
        buf_release(&c->marks[i].position);
    buf_release(&c->latest);
    buf_release(&c->ready);
}

/* Without memory `to` stays as it is: an older position repeats, an empty one would
 * lose. */
static wf_status confirm_copy(struct buf *to, wf_str position, wf_error *err)
{
    if (position.len > to->cap) {
        struct buf larger;
        buf_init(&larger, LIMIT_POSITION);
        buf_str(&larger, position);
        wf_status status = buf_status(&larger, "position", err);
        if (status) {
            buf_release(&larger);
            return status;
        }
        buf_release(to);
        *to = larger;
        return WF_OK;
    }
    buf_clear(to);
    buf_str(to, position);
    return buf_status(to, "position", err);
}

wf_status confirm_reset(struct confirm *c, wf_str position, wf_error *err)
{
    c->count = 0;
    c->late = false;
    c->unconfirmed = false;
    buf_clear(&c->ready);
    return confirm_copy(&c->latest, position, err);
}

void confirm_forget(struct confirm *c)
{
    c->count = 0;
    c->late = false;
}

/* Keeps the marks 1, 3, 5 ... of an even number: the newest stays, the freed slots keep
 * their memory. */
static void confirm_thin(struct confirm *c)
{
    for (size_t i = 0; i < c->count / 2; i++) {
        struct confirm_mark kept = *confirm_at(c, 2 * i + 1);
        *confirm_at(c, 2 * i + 1) = *confirm_at(c, i);
        *confirm_at(c, i) = kept;
    }
    c->count /= 2;
}

wf_status confirm_mark(struct confirm *c, uint64_t offset, wf_str position, wf_error *err)
{
    if (c->count == CONFIRM_MARKS)
        confirm_thin(c);
    wf_status status = confirm_copy(&c->latest, position, err);
    if (status)
        return status;
    struct confirm_mark *newest = c->count ? confirm_at(c, c->count - 1) : NULL;
    bool again = newest && newest->offset == offset;
    struct confirm_mark *mark = again ? newest : confirm_at(c, c->count);
    c->late = confirm_copy(&mark->position, position, NULL) != WF_OK;
    c->late_offset = offset;
    if (c->late)
        return WF_OK;
    mark->offset = offset;
    c->count += !again;
    return WF_OK;
}

void confirm_passed(struct confirm *c, uint64_t offset)
{
    struct confirm_mark *passed = NULL;
    while (c->count && confirm_at(c, 0)->offset <= offset) {
        passed = confirm_at(c, 0);
        c->first = (c->first + 1) % CONFIRM_MARKS;
        c->count--;
    }
    if (c->late && c->late_offset <= offset) {
        c->late = confirm_copy(&c->ready, buf_view(&c->latest), NULL) != WF_OK;
        c->unconfirmed |= !c->late;
        if (!c->late)
            return;
    }
    if (!passed)
        return;
    struct buf swap = c->ready;
    c->ready = passed->position;
    passed->position = swap;
    c->unconfirmed = true;
}
