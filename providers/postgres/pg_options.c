/* SPDX-License-Identifier: MIT
 *
 * pg_options - see the header.
 */
#include "providers/postgres/pg_options.h"

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/settings.h"
#include "providers/postgres/pg_name.h"

#define HOUR_MS INT64_C(3600000)

static wf_status pg_options_check_where(wf_str where, wf_error *err)
{
    struct json_iter it = json_iter_of(where);
    for (wf_str key, value; json_next(&it, &key, &value);) {
        if (json_kind(value) != JSON_STRING || str_is(value, "\"\""))
            return error_set(err, WF_CONFIG,
                             "'options.where' of table '%.*s' must be a condition in SQL, "
                             "as a string",
                             STR_ARG(key));
    }
    return WF_OK;
}

wf_status pg_options_check(const struct cdc_settings *settings, wf_error *err)
{
    const struct pg_options *options = settings->options;
    if (options->slot.len && !pg_name_is_slot(options->slot))
        return error_set(err, WF_CONFIG,
                         "'options.slot' must be 1 to %d of the characters a-z, 0-9 and _, "
                         "not \"%.*s\"",
                         PG_NAME_SIZE - 1, STR_ARG(options->slot));
    if (options->publication.len >= PG_NAME_SIZE)
        return error_set(err, WF_CONFIG,
                         "'options.publication' has %zu bytes, at most %d are possible",
                         options->publication.len, PG_NAME_SIZE - 1);
    if (!str_is(options->origin, "any") && !str_is(options->origin, "none"))
        return error_set(err, WF_CONFIG,
                         "'options.origin' must be any or none, not \"%.*s\"",
                         STR_ARG(options->origin));
    return pg_options_check_where(options->where, err);
}

#define PG_OPTION(name, member, option_type)                                               \
    .key = (name), .type = (option_type), .offset = offsetof(struct pg_options, member)

const struct cdc_option pg_option_rows[] = {
    {PG_OPTION("slot", slot, CDC_OPTION_STRING),
     .help = "Replication slot; empty makes the name from source_id"},
    {PG_OPTION("publication", publication, CDC_OPTION_STRING),
     .help = "Publication; one that is there already is used as it is and never altered; "
             "empty makes the name from source_id"},
    {PG_OPTION("messages", messages, CDC_OPTION_STRING),
     .help = "Prefix, with * and ?, of logical messages that become MESSAGE events; empty "
             "means none"},
    {PG_OPTION("origin", origin, CDC_OPTION_STRING), .fallback = "any",
     .choices = "any|none",
     .help = "none leaves out what the server itself got by replication (PostgreSQL 16 and "
             "later)"},
    {PG_OPTION("ddl", ddl, CDC_OPTION_CHOICE), .fallback = "auto",
     .choices = "auto|off|required",
     .help =
         "An event trigger that tells DDL statements on tables: auto makes it where the "
         "role may, required fails where it may not"},
    {PG_OPTION("on_slot_lost", on_slot_lost, CDC_OPTION_CHOICE), .fallback = "fail",
     .choices = "fail|resnapshot",
     .help = "When the slot is gone or was moved: fail, or make a new one and read all "
             "tables again"},
    {PG_OPTION("catch_up", catch_up, CDC_OPTION_CHOICE), .fallback = "auto",
     .choices = "auto|off",
     .help =
         "auto reads slices of WAL through SQL while the source is far behind, which is "
         "twice as fast as streaming and needs one spare replication slot"},
    {PG_OPTION("catch_up_threshold", catch_up_threshold, CDC_OPTION_BYTES),
     .fallback = "256MiB", .min = 1 << 20, .max = INT64_C(1) << 50,
     .help = "How much WAL the source must be behind for catch_up to begin"},
    {PG_OPTION("spool_memory", spool_memory, CDC_OPTION_BYTES), .fallback = "16MiB",
     .min = 64 << 10, .max = INT64_C(64) << 30,
     .help = "Memory for transactions that are not committed yet; what is more goes to "
             "files in state_dir"},
    {PG_OPTION("heartbeat_interval", heartbeat_ms, CDC_OPTION_DURATION), .fallback = "10s",
     .min = 0, .max = 24 * HOUR_MS,
     .help = "How often a small logical message moves the slot on while nothing else does; "
             "0s means never"},
    {PG_OPTION("connect_timeout", connect_timeout_ms, CDC_OPTION_DURATION),
     .fallback = "10s", .min = 100, .max = HOUR_MS,
     .help = "How long to wait for each host of the connection"},
    {PG_OPTION("two_phase", two_phase, CDC_OPTION_BOOL), .fallback = "false",
     .help = "Read prepared transactions at PREPARE; they fire at COMMIT PREPARED all the "
             "same (PostgreSQL 15 and later)"},
    {PG_OPTION("failover", failover, CDC_OPTION_BOOL), .fallback = "false",
     .help = "Keep the slot on standbys too, so that a promoted one goes on (PostgreSQL 17 "
             "and later)"},
    {PG_OPTION("where", where, CDC_OPTION_MAP),
     .help = "Snapshots only: a condition in SQL per table, which may hold * and ?"},
    {.key = NULL},
};
