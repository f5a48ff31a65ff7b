/* SPDX-License-Identifier: MIT
 *
 * flow - appending for those who want it, and knowing what everyone is done with.
 */
#include "plugin/core/flow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/dead_letter.h"
#include "plugin/core/subscription.h"
#include "providers/provider.h"

#define FLOW_KNOWN (1u << 31) /* in wants[]: the other bits are computed */

wf_status flow_init(struct cdc_flow *flow, const struct flow_owner *owner, wf_error *err)
{
    flow->owner = *owner;
    flow->grace_ms = FLOW_GRACE_MS;
    pthread_mutex_init(&flow->lock, NULL);
    thread_cond_init(&flow->wake);
    thread_cond_init(&flow->rested);
    hold_init(flow);
    buf_init(&flow->scratch, LIMIT_CONFIG_BYTES);
    return catalogue_init(&flow->tables, err);
}

void flow_release(struct cdc_flow *flow)
{
    ring_release(&flow->ring);
    lane_release(&flow->lanes);
    hold_clear(flow);
    catalogue_release(&flow->tables);
    render_origin_release(&flow->origin);
    while (flow->claims) {
        struct flow_claim *claim = flow->claims;
        flow->claims = claim->next;
        free(claim);
    }
    free(flow->wants);
    buf_release(&flow->scratch);
    pthread_cond_destroy(&flow->wake);
    pthread_cond_destroy(&flow->rested);
    pthread_mutex_destroy(&flow->lock);
}

/* Everyone begins at the head of the log that is there now, and whoever is away has time to
 * come back: while the source was stopped there was nothing to come back to. */
static void flow_rewind(struct cdc_flow *flow)
{
    uint64_t head = ring_head(&flow->ring);
    uint64_t count = atomic_load(&flow->ring.count);
    pthread_mutex_lock(&flow->lock);
    ring_free_to(&flow->ring, head);
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next) {
        atomic_store(&sub->cursor, head);
        atomic_store(&sub->passed, count);
    }
    for (struct flow_claim *claim = flow->claims; claim; claim = claim->next) {
        claim->cursor = head;
        claim->until_ms = clock_mono_ms() + flow->grace_ms;
    }
    flow->need = 0;
    pthread_mutex_unlock(&flow->lock);
}

wf_status flow_open(struct cdc_flow *flow, wf_str provider, size_t bytes,
                    size_t max_event_bytes, wf_error *err)
{
    flow->max_event_bytes = (int64_t)max_event_bytes;
    if (!flow->ring.memory || flow->ring.cap < bytes ||
        flow->ring.most != max_event_bytes) {
        struct ring ring;
        wf_status status = ring_init(&ring, bytes, max_event_bytes, err);
        if (status)
            return status;
        pthread_mutex_lock(&flow->lock);
        ring_release(&flow->ring);
        lane_release(&flow->lanes); /* it speaks of ordinals in the log before */
        flow->ring = ring;
        pthread_mutex_unlock(&flow->lock);
    }
    flow_rewind(flow);
    render_origin_release(&flow->origin);
    return render_origin_init(&flow->origin, flow->owner.source_id, provider, err);
}

void flow_close(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    ring_release(&flow->ring);
    lane_release(&flow->lanes);
    pthread_mutex_unlock(&flow->lock);
}

void flow_run(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    flow->running = true;
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        atomic_store(&sub->must_rest, sub->stopping);
    pthread_cond_broadcast(&flow->wake);
    pthread_mutex_unlock(&flow->lock);
}

void flow_halt(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    flow->running = false;
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        subscription_interrupt(sub);
    pthread_cond_broadcast(&flow->wake);
    pthread_mutex_unlock(&flow->lock);
}

static bool flow_all_rest(const struct cdc_flow *flow)
{
    for (const struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        if (!sub->resting)
            return false;
    return true;
}

bool flow_wait_rest(struct cdc_flow *flow, int wait_ms)
{
    int64_t deadline = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&flow->lock);
    while (!flow_all_rest(flow) &&
           thread_cond_wait_until(&flow->rested, &flow->lock, deadline))
        ;
    bool rest = flow_all_rest(flow);
    pthread_mutex_unlock(&flow->lock);
    return rest;
}

