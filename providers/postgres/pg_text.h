/* SPDX-License-Identifier: MIT
 *
 * pg_text - the text of a type with parts becomes JSON: arrays, composites, ranges,
 * multiranges, vectors, and what they hold.
 *
 *     array        [1,null], [[1],[2]]; not beginning at 1: {"bounds":[[2,4]],"values":[..]};
 *                  of json or of (domains over) arrays, when it has more than one dimension:
 *                  {"dimensions":2,"values":[[..]]}
 *     composite    {"field":..,"other":null}
 *     range        {"lower":1,"upper":null,"bounds":"[)"}, {"empty":true}
 *     multirange   [range,..]
 *     vector       [1,2]
 *
 * A part that does not read as its type is a string, as a whole value would be.
 */
#ifndef PROVIDERS_PG_TEXT_H
#define PROVIDERS_PG_TEXT_H

#include "base/buf.h"
#include "base/limits.h"
#include "providers/postgres/pg_type.h"

/* How deep JSON from a column may be: an event has levels of its own around it. */
#define PG_TEXT_DEPTH (LIMIT_JSON_DEPTH - 8)

struct pg_text {
    struct buf out;
    /* Text without its quoting, one for each level of types, so that a part stays where it
     * is while its own parts are read. */
    struct buf levels[PG_TYPE_LEVELS + 1];
    unsigned level;
    unsigned depth; /* open brackets in `out` */
};

void pg_text_init(struct pg_text *text);
void pg_text_release(struct pg_text *text);
/* Forgets what is in `out`, and gives memory back that one large value took. */
void pg_text_clear(struct pg_text *text);

/* Appends `value` as JSON.  False, and nothing appended: it does not read as its type, or
 * does not fit.  Always true for types that are no bytes and have no parts.  Out of memory
 * leaves text->out broken. */
bool pg_text_try(struct pg_text *text, const struct pg_type *type, wf_str value);
/* The same; a string when it does not read as its type. */
void pg_text_put(struct pg_text *text, const struct pg_type *type, wf_str value);

/* ---- for the files that read one kind each ------------------------------------------- */

struct pg_text_scan {
    const char *at;
    const char *end;
};

static inline bool pg_text_at(const struct pg_text_scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

static inline bool pg_text_take(struct pg_text_scan *scan, char c)
{
    bool there = pg_text_at(scan, c);
    scan->at += there;
    return there;
}

/* What stands between quotes; scan is at the first.  Behind a backslash a byte is itself,
 * and when `doubled` two quotes are one.  Good until the next at this level.  False: the
 * text ends before the quotes do, or memory does. */
bool pg_text_quoted(struct pg_text *text, struct pg_text_scan *scan, bool doubled,
                    wf_str *out);

/* Brackets, counted; false when there are too many. */
bool pg_text_open(struct pg_text *text, char bracket);
void pg_text_close(struct pg_text *text, char bracket);

/* One each; they append to text->out, also when they fail. */
bool pg_text_array(struct pg_text *text, const struct pg_type *type, wf_str value);
bool pg_text_composite(struct pg_text *text, const struct pg_type *type, wf_str value);
bool pg_text_range(struct pg_text *text, const struct pg_type *type, wf_str value);
bool pg_text_multirange(struct pg_text *text, const struct pg_type *type, wf_str value);

#endif
