/* SPDX-License-Identifier: MIT
 *
 * problems - what is wrong with a configuration: collected, not stopped at, and printed in
 * the order of the file.
 *
 *     shop.yaml:12:18: modules[0].config.provider: is required
 *     shop.yaml:3:1: warning: pipeline: unknown key, did you mean 'pipelines'?
 *
 * Whoever finds a mistake adds it with the node it was found at and goes on.  Texts follow
 * the rule of wf_error: names in single quotes, no full stop, no secrets.
 */
#ifndef HOST_PROBLEMS_H
#define HOST_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct node;     /* host/config.h */
struct problems; /* opaque; one thread at a time */

/* gives, end it with problems_free(); NULL when out of memory. */
struct problems *problems_new(void);
void problems_free(struct problems *p);

/* Adds a mistake at `key` of the map `node`, or at the node itself when `key` is NULL.  A
 * key that is not there (it is missing) is placed at the map, and still named.  `key` may
 * be a dotted path ("options.slot"): its longest part that exists gives the place.  `node`
 * may be NULL: no place. */
void problems_add(struct problems *p, const struct node *node, const char *key,
                  const char *format, ...) CDC_PRINTF(4, 5);
/* The same, as a warning: printed, but the configuration is not wrong. */
void problems_warn(struct problems *p, const struct node *node, const char *key,
                   const char *format, ...) CDC_PRINTF(4, 5);
/* A warning at the key of a member itself: it is the key that looks wrong. */
void problems_warn_key(struct problems *p, const struct node *member, const char *format,
                       ...) CDC_PRINTF(3, 4);
/* A mistake at a place that is no node: one in YAML's own grammar.  line 0: none. */
void problems_add_at(struct problems *p, const char *file, unsigned line, unsigned column,
                     const char *format, ...) CDC_PRINTF(5, 6);

/* Whether a mistake (no warning) was added at `key` of the map `node` (NULL: at the node),
 * or only at something inside it. */
enum problems_place { PROBLEMS_NOWHERE, PROBLEMS_INSIDE, PROBLEMS_THERE };
enum problems_place problems_find(const struct problems *p, const struct node *node,
                                  const char *key);

/* How many mistakes (warnings do not count).  Out of memory while adding counts as one. */
size_t problems_count(const struct problems *p);
size_t problems_warnings(const struct problems *p);
/* All of them, sorted by file, line and column; each on its own line. */
void problems_print(const struct problems *p, struct buf *out);

#endif
