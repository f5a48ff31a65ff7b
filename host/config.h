/* SPDX-License-Identifier: MIT
 *
 * config - YAML text as values, and for every value the place where it stands.
 *
 * A loaded file is a tree of `struct node`; node->value is what it means, and the values
 * form a tree of their own, so that whoever only computes never sees a node.  Everything
 * lives in the arena the caller gave, until the caller releases that.
 *
 * Scalars resolve as YAML 1.2's core schema and the engine's loader do: plain `12` is an
 * exact integer, `0x1f` and `0o17` too, `1.50` a number that keeps its digits,
 * `true`/`false` booleans, `null`, `~` and nothing null; everything quoted, and every other
 * word, is a string.  Aliases share the anchor's value and place; `<<` merges maps.
 * Duplicate keys, keys that are no scalars, tags other than the core ones, several
 * documents and everything past the bounds below are mistakes.
 */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include "host/node.h"
#include "host/problems.h"

#define CONFIG_FILE_BYTES (4u * 1024u * 1024u) /* one YAML file */
#define CONFIG_NODES 100000u /* nodes of one file with every alias written out */
#define CONFIG_DEPTH NODE_DEPTH
#define CONFIG_IMPORTS 64u   /* files of one configuration */
#define CONFIG_ANCHORS 1000u /* of one file */

/* Reads a file and what it imports.  NULL: it is unusable (unreadable, no YAML, no map),
 * with the mistakes in `problems`; lesser mistakes are there too when a node comes back. */
const struct node *config_load(struct arena *a, const char *path,
                               struct problems *problems);
/* The same from memory, without imports; `file` names it in messages. */
const struct node *config_parse(struct arena *a, wf_str yaml, const char *file,
                                struct problems *problems);

#endif
