/* SPDX-License-Identifier: MIT
 *
 * str - views of text (wf_str): comparing, cutting, converting.  Nothing here allocates but
 * str_dup().  A view is never NUL-terminated; print it with "%.*s", STR_ARG(view).
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

#define STR(literal) ((wf_str){(literal), sizeof(literal) - 1})
#define STR_ARG(view) (int)(view).len, (view).ptr ? (view).ptr : ""
#define STR_EMPTY ((wf_str){NULL, 0})

wf_str str_from(const char *c_string); /* NULL reads as empty */
bool str_eq(wf_str a, wf_str b);
bool str_is(wf_str a, const char *c_string);
bool str_eq_nocase(wf_str a, wf_str b); /* ASCII only */
bool str_starts(wf_str s, wf_str prefix);
bool str_ends(wf_str s, wf_str suffix);
/* Offset of `part` in `s`, or -1. */
ptrdiff_t str_find(wf_str s, wf_str part);
wf_str str_slice(wf_str s, size_t from, size_t to); /* clamped to s */
wf_str str_trim(wf_str s);                          /* spaces, tabs, line ends */

/* Takes the part before `separator` off the front of *rest; false when *rest is used up.
 *     for (wf_str part; str_next(&rest, ',', &part);) ...
 * "a," has two parts, "" one (empty), and {NULL, 0} none. */
bool str_next(wf_str *rest, char separator, wf_str *out_part);

/* `*` any run of characters, `?` one; everything else is itself. */
bool str_glob(wf_str pattern, wf_str text);

/* Decimal, the whole view, range-checked; false leaves *out alone. */
bool str_to_i64(wf_str s, int64_t *out);
bool str_to_u64(wf_str s, uint64_t *out);
/* A finite decimal number in C syntax, the whole view. */
bool str_to_double(wf_str s, double *out);
/* Go duration syntax: "30s", "1m30s", "500ms", "1.5h", "0"; bare numbers only when 0.  At
 * most 292 years.  Milliseconds; shorter than one is rounded up. */
bool str_to_duration_ms(wf_str s, int64_t *out_ms);
/* "64KiB", "16MiB", "1GB", "4096", "10MB" (decimal and binary units, any case). */
bool str_to_bytes(wf_str s, uint64_t *out_bytes);

/* FNV-1a based, good enough to spread names; not for hostile input. */
uint64_t str_hash(wf_str s);

/* A NUL-terminated copy, gives (free with free()); NULL when out of memory. */
char *str_dup(wf_str s);

/* True if all bytes form valid UTF-8 (no surrogates, no overlong forms, at most
 * U+10FFFF). */
bool str_is_utf8(wf_str s);

/* Edits needed to turn one into the other, at most `most` + 1; for "did you mean". */
unsigned str_distance(wf_str a, wf_str b, unsigned most);

#endif
