/* SPDX-License-Identifier: MIT
 *
 * pool - the workers of one subscription: keys in parallel, order kept per key.
 *
 * The subscription's thread submits records in log order; each goes to the worker its key
 * hashes to.  The cursor moves over what is done without a gap.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "plugin/core/subscription.h"

struct pool;

wf_status pool_new(struct cdc_subscription *sub, int workers, struct pool **out,
                   wf_error *err);
/* Joins the workers; nothing may be submitted any more. */
void pool_free(struct pool *pool);

/* Hands on a record that ends at `end`; waits for a free slot.  False: the thread has to
 * rest. */
bool pool_submit(struct pool *pool, const struct ring_record *record, uint64_t end);
/* Counts a record nobody has to work on as done, in its turn. */
void pool_skip(struct pool *pool, uint64_t end, uint64_t seq);
/* Waits until everything submitted is done.  False: the thread has to rest. */
bool pool_drain(struct pool *pool);
/* Drops what has not begun, waits for what has.  The cursor then stands before the first
 * record that is not done. */
void pool_rest(struct pool *pool);
/* Nothing is submitted that is not done.  [any] */
bool pool_is_idle(struct pool *pool);
/* Whoever waits looks at must_rest again.  [any] */
void pool_wake(struct pool *pool);

#endif
