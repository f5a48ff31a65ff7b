/* SPDX-License-Identifier: MIT
 *
 * value - what templates, expressions and steps compute with: JSON's types, with exact
 * numbers.
 *
 * A value is immutable once it is shared and lives in an arena (or in the configuration,
 * which outlives every run).  Numbers that fit are int64; every other number keeps its
 * digits as text, so that 64-bit ids and decimals go through a pipeline unchanged.
 * Arithmetic may also yield the NUMBERs "+Inf", "-Inf" and "NaN", which JSON shows as
 * strings.  Maps keep the order of insertion.
 */
#ifndef HOST_LANG_VALUE_H
#define HOST_LANG_VALUE_H

#include <stdbool.h>

#include "base/buf.h"
#include "host/lang/arena.h"

enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,    /* integer */
    VALUE_NUMBER, /* text: a JSON number that is no int64 (fraction, exponent, too large) */
    VALUE_STRING, /* text */
    VALUE_LIST,
    VALUE_MAP,
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        wf_str text;
        struct {
            const struct value **items;
            size_t count;
        } list;
        struct {
            struct value_member *members;
            size_t count;
            size_t cap; /* private */
        } map;
    };
};

struct value_member {
    wf_str key;
    const struct value *value;
};

extern const struct value value_null, value_true, value_false;

/* Constructors: NULL when the arena is out of memory.  Text is borrowed, not copied. */
struct value *value_of_text(struct arena *a, wf_str text);
struct value *value_of_int(struct arena *a, int64_t integer);
struct value *value_of_number(struct arena *a, wf_str digits); /* INT when it fits */
struct value *value_of_double(struct arena *a, double number);
struct value *value_list(struct arena *a, const struct value **items,
                         size_t count); /* borrows items */
struct value *value_map(struct arena *a, size_t expected);
static inline const struct value *value_of_bool(bool b)
{
    return b ? &value_true : &value_false;
}

/* Adds or replaces; only while the map is not shared yet.  False: out of memory. */
bool value_set(struct arena *a, struct value *map, wf_str key, const struct value *v)
    CDC_MUST_USE;
/* A new map: all of `over` laid over all of `base` (flat). */
struct value *value_merge(struct arena *a, const struct value *base,
                          const struct value *over);

/* The member, or NULL when there is none or `map` is no map (NULL included). */
const struct value *value_get(const struct value *map, wf_str key);
/* "a.b.c" through maps, numbers through lists; NULL when any part is missing. */
const struct value *value_path(const struct value *root, wf_str dotted);

/* Parses untrusted JSON.  WF_CONFIG names `what` and the byte.  Text without escapes is
 * borrowed from `json`, which must outlive the value. */
wf_status value_parse(struct arena *a, wf_str json, const char *what,
                      const struct value **out, wf_error *err);

/* JSON text (members in their order); strings that are not UTF-8 become U+FFFD there. */
void value_json(struct buf *out, const struct value *v);
/* As the engine prints it in a string: strings bare, null empty, integers plain, lists
 * "[a b]", maps "map[a:1 b:2]" sorted by key. */
void value_print(struct buf *out, const struct value *v);

bool value_equal(const struct value *a, const struct value *b); /* 1 == 1.0 is true */
/* Numbers, or strings that hold one, as a double; false when it is neither. */
bool value_to_double(const struct value *v, double *out);

#endif