/* ---- who wants what ------------------------------------------------------------------ */

static uint32_t flow_union(struct cdc_flow *flow, wf_str table)
{
    uint32_t ops = 0;
    pthread_mutex_lock(&flow->lock);
    /* What a claim's owner will want is not known before it is back. */
    if (flow->claims)
        ops = FILTER_ALL_OPS;
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        ops |= filter_ops(&sub->filter, table);
    pthread_mutex_unlock(&flow->lock);
    return ops;
}

static void flow_forget_wants(struct cdc_flow *flow, uint32_t version)
{
    flow->wants_version = version;
    flow->wants_none = 0;
    if (flow->wants)
        memset(flow->wants, 0, flow->wants_count * sizeof *flow->wants);
}

static bool flow_grow_wants(struct cdc_flow *flow, uint32_t id)
{
    uint32_t count = flow->wants_count ? flow->wants_count : 64;
    while (count <= id)
        count *= 2;
    uint32_t *wants = realloc(flow->wants, count * sizeof *wants);
    if (!wants)
        return false;
    memset(wants + flow->wants_count, 0, (count - flow->wants_count) * sizeof *wants);
    flow->wants = wants;
    flow->wants_count = count;
    return true;
}

/* The operations of a table that somebody wants; `name` is only looked at for
 * RING_ANY_TABLE. */
static uint32_t flow_wants(struct cdc_flow *flow, uint32_t id, wf_str name)
{
    uint32_t version = atomic_load_explicit(&flow->version, memory_order_acquire);
    if (CDC_UNLIKELY(version != flow->wants_version))
        flow_forget_wants(flow, version);
    if (id == RING_NO_TABLE) {
        if (!flow->wants_none)
            flow->wants_none = flow_union(flow, STR_EMPTY) | FLOW_KNOWN;
        return flow->wants_none;
    }
    if (id == RING_ANY_TABLE)
        return flow_union(flow, name);
    if (CDC_UNLIKELY(id >= flow->wants_count) && !flow_grow_wants(flow, id))
        return flow_union(flow, catalogue_name(&flow->tables, id));
    if (CDC_UNLIKELY(!flow->wants[id]))
        flow->wants[id] = flow_union(flow, catalogue_name(&flow->tables, id)) | FLOW_KNOWN;
    return flow->wants[id];
}

uint32_t flow_table_id(struct cdc_flow *flow, struct cdc_table *table)
{
    if (!table)
        return RING_NO_TABLE;
    if (CDC_UNLIKELY(!table->id))
        table->id = catalogue_id(&flow->tables, table->name);
    return table->id;
}

bool flow_wanted(struct cdc_flow *flow, struct cdc_table *table, enum cdc_op op)
{
    uint32_t id = flow_table_id(flow, table);
    return flow_wants(flow, id, table ? table->name : STR_EMPTY) & (1u << op);
}

/* ---- appending ----------------------------------------------------------------------- */

static bool flow_key_moved(struct cdc_flow *flow, const struct cdc_change *change,
                           wf_str key)
{
    if (change->old_identity.len && !str_eq(change->old_identity, change->identity))
        return true;
    if (change->op != CDC_UPDATE || !change->before || !change->table)
        return false;
    buf_clear(&flow->scratch);
    /* A key larger than the scratch counts as moved: a barrier is always right, only
     * slower. */
    return render_key(&flow->scratch, change->table, change->before) &&
           (flow->scratch.broken || !str_eq(buf_view(&flow->scratch), key));
}

static void flow_key(struct cdc_flow *flow, const struct cdc_change *change, wf_str key,
                     struct ring_meta *meta)
{
    if (!atomic_load_explicit(&flow->need_keys, memory_order_relaxed)) {
        meta->flags |= RING_BARRIER;
        return;
    }
    if (!key.len)
        key = change->raw.len ? change->raw_key : change->identity;
    bool row = change->op == CDC_INSERT || change->op == CDC_UPDATE ||
               change->op == CDC_DELETE || change->op == CDC_READ ||
               change->op == CDC_OP_NONE;
    if (!key.len || !row || flow_key_moved(flow, change, key))
        meta->flags |= RING_BARRIER;
    else
        meta->key_hash = str_hash(key) ^ (meta->table_id * UINT64_C(0x9E3779B97F4A7C15));
}

