/* SPDX-License-Identifier: MIT
 *
 * catalogue - the table names a source has met, each with a small number that never
 * changes.
 *
 * The source thread adds; anybody reads.  Bounded by LIMIT_TABLES: injected events may make
 * up names for ever, and the names beyond are known by no number (0).
 */
#ifndef CORE_CATALOGUE_H
#define CORE_CATALOGUE_H

#include <pthread.h>

#include "sdk/wf_plugin.h"

struct catalogue {
    pthread_mutex_t lock; /* guards names and count against readers */
    wf_str *names;        /* names[id]; names[0] is unused */
    uint32_t count;       /* ids are 1 .. count - 1 */
    uint32_t cap;
    uint32_t *slots; /* hash table of ids; 0 is free.  Source thread only */
    uint32_t slot_count;
};

wf_status catalogue_init(struct catalogue *c, wf_error *err);
void catalogue_release(struct catalogue *c);

/* The number of `name`, given out now if need be; 0 when the catalogue or the memory is
 * full. [source] */
uint32_t catalogue_id(struct catalogue *c, wf_str name);

/* The name of a number that catalogue_id() gave; good until release.  [any] */
wf_str catalogue_name(struct catalogue *c, uint32_t id);

#endif
