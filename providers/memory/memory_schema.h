/* SPDX-License-Identifier: MIT
 *
 * memory_schema - the schema versions somebody told the memory provider of.
 */
#ifndef MEMORY_SCHEMA_H
#define MEMORY_SCHEMA_H

#include <pthread.h>

#include "base/buf.h"
#include "providers/memory/memory.h"

#define MEMORY_SCHEMA_VERSIONS 10000

struct memory_schema {
    pthread_mutex_t lock; /* guards all */
    struct memory_schema_row *first;
    struct memory_schema_row **last;
    unsigned count;
};

void memory_schema_init(struct memory_schema *schema);
void memory_schema_release(struct memory_schema *schema);

wf_status memory_schema_add(struct memory_schema *schema,
                            const struct memory_schema_version *version, wf_error *err);

/* Appends [{"table","version","ddl","applied_at"}...] in the order they came. */
wf_status memory_schema_list(struct memory_schema *schema, wf_str table,
                             struct buf *out_json, wf_error *err);

#endif