#define FLOW_REASON_BYTES 80

static wf_str flow_oversize_reason(const struct cdc_flow *flow, char *memory)
{
    snprintf(memory, FLOW_REASON_BYTES, "the event is larger than max_event_bytes (%lld)",
             (long long)flow->max_event_bytes);
    return str_from(memory);
}

/* What goes into the log for the change: its event, or for a dead one its reason and what
 * is left of it. */
static void flow_render(struct cdc_flow *flow, const struct cdc_change *change,
                        struct ring_meta *meta, struct buf *space)
{
    wf_str key = STR_EMPTY;
    if (CDC_LIKELY(!(meta->flags & RING_DEAD))) {
        render_event(space, &flow->origin, change, &key);
        if (!space->broken)
            flow_key(flow, change, key, meta);
        return;
    }
    meta->flags |= RING_BARRIER;
    if (change->raw.len && change->poison.len) {
        /* An envelope that was made before. */
        dead_letter_put_reason(space, change->poison);
        buf_str(space, change->raw);
    } else if (meta->flags & RING_OVERSIZE) {
        char reason[FLOW_REASON_BYTES];
        dead_letter_put_reason(space, flow_oversize_reason(flow, reason));
        render_oversize(space, &flow->origin, change);
    } else {
        dead_letter_put_reason(space, change->poison);
        buf_str(space, change->content);
    }
}

/* Tries one place after the other.  *out_large: no place would do, the event is too
 * large. */
static wf_status flow_place(struct cdc_flow *flow, const struct cdc_change *change,
                            struct ring_meta meta, bool *out_large, wf_error *err)
{
    struct buf space;
    for (int attempt = 0; ring_begin(&flow->ring, attempt, &space); attempt++) {
        struct ring_meta now = meta;
        flow_render(flow, change, &now, &space);
        bool large = space.len > (size_t)flow->max_event_bytes;
        if (CDC_LIKELY(!space.broken && (!large || (meta.flags & RING_DEAD)))) {
            ring_end(&flow->ring, &space, now);
            flow->emitted++;
            return WF_OK;
        }
        wf_status broken = space.broken;
        bool outside = !space.fixed;
        buf_release(&space);
        if (outside && broken == WF_NO_MEMORY)
            return error_no_memory(err);
        if (large || outside) {
            *out_large = true;
            return WF_OK;
        }
    }
    /* Half of the log is worth waking up for; what does not fit into that goes alone. */
    size_t cap = flow->ring.cap;
    flow->need = ring_room(&flow->ring) < cap / 2 ? cap / 2 : cap;
    return CDC_FULL;
}

static uint32_t flow_change_table(struct cdc_flow *flow, const struct cdc_change *change)
{
    if (!change->raw.len)
        return flow_table_id(flow, change->table);
    return change->raw_table.len ? catalogue_id(&flow->tables, change->raw_table)
                                 : RING_NO_TABLE;
}

wf_status flow_emit(struct cdc_flow *flow, const struct cdc_change *change, wf_error *err)
{
    struct ring_meta meta = {.op = (uint8_t)change->op};
    meta.table_id = flow_change_table(flow, change);
    wf_str name = change->table ? change->table->name : change->raw_table;
    /* Of what could not be understood each subscription says itself whether it may be its. */
    if (CDC_LIKELY(!change->poison.len) &&
        !(flow_wants(flow, meta.table_id, name) & (1u << change->op)))
        return WF_OK;
    if (CDC_UNLIKELY(change->lane)) {
        wf_status status = lane_prepare(&flow->lanes, change->lane, err);
        if (status)
            return status;
        meta.lane = (uint16_t)change->lane;
    }
    if (CDC_UNLIKELY(change->poison.len))
        meta.flags |= RING_DEAD;
    bool large = false;
    wf_status status = flow_place(flow, change, meta, &large, err);
    if (CDC_LIKELY(!large))
        return status;
    meta.flags |= RING_DEAD | RING_OVERSIZE;
    large = false;
    status = flow_place(flow, change, meta, &large, err);
    if (large)
        return error_set(err, WF_PROTOCOL,
                         "the key of a row in '%.*s' is larger than "
                         "max_event_bytes (%lld)",
                         STR_ARG(name), (long long)flow->max_event_bytes);
    return status;
}

