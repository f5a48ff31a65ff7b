/* SPDX-License-Identifier: MIT
 *
 * value_map - what the parser and the printer need to know of a map's inside.
 *
 * Members stand in one array, in the order of insertion.  From VALUE_MAP_SMALL members on,
 * a hash index follows the array in the same piece of memory: 2 * cap slots, each the
 * number of a member plus one, 0 when free.
 */
#ifndef HOST_LANG_VALUE_MAP_H
#define HOST_LANG_VALUE_MAP_H

#include "host/lang/value.h"

#define VALUE_MAP_SMALL 16

/* Deepest nesting that is printed, copied or compared; what parses is flatter. */
#define VALUE_DEPTH 512

/* A map of `count` members; of members with the same key the last one counts, at the
 * place of the first, as in Go.  NULL: out of memory. */
struct value *value_map_of_members(struct arena *a, const struct value_member *members,
                                   size_t count);

/* -1, 0, 1: by bytes, as Go sorts keys. */
int value_map_compare_keys(wf_str a, wf_str b);

#endif
