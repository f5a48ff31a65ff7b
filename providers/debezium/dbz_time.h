/* SPDX-License-Identifier: MIT
 *
 * dbz_time - dates, times and intervals of Debezium's as PostgreSQL writes them (DateStyle
 * ISO, IntervalStyle iso_8601, UTC), so that a row is the same text through this provider
 * and through `postgres`.  Integers all the way; negative, BC and beyond 24 hours included.
 *
 *     date        2026-11-22, 0044-03-15 BC, 12026-01-02, infinity
 *     time        10:00:00.5, -838:59:59, 24:00:00
 *     timestamp   2026-11-22 10:00:00.123456
 *     with zone   2026-11-22 10:00:00.5+00, 10:00:00-07:30
 *     interval    P1Y2M3DT4H5M6.7S, PT0S
 *
 * All append text without quotes.  False, and nothing appended: the value is none.
 */
#ifndef PROVIDERS_DBZ_TIME_H
#define PROVIDERS_DBZ_TIME_H

#include "base/buf.h"

enum dbz_time_unit { DBZ_TIME_MS, DBZ_TIME_US, DBZ_TIME_NS };

bool dbz_time_date(struct buf *out, int64_t days);
void dbz_time_of_day(struct buf *out, int64_t time, enum dbz_time_unit unit);
/* Since 1970. */
void dbz_time_timestamp(struct buf *out, int64_t time, enum dbz_time_unit unit);
/* A length of time: hours, minutes and seconds. */
void dbz_time_duration(struct buf *out, int64_t time, enum dbz_time_unit unit);

/* From ISO 8601 as Debezium writes it; 'Z' is there also where the database has no zone. */
bool dbz_time_iso_date(struct buf *out, wf_str text);
bool dbz_time_iso_time(struct buf *out, wf_str text, bool zone);
bool dbz_time_iso_timestamp(struct buf *out, wf_str text, bool zone);
/* P1Y2M0DT0H0M0S: parts that are nothing go. */
bool dbz_time_iso_interval(struct buf *out, wf_str text);

#endif