wf_status flow_append(struct cdc_flow *flow, wf_str event, wf_str key,
                      struct ring_meta meta, wf_error *err)
{
    struct cdc_change change = {.op = (enum cdc_op)meta.op, .raw = event, .raw_key = key};
    wf_str name = meta.table_id == RING_ANY_TABLE ? filter_event_table(event) : STR_EMPTY;
    if (!(flow_wants(flow, meta.table_id, name) & (1u << meta.op)))
        return WF_OK;
    char reason[FLOW_REASON_BYTES];
    if (meta.flags & RING_DEAD)
        change.poison = flow_oversize_reason(flow, reason);
    bool large = false;
    wf_status status = flow_place(flow, &change, meta, &large, err);
    return large ? error_set(err, WF_PROTOCOL,
                             "a snapshot row is larger than max_event_bytes")
                 : status;
}

void flow_retract(struct cdc_flow *flow, uint32_t lane)
{
    lane_retract(&flow->lanes, lane, atomic_load(&flow->ring.count));
    pthread_mutex_lock(&flow->lock);
    pthread_cond_broadcast(&flow->wake); /* whoever waits to try again looks */
    pthread_mutex_unlock(&flow->lock);
}

void flow_publish(struct cdc_flow *flow)
{
    /* Pairs with the fence between a reader's `sleepers` and its last look at the head. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&flow->sleepers, memory_order_relaxed))
        return;
    pthread_mutex_lock(&flow->lock);
    pthread_cond_broadcast(&flow->wake);
    pthread_mutex_unlock(&flow->lock);
}

uint64_t flow_passed(const struct cdc_flow *flow)
{
    uint64_t done = UINT64_MAX;
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next) {
        uint64_t cursor = atomic_load_explicit(&sub->cursor, memory_order_acquire);
        done = cursor < done ? cursor : done;
    }
    for (struct flow_claim *claim = flow->claims; claim; claim = claim->next)
        done = claim->cursor < done ? claim->cursor : done;
    /* Nobody there: what is in the log waits for whoever comes. */
    return done == UINT64_MAX ? flow->ring.tail : done;
}

uint64_t flow_settle(struct cdc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    uint64_t done = flow_passed(flow);
    ring_free_to(&flow->ring, done);
    pthread_mutex_unlock(&flow->lock);
    return done;
}

bool flow_is_empty(struct cdc_flow *flow)
{
    return flow->ring.tail == ring_head(&flow->ring);
}

bool flow_has_room(struct cdc_flow *flow)
{
    size_t cap = flow->ring.cap;
    size_t least = flow->need ? flow->need : cap / 16;
    if (CDC_LIKELY(!flow->need && ring_room(&flow->ring) >= least))
        return true;
    atomic_store(&flow->wake_below, flow->need == cap ? 0 : cap / 2);
    atomic_store(&flow->want_space, true);
    flow_settle(flow);
    if (ring_room(&flow->ring) < least)
        return false;
    atomic_store(&flow->want_space, false);
    flow->need = 0;
    return true;
}

/* ---- coming and going ---------------------------------------------------------------- */

size_t flow_subscriptions(struct cdc_flow *flow)
{
    size_t count = 0;
    pthread_mutex_lock(&flow->lock);
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next)
        count += !sub->stopping;
    pthread_mutex_unlock(&flow->lock);
    return count;
}

/* Takes the claim of that name out of the list; NULL when there is none. */
static struct flow_claim *flow_take_claim(struct cdc_flow *flow, wf_str name)
{
    for (struct flow_claim **at = &flow->claims; *at; at = &(*at)->next)
        if (str_eq((*at)->name, name)) {
            struct flow_claim *claim = *at;
            *at = claim->next;
            return claim;
        }
    return NULL;
}

static struct flow_claim *flow_new_claim(wf_str name)
{
    struct flow_claim *claim = malloc(sizeof *claim + name.len);
    if (!claim)
        return NULL;
    *claim = (struct flow_claim){.name = {claim->memory, name.len}};
    memcpy(claim->memory, name.ptr ? name.ptr : "", name.len);
    return claim;
}

