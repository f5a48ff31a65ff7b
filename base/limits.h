/* SPDX-License-Identifier: MIT
 *
 * limits - every bound of the project in one place.  A buffer has one of these as its
 * limit.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define LIMIT_CONFIG_BYTES (1024u * 1024u) /* one module's, step's or trigger's config */
#define LIMIT_OUTPUT_BYTES (64u * 1024u * 1024u) /* what one step writes */
#define LIMIT_TEXT_BYTES (64u * 1024u)           /* names, SQL we make, log lines */
#define LIMIT_EVENT_BYTES                                                                  \
    (1024u * 1024u * 1024u) /* the most max_event_bytes may be set to */
#define LIMIT_ARENA_BYTES (256u * 1024u * 1024u) /* one pipeline run's values */
#define LIMIT_ARENA_KEPT (8u * 1024u * 1024u)    /* of these, what waits for the next run */
#define LIMIT_JSON_DEPTH 128                     /* nesting, of anything we parse */
#define LIMIT_TABLES 65535                       /* table names one source remembers */
#define LIMIT_COLUMNS 4096                       /* columns of one table */
#define LIMIT_SCHEMAS 100000 /* versions of schemas that are kept, the newest */
#define LIMIT_SOURCE_ID 200  /* bytes in a source_id */

#endif
