/* SPDX-License-Identifier: MIT
 *
 * dbz_decimal - numbers that are no JSON numbers: decimals as bytes, and floating-point
 * numbers as Java writes them.  Digits all the way; nothing passes through a double.
 */
#ifndef PROVIDERS_DBZ_DECIMAL_H
#define PROVIDERS_DBZ_DECIMAL_H

#include "base/buf.h"

/* Of a decimal: more than any database keeps (PostgreSQL: 147455 digits). */
#define DBZ_DECIMAL_BYTES 65536u
#define DBZ_DECIMAL_SCALE 200000

/* Standard base64 with padding (RFC 4648 section 4) appended as what it stands for; false,
 * and nothing appended, when it is none. */
bool dbz_decimal_base64(struct buf *out, wf_str text);

/* Appends `bytes`, a big-endian number in two's complement, times 10 to the -scale, as
 * plain digits: "-19.90".  False, and nothing appended: empty, or beyond the bounds above.
 * `scratch` is overwritten. */
bool dbz_decimal_put(struct buf *out, wf_str bytes, int64_t scale, struct buf *scratch);

/* Appends a JSON number as PostgreSQL writes a real or double precision: 1.0E-10 becomes
 * 1e-10, 2.0 becomes 2.  False: there is no digit that counts, or too many. */
bool dbz_decimal_float(struct buf *out, wf_str number, bool is_double);

/* The same without an exponent, as PostgreSQL writes a numeric. */
bool dbz_decimal_plain(struct buf *out, wf_str number);

#endif
