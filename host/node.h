/* SPDX-License-Identifier: MIT
 *
 * node - a value of the configuration and the place where it stands.
 *
 * node->value is what it means, and the values form a tree of their own, so that whoever
 * only computes never sees a node.  host/config.h makes them.
 */
#ifndef HOST_NODE_H
#define HOST_NODE_H

#include "host/lang/value.h"

#define NODE_DEPTH 100u /* nesting */

/* A value and its place.  Immutable once loaded. */
struct node {
    const struct value *value;
    const char *file;              /* as the user named it */
    unsigned line, column;         /* from 1: of the value */
    unsigned key_line, key_column; /* of its key, when it is a member */
    const struct node *parent;     /* NULL for the root */
    wf_str key;                    /* its name in a map; empty in a list */
    size_t index;                  /* its number in the parent */
    const struct node **children;  /* in step with the value's members or items */
    size_t count;
    size_t weight;   /* private: nodes below and with this, aliases written out */
    unsigned height; /* private: levels below and with this */
    bool open;       /* private: still being read, so that an alias to it would be a ring */
};

/* The member `key` of a map node; NULL when there is none or `node` is no map (NULL
 * included). */
const struct node *node_get(const struct node *node, const char *key);
const struct node *node_find(const struct node *node, wf_str key);
/* The deepest node on a dotted path that exists, beginning at `node` itself; numbers are
 * places in lists. */
const struct node *node_deepest(const struct node *node, wf_str dotted);
/* "modules[0].config.options" */
void node_path(const struct node *node, struct buf *out);
/* The string of a string node; empty otherwise. */
wf_str node_text(const struct node *node);
/* "a map", "a list", "a string", "an integer" ...: for messages. */
const char *node_kind_name(const struct node *node);
const char *node_value_kind(const struct value *v);

#endif
