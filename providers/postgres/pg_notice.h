/* SPDX-License-Identifier: MIT
 *
 * pg_notice - lines for the operator that name tables.
 */
#ifndef PROVIDERS_PG_NOTICE_H
#define PROVIDERS_PG_NOTICE_H

#include "base/buf.h"
#include "base/log.h"

struct cdc_emitter;

/* Some names, and how many there were: "'a', 'b', ... (12 in all)". */
struct pg_notice_list {
    struct buf text;
    size_t count;
};

void pg_notice_list_init(struct pg_notice_list *list);
void pg_notice_list_release(struct pg_notice_list *list);
/* The first ones are named, the rest is counted.  `quote` goes around the name, '\0':
 * none. */
void pg_notice_list_put(struct pg_notice_list *list, wf_str name, char quote);
/* Good until the next change. */
const char *pg_notice_list_text(struct pg_notice_list *list);

void pg_notice_tell(const struct cdc_emitter *out, enum log_level level, const char *format,
                    ...) CDC_PRINTF(3, 4);

#endif
