/* SPDX-License-Identifier: MIT
 *
 * clock - time: monotonic for waiting, wall for showing.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"

int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */

/* Longest text clock_rfc3339() writes, with room for years of six digits. */
#define CLOCK_TEXT 32

/* "2026-11-22T10:00:00.123456Z" into `out` (at least CLOCK_TEXT bytes, no NUL); gives its
 * length.  The fraction is always there: from the year 0 on, times sort as text.  Proleptic
 * Gregorian, any microsecond of the years -9999 to 9999; others are clamped. */
size_t clock_rfc3339(int64_t wall_us, char *out);

#endif