/* Takes the claim.  With flow.lock. */
static void flow_add_claim(struct cdc_flow *flow, struct flow_claim *claim, uint64_t cursor)
{
    claim->cursor = cursor;
    claim->until_ms = clock_mono_ms() + flow->grace_ms;
    claim->next = flow->claims;
    flow->claims = claim;
}

wf_status flow_attach(struct cdc_flow *flow, struct cdc_subscription *sub, wf_error *err)
{
    struct flow_claim *place = flow_new_claim(sub->name);
    if (!place)
        return error_no_memory(err);
    pthread_mutex_lock(&flow->lock);
    struct flow_claim *claim = flow_take_claim(flow, sub->name);
    uint64_t cursor = claim ? claim->cursor : flow->ring.tail;
    free(claim);
    uint64_t head = ring_head(&flow->ring);
    const struct ring_record *record =
        flow->ring.cap ? ring_read(&flow->ring, &cursor, head) : NULL;
    sub->place = place;
    atomic_store(&sub->cursor, cursor);
    atomic_store(&sub->passed, record ? record->seq : atomic_load(&flow->ring.count));
    atomic_store(&sub->must_rest, !flow->running);
    sub->stopping = false;
    sub->resting = true;
    sub->next = flow->first;
    flow->first = sub;
    if (sub->policy.workers > 1)
        atomic_store(&flow->need_keys, true);
    atomic_fetch_add(&flow->version, 1);
    pthread_mutex_unlock(&flow->lock);
    flow->owner.on_change(flow->owner.ctx);
    return WF_OK;
}

void flow_detach(struct cdc_flow *flow, struct cdc_subscription *sub)
{
    pthread_mutex_lock(&flow->lock);
    struct cdc_subscription **at = &flow->first;
    while (*at && *at != sub)
        at = &(*at)->next;
    if (*at) {
        *at = sub->next;
        flow_add_claim(flow, sub->place, atomic_load(&sub->cursor));
        sub->place = NULL;
    }
    atomic_fetch_add(&flow->version, 1);
    pthread_cond_broadcast(&flow->rested);
    pthread_mutex_unlock(&flow->lock);
    flow->owner.on_change(flow->owner.ctx);
}

void flow_names(struct cdc_flow *flow, struct buf *out)
{
    pthread_mutex_lock(&flow->lock);
    for (struct cdc_subscription *sub = flow->first; sub; sub = sub->next) {
        buf_append(out, &sub->name.len, sizeof sub->name.len);
        buf_str(out, sub->name);
    }
    pthread_mutex_unlock(&flow->lock);
}

bool flow_next_name(wf_str *names, wf_str *out_name)
{
    size_t len;
    if (names->len < sizeof len)
        return false;
    memcpy(&len, names->ptr, sizeof len);
    *out_name = str_slice(*names, sizeof len, sizeof len + len);
    *names = str_slice(*names, sizeof len + len, names->len);
    return true;
}

wf_status flow_expect(struct cdc_flow *flow, wf_str name, wf_error *err)
{
    struct flow_claim *claim = flow_new_claim(name);
    if (!claim)
        return error_no_memory(err);
    pthread_mutex_lock(&flow->lock);
    bool there = false;
    for (struct cdc_subscription *sub = flow->first; sub && !there; sub = sub->next)
        there = str_eq(sub->name, name);
    for (struct flow_claim *other = flow->claims; other && !there; other = other->next)
        there = str_eq(other->name, name);
    if (!there) {
        flow_add_claim(flow, claim, flow->ring.tail);
        atomic_fetch_add(&flow->version, 1);
    }
    pthread_mutex_unlock(&flow->lock);
    if (there)
        free(claim);
    return WF_OK;
}

bool flow_expire_claim(struct cdc_flow *flow, struct buf *out_name)
{
    int64_t now = clock_mono_ms();
    bool found = false;
    pthread_mutex_lock(&flow->lock);
    for (struct flow_claim **at = &flow->claims; *at && !found;) {
        struct flow_claim *claim = *at;
        if (claim->until_ms > now) {
            at = &claim->next;
            continue;
        }
        buf_str(out_name, claim->name);
        *at = claim->next;
        free(claim);
        found = true;
        atomic_fetch_add(&flow->version, 1);
    }
    pthread_mutex_unlock(&flow->lock);
    return found;
}
