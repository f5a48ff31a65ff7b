/* SPDX-License-Identifier: MIT
 *
 * pg_options - what `options` may hold for this provider.
 */
#ifndef PROVIDERS_PG_OPTIONS_H
#define PROVIDERS_PG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/core/option.h"

enum pg_ddl { PG_DDL_AUTO, PG_DDL_OFF, PG_DDL_REQUIRED };
enum pg_slot_lost { PG_SLOT_LOST_FAIL, PG_SLOT_LOST_RESNAPSHOT };
enum pg_catch_up { PG_CATCH_UP_AUTO, PG_CATCH_UP_OFF };

struct pg_options {
    wf_str slot;        /* empty: made from source_id */
    wf_str publication; /* empty: made from source_id */
    wf_str
        messages;  /* prefix pattern of logical messages that become events; empty: none */
    wf_str origin; /* "any" or "none" (from PostgreSQL 16 on) */
    int32_t ddl;   /* enum pg_ddl */
    int32_t on_slot_lost;       /* enum pg_slot_lost */
    int32_t catch_up;           /* enum pg_catch_up */
    int64_t catch_up_threshold; /* bytes */
    int64_t spool_memory;       /* bytes */
    int64_t heartbeat_ms;       /* 0: none */
    int64_t connect_timeout_ms;
    bool two_phase;
    bool failover;
    wf_str where; /* JSON object: table pattern -> SQL condition for snapshots */
};

extern const struct cdc_option pg_option_rows[];

struct cdc_settings;

/* What the rows cannot say, and what needs no server: the alphabet of slot names, lengths,
 * `origin`, the shape of `where`. */
wf_status pg_options_check(const struct cdc_settings *settings, wf_error *err);

#endif
